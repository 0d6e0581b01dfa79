"""What an index is made of: which eyes look, how often, how large.

The one idea: a recipe has a name for every piece of work, made of what the result depends on. Work
that was done by another recipe has another name, so a changed recipe redoes what it changes and
nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from importlib.util import find_spec
from typing import Any

from playhead.models.eyes import find_embedder, find_eye


@dataclass(frozen=True)
class MemoryRecipe:
    """How videos are indexed. Eyes and embedders are given by name or as objects."""

    embedders: Sequence[Any] = ("plain",)
    """What turns pictures, and words, into vectors."""
    eyes: Sequence[Any] = ("activity", "moving")
    """What looks at every part when it is indexed finely: cheap ones."""
    late_eyes: Sequence[Any] = field(
        default_factory=lambda: ("screen_text",) if find_spec("rapidocr") else ()
    )
    """What looks after everything else is done, each by itself: expensive ones."""
    fps: float = 1.0
    """Pictures a second of the fine index."""
    max_side: int = 320
    """Longer side of the pictures that are looked at, in pixels."""
    chunk_s: float = 64.0
    """Seconds that one piece of fine work covers."""
    coarse_chunk_s: float = 600.0
    """Seconds that one piece of coarse work covers."""
    thumbnails: bool = False
    """Keep a small picture of every keyframe, for when the file is gone."""

    def __post_init__(self) -> None:
        if not 0 < self.fps < float("inf"):
            raise ValueError(f"fps is a positive number: got {self.fps}")
        for name in ("chunk_s", "coarse_chunk_s"):
            if not 1 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is 1 second or more: got {getattr(self, name)}")
        if self.max_side < 16:
            raise ValueError(f"max_side is a number of pixels, 16 or more: got {self.max_side}")

    @cached_property
    def made_embedders(self) -> tuple[Any, ...]:
        """The embedders as objects."""
        return tuple(find_embedder(e) if isinstance(e, str) else e for e in self.embedders)

    @cached_property
    def made_eyes(self) -> tuple[Any, ...]:
        """The cheap eyes as objects."""
        return tuple(find_eye(eye) if isinstance(eye, str) else eye for eye in self.eyes)

    @cached_property
    def made_late_eyes(self) -> tuple[Any, ...]:
        """The expensive eyes as objects."""
        return tuple(find_eye(eye) if isinstance(eye, str) else eye for eye in self.late_eyes)

    @property
    def picture_embedders(self) -> tuple[Any, ...]:
        """Those that embed pictures."""
        return tuple(e for e in self.made_embedders if hasattr(e, "embed_pictures"))

    @property
    def text_embedders(self) -> tuple[Any, ...]:
        """Those that embed words and nothing else: what is said and written gets their vectors."""
        return tuple(e for e in self.made_embedders if not hasattr(e, "embed_pictures"))

    @cached_property
    def pictures(self) -> str:
        """Names the pictures of coarse and fine work: both may find the same one first."""
        return f"pictures-{_digest(self.max_side)}"

    @cached_property
    def coarse(self) -> str:
        """Names the coarse work."""
        names = [e.name for e in self.picture_embedders]
        return f"coarse-{_digest(names, self.max_side, self.coarse_chunk_s, self.thumbnails)}"

    @cached_property
    def fine(self) -> str:
        """Names the fine work."""
        names = [e.name for e in (*self.made_embedders, *self.made_eyes)]
        return f"fine-{_digest(names, self.fps, self.max_side, self.chunk_s)}"

    @cached_property
    def words(self) -> str:
        """Names the reading of subtitles."""
        return f"words-{_digest([e.name for e in self.text_embedders])}"

    def late(self, eye: Any) -> str:
        """Names the work of an expensive eye."""
        names = [eye.name, *(e.name for e in self.text_embedders)]
        return f"late-{_digest(names, self.fps, self.max_side, unit_s(eye, self))}"


def unit_s(eye: Any, recipe: MemoryRecipe) -> float:
    """Seconds that one piece of work of an expensive eye covers: its own wish, or a chunk."""
    return float(getattr(eye, "unit_s", recipe.chunk_s))


def _digest(*what: object) -> str:
    return blake2b(repr(what).encode(), digest_size=4).hexdigest()
