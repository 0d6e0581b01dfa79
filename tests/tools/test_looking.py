"""overview, look, mark, compare: pictures, as many as asked and affordable."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from playhead.core import Budget
from playhead.core.errors import Origin
from playhead.core.media import Region
from playhead.core.message import PicturePart, TextPart
from playhead.tools.context import ToolContext, visual_tokens
from tests.tools.calls import failure, good, shown
from tests.tools.conftest import OpenContext


def box(region: Region) -> tuple[float, float, float, float]:
    return region.top, region.left, region.bottom, region.right


# look


def test_every_picture_comes_after_its_time(ctx: ToolContext):
    parts = good(ctx, "look", start_s=2, end_s=6, num=4).parts
    for before, part in pairwise(parts):
        if isinstance(part, PicturePart):
            assert isinstance(before, TextPart)
            assert abs(float(before.text.strip("<s>")) - part.frame.time_s) < 0.011


def test_more_pictures_are_smaller_and_together_about_the_quota(ctx: ToolContext):
    for num in (4, 16, 64):
        seen = good(ctx, "look", start_s=0, end_s=27, num=num, quota="coarse")
        assert len(shown(seen)) == num
        assert 400 <= seen.cost.visual_tokens <= 1200


def test_a_region_is_charged_for_what_is_shown(ctx: ToolContext):
    seen = good(ctx, "look", start_s=2, end_s=4, num=1, roi=[0, 0, 0.5, 0.5])
    (frame,) = shown(seen)
    assert frame.roi is not None
    assert seen.cost.visual_tokens == visual_tokens(frame.height, frame.width)


def test_what_is_not_affordable_is_left_out_and_said(open_context: OpenContext):
    ctx = open_context(budget=Budget(frames=3))
    seen = good(ctx, "look", start_s=0, end_s=10, num=8)
    assert len(shown(seen)) == 3
    assert "Only 3 of 8 pictures are affordable" in seen.text
    assert "left: 0 pictures" in seen.text
    assert failure(ctx, "look", start_s=0, end_s=10).code == "out_of_budget"


def test_too_many_pictures_a_second_is_refused_with_what_would_do(ctx: ToolContext):
    refused = failure(ctx, "look", start_s=0, end_s=27, fps=1e12)
    assert refused.origin is Origin.MODEL
    assert "at most" in refused.message


def test_a_count_that_is_cut_is_said(ctx: ToolContext):
    assert "num goes from 1 to 64" in good(ctx, "look", start_s=0, end_s=27, num=99).text


def test_no_picture_is_shown_twice(ctx: ToolContext):
    times_s = [f.time_s for f in shown(good(ctx, "look", start_s=3, end_s=3.2, num=64))]
    assert len(times_s) == len(set(times_s)) == 5


def test_an_anchor_is_shown_first_and_paid_for(ctx: ToolContext):
    (marked,) = shown(good(ctx, "mark", time_s=3, region=[0.2, 0.2, 0.6, 0.6]))
    seen = good(ctx, "look", start_s=7, end_s=9, num=2, anchor="a1")
    assert shown(seen)[0] == marked
    assert seen.cost.frames == 3


def test_zoom_shows_the_region_that_looks_like_the_anchor(ctx: ToolContext):
    good(ctx, "mark", time_s=8.0, region=[0.0, 0.25, 0.5, 0.75])  # the sails of the mill
    seen = good(ctx, "look", start_s=7.9, end_s=8.1, num=1, anchor="a1", zoom=True)
    top, left, bottom, right = box(shown(seen)[1].roi)
    assert top == 0.0
    assert left < 0.3
    assert 0.4 < bottom < 0.9
    assert right > 0.7
    assert "looks most like a1" in seen.text


# overview


def test_an_overview_is_one_picture_and_the_facts(ctx: ToolContext):
    seen = good(ctx, "overview")
    assert len(shown(seen)) == 1
    assert seen.cost.frames == 1
    for fact in ("27.0 s", "640x360", "with sound", "subtitles: eng", "shots known", "Said first"):
        assert fact in seen.text
    assert "'Thank you for watching.'" in seen.text


def test_an_overview_shows_every_shot_while_there_are_cells(ctx: ToolContext):
    from playhead.tools.overview import _cells

    whole = ctx.whole(ctx.video_id())
    shots = [shot.span for shot in ctx.library.shots(ctx.video_id())]
    times_s = _cells(shots, whole, 9)
    assert len(times_s) == 9
    assert times_s == sorted(times_s)
    assert all(any(time_s in shot for time_s in times_s) for shot in shots)
    assert len(_cells(shots, whole, 3)) == 3


def test_an_overview_that_is_not_affordable_is_words_only(open_context: OpenContext):
    seen = good(open_context(budget=Budget(visual_tokens=5)), "overview")
    assert not shown(seen)
    assert "not affordable" in seen.text
    assert "27.0 s" in seen.text


def test_an_overview_that_is_hardly_affordable_is_smaller(open_context: OpenContext):
    large = good(open_context(), "overview").cost.visual_tokens
    small = good(open_context(budget=Budget(visual_tokens=large - 1)), "overview")
    assert 0 < small.cost.visual_tokens < large


def test_an_overview_of_a_stream_stops_where_it_has_come_to(open_context: OpenContext):
    seen = good(open_context(until_s=10.0), "overview")
    assert "0.0 to 10.0 s" in seen.text
    assert "Said: 0:01.5" in seen.text  # the line about the key is not over
    assert "key" not in seen.text


# mark


def test_marks_make_anchors_in_turn_and_the_same_mark_is_the_same_anchor(ctx: ToolContext):
    first = good(ctx, "mark", time_s=3, region=[0.2, 0.2, 0.6, 0.6])
    good(ctx, "mark", time_s=9, region=[0.2, 0.2, 0.6, 0.6], kind="point")
    again = good(ctx, "mark", time_s=3, region=[0.2, 0.2, 0.6, 0.6])
    assert list(ctx.anchors) == ["a1", "a2"]
    assert first.evidence == again.evidence
    assert first.evidence[0].kind == "anchor"


def test_a_mark_is_drawn_where_it_was_asked_for(ctx: ToolContext):
    seen = good(ctx, "mark", time_s=3, region=[0.25, 0.25, 0.75, 0.75])
    (drawn,) = ctx.resolve(shown(seen))
    plain = ctx.decode(ctx.video_id(), [3.0], max_side=max(drawn.shape)).pixels[0]
    rows, columns = np.nonzero(np.abs(drawn.astype(int) - plain).max(axis=2) > 8)
    height, width, _ = drawn.shape
    found = (rows.min() / height, columns.min() / width, rows.max() / height, columns.max() / width)
    assert np.abs(np.array(found) - (0.25, 0.25, 0.75, 0.75)).max() < 0.03


def test_a_mark_past_the_end_is_moved_and_said(ctx: ToolContext):
    seen = good(ctx, "mark", time_s=99, region=[0, 0, 1, 1])
    assert "outside what can be seen" in seen.text
    assert shown(seen)[0].time_s < 27


def test_a_region_that_is_none_is_the_models_fault(ctx: ToolContext):
    for region in ([], [0.1, 0.2], [0.5, 0.5, 0.1, 0.1]):
        assert failure(ctx, "mark", time_s=3, region=region).origin is Origin.MODEL


# compare


def test_a_comparison_shows_a_then_b_and_says_what_differs(ctx: ToolContext):
    seen = good(ctx, "compare", start_a_s=1, end_a_s=4, start_b_s=13.5, end_b_s=17, num=2)
    times_s = [frame.time_s for frame in shown(seen)]
    assert [time_s < 5 for time_s in times_s] == [True, True, False, False]
    assert "B is darker by" in seen.text
    assert "green" in seen.text.partition("Only of A holds")[2].partition("Only of B")[0]
    assert [piece.span.start for piece in seen.evidence] == [1, 13.5]


def test_the_same_part_twice_does_not_differ(ctx: ToolContext):
    seen = good(ctx, "compare", start_a_s=1, end_a_s=4, start_b_s=1, end_b_s=4, num=1)
    assert "No measurable difference" in seen.text


def test_a_comparison_is_paid_as_a_whole_or_not_at_all(open_context: OpenContext):
    ctx = open_context(budget=Budget(frames=1))
    parts = {"start_a_s": 1, "end_a_s": 4, "start_b_s": 13, "end_b_s": 16}
    assert failure(ctx, "compare", **parts).code == "out_of_budget"
    assert ctx.ledger.spent.frames == 0


def test_parts_of_two_videos_are_compared(open_context: OpenContext):
    ctx = open_context("The demo", "cars")
    parts = {"start_a_s": 1, "end_a_s": 4, "start_b_s": 1, "end_b_s": 4}
    seen = good(ctx, "compare", **parts, video="v1", video_b="v2", num=1)
    assert len({piece.video_id for piece in seen.evidence}) == 2
