"""What is opened, what is refused, and what is said about a file."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
import pytest

from playhead.core.errors import NoPicture, NotAVideo, TooLarge
from playhead.core.media import VideoInfo
from playhead.video.decoders import open_decoder
from playhead.video.decoders.container import DEMUXERS, VIDEO_DECODERS, View, open_container
from playhead.video.decoders.media import Media, open_media
from playhead.video.limits import Limits
from playhead.video.synthetic import ClockVideo, Encoding, write_clock
from tests.video.clock_files import FILMS

QUICK = {"options": {"preset": "ultrafast"}}


def inspect(content: Path | bytes, limits: Limits | None = None) -> Media:
    """What is found out about a file; it is closed again."""
    if isinstance(content, Path):
        content = content.read_bytes()
    media = open_media(io.BytesIO(content), limits or Limits())
    media.reader.close()
    return media


def film(folder: Path, name: str = "film.mp4", encoding: Encoding | None = None, **clock: object):
    """A short film that costs little to make."""
    return write_clock(folder / name, encoding=encoding or Encoding(**QUICK), **clock)


def sound_only(kind: str, codec: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.int16), "s16", "mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return file.getvalue()


REFUSED = {
    "empty": b"",
    "text": b"a shopping list\n" * 100,
    "noise": np.random.default_rng(0).bytes(50_000),
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n",
    "concat": b"ffconcat version 1.0\nfile film.mp4\n",
    "session description": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(2_000),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_a_video_is_refused(kind: str) -> None:
    with pytest.raises(NotAVideo) as error:
        inspect(REFUSED[kind])
    assert "Errno" not in str(error.value)
    assert "Invalid data" not in str(error.value)


def test_nothing_that_can_point_elsewhere_is_on_the_list() -> None:
    pointers = {"hls", "dash", "concat", "sdp", "rtsp", "image2", "lavfi", "tee", "imf", "rtp"}
    assert not pointers & set(DEMUXERS)
    assert "jpeg2000" not in VIDEO_DECODERS


@pytest.mark.parametrize("share", [0.0005, 0.5])
def test_a_file_cut_off_before_its_index_is_refused(share: float, tmp_path: Path) -> None:
    content = film(tmp_path).path.read_bytes()  # the index of an MP4 is at its end
    with pytest.raises(NotAVideo):
        inspect(content[: int(len(content) * share)])


def test_a_file_cut_off_after_its_index_keeps_what_is_there(tmp_path: Path) -> None:
    content = film(tmp_path, "film.mkv", num_frames=100).path.read_bytes()
    media = inspect(content[: len(content) * 2 // 3])
    assert 20 < media.opened.info["num_frames"] < 90


@pytest.mark.parametrize(
    ("suffix", "codec"), [("wav", "pcm_s16le"), ("mp4", "aac"), ("flac", "flac")]
)
def test_sound_without_pictures_is_no_video(suffix: str, codec: str) -> None:
    with pytest.raises(NoPicture):
        inspect(sound_only(suffix, codec))


def test_cover_art_is_not_the_picture(clock_film: Callable[[str], ClockVideo]) -> None:
    info = inspect(clock_film("cover art.mkv").path).opened.info
    assert (info["height"], info["width"], info["num_frames"]) == (96, 160, 50)


def test_limits_are_checked_before_anything_is_decoded(tmp_path: Path) -> None:
    path = film(tmp_path, num_frames=30).path
    for limits, name in (
        (Limits(file_bytes=1000), "file_bytes"),
        (Limits(pixels_per_frame=96 * 160 - 1), "pixels_per_frame"),
        (Limits(packets=29), "packets"),
        (Limits(streams=0), "streams"),
    ):
        with pytest.raises(TooLarge, match=name):
            inspect(path, limits)
    assert inspect(path, Limits(packets=30, streams=1, pixels_per_frame=96 * 160))


def test_too_many_streams_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "many.mkv"
    with av.open(str(path), "w") as container:
        for _ in range(8):
            container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(container.streams.audio[0].encode(frame))
    with pytest.raises(TooLarge, match="streams"):
        open_container(io.BytesIO(path.read_bytes()), Limits(streams=4))


def test_a_huge_claim_is_refused_by_its_header(tmp_path: Path) -> None:
    path = film(tmp_path, num_frames=2, height=2176, width=4098).path
    with pytest.raises(TooLarge, match="4098 x 2176"):
        inspect(path)


def test_a_view_has_a_position_of_its_own() -> None:
    file = io.BytesIO(bytes(range(100)))
    one, two = View(file), View(file)
    assert one.read(10) == bytes(range(10))
    assert two.read(3) == bytes(range(3))
    two.seek(-5, io.SEEK_END)
    assert one.read(2) == bytes([10, 11])
    assert two.read() == bytes(range(95, 100))


RATES = {
    "15 fps.mp4": "15",
    "23.976 fps.mkv": "24000/1001",
    "29.97 fps.mp4": "30000/1001",
    "29.97 fps.mkv": "30000/1001",
    "59.94 fps.mp4": "60000/1001",
    "mpeg-ts.ts": "30000/1001",
    "flash.flv": "30",
    "animation.gif": "10",
    "h264.avi": "25",
    "no duration.mkv": "25",
}


@pytest.mark.parametrize("name", RATES)
def test_the_rate_of_an_even_film_is_exact(
    name: str, clock_film: Callable[[str], ClockVideo]
) -> None:
    info = inspect(clock_film(name).path).opened.info
    assert (info["fps"], info["is_vfr"]) == (RATES[name], False)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_variable_rate_is_measured(suffix: str, clock_film: Callable[[str], ClockVideo]) -> None:
    made = clock_film(f"variable rate.{suffix}")
    info = inspect(made.path).opened.info
    assert info["is_vfr"]
    assert float(Fraction(info["fps"])) == pytest.approx(71 / made.duration_s, rel=0.05)


def test_one_dropped_frame_makes_the_rate_variable(tmp_path: Path) -> None:
    times_s = [i / 25 for i in range(40) if i != 20]
    assert inspect(film(tmp_path, times_s=times_s).path).opened.info["is_vfr"]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_single_frame_has_no_rate_but_a_duration(suffix: str, tmp_path: Path) -> None:
    info = inspect(film(tmp_path, f"one.{suffix}", num_frames=1).path).opened.info
    assert info["fps"] is None
    assert info["duration_s"] == pytest.approx(0.04, abs=1e-3)


def test_what_was_found_is_believed_and_not_what_was_claimed(tmp_path: Path) -> None:
    content = film(tmp_path, "film.mkv", num_frames=100).path.read_bytes()
    info = inspect(content[: len(content) // 2]).opened.info  # its header still says 4 s
    assert info["duration_s"] < 3
    assert any("claims 4.0 s" in warning for warning in info["warnings"])


def test_where_the_container_starts_is_remembered(
    clock_film: Callable[[str], ClockVideo],
) -> None:
    info = inspect(clock_film("starts at 5 s.mkv").path).opened.info
    assert info["start_s"] == pytest.approx(5.0, abs=1e-3)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_pictures_are_turned_and_mirrored_as_the_file_asks(
    degrees: int, mirrored: bool, tmp_path: Path
) -> None:
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        stream.set_display_rotation(-degrees, hflip=mirrored)
        picture = np.zeros((64, 96, 3), np.uint8)
        picture[:32, :48] = 255  # the stored picture is white at its top left
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    expected = np.rot90(picture, -degrees // 90)
    expected = expected[:, ::-1] if mirrored else expected

    media = inspect(path)

    shown = (
        open_decoder("pyav", io.BytesIO(path.read_bytes()), Limits()).read([0.0], None).pixels[0]
    )

    assert shown.shape == expected.shape == (media.shape.height, media.shape.width, 3)
    assert np.abs(shown.astype(int) - expected).mean() < 8
    assert mirrored == any("mirrored" in warning for warning in media.opened.info["warnings"])
    if not mirrored:
        assert media.opened.info["rotation"] == degrees


REAL_FACTS = {
    "webb.mp4": (390, 270, 480, "30000/1001"),
    "bunny.mp4": (720, 480, 854, "24"),
    "cars.mp4": (377, 432, 768, "25/2"),
    "cups.mp4": (300, 720, 1280, "30000/1001"),
    "crystal.webm": (359, 480, 720, "30"),
    "av1.mkv": (125, 360, 640, "25"),
    "hevc_10bit.mp4": (30, 200, 200, "30"),
    "rotated_90.mov": (3, 568, 320, "30"),
    "rotated_180.mov": (3, 320, 568, "30"),
    "unordered.mov": (4, 50, 50, "32"),
}


@pytest.mark.parametrize("name", REAL_FACTS)
def test_facts_of_real_files(name: str, real_videos: Path) -> None:
    info = inspect(real_videos / name).opened.info
    assert (info["num_frames"], info["height"], info["width"], info["fps"]) == REAL_FACTS[name]


def test_every_real_file_is_described_in_the_house_terms(real_videos: Path) -> None:
    for path in sorted(real_videos.glob("*.*")):
        if path.suffix == ".md":
            continue
        media = inspect(path)
        info = VideoInfo.model_validate(media.opened.info)
        line = media.opened.timeline
        assert info.num_frames == len(line.times_s)
        assert line.times_s[0] == 0
        assert np.all(np.diff(line.times_s) > 0)
        assert line.times_s[-1] < line.end_s == info.duration_s
        assert line.is_keyframe.any()


FRAMES_TAKE_LONG = ("blocks.mp4", "bottles.mp4", "cars.mp4", "cups.mp4", "juggle.mp4", "people.mp4")


@pytest.mark.parametrize(
    "name",
    [
        *("webb.mp4", "crystal.webm", "av1.mkv", "hevc_10bit.mp4", "h264_10bit.mp4"),
        *("rotated_270.mov", "unordered.mov", "no_duration.webm", "failing_audio.mp4"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in (*FRAMES_TAKE_LONG, "bunny.mp4")),
    ],
)
def test_there_are_as_many_frames_as_decoding_gives(name: str, real_videos: Path) -> None:
    media = inspect(real_videos / name)
    with av.open(str(real_videos / name)) as container:
        num_frames = sum(1 for _ in container.decode(container.streams.best("video")))
    assert media.opened.info["num_frames"] == num_frames


def test_the_best_picture_stream_is_chosen(real_videos: Path) -> None:
    media = inspect(real_videos / "webb.mp4")  # it has 320 x 180 as well
    assert media.opened.extra["stream"] == 3
    assert media.opened.info["text_tracks"] == [
        {"index": i, "codec": "mov_text", "language": "eng", "is_text": True} for i in (2, 5)
    ]


def test_every_kind_of_film_opens_twice_alike(clock_film: Callable[[str], ClockVideo]) -> None:
    for name in list(FILMS)[::7]:
        path = clock_film(name).path
        assert inspect(path).opened.info == inspect(path).opened.info
