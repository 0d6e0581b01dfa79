"""The script of a world: what is shown and heard when, as plain data.

A world is a puppet theatre that runs for hours. **Scenes** follow each other without gaps on every
camera; each plays in a **place** and has a **cast** of actors who stand side by side. An **actor**
is one of 8 colours x 8 shapes x 3 patterns x 3 hats, and no two actors of a world look the same.
**Events** happen inside one scene: an actor raises a card, flashes, comes up or goes down, carries
a thing; cups are swapped on the table; the lamp lights, the door opens, a sign hangs on the wall;
beeps and speech are heard. **Subtitles** are lines of text with times.

The one idea: the script *is* the truth. It holds whole numbers only (times in milliseconds, every
interval half-open `[start_ms, end_ms)`), it round-trips through JSON, and the renderer shows
exactly what it says. A question's gold answer is read off the script; a policy sees only pixels,
sound and subtitles.

Around this module:
- `generate.make_world(seed, **knobs)` lays out scenes, casts, distractor events and subtitles;
- `edits` changes a script with plain functions and `edits.check` names every broken rule of
  observability: a script with no broken rule shows what it says;
- `render.Renderer(world).frame(time_ms, camera)` paints it, `videos` makes videos of it.

Layout of a picture, top to bottom, so that zones never cover each other (see `zones_of`):
    label of the place (left) and lamp (right) / wall with sign (left) and door (right) /
    raised card or thing / actors / table with cups / banner with overlay text
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property
from hashlib import blake2b
from itertools import groupby
from typing import Annotated, Literal, Self, TypeVar, get_args

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from playhead.core.value import Text, Value
from playhead.worlds.rng import Rng

Color = Literal["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"]
Shape = Literal["circle", "square", "triangle", "star", "diamond", "cross", "heart", "moon"]
Pattern = Literal["plain", "striped", "dotted"]
Hat = Literal["none", "top hat", "party hat"]
Place = Literal[
    "harbour", "garden", "kitchen", "library", "station", "market", "beach", "forest",
    "castle", "school", "farm", "museum", "bakery", "office", "bridge", "theatre",
]  # fmt: skip
Thing = Literal["key", "book", "flower", "fish", "umbrella", "bell"]
LampColor = Literal["red", "yellow", "green", "blue"]
Pitch = Literal["low", "middle", "high"]
Motion = Literal["static", "pan", "shake"]

COLORS: tuple[Color, ...] = get_args(Color)
SHAPES: tuple[Shape, ...] = get_args(Shape)
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
HATS: tuple[Hat, ...] = get_args(Hat)
PLACES: tuple[Place, ...] = get_args(Place)
THINGS: tuple[Thing, ...] = get_args(Thing)
LAMP_COLORS: tuple[LampColor, ...] = get_args(LampColor)
PITCHES: tuple[Pitch, ...] = get_args(Pitch)

GLYPHS = "ACDEFGHJKLMNPRTUVWXY23456789"
"""The 28 characters of codes. Left out are B I O Q S Z 0 1, which look like others."""
CARD_TEXT = GLYPHS + ">"
"""What a card may show: glyphs, and an arrow that links two codes (`"ACD>E4F"`)."""
MAX_CARD_LENGTH = 8
"""Characters on a card."""
MAX_CAST = 4
"""Actors in one scene."""
NUM_CUPS = 3
"""Cups of a shell game, in slots 0 (left), 1, 2 (right)."""


class Actor(Value):
    """What an actor looks like, which is who it is."""

    color: Color
    shape: Shape
    pattern: Pattern
    hat: Hat

    @property
    def name(self) -> str:
        """All of its looks: `"striped red star with a top hat"`, `"... moon without a hat"`."""
        hat = "without a hat" if self.hat == "none" else f"with a {self.hat}"
        return f"{self.pattern} {self.color} {self.shape} {hat}"


class Scene(Value):
    """One stretch of one camera: a place and who is there."""

    place: Place
    camera: NonNegativeInt
    start_ms: NonNegativeInt
    end_ms: PositiveInt
    cast: tuple[NonNegativeInt, ...]
    """Actors (indices into `World.actors`) from left to right. Each stands in its own slot from the
    start to the end of the scene, unless `Enter` and `Exit` events say otherwise."""
    motion: Motion = "static"
    """What the camera does. The picture moves by a few pixels and nothing leaves it."""


class _Event(Value):
    """Something that happens in one scene during `[start_ms, end_ms)`."""

    scene: NonNegativeInt
    """Index into `World.scenes`. The event lies inside that scene."""
    start_ms: NonNegativeInt
    end_ms: PositiveInt


class Card(_Event):
    """An actor holds up a white card."""

    kind: Literal["card"] = "card"
    actor: NonNegativeInt
    glyphs: Text
    """1 to `MAX_CARD_LENGTH` characters of `CARD_TEXT`."""


class Blink(_Event):
    """An actor flashes `flashes` times. Flash i shines in `[start_ms + i * period_ms, + flash_ms)`,
    and the event ends with the last flash (see `Blink.burst`)."""

    kind: Literal["blink"] = "blink"
    actor: NonNegativeInt
    flashes: PositiveInt
    flash_ms: PositiveInt = 100
    period_ms: PositiveInt = 300

    @classmethod
    def burst(
        cls, scene: int, actor: int, start_ms: int, flashes: int, *, flash_ms: int = 100,
        period_ms: int = 300,
    ) -> Self:  # fmt: skip
        """A burst with the end that its flashes give it."""
        end_ms = start_ms + (flashes - 1) * period_ms + flash_ms
        return cls(
            scene=scene, actor=actor, start_ms=start_ms, end_ms=end_ms, flashes=flashes,
            flash_ms=flash_ms, period_ms=period_ms,
        )  # fmt: skip

    @property
    def flash_spans_ms(self) -> tuple[tuple[int, int], ...]:
        """When each flash shines."""
        starts = (self.start_ms + i * self.period_ms for i in range(self.flashes))
        return tuple((start, start + self.flash_ms) for start in starts)


class Enter(_Event):
    """An actor of the cast comes up from below: unseen at `start_ms`, standing from `end_ms` on."""

    kind: Literal["enter"] = "enter"
    actor: NonNegativeInt


class Exit(_Event):
    """An actor goes down: still standing at `start_ms`, gone from `end_ms` on."""

    kind: Literal["exit"] = "exit"
    actor: NonNegativeInt


class Carry(_Event):
    """An actor holds up a thing."""

    kind: Literal["carry"] = "carry"
    actor: NonNegativeInt
    thing: Thing


class Game(_Event):
    """Three cups stand on the table. Until `reveal_ms` they are lifted and the ball is seen in slot
    `ball`; then they are down, and `Swap` events inside this one move them, the ball included."""

    kind: Literal["game"] = "game"
    ball: Annotated[int, Field(ge=0, lt=NUM_CUPS)]
    reveal_ms: PositiveInt
    """When the cups come down: between `start_ms` and `end_ms`."""


class Swap(_Event):
    """The cups in slots `a` and `b` change places, the others stay."""

    kind: Literal["swap"] = "swap"
    a: Annotated[int, Field(ge=0, lt=NUM_CUPS)]
    b: Annotated[int, Field(ge=0, lt=NUM_CUPS)]


class Lamp(_Event):
    """The lamp of the place is lit in one colour. It is off at all other times."""

    kind: Literal["lamp"] = "lamp"
    color: LampColor


class Door(_Event):
    """The door of the place stands open. It is closed at all other times."""

    kind: Literal["door"] = "door"


class Sign(_Event):
    """A sign with a text hangs on the wall."""

    kind: Literal["sign"] = "sign"
    text: Text
    """1 to 12 characters of `CARD_TEXT`, in one line."""
    glyph_px: Annotated[int, Field(ge=7)]
    """Height of its characters in pixels of this world's picture."""


