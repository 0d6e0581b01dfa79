"""Every error Playhead raises, and whose fault it is.

Each error inherits its twin from the standard library, so `except ValueError` keeps working, and
its message says what was seen and what to do about it.

    PlayheadError
      VideoError
        x VideoNotFound(FileNotFoundError)  no file there
        x NotReadable(PermissionError)      the system does not let this user read it
        x NotAVideo(ValueError)             empty, no video, or of a kind that is refused
        x NotAFile(ValueError)              a folder, a pipe, a device, a URL
        x NoPicture(ValueError)             sound only
        x NoSound(ValueError)               pictures only
        x TooLarge(ValueError)              over one of the limits that protect this machine
        x NoSuchTime(IndexError)            before the first frame, or at or after the end
        x FetchFailed(OSError)              an address is not allowed, or gave no file
        x DecodeFailed(RuntimeError)        damaged: this part cannot be decoded
        x DecodeTimeout(TimeoutError)       the decoder took too long and was stopped
        x DecoderCrashed(RuntimeError)      the decoder process died; the next call gets a new one
      x MissingExtra(ImportError)           an optional part is not installed; says which
      x NoSuchPlugin(LookupError)           no tool, policy, decoder ... of that name
      x BadTool(TypeError)                  a tool function lacks a type or a docstring line
      StoreError
        x CorruptRecord(ValueError)         a stored line cannot be read
        x NewerSchema(ValueError)           written by a newer Playhead
      x Blamed(RuntimeError)                anything else, with an `Origin`

At run time the question is not "what type" but "whose fault": `Origin` answers it, and `border`
puts it on whatever escapes a block.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum


class Origin(StrEnum):
    """Whose fault a failure is. Only the model's own failures may cost it a reward."""

    MODEL = "model"
    """The policy asked for something that cannot be: a bad argument, a time past the end."""
    TOOL = "tool"
    """Our code, or a plug-in's, broke."""
    WORLD = "world"
    """The file, the disk, the network or another process broke."""


class PlayheadError(Exception):
    """Any error that Playhead raises on purpose."""


class Blamed(PlayheadError, RuntimeError):
    """Something failed, and `origin` says whose fault it is."""

    def __init__(self, origin: Origin, message: str, code: str = "") -> None:
        super().__init__(message)
        self.origin = origin
        self.code = code or ("impossible" if origin is Origin.MODEL else "broke")
        """One word for programs."""


@contextmanager
def border(origin: Origin, what: str) -> Generator[None]:
    """Whatever escapes the block belongs to `origin`, unless someone nearer has said whose."""
    try:
        yield
    except Blamed:
        raise
    except Exception as error:
        raise Blamed(origin, f"{what}: {type(error).__name__}: {error}") from error


class VideoError(PlayheadError):
    """A video could not be opened, read or decoded."""


class VideoNotFound(VideoError, FileNotFoundError):
    """No file there."""


class NotReadable(VideoError, PermissionError):
    """The system does not let this user read the file."""


class NotAVideo(VideoError, ValueError):
    """The file is empty, no video, or of a kind that is refused."""


class NotAFile(VideoError, ValueError):
    """A folder, a pipe, a device or a URL where a regular file is needed."""


class NoPicture(VideoError, ValueError):
    """The file has sound but no pictures."""


class NoSound(VideoError, ValueError):
    """The file has pictures but no sound that can be decoded."""


class TooLarge(VideoError, ValueError):
    """Over one of the limits that protect this machine; the message names the limit."""


class NoSuchTime(VideoError, IndexError):
    """Before the first frame, or at or after the end."""


class FetchFailed(VideoError, OSError):
    """The address is not allowed, or did not give a file."""


class DecodeFailed(VideoError, RuntimeError):
    """This part of the video is damaged and cannot be decoded."""


class DecodeTimeout(VideoError, TimeoutError):
    """The decoder took too long and was stopped."""


class DecoderCrashed(VideoError, RuntimeError):
    """The decoder process died. The video stays usable: the next call starts a new one."""


class MissingExtra(PlayheadError, ImportError):
    """An optional part of Playhead is not installed; the message says how to install it."""


class NoSuchPlugin(PlayheadError, LookupError):
    """No built-in and no installed plug-in has that name."""


class BadTool(PlayheadError, TypeError):
    """A function cannot become a tool: a type or a docstring line is missing."""


class StoreError(PlayheadError):
    """A store on disk cannot be read or written."""


class CorruptRecord(StoreError, ValueError):
    """A stored record cannot be read; the message says where it is."""


class NewerSchema(StoreError, ValueError):
    """The record was written by a newer Playhead than this one."""
