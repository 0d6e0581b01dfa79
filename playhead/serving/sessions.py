"""Sessions: asking, listening, stopping, asking again from a step, and what became of it all."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from playhead.agent.session import Session
from playhead.agent.store import Head
from playhead.core.budget import Effort
from playhead.core.span import Span
from playhead.core.trajectory import Trajectory
from playhead.serving import views
from playhead.serving.asking import AtHand, How
from playhead.serving.errors import RESPONSES, Refused
from playhead.serving.events import EventLog
from playhead.serving.export import markdown
from playhead.serving.house import House, HouseOf
from playhead.serving.images import read_image
from playhead.serving.views import SessionHead, SessionView

router = APIRouter(prefix="/api", tags=["sessions"], responses=RESPONSES)

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Server-sent events"}
}
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
Title = Annotated[str, Field(min_length=1, max_length=200)]
VideoIds = Annotated[list[Annotated[str, Field(max_length=80)]], Field(min_length=1, max_length=50)]
Strategy = Literal["auto", "seek", "direct", "sparse_to_dense"]
Number = Annotated[int, Field(ge=1, le=10**6)]


class NewSession(BaseModel):
    """What a session is about, and how its questions are answered."""

    videos: VideoIds | None = None
    """None: all of the library."""
    title: Title | None = None
    effort: Effort | None = None
    """None: the server's."""
    strategy: Strategy = "auto"


class Retitle(BaseModel):
    """Another title."""

    title: Title


class Ask(BaseModel):
    """A question."""

    question: Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S")]
    options: Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=26)] = []
    within: Span | None = None
    """The part of the video it is about. None: all of it."""
    image: str | None = None
    """A picture that belongs to it, as a data URL."""
    effort: Effort | None = None
    """None: the session's."""
    verify: bool | None = None
    """Whether the evidence alone must give the answer again. None: if the effort is deep."""


class AskAnywhere(Ask):
    """A question, and the session it belongs to."""

    session: Annotated[str, Field(max_length=80)] | None = None
    """None: a new one."""
    videos: VideoIds | None = None
    """What a new session is about. None: all of the library."""


class Fork(BaseModel):
    """Ask again, from a step of an earlier answer on."""

    number: Number
    """Which question, from 1."""
    step: Annotated[int, Field(ge=0, le=10**6)]
    """How many of its steps to keep."""
    question: Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S")] | None = None
    """Other words for it. None: the same."""


class Feedback(BaseModel):
    """What somebody thinks of an answer."""

    number: Number
    good: bool
    note: Annotated[str, Field(max_length=4000)] = ""


class Asked(BaseModel):
    """A question was taken."""

    session: str
    number: int
    events_url: str


class Stopped(BaseModel):
    """Whether there was a question to stop."""

    stopped: bool


class SessionsView(BaseModel):
    """All sessions, the newest first."""

    sessions: list[SessionHead]


@router.get("/sessions")
def sessions(house: HouseOf) -> SessionsView:
    """All sessions, the newest first."""
    return SessionsView(sessions=[_head(house, found) for found in house.store.heads()])


@router.post("/sessions", status_code=201)
def create(house: HouseOf, wanted: NewSession) -> SessionHead:
    """Begin a session."""
    return _head(house, house.head(new_session(house, wanted)))


@router.get("/sessions/{session}")
def session(house: HouseOf, session: str) -> SessionView:
    """A session with its questions, their steps and answers."""
    found = house.head(session)
    return SessionView(
        **dict(_head(house, found)),
        effort=found.settings.get("effort") or house.settings.effort,
        strategy=found.settings.get("strategy", "auto"),
        questions=[
            views.question(asked, *house.questions.state(asked))
            for asked in house.store.questions(session)
        ],
    )


@router.patch("/sessions/{session}")
def retitle(house: HouseOf, session: str, wanted: Retitle) -> SessionHead:
    """Give a session another title."""
    found = house.head(session)
    house.store.change(session, {**found.settings, "title": wanted.title})
    return _head(house, house.head(session))


@router.delete("/sessions/{session}", status_code=204)
def delete(house: HouseOf, session: str) -> None:
    """Forget a session; a question that is being answered is stopped first."""
    house.head(session)
    house.questions.forget(session)
    house.store.delete(session)


@router.get(
    "/sessions/{session}/export",
    response_class=PlainTextResponse,
    responses={
        200: {
            "content": {"application/jsonl": {}, "text/markdown": {}},
            "description": "The records of the answered questions",
        }
    },
)
def export(
    house: HouseOf, session: str, format: Literal["jsonl", "markdown"] = "jsonl"
) -> PlainTextResponse:
    """The records of a session: trajectories as JSON lines, or Markdown to read."""
    found = house.head(session)
    records = [q.trajectory for q in house.store.questions(session) if q.trajectory]
    if format == "jsonl":
        text, kind, suffix = _lines(records), "application/jsonl", "jsonl"
    else:
        titles = {video.id: video.title for video in house.library.videos()}
        text, kind, suffix = markdown(found, records, titles), "text/markdown", "md"
    headers = {"Content-Disposition": f'attachment; filename="session-{session[:12]}.{suffix}"'}
    return PlainTextResponse(text, media_type=kind, headers=headers)


