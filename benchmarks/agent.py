"""What the loop itself costs: per turn, on disk, in tokens, and with many questions at once.

The policy takes no time and the tool decodes nothing: it gives eight pictures by reference, as a
look does. What is left is the loop, beside a plain Python loop over the same policy and tool in the
same run; the ratio is the number to compare between machines. Rows are the median of `--runs`.

    python benchmarks/agent.py --write docs/benchmarks/agent.md
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from playhead.agent.attempt import attempt, config, first_state, prepare
from playhead.agent.checkpoints import open_checkpoints
from playhead.agent.strategies import compiled, find_strategy
from playhead.agent.window import tokens
from playhead.core import (
    Budget,
    Evidence,
    Finish,
    FrameRef,
    Kind,
    Message,
    Observation,
    Reply,
    Role,
    Sampling,
    Span,
    Step,
    Task,
    TextPart,
    Tool,
    ToolCall,
    ToolSpec,
    tool,
)
from playhead.core.message import PicturePart
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.testing import check_trajectory
from playhead.tools import say
from playhead.tools.context import Ledger, ToolContext
from playhead.tools.toolset import default_tools
from playhead.video.demo import write_demo
from playhead.video.synthetic import write_clock

NUM_FRAMES = 8
TURNS = (4, 16, 64)
AT_ONCE = ((32, 4), (64, 8))
"""How many attempts at once, and of how many turns: the answer is one."""


@tool
def glance(ctx: ToolContext, nr: int) -> Observation:
    """Eight pictures, by reference.

    Args:
        nr: Which.
    """
    id_ = ctx.video_id()
    times_s = [nr / 10 + i / 100 for i in range(NUM_FRAMES)]
    refs = [FrameRef(video_id=id_, time_s=time_s, height=180, width=320) for time_s in times_s]
    span = Span(start=times_s[0], end=times_s[-1] + 0.1)
    found = Evidence.make(id_, span, Kind.PICTURE, frames=refs)
    parts = [
        part for ref in refs for part in (TextPart(text=f"<{ref.time_s}s>"), PicturePart(frame=ref))
    ]
    return say.observation(ctx, [f"[{found.id}] 8 pictures", *parts], [found])


class Glancer:
    """Glances so many times, then answers; takes no time itself."""

    def __init__(self, num: int) -> None:
        self.num, self.turn = num, 0

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        self.turn += 1
        if self.turn > self.num:
            return Reply(text="a boat")
        call = ToolCall(id="x", name="glance", arguments={"nr": self.turn})
        return Reply(calls=(call,), finish=Finish.CALLS)


class Asked:
    """Plays a list of replies and counts what it is shown."""

    def __init__(self, *replies: Reply) -> None:
        self.replies, self.num_tokens = list(replies), 0

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        self.num_tokens += sum(tokens(message.parts) for message in messages)
        return self.replies.pop(0) if self.replies else Reply(text="a boat")


BEFORE = (
    "Until then an edge with a condition ran after every node, in a step of LangGraph's and in a",
    "thread, and every turn made the messages of all turns before it again. Both versions by",
    "turns, three times each, medians of processor time. At load 1 to 3, no checkpoints: 3.94 to",
    "2.76 ms a turn at 4 turns, 3.00 to 2.01 at 16, 4.34 to 1.89 at 64; 32 attempts of 4 turns",
    "at once 106 to 136 a second. At load 13 to 23: 3.50 to 3.51 at 4 (noise), 3.02 to 2.83 at",
    "16, 3.81 to 1.89 at 64; durable 7.70 to 7.51, 6.27 to 4.62 and 6.05 to 4.29; 84 to 101",
    "attempts a second.",
)
"""What the last change to the loop brought; measured with this script's own loops."""

Timed = Callable[[], Coroutine[Any, Any, None]]
Way = Callable[[int], Coroutine[Any, Any, None]]


def median_s(make: Timed, runs: int) -> tuple[float, float]:
    """Medians of the wall and the processor seconds of a coroutine, made anew for each run."""
    wall: list[float] = []
    processor: list[float] = []
    for _ in range(runs):
        start, busy = time.perf_counter(), time.process_time()
        asyncio.run(make())
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - busy)
    return statistics.median(wall), statistics.median(processor)


