"""Finding the nearest vectors: FAISS over the vectors of one space.

The one idea: an index is derived and disposable. It is built from the vector file when a memory is
opened and thrown away with it; no index file is ever read, from a stranger or from ourselves.

Which index is used is chosen by size and said, with its measured recall, by `describe`:

    flat    every vector is compared, as it is stored (16-bit floats). Exact.
    sq8     the same with 8-bit numbers: half the memory, nearly exact.
    ivf     only vectors in the nearest cells are compared: for more than about a hundred hours.
    hnsw    a graph of neighbours: fast to search and slow to build; never chosen, only asked for.

A search that may not see the future compares exactly whatever it may see, for an approximate index
is built from all vectors and would let the future change what is found in the past.

An index never changes, so that any number of threads may search it. With more vectors it becomes
another one that shares its parts: each part is a FAISS index of its own, new vectors are a new
part, and parts that are not much longer than what follows them are built into one. So there are
few, and a vector is built in a logarithmic number of times (Bentley and Saxe, 1980).
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playhead.memory.vectors import VectorFile

IndexKind = Literal["auto", "flat", "sq8", "ivf", "hnsw"]

_FLAT_UP_TO = 1_500_000  # vectors; beyond, comparing all takes too long on two cores
_PROBED_CELLS = 32
_SPARE = 64  # more neighbours than wanted: rounding swaps no more than that
_MANY, _FEW = 50_000, 8_192  # so few of so many are compared without the index
_LANES = 8  # FAISS compares vectors of a multiple of 8 numbers five times as fast
_SAMPLE = 200  # vectors on which recall is measured
_ONE_AT_A_TIME = Lock()  # FAISS: indexes on a GPU are not for two threads at once


@dataclass(frozen=True)
class IndexReport:
    """What an index is and how well it finds."""

    space: str
    kind: str
    num_vectors: int
    device: str
    """`cpu` or `gpu`."""
    recall: float | None
    """Share of the ten true nearest that it finds, measured on a sample of its own vectors; 1 for
    an exact index. None: too few to measure."""


@dataclass(frozen=True)
class _Part:
    """A FAISS index of the vectors from number `first` on, up to the next part."""

    first: int
    kind: str
    index: Any

    @property
    def is_on_gpu(self) -> bool:
        return hasattr(self.index, "getDevice")


class VectorIndex:
    """The vectors of one space at one moment, searchable. It never changes."""

    def __init__(self, file: VectorFile, kind: IndexKind = "auto", *, gpu: bool = True) -> None:
        self.file, self._gpu = file, gpu
        self._kind: IndexKind = kind
        self.rows: NDArray[np.int64] = np.empty(0, np.int64)
        """`[N]`: the entry that each vector belongs to; -1 for a damaged vector."""
        self._parts: tuple[_Part, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def now(self, num: int) -> VectorIndex:
        """That of the first `num` vectors of the file; fewer than before mean that it is new."""
        num = min(num, self.file.num_records)  # there are fewer if the file was cut short
        if num == len(self):
            return self
        now = VectorIndex(self.file, self._kind, gpu=self._gpu)
        kept = list(self._parts)
        if num < len(self):
            kept.clear()
        else:
            now.rows = self.rows
        if num > (first := len(now)):
            rows, _ = self.file.read(first, num)
            rows[self.file.damaged(first, num) - first] = -1
            now.rows = np.concatenate([now.rows, rows])
            while kept and first - kept[-1].first < 2 * (num - first):
                first = kept.pop().first
            kept.append(now._built(first))
        now._parts = tuple(kept)
        return now

    def search(
        self,
        queries: NDArray[np.float32],
        may_see: NDArray[np.bool_] | None,
        k: int,
        *,
        exact: bool = False,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The `k` entries nearest to any of the queries.

        Args:
            queries: `[M, dim]`, unit vectors.
            may_see: `[N]`: which vectors may be found. None: all.
            k: How many at the most.
            exact: Compare all that may be seen, whatever the index.

        Returns:
            Rows of the entries and cosine similarities, best first.
        """
        if not len(self):
            return np.empty(0, np.int64), np.empty(0, np.float32)
        alive = self.rows >= 0
        if may_see is not None:
            alive &= may_see
        num = min(k, int(alive.sum()))  # the k best of any query are among the k best of each
        if num == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if self._is_few(alive):
            found, places = self._exact(queries, alive, num)
        elif exact or (self._is_on_gpu and not alive.all()):
            found, places = self._exact(queries, self._likely(queries, alive, num), num)
        else:
            found, places = self._by_index(queries, alive, num)
        return _best_of(self.rows, places, found, k)

    def describe(self) -> IndexReport:
        """What it is, with its recall measured now."""
        recall: float | None = 1.0
        if not self._is_flat:
            recall = self._recall() if (self.rows >= 0).sum() >= _SAMPLE else None
        device = "gpu" if self._is_on_gpu else "cpu"
        kind = self._parts[0].kind if self._parts else "flat"  # that of the longest part
        return IndexReport(self.file.space, kind, len(self), device, recall)

    @property
    def _is_flat(self) -> bool:
        return all(part.kind == "flat" for part in self._parts)

    @property
    def _is_on_gpu(self) -> bool:
        return any(part.is_on_gpu for part in self._parts)

    def _wanted(self, num: int) -> str:
        if self._kind == "auto":
            return "flat" if num <= _FLAT_UP_TO else "ivf"
        # an index that has to be trained needs something to be trained on
        return "flat" if self._kind == "ivf" and num < 1000 else self._kind

    def _built(self, first: int) -> _Part:
        """The part of the vectors from number `first` on."""
        faiss = _faiss()

        dim, vectors = _padded(self.file.dim), self._sound_vectors(first)
        kind = self._wanted(len(vectors))
        similarity = faiss.METRIC_INNER_PRODUCT
        match kind:
            case "flat":
                index: Any = faiss.IndexScalarQuantizer(
                    dim, faiss.ScalarQuantizer.QT_fp16, similarity
                )
            case "sq8":
                index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit, similarity)
            case "ivf":
                num_cells = max(16, min(int(4 * np.sqrt(len(vectors))), len(vectors) // 39))
                index = faiss.index_factory(dim, f"IVF{num_cells},SQfp16", similarity)
                index.nprobe = _PROBED_CELLS
            case "hnsw":
                index = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_fp16, 16, similarity)
                index.hnsw.efSearch = 64
            case _:
                raise ValueError(f"an index is auto, flat, sq8, ivf or hnsw: got {kind!r}")
        if not index.is_trained:
            some = np.random.default_rng(0).permutation(len(vectors))[:100_000]
            index.train(_pad(vectors[np.sort(some)].astype(np.float32)))
        _add(index, kind, vectors)
        is_large = len(vectors) > _MANY  # a GPU gains nothing with few
        return _Part(first, kind, _on_gpu(index) if self._gpu and is_large else index)

    def _sound_vectors(self, first: int) -> NDArray[np.float16]:
        """Those from `first` on, with zeros for damaged ones, which may not even be numbers."""
        vectors = self.file.read(first, len(self))[1]
        is_damaged = self.rows[first:] < 0
        if is_damaged.any():
            vectors = np.where(is_damaged[:, None], np.float16(0), vectors)
        return vectors

    def _by_index(
        self, queries: NDArray[np.float32], alive: NDArray[np.bool_], num: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Similarities and places `[M, num]`, best first; places of -1 where there are no more."""
        queries = _pad(np.ascontiguousarray(queries, np.float32))
        ends = [part.first for part in self._parts[1:]] + [len(self)]
        found: list[NDArray[np.float32]] = []
        places: list[NDArray[np.int64]] = []
        for part, end in zip(self._parts, ends, strict=True):
            near, where = _search(part, queries, alive[part.first : end], num)
            found.append(np.where(where >= 0, near, -np.inf))
            places.append(np.where(where >= 0, where + part.first, -1))
        if len(found) == 1:
            return found[0], places[0]
        all_found, all_places = np.concatenate(found, axis=1), np.concatenate(places, axis=1)
        order = np.argsort(-all_found, axis=1, kind="stable")[:, :num]
        return np.take_along_axis(all_found, order, 1), np.take_along_axis(all_places, order, 1)

    def _is_few(self, alive: NDArray[np.bool_]) -> bool:
        """Whether comparing these alone is quicker than passing over all the others."""
        return len(self) > _MANY and int(alive.sum()) <= _FEW

    def _likely(
        self, queries: NDArray[np.float32], alive: NDArray[np.bool_], num: int
    ) -> NDArray[np.bool_]:
        """Those of `alive` that may be among the `num` nearest, whatever way sums are rounded."""
        if not self._is_flat or self._is_on_gpu or num + _SPARE >= alive.sum():
            return alive
        places = self._by_index(queries, alive, num + _SPARE)[1]
        likely = np.zeros_like(alive)
        likely[places[places >= 0]] = True
        return likely

    def _exact(
        self, queries: NDArray[np.float32], alive: NDArray[np.bool_], num: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Compares all that may be seen, a part at a time, with what is on the disk.

        Products of 16-bit floats add up without rounding in 64 bits, so a similarity does not
        depend, in its last bit, on how many others are reckoned beside it.
        """
        places = np.flatnonzero(alive)
        places = places[np.argsort(self.rows[places], kind="stable")]
        vectors = self.file.read(0, len(self))[1]
        exact = queries.astype(np.float16).astype(np.float64)
        found = np.concatenate(
            [
                (exact @ vectors[part].astype(np.float64).T).astype(np.float32)
                for part in np.array_split(places, max(1, len(places) // 50_000))
            ],
            axis=1,
        )
        order = np.argsort(-found, axis=1, kind="stable")[:, :num]
        return np.take_along_axis(found, order, axis=1), places[order]

    def _recall(self) -> float:
        alive = self.rows >= 0
        which = np.random.default_rng(0).choice(np.flatnonzero(alive), _SAMPLE, replace=False)
        queries = self.file.read(0, len(self))[1][np.sort(which)].astype(np.float32)
        found = self._by_index(queries, alive, 10)[1]
        true = self._exact(queries, alive, 10)[1]
        return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, true, strict=True)]))


