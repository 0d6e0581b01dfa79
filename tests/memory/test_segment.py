"""Segments are the best there are, planted changes are found, and no sentence is cut."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.core import Span
from playhead.memory.segment import balanced, find_events, segment
from playhead.video.sound import Sound, speech_activity
from playhead.worlds import VirtualVideo, make_world
from tests.video.drawn import DrawnVideo, take

Parts = list[tuple[int, int]]


def ways(num: int, shortest: int, longest: int) -> list[list[int]]:
    """All ways to write `num` as a sum of allowed lengths."""

    @cache
    def of(rest: int) -> list[list[int]]:
        if rest == 0:
            return [[]]
        return [
            [n, *more] for n in range(shortest, min(longest, rest) + 1) for more in of(rest - n)
        ]

    return of(num)


def worth(spans: list[Span], change: NDArray[np.float64], whole: list[Span]) -> tuple[int, float]:
    """Fewer cut sentences are better, then more change."""
    borders = [span.start for span in spans[1:]]
    cut = sum(any(s.start < border < s.end for s in whole) for border in borders)
    return -cut, sum(change[round(border)] for border in borders)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(-9, 9), min_size=1, max_size=12),
    st.integers(1, 3),
    st.integers(1, 7),
    st.lists(st.tuples(st.integers(0, 22), st.integers(1, 8)), max_size=3),
)
def test_no_other_way_is_better(numbers, shortest, longest, halves):
    assume(2 * shortest - 1 <= longest and shortest <= len(numbers))
    change = np.array(numbers, np.float64)
    whole = [Span(start=a / 2, end=(a + n) / 2) for a, n in halves]
    found = segment(change, step_s=1, shortest_s=shortest, longest_s=longest, keep_whole=whole)
    every = []
    for lengths in ways(len(change), shortest, longest):
        ends = np.cumsum([0, *lengths]).tolist()
        every.append([Span(start=a, end=b) for a, b in pairwise(ends)])
    assert worth(found, change, whole) == max(worth(way, change, whole) for way in every)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 200),
    st.sampled_from([0.1, 0.25, 1 / 3, 1.0]),
    st.floats(0.1, 5),
    st.floats(2, 6),
    st.floats(0, 50),
)
def test_parts_fill_the_time_and_have_allowed_lengths(num, step_s, shortest_s, ratio, start_s):
    longest_s = shortest_s * ratio + step_s
    change = np.random.default_rng(num).random(num)
    parts = segment(
        change, step_s=step_s, start_s=start_s, shortest_s=shortest_s, longest_s=longest_s
    )
    assert (not parts) == (num == 0)
    assert all(a.end == b.start for a, b in pairwise(parts))
    if parts:
        assert (parts[0].start, parts[-1].end) == (start_s, start_s + num * step_s)
        assert all(part.duration <= longest_s + 1e-6 for part in parts)
        is_long = num * step_s >= shortest_s
        assert all(part.duration >= shortest_s - 1e-6 for part in parts) or not is_long


def test_planted_changes_are_found_in_noise():
    rng, planted = np.random.default_rng(3), [40, 95, 130, 170]
    change = np.abs(rng.normal(0, 0.1, 200))
    change[planted] += 1
    parts = segment(change - 0.5, step_s=0.5, shortest_s=5, longest_s=40)
    assert [part.end for part in parts[:-1]] == [step / 2 for step in planted]


def test_a_sentence_is_not_cut_though_the_picture_changes_in_it():
    change = np.zeros(40)
    change[[10, 20, 30]] = 1
    sentence = Span(start=18.5, end=22.5)
    parts = segment(change, step_s=1, shortest_s=5, longest_s=20, keep_whole=[sentence])
    borders = [part.start for part in parts[1:]]
    assert {10, 30} <= set(borders)
    assert not any(18.5 < border < 22.5 for border in borders)


def test_a_border_may_lie_where_a_sentence_begins_or_ends():
    change = np.zeros(20)
    change[[5, 12]] = 1
    sentence = Span(start=5, end=12)
    parts = segment(change, step_s=1, shortest_s=5, longest_s=9, keep_whole=[sentence])
    assert sentence in parts


def test_a_sentence_longer_than_any_part_is_cut_as_rarely_as_can_be_where_most_changes():
    change = np.zeros(30)
    change[14] = 1
    sentence = Span(start=1, end=29)
    parts = segment(change, step_s=1, shortest_s=1, longest_s=20, keep_whole=[sentence])
    inside = [part.start for part in parts if 1 < part.start < 29]
    assert inside == [14]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (np.array([0.0, np.nan]), {}, "finite"),
        (np.zeros((2, 2)), {}, r"\(2, 2\)"),
        (np.zeros(9), {"step_s": 0}, "step_s=0"),
        (np.zeros(9), {"start_s": -1}, "start_s=-1"),
        (np.zeros(9), {"longest_s": 4}, "longest_s=4"),
    ],
)
def test_wrong_arguments_are_refused_with_what_was_seen(change, options, message):
    arguments = {"step_s": 1, "shortest_s": 3, "longest_s": 9} | options
    with pytest.raises(ValueError, match=message):
        segment(change, **arguments)


def looks(video, step_s: float) -> NDArray[np.float32]:
    """What each step of a video shows, as unit vectors: colours of a tiny picture."""
    times_s = [t + step_s / 2 for t in video.info.span.every(step_s)]
    times_s = [t for t in times_s if t < video.info.duration_s]
    pixels = np.concatenate([frames.pixels for frames in video.stream(times_s, max_side=80)])
    small = np.stack([cv2.resize(p, (8, 8), interpolation=cv2.INTER_AREA) for p in pixels])
    rows = small.reshape(len(small), -1).astype(np.float32) - 127.5
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_shots_of_a_drawn_film_are_events():
    lengths_s = [6, 9, 4, 7]
    film = DrawnVideo(np.concatenate([take(i, 25 * s) for i, s in enumerate(lengths_s)]))
    events = find_events(looks(film, 0.25), step_s=0.25)
    assert [event.end for event in events] == [6, 15, 19, 26]


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_scenes_of_a_world_are_events(seed: int):
    world = make_world(seed, duration_ms=240_000)
    cuts_s = [scene.start_ms / 1000 for scene in world.scenes[1:]]
    with VirtualVideo(world) as video:
        events = find_events(looks(video, 0.5), step_s=0.5, longest_s=240)
    borders_s = np.array([event.start for event in events[1:]])
    assert all(np.abs(borders_s - cut_s).min() <= 0.5 for cut_s in cuts_s)
    assert len(borders_s) <= len(cuts_s) + 1


def talk(seconds: float, spans: list[Span]) -> Sound:
    """Noise like speech during `spans`, over a quiet hum."""
    rng, rate = np.random.default_rng(1), 16_000
    samples = rng.normal(0, 0.001, int(seconds * rate))
    for span in spans:
        first, last = int(span.start * rate), int(span.end * rate)
        samples[first:last] += rng.normal(0, 0.1, last - first)
    return Sound(samples.astype(np.float32), rate)


def still(num: int) -> NDArray[np.float32]:
    return np.tile(np.array([[1, 0, 0]], np.float32), (num, 1))


def test_where_talk_begins_and_ends_is_an_event_though_nothing_is_seen():
    said = [Span(start=start, end=start + 4) for start in (20, 25, 30, 35)]
    heard = speech_activity(talk(60, said))
    events = find_events(still(240), step_s=0.25, longest_s=120, speech=heard)
    assert [event.start for event in events[1:]] == pytest.approx([20, 39], abs=0.5)


def test_an_event_does_not_cut_an_utterance_that_a_change_of_picture_falls_into():
    vectors = still(120)
    vectors[60:] = [0, 1, 0]  # at 30 s
    assert find_events(vectors, step_s=0.5)[0].end == 30
    utterance = Span(start=28, end=33)
    events = find_events(vectors, step_s=0.5, speech=[utterance])
    assert not any(28 < event.start < 33 for event in events)
    assert {event.start for event in events[1:]} & {28.0, 33.0}


def test_a_flash_is_no_event():
    vectors = still(240)
    vectors[100] = [0, 1, 0]
    assert len(find_events(vectors, step_s=0.5, longest_s=120)) == 1


def test_where_nothing_happens_events_are_only_as_long_as_they_may_be():
    assert len(find_events(still(1), step_s=1)) == 1
    assert find_events(still(0), step_s=1) == []
    events = find_events(still(150), step_s=1)
    assert len(events) == 3
    assert all(event.duration <= 64 for event in events)


def kinds_of_events(rng: np.random.Generator, sizes: list[int]):
    """Events of several kinds in mixed order: spans, unit vectors, and which kind each is of."""
    kind = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centres = np.linalg.qr(rng.normal(size=(32, len(sizes))))[0].T
    vectors = centres[kind] + rng.normal(0, 0.02, (len(kind), 32))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [Span(start=i, end=i + 1) for i in range(len(kind))], vectors, kind


@pytest.mark.parametrize("rng", [None, np.random.default_rng(4)], ids=["typical", "drawn"])
@pytest.mark.parametrize("num", [4, 12, 24])
def test_rare_kinds_are_taken_as_often_as_common_ones(rng, num: int):
    spans, vectors, kind = kinds_of_events(np.random.default_rng(0), [400, 150, 30, 6])
    taken = balanced(spans, vectors, num, rng)
    assert taken == sorted(set(taken))
    counts = np.bincount([kind[int(span.start)] for span in taken], minlength=4)
    assert counts.tolist() == [num // 4] * 4


def test_when_a_rare_kind_is_used_up_the_others_go_on():
    spans, vectors, kind = kinds_of_events(np.random.default_rng(0), [100, 100, 2])
    taken = balanced(spans, vectors, 50)
    counts = np.bincount([kind[int(span.start)] for span in taken], minlength=3)
    assert counts.tolist() == [24, 24, 2]


def test_equal_generators_draw_equal_events_and_others_draw_others():
    spans, vectors, _ = kinds_of_events(np.random.default_rng(0), [60, 40])
    one, same, other = (
        balanced(spans, vectors, 10, np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    assert one == same != other


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30), st.integers(0, 40), st.integers(1, 4), st.booleans())
def test_as_many_are_taken_as_asked_whatever_they_look_like(total, num, distinct, drawn):
    vectors = np.eye(4, dtype=np.float32)[np.arange(total) % distinct]
    spans = [Span(start=i, end=i + 1) for i in range(total)]
    taken = balanced(spans, vectors, num, np.random.default_rng(0) if drawn else None)
    assert len(set(taken)) == len(taken) == min(num, total)


def test_vectors_that_do_not_belong_to_events_are_refused():
    with pytest.raises(ValueError, match="2 events"):
        balanced([Span(start=0, end=1), Span(start=1, end=2)], still(3), 1)
    with pytest.raises(ValueError, match="got -1"):
        balanced([Span(start=0, end=1)], still(1), -1)
    with pytest.raises(ValueError, match=r"\[N, dim\]"):
        find_events(np.ones(3, np.float32), step_s=1)
