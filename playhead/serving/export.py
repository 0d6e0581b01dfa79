"""A session as a page of Markdown: what was asked, how it was found, what was answered."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence

from playhead.agent.store import Head
from playhead.core.evidence import Evidence
from playhead.core.trajectory import Step, Trajectory


def markdown(head: Head, records: Sequence[Trajectory], titles: Mapping[str, str]) -> str:
    """The records of a session to read.

    Args:
        head: The session.
        records: Of its answered questions, in order.
        titles: Of videos, by their ids.
    """
    about = ", ".join(titles.get(id_, id_[:8]) for id_ in head.settings.get("videos", ()))
    title = head.settings.get("title") or head.first_question or "Session"
    lines = [f"# {_line(title)}", "", f"{head.created[:16].replace('T', ' ')} · {_line(about)}", ""]
    for record in records:
        lines += _question(record, titles)
    return "\n".join(lines)


def _question(record: Trajectory, titles: Mapping[str, str]) -> list[str]:
    lines = [f"## {_line(record.task.question)}", ""]
    answer = record.answer
    lines += ["No answer.", ""] if answer is None else [_line(answer.text), ""]
    if answer is not None:
        lines += [f"- {_place(piece, titles)}" for piece in answer.evidence]
        lines += [f"- note: {_line(warning)}" for warning in answer.warnings]
        lines += [""] if answer.evidence or answer.warnings else []
    for number, step in enumerate(record.steps, start=1):
        lines += _step(number, step)
    cost = record.cost
    spent = f"{cost.turns} turns, {cost.frames} pictures, {cost.seconds:.1f} s"
    return [*lines, f"{spent}; {record.policy}; {record.stop.value}", ""]


def _step(number: int, step: Step) -> list[str]:
    said = step.reply.thinking or step.reply.text
    lines = [f"{number}. {_line(said)}".rstrip()]
    for call, seen in zip(step.reply.calls, step.observations, strict=True):
        arguments = json.dumps(call.arguments, ensure_ascii=False)
        first = seen.text.partition("\n")[0]
        lines.append(f"   - `{call.name}({arguments})`: {_line(first)[:200]}")
    return [*lines, ""]


def _place(piece: Evidence, titles: Mapping[str, str]) -> str:
    where = f"{titles.get(piece.video_id, piece.video_id[:8])} {piece.span.timecode}"
    return f"{_line(where)} {piece.kind}: {_line(piece.text)}".rstrip(": ")


def _line(text: str) -> str:
    """Words on one line, with nothing that Markdown or HTML would obey."""
    words = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_\[\]#|])", r"\\\1", words)
