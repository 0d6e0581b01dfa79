"""Answers the shared turns with the models of this process, and writes the replies as JSON.

    python -m tests.models.policies.local_minds FOLDER OUT

Runs under the Python that has vLLM, which need not be the one that runs the tests. It also checks
what only a test inside that Python can: calls by grammar, and many callers at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from playhead.core.policy import Policy, Reply, Sampling
from playhead.models.policies.transformers import TransformersPolicy
from playhead.models.policies.vllm import VLLMPolicy
from tests.models.policies.conversations import JUMP, SEARCH, Shades, conversation, turns

ENGINE = {"max_model_len": 8192, "dtype": "float32", "enforce_eager": True}


async def answer(policy: Policy) -> dict[str, Any]:
    """The replies to all shared turns, asked at once."""
    asked = turns()
    replies = await asyncio.gather(
        *(policy.reply(said, tools, Sampling(**how)) for said, tools, how in asked.values())
    )
    return dict(zip(asked, (json.loads(reply.to_json()) for reply in replies), strict=True))


async def forced(policy: Policy) -> list[Any]:
    """Calls that must come, drawn at random."""
    replies: list[Reply] = await asyncio.gather(
        *(
            policy.reply(
                conversation(),
                (JUMP, SEARCH),
                Sampling(tool_choice=choice, temperature=1.0, seed=seed, max_tokens=400),
            )
            for choice in ("jump", "required")
            for seed in range(4)
        )
    )
    return [json.loads(reply.to_json()) for reply in replies]


def main(folder: str, out: str) -> None:
    """Ask both, one after the other."""
    told: dict[str, Any] = {}
    model = TransformersPolicy(folder, resolve=Shades(), dtype="float32")
    told["transformers"] = asyncio.run(answer(model))
    model.close()
    with VLLMPolicy(folder, resolve=Shades(), **ENGINE) as engine:
        told["vllm"] = asyncio.run(answer(engine))
        told["forced"] = asyncio.run(forced(engine))
    Path(out).write_text(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