class Bench:
    """A library, and the ways to ask about it that are compared."""

    def __init__(self, library: Library, id_: str, folder: Path) -> None:
        self.library, self.id, self.folder = library, id_, folder
        self.sizes: dict[int, tuple[int, int]] = {}

    def task(self) -> Task:
        return Task(id="t", question="What is it?", video_ids=(self.id,))

    def context(self, budget: Budget | None = None) -> ToolContext:
        return ToolContext(self.library, [self.id], Ledger(budget or Budget(turns=1_000)))

    async def plain(self, num: int) -> None:
        """What anybody would write: ask, call, append."""
        policy = Glancer(num)
        with self.context() as ctx:
            said = [Message(role=Role.USER, parts=(TextPart(text="What is it?"),))]
            steps: list[Step] = []
            while True:
                reply = await policy.reply(said, (glance.spec,), Sampling())
                seen = [await asyncio.to_thread(glance.run, ctx, call) for call in reply.calls]
                steps.append(Step(reply=reply, observations=tuple(seen)))
                said.append(Message(role=Role.ASSISTANT, calls=reply.calls))
                said += [Message(role=Role.TOOL, parts=o.parts, call_id="x") for o in seen]
                if not reply.calls:
                    return

    async def free(self, num: int) -> None:
        """Without checkpoints: rollouts and benchmarks."""
        with self.context() as ctx:
            record = await attempt(self.task(), Glancer(num), [glance], ctx, strategy="seek")
            assert len(record.steps) == num + 1

    async def durable(self, num: int) -> None:
        """With a checkpoint after every node: sessions."""
        path = self.folder / f"checkpoints-{num}.sqlite"
        path.unlink(missing_ok=True)
        with self.context() as ctx, open_checkpoints(path) as checkpoints:
            run = prepare(self.task(), Glancer(num), [glance], ctx, strategy="seek")
            graph = find_strategy("seek")().compile(checkpointer=checkpoints)
            settings = config(run, thread_id="t")
            state = await graph.ainvoke(first_state(run), settings, context=run, durability="sync")
            assert len(state["steps"]) == num + 1
        with sqlite3.connect(path) as db:
            query = "SELECT sum(length(checkpoint)) FROM checkpoints"
            ((newest,),) = db.execute(query)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        self.sizes[num] = (newest, path.stat().st_size)


def at_once(bench: Bench, runs: int) -> list[str]:
    """Many questions in one event loop: attempts a second of processor."""
    rows = [
        "| attempts | turns | plain loop, attempts a second | no checkpoints | ms a turn "
        "| times plain |",
        "|---|---|---|---|---|---|",
    ]
    for num, turns in AT_ONCE:
        busy: list[float] = []
        for way in (bench.plain, bench.free):

            async def all_(way: Way = way, num: int = num, turns: int = turns) -> None:
                await asyncio.gather(*[way(turns - 1) for _ in range(num)])

            busy.append(median_s(all_, runs)[1])
        plain, free = busy
        rows.append(
            f"| {num} | {turns} | {num / plain:.0f} | {num / free:.0f} "
            f"| {1000 * free / (num * turns):.2f} | {free / plain:.1f} |"
        )
    return rows


def overhead(bench: Bench, runs: int) -> list[str]:
    """Milliseconds a turn, by the number of turns."""
    rows = [
        "| turns | plain loop | no checkpoints | times plain | durable | times plain |",
        "|---|---|---|---|---|---|",
    ]
    for num in TURNS:
        plain, free, durable = (
            [1000 * took / num for took in median_s(lambda way=way, num=num: way(num), runs)]
            for way in (bench.plain, bench.free, bench.durable)
        )
        rows.append(
            f"| {num} | {_ms(plain)} | {_ms(free)} | {free[1] / plain[1]:.1f} | {_ms(durable)} "
            f"| {durable[1] / plain[1]:.1f} |"
        )
    return rows


def _ms(took: Sequence[float]) -> str:
    wall, processor = took
    return f"{processor:.2f} ({wall:.2f})"