class Overlay(_Event):
    """A banner across the bottom with words that are not part of the world: prompt injection."""

    kind: Literal["overlay"] = "overlay"
    text: Text
    """Capital letters, digits, spaces and `. ! ? : - > '`; it must fit the width."""


class Beep(_Event):
    """`beeps` tones of one pitch are heard. Tone i sounds in
    `[start_ms + i * period_ms, + tone_ms)`, and the event ends with the last one (see
    `Beep.burst`)."""

    kind: Literal["beep"] = "beep"
    pitch: Pitch
    beeps: PositiveInt
    tone_ms: PositiveInt = 150
    period_ms: PositiveInt = 400

    @classmethod
    def burst(
        cls, scene: int, start_ms: int, beeps: int, pitch: Pitch, *, tone_ms: int = 150,
        period_ms: int = 400,
    ) -> Self:  # fmt: skip
        """Tones with the end that their number gives them."""
        end_ms = start_ms + (beeps - 1) * period_ms + tone_ms
        return cls(
            scene=scene, start_ms=start_ms, end_ms=end_ms, pitch=pitch, beeps=beeps,
            tone_ms=tone_ms, period_ms=period_ms,
        )  # fmt: skip


class Speech(_Event):
    """Words are spoken; nothing is seen. Give them time: `SPEECH_MS_PER_CHARACTER` each."""

    kind: Literal["speech"] = "speech"
    text: Text
    actor: NonNegativeInt | None = None
    """Who speaks. None: nobody in particular. It cannot be heard, only be said in the words."""


