"""Where to look: for each family, the spans a good agent would ask for.

A plan is a function from what is asked and what is known so far to the wishes that are still open.
It knows the rules of the world (scenes last for many seconds, a card for seconds, a flash a tenth)
but nothing of the script: first a survey of the whole video, a picture every few seconds, tells who
is where; then the scenes that can matter are looked at closely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from playhead.worlds.families.base import Ask
from playhead.worlds.families.dialogue import spoken
from playhead.worlds.families.phrases import who
from playhead.worlds.script import Scene, World
from playhead.worlds.watch import Glimpse

SURVEY_FPS, CLOSE_FPS, FAST_FPS = 0.25, 2.5, 10.0
"""Pictures a second: no scene is missed, no card is missed, no flash is missed."""
_CALL_FRAMES = 48
_MARGIN_MS = 5_000


@dataclass(frozen=True)
class Wish:
    """A call of a tool that is still wanted."""

    tool: str
    start_s: float
    end_s: float
    fps: float = CLOSE_FPS
    num: int | None = None
    """How many pictures, spread evenly, or how many hits. None: as `fps` says."""
    text: str = ""
    """What to search for."""
    kinds: tuple[str, ...] = ()
    """What to list, where there is no text to search for."""


def wishes(family: str, ask: Ask, notes: World, glimpses: Sequence[Glimpse]) -> list[Wish]:
    """What is still to be looked at or listened to, most urgent first.

    Args:
        family: Whose plan.
        ask: What is asked.
        notes: The script that what was seen so far tells.
        glimpses: What was seen so far.
    """
    words = _words(family, notes)
    horizon = _horizon(family, ask, notes)
    survey = _open(*horizon, SURVEY_FPS, glimpses)
    if survey or not notes.scenes:
        return [*words, *survey]
    fps = FAST_FPS if family in ("fast", "shell_game", "rule") else CLOSE_FPS
    close: list[Wish] = []
    for start, end in _scenes_that_matter(family, ask, notes):
        start, end = max(start, horizon[0]), min(end, horizon[1])
        if start < end:
            close += _open(start, end, fps, glimpses)
    return [*words, *close]


def _words(family: str, notes: World) -> list[Wish]:
    if family not in ("dialogue", "audio"):
        return []
    return [Wish("transcript", 0.0, notes.duration_ms / 1000)]


def _horizon(family: str, ask: Ask, notes: World) -> tuple[int, int]:
    """The part of the video that may be looked at at all, in milliseconds."""
    at_ms = ask.slots.get("at_ms")
    if family != "streaming" or not isinstance(at_ms, int):
        return 0, notes.duration_ms
    return (at_ms, notes.duration_ms) if ask.form == "forward" else (0, at_ms + 1)


def _open(start_ms: int, end_ms: int, fps: float, glimpses: Sequence[Glimpse]) -> list[Wish]:
    """Calls for the parts of a span that have been seen less densely than `fps`."""
    step = 1000 / fps
    chunk = int(_CALL_FRAMES * step)  # on one grid: what was asked for is not asked for again
    times = sorted({g.time_ms for g in glimpses})
    found: list[Wish] = []
    for whole in range(start_ms - start_ms % chunk, end_ms, chunk):
        first, last = max(whole, start_ms), min(whole + chunk, end_ms)
        inside = sum(first - step <= time_ms < last for time_ms in times)
        if inside < 0.8 * (last - first) / step:
            found.append(Wish("look", first / 1000, last / 1000, fps))
    return found


def _scenes_that_matter(family: str, ask: Ask, notes: World) -> list[tuple[int, int]]:
    """Where what is asked about can be, as far as the survey tells, in milliseconds."""
    places = [str(ask.slots["place"])] if "place" in ask.slots else []
    names = [str(ask.slots[name]) for name in ("actor", "other") if name in ask.slots]
    several = ask.slots.get("actors", [])
    names += [str(name) for name in several] if isinstance(several, list) else []
    match family, ask.form:
        case (("cooccurrence" | "instance" | "cameras" | "audio"), _):
            return []  # the survey has it all
        case "multihop", _:
            return [(0, notes.duration_ms)]
        case "dialogue", _:
            thing = ask.text("object")
            places, names = [], [said[0] for _, said in spoken(notes) if said[3] == thing]
        case "streaming", "now":
            at_ms = ask.number("at_ms")
            return [(max(0, at_ms - _MARGIN_MS), at_ms + 1)]
        case _, ("elsewhere" | "outside" | "total" | "carry"):
            places = []
        case _:
            pass
    actors = {who(notes, name) for name in names} - {None}
    return [
        (max(0, scene.start_ms - _MARGIN_MS), min(notes.duration_ms, scene.end_ms + _MARGIN_MS))
        for scene in notes.scenes
        if _matters(scene, places, actors, is_about_actors=bool(names))
    ]


def _matters(
    scene: Scene, places: list[str], actors: set[int | None], *, is_about_actors: bool
) -> bool:
    in_place = not places or scene.place in places
    return in_place and (not is_about_actors or bool(actors & set(scene.cast)))
