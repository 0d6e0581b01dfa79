"""Parity gates: what must be the same before anything may be learned from rollouts.

    check_parity(trajectories, renderer, model, source.resolve)    # raises NotTheSame

Reinforcement learning on tokens, pictures or probabilities that are not those of serving runs
without an error and learns something else. Three gates stop it, each saying what differs:

- tokens: what a policy was given at each turn is what the conversation renders as, and what it
  wrote is found again in the next prompt, token for token;
- pictures: each picture is as many tokens as it has features;
- log-probabilities: the trainer's own forward pass gives the sampled tokens the probabilities that
  were recorded.

A policy records the model's own log-probabilities, at temperature 1 (`TransformersPolicy`, and vLLM
by default); a trainer divides by the temperature it samples at. They agree at 1 only. At another
temperature compare with `temperature=1`, or let the engine record what it samples from
(`logprobs_mode="processed_logprobs"`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import PlayheadError
from playhead.core.trajectory import Trajectory
from playhead.models.pictures import Resolve
from playhead.training.collate import Collator
from playhead.training.rows import Renderer, Row, rows

_INPUTS = (
    "input_ids", "attention_mask", "mm_token_type_ids", "pixel_values", "image_grid_thw",
)  # fmt: skip
_AROUND = 12  # tokens that are shown on each side of a difference


class NotTheSame(PlayheadError, ValueError):
    """What is trained on is not what was served; the message shows the first difference."""


@dataclass(frozen=True)
class Parity:
    """What the gates found."""

    num_rows: int
    num_written: int
    """Sampled tokens, over all rollouts."""
    num_left_out: int
    """Of these, tokens that no last row of a rollout holds."""
    num_pictures: int
    gap_mean: float
    """Mean of |trainer's log-probability - recorded|, in nats. 0 where none was recorded."""
    gap_max: float


def check_parity(
    trajectories: Sequence[Trajectory],
    renderer: Renderer,
    model: Any,
    resolve: Resolve,
    *,
    temperature: float = 1.0,
    most_gap: float = 0.01,
    most_left_out: float = 0.1,
) -> Parity:
    """All three gates.

    Args:
        trajectories: Rollouts with recorded tokens.
        renderer: Of the model.
        model: That is trained: of transformers.
        resolve: From references to pictures.
        temperature: That the recorded log-probabilities are at.
        most_gap: The mean difference of log-probabilities that is let through, in nats.
        most_left_out: The share of written tokens that may be missing from the last rows.

    Raises:
        NotTheSame: One of them is not passed.
    """
    found = [check_tokens(trajectory, renderer) for trajectory in trajectories]
    last = [made[-1] for made in found if made]
    num_written = sum(row.num_written for made in found for row in made)
    num_left_out = num_written - sum(row.num_written for row in last)
    if num_left_out > most_left_out * num_written:
        where = next(i for i, made in enumerate(found) if len(made) > 1)
        raise NotTheSame(
            f"{num_left_out} of {num_written} written tokens are not found again in the next "
            f"prompt: {broken(trajectories[where], renderer)}. A model that thinks needs "
            "`think_back`; one that writes calls in another way than its template needs SFT first"
        )
    num_pictures = sum(check_pictures(row, renderer, resolve) for row in last)
    mean, largest = check_logprobs(
        last, renderer, model, resolve, temperature=temperature, most_gap=most_gap
    )
    return Parity(len(last), num_written, num_left_out, num_pictures, mean, largest)


def check_tokens(trajectory: Trajectory, renderer: Renderer) -> list[Row]:
    """See that the recorded prompt of each turn is what the conversation renders as.

    Returns:
        The rows of the trajectory.

    Raises:
        NotTheSame: It is not.
    """
    for i, step in enumerate(trajectory.steps):
        if step.reply.tokens is None:
            continue
        rendered, _ = renderer.prompt(trajectory.messages(i), trajectory.tools)
        recorded = step.reply.tokens.prompt_ids
        if rendered != recorded:
            shown = difference(recorded, rendered, renderer)
            raise NotTheSame(f"the prompt of turn {i} of {trajectory.id}: {shown}")
    return rows(trajectory, renderer)


