"""Files that mean harm: playlists that point elsewhere, claims that cost memory or time, mutants.

Every builder writes what it says and returns the path. The canary is a film whose frames carry
their index; if one of its pictures is ever handed over for another file, that file has reached out.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from playhead.video.synthetic import Encoding, write_clock

CANARY_FRAMES = 20


class Listener:
    """A server on the loopback that counts who calls."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.num_calls = 0
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def _count(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            self.num_calls += 1
            caller.close()

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=5)


@contextlib.contextmanager
def listener() -> Iterator[Listener]:
    """A `Listener`, closed at the end."""
    one = Listener()
    try:
        yield one
    finally:
        one.close()


def write_canaries(folder: Path) -> None:
    """The neighbours that nobody may read: `canary.ts` and `canary.mp4`."""
    for name in ("canary.ts", "canary.mp4"):
        write_clock(folder / name, num_frames=CANARY_FRAMES)


def _playlist(target: str) -> str:
    return (
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n"
        f"#EXTINF:10.0,\n{target}\n#EXT-X-ENDLIST\n"
    )


def _sdp(port: int) -> str:
    return (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    )


def write_reachers(folder: Path, port: int) -> dict[str, Path]:
    """Files that try to make the decoder read a neighbour or call `port` on this machine."""
    web = f"http://127.0.0.1:{port}/canary.ts"
    here, concat = str(folder / "canary.ts"), "ffconcat version 1.0\nfile {}\n"
    texts = {
        "hls to the network.m3u8": _playlist(web),
        "hls to the network.mp4": _playlist(web),
        "hls to a neighbour.m3u8": _playlist("canary.ts"),
        "hls to a neighbour.mp4": _playlist("canary.ts"),
        "hls to a neighbour.avi": _playlist("canary.ts"),
        "hls to a path.mp4": _playlist(here),
        "hls to a file address.mp4": _playlist(f"file://{here}"),
        "hls through concat.mp4": _playlist(f"concat:{here}|{here}"),
        "hls through subfile.mp4": _playlist(f"subfile,,start,0,end,0,,:{here}"),
        "hls with a key.m3u8": "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="
        + f'"{web}"\n{_playlist(here)}',
        "concat of a neighbour.ffconcat": concat.format("canary.mp4"),
        "concat of a neighbour.mp4": concat.format("canary.mp4"),
        "concat of a path.mp4": concat.format(f"'{here}'"),
        "concat of the network.mp4": concat.format(web),
        "session description.sdp": _sdp(port),
        "session description.mp4": _sdp(port),
        "dash.mpd": _dash(web),
        "dash.mp4": _dash(web),
        "smooth streaming.mp4": '<?xml version="1.0"?><SmoothStreamingMedia Url="' + web + '"/>',
        "redirect.mp4": f"[Reference]\nRef1={web}\n",
        "rtsp redirect.mp4": f"RTSPtextrtsp://127.0.0.1:{port}/\n",
        "image pattern.mp4": "canary%d.png\n",
        "address only.mp4": web + "\n",
        "picture with an address.svg": f'<svg><image href="{web}"/></svg>',
        "avisynth.avs": f'AVISource("{here}")\n',
        "vapoursynth.vpy": "import os\n",
    }
    files = {}
    for name, text in texts.items():
        files[name] = folder / name
        files[name].write_text(text)
    for write in (_avi_with_a_playlist, _mp4_with_its_data_elsewhere, _matroska_with_a_playlist):
        path = write(folder)
        files[path.name] = path
    return files


def _dash(address: str) -> str:
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT10S"><Period><AdaptationSet mimeType="video/mp4">'
        '<Representation id="1" bandwidth="1" width="64" height="64"><BaseURL>'
        f"{address}</BaseURL><SegmentBase/></Representation></AdaptationSet></Period></MPD>"
    )


def _avi_with_a_playlist(folder: Path) -> Path:
    """An AVI whose subtitle stream (GAB2) holds a playlist: how FFmpeg was attacked in 2017."""
    path = folder / "playlist inside avi.avi"
    playlist = _playlist("canary.ts").encode()
    name = "x".encode("utf-16-le") + b"\0\0"
    gab2 = b"GAB2\0" + struct.pack("<HI", 2, len(name)) + name
    gab2 += struct.pack("<HI", 4, len(playlist)) + playlist
    header = struct.pack(
        "<4s4sIHHIIIIIIII4H", b"txts", b"\0" * 4, 0, 0, 0, 0, 1, 25, 0, 1, 0, 0, 0, *[0] * 4
    )
    strl = _list(b"strl", _chunk(b"strh", header) + _chunk(b"strf", b""))
    avih = struct.pack("<14I", 40_000, 0, 0, 0x10, 1, 0, 1, 0, 64, 64, *[0] * 4)
    body = _list(b"hdrl", _chunk(b"avih", avih) + strl) + _list(b"movi", _chunk(b"00tx", gab2))
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"AVI " + body)
    return path


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _list(kind: bytes, data: bytes) -> bytes:
    return b"LIST" + struct.pack("<I", len(data) + 4) + kind + data


