"""A memory on Qdrant gives what the embedded one gives.

These run against the client's local mode, and against a server too where PLAYHEAD_TEST_QDRANT_URL
names one, such as http://127.0.0.1:6333.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from playhead.core import Evidence, Hit, Kind, Span
from playhead.core.errors import StoreError
from playhead.memory import Batch, DiskMemory, Entry, merge_memories

from .remembered import ColourEmbedder, LetterEmbedder, batches, picture

pytest.importorskip("qdrant_client")

from playhead.memory.qdrant import QdrantMemory

URL = os.environ.get("PLAYHEAD_TEST_QDRANT_URL")
EMBEDDERS = (ColourEmbedder(), LetterEmbedder())
Open = Callable[..., QdrantMemory]


@pytest.fixture(
    params=[
        "local mode",
        pytest.param(
            "server",
            marks=pytest.mark.skipif(
                not URL, reason="local mode only: PLAYHEAD_TEST_QDRANT_URL names no server"
            ),
        ),
    ]
)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A client of the Qdrant that is tested."""
    from qdrant_client import QdrantClient

    made = QdrantClient(":memory:") if request.param != "server" else None
    made = made or QdrantClient(url=URL)
    yield made
    made.close()


@pytest.fixture
def open_memory(client: Any) -> Iterator[Open]:
    """Opens the same memory again and again, as many machines do."""
    prefix, opened = f"test-{uuid4().hex[:8]}", []

    def make(**how: Any) -> QdrantMemory:
        opened.append(QdrantMemory(client, prefix, embedders=EMBEDDERS, **how))
        return opened[-1]

    yield make
    for memory in opened:
        memory.close()
    for collection in client.get_collections().collections:
        if collection.name.startswith(prefix):
            client.delete_collection(collection.name)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[DiskMemory]:
    with DiskMemory(tmp_path / "disk", embedders=EMBEDDERS) as memory:
        yield memory


def fill(*memories: DiskMemory) -> None:
    for memory in memories:
        for seed, video_id in enumerate(("first", "second")):
            memory.describe_video(video_id, {"title": f"film {video_id}", "duration_s": 90.0})
            for batch in batches(video_id, seed=seed):
                memory.write(batch)


def rough(hits: list[Hit]) -> list[tuple[Any, ...]]:
    """What must be equal, similarities to three digits."""
    return [
        (
            h.evidence,
            h.span,
            round(h.score, 9),
            {c: round(s, 3) for c, s in h.channels.items()},
            h.also,
        )
        for h in hits
    ]


WHAT = [
    {"text": "red car"},
    {"text": "the speaker says number 4"},
    {"image": picture("green")},
    {"text": "blue", "image": picture("blue", seed=9)},
    {"text": "red", "image": picture("blue", seed=9), "fusion": "joint"},
    {},
]
WHERE = [
    {},
    {"span": Span(start=12.25, end=47.5)},
    {"kinds": ["speech", "picture"], "k": 12},
    {"kinds": ["no_such_kind"]},
    {"videos": ["second"]},
    {"videos": []},
    {"until_s": 36.0},
    {"until_s": 36.0, "videos": ["first"], "kinds": ["screen_text"], "span": Span(start=5, end=30)},
    {"k": 1},
]


def test_every_search_finds_what_the_embedded_memory_finds(open_memory: Open, disk: DiskMemory):
    memory = open_memory()
    fill(memory, disk)
    num = 0
    for what, where in product(WHAT, WHERE):
        hits = memory.search(**what, **where)
        assert rough(hits) == rough(disk.search(**what, **where)), (list(what), where)
        num += len(hits)
    assert num > 100


def test_it_holds_exactly_what_the_embedded_memory_holds(open_memory: Open, disk: DiskMemory):
    memory = open_memory()
    fill(memory, disk)
    assert memory.digest() == disk.digest()
    assert memory.videos() == disk.videos()
    for video_id in ("first", "second"):
        assert memory.digest(video_id) == disk.digest(video_id)
        assert memory.entries(video_id) == disk.entries(video_id)
        assert memory.entries(video_id, level="8s", span=Span(start=20, end=60))
        assert memory.coverage(video_id) == disk.coverage(video_id)
        assert memory.done(video_id) == disk.done(video_id)
    for space in ("toy/colour 1", "toy-letters"):
        ids, vectors = memory.vectors(space)
        assert ids == disk.vectors(space)[0]
        assert np.array_equal(vectors, disk.vectors(space)[1])
    assert {report.num_vectors for report in memory.reports()} == {180, 36}


