"""Search: moments by words, by a picture, or by both."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from playhead.core.span import Span
from playhead.serving import views
from playhead.serving.errors import RESPONSES, Refused
from playhead.serving.house import House, HouseOf
from playhead.serving.images import read_image
from playhead.serving.views import HitView

router = APIRouter(prefix="/api/search", tags=["search"], responses=RESPONSES)

Words = Annotated[str, Field(max_length=1000)]
Kinds = Annotated[list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]], Field(max_length=20)]
Ids = Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=50)]
Num = Annotated[int, Field(ge=1, le=100)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Search(BaseModel):
    """What to look for."""

    text: Words | None = None
    image: str | None = None
    """A picture, as a data URL."""
    videos: Ids | None = None
    """Only these."""
    kinds: Kinds | None = None
    """Only these channels: picture, caption, speech, screen_text, track, note."""
    span: Span | None = None
    """Only what overlaps it."""
    until_s: Seconds | None = None
    """Only what had ended by then."""
    k: Num = 10


class HitsView(BaseModel):
    """The best moments, best first."""

    hits: list[HitView]


@router.get("")
def search(
    house: HouseOf,
    q: Annotated[Words, Query()],
    video: Annotated[list[str] | None, Query()] = None,
    kind: Annotated[list[str] | None, Query()] = None,
    start: Annotated[Seconds | None, Query()] = None,
    end: Annotated[Seconds | None, Query()] = None,
    until_s: Annotated[Seconds | None, Query()] = None,
    k: Annotated[Num, Query()] = 10,
) -> HitsView:
    """Find moments by words."""
    span = None
    if start is not None or end is not None:
        span = _span(start or 0.0, end)
    return _hits(house, q, None, video, kind, span, until_s, k)


@router.post("")
def search_by(house: HouseOf, wanted: Search) -> HitsView:
    """Find moments by words, by a picture, or by both."""
    if wanted.text is None and wanted.image is None:
        raise Refused(422, "bad_request", "give words to look for, a picture, or both")
    image = None if wanted.image is None else read_image(wanted.image)
    return _hits(
        house,
        wanted.text,
        image,
        wanted.videos,
        wanted.kinds,
        wanted.span,
        wanted.until_s,
        wanted.k,
    )


def _hits(
    house: House,
    text: str | None,
    image: NDArray[np.uint8] | None,
    videos: list[str] | None,
    kinds: list[str] | None,
    span: Span | None,
    until_s: float | None,
    k: int,
) -> HitsView:
    found = house.library.search(
        text,
        image=image,
        videos=None if not videos else [house.video(id_).id for id_ in videos],
        kinds=kinds or None,
        span=span,
        until_s=until_s,
        k=k,
    )
    titles = {video.id: video.title for video in house.library.videos()}
    return HitsView(hits=[views.hit(hit, titles.get(hit.evidence.video_id, "")) for hit in found])


def _span(start: float, end: float | None) -> Span:
    try:
        return Span(start=start, end=1e12 if end is None else end)
    except ValueError:
        raise Refused(422, "bad_request", "a span needs start < end") from None
