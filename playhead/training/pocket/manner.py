"""How a pocket model is taught, for the file that lies beside its weights.

save_manner(folder, pocket_manner())
"""

from __future__ import annotations

from playhead.models.manner import Manner, Scope
from playhead.training.pocket.curriculum import (
    BUDGET,
    DURATION_S,
    FORMS,
    HEIGHT,
    LONGEST_REPLY,
    WIDTH,
    tools,
)


def pocket_manner() -> Manner:
    """What the curriculum says: `look` and `answer`, its budget, its questions and films."""
    return Manner(
        tools=tuple(tool.spec.name for tool in tools()),
        budget=BUDGET,
        strategy="seek",
        max_reply_tokens=LONGEST_REPLY,
        dtype="float32",
        scope=Scope(
            questions=tuple(f"{family}.{form}" for form, family in FORMS.items()),
            duration_s=DURATION_S,
            height=HEIGHT,
            width=WIDTH,
        ),
    )
