"""Choosing tokens for transformers: each row of a batch by its own rules.

The one idea: the next token of every row is chosen here; transformers is left no choice. So rows of
one batch may have their own temperature, seed, length, stop strings and bounds. The log-probability
of what was chosen is written down at once: the model's own, before temperature, among what the
bounds allow (as vLLM has it). Sampling adds Gumbel noise of a row's own generator to its scores and
takes the largest: the same seed draws the same tokens in any company.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from playhead.core.policy import Sampling


class Paths:
    """The token sequences that a reply may begin with, and whether it ends there."""

    def __init__(self, sequences: Sequence[Sequence[int]], *, end: int | None) -> None:
        """Keep them.

        Args:
            sequences: Of token ids; one at least, none empty.
            end: What must follow. None: anything may.
        """
        tail = [] if end is None else [end]
        self._sequences = [(*sequence, *tail) for sequence in sequences]

    def allowed(self, ids: Sequence[int]) -> list[int] | None:
        """What may come after `ids`. None: anything."""
        num = len(ids)
        fitting = [seq for seq in self._sequences if seq[:num] == tuple(ids[: len(seq)])]
        if any(len(seq) <= num for seq in fitting):
            return None
        return sorted({seq[num] for seq in fitting}) or None


class Row:
    """One reply on its way."""

    def __init__(
        self,
        sampling: Sampling,
        paths: Paths | None,
        *,
        stop: Sequence[str] = (),
        is_given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        """Begin with nothing.

        Args:
            sampling: How tokens are drawn.
            paths: What it may begin with. None: anything.
            stop: Strings that end it.
            is_given_up: Whether nobody waits for it any more.
        """
        import torch

        self.sampling, self.paths, self.stop = sampling, paths, tuple(stop)
        self.is_given_up = is_given_up
        self.ids: list[int] = []
        self.logprobs: list[float] = []
        self.is_done = False
        self._random = torch.Generator()
        if sampling.seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(sampling.seed % 2**63)

    def choose(self, scores: Any, banned: Any) -> int:
        """The next token, from the model's scores for it `[V]`."""
        import torch

        own = scores.float()
        allowed = self.paths.allowed(self.ids) if self.paths else None
        if allowed is not None:
            kept = torch.full_like(own, -torch.inf)
            kept[allowed] = own[allowed]
            own = kept
        bounded = own.clone()
        bounded[banned] = -torch.inf
        if self.sampling.temperature > 0:
            bounded = _nucleus(bounded / self.sampling.temperature, self.sampling.top_p)
            noise = torch.empty(len(bounded), dtype=torch.float64)
            noise = -noise.exponential_(generator=self._random).log()
            bounded = bounded + noise.to(bounded.device, bounded.dtype)
        token = int(bounded.argmax())
        self.ids.append(token)
        if self.sampling.logprobs:
            self.logprobs.append(float(torch.log_softmax(own, dim=-1)[token]))
        return token


class Choose:
    """A logits processor that leaves one token for each row."""

    def __init__(self, rows: Sequence[Row], banned: Collection[int]) -> None:
        """Keep the rows, and the tokens that none of them may choose freely."""
        self._rows, self._banned = rows, sorted(banned)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """The scores `[B, V]`, of which one in each row is left."""
        import torch

        only = torch.full_like(scores, -torch.inf)
        for i, row in enumerate(self._rows):
            if row.is_done:
                only[i] = scores[i]
            else:
                only[i, row.choose(scores[i], self._banned)] = 0.0
        return only


class Stop:
    """A stopping criterion: a row ends with its last token, its length, or a stop string."""

    def __init__(
        self, rows: Sequence[Row], ends: Collection[int], decode: Callable[..., str]
    ) -> None:
        """Keep what ends a row.

        Args:
            rows: The rows.
            ends: Tokens that end any of them.
            decode: From token ids to text.
        """
        self._rows, self._ends, self._decode = rows, frozenset(ends), decode

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Which rows are done `[B]`."""
        import torch

        for row in self._rows:
            row.is_done = row.is_done or self._is_over(row)
        return torch.tensor([row.is_done for row in self._rows], device=input_ids.device)

    def _is_over(self, row: Row) -> bool:
        if row.ids[-1] in self._ends or len(row.ids) >= row.sampling.max_tokens:
            return True
        if row.is_given_up():
            return True
        if not row.stop:
            return False
        tail = max(map(len, row.stop)) + 8  # a token is a character or more, mostly
        text = self._decode(row.ids[-4 * tail :])
        return any(word in text for word in row.stop)


def _nucleus(scores: Any, top_p: float) -> Any:
    """The scores of the likeliest tokens that together have `top_p`; the others never come."""
    import torch

    if top_p >= 1:
        return scores
    ordered, order = scores.sort(descending=True)
    before = torch.softmax(ordered, dim=-1).cumsum(dim=-1) - torch.softmax(ordered, dim=-1)
    kept = torch.full_like(scores, -torch.inf)
    inside = order[before < top_p]
    kept[inside] = scores[inside]
    return kept
