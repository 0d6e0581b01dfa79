"""A memory of a hundred hours: how fast it answers, opens, grows, and how large it is.

What is in it is made up, but shaped like what an index makes: a picture a second whose vectors
(`PlainEmbedder`'s, of synthetic textures) lie in shots, of eight seconds on average and of random
length, and the shots around a few hundred places; and a caption every five seconds with words as
rare and as common as words are (Zipf). Questions are drawn the same way. Beside each figure stands
the plain way to do the same, measured in the same run: numpy over 32-bit floats, the ranking of
SQLite's own full-text index, JSON and FAISS files.
"""

from __future__ import annotations

import json
import resource
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from footage import texture
from numpy.typing import NDArray

from playhead.core.evidence import Evidence, Kind
from playhead.core.media import FrameRef
from playhead.core.span import Span
from playhead.memory.disk import Batch, DiskMemory, Entry
from playhead.models.eyes import find_embedder

NUM_PLACES, SHOT_S, CAPTION_S, BATCH_S, VIDEO_S = 400, 8, 5, 600, 3600
NUM_WORDS, CAPTION_WORDS = 20_000, 12

Floats = NDArray[np.float32]
Found = dict[str, float]


class Facts:
    """What is made up: pictures of places, their vectors, words."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        self.embedder = find_embedder("plain")
        self.pictures = np.stack(
            [np.clip(texture(rng, 90, 160), 0, 255).astype(np.uint8) for _ in range(NUM_PLACES)]
        )
        self.places: Floats = self.embedder.embed_pictures(self.pictures)
        syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
        picked = rng.choice(syllables, (2 * NUM_WORDS, 3))
        self.words = np.array(list(dict.fromkeys("".join(row) for row in picked))[:NUM_WORDS])
        share = 1 / np.arange(1, len(self.words) + 1)
        self.share = share / share.sum()

    def vectors(self, num: int, rng: np.random.Generator) -> Floats:
        """Of `num` pictures, a second apart: shots, each at one of the places."""
        lengths = rng.geometric(1 / SHOT_S, num)
        shots = self.places[rng.integers(0, NUM_PLACES, num)]
        shots = _unit(shots + 0.03 * rng.normal(size=shots.shape))
        each = np.repeat(shots, lengths, axis=0)[:num]
        return _unit(each + 0.01 * rng.normal(size=each.shape))

    def text(self, rng: np.random.Generator, num: int = CAPTION_WORDS) -> str:
        """Words as common as words are."""
        return " ".join(rng.choice(self.words, num, p=self.share))

    def question(self, rng: np.random.Generator) -> str:
        """Three words: one of the hundred commonest, two of the five thousand commonest."""
        ranks = [int(rng.integers(0, 100)), *rng.integers(0, 5000, 2).tolist()]
        return " ".join(self.words[ranks])

    def picture(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A part of a picture of one of the places."""
        top, left = int(rng.integers(0, 10)), int(rng.integers(0, 16))
        whole = self.pictures[int(rng.integers(0, NUM_PLACES))]
        return np.ascontiguousarray(whole[top : top + 80, left : left + 144])


def fill(folder: Path, hours: float) -> float:
    """Make the memory in `folder`; what is there already stays. Gives the seconds it took."""
    start, facts = time.monotonic(), Facts()
    with DiskMemory(folder, embedders=[facts.embedder]) as memory:
        known = set(memory.videos())
        for number in range(max(1, round(hours))):
            video_id = f"{number:032x}"
            if video_id in known:
                continue
            for batch in _batches(video_id, facts, np.random.default_rng(number)):
                memory.write(batch)
            memory.describe_video(video_id, {"title": f"hour {number}"})
    return time.monotonic() - start


def _batches(video_id: str, facts: Facts, rng: np.random.Generator) -> Iterator[Batch]:
    for first in range(0, VIDEO_S, BATCH_S):
        space, vectors = facts.embedder.name, facts.vectors(BATCH_S, rng)
        entries = [
            Entry(_picture(video_id, first + i), "fine", vectors={space: vector})
            for i, vector in enumerate(vectors)
        ]
        for start in range(first, first + BATCH_S, CAPTION_S):
            entries.append(Entry(_caption(video_id, start, facts.text(rng)), "captions"))
        whole = Span(start=first, end=first + BATCH_S)
        seen = [("picture", whole), ("caption", whole)]
        yield Batch(video_id, entries, seen, {f"fine/{first}": ""})


