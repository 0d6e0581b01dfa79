"""What a file is, from its packets and one decoded frame: the fields of `VideoInfo`.

Measured comes before claimed. Where they differ by more than a second the difference is written
down as a warning. The frame rate of an even file is exact (`30000/1001`), even where the
container rounds its times to milliseconds: it is the rate that explains every time to within a
tick.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from playhead.video.decoders.base import Timeline
from playhead.video.decoders.container import TEXT_DECODERS, can_decode, codec_name
from playhead.video.decoders.picture import Shape
from playhead.video.decoders.scan import Packets

_USUAL_RATES = tuple(
    Fraction(rate * 1000, 1001) if ntsc else Fraction(rate)
    for rate in (24, 25, 30, 50, 60, 12, 15, 10, 20, 48, 100, 120, 144, 240)
    for ntsc in ((False, True) if rate in (24, 30, 60, 120, 15, 48, 240) else (False,))
)
_DEFAULT_STEP_S = 0.04
"""How long a picture is shown of which nothing says how long."""
_CLAIM_DIFFERS_S = 1.0


def timeline(packets: Packets, stream: VideoStream) -> Timeline:
    """When each frame is shown, in seconds from the first."""
    first = int(packets.shown_at[0])
    times_s = seconds(packets.shown_at - first, packets.tick_s)
    is_keyframe = packets.is_key[packets.packet_of]
    if not is_keyframe.any():  # an edit list hides them all: this one is still the cheapest
        is_keyframe[0] = True
    return Timeline(
        times_s=times_s,
        is_keyframe=is_keyframe,
        end_s=float(times_s[-1]) + _last_step_s(packets, times_s, stream),
    )


def seconds(ticks: NDArray[np.int64], tick_s: Fraction) -> NDArray[np.float64]:
    """`ticks` in seconds, each rounded once."""
    return np.float64(tick_s.numerator) * ticks / np.float64(tick_s.denominator)


def _last_step_s(packets: Packets, times_s: NDArray[np.float64], stream: VideoStream) -> float:
    """How long the last frame is shown: as its packet says, if that is believable."""
    steps_s = np.diff(times_s)
    steps_s = steps_s[steps_s > 0]
    said_s = float(int(packets.ticks[packets.packet_of[-1]]) * packets.tick_s)
    if len(steps_s):
        usual_s = float(np.median(steps_s))
        return said_s if 0 < said_s <= 10 * float(steps_s.max()) else usual_s
    if said_s > 0:
        return said_s
    rate = stream.average_rate or stream.base_rate
    return float(1 / rate) if rate else _DEFAULT_STEP_S


def frame_rate(
    packets: Packets, stream: VideoStream, line: Timeline
) -> tuple[Fraction | None, bool]:
    """Frames per second on average (None for a single frame), and whether they vary."""
    num_frames = len(packets.shown_at)
    if num_frames < 2:
        return None, False
    steps = np.diff(packets.shown_at)
    if steps.min() == steps.max() and steps[0] > 0:
        return 1 / (int(steps[0]) * packets.tick_s), False
    average = Fraction(num_frames) / Fraction(line.end_s).limit_denominator(10**6)
    claims = [stream.average_rate, stream.base_rate, stream.guessed_rate]
    even = [r for r in (*claims, *_USUAL_RATES) if r and _explains(packets, r)]
    if not even or steps.max() > max(1.5 * float(np.median(steps)), steps.min() + 1):
        return average.limit_denominator(10**6), True
    return min(even, key=lambda r: (r not in _USUAL_RATES, abs(r - average))), False


def _explains(packets: Packets, rate: Fraction) -> bool:
    """Whether frames at `rate` would have these times, give or take the rounding to ticks."""
    ideal = np.arange(len(packets.shown_at)) * float(1 / (rate * packets.tick_s))
    seen = packets.shown_at - packets.shown_at[0]
    off = seen - ideal
    return bool(off.max() - off.min() <= 1.01)


def describe(
    container: InputContainer,
    stream: VideoStream,
    packets: Packets,
    line: Timeline,
    frame: VideoFrame,
    shape: Shape,
    num_bytes: int,
) -> dict[str, Any]:
    """The fields of `playhead.core.media.VideoInfo`, as JSON values."""
    rate, is_vfr = frame_rate(packets, stream, line)
    audio = container.streams.best("audio")
    return {
        "duration_s": line.end_s,
        "num_frames": len(line.times_s),
        "fps": None if rate is None else str(rate),
        "is_vfr": is_vfr,
        "height": shape.height,
        "width": shape.width,
        "rotation": shape.rotation,
        "codec": codec_name(stream),
        "container": container.format.name.split(",")[0],
        "has_audio": audio is not None,
        "audio_codec": None if audio is None else codec_name(audio),
        "text_tracks": text_tracks(container),
        "start_s": float(int(packets.shown_at[0]) * packets.tick_s),
        "num_bytes": num_bytes,
        "warnings": [
            *packets.warnings,
            *shape.warnings,
            *_false_claims(container, stream, frame, line),
        ],
    }


def text_tracks(container: InputContainer) -> list[dict[str, Any]]:
    """The subtitle tracks, as the fields of `TextTrack`."""
    return [
        {
            "index": stream.index,
            "codec": codec_name(stream),
            "language": _language(stream),
            "is_text": can_decode(stream, TEXT_DECODERS),
        }
        for stream in container.streams.subtitles
    ]


def _language(stream: Any) -> str | None:
    language = stream.metadata.get("language")
    return None if language in (None, "", "und") else str(language)


def _false_claims(
    container: InputContainer, stream: VideoStream, frame: VideoFrame, line: Timeline
) -> list[str]:
    warnings = []
    claimed_s = float(stream.duration * (stream.time_base or 1)) if stream.duration else None
    if claimed_s is None and container.duration and not container.streams.audio:
        claimed_s = container.duration / 1e6
    if claimed_s is not None and abs(claimed_s - line.end_s) > _CLAIM_DIFFERS_S:
        warnings.append(
            f"the header claims {claimed_s:.1f} s of pictures; {line.end_s:.1f} s were found"
        )
    context = stream.codec_context
    if (frame.height, frame.width) != (context.height, context.width):
        warnings.append(
            f"the header claims {context.width} x {context.height} pixels; "
            f"the first picture has {frame.width} x {frame.height}"
        )
    return warnings
