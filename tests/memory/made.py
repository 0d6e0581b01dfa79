"""Small evidence, small vectors and small embedders, the same ones for every test of the memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.core import Evidence, FrameRef, Span
from playhead.memory import Batch, Entry

DIM = 8


def said(
    video_id: str,
    start_s: float,
    text: str,
    *,
    kind: str = "speech",
    length_s: float = 1.0,
    time_s: float | None = None,
) -> Evidence:
    """Something with words in it; with `time_s` it rests on a picture."""
    span = Span(start=start_s, end=start_s + length_s)
    frames = [FrameRef(video_id=video_id, time_s=time_s, height=90, width=160)] if time_s else []
    return Evidence.make(video_id, span, kind, text=text, frames=frames)


def unit(*numbers: float, dim: int = DIM) -> NDArray[np.float32]:
    """A unit vector that begins with these numbers."""
    vector = np.zeros(dim, np.float32)
    vector[: len(numbers)] = numbers
    return vector / np.linalg.norm(vector)


def some_unit(seed: int, dim: int = DIM) -> NDArray[np.float32]:
    """A unit vector that depends on `seed` alone."""
    vector = np.random.default_rng(seed).normal(size=dim)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def batch(video_id: str, number: int, num: int = 4) -> Batch:
    """One unit of work: evidence with words and vectors, coverage, and the mark that it is done."""
    start_s = float(number * num)
    entries = [
        Entry(
            said(video_id, start_s + i, f"word{number} line {i} of {video_id}"),
            source="eye 1",
            level="fine" if i % 2 else "",
            vectors={"clip": some_unit(number * 1000 + i)}
            | ({"text": some_unit(number * 1000 + i + 500, dim=4)} if i % 2 else {}),
        )
        for i in range(num)
    ]
    seen = [("speech", Span(start=start_s, end=start_s + num))]
    return Batch(video_id, entries, seen, {f"unit {number}": ""})


class Toy:
    """Embeds a picture as its mean colour and a text as the colours that it names."""

    name = "toy"
    dim = 4

    def embed_pictures(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """`[N, H, W, 3]` to `[N, 4]`."""
        means = pictures.reshape(len(pictures), -1, 3).mean(axis=1) / 255
        return _lengthened(np.concatenate([means, np.full((len(means), 1), 0.1)], axis=1))

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """To `[N, 4]`."""
        named = [[float(colour in text) for colour in ("red", "green", "blue")] for text in texts]
        return _lengthened(np.array([[*colours, 0.1] for colours in named]))


def plain(red: int, green: int, blue: int) -> NDArray[np.uint8]:
    """A picture of one colour."""
    return np.full((6, 8, 3), (red, green, blue), np.uint8)


def _lengthened(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
