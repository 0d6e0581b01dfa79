"""The way that the pocket model is taught: survey, then look closely, then answer.

    record = await attempt(task, Surveyor(Guide.of(task)), tools, ctx, strategy="seek")

The question names somebody and a place. A few pictures over the whole film tell which scenes fit;
one of them is looked at with more pictures, from the last picture before it to the first after it;
whoever has seen the card reads it. All numbers of a call are copied from what stands in the
conversation, so that a small model can learn to write them: also the time of the first picture that
shows the card, which is what the answer cites.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import JsonValue

from playhead.core.message import Message, Role, ToolCall
from playhead.core.policy import Author, Finish, Reply, Sampling
from playhead.core.span import stamp
from playhead.core.tools import ToolSpec
from playhead.core.trajectory import Task
from playhead.training.pocket.curriculum import (
    FORMS,
    NUM_CLOSE,
    NUM_PICTURES,
    NUM_SURVEY,
    moment,
)
from playhead.worlds.dataset import Recipe
from playhead.worlds.edits import standing_ms
from playhead.worlds.families.base import Ask
from playhead.worlds.families.phrases import who
from playhead.worlds.oracle import understand
from playhead.worlds.script import Card, World
from playhead.worlds.verify import NOT_IN_VIDEO

LEAST_CLOSE = 6
"""Pictures: a scene is not looked at with fewer."""


class Look(NamedTuple):
    """A call of `look`."""

    start_s: float
    end_s: float
    num: int

    @property
    def times_s(self) -> list[float]:
        """The times of its pictures, as `Span.grid` has them."""
        step_s = (self.end_s - self.start_s) / self.num
        return [self.start_s + step_s * (i + 0.5) for i in range(self.num)]


class Sight(NamedTuple):
    """What matters for one question in one picture."""

    time_s: float
    is_there: bool
    """It shows the place that is asked about."""
    has_actor: bool
    """Whoever is asked about stands in it."""
    card: str | None
    """What is on the card of whoever is asked about, in that place. None: there is none."""


class Guide:
    """Who knows, from the script, what pictures show, and decides from what was shown."""

    def __init__(self, world: World, ask: Ask) -> None:
        """Take up a question.

        Raises:
            ValueError: It names nobody who is there.
        """
        actor = who(world, ask.text("actor"))
        if actor is None:
            raise ValueError(f"nobody of this world is the {ask.text('actor')!r}")
        self.world, self.ask, self.actor, self.place = world, ask, actor, ask.text("place")
        self._standing = {
            i: standing_ms(world, i, actor)
            for i, scene in enumerate(world.scenes)
            if actor in scene.cast
        }
        self._cards = [card for card in world.events_of(Card) if card.actor == actor]

    @classmethod
    def of(cls, task: Task, world: World | None = None) -> Guide:
        """The guide to what a task asks.

        Raises:
            ValueError: It is no question about a card, or names nobody who is there.
        """
        asked = understand(task.question)
        if asked is None or asked.ask.form not in FORMS:
            raise ValueError(f"no question about a card that somebody raised: {task.question!r}")
        return cls(world or Recipe.model_validate(task.metadata["recipe"]).cook().world, asked.ask)

    def sight(self, time_s: float) -> Sight:
        """What the picture at a time shows."""
        time_ms = round(time_s * 1000)
        scene = self.world.scene_at(time_ms)
        is_there = self.world.scenes[scene].place == self.place
        stands = any(a <= time_ms < b for a, b in self._standing.get(scene, ()))
        cards = [c.glyphs for c in self._cards if c.start_ms <= time_ms < c.end_ms]
        return Sight(time_s, is_there, stands, cards[0] if is_there and cards else None)

    def middle_s(self) -> float | None:
        """The middle of the time in which the card is up, if it ever is."""
        spans = [
            (card.start_ms, card.end_ms)
            for card in self._cards
            if self.world.place_of(card) == self.place
        ]
        return (spans[0][0] + spans[0][1]) / 2000 if spans else None

    def next(self, looks: Sequence[Sequence[Sight]]) -> Look | None:
        """Where to look after these looks. None: that is enough."""
        end_s = self.world.duration_ms / 1000
        if not looks:
            return Look(0.0, end_s, NUM_SURVEY)
        left = NUM_PICTURES - sum(map(len, looks))
        spans = self._candidates(looks[0], end_s)[len(looks) - 1 :]
        if self.found(looks) or not spans or left < LEAST_CLOSE:
            return None
        return Look(*spans[0], min(NUM_CLOSE, left))

    def _candidates(self, survey: Sequence[Sight], end_s: float) -> list[tuple[float, float]]:
        """From the last picture before each stretch that fits to the first one after it: those in
        which whoever is asked about was seen, then the others in that place."""
        edges = [0.0, *(sight.time_s for sight in survey), end_s]
        spans: list[tuple[float, float]] = []
        for needs_actor in (True, False):
            fits = [s.is_there and (s.has_actor or not needs_actor) for s in survey]
            for i, fit in enumerate(fits):
                if fit and (i == 0 or not fits[i - 1]):
                    last = next((j for j in range(i, len(fits)) if not fits[j]), len(fits))
                    span = (edges[i], edges[last + 1])
                    if not any(a <= span[0] and span[1] <= b for a, b in spans):
                        spans.append(span)
        return spans

    def found(self, looks: Sequence[Sequence[Sight]]) -> Sight | None:
        """The first sight of the card, if it was seen."""
        return next((sight for look in looks for sight in look if sight.card is not None), None)

    def answer(self, found: Sight | None) -> str:
        """What follows from the first sight of the card."""
        if found is None or found.card is None:
            return NOT_IN_VIDEO
        return moment(found.time_s) if self.ask.form == "card" else found.card


class Surveyor:
    """A policy that goes the way of a guide. For one attempt at one task."""

    name = "surveyor"

    def __init__(self, guide: Guide) -> None:
        self._guide = guide

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn."""
        seen = [m for m in messages if m.role is Role.TOOL and m.frames]
        looks = [[self._guide.sight(frame.time_s) for frame in m.frames] for m in seen]
        found = self._guide.found(looks)
        value = self._guide.answer(found)
        if not tools:
            return Reply(text=value, author=Author.TEACHER)
        look = None if sampling.tool_choice == "answer" else self._guide.next(looks)
        cited: list[JsonValue] = [stamp(found.time_s)] if found else []
        call = ToolCall(id="0", name="answer", arguments={"value": value, "evidence": cited})
        if look is not None:
            call = ToolCall(id="0", name="look", arguments=look._asdict())
        return Reply(calls=(call,), finish=Finish.CALLS, author=Author.TEACHER)
