"""What every video must do with time, checked on a film that carries a clock.

The promise: the picture handed over for a time is the one on screen at that time, and it is
labelled with the moment it starts being shown. `check_clock` asks for pictures in every way there
is, reads the index painted on each and compares it with the film's own table. Not one frame of
error is let pass, whatever the container, the codec or the order of the questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from playhead.core.span import Span
from playhead.video.base import Frames, Video
from playhead.video.synthetic import ClockVideo, read_clock

EXACT_S = 1e-6
"""How far a label may be from the true start of its frame, in seconds."""


def check_clock(video: Video, film: ClockVideo, rng: np.random.Generator) -> None:
    """Fail with an AssertionError unless `video` shows `film` exactly.

    Args:
        video: Open, of `film.path`.
        film: What is true.
        rng: Chooses the times to ask for.
    """
    check_facts(video, film)
    film = replace(film, duration_s=min(film.duration_s, video.info.duration_s))
    times_s = telling_times_s(film, rng)
    check_frames(video.frames_at(times_s), times_s, film)
    check_single_questions(video, film)
    check_samples(video, film)
    check_stream(video, film, rng)
    check_keyframes(video, film)


def telling_times_s(film: ClockVideo, rng: np.random.Generator, *, num: int = 16) -> list[float]:
    """Times where readers go wrong: starts, ends and middles of frames, in no order, some twice."""
    ends_s = np.append(film.times_s[1:], film.duration_s)
    lengths_s = ends_s - film.times_s
    shown = np.flatnonzero(lengths_s > 0)
    chosen = np.unique(np.concatenate([shown[:3], shown[-3:], rng.choice(shown, num)]))
    starts_s, lengths_s = film.times_s[chosen], lengths_s[chosen]
    just_before_the_end_s = starts_s + lengths_s - np.minimum(1e-4, lengths_s / 4)
    anywhere_s = rng.uniform(0, film.duration_s, num) * (1 - 1e-6)
    once = np.concatenate([starts_s, starts_s + lengths_s / 2, just_before_the_end_s, anywhere_s])
    return rng.permutation(np.concatenate([once, rng.choice(once, 8)])).tolist()


def check_frames(frames: Frames, asked_s: Sequence[float], film: ClockVideo) -> None:
    """One picture for each asked time, in that order, each the right one with the right label."""
    assert len(frames) == len(asked_s), f"{len(frames)} pictures for {len(asked_s)} times"
    for picture, label_s, time_s in zip(frames.pixels, frames.times_s, asked_s, strict=True):
        shown = max(0, int(np.searchsorted(film.times_s, time_s + 1e-9, side="right")) - 1)
        index, start_s = int(film.indices[shown]), float(film.times_s[shown])
        painted = read_clock(picture)
        assert painted == index, f"at {time_s:.6f} s frame {index} is shown: got frame {painted}"
        assert abs(label_s - start_s) <= EXACT_S, (
            f"frame {index} starts at {start_s:.6f} s: labelled {label_s:.6f} s"
        )


def check_facts(video: Video, film: ClockVideo) -> None:
    """The video has as many frames as the film and lasts as long, if frames last equally long.

    Of other films containers do not say how long the last frame stays.
    """
    assert video.info.num_frames == len(film.times_s)
    assert video.info.duration_s > film.times_s[-1]
    lengths_s = np.diff(np.append(film.times_s, film.duration_s))
    if np.ptp(lengths_s) < 0.002:
        assert abs(video.info.duration_s - film.duration_s) < 0.002, (
            f"lasts {film.duration_s:.6f} s: got {video.info.duration_s:.6f} s"
        )


def check_single_questions(video: Video, film: ClockVideo) -> None:
    """Going to the end, back to the start and to the middle, one picture at a time."""
    last_moment_s = float(np.nextafter(video.info.duration_s, 0))
    for time_s in (last_moment_s, 0.0, film.duration_s / 2, last_moment_s, film.duration_s / 3):
        check_frames(video.frames_at([time_s]), [time_s], film)


def check_samples(video: Video, film: ClockVideo) -> None:
    """`frames` of a span by rate and by number: each picture once."""
    span = Span(start=film.duration_s * 0.3, end=film.duration_s * 0.8)
    rate = 20 / film.duration_s
    check_frames(video.frames(span, fps=rate), _each_frame_once(span.every(1 / rate), film), film)
    check_frames(video.frames(span, num=7), _each_frame_once(span.grid(7), film), film)


def check_stream(video: Video, film: ClockVideo, rng: np.random.Generator) -> None:
    """Batches give what one question would, whatever the order."""
    times_s = (rng.uniform(0, film.duration_s, 10) * (1 - 1e-6)).tolist()
    batches = list(video.stream(times_s, batch=4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    check_frames(joined(batches), times_s, film)


def check_keyframes(video: Video, film: ClockVideo) -> None:
    """The cheap tier gives true pictures with true labels, in order."""
    times_s = video.keyframe_times_s
    assert len(times_s) > 0
    assert np.all(np.diff(times_s) > 0)
    missing = [t for t in times_s if np.abs(film.times_s - t).min() > EXACT_S]
    assert not missing, f"keyframes where no frame starts: {missing}"
    few = Span(start=0.0, end=min(film.duration_s, max(5.0, times_s[0] + 1.0)))
    inside_s = [t for t in times_s if t in few]
    check_frames(joined(video.keyframes(few)), inside_s, film)


def joined(batches: Iterable[Frames]) -> Frames:
    """All batches as one."""
    parts = list(batches)
    pixels = np.concatenate([part.pixels for part in parts])
    times_s = np.concatenate([part.times_s for part in parts])
    return Frames(pixels, times_s, parts[0].video_id)


def _each_frame_once(times_s: Sequence[float], film: ClockVideo) -> list[float]:
    """The first of the times that fall on each frame."""
    shown = np.searchsorted(film.times_s, np.asarray(times_s) + 1e-9, side="right") - 1
    _, first = np.unique(shown, return_index=True)
    return [times_s[i] for i in first]
