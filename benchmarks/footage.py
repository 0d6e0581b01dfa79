"""Footage to measure on: an hour of it, made in a minute.

Half a minute of moving texture, objects and grain is encoded by x264 as it comes (GOP up to 250,
B-frames, 30 frames a second), which then costs about what real footage of its size costs to decode.
Its packets are repeated, each time with later timestamps, until the file is long enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from playhead.video.synthetic import Encoding, encode_pictures

FPS = 30
WIDTHS = {360: 640, 720: 1280, 1080: 1920}
PIECE_S = 32


def footage(folder: Path, height: int, hours: float) -> Path:
    """The file for a size, made if it is not there."""
    path = folder / f"{height}p-{hours:g}h.mp4"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        piece, unfinished = folder / f"{height}p-piece.mp4", path.with_suffix(".part")
        if not piece.exists():
            with av.open(str(piece), "w") as file:
                num_frames = PIECE_S * FPS
                encode_pictures(
                    file,
                    scenery(height, WIDTHS[height], num_frames),
                    range(num_frames + 1),
                    tick_s=Fraction(1, FPS),
                    fps=Fraction(FPS),
                    encoding=Encoding(),
                )
        repeat(piece, unfinished, hours * 3600)
        unfinished.rename(path)
    return path


def scenery(height: int, width: int, num_frames: int) -> Iterator[NDArray[np.uint8]]:
    """Four scenes of texture under a drifting camera, with moving objects and film grain."""
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 2.0, (4, height, width, 1)).astype(np.float32)
    for first in range(0, num_frames, num_frames // 4):
        ground = texture(rng, 2 * height, 2 * width)
        things = [texture(rng, height // 4, height // 4) for _ in range(5)]
        speeds = rng.uniform(-0.25, 0.25, (5, 2)) * height / FPS
        places = rng.uniform(0.1, 0.6, (5, 2)) * (height, width)
        drift, turn = rng.uniform(-0.1, 0.1, 2) * height / FPS, rng.uniform(-0.05, 0.05) / FPS
        for n in range(min(num_frames // 4, num_frames - first)):
            camera = np.array([[1, -n * turn, width / 2], [n * turn, 1, height / 2]])
            camera[:, 2] += n * drift[::-1] + rng.normal(0, 0.2, 2)
            picture = cv2.warpAffine(
                ground,
                camera,
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT,
            )
            for thing, speed, place in zip(things, speeds, places, strict=True):
                side = len(thing)
                top, left = (place + n * speed).astype(int) % (height - side, width - side)
                picture[top : top + side, left : left + side] = thing
            yield np.clip(picture + grain[n % 4], 0, 255).astype(np.uint8)


def texture(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Coloured noise that, like photographs, has more of the coarse than of the fine."""
    total = np.full((height, width, 3), 128, dtype=np.float32)
    for octave in range(2, 8):
        coarse = rng.normal(0, 60 / octave, (2**octave, 2**octave, 3)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return total


def repeat(piece: Path, path: Path, duration_s: float) -> None:
    """The packets of `piece` again and again, each time later by its length."""
    with av.open(str(path), "w", "mp4") as target:
        copy = None
        for turn in range(round(duration_s / PIECE_S)):
            with av.open(str(piece)) as source:
                stream = source.streams.video[0]
                copy = copy or target.add_stream_from_template(stream)
                assert stream.time_base is not None
                shift = round(turn * PIECE_S / stream.time_base)
                for packet in source.demux(stream):
                    if packet.dts is not None and packet.pts is not None:
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = copy
                        target.mux(packet)
