"""How parent and child talk: one JSON object at a time, its length before it, files beside it.

The one idea: JSON can carry nothing but data, so there is nothing in a message to run. What is
large (pixels, samples) follows a message as plain bytes, as many as the message says, straight into
an array of the receiver. Shared memory was measured too: filling, mapping and freeing fresh pages
takes three times the processor time of this copy (200 MB: 150 ms against 50 ms), and the pages
would have to be sealed against a decoder that was taken over.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from array import array
from collections.abc import Sequence
from typing import Any, NoReturn

_LENGTH = struct.Struct(">I")
_CHUNK_BYTES = 2**20
_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
MAX_BYTES = 8 * 2**20
"""The longest message: a subtitle track of 50,000 lines. As Python objects 20 times larger."""


class Closed(ConnectionError):
    """The other side is gone."""


class Malformed(ValueError):
    """Not a message."""


class TooLong(Malformed):
    """Longer than a message may be."""


def send(
    channel: socket.socket,
    message: dict[str, Any],
    *,
    files: Sequence[int] = (),
    deadline_s: float | None = None,
) -> None:
    """Send a message with open files beside it.

    Args:
        channel: An AF_UNIX stream socket.
        message: Anything that JSON can hold; no NaN.
        files: File descriptors that the other side gets copies of.
        deadline_s: On `time.monotonic()`. None: wait for ever.

    Raises:
        Closed: Nobody is there any more.
        TimeoutError: The other side does not read.
    """
    data = json.dumps(message, allow_nan=False).encode()
    if len(data) > MAX_BYTES:
        raise TooLong(f"a message holds at most {MAX_BYTES} bytes: got {len(data)}")
    data = _LENGTH.pack(len(data)) + data
    try:
        _wait(channel, deadline_s)
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", files))] if files else []
        sent = channel.sendmsg([data], beside, _NO_SIGNAL)
        while sent < len(data):
            _wait(channel, deadline_s)
            sent += channel.send(data[sent : sent + _CHUNK_BYTES], _NO_SIGNAL)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise Closed("nobody listens any more") from error


def receive(
    channel: socket.socket, *, max_files: int = 0, deadline_s: float | None = None
) -> tuple[dict[str, Any], list[int]]:
    """The next message and the files beside it.

    Raises:
        Closed: Nobody is there any more.
        Malformed: What came is no JSON object, or too long.
        TimeoutError: Nothing whole came in time.
    """
    head, files = b"", []
    try:
        while len(head) < _LENGTH.size:
            _wait(channel, deadline_s)
            part, more = _receive_some(channel, _LENGTH.size - len(head), max_files)
            files += more
            head += part
        (length,) = _LENGTH.unpack(head)
        if length > MAX_BYTES:
            raise TooLong(f"a message holds at most {MAX_BYTES} bytes: {length} were announced")
        return _parse(_receive_exactly(channel, length, deadline_s)), files
    except BaseException:
        for file in files:
            os.close(file)
        raise


def send_content(channel: socket.socket, content: memoryview) -> None:
    """Send plain bytes. Errors of `send`."""
    try:
        while content:
            content = content[channel.send(content[:_CHUNK_BYTES], _NO_SIGNAL) :]
    except (BrokenPipeError, ConnectionResetError) as error:
        raise Closed("nobody listens any more") from error


def receive_content(channel: socket.socket, content: memoryview, *, deadline_s: float) -> None:
    """Fill `content` with the next bytes. Errors of `receive`."""
    try:
        while content:
            _wait(channel, deadline_s)
            count = channel.recv_into(content)
            if not count:
                raise Closed("the other side is gone")
            content = content[count:]
    except ConnectionResetError as error:
        raise Closed("the other side is gone") from error


def _receive_some(channel: socket.socket, length: int, max_files: int) -> tuple[bytes, list[int]]:
    try:
        if max_files:
            part, files, _, _ = socket.recv_fds(channel, length, max_files)
        else:
            part, files = channel.recv(length), []
    except ConnectionResetError as error:
        raise Closed("the other side is gone") from error
    if not part:
        raise Closed("the other side is gone")
    return part, files


def _receive_exactly(channel: socket.socket, length: int, deadline_s: float | None) -> bytes:
    data = bytearray()  # grows with what really comes, not with what was announced
    while len(data) < length:
        _wait(channel, deadline_s)
        data += _receive_some(channel, min(length - len(data), _CHUNK_BYTES), 0)[0]
    return bytes(data)


def _wait(channel: socket.socket, deadline_s: float | None) -> None:
    if deadline_s is None:
        return
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("out of time")
    channel.settimeout(left_s)


def _parse(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {type(error).__name__}") from error
    if not isinstance(message, dict):
        raise Malformed(f"a message is a JSON object: got {type(message).__name__}")
    return message


def _refuse(constant: str) -> NoReturn:
    raise Malformed(f"JSON has no {constant}")
