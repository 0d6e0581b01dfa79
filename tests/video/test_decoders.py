"""What a decoder does beyond the clock: colours, sizes, damage, limits, and who it is.

That the picture is the one of the asked second is the clock contract (`test_clock.py`).
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.core.errors import DecodeFailed, MissingExtra, NoSuchPlugin, TooLarge
from playhead.video.decoders import find_decoder, installed_decoders, open_decoder
from playhead.video.decoders.base import Decoder, Pictures
from playhead.video.limits import Limits
from playhead.video.synthetic import ClockVideo, Encoding, read_clock, write_clock

Film = Callable[[str], ClockVideo]
FOREIGN = tuple(name for name in installed_decoders() if name != "pyav")


def decoder_of(content: Path | bytes, name: str = "pyav", limits: Limits | None = None) -> Decoder:
    if isinstance(content, Path):
        content = content.read_bytes()
    return open_decoder(name, io.BytesIO(content), limits or Limits())


def read_all(decoder: Decoder, max_side: int | None = None) -> Pictures:
    """Every frame, asked for at the moment it appears."""
    return decoder.read(decoder.opened.timeline.times_s.tolist(), max_side)


# Colours


COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40)]
LUMA = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Share of red and of blue by the matrix's number: BT.709, BT.601, BT.2020 (H.273, table 4)."""
UNSPECIFIED = 2


def to_yuv(rgb: tuple[int, int, int], matrix: int, bits: int, full_range: bool) -> list[int]:
    """H.273, equations 38 to 43."""
    share_r, share_b = LUMA[matrix]
    red, green, blue = (value / 255 for value in rgb)
    luma = share_r * red + (1 - share_r - share_b) * green + share_b * blue
    chroma = (blue - luma) / (2 - 2 * share_b), (red - luma) / (2 - 2 * share_r)
    scale, most = 2 ** (bits - 8), 2**bits - 1
    if full_range:
        values = [luma * most, *(c * most + 128 * scale for c in chroma)]
    else:
        values = [(219 * luma + 16) * scale, *((224 * c + 128) * scale for c in chroma)]
    return [min(most, round(value)) for value in values]


def film_of_colours(
    matrix: int,
    *,
    tag: int | None = None,
    full_range: bool = False,
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (96, 160),
    transfer: int = UNSPECIFIED,
    params: str = "",
) -> bytes:
    """A film of one frame for each of `COLOURS`, made from numbers and not by a converter."""
    file, bits = io.BytesIO(), 10 if "10" in pix_fmt else 8
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.options = {"preset": "ultrafast", "qp": "2", "x264-params": params}
        stream.height, stream.width, stream.pix_fmt = *size, pix_fmt
        context = stream.codec_context
        context.colorspace = matrix if tag is None else tag
        context.color_range = 2 if full_range else 1
        context.color_trc = transfer
        for colour in COLOURS:
            frame = av.VideoFrame(size[1], size[0], pix_fmt)
            for plane, value in zip(
                frame.planes, to_yuv(colour, matrix, bits, full_range), strict=True
            ):
                dtype = np.uint16 if bits > 8 else np.uint8
                num = plane.buffer_size // np.dtype(dtype).itemsize
                plane.update(np.full(num, value, dtype).tobytes())
            frame.colorspace = matrix if tag is None else tag
            frame.color_range = 2 if full_range else 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def check_colours(content: bytes, max_side: int | None = None) -> None:
    for picture, colour in zip(
        read_all(decoder_of(content), max_side).pixels, COLOURS, strict=True
    ):
        assert np.abs(picture.astype(int) - colour).max() <= 4, colour


@pytest.mark.parametrize("max_side", [None, 80])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", LUMA)
def test_colours_are_right(matrix: int, full_range: bool, max_side: int | None) -> None:
    check_colours(film_of_colours(matrix, full_range=full_range), max_side)


@pytest.mark.parametrize(("matrix", "size"), [(6, (96, 160)), (1, (720, 1280))])
def test_a_film_that_names_no_matrix_is_taken_as_players_do(
    matrix: int, size: tuple[int, int]
) -> None:
    check_colours(film_of_colours(matrix, tag=UNSPECIFIED, size=size))


