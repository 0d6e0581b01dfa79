"""How fast and how large decoding is, for every installed backend, beside the ffmpeg command line.

    python benchmarks/decode.py --folder /tmp/playhead-bench --write docs/benchmarks/decode.md

What is decoded: an hour of H.264, see `footage.py`. Each row is a fresh process that opens the file
as users do, with the decoder in its confined child, and does one job:

    sample  one picture a second of the first minutes, no side longer than 448: what an index reads
    keys    only the keyframes of the same minutes, at the same size: the cheap tier
    sparse  64 pictures from anywhere in the hour, full size
    clip    every frame of 8 seconds in the middle, full size

CPU seconds are those of the process and its children for the job alone; `open` is the wall time of
what comes before it: starting the child, importing the backend, scanning the file, and the hash of
its whole content that is its id. Memory is the most that the process tree held at once. `ffmpeg` is
`ffmpeg -threads 2 -f null` over the same seconds, measured in the same run (for `sparse`: one
`ffmpeg -ss` a picture). The ratio is ffmpeg's CPU seconds divided by ours: above 1 we use less. On
a shared machine compare within one run only.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from platform import python_version

import av
import numpy as np
import psutil
from footage import FPS, WIDTHS, footage

from playhead.core.span import Span
from playhead.video import Limits, Video, open_video

SAMPLED_MINUTES = {360: 8.0, 720: 3.0, 1080: 1.5}
MODULES = {"pyav": "av", "opencv": "cv2", "torchcodec": "torchcodec", "decord": "decord"}
JOBS = ("sample", "keys", "sparse", "clip")
CLIP_S = 8.0
NUM_SPARSE = 64
SMALL_SIDE = 448


@dataclass(frozen=True)
class Task:
    """One process of the benchmark."""

    path: str
    decoder: str
    job: str
    minutes: float
    sandbox: bool = True


@dataclass(frozen=True)
class Result:
    """What one process used."""

    open_wall_s: float
    open_cpu_s: float
    wall_s: float
    cpu_s: float
    num_pictures: int
    peak_mb: float = 0.0


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description="Decoding speed and memory.")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/playhead-bench"))
    parser.add_argument(
        "--heights", type=int, nargs="+", default=list(WIDTHS), choices=list(WIDTHS)
    )
    parser.add_argument("--decoders", nargs="+", default=list(MODULES), choices=list(MODULES))
    parser.add_argument("--jobs", nargs="+", default=list(JOBS), choices=JOBS)
    parser.add_argument("--minutes", type=float, help="of the hour that sample and keys read")
    parser.add_argument("--hours", type=float, default=1.0, help="length of the file")
    parser.add_argument("--write", type=Path, help="the Markdown page to put the table into")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        print(json.dumps(asdict(run_task(Task(**json.loads(arguments.task))))))
        return
    lines = [*HEADER]
    for height in arguments.heights:
        minutes = arguments.minutes or SAMPLED_MINUTES[height]
        path = footage(arguments.folder, height, arguments.hours)
        for row in rows(path, height, minutes, arguments.decoders, arguments.jobs):
            print(row, file=sys.stderr, flush=True)
            lines.append(row)
    text = "\n".join(lines)
    print(text)
    if arguments.write:
        update(arguments.write, text)


MARK = "<!-- benchmarks/decode.py -->"
PACKAGES = ("av", "opencv-python-headless", "torchcodec", "decord", "numpy")
HEADER = (
    "| size | job | decoder | open s | wall s | CPU s | ms x pictures | MB | ffmpeg s | ratio |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


def rows(
    path: Path, height: int, minutes: float, decoders: list[str], jobs: list[str]
) -> Iterator[str]:
    """The rows of one file."""
    installed = [name for name in decoders if find_spec(MODULES[name])]
    for job in jobs:
        reference_s = ffmpeg_cpu_s(path, job, minutes)
        tasks = [Task(str(path), name, job, minutes) for name in installed]
        if job == "sample" and "pyav" in installed:
            tasks.insert(1, Task(str(path), "pyav", job, minutes, sandbox=False))
        for task in tasks:
            name = task.decoder + ("" if task.sandbox else " in process")
            what = f"{job} {minutes:g} min" if job in ("sample", "keys") else job
            cells = [f"{height}p", what, name, *measured(task, reference_s)]
            yield "| " + " | ".join(cells) + " |"


def measured(task: Task, reference_s: float | None) -> list[str]:
    """The cells of one task, run in a process of its own."""
    result = in_own_process(task)
    if isinstance(result, str):
        return [result, *["-"] * 6]
    ratio = "-" if reference_s is None else f"{reference_s / result.cpu_s:.2f}"
    return [
        f"{result.open_wall_s:.2f}",
        f"{result.wall_s:.2f}",
        f"{result.cpu_s:.2f}",
        f"{1000 * result.cpu_s / result.num_pictures:.1f} x {result.num_pictures}",
        f"{result.peak_mb:.0f}",
        "-" if reference_s is None else f"{reference_s:.2f}",
        ratio,
    ]


def in_own_process(task: Task) -> Result | str:
    """Run a task in a fresh process and watch the memory of its tree. Text: why it failed."""
    command = [sys.executable, __file__, "--task", json.dumps(asdict(task))]
    process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        peak = max(peak, tree_bytes(process))
        time.sleep(0.05)
    output, errors = process.communicate()
    if process.returncode:
        return "failed: " + errors.strip().splitlines()[-1].rpartition("errors.")[2].split(";")[0]
    return Result(**{**json.loads(output.splitlines()[-1]), "peak_mb": peak / 2**20})


def tree_bytes(process: psutil.Process) -> int:
    """Memory of a process and its descendants: their own, and of what is shared their part."""
    total = 0
    for member in [process, *process.children(recursive=True)]:
        try:
            total += member.memory_full_info().pss
        except psutil.AccessDenied:  # a confined child may keep its details to itself
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def run_task(task: Task) -> Result:
    """Open, do the job, and say what each took."""
    start_wall, start_cpu = time.monotonic(), cpu_s()
    limits = Limits(wall_s=600)  # a shared machine may stall for longer than a user would wait
    with open_video(task.path, decoder=task.decoder, limits=limits, sandbox=task.sandbox) as video:
        _ = video.id  # the hash of the whole file, which the first picture needs
        open_wall, open_cpu = time.monotonic(), cpu_s()
        num_pictures = DO[task.job](video, task.minutes * 60)
        wall, cpu = time.monotonic(), cpu_s()
    return Result(
        open_wall - start_wall, open_cpu - start_cpu, wall - open_wall, cpu - open_cpu, num_pictures
    )


def cpu_s() -> float:
    """Processor seconds so far of this process, its living descendants and those it has reaped."""
    total = 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def sample(video: Video, seconds: float) -> int:
    times_s = Span(start=0.0, end=min(seconds, video.info.duration_s)).every(1.0)
    return sum(len(frames) for frames in video.stream(times_s, max_side=SMALL_SIDE))


def keys(video: Video, seconds: float) -> int:
    span = Span(start=0.0, end=seconds)
    return sum(len(frames) for frames in video.keyframes(span, max_side=SMALL_SIDE))


def sparse(video: Video, seconds: float) -> int:
    return sum(len(frames) for frames in video.stream(sparse_times_s(video.info.duration_s)))


def clip(video: Video, seconds: float) -> int:
    middle = video.info.duration_s / 2
    span = Span(start=middle, end=middle + CLIP_S)
    return sum(len(frames) for frames in video.stream(video.sample_times_s(span, fps=FPS)))


DO: dict[str, Callable[[Video, float], int]] = {
    "sample": sample,
    "keys": keys,
    "sparse": sparse,
    "clip": clip,
}


def sparse_times_s(duration_s: float) -> list[float]:
    return np.sort(np.random.default_rng(1).uniform(0, duration_s - 1, NUM_SPARSE)).tolist()


def ffmpeg_cpu_s(path: Path, job: str, minutes: float) -> float | None:
    """What ffmpeg needs to decode the same stretch, in processor seconds. None: it is not here."""
    if shutil.which("ffmpeg") is None:
        return None
    with av.open(str(path)) as file:
        assert file.duration is not None
        duration_s = file.duration / av.time_base
    stretches = {
        "sample": [["-t", str(minutes * 60)]],
        "keys": [["-t", str(minutes * 60)]],
        "clip": [["-ss", str(duration_s / 2), "-t", str(CLIP_S)]],
        "sparse": [["-ss", str(t), "-frames:v", "1"] for t in sparse_times_s(duration_s)],
    }[job]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for stretch in stretches:
        into = stretch if "-frames:v" not in stretch else stretch[:2]
        out = stretch[2:] if "-frames:v" in stretch else []
        command = ["ffmpeg", "-v", "error", "-threads", "2", *into, "-i", str(path), "-an", *out]
        subprocess.run([*command, "-f", "null", "-"], check=True, stdin=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def update(page: Path, table: str) -> None:
    """Put the table, when and on what it was measured between the two marks of a page."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES if installed(name))
    facts = (
        f"Measured {date.today()}; {os.cpu_count()} CPU cores, no GPU; Python {python_version()}"
    )
    before, _, rest = page.read_text().partition(MARK)
    _, _, after = rest.partition(MARK)
    page.write_text(f"{before}{MARK}\n{facts}, {versions}.\n\n{table}\n{MARK}{after}")


if __name__ == "__main__":
    main()
