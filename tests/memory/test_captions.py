"""The pyramid: captions are made once and only where needed, and a digest keeps every promise."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.core import Evidence, Span
from playhead.core.errors import NoSuchTime
from playhead.memory.captions import LEVELS, Digest, Pyramid, estimate_tokens
from playhead.video.base import Frames, Video
from tests.video.drawn import DrawnVideo

TEXT = "a dog chases\nthe ball through an unexpectedly green garden while it rains"
FAR = 10**9


class RuleCaptioner:
    """Says more or less about a stretch, depending on when it is, and keeps count."""

    name = "rule"

    def __init__(self) -> None:
        self.captioned: list[tuple[Span, int]] = []
        self.summarised: list[tuple[Span, list[str]]] = []

    def caption(self, frames: Frames, span: Span) -> str:
        self.captioned.append((span, len(frames)))
        return " ".join(TEXT.split(" ")[: int(span.start * 7) % 11])

    def summarise(self, captions: Sequence[str], span: Span) -> str:
        self.summarised.append((span, list(captions)))
        return " ".join(captions)[: 20 + int(span.start) % 90]

    @property
    def num_made(self) -> int:
        return len(self.captioned) + len(self.summarised)


class Shelf:
    """Captions in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], list[Evidence]] = {}

    def captions(self, video_id: str, level: str, span: Span | None = None) -> list[Evidence]:
        kept = self.kept.get((video_id, level), [])
        return [
            c for c in kept if span is None or (c.span.start < span.end and span.start < c.span.end)
        ]

    def add_captions(self, level: str, captions: Sequence[Evidence]) -> None:
        for caption in captions:
            kept = self.kept.setdefault((caption.video_id, level), [])
            insort(kept, caption, key=lambda caption: caption.span)


def film(duration_s: float) -> DrawnVideo:
    return DrawnVideo(np.zeros((round(duration_s * 4), 2, 2, 3), np.uint8), fps=4)


class Made:
    """A film with its pyramid."""

    def __init__(self, duration_s: float, chapters: tuple[Span, ...] = ()) -> None:
        self.video: Video = film(duration_s)
        self.chapters, self.captioner, self.shelf = chapters, RuleCaptioner(), Shelf()
        self.pyramid = Pyramid(self.video, self.captioner, self.shelf, chapters=chapters)


@cache
def all_made(duration_s: float, chapters: tuple[Span, ...] = ()) -> Made:
    """All captions of a film, for tests that only read them."""
    made = Made(duration_s, chapters)
    made.pyramid.fit(FAR)
    return made


CHAPTERS = (Span(start=0, end=70), Span(start=70, end=75), Span(start=130, end=420))
made = st.sampled_from(
    [(700.25, ()), (512.0, ()), (64.25, ()), (9.0, ()), (0.5, ()), (600.0, CHAPTERS)]
).map(lambda arguments: all_made(*arguments))
places = st.lists(st.floats(0, 690).map(lambda start: Span(start=start, end=start + 5)), max_size=3)
budgets = st.integers(0, 400) | st.integers(0, 12_000)
counters = st.sampled_from([estimate_tokens, len])


@st.composite
def partly_made(draw: st.DrawFn) -> Made:
    """A film of which only some captions are kept."""
    whole = draw(made)
    part = Made(whole.video.info.duration_s, whole.chapters)
    for (_, level), captions in whole.shelf.kept.items():
        keep = draw(st.integers(1, 5))
        skip = draw(st.integers(0, 4))
        part.shelf.add_captions(level, [c for i, c in enumerate(captions) if i % 5 < keep - skip])
    return part


@settings(max_examples=60, deadline=None)
@given(made, budgets, places, counters)
def test_a_digest_is_never_over_budget(made, budget, near, count):
    digest = made.pyramid.fit(budget, near=near, count_tokens=count)
    assert count(digest.text) == digest.num_tokens <= budget


@settings(max_examples=60, deadline=None)
@given(made, budgets, places)
def test_captions_of_a_digest_are_in_order_and_do_not_overlap(made, budget, near):
    digest = made.pyramid.fit(budget, near=near)
    assert all(a.span.end <= b.span.start for a, b in pairwise(digest.captions))
    told_s = sum(caption.span.duration for caption in digest.captions)
    assert told_s == pytest.approx(sum(span.duration for span in digest.coverage))
    assert all(span.end <= made.video.info.duration_s for span in digest.coverage)


