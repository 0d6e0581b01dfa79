"""Subtitles: from what strangers write to plain text with seconds, in order and bounded."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from playhead.core.errors import NotAFile, TooLarge, VideoNotFound
from playhead.core.span import Span
from playhead.video import open_video
from playhead.video.subtitles import (
    MAX_BYTES,
    MAX_CHARACTERS,
    SUFFIXES,
    Line,
    embedded_subtitles,
    find_subtitles,
    plain_text,
    read_subtitles,
)

Write = Callable[..., Path]
STAMP = "00:00:01,000 --> 00:00:02,000\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a subtitle file and says where."""

    def _write(content: str | bytes, suffix: str = ".srt", encoding: str = "utf-8") -> Path:
        path = tmp_path / f"film{suffix}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return _write


def line(start: float, end: float, text: str, speaker: str | None = None) -> Line:
    return Line(Span(start=start, end=end), text, speaker)


def test_srt_is_read_with_its_rows_and_without_its_counters(write: Write):
    path = write(
        "1\n00:00:01,000 --> 00:00:02,500\nIt was\nin 1969.\n\n"
        "2\n00:01:03,250 --> 00:01:04,000\nYes.\n\n3\n01:00:00,000 --> 01:00:01,000\n2024\n"
    )
    assert read_subtitles(path) == [
        line(1.0, 2.5, "It was\nin 1969."),
        line(63.25, 64.0, "Yes."),
        line(3600.0, 3601.0, "2024"),
    ]


def test_vtt_is_read_without_notes_styles_names_and_settings(write: Write):
    path = write(
        "WEBVTT\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE\nnot spoken\n\n"
        "intro\n00:01.000 --> 00:02.000 align:start position:0%\nHello &amp; welcome\n\n"
        "NOTE neither this\n\noutro\n00:00:03.000 --> 00:00:04.000\nScore:\n42\n",
        ".vtt",
    )
    assert read_subtitles(path) == [line(1, 2, "Hello & welcome"), line(3, 4, "Score:\n42")]


def test_vtt_says_who_speaks(write: Write):
    path = write(
        "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Roger Bingham>We are in <b>New York</b></v>\n\n"
        "00:03.000 --> 00:04.000\n<v Ann>Hi</v>\n<v.loud Bob>Hello</v>\n",
        ".vtt",
    )
    assert read_subtitles(path) == [
        line(1, 2, "We are in New York", "Roger Bingham"),
        line(3, 4, "Ann: Hi\nBob: Hello"),
    ]


def test_rolling_captions_say_everything_once(write: Write):
    path = write(
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.000 align:start\n \nhello<00:00:00.500><c> world</c>\n"
        "\n00:00:02.000 --> 00:00:02.010 align:start\nhello world\n \n"
        "\n00:00:02.010 --> 00:00:04.000\nhello world\nnext<00:00:03.000><c> line</c>\n"
        "\n00:00:04.000 --> 00:00:04.010\nnext line\n \n",
        ".vtt",
    )
    assert read_subtitles(path) == [line(0, 2, "hello world"), line(2.01, 4, "next line")]


