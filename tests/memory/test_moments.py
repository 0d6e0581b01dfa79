"""Moments: what shows the same seconds is one hit, and ranks are fused as the formula says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from playhead.core import Span
from playhead.memory import Batch, DiskMemory, Entry
from tests.memory.made import Toy, plain, said

RED, GREEN, BLUE = plain(255, 0, 0), plain(0, 255, 0), plain(0, 0, 255)


class Eye(Toy):
    """The same without words."""

    name = "eye"
    embed_texts = None  # type: ignore[assignment]

    def __getattribute__(self, name: str) -> object:
        if name == "embed_texts":
            raise AttributeError(name)
        return super().__getattribute__(name)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[DiskMemory]:
    with DiskMemory(tmp_path, embedders=[Eye()]) as opened:
        yield opened


def seen(video_id: str, start_s: float, picture: np.ndarray, space: str = "eye") -> Entry:
    """A picture of two seconds, without words."""
    piece = said(video_id, start_s, "", kind="picture", length_s=2, time_s=start_s + 1)
    return Entry(piece, vectors={space: Toy().embed_pictures(picture[None])[0]})


def test_near_duplicates_are_one_hit_whose_span_covers_them(memory: DiskMemory):
    memory.write(Batch("v", [seen("v", start_s, RED) for start_s in (10, 12, 14, 16)]))
    memory.write(Batch("v", [seen("v", 100, RED)]))
    first, second = memory.search(image=RED)
    assert first.span == Span(start=10, end=18)
    assert first.evidence.span == Span(start=10, end=12)
    assert [memory.get(id_).span.start for id_ in first.also] == [12, 14, 16]  # type: ignore[union-attr]
    assert second.span == Span(start=100, end=102)
    assert second.also == ()


def test_neighbours_that_show_something_else_are_not_merged(memory: DiskMemory):
    memory.write(Batch("v", [seen("v", 10, RED), seen("v", 12, plain(255, 200, 0))]))
    assert [hit.span.start for hit in memory.search(image=RED)] == [10, 12]


def test_the_same_seconds_of_two_videos_are_two_hits(memory: DiskMemory):
    for video in "vw":
        memory.write(Batch(video, [seen(video, 10, RED)]))
    assert [hit.evidence.video_id for hit in memory.search(image=RED)] == ["v", "w"]


def test_a_long_take_is_not_one_endless_hit(memory: DiskMemory):
    memory.write(Batch("v", [seen("v", 2.0 * i, RED) for i in range(64)]))
    spans = [hit.span for hit in memory.search(image=RED, k=20)]
    assert max(span.duration for span in spans) <= 60


def test_words_and_picture_at_the_same_second_beat_either_alone(memory: DiskMemory):
    memory.write(Batch("v", [seen("v", 10, RED), seen("v", 50, RED), seen("v", 90, BLUE)]))
    memory.add([said("v", 50.5, "a car"), said("v", 200, "a car car car")])
    first = memory.search("car", image=RED)[0]
    assert set(first.channels) == {"words", "picture:eye"}
    assert first.span == Span(start=50, end=52)
    assert len(first.also) == 1


def test_ranks_are_fused_as_by_hand(memory: DiskMemory):
    said_at = {10: "car " * 4, 50: "car " * 2, 200: "car"}
    memory.write(Batch("v", [seen("v", 10, plain(255, 90, 0)), seen("v", 50, RED)]))
    memory.write(Batch("v", [seen("v", 90, plain(255, 200, 0))]))
    memory.add([said("v", at, text) for at, text in said_at.items()])
    hits = {hit.evidence.span.start: hit for hit in memory.search("car", image=RED, k=9)}
    assert {start: hit.score for start, hit in hits.items()} == pytest.approx(
        {50: 1 / 61 + 1 / 62, 10: 1 / 61 + 1 / 62, 90: 1 / 63, 200: 1 / 63}
    )
    assert list(hits)[2:] == [90, 200]
    near = {
        start: float(Toy().embed_pictures(p[None])[0] @ Toy().embed_pictures(RED[None])[0])
        for start, p in ((10, plain(255, 90, 0)), (50, RED), (90, plain(255, 200, 0)))
    }
    for start, cosine in near.items():
        assert hits[start].channels["picture:eye"] == pytest.approx(cosine, abs=2e-3)
    assert "picture:eye" not in hits[200].channels


def test_filters_hold_together_and_alone(memory: DiskMemory):
    for video in "vw":
        memory.write(Batch(video, [seen(video, start_s, RED) for start_s in (10, 50)]))
        memory.add([said(video, 10.5, "a red car"), said(video, 50.5, "a red car")])

    def found(**how: object) -> set[tuple[str, float]]:
        hits = memory.search("car", image=RED, k=20, **how)  # type: ignore[arg-type]
        ids = [id_ for hit in hits for id_ in (hit.evidence.id, *hit.also)]
        pieces = [memory.get(id_) for id_ in ids]
        return {(p.video_id + p.kind[0], p.span.start) for p in pieces if p}

    everything = {
        (v + k, s) for v in "vw" for k, s in (("p", 10), ("p", 50), ("s", 10.5), ("s", 50.5))
    }
    assert found() == everything
    assert found(videos=["w"]) == {pair for pair in everything if pair[0][0] == "w"}
    assert found(kinds=["picture"]) == {pair for pair in everything if pair[0][1] == "p"}
    assert found(kinds=[]) == found(videos=[]) == set()
    assert found(span=Span(start=0, end=10.5)) == {("vp", 10), ("wp", 10)}
    assert found(span=Span(start=51.9, end=60)) == {("vp", 50), ("wp", 50)}
    assert found(until_s=12) == {pair for pair in everything if pair[1] < 20}
    assert found(until_s=11.6) == {("vs", 10.5), ("ws", 10.5)}
    assert found(until_s=12, videos=["v"], kinds=["speech"], span=Span(start=11, end=99)) == {
        ("vs", 10.5)
    }


def test_a_text_finds_pictures_through_an_embedder_of_both(tmp_path: Path):
    with DiskMemory(tmp_path, embedders=[Toy()]) as memory:
        pictures = {10: RED, 50: GREEN, 90: BLUE}
        memory.write(Batch("v", [seen("v", at, p, "toy") for at, p in pictures.items()]))
        hits = memory.search("something green")
        assert hits[0].span == Span(start=50, end=52)
        assert list(hits[0].channels) == ["meaning:toy"]


def test_joint_fusion_looks_for_the_sum_of_picture_and_words(tmp_path: Path):
    with DiskMemory(tmp_path, embedders=[Toy()]) as memory:
        yellow = plain(255, 255, 0)
        pictures = {10: RED, 50: GREEN, 90: yellow, 130: BLUE}
        memory.write(Batch("v", [seen("v", at, p, "toy") for at, p in pictures.items()]))
        joint = memory.search("green", image=RED, fusion="joint")
        assert joint[0].span.start == 90
        assert list(joint[0].channels) == ["joint:toy"]
        both = Toy().embed_pictures(RED[None])[0] + Toy().embed_texts(["green"])[0]
        true = Toy().embed_pictures(yellow[None])[0] @ both / np.linalg.norm(both)
        assert joint[0].channels["joint:toy"] == pytest.approx(true, abs=2e-3)
        late = memory.search("green", image=RED, fusion="late")
        assert set(late[0].channels) == {"picture:toy", "meaning:toy"}


def test_joint_without_both_is_what_late_is(tmp_path: Path):
    with DiskMemory(tmp_path, embedders=[Toy()]) as memory:
        memory.write(Batch("v", [seen("v", 10, RED, "toy"), seen("v", 50, GREEN, "toy")]))
        for how in ({"text": "green"}, {"image": RED}):
            assert memory.search(**how, fusion="joint") == memory.search(**how)  # type: ignore[arg-type]


def test_a_space_nobody_can_ask_is_kept_and_not_searched(memory: DiskMemory):
    memory.write(Batch("v", [seen("v", 10, RED, "other")]))
    assert memory.search(image=RED) == []
    assert len(memory.vectors("other")[0]) == 1