def _picture(video_id: str, start_s: float) -> Evidence:
    frame = FrameRef(video_id=video_id, time_s=float(start_s), height=180, width=320)
    span = Span(start=start_s, end=start_s + 1.0)
    return Evidence.make(video_id, span, Kind.PICTURE, frames=[frame])


def _caption(video_id: str, start_s: float, text: str) -> Evidence:
    frame = FrameRef(video_id=video_id, time_s=float(start_s), height=180, width=320)
    span = Span(start=start_s, end=start_s + CAPTION_S)
    return Evidence.make(video_id, span, Kind.CAPTION, text=text, frames=[frame])


def latency(folder: Path, num: int) -> dict[str, Found]:
    """Milliseconds of `num` searches of every sort, and of the plain ways, by turns."""
    facts, rng = Facts(), np.random.default_rng(1)
    with DiskMemory(folder, embedders=[facts.embedder]) as memory:
        memory.search("warm up", image=facts.pictures[0])
        videos = list(memory.videos())
        asks: dict[str, Callable[[], object]] = {
            "words": lambda: memory.search(facts.question(rng)),
            "picture": lambda: memory.search(image=facts.picture(rng)),
            "both": lambda: memory.search(facts.question(rng), image=facts.picture(rng)),
            "both, filtered": lambda: memory.search(
                facts.question(rng),
                image=facts.picture(rng),
                span=Span(start=600.0, end=3000.0),
                kinds=["picture", "caption"],
                videos=[videos[i] for i in rng.integers(0, len(videos), 10)],
            ),
            "both, until": lambda: memory.search(
                facts.question(rng), image=facts.picture(rng), until_s=1800.0
            ),
        }
        asks |= _plain_ways(memory, facts, rng)
        took: dict[str, list[float]] = {name: [] for name in asks}
        cpu_s = dict.fromkeys(asks, 0.0)
        for _ in range(num):
            for name, ask in asks.items():
                cpu_s[name] -= time.process_time()
                took[name].append(_took(ask))
                cpu_s[name] += time.process_time()
        return {name: {**_spread(took[name]), "cpu": 1e3 * cpu_s[name] / num} for name in asks}


def _plain_ways(
    memory: DiskMemory, facts: Facts, rng: np.random.Generator
) -> dict[str, Callable[[], object]]:
    """Numpy over all vectors, and SQLite's own ranking over the same full-text index."""
    vectors = np.ascontiguousarray(memory.vectors(facts.embedder.name)[1], np.float32)
    tables = memory.folder.tables

    def by_numpy() -> object:
        near = vectors @ facts.embedder.embed_pictures(facts.picture(rng)[None])[0]
        return np.argpartition(-near, 64)[:64]

    def by_sqlite() -> object:
        asked = " OR ".join(facts.question(rng).split())
        ranked = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT 64"
        return tables.execute(ranked, (asked,)).fetchall()

    return {"plain: numpy": by_numpy, "plain: SQLite bm25": by_sqlite}


def crowd(folder: Path, num_threads: int, num_each: int) -> Found:
    """Milliseconds of searches of all sorts that so many threads ask for at the same time.

    `cpu` is what one of each thread takes, all together, on two processors that do nothing else.
    """
    facts, took, guard = Facts(), list[float](), threading.Lock()
    with DiskMemory(folder, embedders=[facts.embedder]) as memory:
        memory.search("warm up", image=facts.pictures[0])
        gate = threading.Barrier(num_threads)

        def ask(number: int) -> None:
            rng = np.random.default_rng(number)
            gate.wait()
            for turn in range(num_each):
                text = facts.question(rng) if (number + turn) % 3 != 1 else None
                image = facts.picture(rng) if (number + turn) % 3 != 0 else None
                start = time.monotonic()
                memory.search(text, image=image)
                with guard:
                    took.append(time.monotonic() - start)

        cpu_s = -time.process_time()
        _together([threading.Thread(target=ask, args=(i,)) for i in range(num_threads)])
        cpu_s += time.process_time()
    return {**_spread(took), "cpu": 1e3 * cpu_s / num_each / 2}


