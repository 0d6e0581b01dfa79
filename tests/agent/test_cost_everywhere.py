"""One ledger: what a question has cost is the same number wherever it is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playhead import Library, Session
from playhead.agent.store import SessionStore
from playhead.core import Author, Usage
from playhead.memory.recipe import MemoryRecipe
from tests.agent.conftest import Films
from tests.agent.policies import Planner, call, calling

USAGE = Usage(input_tokens=700, output_tokens=30, dollars=0.002)


def policy() -> Planner:
    looks = calling(call("look", start_s=2, end_s=6, num=3), call("transcript"), usage=USAGE)
    return Planner(looks, calling(call("answer", value="a ball", evidence=[]), usage=USAGE))


@pytest.mark.parametrize("strategy", ["seek", "direct", "sparse_to_dense"])
def test_the_last_event_the_record_and_the_receipt_agree(films: Films, strategy: str):
    how = {"videos": [films.demo], "model": policy(), "strategy": strategy, "verify": False}
    with Session(films.library, **how) as session:  # type: ignore[arg-type]
        *_, last = session.stream("What bounces?")
        (question,) = session.questions()
    record = question.trajectory
    assert record is not None
    assert record.cost.turns > 0
    assert last.cost == record.cost
    receipt = json.loads((films.library.folder / "receipts" / f"{record.id}.json").read_text())
    assert receipt["cost"] == record.cost.model_dump(mode="json")
    shown = sum(seen.cost.frames for step in record.steps for seen in step.observations)
    assert record.cost.frames == shown
    assert record.cost.turns == sum(step.reply.author == Author.POLICY for step in record.steps)
    tokens = sum(step.reply.usage.input_tokens for step in record.steps)
    assert record.cost.input_tokens == tokens


@pytest.mark.slow
def test_the_command_line_tells_what_the_record_says(films: Films, tmp_path: Path):
    folder = tmp_path / "library"
    with Library(folder, recipe=MemoryRecipe(late_eyes=())) as library:
        library.add(films.paths["demo"])
        library.wait()
    ask = ["ask", "Where has the miller hidden his key?", "--model", "rules", "--json"]
    command = [sys.executable, "-m", "playhead", *ask, "--library", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    store = SessionStore(folder / "sessions.sqlite")
    (question,) = store.questions(told["session"])
    store.close()
    assert question.trajectory is not None
    cost = question.trajectory.cost
    assert told["cost"] == cost.model_dump(mode="json")
    summary = f"{cost.turns} turns, {cost.calls} calls, {cost.frames} pictures, "
    assert summary + f"{cost.visual_tokens} visual tokens, {cost.seconds:.1f} s" in done.stderr
