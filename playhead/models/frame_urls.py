"""Pictures by address: `frame://VIDEO?t=42.0&h=360&w=640`, a `FrameRef` as a URL, without loss.

What is stored, traced or passed around holds addresses; whoever sends pictures to a model resolves
them then.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode

from playhead.core.media import FrameRef, Region

_URL = re.compile(r"frame://([^/?#]+)\?(.+)")


def frame_url(frame: FrameRef) -> str:
    """The address of a picture; `&roi=top,left,bottom,right` if it is a region."""
    query = {"t": repr(frame.time_s), "h": str(frame.height), "w": str(frame.width)}
    if (roi := frame.roi) is not None:
        query["roi"] = ",".join(map(repr, (roi.top, roi.left, roi.bottom, roi.right)))
    return f"frame://{quote(frame.video_id, safe='')}?{urlencode(query, safe=',')}"


def read_frame_url(url: str) -> FrameRef:
    """The picture that `frame_url` wrote.

    Raises:
        ValueError: It is no such address.
    """
    match = _URL.fullmatch(url)
    query = dict(parse_qsl(match[2])) if match else {}
    try:
        if match is None:
            raise ValueError("not of that form")
        return FrameRef(
            video_id=unquote(match[1]),
            time_s=float(query["t"]),
            height=int(query["h"]),
            width=int(query["w"]),
            roi=_region(query["roi"]) if "roi" in query else None,
        )
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"a picture is given as frame://VIDEO?t=SECONDS&h=HEIGHT&w=WIDTH: got {url[:100]!r}"
        ) from error


def _region(text: str) -> Region:
    top, left, bottom, right = map(float, text.split(","))
    return Region(top=top, left=left, bottom=bottom, right=right)
