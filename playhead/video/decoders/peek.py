"""What a packet says about itself in its first few bytes, where the container is wrong or silent.

Two questions: does it hold a picture that is shown (VP8 and VP9 send references that are not),
and does it decode on its own (containers mark H.264 recovery points as keyframes, and with intra
refresh the picture there is only one slice sounder than the one before)? Read without decoding
anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from av.packet import Packet

Peek = Callable[[Packet], bool]

_SLICE, _SLICE_A, _IDR = 1, 2, 5  # H.264 table 7-1
_INTRA = (2, 4)  # slice types I and SI, modulo 5: H.264 table 7-6
_START = b"\0\0\1"


def hides(codec: str) -> Peek | None:
    """How to tell that a packet of `codec` is not shown. None: all are shown."""
    return {"vp8": _vp8_hides, "vp9": _vp9_hides}.get(codec)


def is_intra(codec: str, extradata: bytes | None) -> Peek | None:
    """How to check a keyframe of `codec`. None: the container is to be believed."""
    if codec != "h264":
        return None
    length = (extradata[4] & 3) + 1 if extradata and extradata[0] == 1 and len(extradata) > 4 else 0

    def check(packet: Packet) -> bool:
        for unit in _units(memoryview(packet), length):
            kind = unit[0] & 0x1F
            if kind == _IDR:
                return True
            if kind in (_SLICE, _SLICE_A):
                return _slice_type(bytes(unit[1:24])) in _INTRA
        return True

    return check


def _vp8_hides(packet: Packet) -> bool:
    """RFC 6386, section 9.1: show_frame."""
    return not memoryview(packet)[0] & 0x10


def _vp9_hides(packet: Packet) -> bool:
    """VP9 bitstream specification, section 6.2: show_existing_frame and show_frame."""
    data = memoryview(packet)
    first, last = data[0], data[-1]
    if last & 0xE0 == 0xC0:  # a superframe: the hidden reference travels with a shown frame
        return False
    shift = 1 if first & 0x30 == 0x30 else 0  # profile 3 has one more bit
    return not first & ((0x08 | 0x02) >> shift)


def _units(data: memoryview, length: int) -> Iterator[memoryview]:
    """The NAL units: with their length before them, or between start codes when `length` is 0."""
    at = 0
    if not length:
        content = bytes(data)
        while (at := content.find(_START, at)) >= 0 and at + 3 < len(content):
            at += 3
            yield data[at : at + 64]
    while length and at + length < len(data):
        size = int.from_bytes(data[at : at + length], "big")
        at += length
        if not size:
            continue
        yield data[at : at + size]
        at += size


def _slice_type(header: bytes) -> int:
    """The slice type, modulo 5: the second Exp-Golomb number of a slice header (H.264, 7.3.3)."""
    header = header.replace(b"\0\0\3", b"\0\0")
    bits = "".join(f"{byte:08b}" for byte in header)
    at, value = 0, 0
    for _ in range(2):
        zeros = bits.find("1", at) - at
        if zeros < 0:
            return -1
        value = int(bits[at : at + 2 * zeros + 1] or "1", 2) - 1
        at += 2 * zeros + 1
    return value % 5
