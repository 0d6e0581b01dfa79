"""search, ground, transcript, caption, relations: what is remembered, and when it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.core import Span
from playhead.core.errors import Origin
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.tools.context import ToolContext
from playhead.tools.ground import peaks
from tests.tools.calls import DEMO, failure, good
from tests.tools.conftest import OpenContext

KEY = Span(start=7.5, end=11.5)  # when it is said where the key is


COLOURS = {"orange": (240, 160, 80), "green": (90, 170, 80)}


class ColourWords:
    """Embeds pictures by their mean colour and texts by the colours they name."""

    name = "colour-words-1"
    dim = 3

    def embed_pictures(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._unit(pixels.reshape(len(pixels), -1, 3).mean(axis=1))

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        named = [[c for name, c in COLOURS.items() if name in text] for text in texts]
        return self._unit(np.array([np.mean(c or [(128, 128, 128)], axis=0) for c in named]))

    def _unit(self, colours: NDArray[Any]) -> NDArray[np.float32]:
        hues = colours - colours.mean(axis=1, keepdims=True) + 1e-3
        return (hues / np.linalg.norm(hues, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def colourful(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToolContext]:
    """The demo film, indexed by an embedder that knows words and pictures."""
    recipe = MemoryRecipe(embedders=(ColourWords(),), eyes=(), late_eyes=())
    with Library(tmp_path_factory.mktemp("colours") / "library", recipe=recipe) as library:
        video_id = library.add(film, title=DEMO)
        assert library.wait(60)
        with ToolContext(library, [video_id]) as ctx:
            yield ctx


# search


def test_what_is_said_is_found_by_its_words(ctx: ToolContext):
    seen = good(ctx, "search", text="key bridge", k=1)
    assert seen.evidence[0].span.iou(KEY) > 0.9
    assert "hidden his key" in seen.text


def test_a_search_says_how_much_could_be_found(ctx: ToolContext):
    assert "heard 100 %, seen 100 %" in good(ctx, "search", text="key").text


def test_a_search_for_nothing_and_for_an_unknown_anchor_is_the_models_fault(ctx: ToolContext):
    assert failure(ctx, "search").origin is Origin.MODEL
    unknown = failure(ctx, "search", anchor="a7")
    assert (unknown.origin, unknown.code) == (Origin.MODEL, "no_such_anchor")


def test_a_marked_thing_is_found_again(ctx: ToolContext):
    good(ctx, "mark", time_s=15.0, region=[0.05, 0.05, 0.95, 0.95])
    hits = good(ctx, "search", anchor="a1", k=1).evidence
    assert hits[0].span.intersection(Span(start=13, end=18))


# ground


def test_spoken_words_ground_a_span_with_the_borders_of_the_line(ctx: ToolContext):
    seen = good(ctx, "ground", query="the miller has hidden his key", k=1)
    assert seen.evidence[0].span.iou(KEY) > 0.9
    assert "1. 7.5 to 11.5 s, confidence 1.00" in seen.text


def test_grounding_by_words_alone_says_so(ctx: ToolContext):
    assert "Only words were matched" in good(ctx, "ground", query="key").text


def test_what_is_only_seen_is_grounded_by_an_embedder_of_words_and_pictures(colourful: ToolContext):
    seen = good(colourful, "ground", query="an orange evening", k=1)
    assert "Only words" not in seen.text
    (piece,) = seen.evidence
    assert piece.span.intersection(Span(start=6, end=12))
    start_s, end_s = (float(word) for word in seen.text.split(" s,")[0][3:].split(" to "))
    assert Span(start=start_s, end=end_s).iou(Span(start=7.5, end=12)) > 0.5


def test_grounding_stays_within_the_part_asked_for(ctx: ToolContext):
    seen = good(ctx, "ground", query="key bridge", start_s=14, end_s=27)
    assert all(piece.span.end > 14 for piece in seen.evidence)
    assert "hidden his key" not in seen.text


def test_what_nobody_said_is_not_grounded(ctx: ToolContext):
    seen = good(ctx, "ground", query="zebra xylophone")
    assert not seen.evidence
    assert "Nothing like" in seen.text


def test_peaks_are_found_where_a_curve_stands_out_and_nowhere_in_noise():
    rng = np.random.default_rng(7)
    curve = rng.normal(0.2, 0.005, 600)
    curve[100:110] += 0.1
    curve[400:403] += 0.05
    (first, last, sure), second, *rest = peaks(curve)
    assert (first, last) == (100, 109)
    assert sure > 0.9
    assert second[:2] == (400, 402)
    assert all(confidence < 0.7 for _, _, confidence in rest)


# transcript


def test_the_lines_come_in_order_with_their_times(ctx: ToolContext):
    seen = good(ctx, "transcript")
    starts_s = [piece.span.start for piece in seen.evidence]
    assert starts_s == sorted(starts_s)
    assert len(starts_s) == 5
    assert "0:01.5-0:05.5 speech: A red ball bounces over the meadow." in seen.text


def test_a_query_gives_the_lines_that_match_and_their_neighbours(ctx: ToolContext):
    seen = good(ctx, "transcript", query="key")
    assert [piece.span.start for piece in seen.evidence] == [1.5, 7.5, 13.5]
    assert "1 match" in seen.text


def test_a_query_that_no_line_matches_says_how_many_lines_there_are(ctx: ToolContext):
    assert "5 lines, none of which matches" in good(ctx, "transcript", query="zebra").text


def test_a_part_without_words_says_that_others_have_some(ctx: ToolContext):
    assert "there are lines in other parts" in good(ctx, "transcript", start_s=6, end_s=7).text


def test_a_video_without_subtitles_says_that_nobody_can_listen(open_context: OpenContext):
    assert "no subtitles" in good(open_context("cars"), "transcript").text


def test_a_long_transcript_says_how_to_get_the_rest(tmp_path: Path):
    from playhead.core import Evidence, Kind
    from playhead.video.synthetic import write_clock

    film = write_clock(tmp_path / "long.mp4", fps=1, num_frames=120)
    with Library(tmp_path / "library", recipe=MemoryRecipe(eyes=(), late_eyes=())) as library:
        video_id = library.add(film.path)
        assert library.wait(60)
        library.memory.add(
            Evidence.make(video_id, Span(start=i, end=i + 0.9), Kind.SPEECH, text=f"line {i}")
            for i in range(100)
        )
        with ToolContext(library, [video_id]) as ctx:
            first = good(ctx, "transcript")
            assert "40 more lines: ask again with start_s=60.0" in first.text
            rest = good(ctx, "transcript", start_s=60.0)
    told = [piece.text for seen in (first, rest) for piece in seen.evidence]
    assert told == [f"line {i}" for i in range(100)]


# caption


def test_captions_tell_what_moves_and_what_is_said_there(ctx: ToolContext):
    seen = good(ctx, "caption", start_s=16, end_s=24, level="8s")
    assert {piece.kind for piece in seen.evidence} == {"caption", "speech"}
    assert "A medium grey thing moves from right to left" in seen.evidence[0].text
    assert seen.cost.frames == 0


def test_the_captions_that_a_search_finds_are_those_that_the_caption_tool_tells(ctx: ToolContext):
    seen = good(ctx, "caption", start_s=0, end_s=27, level="8s")
    told = [piece for piece in seen.evidence if piece.kind == "caption"]
    kept = ctx.library.memory.entries(ctx.video_ids[0], kind="caption")
    found = [e.evidence for e in kept if 1 < e.evidence.span.duration <= 8]
    assert [piece.span.start for piece in found] == [0, 8, 16, 24]
    assert told == found


def test_a_focus_puts_captions_with_it_first_and_leaves_other_speech_out(ctx: ToolContext):
    seen = good(ctx, "caption", start_s=0, end_s=27, level="8s", focus="stars")
    said = [piece.text for piece in seen.evidence if piece.kind == "speech"]
    assert said == ["Night falls, and the stars come out one by one."]


def test_captions_finer_than_fit_are_coarser_and_it_is_said(ctx: ToolContext):
    from playhead.tools.caption import _level

    assert _level(Span(start=0, end=27), "1s") == ("1s", "")
    level, words = _level(Span(start=0, end=300), "1s")
    assert level == "8s"
    assert "more than 40" in words


def test_a_caption_at_the_edge_of_a_stream_is_made_of_the_past_alone(open_context: OpenContext):
    ctx = open_context(until_s=10.0)
    seen = good(ctx, "caption", start_s=0, end_s=20, level="8s")
    spans = [piece.span for piece in seen.evidence if piece.kind == "caption"]
    assert spans == [Span(start=0, end=8), Span(start=8, end=10)]
    assert all(f.time_s < 10 for piece in seen.evidence for f in piece.frames)


# relations


def test_relations_tell_how_a_thing_comes_and_goes(open_context: OpenContext):
    seen = good(open_context("cars"), "relations", start_s=0, end_s=12)
    told = [piece.text for piece in seen.evidence]
    assert "large white thing 1 - appears - at the bottom edge" in told
    assert "large white thing 1 - moves - from bottom to top in the middle" in told
    assert "large white thing 1 - disappears - at the top edge" in told
    assert "without knowing what things are" in seen.text


def test_two_things_in_one_picture_are_related(open_context: OpenContext):
    told = [p.text for p in good(open_context("cars"), "relations", start_s=12, end_s=22).evidence]
    assert any("white" in text and "left of" in text and "red" in text for text in told), told


def test_a_still_picture_has_no_relations_and_it_is_said(ctx: ToolContext):
    assert "Nothing was seen to move" in good(ctx, "relations", start_s=25.5, end_s=27).text


def test_without_words_but_with_kinds_everything_of_them_is_listed_in_order(ctx: ToolContext):
    seen = good(ctx, "search", kinds=["speech"], k=2)
    starts = [piece.span.start for piece in seen.evidence]
    assert len(starts) == 2
    assert starts == sorted(starts)
    assert "There are more: ask again with start_s=" in seen.text
    after = seen.evidence[-1].span.end
    rest = good(ctx, "search", kinds=["speech"], start_s=after, k=2)
    assert rest.evidence[0].span.end > after


@pytest.mark.parametrize("wrong", [{"text": "x", "start_s": 9.0, "end_s": 3.0}, {}])
def test_a_part_that_cannot_be_searched_is_the_models_fault(
    ctx: ToolContext, wrong: dict[str, Any]
):
    assert failure(ctx, "search", **wrong).origin is Origin.MODEL
