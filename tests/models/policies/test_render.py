"""A conversation has one rendering: stamps stay before their pictures and nothing is added."""

from __future__ import annotations

import base64
import io
import json
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from playhead.core.media import FrameRef, Region
from playhead.core.message import Message, PicturePart, Role, TextPart, ToolCall
from playhead.models.policies import render
from playhead.models.policies.grammar import hermes_grammar
from playhead.models.policies.sent import SentPictures, encode, visual_tokens
from playhead.models.policies.spoken import take_apart
from tests.models.policies.conversations import (
    LOOK,
    SEARCH,
    Shades,
    conversation,
    frame,
    looks,
    picture,
    saw,
    user,
)


def show(ref: FrameRef) -> dict[str, Any]:
    return {"type": "image", "at": ref.time_s}


def test_each_picture_stands_after_its_stamp_and_texts_are_lines() -> None:
    turn = render.chat(conversation(), show)[3]
    assert turn["content"] == [
        {"type": "text", "text": "2 pictures.\n<40.0s>"},
        {"type": "image", "at": 40.0},
        {"type": "text", "text": "<41.0s>"},
        {"type": "image", "at": 41.0},
        {"type": "text", "text": "This took some."},
    ]
    assert (turn["role"], turn["tool_call_id"], turn["name"]) == ("tool", "a", "look")


def test_text_alone_is_a_string_and_lines_that_break_already_get_no_more_breaks() -> None:
    parts = (
        TextPart(text="one"),
        TextPart(text="\n"),
        TextPart(text="two"),
        TextPart(text="three"),
    )
    assert render.content(parts, show) == "one\ntwo\nthree"
    assert render.content((), show) == ""


def test_calls_carry_their_arguments_as_text_or_as_they_are() -> None:
    as_text = render.chat(conversation(), show)[2]["tool_calls"]
    as_dict = render.chat(conversation(), show, arguments_as_text=False)[2]["tool_calls"]
    assert [call["id"] for call in as_text] == ["a", "b"]
    assert json.loads(as_text[0]["function"]["arguments"]) == {"start_s": 40.0, "end_s": 44.0}
    assert as_dict[0]["function"]["arguments"] == {"start_s": 40.0, "end_s": 44.0}


def test_a_turn_of_calls_alone_has_no_words_as_the_api_and_templates_have_it() -> None:
    assert render.chat([looks("a")], show)[0]["content"] is None
    assert render.chat([looks("a")], show, arguments_as_text=False)[0]["content"] == ""


def test_marks_of_the_chat_in_texts_and_arguments_are_only_words() -> None:
    mark = "<|im_end|> 2 <| 3"
    call = ToolCall(id="a", name="search", arguments={"text": mark})
    said, *_ = render.chat([Message(role=Role.ASSISTANT, calls=(call,))], show)
    assert json.loads(said["tool_calls"][0]["function"]["arguments"]) == {
        "text": "< |im_end|> 2 <| 3"
    }
    assert render.chat([user(mark)], show)[0]["content"] == "< |im_end|> 2 <| 3"


def test_a_call_that_could_not_be_read_is_shown_as_json_that_servers_accept() -> None:
    call = ToolCall.read("a", "look", '{"start_s": 4')
    (turn, told) = render.chat([Message(role=Role.ASSISTANT, calls=(call,))], show)
    assert json.loads(turn["tool_calls"][0]["function"]["arguments"]) == {
        "unreadable": '{"start_s": 4'
    }
    assert told["content"] == render.CANCELLED


def test_relayed_pictures_follow_all_results_and_say_which_call_they_belong_to() -> None:
    turns = render.chat(conversation(), show, relay=True)
    roles = [turn["role"] for turn in turns]
    assert roles == [
        "system",
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
        "assistant",
        "tool",
        "user",
    ]
    assert turns[3]["content"] == (
        "2 pictures.\n<40.0s>\n<41.0s>\nThis took some.\n(the pictures follow)"
    )
    assert turns[5]["content"] == [
        {"type": "text", "text": "Pictures of call a (look):\n<40.0s>"},
        {"type": "image", "at": 40.0},
        {"type": "text", "text": "<41.0s>"},
        {"type": "image", "at": 41.0},
        {"type": "text", "text": "Pictures of call b (look):\n<42.0s>"},
        {"type": "image", "at": 42.0},
    ]


@pytest.mark.parametrize("relay", [False, True])
def test_pictures_are_listed_in_the_order_in_which_they_are_shown(relay: bool) -> None:
    turns = render.chat(conversation(), show, relay=relay)
    lists = [turn["content"] for turn in turns if isinstance(turn["content"], list)]
    shown = [part["at"] for parts in lists for part in parts if part["type"] == "image"]
    assert shown == [ref.time_s for ref in render.pictures(conversation())]


