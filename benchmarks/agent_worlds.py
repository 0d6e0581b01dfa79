"""What the loop answers about rendered worlds with perfect eyes, beside the same eyes without it.

    python benchmarks/agent_worlds.py --minutes 10 60 180 --log worlds.jsonl \
        --write docs/benchmarks/agent_worlds.md

Each video is a session of questions of all seven families, filmed to H.264 and indexed by the real
indexer with the eye for rendered worlds; every question is an attempt of its own through the real
loop, with the tools search, look, transcript, ground and answer, `effort="normal"`. The oracle
policy reads only the words and pictures that tools show it, so what it misses the loop, the tools,
the memory, the eye or its plan have lost. Beside it: what the same eyes score from N pictures
spread evenly over the same film.

`pixels` is noise of 8 levels of 255 on every picture; `eyes` are eyes, of the index and of the
policy, that overlook 2 % and misread or confuse 1 % of what each picture shows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playhead.agent.attempt import attempt
from playhead.agent.window import step_tokens, tokens
from playhead.core import Budget, Span, Trajectory
from playhead.core.span import merge
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.models.eyes.world import WorldEye
from playhead.tools.context import Ledger, ToolContext
from playhead.tools.toolset import Toolset, default_tools
from playhead.video.base import Video
from playhead.worlds.dataset import create_dataset, question_of, to_task
from playhead.worlds.eyes import NoisyEyes, perceive
from playhead.worlds.families import Question
from playhead.worlds.oracle import answer_from, take_notes, understand
from playhead.worlds.policy import OraclePolicy
from playhead.worlds.script import World
from playhead.worlds.videos import VirtualVideo, write_world
from playhead.worlds.watch import Eyes

FAMILIES = ("needle", "multihop", "grounding", "count", "order", "fast", "negative")
UNIFORM = (64, 768)
TOOLS = ("search", "look", "transcript", "ground", "answer")
NOISES = ("none", "pixels", "eyes")
PATIENCE_S = 0.7  # of eyes that make mistakes
SESSION = {10.0: 21, 60.0: 42, 180.0: 63}
"""Questions about one video, by its length in minutes; other lengths: 14."""


@dataclass(frozen=True)
class Outcome:
    """One question."""

    minutes: float
    noise: str
    video: int
    family: str
    question: str
    answer: str
    gold: str
    score: float
    iou: float
    false_positive: bool | None
    """Whether a card was seen that is not there. None: it is there, or it is no such question."""
    uniform: tuple[float, ...]
    frames: int
    tokens: int
    calls: int
    turns: int
    seconds: float
    stop: str
    index_s: float
    film: str
    seed: int = 2026


def eyes_for(noise: str) -> Eyes:
    """The eyes of the index, of the policy and of the comparison."""
    if noise != "eyes":
        return perceive
    return NoisyEyes(perceive, miss=0.02, misread=0.01, confuse=0.01)


def session(
    minutes: float,
    noise: str,
    number: int,
    seed: int,
    folder: Path,
    *,
    is_virtual: bool,
    families: Sequence[str] = FAMILIES,
) -> Iterator[Outcome]:
    """All questions about one video."""
    num = SESSION.get(minutes, 14)
    data = create_dataset(
        families,
        size=num,
        seed=seed + 1000 * number,
        questions_per_video=num,
        duration_ms=round(minutes * 60_000),
        noise=8 if noise == "pixels" else 0,
    )
    entries = [dict(data[i]) for i in range(num)]
    world, eyes = data.world(entries[0]), eyes_for(noise)
    patience_s, tag = (PATIENCE_S, "noisy") if noise == "eyes" else (0.25, "")
    eye = WorldEye(eyes=eyes, patience_s=patience_s, tag=tag)
    recipe = MemoryRecipe(eyes=(), late_eyes=(eye,))
    with Library(folder / "library", recipe=recipe) as library:
        video_id, index_s = indexed(library, world, folder, is_virtual=is_virtual)
        with library.open(video_id) as video:
            evenly = list(uniform(video, [question_of(e) for e in entries], eyes, noise))
        for entry, even in zip(entries, evenly, strict=True):
            record, num_tokens = ask(library, video_id, entry, eyes)
            yield outcome(
                entry, record, even, minutes=minutes, noise=noise, video=number, index_s=index_s,
                tokens=num_tokens, film="virtual" if is_virtual else "H.264", seed=seed,
            )  # fmt: skip


def indexed(library: Library, world: World, folder: Path, *, is_virtual: bool) -> tuple[str, float]:
    """A film of the world in the library, wholly indexed: its id, and how many seconds it took."""
    film: Video | Path = VirtualVideo(world) if is_virtual else folder / "film.mp4"
    if isinstance(film, Path):
        write_world(world, film)
    started = time.monotonic()
    video_id = library.add(film)
    library.wait()
    assert not library.problems(video_id), library.problems(video_id)
    return video_id, time.monotonic() - started


def uniform(
    video: Video, questions: Sequence[Question], eyes: Eyes, noise: str
) -> Iterator[tuple[float, ...]]:
    """What each question scores from N pictures spread evenly, for each N of `UNIFORM`."""
    patience_s = PATIENCE_S if noise == "eyes" else 0.0
    notes = [
        take_notes(video, eyes=eyes, fps=n / video.info.duration_s, patience_s=patience_s)
        for n in UNIFORM
    ]
    for question in questions:
        understood = understand(question.prompt)
        assert understood is not None, question.prompt
        yield tuple(question.score(answer_from(n, understood)) for n in notes)


def ask(
    library: Library, video_id: str, entry: dict[str, Any], eyes: Eyes
) -> tuple[Trajectory, int]:
    """One question through the whole loop, and how many tokens the policy read and wrote."""
    task = to_task(entry).replace(video_ids=(video_id,))
    tools = Toolset(default_tools()).only(*TOOLS)
    with ToolContext(library, [video_id], Ledger(Budget.of("normal"))) as ctx:
        policy = OraclePolicy(lambda ref: ctx.resolve([ref])[0], eyes=eyes)
        record = asyncio.run(attempt(task, policy, tools, ctx, strategy="seek"))
    first = sum(tokens(message.parts) for message in record.messages(before=0))
    offered = sum(round(len(json.dumps(spec.openai)) / 3.5) for spec in tools.specs)
    return record, first + offered + sum(step_tokens(step) for step in record.steps)


def outcome(
    entry: dict[str, Any], record: Trajectory, even: tuple[float, ...], **told: Any
) -> Outcome:
    """What came of a question."""
    question = question_of(entry)
    text = record.answer.text if record.answer else ""
    cited = [piece.span for piece in record.answer.evidence] if record.answer else []
    truth = [sight.span for sight in question.evidence or question.search]
    score = question.score(text)
    is_absent = question.family == "negative" and not question.evidence
    return Outcome(
        family=question.family,
        question=question.text,
        answer=text,
        gold=entry["answer"],
        score=score,
        iou=iou(cited, truth),
        false_positive=score < 1 if is_absent else None,
        uniform=even,
        frames=record.cost.frames,
        calls=record.cost.calls,
        turns=record.cost.turns,
        seconds=record.cost.seconds,
        stop=str(record.stop),
        **told,
    )


def iou(mine: Sequence[Span], theirs: Sequence[Span]) -> float:
    """Of two sets of spans: seconds in both by seconds in either."""
    first, second = merge(list(mine)), merge(list(theirs))
    both = sum(
        part.duration for a in first for b in second if (part := a.intersection(b)) is not None
    )
    either = sum(s.duration for s in first) + sum(s.duration for s in second) - both
    return both / either if either else 0.0


# The table


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each family, length and noise."""
    even = " | ".join(f"{n} evenly" for n in UNIFORM)
    lines = [
        f"| length | noise | family | loop | evidence IoU | {even} | pictures | tokens | calls | s "
        "| n |",
        "|---|---|---|---|---|" + "---|" * len(UNIFORM) + "---|---|---|---|---|",
    ]
    for cell in cells(outcomes, lambda o: (o.minutes, NOISES.index(o.noise), o.family)):
        lines.append(row(cell))
    return lines


