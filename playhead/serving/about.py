"""What this server is, and letting somebody in who knows the token."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from playhead import __version__
from playhead.core.budget import Effort
from playhead.memory.videos import VIDEO_SUFFIXES
from playhead.serving.errors import RESPONSES, Refused
from playhead.serving.guard import COOKIE, cookie_of, is_token
from playhead.serving.house import HouseOf

router = APIRouter(prefix="/api", tags=["server"], responses=RESPONSES)


class QueueView(BaseModel):
    """How busy the server is."""

    running: int
    waiting: int
    max_waiting: int


class About(BaseModel):
    """What a server is and allows."""

    name: str = "playhead"
    version: str
    model: str
    effort: str
    efforts: list[str]
    can_add_paths: bool
    max_upload_bytes: int
    formats: list[str]
    queue: QueueView


class Login(BaseModel):
    """What somebody must know."""

    token: Annotated[str, Field(max_length=1000)]


@router.get("/about")
def about(house: HouseOf) -> About:
    """What this server is and allows, and how busy it is."""
    settings = house.settings
    model = settings.model
    return About(
        version=__version__,
        model=model if isinstance(model, str) else str(getattr(model, "name", "policy")),
        effort=settings.effort,
        efforts=[effort.value for effort in Effort],
        can_add_paths=bool(settings.roots),
        max_upload_bytes=settings.upload_bytes,
        formats=sorted(VIDEO_SUFFIXES),
        queue=QueueView(**house.questions.numbers()),
    )


@router.post("/login", status_code=204)
def login(house: HouseOf, wanted: Login, request: Request, response: Response) -> None:
    """Let a browser in: gives it a cookie in place of the token."""
    token = house.settings.token
    if token is None:
        return
    if not is_token(wanted.token, house.settings):
        raise Refused(401, "unauthorized", "that is not the token")
    response.set_cookie(
        COOKIE,
        cookie_of(token),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        max_age=30 * 24 * 3600,
    )


@router.delete("/login", status_code=204)
def logout(response: Response) -> None:
    """Forget a browser."""
    response.delete_cookie(COOKIE)
