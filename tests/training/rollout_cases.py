"""Small worlds, policies that play a plan, and a tiny model that has learnt two plans.

Each plan looks at one half of a one-minute video and then answers. A model fine-tuned on both is
undecided between them: reinforcement learning has something to choose, and the tests something to
measure, within seconds.
"""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from playhead.agent.rollouts import collect
from playhead.agent.source import WorldSource
from playhead.core.budget import Budget
from playhead.core.message import Message, Role, TextPart
from playhead.core.policy import Reply, Sampling
from playhead.core.tools import Tool, ToolSpec
from playhead.core.trajectory import Task, Trajectory
from playhead.tools.toolset import find_tools
from playhead.worlds.dataset import create_dataset, to_task
from tests.agent.policies import answering, call, calling

BUDGET = Budget(turns=4, frames=16)
HALVES = ((0.0, 30.0), (30.0, 60.0))
STEPS = 70  # of fine-tuning


def world_tasks(num: int, *, family: str = "needle", seed: int = 3, **knobs: Any) -> list[Task]:
    """Questions about short, small worlds."""
    small = {"duration_ms": 60_000, "height": 180, "width": 224}
    return [to_task(entry) for entry in create_dataset(family, num, seed, **(small | knobs))]


def two_tools() -> tuple[Tool, ...]:
    """Look and answer: a short offer, for tiny models."""
    return find_tools(["look", "answer"])


class Halves:
    """Looks at one half of the video, then answers. Each task by the turns before it."""

    name = "halves"

    def __init__(self, half: int, value: str = "yes", num: int = 1) -> None:
        self.half, self.value, self.num = half, value, num
        self.samplings: list[Sampling] = []

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        self.samplings.append(sampling)
        if any(message.role is Role.TOOL for message in messages):
            return answering(self.value)
        start, end = HALVES[self.half]
        return calling(call("look", start_s=start, end_s=end, num=self.num))


def halves_played(tasks: Sequence[Task], source: WorldSource) -> list[Trajectory]:
    """Both plans for each task, through the real loop."""
    played: list[Trajectory] = []
    for half in (0, 1):
        policy = Halves(half)
        work = collect(tasks, policy, source, tools=two_tools(), budget=BUDGET)
        played += [record for group in asyncio.run(work) for record in group]
    return played


def second_half(trajectory: Trajectory) -> float | None:
    """A reward: 1 for a look at the second half, 0 for any other first call."""
    calls = [c for step in trajectory.steps for c in step.reply.calls]
    if not calls:
        return 0.0
    return float(calls[0].name == "look" and calls[0].arguments.get("start_s") == HALVES[1][0])


@cache
def learner() -> Path:
    """The folder of a tiny Qwen3-VL that plays both plans, as likely one as the other. Made once.

    Beside it, in `fresh`, is the same model before it learnt anything.
    """
    import torch

    from playhead.training.collate import Collator
    from playhead.training.parity import inputs_of
    from playhead.training.rows import Renderer, rows
    from tests.models.policies.tiny import write_tiny

    folder = Path(tempfile.mkdtemp(prefix="playhead-learner-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with WorldSource() as source:
        played = halves_played(world_tasks(1), source)
        write_tiny(folder / "bytes")
        _, plain = loaded(folder / "bytes")
        write_tiny(folder / "fresh", words=constants(plain, played))
        model, processor = loaded(folder / "fresh")
        renderer = Renderer(processor)
        examples = [rows(t, renderer, recorded=False)[0] for t in played]
        batch = Collator(processor, source.resolve)(examples)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, weight_decay=0.0)
    model.train()
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * min(1.0, (step + 1) / 10, (STEPS - step) / (0.4 * STEPS))
        logits = model(**inputs_of(batch, "cpu")).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), batch["labels"][:, 1:].flatten()
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder / "learnt")
    processor.save_pretrained(folder / "learnt")
    return folder / "learnt"


def loaded(folder: Path) -> tuple[Any, Any]:
    """A model and its processor."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    return AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True), processor


def constants(processor: Any, played: Sequence[Trajectory]) -> list[str]:
    """What these conversations say, a token for each piece: a model of bytes would read thousands.
    What the two plans differ in stays bytes."""
    from playhead.models.policies.local import Template

    text = Template(processor).prompt(played[0].messages(), played[0].tools).text
    system = text.split("<|im_start|>system\n")[1].split("<|im_end|>")[0]
    messages = [m for t in played for m in t.messages() if m.role in (Role.USER, Role.TOOL)]
    told = [part.text for m in messages for part in m.parts if isinstance(part, TextPart)]
    calls = [
        '{"name": "look", "arguments": {"start_s": ',
        ', "end_s": ',
        ', "num": 1}}',
        '{"name": "answer", "arguments": {"value": "yes", "evidence": []}}',
    ]
    return list(dict.fromkeys([system, *told, *calls]))
