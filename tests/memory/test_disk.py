"""The embedded memory: what it keeps, gives back, forgets, and refuses."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from playhead.core import Evidence, Span
from playhead.core.errors import CorruptRecord, NewerSchema, StoreError
from playhead.memory import Batch, DiskMemory, Entry, check, compact, merge_memories
from playhead.memory.care import export_lines, import_lines
from playhead.memory.place import write_current
from tests.memory.made import DIM, Toy, batch, plain, said, some_unit, unit

ODD_TEXTS = {
    "lone surrogates": "red \ud83d car \udc00",
    "right to left": "\u202egnihtyna\u202c red",
    "NUL": "red\0car\0",
    "NUL first": "\0red car",
    "escapes": "\x1b[31m red \x1b[0m",
    "a megabyte": "red " + "lorem ipsum dolor " * 58_000,
    "SQL": "red'); DROP TABLE entries; --",
}
ODD_QUERIES = [
    '" OR 1',
    '"',
    "'",
    "NEAR(",
    "NEAR(red car, 5)",
    "*",
    "red*",
    "text : red",
    "-red",
    "^red",
    "red AND",
    "OR",
    "(((",
    "'; DROP TABLE entries; --",
    "\0",
    "red\0car",
    "\ud800",
    "\u202e",
    "%_",
    "{text}:",
    "red + car",
]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[DiskMemory]:
    with DiskMemory(tmp_path / "m") as opened:
        yield opened


def texts(memory: DiskMemory, *args: object, **kwargs: object) -> list[str]:
    return [hit.evidence.text for hit in memory.search(*args, **kwargs)]  # type: ignore[arg-type]


def run(program: str, *args: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *map(str, args)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )


# What goes in comes out


def test_what_was_added_is_found_given_back_and_counts_as_looked_at(memory: DiskMemory):
    car, dog = said("v", 3, "a red car", time_s=3.5), said("v", 9, "a dog", kind="caption")
    memory.add([car, dog], source="eye")
    assert [hit.evidence for hit in memory.search("car")] == [car]
    assert memory.get(dog.id) == dog
    assert memory.get("no such id") is None
    assert memory.coverage("v") == [Span(start=3, end=4), Span(start=9, end=10)]
    assert memory.coverage("v", "caption") == [Span(start=9, end=10)]
    assert memory.coverage("w") == []
    assert [(e.evidence, e.source) for e in memory.entries("v")] == [(car, "eye"), (dog, "eye")]


def test_without_a_query_the_first_in_time_come_back(memory: DiskMemory):
    memory.add([said("v", 5, "later"), said("v", 1, "sooner"), said("v", 3, "between")])
    assert texts(memory, k=2) == ["sooner", "between"]


def test_the_same_evidence_is_stored_once(memory: DiskMemory):
    memory.add([said("v", 1, "once"), said("v", 1, "once")])
    before = memory.digest()
    assert memory.write(Batch("v", [Entry(said("v", 1, "once"))])) == 0
    assert len(memory.entries("v")) == 1
    assert memory.digest() == before


def test_known_evidence_may_bring_vectors_for_new_spaces_and_only_those(memory: DiskMemory):
    piece = said("v", 1, "once")
    memory.write(Batch("v", [Entry(piece, vectors={"a": unit(1)})]))
    memory.write(Batch("v", [Entry(piece, vectors={"a": unit(0, 1), "b": unit(0, 0, 1)})]))
    assert memory.vectors("a")[1].tolist() == [unit(1).tolist()]
    assert memory.vectors("b")[1].tolist() == [unit(0, 0, 1).tolist()]


def test_evidence_that_comes_twice_in_a_batch_keeps_the_vectors_of_both(memory: DiskMemory):
    piece = said("v", 1, "once")
    for _ in range(2):
        both = [Entry(piece, vectors={"a": unit(1)}), Entry(piece, vectors={"b": unit(0, 1)})]
        memory.write(Batch("v", both))
        assert memory.vectors("a")[0] == memory.vectors("b")[0] == [piece.id]


def test_several_videos_keep_apart(memory: DiskMemory):
    memory.add([said("v", 1, "a car"), said("w", 1, "a car"), said("v", 2, "a bus")])
    assert [hit.evidence.video_id for hit in memory.search("car", videos=["w"])] == ["w"]
    assert memory.search("car", videos=["unknown"]) == []
    assert list(memory.videos()) == ["v", "w"]


def test_forgotten_evidence_is_not_found_again_and_may_come_back(memory: DiskMemory):
    piece = said("v", 1, "a car")
    memory.add([piece, said("v", 2, "a dog")])
    memory.forget([piece.id, "no such id"])
    assert memory.get(piece.id) is None
    assert memory.search("car") == []
    memory.add([piece])
    assert [hit.evidence for hit in memory.search("car")] == [piece]


def test_a_batch_replaces_what_it_forgets_in_one_go(memory: DiskMemory):
    old, same = said("v", 1, "an old car"), said("v", 2, "a dog")
    memory.write(Batch("v", [Entry(old), Entry(same, vectors={"a": unit(1)})]))
    new = [Entry(said("v", 1, "a new car")), Entry(same, vectors={"a": unit(0, 1)})]
    assert memory.write(Batch("v", new, forget=[old.id, same.id])) == 2
    assert texts(memory, "car") == ["a new car"]
    assert memory.vectors("a")[1].tolist() == [unit(0, 1).tolist()]


def test_a_deleted_video_leaves_nothing(memory: DiskMemory):
    memory.write(batch("v", 0))
    memory.write(batch("w", 0))
    memory.describe_video("v", {"title": "x"})
    memory.delete("v")
    memory.delete("never heard of")
    assert memory.entries("v") == []
    assert memory.coverage("v") == []
    assert memory.done("v") == {}
    assert list(memory.videos()) == ["w"]
    assert len(memory.vectors("clip")[0]) == 4
    assert not memory.search("word0", videos=["v"])


def test_facts_and_finished_work_are_kept(memory: DiskMemory):
    memory.describe_video("v", {"title": "old", "n": 1})
    memory.describe_video("v", {"title": "new \ud800"})
    memory.write(Batch("v", done={"shots": "", "speech \ud800": "no sound \ud800"}))
    assert memory.videos() == {"v": {"title": "new \ufffd"}}
    assert memory.done("v") == {"shots": "", "speech \ufffd": "no sound \ufffd"}


# One memory, whatever the order, the process or the folder


def test_it_is_the_same_memory_when_it_is_opened_again(tmp_path: Path):
    with DiskMemory(tmp_path) as memory:
        for number in range(3):
            memory.write(batch("v", number))
        memory.forget([memory.entries("v")[0].evidence.id])
        digest, found = memory.digest(), memory.search("word1 line")
    with DiskMemory(tmp_path) as memory:
        assert memory.digest() == digest
        assert memory.search("word1 line") == found
        assert not check(memory)


def test_the_digest_does_not_depend_on_the_order_of_arrival(tmp_path: Path):
    digests, work = set(), [batch(video, number) for video in "vw" for number in range(4)]
    for seed in range(4):
        random.Random(seed).shuffle(work)
        with DiskMemory(tmp_path / str(seed)) as memory:
            for one in work:
                memory.write(one)
            digests.add(memory.digest())
    assert len(digests) == 1


def test_what_is_found_does_not_depend_on_the_order_of_arrival(tmp_path: Path):
    """What scores the same is ordered by its time: an indexer of many threads writes in any."""
    entries = [said("v", 10.0 * i, "a red car") for i in range(12)]
    orders = [entries, entries[::-1], entries[6:] + entries[:6]]
    found: list[list[float]] = []
    for number, order in enumerate(orders):
        with DiskMemory(tmp_path / f"{number}") as memory:
            for entry in order:
                memory.add([entry])
            found.append([hit.span.start for hit in memory.search("red car", k=6)])
    assert found[0] == found[1] == found[2] == sorted(found[0])


def test_the_digest_names_everything(memory: DiskMemory):
    digests = [memory.digest()]
    piece = said("v", 1, "a car")
    for change in (
        Batch("v", [Entry(piece)]),
        Batch("v", [Entry(piece, vectors={"a": unit(1)})]),
        Batch("v", seen=[("speech", Span(start=0, end=9))]),
        Batch("v", done={"speech": ""}),
        Batch("v", done={"speech": "broken"}),
        Batch("v", forget=[piece.id]),
    ):
        memory.write(change)
        digests.append(memory.digest())
    assert len(set(digests)) == len(digests)


def test_what_is_exported_is_imported_whole(tmp_path: Path, memory: DiskMemory):
    memory.add([said(v, i, f"{odd} {v}") for v in "vw" for i, odd in enumerate(ODD_TEXTS.values())])
    memory.write(Batch("v", [Entry(said("v", 50, "fine"), "eye", "moment")], []))
    memory.write(Batch("v", seen=[("speech", Span(start=50, end=51))]))
    lines = list(export_lines(memory))
    with DiskMemory(tmp_path / "other") as other:
        assert import_lines(other, lines) == len(lines)
        assert import_lines(other, [*lines, "", "  "]) == 0
        assert other.digest() == memory.digest()
        with pytest.raises(CorruptRecord, match="line 2"):
            import_lines(other, [lines[0], "{}"])


def test_two_memories_become_one(tmp_path: Path, memory: DiskMemory):
    with DiskMemory(tmp_path / "other") as other, DiskMemory(tmp_path / "both") as both:
        memory.describe_video("v", {"title": "v"})
        other.describe_video("v", {"title": "other", "length": 9})
        for number in range(3):
            memory.write(batch("v", number))
            other.write(batch("v", number + 2))
            both.write(batch("v", number))
            both.write(batch("v", number + 2))
        assert merge_memories(memory, other) == 8
        assert memory.digest() == both.digest()
        assert memory.videos() == {"v": {"title": "v", "length": 9}}


def test_compaction_keeps_the_digest_and_frees_bytes(memory: DiskMemory):
    for number in range(20):
        memory.write(batch("v", number))
        memory.write(batch("w", number))
    memory.delete("w")
    memory.describe_video("v", {"title": "x"})
    memory.add([said("v", 500, "without a vector")])
    digest, found, was = memory.digest(), memory.search("word3"), memory.num_bytes
    freed = compact(memory)
    assert freed == was - memory.num_bytes > 0
    assert memory.digest() == digest
    assert memory.videos() == {"v": {"title": "x"}}
    assert [h.evidence for h in memory.search("word3")] == [h.evidence for h in found]
    assert not check(memory)
    compact(memory)
    assert memory.digest() == digest


def test_an_empty_memory_can_be_cared_for(memory: DiskMemory):
    compact(memory)
    assert not check(memory)
    assert memory.search("anything") == memory.search() == []
    assert memory.vectors("clip")[0] == []


# Others read and write at once


OTHER = """
import sys
from playhead.memory import DiskMemory, compact
from tests.memory.made import batch
with DiskMemory(sys.argv[1]) as memory:
    for line in sys.stdin:
        match line.split():
            case ["write", video, number]:
                memory.write(batch(video, int(number)))
            case ["compact"]:
                compact(memory)
            case ["delete", video]:
                memory.delete(video)
        print(memory.digest(), len(memory.entries()), len(memory.search("word1")), flush=True)
