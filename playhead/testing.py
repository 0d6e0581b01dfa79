"""Checks to run on your own tools, selectors, decoders, memories and trajectories: ours pass them.

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
from playhead.core.evidence import Evidence, Kind
from playhead.core.media import VideoInfo
from playhead.core.memory import Memory
from playhead.core.message import ToolCall
from playhead.core.span import Span
from playhead.core.tools import Observation, Tool
from playhead.core.trajectory import Trajectory
from playhead.video.base import Video
from playhead.video.decoders.base import OpenDecoder
from playhead.video.limits import Limits
from playhead.video.synthetic import ClockVideo, Encoding, read_clock, write_clock

__all__ = ["check_decoder", "check_memory", "check_selector", "check_tool", "check_trajectory"]

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


def check_memory(make: Callable[[], Memory]) -> None:
    """A memory keeps evidence once, finds it by words and by time, and never shows the future.

    Args:
        make: Makes an empty memory; called several times. One that has a `close` is closed.

    Raises:
        AssertionError: Something does not hold.
    """
    for check in (_check_keeps, _check_finds, _check_filters, _check_hides_the_future):
        memory = make()
        try:
            check(memory)
        finally:
            getattr(memory, "close", lambda: None)()


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


def _things() -> list[Evidence]:
    """Four things in two videos; only one of them is said by nobody."""
    said = (
        ("street", 2.0, Kind.SPEECH, "a bicycle waits at the corner"),
        ("street", 30.0, Kind.CAPTION, "a man pushes his bicycle up the hill"),
        ("street", 61.0, Kind.PICTURE, ""),
        ("harbour", 5.0, Kind.SPEECH, "the ferry leaves without the bicycle"),
    )
    return [
        Evidence.make(video_id, Span(start=start, end=start + 4), kind, text=text)
        for video_id, start, kind, text in said
    ]


def _ids(memory: Memory, text: str | None = None, **where: Any) -> set[str]:
    return {hit.evidence.id for hit in memory.search(text, **{"k": 20, **where})}


def _check_keeps(memory: Memory) -> None:
    things = _things()
    first, _, silent, other = things
    _require(memory.search("bicycle") == [], "an empty memory found something")
    _require(memory.coverage("street") == [], "an empty memory has looked at something")
    memory.add(things)
    memory.add(reversed(things))
    for thing in things:
        _require(memory.get(thing.id) == thing, f"what was added came back as another: {thing}")
    _require(memory.get("no such id") is None, "there is something under an id that nothing has")
    num = len(memory.search(k=20))
    _require(num == len(things), f"{len(things)} things were added, twice; a search gave {num}")
    seen = memory.coverage("street")
    _require(seen == [thing.span for thing in things[:3]], f"the parts looked at are not {seen}")
    seen = memory.coverage("street", Kind.PICTURE)
    _require(seen == [silent.span], f"the part looked at for pictures is not {seen}")
    memory.delete("street")
    _require(memory.get(first.id) is None, "evidence of a deleted video is still there")
    _require(
        _ids(memory, "bicycle") == {other.id}, "a deleted video is still found, or another not"
    )
    _require(memory.coverage("street") == [], "a deleted video still counts as looked at")
    memory.add([first])
    _require(first.id in _ids(memory, "bicycle"), "a deleted video could not be added again")


def _check_finds(memory: Memory) -> None:
    things = _things()
    memory.add(things)
    hits = memory.search("a bicycle on the hill")
    _require(bool(hits), "words that are there were not found")
    _require(hits[0].evidence == things[1], f"the best match came after {hits[0].evidence.text!r}")
    scores = [hit.score for hit in hits]
    _require(scores == sorted(scores, reverse=True), f"not the best first: got {scores}")
    _require(memory.search("a bicycle on the hill") == hits, "the same search gave something else")
    _require(len(memory.search("bicycle", k=2)) == 2, "k=2 did not give the two best of three")


def _check_filters(memory: Memory) -> None:
    corner, hill, silent, ferry = _things()
    memory.add([corner, hill, silent, ferry])
    wheres: list[tuple[dict[str, Any], set[str]]] = [
        ({"videos": ["harbour"]}, {ferry.id}),
        ({"videos": []}, set()),
        ({"kinds": [Kind.SPEECH]}, {corner.id, ferry.id}),
        ({"kinds": [Kind.SPEECH], "videos": ["street"]}, {corner.id}),
        ({"kinds": [Kind.PICTURE, Kind.CAPTION]}, {hill.id, silent.id}),
        ({"span": Span(start=5.5, end=31)}, {corner.id, hill.id, ferry.id}),
        ({"span": Span(start=6, end=31)}, {hill.id, ferry.id}),
        ({"span": Span(start=9, end=30)}, set()),
    ]
    for where, right in wheres:
        found = _ids(memory, "bicycle", **where)
        _require(found <= right, f"a search with {where} found {found - right} besides")
        _require(right - {silent.id} <= found, f"a search with {where} missed {right - found}")
        found = _ids(memory, **where)
        _require(found == right, f"{where} without words gave {found}, right is {right}")


def _check_hides_the_future(memory: Memory) -> None:
    corner, hill, silent, ferry = _things()
    memory.add([corner, ferry])
    before = memory.search("the bicycle", until_s=10)
    memory.add([hill, silent])
    _require(
        memory.search("the bicycle", until_s=10) == before,
        "what came later changed what is found before it",
    )
    _require(
        _ids(memory, until_s=34) == {corner.id, ferry.id, hill.id}, "until_s left the past out"
    )
    _require(_ids(memory, until_s=33.9) == {corner.id, ferry.id}, "until_s showed the future")


def _run(tool: Tool, ctx: object, arguments: Mapping[str, JsonValue]) -> Observation:
    return tool.run(ctx, ToolCall(id="check", name=tool.name, arguments=dict(arguments)))


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def _require_blame(seen: Observation, what: str) -> None:
    blamed = seen.failure is not None and seen.failure.origin is Origin.MODEL
    _require(blamed, f"{what} must be the model's fault: got {seen.failure}")
