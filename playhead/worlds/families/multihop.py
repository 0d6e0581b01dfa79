"""Multi-hop: from a card to a code, from code to code along cards that link them.

Models the chains of clues of Video-o3 and Video-Holmes. A first card shows `ACD`; cards that read
`ACD>E4F` lead on. Where and when each is raised is drawn at random, so that hops go backwards too.
Distractor chains have the same shape.
"""

from __future__ import annotations

from playhead.worlds.families import cards, draw
from playhead.worlds.families.base import Ask, Family, Phrase, Truth, sight
from playhead.worlds.families.phrases import describe
from playhead.worlds.rng import Rng
from playhead.worlds.script import MAX_CARD_LENGTH, Card, Knobs, World
from playhead.worlds.verify import AnswerKind

PHRASES = (
    Phrase(
        "steps",
        "start from the code on the card the {actor} [raised|held up] in the {place}. A card "
        "X>Y leads from X to Y. Which code do you reach after {num} steps?",
    ),
    Phrase(
        "steps",
        "cards like X>Y link two codes. Follow {num} links from the card of the {actor} in the "
        "{place}. Which code is that?",
    ),
    Phrase(
        "steps",
        "take the code the {actor} showed in the {place} and follow the arrows on other cards "
        "{num} times. What do you get?",
    ),
    Phrase(
        "steps",
        "a letter is handed on as cards X>Y say, and it begins with what the {worn} held up in the "
        "{place}. Who has it after {num} handings?",
        "indirect",
    ),
    Phrase(
        "steps",
        "which code lies {num} links behind the one that the {actor} presented in the {place}?",
        held_out=True,
    ),
    Phrase(
        "end",
        "follow the links X>Y from the card of the {actor} in the {place} to the end of the "
        "chain. What is the last code?",
    ),
    Phrase(
        "end",
        "from the code of the {actor} in the {place} on, go from card to card until no link leads "
        "further. Where do you stand?",
        "negated",
    ),
    Phrase(
        "end",
        "which code is at the end of the chain that the {actor} began in the {place}?",
        held_out=True,
    ),
    Phrase(
        "elsewhere",
        "the {actor} raised two cards. Start from the one that was not in the {place} and follow "
        "{num} links X>Y. Which code do you reach?",
        "negated",
    ),
    Phrase(
        "elsewhere",
        "begin with the card of the {actor} that was anywhere but in the {place}, then follow the "
        "arrows {num} times. What do you get?",
        "negated",
        held_out=True,
    ),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """A first card, and link cards by anyone, anywhere, at any time."""
    first = draw.new_code(world, rng)
    staged = cards.stage_card(world, rng, text=first, elsewhere=form == "elsewhere")
    if staged is None:
        return None
    world, actor, place = staged
    linked, num = _add_links(world, rng, first, world.knobs.hops)
    if num < world.knobs.hops:
        return None
    slots = {"actor": describe(linked, actor), "place": place}
    if form != "end":
        slots |= {"num": world.knobs.hops}
    return linked, Ask.of(form, **slots)


def _add_links(world: World, rng: Rng, code: str, num: int) -> tuple[World, int]:
    """Links from `code` on, raised by anyone: the world and how many found room."""
    for i in range(num):
        following = draw.new_code(world, rng)
        more = None
        for _ in range(12):
            stay = draw.draw_stay(world, rng)
            if stay is not None and more is None:
                more = draw.raise_card(world, *stay, f"{code}>{following}", rng)
        if more is None:
            return world, i
        world, code = more, following
    return world, num


def distract(world: World, rng: Rng, ask: Ask) -> World | None:
    """One more chain of the same shape, or as much of it as there is room for."""
    stay = draw.draw_stay(world, rng)
    if stay is None:
        return None
    first = draw.new_code(world, rng)
    more = draw.raise_card(world, *stay, first, rng)
    return None if more is None else _add_links(more, rng, first, world.knobs.hops)[0]


def derive(world: World, ask: Ask) -> Truth | None:
    """The code reached, if every step has exactly one card to follow."""
    elsewhere = ask.form == "elsewhere"
    start = cards.one_card(world, ask.text("actor"), ask.text("place"), elsewhere=elsewhere)
    if start is None or ">" in start.glyphs:
        return None
    path = _walk(world, start.glyphs)
    if path is None:
        return None
    if ask.form != "end":
        path = path[: ask.number("num")]
        if len(path) < ask.number("num"):
            return None
    if not path:
        return None
    gold = path[-1].glyphs.split(">")[1]
    seen = tuple(sight(world, card) for card in (start, *path))
    premise = not elsewhere or cards.are_two(world, ask.text("actor"), ask.text("place"))
    return Truth(gold, seen, seen, _other_ends(world, gold), premise=premise)


def _walk(world: World, code: str) -> list[Card] | None:
    """The link cards from a code to the end; None if some code has two ways on or comes twice."""
    links: dict[str, list[Card]] = {}
    for card in world.events_of(Card):
        if ">" in card.glyphs:
            links.setdefault(card.glyphs.split(">")[0], []).append(card)
    path, met = list[Card](), {code}
    while code in links:
        if len(links[code]) > 1:
            return None
        path.append(links[code][0])
        code = path[-1].glyphs.split(">")[1]
        if code in met:
            return None
        met.add(code)
    return path


def _other_ends(world: World, gold: str) -> tuple[str, ...]:
    ends = {text.split(">")[1] for text in draw.codes(world) if ">" in text}
    return tuple(sorted(ends - {gold}))


def fit_knobs(knobs: Knobs) -> Knobs:
    """Codes short enough that two and an arrow fit on a card."""
    most = (MAX_CARD_LENGTH - 1) // 2
    return knobs.replace(code_length=min(knobs.code_length, most))


FAMILY = Family(
    name="multihop",
    models="Video-o3, Video-Holmes",
    kinds=dict.fromkeys(("steps", "end", "elsewhere"), AnswerKind.CODE),
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    distract=distract,
    blind=cards.blind_code,
    fit_knobs=fit_knobs,
)
