"""MRFS: the fewest pictures from which a model answers a question (HERBench, CVPR 2026).

    found = await min_frames(policy, task, source)
    print(found.num, found.by_selector)

HERBench looks for it by binary search, which is right only if a model that knows the answer from k
pictures also knows it from k + 1. Models are not like that: one more picture can confuse them. So
this goes upwards from none and stops at the first number at which most ways of choosing pictures,
each by most of its votes, give the right answer. It asks more and is right for any model.

For worlds it is exact and costs nothing: `Task.metadata["min_frames"]`, from the script.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from playhead.agent.source import Source
from playhead.core.errors import Blamed
from playhead.core.policy import Sampling
from playhead.core.trajectory import Task
from playhead.evaluation.asking import Mind, is_right
from playhead.evaluation.diagnosis.probes import probe
from playhead.evaluation.diagnosis.views import View, blind, selected

Choose = Callable[[int], View]
"""From a number of pictures to which."""


def _uniform(num: int) -> View:
    return selected("uniform", num)


def _distinct(num: int) -> View:
    return selected("distinct", num)


@dataclass(frozen=True)
class MinFrames:
    """How many pictures it took."""

    num: int | None
    """0: the question alone was enough. None: the most that were tried were not."""
    by_selector: dict[int, int] = field(default_factory=dict[int, int])
    """For each way of choosing pictures, by its place, that got that far: how many it took."""
    num_asked: int = 0
    """Questions put."""


async def min_frames(
    policy: Mind,
    task: Task,
    source: Source,
    *,
    choose: Sequence[Choose] = (_uniform, _distinct),
    most: int = 16,
    votes: int = 1,
    temperature: float = 0.7,
) -> MinFrames:
    """The fewest pictures from which most ways of choosing them give the right answer.

    Args:
        policy: Who answers.
        task: A question whose answer is known.
        source: Where its video is.
        choose: Ways of choosing a number of pictures.
        most: Pictures, at the most.
        votes: How often each is asked; more than once at `temperature`, with a seed of its own.
        temperature: Of the votes.

    Raises:
        ValueError: Nothing can be found like this.
        Blamed: The policy or the video broke.
    """
    if not choose or most < 0 or votes < 1:
        raise ValueError(f"one way, no fewer than 0 pictures, one vote: got {most=}, {votes=}")
    by_selector: dict[int, int] = {}
    num_asked = 0
    for num in range(most + 1):
        ways = choose[:1] if num == 0 else choose
        right = list[bool]()
        for place, way in enumerate(ways):
            said = await _votes(policy, task, source, way, num, votes, temperature)
            num_asked += votes
            right.append(2 * sum(said) > votes)
            if right[-1]:
                by_selector.setdefault(place, num)
        if 2 * sum(right) > len(right):
            return MinFrames(num, by_selector, num_asked)
    return MinFrames(None, by_selector, num_asked)


async def _votes(
    policy: Mind,
    task: Task,
    source: Source,
    way: Choose,
    num: int,
    votes: int,
    temperature: float,
) -> list[bool]:
    view = way(num) if num else blind
    said = list[bool]()
    for vote in range(votes):
        sampling = Sampling(temperature=temperature, seed=vote) if votes > 1 else Sampling()
        (record,) = await probe(policy, [task], source, view, sampling=sampling) or [None]
        if record is not None and record.failure is not None:
            raise Blamed(record.failure.origin, record.failure.message, record.failure.code)
        said.append(record is not None and is_right(task, record.answer))
    return said
