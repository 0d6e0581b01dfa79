"""The prompts that a policy is really given, step by step.

    python -m tests.training.prompts_served FOLDER

Runs under the Python that has vLLM, which need not be the one that runs the tests.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from playhead.core.policy import Sampling
from playhead.core.trajectory import Trajectory
from tests.models.policies.conversations import Shades
from tests.training.examples import everything, three_looks

CASES = {
    "everything": everything(),
    "nothing hidden": three_looks(None, None, None),
    "hidden": three_looks(None, (), (1,), (0, 1)),
}


def served(policy: Any, trajectory: Trajectory) -> list[tuple[int, ...]]:
    """The prompt of each step, as the policy made it."""

    async def ask() -> list[Any]:
        return await asyncio.gather(
            *(
                policy.reply(trajectory.messages(i), trajectory.tools, Sampling(max_tokens=1))
                for i in range(len(trajectory.steps))
            )
        )

    return [reply.tokens.prompt_ids for reply in asyncio.run(ask())]


def main(folder: str) -> None:
    """Write a tiny model, and what vLLM makes of all cases, as JSON."""
    from playhead.models.policies.vllm import VLLMPolicy
    from tests.models.policies.tiny import write_tiny

    home = write_tiny(Path(folder) / "model")
    engine: Any = {"max_model_len": 8192, "dtype": "float32", "enforce_eager": True}
    with VLLMPolicy(home, resolve=Shades(), **engine) as policy:
        prompts = {name: served(policy, case) for name, case in CASES.items()}
    (Path(folder) / "prompts.json").write_text(json.dumps(prompts))


if __name__ == "__main__":
    main(*sys.argv[1:])