@router.post("/sessions/{session}/ask", status_code=202)
async def ask(house: HouseOf, session: str, wanted: Ask) -> Asked:
    """Ask. The question is answered whether anybody listens to its events or not."""
    claimed = house.questions.claim(session)
    await house.questions.writing(_put, house, claimed, wanted)
    return _asked(claimed)


@router.post("/ask", response_class=StreamingResponse, responses=_STREAM)
async def ask_anywhere(house: HouseOf, wanted: AskAnywhere) -> StreamingResponse:
    """Ask, in a new session if none is named, and listen: the reply is the question's events."""
    new = NewSession(videos=wanted.videos) if wanted.session is None else None
    claimed = house.questions.claim(wanted.session or secrets.token_hex(16))
    log = await house.questions.writing(_put, house, claimed, wanted, new)
    return _stream(log, 0)


@router.get(
    "/sessions/{session}/questions/{number}/events",
    response_class=StreamingResponse,
    responses=_STREAM,
)
async def events(
    house: HouseOf,
    session: str,
    number: int,
    after: Annotated[int, Query(ge=0)] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """What happened with a question and what happens, as server-sent events.

    Who names the last event that they had (`Last-Event-ID`, or `after`) gets those after it. A
    question that was interrupted because the server ended is gone on with.
    """
    await run_in_threadpool(house.head, session)
    log = await run_in_threadpool(house.questions.events, session, number)
    named = last_event_id or ""
    return _stream(log, int(named) if named.isdecimal() and len(named) < 10 else after)


@router.post("/sessions/{session}/stop")
def stop(house: HouseOf, session: str) -> Stopped:
    """Have the question at hand answered with the best so far."""
    house.head(session)
    return Stopped(stopped=house.questions.stop(session))


@router.post("/sessions/{session}/fork", status_code=202)
async def fork(house: HouseOf, session: str, wanted: Fork) -> Asked:
    """Ask again, from a step of an earlier answer on."""

    def write(asker: Session) -> int:
        try:
            return asker.put_fork(wanted.number, wanted.step, wanted.question)
        except ValueError as error:  # its words are ours, and say how many steps there are
            raise Refused(422, "no_such_step", str(error)) from None

    claimed = house.questions.claim(session)
    await house.questions.writing(written, house, claimed, How(), write)
    return _asked(claimed)


@router.post("/sessions/{session}/feedback", status_code=204)
def feedback(house: HouseOf, session: str, wanted: Feedback) -> None:
    """Say what you think of an answer; it is kept for training."""
    house.head(session)
    try:
        house.store.feedback(session, wanted.number, wanted.good, wanted.note)
    except ValueError:
        raise Refused(404, "not_found", "no such question") from None


def new_session(house: House, wanted: NewSession, id_: str | None = None) -> str:
    """Write a new session down, and give its id, which nobody can guess.

    Raises:
        Refused: No such video.
    """
    id_ = id_ or secrets.token_hex(16)
    settings = {
        "videos": house.check_videos(wanted.videos),
        "title": wanted.title,
        "effort": wanted.effort and wanted.effort.value,
        "strategy": wanted.strategy,
    }
    house.store.create(id_, settings)
    return id_


def _put(house: House, claimed: AtHand, wanted: Ask, new: NewSession | None = None) -> EventLog:
    """Write a question down, in a new session if one is wanted."""

    def write(asker: Session) -> int:
        return asker.put(
            wanted.question,
            options=wanted.options,
            within=wanted.within,
            image=None if wanted.image is None else read_image(wanted.image),
        )

    how = How(effort=wanted.effort and wanted.effort.value, verify=wanted.verify)
    return written(house, claimed, how, write, new)


def written(
    house: House,
    claimed: AtHand,
    how: How,
    write: Callable[[Session], int],
    new: NewSession | None = None,
) -> EventLog:
    """Have a question written down and answered, in a new session if one is wanted.

    Args:
        house: Where.
        claimed: Its place; given back if this fails.
        how: How it is answered.
        write: Writes it down, and gives its number.
        new: What a new session is about. None: the session is there.

    Raises:
        Refused: No such session or video.
    """
    try:
        if new is not None:
            new_session(house, new, claimed.session)
        house.head(claimed.session)
    except BaseException:
        house.questions.let_go(claimed)
        raise
    try:
        return house.questions.put(claimed, how, write)
    except BaseException:
        if new is not None:
            house.store.delete(claimed.session)
        raise


def _asked(claimed: AtHand) -> Asked:
    url = views.events_url(claimed.session, claimed.number)
    return Asked(session=claimed.session, number=claimed.number, events_url=url)


def _stream(log: EventLog, after: int) -> StreamingResponse:
    return StreamingResponse(log.stream(after), media_type="text/event-stream", headers=_HEADERS)


def _head(house: House, found: Head) -> SessionHead:
    return views.head(found, house.questions.session_state(found.id, found.waiting))


def _lines(records: list[Trajectory]) -> str:
    return "".join(record.to_json() + "\n" for record in records)
