from __future__ import annotations

import json

import pytest

from playhead.training.guard import GateFailed, over_calling, promote, regression, tool_harm
from tests.evaluation.test_paired import attempted, right


def run(scores):
    return [attempted(f"q{i}", score) for i, score in enumerate(scores)]


def test_tools_that_make_it_worse_do_not_pass():
    good, bad = run([1.0] * 30 + [0.0] * 10), run([1.0] * 29 + [0.0] * 11)
    assert tool_harm(bad, good, right).passed
    assert tool_harm(good, good, right).passed
    harmed = tool_harm(good, bad, right)
    assert not harmed.passed
    assert harmed.measured == pytest.approx(-1 / 40)
    assert tool_harm(good, bad, right, tolerance=0.03).passed


def test_what_could_not_be_judged_did_not_pass():
    few = regression("images", run([1.0] * 29), run([1.0] * 29), right)
    assert (few.passed, few.measured, few.num) == (False, None, 29)
    unjudged = run([None] * 40)
    assert not regression("images", unjudged, unjudged, right).passed
    assert not over_calling(unjudged, right).passed


def test_over_calling_is_a_share_of_the_controls():
    assert over_calling(run([0.0] * 36 + [1.0] * 4), right).passed
    assert not over_calling(run([0.0] * 35 + [1.0] * 5), right).passed


def test_a_checkpoint_that_fails_is_not_promoted(tmp_path):
    new, served = tmp_path / "checkpoint-4", tmp_path / "models" / "seeker"
    new.mkdir()
    (new / "weights").write_text("new")
    served.mkdir(parents=True)
    (served / "weights").write_text("old")
    passes, fails = run([1.0] * 40), run([0.0] * 40)
    with pytest.raises(GateFailed, match=r"tool harm: 1\.000 before, 0\.000 after"):
        promote(new, served, [tool_harm(passes, fails, right)])
    with pytest.raises(GateFailed, match="no gate"):
        promote(new, served, [])
    assert (served / "weights").read_text() == "old"

    gates = [tool_harm(fails, passes, right), over_calling(fails, right)]
    assert promote(new, served, gates) == served
    assert (served / "weights").read_text() == "new"
    assert (served.with_name("seeker.before") / "weights").read_text() == "old"
    told = json.loads((served / "gates.json").read_text())
    assert [gate["name"] for gate in told] == ["tool harm", "over-calling"]
    assert (new / "weights").read_text() == "new"
