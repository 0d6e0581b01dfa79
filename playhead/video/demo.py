"""A 27-second film to try things out on, drawn on the spot: nothing is downloaded.

Four small scenes and an end card, each opened by a title on the screen, each with a line in the
subtitle track. `DEMO_SCENES` says what happens when, so that what an agent answers about the film
can be checked: some facts are only seen (how many stars), some only written on the screen (the
number on the sail), some only in the subtitles (where the key is).
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from playhead.video.synthetic import Encoding, Picture, encode_pictures

_HEIGHT, _WIDTH, _FPS = 360, 640, 25
_TITLE_S = 1.5
_TICK_S = Fraction(1, 1000)
_FONT = cv2.FONT_HERSHEY_DUPLEX
_WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Scene:
    """One scene of the demo."""

    start_s: float
    end_s: float
    title: str
    """Written on the screen in the scene's first 1.5 seconds."""
    line: str
    """In the subtitle track, from 1.5 seconds into the scene to half a second before its end."""
    sky: tuple[int, int, int]
    ground: tuple[int, int, int]
    draw: Callable[[Picture, float], None]
    """Draws the scene into a picture, so many seconds after its start."""


def write_demo(path: str | Path) -> tuple[Scene, ...]:
    """Write the demo film: H.264, 640 x 360, 25 frames a second, a soft tone and English subtitles.

    Args:
        path: Where to; a file there is replaced. Ends in .mp4.

    Returns:
        What happens when.
    """
    num_frames = round(DEMO_SCENES[-1].end_s * _FPS)
    pictures = (_picture(i / _FPS) for i in range(num_frames))
    encoding = Encoding(gop=50, audio_s=num_frames / _FPS, options={"preset": "veryfast"})
    with av.open(str(path), "w", "mp4") as file:
        subtitles = file.add_mux_stream("mov_text")
        subtitles.time_base = _TICK_S
        subtitles.metadata["language"] = "eng"
        encode_pictures(
            file,
            pictures,
            range(num_frames + 1),
            tick_s=Fraction(1, _FPS),
            fps=Fraction(_FPS),
            encoding=encoding,
        )
        for scene in DEMO_SCENES:
            text = scene.line.encode()
            packet = av.Packet(len(text).to_bytes(2, "big") + text)
            start, end = (round(t / _TICK_S) for t in (scene.start_s + _TITLE_S, scene.end_s - 0.5))
            packet.stream, packet.time_base = subtitles, _TICK_S
            packet.pts, packet.dts, packet.duration = start, start, end - start
            file.mux(packet)
    return DEMO_SCENES