@pytest.mark.parametrize("pix_fmt", ["yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le"])
def test_colours_are_right_however_they_are_stored(pix_fmt: str) -> None:
    check_colours(film_of_colours(1, pix_fmt=pix_fmt))


@pytest.mark.parametrize("transfer", [16, 18], ids=["PQ", "HLG"])
def test_high_dynamic_range_is_decoded(transfer: int) -> None:
    check_colours(film_of_colours(9, pix_fmt="yuv420p10le", transfer=transfer), 80)


@pytest.mark.parametrize("max_side", [None, 448])
def test_interlaced_pictures_keep_their_colours(max_side: int | None) -> None:
    check_colours(film_of_colours(1, size=(544, 960), params="tff=1"), max_side)


# Sizes


@pytest.mark.parametrize(
    ("height", "width", "max_side", "expected"),
    [
        (96, 160, None, (96, 160)),
        (96, 160, 160, (96, 160)),
        (96, 160, 1000, (96, 160)),
        (96, 160, 80, (48, 80)),
        (96, 160, 75, (44, 75)),
        (160, 96, 75, (75, 44)),
        (187, 333, 100, (56, 100)),
        (33, 640, 32, (2, 32)),
        (96, 160, 1, (1, 1)),
    ],
)
def test_pictures_are_shrunk_and_never_enlarged(
    height: int, width: int, max_side: int | None, expected: tuple[int, int], tmp_path: Path
) -> None:
    encoding = Encoding(pix_fmt="yuv444p", options={"preset": "ultrafast"})
    film = write_clock(
        tmp_path / "film.mp4", num_frames=1, height=height, width=width, encoding=encoding
    )
    pixels = decoder_of(film.path).read([0.0], max_side).pixels
    assert pixels.shape == (1, *expected, 3)
    assert pixels.dtype == np.uint8


def test_a_film_that_changes_its_size_is_shown_at_one(tmp_path: Path) -> None:
    small = write_clock(tmp_path / "small.ts", num_frames=20)
    large = write_clock(tmp_path / "large.ts", num_frames=20, height=192, width=320)
    seen = read_all(decoder_of(large.path.read_bytes() + small.path.read_bytes()))
    assert seen.pixels.shape == (40, 192, 320, 3)
    assert [read_clock(picture) for picture in seen.pixels] == [*range(20)] * 2


def test_a_picture_that_grows_over_the_limit_is_not_decoded(tmp_path: Path) -> None:
    small = write_clock(tmp_path / "small.ts", num_frames=20)
    large = write_clock(tmp_path / "large.ts", num_frames=5, height=192, width=320)
    decoder = decoder_of(
        small.path.read_bytes() + large.path.read_bytes(),
        limits=Limits(pixels_per_frame=200 * 200),
    )
    with pytest.raises(TooLarge, match="320 x 192"):
        read_all(decoder)


# Ways of asking


@pytest.mark.parametrize("name", ["open gop.mp4", "mpeg-ts.ts", "vp9.webm", "av1.mkv", "h264.avi"])
def test_it_does_not_matter_how_one_asks(name: str, clock_film: Film) -> None:
    path = clock_film(name).path
    reference = read_all(decoder_of(path)).pixels
    decoder = decoder_of(path)
    times_s = decoder.opened.timeline.times_s
    rng = np.random.default_rng(5)
    for num in (1, 1, 2, 3, 7, 20, 1, 40):
        which = np.sort(rng.choice(len(times_s), num))
        assert np.array_equal(decoder.read(times_s[which].tolist(), None).pixels, reference[which])
    for first in range(0, len(times_s), 5):  # on and on, then the same again
        which = np.arange(first, min(first + 5, len(times_s)))
        for _ in range(2):
            seen = decoder.read(times_s[which].tolist(), None)
            assert np.array_equal(seen.pixels, reference[which])


def test_one_moment_asked_for_twice_is_one_picture_twice(clock_film: Film) -> None:
    seen = decoder_of(clock_film("25 fps.mp4").path).read([1.0, 1.0, 1.01, 1.04], None)
    assert seen.times_s.tolist() == pytest.approx([1.0, 1.0, 1.0, 1.04])
    assert np.array_equal(seen.pixels[0], seen.pixels[2])
    assert seen.missing == 0


