"""Video-Thinker: no calls at all; it says in its thought which part it means and what is there.

    <time>1.0-2.5</time><caption>A hand dips the brush.</caption><think>So it is paint.</think>
    <answer>B</answer>

Everything before the answer is the reply's thinking, as written; the answer is its text. Which
seconds the model claims to have used, and what it says of them, is `intrinsic_spans`: claims, which
a really looked-at part of the video can confirm or refute.
"""

from __future__ import annotations

from collections.abc import Sequence

from playhead.core.message import Part, ToolCall
from playhead.core.policy import Reply
from playhead.core.span import Span
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import Clock, Results, reply_of
from playhead.models.dialects.markup import Markup, seconds, without_end
from playhead.models.dialects.tagged import lines, say_answer

_BLOCKS = Markup("time", "caption", "think", "thinking", "answer")


def intrinsic_spans(text: str) -> list[tuple[Span, str]]:
    """The parts of the video that a thought names, each with its caption, in the order named.

    What is no span of time is left out. A part without a caption has an empty one.
    """
    found: list[tuple[Span, str]] = []
    span: Span | None = None
    for block in _BLOCKS.blocks(text):
        if block.tag == "caption" and span is not None:
            found[-1] = (span, block.body.strip())
        span = _span(block.body) if block.tag == "time" else None
        if span is not None:
            found.append((span, ""))
    return found


def blocks(captions: Sequence[tuple[Span, str]]) -> str:
    """Parts of a video with their captions as a thought names them, for `intrinsic_spans`."""
    return "".join(
        f"<time>{span.start:.1f}-{span.end:.1f}</time><caption>{words}</caption>"
        for span, words in captions
    )


def _span(text: str) -> Span | None:
    ends = text[:100].split("-")
    start, end = map(seconds, ends) if len(ends) == 2 else (None, None)
    if start is None or end is None or not 0 <= start < end:
        return None
    return Span(start=start, end=end)


class VideoThinker:
    """See the module."""

    name = "video_thinker"
    stop = ("</answer>",)
    results = Results.USER
    tools = ("answer",)

    def read(self, text: str, clock: Clock) -> Reply:
        """See `Dialect.read`."""
        text = without_end(text)
        thought, tag, rest = text.rpartition("<answer>")
        if tag:
            return reply_of([rest.partition("</answer>")[0]], [thought], [], clock)
        if any(block.tag for block in _BLOCKS.blocks(text)):
            return reply_of([], [text], [], clock)
        return reply_of([text], [], [], clock)

    def write(self, reply: Reply, clock: Clock) -> str:
        """See `Dialect.write`. Only an answer can be said; other calls are left out."""
        answers = [
            say_answer(call.arguments, clock) for call in reply.calls if call.name == "answer"
        ]
        said = answers[-1:] or ([f"<answer>{reply.text}</answer>"] if reply.text else [])
        return "\n".join(filter(None, [reply.thinking, *said]))

    def system(self, tools: Sequence[ToolSpec], clock: Clock) -> str:
        """See `Dialect.system`."""
        return (
            "Reason about the video by naming the parts that matter, in seconds: "
            "<time>start-end</time><caption>what is there</caption><think>what follows from "
            "it</think>, as often as you need. Then answer inside <answer> and </answer>."
        )

    def observe(self, observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
        """See `Dialect.observe`."""
        return lines(*observation.parts)


VIDEO_THINKER = VideoThinker()
