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
    ours: tuple[Benchmark, ...] = ()
    return {benchmark.name: benchmark for benchmark in ours}
