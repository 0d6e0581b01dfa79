"""What every tool promises, whatever it is asked."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playhead.core import Budget
from playhead.core.errors import Origin
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.testing import check_tool
from playhead.tools.context import Ledger, ToolContext, visual_tokens
from tests.tools.calls import DEMO, GOOD, TOOLS, call, good, shown
from tests.tools.conftest import OpenContext

NAMES = TOOLS.names


def _properties(name: str) -> dict[str, Any]:
    tool = TOOLS.get(name)
    assert tool is not None
    return tool.arguments.get("properties", {})  # type: ignore[return-value]


def _part(start_s: float, end_s: float, name: str = "look") -> dict[str, float]:
    return {"start_s": start_s, "end_s": end_s} if "start_s" in _properties(name) else {}


@pytest.mark.parametrize("name", NAMES)
def test_every_tool_passes_the_kit(ctx: ToolContext, name: str):
    good(ctx, "note", **GOOD["note"])
    tool = TOOLS.get(name)
    assert tool is not None
    check_tool(tool, ctx, **GOOD[name])


@pytest.mark.parametrize("name", NAMES)
def test_every_tool_tells_a_bounded_amount(ctx: ToolContext, name: str):
    for number in range(30):
        good(ctx, "note", text=f"{number} " + "ball " * 380)
    greedy: dict[str, Any] = {"k": 999, "num": 999, "level": "1s", "query": "ball"}
    taken = {key: value for key, value in greedy.items() if key in _properties(name)}
    seen = call(ctx, name, **GOOD[name] | taken)
    assert len(seen.text) <= 8_000


@pytest.mark.parametrize("name", [n for n in NAMES if "video" in _properties(n)])
def test_a_video_that_is_not_there_is_the_models_fault_and_those_there_are_named(
    ctx: ToolContext, name: str
):
    seen = call(ctx, name, **GOOD[name], video="v9")
    assert seen.failure is not None
    assert (seen.failure.origin, seen.failure.code) == (Origin.MODEL, "no_such_video")
    assert "v1" in seen.text


@pytest.mark.parametrize("name", [n for n in NAMES if "start_s" in GOOD[n]])
def test_a_part_that_reaches_past_the_end_is_clamped_and_said(ctx: ToolContext, name: str):
    assert "Only 25.0 to 27.0 s exist" in good(ctx, name, **GOOD[name] | _part(25, 90)).text


@pytest.mark.parametrize("name", [n for n in NAMES if "start_s" in GOOD[n]])
def test_a_part_outside_the_video_is_the_models_fault(ctx: ToolContext, name: str):
    seen = call(ctx, name, **GOOD[name] | _part(100, 120))
    assert seen.failure is not None
    assert seen.failure.origin is Origin.MODEL
    assert "0.0 to 27.0" in seen.text


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_shown_what_comes_later_than_may_be_seen(open_context: OpenContext, name: str):
    ctx = open_context(until_s=10.0)
    for seen in (call(ctx, name, **GOOD[name]), call(ctx, name, **GOOD[name] | _part(5, 27, name))):
        assert all(piece.span.end <= 11.0 for piece in seen.evidence), seen.evidence
        assert all(f.time_s < 10.0 for piece in seen.evidence for f in piece.frames)
        assert "stars" not in seen.text
        assert "boat" not in seen.text


def test_pictures_are_the_ones_their_references_name(open_context: OpenContext):
    ctx = open_context()
    good(ctx, "mark", **GOOD["mark"])
    calls = [(name, GOOD[name]) for name in ("overview", "look", "mark", "compare")]
    calls += [
        ("look", {"start_s": 7, "end_s": 9, "num": 2, "roi": [0.1, 0.3, 0.7, 0.9]}),
        ("look", {"start_s": 7, "end_s": 9, "num": 1, "anchor": "a1", "zoom": True}),
        ("look", {"start_s": 7, "end_s": 9, "num": 2, "roi": [1 / 3, 0.123, 0.777, 0.456]}),
        ("mark", {"time_s": 9.5, "region": [0.1, 0.1, 0.3, 0.4], "kind": "ellipse"}),
    ]
    for name, arguments in calls:
        frames = shown(good(ctx, name, **arguments))
        assert frames
        again = open_context()  # remembers no pixels
        for frame, before, after in zip(
            frames, ctx.resolve(frames), again.resolve(frames), strict=True
        ):
            assert before.shape == (frame.height, frame.width, 3), name
            assert np.array_equal(before, after), (name, frame)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_found_may_be_cited(ctx: ToolContext, name: str):
    ids = [piece.id for piece in good(ctx, name, **GOOD[name]).evidence]
    assert good(ctx, "answer", value="yes", evidence=ids).text.startswith("answered")


def test_no_path_and_no_file_name_is_ever_told(library: Library, film: Path, tmp_path: Path):
    moved = tmp_path / "secret-moved.mp4"
    shutil.copy(film, moved)
    with moved.open("ab") as file:
        file.write(bytes(64))  # other content, so another video
    with Library(tmp_path / "secret-other", recipe=MemoryRecipe(late_eyes=())) as other:
        id_ = other.add(moved, title="moved")
        assert other.wait(60)
        moved.unlink()
        with ToolContext(other, [id_]) as ctx:
            gone = [call(ctx, name, **GOOD[name]) for name in NAMES]
    known = next(video.id for video in library.videos() if video.title == DEMO)
    with ToolContext(library, [known]) as ctx:
        there = [call(ctx, name, **GOOD[name]) for name in NAMES]
        there += [call(ctx, name, **GOOD[name], video="/etc/passwd") for name in NAMES]
    assert any(seen.failure and seen.failure.origin is Origin.WORLD for seen in gone)
    for seen in (*gone, *there):
        told = seen.text + (seen.failure.message + seen.failure.hint if seen.failure else "")
        for secret in ("secret", str(tmp_path), ".mp4", "Traceback", "Errno"):
            assert secret not in told


# Budgets

seconds = st.floats(-5, 40, width=16)
numbers = st.one_of(st.none(), st.integers(-1, 80))
region = st.lists(st.floats(0, 1, width=16), min_size=4, max_size=4)
random_calls = st.lists(
    st.one_of(
        st.tuples(
            st.just("look"),
            st.fixed_dictionaries(
                {"start_s": seconds, "end_s": seconds, "num": numbers},
                optional={
                    "quota": st.sampled_from(["coarse", "medium", "fine"]),
                    "roi": region,
                    "anchor": st.sampled_from(["a1", "a2"]),
                    "zoom": st.booleans(),
                },
            ),
        ),
        st.tuples(st.just("overview"), st.fixed_dictionaries({"num": st.integers(-1, 40)})),
        st.tuples(st.just("mark"), st.fixed_dictionaries({"time_s": seconds, "region": region})),
        st.tuples(
            st.just("compare"),
            st.fixed_dictionaries(
                {
                    "start_a_s": seconds,
                    "end_a_s": seconds,
                    "start_b_s": seconds,
                    "end_b_s": seconds,
                    "num": st.integers(-1, 20),
                }
            ),
        ),
    ),
    min_size=1,
    max_size=5,
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls=random_calls, frames=st.integers(0, 40), tokens=st.integers(0, 6_000))
def test_no_calls_ever_exceed_the_budget_and_nothing_is_shown_unpaid(
    library: Library, calls: list[tuple[str, dict[str, Any]]], frames: int, tokens: int
):
    video_id = next(video.id for video in library.videos() if video.title == DEMO)
    budget = Budget(frames=frames, visual_tokens=tokens)
    with ToolContext(library, [video_id], Ledger(budget)) as ctx:
        for name, arguments in calls:
            before = ctx.ledger.spent
            seen = call(ctx, name, **{k: v for k, v in arguments.items() if v is not None})
            paid = ctx.ledger.spent
            assert not budget.over(paid)
            pictures = shown(seen)
            assert len(pictures) <= paid.frames - before.frames
            shown_tokens = sum(visual_tokens(f.height, f.width) for f in pictures)
            assert shown_tokens <= paid.visual_tokens - before.visual_tokens
            if seen.failure is None:
                assert seen.cost.frames == paid.frames - before.frames
                assert seen.cost.visual_tokens == paid.visual_tokens - before.visual_tokens


def test_four_threads_at_once_never_exceed_the_budget(open_context: OpenContext):
    budget = Budget(frames=20, visual_tokens=3_000)
    ctx = open_context(budget=budget)
    wishes = [("look", {"start_s": i, "end_s": i + 3, "num": 4}) for i in range(10)]
    wishes += [("overview", {"num": n}) for n in (4, 9)] + [("mark", GOOD["mark"])]
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda wish: call(ctx, wish[0], **wish[1]), wishes))
    assert not budget.over(ctx.ledger.spent)
    assert sum(len(shown(one)) for one in seen) <= 20
    refused = [one.failure for one in seen if one.failure is not None]
    assert refused
    assert {(one.origin, one.code) for one in refused} == {(Origin.MODEL, "out_of_budget")}
