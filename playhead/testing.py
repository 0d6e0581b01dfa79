"""Checks to run on your own tools, selectors, decoders and trajectories: the ones that ours pass.

Each function runs one part through everything that must hold of its kind and raises AssertionError
with a sentence that says what did not. None of them needs pytest:

    from playhead.testing import check_tool

    def test_count_people(street_context):
        check_tool(count_people, street_context, start_s=1.0, end_s=2.0)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue

from playhead.core.errors import Origin
from playhead.core.media import VideoInfo
from playhead.core.message import ToolCall
from playhead.core.span import Span
from playhead.core.tools import Observation, Tool
from playhead.core.trajectory import Trajectory
from playhead.video.base import Video
from playhead.video.decoders.base import OpenDecoder
from playhead.video.limits import Limits
from playhead.video.synthetic import ClockVideo, Encoding, read_clock, write_clock

__all__ = ["check_decoder", "check_selector", "check_tool", "check_trajectory"]

SelectFrames = Callable[..., list[float]]


def check_tool(tool: Tool, ctx: object, /, **arguments: JsonValue) -> None:
    """A tool describes itself, works, and blames the model for the model's mistakes.

    Args:
        tool: Made by `playhead.tool`.
        ctx: The context it is to run in.
        arguments: A call that must succeed.

    Raises:
        AssertionError: Something does not hold.
    """
    properties: dict[str, Any] = tool.arguments.get("properties", {})  # type: ignore[assignment]
    _require(bool(tool.description), "the tool has no description")
    for name, schema in properties.items():
        _require(bool(schema.get("description")), f"argument {name!r} has no description")
    json.dumps(tool.spec.openai)

    seen = _run(tool, ctx, arguments)
    _require(seen.failure is None, f"the good call failed: {seen.failure}")
    _require(bool(seen.parts), "the good call told the model nothing")
    if tool.reads_only:
        again = _run(tool, ctx, arguments)
        _require(again.parts == seen.parts, "the same call gave something else the second time")
        _require(again.evidence == seen.evidence, "the same call found something else")

    _require_blame(_run(tool, ctx, arguments | {"no_such_argument": 1}), "an unknown argument")
    for name in tool.arguments.get("required", []):  # type: ignore[union-attr]
        rest = {key: value for key, value in arguments.items() if key != name}
        _require_blame(_run(tool, ctx, rest), f"leaving out {name!r}")
    for name in properties:
        if name.endswith("_s"):
            far = _run(tool, ctx, arguments | {name: 1e12})
            theirs = far.failure is None or far.failure.origin is Origin.MODEL
            _require(theirs, f"{name}=1e12 was not clamped or refused: {far.failure}")


def check_selector(select: SelectFrames, video: Video) -> None:
    """A selector gives distinct, ascending times inside the span, at most as many as asked.

    Raises:
        AssertionError: Something does not hold.
    """
    middle = video.info.span.grid(1)[0]
    for span in (video.info.span, Span(start=middle / 2, end=middle)):
        for num_frames in (1, 3, 16):
            times_s = select(video, span, num_frames)
            what = f"for {num_frames} frames of {span.timecode}: got {times_s}"
            _require(1 <= len(times_s) <= num_frames, f"too many or none {what}")
            _require(all(time_s in span for time_s in times_s), f"outside the span {what}")
            _require(times_s == sorted(set(times_s)), f"not ascending and distinct {what}")
            _require(select(video, span, num_frames) == times_s, f"not repeatable {what}")


def check_decoder(open_decoder: OpenDecoder, folder: Path) -> None:
    """A decoder hands over exactly the picture that is on screen at the asked second.

    Args:
        open_decoder: The backend.
        folder: An empty folder for the films, which are made on the spot.

    Raises:
        AssertionError: A picture or a time is wrong.
    """
    films = (
        write_clock(
            folder / "25.mp4", fps=25, num_frames=80, encoding=Encoding(gop=24, b_frames=2)
        ),
        write_clock(folder / "offset.mkv", fps=30, num_frames=60, start_offset_s=5.0),
        write_clock(folder / "vfr.mp4", times_s=[0, 0.1, 0.5, 0.54, 1.3, 1.4, 2.0]),
        write_clock(folder / "turned.mp4", num_frames=10, encoding=Encoding(rotation=90)),
    )
    for film in films:
        with film.path.open("rb") as file:
            decoder = open_decoder(file, Limits())
            try:
                _check_clock(film, decoder.read)
            finally:
                decoder.close()


def check_trajectory(trajectory: Trajectory, videos: Mapping[str, VideoInfo] | None = None) -> None:
    """What holds for every trajectory, whoever made it.

    Args:
        trajectory: The record.
        videos: What is known about the videos it is about, by id; spans are checked against these.

    Raises:
        AssertionError: Something does not hold.
    """
    _require(
        Trajectory.from_json(trajectory.to_json()) == trajectory, "it does not survive JSON exactly"
    )
    sampled = sum(len(s.reply.tokens.ids) for s in trajectory.steps if s.reply.tokens)
    trained = sum(sum(sequence.mask) for sequence in trajectory.sequences())
    _require(trained == sampled, f"the mask trains {trained} tokens, {sampled} were sampled")
    for evidence in trajectory.evidence:
        info = (videos or {}).get(evidence.video_id)
        inside = info is None or evidence.span.end <= info.duration_s + 1e-6
        _require(inside, f"evidence {evidence.id} lies outside its video: {evidence.span.timecode}")
    if trajectory.budget.over(trajectory.cost):
        units = ", ".join(trajectory.budget.over(trajectory.cost))
        raise AssertionError(f"the budget was exceeded in {units}")


def _check_clock(film: ClockVideo, read: Callable[..., Any]) -> None:
    asked = np.sort(np.concatenate([film.times_s, (film.times_s + film.duration_s) / 2]))
    pictures = read(asked.tolist(), None)
    name = film.path.name
    _require(len(pictures.pixels) == len(asked), f"{name}: one picture per time")
    for time_s, shown_s, pixels in zip(asked, pictures.times_s, pictures.pixels, strict=True):
        right = film.index_at(float(time_s))
        seen = read_clock(pixels)
        _require(seen == right, f"{name} at {time_s:.3f} s: frame {right} is on screen, got {seen}")
        true_s = film.times_s[right]
        _require(
            abs(shown_s - true_s) < 1e-3, f"{name}: frame {right} starts at {true_s}, got {shown_s}"
        )


def _run(tool: Tool, ctx: object, arguments: Mapping[str, JsonValue]) -> Observation:
    return tool.run(ctx, ToolCall(id="check", name=tool.name, arguments=dict(arguments)))


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def _require_blame(seen: Observation, what: str) -> None:
    blamed = seen.failure is not None and seen.failure.origin is Origin.MODEL
    _require(blamed, f"{what} must be the model's fault: got {seen.failure}")
