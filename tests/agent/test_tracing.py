"""Spans, as the real SDK of OpenTelemetry collects them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from playhead import Session
from playhead.core import Budget, Finish, Reply, Usage
from tests.agent.conftest import Films
from tests.agent.policies import Planner, answering, call, calling

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")


@pytest.fixture(scope="module")
def exporter() -> Any:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    collected = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(collected))
    trace.set_tracer_provider(provider)  # once in a process
    return collected


@pytest.fixture
def spans(exporter: Any) -> Iterator[Any]:
    exporter.clear()
    yield exporter.get_finished_spans
    exporter.clear()


def tree(found: Any) -> list[str]:
    """Every span after its parent's name, in the order in which they began."""
    names = {span.context.span_id: span.name for span in found}
    begun = sorted(found, key=lambda span: span.start_time)
    return [f"{names[s.parent.span_id] if s.parent else ''} > {s.name}" for s in begun]


LOOKS = calling(
    call("look", start_s=2, end_s=6, num=2),
    call("search", text="nothing of that kind"),
    usage=Usage(input_tokens=900, cached_tokens=300, output_tokens=20, dollars=0.001),
)


def test_a_question_is_one_tree(films: Films, spans: Any):
    policy = Planner(LOOKS, answering("a ball"), name="openai:qwen@http://127.0.0.1:8000/v1")
    with Session(films.library, videos=[films.demo], model=policy, strategy="seek") as session:
        session.ask("What bounces?")
        (question,) = session.questions()
    agent = "invoke_agent playhead"
    found = spans()
    assert sorted(tree(found)) == sorted(
        [
            f" > {agent}",
            f"{agent} > chat qwen",
            f"{agent} > execute_tool look",
            f"{agent} > execute_tool search",
            f"{agent} > chat qwen",
            f"{agent} > execute_tool answer",
        ]
    )
    by_name = {span.name: dict(span.attributes) for span in reversed(found)}
    assert question.trajectory is not None
    cost = question.trajectory.cost
    asked = by_name[agent]
    assert asked["gen_ai.operation.name"] == "invoke_agent"
    assert asked["gen_ai.conversation.id"] == session.id
    assert asked["gen_ai.usage.input_tokens"] == cost.input_tokens == 900
    assert asked["playhead.frames"] == cost.frames == 2
    assert asked["playhead.visual_tokens"] == cost.visual_tokens
    assert asked["playhead.dollars"] == cost.dollars == 0.001
    assert asked["playhead.seconds"] == cost.seconds
    assert asked["playhead.turns"] == cost.turns == 2
    assert asked["playhead.stop"] == "answered"
    assert by_name["chat qwen"] == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "qwen",
        "gen_ai.usage.input_tokens": 900,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 300,
        "gen_ai.response.finish_reasons": ("calls",),
        "playhead.dollars": 0.001,
    }
    assert by_name["execute_tool look"] == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "look",
        "gen_ai.tool.call.id": "c1.1",
        "playhead.start_s": 2.0,
        "playhead.end_s": 6.0,
        "playhead.frames": 2,
        "playhead.frames_decoded": 2,
        "playhead.visual_tokens": cost.visual_tokens,
        "playhead.evidence": 1,
    }


def test_nothing_that_was_said_or_seen_is_recorded(films: Films, spans: Any):
    secret = "hocus pocus"
    asked = calling(call("search", text=secret), call("look", start_s=secret, end_s=3))
    films.ask(Planner(asked, answering(secret)), question=secret, strategy="seek")
    films.ask(Planner(RuntimeError(secret)), question=secret, strategy="seek")
    for span in spans():
        assert secret not in span.to_json()


def test_what_fails_is_an_error_with_its_kind(films: Films, spans: Any):
    films.ask(Planner(calling(call("look", start_s=900, end_s=901))), strategy="seek")
    films.ask(Planner(RuntimeError("broken")), strategy="seek")
    kinds = {(s.name, s.attributes["error.type"]) for s in spans() if not s.status.is_ok}
    assert ("execute_tool look", "impossible") in kinds
    assert ("chat planner", "RuntimeError") in kinds
    assert ("invoke_agent playhead", "policy_broke") in kinds


def test_a_span_of_the_callers_is_the_parent(films: Films, spans: Any):
    from opentelemetry import trace

    with (
        Session(films.library, videos=[films.demo], model=Planner()) as session,
        trace.get_tracer("caller").start_as_current_span("mine"),
    ):
        session.ask("What is it?")
    assert "mine > invoke_agent playhead" in tree(spans())


def test_questions_at_once_do_not_mix(films: Films, spans: Any):
    from playhead.agent.attempt import attempt
    from playhead.core import Task
    from playhead.tools.toolset import default_tools

    async def both() -> None:
        with films.context() as one, films.context() as other:
            await asyncio.gather(
                *(
                    attempt(
                        Task(id=name, question="?", video_ids=(films.clock,)),
                        Planner(LOOKS, answering("x"), name=name),
                        default_tools(),
                        ctx,
                        strategy="seek",
                    )
                    for name, ctx in (("a", one), ("b", other))
                )
            )

    films.loop.run_until_complete(both())
    found = spans()
    for name in ("a", "b"):
        chats = [span for span in found if span.name == f"chat {name}"]
        (parent,) = {span.parent.span_id for span in chats}
        (root,) = [span for span in found if span.context.span_id == parent]
        assert root.attributes["playhead.question"] == name


def num_bytes(span: Any) -> int:
    return sum(len(name) + len(str(value)) for name, value in span.attributes.items())


def test_a_question_of_ten_calls_takes_few_bytes(films: Films, spans: Any):
    looks = [
        calling(call("look", start_s=i, end_s=i + 4, num=8), usage=Usage(input_tokens=12_345))
        for i in range(10)
    ]
    record = films.ask(
        Planner(*looks, answering("x")), strategy="seek", budget=Budget(turns=20, frames=100)
    )
    assert record.cost.frames == 80
    found = spans()
    assert len(found) == 1 + 11 + 11
    assert sum(map(num_bytes, found)) < 5_000


def test_without_opentelemetry_nothing_is_loaded_and_nothing_breaks():
    code = """
import sys
from playhead.agent import tracing
from playhead.core import ToolCall
with tracing.execute_tool(ToolCall(id="1", name="look")) as span:
    span.fail("nothing")
assert not any(name.startswith("opentelemetry") for name in sys.modules), "it was loaded"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_reply_that_ran_out_of_room_says_so(films: Films, spans: Any):
    films.ask(Planner(Reply(text="a ball", finish=Finish.LENGTH)), strategy="seek")
    (said,) = [span for span in spans() if span.name.startswith("chat")]
    assert said.attributes["gen_ai.response.finish_reasons"] == ("length",)
