"""A memory whose files are damaged: every flipped byte is noticed or harmless."""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from playhead.memory import DiskMemory, check, mend
from tests.memory.faults import (
    spread,
    state,
)
from tests.memory.made import batch, said

QUERIES = ["word0", "line 2 of v", "word3 line", "better", "accident"]
SPACES = ("clip", "text")


def remembered(folder: Path) -> None:
    with DiskMemory(folder) as memory:
        for number in range(5):
            for video in "vw":
                memory.write(batch(video, number))
        memory.describe_video("v", {"title": "x"})
        memory.forget([batch("v", 2).entries[1].evidence.id])
        memory.add([said("w", 80, "a strange accident 東京 FL00R")])


def answers(memory: DiskMemory) -> Any:
    found = [
        memory.search(text, k=9, **how)  # type: ignore[arg-type]
        for text in [*QUERIES, None]
        for how in ({}, {"videos": ["w"]}, {"until_s": 9.0}, {"kinds": ["speech"]})
    ]
    return state(memory), found, [memory.coverage(v, kind) for v in "vw" for kind in (None, "x")]


def vectors(memory: DiskMemory) -> dict[tuple[str, str], list[float]]:
    return {
        (space, id_): vector.tolist()
        for space in SPACES
        for id_, vector in zip(*memory.vectors(space), strict=True)
    }


def flips_do_no_harm(folder: Path, num: int, seed: int) -> dict[str, int]:
    """Flips bytes all over the files; returns how many were detected, harmless, lost a vector."""
    whole, home, rng = folder / "whole", folder / "flipped", random.Random(seed)
    remembered(whole)
    with DiskMemory(whole) as memory:
        expected, entries, kept = answers(memory), memory.entries(), vectors(memory)
    files = [path for path in sorted(whole.rglob("*")) if path.is_file() and path.stat().st_size]
    assert {"current", "log", "tables.sqlite"} <= {path.name for path in files}
    shares = {path: 8 if path.name == "tables.sqlite" else 3 for path in files}
    shares |= {path: 1 for path in files if path.name == "current"}
    counts = {"detected": 0, "harmless": 0, "lost a vector": 0}
    for path in files:
        some = max(8, num * shares[path] // sum(shares.values()))
        for offset in spread(rng, path.stat().st_size, some):
            shutil.copytree(whole, home)
            flipped = home / path.relative_to(whole)
            content = bytearray(flipped.read_bytes())
            content[offset] ^= rng.choice([1 << rng.randrange(8), rng.randrange(1, 256)])
            flipped.write_bytes(content)
            with DiskMemory(home) as memory:
                damage = check(memory)
                if not damage:
                    assert answers(memory) == expected, (path.name, offset)
                    counts["harmless"] += 1
                else:
                    counts["detected"] += 1
                    assert mend(memory), (path.name, offset)
                    assert not check(memory), (path.name, offset)
                left = vectors(memory)
                assert memory.entries() == entries, (path.name, offset)
                for entry in entries:
                    assert memory.get(entry.evidence.id) == entry.evidence, (path.name, offset)
                assert left.items() <= kept.items(), (path.name, offset)
                lost = len(kept) - len(left)
                assert lost <= (1 if path.suffix == ".vectors" else 0), (path.name, offset)
                counts["lost a vector"] += lost
            shutil.rmtree(home)
    return counts


def test_a_flipped_byte_is_noticed_or_harmless_and_loses_no_evidence(tmp_path: Path):
    counts = flips_do_no_harm(tmp_path, 60, seed=1)
    assert counts["detected"] > 20


@pytest.mark.slow
def test_a_thousand_flipped_bytes_are_noticed_or_harmless(tmp_path: Path):
    counts = flips_do_no_harm(tmp_path, 1000, seed=2)
    print(counts)
    assert counts["detected"] > 500
    assert sum(counts.values()) - counts["lost a vector"] >= 950


def test_a_lost_vector_costs_its_video_the_mark_that_it_is_done_and_no_other(tmp_path: Path):
    with DiskMemory(tmp_path) as memory:
        memory.write(batch("v", 0))
        memory.write(batch("w", 0))
        (path,) = memory.folder.home.glob("clip*.vectors")
        content = bytearray(path.read_bytes())
        content[256 + 28 * 2 + 10] ^= 1
        path.write_bytes(content)
        assert check(memory).vectors == 1
        mend(memory)
        assert memory.done("v") == {}
        assert memory.done("w") == {"unit 0": ""}
        memory.write(batch("v", 0))
        assert len(memory.vectors("clip")[0]) == 8


if __name__ == "__main__":
    print(flips_do_no_harm(Path(sys.argv[1]), int(sys.argv[2]), seed=3))
