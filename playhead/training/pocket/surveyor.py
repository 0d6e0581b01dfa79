"""The way that the pocket model is taught: survey, then look closely, then answer.

    record = await attempt(task, Surveyor(task, Sights(task)), tools, ctx, strategy="seek")

The question names somebody and a place. A few pictures over the whole film tell which scenes fit;
one of them is looked at with more pictures, from the last picture before it to the first after it;
whoever has seen it answers and cites that look. Questions that the survey itself answers get a
denser one and no second look. Without tools it answers from the pictures it was given.

All numbers of a call are copied from what stands in the conversation, so that a small model can
learn to write them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from playhead.core.media import FrameRef
from playhead.core.message import Message, Role, ToolCall
from playhead.core.policy import Author, Finish, Reply, Sampling
from playhead.core.tools import ToolSpec
from playhead.core.trajectory import Task
from playhead.worlds.dataset import Recipe
from playhead.worlds.edits import standing_ms
from playhead.worlds.families.phrases import who
from playhead.worlds.oracle import Understood, understand
from playhead.worlds.rng import Rng
from playhead.worlds.script import Card, World
from playhead.worlds.verify import NOT_IN_VIDEO

NUM_SURVEY, NUM_WIDE, NUM_CLOSE, LEAST_CLOSE = 12, 24, 12, 6
"""Pictures of a survey, of a survey that answers by itself, and of a look at one scene."""
SURVEYED = ("cooccurrence",)
"""Families that a survey answers."""


@dataclass(frozen=True)
class Sight:
    """What matters for one question in one picture."""

    time_s: float
    place: str
    is_there: bool
    """It shows the place that is asked about."""
    has_actor: bool
    """Whoever is asked about stands in it."""
    has_other: bool
    card: str | None
    """What is on the card of whoever is asked about. None: there is none."""


class Sights:
    """What pictures of a task's world show of what is asked, read off the script.

    The oracle's eyes see the same (`worlds.eyes`), 200 times more slowly.
    """

    def __init__(self, task: Task, world: World | None = None) -> None:
        asked = understand(task.question)
        if asked is None:
            raise ValueError(f"no question of a world: {task.question!r}")
        self.question: Understood = asked
        self.world = world or Recipe.model_validate(task.metadata["recipe"]).cook().world
        slots = asked.ask.slots
        self.place = str(slots.get("place", ""))
        self.actor = who(self.world, str(slots.get("actor", "")))
        self.other = who(self.world, str(slots.get("other", "")))

    @cached_property
    def _standing(self) -> dict[tuple[int, int], list[tuple[int, int]]]:
        return {
            (i, actor): standing_ms(self.world, i, actor)
            for i, scene in enumerate(self.world.scenes)
            for actor in scene.cast
            if actor in (self.actor, self.other)
        }

    def __call__(self, frame: FrameRef) -> Sight:
        """What a picture shows."""
        time_ms = round(frame.time_s * 1000)
        index = self.world.scene_at(time_ms)
        cards = [
            event.glyphs
            for event in self.world.events_in(index)
            if isinstance(event, Card) and event.actor == self.actor
            if event.start_ms <= time_ms < event.end_ms
        ]
        place = self.world.scenes[index].place
        return Sight(
            time_s=frame.time_s,
            place=place,
            is_there=place == self.place,
            has_actor=self._stands(index, self.actor, time_ms),
            has_other=self._stands(index, self.other, time_ms),
            card=cards[0] if cards else None,
        )

    def _stands(self, scene: int, actor: int | None, time_ms: int) -> bool:
        spans = self._standing.get((scene, -1 if actor is None else actor), [])
        return any(start <= time_ms < end for start, end in spans)


class Surveyor:
    """A policy that knows the way. For one attempt at one task."""

    name = "surveyor"

    def __init__(self, task: Task, sights: Sights, *, slips: float = 0.0, seed: int = 0) -> None:
        """Make the policy.

        Args:
            task: What is asked.
            sights: What pictures show.
            slips: The chance that it looks first where what is asked about is not.
            seed: Of that chance.
        """
        self._task, self._sights = task, sights
        self._slips = Rng(seed, "slip", task.id).below(1000) < 1000 * slips
        self.slipped: list[int] = []
        """Turns that were slips."""

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn."""
        seen = [m for m in messages if m.role is Role.TOOL and m.frames]
        looks = [[self._sights(frame) for frame in message.frames] for message in seen]
        if not tools:
            return Reply(text=self.value(looks), author=Author.TEACHER)
        call = self._next(looks, messages)
        if call is None or sampling.tool_choice == "answer":
            cited = [_id_of(seen[-1].text)] if seen else []
            call = {"value": self.value(looks), "evidence": cited}
        name = "answer" if "value" in call else "look"
        made = ToolCall(id="0", name=name, arguments=call)
        return Reply(calls=(made,), finish=Finish.CALLS, author=Author.TEACHER)

    def _next(
        self, looks: Sequence[Sequence[Sight]], messages: Sequence[Message]
    ) -> dict[str, JsonValue] | None:
        """Where to look now. None: that is enough."""
        family = self._sights.question.family.name
        end_s = self._sights.world.duration_ms / 1000
        if not looks:
            num = NUM_WIDE if family in SURVEYED else NUM_SURVEY
            return {"start_s": 0.0, "end_s": end_s, "num": num}
        if family in SURVEYED or self._found(looks) is not None:
            return None
        asked = [call for m in messages for call in m.calls if call.name == "look"]
        done = {(call.arguments.get("start_s"), call.arguments.get("end_s")) for call in asked}
        left = NUM_SURVEY + NUM_CLOSE - sum(map(len, looks))
        spans = [span for span in self._candidates(looks[0], end_s) if span not in done]
        if not spans or left < LEAST_CLOSE:
            return None
        if self._slips and len(looks) == 1 and len(spans) > 1:
            self.slipped.append(len(looks))
            spans = spans[1:]
        start_s, stop_s = spans[0]
        return {"start_s": start_s, "end_s": stop_s, "num": min(NUM_CLOSE, left)}

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

    def _found(self, looks: Sequence[Sequence[Sight]]) -> str | None:
        """The card, if it was seen."""
        cards = [s.card for look in looks for s in look if s.is_there and s.card is not None]
        return cards[0] if cards else None

    def value(self, looks: Sequence[Sequence[Sight]]) -> str:
        """The answer that was seen."""
        sights = [sight for look in looks for sight in look]
        found = self._found(looks)
        match self._sights.question.ask.form:
            case "where" | "or_absent":
                return found or NOT_IN_VIDEO
            case "yes_no":
                return "yes" if found else "no"
            case "never":
                return "no" if found else "yes"
            case "together":
                places = {s.place for s in sights if s.has_actor and s.has_other}
            case "apart":
                met = {s.place for s in sights if s.has_actor and s.has_other}
                places = {s.place for s in sights if s.has_actor} - met
            case form:
                raise ValueError(f"nobody has learnt to answer {form!r}")
        return ", ".join(sorted(places)) or NOT_IN_VIDEO


def _id_of(text: str) -> str:
    """The evidence that an observation begins with: `[e0123456789abcdef] ...`."""
    return text[text.index("[") + 1 : text.index("]")]
