"""Every memory keeps the contract of `Memory`, and the kit notices one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from playhead.core import Evidence, Hit, Memory
from playhead.memory import DiskMemory
from playhead.testing import check_memory


def test_the_embedded_memory_passes(tmp_path: Path):
    check_memory(lambda: DiskMemory(tmp_path / uuid4().hex))


def test_a_memory_on_qdrant_passes():
    pytest.importorskip("qdrant_client")
    from playhead.memory.qdrant import QdrantMemory

    check_memory(lambda: QdrantMemory(":memory:"))


def broken(tmp_path: Path, **methods: Any) -> Any:
    """Makes embedded memories of which some methods are wrong."""
    kind: Any = type("Broken", (DiskMemory,), methods)
    return lambda: kind(tmp_path / uuid4().hex)


def search_the_future(self: DiskMemory, *args: Any, **how: Any) -> list[Hit]:
    return DiskMemory.search(self, *args, **{**how, "until_s": None})


def search_everything(self: DiskMemory, *args: Any, **how: Any) -> list[Hit]:
    return DiskMemory.search(self, *args, **{**how, "kinds": None})


def worst_first(self: DiskMemory, *args: Any, **how: Any) -> list[Hit]:
    return DiskMemory.search(self, *args, **how)[::-1]


def keep_nothing(self: DiskMemory, evidence: list[Evidence]) -> None:
    pass


@pytest.mark.parametrize(
    ("what", "methods"),
    [
        ("future|came later", {"search": search_the_future}),
        ("kinds", {"search": search_everything}),
        ("best", {"search": worst_first}),
        ("came back as another", {"add": keep_nothing}),
        ("deleted", {"delete": lambda self, video_id: None}),
        ("looked at", {"coverage": lambda self, video_id, kind=None: []}),
        ("came back as another", {"get": lambda self, id: self.entries()[0].evidence}),
    ],
)
def test_a_memory_that_breaks_the_contract_is_caught(
    tmp_path: Path, what: str, methods: dict[str, Any]
):
    with pytest.raises(AssertionError, match=what):
        check_memory(broken(tmp_path, **methods))


def test_the_protocol_is_what_the_memories_have(tmp_path: Path):
    with DiskMemory(tmp_path / "m") as memory:
        kept: Memory = memory
        assert kept.search("anything") == []
