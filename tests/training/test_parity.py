# ruff: noqa: E402
"""The parity gates: they let through what was served, and stop what only looks like it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

for library in ("torch", "torchvision", "transformers"):
    pytest.importorskip(library)

from playhead.agent.rollouts import collect
from playhead.agent.source import WorldSource
from playhead.core.policy import Sampling, Tokens
from playhead.core.trajectory import Trajectory
from playhead.models.policies.transformers import TransformersPolicy
from playhead.training.parity import (
    NotTheSame,
    check_logprobs,
    check_parity,
    check_pictures,
    check_tokens,
    logprobs_of,
)
from playhead.training.rows import Renderer, rows
from tests.training.rollout_cases import BUDGET, learner, loaded, two_tools, world_tasks


class Case:
    """A model, and what it played."""

    def __init__(self, source: WorldSource) -> None:
        self.source = source
        self.model, self.processor = loaded(learner())
        self.renderer = Renderer(self.processor)
        self.played = self.play(temperature=1.0)

    def play(self, num: int = 4, **how: Any) -> list[Trajectory]:
        policy = TransformersPolicy((self.model, self.processor), resolve=self.source.resolve)
        sampling = Sampling(max_tokens=40, logprobs=True, **how)
        work = collect(
            world_tasks(1), policy, self.source,
            tools=two_tools(), budget=BUDGET, num_generations=num, sampling=sampling,
        )  # fmt: skip
        (group,) = asyncio.run(work)
        policy.close()
        return [t for t in group if len(t.steps) == 2 and len(t.sequences()) == 1]


@pytest.fixture(scope="module")
def case() -> Iterator[Case]:
    with WorldSource() as source:
        yield Case(source)


def changed(trajectory: Trajectory, step: int, **tokens: Any) -> Trajectory:
    """The trajectory with other recorded tokens at a step."""
    steps = list(trajectory.steps)
    reply = steps[step].reply
    assert reply.tokens is not None
    steps[step] = steps[step].replace(reply=reply.replace(tokens=reply.tokens.replace(**tokens)))
    return trajectory.replace(steps=tuple(steps))


def recorded(trajectory: Trajectory, step: int) -> Tokens:
    tokens = trajectory.steps[step].reply.tokens
    assert tokens is not None
    return tokens


def test_what_was_played_passes_all_gates(case: Case) -> None:
    found = check_parity(case.played, case.renderer, case.model, case.source.resolve)
    assert found.num_rows == len(case.played) >= 2
    assert found.num_left_out == 0
    assert found.num_pictures == found.num_rows
    assert found.gap_max < 1e-4


def test_a_row_of_recorded_tokens_is_the_conversation_rendered_again(case: Case) -> None:
    for trajectory in case.played:
        (row,) = check_tokens(trajectory, case.renderer)
        (again,) = rows(trajectory, case.renderer, recorded=False)
        assert row.ids == again.ids
        assert row.mask == again.mask
        assert row.parts == again.parts


def test_another_prompt_than_the_conversation_is_stopped_and_shown(case: Case) -> None:
    tokens = recorded(case.played[0], 1)
    at = len(tokens.prompt_ids) // 2
    ids = (*tokens.prompt_ids[:at], *case.processor.tokenizer.encode("!?"), *tokens.prompt_ids[at:])
    wrong = changed(case.played[0], 1, prompt_ids=ids)
    with pytest.raises(NotTheSame, match=rf"turn 1 of .*from token {at}: recorded .*>>> !\?"):
        check_parity([wrong], case.renderer, case.model, case.source.resolve)


def test_turns_that_are_shown_otherwise_than_written_are_stopped(case: Case) -> None:
    """As a model that thinks, or spaces its JSON in a way of its own."""
    said = recorded(case.played[0], 0).ids
    space = case.processor.tokenizer.encode(" ")
    wrong = changed(case.played[0], 0, ids=(*said[:-1], *space, said[-1]), logprobs=None)
    with pytest.raises(NotTheSame, match=r"not found again in the next prompt.*think_back"):
        check_parity([wrong], case.renderer, case.model, case.source.resolve)
    found = check_parity(
        [changed(wrong, 1, logprobs=None)],
        case.renderer, case.model, case.source.resolve, most_left_out=1.0,
    )  # fmt: skip
    assert found.num_left_out == len(said) + 1


def test_other_weights_than_those_that_sampled_are_stopped(case: Case) -> None:
    import torch

    other, _ = loaded(learner())
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in other.model.language_model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    with pytest.raises(NotTheSame, match=r"differ by .* recorded -?\d+\.\d+ for"):
        check_parity(case.played, case.renderer, other, case.source.resolve)


def test_pictures_that_are_other_than_their_tokens_are_stopped(case: Case) -> None:
    (row,) = rows(case.played[0], case.renderer)

    def larger(refs: Sequence[Any]) -> list[Any]:
        return [np.repeat(p, 2, axis=0) for p in case.source.resolve(refs)]

    with pytest.raises(NotTheSame, match="1 pictures are 42 tokens, and 60 features"):
        check_pictures(row, case.renderer, larger)


def test_recorded_logprobs_are_the_models_own_whatever_the_temperature(case: Case) -> None:
    hot = [row for t in case.play(8, temperature=1.6) for row in rows(t, case.renderer)]
    resolve = case.source.resolve
    _, largest = check_logprobs(hot, case.renderer, case.model, resolve)
    assert largest < 1e-4
    with pytest.raises(NotTheSame):
        check_logprobs(hot, case.renderer, case.model, resolve, temperature=1.6)


def test_padding_and_neighbours_do_not_change_a_row(case: Case) -> None:
    some = [row for t in case.played for row in rows(t, case.renderer)]
    some += [row for t in case.play(1, temperature=0.0) for row in rows(t, case.renderer)]
    resolve = case.source.resolve
    together = logprobs_of(case.model, case.renderer, some, resolve, batch=len(some))
    alone = logprobs_of(case.model, case.renderer, some, resolve, batch=1)
    for row, one, two in zip(some, together, alone, strict=True):
        assert one.shape == (len(row),)
        assert one.tolist() == pytest.approx(two.tolist(), abs=1e-4)
