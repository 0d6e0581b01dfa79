"""lmms-eval, the real one: it finds the model, sends it films by their paths, and keeps the score.

Set PLAYHEAD_TEST_LMMS_EVAL_PYTHON to the Python of an environment with lmms-eval and Playhead.
"""

from __future__ import annotations

import json

import pytest

from playhead.core.span import Span
from playhead.core.store import TrajectoryStore
from tests.evaluation.harnesses.conftest import Films

pytestmark = pytest.mark.slow

TASK = """
task: films
dataset_path: json
dataset_kwargs:
  data_files:
    test: {rows}
test_split: test
output_type: generate_until
doc_to_visual: !function films.visual
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs:
  max_new_tokens: 16
process_results: !function films.score
metric_list:
  - metric: right
    aggregation: mean
    higher_is_better: true
"""
FUNCTIONS = """
def visual(row):
    return [{"type": "video", "path": row["video"], "video_start": 0.0, "video_end": 60.0}]


def score(row, said):
    return {"right": float(said[0] == row["answer"])}
"""


def test_a_task_of_lmms_eval_runs_through_the_agent(films: Films) -> None:
    python = films.python("PLAYHEAD_TEST_LMMS_EVAL_PYTHON", "lmms_eval")
    gone = {**films.rows[0], "question": "What was there?", "video": str(films.folder / "gone.mp4")}
    rows = films.folder / "lmms.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in [*films.rows, gone]))
    tasks = films.folder / "tasks"
    tasks.mkdir()
    (tasks / "films.yaml").write_text(TASK.format(rows=rows))
    (tasks / "films.py").write_text(FUNCTIONS)
    films.run(
        *(python, "-m", "lmms_eval", "--model", "playhead"),
        *("--model_args", "model=oracle,effort=normal,strategy=seek,folder=kept-lmms"),
        *("--tasks", "films", "--include_path", "tasks"),
        *("--output_path", "out", "--log_samples"),
    )
    (result,) = (films.folder / "out").rglob("*_results.json")
    assert json.loads(result.read_text())["results"]["films"]["right,none"] == 0.75
    (samples,) = (films.folder / "out").rglob("*_samples_films.jsonl")
    said = [json.loads(line)["filtered_resps"] for line in samples.read_text().splitlines()]
    assert said[:3] == [row["answer"] for row in films.rows]
    assert said[3].startswith("[LMMS_EVAL_REQUEST_FAILED]")
    records = list(TrajectoryStore(films.folder / "kept-lmms" / "attempts.jsonl"))
    assert {record.task.question for record in records} == {row["question"] for row in films.rows}
    assert {record.task.within for record in records} == {Span(start=0.0, end=60.0)}
    calls = [
        {call.name for step in record.steps for call in step.reply.calls} for record in records
    ]
    assert all("look" in names for names in calls)
