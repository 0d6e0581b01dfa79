"""The one place where a media file is opened, behind allow-lists, for every backend.

A media file is a stranger's program for a very large interpreter. So it is only ever read through
a file object that is already open (never a path, never a URL), only by demuxers and decoders on
the lists below, with no protocol to reach anything else by: a playlist that points at a
neighbouring file or at the network is refused before it is followed. Sizes that the file claims
are checked before a picture is decoded, and the decoder itself refuses a picture that turns out
larger.

What the file *is* (its pictures, its times) is measured by `scan.py` and `facts.py`.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO, NoReturn, cast

import av
import av.error
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from playhead.core.errors import NoPicture, NotAVideo, TooLarge, VideoError
from playhead.video.limits import Limits

DEMUXERS = (
    *("mov", "matroska", "avi", "mpegts", "mpeg", "flv", "ogg", "gif"),
    *("wav", "mp3", "flac", "aac"),  # sound only: opened to say so, and to be heard
)
"""Containers that are read. Each holds everything in one file; none can point at another."""

VIDEO_DECODERS = (
    *("h264", "hevc", "libdav1d", "vp8", "vp9", "mpeg4", "mpeg2video", "mpeg1video"),
    *("h263", "flv", "theora", "mjpeg", "gif", "prores", "dnxhd", "ffv1", "rawvideo"),
)
AUDIO_DECODERS = (
    *("aac", "mp3", "mp3float", "mp2", "mp2float", "ac3", "eac3", "dca", "opus", "libopus"),
    *("vorbis", "libvorbis", "flac", "alac", "amrnb", "amrwb", "adpcm_ms", "adpcm_ima_wav"),
    *("pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le"),
    *("pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_alaw", "pcm_mulaw"),
)
TEXT_DECODERS = ("mov_text", "subrip", "srt", "ass", "ssa", "webvtt", "text")

_SLICES_ONLY = ("vp9",)
"""Decoders that crash when several threads meet damage in several frames (FFmpeg 8.1)."""
_DECODERS = ",".join((*VIDEO_DECODERS, *AUDIO_DECODERS, *TEXT_DECODERS))
DAMAGE = (av.error.FFmpegError, OSError, RuntimeError, ValueError, LookupError, MemoryError)
"""What the media library raises about a file that is damaged or means harm. Some of our own errors
are among these by descent: raise those elsewhere."""

_NOT_THE_PICTURE = Disposition.attached_pic | Disposition.timed_thumbnails
_PADDING = 2**16
_BUFFER_BYTES = 64 * 1024


class View(io.RawIOBase):
    """A reading position of its own on a file that others read too; closing it closes nothing.

    It has no name, so that neither a demuxer's guess nor an error message depends on one.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        """Always true."""
        return True

    def seekable(self) -> bool:
        """Always true."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes from here; all that is left when it is negative or None."""
        self._file.seek(self._position)
        data = self._file.read(-1 if size is None else size)
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` from here; how many bytes there were."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset`, counted as `io.SEEK_*` says."""
        if whence == io.SEEK_CUR:
            offset, whence = self._position + offset, io.SEEK_SET
        self._position = self._file.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        """The position, in bytes."""
        return self._position


def num_bytes(file: BinaryIO) -> int:
    """Size of the file."""
    return file.seek(0, io.SEEK_END)


def open_container(file: BinaryIO, limits: Limits) -> InputContainer:
    """Open `file` behind the allow-lists. Reading it does not disturb other readers of `file`.

    Raises:
        NotAVideo: Empty, cut off before its index, or not of a kind that is read.
        TooLarge: More bytes, streams or pixels than `limits` allows.
    """
    size = num_bytes(file)
    if size == 0:
        raise NotAVideo("the file is empty: 0 bytes")
    if size > limits.file_bytes:
        raise TooLarge(f"the file has {size} bytes; limits.file_bytes is {limits.file_bytes}")
    try:
        opened = av.open(
            cast(Any, View(file)),
            mode="r",
            options=_decoder_limits(limits),
            container_options={
                "format_whitelist": ",".join(DEMUXERS),
                "codec_whitelist": _DECODERS,
                "protocol_whitelist": "",
                "max_streams": str(limits.streams + 1),
            },
            metadata_errors="replace",
            buffer_size=_BUFFER_BYTES,
            io_open=_refuse_nested,
        )
    except DAMAGE as error:
        raise _why_not(error, limits) from None
    container = cast(InputContainer, opened)
    try:
        _check_streams(container, limits)
    except VideoError:
        container.close()
        raise
    return container


def _refuse_nested(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError("a media file may not open another file")


def _why_not(error: Exception, limits: Limits) -> VideoError:
    if isinstance(error, MemoryError):
        return TooLarge(
            f"the file has more than {limits.streams} streams (limits.streams), "
            "or its index needs too much memory"
        )
    return NotAVideo(
        "not a video that can be read: the file is damaged, cut off before its index, "
        f"or not one of {', '.join(DEMUXERS[:8])}; if it plays elsewhere, convert it to MP4"
    )


def _check_streams(container: InputContainer, limits: Limits) -> None:
    if len(container.streams) > limits.streams:
        raise TooLarge(
            f"the file has more than {limits.streams} streams (limits.streams); "
            f"got {len(container.streams)}"
        )
    for stream in container.streams.video:
        if stream.codec_context is not None:
            check_pixels(stream.codec_context.height, stream.codec_context.width, limits)


def check_pixels(height: int, width: int, limits: Limits) -> None:
    """Raise TooLarge if one picture of that size has more pixels than `limits` allows."""
    if height * width > limits.pixels_per_frame:
        raise TooLarge(
            f"one picture is {width} x {height} pixels; "
            f"limits.pixels_per_frame is {limits.pixels_per_frame}"
        )


def picture_stream(container: InputContainer) -> VideoStream:
    """The stream that is the video: the one ffmpeg would choose, and never cover art.

    Raises:
        NoPicture: There is none: sound only, or cover art.
        NotAVideo: There is one, but nothing here decodes it.
    """
    streams = [s for s in container.streams.video if not s.disposition & _NOT_THE_PICTURE]
    if not streams:
        if container.streams.audio:
            raise NoPicture("the file has sound but no pictures")
        raise NotAVideo("the file has neither pictures nor sound")
    usable = [s for s in streams if can_decode(s, VIDEO_DECODERS)]
    if not usable:
        names = ", ".join(codec_name(s) for s in streams)
        raise NotAVideo(f"nothing here decodes its pictures ({names}): convert it to H.264")
    best = container.streams.best("video")
    if best is not None:
        for stream in usable:
            if stream.index == best.index:
                return stream
    return max(usable, key=lambda s: s.codec_context.width * s.codec_context.height)


def can_decode(stream: Any, decoders: tuple[str, ...]) -> bool:
    """Whether one of `decoders` is what would decode `stream`."""
    return stream.codec_context is not None and stream.codec_context.codec.name in decoders


def codec_name(stream: Any) -> str:
    """The codec's usual name: `h264`, `av1`; `unknown` where there is none."""
    if stream.codec_context is None:
        return "unknown"
    return stream.codec_context.codec.canonical_name or "unknown"


def prepare(stream: Any, limits: Limits, *, threads: int) -> None:
    """Set what must be set on a stream's decoder before its first packet.

    Args:
        stream: Of an open container, not decoded from yet.
        limits: Its `pixels_per_frame` also holds for a picture that grows in mid-stream.
        threads: How many may decode it. 1 also means that errors come with their packet.
    """
    context = stream.codec_context
    context.options = {
        "codec_whitelist": _DECODERS,
        **_decoder_limits(limits),
    }
    context.thread_count = threads
    by_frame = context.name not in _SLICES_ONLY
    context.thread_type = "NONE" if threads == 1 else "AUTO" if by_frame else "SLICE"


def _decoder_limits(limits: Limits) -> dict[str, str]:
    """What the decoder itself refuses to allocate: twice the limit, because it counts padding."""
    return {"max_pixels": str(2 * limits.pixels_per_frame + _PADDING)}


def only(container: InputContainer, stream: Any) -> None:
    """Let the demuxer skip every stream but `stream`."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
