"""Notes taken while watching: what was written about each part, read back without the future.

The one idea: a video is watched segment by segment, and after each one a short note says what
mattered in it. A question is then answered from the notes so far and the segment at hand, however
long the video is. This is Think While Watching (github.com/wl666hhh/Think_While_Watching) at the
level of prompts, without its two caches, so it works with every model.

Notes are evidence in a `Memory`. They are only ever added. A note's span is what it is about, and
reading up to a moment shows only notes whose span had ended by then: so a note must not tell what
its writer saw after that span. One written in hindsight gets a span that ends where the writer was.
"""

from __future__ import annotations

from playhead.core.evidence import Evidence, Kind
from playhead.core.memory import Memory
from playhead.core.span import Span

_ALL = 1_000_000  # more notes than a video has
_BEST = 5


def write_note(memory: Memory, video_id: str, span: Span, text: str) -> Evidence:
    """Remember a note. The same note about the same span is remembered once.

    Args:
        memory: Where to.
        video_id: Which video it is about.
        span: Which part, in seconds. It ends where the writer had got to.
        text: What to remember.

    Raises:
        ValueError: The note is blank.
    """
    if not text.strip():
        raise ValueError(f"a note says something: got {text!r}")
    note = Evidence.make(video_id, span, Kind.NOTE, text=text.strip())
    memory.add([note])
    return note


def read_notes(
    memory: Memory,
    video_id: str,
    *,
    until_s: float | None = None,
    k: int | None = None,
    query: str | None = None,
) -> list[Evidence]:
    """The notes about a video, in order of time.

    Args:
        memory: Where they are.
        video_id: Which video they are about.
        until_s: Only notes about what had ended by then, in seconds. None: all.
        k: How many at the most: those that fit `query` best, without one the latest. None: all,
            with a query the five best.
        query: Words to look for. Of notes that say nearly the same the memory may give one.

    Raises:
        ValueError: `k` is less than 1.
    """
    if k is not None and k < 1:
        raise ValueError(f"k is how many notes to read, 1 or more: got {k}")
    hits = memory.search(
        query or None,
        kinds=[Kind.NOTE],
        videos=[video_id],
        until_s=until_s,
        k=(k or _BEST) if query else _ALL,
    )
    notes = sorted(
        (hit.evidence for hit in hits), key=lambda note: (note.span.end, note.span.start)
    )
    return notes if k is None else notes[-k:]
