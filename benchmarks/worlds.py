"""How cheap worlds are: an hour of film, frames without a film, a script of a hundred hours.

    python benchmarks/worlds.py            # about a minute
    python benchmarks/worlds.py --quick    # a tenth of everything

Processor seconds of this process and its children, so that a busy machine changes little. The
targets are those the design promises; the last column says whether they were met.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

from playhead.worlds.generate import make_world
from playhead.worlds.render import Renderer
from playhead.worlds.videos import write_world

HOUR_MS = 3_600_000


def cpu_s() -> float:
    """Processor seconds so far, children included."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Processor seconds that `work` took, and what it gave."""
    start = cpu_s()
    result = work()
    return cpu_s() - start, result


def film_rows(share: float) -> list[tuple[str, str, str, bool]]:
    """One hour of film at 320 x 240, or a part of it scaled up."""
    rows: list[tuple[str, str, str, bool]] = []
    variants = {
        "2 fps": {"fps": 2},
        "variable, 2 and 20 fps": {"fps": 2, "burst_fps": 20},
        "10 fps": {"fps": 10},
        "2 fps, noise 4": {"fps": 2, "noise": 4},
        "2 fps, with sound": {"fps": 2, "modality": "mixed"},
    }
    for name, knobs in variants.items():
        world = make_world(1, duration_ms=round(HOUR_MS * share), **knobs)
        with tempfile.TemporaryDirectory() as folder:
            seconds, _ = timed(lambda w=world, f=folder: write_world(w, Path(f)))
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
        seconds, megabytes = seconds / share, size / share / 1e6
        promised = name in ("2 fps", "variable, 2 and 20 fps")
        target = "<= 10 CPU-s, <= 12 MB" if promised else ""
        is_met = not promised or (seconds <= 10 and megabytes <= 12)
        rows.append((f"1 h of H.264, {name}", f"{seconds:.1f} CPU-s, {megabytes:.1f} MB", target,
                     is_met))  # fmt: skip
    return rows


def frame_rows(share: float) -> list[tuple[str, str, str, bool]]:
    """Frames on demand, in a random order and one after another."""
    rows: list[tuple[str, str, str, bool]] = []
    for name, knobs in {"": {}, ", noise 4": {"noise": 4}, ", panning": {"motion": "pan"}}.items():
        world = make_world(1, duration_ms=HOUR_MS, num_actors=40, **knobs)
        renderer, num = Renderer(world), round(20_000 * share)
        times = [i * 7_919_317 % HOUR_MS for i in range(num)]
        for time_ms in times[:500]:  # the parts are painted once
            renderer.frame(time_ms)
        seconds, _ = timed(lambda r=renderer, t=times: [r.frame(time_ms).shape for time_ms in t])
        rate = num / seconds
        target = ">= 3000 frames/s" if not name else ""
        rows.append((f"virtual frames at random{name}", f"{rate:.0f} frames/s", target,
                     not target or rate >= 3000))  # fmt: skip
    return rows


def script_rows(share: float) -> list[tuple[str, str, str, bool]]:
    """A script of a hundred hours."""
    hours = round(100 * share)
    seconds, _ = timed(lambda: make_world(1, duration_ms=hours * HOUR_MS))
    seconds = seconds / share
    return [("script of 100 h", f"{seconds:.2f} CPU-s", "<= 5 s", seconds <= 5)]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    share = 0.1 if parser.parse_args().quick else 1.0
    print(f"{'what':<42}{'measured':<26}{'target':<26}")
    for what, measured, target, is_met in [
        *script_rows(share), *frame_rows(share), *film_rows(share),
    ]:  # fmt: skip
        verdict = "" if not target else "met" if is_met else "MISSED"
        print(f"{what:<42}{measured:<26}{target:<26}{verdict}")


if __name__ == "__main__":
    main()
