"""Direct preference optimisation on pairs of attempts, by TRL's trainer.

    report = train_dpo(model, ranked(...), DPOSettings(beta=0.1), resolve=..., output="out")

Stock TRL can train on such pairs, but not make batches of them: its collator for pictures gives all
of them to the prompt, knows no pictures of tool turns, and takes everything after the prompt for
the model's own words, the results of its calls included. So the batches are made here; the trainer
and the loss (Rafailov et al., arXiv 2305.18290, Eq. 7) are TRL's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import PositiveFloat

from playhead.core.value import Value
from playhead.models.eyes._local import require
from playhead.models.pictures import Resolve
from playhead.models.policies.transformers import load_model
from playhead.training.collate import IGNORED, Collator, Numbered
from playhead.training.preference import Pair
from playhead.training.tuning import TuneSettings, arguments, prepared, run

require("torch", "trl", "peft", "datasets", extra="train", what="preference optimisation")

import datasets  # noqa: E402
from trl.trainer.dpo_config import DPOConfig  # noqa: E402
from trl.trainer.dpo_trainer import DPOTrainer  # noqa: E402


class DPOSettings(TuneSettings):
    """How to learn from pairs."""

    beta: PositiveFloat = 0.1
    """How dear it is to move away from the model as it was."""


class DPOReport(Value):
    """What a run was and how it went."""

    folder: str
    """Where the model is, ready to be served; with adapters these too, in `adapter`."""
    num_pairs: int
    num_left_out: int
    """Pairs of which one row was too long."""
    num_steps: int
    losses: tuple[tuple[int, float], ...]
    """Step and loss, as logged. It begins at ln 2."""
    seconds: float
    settings: DPOSettings


@dataclass
class PairCollator:
    """Makes batches of pairs as TRL's loss takes them: first all chosen rows, then all rejected.

    Beside the inputs of the model there is `completion_mask` `[2B, L]`: what the policy wrote.
    """

    collator: Collator

    def __call__(self, pairs: Sequence[Pair]) -> dict[str, Any]:
        """The batch of these pairs."""
        rows = [*(pair.chosen for pair in pairs), *(pair.rejected for pair in pairs)]
        batch = self.collator(rows)
        batch.pop("loss_weights")
        return batch | {"completion_mask": (batch.pop("labels") != IGNORED).long()}


class PairDPOTrainer(DPOTrainer):
    """TRL's trainer on pairs of rows."""

    def __init__(
        self, model: Any, pairs: Sequence[Pair], collator: Collator, args: DPOConfig, **kwargs: Any
    ) -> None:
        """Keep the pairs; TRL is given their numbers.

        Args:
            model: Loaded.
            pairs: To learn from.
            collator: Makes batches of their rows.
            args: Of TRL.
            kwargs: Others of TRL's trainer.
        """
        args.remove_unused_columns = False
        numbers = list(range(len(pairs)))
        # a column of pictures, though empty: TRL then leaves the examples to the collator
        columns = {"number": numbers, "images": [[]] * len(pairs)}
        super().__init__(
            model=model,
            args=args,
            data_collator=Numbered(pairs, PairCollator(collator)),
            train_dataset=datasets.Dataset.from_dict(columns),
            processing_class=collator.processor,
            **kwargs,
        )

    def _send_telemetry(self) -> None:
        """Tell nobody of the run."""


def train_dpo(
    model: str | os.PathLike[str] | tuple[Any, Any],
    pairs: Sequence[Pair],
    settings: DPOSettings,
    *,
    resolve: Resolve,
    output: str | os.PathLike[str],
    resume: bool = False,
) -> DPOReport:
    """Teach a model to prefer the chosen attempts.

    Args:
        model: A folder, or a loaded model and its processor; the model is changed in place.
        pairs: Rows of this model.
        settings: How.
        resolve: From references to pixels.
        output: A folder for the model, and for checkpoints.
        resume: Go on from the last checkpoint in `output`, if there is one.

    Raises:
        ValueError: No pair is left to learn from.
    """
    started = time.monotonic()
    loaded = load_model(model, None, settings.dtype) if not isinstance(model, tuple) else model
    net, processor = loaded
    most = settings.max_tokens
    kept = [pair for pair in pairs if most is None or max(map(len, pair)) <= most]
    if not kept:
        raise ValueError(f"no pair to learn from: {len(pairs)} were given, all of them too long")
    folder = Path(output)
    peft_config = prepared(net, settings)
    given = arguments(settings, folder / "checkpoints", DPOConfig)
    trainer = PairDPOTrainer(
        net,
        kept,
        Collator(processor, resolve, num_cached=settings.num_cached),
        DPOConfig(**given, beta=settings.beta),
        ref_model=None if peft_config else deepcopy(net),
        peft_config=peft_config,
    )
    losses = run(trainer, folder, resume=resume)
    return DPOReport(
        folder=str(folder),
        num_pairs=len(kept),
        num_left_out=len(pairs) - len(kept),
        num_steps=trainer.state.global_step,
        losses=losses,
        seconds=time.monotonic() - started,
        settings=settings,
    )
