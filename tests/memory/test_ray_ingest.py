"""Many workers of Ray make the memory that one machine makes. Ray listens on loopback only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from playhead.core import Kind
from playhead.memory import DiskMemory
from playhead.memory.library import Library
from playhead.memory.ray_ingest import ingest
from playhead.memory.recipe import MemoryRecipe
from playhead.memory.units import Tier
from playhead.video.demo import write_demo
from playhead.video.synthetic import write_clock

ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(r"ignore:`use_\w+` is deprecated:DeprecationWarning"),  # Ray's own
]

RECIPE = MemoryRecipe(late_eyes=(), chunk_s=8.0, coarse_chunk_s=20.0)


@pytest.fixture(scope="module")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two cores of this machine, without a dashboard and without telling anybody."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # where it keeps a token
        ray.init(
            num_cpus=2,
            object_store_memory=200 * 2**20,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            log_to_driver=False,
            logging_level="ERROR",
        )
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two films and a file that is none."""
    folder = tmp_path_factory.mktemp("films")
    write_demo(folder / "demo.mp4")
    write_clock(folder / "clock.mp4", fps=10, num_frames=300)
    (folder / "broken.mp4").write_bytes(b"this is no film" * 100)
    return [folder / name for name in ("demo.mp4", "clock.mp4", "broken.mp4")]


@pytest.fixture(scope="module")
def right(films: list[Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of what the embedded indexer makes of the same films."""
    with Library(tmp_path_factory.mktemp("right") / "library", recipe=RECIPE) as library:
        for film in films[:2]:
            library.add(film)
        assert library.wait(120)
        return library.memory.digest()


@pytest.mark.usefixtures("_cluster")
def test_it_is_the_memory_that_the_embedded_indexer_makes(
    films: list[Path], right: str, tmp_path: Path
):
    done = ingest(films, tmp_path / "memory", RECIPE)
    assert list(done.videos) == [str(film) for film in films[:2]]
    assert "NotAVideo" in done.problems[str(films[2])]
    assert done.num_units > 10
    with DiskMemory(tmp_path / "memory") as memory:
        assert memory.digest() == right
    with Library(tmp_path / "memory", recipe=RECIPE) as library:  # and a library goes on with it
        assert library.video("demo.mp4").paths == (str(films[0]),)
        assert library.search("boat", kinds=[Kind.SPEECH])
        assert all(progress.done_s == progress.total_s for progress in library.progress())
        assert library.memory.digest() == right


@pytest.mark.usefixtures("_cluster")
def test_a_second_run_does_what_is_left(films: list[Path], right: str, tmp_path: Path):
    with DiskMemory(tmp_path / "memory") as memory:
        first = ingest(films[:1], memory, RECIPE, tier=Tier.COARSE)
        second = ingest(films, memory, RECIPE)
        third = ingest(films, memory, RECIPE)
        num = sum(len(memory.done(video_id)) for video_id in second.videos.values())
        assert (first.num_units + second.num_units, third.num_units) == (num, 0)
        assert 0 < first.num_units < second.num_units
        assert memory.digest() == right


@pytest.mark.usefixtures("_cluster")
def test_it_fills_a_memory_on_qdrant(films: list[Path], right: str):
    pytest.importorskip("qdrant_client")
    from playhead.memory.qdrant import QdrantMemory

    with QdrantMemory(":memory:") as memory:
        ingest(films, memory, RECIPE)
        assert memory.digest() == right


def test_no_worker_is_too_few(tmp_path: Path):
    with pytest.raises(ValueError, match="num_workers=0"):
        ingest([], tmp_path / "memory", num_workers=0)
