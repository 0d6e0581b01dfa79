"""Questions of MCP clients: what they are about, and how their answers are told.

The one idea: whoever answers a question leaves it in the store, with its record; what a client is
told is read from there.
"""

from __future__ import annotations

from contextlib import suppress

from playhead.agent.run import Event
from playhead.agent.session import Session, usual_budget
from playhead.agent.store import Question
from playhead.core.errors import Blamed, StoreError, VideoNotFound
from playhead.core.span import Span
from playhead.serving.mcp_desk import (
    ID_SHOWN,
    Desk,
    Refused,
    Shown,
    Talk,
    in_words,
    piece_told,
    video_told,
)
from playhead.serving.mcp_values import Answered, AskVideo

_LONGEST_NOTE = 160  # characters of a line of progress


def ask_video(desk: Desk, asked: AskVideo, talk: Talk) -> Shown:
    """A question, answered by the agent."""
    ids, effort = asked_about(desk, asked), asked.effort or desk.effort
    try:
        session = Session(
            desk.library,
            videos=ids,
            model=desk.model,
            effort=effort,
            budget=usual_budget(desk.model, effort).replace(**desk.bounds),
            id=asked.session,
        )
    except StoreError:
        hint = "Leave it out to begin a new one."
        raise Refused("no_such_session", "There is no such session.", hint) from None
    except VideoNotFound:
        raise video_is_gone() from None
    with session:
        talk.on_cancel(session.stop)
        return answered(desk, _asked(asked, talk, session))


def asked_about(desk: Desk, asked: AskVideo) -> list[str] | None:
    """Ids of the videos that a question is about. None: those of its session.

    Raises:
        Refused: There is none of a name.
    """
    if not asked.videos and asked.session is not None:
        return None
    return [video.id for video in desk.videos(asked.videos)]


def within(asked: AskVideo) -> Span | None:
    """The part that a question is about. None: all.

    Raises:
        Refused: It has no length.
    """
    if asked.start_s is None and asked.end_s is None:
        return None
    start_s = asked.start_s or 0.0
    end_s = 1e9 if asked.end_s is None else asked.end_s
    if start_s >= end_s:
        raise Refused("bad_arguments", f"start_s < end_s: got {start_s:g} and {end_s:g}.")
    return Span(start=start_s, end=end_s)


def video_is_gone() -> Refused:
    """A video of a session is not in the library any more."""
    hint = "list_videos says what there is."
    return Refused("no_such_video", "A video of that session is gone.", hint)


def note(kind: str, words: str) -> str:
    """A step of a question in a few words."""
    line = " ".join(words.partition("\n")[0].split())
    return f"{kind}: {line[:_LONGEST_NOTE]}" if line else kind


def _asked(asked: AskVideo, talk: Talk, session: Session) -> Question:
    """Ask in a session, telling every step."""
    number, part = 0, within(asked)
    with suppress(Blamed):  # the record says whose fault it was
        for event in session.stream(asked.question, options=asked.options, within=part):
            number += 1
            talk.tell(float(number), None, note(event.kind, _words_of(event)))
    (*_, question) = session.questions()
    return question


def answered(desk: Desk, question: Question) -> Shown:
    """The answer of a question that has a record.

    Raises:
        Refused: It is none.
    """
    record = question.trajectory
    answer = None if record is None else record.answer
    if record is None or answer is None:
        failure = None if record is None else record.failure
        whose = "" if failure is None else f" ({failure.origin.value})"
        what = f"No answer: what answers questions broke{whose}."
        raise Refused("broke", what, "Ask again, or try another effort.")
    result = Answered(
        text=answer.text,
        choice=answer.choice,
        confidence=answer.confidence,
        abstained=answer.abstained,
        verified=answer.verified,
        videos=tuple(video_told(desk, desk.library.video(id_)) for id_ in question.task.video_ids),
        evidence=tuple(piece_told(piece) for piece in answer.evidence),
        coverage=answer.coverage,
        warnings=answer.warnings,
        cost=record.cost,
        session=question.session,
    )
    lines = [
        f"[{piece.video_id[:ID_SHOWN]} {piece.span.timecode}] {piece.kind}: {piece.text[:400]}"
        for piece in answer.evidence
    ]
    notes = [f"note: {warning}" for warning in answer.warnings]
    return Shown(result, in_words(answer.text, *lines, *notes, f"session {question.session}"))


def _words_of(event: Event) -> str:
    if event.call is not None and event.kind == "call":
        return event.call.name
    return event.text if event.observation is None else event.observation.text
