"""ms-swift: a line of JSON for each conversation, with calls and results as turns of their own.

It has its own templates and is given roles and calls. It is the one format that can weigh turns,
and show some that are not learned.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from playhead.core.media import FrameRef
from playhead.core.message import Role
from playhead.core.trajectory import Trajectory
from playhead.models.pictures import Resolve
from playhead.models.policies import render
from playhead.training.exports.fitting import Exported, fitting, taught
from playhead.training.exports.pictures import Pictures, frames_by_path
from playhead.training.exports.turns import (
    Conversation,
    Json,
    Retold,
    call_words,
    specs,
    thought,
    told,
    words,
)


def export_swift(
    trajectories: Iterable[Trajectory], folder: str | os.PathLike[str], resolve: Resolve
) -> Exported:
    """For ms-swift: `train.jsonl`, with `ROOT_IMAGE_DIR` as this folder.

    A step of weight 0, or with a call that could not be read, has `loss: false`; one of another
    weight than 1 has it as `loss_scale`, which `--is_binary_loss_scale false` heeds.
    """
    exported = Exported(Path(folder) / "train.jsonl")
    pictures = Pictures(Path(folder), resolve)
    with exported.path.open("w", encoding="utf-8") as file:
        for trajectory in fitting(trajectories, exported, may_skip=True):
            file.write(json.dumps(_line(trajectory, pictures), ensure_ascii=False) + "\n")
    pictures.close()
    return exported


def import_swift(folder: str | os.PathLike[str]) -> list[Conversation]:
    """What `export_swift` wrote."""
    frames = frames_by_path(Path(folder))
    with (Path(folder) / "train.jsonl").open(encoding="utf-8") as lines:
        return [_conversation(json.loads(line), frames) for line in lines]


def _line(trajectory: Trajectory, pictures: Pictures) -> Json:
    weights = map(taught, trajectory.steps)
    turns: list[Json] = []
    messages = told(trajectory)
    for message in messages:
        if message.role is not Role.ASSISTANT:
            role = "tool_response" if message.role is Role.TOOL else message.role.value
            turns.append({"role": role, "content": words(message)})
            continue
        said = words(message)
        if said and message.calls:
            said += "\n"  # ms-swift puts nothing between words and calls, hermes a line break
        said = thought(message.thinking) + said
        own = [{"role": "assistant", "content": said}] if said or not message.calls else []
        own += [{"role": "tool_call", "content": call_words(call)} for call in message.calls]
        weight = next(weights)
        heed: Json = {} if weight == 1 else {"loss_scale": weight} if weight else {"loss": False}
        turns += [turn | heed for turn in own]
    tools = json.dumps(render.tool_specs(trajectory.tools), ensure_ascii=False)
    return {"messages": turns, "tools": tools, "images": pictures.written(messages)}


def _conversation(line: Json, frames: dict[str, FrameRef]) -> Conversation:
    retold = Retold([frames[path] for path in line["images"]])
    for turn in line["messages"]:
        role, content = turn["role"], turn["content"]
        if role == "tool_call":
            retold.unbroken()
            retold.call(json.loads(content))
        elif role == "tool_response":
            retold.result(content)
        elif role == "assistant":
            retold.say(content)
        else:
            retold.add(Role(role), content)
    functions = [tool["function"] for tool in json.loads(line["tools"])]
    return Conversation(retold.messages, specs(functions))
