"""Time: seconds from the first displayed frame, and half-open spans of them.

There is one clock in Playhead. A time is a float number of seconds from the moment the first frame
is shown; a `Span` is `[start, end)`. Frame numbers, container timestamps and wall clocks stay where
they come from and never reach a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import ceil
from typing import Any, Self

from pydantic import model_validator

from playhead.core.value import Value

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")


def format_time(time_s: float, *, decimals: int = 1) -> str:
    """A time as people write it: `0:42.0`, `1:02:03.5`. `time_s` is in seconds, not negative."""
    if not 0 <= time_s < float("inf"):
        raise ValueError(f"a time is a finite number of seconds, 0 or more: got {time_s}")
    ticks = round(time_s * 10**decimals)  # round once, so that 59.99 becomes 1:00.0 and not 0:60.0
    seconds, fraction = divmod(ticks, 10**decimals)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    tail = f".{fraction:0{decimals}d}" if decimals else ""
    return (
        f"{hours}:{minutes:02d}:{seconds:02d}{tail}" if hours else f"{minutes}:{seconds:02d}{tail}"
    )


def stamp(time_s: float) -> str:
    """The time of a picture as a model is told it: `42.0s`, `4.24s`.

    Rounded up to 1/100 s, so that asking for the second that was told gives the same picture again
    (up to 100 pictures a second; to the nearest it would often name the picture before).
    """
    hundredths = ceil(time_s * 100 - 1e-4)
    decimals = 2 if hundredths % 10 else 1
    return f"{hundredths / 100:.{decimals}f}s"


def parse_time(text: str) -> float:
    """Seconds from `"42"`, `"42.5s"`, `"1:02.5"` or `"1:02:03.5"`.

    Raises:
        ValueError: The text is not a time.
    """
    match = _CLOCK.fullmatch(text.strip().removesuffix("s"))
    if not match:
        raise ValueError(f"not a time such as 42.5, 1:02.5 or 1:02:03.5: got {text!r}")
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)


class Span(Value):
    """A stretch of time `[start, end)`, in seconds from the first displayed frame."""

    start: float
    """Where it starts, in seconds. 0 or more."""
    end: float
    """Where it ends, in seconds. After `start`; not part of the span."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if not 0 <= self.start < self.end:
            raise ValueError(
                f"a span needs 0 <= start < end: got start={self.start}, end={self.end}"
            )
        return self

    @classmethod
    def parse(cls, text: str) -> Self:
        """A span from `"42-54.1"` or `"1:02.5-1:10"`.

        Raises:
            ValueError: The text is not two times joined by a dash, or they are not in order.
        """
        start, dash, end = text.partition("-")
        if not dash:
            raise ValueError(f"not a span such as 42-54.1 or 1:02-1:10: got {text!r}")
        return cls(start=parse_time(start), end=parse_time(end))

    @property
    def duration(self) -> float:
        """How long it is, in seconds."""
        return self.end - self.start

    @property
    def timecode(self) -> str:
        """As people write it: `0:42.0-0:54.1`."""
        return f"{format_time(self.start)}-{format_time(self.end)}"

    def __contains__(self, time_s: float) -> bool:
        return self.start <= time_s < self.end

    def intersection(self, other: Span) -> Span | None:
        """The part that both have; None if they do not touch."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start=start, end=end) if start < end else None

    def iou(self, other: Span) -> float:
        """Intersection over union with `other`: 1 for the same span, 0 for none in common."""
        both = self.intersection(other)
        if both is None:
            return 0.0
        return both.duration / (self.duration + other.duration - both.duration)

    def clamp(self, within: Span) -> Span | None:
        """The part of this span inside `within`; None if nothing is left."""
        return self.intersection(within)

    def grid(self, num: int) -> list[float]:
        """The centres of `num` equal parts, in seconds.

        Raises:
            ValueError: `num` is less than 1.
        """
        if num < 1:
            raise ValueError(f"a grid needs at least 1 part: got {num}")
        part_s = self.duration / num
        return [self.start + part_s * (i + 0.5) for i in range(num)]

    def every(self, step_s: float) -> list[float]:
        """`start`, `start + step_s`, ... up to but not including `end`, in seconds.

        Raises:
            ValueError: `step_s` is not a positive number.
        """
        if not 0 < step_s < float("inf"):
            raise ValueError(f"a step is a positive number of seconds: got {step_s}")
        num = max(1, int(-(-self.duration // step_s)))
        times_s = (self.start + i * step_s for i in range(num))
        return [time_s for time_s in times_s if time_s < self.end]

    def __lt__(self, other: Any) -> bool:
        if not isinstance(other, Span):
            return NotImplemented
        return (self.start, self.end) < (other.start, other.end)


def merge(spans: list[Span], *, gap_s: float = 0.0) -> list[Span]:
    """`spans` in order, those that overlap or lie at most `gap_s` seconds apart made one."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start - merged[-1].end <= gap_s:
            last = merged.pop()
            span = Span(start=last.start, end=max(last.end, span.end))
        merged.append(span)
    return merged


def outside(whole: Span, spans: Iterable[Span], margin_s: float = 0.0) -> list[Span]:
    """What is left of `whole` without `spans` and so many seconds around each."""
    left, start = list[Span](), whole.start
    for span in sorted(spans):
        if span.start - margin_s > start:
            left.append(Span(start=start, end=min(span.start - margin_s, whole.end)))
        start = max(start, span.end + margin_s)
        if start >= whole.end:
            break
    if start < whole.end:
        left.append(Span(start=start, end=whole.end))
    return left
