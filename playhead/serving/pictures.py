"""Single pictures for a page: decoded when they are looked at, kept small and in memory.

The one idea: the file of a video is opened once and stays open while it is looked at, because
opening means reading all of it. A few are open at a time; who was not looked at longest goes.
"""

from __future__ import annotations

import io
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.agent.stills import read_still
from playhead.agent.store import SessionStore
from playhead.core.errors import VideoNotFound
from playhead.core.media import FrameRef
from playhead.memory.library import Library
from playhead.memory.videos import picture_of
from playhead.serving.errors import Refused
from playhead.serving.refs import check_ref
from playhead.tools import made
from playhead.video.base import Frames, Video
from playhead.video.sheets import contact_sheet

Picture = NDArray[np.uint8]

_MOST_OPEN = 4
_MOST_BYTES = 64 * 2**20
_SPRITE_CELLS = 100
_SPRITE_COLUMNS = 10
_SPRITE_SIZE = (90, 160)  # height, width that no cell is larger than
_GAP = 4  # between the cells of a contact sheet


@dataclass
class _Opened:
    """A video, opened by the first who uses it."""

    guard: threading.Lock = field(default_factory=threading.Lock)
    video: Video | None = None
    num_users: int = 0


class OpenVideos:
    """The videos that are open for looking. Safe in several threads."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._guard = threading.Lock()
        self._opened: OrderedDict[str, _Opened] = OrderedDict()

    @contextmanager
    def use(self, video_id: str) -> Generator[Video]:
        """An open video, for the block.

        Raises:
            VideoError: It cannot be opened.
        """
        with self._guard:
            opened = self._opened.setdefault(video_id, _Opened())
            opened.num_users += 1
            self._opened.move_to_end(video_id)
        try:
            with opened.guard:
                if opened.video is None:
                    opened.video = self._library.open(video_id)
            yield opened.video
        finally:
            with self._guard:
                opened.num_users -= 1
            self._close_idle(_MOST_OPEN)

    def forget(self, video_id: str) -> None:
        """Close a video, if nobody uses it."""
        self._close_idle(0, video_id)

    def close(self) -> None:
        """Close what nobody uses."""
        self._close_idle(0)

    def _close_idle(self, most: int, only: str | None = None) -> None:
        with self._guard:
            idle = [i for i, one in self._opened.items() if not one.num_users and only in (None, i)]
            idle = idle[: max(0, len(idle) if most == 0 else len(self._opened) - most)]
            closing = [self._opened.pop(video_id) for video_id in idle]
        for one in closing:
            if one.video is not None:
                one.video.close()


class Pictures:
    """JPEG pictures of a library's videos. Safe in several threads."""

    def __init__(self, library: Library, store: SessionStore) -> None:
        self._library, self._store = library, store
        self.videos = OpenVideos(library)
        """Those that are open."""
        self._guard = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._num_bytes = 0

    def close(self) -> None:
        """Give back videos and memory."""
        self.videos.close()
        self._kept.clear()

    def thumb(self, video_id: str, time_s: float, height: int) -> bytes:
        """The picture on screen at a time, as JPEG of about that height; the one that the library
        keeps if the file is gone.

        Raises:
            VideoError: It cannot be decoded.
        """
        return self._jpeg(
            f"{video_id} {time_s} {height}", lambda: self._thumb(video_id, time_s, height)
        )

    def picture(self, ref: FrameRef) -> bytes:
        """The picture that a reference names, as JPEG.

        Raises:
            VideoError: It cannot be decoded.
            Refused: The reference is none of ours.
        """
        return self._jpeg(ref.to_json(), lambda: self._resolve(_checked(ref)))

    def sprite(self, video_id: str, folder: Path) -> dict[str, Any]:
        """Pictures all over a video in one file, made at the first time: `sprite.jpg` in `folder`.

        Returns:
            `times_s`, `columns`, and where the cells are, in pixels.

        Raises:
            VideoError: It cannot be decoded.
        """
        facts, file = folder / "sprite.json", folder / "sprite.jpg"
        if facts.exists() and file.exists():
            return json.loads(facts.read_text())
        with self.videos.use(video_id) as video:
            times_s, (high, wide) = _spread(video), _cell(video)
            frames = list(video.stream(times_s, max_side=max(high, wide)))
        pixels = np.concatenate([part.pixels for part in frames])
        shown_s = np.concatenate([part.times_s for part in frames])
        whole = Frames(pixels, shown_s, video_id)
        sheet = contact_sheet(whole, _SPRITE_COLUMNS, cell_height=high, label=False)
        wide = (sheet.picture.shape[1] + _GAP) // sheet.columns - _GAP
        folder.mkdir(parents=True, exist_ok=True)
        _write(file, _encode(sheet.picture, 70))
        found = {
            "times_s": [round(time_s, 3) for time_s in sheet.times_s],
            "columns": sheet.columns,
            "cell_width": wide,
            "cell_height": high,
            "step_x": wide + _GAP,
            "step_y": high + _GAP,
        }
        _write(facts, json.dumps(found).encode())
        return found

    def _thumb(self, video_id: str, time_s: float, height: int) -> Picture:
        try:
            with self.videos.use(video_id) as video:
                info = video.info
                side = max(height, round(height * info.width / info.height))
                last_s = np.nextafter(info.duration_s, 0.0)
                return video.frames_at([min(time_s, float(last_s))], max_side=side).pixels[0]
        except VideoNotFound:
            kept = self._library.thumbnail(video_id, time_s)
            if kept is None:
                raise
            return kept.pixels[0]

    def _resolve(self, ref: FrameRef) -> Picture:
        if ref.video_id.startswith("image:"):
            return read_still(self._store, ref)
        with self.videos.use(made.source_id(ref)) as video:
            if not made.is_made(ref):
                return picture_of(ref, video)

            def decode(_: str, times_s: Sequence[float], side: int) -> Frames:
                return video.frames_at(times_s, max_side=side)

            return made.make_again(ref, decode)

    def _jpeg(self, key: str, make: Callable[[], Picture]) -> bytes:
        with self._guard:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        jpeg = _encode(make(), 82)
        with self._guard:
            self._num_bytes += len(jpeg) - len(self._kept.pop(key, b""))
            self._kept[key] = jpeg
            while self._num_bytes > _MOST_BYTES:
                self._num_bytes -= len(self._kept.popitem(last=False)[1])
        return jpeg


def _checked(ref: FrameRef) -> FrameRef:
    """A reference as records have them: what would cost more than a picture does is refused.

    Raises:
        Refused: It is none.
    """
    try:
        return check_ref(ref)
    except ValueError:
        raise Refused(422, "bad_request", "no such picture") from None


def _spread(video: Video) -> list[float]:
    """Times of keyframes all over a video, or evenly spread where there are too few of those."""
    times_s = video.keyframe_times_s
    if len(times_s) < 12:
        num = int(min(_SPRITE_CELLS, max(12, video.info.duration_s)))
        return video.info.span.grid(num)
    which = np.linspace(0, len(times_s) - 1, min(_SPRITE_CELLS, len(times_s))).round().astype(int)
    return times_s[which].tolist()


def _cell(video: Video) -> tuple[int, int]:
    """Height and width of a sprite's cells."""
    info, (high, wide) = video.info, _SPRITE_SIZE
    scale = min(high / info.height, wide / info.width)
    return max(16, round(info.height * scale)), max(1, round(info.width * scale))


def _encode(picture: Picture, quality: int) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return file.getvalue()


def _write(path: Path, content: bytes) -> None:
    part = path.with_suffix(path.suffix + ".part")
    part.write_bytes(content)
    part.replace(path)
