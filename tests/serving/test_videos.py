"""Adding, finding and forgetting videos over HTTP."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.serving.served import Served


def test_a_real_video_is_uploaded_indexed_searched_and_forgotten(server: Served, real_videos: Path):
    film = (real_videos / "webb.mp4").read_bytes()
    url = "/api/videos/upload?name=webb.mp4"
    reply = server.client.post(url, content=film)
    assert reply.status_code == 201
    video = reply.json()
    assert video["title"] == "webb.mp4"
    assert (video["width"], video["height"]) == (480, 270)
    while video["index"]["state"] == "indexing":
        time.sleep(0.2)
        video = server.json("GET", f"/api/videos/{video['id']}")
    assert video["index"] == {
        "state": "ready",
        "share": 1.0,
        "tiers": {"words": 1.0, "coarse": 1.0, "fine": 1.0, "late": 1.0},
        "problems": [],
    }
    hits = server.json("GET", f"/api/search?q=cleanroom&video={video['id']}")["hits"]
    assert "cleanroom" in hits[0]["evidence"]["text"]
    lines = server.json("GET", f"/api/videos/{video['id']}/transcript?q=Goddard")["lines"]
    assert [round(line["start"], 2) for line in lines] == [8.35]
    known = server.json("GET", f"/api/videos/{video['id']}/timeline")
    assert len(known["lines"]) == 4
    assert known["shots"]
    again = server.client.post(url, content=film)
    assert (again.status_code, again.json()["id"]) == (200, video["id"])
    assert len(list((server.library / "uploads").iterdir())) == 1
    server.json("DELETE", f"/api/videos/{video['id']}")
    assert not list((server.library / "uploads").iterdir())
    assert server.client.get(f"/api/videos/{video['id']}").status_code == 404
    assert not server.json("GET", "/api/search?q=cleanroom")["hits"]


def test_what_is_no_video_is_refused_and_not_kept(server: Served):
    reply = server.client.post("/api/videos/upload?name=a.mp4", content=b"no film" * 100)
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "not_a_video")
    empty = server.client.post("/api/videos/upload?name=a.mp4", content=b"")
    assert empty.status_code == 422
    assert not list((server.library / "uploads").iterdir())


def test_a_video_is_renamed(server: Served):
    clock = server.videos()["clock.mp4"]
    server.json("PATCH", f"/api/videos/{clock}", json={"title": "A clock"})
    assert server.videos()["A clock"] == clock
    server.json("PATCH", f"/api/videos/{clock}", json={"title": "clock.mp4"})
    assert server.client.patch(f"/api/videos/{clock}", json={"title": ""}).status_code == 422


def test_an_added_file_stays_when_its_video_is_forgotten(
    server: Served, films_folder: Path, open_folder: Path
):
    film = open_folder / "stays.mp4"
    film.write_bytes((films_folder / "demo.mp4").read_bytes() + b"\0\0\0\x09free\0")
    video = server.json("POST", "/api/videos", json={"path": str(film), "title": "Stays"})
    assert video["title"] == "Stays"
    server.json("DELETE", f"/api/videos/{video['id']}")
    assert film.exists()


TRAVERSAL = [
    "/etc/passwd",
    "/proc/self/environ",
    "/proc/self/fd/0",
    "/dev/zero",
    "/dev/stdin",
    "{open}/../closed.mp4",
    "{open}/link.mp4",
    "{open}/folder-link/closed.mp4",
    "{open}//..//closed.mp4",
    "{open}",
    "{open}/pipe",
    "{open}/none.mp4",
    "{open}\0.mp4",
    "{open}/\0",
    "{open}-sibling/film.mp4",
    "closed.mp4",
    "../closed.mp4",
    "file://{open}/film.mp4",
    "~/film.mp4",
    "\\\\host\\share\\film.mp4",
    "/" + "a" * 4000,
]


@pytest.mark.parametrize("name", TRAVERSAL)
def test_no_path_leads_out_of_the_roots(
    name: str, server: Served, films_folder: Path, open_folder: Path
):
    """H4 of the threat model: refused, and nothing is opened."""
    closed = open_folder.parent / "closed.mp4"
    if not closed.exists():
        closed.write_bytes((films_folder / "demo.mp4").read_bytes() + b"\0\0\0\x0afree\0\0")
        (open_folder / "link.mp4").symlink_to(closed)
        (open_folder / "folder-link").symlink_to(open_folder.parent)
        os.mkfifo(open_folder / "pipe")
    before = server.videos()
    reply = server.client.post("/api/videos", json={"path": name.format(open=open_folder)})
    assert reply.status_code in (403, 404, 422), reply.text
    assert str(open_folder.parent) not in reply.text
    assert server.videos() == before


@pytest.mark.parametrize(
    "id_", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "demo.mp4", "%00", "last", "a" * 500, "{prefix}"]
)
def test_an_id_is_looked_up_and_never_interpreted(id_: str, server: Served):
    demo = server.videos()["demo.mp4"]
    id_ = id_.format(prefix=demo[:12])
    for path in (
        f"/api/videos/{id_}",
        f"/media/{id_}",
        f"/media/{id_}/thumb/0.jpg",
        f"/media/{id_}/sprite",
        f"/media/{id_}/proxy.mp4",
        f"/api/sessions/{id_}",
        f"/api/sessions/{id_}/export",
        f"/api/sessions/{id_}/questions/1/events",
    ):
        reply = server.client.get(path)
        assert reply.status_code == 404, path
        assert "passwd" not in reply.text
