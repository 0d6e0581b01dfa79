"""How fast, how large and how good a memory is: indexing, searching, opening, growing.

    python benchmarks/memory.py --folder /tmp/playhead-bench --write docs/benchmarks/memory.md
    python benchmarks/memory.py --quick --hours 10      # a first look, two minutes

Each job is a process of its own, and beside each figure stands a plain way to do the same, measured
in the same run:

    index   real files of made-up footage (`footage.py`) into a new library: `memory_index.py`
    search  a made-up memory of `--hours` hours: `memory_search.py`
    world   what is found again in rendered worlds: `memory_world.py`

Wall times are what a user waits. Where others use the machine too, processor seconds are the fairer
measure, so they are given as well: `x on 2 cores` is what two idle cores would do. A target counts
as met by the wall clock, and as `met by CPU` where only the processor seconds meet it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import memory_index
import memory_search
import memory_world
import numpy as np
from footage import footage

from playhead.memory.units import Tier

JOBS = ("index", "search", "world")
MARK = "<!-- benchmarks/memory.py -->"
PACKAGES = ("av", "faiss-cpu", "numpy", "opencv-python-headless")
HEADER = ("| | what | measured | target | | the plain way |", "|---|---|---|---|---|---|")
FOUND = (
    "| looked for | with | n | R@1 | R@5 | R@20 | R@100 |",
    "|---|---|---|---|---|---|---|",
)


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description="Speed, size and recall of a memory.")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/playhead-bench"))
    parser.add_argument("--jobs", nargs="+", default=list(JOBS), choices=JOBS)
    parser.add_argument("--hours", type=float, default=100.0, help="of the memory searched")
    parser.add_argument("--quick", action="store_true", help="shorter files and fewer repetitions")
    parser.add_argument("--write", type=Path, help="the Markdown page to put the tables into")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        print(json.dumps(TASKS[arguments.task](**json.loads(sys.stdin.read()))))
        return
    tables: list[str] = []
    if {"index", "search"} & set(arguments.jobs):
        tables += HEADER
    if "index" in arguments.jobs:
        tables += _told(index_rows(arguments.folder, quick=arguments.quick))
    if "search" in arguments.jobs:
        tables += _told(search_rows(arguments.folder, arguments.hours, quick=arguments.quick))
    if "world" in arguments.jobs:
        tables += ["", *FOUND, *_told(world_rows(quick=arguments.quick))]
    print("\n".join(tables))
    if arguments.write:
        update(arguments.write, "\n".join(tables))


def index_rows(folder: Path, *, quick: bool) -> Iterator[str]:
    """Indexing 1080p coarsely and 360p finely."""
    num = 1 if quick else 3
    for name, what, height, hours, tier, target in (
        ("P1", "coarse index, 1080p", 1080, 1 / 3, Tier.COARSE, 120),
        ("P2", "full index at 1 fps with cheap eyes, 360p", 360, 0.5, Tier.FINE, 60),
    ):
        path = str(footage(folder, height, hours))
        few_s = 30.0 if quick else 90.0
        ours, plain = list[dict[str, Any]](), list[dict[str, Any]]()
        for _ in range(num):  # by turns
            ours.append(task("index", path=path, tier=tier.value))
            plain.append(task("plain_way", path=path, seconds=few_s, with_eyes=tier == Tier.FINE))
        wall, cpu = (_median(ours, key) for key in ("real_time", "on_two_cores"))
        plain_wall, plain_cpu = (_median(plain, key) for key in ("real_time", "on_two_cores"))
        verdict = _verdict(wall >= target, by_cpu=cpu >= target)
        yield _row(
            name,
            f"{what}, {ours[0]['video_s'] / 60:.0f} minutes",
            f"{wall:.0f}x real time; {cpu:.0f}x on 2 cores",
            f">= {target}x",
            verdict,
            f"every picture decoded: {plain_wall:.1f}x; {plain_cpu:.1f}x on 2 cores",
        )
        per_s = ours[0]["num_bytes"] / ours[0]["video_s"]
        yield _row("P7", f"{what}: on disk", f"{per_s:.0f} B/s", "<= 2000 B/s", per_s <= 2000, "")


def search_rows(folder: Path, hours: float, *, quick: bool) -> Iterator[str]:
    """Everything about a made-up memory of many hours."""
    home = folder / f"memory-{hours:g}h"
    filled_s = task("fill", folder=str(home), hours=hours)
    if filled_s > 10:
        print(f"filled {hours:g} h in {filled_s:.0f} s", file=sys.stderr, flush=True)
    yield from _latency_rows(home, 10 if quick else 100)
    yield from _size_rows(home, hours, num=1 if quick else 3)
    with tempfile.TemporaryDirectory(dir=folder) as copy:
        shutil.copytree(home, copy, dirs_exist_ok=True)
        lag = task("live", folder=copy, num_streams=10, seconds=5 if quick else 20)
    yield _row(
        "P8",
        "10 live streams, a picture a second: from its arrival until a search has found it",
        _milliseconds(lag),
        "<= 1 s",
        _verdict(lag["p99"] <= 1000, by_cpu=10 * lag["cpu"] <= 1000),
        "",
    )


def _latency_rows(home: Path, num: int) -> Iterator[str]:
    took = task("latency", folder=str(home), num=num)
    plain = {name: took.pop(name) for name in list(took) if name.startswith("plain")}
    numpy, sqlite = (_milliseconds(plain[f"plain: {way}"]) for way in ("numpy", "SQLite bm25"))
    for what, found in took.items():
        beside = {"words": f"SQLite bm25 {sqlite}", "picture": f"numpy {numpy}"}.get(what, "")
        is_met = found["p50"] <= 50 and found["p99"] <= 200
        verdict = _verdict(is_met, by_cpu=found["cpu"] <= 50)
        target = "p50 <= 50, p99 <= 200"
        yield _row("P4", f"search by {what}", _milliseconds(found), target, verdict, beside)
    found = task("crowd", folder=str(home), num_threads=64, num_each=1 if num < 50 else 4)
    verdict = _verdict(found["p99"] <= 2000, by_cpu=found["cpu"] <= 2000)
    what = "64 threads at once, words, pictures and both"
    measured = (
        f"p50 {found['p50']:.0f} ms, p99 {found['p99']:.0f} ms; {found['cpu']:.0f} ms on 2 cores"
    )
    yield _row("P4", what, measured, "p99 <= 2000", verdict, "")


def _size_rows(home: Path, hours: float, num: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir=home.parent) as plain:
        files = task("write_plain", folder=str(home), plain=plain)
        opened, by_plain = list[dict[str, Any]](), list[dict[str, Any]]()
        for _ in range(num):  # by turns
            opened.append(task("opening", folder=str(home)))
            by_plain.append(task("opening_plain", plain=plain))
    per_s = sum(f.stat().st_size for f in home.rglob("*") if f.is_file()) / hours / 3600
    simple = (files["evidence.jsonl"] + files["vectors.npy"]) / hours / 3600
    size = f"{per_s:.0f} B/s"
    yield _row(
        "P7", "on disk", size, "<= 2000 B/s", per_s <= 2000, f"JSON and 32 bits: {simple:.0f} B/s"
    )
    rss, plain_rss = (_median(found, "rss") / 1e9 for found in (opened, by_plain))
    peak = _median(opened, "peak") / 1e9
    text = f"{rss:.2f} GB (peak {peak:.2f})"
    simple_text = f"JSON and FAISS: {plain_rss:.2f} GB"
    yield _row("P7", "memory of the process", text, "<= 1.5 GB", peak <= 1.5, simple_text)
    start_s, cpu = _median(opened, "s"), _median(opened, "cpu")
    yield _row(
        "P8",
        "from opening to the first answer, by words and picture",
        f"{start_s:.1f} s ({cpu:.1f} CPU s)",
        "<= 2 s",
        _verdict(start_s <= 2, by_cpu=cpu <= 2),
        f"JSON and FAISS files: {_median(by_plain, 's'):.1f} s "
        f"({_median(by_plain, 'cpu'):.1f} CPU s)",
    )


def world_rows(*, quick: bool) -> Iterator[str]:
    """What is found again in worlds."""
    minutes, num_worlds, num_questions = (20, 1, 20) if quick else (60, 3, 60)
    for cells in memory_world.recall_rows(minutes, num_worlds, num_questions):
        yield "| " + " | ".join(cells) + " |"
    yield "| " + " | ".join(memory_world.subtitle_row(minutes, num_worlds)) + " |"


def _index(path: str, tier: int) -> dict[str, float]:
    return memory_index.index(Path(path), Tier(tier)).facts


def _plain_way(path: str, seconds: float, with_eyes: bool) -> dict[str, float]:
    return memory_index.plain_way(Path(path), seconds, with_eyes=with_eyes).facts


TASKS: dict[str, Any] = {
    "index": _index,
    "plain_way": _plain_way,
    "fill": lambda folder, hours: memory_search.fill(Path(folder), hours),
    "latency": lambda folder, num: memory_search.latency(Path(folder), num),
    "crowd": lambda folder, **how: memory_search.crowd(Path(folder), **how),
    "opening": lambda folder: memory_search.opening(Path(folder)),
    "write_plain": lambda folder, plain: memory_search.write_plain(Path(folder), Path(plain)),
    "opening_plain": lambda plain: memory_search.opening_plain(Path(plain)),
    "live": lambda folder, **how: memory_search.live(Path(folder), **how),
}


def task(name: str, **how: Any) -> Any:
    """What a job gives, run in a fresh process."""
    command = [sys.executable, __file__, "--task", name]
    done = subprocess.run(
        command, input=json.dumps(how), stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _told(rows: Iterator[str]) -> Iterator[str]:
    for row in rows:
        print(row, file=sys.stderr, flush=True)
        yield row


def _row(name: str, what: str, measured: str, target: str, verdict: bool | str, plain: str) -> str:
    if isinstance(verdict, bool):
        verdict = _verdict(verdict)
    return f"| {name} | {what} | {measured} | {target} | {verdict} | {plain or '-'} |"


def _verdict(is_met: bool, *, by_cpu: bool = False) -> str:
    return "met" if is_met else "met by CPU" if by_cpu else "MISSED"


def _milliseconds(found: dict[str, float]) -> str:
    cpu = f", {found['cpu']:.0f} CPU ms" if "cpu" in found else ""
    return f"p50 {found['p50']:.0f} ms, p99 {found['p99']:.0f} ms{cpu}"


def _median(found: list[dict[str, Any]], key: str) -> float:
    return float(np.median([one[key] for one in found]))


def update(page: Path, tables: str) -> None:
    """Put the tables, when and on what they were measured between the two marks of a page."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    load = os.getloadavg()[1]
    facts = (
        f"Measured {date.today()}; {os.cpu_count()} shared CPU cores (load {load:.1f} at the end), "
        f"no GPU; Python {python_version()}, {versions}."
    )
    before, _, rest = page.read_text().partition(MARK)
    _, _, after = rest.partition(MARK)
    page.write_text(f"{before}{MARK}\n{facts}\n\n{tables}\n{MARK}{after}")


if __name__ == "__main__":
    main()
