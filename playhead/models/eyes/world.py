"""An eye for rendered worlds: what happens in a video of `playhead.worlds`, one sentence each.

For such videos it is what a perfect captioner would be for others: it looks at ten pictures a
second, writes down what they show with `worlds.watch`, and tells each thing that happens (who
raised a card where, what it said, who flashed how often, who stood where) with the seconds in which
it was so. It is given pixels and nothing else. In any other video it sees nothing.

What goes on where one piece of the work ends and the next begins is told twice, once in each; the
two touch.
"""

from __future__ import annotations

import math

from playhead.core.evidence import Evidence, Kind
from playhead.core.media import FrameRef
from playhead.core.span import Span
from playhead.video.base import Frames, Video
from playhead.worlds.eyes import perceive
from playhead.worlds.telling import facts_in, sentence
from playhead.worlds.watch import Eyes, Glimpse, Heard, piece_together, skim

_MAX_SIDE = 640


class WorldEye:
    """An eye that tells what happens in rendered worlds. Looks for itself; a late eye."""

    needs_frames = False
    unit_s = 300.0

    def __init__(
        self, *, fps: float = 10.0, eyes: Eyes = perceive, patience_s: float = 0.25, tag: str = ""
    ) -> None:
        """Make the eye.

        Args:
            fps: Pictures a second. Below ten it misses flashes, below one cards.
            eyes: From a picture to what it shows.
            patience_s: What is not seen for so long is still there, in seconds. Two cards of one
                actor may follow each other after 0.3; eyes that make mistakes need 0.7, since they
                make the same one for as long as the picture stays the same.
            tag: Names `eyes` if they are others.
        """
        if not 0 < fps < math.inf:
            raise ValueError(f"fps is a positive number: got {fps}")
        self._fps, self._eyes, self._patience_s, self._tag = fps, eyes, patience_s, tag

    @property
    def name(self) -> str:
        """Names the eye, its rate, its patience and its version."""
        tag = f"-{self._tag}" if self._tag else ""
        return f"world-1-{self._fps:g}-{self._patience_s:g}{tag}"

    @property
    def kind(self) -> str:
        """The channel: captions."""
        return Kind.CAPTION.value

    def see(self, video: Video, span: Span, frames: Frames) -> list[Evidence]:
        """A caption for everything that happens in `span`, in order of time.

        Args:
            video: Is read at the eye's own rate.
            span: The stretch. What began before it begins with it, what goes on ends with it.
            frames: Not used.
        """
        first = math.ceil(span.start * self._fps - 1e-9)
        times_s = [k / self._fps for k in range(first, math.ceil(span.end * self._fps))]
        times_s = [time_s for time_s in times_s if time_s in span]
        seen = skim(video, times_s, eyes=self._eyes, max_side=_MAX_SIDE)
        glimpses = [g for g in seen if g.time_ms >= 1000 * span.start - 1]
        start_ms = round(1000 * span.start)
        shifted = [Glimpse(max(0, g.time_ms - start_ms), g.seen) for g in glimpses]
        patience_ms = round(1000 * self._patience_s)
        notes = piece_together(shifted, Heard(span.duration), patience_ms=patience_ms)
        found: list[Evidence] = []
        for fact in facts_in(notes):
            start, end = (span.start + t / 1000 for t in (fact.start_ms, fact.end_ms))
            part = Span(start=start, end=end).clamp(span)
            if part is not None:
                text = sentence(fact)
                ref = _picture(video, part, glimpses)
                found.append(Evidence.make(video.id, part, self.kind, text=text, frames=[ref]))
        return found


def _picture(video: Video, part: Span, glimpses: list[Glimpse]) -> FrameRef:
    """The picture in the middle of a part."""
    middle_ms = 500 * (part.start + part.end)
    time_ms = min((g.time_ms for g in glimpses), key=lambda t: abs(t - middle_ms))
    info = video.info
    return FrameRef(video_id=video.id, time_s=time_ms / 1000, height=info.height, width=info.width)
