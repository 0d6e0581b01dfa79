"""From rows to the tensors of a batch.

The tokens are made already and the number of tokens of each picture is known, so what is left to do
is to decode the pictures, late, and to pad. Nothing is ever cut: a row that is too long would lose
tokens of a picture whose features stay, so it is left out before, and counted (`fitting`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from playhead.core.media import FrameRef
from playhead.models.pictures import Resolve
from playhead.models.policies.local import media_marks
from playhead.training.masks import Decoupling, causal, decoupled
from playhead.training.rows import Row

IGNORED = -100
"""The label of a token that is not trained on."""
Positions = Callable[..., Any]
"""From `input_ids`, `mm_token_type_ids`, `attention_mask` `[B, L]` and `image_grid_thw` `[N, 3]`
to position ids."""


def fitting(rows: Sequence[Row], max_tokens: int | None) -> list[Row]:
    """The rows that are not too long. None: all."""
    return [row for row in rows if max_tokens is None or len(row) <= max_tokens]


def positions_of(model: Any) -> Positions:
    """How a model places tokens: by its own M-RoPE where it has one (Qwen-VL), else by counting.

    A model that is given a mask of its own must be given these as well.
    """
    import torch

    inner = getattr(model, "model", model)
    if not hasattr(inner, "get_rope_index"):
        return lambda attention_mask, **_: (attention_mask.cumsum(-1) - 1).clamp(min=0)

    def positions(**inputs: Any) -> torch.Tensor:
        return inner.get_rope_index(**inputs)[0]

    return positions


@dataclass
class Collator:
    """Makes batches for a model with a processor like that of Qwen-VL.

    A batch has `input_ids`, `attention_mask` and `mm_token_type_ids` `[B, L]`; `labels` `[B, L]`,
    which are the ids where a token is trained on and -100 elsewhere; `loss_weights` `[B, L]`; and
    with pictures `pixel_values` and `image_grid_thw` `[N, 3]`. If attention is decoupled in one of
    its rows, also `allowed` `[B, 1, L, L]`, True where a token may attend, and `position_ids`.
    """

    processor: Any
    resolve: Resolve
    decouple: float = 0.0
    """In which fraction of the rows attention is task-decoupled: always the same rows."""
    decoupling: Decoupling = Decoupling.DIRECT
    positions: Positions | None = None
    """As `positions_of` gives them. Needed to decouple."""
    num_cached: int = 0
    """How many pictures are kept as the model takes them, for the next time."""
    _cache: OrderedDict[FrameRef, Any] = field(default_factory=OrderedDict[FrameRef, Any])

    def __post_init__(self) -> None:
        """Check that masks come with positions."""
        if not 0 <= self.decouple <= 1:
            raise ValueError(f"a fraction is in [0, 1]: got {self.decouple=}")
        if self.decouple and self.positions is None:
            raise ValueError("to decouple attention, give the model's positions: positions_of")
        self._image_id, _ = media_marks(self.processor)

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The batch of these rows, each as long as the longest."""
        import torch

        pad = self.processor.tokenizer.pad_token_id
        batch = {
            "input_ids": _padded([row.ids for row in rows], pad, np.int64),
            "attention_mask": _padded([(1,) * len(row) for row in rows], 0, np.int64),
            "loss_weights": _padded([row.weights for row in rows], 0, np.float32),
        }
        trained = batch["loss_weights"] > 0
        batch["labels"] = np.where(trained, batch["input_ids"], IGNORED)
        is_picture = (batch["input_ids"] == self._image_id) & (batch["attention_mask"] == 1)
        batch["mm_token_type_ids"] = is_picture.astype(np.int64)
        tensors = {name: torch.from_numpy(values) for name, values in batch.items()}
        tensors |= self._pictures(rows)
        return tensors | self._decoupled(rows, tensors)

    def _pictures(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Pixels of all pictures, in the order of their tokens."""
        import torch

        frames = [frame for row in rows for frame in row.frames]
        if not frames:
            return {}
        known = self._cache
        missing = [frame for frame in dict.fromkeys(frames) if frame not in known]
        new = dict(zip(missing, self._patches(missing), strict=True)) if missing else {}
        shown = [new[frame] if frame in new else known[frame] for frame in frames]
        if self.num_cached:
            known.update(new)
            for frame in frames:
                known.move_to_end(frame)
            while len(known) > self.num_cached:
                known.popitem(last=False)
        return {
            "pixel_values": torch.cat([patches for patches, _ in shown]),
            "image_grid_thw": torch.stack([grid for _, grid in shown]),
        }

    def _patches(self, frames: Sequence[FrameRef]) -> list[tuple[Any, Any]]:
        """Each picture as patches `[T * H * W, C]` and their grid `[3]`."""
        import torch

        pictures = [
            torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)
            for picture in self.resolve(frames)
        ]
        made = self.processor.image_processor(images=pictures, return_tensors="pt")
        grids = made["image_grid_thw"]
        sizes = grids.prod(dim=1).tolist()
        return list(zip(made["pixel_values"].split(sizes), grids, strict=True))

    def _decoupled(self, rows: Sequence[Row], batch: dict[str, Any]) -> dict[str, Any]:
        """The mask and the positions, if one of the rows is drawn."""
        import torch

        drawn = [self.is_drawn(row) for row in rows]
        if not any(drawn) or self.positions is None:
            return {}
        length = batch["input_ids"].shape[1]
        allowed = np.repeat(causal(length)[None, None], len(rows), axis=0)
        for i, row in enumerate(rows):
            if drawn[i]:
                allowed[i, 0, : len(row), : len(row)] = decoupled(row, self.decoupling)
        names = ("input_ids", "mm_token_type_ids", "attention_mask")
        inputs = {name: batch[name] for name in names}
        if "image_grid_thw" in batch:
            inputs["image_grid_thw"] = batch["image_grid_thw"]
        return {"allowed": torch.from_numpy(allowed), "position_ids": self.positions(**inputs)}

    def is_drawn(self, row: Row) -> bool:
        """Whether this row is one of those in which attention is decoupled."""
        return Random(f"{row.trajectory} {row.prompt}").random() < self.decouple


class Numbered:
    """Makes batches from the numbers of things: a trainer's data set holds nothing else."""

    def __init__(self, things: Sequence[Any], collate: Callable[[Sequence[Any]], Any]) -> None:
        """Keep the things, and how a batch is made of some."""
        self._things, self._collate = things, collate

    def __call__(self, examples: Sequence[dict[str, int]]) -> Any:
        """The batch of the things with these numbers."""
        return self._collate([self._things[example["number"]] for example in examples])


def additive(allowed: Any, dtype: Any) -> Any:
    """A mask as attention adds it: 0 where a token may attend, the least number elsewhere.

    A mask of truth values is right under sdpa and wrong under eager attention, which adds it.
    """
    import torch

    least = torch.finfo(dtype).min
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill(
        ~allowed, least
    )


def _padded(rows: Sequence[Sequence[float]], fill: float, dtype: Any) -> np.ndarray[Any, Any]:
    """`[B, L]`, short rows filled up on the right."""
    padded = np.full((len(rows), max(map(len, rows))), fill, dtype)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    return padded
