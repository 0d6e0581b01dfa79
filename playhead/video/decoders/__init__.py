"""Decoders by name: which there are, and one of them opened on a file.

`pyav` is always there and is the default. The others need their extra, and a package of yours can
add its own under the entry-point group `playhead.decoders`: a callable like `base.OpenDecoder`.
"""

from __future__ import annotations

from ctypes.util import find_library
from importlib import import_module
from importlib.util import find_spec
from typing import BinaryIO

from playhead.core.errors import MissingExtra
from playhead.core.plugins import find_plugin, plugin_names
from playhead.video.decoders.base import Decoder, OpenDecoder
from playhead.video.limits import Limits

_OWN = {
    "pyav": ("PyavDecoder", "av", None),
    "torchcodec": ("TorchcodecDecoder", "torchcodec", "torchcodec"),
    "decord": ("DecordDecoder", "decord", "decord"),
    "opencv": ("OpencvDecoder", "cv2", None),
}
"""Name, which is also its module's: class, the library that it needs, the extra that brings it."""


def installed_decoders() -> tuple[str, ...]:
    """The names that `open_decoder` can open here, the default first."""
    names = plugin_names("decoders", _OWN)
    return tuple(name for name in names if name not in _OWN or _is_there(name))


def _is_there(name: str) -> bool:
    if find_spec(_OWN[name][1]) is None:
        return False
    return name != "torchcodec" or find_library("avcodec") is not None  # the system's FFmpeg


def find_decoder(name: str) -> OpenDecoder:
    """What opens a file with the decoder called `name`.

    Raises:
        NoSuchPlugin: No decoder has that name; the message lists those that there are.
        MissingExtra: It needs a library that is not installed; the message says which extra.
    """
    if name not in _OWN:
        return find_plugin("decoders", name, dict[str, OpenDecoder].fromkeys(_OWN, _never))
    decoder, library, extra = _OWN[name]
    if find_spec(library) is None:
        wanted = f"playhead[{extra}]" if extra else "playhead"
        raise MissingExtra(f'the decoder {name!r} needs {library}: pip install "{wanted}"')
    return getattr(import_module(f"playhead.video.decoders.{name}"), decoder)


def open_decoder(name: str, file: BinaryIO, limits: Limits) -> Decoder:
    """Open `file` with the decoder called `name`.

    Args:
        name: One of `installed_decoders()`.
        file: A seekable regular file, open for reading. It stays yours to close, after the decoder.
        limits: What it may cost.

    Raises:
        NoSuchPlugin: No decoder has that name.
        MissingExtra: It needs a library that is not installed; the message says which extra.
        VideoError: The file cannot be opened or decoded; the class says why.
    """
    return find_decoder(name)(file, limits)


def _never(file: BinaryIO, limits: Limits) -> Decoder:
    raise AssertionError("our own decoders are found above")
