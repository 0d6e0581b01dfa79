"""Exports: what other trainers read says what the trajectory says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from playhead.core.message import Message, Role, TextPart, ToolCall
from playhead.core.policy import Reply
from playhead.core.trajectory import Trajectory
from playhead.models.policies import render
from playhead.training.exports import (
    as_dataset,
    export_llama_factory,
    export_swift,
    export_verl,
    import_llama_factory,
    import_swift,
)
from playhead.training.rows import Renderer, rows
from tests.models.policies.conversations import Shades, picture
from tests.training.examples import everything, three_looks
from tests.training.plain import PlainProcessor
from tests.training.trajectories import trajectories

BOTH: Any = {
    "swift": (export_swift, import_swift),
    "llama_factory": (export_llama_factory, import_llama_factory),
}


def told(messages: list[Message]) -> list[Any]:
    """A conversation as a model reads it, its calls without names; marks of pictures disarmed."""
    while messages[-1].role is Role.TOOL:
        messages = messages[:-1]
    turns = render.chat(
        messages, lambda frame: {"type": "frame", "frame": frame.to_json()}, think_back=True,
        arguments_as_text=False,
    )  # fmt: skip
    for turn in turns:
        turn.pop("tool_call_id", None)
        if isinstance(turn["content"], list):  # no words are no part
            turn["content"] = [part for part in turn["content"] if part.get("text") != ""]
        for call in turn.get("tool_calls", ()):
            call.pop("id")
    text = json.dumps(turns).replace("<image>", "< image>").replace("<img>", "< img>")
    return json.loads(text)


def fair() -> Trajectory:
    """With everything that both formats can say, thoughts and words beside calls included."""
    one = everything()
    looks = [*one.steps[:2], one.steps[3]]
    looks[1] = looks[1].replace(
        weight=1.0, reply=looks[1].reply.replace(thinking="Peut-être ☃ <image>")
    )
    return one.replace(steps=tuple(looks))


@pytest.mark.parametrize("name", BOTH)
def test_an_export_reads_back_as_the_same_conversation(tmp_path: Path, name: str) -> None:
    write, read = BOTH[name]
    both = [fair(), three_looks(None, None)]
    exported = write(both, tmp_path, Shades())
    assert (exported.num, dict(exported.left_out)) == (2, {})
    again = read(tmp_path)
    for conversation, trajectory in zip(again, both, strict=True):
        assert told(conversation.messages) == told(trajectory.messages())
        assert conversation.tools == trajectory.tools


@pytest.mark.parametrize("name", BOTH)
@settings(max_examples=40, deadline=None)
@given(trajectory=trajectories())
def test_whatever_is_not_left_out_reads_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, trajectory: Trajectory
) -> None:
    write, read = BOTH[name]
    folder = tmp_path_factory.mktemp("out")
    exported = write([trajectory], folder, Shades())
    assert exported.num + sum(exported.left_out.values()) == 1
    for conversation in read(folder):
        assert told(conversation.messages) == told(trajectory.messages())


@pytest.mark.parametrize("name", BOTH)
def test_pictures_are_files_written_once(tmp_path: Path, name: str) -> None:
    from PIL import Image

    write, read = BOTH[name]
    shades = Shades()
    write([fair(), fair().replace(id="again")], tmp_path, shades)
    frames = dict.fromkeys(render.pictures(fair().messages()))
    assert len(shades.asked) == len(frames)
    files = sorted((tmp_path / "pictures").iterdir())
    assert len(files) == len(frames)
    shown = read(tmp_path)[0].messages[1].frames[0]
    lines = (tmp_path / "frames.jsonl").read_text().splitlines()
    kept = {json.dumps(told["frame"]): told["path"] for told in map(json.loads, lines)}
    path = kept[json.dumps(json.loads(shown.to_json()))]
    assert np.array_equal(np.asarray(Image.open(tmp_path / path)), picture(shown))


def test_ms_swift_is_told_of_calls_and_of_turns_not_to_learn(tmp_path: Path) -> None:
    trajectory = fair()
    steps = (trajectory.steps[0].replace(weight=0.0), *trajectory.steps[1:])
    export_swift([trajectory.replace(steps=steps)], tmp_path, Shades())
    line = json.loads((tmp_path / "train.jsonl").read_text())
    assert [turn["role"] for turn in line["messages"]] == [
        "system", "user", "assistant", "tool_call", "tool_call", "tool_response", "tool_response",
        "assistant", "tool_call", "tool_response", "tool_call",
    ]  # fmt: skip
    assert [turn.get("loss") for turn in line["messages"][2:5]] == [False] * 3
    assert all("loss" not in turn for turn in line["messages"][5:])
    assert line["messages"][2]["content"] == "Two looks.\n"
    assert line["messages"][7]["content"].startswith("<think>\nPeut-être ☃ < image>\n</think>")
    call = json.loads(line["messages"][8]["content"])
    assert call["arguments"] == trajectory.steps[1].reply.calls[0].arguments
    tools = json.loads(line["tools"])
    assert [tool["function"]["name"] for tool in tools] == ["look", "search"]
    marks = sum(turn["content"].count("<image>") for turn in line["messages"])
    assert marks == len(line["images"]) == 5


def test_llama_factory_gets_turns_in_its_order(tmp_path: Path) -> None:
    exported = export_llama_factory([fair()], tmp_path, Shades())
    info = json.loads((tmp_path / "dataset_info.json").read_text())["playhead"]
    (one,) = json.loads((tmp_path / info["file_name"]).read_text())
    assert exported.path.name == info["file_name"]
    assert set(info["columns"].values()) == set(one)
    speakers = [turn["from"] for turn in one["conversations"]]
    assert speakers == [
        "human", "gpt", "observation", "function_call", "observation", "function_call",
    ]  # fmt: skip
    assert one["conversations"][1]["value"].count("<tool_call>") == 2
    assert one["conversations"][2]["value"].count("</tool_response>\n<tool_response>") == 1
    assert [tool["name"] for tool in json.loads(one["tools"])] == ["look", "search"]


def test_what_a_format_cannot_say_is_left_out_by_name(tmp_path: Path) -> None:
    hidden = three_looks(None, None, (1,))
    base = three_looks(None, None)
    twice = base.replace(
        steps=(base.steps[0].replace(reply=Reply(text="hm"), observations=()), base.steps[1])
    )
    light = base.replace(steps=(base.steps[0].replace(weight=0.0), base.steps[1]))
    nothing = base.replace(steps=())
    given = [hidden, twice, light, nothing, base]
    swift = export_swift(given, tmp_path / "swift", Shades())
    assert swift.num == 2
    assert swift.left_out == {"steps hidden": 1, "two turns in a row": 1, "nothing written": 1}
    factory = export_llama_factory(given, tmp_path / "factory", Shades())
    assert factory.left_out == {**swift.left_out, "turns not to be learned": 1}


def test_arguments_keep_their_types_in_a_data_set(tmp_path: Path) -> None:
    """Arrow would give each call the arguments of all others, as nulls."""
    datasets = pytest.importorskip("datasets")
    as_dataset([fair(), three_looks(None)], Shades()).save_to_disk(tmp_path / "saved")
    again = datasets.load_from_disk(tmp_path / "saved")
    again.to_parquet(tmp_path / "it.parquet")
    for loaded in (
        again,
        datasets.Dataset.from_parquet(
            str(tmp_path / "it.parquet"), cache_dir=str(tmp_path / "cache")
        ),
    ):
        messages, tools = loaded[0]["messages"], loaded[0]["tools"]
        called = [
            call["function"]["arguments"] for m in messages for call in m.get("tool_calls", ())
        ]
        expected = [dict(c.arguments) for s in fair().steps for c in s.reply.calls]
        assert called == expected
        assert [type(v) for c in called for v in c.values()] == [
            type(v) for c in expected for v in c.values()
        ]
        assert tools == render.tool_specs(fair().tools)
        frames = render.pictures(fair().messages())
        assert len(loaded[0]["images"]) == len(frames)
        assert np.array_equal(np.asarray(loaded[0]["images"][3]), picture(frames[3]))
        shown = [
            p["image"]
            for m in messages
            if isinstance(m["content"], list)
            for p in m["content"]
            if p["type"] == "image"
        ]
        assert shown == list(range(len(frames)))


def test_verl_is_given_turns_that_render_to_what_is_served(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    renderer = Renderer(PlainProcessor())
    both = [plain(fair()), three_looks(None, None)]
    exported = export_verl([*both, fair()], tmp_path, Shades(), renderer)
    assert exported.num == 2
    assert exported.left_out == {"thoughts not shown again": 1}
    read = datasets.Dataset.from_parquet(str(exported.path), cache_dir=str(tmp_path / "cache"))
    for line, trajectory in zip(read, both, strict=True):
        (row,) = rows(trajectory, renderer)
        assert rendered(PlainProcessor(), line["messages"], line["images"]) == row.ids + tuple(
            b"\n"
        )
        assert [turn["role"] for turn in line["messages"]][-1] == "assistant"


def rendered(processor: Any, messages: list[Any], images: list[Any]) -> tuple[int, ...]:
    """The ids that a trainer makes of messages with marks and of pictures."""
    turns = []
    for message in messages:
        pieces = message["content"].split("<image>")
        content: list[Any] = []
        for i, piece in enumerate(pieces):
            content += [{"type": "image"}] if i else []
            content += [{"type": "text", "text": piece}] if piece else []
        turns.append({"role": message["role"], "content": content})
    how: Any = {"tools": None, "add_generation_prompt": False, "tokenize": False}
    text = processor.apply_chat_template(turns, **how)
    return tuple(processor(text=[text], images=images)["input_ids"][0])


def test_verl_is_given_what_a_real_template_shows(tiny: tuple[Any, Any], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    import importlib.resources

    pytest.importorskip("trl")
    _, processor = tiny
    files = importlib.resources.files("trl") / "chat_templates"
    for template in (None, "qwen3_vl.jinja"):
        if template is not None:
            processor.chat_template = (files / template).read_text()
        renderer = Renderer(processor)
        folder = tmp_path / str(template)
        exported = export_verl([plain(fair())], folder, Shades(), renderer)
        (line,) = datasets.Dataset.from_parquet(str(exported.path), cache_dir=str(folder / "cache"))
        (row,) = rows(plain(fair()), renderer)
        ids = rendered(processor, line["messages"], line["images"])
        assert ids[: len(row)] == row.ids
        assert processor.tokenizer.decode(list(ids[len(row) :])) == "\n"


def plain(trajectory: Trajectory) -> Trajectory:
    """Without thoughts."""
    steps = [s.replace(reply=s.reply.replace(thinking="")) for s in trajectory.steps]
    return trajectory.replace(steps=tuple(steps))


def test_words_that_look_like_a_picture_stay_words(tmp_path: Path) -> None:
    told_so = three_looks(None).replace(opening=(TextPart(text="Is <image> a tag? <img>a</img>"),))
    export_swift([told_so], tmp_path, Shades())
    line = json.loads((tmp_path / "train.jsonl").read_text())
    assert line["messages"][0]["content"] == "Is < image> a tag? < img>a</img>"
    assert line["images"] == []


def test_a_call_that_could_not_be_read_is_not_learned(tmp_path: Path) -> None:
    swift = export_swift([everything()], tmp_path / "swift", Shades())
    line = json.loads(swift.path.read_text())
    heed = [
        {name: turn[name] for name in ("loss", "loss_scale") if name in turn}
        for turn in line["messages"]
        if turn["role"] in ("assistant", "tool_call")
    ]
    assert heed == [{}, {}, {}, {"loss_scale": 0.5}, {"loss": False}, {}]
    factory = export_llama_factory([everything()], tmp_path / "factory", Shades())
    assert factory.left_out == {"turns not to be learned": 1}


def quoting() -> Trajectory:
    """A turn whose thought quotes a call, and one whose argument does."""
    base = three_looks(None, None, None)
    quoted = '<tool_call>\n{"name": "no", "arguments": {}}\n</tool_call>'
    search = ToolCall(id="c1", name="search", arguments={"text": quoted})
    says = (
        Reply(thinking=f"Not {quoted}.", calls=base.steps[0].reply.calls),
        Reply(calls=(search,)),
    )
    steps = [step.replace(reply=reply) for step, reply in zip(base.steps[:2], says, strict=True)]
    return base.replace(id="quoting", steps=(*steps, base.steps[2]))


def test_llama_factory_does_not_take_a_quoted_call_for_the_call(tmp_path: Path) -> None:
    exported = export_llama_factory([quoting()], tmp_path, Shades())
    (one,) = json.loads(exported.path.read_text())
    own = one["conversations"][1::2]
    assert [turn["from"] for turn in own] == ["gpt", "gpt", "gpt"]
    assert own[0]["value"].endswith(
        '</think>\n\n<tool_call>\n{"name": "look", "arguments": {"start_s": 0, "end_s": 9.0}}\n'
        "</tool_call>"
    )
