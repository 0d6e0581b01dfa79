"""Building an index in the background: what first, by whom, and how far it has come.

The one idea: the order of the work is a priority and nothing else. Coarse work on every video comes
before fine work on any; what an open question is about comes before everything; the rest is spread
so that at any moment the parts looked at lie evenly over the video (van der Corput's order). A unit
is remembered with its mark in one go, so stopping, killing and starting again need no other state
than the memory's own.

Several threads work, each on a video opened for itself: decoding runs in processes of its own, and
most of the rest without Python's lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from playhead.core.errors import VideoError, VideoNotFound
from playhead.core.span import Span
from playhead.memory.disk import Batch, DiskMemory
from playhead.memory.recipe import MemoryRecipe
from playhead.memory.units import Tier, Unit, do, units
from playhead.video.base import Frames, Video

_RATE_OVER_S = 20.0  # how much of the past the rate is measured over


@dataclass(frozen=True)
class Source:
    """A video to index."""

    video_id: str
    duration_s: float
    open: Callable[[], Video]
    """A video of one's own. Raises VideoError if it cannot be had."""
    path: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far the index of one tier has come, over all videos that are being indexed."""

    tier: Tier
    done_s: float
    """Seconds of video."""
    total_s: float
    rate: float | None
    """Seconds of video a second, of late. None: not known yet."""

    @property
    def left_s(self) -> float | None:
        """Seconds until it is done, at this rate. None: not known."""
        return (self.total_s - self.done_s) / self.rate if self.rate else None


@dataclass
class _Work:
    source: Source
    units: list[Unit]
    order: int
    todo: dict[str, Unit]
    """What is left, the most urgent first."""
    focus: list[Span] = field(default_factory=list[Span])


class Builder:
    """Does what is left of the index of every video it is given, in threads of its own."""

    def __init__(
        self,
        memory: DiskMemory,
        recipe: MemoryRecipe,
        *,
        num_workers: int = 2,
        keep_thumbnail: Callable[[Frames], None] | None = None,
    ) -> None:
        """No thread runs before there is work.

        Args:
            memory: Where everything goes.
            recipe: How.
            num_workers: How many threads.
            keep_thumbnail: Is given keyframes, if the recipe wants thumbnails.
        """
        if num_workers < 1:
            raise ValueError(f"somebody has to work: got {num_workers=}")
        self._memory, self._recipe, self._num = memory, recipe, num_workers
        self._keep = keep_thumbnail
        self._changed = threading.Condition()
        self._work: dict[str, _Work] = {}
        self._busy: set[tuple[str, str]] = set()
        self._threads: list[threading.Thread] = []
        self._num_working = 0
        self._finished: list[tuple[float, Tier, float]] = []
        self._is_stopping = False
        self._error: BaseException | None = None

    def add(self, source: Source) -> None:
        """Index a video; what is done already is not done again."""
        done = self._memory.done(source.video_id)
        all_units = units(source.duration_s, self._recipe)
        left = [unit for unit in all_units if unit.name not in done]
        left.sort(key=lambda unit: (unit.tier, _van_der_corput(unit.number)))
        todo = {unit.name: unit for unit in left}
        with self._changed:
            self._error = None
            self._work[source.video_id] = _Work(source, all_units, len(self._work), todo)
            self._start()
            self._changed.notify_all()

    def remove(self, video_id: str) -> None:
        """Stop indexing a video. What is being done now is still remembered before this returns."""
        with self._changed:
            self._work.pop(video_id, None)
            self._changed.wait_for(lambda: not any(id_ == video_id for id_, _ in self._busy))

    def focus(self, video_id: str, spans: Iterable[Span]) -> None:
        """What to look at first, instead of what was said before; nothing: evenly again."""
        with self._changed:
            if video_id in self._work:
                self._work[video_id].focus = list(spans)

    def wait(self, timeout_s: float | None = None, *, tier: Tier = Tier.LATE) -> bool:
        """Wait until the work up to and including `tier` is done.

        Returns:
            Whether it is; False when the time is over.

        Raises:
            Exception: What stopped the work, such as OSError when the disk is full.
        """
        with self._changed:
            is_over = self._changed.wait_for(
                lambda: self._error is not None or self._is_stopping or not self._left(tier),
                timeout_s,
            )
            if self._error is not None:
                raise self._error
            return is_over and not self._left(tier)

    def progress(self) -> list[Progress]:
        """One for each tier that there is."""
        with self._changed:
            found: list[Progress] = []
            for tier in Tier:
                all_s = [(w, u) for w in self._work.values() for u in w.units if u.tier == tier]
                if all_s:
                    done_s = sum(u.span.duration for w, u in all_s if u.name not in w.todo)
                    total_s = sum(u.span.duration for _, u in all_s)
                    found.append(Progress(tier, done_s, total_s, self._rate(tier)))
            return found

    def close(self) -> None:
        """Finish what is being done now and stop. Closing twice is fine."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _start(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for _ in range(self._num - self._num_working):
            thread = threading.Thread(target=self._run, name="playhead-index", daemon=True)
            self._threads.append(thread)
            self._num_working += 1
            thread.start()

    def _left(self, tier: Tier) -> bool:
        return any(u.tier <= tier for work in self._work.values() for u in work.todo.values())

    def _run(self) -> None:
        open_video: tuple[str, Video] | None = None
        try:
            while (taken := self._take(open_video[0] if open_video else None)) is not None:
                work, unit = taken
                try:
                    video_id = work.source.video_id
                    if open_video is None or open_video[0] != video_id:
                        _close(open_video)
                        open_video = None
                    batch, open_video = self._do(work, unit, open_video)
                    self._memory.write(batch)
                    self._finish(work, unit)
                finally:
                    self._release(work, unit)
        except BaseException as error:  # told by `wait`
            with self._changed:
                self._error = error
                self._num_working -= 1
                self._changed.notify_all()
        finally:
            _close(open_video)

    def _do(
        self, work: _Work, unit: Unit, open_video: tuple[str, Video] | None
    ) -> tuple[Batch, tuple[str, Video] | None]:
        video_id = work.source.video_id
        try:
            video = open_video[1] if open_video else work.source.open()
            open_video = (video_id, video)
            path = work.source.path
            return do(unit, video, self._recipe, path=path, keep_thumbnail=self._keep), open_video
        except VideoNotFound:  # moved: it is looked for again when it is added again
            with self._changed:
                self._work.pop(video_id, None)
            return Batch(video_id), open_video
        except VideoError as error:
            return Batch(video_id, done={unit.name: f"{type(error).__name__}: {error}"}), open_video

    def _take(self, at_hand: str | None) -> tuple[_Work, Unit] | None:
        """The most urgent unit; waits for one. None when there is no more work for now."""
        with self._changed:
            while not self._is_stopping and self._error is None:
                waiting = [
                    (work, unit) for work in self._work.values() if (unit := self._next(work))
                ]
                if waiting:
                    work, unit = min(waiting, key=lambda item: _urgency(*item, at_hand))
                    self._busy.add((work.source.video_id, unit.name))
                    return work, unit
                if not self._busy:
                    break
                self._changed.wait()
            self._num_working -= 1  # here, so that nobody counts on this thread any more
            return None

    def _next(self, work: _Work) -> Unit | None:
        """The first unit of a video that nobody does yet, the ones in focus first."""
        video_id = work.source.video_id
        waiting = (u for u in work.todo.values() if (video_id, u.name) not in self._busy)
        if work.focus:
            return min(waiting, key=lambda unit: not _is_focus(work, unit), default=None)
        return next(waiting, None)

    def _finish(self, work: _Work, unit: Unit) -> None:
        with self._changed:
            work.todo.pop(unit.name, None)
            self._finished.append((time.monotonic(), unit.tier, unit.span.duration))

    def _release(self, work: _Work, unit: Unit) -> None:
        with self._changed:
            self._busy.discard((work.source.video_id, unit.name))
            self._changed.notify_all()

    def _rate(self, tier: Tier) -> float | None:
        now = time.monotonic()
        self._finished = [item for item in self._finished if now - item[0] < _RATE_OVER_S]
        of_tier = [(when, duration_s) for when, of, duration_s in self._finished if of == tier]
        if len(of_tier) < 2:
            return None
        return sum(s for _, s in of_tier) / max(now - of_tier[0][0], 0.1)


def _urgency(work: _Work, unit: Unit, at_hand: str | None) -> tuple[float, ...]:
    """Smaller is sooner."""
    tier = Tier.COARSE + 0.5 if _is_focus(work, unit) else float(unit.tier)
    is_at_hand = work.source.video_id == at_hand  # opening another one takes time
    return (tier, not is_at_hand, work.order)


def _is_focus(work: _Work, unit: Unit) -> bool:
    return unit.tier >= Tier.FINE and any(unit.span.intersection(part) for part in work.focus)


def _van_der_corput(number: int) -> float:
    """The fraction whose binary digits are those of `number` mirrored at the point."""
    fraction, place = 0.0, 0.5
    while number:
        number, digit = divmod(number, 2)
        fraction += digit * place
        place /= 2
    return fraction


def _close(open_video: tuple[str, Video] | None) -> None:
    if open_video is not None:
        with suppress(VideoError):
            open_video[1].close()
