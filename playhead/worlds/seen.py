"""What can be seen in one picture of a world, as plain facts.

These are the words that eyes speak in: the oracle's (`eyes.perceive`), its noisy copies', and the
tests' that read the same facts off the script.
"""

from __future__ import annotations

from playhead.core.value import Value
from playhead.worlds.script import NUM_CUPS, Actor, LampColor, Place, Thing

Rect = tuple[int, int, int, int]
"""Top, left, bottom, right in pixels, half-open."""


class SeenActor(Value):
    """Somebody who stands there."""

    actor: Actor
    box: Rect
    flashing: bool = False


class SeenCard(Value):
    """A card that is held up."""

    text: str | None
    """None: there is a card, but it cannot be read."""
    holder: Actor | None
    box: Rect


class SeenThing(Value):
    """A thing that is held up."""

    thing: Thing
    holder: Actor | None
    box: Rect


class SeenSign(Value):
    """A sign on the wall."""

    text: str | None
    """None: there is a sign, but it cannot be read."""
    box: Rect


class SeenText(Value):
    """A plate with one line of text, wherever it is."""

    text: str
    box: Rect


class SeenCups(Value):
    """The cups on the table."""

    slots: tuple[int, ...]
    """Which of the three slots have a cup standing in them, ascending."""
    lifted: bool
    """Whether the cups are up, so that a ball would be seen."""
    ball: int | None = None
    """The slot where the ball is seen. None: it is not seen."""

    @property
    def swapping(self) -> tuple[int, int] | None:
        """The two slots whose cups are on their way. None: no swap is seen."""
        empty = [slot for slot in range(NUM_CUPS) if slot not in self.slots]
        return (empty[0], empty[1]) if len(empty) == 2 else None


class Seen(Value):
    """What one picture shows."""

    place: Place | None = None
    """None: no name plate can be read."""
    actors: tuple[SeenActor, ...] = ()
    """Who stands there, from left to right."""
    half_seen: tuple[Rect, ...] = ()
    """Figures that cannot be told, such as somebody who is just coming up."""
    cards: tuple[SeenCard, ...] = ()
    things: tuple[SeenThing, ...] = ()
    sign: SeenSign | None = None
    lamp: LampColor | None = None
    """None: the lamp is off."""
    door_open: bool = False
    cups: SeenCups | None = None
    """None: no game is on the table."""
    overlay: str | None = None
    """What the banner says. None: there is none."""