def test_a_call_that_nothing_answered_is_said_to_be_cancelled() -> None:
    messages = [user("q"), looks("a", "b"), saw("b", 1.0), user("stop, answer")]
    turns = render.chat(messages, show)
    assert [(turn["role"], turn.get("tool_call_id")) for turn in turns] == [
        ("user", None),
        ("assistant", None),
        ("tool", "b"),
        ("tool", "a"),
        ("user", None),
    ]
    assert turns[3]["content"] == render.CANCELLED


def test_a_result_without_its_call_becomes_a_user_turn() -> None:
    turns = render.chat([user("q"), saw("gone", 1.0)], show)
    assert turns[1]["role"] == "user"
    assert turns[1]["content"][0]["text"].startswith("Result of an earlier call (look):")


def test_a_conversation_that_is_whole_is_not_changed_by_repair() -> None:
    assert render.repaired(conversation()) == conversation()


def test_thoughts_are_sent_back_only_when_asked() -> None:
    messages = [user("q"), Message(role=Role.ASSISTANT, parts=(TextPart(text="x"),), thinking="hm")]
    assert "reasoning_content" not in render.chat(messages, show)[1]
    assert render.chat(messages, show, think_back=True)[1]["reasoning_content"] == "hm"


def test_strict_tools_keep_control_characters_out_of_strings_and_leave_the_rest() -> None:
    (plain,) = render.tool_specs([SEARCH])
    (strict,) = render.tool_specs([SEARCH], strict=True)
    assert plain == SEARCH.openai
    assert strict["function"]["strict"] is True
    pattern = strict["function"]["parameters"]["properties"]["text"]["pattern"]
    assert re.match(pattern, "a red car")
    for bad in ("two\nlines", "\x07", 'a "quote"', "back\\slash"):
        assert not re.match(pattern, bad)
    kept = {"type": "string", "enum": ["a"], "description": "d"}
    assert render.patterned({"anyOf": [kept, {"type": "null"}]}) == {
        "anyOf": [kept, {"type": "null"}]
    }


def test_a_property_may_be_called_like_a_word_of_the_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"pattern": {"type": "string"}, "enum": {"type": "string"}},
    }
    inner = render.patterned(schema)["properties"]
    assert all("pattern" in inner[name] for name in ("pattern", "enum"))


def test_a_grammar_for_one_tool_names_only_that_tool() -> None:
    form = json.loads(hermes_grammar([LOOK, SEARCH], "search"))["format"]
    assert [tag["begin"] for tag in form["tags"]] == [
        '<tool_call>\n{"name": "search", "arguments": '
    ]
    with pytest.raises(ValueError, match="no tool 'fly' among look, search"):
        hermes_grammar([LOOK, SEARCH], "fly")


# Pictures


@pytest.mark.parametrize("encoding", ["jpeg", "png"])
def test_the_same_pixels_give_the_same_bytes_and_come_back(encoding: Any) -> None:
    pixels = picture(frame(4.0))
    uri = encode(pixels, encoding)
    assert uri == encode(pixels.copy(), encoding)
    data = base64.b64decode(uri.removeprefix(f"data:image/{encoding};base64,"))
    back = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.int16)
    assert np.abs(back - pixels).max() <= (0 if encoding == "png" else 8)


def test_a_picture_is_named_by_all_that_its_bytes_depend_on() -> None:
    jpeg, png = SentPictures(Shades(), "jpeg", 90), SentPictures(Shades(), "png", 90)
    corner = Region(top=0, left=0, bottom=0.5, right=0.5)
    refs = [frame(1.0), frame(2.0), frame(1.0, height=32), frame(1.0, roi=corner)]
    names = [jpeg.name(ref) for ref in refs] + [png.name(refs[0])]
    names.append(SentPictures(Shades(), "jpeg", 80).name(refs[0]))
    assert len(set(names)) == len(names)
    assert jpeg.name(frame(1.0)) == jpeg.name(frame(1.0))


def test_what_arrived_is_sent_by_name_until_it_is_forgotten() -> None:
    shades = Shades()
    sent = SentPictures(shades, "jpeg", 90)
    refs = [frame(1.0), frame(2.0)]
    assert sent.show(refs, by_name=True)(refs[0])["image_url"]["url"].startswith("data:")
    sent.arrived(refs)
    again = sent.show(refs, by_name=True)(refs[0])
    assert again == {"type": "image_url", "image_url": None, "uuid": sent.name(refs[0])}
    assert len(shades.asked) == 2
    sent.forget(refs[:1])
    assert sent.show(refs, by_name=True)(refs[0])["image_url"] is not None
    assert sent.show(refs, by_name=True)(refs[1])["image_url"] is None


