"""A picture and its address are the same thing."""

from __future__ import annotations

import pytest

from playhead.core import FrameRef, Region
from playhead.models.frame_urls import frame_url, read_frame_url

CORNER = Region(top=0.1, left=0.25, bottom=0.5, right=1.0)
VIDEOS = ("0f3a", "mark:0f3a:ellipse:0.1,0.1,0.5,0.5", "a/b?c=d&e#%", "sheet:v:3:90:1.0,2.5/é")


@pytest.mark.parametrize("roi", [None, CORNER])
@pytest.mark.parametrize("time_s", [0.0, 1e-7, 1 / 3, 42.0])
@pytest.mark.parametrize("video_id", VIDEOS)
def test_an_address_names_its_picture_without_loss(
    video_id: str, time_s: float, roi: Region | None
) -> None:
    ref = FrameRef(video_id=video_id, time_s=time_s, height=1, width=640, roi=roi)
    assert read_frame_url(frame_url(ref)) == ref


def test_an_address_is_short_and_readable() -> None:
    ref = FrameRef(video_id="v", time_s=42.0, height=64, width=96)
    assert frame_url(ref) == "frame://v?t=42.0&h=64&w=96"
    assert frame_url(ref.replace(roi=CORNER)).endswith("&roi=0.1,0.25,0.5,1.0")


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64,AAAA",
        "https://x/y.png",
        "frame://v?t=42.0",
        "frame://v?t=x&h=1&w=1",
        "frame://v?t=nan&h=1&w=1",
        "frame://v?t=1&h=0&w=1",
        "frame://v?t=1&h=1&w=1&roi=1,2",
        "frame://v?t=1&h=1&w=1&roi=0,0,0,0",
        "frame://?t=1&h=1&w=1",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="given as frame://VIDEO"):
        read_frame_url(url)