SPEECH_MS_PER_CHARACTER = 90
"""How long speech needs, at least."""

Event = Annotated[
    Card
    | Blink
    | Enter
    | Exit
    | Carry
    | Game
    | Swap
    | Lamp
    | Door
    | Sign
    | Overlay
    | Beep
    | Speech,
    Field(discriminator="kind"),
]
ActorEvent = Card | Blink | Enter | Exit | Carry
"""Events of one actor: they have a field `actor`."""
VISIBLE = (Card, Blink, Enter, Exit, Carry, Game, Swap, Lamp, Door, Sign, Overlay)
AUDIBLE = (Beep, Speech)
E = TypeVar("E", bound=_Event)


class Subtitle(Value):
    """One line of the subtitle track."""

    start_ms: NonNegativeInt
    end_ms: PositiveInt
    text: Text
    camera: NonNegativeInt = 0
    """Whose video has it."""


class Knobs(Value):
    """How hard a world is. All whole numbers; each family reads those that concern it."""

    duration_ms: Annotated[int, Field(ge=10_000, le=100 * 3_600_000)] = 600_000
    """How long the video runs: 10 seconds to 100 hours."""
    height: Annotated[int, Field(ge=180, le=2160, multiple_of=2)] = 240
    width: Annotated[int, Field(ge=224, le=4096, multiple_of=2)] = 320
    fps: Annotated[int, Field(ge=1, le=60)] = 10
    """Frames per second."""
    burst_fps: Annotated[int, Field(ge=0, le=60)] = 0
    """Frames per second around flashes and swaps: a film of variable rate. 0: constant `fps`."""
    noise: Annotated[int, Field(ge=0, le=16)] = 0
    """Largest change of a colour channel by pixel noise, of 255."""
    motion: Literal["static", "pan", "shake", "mixed"] = "static"
    """What the camera does; mixed draws one for each scene."""
    num_cameras: Annotated[int, Field(ge=1, le=len(PLACES))] = 1
    """Cameras that run at the same time, each its own video. With 2 or more, each stays in one
    place of its own; with 1, it moves from place to place."""
    num_actors: Annotated[int, Field(ge=1, le=576)] = 12
    scene_ms: Annotated[int, Field(ge=4_000)] = 20_000
    """Mean length of a scene; scenes last from half to one and a half of it."""
    events_per_minute: Annotated[int, Field(ge=0, le=60)] = 6
    """Distractor events in the base world, of all visible kinds."""
    subtitles_per_minute: Annotated[int, Field(ge=0, le=20)] = 2
    """Lines of small talk, as subtitles or speech, as `modality` says."""
    injections_per_hour: Annotated[int, Field(ge=0, le=600)] = 0
    """Overlay banners that try to talk a model out of its task."""
    modality: Literal["visual", "subtitle", "audio", "mixed"] = "subtitle"
    """Which channels besides pictures the base world uses: none, subtitles, sound or both."""
    event_ms: Annotated[int, Field(ge=200)] = 4_000
    """How long a card, a thing carried or a sign is shown (families and distractors alike)."""
    code_length: Annotated[int, Field(ge=1, le=MAX_CARD_LENGTH)] = 3
    """Glyphs on a card."""
    num_distractors: Annotated[int, Field(ge=0)] = 6
    """Matched distractors that a family adds: events of the same look as the needle."""
    hops: Annotated[int, Field(ge=1, le=16)] = 3
    """Links to follow in multi-hop questions."""
    min_frames: Annotated[int, Field(ge=0)] = 0
    """Least size of the minimum required frame set that a question must have. 0: any."""
    glyph_px: Annotated[int, Field(ge=7)] = 14
    """Height of the glyphs on signs, in pixels."""
    container: Literal["mp4", "mkv"] = "mp4"
    codec: Literal["h264"] = "h264"
    crf: Annotated[int, Field(ge=0, le=51)] = 28
    """Quality of the H.264 file; larger is worse."""


