"""What the embedded default finds again in hours whose every second is known.

Worlds of an hour (`playhead.worlds`), a picture a second. A question is a picture of now, and what
is to be found is another time: pictures of the scene it is cut from do not count. Recall at k is
the share of questions with a true picture among the first k. Beside it stand chance and the
simplest embedder there is, a histogram of colours.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.memory.units import Tier
from playhead.models.eyes import find_embedder
from playhead.worlds.generate import make_world
from playhead.worlds.layout import Layout
from playhead.worlds.script import Enter, Exit, Knobs, World
from playhead.worlds.videos import VirtualVideo

DEPTHS = (1, 5, 20, 100)
Picture = NDArray[np.uint8]
Embed = Callable[[Picture], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Question:
    """A picture, which seconds are right, and which are left out."""

    picture: Picture
    true: NDArray[np.bool_]
    left_out: NDArray[np.bool_]


def recall_rows(minutes: int, num_worlds: int, num_questions: int) -> Iterator[list[str]]:
    """Cells of the table: what is asked, by what, and recall at every depth."""
    plain = find_embedder("plain")
    by: dict[str, Embed] = {
        "plain": lambda picture: plain.embed_pictures(picture[None])[0],
        "colour histogram": histogram,
    }
    asks: dict[str, Callable[..., Question | None]] = {
        "the same place, 85 % of the picture": ask_place,
        "the same figure, cut out": ask_figure,
        "the same figure in the same place, 85 %": ask_both,
    }
    ranks: dict[tuple[str, str], list[float]] = {}
    chances: dict[str, list[list[float]]] = {}
    for seed in range(num_worlds):
        world = make_world(seed, Knobs(duration_ms=60_000 * minutes, noise=4))
        pictures = _pictures(world)
        stored = {name: np.stack([embed(p) for p in pictures]) for name, embed in by.items()}
        for what, ask in asks.items():
            for question in _questions(ask, world, pictures, num_questions, seed):
                chances.setdefault(what, []).append(_chance(question))
                for name, embed in by.items():
                    scores = stored[name] @ embed(question.picture)
                    ranks.setdefault((what, name), []).append(_rank(scores, question))
    for what in asks:
        for name in by:
            found = np.array(ranks[what, name])
            num = str(len(found))
            yield [what, name, num, *(f"{(found <= depth).mean():.2f}" for depth in DEPTHS)]
        by_chance = np.mean(chances[what], axis=0)
        yield [what, "chance", num, *(f"{share:.2f}" for share in by_chance)]


def subtitle_row(minutes: int, num_worlds: int) -> list[str]:
    """Cells for lines of subtitles, looked for by their words: the first hits that are the line."""
    ranks: list[int] = []
    for seed in range(num_worlds):
        video = VirtualVideo(make_world(seed, Knobs(duration_ms=60_000 * minutes)))
        recipe = MemoryRecipe(eyes=(), late_eyes=())
        with (
            tempfile.TemporaryDirectory() as folder,
            Library(Path(folder), recipe=recipe) as library,
        ):
            library.add(video)
            library.wait(tier=Tier.WORDS)
            said = library.memory.entries(video.id, kind="speech")
            for entry in said:
                hits = library.search(entry.evidence.text, kinds=["speech"], k=100)
                right = [hit.evidence.text == entry.evidence.text for hit in hits]
                ranks.append(right.index(True) + 1 if any(right) else 10**6)
    found = np.array(ranks)
    shares = (f"{(found <= depth).mean():.2f}" for depth in DEPTHS)
    return ["a line of subtitles, by its words", "words", str(len(found)), *shares]


def histogram(picture: Picture) -> NDArray[np.float32]:
    """Shares of 512 colours, as a unit vector."""
    counts = cv2.calcHist([picture], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3).ravel()
    return np.sqrt(counts / counts.sum()).astype(np.float32)


def ask_place(world: World, pictures: Picture, time_s: int, _: np.random.Generator) -> Question:
    """Most of a picture; other scenes in its place are right."""
    here = world.scene_at(1000 * time_s)
    place = world.scenes[here].place
    seconds = _scenes(world, len(pictures))
    true = np.array([world.scenes[scene].place == place for scene in seconds])
    return Question(_most_of(pictures[time_s]), true, seconds == here)


def ask_figure(
    world: World, pictures: Picture, time_s: int, rng: np.random.Generator
) -> Question | None:
    """One figure cut out; other scenes in which it stands are right."""
    here = world.scene_at(1000 * time_s)
    scene = world.scenes[here]
    if not scene.cast or _moves(world, here):
        return None
    slot = int(rng.integers(0, len(scene.cast)))
    layout = Layout(world.height, world.width)
    side, column = round(1.5 * layout.radius), layout.slot(slot, len(scene.cast))
    rows = slice(max(0, layout.actor_row - 2 * layout.radius), layout.edge)
    columns = slice(max(0, column - side), column + side)
    true, left_out = _with_actor(world, len(pictures), here, scene.cast[slot])
    return Question(np.ascontiguousarray(pictures[time_s][rows, columns]), true, left_out)


def ask_both(
    world: World, pictures: Picture, time_s: int, rng: np.random.Generator
) -> Question | None:
    """Most of a picture; other scenes in its place with one of its figures are right."""
    of_figure, of_place = (ask(world, pictures, time_s, rng) for ask in (ask_figure, ask_place))
    if of_figure is None or of_place is None:
        return None
    true = of_figure.true & of_place.true
    return Question(of_place.picture, true, of_figure.left_out | of_place.left_out)


def _pictures(world: World) -> Picture:
    with VirtualVideo(world) as video:
        times_s = [second + 0.5 for second in range(world.duration_ms // 1000)]
        return np.concatenate([frames.pixels for frames in video.stream(times_s, batch=256)])


def _questions(
    ask: Callable[..., Question | None], world: World, pictures: Picture, num: int, seed: int
) -> Iterator[Question]:
    rng = np.random.default_rng(seed)
    while num:
        question = ask(world, pictures, int(rng.integers(0, len(pictures))), rng)
        if question is not None and (question.true & ~question.left_out).any():
            num -= 1
            yield question


def _scenes(world: World, num: int) -> NDArray[np.int64]:
    return np.array([world.scene_at(1000 * second + 500) for second in range(num)])


def _moves(world: World, scene: int) -> bool:
    return any(isinstance(event, Enter | Exit) for event in world.events_in(scene))


def _with_actor(
    world: World, num: int, here: int, actor: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Seconds in which an actor stands there; and those left out, as it comes or goes in them."""
    seconds = _scenes(world, num)
    has = [actor in scene.cast for scene in world.scenes]
    unsure = [has[i] and _moves(world, i) for i in range(len(world.scenes))]
    return np.array(has)[seconds], np.array(unsure)[seconds] | (seconds == here)


def _most_of(picture: Picture) -> Picture:
    height, width, _ = picture.shape
    top, left = round(0.075 * height), round(0.075 * width)
    return np.ascontiguousarray(picture[top : height - top, left : width - left])


def _rank(scores: NDArray[np.float32], question: Question) -> float:
    kept = np.flatnonzero(~question.left_out)
    best = scores[kept][question.true[kept]].max()
    return 1 + float((scores[kept][~question.true[kept]] > best).sum())


def _chance(question: Question) -> list[float]:
    """Of a true picture among the first `k`, picked blindly."""
    num = int((~question.left_out).sum())
    num_wrong = num - int((question.true & ~question.left_out).sum())
    missed = np.cumprod([max(0, num_wrong - i) / (num - i) for i in range(max(DEPTHS))])
    return [1 - float(missed[depth - 1]) for depth in DEPTHS]
