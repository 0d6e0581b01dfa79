"""What the tests of memories remember: two short films of coloured cars, seen, said and read."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.core import Evidence, FrameRef, Kind, Span
from playhead.memory import Batch, Entry

COLOURS = {"red": (200, 30, 40), "green": (30, 190, 60), "blue": (20, 40, 210)}


class ColourEmbedder:
    """Pictures by the colours of their parts, words by the colours they name; one space for both.

    Words that name no colour get a direction of their own, so that nothing is equally near to them.
    """

    name, dim = "toy/colour 1", 48

    def embed_pictures(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = pixels.reshape(len(pixels), 4, 4, 4, 4, 3).mean(axis=(2, 4))
        return _unit(parts.reshape(len(pixels), 48))

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return _unit(np.array([self._direction(text) for text in texts]))

    def _direction(self, text: str) -> NDArray[np.float64]:
        named = [COLOURS[colour] for colour in COLOURS if colour in text]
        if named:
            return np.tile(np.mean(named, axis=0), 16)
        return np.random.default_rng(zlib.crc32(text.encode())).normal(size=48)


class LetterEmbedder:
    """Words by how often they have each letter."""

    name, dim = "toy-letters", 26

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        alphabet = "abcdefghijklmnopqrstuvwxyz"
        return _unit(np.array([[text.count(c) + 0.01 for c in alphabet] for text in texts]))


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def picture(colour: str, seed: int = 0) -> NDArray[np.uint8]:
    """A colour with a tint: no two seeds give pictures that are equally near to a third."""
    rng = np.random.default_rng(seed)
    tint = rng.uniform(-20, 20, 3) + rng.integers(-9, 9, (16, 16, 3))
    return np.clip(np.array(COLOURS[colour]) + tint, 0, 255).astype(np.uint8)


def batches(video_id: str, num_seconds: int = 90, seed: int = 0) -> list[Batch]:
    """A film: a picture a second of cars that change their colour, speech, and screen text."""
    rng = np.random.default_rng(seed)
    colours = [str(rng.choice(list(COLOURS))) for _ in range(num_seconds // 10)]
    by_picture, by_words = ColourEmbedder(), LetterEmbedder()
    found: list[Batch] = []
    for part, colour in enumerate(colours):
        whole = Span(start=part * 10.0, end=part * 10.0 + 10.0)
        entries: list[Entry] = []
        for i in range(10):
            time_s = part * 10.0 + i
            vector = by_picture.embed_pictures(
                picture(colour, seed=1000 * seed + int(time_s))[None]
            )[0]
            frame = FrameRef(video_id=video_id, time_s=time_s, height=16, width=16)
            seen = Evidence.make(
                video_id, Span(start=time_s, end=time_s + 1), Kind.PICTURE, frames=[frame]
            )
            entries.append(Entry(seen, "eye 1", vectors={by_picture.name: vector}))
        said = f"now the {colour} car number {part} drives by, says the speaker"
        for kind, text, start in ((Kind.SPEECH, said, 2.5), (Kind.SCREEN_TEXT, f"{colour}", 6.25)):
            span = Span(start=whole.start + start, end=whole.start + start + 3.5)
            words = Evidence.make(video_id, span, kind, text=text, score=0.1 * part)
            vectors = {by_words.name: by_words.embed_texts([text])[0]}
            entries.append(Entry(words, "ear 1", level="8s" * (part % 2), vectors=vectors))
        seen_kinds = [("picture", whole), ("speech", whole)]
        found.append(Batch(video_id, entries, seen_kinds, {f"fine/{part}": ""}))
    found.append(Batch(video_id, done={"late/0": "DecodeFailed: a hole"}))
    return found