def _mp4_with_its_data_elsewhere(folder: Path) -> Path:
    """An MP4 without pictures that says they lie in `canary.mp4` (a data reference `url `)."""
    path = folder / "data elsewhere.mp4"
    write_clock(path, num_frames=5)
    content = path.read_bytes()
    here, elsewhere = b"\0\0\0\x0curl \0\0\0\x01", b"url \0\0\0\0canary.mp4\0"
    content = content.replace(here, struct.pack(">I", len(elsewhere) + 4) + elsewhere)
    grown = len(elsewhere) + 4 - len(here)
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        at = content.index(box) - 4
        (size,) = struct.unpack_from(">I", content, at)
        content = content[:at] + struct.pack(">I", size + grown) + content[at + 4 :]
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    path.write_bytes(content[:start] + bytes(end - start) + content[end:])
    return path


def _matroska_with_a_playlist(folder: Path) -> Path:
    """A Matroska file with nothing in it but attachments that are playlists."""
    path = folder / "playlist attached.mkv"
    with av.open(str(path), "w") as file:
        for name in ("a.m3u8", "b.ffconcat"):
            file.add_attachment(name, "application/x-mpegurl", _playlist("canary.ts").encode())
        _add_silence(file)
    return path


def write_silence(path: Path) -> Path:
    """Half a second of sound and no pictures."""
    with av.open(str(path), "w") as file:
        _add_silence(file)
    return path


def _add_silence(file: av.container.OutputContainer) -> None:
    stream = file.add_stream("flac", rate=8000)
    stream.layout = "mono"
    file.mux(stream.encode(_silence(4096)))
    file.mux(stream.encode(None))


def _silence(num: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.zeros((1, num), np.int16), "s16", "mono")
    frame.sample_rate, frame.pts = 8000, 0
    return frame