def sizes(bench: Bench) -> list[str]:
    """Bytes on disk while a question is answered."""
    rows = ["| calls of 8 pictures | newest checkpoint, kB | file, kB |", "|---|---|---|"]
    for num, (newest, file) in sorted(bench.sizes.items()):
        rows.append(f"| {num} | {newest / 1000:.0f} | {file / 1000:.0f} |")
    return rows


def call(name: str, **arguments: Any) -> Reply:
    return Reply(calls=(ToolCall(id="x", name=name, arguments=arguments),), finish=Finish.CALLS)


def by_strategy(library: Library, ids: Sequence[str]) -> list[str]:
    """What a typical question takes: tokens are estimated by size of picture and text."""
    rows = [
        "| video | strategy | turns | pictures | visual tokens | tokens read in all turns |",
        "|---|---|---|---|---|---|",
    ]
    for id_ in ids:
        video = library.video(id_)
        end = video.info.duration_s
        for strategy in ("seek", "direct", "sparse_to_dense"):
            seek = (
                call("overview"),
                call("search", text="boat"),
                call("look", start_s=end / 2, end_s=end / 2 + 8, num=8),
                call("answer", value="a boat", evidence=[]),
            )
            policy = Asked(*(seek if strategy == "seek" else ()))
            with ToolContext(library, [id_], Ledger(Budget.of("normal"))) as ctx:
                task = Task(id="t", question="What is it?", video_ids=(id_,))
                tools: tuple[Tool, ...] = default_tools()
                record = asyncio.run(attempt(task, policy, tools, ctx, strategy=strategy))
                check_trajectory(record)
            cost = record.cost
            rows.append(
                f"| {end:.0f} s | {strategy} | {cost.turns} | {cost.frames} "
                f"| {cost.visual_tokens} | {policy.num_tokens} |"
            )
    return rows


def report(runs: int) -> str:
    """The page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_demo(folder / "demo.mp4")
        write_clock(folder / "clock.mp4", fps=Fraction(1), num_frames=600)
        with Library(folder / "library", recipe=MemoryRecipe(late_eyes=())) as library:
            ids = [library.add(folder / f"{film}.mp4") for film in ("demo", "clock")]
            library.wait()
            bench = Bench(library, ids[1], folder)
            compiled("seek")  # LangGraph is loaded once in a process: seconds
            asyncio.run(bench.free(2))
            asyncio.run(bench.durable(2))
            bench.sizes.clear()
            turns = overhead(bench, runs)
            many = at_once(bench, runs)
            return page(turns, sizes(bench), many, by_strategy(library, ids))


def page(turns: list[str], disk: list[str], many: list[str], strategies: list[str]) -> str:
    """The tables, with what they say."""
    today = datetime.now(UTC).date()
    load = os.getloadavg()[0]
    lines = [
        "# The loop",
        "",
        f"`python benchmarks/agent.py`, {today}, {os.cpu_count()} shared CPU cores",
        f"(load {load:.0f}), no GPU, Python {platform.python_version()}. The policy takes no time",
        "and the tool decodes nothing: this is what the loop adds to a model's own seconds.",
        "",
        "## A turn: think, act, and the next",
        "",
        "Milliseconds of processor a turn, and of wall clock in brackets (an upper bound where the",
        "machine is shared). The whole question is in it, so few turns look dear. The factors",
        "compare processor time.",
        "",
        *turns,
        "",
        *BEFORE,
        "",
        "## On disk, before the answer (afterwards nothing is left but the record)",
        "",
        *disk,
        "",
        "## Many questions at once, in one event loop",
        "",
        "Attempts a second of processor: what rollouts can make beside the model's own work. Each",
        "opens its context, reads what is known about the video, and makes its record.",
        "",
        *many,
        "",
        "## Tokens of a question",
        "",
        "A script in place of a model: overview, search, one look of eight pictures, answer. Every",
        "turn reads the conversation again (servers keep it in their cache).",
        "",
        *strategies,
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", type=Path, help="Where to put the page.")
    arguments = parser.parse_args()
    page = report(arguments.runs)
    print(page)
    if arguments.write:
        arguments.write.write_text(page)


if __name__ == "__main__":
    main()
