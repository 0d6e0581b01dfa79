"""Checking an answer: what a policy is asked again with, and whether it said the same.

The one idea: it is shown the question and the evidence, and nothing of how it got there. The
evidence comes as the result of a call, like everything that was ever read in a video: words in a
video are never words of the person who asks.
"""

from __future__ import annotations

import re

from playhead.agent import answers, prompts
from playhead.agent.run import Run
from playhead.core.message import Message, Part, PicturePart, Role, TextPart, ToolCall
from playhead.core.policy import Reply
from playhead.core.span import stamp
from playhead.core.trajectory import Answer
from playhead.tools import say

_CITED = "cited"
"""The tool that the evidence is said to come from."""


def evidence_alone(run: Run, answer: Answer) -> list[Message]:
    """The question, and what the answer cites."""
    question = "\n".join([run.task.question, *prompts.options(run.task)])
    call = ToolCall(id=_CITED, name=_CITED)
    parts: list[Part] = []
    for piece in answer.evidence:
        parts.append(TextPart(text=say.line(run.ctx, piece)))
        for frame in piece.frames:
            parts += [TextPart(text=f"<{stamp(frame.time_s)}>"), PicturePart(frame=frame)]
    return [
        Message(role=Role.SYSTEM, parts=(TextPart(text=prompts.VERIFY),)),
        Message(role=Role.USER, parts=(TextPart(text=question),)),
        Message(role=Role.ASSISTANT, calls=(call,)),
        Message(role=Role.TOOL, parts=tuple(parts), call_id=_CITED, name=_CITED),
    ]


def agree(run: Run, answer: Answer, again: Reply) -> bool:
    """Whether a second reply gives the same answer."""
    if run.task.options:
        same = answers.chosen(again.text, run.task.options)
        return answer.choice is not None and same == answer.choice
    one, two = _plain(answer.text), _plain(again.text)
    return bool(two.strip()) and (one in two or two in one)


def _plain(text: str) -> str:
    """The words between spaces, so that only whole words are found in it."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return f" {' '.join(words)} "
