"""Pairs: two attempts at one task, compared only where they can be."""

from __future__ import annotations

from typing import Any

from playhead.core.policy import Reply
from playhead.core.trajectory import Trajectory
from playhead.training.preference import Pair, forked, ranked
from playhead.training.rows import Renderer, rows
from tests.training.examples import look, three_looks
from tests.training.plain import PlainProcessor

RENDERER = Renderer(PlainProcessor())


def attempts() -> list[Trajectory]:
    """Three attempts at one task: they part ways at the second turn, in the call or the weight."""
    base = three_looks(None, None, None)
    other = base.steps[1].replace(reply=base.steps[1].reply.replace(calls=(look("c1", 7.0),)))
    good = base.replace(id="good", scores={"worth": 1.0})
    bad = base.replace(id="bad", steps=(base.steps[0], other, base.steps[2]), scores={"worth": 0.0})
    return [good, bad, base.replace(id="unknown", scores={"worth": None})]


def worth(trajectory: Trajectory) -> float | None:
    return trajectory.scores["worth"]


def pair() -> Pair:
    (found,) = ranked(attempts(), worth, RENDERER)
    return found


def test_the_better_attempt_is_chosen_and_what_cannot_be_judged_is_left_out() -> None:
    found = pair()
    assert (found.chosen.trajectory, found.rejected.trajectory) == ("good", "bad")
    assert ranked(attempts()[:1], worth, RENDERER) == []
    assert ranked(attempts(), worth, RENDERER, margin=1.0) == []
    tie = [t.replace(scores={"worth": 0.5}) for t in attempts()]
    assert ranked(tie, worth, RENDERER) == []


def test_only_attempts_at_one_task_from_one_prompt_are_compared() -> None:
    good, bad, _ = attempts()
    elsewhere = bad.replace(task=bad.task.replace(id="other"))
    assert ranked([good, elsewhere], worth, RENDERER) == []
    assert ranked([good, bad.replace(system="Be brief.")], worth, RENDERER) == []
    hidden = bad.replace(steps=(*bad.steps[:2], bad.steps[2].replace(shown=(1,))))
    assert ranked([good, hidden], worth, RENDERER) == []


def test_three_attempts_make_the_pairs_of_every_two() -> None:
    good, bad, middle = attempts()
    three = [bad, middle.replace(scores={"worth": 0.5}), good]
    names = [(p.chosen.trajectory, p.rejected.trajectory) for p in ranked(three, worth, RENDERER)]
    assert names == [("good", "unknown"), ("good", "bad"), ("unknown", "bad")]


def test_a_fork_is_the_first_turn_that_differs_after_one_context() -> None:
    found = pair()
    fork = forked(found, RENDERER)
    assert fork is not None
    chosen, rejected = fork
    assert chosen.ids[: chosen.prompt] == rejected.ids[: rejected.prompt]
    for row, start_s in ((chosen, "1"), (rejected, "7.0")):
        said = RENDERER.processor.tokenizer.decode(row.ids[row.prompt :])
        assert said.startswith("look 1\n<tool_call>")
        assert f'"start_s": {start_s}' in said
        assert said.endswith("<|im_end|>")
        assert set(row.steps[row.prompt :]) == {1}
        assert sum(row.mask) == len(row) - row.prompt
        assert len(row.frames) == 2  # of the first look
        assert row.ids.count(RENDERER.image_id) == 2 * 6


def test_attempts_that_wrote_the_same_have_no_fork() -> None:
    (row,) = rows(attempts()[0], RENDERER)
    assert forked(Pair(row, row), RENDERER) is None
    base = three_looks(None, None)
    said = base.replace(
        steps=(
            base.steps[0].replace(observations=attempts()[0].steps[0].observations),
            base.steps[1],
        )
    )
    seen: Any = said.steps[0].observations[0]
    other = said.replace(
        steps=(
            said.steps[0].replace(observations=(seen.replace(parts=seen.parts[:1]),)),
            said.steps[1],
        )
    )
    one, two = rows(said, RENDERER)[0], rows(other, RENDERER)[0]
    assert forked(Pair(one, two), RENDERER) is None  # the tool differed, not the policy


def test_a_fork_at_the_first_turn_is_a_plain_pair() -> None:
    base = three_looks(None)
    other = base.replace(
        id="o", steps=(base.steps[0].replace(reply=Reply(text="no"), observations=()),)
    )
    fork = forked(Pair(rows(base, RENDERER)[0], rows(other, RENDERER)[0]), RENDERER)
    assert fork is not None
    assert fork.chosen.prompt == fork.rejected.prompt
    assert fork.chosen.frames == ()
