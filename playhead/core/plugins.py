"""Finding what others have written: tools, policies, selectors, scorers, decoders, eyes ...

A name resolves to one of ours or, through an entry point, to one of theirs. There is no registry to
import into shape: whatever is installed can be found, whatever is not installed cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import TypeVar

from playhead.core.errors import NoSuchPlugin

T = TypeVar("T")

GROUPS = (
    "tools",
    "policies",
    "strategies",
    "dialects",
    "selectors",
    "scorers",
    "benchmarks",
    "decoders",
    "eyes",
    "embedders",
)
"""What can be plugged in. The entry-point group is `playhead.` and one of these."""


def plugin_names(group: str, builtin: Mapping[str, object]) -> list[str]:
    """Every name that `find_plugin` would find, ours first."""
    theirs = sorted(point.name for point in entry_points(group=f"playhead.{group}"))
    return [*builtin, *(name for name in theirs if name not in builtin)]


def find_plugin(group: str, name: str, builtin: Mapping[str, T]) -> T:
    """The thing of that name: one of `builtin`, or an installed plug-in.

    Args:
        group: One of `GROUPS`.
        name: As the user wrote it.
        builtin: Ours, by name. A plug-in cannot replace one of them.

    Raises:
        ValueError: No such group.
        NoSuchPlugin: No such name; the message lists what there is.
    """
    if group not in GROUPS:
        raise ValueError(f"a plug-in group is one of {', '.join(GROUPS)}: got {group!r}")
    if name in builtin:
        return builtin[name]
    for point in entry_points(group=f"playhead.{group}", name=name):
        return point.load()
    known = plugin_names(group, builtin)
    close = get_close_matches(name, known, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    raise NoSuchPlugin(f"no {group} plug-in {name!r}; there are: {', '.join(known)}.{meant}")
