"""Questions about time in plain text, made from captions alone (T3: temporal reasoning transfer).

Language models, not their eyes, are where temporal reasoning fails, and it can be taught without
pictures. Each item shows a few captions, in order without times or shuffled with times, and asks
what came first, just before or just after, which lasted longer, or how often something happened.
The answer follows from the captions; nothing is guessed, nothing is asked of a model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from playhead.agent.prompts import SYSTEM_WITHOUT_TOOLS
from playhead.agent.source import Source
from playhead.core.message import TextPart
from playhead.core.policy import Author, Reply
from playhead.core.trajectory import Answer, Step, Stop, Task, Trajectory
from playhead.core.value import Json
from playhead.training.synthesize.making import Made, named, origin
from playhead.worlds.dataset import Recipe
from playhead.worlds.rng import Rng
from playhead.worlds.telling import facts_in, sentence
from playhead.worlds.verify import AnswerKind

Caption = tuple[float, float, str]
"""Start and end in seconds, and the words."""
KINDS = ("first", "last", "before", "after", "longer", "count", "order")
_NUM_CAPTIONS = 6
_LEAST_S = 0.5  # by which one thing lasts longer than another


def captions_of_world(task: Task, source: Source) -> list[Caption]:
    """What happens in a task's world, by its script. Empty: it is about no world."""
    told = task.metadata.get("recipe")
    if told is None:
        return []
    world = Recipe.model_validate(told).cook().world
    return [(fact.start_ms / 1000, fact.end_ms / 1000, sentence(fact)) for fact in facts_in(world)]


@dataclass(frozen=True)
class TemporalText:
    """Makes `num` items from the captions of each task's video. No video is opened."""

    captions: Callable[[Task, Source], Sequence[Caption]] = captions_of_world
    num: int = len(KINDS)
    kinds: Sequence[str] = KINDS
    num_captions: int = _NUM_CAPTIONS
    name: str = "temporal_text"

    async def make(self, task: Task, source: Source, seed: int) -> Sequence[Made]:
        """See `Maker.make`."""
        captions = list(self.captions(task, source))
        found: list[Made] = []
        for number in range(self.num):
            rng = Rng(seed, self.name, task.id, number)
            kind = self.kinds[number % len(self.kinds)]
            asked = item(kind, captions, rng, self.num_captions)
            if asked is None:
                continue
            asked = asked.replace(
                id=f"{task.id}-{self.name}-{number}",
                metadata={**asked.metadata, "source_task": task.id},
            )
            record = origin(_record(asked, named(self.name, seed, task, number)), self.name, seed)
            found.append(Made(record))
        return found


def item(kind: str, captions: Sequence[Caption], rng: Rng, num: int) -> Task | None:
    """One question of a kind about some of the captions. None: they do not allow one.

    Raises:
        ValueError: No such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"a kind is one of {', '.join(KINDS)}: got {kind!r}")
    if kind == "count":
        return _count(captions, rng, num)
    chosen = _distinct(captions, rng, num)
    if len(chosen) < 4:
        return None
    options = rng.shuffled([words for _, _, words in chosen])[:4]
    named = [caption for caption in chosen if caption[2] in options]
    match kind:
        case "first" | "last":
            words = named[0 if kind == "first" else -1][2]
            return _task(kind, chosen, rng, f"Which of these came {kind}?", options, words)
        case "before" | "after":
            place = rng.between(1, len(chosen) - 2)
            right = chosen[place + (1 if kind == "after" else -1)][2]
            here = chosen[place][2]
            wrong = [words for _, _, words in chosen if words not in (right, here)]
            options = rng.shuffled([right, *rng.sample(wrong, min(3, len(wrong)))])
            asked = f'Which of these came right {kind} this: "{here}"'
            return _task(kind, chosen, rng, asked, options, right)
        case "longer":
            one, other = rng.sample(chosen, 2)
            lengths = [end - start for start, end, _ in (one, other)]
            if abs(lengths[0] - lengths[1]) < _LEAST_S:
                return None
            right = (one if lengths[0] > lengths[1] else other)[2]
            return _task(kind, chosen, rng, "Which lasted longer?", [one[2], other[2]], right)
        case _:
            letters = {words: chr(65 + i) for i, words in enumerate(options)}
            told = "\n".join(f"{letter}: {words}" for words, letter in letters.items())
            asked = f"Put these in the order in which they came, with commas, like B, A:\n{told}"
            return _task(kind, chosen, rng, asked, [], [letters[words] for _, _, words in named])


def _distinct(captions: Sequence[Caption], rng: Rng, num: int) -> list[Caption]:
    """Some captions in order of time, no two of the same words and no two that begin together."""
    times = Counter(words for _, _, words in captions)
    once = [caption for caption in captions if times[caption[2]] == 1]
    found: dict[float, Caption] = {}
    for caption in rng.shuffled(once):
        found.setdefault(round(caption[0], 1), caption)
    return sorted(list(found.values())[:num])


def _count(captions: Sequence[Caption], rng: Rng, num: int) -> Task | None:
    times = Counter(words for _, _, words in captions)
    several = [words for words in times if times[words] > 1] or list(times)
    if not several:
        return None
    words = rng.choice(several)
    mine = [caption for caption in captions if caption[2] == words]
    others = [caption for caption in captions if caption[2] != words]
    shown = sorted([*mine, *rng.sample(others, min(len(others), max(0, num - len(mine))))])
    asked = f'How many times did this happen: "{words}" Answer with one number.'
    return _task("count", shown, rng, asked, [], len(mine))


def _task(
    kind: str, captions: Sequence[Caption], rng: Rng, asked: str, options: Sequence[str], gold: Json
) -> Task:
    """The captions, in order without times or shuffled with them, and the question."""
    with_times = kind == "longer" or rng.chance(1, 2)
    shown = rng.shuffled(captions) if with_times else captions
    lines = [
        f"{start:.1f} to {end:.1f} s: {words}" if with_times else f"{number}. {words}"
        for number, (start, end, words) in enumerate(shown, start=1)
    ]
    head = "This was seen:" if with_times else "This was seen, one after the other:"
    kinds = {"count": AnswerKind.NUMBER, "order": AnswerKind.ORDERED}
    return Task(
        id="",
        question="\n".join([head, *lines, "", asked]),
        options=tuple(options),
        answer=gold,
        metadata={
            "family": f"text_{kind}",
            "kind": str(kinds.get(kind, AnswerKind.TEXT)),
            "with_times": with_times,
        },
    )


def _record(task: Task, id_: str) -> Trajectory:
    """The question and its answer, in one turn."""
    gold = task.answer
    said = ", ".join(map(str, gold)) if isinstance(gold, list) else str(gold)
    choice = said if task.options else None
    letters = [f"({chr(65 + i)}) {option}" for i, option in enumerate(task.options)]
    return Trajectory(
        id=id_,
        task=task,
        system=SYSTEM_WITHOUT_TOOLS,
        opening=(TextPart(text="\n".join([task.question, *letters])),),
        steps=(Step(reply=Reply(text=said, author=Author.TEACHER)),),
        answer=Answer(text=said, choice=choice),
        stop=Stop.ANSWERED,
        scores={"accuracy": 1.0},
    )
