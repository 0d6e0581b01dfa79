# ruff: noqa: E402
"""The loop inside verl's own types, in the environment that verl wants (its pins are its own)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

for library in ("verl", "torchvision"):
    pytest.importorskip(library)

import pyarrow.parquet as pq
import torch
from omegaconf import OmegaConf
from transformers import AutoProcessor
from verl.experimental.agent_loop.agent_loop import AgentLoopWorker, DictConfigWrap
from verl.workers.rollout.replica import TokenOutput

from playhead.agent.source import WorldSource
from playhead.core import Budget, Task
from playhead.tools.toolset import find_tools
from playhead.training import verl as ours
from tests.models.policies.tiny import write_tiny
from tests.training.rollout_cases import world_tasks

LOOK = (
    '<tool_call>\n{"name": "look", "arguments": {"start_s": 10.0, "end_s": 20.0, "num": 2}}\n'
    "</tool_call><|im_end|>"
)
ANSWER = (
    '<tool_call>\n{"name": "answer", "arguments": {"value": "ACD", "evidence": []}}\n'
    "</tool_call><|im_end|>"
)
WORTH: list[float | None] = [0.5]


class Server:
    """Says what it was told to, and keeps what it was asked."""

    def __init__(self, processor: Any, turns: list[str]) -> None:
        self._turns = [processor.tokenizer.encode(t, add_special_tokens=False) for t in turns]
        self.asked: list[dict[str, Any]] = []

    async def generate(self, **asked: Any) -> TokenOutput:
        said = self._turns[len(self.asked)]
        self.asked.append(asked)
        return TokenOutput(token_ids=said, log_probs=[-0.25] * len(said))


@pytest.fixture(scope="module")
def processor(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return AutoProcessor.from_pretrained(
        write_tiny(tmp_path_factory.mktemp("models") / "tiny", "qwen3_vl")
    )


@pytest.fixture(scope="module")
def source() -> Iterator[WorldSource]:
    with WorldSource() as source:
        yield source


def setup() -> ours.Setup:
    return ours.Setup(
        source=_SOURCES[0],
        tools=find_tools(["look", "answer"]),
        reward=lambda trajectory: WORTH[0],
        budget=Budget(turns=4),
    )


_SOURCES: list[WorldSource] = []


def roll(
    processor: Any, source: WorldSource, turns: list[str], task: Task, response_length: int = 4096
) -> tuple[Any, Server]:
    _SOURCES[:] = [source]
    ours._made.cache_clear()
    rollout = {"name": "vllm", "prompt_length": 8192, "response_length": response_length}
    config = OmegaConf.create({"actor_rollout_ref": {"rollout": rollout}, "data": {}})
    server = Server(processor, turns)

    async def run() -> Any:
        loop = ours.PlayheadAgentLoop(
            trainer_config=DictConfigWrap(config),
            server_manager=server,
            tokenizer=processor.tokenizer,
            processor=processor,
            dataset_cls=SimpleNamespace,
            data_config=DictConfigWrap(config.data),
            hf_model_type="qwen3_vl",
            setup="tests.training.test_verl:setup",
        )
        return await loop.run(
            {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "logprobs": True},
            extra_info={"task": task.to_json()},
            raw_prompt=[],
        )

    return asyncio.run(run()), server


def test_verl_gets_what_was_sampled_and_the_pictures_of_tools(
    processor: Any, source: WorldSource
) -> None:
    (task,) = world_tasks(1)
    output, server = roll(processor, source, [LOOK, ANSWER], task)
    said = [id_ for id_, bit in zip(output.response_ids, output.response_mask, strict=True) if bit]
    encode = processor.tokenizer.encode
    assert said == [
        id_ for turn in (LOOK, ANSWER) for id_ in encode(turn, add_special_tokens=False)
    ]
    second = server.asked[1]
    assert (
        second["prompt_ids"]
        == (output.prompt_ids + output.response_ids)[: len(second["prompt_ids"])]
    )
    assert len({asked["request_id"] for asked in server.asked}) == 1
    assert len(output.multi_modal_data["images"]) == len(second["image_data"]) == 2
    assert [value for value in output.response_logprobs if value] == [-0.25] * len(said)

    row = output.as_dict()
    assert row["rm_scores"][-1] == 0.5
    ids = torch.cat([row["prompts"], row["responses"]])[None]
    worker = SimpleNamespace(
        processor=processor, tokenizer=processor.tokenizer, _get_mm_processor_kwargs=lambda _: {}
    )
    seen = AgentLoopWorker._compute_multi_modal_inputs(worker, output, ids)
    pads = int((ids == processor.image_token_id).sum())
    assert len(seen["image_grid_thw"]) == 2
    assert int(seen["image_grid_thw"].prod(dim=1).sum()) // 4 == pads > 0


def test_what_nobody_can_be_judged_by_teaches_nothing(
    processor: Any, source: WorldSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.training.test_verl.WORTH", [None])
    (task,) = world_tasks(1)
    output, _ = roll(processor, source, [ANSWER], task)
    assert not any(output.response_mask)
    assert output.reward_score == 0.0
    assert output.extra_fields["is_judged"] is False


def test_what_verl_has_no_room_for_ends_before_a_step(processor: Any, source: WorldSource) -> None:
    (task,) = world_tasks(1)
    whole, _ = roll(processor, source, [LOOK, LOOK.replace("10.0", "12.0"), ANSWER], task)
    room = len(whole.response_ids) - 1
    cut, _ = roll(processor, source, [LOOK, LOOK.replace("10.0", "12.0"), ANSWER], task, room)
    assert len(cut.response_ids) <= room
    assert whole.response_ids[: len(cut.response_ids)] == cut.response_ids
    pads = [i == processor.image_token_id for i in cut.response_ids]
    num = sum(pad and not before for pad, before in zip(pads[1:], pads, strict=False))
    assert len(cut.multi_modal_data["images"]) == num


def test_tasks_travel_whole(tmp_path: Any) -> None:
    tasks = world_tasks(3)
    assert ours.write_tasks(tmp_path / "data" / "tasks.parquet", tasks) == 3
    table = pq.read_table(tmp_path / "data" / "tasks.parquet").to_pylist()
    assert [Task.from_json(line["extra_info"]["task"]) for line in table] == tasks
    assert {line["agent_name"] for line in table} == {"playhead"}
