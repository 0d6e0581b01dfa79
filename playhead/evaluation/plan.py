"""Several runs of the same questions: each model at each budget, each in a folder of its own.

for label, subject in planned(["rules", "uniform"], read_budgets(["frames=8", "frames=64"])):
    await make_run(folder / folder_name(label), questions, subject, label=label)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from playhead.core.budget import Budget, Effort
from playhead.core.value import Value
from playhead.evaluation.subjects import UNIFORM, Subject, find_subject
from playhead.models.strings import manner_of

USUAL = "auto"
"""The strategy that labels do not name."""


class Bound(Value):
    """One point of a curve: what a question may cost at the most, instead of the effort's."""

    told: str
    """As it was written; empty: nothing was."""
    bounds: dict[str, float]

    def budget(self, effort: Effort, taught: Budget | None = None) -> Budget:
        """The budget, in place of the one a model was taught with or else the effort's. It has no
        bound in seconds unless one was written: a busy machine would change the result."""
        usual = (taught or Budget.of(effort)).replace(seconds=None)
        return Budget.model_validate({**dict(usual), **self.bounds})


def read_budgets(written: Sequence[str] = (), frames: str = "") -> list[Bound]:
    """Budgets as they are written on a command line; without any, one that changes nothing.

    Args:
        written: Each a point: bounds such as `frames=64` or `frames=64,turns=8`.
        frames: More points, each a bound on pictures: `8,32,128`.

    Raises:
        ValueError: Something is no bound.
    """
    points = [*written, *(f"frames={num.strip()}" for num in frames.split(",") if num.strip())]
    return [_read(point) for point in points] or [Bound(told="", bounds={})]


def planned(
    models: Iterable[str],
    points: Sequence[Bound],
    *,
    strategy: str = USUAL,
    effort: Effort = Effort.NORMAL,
    **how: Any,
) -> list[tuple[str, Subject]]:
    """Every run to make, with what to call it.

    Args:
        models: Model strings, see `subjects`.
        points: From `read_budgets`.
        strategy: Of the loop.
        effort: What a question may cost where a point says nothing.
        how: What else `find_subject` takes.

    Raises:
        ValueError: A model string that cannot be.
    """
    runs: dict[str, Subject] = {}
    for model in models:
        is_fixed = model.startswith(f"{UNIFORM}:")  # its pictures are in its name
        taught = manner_of(model, environment=how.get("environment")).budget
        for point in points[:1] if is_fixed else points:
            budget = point.budget(effort, taught)
            subject = find_subject(model, strategy=strategy, budget=budget, **how)
            told = [] if is_fixed or not point.told else [point.told]
            told += [strategy] if strategy != USUAL and subject.strategy == strategy else []
            runs.setdefault(" ".join([subject.name, *told]), subject)
    return list(runs.items())


def folder_name(label: str) -> str:
    """What the folder of a run is called."""
    return re.sub(r"[^\w.=-]+", "-", label).strip("-.") or "run"


def _read(point: str) -> Bound:
    bounds: dict[str, float] = {}
    for part in point.split(","):
        name, equals, value = (text.strip() for text in part.partition("="))
        if not equals or name not in Budget.model_fields:
            units = ", ".join(Budget.model_fields)
            raise ValueError(f"a bound is written UNIT=NUMBER, of {units}: got {part!r}")
        try:
            bounds[name] = float(value)
        except ValueError:
            raise ValueError(f"{name} is a number: got {value!r}") from None
    checked: Mapping[str, float] = bounds
    Budget.model_validate(dict(checked))
    return Bound(
        told=",".join(f"{name}={value:g}" for name, value in bounds.items()), bounds=bounds
    )