def test_only_so_many_names_are_remembered() -> None:
    sent = SentPictures(Shades(), "jpeg", 90, most_names=2)
    refs = [frame(float(i)) for i in range(3)]
    sent.arrived(refs)
    shown = [sent.show(refs, by_name=True)(ref)["image_url"] for ref in refs]
    assert [url is None for url in shown] == [False, True, True]


def test_visual_tokens_are_tiles_of_32_pixels() -> None:
    assert (
        visual_tokens([frame(0.0, height=64, width=96), frame(0.0, height=65, width=96)]) == 6 + 9
    )


# What a model wrote


@pytest.mark.parametrize(
    ("text", "said", "thought", "names"),
    [
        ("just words", "just words", "", []),
        ("<think>hm</think>\nyes", "yes", "hm", []),
        ("hm\n</think>\n\nyes", "yes", "hm", []),
        ("<think>cut o", "", "cut o", []),
        ('a <tool_call>\n{"name": "look", "arguments": {}}\n</tool_call> b', "a  b", "", ["look"]),
        ('<tool_call>{"name": "look"}<tool_call>{"name": "search"}', "", "", ["look", "search"]),
        ("<tool_call>gibberish</tool_call>", "<tool_call>gibberish</tool_call>", "", []),
    ],
)
def test_thoughts_words_and_calls_are_taken_apart(
    text: str, said: str, thought: str, names: list[str]
) -> None:
    spoken = take_apart(text, {"look", "search"})
    assert (spoken.text, spoken.thinking) == (said, thought)
    assert [call.name for call in spoken.calls] == names


def test_raw_control_characters_in_a_call_are_let_pass() -> None:
    text = (
        '<tool_call>\n{"name": "search", "arguments": {"text": "two\nlines\t\x07"}}\n</tool_call>'
    )
    (call,) = take_apart(text, {"search"}).calls
    assert call.arguments == {"text": "two\nlines\t\x07"}


def test_a_string_in_a_call_may_hold_the_marks_of_calls() -> None:
    marks = "</tool_call> <tool_call> <think> </think>"
    call = f'{{"name": "search", "arguments": {{"text": "{marks}"}}}}'
    spoken = take_apart(f"<tool_call>{call}</tool_call>!", {"search"})
    assert spoken.text == "!"
    assert [call.arguments for call in spoken.calls] == [{"text": marks}]


def test_words_after_a_calls_json_do_not_spoil_it() -> None:
    text = '<tool_call>{"name": "look", "arguments": {}} so\n</tool_call><tool_call>{"name": "look"'
    spoken = take_apart(text, {"look"})
    assert [(call.name, call.raw is None) for call in spoken.calls] == [
        ("look", True),
        ("look", False),
    ]


def test_a_call_that_is_no_json_keeps_what_was_written() -> None:
    (call,) = take_apart('<tool_call>{"name": "look", "arguments": {"start_s": ', {"look"}).calls
    assert call.name == "look"
    assert call.raw is not None
    assert call.raw.startswith('{"name": "look"')


@pytest.mark.parametrize(
    "piece",
    ["<tool_call>", "</think>", "<think>", '<tool_call>{"name": "a', "[", "{", "\n", "\x00"],
)
def test_no_text_is_too_odd_to_be_taken_apart(piece: str) -> None:
    take_apart(piece * 3000, {"look"}, bare=True)
    take_apart("<tool_call>" + piece * 3000, {"look"}, bare=True)


def test_without_tools_what_looks_like_a_call_is_text() -> None:
    text = '<tool_call>{"name": "look", "arguments": {}}</tool_call>'
    assert take_apart(text, ()).text == text


def test_a_bare_call_is_one_only_where_a_call_was_forced() -> None:
    text = '{"name": "look", "arguments": {"start_s": 1}}'
    assert take_apart(text, {"look"}).calls == ()
    assert take_apart(text, {"look"}, bare=True).calls[0].arguments == {"start_s": 1}
    assert take_apart('{"name": "Ann"}', {"look"}, bare=True).text == '{"name": "Ann"}'


def test_call_parts_stay_pictures() -> None:
    message = Message(role=Role.USER, parts=(PicturePart(frame=frame(0.0)),))
    assert render.chat([message], show)[0]["content"] == [{"type": "image", "at": 0.0}]
