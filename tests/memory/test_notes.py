"""Notes: what was written is read back in order of time, and never before it could be known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.core import Evidence, Span
from playhead.core.memory import Hit
from playhead.memory.notes import read_notes, write_note


class Pile:
    """A small memory: a dictionary that is searched by counting common words."""

    def __init__(self) -> None:
        self.kept: dict[str, Evidence] = {}

    def add(self, evidence: Iterable[Evidence]) -> None:
        self.kept |= {e.id: e for e in evidence}

    def search(
        self,
        text: str | None = None,
        *,
        image: Any = None,
        span: Span | None = None,
        kinds: Sequence[str] | None = None,
        videos: Sequence[str] | None = None,
        until_s: float | None = None,
        k: int = 5,
    ) -> list[Hit]:
        wanted = set((text or "").split())
        hits = [
            Hit(evidence=e, span=e.span, score=len(wanted & set(e.text.split())))
            for e in self.kept.values()
            if (kinds is None or e.kind in kinds)
            and (videos is None or e.video_id in videos)
            and (until_s is None or e.span.end <= until_s)
        ]
        hits = [hit for hit in hits if hit.score or text is None]
        return sorted(hits, key=lambda hit: -hit.score)[:k]

    def get(self, id: str) -> Evidence | None:
        return self.kept.get(id)

    def coverage(self, video_id: str, kind: str | None = None) -> list[Span]:
        return [e.span for e in self.kept.values()]

    def delete(self, video_id: str) -> None:
        self.kept = {id: e for id, e in self.kept.items() if e.video_id != video_id}


def segment(i: int) -> Span:
    return Span(start=10 * i, end=10 * i + 10)


@given(st.permutations(range(8)), st.floats(0, 100))
def test_a_note_about_the_future_is_never_read(order: list[int], until_s: float):
    pile = Pile()
    for i in order:
        write_note(pile, "film", segment(i), f"part {i}")
    notes = read_notes(pile, "film", until_s=until_s)
    assert [note.text for note in notes] == [
        f"part {i}" for i in range(8) if 10 * i + 10 <= until_s
    ]


@given(st.integers(0, 8))
def test_what_is_read_at_a_moment_does_not_change_when_later_notes_are_written(seen: int):
    pile = Pile()
    for i in range(seen):
        write_note(pile, "film", segment(i), f"part {i}")
    before = read_notes(pile, "film", until_s=10 * seen)
    for i in range(seen, 10):
        write_note(pile, "film", segment(i), f"part {i}")
    assert read_notes(pile, "film", until_s=10 * seen) == before


def test_a_few_are_the_latest_or_those_that_fit_the_question_and_in_order_of_time():
    pile = Pile()
    for i, text in enumerate(["a red door", "a dog", "the door opens", "a red door again", "rain"]):
        write_note(pile, "film", segment(i), text)
    assert [n.text for n in read_notes(pile, "film", k=2)] == ["a red door again", "rain"]
    found = read_notes(pile, "film", k=2, query="red door")
    assert [n.text for n in found] == ["a red door", "a red door again"]
    assert [n.text for n in read_notes(pile, "film", query="door", until_s=30)] == [
        "a red door",
        "the door opens",
    ]


def test_the_same_note_is_remembered_once_and_notes_do_not_mix_with_the_rest():
    pile = Pile()
    note = write_note(pile, "film", segment(0), " a dog \n")
    assert write_note(pile, "film", segment(0), "a dog") == note
    write_note(pile, "other", segment(0), "a cat")
    pile.add([Evidence.make("film", segment(0), "caption", text="a dog in a garden")])
    assert read_notes(pile, "film") == [note]
    assert (note.kind, note.text) == ("note", "a dog")


def test_a_blank_note_and_a_wish_for_none_are_refused():
    with pytest.raises(ValueError, match="says something"):
        write_note(Pile(), "film", segment(0), "  ")
    with pytest.raises(ValueError, match="got 0"):
        read_notes(Pile(), "film", k=0)
