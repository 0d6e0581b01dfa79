"""What is remembered about videos: everything seen, found again."""

from typing import TYPE_CHECKING

from playhead._lazy import lazy

if TYPE_CHECKING:
    from playhead.memory.care import check, compact, mend, merge_memories
    from playhead.memory.disk import Batch, DiskMemory, Entry

__all__ = ["Batch", "DiskMemory", "Entry", "check", "compact", "mend", "merge_memories"]

__getattr__ = lazy(
    __name__,
    {
        "Batch": "playhead.memory.disk",
        "DiskMemory": "playhead.memory.disk",
        "Entry": "playhead.memory.disk",
        "check": "playhead.memory.care",
        "compact": "playhead.memory.care",
        "mend": "playhead.memory.care",
        "merge_memories": "playhead.memory.care",
    },
)
