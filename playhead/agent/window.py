"""The window: which earlier steps a policy is shown when a conversation grows long.

The one idea: nothing is summarised and nothing is lost; a step is shown or hidden, and the record
says which (`Step.shown`), so a trimmed conversation can still be trained on. The two newest steps
are always shown; of the older ones the newest that there is room for. What a hidden step showed can
be asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence

from playhead.core.message import Part, PicturePart, TextPart
from playhead.core.trajectory import Step
from playhead.tools.context import visual_tokens

_CHARACTERS_PER_TOKEN = 3.5
_NEWEST = 2  # steps that are always shown


def tokens(parts: Sequence[Part]) -> int:
    """About how many tokens a model reads `parts` as."""
    total = 0.0
    for part in parts:
        match part:
            case TextPart():
                total += len(part.text) / _CHARACTERS_PER_TOKEN
            case PicturePart():
                total += visual_tokens(part.frame.height, part.frame.width)
    return round(total)


def step_tokens(step: Step) -> int:
    """About how many tokens a step is in a conversation."""
    reply = step.reply
    said = len(reply.text) + sum(len(call.name) + len(str(call.arguments)) for call in reply.calls)
    seen = sum(tokens(observation.parts) for observation in step.observations)
    return round(said / _CHARACTERS_PER_TOKEN) + seen


def shown(sizes: Sequence[int], limit: int) -> tuple[int, ...] | None:
    """Which steps to show within `limit` tokens, by their sizes. None: all of them."""
    if sum(sizes) <= limit:
        return None
    kept: list[int] = []
    room = limit
    for i in reversed(range(len(sizes))):
        is_newest = len(sizes) - i <= _NEWEST
        if is_newest or sizes[i] <= room:
            kept.append(i)
            room -= sizes[i]
    return tuple(sorted(kept)) if len(kept) < len(sizes) else None
