"""What an eye is: something that turns pictures or sound into what a memory can keep.

There are two kinds. An *embedder* turns pictures (or words) into vectors that lie near each other
when they show the same; an *eye* turns a stretch of video into evidence in words. The one rule that
both keep: what they give depends on what they are given and on nothing else, so that an index built
in pieces, in any order, by any number of processes, is the same index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from playhead.core.evidence import Evidence
from playhead.core.span import Span
from playhead.video.base import Frames, Video

Vectors = NDArray[np.float32]
"""`[N, dim]`, every row of length 1."""


@runtime_checkable
class PictureEmbedder(Protocol):
    """Turns pictures into vectors."""

    @property
    def name(self) -> str:
        """Names the space: vectors of two embedders compare exactly if their names are equal."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    def embed_pictures(self, pixels: NDArray[np.uint8]) -> Vectors:
        """One unit vector for each picture of `pixels`, RGB uint8 `[N, H, W, 3]`."""
        ...


@runtime_checkable
class TextEmbedder(Protocol):
    """Turns words into vectors. A model that embeds both has both methods and one name."""

    @property
    def name(self) -> str:
        """Names the space: vectors of two embedders compare exactly if their names are equal."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text."""
        ...


class Eye(Protocol):
    """Turns a stretch of video into evidence in words."""

    @property
    def name(self) -> str:
        """Names the eye and its version: another name means that it may see something else."""
        ...

    @property
    def kind(self) -> str:
        """The channel of the evidence it gives: one of `playhead.core.Kind`, or its own word."""
        ...

    def see(self, video: Video, span: Span, frames: Frames) -> list[Evidence]:
        """What it sees in `span`, in order of time; empty if nothing.

        Args:
            video: For a closer look than `frames` allow.
            span: The stretch, inside the video. No evidence may lie outside it.
            frames: Small pictures of it at a steady rate (one a second, longer side 320 pixels)
                that somebody has decoded already, ascending; never empty.

        Raises:
            VideoError: The video cannot be read there.
        """
        ...


class Captioner(Protocol):
    """Says in words what pictures show: a rule or a video model."""

    @property
    def name(self) -> str:
        """Names the captioner and its version."""
        ...

    def caption(self, frames: Frames, span: Span) -> str:
        """One or two plain sentences about `span`, which `frames` (one or more) show."""
        ...

    def summarise(self, captions: Sequence[str], span: Span) -> str:
        """One or two sentences that say what `captions`, in order of time, say about `span`."""
        ...


class Transcriber(Protocol):
    """Turns sound into words."""

    @property
    def name(self) -> str:
        """Names the engine, its model and its version."""
        ...

    def transcribe(self, samples: NDArray[np.float32], rate: int) -> list[tuple[float, float, str]]:
        """What is said: start and end in seconds from the first sample, and the words.

        Args:
            samples: One channel, -1 to 1, `[N]`.
            rate: Samples per second.
        """
        ...