def _picture(time_s: float) -> Picture:
    """The picture `[H, W, 3]` at `time_s` seconds."""
    scene = next(scene for scene in DEMO_SCENES if time_s < scene.end_s)
    since_s = time_s - scene.start_s
    mix = np.linspace(0, 1, _HEIGHT)[:, None, None]
    column = ((1 - mix) * scene.sky + mix * scene.ground).astype(np.uint8)
    picture = np.repeat(column, _WIDTH, axis=1)
    scene.draw(picture, since_s)
    if since_s < _TITLE_S:
        picture //= 3
        _write_centred(picture, scene.title, _HEIGHT // 2)
    return picture


def _write_centred(picture: Picture, text: str, bottom: int, *, scale: float = 1.2) -> None:
    (width, _), _ = cv2.getTextSize(text, _FONT, scale, 2)
    at = ((_WIDTH - width) // 2, bottom)
    cv2.putText(picture, text, at, _FONT, scale, _WHITE, 2, cv2.LINE_AA)


def _fill(
    picture: Picture, corners: list[tuple[float, float]], color: tuple[int, int, int]
) -> None:
    """A polygon with (x, y) corners in pixels."""
    cv2.fillPoly(picture, [np.array(corners).round().astype(np.int32)], color, cv2.LINE_AA)


def _draw_ball(picture: Picture, time_s: float) -> None:
    """A red ball crosses from left to right, bouncing once a second."""
    height = abs(math.sin(math.pi * time_s))
    centre = (round(60 + 520 * time_s / 6), round(290 - 190 * height))
    cv2.circle(picture, centre, 34, (205, 40, 40), -1, cv2.LINE_AA)
    cv2.circle(picture, (centre[0] - 11, centre[1] - 12), 8, (240, 150, 150), -1, cv2.LINE_AA)


def _draw_windmill(picture: Picture, time_s: float) -> None:
    """A windmill, its four sails going round once in three seconds."""
    _fill(picture, [(285, 340), (355, 340), (338, 150), (302, 150)], (120, 80, 60))
    for quarter in range(4):
        along = cmath.rect(1, 2 * math.pi * (time_s / 3 + quarter / 4))  # x + yj, one pixel long
        sail = [0, 120 * along, (120 + 28j) * along]
        _fill(picture, [(320 + at.real, 150 + at.imag) for at in sail], (235, 230, 220))
    cv2.circle(picture, (320, 150), 9, (60, 40, 30), -1, cv2.LINE_AA)


def _draw_stars(picture: Picture, time_s: float) -> None:
    """Three yellow stars come out, 2, 3 and 4 seconds into the scene."""
    for which, (x, y) in enumerate([(150, 120), (330, 90), (500, 150)]):
        if time_s < 2 + which:
            continue
        size = 38 + 4 * math.sin(5 * time_s + which)
        points = [
            cmath.rect(size if point % 2 == 0 else size * 0.42, math.pi * (point / 5 - 0.5))
            for point in range(10)
        ]
        _fill(picture, [(x + at.real, y + at.imag) for at in points], (250, 215, 60))


def _draw_boat(picture: Picture, time_s: float) -> None:
    """A boat with the number 42 on its sail goes from right to left."""
    x, y = 540 - 75 * time_s, 250 + 6 * math.sin(3 * time_s)
    _fill(picture, [(x - 80, y), (x + 80, y), (x + 50, y + 40), (x - 55, y + 40)], (140, 60, 40))
    _fill(picture, [(x - 50, y - 8), (x + 55, y - 8), (x + 5, y - 165)], (245, 245, 240))
    number_at = (round(x - 26), round(y - 30))
    cv2.putText(picture, "42", number_at, _FONT, 1.2, (30, 30, 90), 2, cv2.LINE_AA)
    cv2.rectangle(picture, (0, 290), (_WIDTH, _HEIGHT), (30, 80, 140), -1)


def _draw_end(picture: Picture, time_s: float) -> None:
    """A closing card."""
    _write_centred(picture, "The End", 280, scale=1.6)


DEMO_SCENES = (
    Scene(
        start_s=0,
        end_s=6,
        title="1. The red ball",
        line="A red ball bounces over the meadow.",
        sky=(150, 205, 240),
        ground=(90, 170, 80),
        draw=_draw_ball,
    ),
    Scene(
        start_s=6,
        end_s=12,
        title="2. The windmill",
        line="The miller has hidden his key under the old bridge.",
        sky=(240, 190, 130),
        ground=(150, 110, 70),
        draw=_draw_windmill,
    ),
    Scene(
        start_s=12,
        end_s=18,
        title="3. The stars",
        line="Night falls, and the stars come out one by one.",
        sky=(10, 12, 40),
        ground=(50, 40, 90),
        draw=_draw_stars,
    ),
    Scene(
        start_s=18,
        end_s=24,
        title="4. The boat",
        line="At dawn the fishing boat sails home.",
        sky=(250, 215, 200),
        ground=(120, 170, 210),
        draw=_draw_boat,
    ),
    Scene(
        start_s=24,
        end_s=27,
        title="5. Goodbye",
        line="Thank you for watching.",
        sky=(60, 30, 70),
        ground=(20, 15, 30),
        draw=_draw_end,
    ),
)
"""What happens in the demo, and when."""