def test_what_was_written_is_there_when_it_is_opened_again(open_memory: Open):
    memory = open_memory()
    fill(memory)
    before, found = memory.digest(), rough(memory.search("green car"))
    memory.close()
    again = open_memory()
    assert again.digest() == before
    assert rough(again.search("green car")) == found


def test_writing_the_same_again_changes_nothing(open_memory: Open):
    memory = open_memory()
    fill(memory)
    before = memory.digest()
    fill(memory)
    assert memory.digest() == before
    assert memory.write(batches("first")[0]) == 0
    assert {report.num_vectors for report in memory.reports()} == {180, 36}


def test_a_known_entry_gets_the_vectors_that_it_lacked(open_memory: Open, disk: DiskMemory):
    memory = open_memory()
    whole = batches("first")[0]
    bare = Batch("first", [Entry(e.evidence, e.source, e.level) for e in whole.entries])
    for each in (memory, disk):
        assert each.write(bare) == 12
        assert not each.search(image=picture("red"))
        assert each.write(whole) == 0
        assert each.write(whole) == 0
        assert each.search(image=picture("red"))
    assert memory.digest() == disk.digest()


def test_forgotten_evidence_is_not_found_by_words_or_pictures(open_memory: Open, disk: DiskMemory):
    memory = open_memory()
    fill(memory, disk)
    gone = [
        memory.search(image=picture("red"))[0].evidence.id,
        memory.search("number 3")[0].evidence.id,
    ]
    for each in (memory, disk):
        each.forget([*gone, "no such id"])
    assert memory.get(gone[0]) is None
    assert memory.digest() == disk.digest()
    for what in WHAT:
        assert rough(memory.search(**what, k=20)) == rough(disk.search(**what, k=20))
    assert sum(report.num_vectors for report in memory.reports()) == 180 + 36 - 2


def test_a_deleted_video_is_gone_and_can_come_back(
    open_memory: Open, disk: DiskMemory, client: Any
):
    memory = open_memory()
    fill(memory, disk)
    for each in (memory, disk):
        each.delete("first")
    assert memory.digest() == disk.digest()
    assert not memory.coverage("first")
    assert {report.num_vectors for report in memory.reports()} == {90, 18}
    everything = [client.scroll(c.name, limit=999)[0] for c in client.get_collections().collections]
    assert "film first" not in str(everything)
    assert "film second" in str(everything)
    fill(memory, disk)
    assert memory.digest() == disk.digest()
    assert open_memory().digest() == disk.digest()
    for what in WHAT:
        assert rough(memory.search(**what)) == rough(disk.search(**what))


def test_a_writer_sees_what_others_wrote_before_it_answers(open_memory: Open):
    here, there = open_memory(), open_memory()
    fill(here)
    assert there.digest() == here.digest()
    note = Evidence.make("first", Span(start=3, end=4), Kind.NOTE, text="a purple bicycle")
    there.add([note])
    assert here.search("bicycle")[0].evidence == note
    there.delete("first")
    assert note not in [hit.evidence for hit in here.search("bicycle", k=50)]
    assert here.digest() == there.digest() == open_memory().digest()


def test_who_loses_the_race_for_a_number_tries_again(open_memory: Open, disk: DiskMemory):
    slow, fast = open_memory(), open_memory()
    mine, theirs = batches("first"), batches("second", seed=1)
    with slow._log.writing():  # has read all there is to read, and does not read again
        fast.write(theirs[0])
        fast.write(mine[0])
        fast.describe_video("second", {"title": "film second"})
        assert slow.write(mine[0]) == 0
        fast.write(theirs[1])
        slow.describe_video("first", {"title": "film first"})
        fast.write(theirs[2])
        slow.delete("second")
    disk.write(mine[0])
    assert slow.digest() == fast.digest() == open_memory().digest() == disk.digest()
    assert fast.videos() == {"first": {"title": "film first"}}


