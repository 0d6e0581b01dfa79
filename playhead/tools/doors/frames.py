"""Pictures by address: `frame://VIDEO?t=12.0&h=360&w=640`, a `FrameRef` as a URL, without loss.

What is stored, traced or passed around holds addresses; whoever sends pictures to a model resolves
them then, and only those that a context has shown.
"""

from __future__ import annotations

from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from playhead.core.media import FrameRef, Region

SCHEME = "frame"


def frame_url(ref: FrameRef) -> str:
    """The address of a picture."""
    query = {"t": repr(ref.time_s), "h": str(ref.height), "w": str(ref.width)}
    if ref.roi is not None:
        sides = (ref.roi.top, ref.roi.left, ref.roi.bottom, ref.roi.right)
        query["roi"] = ",".join(map(repr, sides))
    return f"{SCHEME}://{quote(ref.video_id, safe='')}?{urlencode(query, safe=',')}"


def read_frame_url(url: str) -> FrameRef:
    """The picture of an address.

    Raises:
        ValueError: It is none that `frame_url` writes.
    """
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme != SCHEME or not {"t", "h", "w"} <= query.keys():
        raise ValueError(f"the address of a picture is {SCHEME}://VIDEO?t=..&h=..&w=..: got {url}")
    roi = None
    if "roi" in query:
        top, left, bottom, right = map(float, query["roi"].split(","))
        roi = Region(top=top, left=left, bottom=bottom, right=right)
    return FrameRef(
        video_id=unquote(parts.netloc),
        time_s=float(query["t"]),
        height=int(query["h"]),
        width=int(query["w"]),
        roi=roi,
    )
