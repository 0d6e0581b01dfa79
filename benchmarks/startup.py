"""What it costs to start: importing, asking for help, opening a first video.

Every row is a fresh process, several times over, beside a bare interpreter in the same run; the
ratio to it is the number to compare between machines.

    python benchmarks/startup.py
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playhead.video.synthetic import write_clock

OPEN = "import playhead; playhead.open_video({film!r}).close()"
READ = "import playhead\nwith playhead.open_video({film!r}) as v: v.frames_at([1.0])"
ROWS = {
    "python -c pass": ["-c", "pass"],
    "import playhead": ["-c", "import playhead"],
    "import playhead.core's types": ["-c", "from playhead.core import Trajectory"],
    "import numpy (for comparison)": ["-c", "import numpy"],
    "playhead --help": ["-m", "playhead", "--help"],
    "open a video": ["-c", OPEN],
    "open a video, one picture": ["-c", READ],
}


def seconds(arguments: list[str], runs: int) -> float:
    """Median wall seconds of a fresh process."""
    took = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        film = write_clock(Path(folder) / "film.mp4", num_frames=50).path
        rows = {
            name: seconds([part.format(film=str(film)) for part in arguments], runs)
            for name, arguments in ROWS.items()
        }
    bare = rows["python -c pass"]
    print("| what | median s | times a bare interpreter |\n|---|---|---|")
    for name, took in rows.items():
        print(f"| {name} | {took:.3f} | {took / bare:.1f} |")


if __name__ == "__main__":
    main()
