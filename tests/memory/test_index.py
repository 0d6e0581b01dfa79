"""The nearest vectors: the same that comparing all of them finds, or the share that is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.memory import DiskMemory
from playhead.memory.index import IndexKind, VectorIndex
from playhead.memory.vectors import VectorFile
from tests.memory.made import batch, some_unit

KINDS: list[IndexKind] = ["flat", "sq8", "ivf", "hnsw"]


def units(num: int, dim: int, seed: int, *, num_different: int = 10**9) -> NDArray[np.float32]:
    """Unit vectors that 16-bit floats hold exactly; some are equal if few are different."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(num, dim))
    if num_different < num:
        vectors = vectors[rng.integers(0, num_different, num)]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float16).astype(np.float32)


def made(folder: str | Path, rows: Sequence[int], vectors: NDArray[np.float32]) -> VectorFile:
    file = VectorFile(Path(folder), "a", vectors.shape[1])
    file.append(np.array(rows, np.int64), vectors, 0)
    return file


def opened(file: VectorFile, kind: IndexKind = "flat") -> VectorIndex:
    return VectorIndex(file, kind, gpu=False).now(file.num_records)


def by_hand(
    rows: Sequence[int], vectors: NDArray[np.float32], queries: NDArray[np.float32], may_see: list
) -> dict[int, float]:
    """Every row that may be seen with its best similarity, best first, ties by row."""
    found: dict[int, float] = {}
    for row, vector, seen in zip(rows, vectors, may_see, strict=True):
        for query in queries:
            if seen:
                near = float(query.astype(np.float64) @ vector.astype(np.float64))
                found[row] = max(near, found.get(row, -2.0))
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def agrees(index: VectorIndex, hand: dict[int, float], found: tuple, k: int) -> None:
    """The same as by hand; among near ties, where rounding decides, any order will do."""
    rows, scores = found[0].tolist(), found[1].tolist()
    assert len(rows) == len(set(rows)) == min(k, len(hand))
    assert scores == pytest.approx(list(hand.values())[:k], abs=2e-6)
    for row, score in zip(rows, scores, strict=True):
        assert score == pytest.approx(hand[row], abs=2e-6)
    assert list(zip(scores, rows, strict=True)) == sorted(
        zip(scores, rows, strict=True), key=lambda pair: (-pair[0], pair[1])
    )


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10**6), k=st.integers(1, 30))
def test_a_flat_index_finds_what_comparing_all_finds(data: st.DataObject, seed: int, k: int):
    num = data.draw(st.integers(1, 40))
    dim = data.draw(st.sampled_from([1, 3, 8, 33]))
    rows = data.draw(st.permutations(range(num)))
    vectors = units(num, dim, seed, num_different=data.draw(st.integers(1, 40)))
    queries = units(data.draw(st.integers(1, 3)), dim, seed + 1)
    mask = data.draw(st.none() | st.lists(st.booleans(), min_size=num, max_size=num))
    with TemporaryDirectory() as folder:
        index = opened(made(folder, rows, vectors))
        may_see = None if mask is None else np.array(mask)
        hand = by_hand(rows, vectors, queries, mask or [True] * num)
        for exact in (False, True):
            agrees(index, hand, index.search(queries, may_see, k, exact=exact), k)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), num=st.integers(1, 30), k=st.integers(1, 40))
def test_ties_are_found_in_the_order_of_rows(seed: int, num: int, k: int):
    rows = np.random.default_rng(seed).permutation(num).tolist()
    vectors = np.repeat(units(1, 8, seed), num, axis=0)
    with TemporaryDirectory() as folder:
        index = opened(made(folder, rows, vectors))
        found, _ = index.search(vectors[:1], None, k, exact=True)
    assert found.tolist() == sorted(rows)[:k]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), num=st.integers(1, 60), others=st.integers(1, 200))
