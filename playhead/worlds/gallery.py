"""The gallery: one HTML file that shows what a world is.

A player with a short world in it, lanes of everything that happens, and questions of every family.
Clicking an event or a piece of evidence moves the player there; answers are hidden until asked for.
The file holds everything itself (the video as a data URI, no scripts from elsewhere), so it can be
mailed or opened from a disk.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from playhead.worlds.dataset import answer_text
from playhead.worlds.families import NAMES, Question, family
from playhead.worlds.families.base import Sight
from playhead.worlds.families.build import make
from playhead.worlds.files import write_world
from playhead.worlds.script import Blink, Event, Game, Knobs, Speech, World
from playhead.worlds.videos import VirtualVideo

_LANES = (
    ("card", "cards"), ("carry", "things"), ("blink", "flashes"), ("enter", "enter, exit"),
    ("lamp", "lamp"), ("door", "door"), ("sign", "signs"), ("game", "cup games"),
    ("beep", "beeps"), ("speech", "speech"), ("overlay", "overlays"),
)  # fmt: skip
_SHADES = {
    "red": "#de2228", "orange": "#fa8a10", "yellow": "#d9b800", "green": "#2ca038",
    "cyan": "#1fb4c8", "blue": "#345cf0", "purple": "#882ebe", "pink": "#ff8cc8",
}  # fmt: skip
_PER_FAMILY = 3
_ROOMY = ("needle", "count", "multihop", "rule")
"""Families whose questions take up much of a short video, the greediest last."""


def write_gallery(path: str | Path, *, seed: int = 7, duration_s: int = 150) -> Path:
    """Write the gallery.

    Args:
        path: The HTML file to write. A file there is replaced.
        seed: Which world.
        duration_s: How long the video in it is, in seconds.

    Returns:
        The path.

    Raises:
        ValueError: The video is shorter than a minute or longer than ten.
    """
    if not 60 <= duration_s <= 600:
        raise ValueError(f"a gallery video lasts 60 to 600 s: got {duration_s}")
    names = sorted((name for name in NAMES if name != "cameras"), key=_needs_room, reverse=True)
    knobs = Knobs(duration_ms=duration_s * 1000, scene_ms=12_000, event_ms=3_000, crf=30)
    made = make(names, seed, knobs, num=2 * len(names))
    filmed = make(["cameras"], seed, Knobs(duration_ms=60_000, scene_ms=12_000), num=_PER_FAMILY)
    page = _PAGE.substitute(
        video=_video(made.world),
        strip=_strip(made.world),
        lanes=_lanes(made.world),
        subtitles=json.dumps(
            [(line.start_ms / 1000, line.end_ms / 1000, line.text) for line in made.world.subtitles]
        ).replace("<", "\\u003c"),
        duration=duration_s,
        families="\n".join(_families(made.questions, made.world)),
        cameras=_cameras(filmed.world, filmed.questions),
        facts=f"{len(made.world.scenes)} scenes, {len(made.world.actors)} actors, "
        f"{len(made.world.events)} events, {len(made.questions)} questions, seed {seed}",
    )
    path = Path(path)
    path.write_text(page, encoding="utf-8")
    return path


def _needs_room(name: str) -> int:
    """How much of a short video the questions of a family take up: those come first."""
    return _ROOMY.index(name) if name in _ROOMY else -1


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _video(world: World) -> str:
    with TemporaryDirectory() as folder:
        written = write_world(world, Path(folder) / "world.mp4")
        return _data_uri("video/mp4", written.path.read_bytes())


def _jpeg(pixels: np.ndarray) -> str:
    _, encoded = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 70])
    return _data_uri("image/jpeg", encoded.tobytes())


def _strip(world: World, camera: int = 0, num: int = 15) -> str:
    """Frames as a film strip; clicking one moves the player there."""
    with VirtualVideo(world, camera=camera) as video:
        frames = video.frames(num=num, max_side=160)
    return "".join(
        f'<img src="{_jpeg(picture)}" data-t="{time_s:.2f}" alt="{time_s:.0f} s" '
        f'title="{time_s:.0f} s">'
        for picture, time_s in zip(frames.pixels, frames.times_s, strict=True)
    )


# Lanes


def _lanes(world: World) -> str:
    rows = [_lane("scenes", list(_scene_bars(world)))]
    for kind, title in _LANES:
        events = [e for e in world.events if _lane_of(e) == kind]
        if events:
            rows.append(_lane(title, [_event_bar(world, event) for event in events]))
    if world.subtitles:
        bars = [
            _bar(world, line.start_ms, line.end_ms, line.text, "#7a8699")
            for line in world.subtitles
        ]
        rows.append(_lane("subtitles", bars))
    return "\n".join(rows)


def _lane_of(event: Event) -> str:
    return "enter" if event.kind in ("enter", "exit") else event.kind


def _lane(title: str, bars: Sequence[str]) -> str:
    return (
        f'<div class="lane"><span class="name">{html.escape(title)}</span>'
        f'<div class="track">{"".join(bars)}</div></div>'
    )


def _scene_bars(world: World) -> Iterator[str]:
    for i, scene in enumerate(world.scenes):
        shade = "#8fa3bf" if i % 2 else "#b3c0d3"
        yield _bar(world, scene.start_ms, scene.end_ms, scene.place, shade, label=scene.place)


def _event_bar(world: World, event: Event) -> str:
    actor = getattr(event, "actor", None)
    looks = world.actors[actor] if actor is not None else None
    shade = _SHADES[looks.color] if looks else _SHADES.get(getattr(event, "color", ""), "#5b6b82")
    what = {
        "card": getattr(event, "glyphs", ""),
        "sign": getattr(event, "text", ""),
        "overlay": getattr(event, "text", ""),
        "carry": getattr(event, "thing", ""),
        "blink": f"{event.flashes} flashes" if isinstance(event, Blink) else "",
        "game": f"ball in cup {event.ball + 1}" if isinstance(event, Game) else "",
        "speech": event.text if isinstance(event, Speech) else "",
    }.get(event.kind, event.kind)
    title = f"{looks.name}: {what}" if looks else f"{event.kind} {what}"
    label = what if event.kind in ("card", "sign") else ""
    return _bar(world, event.start_ms, event.end_ms, title, shade, label=label)


def _bar(world: World, start_ms: int, end_ms: int, title: str, shade: str, label: str = "") -> str:
    left = 100 * start_ms / world.duration_ms
    width = max(0.15, 100 * (end_ms - start_ms) / world.duration_ms)
    tip = f"{start_ms / 1000:.1f}-{end_ms / 1000:.1f} s · {title}"
    return (
        f'<i class="bar" data-t="{start_ms / 1000:.3f}" title="{html.escape(tip, quote=True)}" '
        f'style="left:{left:.3f}%;width:{width:.3f}%;background:{shade}">'
        f"{html.escape(label)}</i>"
    )


# Questions


def _families(questions: Sequence[Question], world: World) -> Iterator[str]:
    for name in NAMES:
        mine = [q for q in questions if q.family == name][:_PER_FAMILY]
        if mine:
            yield _family(name, mine, world, seekable=True)


def _family(name: str, questions: Sequence[Question], world: World, *, seekable: bool) -> str:
    cards = "".join(_question(question, world, seekable=seekable) for question in questions)
    models = html.escape(family(name).models)
    return (
        f'<section class="family"><h3>{name.replace("_", " ")}</h3>'
        f'<p class="models">like {models}</p>{cards}</section>'
    )


def _question(question: Question, world: World, *, seekable: bool) -> str:
    pictures = "".join(
        f'<img class="crop" src="{_crop(world, question)}" alt="the one asked about">'
        for _ in question.pictures
    )
    options = "".join(f"<li>{html.escape(option)}</li>" for option in question.options)
    asked = "" if question.asked_at_s is None else f" (asked at {question.asked_at_s:.1f} s)"
    evidence = " ".join(_evidence(sight, seekable) for sight in question.evidence[:12])
    return (
        f'<div class="question">{pictures}<p>{html.escape(question.text)}{asked}</p>'
        + (f'<ol type="A">{options}</ol>' if options else "")
        + f"<details><summary>answer</summary><p><b>{html.escape(answer_text(question))}</b></p>"
        f'<p class="evidence">evidence: {evidence or "nowhere"} · at least '
        f"{question.min_frames} frame{'s' * (question.min_frames != 1)} · {question.style}</p>"
        "</details></div>"
    )


def _evidence(sight: Sight, seekable: bool) -> str:
    where = "" if seekable else f"camera {sight.camera}, "
    text = f"{where}{sight.span.start:.1f}-{sight.span.end:.1f} s"
    heard = "" if sight.channel == "picture" else f" ({sight.channel})"
    if not seekable:
        return f"<span>{text}{heard}</span>"
    return f'<button data-t="{sight.span.start:.3f}">{text}{heard}</button>'


def _crop(world: World, question: Question) -> str:
    pointer = question.pictures[0]
    with VirtualVideo(world, camera=pointer.camera) as video:
        return _jpeg(video.frames_at([pointer.time_s]).crop(pointer.roi).pixels[0])


def _cameras(world: World, questions: Sequence[Question]) -> str:
    """The family that films in several videos: a strip for each camera, and its questions."""
    strips = "".join(
        f'<p class="models">camera {camera}</p>'
        f'<div class="strip still">{_strip(world, camera, 8)}</div>'
        for camera in range(world.num_cameras)
    )
    return strips + _family("cameras", questions, world, seekable=False)


_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Worlds: long videos with known truth</title>
<style>
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #2f6fed; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1180px; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { margin: 2rem 0 .5rem; } h3 { margin: 0; }
.lead { margin: .3rem 0 1.2rem; opacity: .75; }
.stage { display: grid; grid-template-columns: minmax(300px, 480px) 1fr; gap: 1.2rem; }
.stage > * { min-width: 0; }
video { width: 100%; background: #000; border-radius: 6px; image-rendering: pixelated; }
#caption { min-height: 1.5em; text-align: center; font-style: italic; opacity: .8; }
.strip { display: flex; flex-wrap: wrap; gap: 4px; align-content: flex-start; }
.strip img { width: 118px; border-radius: 3px; cursor: pointer; }
.strip.still img { cursor: default; }
.lane { display: grid; grid-template-columns: 92px 1fr; align-items: center; height: 22px; }
.lane .name { font-size: 12px; opacity: .75; }
.track { position: relative; height: 18px; background: var(--soft); border-radius: 3px;
  overflow: hidden; }
.bar { position: absolute; top: 1px; bottom: 1px; border-radius: 2px; cursor: pointer;
  font: 10px/16px ui-monospace, monospace; color: #000c; overflow: hidden; text-align: center; }
.lanes { position: relative; border: 1px solid var(--line); border-radius: 6px; padding: 6px 8px; }
#cursor { position: absolute; top: 0; bottom: 0; width: 2px; background: var(--accent);
  pointer-events: none; }
.families { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); }
.family { border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem; }
.models { margin: 0 0 .4rem; font-size: 12px; opacity: .7; }
.question { border-top: 1px solid var(--line); padding: .5rem 0; }
.question p { margin: .1rem 0; } .question ol { margin: .2rem 0; font-size: 13px; }
.crop { float: right; width: 64px; margin-left: .5rem; border: 2px solid var(--accent); }
summary { cursor: pointer; color: var(--accent); font-size: 13px; }
.evidence { font-size: 12px; opacity: .85; }
button { font: inherit; border: 1px solid var(--line); background: none; border-radius: 4px;
  padding: 0 .35em; cursor: pointer; color: inherit; }
@media (max-width: 760px) { .stage { grid-template-columns: 1fr; } }
</style></head><body>
<h1>Worlds: long videos with known truth</h1>
<p class="lead">Everything below was rendered from a script, so every answer is exact. $facts.</p>
<div class="stage">
  <div><video id="player" src="$video" controls muted playsinline preload="auto"></video>
  <div id="caption"></div></div>
  <div class="strip">$strip</div>
</div>
<h2>What happens</h2>
<div class="lanes" id="lanes"><div id="cursor"></div>
$lanes
</div>
<h2>Questions of every family</h2>
<div class="families">
$families
</div>
<h2>Several cameras</h2>
$cameras
<script>
const player = document.getElementById("player"), cursor = document.getElementById("cursor");
const lanes = document.getElementById("lanes"), caption = document.getElementById("caption");
const lines = $subtitles, seconds = $duration;
function show() {
  const track = lanes.querySelector(".track").getBoundingClientRect();
  const left = track.left - lanes.getBoundingClientRect().left;
  cursor.style.left = left + track.width * player.currentTime / seconds + "px";
  const line = lines.find(([a, b]) => a <= player.currentTime && player.currentTime < b);
  caption.textContent = line ? line[2] : "";
}
document.body.addEventListener("click", (event) => {
  const at = event.target.closest("[data-t]");
  if (!at || at.closest(".still")) return;
  player.currentTime = Number(at.dataset.t) + 0.05;
  if (at.tagName === "BUTTON") player.scrollIntoView({ block: "nearest", behavior: "smooth" });
});
for (const name of ["timeupdate", "seeked", "loadedmetadata"]) player.addEventListener(name, show);
addEventListener("resize", show);
show();
</script>
</body></html>
""")
