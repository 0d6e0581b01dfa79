"""What perfect eyes score on each family of `playhead.worlds` with N uniform frames.

    python -m benchmarks.worlds_uniform                 # writes docs/benchmarks/worlds_uniform.md
    python -m benchmarks.worlds_uniform --worlds 10     # a quick look

Everything is simulated on scripts, without pictures: see `playhead.worlds.expect`.
"""

from __future__ import annotations

import argparse
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

from playhead.worlds.expect import Estimate, closed_form, simulate
from playhead.worlds.families import NAMES
from playhead.worlds.script import Knobs

FRAMES = (8, 32, 64, 128, 256, 768, 2048)
LENGTHS_S = {"1 min": 60, "10 min": 600, "1 h": 3600, "3 h": 10_800}
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "worlds_uniform.md"

Cell = tuple[str, int]


def row(cell: Cell, num_worlds: int) -> tuple[Cell, dict[int, Estimate]]:
    name, length_s = cell
    return cell, simulate(name, FRAMES, Knobs(duration_ms=length_s * 1000), num_worlds=num_worlds)


def page(rows: dict[Cell, dict[int, Estimate]], num_worlds: int, seconds: float) -> str:
    head = " | ".join(map(str, FRAMES))
    lines = [
        "# Perfect eyes with N uniform frames",
        "",
        "The score of somebody who looks at N frames, evenly spread over the video, and sees in",
        "them everything there is to see. Perfect tools score 1.00 by construction. Subtitles are",
        "free, sound is not heard. What the frames do not decide scores what guessing would.",
        "Streaming questions spread their frames over what may be looked at; several cameras share",
        "them.",
        "",
        f"Simulated on scripts by `python -m benchmarks.worlds_uniform --worlds {num_worlds}`: "
        f"{num_worlds} worlds a cell with the",
        f"default knobs, {seconds:.0f} s on {platform.machine()} with Python "
        f"{platform.python_version()}. The standard error of a cell is at most "
        f"{0.5 / num_worlds**0.5:.2f}.",
        "",
        f"| family | length | {head} | n |",
        "|---" * (len(FRAMES) + 3) + "|",
    ]
    for name, (label, length_s) in product(NAMES, LENGTHS_S.items()):
        estimates = rows[name, length_s]
        cells = " | ".join(f"{estimates[num].mean:.2f}" for num in FRAMES)
        lines.append(f"| {name} | {label} | {cells} | {estimates[8].num} |")
    lines += [
        "",
        "`n` is smaller than the number of worlds where a short video had no room for a question.",
        "`cooccurrence` and every family at one minute are controls: there, tools are not needed.",
        "",
        "## The same by formula",
        "",
        "With frames `g` apart, what lasts `d` is seen with probability `min(1, d / g)`; chains",
        "take their cards as independent (`expect.closed_form`). The largest gap to the simulation",
        "is given for each family.",
        "",
        "| family | largest gap | at |",
        "|---|---|---|",
    ]
    for name in NAMES:
        gaps = [
            (abs(rows[name, length_s][num].mean - formula), f"{label}, {num} frames")
            for label, length_s in LENGTHS_S.items()
            for num in FRAMES
            if (formula := closed_form(name, num, Knobs(duration_ms=length_s * 1000))) is not None
        ]
        if gaps:
            gap, where = max(gaps)
            lines.append(f"| {name} | {gap:.2f} | {where} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args()
    start = time.perf_counter()
    cells = sorted(product(NAMES, LENGTHS_S.values()), key=lambda cell: -cell[1])
    with ProcessPoolExecutor(options.jobs) as pool:
        rows = dict(pool.map(row, cells, [options.worlds] * len(cells)))
    text = page(rows, options.worlds, time.perf_counter() - start)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