@pytest.mark.parametrize("suffix", [".ass", ".ssa"])
def test_ass_is_read_once_a_line_without_comments_drawings_and_styling(write: Write, suffix: str):
    fields = "0:00:01.00,0:00:02.50,Default,Bob,0,0,0,,"
    path = write(
        "[Script Info]\n[V4+ Styles]\nStyle: Default,Arial,not a number\n[Events]\n"
        f"Dialogue: 0,{fields}{{\\i1}}Hi{{\\i0}}\\NAnn, dear\n"
        f"Dialogue: 1,{fields}{{\\blur3}}Hi\\NAnn, dear\n"
        f"Comment: 0,{fields}not shown\n"
        f"Dialogue: 0,{fields}{{\\p1}}m 0 0 l 100 0{{\\p0}}\n"
        "Dialogue: x,never,ever,Default,,a,0,0,,broken\n"
        "Dialogue: 0,0:00:00.50,0:00:09.00,Default,,0,0,0,,first\n",
        suffix,
    )
    assert read_subtitles(path) == [line(0.5, 9, "first"), line(1, 2.5, "Hi\nAnn, dear", "Bob")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_encodings_are_told_apart(write: Write, encoding: str):
    assert read_subtitles(write(STAMP + "Привет, 世界 😀", encoding=encoding)) == [
        line(1, 2, "Привет, 世界 😀")
    ]


def test_what_is_not_unicode_is_read_as_western_european(write: Write):
    assert read_subtitles(write(STAMP + "“Señor Müller” — ça va", encoding="cp1252")) == [
        line(1, 2, "“Señor Müller” — ça va")
    ]


def test_times_are_sorted_and_cut_off_at_the_ends_of_the_video(write: Write):
    path = write(
        "00:00:09,000 --> 99:59:59,999\nlast\n\n-00:00:01,000 --> 00:00:00,500\nfirst\n\n"
        "00:00:05,000 --> 00:00:04,000\nbackwards\n\n00:00:11,000 --> 00:00:12,000\nafter\n\n"
        "00:00:03,000 --> 00:00:08,000\nlong\n\n00:00:04,000 --> 00:00:05,000\nmeanwhile\n"
    )
    assert read_subtitles(path, within=Span(start=0.0, end=10.0)) == [
        line(0, 0.5, "first"),
        line(3, 8, "long"),
        line(4, 5, "meanwhile"),
        line(9, 10, "last"),
    ]


def test_a_subtitle_with_unreadable_times_is_left_out_with_its_text(write: Write):
    path = write(STAMP + "good\n\n2\n00:00:oh --> 00:00:02,000\nlost\n\n3\n" + STAMP + "fine\n")
    assert [found.text for found in read_subtitles(path)] == ["good", "fine"]


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("<i>Hello</i> <font color='red'>there</font>", "Hello there"),
        ("{\\an8}{\\pos(1,2)}up", "up"),
        ("if 1 < 2 and 3 > 2", "if 1 < 2 and 3 > 2"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07end", "red end"),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("a\u200bb\ufeffc\u00add", "abcd"),
        ("tags\U000e0041\U000e0042", "tags"),
        ("\u0645\u06cc\u200c\u062e\u0648", "\u0645\u06cc\u200c\u062e\u0648"),
        ("👩\u200d🚀 ❤\ufe0f", "👩\u200d🚀 ❤\ufe0f"),
        ("&lt;b&gt; &amp; &#8238;x&#27;", "<b> & x"),
        ("a\x00b\x07c\td", "abc d"),
        ("  one \r\n\r\n  two\u2028three\\Nfour ", "one\ntwo\nthree\nfour"),
        ("\ud800 lone", "\ufffd lone"),
    ],
)
def test_text_becomes_plain(raw: str, plain: str):
    assert plain_text(raw) == plain


@given(st.text(st.characters(exclude_categories=())))
def test_plain_text_has_no_control_or_invisible_characters_and_an_end(text: str):
    plain = plain_text(text)
    kinds = {unicodedata.category(character) for character in plain.replace("\n", "")}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    assert not {"\u202e", "\u2066", "\u200b", "\x1b"} & set(plain)
    assert len(plain) <= MAX_CHARACTERS


def test_long_text_is_cut_off_and_says_so():
    assert plain_text("word " * 1000).endswith("…")


PIECES = st.sampled_from(
    [
        STAMP.encode(),
        b"00:01.000 --> 00:09.000\n",
        b"WEBVTT\n\n",
        b"Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\p",
        b"1\n",
        b"\n",
        b"-->",
        b"<v ",
        b"<00:00:01.000>",
        b"\0",
        b"\xff",
    ]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES | st.binary(max_size=40)).map(b"".join), st.sampled_from(SUFFIXES))
@example(b"\xff\xfe", ".srt")
@example(b"", ".vtt")
def test_no_content_is_too_strange(write: Write, content: bytes, suffix: str):
    within = Span(start=0.0, end=100.0)
    lines = read_subtitles(write(content, suffix), within=within)
    spans = [(found.span.start, found.span.end) for found in lines]
    assert spans == sorted(spans)
    assert all(0 <= start < end <= 100 for start, end in spans)
    assert all(0 < len(found.text) <= MAX_CHARACTERS for found in lines)


