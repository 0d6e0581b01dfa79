"""How a model was taught, in a small file beside its weights: `playhead.json`.

    save_manner(folder, Manner(tools=("look", "answer"), budget=Budget(turns=6, frames=18)))
    read_manner(folder)                                  # None: nobody wrote one

A model that was taught with some tools, a budget and a strategy is at its best with exactly these,
and one that knows one kind of question should say so when it is asked another. Training writes the
file; whoever loads the folder (`playhead.models.strings`) reads it, and the loop keeps to it.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import PositiveFloat, PositiveInt, ValidationError

from playhead.core.budget import Budget
from playhead.core.value import Text, Value

FILE = "playhead.json"


class Scope(Value):
    """The only questions about rendered worlds that a model can answer."""

    questions: tuple[Text, ...]
    """Families and forms of `playhead.worlds`, such as `needle.where`."""
    duration_s: PositiveFloat
    """How long the films last that it knows, in seconds."""
    height: PositiveInt
    """Of their pictures, in pixels."""
    width: PositiveInt


class Manner(Value):
    """How a model was taught. None: as everywhere."""

    tools: tuple[Text, ...] | None = None
    """Names of the tools that it knows, in the order in which it was told of them."""
    budget: Budget | None = None
    """What a question could cost."""
    strategy: Text | None = None
    """As `attempt` has it; not `auto`."""
    max_reply_tokens: PositiveInt | None = None
    dtype: Text | None = None
    """What to calculate in, as torch names it."""
    scope: Scope | None = None
    """All that it knows. None: it may be asked anything."""


def save_manner(folder: str | os.PathLike[str], manner: Manner) -> Path:
    """Write how the model in this folder was taught; what was written before is replaced."""
    path = Path(folder) / FILE
    path.write_text(manner.model_dump_json(indent=2, exclude_none=True) + "\n", encoding="utf-8")
    return path


def read_manner(folder: str | os.PathLike[str]) -> Manner | None:
    """How the model in this folder was taught. None: the folder does not tell.

    Raises:
        ValueError: The file is not one of these; the message names it.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        return None
    try:
        return Manner.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise ValueError(f"{str(path)!r} does not tell how a model was taught: {error}") from None
