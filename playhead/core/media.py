"""What is known about a video, and how a record points at a picture without holding its pixels."""

from __future__ import annotations

from typing import Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from playhead.core.span import Span
from playhead.core.value import Rational, Text, Value


class TextTrack(Value):
    """One subtitle track inside a video file."""

    index: NonNegativeInt
    """Which stream of the container it is."""
    codec: Text
    language: Text | None = None
    """ISO 639 code as the file states it. None: it states none."""
    is_text: bool = True
    """False for bitmap subtitles, which would need OCR."""


class VideoInfo(Value):
    """What a video is, measured from its packets and not believed from its header."""

    duration_s: PositiveFloat
    """From the moment the first frame is shown to the moment the last one stops being shown."""
    num_frames: PositiveInt
    """How many frames the file holds."""
    fps: Rational | None = None
    """Average frames per second. None: unknown (one frame only)."""
    is_vfr: bool = False
    """True when frames are not shown for equally long."""
    height: PositiveInt
    """In pixels, as displayed: after rotation and with square pixels."""
    width: PositiveInt
    """In pixels, as displayed: after rotation and with square pixels."""
    rotation: int = 0
    """Degrees clockwise by which stored pictures are turned for display. Already applied."""
    codec: Text
    container: Text
    has_audio: bool = False
    audio_codec: Text | None = None
    """None: no sound."""
    text_tracks: tuple[TextTrack, ...] = ()
    start_s: float = 0.0
    """The container's own time of the first displayed frame, in seconds. Already subtracted."""
    num_bytes: NonNegativeInt = 0
    warnings: tuple[Text, ...] = ()
    """What was odd about the file and what was done about it."""

    @property
    def span(self) -> Span:
        """The whole video."""
        return Span(start=0.0, end=self.duration_s)


class Region(Value):
    """A rectangle in a picture, as fractions of its height and width, half-open."""

    top: float = Field(ge=0, le=1)
    left: float = Field(ge=0, le=1)
    bottom: float = Field(ge=0, le=1)
    right: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if not (self.top < self.bottom and self.left < self.right):
            raise ValueError(
                "a region needs top < bottom and left < right: got "
                f"top={self.top}, left={self.left}, bottom={self.bottom}, right={self.right}"
            )
        return self

    def pixels(self, height: int, width: int) -> tuple[int, int, int, int]:
        """`(top, left, bottom, right)` in a picture of that size: at least one pixel each way."""
        top = min(int(self.top * height), height - 1)
        left = min(int(self.left * width), width - 1)
        bottom = max(top + 1, min(height, round(self.bottom * height)))
        right = max(left + 1, min(width, round(self.right * width)))
        return top, left, bottom, right


class FrameRef(Value):
    """One picture of a video, by reference: about 100 bytes of JSON instead of its pixels."""

    video_id: Text
    time_s: NonNegativeFloat
    """When this frame starts being shown, in seconds."""
    height: PositiveInt
    """Of the picture as it was used, in pixels."""
    width: PositiveInt
    """Of the picture as it was used, in pixels."""
    roi: Region | None = None
    """The part of the frame that was used. None: all of it."""