def assert_no_less(small: Digest, big: Digest) -> None:
    for caption in small.captions:
        inside = [c for c in big.captions if c.span.intersection(caption.span)]
        assert all(c.span.duration <= caption.span.duration for c in inside)
        told_s = sum(c.span.duration for c in inside)
        assert told_s == pytest.approx(caption.span.duration)


@settings(max_examples=60, deadline=None)
@given(made, budgets, budgets, places, counters)
def test_a_bigger_budget_never_tells_less_nor_more_coarsely(made, one, other, near, count):
    small, big = (
        made.pyramid.fit(budget, near=near, count_tokens=count) for budget in sorted((one, other))
    )
    assert_no_less(small, big)


@settings(max_examples=60, deadline=None)
@given(partly_made(), budgets, budgets, places)
def test_what_is_kept_already_fits_by_the_same_rules_and_nothing_is_made(part, one, other, near):
    small, big = (
        part.pyramid.fit(budget, near=near, make=False) for budget in sorted((one, other))
    )
    assert small.num_tokens == estimate_tokens(small.text) <= min(one, other)
    assert all(a.span.end <= b.span.start for a, b in pairwise(big.captions))
    assert_no_less(small, big)
    assert part.captioner.num_made == part.video.num_read == 0


@settings(max_examples=30, deadline=None)
@given(partly_made())
def test_without_making_a_large_budget_tells_about_all_that_is_kept(part):
    digest = part.pyramid.fit(FAR, make=False)
    kept = [caption.span for captions in part.shelf.kept.values() for caption in captions]
    for span in kept:
        told = [c.span.intersection(span) for c in digest.captions]
        assert sum(s.duration for s in told if s) == pytest.approx(span.duration)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["1s", "8s"]), st.floats(0, 299), st.floats(0.01, 60))
def test_only_the_cells_that_overlap_a_span_are_captioned(level, start, length):
    made, span = Made(300.25), Span(start=start, end=start + length)
    captions = made.pyramid.at(level, span)
    size_s = {"1s": 1, "8s": 8}[level]
    cells = [Span(start=i, end=min(i + size_s, 300.25)) for i in range(0, 301, size_s)]
    assert [c.span for c in captions] == [c for c in cells if c.intersection(span)]
    assert [s for s, _ in made.captioner.captioned] == [c.span for c in captions]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(LEVELS), st.floats(0, 600)), max_size=6))
def test_nothing_is_made_twice_not_even_after_a_restart(asked):
    video, captioner, shelf = film(600.5), RuleCaptioner(), Shelf()
    for level, start in asked:
        pyramid = Pyramid(video, captioner, shelf)
        pyramid.at(level, Span(start=start, end=start + 20))
    spans = [span for span, _ in captioner.captioned + captioner.summarised]
    assert len(spans) == len(set(spans))
    before = captioner.num_made
    for level, start in asked:
        Pyramid(video, captioner, shelf).at(level, Span(start=start, end=start + 20))
    assert captioner.num_made == before


def test_what_was_made_before_a_failure_is_kept():
    made = Made(64.0)
    made.captioner.caption = failing(made.captioner.caption, 5)  # the captioner gives out
    with pytest.raises(RuntimeError):
        made.pyramid.at("64s")
    assert len(made.shelf.captions("drawn", "8s")) == 5


def failing(caption, num: int):
    calls = iter(range(num))

    def give_out(frames: Frames, span: Span) -> str:
        if next(calls, None) is None:
            raise RuntimeError("out of memory")
        return caption(frames, span)

    return give_out


def test_fine_captions_are_made_only_where_detail_is_wanted():
    made, near = Made(1800.0), Span(start=900, end=908)
    digest = made.pyramid.fit(900, near=[near])
    fine = [c.span for c in digest.captions if c.span.duration <= 1]
    seconds = [span for span, _ in made.captioner.captioned if span.duration <= 1]
    assert fine
    assert set(fine) <= set(seconds)
    assert len(seconds) <= len(fine) + 8  # the step that did not fit
    assert all(abs(span.start - 900) < 60 for span in seconds)


