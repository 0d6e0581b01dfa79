"""A search that may not see the future is not changed by it, in any way."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.core import Span
from playhead.memory import Batch, DiskMemory, Entry
from playhead.memory.index import IndexKind
from tests.memory.made import Toy, plain, said, some_unit

WORDS = ["red", "green", "blue", "car", "the", "of"]


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    piece = said(
        draw(st.sampled_from(["v", "w", "x"])),
        draw(st.integers(0, 40)) / 2,
        " ".join(draw(st.lists(st.sampled_from(WORDS), max_size=5))),
        kind=draw(st.sampled_from(["speech", "caption"])),
        length_s=draw(st.sampled_from([0.5, 1.0, 7.0, 40.0])),
    )
    seed = draw(st.none() | st.integers(0, 6))
    return Entry(piece, vectors={} if seed is None else {"toy": some_unit(seed, Toy.dim)})


queries = st.fixed_dictionaries(
    {
        "text": st.none() | st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join),
        "image": st.sampled_from([None, plain(200, 10, 0), plain(0, 99, 99)]),
        "span": st.sampled_from([None, Span(start=2, end=9)]),
        "kinds": st.sampled_from([None, ["speech"], ["caption", "speech"]]),
        "videos": st.sampled_from([None, ["w"], ["x", "v"]]),
        "k": st.integers(1, 9),
        "fusion": st.sampled_from(["late", "joint"]),
    }
)


def remembered(folder: str, kept: list[Entry], kind: IndexKind = "flat") -> DiskMemory:
    memory = DiskMemory(folder, embedders=[Toy()], index=kind)
    for entry in kept:
        memory.write(Batch(entry.evidence.video_id, [entry]))
    return memory


@settings(max_examples=30, deadline=None)
@given(
    arrived=st.lists(entries(), max_size=14),
    until_s=st.integers(0, 45).map(lambda half: half / 2),
    asked=st.lists(queries, min_size=1, max_size=6),
)
def test_adding_the_future_never_changes_the_past(
    arrived: list[Entry], until_s: float, asked: list[dict]
):
    past = [entry for entry in arrived if entry.evidence.span.end <= until_s]
    with (
        TemporaryDirectory() as one,
        TemporaryDirectory() as two,
        remembered(one, arrived) as everything,
        remembered(two, past) as only_the_past,
    ):
        for how in asked:
            found = everything.search(**how, until_s=until_s)
            assert found == only_the_past.search(**how, until_s=until_s)
            assert all(hit.span.end <= until_s for hit in found)
            assert all(hit.evidence.span.end <= until_s for hit in found)


def test_the_order_of_videos_does_not_tell_which_of_them_has_a_future(tmp_path: Path):
    v, w, later = said("v", 1, "a"), said("w", 1, "b"), said("w", 90, "c")
    with (
        DiskMemory(tmp_path / "all") as everything,
        DiskMemory(tmp_path / "past") as only_the_past,
    ):
        everything.add([later])
        for memory in (everything, only_the_past):
            memory.add([v, w])
        found = everything.search(until_s=9)
        assert found == only_the_past.search(until_s=9)
        assert [hit.evidence for hit in found] == [v, w]


@pytest.mark.parametrize("kind", ["sq8", "ivf", "hnsw"])
def test_an_approximate_index_does_not_see_the_future_either(tmp_path: Path, kind: IndexKind):
    pieces = [said("v", i, f"line {i}") for i in np.random.default_rng(0).permutation(1200)]
    made = [Entry(piece, vectors={"toy": some_unit(i, Toy.dim)}) for i, piece in enumerate(pieces)]
    past = [entry for entry in made if entry.evidence.span.end <= 300]
    with (
        DiskMemory(tmp_path / "all", embedders=[Toy()], index=kind) as everything,
        DiskMemory(tmp_path / "past", embedders=[Toy()], index=kind) as only_the_past,
    ):
        everything.write(Batch("v", made))
        only_the_past.write(Batch("v", past))
        for text in ("red", "blue line 7", "green"):
            found = everything.search(text, until_s=300.0, k=20)
            assert found == only_the_past.search(text, until_s=300.0, k=20)


def test_what_ends_later_is_the_future_even_if_it_has_begun(tmp_path: Path):
    with DiskMemory(tmp_path) as memory:
        memory.add([said("v", 0, "a car", length_s=10), said("v", 2, "a car", kind="caption")])
        assert [h.evidence.kind for h in memory.search("car", until_s=9.99)] == ["caption"]
        assert memory.search("car", until_s=2.5) == []
        assert len(memory.search("car", until_s=10)[0].also) + 1 in (1, 2)
        assert memory.search("car", until_s=-1) == memory.search(until_s=0) == []
