"""What a search needs to know of every entry, as arrays: whose it is, when, and of what kind.

The one idea: a filter is arithmetic on arrays, the same for every channel. A hundred hours of
entries take about 30 bytes each; they are read once and then only what is new.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.core.span import Span
from playhead.memory.tables import meta

Mask = NDArray[np.bool_]

_ENTRY = np.dtype(
    {
        "names": ["row", "video", "start", "end", "kind", "characters"],
        "formats": ["i8", "i4", "f8", "f8", "i4", "i4"],
    }
)
_SELECT = """
SELECT row, video, start, end, kind, CASE WHEN text = '' THEN 0 ELSE num_characters(text) END
FROM entries WHERE row >= ?"""


class Columns:
    """The entries of a memory at one moment, ascending by row. It never changes."""

    def __init__(self) -> None:
        self._forgotten = -1
        self._next_row = 0
        self.rows: NDArray[np.int64] = np.empty(0, np.int64)
        self.videos: NDArray[np.int32] = np.empty(0, np.int32)
        self.starts: NDArray[np.float64] = np.empty(0)
        self.ends: NDArray[np.float64] = np.empty(0)
        self.kinds: NDArray[np.int32] = np.empty(0, np.int32)
        self.characters: NDArray[np.int32] = np.empty(0, np.int32)
        self.positions: NDArray[np.int64] = np.empty(0, np.int64)
        """`[R]`: for each row number of the tables its place in the others, or -1."""

    def __len__(self) -> int:
        return len(self.rows)

    def now(self, tables: sqlite3.Connection) -> Columns:
        """The entries that are in the tables, of which only those that are new here are read."""
        forgotten, next_row = meta(tables, "forgotten"), meta(tables, "next_row")
        is_older = forgotten != self._forgotten or next_row < self._next_row
        old = Columns() if is_older else self
        if next_row == old._next_row and not is_older:
            return old
        found = tables.execute(_SELECT + " ORDER BY row", (old._next_row,)).fetchall()
        new, now = np.array(found, _ENTRY) if found else np.empty(0, _ENTRY), Columns()
        now._forgotten, now._next_row = forgotten, next_row
        now.rows = np.concatenate([old.rows, new["row"]])
        now.videos = np.concatenate([old.videos, new["video"]])
        now.starts = np.concatenate([old.starts, new["start"]])
        now.ends = np.concatenate([old.ends, new["end"]])
        now.kinds = np.concatenate([old.kinds, new["kind"]])
        now.characters = np.concatenate([old.characters, new["characters"]])
        now.positions = np.full(next_row, -1, np.int64)
        now.positions[now.rows] = np.arange(len(now))
        return now

    def ended_by(self, until_s: float | None) -> Mask:
        """`[N]`: which entries lie in the past of `until_s`."""
        return np.ones(len(self), bool) if until_s is None else self.ends <= until_s

    def matching(
        self,
        *,
        span: Span | None = None,
        kinds: Sequence[int] | None = None,
        videos: Sequence[int] | None = None,
    ) -> Mask:
        """`[N]`: which entries overlap `span` and are of these kinds and videos."""
        mask = np.ones(len(self), bool)
        if span is not None:
            mask &= (self.starts < span.end) & (self.ends > span.start)
        if kinds is not None:
            mask &= np.isin(self.kinds, kinds)
        if videos is not None:
            mask &= np.isin(self.videos, videos)
        return mask