def test_asking_for_nothing_gives_nothing(clock_film: Film) -> None:
    assert decoder_of(clock_film("25 fps.mp4").path).read([], None).pixels.shape == (0, 96, 160, 3)


def test_two_decoders_share_a_file(clock_film: Film) -> None:
    with clock_film("25 fps.mp4").path.open("rb") as file:
        one, two = (open_decoder("pyav", file, Limits()) for _ in range(2))
        for time_s in (0.2, 2.0, 1.1):
            shown = [read_clock(d.read([time_s], None).pixels[0]) for d in (one, two)]
            assert shown == [int(time_s * 25 + 1e-6)] * 2
        one.close()
        assert read_clock(two.read([0.4], None).pixels[0]) == 10


@pytest.mark.parametrize("decoder", ["pyav", *FOREIGN])
def test_what_one_call_may_cost_is_checked_first(decoder: str, clock_film: Film) -> None:
    path = clock_film("25 fps.mp4").path
    one_picture = 96 * 160 * 3
    limited = decoder_of(path, decoder, Limits(frames_per_call=3))
    assert len(limited.read([0.0, 1.0, 2.0], None).pixels) == 3
    with pytest.raises(TooLarge, match="frames_per_call"):
        limited.read([0.0, 0.0, 1.0, 2.0], None)
    limited = decoder_of(path, decoder, Limits(bytes_per_call=2 * one_picture))
    assert len(limited.read([0.0, 1.0], None).pixels) == 2
    with pytest.raises(TooLarge, match="bytes_per_call"):
        limited.read([0.0, 1.0, 2.0], None)
    assert len(limited.read([0.0, 1.0, 2.0], 80).pixels) == 3


# Damage


def damaged(film: ClockVideo, share: float, length: int) -> bytes:
    """The file with `length` bytes of its pictures lost, at `share` of them."""
    content = bytearray(film.path.read_bytes())
    start = content.find(b"mdat")
    at = start + int((len(content) - start) * share)
    content[at : at + length] = bytes(length)
    return bytes(content)


@pytest.mark.parametrize("name", ["gop 250.mp4", "29.97 fps.mp4", "open gop.mp4"])
@pytest.mark.parametrize("share", [0.3, 0.45, 0.62])
def test_a_damaged_picture_is_never_shown_as_a_whole_one(
    name: str, share: float, clock_film: Film
) -> None:
    film = clock_film(name)
    whole = read_all(decoder_of(film.path))
    seen = read_all(decoder_of(damaged(film, share, 400)))

    is_own = seen.times_s == whole.times_s
    assert 0 < seen.missing == (~is_own).sum() < len(is_own)
    which = np.searchsorted(whole.times_s, seen.times_s)
    assert np.array_equal(seen.pixels, whole.pixels[which])  # also what stands in is unharmed
    assert np.all(seen.times_s <= whole.times_s)


def test_damage_ends_with_the_next_keyframe(clock_film: Film) -> None:
    film = clock_film("29.97 fps.mp4")  # a keyframe every 12 frames
    decoder = decoder_of(damaged(film, 0.45, 400))
    seen = read_all(decoder)
    missing = np.flatnonzero(seen.times_s != decoder.opened.timeline.times_s)
    assert missing.max() - missing.min() < 12


def test_a_damaged_place_can_be_asked_for_alone(clock_film: Film) -> None:
    content = damaged(clock_film("29.97 fps.mp4"), 0.45, 400)
    seen = read_all(decoder_of(content))
    line = decoder_of(content).opened.timeline
    missing = np.flatnonzero(seen.times_s != line.times_s)
    alone = decoder_of(content).read([float(line.times_s[missing[-1]])], None)
    assert alone.missing == 1
    assert alone.times_s[0] == seen.times_s[missing[-1]]
    assert np.array_equal(alone.pixels[0], seen.pixels[missing[-1]])


def test_a_first_key_that_does_not_decode_moves_time_0_and_says_so(clock_film: Film) -> None:
    opened = decoder_of(clock_film("starts inside a gop.mkv").path).opened
    assert any("time 0 is the first that does" in w for w in opened.info["warnings"])


