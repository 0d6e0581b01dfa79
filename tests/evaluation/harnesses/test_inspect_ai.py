"""inspect-ai, the real one: the agent answers a data set, and the log stays small.

Set PLAYHEAD_TEST_INSPECT_PYTHON to the Python of an environment with inspect-ai and Playhead.
"""

from __future__ import annotations

import json

import pytest

from playhead.core.store import TrajectoryStore
from playhead.video.demo import write_demo
from tests.evaluation.harnesses.conftest import Films

pytestmark = pytest.mark.slow

RUN = """
import json
import sys

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes

from playhead.evaluation.harnesses.inspect_ai import playhead, tiou

samples = [Sample(**row) for row in json.load(open(sys.argv[1]))]
(log,) = eval(
    Task(samples, solver=playhead(model="rules", effort="quick", folder="kept-inspect"),
         scorer=[includes(), tiou()]),
    model=None, fail_on_error=False, log_dir="logs", display="none",
)
told = [
    {
        "error": sample.error and sample.error.message,
        "scores": {name: score.value for name, score in (sample.scores or {}).items()},
        "store": sample.store,
        "answer": sample.output.completion,
    }
    for sample in log.samples
]
means = {score.name: score.metrics["mean"].value for score in log.results.scores
         if "mean" in score.metrics}
json.dump({"status": log.status, "samples": told, "means": means}, open("told.json", "w"))
"""


def test_the_agent_answers_a_data_set_of_inspect_ai(films: Films) -> None:
    python = films.python("PLAYHEAD_TEST_INSPECT_PYTHON", "inspect_ai")
    scenes = write_demo(films.folder / "demo.mp4")
    (told,) = [scene for scene in scenes if "key" in scene.line]
    where = {"videos": [str(films.folder / "demo.mp4")], "spans": [[told.start_s, told.end_s]]}
    rows = [
        {"input": "Where has the miller hidden his key?", "target": "bridge", "metadata": where},
        {"input": "What is said?", "target": "?", "metadata": {**where, "videos": ["gone.mp4"]}},
    ]
    (films.folder / "rows.json").write_text(json.dumps(rows))
    (films.folder / "run.py").write_text(RUN)
    films.run(python, "run.py", "rows.json")
    told_of = json.loads((films.folder / "told.json").read_text())
    answered, failed = told_of["samples"]
    assert answered["error"] is None
    assert answered["scores"]["includes"] == "C"
    assert answered["scores"]["tiou"] > 0.4
    assert told_of["means"]["tiou"] == answered["scores"]["tiou"]
    assert answered["store"]["cited"]
    assert "gone.mp4" in failed["error"]
    assert failed["scores"] == {}
    assert sum(path.stat().st_size for path in (films.folder / "logs").iterdir()) < 1_000_000
    (record,) = TrajectoryStore(films.folder / "kept-inspect" / "attempts.jsonl")
    assert record.id == answered["store"]["record"]