def cells(outcomes: Sequence[Outcome], key: Any) -> list[list[Outcome]]:
    """The outcomes apart by a key, families in their own order."""
    apart: dict[Any, list[Outcome]] = {}
    for found in outcomes:
        apart.setdefault(key(found), []).append(found)
    order = {name: i for i, name in enumerate(FAMILIES)}
    return [apart[k] for k in sorted(apart, key=lambda k: tuple(order.get(x, x) for x in k))]


def row(cell: Sequence[Outcome]) -> str:
    """One line of the table."""
    one = cell[0]
    even = " | ".join(f"{mean(o.uniform[i] for o in cell):.2f}" for i in range(len(UNIFORM)))
    return (
        f"| {length(one.minutes)} | {one.noise} | {one.family} | "
        f"{mean(o.score for o in cell):.2f} | {mean(o.iou for o in cell):.2f} | {even} | "
        f"{mean(o.frames for o in cell):.0f} | {mean(o.tokens for o in cell):.0f} | "
        f"{mean(o.calls for o in cell):.1f} | {mean(o.seconds for o in cell):.2f} | {len(cell)} |"
    )


def films(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each length and noise: all families together, and what the index took."""
    lines = [
        "| length | noise | film | videos | index, s | x real time | pictures | tokens | "
        "false positives | all right | n |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for cell in cells(outcomes, lambda o: (o.minutes, NOISES.index(o.noise))):
        one, took = cell[0], {(o.seed, o.video): o.index_s for o in cell}
        absent = [o.false_positive for o in cell if o.false_positive is not None]
        index_s = mean(took.values())
        lines.append(
            f"| {length(one.minutes)} | {one.noise} | {one.film} | {len(took)} | {index_s:.0f} | "
            f"{60 * one.minutes / index_s:.0f} | {mean(o.frames for o in cell):.0f} | "
            f"{mean(o.tokens for o in cell):.0f} | {sum(absent)} of {len(absent)} | "
            f"{mean(o.score >= 0.9 for o in cell):.3f} | {len(cell)} |"
        )
    return lines


def mean(values: Iterable[float]) -> float:
    """The mean of some numbers."""
    numbers = list(values)
    return sum(numbers) / len(numbers)


def length(minutes: float) -> str:
    """`10 min`, `3 h`."""
    return f"{minutes / 60:g} h" if minutes >= 60 else f"{minutes:g} min"


def kept(log: Path) -> list[Outcome]:
    """What earlier runs have found."""
    if not log.exists():
        return []
    lines = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    return [Outcome(**{**line, "uniform": tuple(line["uniform"])}) for line in lines]


def main() -> None:
    """Ask everything that is not in the log yet, print it, and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[10.0])
    parser.add_argument("--noise", nargs="+", choices=NOISES, default=["none"])
    parser.add_argument("--videos", type=int, default=1, help="sessions of each length and noise")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--virtual", action="store_true", help="paint the films, write no file")
    parser.add_argument("--log", type=Path, default=Path("agent_worlds.jsonl"))
    parser.add_argument("--write", type=Path, help="the page whose tables are replaced")
    options = parser.parse_args()
    done = kept(options.log)
    for minutes in options.minutes:
        for noise in options.noise:
            for number in range(options.videos):
                key = (options.seed, minutes, noise, number)
                if any((o.seed, o.minutes, o.noise, o.video) == key for o in done):
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    found = list(
                        session(
                            minutes, noise, number, options.seed, Path(folder),
                            is_virtual=options.virtual, families=options.families,
                        )
                    )  # fmt: skip
                done += found
                with options.log.open("a", encoding="utf-8") as log:
                    log.writelines(json.dumps(asdict(o)) + "\n" for o in found)
                for missed in (o for o in found if o.score < 0.9):
                    print("missed:", missed, flush=True)
            these = [o for o in done if (o.minutes, o.noise) == (minutes, noise)]
            print("\n".join([*table(these), *films(these)]), flush=True)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        head, mark, _ = page.partition("<!-- tables -->\n")
        tables = "\n".join([*films(done), "", *table(done), ""])
        options.write.write_text(f"{head}{mark}\n{tables}", encoding="utf-8")


if __name__ == "__main__":
    main()
