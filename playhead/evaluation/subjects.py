"""Who is measured: from a model string to a policy, its tools and how videos are remembered for it.

    oracle         perfect eyes and a plan, over a memory written by the eye for rendered worlds
    uniform:N      perfect eyes on N pictures spread evenly; `uniform`: as many as may be spent
    anything else  as everywhere (`playhead models`), over the memory that a user has

Only rendered worlds can be read by the first two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from playhead.agent.source import PLAIN, Source
from playhead.core.budget import Budget
from playhead.core.policy import Policy
from playhead.core.tools import Tool
from playhead.core.trajectory import Task
from playhead.evaluation.uniform import UNIFORM_TOOLS, Measured, UniformPolicy
from playhead.memory.recipe import MemoryRecipe
from playhead.models.eyes.world import WorldEye
from playhead.models.strings import find_policy, manner_of
from playhead.tools.toolset import default_tools, find_tools
from playhead.worlds.policy import OraclePolicy

ORACLE, UNIFORM = "oracle", "uniform"
_ORACLE_TOOLS = ("search", "look", "transcript", "ground", "answer")
_UNIFORM_FRAMES = 64
_MAX_TURNS = 4  # of the baseline, which takes two


@dataclass(frozen=True)
class Subject:
    """Who is measured."""

    name: str
    """The model string."""
    make: Callable[[Source, Sequence[Task]], Policy]
    """From where the videos are, and what will be asked, to the policy."""
    tools: tuple[Tool, ...]
    recipe: MemoryRecipe
    index: bool
    """Whether videos are indexed before they are asked about."""
    strategy: str
    budget: Budget


def find_subject(
    spec: str,
    *,
    strategy: str = "auto",
    budget: Budget | None = None,
    recipe: MemoryRecipe | None = None,
    index: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Subject:
    """The subject that a model string names.

    Args:
        spec: As in the module's story.
        strategy: Of the loop; the baseline has its own.
        budget: What a question may cost. None: that of normal effort without a bound in seconds,
            which would make the result depend on the machine.
        recipe: How videos are remembered. None: the defaults; the oracle and the baseline have
            their own.
        index: Whether videos are indexed first.
        environment: Where a server may be named, as in `find_policy`.

    Raises:
        ValueError: A number of pictures that cannot be.
    """
    allowed = budget or Budget.of("normal").replace(seconds=None)
    name, _, num = spec.strip().partition(":")
    if name == UNIFORM:
        return _uniform(num, allowed)
    if spec.strip() == ORACLE:
        seen = MemoryRecipe(eyes=(), late_eyes=(WorldEye(),))
        tools = find_tools(_ORACLE_TOOLS)
        return Subject(ORACLE, _oracle, tools, seen, index, strategy, allowed)

    def make(source: Source, tasks: Sequence[Task]) -> Policy:
        return find_policy(spec, resolve=source.resolve, environment=environment)

    remembered = recipe or MemoryRecipe()
    return Subject(spec.strip(), make, default_tools(), remembered, index, strategy, allowed)


def _uniform(num: str, allowed: Budget) -> Subject:
    if num and not num.isdecimal():
        raise ValueError(f"uniform:N looks at N pictures, as in uniform:64: got {num!r}")
    frames = int(num) if num else allowed.frames or _UNIFORM_FRAMES

    def make(source: Source, tasks: Sequence[Task]) -> Policy:
        eyes = OraclePolicy(lambda ref: source.resolve([ref])[0], cameras=_cameras(tasks))
        return UniformPolicy(frames, Measured(eyes))

    budget = Budget(frames=frames, turns=_MAX_TURNS)
    name = f"{UNIFORM}:{num}" if num else UNIFORM
    return Subject(name, make, UNIFORM_TOOLS, PLAIN, False, "seek", budget)


def _oracle(source: Source, tasks: Sequence[Task]) -> Policy:
    return Measured(OraclePolicy(lambda ref: source.resolve([ref])[0], cameras=_cameras(tasks)))


def _cameras(tasks: Sequence[Task]) -> dict[str, int]:
    """Which camera of its question each video is."""
    return {id_: camera for task in tasks for camera, id_ in enumerate(task.video_ids)}


def reads_worlds_only(spec: str) -> bool:
    """Whether a model string names somebody who can read rendered worlds and nothing else."""
    if spec.strip().partition(":")[0] in (ORACLE, UNIFORM):
        return True
    return manner_of(spec).scope is not None
