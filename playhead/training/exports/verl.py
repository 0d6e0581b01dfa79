"""verl, multi-turn SFT: the turns of a conversation as one model's template shows them.

verl renders each message with the model's own template, and its nested `tools` column has the
trouble with nulls, so it is given text and not calls: what it trains on is then token for token
what is served. Thoughts that the template does not show again are no part of that, and verl would
train the turn without them: such trajectories are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from playhead.core.trajectory import Trajectory
from playhead.models.eyes._local import require
from playhead.models.pictures import Resolve
from playhead.models.policies import render
from playhead.training.exports.fitting import Exported, fitting
from playhead.training.exports.pictures import png
from playhead.training.exports.turns import IMAGE, Json, calm, told
from playhead.training.rows import Renderer


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
    for trajectory in fitting(trajectories, exported, may_skip=False):
        turns = renderer.turns(trajectory.messages(), trajectory.tools)
        own = [i for i, turn in enumerate(turns) if turn.role == renderer.marks.role]
        thoughts = [render.harmless(step.reply.thinking) for step in trajectory.steps]
        if any(t not in turns[i].text for i, t in zip(own, thoughts, strict=True)):
            exported.num -= 1
            exported.left_out["thoughts not shown again"] += 1
            continue
        frames = render.pictures(told(trajectory))
        mark = renderer.picture_mark if frames else renderer.mark
        shown = [
            {"role": turn.role, "content": calm(turn.text).replace(mark, IMAGE)}
            for turn in turns[: own[-1] + 1]
        ]
        images = [{"bytes": png(picture)} for picture in resolve(frames)] if frames else []
        rows.append({"messages": shown, "images": images})
    exported.path.parent.mkdir(parents=True, exist_ok=True)
    text = datasets.Value("string")
    features = datasets.Features(
        messages=datasets.List({"role": text, "content": text}),
        images=datasets.List(datasets.Image()),
    )
    datasets.Dataset.from_list(rows, features=features).to_parquet(exported.path)
    return exported
