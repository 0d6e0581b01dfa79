"""What a question family is: an edit of the world, a way of asking, and the truth of a script.

A family has three functions and some phrasings:

- `stage(world, rng, form)` draws the answer first and edits the script until it is true, and says
  what to ask as an `Ask`: a form and its slots, as data;
- `derive(world, ask)` reads the `Truth` off any script: gold answer, evidence and the frames it
  needs. It gives None when the script does not have exactly one answer;
- `distract(world, rng, ask)` adds matched distractors, things of the same look as the evidence.

The one idea: the gold answer is never what `stage` meant but what `derive` reads off the *final*
script. Worlds are values, so an edit that changes an earlier question's truth is simply not taken,
and a draw whose truth is not unique is dropped and counted.

`families/build.py` runs this; `phrases.py` writes the words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from playhead.core.media import Region
from playhead.core.span import Span
from playhead.core.value import Json, JsonObject, Text, Value
from playhead.worlds.rng import Rng
from playhead.worlds.script import Event, Knobs, World
from playhead.worlds.verify import AnswerKind, score

Channel = Literal["picture", "subtitle", "sound"]


class Sight(Value):
    """A stretch of one camera's video in which one piece of the truth can be seen or heard."""

    span: Span
    camera: NonNegativeInt = 0
    channel: Channel = "picture"


class Pointer(Value):
    """A part of one frame that belongs to the question: "this one"."""

    time_s: NonNegativeFloat
    roi: Region
    camera: NonNegativeInt = 0


class Ask(Value):
    """What is asked, as data: never the answer."""

    form: Text
    slots: JsonObject = Field(default_factory=dict)

    @classmethod
    def of(cls, form: str, **slots: Any) -> Self:
        """An ask with these slots: JSON data."""
        return cls(form=form, slots=slots)

    def text(self, name: str) -> str:
        """A slot that holds text."""
        value = self.slots[name]
        assert isinstance(value, str), f"slot {name} holds text: got {value!r}"
        return value

    def number(self, name: str) -> int:
        """A slot that holds a whole number."""
        value = self.slots[name]
        assert isinstance(value, int), f"slot {name} holds a number: got {value!r}"
        return value

    def texts(self, name: str) -> list[str]:
        """A slot that holds a list of texts."""
        value = self.slots[name]
        assert isinstance(value, list), f"slot {name} holds a list: got {value!r}"
        return [str(item) for item in value]


@dataclass(frozen=True)
class Truth:
    """What a script says about an `Ask`."""

    gold: Any
    """JSON data."""
    evidence: tuple[Sight, ...] = ()
    """Where the truth can be seen or heard. Empty: it is about something that is not there."""
    required: tuple[Sight, ...] = ()
    """Each of these must be seen at least once to know the answer."""
    wrong: tuple[str, ...] = ()
    """Answers of the same look that are not right: options are drawn from them."""
    search: tuple[Sight, ...] = ()
    """Where one must have looked to know that something is *not* there."""
    premise: bool = True
    """Whether what the words take for granted is so ("the other of two cards"). A question whose
    premise fails is never asked; somebody who saw only part of a video may answer all the same."""


Style = Literal["direct", "indirect", "negated"]


@dataclass(frozen=True)
class Phrase:
    """One way of asking. `[raised|held up]` are synonyms, `{actor}` is a slot of the ask."""

    form: str
    text: str
    style: Style = "direct"
    held_out: bool = False
    """Never used in training."""


class Question(Value):
    """One question about one world. Only `prompt`, `pictures` and `asked_at_s` may be shown."""

    id: Text
    family: Text
    form: Text
    template: Text
    """Which phrasing: `needle.where.2`."""
    style: Style
    text: Text
    kind: AnswerKind
    gold: Json
    options: tuple[Text, ...] = ()
    ask: Ask
    evidence: tuple[Sight, ...] = ()
    required: tuple[Sight, ...] = ()
    search: tuple[Sight, ...] = ()
    pictures: tuple[Pointer, ...] = ()
    asked_at_s: NonNegativeFloat | None = None
    """When a question about a stream is asked. None: the whole video is there."""
    held_out: tuple[Text, ...] = ()
    """What about it is never in training: `phrasing`, `pair`, `place`."""

    @property
    def prompt(self) -> str:
        """The question with its options and a line on how to answer: all a model reads."""
        lines = [self.text]
        if self.options:
            lines += [f"({chr(65 + i)}) {option}" for i, option in enumerate(self.options)]
        if self.asked_at_s is not None:
            lines.append(f"(It is now {self.asked_at_s:.1f} s into the video.)")
        return "\n".join([*lines, HINTS[self.kind]])

    @property
    def min_frames(self) -> int:
        """The size of the minimum required frame set, exactly."""
        return min_required_frames(self.required)

    def score(self, answer: object) -> float:
        """How right an answer is, in [0, 1]. Never raises."""
        return score(self.kind, answer, self.gold, self.options)


