"""Making lessons beside the process that studies them: one core each.

    making = Making(eyes_folder, shelf_folder, "seeking", seed=7)       # starts at once
    shelf = Shelf(shelf_folder); shelf.draw(16)                         # takes in what is there
    making.stop()

Lessons go to a folder in batches, each under a name that says what and which, so that a run that
was killed goes on with what is there.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Literal

import torch

from playhead.training.pocket.lessons import Lesson

Kind = Literal["glances", "reading", "seeking"]
"""Glances are made where they are studied: they cost next to nothing."""
_BATCH = 32
_WAIT_S, _LOOK_AGAIN_S = 1.0, 20.0
_SORTED = 6  # batches that are drawn together and sorted by length


def make(model: Path, folder: Path, kind: Kind, seed: int, num: int) -> None:
    """Make lessons until there are `num` of that kind and seed in the folder."""
    from playhead.agent.source import WorldSource
    from playhead.training.pocket import curriculum
    from playhead.training.pocket.lessons import Teacher
    from playhead.training.pocket.model import load_pocket

    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(*load_pocket(model))
    have = len(list(folder.glob(f"{kind}-{seed}-*.pt")))
    lessons = {"reading": curriculum.reading, "seeking": curriculum.seeking}[kind]
    with WorldSource(num_open=8) as source:
        new = lessons(teacher, source, seed + have)  # other worlds than those made before
        for number in range(have, -(-num // _BATCH)):
            whole = folder / f"{kind}-{seed}-{number:05d}.pt"
            half = whole.with_suffix(".half")
            torch.save(list(itertools.islice(new, _BATCH)), half)
            half.replace(whole)


class Making:
    """A process that makes lessons."""

    def __init__(self, model: Path, folder: Path, kind: Kind, *, seed: int, num: int) -> None:
        """Start it."""
        self.folder = folder
        words = [str(model), str(folder), kind, str(seed), str(num)]
        command = [sys.executable, "-m", "playhead.training.pocket.making", *words]
        one_core = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(command, env=one_core)  # noqa: S603 - this very file

    @property
    def has_failed(self) -> bool:
        """Whether it ended with an error."""
        return self._process.poll() not in (None, 0)

    def stop(self) -> None:
        """End it. What is made stays."""
        self._process.terminate()
        self._process.wait()


class Shelf:
    """The lessons of a folder, those that come later included. Draws batches of like lengths."""

    def __init__(self, folder: Path, kind: Kind, *, batch: int, seed: int = 0) -> None:
        self._folder, self._kind, self._batch = folder, kind, batch
        self._random, self._queue = Random(seed), list[list[Lesson]]()
        self._known, self._looked_at = set[Path](), 0.0
        self.lessons: list[Lesson] = []

    def draw(self, making: Making | None = None) -> list[Lesson]:
        """A batch. Waits for the first lessons.

        Raises:
            RuntimeError: There are none, and nobody makes any.
        """
        self._take_in()
        while len(self.lessons) < 2 * self._batch:
            if making is None or making.has_failed:
                raise RuntimeError(f"too few {self._kind} lessons in {self._folder}, and none come")
            time.sleep(_WAIT_S)
            self._looked_at = 0.0
            self._take_in()
        if not self._queue:
            num = self._batch * min(_SORTED, len(self.lessons) // self._batch)
            drawn = sorted(self._random.sample(self.lessons, num), key=lambda each: len(each.row))
            self._queue = [drawn[i : i + self._batch] for i in range(0, num, self._batch)]
            self._random.shuffle(self._queue)
        return self._queue.pop()

    def _take_in(self) -> None:
        if time.monotonic() - self._looked_at < _LOOK_AGAIN_S and self.lessons:
            return
        self._looked_at = time.monotonic()
        for path in sorted(set(self._folder.glob(f"{self._kind}-*.pt")) - self._known):
            self._known.add(path)
            self.lessons += torch.load(path, weights_only=False)


if __name__ == "__main__":
    model_, folder_, kind_, seed_, num_ = sys.argv[1:]
    make(Path(model_), Path(folder_), kind_, int(seed_), int(num_))  # type: ignore[arg-type]
