"""The odd-but-legal video files that every decoder must read right: films that carry a clock.

Each entry of `FILMS` is a file name and how to write that film. They are small (a few seconds,
about 160 x 96) and made on the spot by PyAV, so no test file is ever downloaded or checked in. What
is odd about a film is its name, and a comment where the name does not say it all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from playhead.video.synthetic import ClockVideo, Encoding, write_clock

Finish = Callable[[ClockVideo, Path], ClockVideo]
"""Makes a film at a path from a draft."""


@dataclass(frozen=True)
class Film:
    """How to write one file."""

    encoding: Encoding = field(default_factory=Encoding)
    clock: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of `write_clock`."""
    displayed: tuple[int, int] = (96, 160)
    """Height and width in pixels after rotation and with square pixels."""
    finish: Finish | None = None
    """What is done to the file that `write_clock` wrote. None: nothing."""

    def write(self, path: Path) -> ClockVideo:
        if self.finish is None:
            return write_clock(path, encoding=self.encoding, **self.clock)
        draft = path.with_name(f"draft of {path.name}")
        film = self.finish(write_clock(draft, encoding=self.encoding, **self.clock), path)
        draft.unlink()
        return film


def _h264(params: str = "", **encoding: Any) -> Encoding:
    """Quick to encode; `params` are x264's own, joined by colons."""
    options = {"preset": "veryfast", "x264-params": "scenecut=0:" + params}
    return Encoding(**{"gop": 12, "b_frames": 3, "options": options, **encoding})


def _h265(params: str, **encoding: Any) -> Encoding:
    """`params` are x265's own, joined by colons."""
    options = {"preset": "ultrafast", "x265-params": "log-level=error:" + params}
    return Encoding(**{"codec": "libx265", "options": options, **encoding})


def _vpx(codec: str, **encoding: Any) -> Encoding:
    options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "10", "auto-alt-ref": "1"}
    return Encoding(**{"codec": codec, "gop": 20, "options": options, **encoding})


def _variable_times_s() -> list[float]:
    """A screen recording: bursts of 60 frames a second, stills of up to two seconds."""
    rng = np.random.default_rng(7)
    gaps = rng.choice([1 / 60, 1 / 60, 1 / 60, 0.1, 0.45, 2.0], size=70)
    return [0.0, *np.cumsum(gaps).tolist()]


def _copy(
    draft: Path,
    path: Path,
    edit: Callable[[int, av.Packet], av.Packet | None],
    *,
    cover: bytes = b"",
    **container_options: str,
) -> None:
    """The same packets, the n-th as `edit(n, packet)` makes it; None leaves it out."""
    with av.open(str(draft)) as source, av.open(str(path), "w", None, container_options) as target:
        pictures = source.streams.video[0]
        copy = target.add_stream_from_template(pictures)
        if cover:
            target.add_attachment("cover.jpg", "image/jpeg", cover)
        packets = (packet for packet in source.demux(pictures) if packet.size)
        for number, packet in enumerate(packets):
            edited = edit(number, packet)
            if edited is not None:
                edited.stream = copy
                target.mux(edited)


def _shown(draft: ClockVideo, path: Path, keep: NDArray[np.bool_]) -> ClockVideo:
    """Only some frames of the draft, the first of them at time 0."""
    times_s = draft.times_s[keep]
    start_s = float(times_s[0])
    return ClockVideo(path, times_s - start_s, draft.indices[keep], draft.duration_s - start_s)


def _cut_before(first: int) -> Finish:
    """An edit list hides what is before frame `first`: what a cutter that only copies leaves."""

    def finish(draft: ClockVideo, path: Path) -> ClockVideo:
        def earlier(_: int, packet: av.Packet) -> av.Packet:
            ticks = round(draft.times_s[first] / packet.time_base)
            assert packet.pts is not None
            assert packet.dts is not None
            packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
            return packet

        _copy(draft.path, path, earlier, avoid_negative_ts="disabled")
        return _shown(draft, path, draft.indices >= first)

    return finish


def _lose_packets(num: int, *, first: int) -> Finish:
    """A recording that starts at any packet; frame `first` is the first that can be decoded."""

    def finish(draft: ClockVideo, path: Path) -> ClockVideo:
        _copy(draft.path, path, lambda n, packet: packet if n >= num else None)
        return _shown(draft, path, draft.indices >= first)

    return finish


