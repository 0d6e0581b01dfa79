"""Records as clients see them: plain JSON, pictures as addresses, no paths.

The one idea: what a client gets is made from the record each time, so there is no second truth. A
picture is an address from which it is decoded when somebody looks at it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, JsonValue

from playhead.agent.store import Head, Question
from playhead.core.budget import Cost
from playhead.core.evidence import Evidence
from playhead.core.media import FrameRef
from playhead.core.memory import Hit
from playhead.core.message import Part, PicturePart
from playhead.core.span import Span
from playhead.core.tools import Failure, Observation
from playhead.core.trajectory import Answer, Step
from playhead.serving.errors import ErrorBody
from playhead.tools import made

State = Literal["waiting", "running", "interrupted", "answered", "failed"]
"""Of a question. `interrupted`: the server ended; who asks for its events has it gone on with."""


class PictureView(BaseModel):
    """One picture."""

    video: str | None
    """None: it came with the question."""
    time_s: float
    height: int
    width: int
    url: str
    """Where it can be had, as JPEG."""


class EvidenceView(BaseModel):
    """Something found, with its seconds."""

    id: str
    video: str
    span: Span
    kind: str
    text: str
    score: float | None
    pictures: list[PictureView]


class AnswerView(BaseModel):
    """An answer; the fields of `Answer`."""

    text: str
    choice: str | None
    value: JsonValue
    evidence: list[EvidenceView]
    confidence: float | None
    abstained: bool
    verified: bool | None
    coverage: float | None
    warnings: list[str]


class FailureView(BaseModel):
    """Why a call has no result."""

    code: str
    message: str
    hint: str
    origin: str


class ObservationView(BaseModel):
    """What one call gave."""

    call_id: str
    text: str
    pictures: list[PictureView]
    evidence: list[EvidenceView]
    failure: FailureView | None
    cost: Cost


class CallView(BaseModel):
    """One call of a tool, and what it gave."""

    id: str
    name: str
    arguments: dict[str, JsonValue]
    observation: ObservationView


class StepView(BaseModel):
    """One turn."""

    number: int
    """From 1: a fork keeps the first so many."""
    thinking: str
    text: str
    calls: list[CallView]


class Parent(BaseModel):
    """Which question this one was forked from."""

    number: int
    num_kept: int


class QuestionView(BaseModel):
    """A question of a session, with all that was done about it."""

    number: int
    question: str
    options: list[str]
    within: Span | None
    images: list[PictureView]
    state: State
    stop: str | None
    answer: AnswerView | None
    error: ErrorBody | None
    steps: list[StepView]
    cost: Cost | None
    feedback: int | None
    note: str
    parent: Parent | None
    model: str | None
    events_url: str


class SessionHead(BaseModel):
    """A session in a list."""

    id: str
    title: str | None
    created: str
    videos: list[str]
    num_questions: int
    first_question: str | None
    state: Literal["idle", "waiting", "running", "interrupted"]


class SessionView(SessionHead):
    """A session with its questions."""

    effort: str
    strategy: str
    questions: list[QuestionView]


class HitView(BaseModel):
    """One search result."""

    video: str
    title: str
    span: Span
    score: float
    channels: dict[str, float]
    evidence: EvidenceView
    thumb_url: str


def thumb_url(video_id: str, time_s: float, height: int = 180) -> str:
    """Where the picture at a time of a video can be had."""
    return f"/media/{quote(video_id, safe='')}/thumb/{time_s:.3f}.jpg?h={height}"


def picture(ref: FrameRef) -> PictureView:
    """A picture as an address."""
    is_still = ref.video_id.startswith("image:")
    known = ref.model_dump_json(exclude_none=True)
    return PictureView(
        video=None if is_still else made.source_id(ref),
        time_s=ref.time_s,
        height=ref.height,
        width=ref.width,
        url=f"/media/picture?ref={quote(known, safe='')}",
    )


def evidence(piece: Evidence) -> EvidenceView:
    """Evidence with its pictures as addresses."""
    return EvidenceView(
        id=piece.id,
        video=piece.video_id,
        span=piece.span,
        kind=piece.kind,
        text=piece.text,
        score=piece.score,
        pictures=[picture(ref) for ref in piece.frames],
    )


def answer(given: Answer) -> AnswerView:
    """An answer with its evidence."""
    return AnswerView(
        text=given.text,
        choice=given.choice,
        value=given.value,
        evidence=[evidence(piece) for piece in given.evidence],
        confidence=given.confidence,
        abstained=given.abstained,
        verified=given.verified,
        coverage=given.coverage,
        warnings=list(given.warnings),
    )


def observation(seen: Observation) -> ObservationView:
    """What a call gave; what only the log may know stays out."""
    return ObservationView(
        call_id=seen.call_id,
        text=seen.text,
        pictures=_pictures(seen.parts),
        evidence=[evidence(piece) for piece in seen.evidence],
        failure=None if seen.failure is None else _failure(seen.failure),
        cost=seen.cost,
    )


def steps(taken: Sequence[Step]) -> list[StepView]:
    """The turns of an attempt."""
    return [
        StepView(
            number=number,
            thinking=step.reply.thinking,
            text=step.reply.text,
            calls=[
                CallView(
                    id=call.id,
                    name=call.name,
                    arguments=call.arguments,
                    observation=observation(seen),
                )
                for call, seen in zip(step.reply.calls, step.observations, strict=True)
            ],
        )
        for number, step in enumerate(taken, start=1)
    ]


def question(asked: Question, state: State, error: ErrorBody | None) -> QuestionView:
    """A question with its record, if it has one."""
    record, task = asked.trajectory, asked.task
    return QuestionView(
        number=asked.number,
        question=task.question,
        options=list(task.options),
        within=task.within,
        images=[picture(ref) for ref in task.images],
        state=state,
        stop=None if record is None else record.stop.value,
        answer=None if record is None or record.answer is None else answer(record.answer),
        error=error,
        steps=[] if record is None else steps(record.steps),
        cost=None if record is None else record.cost,
        feedback=asked.feedback,
        note=asked.note,
        parent=_parent(asked.prepared),
        model=None if record is None else record.policy,
        events_url=events_url(asked.session, asked.number),
    )


def events_url(session: str, number: int) -> str:
    """Where the events of a question can be had."""
    return f"/api/sessions/{session}/questions/{number}/events"


def head(found: Head, state: Literal["idle", "waiting", "running", "interrupted"]) -> SessionHead:
    """A session in a list."""
    return SessionHead(
        id=found.id,
        title=found.settings.get("title"),
        created=found.created,
        videos=list(found.settings.get("videos", ())),
        num_questions=found.num_questions,
        first_question=found.first_question,
        state=state,
    )


def hit(found: Hit, title: str) -> HitView:
    """A search result with its video's title."""
    piece = found.evidence
    return HitView(
        video=piece.video_id,
        title=title,
        span=found.span,
        score=found.score,
        channels=found.channels,
        evidence=evidence(piece),
        thumb_url=thumb_url(piece.video_id, piece.span.start),
    )


def plain(view: BaseModel) -> dict[str, Any]:
    """A view as JSON values."""
    return json.loads(view.model_dump_json())


def _pictures(parts: Sequence[Part]) -> list[PictureView]:
    return [picture(part.frame) for part in parts if isinstance(part, PicturePart)]


def _failure(why: Failure) -> FailureView:
    return FailureView(code=why.code, message=why.message, hint=why.hint, origin=why.origin.value)


def _parent(prepared: Mapping[str, Any]) -> Parent | None:
    """The record that a fork began after is called SESSION-NUMBER."""
    name = prepared.get("parent")
    if name is None:
        return None
    return Parent(number=int(name.rpartition("-")[2]), num_kept=int(prepared["num_kept"]))