def _faiss() -> Any:
    """FAISS, which takes a while to load."""
    return import_module("faiss")


def _search(
    part: _Part, queries: NDArray[np.float32], alive: NDArray[np.bool_], num: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Similarities and places within the part `[M, num]`, best first."""
    faiss = _faiss()

    if alive.all():
        with _ONE_AT_A_TIME if part.is_on_gpu else nullcontext():
            return part.index.search(queries, num)
    bits = np.packbits(alive, bitorder="little")
    selector = faiss.IDSelectorBitmap(len(alive), faiss.swig_ptr(bits))
    if part.kind == "ivf":
        asked = faiss.SearchParametersIVF(sel=selector, nprobe=_PROBED_CELLS)
    elif part.kind == "hnsw":
        asked = faiss.SearchParametersHNSW(sel=selector, efSearch=max(64, num))
    else:
        asked = faiss.SearchParameters(sel=selector)
    return part.index.search(queries, num, params=asked)


def _add(index: Any, kind: str, vectors: NDArray[np.float16]) -> None:
    """Add vectors; those of a flat index are copied as they are stored."""
    for first in range(0, len(vectors), 50_000):
        part = _pad(np.ascontiguousarray(vectors[first : first + 50_000]))
        if kind == "flat" and hasattr(index, "add_sa_codes"):
            index.add_sa_codes(part.view(np.uint8), None)
        else:
            index.add(part.astype(np.float32))


def _padded(dim: int) -> int:
    return -(-dim // _LANES) * _LANES


def _pad(vectors: NDArray[Any]) -> NDArray[Any]:
    """`[N, dim]` with zeros behind, which change no similarity."""
    missing = _padded(vectors.shape[1]) - vectors.shape[1]
    return np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors


def _on_gpu(index: Any) -> Any:
    """The index on the first GPU, if this FAISS has one."""
    faiss = _faiss()
    if getattr(faiss, "get_num_gpus", lambda: 0)() == 0:
        return index
    return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)


def _best_of(
    rows: NDArray[np.int64], places: NDArray[np.int64], found: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each row once with its best similarity, best first, ties by row."""
    flat_rows, flat_found = rows[places.ravel()], found.ravel()
    is_found = places.ravel() >= 0
    flat_rows, flat_found = flat_rows[is_found], flat_found[is_found]
    order = np.lexsort((flat_rows, -flat_found))
    flat_rows, flat_found = flat_rows[order], flat_found[order]
    _, first = np.unique(flat_rows, return_index=True)
    best = np.sort(first)[:k]
    return flat_rows[best], flat_found[best]