def _never_show(*hidden: int) -> Finish:
    """VP8 frames that are only there to be referred to, as two-pass encoders make them."""

    def finish(draft: ClockVideo, path: Path) -> ClockVideo:
        def hide(number: int, packet: av.Packet) -> av.Packet:
            if number not in hidden:
                return packet
            content = bytearray(bytes(packet))
            content[0] &= ~0x10  # show_frame, RFC 6386 section 9.1
            changed = av.Packet(bytes(content))
            changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
            return changed

        _copy(draft.path, path, hide)
        return _shown(draft, path, ~np.isin(draft.indices, hidden))

    return finish


def _recorded_twice(draft: ClockVideo, path: Path) -> ClockVideo:
    """Two recordings in one file, the second with its clock at 0 again: MPEG-TS allows it."""
    path.write_bytes(draft.path.read_bytes() * 2)
    times_s = np.concatenate([draft.times_s, draft.duration_s + draft.times_s])
    return ClockVideo(path, times_s, np.tile(draft.indices, 2), 2 * draft.duration_s)


def _with_cover(draft: ClockVideo, path: Path) -> ClockVideo:
    """A still picture beside the film, which players show in lists and never play."""
    _, cover = cv2.imencode(".jpg", np.full((480, 640, 3), 128, np.uint8))
    _copy(draft.path, path, lambda _, packet: packet, cover=cover.tobytes())
    return _shown(draft, path, draft.indices >= 0)


