"""The ways of single things through a take, and the words for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from playhead.models.eyes._colours import main_colours, name_colours
from playhead.models.eyes._motion import Look, Mask, Take, pieces

_REACH = 0.85  # how far a thing may seem to get in a second, in pictures and shades of 255
_PAUSE = 3  # pictures for which a thing may stand stock-still and still count as one that moves
_ALIVE = 0.02  # of a thing must change from picture to picture, or it is only something left behind
_ASIDE = 0.2  # of the largest thing: a smaller one beside it is its shadow or its bag
_GLIMPSE = 3  # pictures: fewer show no way
_MOVED = 0.15  # of the picture: less is moving in place
_LARGE, _SMALL = 0.12, 0.02  # of the picture


@dataclass(frozen=True, eq=False)
class _Piece:
    index: int
    top: float
    left: float
    share: float
    shade: tuple[float, ...]
    """Mean red, green and blue."""
    mask: Mask
    is_alive: bool


@dataclass(eq=False)
class Path:
    """One thing, seen in one picture after another."""

    seen: list[_Piece] = field(default_factory=list)
    whole: Path | None = None
    """The path of which this is a part. None: it is all of one."""

    @property
    def first(self) -> int:
        """The picture in which it is seen first."""
        return self.seen[0].index

    @property
    def last(self) -> int:
        """The picture in which it is seen last."""
        return self.seen[-1].index

    @property
    def share(self) -> float:
        """How much of the picture it fills where it is largest, 0 to 1."""
        return max(piece.share for piece in self.seen)

    def between(self, first: int, last: int) -> Path | None:
        """The part in the pictures `first` to `last`, which is not part of it; None if none is."""
        part = [piece for piece in self.seen if first <= piece.index < last]
        return Path(part, self.whole or self) if part else None


def paths(seen: Look, take: Take) -> list[Path]:
    """The ways of all things that move in `take`, in order of time."""
    done: list[Path] = []
    open_: list[Path] = []
    for index in range(take.first, take.last):
        found = list(_pieces(seen, take, index))
        done += [path for path in open_ if index - path.last > 1]
        open_ = [path for path in open_ if index - path.last <= 1]
        for path, piece in _match(open_, found):
            path.seen.append(piece)
            found.remove(piece)
        open_ += [Path([piece]) for piece in found]
    moving = [part for path in done + open_ for part in _lively(path)]
    return sorted(moving, key=lambda path: (path.first, path.last, -path.share))


def _pieces(seen: Look, take: Take, index: int) -> Iterator[_Piece]:
    alive = take.alive[index - take.first]
    for mask in pieces(take.things[index - take.first]):
        rows, columns = np.nonzero(mask)
        yield _Piece(
            index=index,
            top=(float(rows.mean()) + 0.5) / mask.shape[0],
            left=(float(columns.mean()) + 0.5) / mask.shape[1],
            share=float(mask.mean()),
            shade=tuple(seen.level[index][mask].mean(axis=0).tolist()),
            mask=mask,
            is_alive=int((alive & mask).sum()) >= max(2, _ALIVE * len(rows)),
        )


def _match(open_: Sequence[Path], found: Sequence[_Piece]) -> list[tuple[Path, _Piece]]:
    """Which of `found` continues which path: the nearest pair first."""
    pairs = sorted(
        (_distance(path.seen[-1], piece), i, j)
        for i, path in enumerate(open_)
        for j, piece in enumerate(found)
    )
    matched: list[tuple[Path, _Piece]] = []
    used_i, used_j = set[int](), set[int]()
    for distance, i, j in pairs:
        if distance < _REACH and i not in used_i and j not in used_j:
            matched.append((open_[i], found[j]))
            used_i.add(i)
            used_j.add(j)
    return matched


def _distance(a: _Piece, b: _Piece) -> float:
    if (a.mask & b.mask).sum() > 0.5 * min(a.mask.sum(), b.mask.sum()):
        return 0.0  # it stays where it is, whatever it turns towards us
    way = np.hypot(a.top - b.top, a.left - b.left)
    return float(way + np.abs(np.subtract(a.shade, b.shade)).mean() / 255)


def _lively(path: Path) -> list[Path]:
    """The parts of `path` in which it moves, cut where it stands stock-still for long."""
    alive = [piece.index for piece in path.seen if piece.is_alive]
    parts: list[Path] = []
    start = 0
    for i in range(1, len(alive) + 1):
        if i == len(alive) or alive[i] - alive[i - 1] > _PAUSE:
            inside = range(alive[start], alive[i - 1] + 1)
            parts.append(Path([piece for piece in path.seen if piece.index in inside]))
            start = i
    return parts


def main_things(things: Sequence[Path]) -> list[Path]:
    """`things` without what is small beside the largest."""
    largest = max((path.share for path in things), default=0.0)
    return [path for path in things if path.share >= _ASIDE * largest]


def num_together(things: Sequence[Path]) -> int:
    """How many of `things` are in one picture at most."""
    return max(
        (sum(other.first <= path.first <= other.last for other in things) for path in things),
        default=0,
    )


def colour(seen: Look, path: Path) -> str:
    """The main colour of a thing."""
    shades = np.concatenate([seen.level[p.index][p.mask] for p in (path.whole or path).seen])
    # Scaled down, not cut off, where one exposure for all makes it too bright: hues must stay.
    shades /= np.maximum(shades.max(axis=1, keepdims=True) / 255, 1)
    return main_colours(name_colours(shades.astype(np.uint8)), 1)[0]


def size(path: Path) -> str:
    """`small`, `medium` or `large`."""
    return "large" if path.share >= _LARGE else "small" if path.share < _SMALL else "medium"


def direction(path: Path) -> str:
    """Whence, whither and where: `from left to right at the top`; in place: `in the middle`."""
    if path.whole and len(path.seen) < _GLIMPSE and len(path.whole.seen) < 3 * _GLIMPSE:
        path = path.whole  # it passes at a border of the part; one picture shows no way
    start, end = path.seen[0], path.seen[-1]
    down, right = end.top - start.top, end.left - start.left
    top = float(np.mean([piece.top for piece in path.seen]))
    left = float(np.mean([piece.left for piece in path.seen]))
    if max(abs(down), abs(right)) < _MOVED:
        return place(top, left)
    vertical = ("top", "bottom") if down > 0 else ("bottom", "top")
    horizontal = ("left", "right") if right > 0 else ("right", "left")
    if abs(down) < abs(right) / 2:
        return f"from {horizontal[0]} to {horizontal[1]} {place(top, 0.5)}"
    if abs(right) < abs(down) / 2:
        return f"from {vertical[0]} to {vertical[1]} {place(0.5, left)}"
    return f"from {vertical[0]} {horizontal[0]} to {vertical[1]} {horizontal[1]}"


def place(top: float, left: float) -> str:
    """Which ninth of the picture: `at the top left`, `in the middle`, `on the right`."""
    vertical = ("top", "", "bottom")[min(2, int(top * 3))]
    horizontal = ("left", "", "right")[min(2, int(left * 3))]
    if not vertical and not horizontal:
        return "in the middle"
    return f"at the {vertical} {horizontal}".rstrip() if vertical else f"on the {horizontal}"
