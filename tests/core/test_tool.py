from __future__ import annotations

import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from playhead.core import (
    Blamed,
    Evidence,
    FrameRef,
    Kind,
    Origin,
    PicturePart,
    Span,
    TextPart,
    ToolCall,
    border,
    tool,
)
from playhead.core.errors import BadTool, DecodeFailed, NoSuchTime
from playhead.core.tools import told_tool
from tests.strategies import json_objects


@tool
def look(
    ctx: object, start_s: float, end_s: float, title: str = "", marks: list[str] | None = None
):
    """Look at a part
    of the video.

    Args:
        start_s: Where the part starts, in seconds.
        end_s: Where it ends,
            in seconds.
        title: What to call it.
        marks: Anchors to draw.
    """
    frame = FrameRef(video_id="v", time_s=start_s, height=10, width=10)
    span = Span(start=start_s, end=end_s)
    return Evidence.make("v", span, Kind.PICTURE, text=title, frames=[frame])


def call(**arguments) -> ToolCall:
    return ToolCall(id="c1", name="look", arguments=arguments)


def test_the_function_is_the_whole_definition():
    assert look.name == "look"
    assert look.description == "Look at a part of the video."
    assert look.arguments["properties"]["end_s"] == {
        "type": "number",
        "description": "Where it ends, in seconds.",
    }
    assert look.arguments["properties"]["title"]["default"] == ""
    assert look.arguments["required"] == ["start_s", "end_s"]
    assert look.arguments["additionalProperties"] is False
    assert look.spec.openai["function"]["parameters"] == look.arguments


def test_evidence_is_told_with_its_id_its_span_and_the_time_of_every_picture():
    seen = look.run(None, call(start_s=42, end_s=54.1, title="goal"))
    (found,) = seen.evidence
    assert seen.call_id == "c1"
    assert seen.parts[0] == TextPart(text=f"[{found.id}] 0:42.0-0:54.1 picture: goal")
    assert seen.parts[1] == TextPart(text="<42.0s>")
    assert seen.parts[2] == PicturePart(frame=found.frames[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"start_s": "soon", "end_s": 2}, "start_s: input should be a valid number"),
        ({"start_s": 1}, "end_s: field required"),
        ({"start_s": 1, "end_s": 2, "zoom": 3}, "zoom"),
    ],
)
def test_wrong_arguments_are_the_models_fault_and_say_what_to_mend(arguments, words):
    seen = look.run(None, call(**arguments))
    assert seen.failure.origin is Origin.MODEL
    assert words in seen.text


@given(json_objects)
def test_no_arguments_whatever_make_a_tool_raise(arguments):
    seen = look.run(None, call(**{"start_s": 1, "end_s": 2} | arguments))
    assert seen.failure is None or seen.failure.origin in (Origin.MODEL, Origin.TOOL)


def test_an_unreadable_call_is_the_models_fault():
    seen = look.run(None, ToolCall.read("c1", "look", "{oops"))
    assert seen.failure.origin is Origin.MODEL
    assert "not JSON" in seen.text


@pytest.mark.parametrize(
    ("error", "origin"),
    [
        (NoSuchTime("the video runs from 0 to 5 s: got 9 s"), Origin.MODEL),
        (DecodeFailed("secret/path.mp4 is damaged"), Origin.WORLD),
        (Blamed(Origin.WORLD, "the server is away"), Origin.WORLD),
        (KeyError("/home/secret"), Origin.TOOL),
    ],
)
def test_a_tool_never_raises_and_blames_fairly(error, origin):
    @tool
    def breaks(ctx: object):
        """Break."""
        raise error

    seen = breaks.run(None, ToolCall(id="c1", name="breaks"))
    assert seen.failure.origin is origin
    assert "secret" not in seen.text


def test_a_function_without_types_or_words_is_no_tool():
    def wordless(ctx: object, a: int):
        pass

    def untyped(ctx: object, a):
        """Do.

        Args:
            a: A.
        """

    def undescribed(ctx: object, a: int):
        """Do."""

    def overdescribed(ctx: object):
        """Do.

        Args:
            b: Not there.
        """

    for function, words in [
        (wordless, "docstring"),
        (untyped, "has no type"),
        (undescribed, "no 'Args:' line for 'a'"),
        (overdescribed, "does not take"),
    ]:
        with pytest.raises(BadTool, match=words):
            tool(function)


def test_a_tool_that_writes_says_so():
    @tool(reads_only=False)
    def note(ctx: object, text: str):
        """Write down.

        Args:
            text: What.
        """
        return text

    assert not note.reads_only
    assert note.run(None, ToolCall(id="1", name="note", arguments={"text": "hi"})).text == "hi"
    with pytest.raises(ValidationError):
        note.spec.name = "x"  # type: ignore[misc]


def test_a_border_blames_once_and_keeps_the_first_word():
    with pytest.raises(Blamed, match="disk: OSError: full") as caught, border(Origin.WORLD, "disk"):
        raise OSError("full")
    assert caught.value.origin is Origin.WORLD
    with (
        pytest.raises(Blamed) as caught,
        border(Origin.TOOL, "outer"),
        border(Origin.MODEL, "inner"),
    ):
        raise ValueError("x")
    assert caught.value.origin is Origin.MODEL


SCHEMA = {
    "type": "object",
    "properties": {"class": {"type": "string"}, "_x": {"type": "integer"}},
    "required": ["class"],
}


@settings(deadline=None)
@given(json_objects)
def test_a_tool_that_somebody_else_tells_of_gets_its_arguments_as_they_are(arguments):
    seen = []

    def say(_, given):
        seen.append(given)
        return "said"

    echo = told_tool("echo", "Says it again.", SCHEMA, say, reads_only=True)
    assert echo.spec.arguments == SCHEMA
    call = ToolCall.read("c1", "echo", arguments)
    observation = echo.run(None, call)
    assert observation.text == "said"
    assert seen == [call.arguments]


def test_what_it_raises_is_an_observation_like_any_other():
    def refuse(_, __):
        raise Blamed(Origin.WORLD, "not today", "closed")

    shop = told_tool("shop", "Sells.", SCHEMA, refuse, reads_only=False)
    failure = shop.run(None, ToolCall(id="c1", name="shop")).failure
    assert failure is not None
    assert (failure.origin, failure.code, failure.message) == (Origin.WORLD, "closed", "not today")