def test_detail_is_finest_where_it_is_wanted_and_fades_with_distance():
    made = all_made(1800.0)
    digest = made.pyramid.fit(3000, near=[Span(start=900, end=908)])
    rings = [(0, 20), (20, 100), (100, 400), (400, 900)]
    lengths_s = [
        np.mean([c.span.duration for c in digest.captions if a <= c.span.start - 900 < b])
        for a, b in rings
    ]
    assert lengths_s[0] == 1
    assert all(nearer < farther for nearer, farther in pairwise(lengths_s))


def test_if_not_all_fits_the_chapters_nearest_are_told():
    made = all_made(4096.0)
    digest = made.pyramid.fit(150, near=[Span(start=2600, end=2601)])
    assert Span(start=2560, end=3072) in [c.span for c in digest.captions]
    assert 1 <= len(digest.captions) < 8
    assert len(digest.coverage) == 1


def test_if_not_all_fits_and_no_place_is_named_what_is_told_is_spread():
    made = all_made(4096.0)
    digest = made.pyramid.fit(100)
    starts = [c.span.start for c in digest.captions]
    assert len(starts) in (2, 3, 4)
    assert {0.0, 2048.0} <= set(starts)


def test_each_level_is_written_from_what_its_caption_is_about():
    made = Made(130.0)
    (chapter,) = made.pyramid.at("chapter")
    assert chapter.span == Span(start=0, end=130)
    assert [(s.start, n) for s, n in made.captioner.captioned] == [
        *((8.0 * i, 4) for i in range(16)),
        (128.0, 4),
    ]
    parts = {span: len(texts) for span, texts in made.captioner.summarised}
    assert parts == {Span(start=0, end=64): 8, Span(start=64, end=128): 8, chapter.span: 3}
    (second,) = made.pyramid.at("1s", Span(start=3.2, end=3.4))
    assert second.kind == "caption"
    assert [ref.time_s for ref in second.frames] == [3.5]
    assert made.captioner.captioned[-1] == (Span(start=3, end=4), 1)


def test_a_last_cell_that_is_not_divided_is_the_finer_cell():
    made = Made(64.5)
    last = {level: made.pyramid.at(level)[-1] for level in ("64s", "8s", "1s")}
    assert len(set(map(repr, last.values()))) == 1
    spans = [span for span, _ in made.captioner.captioned]
    assert spans.count(Span(start=64, end=64.5)) == 1


def test_no_two_kept_captions_have_the_same_span_or_id():
    made = all_made(600.0, CHAPTERS)
    made.pyramid.fit(FAR)
    kept = [c for captions in made.shelf.kept.values() for c in captions]
    assert len({c.span for c in kept}) == len({c.id for c in kept}) == len(kept)


def test_chapters_move_to_whole_minutes_of_64_s_and_fill_the_video():
    chapters = all_made(600.0, CHAPTERS).pyramid.at("chapter")
    assert [(c.span.start, c.span.end) for c in chapters] == [
        (0, 64),
        (64, 128),
        (128, 448),
        (448, 600),
    ]


def test_every_line_of_a_digest_is_a_time_and_a_caption():
    digest = all_made(9.0).pyramid.fit(FAR)
    assert [line.split(" ")[0] for line in digest.text.splitlines()] == [
        f"0:0{i}.0-0:{i + 1:02d}.0" for i in range(9)
    ]
    assert digest.text.splitlines()[2] == "0:02.0-0:03.0 a dog chases the"


def test_a_budget_of_nothing_gives_an_empty_digest():
    digest = all_made(9.0).pyramid.fit(0)
    assert (digest.captions, digest.num_tokens, digest.text, digest.coverage) == ((), 0, "", ())


def test_wrong_arguments_are_refused_with_what_was_seen():
    made = all_made(9.0)
    with pytest.raises(ValueError, match="got -1"):
        made.pyramid.fit(-1)
    with pytest.raises(ValueError, match="chapter, 64s, 8s, 1s: got '2s'"):
        made.pyramid.at("2s")
    with pytest.raises(NoSuchTime):
        made.pyramid.at("1s", Span(start=9, end=10))
    with pytest.raises(ValueError, match="frames_per_caption=0"):
        Pyramid(made.video, made.captioner, made.shelf, frames_per_caption=0)
