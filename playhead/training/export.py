"""Trajectories as data sets of other trainers, and back.

    export_swift(trajectories, "out", resolve)          # ms-swift: train.jsonl
    export_llama_factory(trajectories, "out", resolve)  # LLaMA-Factory: playhead.json
    export_verl(trajectories, "out", resolve, renderer) # verl, multi-turn SFT: train.parquet
    as_dataset(trajectories, resolve)                   # Hugging Face datasets

Pictures are written as PNG, once each. Tool calls go as JSON *text* wherever columns have fixed
types: Arrow gives every call the arguments of all others, as nulls. ms-swift and LLaMA-Factory have
their own templates and are given roles and calls. verl renders each message with the model's own
template, and its nested `tools` column has the trouble with nulls, so it is given the turns as that
template shows them: what it trains on is then token for token what is served.

What a format cannot say is left out and counted, not bent: conversations of which the policy was
shown only a part, two turns of the policy in a row, and, but for ms-swift, turns that must not be
learned, among them those with a call that could not be read; for verl also thoughts that the
template does not show again, as it would train the turn without. Weights between 0 and 1 have a
place in ms-swift only.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from playhead.core.media import FrameRef
from playhead.core.message import Message, Part, PicturePart, Role, TextPart, ToolCall
from playhead.core.tools import ToolSpec
from playhead.core.trajectory import Step, Trajectory
from playhead.models.eyes._local import require
from playhead.models.pictures import Resolve
from playhead.models.policies import render
from playhead.models.policies.spoken import take_apart
from playhead.training.rows import Renderer

_IMAGE = "<image>"
_MEDIA = re.compile(r"<(?=(?:image|video|audio|img)>)")
"""Marks at which trainers put media; ms-swift opens the file that an `<img>` in the words names."""
_NEXT_RESULT = "\n</tool_response>\n<tool_response>\n"
"""Between the results of calls of one turn, in the hermes syntax."""
_FRAMES = "frames.jsonl"

Json = dict[str, Any]


class Conversation(NamedTuple):
    """What an export says."""

    messages: list[Message]
    """Call ids are made anew; texts next to each other are one."""
    tools: tuple[ToolSpec, ...]


@dataclass
class Exported:
    """What was written."""

    path: Path
    num: int = 0
    left_out: Counter[str] = field(default_factory=Counter[str])
    """Trajectories that the format cannot hold, by the reason."""


def export_swift(
    trajectories: Iterable[Trajectory], folder: str | os.PathLike[str], resolve: Resolve
) -> Exported:
    """For ms-swift: `train.jsonl`, with `ROOT_IMAGE_DIR` as this folder.

    A step of weight 0, or with a call that could not be read, has `loss: false`; one of another
    weight than 1 has it as `loss_scale`, which `--is_binary_loss_scale false` heeds.
    """
    exported = Exported(Path(folder) / "train.jsonl")
    pictures = _Pictures(Path(folder), resolve)
    with exported.path.open("w", encoding="utf-8") as file:
        for trajectory in _fitting(trajectories, exported, may_skip=True):
            file.write(json.dumps(_swift(trajectory, pictures), ensure_ascii=False) + "\n")
    pictures.close()
    return exported


def import_swift(folder: str | os.PathLike[str]) -> list[Conversation]:
    """What `export_swift` wrote."""
    frames = _frames(Path(folder))
    with (Path(folder) / "train.jsonl").open(encoding="utf-8") as lines:
        return [_from_swift(json.loads(line), frames) for line in lines]


def export_llama_factory(
    trajectories: Iterable[Trajectory], folder: str | os.PathLike[str], resolve: Resolve
) -> Exported:
    """For LLaMA-Factory: `playhead.json` (sharegpt) and `dataset_info.json`; `dataset_dir` and
    `media_dir` are this folder, the data set is `playhead`."""
    exported = Exported(Path(folder) / "playhead.json")
    pictures = _Pictures(Path(folder), resolve)
    made = [
        _sharegpt(trajectory, pictures)
        for trajectory in _fitting(trajectories, exported, may_skip=False)
    ]
    pictures.close()
    exported.path.write_text(json.dumps(made, ensure_ascii=False, indent=1), encoding="utf-8")
    columns = {name: name for name in ("system", "tools", "images")}
    columns["messages"] = "conversations"
    about = {"file_name": exported.path.name, "formatting": "sharegpt", "columns": columns}
    info = json.dumps({"playhead": about}, indent=1)
    (exported.path.parent / "dataset_info.json").write_text(info, encoding="utf-8")
    return exported


def import_llama_factory(folder: str | os.PathLike[str]) -> list[Conversation]:
    """What `export_llama_factory` wrote."""
    frames = _frames(Path(folder))
    made = json.loads((Path(folder) / "playhead.json").read_text(encoding="utf-8"))
    return [_from_sharegpt(one, frames) for one in made]


def export_verl(
    trajectories: Iterable[Trajectory],
    folder: str | os.PathLike[str],
    resolve: Resolve,
    renderer: Renderer,
) -> Exported:
    """For verl's multi-turn SFT: `train.parquet` with `messages` and `images`, for one model.

    Args:
        trajectories: What to write.
        folder: Where.
        resolve: From references to pixels.
        renderer: Of the model, whose template verl will use.
    """
    require("datasets", extra="train", what="an export for verl")
    import datasets

    exported = Exported(Path(folder) / "train.parquet")
    rows: list[Json] = []
    for trajectory in _fitting(trajectories, exported, may_skip=False):
        turns = renderer.turns(trajectory.messages(), trajectory.tools)
        own = [i for i, turn in enumerate(turns) if turn.role == renderer.marks.role]
        thoughts = [render.harmless(step.reply.thinking) for step in trajectory.steps]
        if any(t not in turns[i].text for i, t in zip(own, thoughts, strict=True)):
            exported.num -= 1
            exported.left_out["thoughts not shown again"] += 1
            continue
        frames = render.pictures(_told(trajectory))
        mark = renderer.picture_mark if frames else renderer.mark
        shown = [
            {"role": turn.role, "content": _calm(turn.text).replace(mark, _IMAGE)}
            for turn in turns[: own[-1] + 1]
        ]
        images = [{"bytes": _png(picture)} for picture in resolve(frames)] if frames else []
        rows.append({"messages": shown, "images": images})
    exported.path.parent.mkdir(parents=True, exist_ok=True)
    text = datasets.Value("string")
    features = datasets.Features(
        messages=datasets.List({"role": text, "content": text}),
        images=datasets.List(datasets.Image()),
    )
    datasets.Dataset.from_list(rows, features=features).to_parquet(exported.path)
    return exported


def as_dataset(trajectories: Iterable[Trajectory], resolve: Resolve) -> Any:
    """As a Hugging Face data set: `id`; `messages` and `tools` as JSON, each picture the number of
    one of `images`. Arguments keep their types through `save_to_disk` and parquet."""
    require("datasets", extra="train", what="a data set")
    import datasets

    rows: list[Json] = []
    for trajectory in trajectories:
        messages = trajectory.messages()
        frames = render.pictures(messages)
        numbers = iter(range(len(frames)))
        turns = render.chat(
            messages,
            lambda _, numbers=numbers: {"type": "image", "image": next(numbers)},
            think_back=True,
            arguments_as_text=False,
        )
        images = [{"bytes": _png(picture)} for picture in resolve(frames)] if frames else []
        tools = render.tool_specs(trajectory.tools)
        rows.append({"id": trajectory.id, "messages": turns, "tools": tools, "images": images})
    features = datasets.Features(
        id=datasets.Value("string"),
        messages=datasets.Json(),
        tools=datasets.Json(),
        images=datasets.List(datasets.Image()),
    )
    return datasets.Dataset.from_list(rows, features=features)


def _fitting(
    trajectories: Iterable[Trajectory], exported: Exported, *, may_skip: bool
) -> Iterable[Trajectory]:
    """Those that the format can hold. The others are counted."""
    exported.path.parent.mkdir(parents=True, exist_ok=True)
    for trajectory in trajectories:
        why = _unfit(trajectory, may_skip=may_skip)
        if why is None:
            exported.num += 1
            yield trajectory
        else:
            exported.left_out[why] += 1


def _unfit(trajectory: Trajectory, *, may_skip: bool) -> str | None:
    """Why a trajectory has no place in a format. None: it has."""
    steps = trajectory.steps
    if not steps:
        return "nothing written"
    if any(
        step.shown is not None and step.shown != tuple(range(i)) for i, step in enumerate(steps)
    ):
        return "steps hidden"
    if any(not step.reply.calls for step in steps[:-1]):
        return "two turns in a row"
    if not may_skip and any(_taught(step) == 0 for step in steps):
        return "turns not to be learned"
    return None


def _taught(step: Step) -> float:
    """The weight of a step. Of a call that could not be read nobody knows what was written."""
    return 0.0 if any(call.raw is not None for call in step.reply.calls) else step.weight


def _told(trajectory: Trajectory) -> list[Message]:
    """The conversation up to the last turn of the policy."""
    messages = trajectory.messages()
    while messages[-1].role is Role.TOOL:
        messages.pop()
    return messages


def _swift(trajectory: Trajectory, pictures: _Pictures) -> Json:
    weights = map(_taught, trajectory.steps)
    turns: list[Json] = []
    messages = _told(trajectory)
    for message in messages:
        if message.role is not Role.ASSISTANT:
            role = "tool_response" if message.role is Role.TOOL else message.role.value
            turns.append({"role": role, "content": _words(message)})
            continue
        words = _words(message)
        if words and message.calls:
            words += "\n"  # ms-swift puts nothing between words and calls, hermes a line break
        said = _thought(message.thinking) + words
        own = [{"role": "assistant", "content": said}] if said or not message.calls else []
        own += [{"role": "tool_call", "content": _call(call)} for call in message.calls]
        weight = next(weights)
        heed: Json = {} if weight == 1 else {"loss_scale": weight} if weight else {"loss": False}
        turns += [turn | heed for turn in own]
    tools = json.dumps(render.tool_specs(trajectory.tools), ensure_ascii=False)
    return {"messages": turns, "tools": tools, "images": pictures.written(messages)}


def _from_swift(line: Json, frames: dict[str, FrameRef]) -> Conversation:
    told = _Told([frames[path] for path in line["images"]])
    for turn in line["messages"]:
        role, content = turn["role"], turn["content"]
        if role == "tool_call":
            told.unbroken()
            told.call(json.loads(content))
        elif role == "tool_response":
            told.result(content)
        elif role == "assistant":
            told.say(content)
        else:
            told.add(Role(role), content)
    specs = [tool["function"] for tool in json.loads(line["tools"])]
    return Conversation(told.messages, _specs(specs))


def _sharegpt(trajectory: Trajectory, pictures: _Pictures) -> Json:
    messages = _told(trajectory)
    turns: list[Json] = []
    for message in messages:
        if message.role is Role.TOOL and turns[-1]["from"] == "observation":
            turns[-1]["value"] += _NEXT_RESULT + _words(message)
        elif message.role is Role.TOOL:
            turns.append({"from": "observation", "value": _words(message)})
        elif message.role is Role.ASSISTANT:
            turns.append(_spoken(message))
        elif message.role is Role.USER:
            turns.append({"from": "human", "value": _words(message)})
    tools = [tool["function"] for tool in render.tool_specs(trajectory.tools)]
    return {
        "conversations": turns,
        "system": _calm(render.harmless(trajectory.system)),
        "tools": json.dumps(tools, ensure_ascii=False) if tools else "",
        "images": pictures.written(messages),
    }


def _spoken(message: Message) -> Json:
    """A turn of the policy. Calls alone are data to the trainer's template; words beside calls have
    no place there, so such a turn is the text that a model writes. So is one that quotes the mark
    of a call: the trainer would take the quotation for the call."""
    thought, said = _thought(message.thinking), _words(message)
    calls = [json.loads(_call(call)) for call in message.calls]
    if calls and not said:
        value = thought + json.dumps(calls if len(calls) > 1 else calls[0], ensure_ascii=False)
        if "<tool_call>" not in value:
            return {"from": "function_call", "value": value}
    written = [f"<tool_call>\n{_call(call)}\n</tool_call>" for call in message.calls]
    return {"from": "gpt", "value": thought + "\n".join([said, *written] if said else written)}


def _from_sharegpt(one: Json, frames: dict[str, FrameRef]) -> Conversation:
    told = _Told([frames[path] for path in one["images"]])
    if one["system"]:
        told.add(Role.SYSTEM, one["system"])
    tools = json.loads(one["tools"] or "[]")
    names = {tool["name"] for tool in tools} | {"answer"}
    for turn in one["conversations"]:
        value = turn["value"]
        match turn["from"]:
            case "human":
                told.add(Role.USER, value)
            case "observation":
                for result in value.split(_NEXT_RESULT):
                    told.result(result)
            case "function_call":
                thought, _, calls = value.rpartition("</think>\n\n")
                told.say(f"{thought}</think>\n\n" if thought else "")
                given = json.loads(calls)
                for call in given if isinstance(given, list) else [given]:
                    told.call(call)
            case _:
                spoken = take_apart(value, names)
                told.say(_thought(spoken.thinking) + spoken.text)
                for call in spoken.calls:
                    told.call({"name": call.name, "arguments": call.arguments})
    return Conversation(told.messages, _specs(tools))


class _Told:
    """A conversation, while it is read back."""

    def __init__(self, frames: Sequence[FrameRef]) -> None:
        self.messages: list[Message] = []
        self._frames = iter(frames)
        self._open: list[ToolCall] = []
        self._num_calls = 0

    def add(self, role: Role, content: str, **more: Any) -> None:
        parts: list[Part] = []
        for piece in re.split(f"({_IMAGE})", content):
            if piece == _IMAGE:
                parts.append(PicturePart(frame=next(self._frames)))
            elif piece:
                parts.append(TextPart(text=piece))
        self.messages.append(Message(role=role, parts=tuple(parts), **more))

    def say(self, content: str) -> None:
        found = re.match(r"<think>\n(.*?)\n</think>\n\n", content, re.DOTALL)
        thinking = found[1] if found else ""
        self.add(Role.ASSISTANT, content[found.end() if found else 0 :], thinking=thinking)

    def call(self, said: Json) -> None:
        self._num_calls += 1
        call = ToolCall(id=f"c{self._num_calls}", name=said["name"], arguments=said["arguments"])
        if self.messages[-1].role is not Role.ASSISTANT:
            self.add(Role.ASSISTANT, "")
        turn = self.messages[-1]
        self.messages[-1] = turn.replace(calls=(*turn.calls, call))
        self._open.append(call)

    def unbroken(self) -> None:
        """Take back the line break that was put between the words of a turn and its first call."""
        turn = self.messages[-1]
        if turn.role is Role.ASSISTANT and turn.parts and not turn.calls:
            (said,) = turn.parts
            assert isinstance(said, TextPart)
            words = TextPart(text=said.text.removesuffix("\n"))
            self.messages[-1] = turn.replace(parts=(words,))

    def result(self, content: str) -> None:
        call = self._open.pop(0)
        self.add(Role.TOOL, content, call_id=call.id, name=call.name)


def _specs(functions: Iterable[Json]) -> tuple[ToolSpec, ...]:
    return tuple(
        ToolSpec(name=f["name"], description=f["description"], arguments=f["parameters"])
        for f in functions
    )


def _words(message: Message) -> str:
    """The words of a message, with a mark for each picture."""
    content = render.content(message.parts, lambda _: {"type": "image"})
    if isinstance(content, str):
        return _calm(content)
    return "".join(_calm(part["text"]) if "text" in part else _IMAGE for part in content)


def _calm(text: str) -> str:
    """The text, in which nothing is the mark of a picture."""
    return _MEDIA.sub("< ", text)


def _call(call: ToolCall) -> str:
    said = {"name": call.name, "arguments": render.arguments_of(call)}
    return _calm(json.dumps(said, ensure_ascii=False))


def _thought(thinking: str) -> str:
    return f"<think>\n{_calm(render.harmless(thinking))}\n</think>\n\n" if thinking else ""


class _Pictures:
    """Writes each picture once, and which is which."""

    def __init__(self, folder: Path, resolve: Resolve) -> None:
        self._folder, self._resolve = folder, resolve
        self._paths: dict[FrameRef, str] = {}
        (folder / "pictures").mkdir(parents=True, exist_ok=True)

    def written(self, messages: Sequence[Message]) -> list[str]:
        """The paths of all pictures of a conversation, relative to the folder."""
        frames = render.pictures(messages)
        new = [frame for frame in dict.fromkeys(frames) if frame not in self._paths]
        for frame, picture in zip(new, self._resolve(new) if new else [], strict=True):
            name = blake2b(frame.to_json().encode(), digest_size=8).hexdigest()
            path = f"pictures/{name}.png"
            (self._folder / path).write_bytes(_png(picture))
            self._paths[frame] = path
        return [self._paths[frame] for frame in frames]

    def close(self) -> None:
        """Write down which picture is which frame of which video."""
        lines = (
            json.dumps({"path": path, "frame": json.loads(frame.to_json())}) + "\n"
            for frame, path in self._paths.items()
        )
        (self._folder / _FRAMES).write_text("".join(lines), encoding="utf-8")


def _frames(folder: Path) -> dict[str, FrameRef]:
    with (folder / _FRAMES).open(encoding="utf-8") as lines:
        told = [json.loads(line) for line in lines]
    return {one["path"]: FrameRef.model_validate(one["frame"]) for one in told}


def _png(picture: Any) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()
