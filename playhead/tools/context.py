"""What the tools work with, and what they may spend. A policy never sees it.

The one idea: a tool pays before it looks. It asks the context for pictures, the context asks the
ledger, and what is not affordable is not decoded; so a budget holds whatever a policy asks for,
also when several calls of one turn run at the same time.

Videos are known to a policy by handles, `v1`, `v2` ..., and never by a path.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from playhead.core.budget import Budget, Cost
from playhead.core.errors import Blamed, Origin
from playhead.core.evidence import Evidence
from playhead.core.media import FrameRef, Region, VideoInfo
from playhead.core.memory import Hit
from playhead.core.span import Span
from playhead.memory.library import Library
from playhead.memory.videos import LibraryVideo
from playhead.models.eyes.base import Captioner
from playhead.tools.anchors import LISTED
from playhead.tools.anchors import Anchor as Anchor
from playhead.tools.citing import by_id, by_time, read_time
from playhead.tools.given import given_ref
from playhead.tools.ledger import QUOTA_TOKENS as QUOTA_TOKENS
from playhead.tools.ledger import Ledger as Ledger
from playhead.tools.ledger import Quota as Quota
from playhead.tools.ledger import side_for as side_for
from playhead.tools.ledger import tokens_at
from playhead.tools.ledger import visual_tokens as visual_tokens
from playhead.tools.made import is_made, make_again
from playhead.tools.roi import on_pixels
from playhead.video.base import Frames, Video

_KEPT_PICTURES = 256  # decoded pictures kept for the policy that is about to be shown them


@dataclass
class ToolContext:
    """One question's view of a library. Use it in a `with` block: it holds videos open."""

    library: Library
    video_ids: Sequence[str]
    """The videos of the question; the first is meant where a call names none."""
    ledger: Ledger = field(default_factory=lambda: Ledger(Budget()))
    within: Span | None = None
    """The part of the video that may be looked at. None: all of it."""
    until_s: float | None = None
    """Nothing after this second may be seen: a stream has only come so far. None: all."""
    captioner: Captioner | None = None
    """Who writes captions. None: the embedded rule."""
    question_pictures: Sequence[FrameRef] = ()
    """Pictures that came with the question: anchors `q1`, `q2` ..."""
    options: Sequence[str] = ()
    """The answers to choose from. Empty: an open question."""
    given: dict[str, NDArray[np.uint8]] = field(default_factory=dict[str, NDArray[np.uint8]])
    """The pixels of pictures that come from no video, by the id in their references: the
    question's, and those that somebody else's tools have shown."""
    keep_given: Callable[[NDArray[np.uint8]], FrameRef] = given_ref
    """Says what such a picture is called, and keeps it for after this attempt, if it is to be."""
    anchors: dict[str, Anchor] = field(default_factory=dict[str, Anchor])
    evidence: dict[str, Evidence] = field(default_factory=dict[str, Evidence])
    """Everything found in this attempt, by id."""

    def __post_init__(self) -> None:
        if not self.video_ids:
            raise ValueError("a question is about at least one video: got none")
        self._open: dict[str, Video] = {}
        self._known: dict[str, LibraryVideo] = {}
        self._pictures: OrderedDict[FrameRef, NDArray[np.uint8]] = OrderedDict()
        self._guard = threading.RLock()
        for i, frame in enumerate(self.question_pictures, start=1):
            self.anchors.setdefault(f"q{i}", Anchor(f"q{i}", frame, "picture"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the videos back. Closing twice is fine."""
        with self._guard, ExitStack() as stack:
            for video in self._open.values():
                stack.callback(video.close)
            self._open.clear()
            self._pictures.clear()

    # Which video, which part

    def handle(self, video_id: str) -> str:
        """What a policy calls a video: `v1` ..."""
        return f"v{list(self.video_ids).index(video_id) + 1}"

    def video_id(self, handle: str | None = None) -> str:
        """The id of the video that a policy means; the first if it names none.

        Raises:
            Blamed: There is none of that name; the model's fault.
        """
        if handle is None or not handle.strip():
            return self.video_ids[0]
        handles = {self.handle(video_id): video_id for video_id in self.video_ids}
        name = handle.strip().lower()
        if name in handles:
            return handles[name]
        if name in self.video_ids:
            return name
        known = ", ".join(list(handles)[:LISTED])
        raise Blamed(Origin.MODEL, f"no video {handle[:40]!r}; there are {known}", "no_such_video")

    def info(self, video_id: str) -> VideoInfo:
        """What is known about a video, also when its file is gone."""
        return self.known(video_id).info

    def known(self, video_id: str) -> LibraryVideo:
        """What the library knows about a video. An id names the content, so it is asked once."""
        if video_id not in self._known:
            self._known[video_id] = self.library.video(video_id)
        return self._known[video_id]

    def whole(self, video_id: str) -> Span:
        """The part of a video that may be looked at."""
        whole = self.info(video_id).span
        if self.within is not None:
            whole = whole.clamp(self.within) or whole
        if self.until_s is not None:
            whole = Span(
                start=whole.start, end=max(min(whole.end, self.until_s), whole.start + 1e-3)
            )
        return whole

    @property
    def latest_s(self) -> float | None:
        """What is remembered of a stretch that ends later is not told: a line, a caption or a note
        that begins inside the part that may be seen says what comes after it, too. None: all."""
        ends = [self.until_s, None if self.within is None else self.within.end]
        return min((end for end in ends if end is not None), default=None)

    def clamp(self, video_id: str, start_s: float | None, end_s: float | None) -> tuple[Span, str]:
        """The part that a policy asked for, made possible, and a sentence that says what changed.

        Raises:
            Blamed: Nothing of it is inside the video; the model's fault.
        """
        whole = self.whole(video_id)
        start = whole.start if start_s is None else float(start_s)
        end = whole.end if end_s is None else float(end_s)
        if math.isnan(start) or math.isnan(end) or start >= end:
            raise Blamed(Origin.MODEL, f"a part needs start_s < end_s: got {start_s} and {end_s}")
        part = Span(start=max(0.0, start), end=max(end, 1e-9)).clamp(whole) if end > 0 else None
        if part is None:
            raise Blamed(
                Origin.MODEL,
                f"{start:g} to {end:g} s is outside: the video can be seen from "
                f"{whole.start:.1f} to {whole.end:.1f} s",
            )
        if part.start > start + 1e-6 or part.end < end - 1e-6:
            return part, f"Only {part.start:.1f} to {part.end:.1f} s exist; shown is that part."
        return part, ""

    # Pictures

    def price(self, video_id: str, num: int, max_side: int, roi: Region | None = None) -> Cost:
        """What so many pictures of that size cost: of the region that is shown, if one is."""
        tokens = tokens_at(self.info(video_id), max_side, roi)
        return Cost(frames=num, frames_decoded=num, visual_tokens=tokens * num)

    def pay(self, price: Cost) -> None:
        """Spend what pictures cost, before they are decoded.

        Raises:
            Blamed: The budget does not allow it; the model's fault, and the message says what is
                left.
        """
        if self.ledger.pay(price):
            return
        left = self.ledger.left
        raise Blamed(
            Origin.MODEL,
            f"{price.frames} pictures of {price.visual_tokens // max(1, price.frames)} tokens each "
            f"are not affordable: left are {left.frames} pictures and {left.visual_tokens} visual "
            "tokens. Ask for fewer or answer now",
            "out_of_budget",
        )

    def look(
        self,
        video_id: str,
        times_s: Sequence[float],
        *,
        max_side: int,
        source: str = "look",
        roi: Region | None = None,
    ) -> tuple[Frames, Cost]:
        """Pay for pictures, decode them and remember that they were looked at.

        Args:
            video_id: Which video.
            times_s: Ascending, inside the part that may be looked at.
            max_side: Longer side, in pixels, of the whole picture.
            source: Which tool looks, for the memory.
            roi: Only this region of each picture. None: all of it.

        Returns:
            The pictures, and what they cost.

        Raises:
            Blamed: The budget does not allow it; see `pay`.
            VideoError: The pictures cannot be read.
        """
        price = self.price(video_id, len(times_s), max_side, roi)
        self.pay(price)
        return self.see(video_id, times_s, max_side=max_side, source=source, roi=roi), price

    def see(
        self,
        video_id: str,
        times_s: Sequence[float],
        *,
        max_side: int,
        source: str,
        roi: Region | None = None,
    ) -> Frames:
        """`look` at what is paid for already."""
        frames = self.decode(video_id, times_s, max_side=max_side)
        if roi is not None:
            frames = frames.crop(on_pixels(roi, *frames.pixels.shape[1:3]))
            for ref, picture in zip(frames.refs, frames.pixels, strict=True):
                self.keep(ref, picture)
        self.library.remember(frames, source)
        return frames

    def affordable(self, num: int, tokens_each: int) -> int:
        """How many of `num` pictures the budget allows; may be 0."""
        left = self.ledger.left
        by_frames = num if left.frames is None else left.frames
        by_tokens = num if left.visual_tokens is None else left.visual_tokens // max(1, tokens_each)
        return max(0, min(num, by_frames, by_tokens))

    def decode(self, video_id: str, times_s: Sequence[float], *, max_side: int | None) -> Frames:
        """Decode pictures without paying: for what no policy is shown.

        Raises:
            VideoError: The pictures cannot be read.
        """
        video = self.video(video_id)
        frames = video.frames_at(times_s, max_side=max_side)
        with self._guard:
            for ref, picture in zip(frames.refs, frames.pixels, strict=True):
                self._keep(ref, picture)
        return frames

    def video(self, video_id: str) -> Video:
        """The open video; stays the context's to close.

        Raises:
            VideoNotFound: Its file was moved or is gone.
        """
        with self._guard:
            if video_id not in self._open:
                self._open[video_id] = self.library.open(video_id)
            return self._open[video_id]

    def keep(self, ref: FrameRef, picture: NDArray[np.uint8]) -> None:
        """Keep a picture that was made, such as a contact sheet, for when it is shown."""
        with self._guard:
            self._keep(ref, picture)

    def give(self, picture: NDArray[np.uint8]) -> FrameRef:
        """The reference of a picture that comes from no video, RGB uint8 `[H, W, 3]`."""
        ref = self.keep_given(picture)
        with self._guard:
            self.given[ref.video_id] = picture
        return ref

    def resolve(self, refs: Iterable[FrameRef]) -> list[NDArray[np.uint8]]:
        """From references to pictures, RGB uint8 `[H, W, 3]` (see `playhead.models.pictures`).

        Raises:
            VideoError: One cannot be read.
        """
        return [self._resolve(ref) for ref in refs]

    def _resolve(self, ref: FrameRef) -> NDArray[np.uint8]:
        with self._guard:
            if ref in self._pictures:
                self._pictures.move_to_end(ref)
                return self._pictures[ref]
        if ref.video_id in self.given:
            picture = self.given[ref.video_id]
        elif is_made(ref):
            picture = make_again(ref, lambda id_, t, side: self.decode(id_, t, max_side=side))
        else:
            picture = self.library.picture(ref, video=self.video(ref.video_id))
        with self._guard:
            self._keep(ref, picture)
        return picture

    def _keep(self, ref: FrameRef, picture: NDArray[np.uint8]) -> None:
        self._pictures[ref] = picture
        self._pictures.move_to_end(ref)
        while len(self._pictures) > _KEPT_PICTURES:
            self._pictures.popitem(last=False)

    # Remembering and finding

    def found(self, evidence: Iterable[Evidence]) -> None:
        """Let evidence be cited in the answer."""
        with self._guard:
            self.evidence.update((piece.id, piece) for piece in evidence)

    def cited(self, name: str) -> Evidence | None:
        """What an answer means by what it cites: an id, also in brackets or cut short, or the time
        of a picture that was shown, such as `42.0s`, with a handle where there are several videos.
        None: nothing that was found."""
        name = name.strip().strip("[]").strip()
        with self._guard:
            found = dict(self.evidence)
        read = read_time(name)
        if read is None:
            return by_id(found, name)
        handle, time_s = read
        ids = [id_ for id_ in self.video_ids if handle.lower() in ("", self.handle(id_))]
        return by_time([each for each in found.values() if each.video_id in ids], time_s)

    def search(self, text: str | None = None, **how: Any) -> list[Hit]:
        """The library's search, within what may be seen: the videos, the part and the past."""
        how.setdefault("videos", list(self.video_ids))
        how.setdefault("until_s", self.latest_s)
        if self.within is not None:
            how.setdefault("span", self.within)
        return self.library.search(text, **how)
