"""Cameras: which way did somebody go, across several cameras that run at the same time?

Models multi-camera search with an image query (ForeSeaQA). Each camera films one place; an actor is
on one camera at a time. The answer is the path, or when it was on one camera.
"""

from __future__ import annotations

from playhead.worlds import edits
from playhead.worlds.families import draw
from playhead.worlds.families.base import Ask, Family, Phrase, Sight, Truth, span_of
from playhead.worlds.families.phrases import describe, who
from playhead.worlds.families.pointing import draw_moment, point, pointed
from playhead.worlds.rng import Rng
from playhead.worlds.script import Knobs, World, min_visible_ms
from playhead.worlds.verify import AnswerKind

LOW, HIGH = 2, 4
_NUM_CAMERAS = 4

PHRASES = (
    Phrase("path", "on which cameras is the {actor} seen, in order of time?"),
    Phrase("path", "[trace|follow] the {actor} from camera to camera."),
    Phrase("path", "[list|give] the cameras that film the {actor}, from first to last."),
    Phrase("path", "a guard follows the {worn} on the screens. Which ones, in order?", "indirect"),
    Phrase("path", "which way did the {actor} take past the cameras?", held_out=True),
    Phrase("pictured", "on which cameras is the one in the picture seen, in order of time?"),
    Phrase("pictured", "[trace|follow] the one shown here from camera to camera."),
    Phrase("pictured", "which way did this one take past the cameras?", held_out=True),
    Phrase("when", "when is the {actor} on camera {camera}?"),
    Phrase("when", "between which seconds does camera {camera} show the {actor}?"),
    Phrase("when", "which part of camera {camera} has the {actor} in it?", held_out=True),
    Phrase("never", "is it true that camera {camera} never shows the {actor}?", "negated"),
    Phrase("never", "did the {actor} never pass camera {camera}?", "negated"),
    Phrase(
        "never", "does the {actor} stay out of sight of camera {camera}?", "negated", held_out=True
    ),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """An actor taken off all cameras and put on a drawn path of them."""
    seen = [a for a in range(len(world.actors)) if draw.stays(world, a)]
    starts = sorted({scene.start_ms for scene in world.scenes})
    if not seen or len(starts) < LOW or world.num_cameras < 2:
        return None
    actor = rng.choice(seen)
    old = visits(world, actor)
    if rng.chance(1, 2) and old and LOW <= len(old) <= HIGH:
        return _ask(world, rng, form, actor, [visit.camera for visit in old])
    for scene in draw.stays(world, actor):
        world = draw.leave(world, scene, actor)
    num = rng.between(LOW, min(HIGH, len(starts)))
    path: list[int] = []
    for start in sorted(rng.sample(starts, num)):
        free = [c for c in range(world.num_cameras) if c not in path[-1:]]
        path.append(rng.choice(free))
        scene = world.scene_at(start, path[-1])
        if world.scenes[scene].start_ms != start:
            return None
        world = draw.without_turns(draw.seat(world, scene, actor, rng), scene, actor)
    return _ask(world, rng, form, actor, path)


def _ask(
    world: World, rng: Rng, form: str, actor: int, path: list[int]
) -> tuple[World, Ask] | None:
    name, missed = describe(world, actor), set(range(world.num_cameras)).difference(path)
    match form:
        case "path":
            return world, Ask.of(form, actor=name)
        case "pictured":
            scene = rng.choice(draw.stays(world, actor))
            here, time_ms = world.scenes[scene], draw_moment(world, rng, scene)
            seat = here.cast.index(actor)
            return world, Ask.of(form, time_ms=time_ms, seat=seat, camera_at=here.camera)
        case "when":
            once = [camera for camera in path if path.count(camera) == 1]
            return (world, Ask.of(form, actor=name, camera=rng.choice(once))) if once else None
        case _:
            if not missed:
                return None
            camera = rng.choice(sorted(missed) if rng.chance(1, 2) else path)
            return world, Ask.of(form, actor=name, camera=camera)


def visits(world: World, actor: int) -> list[Sight] | None:
    """Where an actor is seen, in order; stays on one camera that touch are one.

    None: it is seen somewhere too briefly to count.
    """
    found: list[Sight] = []
    for scene in draw.stays(world, actor):
        camera = world.scenes[scene].camera
        for start, end in edits.standing_ms(world, scene, actor):
            if end - start < min_visible_ms(world.knobs):
                return None
            found.append(Sight(span=span_of(start, end), camera=camera))
    joined: list[Sight] = []
    for visit in sorted(found, key=lambda visit: visit.span.start):
        if joined and joined[-1].camera == visit.camera:
            if joined[-1].span.end < visit.span.start:
                return None  # left and came back to the same camera: is that one stay or two?
            visit = visit.replace(span=visit.span.replace(start=joined.pop().span.start))
        joined.append(visit)
    return joined


def derive(world: World, ask: Ask) -> Truth | None:
    """The path, the stay on a camera, or whether there was none."""
    actor = pointed(world, ask) if ask.form == "pictured" else who(world, ask.text("actor"))
    found = None if actor is None else visits(world, actor)
    if not found:
        return None
    seen = tuple(found)
    if ask.form in ("path", "pictured"):
        path = [visit.camera for visit in found]
        return Truth(path, seen, seen) if LOW <= len(path) <= HIGH else None
    there = tuple(visit for visit in found if visit.camera == ask.number("camera"))
    if ask.form == "never":
        whole = Sight(span=span_of(0, world.duration_ms), camera=ask.number("camera"))
        return Truth(not there, there, there[:1], search=(whole,))
    if len(there) != 1:
        return None
    span = there[0].span
    edges = tuple(
        Sight(span=edge, camera=there[0].camera)
        for edge in (
            span.replace(end=span.start + 1 / world.fps),
            span.replace(start=span.end - 1 / world.fps),
        )
    )
    return Truth([[span.start, span.end]], there, edges)


def fit_knobs(knobs: Knobs) -> Knobs:
    """Several cameras."""
    return knobs if knobs.num_cameras > 1 else knobs.replace(num_cameras=_NUM_CAMERAS)


def blind(form: str, knobs: Knobs) -> float:
    """The likeliest path (one of length two); almost no overlap; always the same answer."""
    if form == "when":
        return min(1.0, knobs.scene_ms / knobs.duration_ms)
    if form == "never":
        return 0.5
    num = max(2, knobs.num_cameras)
    return 1 / (HIGH - LOW + 1) / (num * (num - 1))


FAMILY = Family(
    name="cameras",
    models="ForeSeaQA multi-camera search",
    kinds={
        "path": AnswerKind.PATH,
        "pictured": AnswerKind.PATH,
        "when": AnswerKind.SPANS,
        "never": AnswerKind.YES_NO,
    },
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    blind=blind,
    fit_knobs=fit_knobs,
    point=point,
)
