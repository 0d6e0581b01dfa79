"""Thumbnails: a small picture of every keyframe, for when the file is gone.

The one idea: they are a comfort and not a memory, so they live in a file of their own that may be
deleted at any time. Nothing is ever found by them.
"""

from __future__ import annotations

import io
import sqlite3
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.video.base import Frames

_SIDE = 160
_SCHEMA = """
CREATE TABLE IF NOT EXISTS thumbs (video TEXT NOT NULL, time_s REAL NOT NULL, webp BLOB NOT NULL,
  PRIMARY KEY (video, time_s)) WITHOUT ROWID
"""


class Thumbnails:
    """Small pictures by video and time. Safe in several threads and processes."""

    def __init__(self, path: Path) -> None:
        self._guard = threading.Lock()
        self._table = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._table.execute("PRAGMA journal_mode = WAL")
        self._table.execute(_SCHEMA)

    def close(self) -> None:
        """Give back the file. Closing twice is fine."""
        self._table.close()

    def keep(self, frames: Frames) -> None:
        """Keep pictures, shrunk."""
        rows = [
            (frames.video_id, float(time_s), _shrink(picture))
            for time_s, picture in zip(frames.times_s, frames.pixels, strict=True)
        ]
        with self._guard:
            self._table.executemany("INSERT OR REPLACE INTO thumbs VALUES (?, ?, ?)", rows)

    def nearest(self, video_id: str, time_s: float) -> Frames | None:
        """The kept picture nearest to a time, RGB uint8 `[1, H, W, 3]`; None if none is kept."""
        asked = "SELECT time_s, webp FROM thumbs WHERE video = ? ORDER BY abs(time_s - ?) LIMIT 1"
        with self._guard:
            found = self._table.execute(asked, (video_id, time_s)).fetchone()
        if found is None:
            return None
        return Frames(_picture(found[1])[None], np.array([found[0]]), video_id)

    def delete(self, video_id: str) -> None:
        """Forget the pictures of a video."""
        with self._guard:
            self._table.execute("DELETE FROM thumbs WHERE video = ?", (video_id,))


def _shrink(picture: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    small = Image.fromarray(picture)
    small.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    small.save(file, "WEBP", quality=60)
    return file.getvalue()


def _picture(webp: bytes) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(io.BytesIO(webp), formats=["WEBP"]) as image:
        return np.array(image.convert("RGB"))
