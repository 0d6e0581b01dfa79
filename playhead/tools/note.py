"""`note` and `recall`: what the model writes down for itself, and reads again."""

from __future__ import annotations

from playhead.core.errors import Blamed, Origin
from playhead.core.evidence import Evidence
from playhead.core.tools import Observation, tool
from playhead.memory.notes import read_notes, write_note
from playhead.tools import say
from playhead.tools.context import ToolContext

_LONGEST = 2_000  # characters of a note
_MOST = 20  # notes in one call


@tool(reads_only=False)
def note(
    ctx: ToolContext,
    text: str,
    start_s: float | None = None,
    end_s: float | None = None,
    video: str = "",
) -> Observation:
    """Write down what you have found out, to read it again with recall when the pictures are no
    longer before you. A note is kept with the video, also for later questions.

    Args:
        text: What to remember, in plain words with its times.
        start_s: Where the part that it is about starts, in seconds. The beginning if left out.
        end_s: Where that part ends, in seconds. The end if left out.
        video: Which video it is about, such as v1. The first if left out.
    """
    if not text.strip():
        raise Blamed(Origin.MODEL, f"a note says something: got {text[:40]!r}")
    video_id = ctx.video_id(video)
    part, clamped = ctx.clamp(video_id, start_s, end_s)
    words = text.strip()
    cut = f"Only the first {_LONGEST} characters are kept." if len(words) > _LONGEST else ""
    kept = write_note(ctx.library.memory, video_id, part, words[:_LONGEST])
    head = f"[{kept.id}] Noted about {ctx.handle(video_id)} {say.span_words(part)}."
    return say.observation(ctx, [" ".join(filter(None, (head, clamped, cut)))], [kept])


@tool
def recall(ctx: ToolContext, query: str = "", k: int = 5) -> Observation:
    """Read your notes again: those that match best, in order of time.

    Args:
        query: What about. The latest notes if left out.
        k: How many notes.
    """
    num, limited = say.limited("k", k, _MOST)
    notes = [found for video_id in ctx.video_ids for found in _notes(ctx, video_id, query, num)]
    notes = notes[:num] if query.strip() else notes[-num:]
    lines = say.bounded([say.line(ctx, found) for found in notes], num)
    return say.observation(ctx, [limited, *(lines or ["No notes."])], notes[: len(lines)])


def _notes(ctx: ToolContext, video_id: str, query: str, num: int) -> list[Evidence]:
    notes = read_notes(
        ctx.library.memory, video_id, until_s=ctx.latest_s, k=num, query=query.strip() or None
    )
    return [found for found in notes if ctx.within is None or found.span.intersection(ctx.within)]
