"""Sound and embedded subtitles on the clock of the pictures."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.core.errors import NoSound, NotAVideo, TooLarge
from playhead.video.decoders.sound import read_sound
from playhead.video.decoders.text import read_text_track
from playhead.video.limits import Limits

RATE = 16_000
STARTS_S = 1.0
"""When the tones begin, in seconds from the first picture."""


def film(
    *,
    kind: str = "mp4",
    codec: str = "aac",
    rate: int = 48_000,
    begins_s: float = 0.0,
    tones_hz: tuple[int, ...] = (440, 880),
) -> bytes:
    """4 s of black; from 1 s on, one second of each of the tones."""
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        pictures = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        pictures.height, pictures.width, pictures.pix_fmt = 48, 64, "yuv420p"
        sound = container.add_stream(codec, rate=rate) if tones_hz else None
        tick_s = Fraction(1, 90_000)
        for i in range(100):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
            frame.pts, frame.time_base = round((begins_s + i / 25) / tick_s), tick_s
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        if sound is not None:
            at_s = np.arange(rate) / rate
            samples = np.concatenate([0.5 * np.sin(2 * np.pi * hz * at_s) for hz in tones_hz])
            for first in range(0, len(samples), 1024):
                piece = samples[None, first : first + 1024].astype(np.float32)
                heard = av.AudioFrame.from_ndarray(piece, "fltp", "mono")
                heard.sample_rate, heard.time_base = rate, Fraction(1, rate)
                heard.pts = round((begins_s + STARTS_S) * rate) + first
                container.mux(sound.encode(heard))
            container.mux(sound.encode(None))
    return file.getvalue()


def hear(content: bytes, start_s: float, end_s: float, rate: int = RATE) -> NDArray[np.float32]:
    samples, first_s = read_sound(io.BytesIO(content), Limits(), start_s, end_s, rate)
    assert first_s == start_s
    assert samples.dtype == np.float32
    return samples


def pitch_hz(samples: NDArray[np.float32], rate: int = RATE) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate / len(samples))


def loudness(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(samples**2)))


CASES = [
    {},
    {"kind": "matroska", "codec": "libopus"},
    {"kind": "matroska", "codec": "pcm_s16le", "rate": 22_050},
    {"kind": "matroska", "begins_s": 5.0},
    {"kind": "mpegts", "begins_s": 5.0},
    {"kind": "mp4", "codec": "libmp3lame", "rate": 44_100},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_sound_is_where_its_pictures_are(case: dict[str, object]) -> None:
    samples = hear(film(**case), 0.0, 4.0)
    assert len(samples) == 4 * RATE
    second = [samples[i * RATE : (i + 1) * RATE] for i in range(4)]
    assert loudness(second[0][: RATE * 9 // 10]) < 0.01
    assert [round(pitch_hz(second[i]), -1) for i in (1, 2)] == [440, 880]
    assert loudness(second[1]) == pytest.approx(0.35, abs=0.03)
    assert loudness(second[3][RATE // 5 :]) < 0.01
    onset_s = np.flatnonzero(np.abs(samples) > 0.1)[0] / RATE
    assert onset_s == pytest.approx(STARTS_S, abs=0.015)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_part_is_that_part_of_the_whole(case: dict[str, object]) -> None:
    content = film(**case)
    whole = hear(content, 0.0, 4.0)
    for start_s, end_s in ((0.5, 1.5), (1.25, 1.5), (2.2, 3.7)):
        part = hear(content, start_s, end_s)
        expected = whole[round(start_s * RATE) : round(end_s * RATE)]
        assert len(part) == len(expected)
        loud = loudness(expected)
        assert loudness(part) == pytest.approx(loud, abs=0.02)
        # a millisecond of rounding in the container may shift it by a few samples
        shifts = [loudness(np.roll(part, shift) - expected) for shift in range(-20, 21)]
        assert min(shifts) < max(0.02, 0.25 * loud)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_any_rate_is_given(rate: int) -> None:
    samples = hear(film(), 1.2, 1.8, rate)
    assert len(samples) == round(0.6 * rate)
    assert pitch_hz(samples, rate) == pytest.approx(440, abs=4)


def test_beyond_the_end_of_the_sound_is_silence() -> None:
    assert not hear(film(), 3.5, 4.0).any()


def test_a_silent_film_has_no_sound() -> None:
    with pytest.raises(NoSound):
        hear(film(tones_hz=()), 0.0, 1.0)


def test_more_samples_than_a_call_may_give_are_refused() -> None:
    with pytest.raises(TooLarge, match="bytes_per_call"):
        read_sound(io.BytesIO(film()), Limits(bytes_per_call=1000), 0.0, 1.0, RATE)


def test_damaged_sound_is_heard_where_it_is_whole() -> None:
    content = bytearray(film(kind="matroska", codec="libmp3lame"))
    with av.open(io.BytesIO(bytes(content))) as container:
        packets = [p for p in container.demux(audio=0) if p.size]
        for packet in packets[len(packets) // 2 :]:
            at = bytes(content).find(bytes(packet))
            content[at : at + packet.size] = bytes(packet.size)
    samples = hear(bytes(content), 0.0, 4.0)
    assert pitch_hz(samples[round(1.1 * RATE) : round(1.9 * RATE)]) == pytest.approx(440, abs=4)
    assert np.isfinite(samples).all()


def test_the_start_of_the_pictures_can_be_told_instead_of_found() -> None:
    content = film(kind="matroska", begins_s=5.0)
    told, _ = read_sound(io.BytesIO(content), Limits(), 0.5, 2.0, RATE, begins_s=5.0)
    assert np.array_equal(told, hear(content, 0.5, 2.0))


HEADER = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\n"
    b"Style: Default,Arial,16\n\n[Events]\n"
    b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)
LINES = {
    "subrip": ["Hello <i>there</i>,\nyou", "Ünïcode: 你好"],
    "ass": [
        r"0,0,Default,,0,0,0,,Hello {\i1}there{\i0},\Nyou",
        "1,0,Default,,0,0,0,,Ünïcode: 你好",
    ],
}
SHOWN = [(0.5, 1.2, r"Hello {\i1}there{\i0},\Nyou"), (2.0, 2.5, "Ünïcode: 你好")]


def film_with_subtitles(codec: str, begins_s: float) -> bytes:
    """Two lines: from 0.5 to 1.2 s and from 2 to 2.5 s after the first picture; and one before."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        pictures = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        pictures.height, pictures.width, pictures.pix_fmt = 48, 64, "yuv420p"
        text = container.add_stream(codec)
        text.codec_context.subtitle_header = HEADER
        for i in range(75):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
            frame.pts, frame.time_base = round(begins_s * 25) + i, Fraction(1, 25)
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        spans_s = [(start_s, end_s) for start_s, end_s, _ in SHOWN]
        lines = list(zip(spans_s, LINES[codec], strict=True))
        if begins_s > 2:
            lines.insert(0, ((-2.0, -1.0), LINES[codec][0]))
        for (start_s, end_s), line in lines:
            packet = av.Packet(line.encode())
            packet.stream, packet.time_base = text, Fraction(1, 1000)
            packet.pts = packet.dts = round((begins_s + start_s) * 1000)
            packet.duration = round((end_s - start_s) * 1000)
            container.mux(packet)
    return file.getvalue()


