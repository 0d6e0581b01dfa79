"""The question families, one small module each, and what runs them."""

from __future__ import annotations

from importlib import import_module

from playhead.worlds.families.base import Ask, Family, Phrase, Question, Sight, Truth

NAMES = (
    "needle",
    "multihop",
    "order",
    "count",
    "cooccurrence",
    "grounding",
    "fast",
    "negative",
    "shell_game",
    "detail",
    "instance",
    "dialogue",
    "cameras",
    "streaming",
    "rule",
    "audio",
)
"""All sixteen families."""

__all__ = ["NAMES", "Ask", "Family", "Phrase", "Question", "Sight", "Truth", "family"]


def family(name: str) -> Family:
    """The family of that name.

    Raises:
        ValueError: There is none.
    """
    if name not in NAMES:
        raise ValueError(f"no such family: got {name!r}; there are {', '.join(NAMES)}")
    found = import_module(f"{__name__}.{name}").FAMILY
    assert isinstance(found, Family)
    return found