"""


def test_two_processes_see_what_the_other_writes_and_survive_its_compaction(tmp_path: Path):
    with DiskMemory(tmp_path) as memory, run(OTHER, tmp_path) as other:
        assert other.stdin is not None
        assert other.stdout is not None

        def tell(what: str) -> list[str]:
            print(what, file=other.stdin, flush=True)
            return other.stdout.readline().split()  # type: ignore[union-attr]

        for number in range(3):
            tell(f"write v {number}")
            assert len(memory.entries("v")) == 4 * (number + 1)
            memory.write(batch("w", number))
            digest, num, _ = tell("look")
            assert (digest, int(num)) == (memory.digest(), 8 * (number + 1))
        before = memory.search("word1")
        assert tell("compact")[0] == memory.digest()
        assert [h.evidence for h in memory.search("word1")] == [h.evidence for h in before]
        memory.write(batch("v", 9))
        compact(memory)
        assert tell("look")[0] == memory.digest()
        tell("delete w")
        assert memory.entries("w") == []
        assert memory.search("word1", videos=["w"]) == []
        other.stdin.close()


WRITER = """
import sys
from playhead.memory import DiskMemory
from tests.memory.made import batch
with DiskMemory(sys.argv[1]) as memory:
    for number in range(8):
        memory.write(batch(sys.argv[2], number))
