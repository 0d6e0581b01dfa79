"""A Hugging Face data set: whole conversations, whatever was shown or learned of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from playhead.core.trajectory import Trajectory
from playhead.models.eyes._local import require
from playhead.models.pictures import Resolve
from playhead.models.policies import render
from playhead.training.exports.pictures import png
from playhead.training.exports.turns import Json


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
        images = [{"bytes": png(picture)} for picture in resolve(frames)] if frames else []
        tools = render.tool_specs(trajectory.tools)
        rows.append({"id": trajectory.id, "messages": turns, "tools": tools, "images": images})
    features = datasets.Features(
        id=datasets.Value("string"),
        messages=datasets.Json(),
        tools=datasets.Json(),
        images=datasets.List(datasets.Image()),
    )
    return datasets.Dataset.from_list(rows, features=features)
