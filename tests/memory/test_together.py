"""Many at once: who searches waits for nobody, and sees one moment, whole and not too old."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.core.memory import Hit
from playhead.memory import Batch, DiskMemory, check, compact
from playhead.memory.gate import Gate
from tests.memory.made import DIM, batch, plain, some_unit

NUM_BATCHES, NUM_READERS = 10, 4
WRITERS = ("v", "w")
QUESTIONS: tuple[dict[str, Any], ...] = (
    {"text": "line 2", "k": 9},
    {"image": plain(1, 2, 3), "k": 9},
    {"text": "word3 of v", "image": plain(9, 9, 9), "videos": ["v"]},
    {"text": "line", "image": plain(5, 0, 0), "until_s": 21.0, "k": 20},
    {"until_s": 30.0, "k": 20},
)


class Clip:
    """Gives every picture some vector of its own, after `pause`."""

    name, dim = "clip", DIM

    def __init__(self, pause: Callable[[], object] = lambda: None) -> None:
        self._pause = pause

    def embed_pictures(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self._pause()
        return np.stack([some_unit(zlib.crc32(picture.tobytes()), DIM) for picture in pixels])


@dataclass(frozen=True)
class Search:
    """What somebody asked, what had been acknowledged then, and what they got."""

    question: int
    acknowledged: frozenset[tuple[str, int]]
    hits: list[Hit]


def part(video: str, number: int) -> Batch:
    """A batch that, now and then, takes back something older."""
    made = batch(video, number)
    if number % 5 != 4:
        return made
    old = batch(video, number - 2).entries[1].evidence.id
    return Batch(video, made.entries, made.seen, made.done, [old])


def asked(memory: DiskMemory) -> list[list[Hit]]:
    return [memory.search(**question) for question in QUESTIONS]


def write_and_search(memory: DiskMemory) -> list[Search]:
    """Everything is written by two threads while others search."""
    acknowledged, searches, guard = set[tuple[str, int]](), list[Search](), threading.Lock()
    is_over = threading.Event()

    def write(video: str) -> None:
        for number in range(NUM_BATCHES):
            memory.write(part(video, number))
            with guard:
                acknowledged.add((video, number))

    def search(reader: int) -> None:
        turn = reader
        while not is_over.is_set():
            question = turn % len(QUESTIONS)
            with guard:
                before = frozenset(acknowledged)
            hits = memory.search(**QUESTIONS[question])
            with guard:
                searches.append(Search(question, before, hits))
            turn += 1

    with ThreadPoolExecutor() as pool:
        readers = [pool.submit(search, reader) for reader in range(NUM_READERS)]
        try:
            for writer in [pool.submit(write, video) for video in WRITERS]:
                writer.result()
        finally:
            is_over.set()
        for reader in readers:
            reader.result()
    return searches


def order_of(memory: DiskMemory) -> list[tuple[str, int]]:
    """Which batches were written, in order, as the log has them."""
    records = [line.record for line in memory.folder.log.lines()]
    return [(r["video"], int(r["done"][0][0].split()[1])) for r in records if r]


def answers_after_each(folder: Path, order: Sequence[tuple[str, int]]) -> list[list[list[Hit]]]:
    """What is found with nothing, with the first batch, with the first two ..., one at a time."""
    with DiskMemory(folder, embedders=[Clip()]) as memory:
        found = [asked(memory)]
        for video, number in order:
            memory.write(part(video, number))
            found.append(asked(memory))
        return found


def test_every_search_sees_a_prefix_with_all_that_was_acknowledged(tmp_path: Path):
    with DiskMemory(tmp_path / "shared", embedders=[Clip()]) as memory:
        searches = write_and_search(memory)
        order = order_of(memory)
        assert not check(memory)
    expected = answers_after_each(tmp_path / "alone", order)
    assert len(expected) == 2 * NUM_BATCHES + 1
    for search in searches:
        least = max((order.index(written) + 1 for written in search.acknowledged), default=0)
        possible = [found[search.question] for found in expected[least:]]
        assert search.hits in possible
    assert len({len(search.acknowledged) for search in searches}) > 5, "they were not at once"


def test_searches_and_compactions_at_once_find_what_is_there(tmp_path: Path):
    with DiskMemory(tmp_path, embedders=[Clip()]) as memory:
        for number in range(4):
            memory.write(batch("v", number))
        expected, is_over = asked(memory), threading.Event()

        def search(_: int) -> int:
            num = 0
            while not is_over.is_set():
                assert asked(memory) == expected
                num += 1
            return num

        with ThreadPoolExecutor() as pool:
            readers = [pool.submit(search, reader) for reader in range(NUM_READERS)]
            try:
                for _ in range(10):
                    compact(memory)
                    with memory.folder.writing():
                        memory.folder.make_tables_again()
            finally:
                is_over.set()
            assert all(reader.result() for reader in readers)


def test_a_search_waits_for_no_other_search_and_no_write(tmp_path: Path):
    meeting = threading.Barrier(2)
    with DiskMemory(tmp_path, embedders=[Clip()]) as memory:
        memory.write(batch("v", 0))
    with (
        DiskMemory(tmp_path, embedders=[Clip(lambda: meeting.wait(20))]) as memory,
        ThreadPoolExecutor() as pool,
        memory.folder.writing(),
    ):
        found = [pool.submit(memory.search, image=plain(i, 0, 0), k=9) for i in range(2)]
        assert [len(each.result(30)) for each in found] == [4, 4]


def test_a_write_waits_for_no_search_which_does_not_see_it(tmp_path: Path):
    is_looking, may_go_on = threading.Event(), threading.Event()

    def pause() -> None:
        is_looking.set()
        assert may_go_on.wait(20)

    with (
        DiskMemory(tmp_path, embedders=[Clip(pause)]) as memory,
        ThreadPoolExecutor() as pool,
    ):
        memory.write(batch("v", 0))
        found = pool.submit(memory.search, image=plain(1, 0, 0), k=99)
        assert is_looking.wait(20)
        memory.write(batch("v", 1))
        memory.forget([batch("v", 0).entries[0].evidence.id])
        may_go_on.set()
        assert len(found.result(20)) == 4
        assert len(memory.search(image=plain(1, 0, 0), k=99)) == 7


def test_a_search_finds_what_was_acknowledged_though_the_tables_had_no_place_for_it(tmp_path: Path):
    with DiskMemory(tmp_path, embedders=[Clip()]) as memory, ThreadPoolExecutor() as pool:
        memory.write(batch("v", 0))
        tables = memory.folder.tables
        (pages,) = tables.execute("PRAGMA page_count").fetchone()
        with memory.folder.writing():
            tables.execute(f"PRAGMA max_page_count = {pages}")
            memory.write(batch("w", 1, num=400))
            found = pool.submit(memory.search, "word1", k=500)
            with pytest.raises(TimeoutError):
                found.result(0.3)
            tables.execute("PRAGMA max_page_count = 100000")
        assert found.result(20)
        assert len(memory.entries("w")) == 400


def test_a_memory_that_was_compacted_a_moment_ago_is_searched_before_the_writer_goes_on(
    tmp_path: Path,
):
    with DiskMemory(tmp_path, embedders=[Clip()]) as memory, ThreadPoolExecutor() as pool:
        memory.write(batch("v", 0))
        expected = asked(memory)
        with memory.folder.writing():
            compact(memory)
            assert pool.submit(asked, memory).result(20) == expected


def test_a_gate_lets_a_few_in_at_a_time_and_in_the_order_in_which_they_came():
    gate, inside, order, busiest = Gate(2), set[int](), list[int](), list[int]()
    may_leave = threading.Semaphore(0)

    def pass_through(number: int) -> None:
        with gate:
            order.append(number)
            inside.add(number)
            busiest.append(len(inside))
            assert may_leave.acquire(timeout=120)
            inside.remove(number)

    with ThreadPoolExecutor(20) as pool:
        for number in range(20):
            pool.submit(pass_through, number)
            wait_until(lambda number=number: len(order) + len(gate._waiting) == number + 1)
        for number in range(20):
            may_leave.release()
            wait_until(lambda number=number: len(order) == min(20, number + 3))
    assert order == list(range(20))
    assert max(busiest) == 2


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_memory_may_be_closed_while_others_search(tmp_path: Path):
    memory = DiskMemory(tmp_path, embedders=[Clip()])
    memory.write(batch("v", 0))

    def search(_: int) -> None:
        while True:
            assert memory.search("line", k=9)

    with ThreadPoolExecutor() as pool:
        readers = [pool.submit(search, reader) for reader in range(NUM_READERS)]
        memory.close()
        for reader in readers:
            with pytest.raises(ValueError, match="closed: open it again"):
                reader.result(20)