HINTS: dict[AnswerKind, str] = {
    AnswerKind.TEXT: "Answer with the name only.",
    AnswerKind.CODE: "Answer with the characters only.",
    AnswerKind.CODE_OR_ABSENT: 'Answer with the characters only, or "not in the video".',
    AnswerKind.NUMBER: "Answer with one number.",
    AnswerKind.ORDERED: "Answer with the names in order, separated by commas.",
    AnswerKind.SET: "Answer with the names, separated by commas.",
    AnswerKind.SPANS: "Answer with the start and the end in seconds, like 12.5-14.0.",
    AnswerKind.YES_NO: "Answer yes or no.",
    AnswerKind.PATH: "Cameras are numbered from 0. Answer with the numbers in order, like 0, 3, 1.",
    AnswerKind.ALERT: "Answer with the time in seconds, as soon as it happens.",
}

Stage = Callable[[World, Rng, str], tuple[World, Ask] | None]
Derive = Callable[[World, Ask], Truth | None]
Distract = Callable[[World, Rng, Ask], World | None]


def keep(knobs: Knobs) -> Knobs:
    """The knobs as they are."""
    return knobs


def no_distractor(world: World, rng: Rng, ask: Ask) -> World | None:
    """Nothing to add: what the world is full of is distraction enough."""
    return None


@dataclass(frozen=True)
class Family:
    """One kind of question. See the module's docstring for the three functions."""

    name: str
    models: str
    """Which benchmarks it models."""
    kinds: Mapping[str, AnswerKind]
    """The forms it has, and what the answer of each is."""
    phrases: tuple[Phrase, ...]
    stage: Stage
    derive: Derive
    blind: Callable[[str, Knobs], float]
    """Of a form, the expected score of the best answer without the video."""
    distract: Distract = no_distractor
    fit_knobs: Callable[[Knobs], Knobs] = keep
    """The nearest knobs that allow this family."""
    point: Callable[[World, Ask], tuple[Pointer, ...]] | None = None
    """Pictures that belong to the question. None: words only."""
    options: Mapping[str, int] = field(default_factory=dict[str, int])
    """Forms that always offer choices, and how many."""

    def draw_form(self, rng: Rng) -> str:
        """One of the forms, each equally often."""
        return rng.choice(list(self.kinds))

    def verify(self, answer: object, question: Question) -> float:
        """How right an answer is, in [0, 1]. Never raises."""
        return question.score(answer)


def span_of(start_ms: int, end_ms: int) -> Span:
    """Milliseconds of the script as the seconds of everything else."""
    return Span(start=start_ms / 1000, end=end_ms / 1000)


def sight(world: World, event: Event, channel: Channel = "picture") -> Sight:
    """Where an event can be seen or heard."""
    camera = world.scenes[event.scene].camera
    return Sight(span=span_of(event.start_ms, event.end_ms), camera=camera, channel=channel)


def min_required_frames(required: Sequence[Sight]) -> int:
    """The fewest frames that touch every required stretch of picture (each camera on its own).

    The minimum set of points that stabs a set of intervals: take the interval that ends first, look
    at its last moment, drop all that this moment is in, repeat. Greedy by right end is optimal.
    """
    num = 0
    for camera in {s.camera for s in required}:
        spans = [s.span for s in required if s.camera == camera and s.channel == "picture"]
        last = -1.0  # the latest frame taken lies just before this time
        for span in sorted(spans, key=lambda span: span.end):
            if span.start >= last:
                num, last = num + 1, span.end
    return num


def question_id(world: World, family: str, ask: Ask) -> str:
    """Names a question by what is asked about which script."""
    content = f"{world.id} {family} {ask.to_json()}".encode()
    return "q" + blake2b(content, digest_size=8).hexdigest()