def test_nothing_whole_before_the_damage_is_an_error(clock_film: Film) -> None:
    film = clock_film("no b-frames.mp4")
    content = bytearray(film.path.read_bytes())
    with av.open(str(film.path)) as container:
        first = next(container.demux(container.streams.video[0]))
        assert first.pos is not None
        end = first.pos + first.size
        content[end - first.size // 4 : end] = bytes(first.size // 4)
    decoder = decoder_of(bytes(content))
    with pytest.raises(DecodeFailed, match=r"0\.000 s"):
        decoder.read([0.0], None)
    assert read_clock(decoder.read([1.0], None).pixels[0]) == 25


def test_a_damaged_real_file_gives_its_whole_pictures(real_videos: Path) -> None:
    decoder = decoder_of(real_videos / "corrupted.mp4")
    seen = read_all(decoder, 320)
    assert len(seen.pixels) == 50
    assert 0 < seen.missing < 25


def test_sound_that_does_not_decode_spoils_no_picture(real_videos: Path) -> None:
    assert decoder_of(real_videos / "failing_audio.mp4").read([0.0, 5.0, 11.0], 160).missing == 0


# Names


def test_pyav_is_there_and_first() -> None:
    assert installed_decoders()[0] == "pyav"
    assert "opencv" in installed_decoders()


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(NoSuchPlugin, match="pyav, torchcodec, decord, opencv"):
        find_decoder("quicktime")


@pytest.mark.parametrize("name", ["decord", "torchcodec"])
def test_a_missing_library_says_how_to_install_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # what Python does for a module that is not there
    assert name not in installed_decoders()
    with pytest.raises(MissingExtra, match=rf'pip install "playhead\[{name}\]"'):
        find_decoder(name)


def test_a_package_can_bring_its_own_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock_film: Film
) -> None:
    (tmp_path / "their_decoder.py").write_text(
        "from playhead.video.decoders.pyav import PyavDecoder\n"
        "class TheirDecoder(PyavDecoder):\n    name = 'theirs'\n"
    )
    about = tmp_path / "their_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: their-package\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[playhead.decoders]\ntheirs = their_decoder:TheirDecoder\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    assert "theirs" in installed_decoders()
    assert decoder_of(clock_film("25 fps.mp4").path, "theirs").name == "theirs"


# The other libraries


def pictures_of_real_file(path: Path, name: str) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    decoder = decoder_of(path, name)
    span_s = decoder.opened.timeline.end_s
    seen = decoder.read([0.0, span_s * 0.4, span_s * 0.9], 160)
    decoder.close()
    return seen.pixels, seen.times_s


@pytest.mark.parametrize("decoder", FOREIGN)
@pytest.mark.parametrize("name", ["bunny.mp4", "rotated_90.mov", "rotated_180.mov", "webb.mp4"])
def test_other_libraries_show_the_same_pictures(name: str, decoder: str, real_videos: Path) -> None:
    if (name, decoder) == ("webb.mp4", "opencv"):
        pytest.skip("OpenCV opens the first picture stream only")
    ours, our_times_s = pictures_of_real_file(real_videos / name, "pyav")
    theirs, their_times_s = pictures_of_real_file(real_videos / name, decoder)
    assert np.array_equal(our_times_s, their_times_s)
    assert np.abs(ours.astype(int) - theirs).mean() < 6


def test_opencv_refuses_a_stream_that_it_cannot_choose(real_videos: Path) -> None:
    with pytest.raises(DecodeFailed, match="use decoder='pyav'"):
        decoder_of(real_videos / "webb.mp4", "opencv")


@pytest.mark.parametrize(
    ("decoder", "name"),
    [
        ("opencv", "interlaced.mp4"),
        ("decord", "open gop.mp4"),
        ("decord", "mpeg-ts.ts"),
        ("decord", "intra refresh.mp4"),
        ("decord", "two frames at one time.mkv"),
    ],
)
def test_what_a_library_misreads_is_refused(decoder: str, name: str, clock_film: Film) -> None:
    if decoder not in installed_decoders():
        pytest.skip(f"{decoder} is not installed")
    with pytest.raises(DecodeFailed, match="use decoder='pyav'"):
        decoder_of(clock_film(name).path, decoder)
