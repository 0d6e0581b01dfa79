"""Real vLLM while a model learns: what it samples from is what is trained, also after updates.

As the tests of the policies: set PLAYHEAD_TEST_VLLM_PYTHON to the Python of an environment with
vLLM, TRL and Playhead. Without vLLM only what needs none is tested.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from playhead.training.engine import collapsed
from playhead.training.rows import Part, Row
from tests.models.policies.test_vllm import ENVIRONMENT, _wait, run
from tests.models.policies.test_vllm import python as python
from tests.pythons import ROOT


def row(*ids: int) -> Row:
    num = len(ids)
    return Row(
        ids=ids,
        parts=(Part.PICTURE,) * num,
        steps=(0,) * num,
        mask=(0,) * num,
        weights=(0.0,) * num,
        logprobs=(None,) * num,
        frames=(),
        trajectory="t",
        prompt=num,
    )


def test_a_picture_is_one_token_for_an_engine_that_makes_as_many_as_it_needs() -> None:
    assert collapsed(row(1, 9, 9, 9, 2, 9, 9, 3), 9) == [1, 9, 2, 9, 3]
    assert collapsed(row(9, 9, 1), 9) == [9, 1]
    assert collapsed(row(1, 2), 9) == [1, 2]


@pytest.mark.skipif(not find_spec("peft"), reason="needs peft")
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_adapters_are_merged_into_what_the_engine_gets_and_stay_apart_here(tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    from playhead.training.engine import save_weights
    from tests.models.policies.tiny import write_tiny
    from tests.training.rollout_cases import loaded

    model, processor = loaded(write_tiny(tmp_path / "tiny"))
    adapted: Any = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.copy_(0.1 * torch.randn_like(weight))
    ids = torch.tensor([processor.tokenizer.encode("hello there")])
    expected = adapted(input_ids=ids).logits
    save_weights(adapted, tmp_path / "merged")
    processor.save_pretrained(tmp_path / "merged")
    merged, _ = loaded(tmp_path / "merged")
    plain, _ = loaded(tmp_path / "tiny")
    assert torch.allclose(merged(input_ids=ids).logits, expected, atol=1e-4)
    assert torch.allclose(adapted(input_ids=ids).logits, expected, atol=1e-4)
    assert not torch.allclose(plain(input_ids=ids).logits, expected, atol=1e-2)


def test_an_output_layer_stands_by_itself_once_untied(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import torch

    from playhead.training.engine import untie
    from tests.models.policies.tiny import write_tiny
    from tests.training.rollout_cases import loaded

    tied, processor = loaded(write_tiny(tmp_path / "tiny"))
    ids = torch.tensor([processor.tokenizer.encode("hello there")])
    for _ in range(2):  # the second time there is nothing left to do
        untie(tmp_path / "tiny")
        model, _ = loaded(tmp_path / "tiny")
        embedding = model.get_input_embeddings().weight
        assert model.lm_head.weight is not embedding
        assert torch.equal(model.lm_head.weight, embedding)
        assert torch.equal(model(input_ids=ids).logits, tied(input_ids=ids).logits)


def check_updates(told: dict[str, Any]) -> None:
    """The engine samples from the model it was given last: encoded pictures, and output layer."""
    assert told["gap"] < 1e-4
    for part in ("vision", "output"):
        assert told[f"{part}_before"] > 0.01  # else nothing would be tested
        assert told[f"{part}_after"] < 1e-4


@pytest.mark.slow
def test_it_learns_with_the_engine_in_this_process(python: str, tmp_path: Path) -> None:
    out = tmp_path / "own.json"
    run(python, "-m", "tests.training.vllm_run", "own", str(out))
    told = json.loads(out.read_text())
    check_updates(told)
    assert told["gate"] < 1e-3
    assert len(told["steps"]) == 3
    assert all(step["gap"] < 1e-4 for step in told["steps"])
    assert all(step["calls"] > 0.5 for step in told["steps"])
    assert told["teacher"] < 1e-3


@pytest.mark.slow
def test_a_server_takes_new_weights_from_a_folder(python: str, tmp_path: Path) -> None:
    folder, out, log = tmp_path / "learner", tmp_path / "served.json", tmp_path / "log.txt"
    run(python, "-m", "tests.training.vllm_run", "learner", str(folder))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = f"""-m vllm.entrypoints.openai.api_server --model {folder} --host 127.0.0.1
        --port {port} --max-model-len 2048 --dtype float32 --enforce-eager
        --logprobs-mode processed_logprobs --generation-config vllm
        --enable-auto-tool-choice --tool-call-parser hermes"""
    with log.open("w") as file:
        server = subprocess.Popen(
            [python, *command.split()],
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT, "VLLM_SERVER_DEV_MODE": "1"},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(server, f"http://127.0.0.1:{port}/health", log)
        url = f"http://127.0.0.1:{port}/v1"
        run(python, "-m", "tests.training.vllm_run", "served", str(out), url, str(folder))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)
    check_updates(json.loads(out.read_text()))
