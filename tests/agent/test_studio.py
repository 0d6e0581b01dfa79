"""The graph that LangGraph's own server loads, loaded as it does: by `langgraph.json`."""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from playhead.core.trajectory import Answer, Trajectory
from tests.agent.conftest import Films

ROOT = Path(__file__).parents[2]
QUESTION = {"question": "Where has the miller hidden his key?", "model": "rules"}


@pytest.fixture
def graph(films: Films, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PLAYHEAD_LIBRARY", str(films.library.folder))
    where = json.loads((ROOT / "langgraph.json").read_text())["graphs"]["playhead"]
    path, _, name = where.partition(":")
    spec = spec_from_file_location("loaded_by_langgraph", ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return getattr(module, name)()


def test_it_answers_with_plain_json(films: Films, graph: Any):
    asked = QUESTION | {"videos": ["demo.mp4"], "effort": "quick"}
    out = films.loop.run_until_complete(graph.ainvoke(asked))
    assert set(out) == {"answer", "cost", "trajectory"}
    json.dumps(out)
    answer = Answer.model_validate(out["answer"])
    assert "bridge" in answer.text
    record = Trajectory.model_validate(out["trajectory"])
    assert record.task.video_ids == (films.demo,)
    assert record.budget.turns == 4
    assert out["cost"] == record.cost.model_dump(mode="json")


def test_its_steps_are_seen_as_a_sub_graph(films: Films, graph: Any):
    async def seen() -> list[tuple[int, str]]:
        parts = graph.astream(QUESTION, stream_mode="updates", subgraphs=True)
        return [(len(where), name) async for where, part in parts for name in part]

    names = films.loop.run_until_complete(seen())
    assert names[0] == (1, "think")
    assert (1, "act") in names
    assert names[-2:] == [(1, "finish"), (0, "attempt")]


def test_it_runs_under_a_checkpointer_of_the_platforms(films: Films, graph: Any):
    from langgraph.checkpoint.memory import InMemorySaver

    kept = graph.builder.compile(checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "t"}}
    films.loop.run_until_complete(kept.ainvoke(QUESTION, thread))
    state = films.loop.run_until_complete(kept.aget_state(thread))
    assert "bridge" in state.values["answer"]["text"]
    namespaces = {c.config["configurable"]["checkpoint_ns"] for c in kept.checkpointer.list(None)}
    assert namespaces == {""}, "the platform keeps nothing of what goes on inside"
