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
    """The entries of a memory, ascending by row."""

    def __init__(self) -> None:
        self._forgotten = -1
        self._next_row = 0
        self._empty()

    def __len__(self) -> int:
        return len(self.rows)

    def refresh(self, tables: sqlite3.Connection) -> None:
        """Read what is new in the tables."""
        forgotten, next_row = meta(tables, "forgotten"), meta(tables, "next_row")
        if forgotten != self._forgotten or next_row < self._next_row:
            self._empty()
            self._forgotten, self._next_row = forgotten, 0
        if next_row == self._next_row:
            return
        found = tables.execute(_SELECT + " ORDER BY row", (self._next_row,)).fetchall()
        new = np.array(found, _ENTRY) if found else np.empty(0, _ENTRY)
        self.rows = np.concatenate([self.rows, new["row"]])
        self.videos = np.concatenate([self.videos, new["video"]])
        self.starts = np.concatenate([self.starts, new["start"]])
        self.ends = np.concatenate([self.ends, new["end"]])
        self.kinds = np.concatenate([self.kinds, new["kind"]])
        self.characters = np.concatenate([self.characters, new["characters"]])
        self.positions = np.full(next_row, -1, np.int64)
        self.positions[self.rows] = np.arange(len(self.rows))
        self._next_row = next_row

    def _empty(self) -> None:
        self.rows: NDArray[np.int64] = np.empty(0, np.int64)
        self.videos: NDArray[np.int32] = np.empty(0, np.int32)
        self.starts: NDArray[np.float64] = np.empty(0)
        self.ends: NDArray[np.float64] = np.empty(0)
        self.kinds: NDArray[np.int32] = np.empty(0, np.int32)
        self.characters: NDArray[np.int32] = np.empty(0, np.int32)
        self.positions: NDArray[np.int64] = np.empty(0, np.int64)

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
