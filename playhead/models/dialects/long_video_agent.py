"""LongVideoAgent: a text model that sends two agents, one to find the clip, one to look at it.

    <reasoning>Who is at the door?</reasoning><search>the person at the door</search>
    <reasoning>This is the wrong scene.</reasoning><request_grounding>..</request_grounding>
    <reasoning>It is the third.</reasoning><answer>a3</answer>

Its README calls the look `<visual_query>`; that is read too. A request for grounding is often empty
and means the question itself. A turn with both an answer and one of the others is the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playhead.core.message import Part, ToolCall
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import Clock, Wish
from playhead.models.dialects.tagged import Tagged, lines, say_answer


def _read_search(body: str, clock: Clock) -> list[Wish]:
    text = body.strip()
    if not text:
        return [Wish("search", raw=body, problem="a search says what to look for")]
    return [Wish("search", {"text": text})]


def _read_grounding(body: str, clock: Clock) -> list[Wish]:
    query = body.strip() or clock.question
    if not query:
        return [Wish("ground", raw=body, problem="a request for grounding says what to find")]
    return [Wish("ground", {"query": query})]


def _say_search(arguments: dict[str, Any], clock: Clock) -> str | None:
    text = arguments.get("text")
    return f"<search>{text}</search>" if isinstance(text, str) else None


def _say_grounding(arguments: dict[str, Any], clock: Clock) -> str | None:
    query = arguments.get("query")
    if not isinstance(query, str):
        return None
    return f"<request_grounding>{query}</request_grounding>"


def _offer(tools: Sequence[ToolSpec], clock: Clock) -> str:
    names = {spec.name for spec in tools}
    search = "- to see something, ask for it: <search>query</search>\n"
    ground = "- to go elsewhere: <request_grounding>what to find</request_grounding>\n"
    return (
        "In every turn, reason first inside <reasoning>...</reasoning>, then do exactly one of:\n"
        f"{search if 'search' in names else ''}{ground if 'ground' in names else ''}"
        "- answer, when you know enough: <answer>ax</answer>, where x is the number of the option."
    )


def _tell(observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
    tag = "New_clip" if call.name == "ground" else "information"
    if call.name == "ground" and observation.failure is not None:
        tag = "grounding_info"
    return lines(f"<{tag}>", *observation.parts, f"</{tag}>")


LONG_VIDEO_AGENT = Tagged(
    name="long_video_agent",
    reads={
        "search": _read_search,
        "visual_query": _read_search,
        "request_grounding": _read_grounding,
    },
    says={"search": _say_search, "ground": _say_grounding, "answer": say_answer},
    offer=_offer,
    tell=_tell,
    stop=("</search>", "</visual_query>", "</request_grounding>", "</answer>"),
    think="reasoning",
    tag="search",
)
