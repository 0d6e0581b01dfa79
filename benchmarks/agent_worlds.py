"""What the loop answers about rendered worlds with perfect eyes, beside the same eyes without it.

    python benchmarks/agent_worlds.py --minutes 10 60 --write docs/benchmarks/agent_worlds.md

The oracle policy reads only the pictures and words that tools show it, so what it misses the loop
or the tools have lost. It follows its family's plan (a survey, then a closer look) and does not
search the memory, which is why it looks at many pictures. Beside it: what the same eyes score from
N pictures spread evenly.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil
from pathlib import Path
from typing import Any

from playhead.agent.attempt import attempt
from playhead.core import (
    Budget,
    Message,
    Reply,
    Role,
    Sampling,
    ToolCall,
    ToolSpec,
    Trajectory,
)
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.tools.context import Ledger, ToolContext
from playhead.tools.toolset import Toolset, default_tools
from playhead.worlds.dataset import create_dataset, question_of, to_task
from playhead.worlds.oracle import dense_oracle
from playhead.worlds.policy import OraclePolicy

FAMILIES = ("needle", "multihop", "grounding", "count", "order", "fast", "negative")
NUM_UNIFORM = (64, 768)
MOST = 48  # pictures of 320 x 240 in one fine look
CITED = re.compile(r"\[(e[0-9a-f]{16})\] v1 ")


@dataclass(frozen=True)
class Outcome:
    """One question."""

    score: float
    uniform: tuple[float, ...]
    record: Trajectory


class Oracle:
    """The oracle, asking for pictures of full size and citing what it looked at last."""

    name = "oracle"

    def __init__(self, inner: OraclePolicy) -> None:
        self._inner = inner

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The oracle's turn, its looks cut into pieces that are affordable at full size."""
        reply = await self._inner.reply(messages, tools, sampling)
        ids = [i for m in messages if m.role is Role.TOOL for i in CITED.findall(m.text)]
        calls = [piece for call in reply.calls for piece in _pieces(call, ids[-3:])]
        return reply.replace(calls=tuple(calls))


def _pieces(call: ToolCall, ids: list[str]) -> Iterator[ToolCall]:
    if call.name == "answer":
        yield call.replace(arguments={**call.arguments, "evidence": ids})
    elif call.name != "look":
        yield call
    else:
        start_s, end_s, fps = (float(call.arguments[k]) for k in ("start_s", "end_s", "fps"))
        num = max(1, ceil((end_s - start_s) * fps / MOST))
        step_s = ceil((end_s - start_s) * fps / num) / fps
        for i in range(num):
            first_s = start_s + i * step_s
            part = {"start_s": first_s, "end_s": min(end_s, first_s + step_s), "fps": fps}
            if part["start_s"] < part["end_s"]:
                yield call.replace(id=f"{call.id}.{i}", arguments={**part, "quota": "fine"})


def answer(entry: dict[str, Any], data: Any, folder: Path) -> Outcome:
    """Ask one question through the whole loop."""
    video, task = data.video(entry), to_task(entry)
    question = question_of(entry)
    with Library(folder, recipe=MemoryRecipe(late_eyes=()), background=False) as library:
        library.add(video)
        library._builder.close()  # the oracle looks for itself
        with ToolContext(library, [video.id], Ledger(Budget(turns=400))) as ctx:
            length_s = video.info.duration_s
            policy = Oracle(OraclePolicy(lambda ref: ctx.resolve([ref])[0], duration_s=length_s))
            tools = Toolset(default_tools()).only("look", "transcript", "answer")
            task = task.replace(video_ids=(video.id,))
            record = asyncio.run(attempt(task, policy, tools, ctx, strategy="seek"))
    text = record.answer.text if record.answer else ""
    uniform = tuple(
        question.score(dense_oracle([video], question, fps=n / video.info.duration_s))
        for n in NUM_UNIFORM
    )
    return Outcome(data.score_answer(text, entry), uniform, record)


def outcomes(family: str, minutes: float, num: int, folder: Path) -> Iterator[Outcome]:
    """Some questions of a family, each about a video of its own."""
    data = create_dataset(family, size=num, seed=7, duration_ms=round(minutes * 60_000))
    for i in range(num):
        yield answer(dict(data[i]), data, folder / f"{family}-{minutes:g}-{i}")


def row(family: str, minutes: float, found: Sequence[Outcome]) -> str:
    """One line of the table."""

    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    cost = [outcome.record.cost for outcome in found]
    even = " | ".join(f"{mean([o.uniform[i] for o in found]):.2f}" for i in range(len(NUM_UNIFORM)))
    return (
        f"| {family} | {minutes:g} min | {mean([o.score for o in found]):.2f} | {even} | "
        f"{mean([c.frames for c in cost]):.0f} | {mean([c.calls for c in cost]):.0f} | "
        f"{mean([c.seconds for c in cost]):.1f} | {len(found)} |"
    )


def main() -> None:
    """Ask everything, print it, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[10.0])
    parser.add_argument(
        "--videos", type=int, default=3, help="questions a cell, each of its own video"
    )
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--write", type=Path, help="the page to write")
    options = parser.parse_args()
    even = " | ".join(f"{n} evenly" for n in NUM_UNIFORM)
    lines = [
        f"| family | length | loop | {even} | pictures | calls | s | n |",
        "|---|---|---|" + "---|" * len(NUM_UNIFORM) + "---|---|---|---|",
    ]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for minutes in options.minutes:
            for family in options.families:
                found = list(outcomes(family, minutes, options.videos, Path(folder)))
                lines.append(row(family, minutes, found))
                print(lines[-1], flush=True)
    head = (__doc__ or "").split("\n\n")
    told = (
        f"{date.today():%d %B %Y}, {os.cpu_count()} shared cores, "
        f"{time.monotonic() - started:.0f} s. "
        "Few questions a cell: read it as whether the loop loses anything, not as a score."
    )
    if options.write:
        page = ["# The loop on worlds", "", *head[0:1], "", head[2], "", told, "", *lines, ""]
        options.write.write_text("\n".join(page), encoding="utf-8")


if __name__ == "__main__":
    main()