def check_pictures(row: Row, renderer: Renderer, resolve: Resolve) -> int:
    """See that each picture is as many tokens as it has features.

    Returns:
        The number of pictures.

    Raises:
        NotTheSame: It is not.
    """
    num_tokens = row.ids.count(renderer.image_id)
    features = Collator(renderer.processor, resolve)([row])
    grids = features["image_grid_thw"].tolist() if row.frames else []
    merged = renderer.processor.image_processor.merge_size**2 if grids else 1
    num_features = sum(t * height * width // merged for t, height, width in grids)
    if num_tokens != num_features or len(grids) != len(row.frames):
        raise NotTheSame(
            f"{row.trajectory}: {len(row.frames)} pictures are {num_tokens} tokens, and "
            f"{num_features} features of {len(grids)} pictures"
        )
    return len(grids)


def check_logprobs(
    found: Sequence[Row],
    renderer: Renderer,
    model: Any,
    resolve: Resolve,
    *,
    temperature: float = 1.0,
    most_gap: float = 0.01,
) -> tuple[float, float]:
    """Compare the recorded log-probabilities with those of the trainer's forward pass.

    Returns:
        The mean and the largest absolute difference, in nats.

    Raises:
        NotTheSame: The mean is larger than `most_gap`.
    """
    here = [row for row in found if any(p is not None for p in row.logprobs)]
    if not here:
        return 0.0, 0.0
    again = logprobs_of(model, renderer, here, resolve, temperature=temperature)
    gaps: list[tuple[float, Row, int]] = []
    for row, ours in zip(here, again, strict=True):
        for i, recorded in enumerate(row.logprobs):
            if recorded is not None and row.mask[i]:
                gaps.append((abs(float(ours[i]) - recorded), row, i))
    sizes = np.array([gap for gap, _, _ in gaps])
    mean, largest = float(sizes.mean()), float(sizes.max())
    if not mean <= most_gap:
        _, row, at = next(item for item in gaps if not item[0] <= most_gap)
        raise NotTheSame(
            f"log-probabilities differ by {mean:.4f} on average (at most {largest:.3f}), "
            f"{most_gap} may be; first in {row.trajectory} at token {at}: recorded "
            f"{row.logprobs[at]:.4f} for {_around(row.ids, at, renderer)}"
        )
    return mean, largest


def logprobs_of(
    model: Any,
    renderer: Renderer,
    found: Sequence[Row],
    resolve: Resolve,
    *,
    temperature: float = 1.0,
    batch: int = 4,
) -> list[NDArray[np.float32]]:
    """The log-probability that a model gives each token of rows after those before it.

    Args:
        model: Of transformers, on any device.
        renderer: Of the same model: its processor makes the pixels.
        found: The rows.
        resolve: From references to pictures.
        temperature: By which the scores are divided.
        batch: Rows that are run at once.

    Returns:
        For each row `[T]`; the first token has 0.
    """
    import torch

    collate = Collator(renderer.processor, resolve)
    was_training = model.training
    model.eval()
    made: list[NDArray[np.float32]] = []
    try:
        for at in range(0, len(found), batch):
            some = found[at : at + batch]
            with torch.no_grad():
                scores = model(**inputs_of(collate(some), model.device)).logits
            for row, own in zip(some, scores, strict=True):
                spread = torch.log_softmax(own[: len(row) - 1].float() / temperature, dim=-1)
                chosen = torch.tensor(row.ids[1:], device=spread.device)[:, None]
                picked = spread.gather(1, chosen)[:, 0].cpu().numpy()
                made.append(np.concatenate([np.zeros(1, np.float32), picked]))
    finally:
        model.train(was_training)
    return made


def inputs_of(batch: Mapping[str, Any], device: Any) -> dict[str, Any]:
    """Of a collated batch, what a model is called with."""
    return {name: batch[name].to(device) for name in _INPUTS if name in batch}


def difference(recorded: Sequence[int], rendered: Sequence[int], renderer: Renderer) -> str:
    """Where two rows of tokens part, in words."""
    pairs = zip(recorded, rendered, strict=False)
    shorter = min(len(recorded), len(rendered))
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), shorter)
    return (
        f"{len(recorded)} tokens were recorded and {len(rendered)} are rendered; from token {at}: "
        f"recorded {_around(recorded, at, renderer)}, rendered {_around(rendered, at, renderer)}"
    )


def broken(trajectory: Trajectory, renderer: Renderer) -> str:
    """Where the first turn that is not found again in the next prompt parts from it, in words."""
    before: tuple[int, ...] = ()
    for i, step in enumerate(trajectory.steps):
        tokens = step.reply.tokens
        if tokens is None:
            continue
        if before and tokens.prompt_ids[: len(before)] != before:
            return f"turn {i} of {trajectory.id}: {difference(before, tokens.prompt_ids, renderer)}"
        before = tokens.prompt_ids + tokens.ids
    return f"{trajectory.id} has no such turn"


def _around(ids: Sequence[int], at: int, renderer: Renderer) -> str:
    decode = renderer.processor.tokenizer.decode
    before = decode(list(ids[max(0, at - _AROUND) : at]))
    return f"{before + ' >>> ' + decode(list(ids[at : at + _AROUND]))!r}"