FILMS: dict[str, Film] = {
    # Constant rates.
    "15 fps.mp4": Film(_h264(), {"fps": 15, "num_frames": 45}),
    "23.976 fps.mp4": Film(_h264(), {"fps": Fraction(24000, 1001), "num_frames": 72}),
    "23.976 fps.mkv": Film(_h264(), {"fps": Fraction(24000, 1001), "num_frames": 72}),
    "25 fps.mp4": Film(_h264(), {"num_frames": 75}),
    "29.97 fps.mp4": Film(_h264(), {"fps": Fraction(30000, 1001), "num_frames": 90}),
    "29.97 fps.mkv": Film(_h264(), {"fps": Fraction(30000, 1001), "num_frames": 90}),
    "50 fps.mp4": Film(_h264(), {"fps": 50, "num_frames": 110}),
    "59.94 fps.mp4": Film(_h264(), {"fps": Fraction(60000, 1001), "num_frames": 130}),
    "60 fps.mov": Film(_h264(), {"fps": 60, "num_frames": 130}),
    # Variable rate.
    "variable rate.mp4": Film(_h264(), {"times_s": _variable_times_s()}),
    "variable rate.mkv": Film(_h264(), {"times_s": _variable_times_s()}),
    "variable rate.ts": Film(_h264(), {"times_s": _variable_times_s()}),
    # How frames refer to each other.
    "open gop.mp4": Film(_h264("open-gop=1:b-adapt=0"), {"num_frames": 75}),
    "open gop.mkv": Film(_h264("open-gop=1", gop=18, b_frames=4), {"num_frames": 75}),
    "open gop hevc.mp4": Film(_h265("open-gop=1:keyint=12:bframes=4"), {"num_frames": 60}),
    "intra refresh.mp4": Film(_h264("intra-refresh=1", b_frames=0), {"num_frames": 60}),
    "gop 250.mp4": Film(_h264(gop=250), {"num_frames": 300}),
    "all intra.mp4": Film(_h264(gop=1), {"num_frames": 30}),
    "no b-frames.mp4": Film(_h264(b_frames=0), {"num_frames": 50}),
    "ten minutes.mp4": Film(_h264(gop=120), {"fps": 2, "num_frames": 1200}),
    # Where time 0 is.
    "starts at 5 s.mkv": Film(_h264(audio_s=3), {"start_offset_s": 5.0}),
    "starts at 5 s.ts": Film(_h264(audio_s=3), {"start_offset_s": 5.0}),
    "starts at 5 s.mp4": Film(_h264(audio_s=3), {"start_offset_s": 5.0}),
    "clock wraps around.ts": Film(_h264(), {"start_offset_s": float(2**33 / 90_000 - 3)}),
    "clock starts again.ts": Film(_h264(b_frames=0), {"num_frames": 60}, finish=_recorded_twice),
    "cut at a keyframe.mp4": Film(_h264(), {"num_frames": 60}, finish=_cut_before(12)),
    "cut inside a gop.mp4": Film(_h264(), {"num_frames": 60}, finish=_cut_before(17)),
    "cut behind every keyframe.mp4": Film(
        _h264(gop=60), {"num_frames": 50}, finish=_cut_before(20)
    ),
    "starts inside a gop.ts": Film(_h264(), {"num_frames": 60}, finish=_lose_packets(5, first=12)),
    "starts inside a gop.mkv": Film(_h264(), {"num_frames": 60}, finish=_lose_packets(5, first=12)),
    "negative composition offsets.mp4": Film(
        _h264(container_options={"movflags": "negative_cts_offsets"})
    ),
    "two frames at one time.mkv": Film(
        _h264(b_frames=0), {"times_s": [0, 0.04, 0.0801, 0.0803, 0.12, 0.16, 0.2, 0.2401, 0.2403]}
    ),
    # What headers leave out or get wrong.
    "fragmented.mp4": Film(_h264(container_options={"movflags": "frag_keyframe+empty_moov"})),
    "no duration.webm": Film(_vpx("libvpx-vp9", container_options={"live": "1"})),
    "no duration.mkv": Film(_h264(container_options={"live": "1"})),
    "one frame.mp4": Film(_h264(), {"num_frames": 1}),
    "one frame.mkv": Film(_h264(), {"num_frames": 1}),
    "sound goes on.mp4": Film(_h264(audio_s=6), {"num_frames": 50}),
    "sound ends early.mp4": Film(_h264(audio_s=0.5), {"num_frames": 50}),
    # How pictures are stored.
    "turned 90.mp4": Film(_h264(rotation=90)),
    "turned 180.mp4": Film(_h264(rotation=180)),
    "turned 270.mov": Film(_h264(rotation=270)),
    "turned 90.mkv": Film(_h264(rotation=90)),
    "10 bit h264.mp4": Film(_h264(pix_fmt="yuv420p10le")),
    "10 bit hevc.mp4": Film(_h265("keyint=12", pix_fmt="yuv420p10le")),
    "odd size.mp4": Film(_h264(pix_fmt="yuv444p"), {"height": 187, "width": 333}, (187, 333)),
    "odd size.webm": Film(_vpx("libvpx-vp9"), {"height": 187, "width": 333}, (187, 333)),
    "wide pixels.mp4": Film(_h264(sample_aspect=Fraction(4, 3)), displayed=(96, 213)),
    "full range.mp4": Film(_h264(full_range=True)),
    "interlaced.mp4": Film(_h264("tff=1")),
    # Other codecs and containers.
    "hevc.mp4": Film(_h265("keyint=12")),
    "vp8.webm": Film(_vpx("libvpx"), {"num_frames": 60}),
    "vp8 with hidden frames.webm": Film(
        _vpx("libvpx"), {"num_frames": 60}, finish=_never_show(7, 8, 23, 41)
    ),
    "cover art.mkv": Film(_h264(), finish=_with_cover),
    "vp9.webm": Film(_vpx("libvpx-vp9", audio_s=2, audio_codec="libopus"), {"num_frames": 60}),
    "av1.mp4": Film(
        Encoding(codec="libsvtav1", gop=20, options={"preset": "8"}), {"num_frames": 50}
    ),
    "av1.mkv": Film(
        Encoding(codec="libsvtav1", gop=20, options={"preset": "8"}), {"num_frames": 50}
    ),
    "mpeg-ts.ts": Film(_h264(), {"fps": Fraction(30000, 1001), "num_frames": 90}),
    "mpeg-2.ts": Film(Encoding(codec="mpeg2video", gop=12, b_frames=2), {"num_frames": 60}),
    "mpeg-2.mpg": Film(Encoding(codec="mpeg2video", gop=12, b_frames=2), {"num_frames": 60}),
    "mpeg-4 part 2.avi": Film(Encoding(codec="mpeg4", gop=12, b_frames=2), {"num_frames": 60}),
    "h264.avi": Film(_h264(), {"num_frames": 60}),  # AVI has no display times
    "flash.flv": Film(_h264(), {"fps": 30, "num_frames": 50}),
    "motion jpeg.avi": Film(Encoding(codec="mjpeg", pix_fmt="yuvj420p"), {"num_frames": 30}),
    "lossless.mkv": Film(Encoding(codec="ffv1", gop=1), {"num_frames": 30}),
    "animation.gif": Film(Encoding(codec="gif", pix_fmt="rgb8"), {"fps": 10, "num_frames": 25}),
}