def write_large_picture(path: Path, *, height: int, width: int, codec: str = "libx264") -> Path:
    """A few kilobytes that decode to one huge black picture."""
    with av.open(str(path), "w") as file:
        options = {"preset": "ultrafast", "x265-params": "log-level=none:pools=none"}
        stream = file.add_stream(codec, rate=1, options=options)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane, value in zip(frame.planes, (16, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts = 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def write_growing_picture(path: Path, *, height: int, width: int) -> Path:
    """A transport stream that starts small and whose fourth picture is huge."""
    with av.open(str(path), "w", "mpegts") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        for i, (h, w) in enumerate([(64, 64)] * 3 + [(height, width)]):
            for packet in _one_picture(h, w):
                packet.stream, packet.time_base = stream, Fraction(1, 25)
                packet.pts = packet.dts = i
                file.mux(packet)
    return path


def _one_picture(height: int, width: int) -> list[av.Packet]:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width, encoder.pix_fmt = height, width, "yuv420p"
    encoder.time_base, encoder.options = Fraction(1, 25), {"preset": "ultrafast"}
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    return [*encoder.encode(frame), *encoder.encode(None)]


def write_claimed_size(path: Path, *, height: int, width: int) -> Path:
    """A small motion-JPEG film whose pictures claim to be huge."""
    how = Encoding(codec="mjpeg", pix_fmt="yuvj420p", full_range=True)
    write_clock(path, num_frames=3, height=64, width=64, encoding=how)
    content = bytearray(path.read_bytes())
    at = content.find(b"\xff\xc0")
    while at >= 0:
        struct.pack_into(">HH", content, at + 5, height, width)
        at = content.find(b"\xff\xc0", at + 1)
    path.write_bytes(content)
    return path


def write_gif_claim(path: Path) -> Path:
    """Thirty bytes that claim a picture of 65535 x 65535 pixels."""
    screen = struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    image = b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x44\x01\0"
    path.write_bytes(b"GIF89a" + screen + image + b";")
    return path


def write_long_claim(path: Path, *, duration_s: float) -> Path:
    """A few hundred bytes of Matroska that claim to last `duration_s`, and whose frames agree."""
    ticks = [0, 40, 80, round(duration_s * 1000)]
    return _repeat_picture(path, ticks, Fraction(1, 1000))


def write_many_frames(path: Path, num_frames: int) -> Path:
    """So many frames of a few bytes each."""
    return _repeat_picture(path, range(num_frames), Fraction(1, 25))


def _repeat_picture(path: Path, ticks: list[int] | range, tick_s: Fraction) -> Path:
    (packet,) = _one_picture(64, 64)
    data = bytes(packet)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        for tick in ticks:
            again = av.Packet(data)
            again.stream, again.time_base, again.is_keyframe = stream, tick_s, True
            again.pts = again.dts = tick
            file.mux(again)
    return path


def write_many_streams(path: Path, num_streams: int) -> Path:
    """A Matroska file with so many picture streams."""
    (packet,) = _one_picture(64, 64)
    with av.open(str(path), "w") as file:
        streams = []
        for _ in range(num_streams):
            stream = file.add_stream("libx264", rate=25)
            stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
            streams.append(stream)
        for stream in streams:
            again = av.Packet(bytes(packet))
            again.stream, again.time_base, again.is_keyframe = stream, Fraction(1, 25), True
            again.pts = again.dts = 0
            file.mux(again)
    return path


def write_many_attachments(path: Path, num_attachments: int) -> Path:
    """A Matroska film with so many attached files of a kilobyte, put in by hand."""
    _repeat_picture(path, range(3), Fraction(1, 25))
    files = b"".join(
        _element(
            "61a7",
            _element("466e", b"%d.ttf" % i)
            + _element("4660", b"font/ttf")
            + _element("465c", bytes(1024))
            + _element("46ae", struct.pack(">Q", i + 1)),
        )
        for i in range(num_attachments)
    )
    content = path.read_bytes()
    segment = content.index(bytes.fromhex("18538067")) + 4
    content = content[:segment] + b"\x01" + b"\xff" * 7 + content[segment + 8 :]  # of unknown size
    cluster = content.index(bytes.fromhex("1f43b675"))
    path.write_bytes(content[:cluster] + _element("1941a469", files) + content[cluster:])
    return path


def _element(name: str, data: bytes) -> bytes:
    return bytes.fromhex(name) + struct.pack(">Q", len(data) | 1 << 56) + data


def write_seeds(folder: Path) -> list[bytes]:
    """The contents of small healthy films in the usual containers, to be damaged."""
    small = {"height": 48, "width": 64, "num_frames": 12}
    kinds = {
        "h264.mp4": Encoding(gop=4, audio_s=0.4),
        "fragmented.mp4": Encoding(
            gop=4, container_options={"movflags": "frag_keyframe+empty_moov"}
        ),
        "h264.mkv": Encoding(gop=4, audio_s=0.4),
        "vp9.webm": Encoding(codec="libvpx-vp9", gop=4, options={"deadline": "realtime"}),
        "mpeg4.avi": Encoding(codec="mpeg4", gop=4),
        "h264.ts": Encoding(gop=4, b_frames=0),
    }
    for name, how in kinds.items():
        write_clock(folder / name, encoding=how, **small)
    return [(folder / name).read_bytes() for name in kinds]


def mutants(seeds: list[bytes], num: int, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """`num` damaged files and how each was damaged."""
    ways: dict[str, Callable[[bytes, list[bytes], random.Random], bytes]] = {
        "flips": _flip,
        "cut": _cut,
        "lengths": _lengths,
        "splice": _splice,
    }
    for i in range(num):
        way = list(ways)[i % len(ways)]
        yield f"{way} {i}", ways[way](rng.choice(seeds), seeds, rng)


def _flip(content: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 4, 16, 64))):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _cut(content: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    return content[: rng.randrange(1, len(content))]


def _lengths(content: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    """Numbers near the start, where containers keep their lengths and counts, made extreme."""
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 2, 4))):
        at = rng.randrange(min(len(damaged) - 8, 2048))
        value = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, rng.getrandbits(32)))
        struct.pack_into(rng.choice(("<I", ">I")), damaged, at, value)
    return bytes(damaged)


def _splice(content: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    other = rng.choice(seeds)
    start, end = sorted(rng.randrange(len(other)) for _ in range(2))
    at = rng.randrange(len(content))
    keep = rng.choice((at, min(len(content), at + end - start)))
    return content[:at] + other[start:end] + content[keep:]
