"""note, recall, answer: what the model writes."""

from __future__ import annotations

import pytest

from playhead.core.errors import Origin
from playhead.tools.answer import ANSWER, option
from playhead.tools.context import ToolContext
from tests.tools.calls import failure, good
from tests.tools.conftest import OpenContext


def test_a_note_is_read_again_by_its_words(ctx: ToolContext):
    noted = good(ctx, "note", text="The sail has the number forty-two.", start_s=19, end_s=21)
    seen = good(ctx, "recall", query="sail number")
    assert noted.evidence[0] in seen.evidence
    assert "forty-two" in seen.text


def test_a_note_about_what_is_to_come_is_not_read(open_context: OpenContext):
    good(open_context(), "note", text="The walrus arrives late.", start_s=20, end_s=25)
    assert "walrus" not in good(open_context(until_s=15.0), "recall", query="walrus").text
    assert "walrus" in good(open_context(until_s=26.0), "recall", query="walrus").text


def test_a_note_of_a_stream_ends_where_its_writer_was(open_context: OpenContext):
    (note,) = good(open_context(until_s=9.0), "note", text="So far nothing.").evidence
    assert note.span.end == 9.0


def test_a_blank_note_is_the_models_fault_and_a_long_one_is_cut(ctx: ToolContext):
    assert failure(ctx, "note", text="  ").origin is Origin.MODEL
    seen = good(ctx, "note", text="x" * 5000, start_s=0, end_s=1)
    assert "first 2000 characters" in seen.text
    assert len(seen.evidence[0].text) == 2000


def test_an_answer_cites_what_was_found(ctx: ToolContext):
    found = good(ctx, "search", text="key").evidence[0]
    seen = good(ctx, ANSWER, value="under the bridge", evidence=[f"[{found.id}]"], confidence=0.9)
    assert seen.text.startswith("answered: under the bridge")
    assert seen.evidence == (found,)


def test_an_id_may_be_cut_while_it_means_one_piece(ctx: ToolContext):
    found = good(ctx, "search", text="key").evidence[0]
    assert good(ctx, ANSWER, value="x", evidence=[found.id[:5], found.id]).evidence == (found,)
    assert failure(ctx, ANSWER, value="x", evidence=[found.id[:4]]).code == "no_such_evidence"
    twin = found.replace(id=found.id[:5] + "0" * 12)
    ctx.found([twin])
    assert failure(ctx, ANSWER, value="x", evidence=[found.id[:5]]).code == "no_such_evidence"


def test_a_picture_is_cited_by_its_time_for_the_part_that_it_stands_for(ctx: ToolContext):
    looked = good(ctx, "look", start_s=2, end_s=8, num=3).evidence[0]
    for written in ("5.0s", "<5.0s>", "[5s]", "5.0", "v1 5.04s", "v1<5s>", "5.3 s"):
        (cited,) = good(ctx, ANSWER, value="x", evidence=[written]).evidence
        assert cited.frames == looked.frames[1:2], written
        assert (cited.kind, cited.span.start, cited.span.end) == ("picture", 4, 6), written
    first, last = good(ctx, ANSWER, value="x", evidence=["3.0s", "7.0s"]).evidence
    assert (first.span.start, first.span.end, last.span.start, last.span.end) == (2, 4, 6, 8)
    good(ctx, "look", start_s=4.5, end_s=5.5, num=1)
    (closer,) = good(ctx, ANSWER, value="x", evidence=["5.0s"]).evidence
    assert (closer.span.start, closer.span.end) == (4.5, 5.5)


def test_a_time_at_which_nothing_was_shown_cites_nothing(ctx: ToolContext):
    good(ctx, "look", start_s=2, end_s=8, num=3)
    assert failure(ctx, ANSWER, value="x", evidence=["9.5s"]).code == "no_such_evidence"
    assert failure(ctx, ANSWER, value="x", evidence=["4.0s"]).code == "no_such_evidence"
    for written in ("v2 3.0s", "3", "v13", "v13.0", "v1"):
        assert failure(ctx, ANSWER, value="x", evidence=[written]).code == "no_such_evidence"


def test_a_time_means_a_picture_of_one_video(open_context: OpenContext):
    ctx = open_context("webb", "cars")
    for video in ("v1", "v2"):
        good(ctx, "look", start_s=2, end_s=4, num=1, video=video)
    assert failure(ctx, ANSWER, value="x", evidence=["3.0s"]).code == "no_such_evidence"
    (cited,) = good(ctx, ANSWER, value="x", evidence=["V2 <3.0s>"]).evidence
    assert cited.video_id == ctx.video_ids[1]


def test_evidence_that_nobody_found_is_the_models_fault_and_near_ids_are_named(ctx: ToolContext):
    assert "no evidence has been found" in failure(ctx, ANSWER, value="x", evidence=["e1"]).message
    found = good(ctx, "search", text="key").evidence[0]
    wrong = found.id[:-1] + ("0" if found.id[-1] != "0" else "1")
    refused = failure(ctx, ANSWER, value="x", evidence=[wrong])
    assert (refused.origin, refused.code) == (Origin.MODEL, "no_such_evidence")
    assert found.id in refused.message


@pytest.mark.parametrize("confidence", [-0.1, 1.5])
def test_confidence_goes_from_0_to_1(ctx: ToolContext, confidence: float):
    refused = failure(ctx, ANSWER, value="x", evidence=[], confidence=confidence)
    assert refused.origin is Origin.MODEL


def test_an_answer_is_one_of_the_options_or_its_letter(open_context: OpenContext):
    ctx = open_context(options=("red", "dark green"))
    for value in ("red", "Dark Green", "b", "(B)", "A. red", "not in the video"):
        good(ctx, ANSWER, value=value, evidence=[])
    refused = failure(ctx, ANSWER, value="C", evidence=[])
    assert refused.code == "no_such_option"
    assert "(B) dark green" in refused.message


def test_an_option_that_is_a_letter_is_that_option_and_not_its_place():
    assert option("B", ("C", "B", "A")) == "B"
    assert option("D", ("C", "B", "A")) is None
