"""What is remembered in one go: entries of one video, and the line of the log that says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.core.evidence import Evidence
from playhead.core.span import Span
from playhead.memory.tables import pack


@dataclass(frozen=True)
class Entry:
    """One thing to remember."""

    evidence: Evidence
    source: str = ""
    """Who found it: an eye, a tool, a person; with its version."""
    level: str = ""
    """For captions of a pyramid: which level. Empty: none."""
    vectors: Mapping[str, NDArray[np.floating[Any]]] = field(
        default_factory=dict[str, NDArray[np.floating[Any]]]
    )
    """Its unit vector `[dim]` in each space that has one."""


@dataclass(frozen=True)
class Batch:
    """What is remembered about one video in one go: all of it or nothing."""

    video_id: str
    entries: Sequence[Entry] = ()
    seen: Sequence[tuple[str, Span]] = ()
    """What has been looked at: the kind of evidence that was looked for, and where."""
    done: Mapping[str, str] = field(default_factory=dict[str, str])
    """Units of work that are finished, with the problem each had or an empty text."""
    forget: Sequence[str] = ()
    """Ids of the evidence that this replaces."""


def batch_record(
    batch: Batch, entries: Sequence[Entry], first: int, vectors: Mapping[str, list[int]]
) -> dict[str, Any]:
    """The line of the log that remembers `entries`, which get the rows from `first` on."""
    return {
        "op": "add",
        "video": batch.video_id,
        "first": first,
        "rows": [pack(e.evidence, e.source, e.level) for e in entries],
        "vectors": dict(vectors),
        "seen": [[kind, span.start, span.end] for kind, span in batch.seen],
        "done": list(batch.done.items()),
        "forget": list(batch.forget),
    }


def check_batch(batch: Batch) -> None:
    """See that a batch can be remembered.

    Raises:
        ValueError: An entry of another video, or a vector that is no unit vector.
    """
    for entry in batch.entries:
        if entry.evidence.video_id != batch.video_id:
            raise ValueError(
                f"a batch is about one video, {batch.video_id!r}: got {entry.evidence.video_id!r}"
            )
        for space, vector in entry.vectors.items():
            if vector.ndim != 1 or not abs(float(np.linalg.norm(vector)) - 1) < 0.01:
                raise ValueError(
                    f"a vector is a unit vector [dim]: got shape {vector.shape} of length "
                    f"{np.linalg.norm(vector)} in {space!r}"
                )


def apart(tables: sqlite3.Connection, batch: Batch) -> tuple[list[Entry], list[tuple[int, Entry]]]:
    """What is new, and what is known already (with its row) but may bring new vectors."""
    gone = set(batch.forget)
    fresh: list[Entry] = []
    known: list[tuple[int, Entry]] = []
    for entry in _once(batch.entries):
        id_ = entry.evidence.id
        found = tables.execute("SELECT row FROM entries WHERE id = ?", (id_,)).fetchone()
        if found is None or id_ in gone:
            fresh.append(entry)
        elif entry.vectors:
            known.append((int(found[0]), entry))
    return fresh, known


def _once(entries: Sequence[Entry]) -> list[Entry]:
    """Each piece of evidence once, with the vectors of all that are equal to it."""
    found: dict[str, Entry] = {}
    for entry in entries:
        id_ = entry.evidence.id
        if id_ in found:
            entry = replace(found[id_], vectors={**entry.vectors, **found[id_].vectors})
        found[id_] = entry
    return list(found.values())
