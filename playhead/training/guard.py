"""Gates: what a checkpoint must show before it may replace another.

    gates = [tool_harm(direct, seeking, accuracy), regression("images", before, after, accuracy)]
    promote("runs/7/checkpoint-400", "models/seeker", gates)

Tools that a model was not taught to use make it worse (67.4 to 58.3 on Video-MME when they were
merely offered: VideoSeeker), and training on video can cost what a model knew about single
pictures. So a run is judged on questions that it was not trained on, pair by pair, and a gate that
could not be judged is a gate that did not pass.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from playhead.core.errors import PlayheadError
from playhead.core.trajectory import Scorer, Trajectory
from playhead.evaluation.paired import compare, pairs

LEAST_PAIRS = 30
"""Questions that a gate needs at least: with fewer, one answer decides."""


@dataclass(frozen=True)
class Gate:
    """One thing that was asked of a checkpoint, and what it showed."""

    name: str
    passed: bool
    measured: float | None
    """None: it could not be measured."""
    bound: float
    num: int
    """Questions it was measured on."""
    told: str
    """All of it in a sentence."""


class GateFailed(PlayheadError, ValueError):
    """A checkpoint did not pass and was not promoted; the message says at what."""


def regression(
    name: str,
    before: Iterable[Trajectory],
    after: Iterable[Trajectory],
    score: Scorer,
    *,
    tolerance: float = 0.0,
    least: int = LEAST_PAIRS,
) -> Gate:
    """The second run is not worse than the first by more than `tolerance`, on mean.

    Args:
        name: What the gate is called: `image regression`, `held-out`.
        before: Attempts by the model that would be replaced.
        after: Attempts at the same tasks by the checkpoint.
        score: How an attempt is judged.
        tolerance: How much worse it may be.
        least: Fewer questions than this cannot pass.
    """
    both = pairs(before, after, score)
    if len(both) < least:
        told = f"{name}: {len(both)} questions are too few to tell; {least} are needed"
        return Gate(name, passed=False, measured=None, bound=-tolerance, num=len(both), told=told)
    found = compare(both)
    passed = found.mean >= -tolerance
    low, high = found.interval
    told = (
        f"{name}: {found.before:.3f} before, {found.after:.3f} after, {found.mean:+.3f} "
        f"({low:+.3f} to {high:+.3f}, p {found.p_value:.2g}) on {found.num} questions; "
        f"{0 - tolerance:+.3f} is allowed"
    )
    return Gate(name, passed, found.mean, -tolerance, found.num, told)


def tool_harm(
    without: Iterable[Trajectory],
    with_tools: Iterable[Trajectory],
    score: Scorer,
    *,
    tolerance: float = 0.0,
    least: int = LEAST_PAIRS,
) -> Gate:
    """With tools the same model is not worse than without, on mean.

    Args:
        without: Its attempts when it is shown pictures and offered no tools.
        with_tools: Its attempts at the same tasks with them.
        score: How an attempt is judged.
        tolerance: How much worse it may be.
        least: Fewer questions than this cannot pass.
    """
    return regression("tool harm", without, with_tools, score, tolerance=tolerance, least=least)


def over_calling(
    controls: Iterable[Trajectory], score: Scorer, *, most: float = 0.1, least: int = LEAST_PAIRS
) -> Gate:
    """On questions that need no tools, few attempts call more of them than they need.

    Args:
        controls: Attempts at such questions.
        score: 1 for an attempt that calls more than it needs, else 0.
        most: The share of attempts that may.
        least: Fewer judged attempts than this cannot pass.
    """
    scores = [value for value in map(score, controls) if value is not None]
    if len(scores) < least:
        told = f"over-calling: {len(scores)} controls are too few to tell; {least} are needed"
        return Gate("over-calling", False, None, most, len(scores), told)
    rate = sum(scores) / len(scores)
    told = f"over-calling: {rate:.3f} of {len(scores)} controls; {most:.3f} is allowed"
    return Gate("over-calling", rate <= most, rate, most, len(scores), told)


def promote(
    checkpoint: str | os.PathLike[str], to: str | os.PathLike[str], gates: Sequence[Gate]
) -> Path:
    """Put a checkpoint where models are served from, if it passed every gate.

    It is copied first and then put in the place of what was there, which is kept beside it as
    `NAME.before`. `gates.json` in the new folder says what it showed.

    Args:
        checkpoint: A folder as `save_pretrained` leaves it.
        to: Where it shall be.
        gates: At least one.

    Returns:
        Where it is.

    Raises:
        GateFailed: A gate was not passed, or none was asked; nothing was changed.
        FileNotFoundError: There is no such checkpoint.
    """
    source, target = Path(checkpoint), Path(to)
    if not gates:
        raise GateFailed("no gate was asked of this checkpoint: give at least one")
    if failed := [gate.told for gate in gates if not gate.passed]:
        raise GateFailed(f"{source.name} is not promoted. " + "; ".join(failed))
    if not source.is_dir():
        raise FileNotFoundError(f"no checkpoint {str(checkpoint)!r}: a folder is needed")
    coming = target.with_name(f"{target.name}.coming")
    gone = target.with_name(f"{target.name}.before")
    shutil.rmtree(coming, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, coming)
    told = json.dumps([asdict(gate) for gate in gates], indent=2)
    (coming / "gates.json").write_text(told + "\n", encoding="utf-8")
    if target.exists():
        shutil.rmtree(gone, ignore_errors=True)
        target.rename(gone)
    coming.rename(target)
    return target
