"""The clock contract has teeth: a reader that makes any of the known mistakes does not pass it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.core.media import VideoInfo
from playhead.video.base import Frames, Video
from playhead.video.synthetic import ClockVideo, paint_clock, write_clock
from tests.video.clock_contract import check_clock


class Painted(Video):
    """A perfect reader of a film, painting what the file would show. Its children make mistakes."""

    def __init__(self, film: ClockVideo) -> None:
        self.id, self.film = "painted", film
        self.info = VideoInfo(
            duration_s=film.duration_s,
            num_frames=len(film.times_s),
            height=96,
            width=160,
            codec="none",
            container="none",
        )

    def shown(self, time_s: float) -> int:
        """Which frame is handed over for a time."""
        return int(np.searchsorted(self.film.times_s, time_s + 1e-9, side="right")) - 1

    def paint(self, frame: int) -> NDArray[np.uint8]:
        index = int(self.film.indices[np.clip(frame, 0, len(self.film.indices) - 1)])
        return paint_clock(index, 0.0, height=96, width=160)

    def labels(self, times_s: Sequence[float]) -> NDArray[np.float64]:
        return self.film.times_s[[Painted.shown(self, time_s) for time_s in times_s]]

    def _read(self, times_s: Sequence[float], max_side: int | None) -> Frames:
        pictures = np.stack([self.paint(self.shown(time_s)) for time_s in times_s])
        return Frames(pictures, self.labels(times_s), self.id)

    @property
    def keyframe_times_s(self) -> NDArray[np.float64]:
        return self.film.times_s[::12]

    def close(self) -> None:
        pass


class OneFrameLate(Painted):
    """Off by one, and labelled right."""

    def shown(self, time_s: float) -> int:
        return super().shown(time_s) - 1


class OneFrameEarly(Painted):
    """Off by one, and labelled right."""

    def shown(self, time_s: float) -> int:
        return super().shown(time_s) + 1


class FromTheStart(Painted):
    """Frames from the start of the file, labelled as the window that was asked for."""

    def _read(self, times_s: Sequence[float], max_side: int | None) -> Frames:
        pictures = np.stack([self.paint(self.shown(t - times_s[0])) for t in times_s])
        return Frames(pictures, self.labels(times_s), self.id)


class Nearest(Painted):
    """The frame that starts nearest to the time, which may not have started yet."""

    def shown(self, time_s: float) -> int:
        return int(np.abs(self.film.times_s - time_s).argmin())


class Constant(Painted):
    """Counts frames as if all were shown equally long."""

    def shown(self, time_s: float) -> int:
        return int(time_s / self.film.duration_s * len(self.film.times_s))


class OnlyKeyframes(Painted):
    """Seeks, and forgets to decode on from there."""

    def shown(self, time_s: float) -> int:
        return super().shown(time_s) // 12 * 12


class LabelledAsAsked(Painted):
    """The right picture with the asked time for a label."""

    def labels(self, times_s: Sequence[float]) -> NDArray[np.float64]:
        return np.array(times_s)


class InItsOwnOrder(Painted):
    """Sorts the pictures and forgets to sort them back."""

    def frames_at(self, times_s: Sequence[float], *, max_side: int | None = None) -> Frames:
        return self._read(sorted(times_s), max_side)


class Blended(Painted):
    """Mixes neighbours, as converters of frame rates do."""

    def paint(self, frame: int) -> NDArray[np.uint8]:
        return super().paint(frame) // 2 + super().paint(frame + 1) // 2


class UpsideDown(Painted):
    """Does not turn what has to be turned."""

    def paint(self, frame: int) -> NDArray[np.uint8]:
        return super().paint(frame)[::-1, ::-1]


class NoLastFrame(Painted):
    """Cannot show the end."""

    def shown(self, time_s: float) -> int:
        return min(super().shown(time_s), len(self.film.times_s) - 2)


class WrongKeyframes(Painted):
    """Says that keyframes are where no frame starts."""

    @property
    def keyframe_times_s(self) -> NDArray[np.float64]:
        return self.film.times_s[::12] + 0.001


@pytest.fixture(scope="module")
def uneven_film(tmp_path_factory: pytest.TempPathFactory) -> ClockVideo:
    path = tmp_path_factory.mktemp("uneven") / "uneven.mp4"
    gaps = np.random.default_rng(5).choice([0.02, 0.04, 0.3], 59)
    return write_clock(path, times_s=[0.0, *np.cumsum(gaps)])


def test_a_perfect_reader_keeps_the_contract(uneven_film: ClockVideo) -> None:
    check_clock(Painted(uneven_film), uneven_film, np.random.default_rng(2))


@pytest.mark.parametrize("mistake", Painted.__subclasses__())
def test_a_reader_with_a_mistake_breaks_the_contract(
    mistake: type[Painted], uneven_film: ClockVideo
) -> None:
    with pytest.raises(AssertionError):
        check_clock(mistake(uneven_film), uneven_film, np.random.default_rng(2))
