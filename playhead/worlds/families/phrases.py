"""Words: from an ask to a sentence and back.

Every phrasing can be read backwards: `read` finds the phrase and the slots of a question's text.
So a test can prove that no text is ambiguous, and the oracle understands a question by reading it
and not by being told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import product
from string import Formatter

from pydantic import JsonValue

from playhead.worlds import script
from playhead.worlds.families.base import Ask, Phrase
from playhead.worlds.rng import Rng
from playhead.worlds.script import Actor, World

_SYNONYMS = re.compile(r"\[([^\]]*)\]")
_PIECES = re.compile(r"(\[[^\]]*\]|\{[^}]*\})")
_NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
)  # fmt: skip


def _either(items: Sequence[str]) -> str:
    return "(?:" + "|".join(re.escape(item) for item in sorted(items, key=len, reverse=True)) + ")"


_LOOK = (
    rf"(?:{_either(script.PATTERNS)} )?{_either(script.COLORS)} {_either(script.SHAPES)}"
    r"(?: without a hat| with a top hat| with a party hat)?"
)
_WORN = (
    rf"{_either(script.SHAPES)} in (?:{_either(script.PATTERNS)} )?{_either(script.COLORS)}"
    r"(?: without a hat| with a top hat| with a party hat)?"
)
_PAIR = re.compile(rf"({_either(script.COLORS)}) ({_either(script.SHAPES)})")
_CODE = f"[{script.GLYPHS}]+"
_OBJECT = "[a-z]+"

_SLOTS: dict[str, str] = {
    "actor": _LOOK,
    "other": _LOOK,
    "worn": _WORN,
    "actors": rf"the {_LOOK}(?:(?:,| and) the {_LOOK})+",
    "place": _either(script.PLACES),
    "thing": _either(script.THINGS),
    "pitch": _either(script.PITCHES),
    "lamp": _either(script.LAMP_COLORS),
    "color": _either(script.COLORS),
    "state": "(?:lit|dark)",
    "cup": "(?:left|middle|right)",
    "code": _CODE,
    "object": _OBJECT,
    "num": _either(_NUMBERS),
    "camera": r"\d{1,2}",
}
"""What may stand in each slot."""


_WHERE = {"beach": "on", "bridge": "on", "farm": "on", "market": "at", "station": "at"}
"""Places that one is not *in*."""


def natural(text: str) -> str:
    """`in the bridge` as `on the bridge`, and so on."""
    for place, word in _WHERE.items():
        text = text.replace(f"in the {place}", f"{word} the {place}")
    return text


def plainly(text: str) -> str:
    """What `natural` made natural, undone."""
    for place, word in _WHERE.items():
        for spelled in (word, word.capitalize()):
            here = "in" if spelled.islower() else "In"
            text = re.sub(rf"\b{spelled} the {place}\b", f"{here} the {place}", text)
    return text


def write(phrase: Phrase, ask: Ask, rng: Rng) -> str:
    """The sentence: synonyms drawn, slots filled."""
    text = _SYNONYMS.sub(lambda match: rng.choice(match[1].split("|")), phrase.text)
    for _, name, _, _ in Formatter().parse(text):
        if name is not None:
            text = text.replace(f"{{{name}}}", _say(name, ask))
    text = natural(text)
    return text[0].upper() + text[1:]


def _say(name: str, ask: Ask) -> str:
    if name == "worn":
        return worn(ask.text("actor"))
    value = ask.slots[name]
    if name == "num":
        return _NUMBERS[ask.number(name)]
    if isinstance(value, list):
        return join([f"the {item}" for item in value])
    return str(value)


def read(text: str, phrases: Sequence[Phrase]) -> list[tuple[Phrase, Ask]]:
    """Every phrase that `text` can come from, with its ask. One, if the phrasings are any good.

    Slots that no words show (when a streaming question is asked, say) are not in the ask.
    """
    found: list[tuple[Phrase, Ask]] = []
    text = plainly(text.strip())
    for phrase in phrases:
        match = _pattern(phrase.text).fullmatch(text)
        if match:
            slots = dict(_hear(name, value) for name, value in match.groupdict().items())
            found.append((phrase, Ask(form=phrase.form, slots=slots)))
    return found


def _hear(name: str, value: str) -> tuple[str, JsonValue]:
    match name:
        case "worn":
            return "actor", unworn(value.lower())
        case "num":
            return name, _NUMBERS.index(value.lower())
        case "camera":
            return name, int(value)
        case "code":
            return name, value
        case "actors":
            return name, [part.strip() for part in re.split(r",? and the |, the |^the ", value)[1:]]
        case _:
            return name, value.lower()


@cache
def _pattern(text: str) -> re.Pattern[str]:
    pieces: list[str] = []
    for piece in _PIECES.split(text):
        if piece.startswith("["):
            pieces.append(_either(piece[1:-1].split("|")))
        elif piece.startswith("{"):
            pieces.append(f"(?P<{piece[1:-1]}>{_SLOTS[piece[1:-1]]})")
        else:
            pieces.append(re.escape(piece))
    return re.compile("".join(pieces), re.IGNORECASE)


def num_wordings(phrase: Phrase) -> int:
    """How many sentences the synonyms of a phrase give."""
    num = 1
    for match in _SYNONYMS.finditer(phrase.text):
        num *= len(match[1].split("|"))
    return num


def join(items: Sequence[str]) -> str:
    """`a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def worn(look: str) -> str:
    """`striped red star with a top hat` as `star in striped red with a top hat`."""
    body, tail = _without_hat(look)
    *before, shape = body.split(" ")
    return f"{shape} in {' '.join(before)}{tail}"


def unworn(text: str) -> str:
    """The look that `worn` turned around."""
    body, tail = _without_hat(text)
    shape, _, colors = body.partition(" in ")
    return f"{colors} {shape}{tail}"


def _without_hat(text: str) -> tuple[str, str]:
    for tail in (" without a hat", " with a top hat", " with a party hat"):
        if text.endswith(tail):
            return text.removesuffix(tail), tail
    return text, ""


def short(actor: Actor) -> str:
    """Colour and shape: `red star`."""
    return f"{actor.color} {actor.shape}"


def read_look(words: str) -> tuple[str, str]:
    """Colour and shape in the words of `describe`."""
    found = _PAIR.search(words)
    return (found[1], found[2]) if found else ("", "")


def describe(world: World, actor: int) -> str:
    """The shortest words that mean this actor and no other of its world."""
    looks = world.actors[actor]
    same = sum(short(looks) == short(other) for other in world.actors)
    return short(looks) if same == 1 else looks.name


def who(world: World, words: str) -> int | None:
    """The one actor that some words mean; None if they mean none or several."""
    named = _names(world.actors).get(words, ())
    return named[0] if len(named) == 1 else None


@lru_cache(maxsize=16)
def _names(actors: tuple[Actor, ...]) -> dict[str, tuple[int, ...]]:
    names: dict[str, tuple[int, ...]] = {}
    for i, actor in enumerate(actors):
        for name in (short(actor), actor.name):
            names[name] = (*names.get(name, ()), i)
    return names


HELD_OUT_PAIRS = frozenset(
    (color, shape)
    for (i, color), (j, shape) in product(enumerate(script.COLORS), enumerate(script.SHAPES))
    if (i + 3 * j) % 8 == 0
)
"""Eight of the 64 colour-shape pairs, each colour and each shape once: never seen in training."""
HELD_OUT_PLACES = frozenset({"museum", "bridge"})
"""Places never seen in training."""
