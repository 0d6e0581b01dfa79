"""Opening a video file that nobody vouches for.

The one idea: the name is looked at once. `open_video` opens it, looks at what it got (a regular
file, not empty, not too large) and from then on works with that open file only: it may be
renamed, replaced or deleted meanwhile. Its bytes are interpreted in a confined process
(`playhead.video.sandbox`) which gets the open file and nothing else.

It opens files, not addresses: fetch a video first. A file that is being written while it is open
gives the pictures it had when it was opened, or a typed error.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import re
import stat
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import (
    NoSound,
    NoSuchTime,
    NotAFile,
    NotAVideo,
    NotReadable,
    TooLarge,
    VideoNotFound,
)
from playhead.core.media import VideoInfo
from playhead.core.span import Span
from playhead.video.base import Frames, Video
from playhead.video.limits import Limits
from playhead.video.sandbox import answers
from playhead.video.sandbox.content import read_at
from playhead.video.sandbox.process import why_no_process
from playhead.video.sandbox.walls import Walls, warn_about
from playhead.video.sandbox.worker import Decoding, Worker
from playhead.video.sound import Sound

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PSEUDO_FOLDERS = ("/proc", "/sys")
_ID_LETTERS = 32
_HASHED_BYTES = 2**20


def open_video(
    path: str | os.PathLike[str],
    *,
    decoder: str = "pyav",
    limits: Limits | None = None,
    sandbox: bool = True,
) -> VideoFile:
    """Open a video file.

    Args:
        path: A regular file, or a link to one.
        decoder: Name of the backend: one of ours or of an installed plug-in.
        limits: What the file may cost this machine. None: the defaults of `Limits`.
        sandbox: Decode in a confined process. False only for files that you made yourself.

    Returns:
        The open video: close it, or use it in a `with` block.

    Raises:
        VideoNotFound: No file there.
        NotReadable: This user may not read it.
        NotAFile: A folder, a pipe, a device, a file that the kernel makes up, a web address.
        NotAVideo: Empty, damaged beyond recognition, or of a kind that is refused.
        NoPicture: Sound only.
        TooLarge: Over one of the limits.
        VideoError: Any other reason why it cannot be opened; see `playhead.core.errors`.
        NoSuchPlugin: No decoder of that name.
        MissingExtra: The decoder is not installed.
    """
    limits, path = limits or Limits(), os.fsdecode(path)
    file = _open_regular(path)
    try:
        _check_size(os.fstat(file).st_size, path, limits)
        return VideoFile(file, decoder=decoder, limits=limits, sandbox=sandbox)
    except BaseException:
        os.close(file)
        raise


class VideoFile(Video):
    """An open video file: `open_video` makes it. Safe in several threads, and after fork."""

    def __init__(self, file: int, *, decoder: str, limits: Limits, sandbox: bool) -> None:
        """Take over `file`, a descriptor of a regular file, if this succeeds."""
        self._file, self._limits = file, limits
        self._decoding = _decoding(decoder, limits, sandbox)
        try:
            num_bytes = os.fstat(file).st_size
            facts = self._decoding.open(file, answers.facts(limits, num_bytes))
            if sandbox:
                warn_about(self._decoding.walls)
        except BaseException:
            self._decoding.close()
            raise
        self.info: VideoInfo = facts.info
        self._keyframe_times_s = facts.keyframe_times_s
        self.num_damaged = 0
        """How many pictures so far were replaced by the one before, because they are damaged."""
        self._close = weakref.finalize(self, _close, self._decoding, file)

    @cached_property
    def id(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """SHA-256 of the whole content, 32 hexadecimal digits of it. Read when first asked for."""
        digest = hashlib.sha256()
        position = 0
        while block := read_at(self._descriptor(), _HASHED_BYTES, position):
            digest.update(block)
            position += len(block)
        return digest.hexdigest()[:_ID_LETTERS]

    @property
    def keyframe_times_s(self) -> NDArray[np.float64]:
        """`[N]`: the times of the frames that decode on their own, ascending; never empty."""
        return self._keyframe_times_s.copy()

    @property
    def sandbox(self) -> Walls:
        """Which walls stand around the decoder, and which do not."""
        return self._decoding.walls

    def sound(self, span: Span | None = None, *, rate: int = 16_000) -> Sound:
        """The sound of a span, as one channel.

        Args:
            span: Which part. None: the whole video. What lies outside the video is left out.
            rate: Samples per second.

        Raises:
            NoSound: The file has none that can be decoded.
            NoSuchTime: The span lies outside the video.
            TooLarge: More than one call may hand over: ask for shorter spans.
        """
        if not 1 <= rate <= 384_000:
            raise ValueError(f"a rate is 1 to 384000 samples per second: got {rate}")
        inside = self.info.span if span is None else self.info.span.intersection(span)
        if inside is None:
            raise NoSuchTime(f"the video runs from 0 to {self.info.duration_s:.3f} s: got {span}")
        if not self.info.has_audio:
            raise NoSound("the file has no sound")
        most_s = self._limits.bytes_per_call / 4 / rate
        if inside.duration > most_s:
            raise TooLarge(
                f"{inside.duration:.0f} s of sound are over limits.bytes_per_call: "
                f"ask for spans of at most {math.floor(most_s * 10) / 10} s"
            )
        samples, start_s = self._decoding.call(
            "sound",
            {"start_s": inside.start, "end_s": inside.end, "rate": rate},
            f"reading sound at {inside.timecode}",
            answers.samples(inside.start, inside.end, rate),
        )
        return Sound(samples, rate, start_s)

    def texts(self, index: int) -> list[answers.Event]:
        """The raw events of an embedded subtitle track: start and end in seconds, text as stored.

        Args:
            index: `TextTrack.index` of one of `info.text_tracks`.

        Raises:
            ValueError: The file has no such text track.
            DecodeFailed: The track is damaged.
        """
        known = [track.index for track in self.info.text_tracks if track.is_text]
        if index not in known:
            raise ValueError(f"the text tracks of this file are {known}: got {index}")
        stage = f"reading subtitle track {index}"
        return self._decoding.call("texts", {"index": index}, stage, answers.events)

    def stream(
        self, times_s: Sequence[float], *, max_side: int | None = None, batch: int = 32
    ) -> Iterator[Frames]:
        """`frames_at` for any number of times, in batches; the decoder works one batch ahead.

        Args:
            times_s: Seconds, each `0 <= t < duration`.
            max_side: Shrink pictures so that neither side is longer, in pixels.
            batch: Pictures at a time; fewer where they are so large that one call may not.
        """
        batch = min(batch, self._most_pictures(max_side))
        ahead = ThreadPoolExecutor(1, thread_name_prefix="decode-ahead")
        coming: Future[Frames] | None = None
        try:
            for i in range(0, len(times_s), batch):
                part = times_s[i : i + batch]
                following = ahead.submit(self.frames_at, part, max_side=max_side)
                if coming is not None:
                    yield coming.result()
                coming = following
            if coming is not None:
                yield coming.result()
        finally:
            ahead.shutdown(cancel_futures=True)

    def close(self) -> None:
        """Give back the file and the process. Closing twice is fine."""
        self._close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "an open video cannot be pickled: send its path, and open it again over there"
        )

    def _read(self, times_s: Sequence[float], max_side: int | None) -> Frames:
        if not times_s:
            empty = np.empty((0, self.info.height, self.info.width, 3), dtype=np.uint8)
            return Frames(empty, np.empty(0), self.id)
        if len(times_s) > self._limits.frames_per_call:
            raise TooLarge(
                f"one call hands over at most {self._limits.frames_per_call} pictures "
                f"(limits.frames_per_call), got {len(times_s)}: use stream"
            )
        seen = self._decoding.call(
            "read",
            {"times_s": list(times_s), "max_side": max_side},
            f"reading pictures at {times_s[0]:.3f} to {times_s[-1]:.3f} s",
            answers.pictures(times_s, max_side, self._limits),
        )
        self.num_damaged += seen.num_damaged
        return Frames(seen.pixels, seen.times_s, self.id)

    def _most_pictures(self, max_side: int | None) -> int:
        longest = max(self.info.height, self.info.width)
        scale = min(1.0, (max_side or longest) / longest)
        size = 3 * (self.info.height * scale + 1) * (self.info.width * scale + 1)
        return max(1, min(self._limits.frames_per_call, int(self._limits.bytes_per_call / size)))

    def _descriptor(self) -> int:
        if not self._close.alive:
            raise ValueError("the video is closed: open it again")
        return self._file


def _close(decoding: Decoding, file: int) -> None:
    decoding.close()
    os.close(file)


def _decoding(decoder: str, limits: Limits, sandbox: bool) -> Decoding:
    why = why_no_process() if sandbox else "not wanted: sandbox=False"
    if why is None:
        return Worker(decoder, limits)
    from playhead.video.sandbox.inline import Inline  # loads the media libraries

    return Inline(decoder, limits, why)


def _open_regular(path: str) -> int:
    """A descriptor of the regular file at `path`.

    What is there is asked before it is opened, because opening a device can do something, and again
    afterwards, because it may have been replaced.
    """
    if _ADDRESS.match(path):
        raise NotAFile(
            "an address, not a file: download it first (playhead.video.fetch does, from hosts "
            f"that you name), then open the copy: {path!r}"
        )
    try:
        _check_regular(Path(path).stat(), path)
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
        file = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise _why_not_opened(error, path) from None
    try:
        _check_regular(os.fstat(file), path)
    except BaseException:
        os.close(file)
        raise
    return file


def _check_regular(status: os.stat_result, path: str) -> None:
    kinds = {
        stat.S_ISDIR: "a folder: name a file in it",
        stat.S_ISFIFO: "a pipe: write the video to a file first",
        stat.S_ISSOCK: "a socket: write the video to a file first",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
    }
    for is_kind, what in kinds.items():
        if is_kind(status.st_mode):
            raise NotAFile(f"{what}: {path!r}")
    if not stat.S_ISREG(status.st_mode) or status.st_dev in _pseudo_devices():
        raise NotAFile(f"not a regular file that lies on a disk: {path!r}")


def _check_size(size: int, path: str, limits: Limits) -> None:
    if size == 0:
        raise NotAVideo(f"the file is empty (0 bytes): {path!r}")
    if size > limits.file_bytes:
        raise TooLarge(
            f"the file has {size} bytes, limits.file_bytes is {limits.file_bytes}: "
            "raise that limit if you trust it"
        )


def _pseudo_devices() -> set[int]:
    """File systems whose files the kernel makes up as they are read."""
    return {Path(folder).stat().st_dev for folder in _PSEUDO_FOLDERS if Path(folder).is_mount()}


def _why_not_opened(error: OSError | ValueError, path: str) -> Exception:
    if isinstance(error, NotAFile | NotAVideo):
        return error
    code = error.errno if isinstance(error, OSError) else None
    if code in (errno.EACCES, errno.EPERM):
        return NotReadable(f"this user may not read it: {path!r}")
    if code in (errno.ENXIO, errno.ENODEV):
        return NotAFile(f"not a regular file: {path!r}")
    if code in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, None):
        return VideoNotFound(f"no file there: {path!r} (looked in {str(Path.cwd())!r})")
    return NotReadable(f"the system cannot open it ({os.strerror(code or 0)}): {path!r}")
