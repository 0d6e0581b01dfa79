"""Kills an indexer thousands of times, at random moments, and says what a memory made of it.

    python -m benchmarks.memory_kills --kills 3000

Each process opens a memory, indexes what is missing (evidence, vectors, coverage, done units; now
and then it compacts) and is killed with SIGKILL after a random fraction of a second. After every
kill the memory is opened and compared with what was acknowledged; when a run gets to its end, its
digest is compared with that of a run that was never killed. The script fails at the first
acknowledged row that is lost, row without its vector, or half batch. The opening time is that of
opening and answering one query.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.memory.faults import kill_many


def main() -> None:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the memories are; default: a new one")
    arguments = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        kills = kill_many(Path(folder), arguments.kills, arguments.seed)
    opening_ms = sorted(1000 * seconds for seconds in kills.opening_s)
    rows = {
        "processes killed": kills.num,
        "acknowledged batches": kills.num_acknowledged,
        "acknowledged batches lost": 0,
        "memories that did not open": 0,
        "half batches, vectors without entry or entries without vector": 0,
        "runs that ended with the digest of the run that was never killed": kills.num_runs,
        "runs that did not": 0,
        "opening after a kill, median, ms": round(statistics.median(opening_ms), 1),
        "opening after a kill, slowest, ms": round(opening_ms[-1], 1),
    }
    print(f"{date.today()}, seed {arguments.seed}, {time.perf_counter() - started:.0f} s\n")
    print("| | |\n|---|---:|")
    for what, value in rows.items():
        print(f"| {what} | {value} |")


if __name__ == "__main__":
    main()