class World(Value):
    """A whole script. Scenes are in order of camera and time, events and subtitles of time."""

    schema_version: Literal[1] = 1
    seed: int
    knobs: Knobs
    actors: tuple[Actor, ...]
    scenes: tuple[Scene, ...]
    events: tuple[Event, ...] = ()
    subtitles: tuple[Subtitle, ...] = ()

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        starts = [event.start_ms for event in self.events]
        if starts != sorted(starts):
            raise ValueError("events must be in order of start_ms: use edits.add_event")
        if [(s.camera, s.start_ms) for s in self.scenes] != sorted(
            (s.camera, s.start_ms) for s in self.scenes
        ):
            raise ValueError("scenes must be in order of camera and start_ms")
        return self

    @property
    def duration_ms(self) -> int:
        """How long the video runs."""
        return self.knobs.duration_ms

    @property
    def height(self) -> int:
        """Of the picture, in pixels."""
        return self.knobs.height

    @property
    def width(self) -> int:
        """Of the picture, in pixels."""
        return self.knobs.width

    @property
    def fps(self) -> int:
        """Frames per second outside bursts."""
        return self.knobs.fps

    @property
    def num_cameras(self) -> int:
        """How many videos this world is filmed in."""
        return self.knobs.num_cameras

    @property
    def id(self) -> str:
        """Names the content of the script: 32 hexadecimal digits."""
        return self._id

    @cached_property
    def _id(self) -> str:  # pydantic takes only names with an underscore for not part of the record
        return blake2b(self.to_json().encode(), digest_size=16).hexdigest()

    @cached_property
    def _by_scene(self) -> dict[int, tuple[Event, ...]]:
        ordered = sorted(self.events, key=lambda event: event.scene)  # stable: stays in time order
        return {
            scene: tuple(group) for scene, group in groupby(ordered, key=lambda event: event.scene)
        }

    @cached_property
    def _by_camera(self) -> dict[int, tuple[list[int], list[int]]]:
        """For each camera the indices of its scenes and their starts."""
        index: dict[int, tuple[list[int], list[int]]] = {}
        for i, scene in enumerate(self.scenes):
            scenes, starts = index.setdefault(scene.camera, ([], []))
            scenes.append(i)
            starts.append(scene.start_ms)
        return index

    def scene_at(self, time_ms: int, camera: int = 0) -> int:
        """The index of the scene that a camera shows at `time_ms`.

        Raises:
            IndexError: No such camera, or a time outside the world.
        """
        if camera not in self._by_camera or not 0 <= time_ms < self.duration_ms:
            raise IndexError(
                f"cameras 0 to {self.num_cameras - 1}, times 0 to {self.duration_ms - 1} ms: "
                f"got camera {camera} at {time_ms} ms"
            )
        scenes, starts = self._by_camera[camera]
        return scenes[bisect_right(starts, time_ms) - 1]

    def scenes_of(self, camera: int = 0) -> tuple[int, ...]:
        """The indices of a camera's scenes, in order of time."""
        return tuple(self._by_camera.get(camera, ([], []))[0])

    def scenes_during(self, start_ms: int, end_ms: int, camera: int = 0) -> tuple[int, ...]:
        """The indices of the scenes that a camera shows in `[start_ms, end_ms)`, in order."""
        scenes, starts = self._by_camera.get(camera, ([], []))
        first = max(bisect_right(starts, start_ms) - 1, 0)
        return tuple(scenes[first : bisect_left(starts, end_ms)])

    def events_in(self, scene: int) -> tuple[Event, ...]:
        """The events of a scene, in order of time."""
        return self._by_scene.get(scene, ())

    def events_of(self, kind: type[E]) -> list[E]:
        """All events of one kind, in order of time: `world.events_of(Card)`."""
        return [event for event in self.events if isinstance(event, kind)]

    def place_of(self, event: Event) -> Place:
        """Where an event happens."""
        return self.scenes[event.scene].place