@pytest.mark.parametrize("begins_s", [0.0, 5.0])
@pytest.mark.parametrize("codec", LINES)
def test_subtitles_are_on_the_clock_of_the_pictures(codec: str, begins_s: float) -> None:
    events = read_text_track(io.BytesIO(film_with_subtitles(codec, begins_s)), Limits(), 1)
    assert [text for _, _, text in events] == [text for _, _, text in SHOWN]
    assert np.allclose([e[:2] for e in events], [s[:2] for s in SHOWN], atol=1e-3)


def test_a_stream_that_is_no_text_track_is_refused() -> None:
    with pytest.raises(ValueError, match=r"are \[1\]: got 0"):
        read_text_track(io.BytesIO(film_with_subtitles("subrip", 0.0)), Limits(), 0)


def test_more_text_than_a_call_may_give_is_refused() -> None:
    with pytest.raises(TooLarge, match="bytes_per_call"):
        read_text_track(
            io.BytesIO(film_with_subtitles("subrip", 0.0)), Limits(bytes_per_call=100), 1
        )


def test_no_video_has_neither() -> None:
    for read in (
        lambda file: read_text_track(file, Limits(), 0),
        lambda file: read_sound(file, Limits(), 0.0, 1.0, RATE),
    ):
        with pytest.raises(NotAVideo):
            read(io.BytesIO(b"no video" * 1000))


def test_subtitles_of_a_real_file(real_videos: Path) -> None:
    with (real_videos / "webb.mp4").open("rb") as file:
        events = read_text_track(file, Limits(), 5)
    assert np.allclose([e[:2] for e in events[:3]], [(0.21, 4.26), (4.26, 8.35), (8.35, 12.47)])
    assert [text for _, _, text in events[:2]] == [
        "NAR: This is the optical and science segment of the Webb",
        "space telescope in one of the largest cleanrooms in the world",
    ]


def test_sound_of_a_real_file_is_cut_where_it_is_asked(real_videos: Path) -> None:
    content = (real_videos / "bunny.mp4").read_bytes()
    whole = hear(content, 0.0, 20.0)
    part = hear(content, 12.3, 13.3)
    expected = whole[round(12.3 * RATE) : round(13.3 * RATE)]
    assert loudness(expected) > 0.01
    assert loudness(part - expected) < 0.2 * loudness(expected)


def test_sound_that_does_not_decode_is_said_so(real_videos: Path) -> None:
    with (real_videos / "people.mp4").open("rb") as file, pytest.raises(NoSound):
        read_sound(file, Limits(), 0.0, 1.0, RATE)