def test_an_exact_similarity_does_not_depend_on_what_else_is_compared(
    seed: int, num: int, others: int
):
    vectors, query = units(num + others, 67, seed), some_unit(seed, 67)[None]
    with TemporaryDirectory() as alone, TemporaryDirectory() as among:
        few = opened(made(alone, range(num), vectors[:num]))
        many = opened(made(among, range(num + others), vectors))
        mask = np.arange(num + others) < num
        some, all_of_them = (
            few.search(query, None, num, exact=True),
            many.search(query, mask, num, exact=True),
        )
    assert some[0].tolist() == all_of_them[0].tolist()
    assert some[1].tolist() == all_of_them[1].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_says_how_much_it_finds_and_can_be_exact(tmp_path: Path, kind: IndexKind):
    vectors, queries = units(2000, 24, 1), units(2, 24, 2)
    index = opened(made(tmp_path, range(2000), vectors), kind)
    report = index.describe()
    assert (report.kind, report.num_vectors, report.device) == (kind, 2000, "cpu")
    assert report.recall is not None
    assert report.recall == 1 if kind == "flat" else 0.6 < report.recall <= 1
    hand = by_hand(range(2000), vectors, queries, [True] * 2000)
    agrees(index, hand, index.search(queries, None, 50, exact=True), 50)
    near = index.search(vectors[:1], None, 10)[0].tolist()
    assert near[0] == 0
    true = list(by_hand(range(2000), vectors, vectors[:1], [True] * 2000))[:10]
    assert len({*near} & {*true}) >= 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_filter_holds_for_every_index(tmp_path: Path, kind: IndexKind):
    index = opened(made(tmp_path, range(1500), units(1500, 16, 1)), kind)
    mask = np.arange(1500) % 50 == 7
    found, _ = index.search(units(1, 16, 2), mask, 20)
    assert len(found)
    assert set(found.tolist()) <= set(np.flatnonzero(mask).tolist())
    assert index.search(units(1, 16, 2), np.zeros(1500, bool), 20)[0].tolist() == []


def test_too_few_vectors_for_a_sample_have_no_recall(tmp_path: Path):
    assert opened(made(tmp_path, range(20), units(20, 16, 1)), "hnsw").describe().recall is None


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), parts=st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_an_index_that_grew_equals_one_built_at_once(seed: int, parts: list[int]):
    vectors, query = units(sum(parts), 8, seed), units(1, 8, seed + 1)
    with TemporaryDirectory() as folder:
        file, at = VectorFile(Path(folder), "a", 8), 0
        grown = VectorIndex(file, "flat", gpu=False)
        for num in parts:
            file.append(np.arange(at, at + num), vectors[at : at + num], at)
            at += num
            grown = grown.now(at)
        found, expected = grown.search(query, None, 9), opened(file).search(query, None, 9)
    assert found[0].tolist() == expected[0].tolist()
    assert found[1].tolist() == expected[1].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_growing_past_the_first_build_finds_the_new_vectors(tmp_path: Path, kind: IndexKind):
    vectors = units(1600, 16, 1)
    file = made(tmp_path, range(900), vectors[:900])
    index = opened(file, kind)
    for at in range(900, 1600, 350):
        file.append(np.arange(at, at + 350), vectors[at : at + 350], at)
        index = index.now(at + 350)
        assert index.search(vectors[at : at + 1], None, 1)[0].tolist() == [at]
    assert len(index.now(10)) == 10


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_vectors_are_skipped(tmp_path: Path, kind: IndexKind):
    vectors = units(1200, 16, 1)
    file = made(tmp_path, range(1200), vectors)
    content = bytearray(file.path.read_bytes())
    for damaged in (0, 7, 1199):
        content[256 + 44 * damaged + 3] ^= 0x40
    for at in range(256 + 44 * 9 + 20, 256 + 44 * 9 + 28):
        content[at] = 0xFF  # not numbers
    file.path.write_bytes(content)
    assert file.damaged().tolist() == [0, 7, 9, 1199]
    index = opened(file, kind)
    for exact in (False, True):
        found, scores = index.search(vectors[7:8], None, 1200, exact=exact)
        assert not {0, 7, 9, 1199} & set(found.tolist())
        assert np.isfinite(scores).all()


def test_a_file_that_was_cut_short_gives_what_is_left(tmp_path: Path):
    with DiskMemory(tmp_path) as memory:
        for number in range(4):
            memory.write(batch("v", number))
        (path,) = memory.folder.home.glob("clip*.vectors")
        path.write_bytes(path.read_bytes()[: 256 + 28 * 5 + 3])
    with DiskMemory(tmp_path) as memory:
        assert len(memory.vectors("clip")[0]) == 5
        assert len(memory.entries()) == 16
        memory.write(batch("v", 9))
        assert len(memory.vectors("clip")[0]) == 9


def test_no_index_is_ever_stored_or_read(tmp_path: Path):
    with DiskMemory(tmp_path, index="hnsw") as memory:
        memory.write(batch("v", 0))
        memory.reports()
    kept = sorted(path.name.split("-")[0] for path in tmp_path.rglob("*") if path.is_file())
    assert kept == ["clip", "current", "lock", "log", "tables.sqlite", "text"]
    source = Path(VectorIndex.__init__.__code__.co_filename).read_text()
    assert "read_index" not in source
    assert "write_index" not in source


def test_an_unknown_index_is_refused(tmp_path: Path):
    file = made(tmp_path, [0], units(1, 4, 0))
    with pytest.raises(ValueError, match="auto, flat, sq8, ivf or hnsw"):
        opened(file, "annoy")  # type: ignore[arg-type]
