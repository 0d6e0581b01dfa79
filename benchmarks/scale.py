"""How many bytes and seconds a library of any size takes, from small ones of the same shape.

    python benchmarks/scale.py             # tables and records of a client, scoring of words
    python benchmarks/scale.py --engine    # and Qdrant's engine: pip install qdrant-edge-py

`qdrant-edge-py` is the storage and search engine of the Qdrant server as a library, without the
server: its files have the server's layout. Vectors are made up: 300 clusters in 512 dimensions.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from playhead.core import Evidence, FrameRef, Span
from playhead.memory import Batch, Entry
from playhead.memory import tables as sql
from playhead.memory.batch import batch_record
from playhead.memory.columns import Columns
from playhead.memory.words import query_terms, score

WORDS = [f"{a}{b}{c}" for a in ("ka", "lo", "mi", "nu") for b in range(50) for c in ("x", "y", "z")]
WORDS = [f"{word}{end}" for word in WORDS for end in ("", "na", "ti", "so", "re", "mu", "do", "la")]


def fill(tables: Any, kind: str, num: int, rng: np.random.Generator) -> float:
    """Remember `num` entries, an hour of one a second in each video; bytes of a record each."""
    share = 1 / np.arange(1, len(WORDS) + 1)
    said = rng.choice(len(WORDS), (num, 12), p=share / share.sum())
    num_bytes = 0
    for first in range(0, num, 3600):
        video = f"{first:032x}"
        entries = [
            Entry(
                Evidence.make(
                    video,
                    Span(start=i - first, end=i - first + 1),
                    kind,
                    text="" if kind == "picture" else " ".join(WORDS[w] for w in said[i]),
                    frames=[FrameRef(video_id=video, time_s=float(i), height=180, width=320)]
                    if kind == "picture"
                    else [],
                ),
                "fine-0123abcd",
            )
            for i in range(first, min(first + 3600, num))
        ]
        record = batch_record(Batch(video, entries), entries, first, {})
        num_bytes += len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())
        with sql.Transaction(tables):
            sql.apply(tables, record)
    return num_bytes / num


def client(kind: str, num: int) -> None:
    """Bytes of an entry at the client, and the time that scoring three words takes."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        tables = sql.open_tables(Path(folder) / "tables.sqlite")
        record = fill(tables, kind, num, rng)
        tables.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        on_disk = (Path(folder) / "tables.sqlite").stat().st_size / num
        columns = Columns()
        columns.refresh(tables)
        names = ("rows", "videos", "starts", "ends", "kinds", "characters", "positions")
        in_memory = sum(getattr(columns, name).nbytes for name in names) / num
        times_s: list[float] = []
        everything = np.ones(len(columns), bool)
        for _ in range(9):
            terms = query_terms(tables, " ".join(WORDS[w] for w in rng.integers(20, 400, 3)))
            began = time.perf_counter()
            score(tables, terms, columns.positions, columns.characters, everything, everything)
            times_s.append(time.perf_counter() - began)
        tables.close()
    print(
        f"{kind:8} {num:7} entries: {on_disk:5.0f} B tables, {in_memory:3.0f} B in memory, "
        f"{record:4.0f} B record, {1e3 * float(np.median(times_s)):6.1f} ms to score 3 words"
    )


def engine(num: int = 20_000, dim: int = 512) -> None:
    """Bytes of a vector on Qdrant's disk, and the share of the ten nearest that it finds."""
    edge = import_module("qdrant_edge")
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(300, dim))
    vectors = centres[rng.integers(0, 300, num)] + 0.6 * rng.normal(size=(num, dim))
    vectors = unit(vectors).astype(np.float16).astype(np.float32)
    asked = unit(vectors[rng.choice(num, 100, replace=False)] + 0.02 * rng.normal(size=(100, dim)))
    true = [set(np.argsort(-(vectors @ one))[:10].tolist()) for one in asked]
    for name, how in (
        ("no quantization", None),
        ("int8", edge.ScalarQuantizationConfig(edge.ScalarType.Int8, 0.99, True)),
        ("1 bit", edge.BinaryQuantizationConfig(True)),
    ):
        with tempfile.TemporaryDirectory() as folder:
            shard = edge.EdgeShard.create(folder, edge_config(edge, dim, how))
            for first in range(0, num, 500):
                some = range(first, min(first + 500, num))
                points = [point(edge, i, vectors[i]) for i in some]
                shard.update(edge.UpdateOperation.upsert_points(points))
            while shard.optimize():
                pass
            shard.flush()
            found = {
                "exact": recall(edge, shard, asked, true, exact=True),
                "index": recall(edge, shard, asked, true),
            }
            if how is not None:
                again = edge.QuantizationSearchParams(rescore=True, oversampling=4.0)
                found["index, 4x rescored"] = recall(edge, shard, asked, true, quantization=again)
            print(f"{name}: recall at 10 {found}, bytes a vector {parts(Path(folder), num)}")
            shard.close()


def unit(vectors: Any) -> Any:
    """Rows of length 1."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def edge_config(edge: Any, dim: int, quantization: Any) -> Any:
    """As `QdrantMemory` makes a collection, indexed from the first vector on."""
    vectors = edge.EdgeVectorParams(
        dim,
        edge.Distance.Dot,
        on_disk=True,
        datatype=edge.VectorStorageDatatype.Float16,
        quantization_config=quantization,
    )
    return edge.EdgeConfig(
        vectors=vectors, optimizers=edge.EdgeOptimizersConfig(indexing_threshold=100)
    )


def point(edge: Any, number: int, vector: Any) -> Any:
    """With the payload that `QdrantMemory` gives it."""
    start_s = float(number % 3600)
    payload = {"id": f"e{number:016x}", "video": f"{number // 3600:032x}", "kind": "picture"}
    payload |= {"start": start_s, "end": start_s + 1}
    return edge.Point(number, vector.tolist(), payload)


def recall(edge: Any, shard: Any, asked: Any, true: list[set[int]], **how: Any) -> float:
    """Share of the true ten nearest that are found."""
    num = 0
    for one, right in zip(asked, true, strict=True):
        query = edge.Query.Nearest(one.tolist())
        params = edge.SearchParams(**how)
        found = shard.query(edge.QueryRequest(limit=10, query=query, params=params))
        num += len({point.id for point in found} & right)
    return num / (10 * len(true))


def parts(folder: Path, num: int) -> dict[str, int]:
    """Bytes on the disk for each vector, by what they are for."""
    names = ("payload_storage", "vector_index", "quantized", "vector_storage", "id_tracker")
    sizes = dict.fromkeys(names, 0)
    for file in folder.rglob("*"):
        part = next((name for name in names if name in str(file.relative_to(folder))), None)
        if file.is_file() and part:
            sizes[part] += min(file.stat().st_size, file.stat().st_blocks * 512)
    return {name: round(size / num) for name, size in sizes.items()}


if __name__ == "__main__":
    client("picture", 100_000)
    for num_said in (50_000, 100_000, 200_000):
        client("speech", num_said)
    if "--engine" in sys.argv:
        engine()
