"""What the eyes without weights find, read and cost, on real clips beside what is known of them.

A moment is found again, movement told, text read; each beside something simpler in the same run.
The page says how. Costs are seconds of processor, of all threads and of the decoder's own process.

    python benchmarks/eyes.py --videos ../shared/videos --write docs/benchmarks/eyes.md
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from platform import python_version
from typing import Any

import cv2
import numpy as np
import psutil
from memory_world import histogram
from numpy.typing import NDArray

from playhead.core import Evidence, Span
from playhead.models.eyes.activity import Activity, MovingThings, join_tracks
from playhead.models.eyes.plain import PlainEmbedder
from playhead.models.eyes.screen_text import ScreenText, TextLine
from playhead.video import open_video
from playhead.video.base import Frames, Video
from playhead.worlds import Knobs, VirtualVideo, make_world

Pixels = NDArray[np.uint8]

CUTS = (0.7, 0.8, 0.9, 1.0)
WORLDS = range(100, 106)  # others than those by which the embedder's weights were chosen
SAME_FILM = {"corrupted.mp4": "av1.mkv", "hevc_10bit.mp4": "h264_10bit.mp4"}
BLANK = ("unordered.mov", "no_duration.webm")
ALIKE = 2.5  # of 255: pictures of 48 x 32 that differ by less on average look the same
MOVES = {  # what is there, as the README of the videos has it
    "cars.mp4": "cars at 4-8, 14-18, 24-27; empty 9-14, 19-23",
    "people.mp4": "six visits with gaps between",
    "bottles.mp4": "hands take bottles, bring them back; one alone 18-22",
}
READS = {
    "bunny.mp4": "THE PEACH OPEN MOVIE PROJECT PRESENTS at 20; Big Buck BUNNY from 25",
    "timecode_2997.mp4": "frame number, seconds and timecode in every picture",
    "cars.mp4": "nothing",
    "people.mp4": "nothing",
}
MARK = "<!-- benchmarks/eyes.py -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--videos", type=Path, required=True, help="the folder of real clips")
    parser.add_argument("--write", type=Path, help="the Markdown page to put the tables into")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    parts = [part(arguments.videos) for part in (retrieval, movement, reading)]
    text = "\n\n".join([facts(), *parts])
    print(text)
    if arguments.write:
        before, _, after = arguments.write.read_text().split(MARK)
        arguments.write.write_text(f"{before}{MARK}\n{text}\n{MARK}{after}")


def facts() -> str:
    names = [name for name in ("av", "numpy", "rapidocr", "onnxruntime") if find_spec(name)]
    versions = ", ".join([f"opencv {cv2.__version__}", *(f"{n} {version(n)}" for n in names)])
    return (
        f"Measured {datetime.now(UTC).date()}; {os.cpu_count()} shared x86_64 cores, busy (load "
        f"{os.getloadavg()[0]:.1f} at the end), no GPU; Python {python_version()}, {versions}."
    )


def table(title: str, head: Sequence[str], rows: list[str]) -> str:
    return "\n".join([f"## {title}\n\n| {' | '.join(head)} |", "|---" * len(head) + "|", *rows])


def cpu_s(work: Callable[[], Any], runs: int = 3) -> tuple[float, Any]:
    """Median seconds of processor that `work` takes, decoding included, and what it gave."""
    marks = [_spent_s()]
    for _ in range(runs):
        made = work()
        marks.append(_spent_s())
    return float(np.median(np.diff(marks))), made


def _spent_s() -> float:
    decoders = [child.cpu_times() for child in psutil.Process().children()]
    return time.process_time() + sum(times.user + times.system for times in decoders)


def films(folder: Path) -> Iterator[tuple[str, Video]]:
    for path in sorted(folder.iterdir()):
        if path.suffix != ".md" and path.name not in BLANK:
            with open_video(path) as video:
                yield SAME_FILM.get(path.name, path.name), video
    for seed in WORLDS:
        with VirtualVideo(make_world(seed, Knobs(duration_ms=120_000))) as video:
            yield f"world {seed}", video


def collect(folder: Path, rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
    """The bank: film, time, picture. What is looked for: film, time, copies as `CUTS` has it."""
    bank, moments = [], []
    for name, video in films(folder):
        frames = video.frames(fps=1, max_side=320)
        bank += [(name, *pair) for pair in zip(frames.times_s, frames.pixels, strict=True)]
        length_s = video.info.duration_s
        asked_s = rng.uniform(0, length_s - 1e-3, 12 if length_s > 4 else 4).tolist()
        shown = video.frames_at(asked_s, max_side=1280).pixels
        for time_s, picture in zip(asked_s, shown, strict=True):
            moments.append((name, time_s, [poor_copy(picture, cut, rng) for cut in CUTS]))
    return bank, moments


def poor_copy(picture: Pixels, cut: float, rng: np.random.Generator) -> Pixels:
    height, width = (int(cut * side) for side in picture.shape[:2])
    top, left = rng.integers(np.subtract(picture.shape[:2], (height, width)) + 1)
    scale = rng.uniform(0.3, 1.0)
    size = [max(8, int(scale * side)) for side in (width, height)]
    part = picture[top : top + height, left : left + width]
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    lit = np.clip(small * rng.uniform(0.87, 1.15) + rng.uniform(-10, 10), 0, 255).astype(np.uint8)
    quality = int(rng.integers(30, 61))
    return cv2.imdecode(cv2.imencode(".jpg", lit, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


def truth(bank: list[Any], moments: list[Any]) -> list[NDArray[np.bool_]]:
    """For each moment `[N, 2]`: which of the bank are of its film or look the same; of its time."""
    names, times_s = (np.array(column) for column in list(zip(*bank, strict=True))[:2])
    small = [cv2.resize(p, (48, 32), interpolation=cv2.INTER_AREA) for *_, p in bank]
    looks = np.stack(small).astype(np.float32)
    rights = []
    for film, time_s, _ in moments:
        is_film, away_s = names == film, np.abs(times_s - time_s)
        is_near, true = is_film & (away_s <= 2), looks[is_film & (away_s <= 1)]
        off = np.abs(looks[:, None] - true).max(axis=-1)
        is_film |= off.mean(axis=(2, 3)).min(axis=1) < ALIKE
        rights.append(np.stack([is_film, is_near], axis=1))
    return rights


def retrieval(folder: Path) -> str:
    bank, moments = collect(folder, np.random.default_rng(7))
    rights = truth(bank, moments)
    plain = PlainEmbedder()
    ways = {
        "`PlainEmbedder`": lambda picture: plain.embed_pictures(picture[None])[0],
        "colour histogram": histogram,
    }
    hits = {name: first(bank, moments, rights, embed) for name, embed in ways.items()}
    hits["chance"] = "-", np.stack([[right.mean(axis=0)] * len(CUTS) for right in rights])
    is_real = np.array([not film.startswith("world") for film, _, _ in moments])
    rows = []
    for group, which in (("real clips", is_real), ("worlds", ~is_real)):
        for name, (per_s, hit) in hits.items():
            shares = (100 * hit[which].mean(axis=0)).round().astype(int).tolist()
            cells = " | ".join(f"{film} / {near}" for film, near in shares)
            rows.append(f"| {group} ({which.sum()}) | {name} | {cells} | {per_s} |")
    title = f"A picture among {len(bank)} of {len({film for film, *_ in bank})} films"
    cuts = [f"{100 * cut:.0f} %" for cut in CUTS]
    return table(title, ("film / within 2 s, in %", "by", *cuts, "pictures a second"), rows)


def first(bank: list[Any], moments: list[Any], rights: list[Any], embed: Any) -> Any:
    """Pictures a second; `[moments, cuts, 2]`: is the best one of the right film, of its time?"""
    took_s, rows = cpu_s(lambda: [embed(picture) for *_, picture in bank], runs=1)
    stored = np.stack(rows).T
    best = [[(embed(copy) @ stored).argmax() for copy in copies] for *_, copies in moments]
    return f"{len(bank) / took_s:.0f}", np.stack([r[i] for r, i in zip(rights, best, strict=True)])


def chunks(video: Video) -> list[tuple[Span, Frames]]:
    spans = [Span(start=s, end=s + 64).clamp(video.info.span) for s in video.info.span.every(64)]
    return [(span, video.frames(span, fps=1, max_side=320)) for span in spans if span]


def see(eye: Any, video: Video, parts: list[tuple[Span, Frames]], runs: int) -> tuple[float, Any]:
    return cpu_s(lambda: [e for span, frames in parts for e in eye.see(video, span, frames)], runs)


def said(name: str, found: list[Evidence]) -> list[str]:
    return [f"- {name}, {seconds([e.span])} s: {' / '.join(e.text.splitlines())}" for e in found]


def seconds(spans: list[Span]) -> str:
    return ", ".join(f"{span.start:.0f}-{span.end:.0f}" for span in spans)


def movement(folder: Path) -> str:
    rows, words = [], [""]
    for name, truth in MOVES.items():
        with open_video(folder / name) as video:
            decode_s, parts = cpu_s(lambda video=video: chunks(video))
            activity_s, captions = see(Activity(), video, parts, 3)
            moving_s, tracks = see(MovingThings(), video, parts, 3)
            per_hour = 3600 / video.info.duration_s
        costs = (f"{s * per_hour:.1f}" for s in (activity_s, moving_s, decode_s))
        found = join_tracks(tracks)
        rows.append(f"| {name} | {truth} | {len(found)}: {seconds(found)} | {' | '.join(costs)} |")
        words += said(f"`MovingThings`, {name}", tracks)
        words += said(f"`Activity`, {name}", captions) if name == "cars.mp4" else []
    head = ("", "truth, s", "found, s", "`Activity`", "`MovingThings`", "decoding those pictures")
    return table("What moves, and seconds for an hour of video", head, rows + words)


class Counted(ScreenText):
    num = 0

    def read(self, pixels: Pixels) -> tuple[TextLine, ...]:
        self.num += 1
        return super().read(pixels)


def reading(folder: Path) -> str:
    if not (find_spec("rapidocr") and find_spec("onnxruntime")):
        return "## What is read\n\nNot measured: rapidocr is not installed here."
    eye, rows, words = Counted(), [], [""]
    eye.read(np.zeros((64, 64, 3), dtype=np.uint8))  # loads the models
    for name, truth in READS.items():
        eye.num = 0
        with open_video(folder / name) as video:
            parts = chunks(video)
            took_s, found = see(eye, video, parts, 1)
        lines = sum(len(e.text.splitlines()) for e in found)
        share = f"{eye.num} of {sum(len(frames) for _, frames in parts)}"
        rows.append(f"| {name} | {truth} | {lines} | {share} | {took_s / eye.num:.2f} |")
        words += said(name, found)
        if name.startswith("timecode"):
            words.append(f"- Of these {len(found)}, {sum(map(is_exact, found))} are exact.")
    head = ("", "written there, s", "lines read", "pictures read, of one a second", "s a reading")
    return table("What is read", head, rows + words)


def is_exact(found: Evidence) -> bool:
    num = round(found.frames[0].time_s * 30000 / 1001)
    clock = f"00:00:{num // 30:02d};{num % 30:02d}"
    return found.text.splitlines() == [f"{num}.000", f"{num * 1001 / 30000:.3f}", clock]


if __name__ == "__main__":
    main()
