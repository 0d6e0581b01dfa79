"""Indexing many videos on many machines: the work of `build`, handed out by Ray Data.

    ray.init("auto")                                  # or nothing: this machine alone
    memory = QdrantMemory("http://qdrant:6333", "footage")
    done = ingest(video_files("/mnt/footage"), memory, MemoryRecipe(), num_workers=64)

The one idea: a unit of work is a function of the video and the recipe, so it does not matter who
does it. Ray hands units to workers, each with a process of its own; what they find comes back and
is written by one writer, unit by unit, with the mark that it is done. So a run that was killed goes
on where it was, and the memory is the same as if one machine had made it.

The files must have the same paths on every machine. Thumbnails are not kept.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from playhead.core.errors import MissingExtra, VideoError
from playhead.memory.batch import Batch
from playhead.memory.disk import DiskMemory
from playhead.memory.recipe import MemoryRecipe
from playhead.memory.units import Tier, do, units
from playhead.video.base import Video
from playhead.video.file import open_video

_UNITS_AT_ONCE = 8  # of one video that a worker is given, since opening it takes time


@dataclass(frozen=True)
class Ingested:
    """What was indexed."""

    videos: Mapping[str, str]
    """By path, in the order given: the id of the video."""
    problems: Mapping[str, str]
    """By path: why a file could not be opened. What could not be read inside a video is told by
    `done` of the memory."""
    num_units: int
    """Pieces of work done by this run; what was done before is not done again."""


def ingest(
    paths: Iterable[str | os.PathLike[str]],
    memory: DiskMemory | str | os.PathLike[str],
    recipe: MemoryRecipe | None = None,
    *,
    num_workers: int = 2,
    tier: Tier = Tier.LATE,
) -> Ingested:
    """Index videos on all machines of a Ray cluster, or on this one where Ray is not running.

    Args:
        paths: The files, as every machine sees them.
        memory: Where everything goes, or the folder of an embedded memory. This process writes it.
        recipe: How. None: the defaults of `MemoryRecipe`. Eyes and embedders given by name are
            made on the workers; given as objects they are sent there.
        num_workers: How many processes work, one core each.
        tier: The last tier to index.

    Raises:
        MissingExtra: Ray is not installed.
        ValueError: `num_workers` is less than 1.
        OSError: The disk of an embedded memory is full; what was written before stays.
        StoreError: The server of another memory does not answer.
    """
    if num_workers < 1:
        raise ValueError(f"somebody has to work: got {num_workers=}")
    if not isinstance(memory, DiskMemory):
        with DiskMemory(memory) as opened:
            return ingest(paths, opened, recipe, num_workers=num_workers, tier=tier)
    recipe = replace(recipe or MemoryRecipe())  # without what it has made here
    names = list(dict.fromkeys(str(Path(path).absolute()) for path in paths))
    with _ray(num_workers) as data:
        probes = _handed_out(data, _Prober, [{"path": name} for name in names], num_workers)
        by_path = {row["path"]: row for row in probes}  # as they came, one worker before another
        found = [by_path[name] for name in names]
        videos = {row["path"]: row["id"] for row in found if row["id"]}
        for row in found:
            if row["id"]:
                _describe(memory, row)
        jobs = list(_jobs(memory, recipe, found, tier))
        num_units = 0
        for row in _handed_out(data, _Worker, jobs, num_workers, recipe):
            memory.write(pickle.loads(row["batch"]))  # noqa: S301  (made by a worker of our own)
            num_units += 1
    problems = {row["path"]: row["problem"] for row in found if row["problem"]}
    return Ingested(videos, problems, num_units)


class _Prober:
    """Says which video a file is."""

    def __call__(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        try:
            with open_video(row["path"]) as video:
                info = video.info.model_dump_json()
                yield row | {"id": video.id, "info": info, "problem": ""}
        except VideoError as error:
            yield row | {"id": "", "info": "", "problem": f"{type(error).__name__}: {error}"}


class _Worker:
    """Does units of work, in a process of its own."""

    def __init__(self, recipe: MemoryRecipe) -> None:
        self._recipe = recipe

    def __call__(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        wanted = set(row["units"])
        video: Video | None = None
        try:
            for unit in units(row["duration_s"], self._recipe):
                if unit.name not in wanted:
                    continue
                try:
                    if video is None:
                        video = open_video(row["path"])
                    batch = do(unit, video, self._recipe, path=row["path"])
                except VideoError as error:
                    why = f"{type(error).__name__}: {error}"
                    batch = Batch(row["id"], done={unit.name: why})
                yield {"batch": pickle.dumps(batch)}
        finally:
            if video is not None:
                with suppress(VideoError):
                    video.close()


def _handed_out(
    data: Any, kind: type, rows: list[dict[str, Any]], num_workers: int, *args: Any
) -> Iterator[dict[str, Any]]:
    """What workers of a kind make of rows, as it comes."""
    if not rows:
        return
    made = data.from_items(rows, override_num_blocks=len(rows)).flat_map(
        kind,
        fn_constructor_args=args,
        compute=data.ActorPoolStrategy(size=min(num_workers, len(rows))),
        num_cpus=1,
    )
    yield from made.iter_rows()


def _describe(memory: DiskMemory, row: Mapping[str, Any]) -> None:
    """Keep the facts about a video as a library does."""
    known = memory.videos().get(row["id"], {})
    other = [path for path in known.get("paths", ()) if path != row["path"]]
    facts = {"title": Path(row["path"]).name, **known, "info": json.loads(row["info"])}
    facts["paths"] = [row["path"], *other]
    if facts != known:
        memory.describe_video(row["id"], facts)


def _jobs(
    memory: DiskMemory, recipe: MemoryRecipe, found: Iterable[Mapping[str, Any]], tier: Tier
) -> Iterator[dict[str, Any]]:
    """What is left to do, the first tier of every video first."""
    left: list[tuple[Tier, int, str, dict[str, Any]]] = []
    known = {row["id"]: row for row in found if row["id"]}
    for i, (id_, row) in enumerate(known.items()):
        done, duration_s = memory.done(id_), json.loads(row["info"])["duration_s"]
        video = {"path": row["path"], "id": id_, "duration_s": duration_s}
        for unit in units(duration_s, recipe):
            if unit.tier <= tier and unit.name not in done:
                left.append((unit.tier, i, unit.name, video))
    left.sort(key=lambda item: item[:2])
    for _, group in groupby(left, key=lambda item: item[:2]):
        rest = iter(group)
        while some := list(islice(rest, _UNITS_AT_ONCE)):
            yield some[0][3] | {"units": [name for _, _, name, _ in some]}


@contextmanager
def _ray(num_workers: int) -> Generator[Any]:
    """Ray Data, on the cluster that is running, or on this machine until the end of the block."""
    try:
        ray, data = import_module("ray"), import_module("ray.data")
    except ImportError as error:
        raise MissingExtra('indexing on Ray needs it: pip install "playhead[ray]"') from error
    if ray.is_initialized():
        yield data
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told unasked
    ray.init(num_cpus=num_workers, include_dashboard=False, _node_ip_address="127.0.0.1")
    try:
        yield data
    finally:
        ray.shutdown()
