"""Worlds as videos: frames on demand without a codec, or a real file.

    with VirtualVideo(world) as video:
        frames = video.frames_at([12.5])
    write_world(world, "film.mp4")            # and then playhead.video.open_video("film.mp4")

Both are a `Video` with the same frames at the same times; the file's pictures have been through
H.264. A virtual video can end before its world does: with `until_s` it is a live stream that has
only come so far, and it refuses the future.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from hashlib import blake2b

import cv2
import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import NoSound, NoSuchTime, TooLarge
from playhead.core.media import TextTrack, VideoInfo
from playhead.core.span import Span
from playhead.video.base import Frames, Video
from playhead.video.decoders.picture import Shape
from playhead.video.limits import Limits
from playhead.video.sound import Sound
from playhead.worlds.clock import film_clock, keyframes
from playhead.worlds.files import Written, has_sound, has_subtitles, write_world
from playhead.worlds.render import Renderer
from playhead.worlds.script import World
from playhead.worlds.soundtrack import Voice, heard

__all__ = ["VirtualVideo", "Written", "write_world"]

_TEXT_TRACK = 2


class VirtualVideo(Video):
    """One camera's film of a world, painted when it is asked for. Not for two threads at once."""

    def __init__(
        self,
        world: World,
        *,
        camera: int = 0,
        until_s: float | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Open the film.

        Args:
            world: The script. It is not checked: see `edits.validate`.
            camera: Which of the world's cameras.
            until_s: How far the film has come, in seconds. None: to its end.
            limits: How much one call may hand over. None: the defaults of `Limits`.

        Raises:
            ValueError: No such camera, or nothing has been filmed yet.
        """
        if not 0 <= camera < world.num_cameras:
            raise ValueError(f"this world has cameras 0 to {world.num_cameras - 1}: got {camera}")
        if until_s is not None and not until_s > 0:
            raise ValueError(f"a film that has begun is longer than 0 s: got until_s={until_s}")
        self._world, self._camera, self._limits = world, camera, limits or Limits()
        self._clock = film_clock(world, camera)
        self._renderer, self._voice = Renderer(world), Voice()
        self.id = blake2b(f"{world.id} {camera}".encode(), digest_size=16).hexdigest()
        self.info = self._describe(until_s)

    def until(self, until_s: float) -> VirtualVideo:
        """The same film when it had come as far as `until_s` seconds."""
        return VirtualVideo(self._world, camera=self._camera, until_s=until_s, limits=self._limits)

    @property
    def keyframe_times_s(self) -> NDArray[np.float64]:
        """`[N]`: when scenes begin and every ten seconds in them, as in the file; never empty."""
        times_s = np.array(
            [
                self._clock.start_s(index)
                for index in keyframes(self._world, self._clock, self._camera)
            ]
        )
        return times_s[times_s < self.info.duration_s]

    def sound(self, span: Span | None = None, *, rate: int = 16_000) -> Sound:
        """The sound of a span, as one channel. Speech is silence without espeak-ng (see `info`).

        Args:
            span: Which part. None: the whole video. What lies outside the video is left out.
            rate: Samples per second.

        Raises:
            NoSound: The world has no sound.
            NoSuchTime: The span lies outside the video.
            TooLarge: More than one call may hand over: ask for shorter spans.
        """
        if not 1_000 <= rate <= 384_000:
            raise ValueError(f"a rate is 1000 to 384000 samples per second: got {rate}")
        inside = self.info.span if span is None else self.info.span.intersection(span)
        if inside is None:
            raise NoSuchTime(f"the video runs from 0 to {self.info.duration_s:.3f} s: got {span}")
        if not self.info.has_audio:
            raise NoSound("the world has no sound: its modality is visual or subtitle")
        if inside.duration * rate * 4 > self._limits.bytes_per_call:
            raise TooLarge(f"{inside.duration:.0f} s of sound in one call: ask for shorter spans")
        return heard(self._world, inside, camera=self._camera, rate=rate, voice=self._voice)

    def texts(self, index: int) -> list[tuple[float, float, str]]:
        """The subtitles that have begun: start and end in seconds, and text.

        Args:
            index: `TextTrack.index` of one of `info.text_tracks`.

        Raises:
            ValueError: There is no such text track.
        """
        known = [track.index for track in self.info.text_tracks]
        if index not in known:
            raise ValueError(f"the text tracks of this video are {known}: got {index}")
        end_s = self.info.duration_s
        return [
            (line.start_ms / 1000, min(line.end_ms / 1000, end_s), line.text)
            for line in self._world.subtitles
            if line.camera == self._camera and line.start_ms / 1000 < end_s
        ]

    def close(self) -> None:
        """Nothing is held; closing twice is fine."""

    def _describe(self, until_s: float | None) -> VideoInfo:
        world, clock = self._world, self._clock
        whole_s = world.duration_ms / 1000
        duration_s = whole_s if until_s is None else min(until_s, whole_s)
        num_frames = clock.num if duration_s == whole_s else clock.index_at(duration_s) + 1
        if duration_s < whole_s and clock.start_s(num_frames - 1) >= duration_s:
            num_frames -= 1
        fps = Fraction(clock.fps) if clock.fps else Fraction(num_frames) / Fraction(duration_s)
        silent = has_sound(world) and not self._voice.available
        track = TextTrack(index=_TEXT_TRACK, codec="none", language=None)
        return VideoInfo(
            duration_s=duration_s,
            num_frames=num_frames,
            fps=fps.limit_denominator(10**6) if num_frames > 1 else None,
            is_vfr=clock.fps is None,
            height=world.height,
            width=world.width,
            codec="none",
            container="virtual",
            has_audio=has_sound(world),
            audio_codec="none" if has_sound(world) else None,
            text_tracks=(track,) if has_subtitles(world) else (),
            warnings=("speech is silent: espeak-ng is not installed",) if silent else (),
        )

    def _read(self, times_s: Sequence[float], max_side: int | None) -> Frames:
        full = (self.info.height, self.info.width)
        size = Shape(*full).size(max_side)
        most = min(
            self._limits.frames_per_call, self._limits.bytes_per_call // (3 * size[0] * size[1])
        )
        if len(times_s) > most:
            raise TooLarge(f"{len(times_s)} pictures in one call, {most} may be: use stream")
        pixels = np.empty((len(times_s), *size, 3), dtype=np.uint8)
        starts_s, before = np.empty(len(times_s)), -1
        for i, time_s in enumerate(times_s):
            index = self._clock.index_at(time_s)
            starts_s[i] = self._clock.start_s(index)
            if index == before:
                pixels[i] = pixels[i - 1]
                continue
            picture = self._renderer.frame(self._clock.shown_ms(index), self._camera)
            if size != full:
                picture = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
            pixels[i], before = picture, index
        return Frames(pixels, starts_s, self.id)
