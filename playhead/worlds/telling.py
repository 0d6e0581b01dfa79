"""Telling: what happens in a world, one plain sentence each, and back again.

    facts = facts_in(piece_together(glimpses, heard))    # what was seen, with the times
    sentence(facts[0])                                   # what a memory keeps of it
    read_sentence(sentence(facts[0]), 1_000, 5_000)      # the same fact

The sentences are worded as the questions are, so that a search for a question's words finds them,
and they can be read backwards, so that the oracle understands what a memory says by reading it.
`script_of` makes a script of facts, from which the families read their answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal
from typing import cast as as_type

from playhead.core.value import Value
from playhead.worlds import script
from playhead.worlds.families.phrases import join, natural, plainly, short
from playhead.worlds.script import (
    Actor,
    Blink,
    Card,
    Carry,
    Door,
    Event,
    Knobs,
    Lamp,
    LampColor,
    Place,
    Scene,
    Sign,
    Thing,
    World,
)

What = Literal["scene", "card", "carry", "flash", "lamp", "door", "sign"]


class Fact(Value):
    """One thing that is so for a while, in milliseconds from the first frame."""

    what: What
    start_ms: int
    end_ms: int
    place: Place
    cast: tuple[Actor, ...] = ()
    """Who: everybody of a scene, the one who does it, or nobody."""
    text: str = ""
    """What is on the card or the sign, which thing is held, the colour of the lamp."""
    num: int = 0
    """How many flashes."""

    def is_about(self, words: str) -> bool:
        """Whether it is about an actor who is called so, by the short name or the whole."""
        return any(words in (short(actor), actor.name) for actor in self.cast)

    def is_like(self, other: Fact) -> bool:
        """Whether it is the same at another time."""
        mine, theirs = (f.replace(start_ms=0, end_ms=0, num=0) for f in (self, other))
        return mine == theirs


def facts_in(world: World) -> list[Fact]:
    """What a script says, in order of time."""
    told = [
        Fact(
            what="scene",
            start_ms=scene.start_ms,
            end_ms=scene.end_ms,
            place=scene.place,
            cast=tuple(world.actors[i] for i in scene.cast),
        )
        for scene in world.scenes
    ]
    told += [fact for event in world.events for fact in _facts(world, event)]
    return sorted(told, key=lambda fact: (fact.start_ms, fact.end_ms, fact.what))


def _facts(world: World, event: Event) -> Iterator[Fact]:
    match event:
        case Card():
            what, text, num = "card", event.glyphs, 0
        case Carry():
            what, text, num = "carry", event.thing, 0
        case Blink():
            what, text, num = "flash", "", event.flashes
        case Lamp():
            what, text, num = "lamp", event.color, 0
        case Door():
            what, text, num = "door", "", 0
        case Sign():
            what, text, num = "sign", event.text, 0
        case _:
            return
    actor = getattr(event, "actor", None)
    yield Fact(
        what=what,
        start_ms=event.start_ms,
        end_ms=event.end_ms,
        place=world.place_of(event),
        cast=() if actor is None else (world.actors[actor],),
        text=text,
        num=num,
    )


def sentence(fact: Fact) -> str:
    """A fact in words, without its times."""
    who = join([f"the {actor.name}" for actor in fact.cast]) if fact.cast else "nobody"
    words = {
        "scene": f"in the {fact.place} stood {who}.",
        "card": f"{who} raised a card in the {fact.place}: {fact.text}.",
        "carry": f"{who} held a {fact.text} in the {fact.place}.",
        "flash": f"{who} flashed {fact.num} times in the {fact.place}.",
        "lamp": f"the lamp in the {fact.place} shone {fact.text}.",
        "door": f"the door in the {fact.place} was open.",
        "sign": f"a sign in the {fact.place} said {fact.text}.",
    }[fact.what]
    words = natural(words)
    return words[0].upper() + words[1:]


_NAME = (
    rf"the (?:{'|'.join(script.PATTERNS)}) (?:{'|'.join(script.COLORS)}) "
    rf"(?:{'|'.join(script.SHAPES)}) (?:without a hat|with a top hat|with a party hat)"
)
_ACTOR = re.compile(
    rf"({'|'.join(script.PATTERNS)}) ({'|'.join(script.COLORS)}) ({'|'.join(script.SHAPES)}) "
    "(?:without a hat|with a (top hat|party hat))"
)
_PLACE = rf"in the (?P<place>{'|'.join(script.PLACES)})"
_SENTENCES = {
    what: re.compile(pattern)
    for what, pattern in {
        "scene": rf"{_PLACE} stood (?P<who>nobody|{_NAME}(?:(?:, | and ){_NAME})*)\.",
        "card": rf"(?P<who>{_NAME}) raised a card {_PLACE}: (?P<text>[{script.CARD_TEXT}]+)\.",
        "carry": rf"(?P<who>{_NAME}) held a (?P<text>[a-z]+) {_PLACE}\.",
        "flash": rf"(?P<who>{_NAME}) flashed (?P<num>\d+) times {_PLACE}\.",
        "lamp": rf"the lamp {_PLACE} shone (?P<text>[a-z]+)\.",
        "door": rf"the door {_PLACE} was open\.",
        "sign": rf"a sign {_PLACE} said (?P<text>[{script.CARD_TEXT}]+)\.",
    }.items()
}


def read_sentence(words: str, start_ms: int, end_ms: int) -> Fact | None:
    """The fact that a sentence of `sentence` tells; None: it is no such sentence."""
    plain = plainly(words.strip())
    plain = plain[:1].lower() + plain[1:]
    for what, pattern in _SENTENCES.items():
        match = pattern.fullmatch(plain)
        if match is None:
            continue
        found = match.groupdict()
        cast = [
            {"pattern": dress, "color": color, "shape": shape, "hat": hat or "none"}
            for dress, color, shape, hat in _ACTOR.findall(found.get("who") or "")
        ]
        return Fact.model_validate(
            {
                "what": what,
                "start_ms": start_ms,
                "end_ms": end_ms,
                "place": found["place"],
                "cast": cast,
                "text": found.get("text") or "",
                "num": int(found.get("num") or 0),
            }
        )
    return None


def joined(facts: Iterable[Fact], *, gap_ms: int = 0, dark_ms: int = 0) -> list[Fact]:
    """The facts, those that go on where one of the same ends made one, in order of time.

    Args:
        facts: Such as those of a memory that was made in pieces.
        gap_ms: At most so long apart.
        dark_ms: Flashes at most so long apart are one burst.
    """
    kept: list[Fact] = []
    for fact in sorted(facts, key=lambda fact: (fact.start_ms, fact.end_ms)):
        gap = dark_ms if fact.what == "flash" else gap_ms
        before = next(
            (f for f in reversed(kept) if f.is_like(fact) and fact.start_ms - f.end_ms <= gap), None
        )
        if before is None:
            kept.append(fact)
            continue
        num = before.num + fact.num
        end_ms = max(before.end_ms, fact.end_ms)
        kept[kept.index(before)] = before.replace(end_ms=end_ms, num=num)
    return kept


def script_of(facts: Sequence[Fact], duration_ms: int) -> World:
    """A script that says these facts, each in a scene of its own."""
    ordered = sorted(facts, key=lambda fact: (fact.start_ms, fact.end_ms))
    actors = list(dict.fromkeys(actor for fact in ordered for actor in fact.cast))
    scenes, events = list[Scene](), list[Event]()
    for fact in ordered:
        cast = tuple(actors.index(actor) for actor in fact.cast)
        start, end = fact.start_ms, fact.end_ms
        scenes.append(Scene(place=fact.place, camera=0, start_ms=start, end_ms=end, cast=cast))
        events += _events(fact, len(scenes) - 1, cast)
    return World(
        seed=0,
        knobs=Knobs(duration_ms=max(10_000, duration_ms)),
        actors=tuple(actors),
        scenes=tuple(scenes),
        events=tuple(events),
    )


def _events(fact: Fact, scene: int, cast: tuple[int, ...]) -> Iterator[Event]:
    start, end = fact.start_ms, fact.end_ms
    match fact.what:
        case "card":
            yield Card(scene=scene, start_ms=start, end_ms=end, actor=cast[0], glyphs=fact.text)
        case "carry":
            thing = as_type(Thing, fact.text)
            yield Carry(scene=scene, start_ms=start, end_ms=end, actor=cast[0], thing=thing)
        case "flash":
            num = fact.num
            yield Blink(scene=scene, start_ms=start, end_ms=end, actor=cast[0], flashes=num)
        case "lamp":
            color = as_type(LampColor, fact.text)
            yield Lamp(scene=scene, start_ms=start, end_ms=end, color=color)
        case "door":
            yield Door(scene=scene, start_ms=start, end_ms=end)
        case "sign":
            yield Sign(scene=scene, start_ms=start, end_ms=end, text=fact.text, glyph_px=7)
        case "scene":
            return
