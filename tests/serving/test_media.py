"""What a player gets: ranges of bytes, pictures, sprites, a copy with the same seconds."""

from __future__ import annotations

import base64
import io
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playhead.video.file import open_video
from playhead.video.synthetic import read_clock
from tests.serving.served import Served


def data_url(picture: bytes, kind: str = "jpeg") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def pixels(picture: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(picture)) as image:
        return np.array(image.convert("RGB"))


def test_a_range_of_bytes_is_a_206(server: Served, films_folder: Path):
    content = (films_folder / "clock.mp4").read_bytes()
    url = f"/media/{server.videos()['clock.mp4']}"
    whole = server.client.get(url)
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    for asked, expected in (
        ("bytes=0-99", content[:100]),
        ("bytes=1000-", content[1000:]),
        ("bytes=-7", content[-7:]),
    ):
        part = server.client.get(url, headers={"Range": asked})
        assert (part.status_code, part.content) == (206, expected), asked
        assert part.headers["content-range"].endswith(f"/{len(content)}")
    beyond = server.client.get(url, headers={"Range": f"bytes={len(content)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(content)}"
    head = server.client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(content)


def test_if_range_gives_all_of_it_when_the_file_is_another(server: Served):
    url = f"/media/{server.videos()['demo.mp4']}"
    etag = server.client.head(url).headers["etag"]
    same = server.client.get(url, headers={"Range": "bytes=0-9", "If-Range": etag})
    other = server.client.get(url, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (same.status_code, other.status_code) == (206, 200)


def test_a_thumbnail_shows_its_second_and_is_kept_by_the_browser(server: Served):
    clock = server.videos()["clock.mp4"]
    for time_s in (0.0, 41.3, 79.9, 1e9):
        reply = server.client.get(f"/media/{clock}/thumb/{time_s}.jpg?h=240")
        shown = read_clock(pixels(reply.content))
        assert shown == int(min(time_s, 79.9) * 5 + 1e-6)
    assert "immutable" in reply.headers["cache-control"]
    headers = {"If-None-Match": reply.headers["etag"]}
    again = server.client.get(f"/media/{clock}/thumb/1000000000.0.jpg?h=240", headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    for wrong in ("-1", "nan", "inf", "x"):
        refused = server.client.get(f"/media/{clock}/thumb/{wrong}.jpg")
        assert refused.status_code == 422, wrong
        assert refused.json()["error"]


def test_the_cells_of_a_sprite_are_where_it_says(server: Served):
    clock = server.videos()["clock.mp4"]
    facts = server.json("GET", f"/media/{clock}/sprite")
    sheet = pixels(server.client.get(facts["url"]).content)
    with open_video(_path(server, "clock.mp4")) as video:
        frames = video.frames_at(facts["times_s"], max_side=facts["cell_width"])
    for i in range(0, len(facts["times_s"]), 5):
        x = i % facts["columns"] * facts["step_x"]
        y = i // facts["columns"] * facts["step_y"]
        cell = sheet[y : y + facts["cell_height"], x : x + facts["cell_width"]]
        image = Image.fromarray(frames.pixels[i]).resize((cell.shape[1], cell.shape[0]))
        assert np.abs(np.array(image).astype(int) - cell).mean() < 12, i
    assert len(facts["times_s"]) >= 12


def test_evidence_is_seen_by_its_address_and_no_other_file_is(server: Served):
    demo = server.videos()["demo.mp4"]
    seen = server.client.get(f"/media/{demo}/thumb/20.jpg?h=360").content
    wanted = {"image": data_url(seen), "videos": [demo], "kinds": ["picture"]}
    hits = server.json("POST", "/api/search", json=wanted)["hits"]
    assert any(hit["span"]["start"] <= 21 and hit["span"]["end"] >= 19 for hit in hits[:3])
    pictures = [p for hit in hits for p in hit["evidence"]["pictures"]]
    assert pictures
    for picture in pictures[:3]:
        shown = pixels(server.client.get(picture["url"]).content)
        assert shown.shape == (picture["height"], picture["width"], 3)


def test_a_copy_for_browsers_shows_the_same_seconds(server: Served, tmp_path: Path):
    clock = server.videos()["clock.mp4"]
    assert server.client.get(f"/media/{clock}/proxy.mp4").status_code == 404
    made = server.json("POST", f"/api/videos/{clock}/proxy")
    while made["state"] == "making":
        time.sleep(0.1)
        made = server.json("POST", f"/api/videos/{clock}/proxy")
    assert made["state"] == "ready"
    part = server.client.get(made["url"], headers={"Range": "bytes=0-99"})
    assert (part.status_code, len(part.content)) == (206, 100)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(server.client.get(made["url"]).content)
    with open_video(copy) as video, open_video(_path(server, "clock.mp4")) as original:
        assert video.info.codec == "h264"
        assert video.info.duration_s == pytest.approx(original.info.duration_s, abs=0.05)
        times_s = [0.0, 0.19, 0.21, 33.3, 79.9]
        shown = video.frames_at(times_s)
        assert [read_clock(p) for p in shown.pixels] == [int(t * 5 + 1e-6) for t in times_s]
        assert shown.times_s == pytest.approx(original.frames_at(times_s).times_s, abs=1e-3)


def test_sound_stays_with_the_pictures_in_a_copy(server: Served, tmp_path: Path):
    demo = server.videos()["demo.mp4"]
    while server.json("POST", f"/api/videos/{demo}/proxy")["state"] != "ready":
        time.sleep(0.1)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(server.client.get(f"/media/{demo}/proxy.mp4").content)
    with open_video(copy) as video, open_video(_path(server, "demo.mp4")) as original:
        heard, said = (one.sound(rate=8000) for one in (video, original))
        num = min(len(heard), len(said)) - 8000
        best = max(
            range(-400, 401, 10),
            key=lambda shift: float(
                np.dot(
                    heard.samples[4000 + shift : 4000 + shift + num - 4000], said.samples[4000:num]
                )
            ),
        )
    assert abs(best) <= 240  # 30 ms: a frame of AAC and the coder's own delay


def test_what_a_browser_plays_is_said(server: Served, real_videos: Path, open_folder: Path):
    expected = {
        "crystal.webm": ("video/webm", "probably"),
        "webb.mp4": ("video/mp4", "probably"),
        "hevc_10bit.mp4": ("video/mp4", "maybe"),
    }
    for name, (kind, plays) in expected.items():
        shutil.copy(real_videos / name, open_folder)
        added = server.json("POST", "/api/videos", json={"path": str(open_folder / name)})
        assert (added["media"]["type"], added["media"]["plays"]) == (kind, plays), name
        server.json("DELETE", f"/api/videos/{added['id']}")  # others add it, too


def test_a_file_that_went_away_is_gone(server: Served, films_folder: Path, open_folder: Path):
    film = open_folder / "gone.mp4"
    film.write_bytes((films_folder / "demo.mp4").read_bytes() + b"\0\0\0\x08free")
    video = server.json("POST", "/api/videos", json={"path": str(film)})
    assert video["file"] == "there"
    film.unlink()
    assert server.json("GET", f"/api/videos/{video['id']}")["file"] == "gone"
    gone = server.client.get(f"/media/{video['id']}")
    assert (gone.status_code, gone.json()["error"]["code"]) == (410, "file_gone")
    film.write_bytes(b"something else")
    assert server.client.get(f"/media/{video['id']}").status_code == 410


def _path(server: Served, title: str) -> Path:
    from playhead.memory.library import Library

    with Library(server.library, background=False) as library:
        return Path(library.video(title).paths[0])
