from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.core import Span, format_time, merge, parse_time, stamp
from tests.strategies import spans


@pytest.mark.parametrize(("start", "end"), [(9, 3), (2, 2), (-1, 3), (0, float("inf"))])
def test_a_span_that_is_none_says_what_it_got(start, end):
    with pytest.raises(ValueError, match=r"got start=|finite"):
        Span(start=start, end=end)


@pytest.mark.parametrize(
    ("time_s", "text"),
    [
        (0, "0:00.0"),
        (42.04, "0:42.0"),
        (59.96, "1:00.0"),
        (3599.99, "1:00:00.0"),
        (3723.5, "1:02:03.5"),
    ],
)
def test_times_read_as_people_write_them(time_s, text):
    assert format_time(time_s) == text


@given(st.integers(0, 10**7))
def test_a_written_time_reads_back(tenths):
    assert parse_time(format_time(tenths / 10)) == pytest.approx(tenths / 10)


@given(st.integers(0, 10**6), st.sampled_from([15, 24000 / 1001, 25, 30000 / 1001, 50, 60]))
def test_asking_for_the_second_that_was_told_gives_the_same_picture(index, fps):
    told = parse_time(stamp(index / fps))
    assert int(told * fps + 1e-6) == index


@pytest.mark.parametrize(
    ("text", "time_s"), [("42", 42), ("42.5s", 42.5), ("1:02.5", 62.5), ("1:02:03.5", 3723.5)]
)
def test_every_usual_way_to_write_a_time_is_read(text, time_s):
    assert parse_time(text) == time_s


@pytest.mark.parametrize("text", ["", "abc", "-3", "1:2:3:4", "nan", "1e3", "1:"])
def test_what_is_not_a_time_is_refused_with_what_was_seen(text):
    with pytest.raises(ValueError, match="not a time"):
        parse_time(text)


def test_a_span_reads_from_text():
    assert Span.parse("1:02.5-1:10") == Span(start=62.5, end=70)
    with pytest.raises(ValueError, match="not a span"):
        Span.parse("42")


def test_a_span_does_not_contain_its_end():
    span = Span(start=1, end=2)
    assert 1.0 in span
    assert 2.0 not in span


def test_spans_that_touch_have_nothing_in_common():
    assert Span(start=0, end=1).intersection(Span(start=1, end=2)) is None
    assert Span(start=0, end=2).iou(Span(start=1, end=3)) == pytest.approx(1 / 3)


@given(spans(), st.integers(1, 50))
def test_a_grid_is_inside_and_in_order(span, num):
    times_s = span.grid(num)
    assert len(times_s) == num
    assert times_s == sorted(times_s)
    assert all(span.start <= t <= span.end for t in times_s)


@given(st.integers(0, 100), st.integers(1, 300), st.sampled_from([0.04, 0.1, 0.5, 1.0, 7.0]))
def test_steps_start_at_the_start_and_stay_inside(start, length, step_s):
    span = Span(start=start, end=start + length / 10)
    times_s = span.every(step_s)
    assert times_s[0] == span.start
    assert all(t in span for t in times_s)
    assert times_s[-1] + step_s >= span.end - 1e-6


@given(st.lists(spans(), max_size=6))
def test_merged_spans_are_apart_and_cover_the_same(found):
    merged = merge(found)
    assert all(a.end < b.start for a, b in pairwise(merged))
    assert all(any(m.start <= s.start and s.end <= m.end for m in merged) for s in found)
