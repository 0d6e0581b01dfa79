"""Rendered rows against what is served: a model in this process, real templates, and vLLM."""

from __future__ import annotations

import asyncio
import importlib.resources
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from playhead.core.policy import Sampling
from playhead.core.trajectory import Trajectory
from playhead.training.rows import Renderer, Row, rows
from tests.models.policies.conversations import Shades
from tests.pythons import run
from tests.training.examples import everything, three_looks
from tests.training.prompts_served import CASES, served

for library in ("torch", "torchvision", "transformers"):
    pytest.importorskip(library)


def check(made: list[Row], prompts: list[tuple[int, ...]]) -> None:
    """Each written turn comes after the prompt that was served for it."""
    checked: set[int] = set()
    for row in made:
        for i in range(1, len(row)):
            if row.mask[i] and not row.mask[i - 1]:
                assert row.ids[:i] == tuple(prompts[row.steps[i]])
                checked.add(row.steps[i])
    assert len(checked) >= len(prompts) - 1  # a turn that cannot be read is not trained on


@pytest.mark.parametrize("name", CASES)
def test_rows_are_what_a_model_in_this_process_is_given(tiny: tuple[Any, Any], name: str) -> None:
    from playhead.models.policies.transformers import TransformersPolicy

    policy = TransformersPolicy(tiny, resolve=Shades())
    try:
        check(rows(CASES[name], Renderer(tiny[1])), served(policy, CASES[name]))
    finally:
        policy.close()


def test_a_sampled_turn_that_is_rendered_again_is_itself(tiny: tuple[Any, Any]) -> None:
    """A reply in plain words, sampled, has the tokens that rendering gives it."""
    from playhead.models.policies.transformers import TransformersPolicy

    policy = TransformersPolicy(tiny, resolve=Shades())
    trajectory = everything()
    try:
        choice = Sampling(choices=("the red one",))
        reply = asyncio.run(policy.reply(trajectory.messages(1), trajectory.tools, choice))
    finally:
        policy.close()
    step = trajectory.steps[1].replace(reply=reply, observations=())
    sampled = trajectory.replace(steps=(step.replace(shown=None),))
    whole = sampled.replace(steps=(trajectory.steps[0], *sampled.steps))
    (recorded,) = rows(whole, Renderer(tiny[1]))
    (rendered,) = rows(whole, Renderer(tiny[1]), recorded=False)
    assert recorded.ids == rendered.ids
    assert recorded.parts[recorded.prompt :] == rendered.parts[recorded.prompt :]
    assert {s for s, m in zip(recorded.steps, recorded.mask, strict=True) if m} == {1}


@pytest.mark.parametrize(
    "template",
    ["qwen3_vl", "qwen2_5_vl", "qwen2_5", "qwen3", "qwen3_instruct_2507", "qwen3_5_think"],
)
def test_rows_are_what_published_templates_show(tiny: tuple[Any, Any], template: str) -> None:
    """The templates are those that TRL ships; one that shows no pictures is tried without."""
    pytest.importorskip("trl")
    from playhead.models.policies.transformers import TransformersPolicy

    file = importlib.resources.files("trl") / "chat_templates" / f"{template}.jinja"
    model, processor = tiny
    processor.chat_template = file.read_text()
    has_pictures = "vl" in template or "3_5" in template
    trajectory = three_looks(None, None) if has_pictures else bare(three_looks(None, None))
    policy = TransformersPolicy((model, processor), resolve=Shades())
    try:
        check(rows(trajectory, Renderer(processor)), served(policy, trajectory))
    finally:
        policy.close()


def bare(trajectory: Trajectory) -> Trajectory:
    """Without pictures."""
    steps = [
        s.replace(observations=tuple(o.replace(parts=o.parts[:1]) for o in s.observations))
        for s in trajectory.steps
    ]
    return trajectory.replace(steps=tuple(steps))


def test_a_processor_that_makes_other_ids_is_found_out(tiny: tuple[Any, Any]) -> None:
    _, processor = tiny

    class Other(type(processor)):  # adds a token that no template shows
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            made = super().__call__(*args, **kwargs)
            made["input_ids"] = [[7, *ids] for ids in made["input_ids"]]
            return made

    processor.__class__ = Other
    with pytest.raises(ValueError, match="would not be what is served"):
        rows(everything(), Renderer(processor))


@pytest.mark.slow
def test_rows_are_what_vllm_is_given(tmp_path: Path) -> None:
    python = os.environ.get("PLAYHEAD_TEST_VLLM_PYTHON")
    if python is None and find_spec("vllm") is None:
        pytest.skip("no vLLM: set PLAYHEAD_TEST_VLLM_PYTHON to a Python that has it")
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2", "VLLM_CPU_KVCACHE_SPACE": "1"}
    environment |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_NO_USAGE_STATS": "1"}
    served = ("-m", "tests.training.prompts_served", str(tmp_path))
    run(python or sys.executable, *served, **environment)
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(tmp_path / "model", local_files_only=True)
    prompts = json.loads((tmp_path / "prompts.json").read_text())
    for name, trajectory in CASES.items():
        check(rows(trajectory, Renderer(processor)), prompts[name])
