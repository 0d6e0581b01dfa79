"""Opening a file: what is refused, in which words, and what an open video is."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from playhead.core.errors import (
    NoPicture,
    NoSound,
    NoSuchTime,
    NotAFile,
    NotAVideo,
    NotReadable,
    TooLarge,
    VideoError,
    VideoNotFound,
)
from playhead.core.span import Span
from playhead.video.file import open_video
from playhead.video.limits import Limits
from playhead.video.synthetic import ClockVideo, Encoding, read_clock, write_clock
from tests.video import hostile_files

pytestmark = pytest.mark.filterwarnings("ignore::playhead.video.sandbox.walls.SandboxWarning")
posix = pytest.mark.skipif(sys.platform == "win32", reason="files of Unix")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> ClockVideo:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return write_clock(path, num_frames=50, encoding=Encoding(audio_s=2.0, gop=10))


def refused(path: str | Path, kind: type[VideoError]) -> str:
    """The words with which the file is refused; nothing may be left open."""
    process = psutil.Process()
    before = process.num_fds() if sys.platform != "win32" else 0, len(process.children())
    with pytest.raises(kind) as caught:
        open_video(path)
    after = process.num_fds() if sys.platform != "win32" else 0, len(process.children())
    assert after == before
    return str(caught.value)


# What is no video


def test_a_name_with_no_file_is_refused(tmp_path: Path) -> None:
    assert "no file there" in refused(tmp_path / "none.mp4", VideoNotFound)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    refused("a\0b.mp4", VideoNotFound)
    refused("x" * 5000, VideoNotFound)


@pytest.mark.parametrize(
    "address", ["http://example.com/a.mp4", "https://a/b", "file:///etc/passwd", "rtsp://a:1/"]
)
def test_an_address_is_refused_and_says_to_download_it(address: str) -> None:
    assert "download it first" in refused(address, NotAFile)


@pytest.mark.parametrize("address", ["concat:a.mp4|b.mp4", "data:video/mp4;base64,AAAA", "pipe:0"])
def test_an_address_of_the_media_library_is_just_a_name(address: str) -> None:
    refused(address, VideoNotFound)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "a folder" in refused(tmp_path, NotAFile)


@posix
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "a pipe" in refused(tmp_path / "pipe.mp4", NotAFile)


@posix
def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.mp4")
        assert "a socket" in refused("s.mp4", NotAFile)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices here")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty", "/dev/stdin"])
def test_a_device_is_refused(device: str) -> None:
    refused(device, VideoError)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices here")
def test_a_link_to_a_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").symlink_to("/dev/zero")
    assert "a device" in refused(tmp_path / "film.mp4", NotAFile)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
@pytest.mark.parametrize("name", ["/proc/self/environ", "/proc/self/maps", "/proc/cpuinfo"])
def test_a_file_that_the_kernel_makes_up_is_refused(name: str) -> None:
    assert "not a regular file" in refused(name, NotAFile)


@posix
def test_a_link_that_leads_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to(tmp_path / "a.mp4")
    refused(tmp_path / "a.mp4", VideoNotFound)


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else_is_refused(film: ClockVideo, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(film.path.read_bytes())
    path.chmod(0)
    assert "may not read" in refused(path, NotReadable)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").touch()
    assert "0 bytes" in refused(tmp_path / "film.mp4", NotAVideo)


def test_a_file_over_the_limit_is_refused_unread(film: ClockVideo) -> None:
    with pytest.raises(TooLarge, match=r"limits\.file_bytes is 1000"):
        open_video(film.path, limits=Limits(file_bytes=1000))


@pytest.mark.parametrize(
    "content", [b"hello", b"\0" * 10_000, b"%PDF-1.4 ...", b"\x89PNG\r\n\x1a\n" + b"\0" * 100]
)
def test_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "film.mp4").write_bytes(content)
    message = refused(tmp_path / "film.mp4", NotAVideo)
    assert "while opening the file" in message


def test_noise_is_refused(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(random.Random(0).randbytes(100_000))
    refused(tmp_path / "film.mp4", NotAVideo)


def test_a_file_that_was_cut_before_its_index_is_refused(film: ClockVideo, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(film.path.read_bytes()[:2000])
    refused(tmp_path / "film.mp4", NotAVideo)


def test_a_file_that_was_cut_after_its_index_gives_what_is_there(tmp_path: Path) -> None:
    how = Encoding(gop=5, container_options={"movflags": "faststart"})
    film = write_clock(tmp_path / "film.mp4", num_frames=50, encoding=how)
    content = film.path.read_bytes()
    film.path.write_bytes(content[: len(content) * 3 // 4])
    with open_video(film.path) as video:
        assert read_clock(video.frames_at([0.2]).pixels[0]) == film.index_at(0.2)


def test_sound_alone_is_refused_as_such(tmp_path: Path) -> None:
    path = hostile_files.write_silence(tmp_path / "sound.flac")
    assert "sound but no pictures" in refused(path, NoPicture)


# What is asked of a video


def test_a_time_past_the_end_is_refused(film: ClockVideo) -> None:
    with open_video(film.path) as video:
        for time_s in (2.0, 1e9, -0.01, float("nan"), float("inf")):
            with pytest.raises(NoSuchTime, match=r"from 0 to 2\.000 s"):
                video.frames_at([time_s])


def test_a_span_past_the_end_is_refused(film: ClockVideo) -> None:
    with open_video(film.path) as video:
        with pytest.raises(NoSuchTime):
            video.frames(Span(start=3.0, end=4.0), num=2)
        with pytest.raises(NoSuchTime):
            video.sound(Span(start=3.0, end=4.0))


def test_no_times_are_no_pictures(film: ClockVideo) -> None:
    with open_video(film.path) as video:
        assert video.frames_at([]).pixels.shape == (0, 96, 160, 3)
        assert list(video.stream([])) == []


def test_too_many_pictures_at_once_are_refused_with_a_way_out(film: ClockVideo) -> None:
    limits = Limits(frames_per_call=10)
    with open_video(film.path, limits=limits) as video:
        with pytest.raises(TooLarge, match="use stream"):
            video.frames(num=11)
        assert len(video.frames(num=10)) == 10


def test_sound_is_given_on_the_clock_of_the_pictures(film: ClockVideo) -> None:
    with open_video(film.path) as video:
        sound = video.sound(Span(start=0.5, end=1.5), rate=8000)
    assert sound.rate == 8000
    assert sound.start_s == pytest.approx(0.5, abs=0.001)
    assert sound.duration_s == pytest.approx(1.0, abs=0.001)
    spectrum = np.abs(np.fft.rfft(sound.samples))
    assert np.argmax(spectrum) / sound.duration_s == pytest.approx(440, abs=2)


def test_no_sound_is_said(tmp_path: Path) -> None:
    with open_video(write_clock(tmp_path / "mute.mp4").path) as video, pytest.raises(NoSound):
        video.sound()


def test_more_sound_than_one_call_may_give_is_refused(film: ClockVideo) -> None:
    limits = Limits(bytes_per_call=96 * 160 * 3)
    with open_video(film.path, limits=limits) as video:
        with pytest.raises(TooLarge, match=r"spans of at most 0\.7 s"):
            video.sound()
        assert len(video.sound(Span(start=0.0, end=0.7))) == 11_200


def test_a_subtitle_track_that_is_not_there_is_refused(film: ClockVideo) -> None:
    with open_video(film.path) as video, pytest.raises(ValueError, match=r"are \[\]: got 7"):
        video.texts(7)


def test_subtitles_come_with_their_times(real_videos: Path) -> None:
    with open_video(real_videos / "webb.mp4") as video:
        first = video.texts(video.info.text_tracks[0].index)[0]
    assert first[:2] == pytest.approx((0.21, 4.26), abs=0.02)
    assert "optical and science segment" in first[2]


# What an open video is


def test_the_id_is_that_of_the_content(film: ClockVideo, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mkv"
    copy.write_bytes(film.path.read_bytes())
    with open_video(film.path) as one, open_video(copy) as other:
        assert one.id == other.id == hashlib.sha256(copy.read_bytes()).hexdigest()[:32]
        assert one.frames_at([0.0]).video_id == one.id


def test_one_bit_makes_another_id(film: ClockVideo, tmp_path: Path) -> None:
    content = bytearray(film.path.read_bytes())
    content += b"\0\0\0\x08free"
    (tmp_path / "film.mp4").write_bytes(content)
    with open_video(film.path) as one, open_video(tmp_path / "film.mp4") as other:
        assert one.id != other.id


@posix
def test_a_file_may_be_deleted_while_it_is_open(film: ClockVideo, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(film.path.read_bytes())
    with open_video(path) as video:
        path.unlink()
        video._decoding.close()  # type: ignore[attr-defined]
        video._decoding.open(video._file, lambda *_: None)  # type: ignore[attr-defined]
        assert read_clock(video.frames_at([1.0]).pixels[0]) == film.index_at(1.0)
        assert len(video.id) == 32


@posix
def test_a_name_may_move_to_another_file_while_it_is_open(film: ClockVideo, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(film.path.read_bytes())
    with open_video(path) as video:
        path.rename(tmp_path / "old.mp4")
        path.write_bytes(b"something else")
        assert read_clock(video.frames_at([1.0]).pixels[0]) == film.index_at(1.0)


@posix
def test_a_link_to_a_file_is_followed(film: ClockVideo, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(film.path)
    with open_video(str(tmp_path / "link")) as video:
        assert video.info.num_frames == 50


def test_keyframes_are_known_and_not_ours_to_change(film: ClockVideo) -> None:
    with open_video(film.path) as video:
        video.keyframe_times_s[:] = 99.0
        assert video.keyframe_times_s == pytest.approx([0.0, 0.4, 0.8, 1.2, 1.6])


def test_pictures_are_shrunk_to_what_is_asked(film: ClockVideo) -> None:
    with open_video(film.path) as video:
        assert video.frames_at([0.1], max_side=80).pixels.shape == (1, 48, 80, 3)


def test_opening_a_video_loads_no_media_library_here(film: ClockVideo) -> None:
    program = (
        "import sys, warnings; warnings.simplefilter('ignore');"
        "from playhead.video.file import open_video; video = open_video(sys.argv[1]);"
        "video.frames_at([0.5]); video.close(); sys.exit('av' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program, str(film.path)], cwd=root, check=True)