@pytest.mark.parametrize(
    "hostile",
    [
        STAMP + "<a" * 2_000_000,
        STAMP + "<" + " " * 3_000_000 + "x",
        STAMP + "a" + "\n" * 1_000_000 + "b",
        STAMP + "<a\n" * 500_000,
        STAMP + "{\\i1" * 500_000,
        "-->\n" * 500_000,
        "1" * 3_000_000 + " --> " + "1" * 1000,
        (STAMP + "&amp;" * 300 + "\x1b]" * 300 + "\n\n") * 500,
    ],
    ids=["tags", "spaces", "blank rows", "rows", "braces", "arrows", "digits", "escapes"],
)
@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_text_made_to_be_slow_is_not(write: Write, hostile: str, suffix: str):
    """Each of these takes minutes or longer where time is not in proportion to size."""
    assert len(read_subtitles(write(hostile, suffix))) <= 500


def test_a_dialogue_made_to_be_slow_is_not(write: Write):
    head = "Dialogue: 0,0:00:01.00,0:00:02.00,Default,Bob,0,0,0,,"
    assert len(read_subtitles(write(head + "{" * 3_000_000, ".ass"))) == 1


def test_thousands_of_lines_are_all_read(write: Write):
    rows = (f"{i}\n0:{i // 60:02}:{i % 60:02},000 --> 1:00:00,000\nline {i}\n" for i in range(3000))
    lines = read_subtitles(write("\n".join(rows)))
    assert [found.text for found in lines] == [f"line {i}" for i in range(3000)]


@pytest.mark.slow
def test_far_too_many_lines_are_refused(write: Write):
    with pytest.raises(TooLarge, match="100000 lines"):
        read_subtitles(write((STAMP + "x\n\n") * 900_000))


def test_a_file_that_is_too_large_is_refused(tmp_path: Path):
    path = tmp_path / "film.srt"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(TooLarge, match="bytes"):
        read_subtitles(path)


def test_what_is_no_subtitle_file_is_refused(tmp_path: Path, write: Write):
    with pytest.raises(VideoNotFound):
        read_subtitles(tmp_path / "missing.srt")
    with pytest.raises(ValueError, match=r"\.srt"):
        read_subtitles(write("x", ".txt"))
    folder = tmp_path / "folder.srt"
    folder.mkdir()
    with pytest.raises(NotAFile):
        read_subtitles(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "film.srt")
    with pytest.raises(NotAFile):
        read_subtitles(tmp_path / "film.srt")
    assert find_subtitles(tmp_path / "film.mp4") == []


def test_the_subtitles_inside_a_real_video_are_read(real_videos: Path):
    with open_video(real_videos / "webb.mp4") as video:
        lines = embedded_subtitles(video)
        assert embedded_subtitles(video, video.info.text_tracks[1]) == lines
    assert [found.text for found in lines[:3]] == [
        "NAR: This is the optical and science segment of the Webb",
        "space telescope in one of the largest cleanrooms in the world",
        "at NASA\u2019s Goddard Space Flight Center in Greenbelt, Maryland.",
    ]
    assert (lines[2].span.start, lines[2].span.end) == pytest.approx((8.35, 12.47))
    assert lines[-1].span.end <= video.info.duration_s


def test_a_video_without_subtitles_has_none(real_videos: Path):
    with open_video(real_videos / "cars.mp4") as video:
        assert embedded_subtitles(video) == []


def test_subtitles_beside_a_video_are_found_with_their_language(tmp_path: Path):
    for name in ("film.srt", "film.en.srt", "film.pt-BR.forced.VTT", "film.sdh.ass"):
        (tmp_path / name).touch()
    for name in ("film.part2.srt", "film.en.txt", "filmography.srt", "other.srt", "film.en.de.srt"):
        (tmp_path / name).touch()
    found = [
        (sidecar.path.name, sidecar.language) for sidecar in find_subtitles(tmp_path / "film.mp4")
    ]
    assert found == [
        ("film.sdh.ass", None),
        ("film.srt", None),
        ("film.en.srt", "en"),
        ("film.pt-BR.forced.VTT", "pt-BR"),
    ]
