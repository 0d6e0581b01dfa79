"""SHA-256 of scripts, frames and sounds: printed as JSON, to be compared across processes.

Run as a script, it shows what this interpreter, this hash seed and this numpy make of some worlds.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from playhead.core.span import Span
from playhead.worlds.generate import make_world
from playhead.worlds.render import Renderer
from playhead.worlds.soundtrack import Voice, heard

WORLDS: dict[str, dict[str, Any]] = {
    "plain": {"duration_ms": 600_000},
    "busy": {
        "duration_ms": 900_000, "num_actors": 300, "events_per_minute": 20,
        "injections_per_hour": 60, "motion": "mixed", "noise": 5, "modality": "audio",
        "subtitles_per_minute": 6,
    },
    "cameras": {"duration_ms": 300_000, "num_cameras": 4, "modality": "mixed", "motion": "shake"},
    "small": {"duration_ms": 300_000, "height": 180, "width": 224, "fps": 2, "burst_fps": 20},
    "large": {"duration_ms": 120_000, "height": 720, "width": 1280, "glyph_px": 9, "motion": "pan"},
}  # fmt: skip


def fingerprints() -> dict[str, str]:
    prints: dict[str, str] = {}
    for name, knobs in WORLDS.items():
        world = make_world(20_260_101, **knobs)
        prints[f"{name} script"] = sha256(world.to_json().encode()).hexdigest()
        frames, renderer = sha256(), Renderer(world)
        for i in range(60):
            time_ms = i * 7_919_317 % world.duration_ms
            frames.update(renderer.frame(time_ms, i % world.num_cameras).tobytes())
        prints[f"{name} frames"] = frames.hexdigest()
    world = make_world(20_260_101, **WORLDS["busy"])
    silent = world.replace(events=tuple(e for e in world.events if e.kind != "speech"))
    beeps = heard(silent, Span(start=0, end=300), voice=Voice())
    prints["busy beeps"] = sha256(beeps.samples.tobytes()).hexdigest()
    return prints


if __name__ == "__main__":
    print(json.dumps(fingerprints(), indent=2))
