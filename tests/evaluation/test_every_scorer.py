"""What holds for all scorers: bounds, never raising, the same twice, deaf to the prompt."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from playhead.core import Trajectory
from playhead.core.errors import NoSuchPlugin
from playhead.evaluation.scorers import find_scorer, scorer_names
from playhead.evaluation.scorers.conduct import control
from playhead.testing import check_scorer
from tests.evaluation.records import look, record, seen, spans, task
from tests.strategies import trajectories

NAMES = [name for name in scorer_names() if not name.startswith("cost.")]
SIGNED = ("diou", "kendall_tau")
JUDGEABLE = (
    record(look(10, 14), cites=[seen(10, 14)], task=task(spans=spans((10, 14))), confidence=0.5),
    record(answer="10-14", task=task([[10.0, 14.0]], spans=spans((10, 14)))),
    record(answer="a1, b2", task=task(["b2", "a1"])),
    record(answer="7", task=task(7), scores={"judge": 0.5}),
    record(answer="B", task=task("red", options=("blue", "red"))),
    record(answer="no", task=task(False)),
    record(look(0, 9), task=control(task())),
)


@pytest.mark.parametrize("name", NAMES)
def test_scorers_pass_their_kit(name: str):
    check_scorer(find_scorer(name), *JUDGEABLE, low=-1.0 if name in SIGNED else 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_each_can_judge_something(name: str):
    assert any(find_scorer(name)(trajectory) is not None for trajectory in JUDGEABLE)


@given(trajectories())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_record_makes_a_scorer_raise(trajectory: Trajectory):
    for name in scorer_names():
        score = find_scorer(name)(trajectory)
        assert score is None or score == score


def test_an_unknown_scorer_is_named():
    with pytest.raises(NoSuchPlugin, match="acuracy"):
        find_scorer("acuracy")


def test_the_kit_has_teeth():
    def reads_the_prompt(trajectory: Trajectory) -> float | None:
        return float("<answer>" in trajectory.system)

    def punishes_the_disk(trajectory: Trajectory) -> float | None:
        return 0.0

    def raises(trajectory: Trajectory) -> float | None:
        assert trajectory.answer is not None
        return float(trajectory.answer.text[0] == "A")

    for scorer, why in (
        (reads_the_prompt, "told"),
        (punishes_the_disk, "disk"),
        (raises, "raised"),
        (lambda trajectory: 2.0, "lies in"),
    ):
        with pytest.raises(AssertionError, match=why):
            check_scorer(scorer, record())