Zone = tuple[str, int]
"""What an event takes up in its scene: `("actor", 3)`, or `("card", 0)` and the like."""

_ZONES: dict[str, str] = {
    "card": "card", "carry": "card", "game": "table", "lamp": "lamp", "door": "door",
    "sign": "wall", "overlay": "banner", "beep": "sound", "speech": "sound",
}  # fmt: skip


def zones_of(event: Event) -> tuple[Zone, ...]:
    """What `event` takes up. Events of one scene that share a zone never overlap in time.

    A card takes up its actor and `("card", 0)`, and so does a thing that is carried: one of them at
    a time in a scene. Flashes, entering and leaving take up their actor; a game the table; lamp,
    door, sign, overlay and sound their own. A swap takes up nothing: it lives inside its game.
    """
    zones: list[Zone] = []
    if event.kind in _ZONES:
        zones.append((_ZONES[event.kind], 0))
    if isinstance(event, ActorEvent):
        zones.append(("actor", event.actor))
    return tuple(zones)


def min_visible_ms(knobs: Knobs) -> int:
    """The least an event must last so that every file of this world shows it twice."""
    return max(400, -(-2000 // knobs.fps))


def min_gap_ms(knobs: Knobs) -> int:
    """The least time between two events of one zone, so that they are seen to be two."""
    return max(300, -(-2000 // knobs.fps))


def fast_fps(knobs: Knobs) -> int:
    """Frames per second while something flashes or swaps."""
    return max(knobs.fps, knobs.burst_fps)


def can_flash(knobs: Knobs, flash_ms: int = 100, period_ms: int = 300) -> bool:
    """Whether every flash and every pause between two of them falls on a frame."""
    return min(flash_ms, period_ms - flash_ms) * fast_fps(knobs) >= 1000


KEYFRAME_MS = 10_000
"""At most this long from one keyframe to the next; every scene also begins with one."""


_BURST_MS, _DECOY_EVERY = 4_000, 30


def bursts_ms(world: World, camera: int = 0) -> list[tuple[int, int]]:
    """Where a film of variable rate has `burst_fps`, ascending.

    Whole windows of 4 seconds, where something flashes or swaps, and one in 30 of the others: from
    the times of its frames alone nobody learns when or how often something flashes.
    """
    if not world.knobs.burst_fps:
        return []
    windows = {
        window
        for window in range(-(-world.duration_ms // _BURST_MS))
        if Rng(world.seed, "burst", camera, window).chance(1, _DECOY_EVERY)
    }
    for event in world.events:
        if isinstance(event, Blink | Swap) and world.scenes[event.scene].camera == camera:
            windows |= set(range(event.start_ms // _BURST_MS, (event.end_ms - 1) // _BURST_MS + 1))
    return [(w * _BURST_MS, min((w + 1) * _BURST_MS, world.duration_ms)) for w in sorted(windows)]
