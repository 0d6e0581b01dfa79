"""A receipt: what an answer rests on, so that it can be disputed and settled.

It names every picture that the policy was shown with a hash of its pixels, the prompt, the versions
and the cost. Whoever has the video can decode the same pictures again and compare.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from playhead.core.media import FrameRef
from playhead.core.message import PicturePart
from playhead.core.trajectory import Step, Trajectory
from playhead.tools.context import ToolContext


def shown_in(steps: Iterable[Step]) -> list[FrameRef]:
    """The pictures that tools have shown, in order, each as often as it was shown."""
    return [
        part.frame
        for step in steps
        for observation in step.observations
        for part in observation.parts
        if isinstance(part, PicturePart)
    ]


def receipt(trajectory: Trajectory, ctx: ToolContext) -> dict[str, Any]:
    """What to keep beside an answer, as JSON values.

    Raises:
        VideoError: A picture that was shown cannot be read again.
    """
    distinct = list(dict.fromkeys(shown_in(trajectory.steps)))
    hashes = [hashlib.sha256(picture.tobytes()).hexdigest() for picture in ctx.resolve(distinct)]
    return {
        "trajectory": trajectory.id,
        "question": trajectory.task.question,
        "answer": None if trajectory.answer is None else trajectory.answer.text,
        "stop": trajectory.stop.value,
        "videos": list(trajectory.task.video_ids),
        "policy": trajectory.policy,
        "prompt_hash": trajectory.prompt_hash,
        "versions": trajectory.versions,
        "cost": trajectory.cost.model_dump(mode="json"),
        "frames": [
            ref.model_dump(mode="json", exclude_none=True) | {"sha256": digest}
            for ref, digest in zip(distinct, hashes, strict=True)
        ],
    }


def write_receipt(folder: Path, trajectory: Trajectory, ctx: ToolContext) -> Path:
    """Write the receipt of an answer into `folder`, and say where."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{trajectory.id}.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(receipt(trajectory, ctx), ensure_ascii=False, indent=1))
    part.replace(path)
    return path
