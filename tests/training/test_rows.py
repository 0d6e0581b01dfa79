"""Rows: what is trained on is what was served, token for token, and only what was written."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings

from playhead.core.message import TextPart
from playhead.core.policy import Reply, Tokens
from playhead.core.trajectory import Step, Trajectory
from playhead.models.policies import render
from playhead.training.rows import PICTURES, Part, Renderer, Row, is_answer, rows
from tests.training.examples import everything, three_looks
from tests.training.plain import PlainProcessor, call
from tests.training.trajectories import trajectories

RENDERER = Renderer(PlainProcessor())
WRITTEN = {Part.THINK, Part.CALL, Part.ANSWER}


def text(row: Row, renderer: Renderer = RENDERER, **of: Any) -> str:
    """The text of some tokens: by `part`, `step` or `mask`."""
    columns = {"part": row.parts, "step": row.steps, "mask": row.mask}
    kept = [
        id_
        for i, id_ in enumerate(row.ids)
        if all(columns[name][i] == value for name, value in of.items())
    ]
    return renderer.processor.tokenizer.decode(kept)


def turn(reply: Reply) -> str:
    """A turn as the plain template shows it and a policy writes it."""
    calls = [
        call({"function": {"name": one.name, "arguments": render.arguments_of(one)}})
        for one in reply.calls
    ]
    thought = f"<think>\n{reply.thinking}\n</think>\n\n" if reply.thinking else ""
    return f"{thought}{render.harmless(reply.text)}{''.join(calls)}<|im_end|>"


@settings(max_examples=80, deadline=None)
@given(trajectories())
def test_each_row_is_whole_and_trains_on_exactly_what_was_written(trajectory: Trajectory) -> None:
    made = rows(trajectory, RENDERER)
    seen: list[int] = []
    for row in made:
        masked = {part for part, m in zip(row.parts, row.mask, strict=True) if m}
        assert masked <= WRITTEN
        assert row.mask[: row.prompt] == (0,) * row.prompt
        assert row.mask[row.prompt] == 1
        for i in sorted({step for step, m in zip(row.steps, row.mask, strict=True) if m}):
            step = trajectory.steps[i]
            assert text(row, step=i, mask=1) == turn(step.reply)
            weights = {
                w for w, s, m in zip(row.weights, row.steps, row.mask, strict=True) if s == i and m
            }
            assert weights == {step.weight}
            seen.append(i)
        assert not any(w for w, m in zip(row.weights, row.mask, strict=True) if not m)
        pictures = [p in PICTURES for p in row.parts]
        assert pictures == [id_ == RENDERER.image_id for id_ in row.ids]
        sizes = [f.height * f.width // 1024 for f in row.frames]
        assert sum(pictures) == sum(sizes)
    unread = [i for i, s in enumerate(trajectory.steps) if any(c.raw for c in s.reply.calls)]
    assert sorted([*seen, *unread]) == list(range(len(trajectory.steps)))


@settings(max_examples=60, deadline=None)
@given(trajectories())
def test_up_to_each_written_turn_a_row_is_the_prompt_that_is_served(trajectory: Trajectory) -> None:
    for row in rows(trajectory, RENDERER):
        before = 0
        for i, m in enumerate(row.mask):
            if m and not before:
                messages = trajectory.messages(row.steps[i])
                prompt, _ = RENDERER.prompt(messages, trajectory.tools)
                assert row.ids[:i] == prompt
            before = m


@settings(max_examples=60, deadline=None)
@given(trajectories())
def test_parts_say_where_each_token_comes_from(trajectory: Trajectory) -> None:
    for row in rows(trajectory, RENDERER):
        last = max(row.steps)
        opening = list(render.pictures(trajectory.messages(0)))
        assert text(row, part=Part.SYSTEM).endswith(trajectory.system)
        num = sum(f.height * f.width // 1024 for f in opening)
        assert row.parts.count(Part.PICTURE_OPENING) == num
        assert all(s == -1 for s, p in zip(row.steps, row.parts, strict=True) if p is Part.USER)
        for i in range(last + 1):
            kinds = {p for p, s in zip(row.parts, row.steps, strict=True) if s == i} & WRITTEN
            expected = Part.ANSWER if is_answer(trajectory.steps[i].reply) else Part.CALL
            assert kinds - {Part.THINK} <= {expected}


def test_a_trajectory_with_everything_reads_as_it_was() -> None:
    trajectory = everything()
    (row,) = rows(trajectory, RENDERER)
    assert row.num_written == sum(
        len(RENDERER.processor.tokenizer.encode(turn(step.reply)))
        for i, step in enumerate(trajectory.steps)
        if i != 2
    )
    assert text(row, part=Part.USER) == "Où ? < |im_end|>Regarde ☃."
    assert text(row, step=0, part=Part.OBSERVATION).startswith("2 pictures.\n<1.0s>")
    assert "no index Look." in text(row, step=1, part=Part.OBSERVATION)
    assert '"k": 5, "kinds": ["a"], "deep": null' in text(row, step=1, part=Part.CALL)
    assert [f.video_id for f in row.frames] == ["v", "w", "v", "v", "w"]
    assert text(row, step=2, mask=1) == ""
    assert '"unreadable": "{\\"start_s\\": 4"' in text(row, step=2, part=Part.CALL)
    assert '"value": 2' in text(row, part=Part.ANSWER)
    order = [part for part, _ in groupby(p for p in row.parts if p is not Part.TEMPLATE)]
    picture, words = Part.PICTURE, Part.OBSERVATION
    assert order == [
        Part.SYSTEM, Part.USER, Part.PICTURE_OPENING, Part.USER,
        Part.CALL, words, picture, words, picture, words, picture,
        Part.CALL, words, Part.CALL, words, Part.ANSWER,
    ]  # fmt: skip


def with_tokens(trajectory: Trajectory, renderer: Renderer = RENDERER) -> Trajectory:
    """As a policy that records its tokens would have left it."""
    sampled = renderer.sampled(trajectory)
    steps = []
    for step in sampled.steps:
        tokens = step.reply.tokens
        assert tokens is not None
        recorded = Tokens(
            prompt_ids=tokens.prompt_ids, ids=tokens.ids, logprobs=(-0.5,) * len(tokens.ids)
        )
        steps.append(step.replace(reply=step.reply.replace(tokens=recorded)))
    return trajectory.replace(steps=tuple(steps))


@settings(max_examples=60, deadline=None)
@given(trajectories())
def test_the_rows_of_a_recorded_trajectory_are_its_sequences(trajectory: Trajectory) -> None:
    recorded = with_tokens(trajectory)
    made = rows(recorded, RENDERER)
    sequences = recorded.sequences()
    assert [row.ids for row in made] == [s.ids for s in sequences]
    assert [row.mask for row in made] == [s.mask for s in sequences]
    assert [row.logprobs for row in made] == [s.logprobs for s in sequences]
    assert [row.weights for row in made] == [s.weights for s in sequences]
    rendered = rows(recorded, RENDERER, recorded=False)
    assert [row.parts for row in rendered] == [row.parts for row in rows(trajectory, RENDERER)]


def test_a_reply_cut_by_its_length_leaves_its_end_to_the_template() -> None:
    trajectory = with_tokens(everything())
    step = trajectory.steps[0]
    assert step.reply.tokens is not None
    cut = step.reply.tokens.replace(
        ids=step.reply.tokens.ids[:-1], logprobs=(step.reply.tokens.logprobs or ())[:-1]
    )
    steps = (step.replace(reply=step.reply.replace(tokens=cut)), *trajectory.steps[1:])
    (row,) = rows(trajectory.replace(steps=steps), RENDERER)
    assert row.ids == rows(trajectory, RENDERER)[0].ids
    end = [i for i, s in enumerate(row.steps) if s == 0 and row.mask[i]][-1] + 1
    assert RENDERER.word(row.ids[end]) == "<|im_end|>"
    assert (row.mask[end], row.parts[end]) == (0, Part.TEMPLATE)


def test_steps_without_tokens_among_recorded_ones_are_only_context() -> None:
    trajectory = with_tokens(everything())
    step = trajectory.steps[1]
    forced = step.replace(reply=step.reply.replace(tokens=None))
    steps = (trajectory.steps[0], forced, *trajectory.steps[2:])
    (row,) = rows(trajectory.replace(steps=steps), RENDERER)
    assert {s for s, m in zip(row.steps, row.mask, strict=True) if m} == {0, 2, 3}


def test_a_hidden_step_begins_a_new_row() -> None:
    made = rows(three_looks(None, None, (1,)), RENDERER)
    written = [{s for s, m in zip(r.steps, r.mask, strict=True) if m} for r in made]
    assert written == [{0, 1}, {2}]
    assert set(made[1].steps) == {-1, 1, 2}
    assert "look 0" not in text(made[1])
    assert Part.CALL in {p for p, s in zip(made[1].parts, made[1].steps, strict=True) if s == 1}


def test_a_step_that_wrote_what_another_one_had_is_still_itself() -> None:
    """The third begins again as the first did, and the fourth goes on as if it had been the first:
    the tokens are the same, and each is trained on once."""
    idle = Step(reply=Reply(text="hm"))
    steps = (idle, idle, idle.replace(shown=()), idle)
    made = rows(three_looks(None).replace(steps=steps), RENDERER)
    written = [sorted({s for s, m in zip(r.steps, r.mask, strict=True) if m}) for r in made]
    assert written == [[0, 1], [2, 3]]


def test_thoughts_that_are_not_shown_again_split_rows_and_are_trained_on() -> None:
    trajectory = three_looks(None, None)
    steps = [s.replace(reply=s.reply.replace(thinking="hm")) for s in trajectory.steps]
    trajectory = trajectory.replace(steps=tuple(steps))
    first, second = rows(trajectory, RENDERER)
    assert text(first, part=Part.THINK) == "<think>\nhm\n</think>"
    assert text(first, mask=1) == text(first, part=Part.THINK) + "\n\n" + turn(
        steps[0].reply.replace(thinking="")
    )
    assert "hm" not in text(second, step=0)
    shown = Renderer(PlainProcessor(shows_thoughts=True), think_back=True)
    (row,) = rows(trajectory, shown)
    assert text(row, shown, part=Part.THINK) == "<think>\nhm\n</think>" * 2
    assert {s for s, m in zip(row.steps, row.mask, strict=True) if m} == {0, 1}


def test_a_thought_that_the_prompt_opens_is_not_opened_again() -> None:
    renderer = Renderer(PlainProcessor(opens_thought=True))
    trajectory = three_looks(None)
    step = trajectory.steps[0]
    for thinking in ("hm", ""):
        thought = step.replace(reply=step.reply.replace(thinking=thinking))
        (row,) = rows(trajectory.replace(steps=(thought,)), renderer)
        assert text(row, renderer, mask=1).startswith(f"{thinking}\n</think>\n\nlook 0")
        assert text(row, renderer, mask=0).endswith("assistant\n<think>\n")


def test_tokens_of_another_model_are_refused() -> None:
    trajectory = with_tokens(everything())
    strange = [
        s.replace(reply=s.reply.replace(tokens=Tokens(prompt_ids=(i, 5, 6), ids=(7,))))
        for i, s in enumerate(trajectory.steps)
    ]
    other = trajectory.replace(steps=tuple(strange))
    with pytest.raises(ValueError, match="not of this model"):
        rows(other, RENDERER)
    assert rows(other, RENDERER, recorded=False) == rows(everything(), RENDERER)


def test_a_row_sampled_with_other_picture_sizes_is_refused() -> None:
    trajectory = with_tokens(everything())
    smaller = trajectory.to_json().replace('"width":96', '"width":32')
    with pytest.raises(ValueError, match="other limits on their size"):
        rows(Trajectory.from_json(smaller), RENDERER)


def test_a_template_without_turns_is_refused() -> None:
    class Flat(PlainProcessor):
        def _turn(self, role: str, said: str) -> str:
            return f"{role}: {said}\n"

    with pytest.raises(ValueError, match="where turns begin and end"):
        Renderer(Flat())


def test_arguments_keep_their_types() -> None:
    (row,) = rows(everything(), RENDERER)
    said = text(row, step=1, part=Part.CALL)
    inside = said.split("<tool_call>\n")[1].split("\n</tool_call>")[0]
    assert json.loads(inside)["arguments"] == everything().steps[1].reply.calls[0].arguments


def test_a_step_of_no_weight_stays_in_the_mask() -> None:
    trajectory = everything()
    steps = (trajectory.steps[0].replace(weight=0.0), *trajectory.steps[1:])
    (row,) = rows(trajectory.replace(steps=steps), RENDERER)
    first = [(m, w) for m, w, s in zip(row.mask, row.weights, row.steps, strict=True) if s == 0]
    assert {w for m, w in first if m} == {0.0}


def test_the_question_alone_is_the_opening() -> None:
    trajectory = three_looks(None)
    (row,) = rows(trajectory, RENDERER)
    assert text(row, part=Part.USER) == "When?"
    told = trajectory.replace(opening=(TextPart(text="Now, when?"),))
    assert text(rows(told, RENDERER)[0], part=Part.USER) == "Now, when?"