"""


def test_two_processes_may_write_while_a_third_reads_and_compacts(tmp_path: Path):
    with DiskMemory(tmp_path) as memory:
        writers = [run(WRITER, tmp_path, video) for video in "vw"]
        while any(writer.poll() is None for writer in writers):
            for hit in memory.search("line", k=50):
                assert memory.get(hit.evidence.id) == hit.evidence
            assert len(memory.vectors("clip")[0]) % 4 == 0
            compact(memory)
        for writer in writers:
            writer.communicate()
            assert writer.returncode == 0
        assert not check(memory)
        assert len(memory.entries()) == len(memory.vectors("clip")[0]) == 2 * 8 * 4


def test_two_threads_may_write_and_search_at_once(memory: DiskMemory):
    errors: list[Exception] = []

    def work(video: str) -> None:
        try:
            for number in range(8):
                memory.write(batch(video, number))
                assert len(memory.search(f"word{number}", videos=[video], k=9)) >= 1
                if number == 4:
                    compact(memory)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(video,)) for video in "vw"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(memory.entries()) == 64
    assert not check(memory)


def test_a_reader_sees_one_moment_whoever_writes(tmp_path: Path):
    with DiskMemory(tmp_path) as memory, DiskMemory(tmp_path) as other:
        memory.write(batch("v", 0))
        with memory.folder.reading():
            before = memory.digest()
            other.write(batch("v", 1))
            other.forget([memory.entries()[0].evidence.id])
            assert memory.digest() == before
        assert memory.digest() == other.digest() != before


def test_a_reader_whose_files_go_while_it_reads_them_reads_again(tmp_path: Path):
    with DiskMemory(tmp_path) as memory, DiskMemory(tmp_path) as other:
        memory.write(batch("v", 0))
        memory.write(batch("w", 0))
        compactions: list[int] = []

        def read() -> int:
            if len(compactions) < 2:
                compactions.append(compact(other))
            return len(memory.vectors("clip")[0])

        assert memory.folder.ask(read) == 8
        assert len(compactions) == 2


# What is refused


def test_a_closed_memory_says_so(tmp_path: Path):
    memory = DiskMemory(tmp_path)
    memory.close()
    memory.close()
    for use in (
        lambda: memory.add([said("v", 1, "x")]),
        lambda: memory.search("x"),
        lambda: memory.get("x"),
        lambda: memory.delete("v"),
        lambda: memory.digest(),
        lambda: memory.vectors("clip"),
    ):
        with pytest.raises(ValueError, match="closed: open it again"):
            use()


def test_a_folder_of_something_else_is_refused_and_left_as_it_was(tmp_path: Path):
    (tmp_path / "holiday.mp4").write_bytes(b"x")
    with pytest.raises(StoreError, match=r"holds holiday\.mp4; name a new folder"):
        DiskMemory(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.mp4"]
    with pytest.raises(StoreError, match="no folder"):
        DiskMemory(tmp_path / "holiday.mp4")
    (tmp_path / "current").write_bytes(b"a letter")
    with pytest.raises(StoreError, match="not a memory"):
        DiskMemory(tmp_path)


def test_a_memory_of_a_newer_playhead_is_refused(tmp_path: Path):
    DiskMemory(tmp_path).close()
    write_current(tmp_path, 1)
    line = (tmp_path / "current").read_bytes()
    facts = line.rpartition(b" ")[0].replace(b"memory 1", b"memory 2")
    (tmp_path / "current").write_bytes(b"%s %08x\n" % (facts, zlib.crc32(facts)))
    with pytest.raises(NewerSchema, match="update playhead"):
        DiskMemory(tmp_path)


@pytest.mark.parametrize(
    "vector",
    [unit(1) * 2, unit(1) * 0, unit(1) * np.nan, unit(1)[None], np.ones(1), unit(1, dim=3)],
    ids=["long", "zero", "nan", "two axes", "one number", "three numbers"],
)
def test_a_bad_vector_is_refused_and_nothing_of_its_batch_is_kept(
    memory: DiskMemory, vector: np.ndarray
):
    memory.write(batch("v", 0))
    digest = memory.digest()
    good = Entry(said("v", 50, "good"), vectors={"clip": some_unit(1)})
    bad = Entry(said("v", 51, "bad"), vectors={"clip": vector})
    with pytest.raises(ValueError, match=r"unit vector|\[8\]"):
        memory.write(Batch("v", [good, bad]))
    assert memory.digest() == digest
    assert memory.write(Batch("v", [good])) == 1


def test_a_space_has_one_length_of_vectors_from_its_first_batch_on(memory: DiskMemory):
    mixed = [Entry(said("v", i, "x"), vectors={"a": unit(1, dim=DIM + i)}) for i in range(2)]
    with pytest.raises(ValueError, match=r"\[8\]: got \[9\]"):
        memory.write(Batch("v", mixed))
    assert memory.entries() == []


def test_a_batch_is_about_one_video(memory: DiskMemory):
    with pytest.raises(ValueError, match="one video"):
        memory.write(Batch("v", [Entry(said("w", 1, "x"))]))


def test_a_batch_that_cannot_be_stored_is_refused_and_does_no_harm(tmp_path: Path):
    with DiskMemory(tmp_path) as memory:
        memory.write(batch("v", 0))
        digest = memory.digest()
        with pytest.raises(ValueError, match="no record"):
            memory.write(Batch("v", done={"speech": None}))  # type: ignore[dict-item]
        with pytest.raises(ValueError, match="not JSON compliant"):
            memory.describe_video("v", {"length": float("nan")})
        assert memory.digest() == digest
    with DiskMemory(tmp_path) as memory:
        assert memory.digest() == digest


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))],
    ids=["grey", "four channels", "floats"],
)
def test_a_bad_picture_is_refused(tmp_path: Path, image: np.ndarray):
    with (
        DiskMemory(tmp_path, embedders=[Toy()]) as memory,
        pytest.raises(ValueError, match="a picture is RGB uint8"),
    ):
        memory.search(image=image)


def test_a_picture_needs_an_embedder(memory: DiskMemory):
    with pytest.raises(ValueError, match="embedders="):
        memory.search(image=plain(255, 0, 0))


@pytest.mark.parametrize("k", [0, -1])
def test_at_least_one_hit_is_asked_for(memory: DiskMemory, k: int):
    with pytest.raises(ValueError, match="1 or more"):
        memory.search("x", k=k)


def test_any_number_of_hits_may_be_asked_for(memory: DiskMemory):
    many = [Entry(said("v", 10 * i, "dog"), vectors={"toy": unit(1, dim=4)}) for i in range(700)]
    memory.write(Batch("v", many))
    memory.embedders["toy"] = Toy()
    for fewer in (1, 10, 64):
        assert len(memory.search("dog", k=fewer)) == fewer
    for all_of_them in (700, 10**6):
        assert len(memory.search("dog", k=all_of_them)) == 700
        assert len(memory.search(k=all_of_them)) == 700
        assert len(memory.search(image=plain(255, 0, 0), k=all_of_them)) == 700


# Whatever text says


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=list(ODD_TEXTS))
def test_odd_text_is_kept_and_found(tmp_path: Path, text: str):
    piece = Evidence.make("v \ud800", Span(start=1, end=2), "speech", text=text)
    with DiskMemory(tmp_path) as memory:
        memory.add([piece], source=f"eye {text[:20]}")
    with DiskMemory(tmp_path) as memory:
        assert memory.get(piece.id) == piece
        assert memory.search("red", k=1)[0].evidence == piece
        assert memory.search("red", videos=["v \ud800"], k=1)[0].evidence == piece
        assert memory.coverage("v \ud800") == [piece.span]
        assert not check(memory)
        compact(memory)
        memory.delete("v \ud800")
        assert memory.get(piece.id) is None
        assert not check(memory)


@pytest.mark.parametrize("query", ODD_QUERIES)
def test_a_query_is_words_and_never_a_language(memory: DiskMemory, query: str):
    memory.add([said("v", 1, "a red car"), said("v", 5, "a green bus")])
    digest = memory.digest()
    assert set(texts(memory, query)) <= {"a red car"}
    memory.search(query, kinds=[query], videos=[query])
    assert memory.get(query) is None
    assert memory.coverage(query, query) == []
    assert memory.entries(query, kind=query, level=query) == []
    assert memory.done(query) == {}
    memory.forget([query])
    memory.delete(query)
    assert memory.digest() == digest


def test_an_empty_query_finds_nothing(memory: DiskMemory):
    memory.add([said("v", 1, "a red car")])
    assert memory.search("") == memory.search(" ") == memory.search("?!") == []


def test_a_query_of_a_megabyte_is_answered(memory: DiskMemory):
    memory.add([said("v", 1, "a red car"), said("v", 5, "bus")])
    query = " ".join(["red", *(f"word{i}" * 12 for i in range(10_000))])
    assert texts(memory, query) == ["a red car"]
