"""Fewer pictures: within the budget, evenly, and the words stay true."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.core.media import FrameRef
from playhead.core.message import TextPart
from playhead.core.policy import Tokens
from playhead.core.tools import Observation
from playhead.core.trajectory import Trajectory
from playhead.training.rows import Renderer, rows
from playhead.training.thinning import evenly, thinned
from tests.models.policies.conversations import saw
from tests.training.examples import three_looks
from tests.training.plain import PlainProcessor
from tests.training.trajectories import trajectories

RENDERER = Renderer(PlainProcessor())


def frames(trajectory: Trajectory) -> list[FrameRef]:
    return [f for m in trajectory.messages() for f in m.frames]


def total(trajectory: Trajectory) -> int:
    return sum(map(RENDERER.num_picture_tokens, frames(trajectory)))


def long_look() -> Trajectory:
    base = three_looks(None, None)
    many = Observation(call_id="c0", parts=saw("c0", *map(float, range(9))).parts)
    return base.replace(steps=(base.steps[0].replace(observations=(many,)), base.steps[1]))


def test_the_longest_look_gives_up_pictures_evenly_and_says_so() -> None:
    trajectory = long_look()  # 9 and 2 pictures of 6 tokens
    thinner = thinned(trajectory, 5 * 6, RENDERER.num_picture_tokens)
    assert [f.time_s for f in frames(thinner)] == [0.0, 4.0, 8.0, 1.0, 2.0]
    (seen,) = thinner.steps[0].observations
    assert seen.text == "\n".join(
        [
            "9 pictures.",
            "<0.0s>",
            "<4.0s>",
            "<8.0s>",
            "This took some.",
            "(3 of 9 pictures are shown.)",
        ]
    )
    assert thinner.steps[1].observations == trajectory.steps[1].observations
    (row,) = rows(thinner, RENDERER)
    assert row.ids.count(RENDERER.image_id) == 3 * 6  # what follows the last turn is not in it


def test_what_fits_stays_as_it_is() -> None:
    trajectory = long_look()
    assert thinned(trajectory, total(trajectory), RENDERER.num_picture_tokens) is trajectory


def test_one_picture_of_each_look_is_kept() -> None:
    thinner = thinned(long_look(), 0, RENDERER.num_picture_tokens)
    assert [f.time_s for f in frames(thinner)] == [4.0, 2.0]


def test_recorded_tokens_are_forgotten() -> None:
    trajectory = long_look()
    step = trajectory.steps[0]
    recorded = step.replace(reply=step.reply.replace(tokens=Tokens(prompt_ids=(1,), ids=(2,))))
    trajectory = trajectory.replace(steps=(recorded, trajectory.steps[1]))
    thinner = thinned(trajectory, 12, RENDERER.num_picture_tokens)
    assert thinner.steps[0].reply.tokens is None


@settings(max_examples=80, deadline=None)
@given(trajectories(), st.integers(0, 60))
def test_a_thinned_trajectory_is_a_part_of_it_that_makes_rows(
    trajectory: Trajectory, budget: int
) -> None:
    thinner = thinned(trajectory, budget, RENDERER.num_picture_tokens)
    num_looks = sum(bool(m.frames) for m in trajectory.messages())
    assert total(thinner) <= budget or len(frames(thinner)) == num_looks
    left = iter(frames(trajectory))
    assert all(frame in left for frame in frames(thinner))  # in the same order
    assert len(rows(thinner, RENDERER)) == len(rows(trajectory, RENDERER))
    for old, new in zip(trajectory.steps, thinner.steps, strict=True):
        assert old.reply.calls == new.reply.calls
        for before, after in zip(old.observations, new.observations, strict=True):
            words = [
                p for p in before.parts if isinstance(p, TextPart) and not p.text.startswith("<")
            ]
            assert all(part in after.parts for part in words)


@pytest.mark.parametrize(
    ("num", "of", "expected"),
    [(1, 9, [4]), (2, 9, [0, 8]), (3, 9, [0, 4, 8]), (4, 4, [0, 1, 2, 3]), (1, 1, [0])],
)
def test_evenly_spread(num: int, of: int, expected: list[int]) -> None:
    assert evenly(num, of) == expected


@given(st.data())
def test_evenly_gives_as_many_as_asked_in_order(data: st.DataObject) -> None:
    of = data.draw(st.integers(1, 50))
    num = data.draw(st.integers(1, of))
    picked = evenly(num, of)
    assert len(set(picked)) == num
    assert picked == sorted(picked)
    assert 0 <= picked[0] <= picked[-1] < of
