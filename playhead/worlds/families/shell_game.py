"""Shell game: a ball under one of three cups, which are swapped. Where is it in the end?

Models CATER's tracking under containment. One swap missed and every cup is as likely as another:
with random swaps, uniform frames give a right answer with probability `p_all + (1 - p_all) / 3`.
"""

from __future__ import annotations

from playhead.worlds import edits, generate
from playhead.worlds.families.base import Ask, Family, Phrase, Sight, Truth, sight, span_of
from playhead.worlds.rng import Rng
from playhead.worlds.script import NUM_CUPS, Game, Knobs, World, min_visible_ms
from playhead.worlds.verify import AnswerKind

SLOTS = ("left", "middle", "right")

PHRASES = (
    Phrase("final", "where is the ball at the end of the cup game in the {place}?"),
    Phrase(
        "final", "under which cup does the ball [lie|end up] in the {place}: left, middle or right?"
    ),
    Phrase(
        "final", "follow the cups in the {place}. Which one [hides|covers] the ball at the end?"
    ),
    Phrase(
        "final",
        "you may lift one cup after the last swap in the {place} and want the ball. Which one?",
        "indirect",
    ),
    Phrase(
        "final",
        "the cups in the {place} have come to rest. Which of the three is not empty?",
        "negated",
    ),
    Phrase(
        "final", "in the {place}, which cup has the ball when all swaps are done?", held_out=True
    ),
    Phrase("not_under", "is the {cup} cup empty at the end of the game in the {place}?", "negated"),
    Phrase(
        "not_under",
        "when the cups in the {place} have come to rest, is the ball not under the {cup} one?",
        "negated",
    ),
    Phrase(
        "not_under",
        "would you find nothing under the {cup} cup after the last swap in the {place}?",
        "negated",
        held_out=True,
    ),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """The only game of a place, with as many swaps as the knob `hops` says."""
    scene = rng.below(len(world.scenes))
    place = world.scenes[scene].place
    staged = add_game(_without_games(world, place), rng, scene, world.knobs.hops)
    if staged is None:
        return None
    if form == "final":
        return staged, Ask.of(form, place=place)
    game = games(staged, place)[0]
    end = final_slot(staged, game)
    others = [slot for slot in range(NUM_CUPS) if slot != end]
    slot = end if rng.chance(1, 2) else rng.choice(others)
    return staged, Ask.of(form, place=place, cup=SLOTS[slot])


def _without_games(world: World, place: str) -> World:
    return edits.remove(world, *games(world, place))


def add_game(world: World, rng: Rng, scene: int, num: int) -> World | None:
    """A game with `num` random swaps at a free time of a scene; None if there is no room."""
    start = world.scenes[scene].start_ms
    reveal = start + max(2_000, min_visible_ms(world.knobs))
    end = reveal + (num + 1) * generate.swap_timing_ms(world.knobs)[1]
    ball = rng.below(NUM_CUPS)
    game = Game(scene=scene, start_ms=start, end_ms=end, ball=ball, reveal_ms=reveal)
    fitting = edits.fit(world, game, rng)
    if not isinstance(fitting, Game):
        return None
    return edits.add_event(world, fitting, *generate.swaps(rng, fitting, world.knobs))


def games(world: World, place: str) -> list[Game]:
    """The games of a place."""
    return [game for game in world.events_of(Game) if world.place_of(game) == place]


def final_slot(world: World, game: Game) -> int:
    """Where the ball is in the end."""
    ball = game.ball
    for swap in edits.swaps_of(world, game):
        ball = {swap.a: swap.b, swap.b: swap.a}.get(ball, ball)
    return ball


def derive(world: World, ask: Ask) -> Truth | None:
    """Where the ball is. The ball, every swap and the end of the game must be seen."""
    found = games(world, ask.text("place"))
    if len(found) != 1:
        return None
    game = found[0]
    swaps, camera = edits.swaps_of(world, game), sight(world, game).camera
    if not swaps:
        return None
    spans = [
        (game.start_ms, game.reveal_ms),
        *((swap.start_ms, swap.end_ms) for swap in swaps),
        (swaps[-1].end_ms, game.end_ms),
    ]
    required = tuple(Sight(span=span_of(start, end), camera=camera) for start, end in spans)
    end = SLOTS[final_slot(world, game)]
    gold = end if ask.form == "final" else ask.text("cup") != end
    wrong = tuple(slot for slot in SLOTS if slot != end)
    return Truth(gold, (sight(world, game),), required, wrong)


def distract(world: World, rng: Rng, ask: Ask) -> World | None:
    """Another game, in another place."""
    scene = rng.below(len(world.scenes))
    if world.scenes[scene].place == ask.text("place"):
        return None
    return add_game(world, rng, scene, world.knobs.hops)


def fit_knobs(knobs: Knobs) -> Knobs:
    """Scenes long enough for a game, where it can be done."""
    _, step_ms = generate.swap_timing_ms(knobs)
    least = 3_000 + min_visible_ms(knobs) + (knobs.hops + 1) * step_ms
    return knobs.replace(scene_ms=max(knobs.scene_ms, min(knobs.duration_ms // 2, least)))


def blind(form: str, knobs: Knobs) -> float:
    """One of three; always the same answer for yes and no."""
    return 1 / 3 if form == "final" else 0.5


FAMILY = Family(
    name="shell_game",
    models="CATER snitch localisation",
    kinds={"final": AnswerKind.TEXT, "not_under": AnswerKind.YES_NO},
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    distract=distract,
    blind=blind,
    fit_knobs=fit_knobs,
)
