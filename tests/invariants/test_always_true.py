"""What holds for every trajectory, whoever made it."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playhead.core import (
    Author,
    Observation,
    Reply,
    Role,
    Step,
    Stop,
    Task,
    TextPart,
    Tokens,
    ToolCall,
    Trajectory,
)
from tests.strategies import costs, evidence, spans, trajectories

slow_to_draw = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)


@slow_to_draw
@given(trajectories())
def test_a_trajectory_survives_json_exactly(trajectory: Trajectory):
    assert Trajectory.from_json(trajectory.to_json()) == trajectory
    assert "\n" not in trajectory.to_json()


@slow_to_draw
@given(trajectories())
def test_a_trajectory_survives_a_foreign_json_library_exactly(trajectory: Trajectory):
    assert Trajectory.model_validate(json.loads(trajectory.to_json())) == trajectory


@slow_to_draw
@given(trajectories())
def test_every_call_has_its_observation(trajectory: Trajectory):
    for step in trajectory.steps:
        assert len(step.observations) == len(step.reply.calls)
        if step.reply.calls:
            with pytest.raises(ValueError, match="one observation per call"):
                step.replace(observations=step.observations[:-1])


@slow_to_draw
@given(trajectories())
def test_where_nothing_is_hidden_every_prompt_begins_with_the_one_before(trajectory: Trajectory):
    whole = trajectory.replace(steps=[s.replace(shown=None) for s in trajectory.steps])
    for i in range(1, len(whole.steps)):
        earlier, later = whole.messages(before=i - 1), whole.messages(before=i)
        assert later[: len(earlier)] == earlier
        assert len(later) > len(earlier)


@slow_to_draw
@given(trajectories())
def test_hidden_steps_are_in_no_prompt(trajectory: Trajectory):
    for i, step in enumerate(trajectory.steps):
        shown = range(i) if step.shown is None else step.shown
        ids = {call.id for j in shown for call in trajectory.steps[j].reply.calls}
        messages = trajectory.messages(before=i)
        assert {call.id for message in messages for call in message.calls} == ids
        assert {m.call_id for m in messages if m.role is Role.TOOL} == ids


@slow_to_draw
@given(trajectories())
def test_the_mask_is_one_exactly_where_the_model_sampled(trajectory: Trajectory):
    recorded = [s.reply.tokens for s in trajectory.steps if s.reply.tokens]
    sequences = trajectory.sequences()
    sampled = [i for t in recorded for i in t.ids]
    trained = [i for s in sequences for i, m in zip(s.ids, s.mask, strict=True) if m]
    assert trained == sampled
    for s in sequences:
        assert len(s.ids) == len(s.mask) == len(s.logprobs) == len(s.weights)
        assert all(w == 0 for w, m in zip(s.weights, s.mask, strict=True) if not m)


@given(st.lists(st.tuples(st.lists(st.integers(0, 99)), st.lists(st.integers(0, 99))), max_size=5))
def test_an_appended_conversation_is_one_sequence_and_trains_on_no_tool_output(
    turns: list[tuple[list[int], list[int]]],
):
    ids: list[int] = []
    steps, tool_output = [], 0
    for new, sampled in turns:
        ids += new
        tokens = Tokens(prompt_ids=ids, ids=sampled)
        steps.append(Step(reply=Reply(tokens=tokens, author=Author.POLICY)))
        ids += sampled
        tool_output += len(new)
    sequences = record(steps=steps).sequences()
    assert len(sequences) == (1 if turns else 0)
    assert [i for s in sequences for i in s.ids] == ids
    assert sum(m == 0 for s in sequences for m in s.mask) == tool_output


def test_a_prompt_that_was_trimmed_starts_a_new_sequence():
    first = Step(reply=Reply(tokens=Tokens(prompt_ids=(1, 2), ids=(3,), logprobs=(-0.5,))))
    longer = Step(reply=Reply(tokens=Tokens(prompt_ids=(1, 2, 3, 4), ids=(5,))), weight=0.5)
    trimmed = Step(reply=Reply(tokens=Tokens(prompt_ids=(1, 4), ids=(6,))))
    one, two = record(steps=[first, longer, trimmed]).sequences()
    assert (one.ids, one.mask) == ((1, 2, 3, 4, 5), (0, 0, 1, 0, 1))
    assert one.logprobs == (None, None, -0.5, None, None)
    assert one.weights == (0, 0, 1, 0, 0.5)
    assert (two.ids, two.mask, two.steps) == ((1, 4, 6), (0, 0, 1), (2,))


@given(evidence)
def test_evidence_is_named_by_its_content(found):
    again = type(found).make(
        found.video_id, found.span, found.kind, text=found.text, frames=found.frames
    )
    assert again.id == found.id
    moved = found.span.replace(end=found.span.end + 1)
    assert type(found).make(found.video_id, moved, found.kind, text=found.text).id != found.id


@given(costs, costs, costs)
def test_costs_add_up_in_any_order(a, b, c):
    assert a + b == b + a
    assert ((a + b) + c).frames == (a + (b + c)).frames
    assert (a + b).dollars is None or a.dollars is not None or b.dollars is not None


@given(spans(), spans())
def test_iou_is_symmetric_and_between_zero_and_one(a, b):
    assert a.iou(b) == b.iou(a)
    assert 0 <= a.iou(b) <= 1 + 1e-9
    assert a.iou(a) == pytest.approx(1)


def record(**fields) -> Trajectory:
    return Trajectory(
        **{"id": "t", "task": Task(id="q", question="?"), "stop": Stop.ANSWERED} | fields
    )


def test_a_failure_and_a_failed_stop_come_together():
    with pytest.raises(ValueError, match="a failure belongs to stop=failed"):
        record(stop=Stop.FAILED)


def test_two_calls_with_one_id_are_refused():
    call = ToolCall(id="same", name="look")
    seen = Observation(call_id="same", parts=(TextPart(text="x"),))
    step = Step(reply=Reply(calls=(call,)), observations=(seen,))
    with pytest.raises(ValueError, match="unique"):
        record(steps=[step, step])


def test_a_step_is_never_shown_the_future():
    with pytest.raises(ValueError, match="earlier"):
        record(steps=[Step(reply=Reply(text="x"), shown=(0,))])
