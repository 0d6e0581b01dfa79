"""LLaMA-Factory, sharegpt: turns that alternate strictly, so that the results of a turn are one.

It has its own templates and is given roles and calls.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from playhead.core.media import FrameRef
from playhead.core.message import Message, Role
from playhead.core.trajectory import Trajectory
from playhead.models.pictures import Resolve
from playhead.models.policies import render
from playhead.models.policies.spoken import take_apart
from playhead.training.exports.fitting import Exported, fitting
from playhead.training.exports.pictures import Pictures, frames_by_path
from playhead.training.exports.turns import (
    Conversation,
    Json,
    Retold,
    call_words,
    calm,
    specs,
    thought,
    told,
    words,
)

_NEXT_RESULT = "\n</tool_response>\n<tool_response>\n"
"""Between the results of calls of one turn, in the hermes syntax."""


def export_llama_factory(
    trajectories: Iterable[Trajectory], folder: str | os.PathLike[str], resolve: Resolve
) -> Exported:
    """For LLaMA-Factory: `playhead.json` (sharegpt) and `dataset_info.json`; `dataset_dir` and
    `media_dir` are this folder, the data set is `playhead`."""
    exported = Exported(Path(folder) / "playhead.json")
    pictures = Pictures(Path(folder), resolve)
    made = [
        _sharegpt(trajectory, pictures)
        for trajectory in fitting(trajectories, exported, may_skip=False)
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
    frames = frames_by_path(Path(folder))
    made = json.loads((Path(folder) / "playhead.json").read_text(encoding="utf-8"))
    return [_conversation(one, frames) for one in made]


def _sharegpt(trajectory: Trajectory, pictures: Pictures) -> Json:
    messages = told(trajectory)
    turns: list[Json] = []
    for message in messages:
        if message.role is Role.TOOL and turns[-1]["from"] == "observation":
            turns[-1]["value"] += _NEXT_RESULT + words(message)
        elif message.role is Role.TOOL:
            turns.append({"from": "observation", "value": words(message)})
        elif message.role is Role.ASSISTANT:
            turns.append(_spoken(message))
        elif message.role is Role.USER:
            turns.append({"from": "human", "value": words(message)})
    tools = [tool["function"] for tool in render.tool_specs(trajectory.tools)]
    return {
        "conversations": turns,
        "system": calm(render.harmless(trajectory.system)),
        "tools": json.dumps(tools, ensure_ascii=False) if tools else "",
        "images": pictures.written(messages),
    }


def _spoken(message: Message) -> Json:
    """A turn of the policy. Calls alone are data to the trainer's template; words beside calls have
    no place there, so such a turn is the text that a model writes. So is one that quotes the mark
    of a call: the trainer would take the quotation for the call."""
    before, said = thought(message.thinking), words(message)
    calls = [json.loads(call_words(call)) for call in message.calls]
    if calls and not said:
        value = before + json.dumps(calls if len(calls) > 1 else calls[0], ensure_ascii=False)
        if "<tool_call>" not in value:
            return {"from": "function_call", "value": value}
    written = [f"<tool_call>\n{call_words(call)}\n</tool_call>" for call in message.calls]
    return {"from": "gpt", "value": before + "\n".join([said, *written] if said else written)}


def _conversation(one: Json, frames: dict[str, FrameRef]) -> Conversation:
    retold = Retold([frames[path] for path in one["images"]])
    if one["system"]:
        retold.add(Role.SYSTEM, one["system"])
    tools = json.loads(one["tools"] or "[]")
    names = {tool["name"] for tool in tools} | {"answer"}
    for turn in one["conversations"]:
        value = turn["value"]
        match turn["from"]:
            case "human":
                retold.add(Role.USER, value)
            case "observation":
                for result in value.split(_NEXT_RESULT):
                    retold.result(result)
            case "function_call":
                before, _, calls = value.rpartition("</think>\n\n")
                retold.say(f"{before}</think>\n\n" if before else "")
                given = json.loads(calls)
                for call in given if isinstance(given, list) else [given]:
                    retold.call(call)
            case _:
                spoken = take_apart(value, names)
                retold.say(thought(spoken.thinking) + spoken.text)
                for call in spoken.calls:
                    retold.call({"name": call.name, "arguments": call.arguments})
    return Conversation(retold.messages, specs(tools))
