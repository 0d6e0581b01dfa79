"""Arbitrary core values for property tests: odd text, odd floats, every optional field."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from playhead.core import (
    Answer,
    Author,
    Budget,
    Cost,
    Evidence,
    Failure,
    Finish,
    FrameRef,
    Observation,
    Origin,
    PicturePart,
    Region,
    Reply,
    Span,
    Step,
    Stop,
    Task,
    TextPart,
    Timing,
    Tokens,
    ToolCall,
    ToolSpec,
    Trajectory,
    Usage,
)

text = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates included
numbers = st.floats(allow_nan=False, allow_infinity=False)
seconds = st.floats(0, 1e6)
fractions = st.floats(0, 1)
counts = st.integers(0, 10**12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(text, json_values, max_size=3)


def maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start = draw(seconds)
    return Span(start=start, end=start + draw(st.floats(0.001, 1e4)))


@st.composite
def regions(draw: st.DrawFn) -> Region:
    top, left = draw(st.floats(0, 0.9)), draw(st.floats(0, 0.9))
    return Region(
        top=top,
        left=left,
        bottom=draw(st.floats(top + 0.01, 1)),
        right=draw(st.floats(left + 0.01, 1)),
    )


frame_refs = st.builds(
    FrameRef,
    video_id=text,
    time_s=seconds,
    height=st.integers(1, 9999),
    width=st.integers(1, 9999),
    roi=maybe(regions()),
)
evidence = st.builds(
    Evidence.make,
    text,
    spans(),
    st.sampled_from(["picture", "speech", "own_kind"]),
    text=text,
    frames=st.lists(frame_refs, max_size=2),
    score=maybe(numbers),
)
parts = st.builds(TextPart, text=text) | st.builds(PicturePart, frame=frame_refs)
costs = st.builds(
    Cost, turns=counts, frames=counts, visual_tokens=counts, seconds=seconds, dollars=maybe(seconds)
)
budgets = st.builds(
    Budget,
    turns=maybe(counts),
    frames=maybe(counts),
    visual_tokens=maybe(counts),
    seconds=maybe(seconds),
    dollars=maybe(seconds),
)
failures = st.builds(
    Failure, origin=st.sampled_from(Origin), code=text, message=text, hint=text, detail=text
)
calls = st.builds(ToolCall, id=st.just(""), name=text, arguments=json_objects) | st.builds(
    ToolCall, id=st.just(""), name=text, raw=text, problem=text
)


@st.composite
def tokens(draw: st.DrawFn) -> Tokens:
    ids = draw(st.lists(st.integers(0, 200_000), max_size=5))
    logprobs = draw(maybe(st.lists(st.floats(-50, 0), min_size=len(ids), max_size=len(ids))))
    prompt_ids = draw(st.lists(st.integers(0, 200_000), max_size=5))
    return Tokens(prompt_ids=prompt_ids, ids=ids, logprobs=logprobs)


@st.composite
def steps(draw: st.DrawFn, index: int) -> Step:
    called = tuple(
        call.replace(id=f"{index}.{i}") for i, call in enumerate(draw(st.lists(calls, max_size=2)))
    )
    observations = tuple(
        Observation(
            call_id=call.id,
            parts=draw(st.lists(parts, max_size=2)),
            evidence=draw(st.lists(evidence, max_size=2)),
            failure=draw(maybe(failures)),
            cost=draw(costs),
        )
        for call in called
    )
    reply = Reply(
        text=draw(text),
        thinking=draw(text),
        calls=called,
        finish=draw(st.sampled_from(Finish)),
        tokens=draw(maybe(tokens())),
        author=draw(st.sampled_from(Author)),
        usage=Usage(input_tokens=draw(counts), dollars=draw(maybe(seconds))),
    )
    shown = draw(maybe(st.lists(st.integers(0, index - 1), unique=True) if index else st.just([])))
    return Step(reply=reply, observations=observations, shown=shown, weight=draw(seconds))


@st.composite
def trajectories(draw: st.DrawFn) -> Trajectory:
    stop = draw(st.sampled_from(Stop))
    answer = Answer(
        text=draw(text),
        choice=draw(maybe(text)),
        value=draw(json_values),
        evidence=draw(st.lists(evidence, max_size=2)),
        confidence=draw(maybe(fractions)),
        verified=draw(maybe(st.booleans())),
    )
    task = Task(
        id=draw(text),
        question=draw(text),
        video_ids=draw(st.lists(text, max_size=2)),
        options=draw(st.lists(text, max_size=3)),
        within=draw(maybe(spans())),
        answer=draw(json_values),
        spans=draw(maybe(st.lists(spans(), max_size=2))),
        metadata=draw(json_objects),
    )
    started = draw(st.datetimes(datetime(1990, 1, 1), timezones=st.just(UTC)))
    return Trajectory(
        id=draw(text),
        task=task,
        system=draw(text),
        opening=draw(st.lists(parts, max_size=2)),
        tools=[ToolSpec(name="look", description=draw(text), arguments=draw(json_objects))],
        steps=[draw(steps(i)) for i in range(draw(st.integers(0, 3)))],
        answer=draw(maybe(st.just(answer))),
        stop=stop,
        failure=draw(failures) if stop is Stop.FAILED else None,
        budget=draw(budgets),
        cost=draw(costs),
        scores=draw(st.dictionaries(text, maybe(numbers), max_size=2)),
        group=draw(maybe(text)),
        policy=draw(text),
        timing=draw(maybe(st.builds(Timing, started=st.just(started), seconds=seconds))),
    )
