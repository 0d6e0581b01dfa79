"""Benchmarks: one small file for each, read as their owners publish them."""

from __future__ import annotations

from functools import cache

from playhead.core.plugins import find_plugin, plugin_names
from playhead.evaluation.benchmarks.base import Benchmark


def find_benchmark(name: str) -> Benchmark:
    """The benchmark of that name: one of ours, or an installed plug-in of `playhead.benchmarks`.

    Raises:
        NoSuchPlugin: There is none; the message lists what there is.
    """
    return find_plugin("benchmarks", name, _builtin())


def benchmark_names() -> list[str]:
    """Every name that `find_benchmark` knows, ours first."""
    return plugin_names("benchmarks", _builtin())


@cache
def _builtin() -> dict[str, Benchmark]:
    from playhead.evaluation.benchmarks.cg_bench import CG_BENCH
    from playhead.evaluation.benchmarks.charades_sta import CHARADES_STA
    from playhead.evaluation.benchmarks.egoschema import EGOSCHEMA
    from playhead.evaluation.benchmarks.herbench import HERBENCH
    from playhead.evaluation.benchmarks.longvideobench import LONGVIDEOBENCH
    from playhead.evaluation.benchmarks.longvidsearch import LONGVIDSEARCH
    from playhead.evaluation.benchmarks.lvbench import LVBENCH
    from playhead.evaluation.benchmarks.mlvu import MLVU
    from playhead.evaluation.benchmarks.nextgqa import NEXTGQA
    from playhead.evaluation.benchmarks.ovo_bench import OVO_BENCH
    from playhead.evaluation.benchmarks.streaming_bench import STREAMING_BENCH
    from playhead.evaluation.benchmarks.v2p_bench import V2P_BENCH
    from playhead.evaluation.benchmarks.video_holmes import VIDEO_HOLMES
    from playhead.evaluation.benchmarks.video_mme import VIDEO_MME

    ours = (
        VIDEO_MME,
        MLVU,
        LVBENCH,
        LONGVIDEOBENCH,
        EGOSCHEMA,
        VIDEO_HOLMES,
        CG_BENCH,
        HERBENCH,
        CHARADES_STA,
        NEXTGQA,
        STREAMING_BENCH,
        OVO_BENCH,
        V2P_BENCH,
        LONGVIDSEARCH,
    )
    return {benchmark.name: benchmark for benchmark in ours}