def write_at_once(memories: list[QdrantMemory]) -> list[Batch]:
    """Write the same from as many threads, each beginning elsewhere."""
    written = [b for seed, v in enumerate(("first", "second")) for b in batches(v, seed=seed)]

    def write(memory: QdrantMemory, first: int) -> None:
        for batch in written[first:] + written[:first]:
            memory.write(batch)

    threads = [
        threading.Thread(target=write, args=(memory, 3 * i)) for i, memory in enumerate(memories)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return written


def test_threads_that_share_a_memory_lose_nothing(open_memory: Open, disk: DiskMemory):
    memory = open_memory()
    for batch in write_at_once([memory] * 3):
        disk.write(batch)
    assert memory.digest() == open_memory().digest() == disk.digest()


def test_many_writers_at_once_lose_nothing(open_memory: Open, disk: DiskMemory):
    memories = [open_memory() for _ in range(3)]
    if memories[0]._server.is_local:
        pytest.skip("the client's local mode is not for several writers at once")
    for batch in write_at_once(memories):
        disk.write(batch)
    assert {memory.digest() for memory in memories} == {disk.digest()}


def test_vectors_of_a_killed_writer_are_never_found(open_memory: Open, disk: DiskMemory):
    memory = open_memory()
    fill(memory, disk)
    lost = batches("third", num_seconds=200, seed=7)
    embedder = ColourEmbedder()
    pairs = [
        (entry.evidence, entry.vectors[embedder.name])
        for batch in lost
        for entry in batch.entries
        if embedder.name in entry.vectors
    ]
    memory._log.vectors(embedder.name).add(pairs)  # what a writer does before it writes the record
    assert memory.digest() == disk.digest()
    for what in WHAT:
        assert rough(memory.search(**what)) == rough(disk.search(**what))


def test_a_cache_is_read_again_and_made_again_when_it_is_damaged(open_memory: Open, tmp_path: Path):
    memory = open_memory(cache=tmp_path / "cache")
    note = Evidence.make("first", Span(start=1, end=2), Kind.NOTE, text="a purple bicycle")
    fill(memory)
    before = memory.digest()
    memory.close()
    (file,) = (tmp_path / "cache").glob("*.sqlite")
    with open_memory(cache=tmp_path / "cache") as again:
        assert again.digest() == before
    content = bytearray(file.read_bytes())
    content[5000:5200] = bytes(200)  # in the middle of a page
    file.write_bytes(content)
    with open_memory(cache=tmp_path / "cache") as mended:
        assert mended.digest() == before
    file.write_bytes(b"nonsense" * 1000)
    with open_memory(cache=tmp_path / "cache") as mended:
        assert mended.digest() == before
        with open_memory(cache=tmp_path / "cache") as other:  # shares the file
            other.add([note])
        assert mended.get(note.id) == note
        assert mended.digest() == open_memory().digest()


def test_a_folder_is_carried_to_qdrant(open_memory: Open, disk: DiskMemory):
    fill(disk)
    memory = open_memory()
    merge_memories(memory, disk)
    assert memory.digest() == disk.digest()
    assert memory.videos() == disk.videos()


def test_a_memory_in_a_string_closes_its_own_client(tmp_path: Path):
    with QdrantMemory(str(tmp_path / "q")) as memory:
        fill(memory)
        before = memory.digest()
    with QdrantMemory(str(tmp_path / "q")) as memory, QdrantMemory(":memory:") as empty:
        assert memory.digest() == before
        assert empty.videos() == {}
    with pytest.raises(ValueError, match="closed"):
        memory.search("red")


def test_another_collection_is_not_taken_for_a_memory(client: Any):
    from qdrant_client import models

    name = f"other-{uuid4().hex[:8]}"
    client.create_collection(name, vectors_config={})
    client.upsert(name, [models.PointStruct(id=0, vector={}, payload={"mine": 1})])
    with pytest.raises(StoreError, match="no memory"):
        QdrantMemory(client, name)
    client.delete_collection(name)


def test_a_server_that_is_not_there_is_said_to_be_not_there():
    with pytest.raises(StoreError, match="is it up"):
        QdrantMemory("http://127.0.0.1:9")
