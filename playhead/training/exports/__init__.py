"""Trajectories as data sets of other trainers, and back: one module a format.

    export_swift(trajectories, "out", resolve)          # ms-swift: train.jsonl
    export_llama_factory(trajectories, "out", resolve)  # LLaMA-Factory: playhead.json
    export_verl(trajectories, "out", resolve, renderer) # verl, multi-turn SFT: train.parquet
    as_dataset(trajectories, resolve)                   # Hugging Face datasets

What they share: which trajectories fit (`fitting`), the words of a turn, written and read
(`turns`), and the pictures (`pictures`). Tool calls go as JSON *text* wherever columns have fixed
types: Arrow gives every call the arguments of all others, as nulls.
"""

from typing import TYPE_CHECKING

from playhead._lazy import lazy

if TYPE_CHECKING:
    from playhead.training.exports.dataset import as_dataset
    from playhead.training.exports.fitting import Exported
    from playhead.training.exports.llama_factory import export_llama_factory, import_llama_factory
    from playhead.training.exports.swift import export_swift, import_swift
    from playhead.training.exports.turns import Conversation
    from playhead.training.exports.verl import export_verl

__all__ = [
    "Conversation",
    "Exported",
    "as_dataset",
    "export_llama_factory",
    "export_swift",
    "export_verl",
    "import_llama_factory",
    "import_swift",
]

_HOMES = {
    "dataset": ("as_dataset",),
    "fitting": ("Exported",),
    "llama_factory": ("export_llama_factory", "import_llama_factory"),
    "swift": ("export_swift", "import_swift"),
    "turns": ("Conversation",),
    "verl": ("export_verl",),
}

__getattr__ = lazy(
    __name__,
    {name: f"playhead.training.exports.{home}" for home, names in _HOMES.items() for name in names},
)