def opening(folder: Path) -> Found:
    """Seconds from opening to the first answer; memory after that and at most."""
    facts = Facts()
    start, start_cpu = time.monotonic(), time.process_time()
    with DiskMemory(folder, embedders=[facts.embedder]) as memory:
        memory.search(str(facts.words[500]), image=facts.pictures[0])
        first_s, cpu_s = time.monotonic() - start, time.process_time() - start_cpu
        rss = psutil.Process().memory_info().rss
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"s": first_s, "cpu": cpu_s, "rss": rss, "peak": peak}


def write_plain(folder: Path, plain: Path) -> Found:
    """The same as JSON lines, 32-bit vectors and a FAISS index file. Gives their bytes."""
    import faiss

    plain.mkdir(exist_ok=True)
    with DiskMemory(folder) as memory:
        with (plain / "evidence.jsonl").open("w") as file:
            for entry in memory.entries():
                file.write(entry.evidence.to_json() + "\n")
        (space,) = memory.folder.spaces()
        vectors = memory.vectors(space)[1]
    np.save(plain / "vectors.npy", vectors)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    faiss.write_index(index, str(plain / "vectors.faiss"))
    return {path.name: path.stat().st_size for path in plain.iterdir()}


def opening_plain(plain: Path) -> Found:
    """Seconds from nothing to the first answer with those files; memory after that."""
    facts = Facts()
    start, start_cpu = time.monotonic(), time.process_time()
    import faiss

    index: Any = faiss.read_index(str(plain / "vectors.faiss"))
    with (plain / "evidence.jsonl").open() as file:
        evidence = [json.loads(line) for line in file]
    word = str(facts.words[500])
    by_words = [e for e in evidence if word in e["text"]][:5]
    queries = facts.embedder.embed_pictures(facts.pictures[:1])
    found = index.search(queries, 5)
    assert by_words
    assert len(found) == 2
    first_s, cpu_s = time.monotonic() - start, time.process_time() - start_cpu
    return {"s": first_s, "cpu": cpu_s, "rss": psutil.Process().memory_info().rss}


def live(folder: Path, num_streams: int, seconds: int) -> Found:
    """Milliseconds from a picture's arrival until a search finds it; one a second and stream."""
    facts, lags, guard = Facts(), list[float](), threading.Lock()
    with DiskMemory(folder, embedders=[facts.embedder]) as memory:
        memory.search(image=facts.pictures[0])
        start, cpu_s = time.monotonic() + 0.5, -time.process_time()

        def stream(number: int) -> None:
            rng, video_id = np.random.default_rng(number), f"live {number} {time.time_ns():x}"
            for second in range(seconds):
                due = start + second + number / num_streams
                time.sleep(max(0.0, due - time.monotonic()))
                picture = facts.picture(rng)
                memory.write(_live_batch(video_id, second, picture, facts, rng))
                (hit, *_) = memory.search(image=picture, videos=[video_id], k=1)
                assert second in hit.span
                with guard:
                    lags.append(time.monotonic() - due)

        _together([threading.Thread(target=stream, args=(i,)) for i in range(num_streams)])
        cpu_s += time.process_time()
        for video_id in [v for v in memory.videos() if v.startswith("live")]:
            memory.delete(video_id)
    return {**_spread(lags), "cpu": 1e3 * cpu_s / len(lags)}


def _live_batch(
    video_id: str, second: int, picture: NDArray[np.uint8], facts: Facts, rng: np.random.Generator
) -> Batch:
    vector = facts.embedder.embed_pictures(picture[None])[0]
    entries = [Entry(_picture(video_id, second), "live", vectors={facts.embedder.name: vector})]
    if second % CAPTION_S == 0:
        entries.append(Entry(_caption(video_id, second, facts.text(rng)), "live"))
    return Batch(video_id, entries, [("picture", Span(start=second, end=second + 1))])


def _together(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _spread(seconds: list[float]) -> Found:
    """In milliseconds."""
    p50, p99 = np.percentile(seconds, [50, 99])
    return {"p50": 1e3 * p50, "p99": 1e3 * p99, "num": len(seconds)}


def _took(ask: Callable[[], object]) -> float:
    start = time.monotonic()
    ask()
    return time.monotonic() - start


def _unit(rows: NDArray[Any]) -> Floats:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
