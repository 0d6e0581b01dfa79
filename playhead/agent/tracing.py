"""Spans of OpenTelemetry for questions: who was asked, which tools ran, what it took.

    invoke_agent playhead        one a question
      chat MODEL                 one a turn of the policy
      execute_tool look          one a call that was carried out

The one idea: whoever wants traces has loaded OpenTelemetry already, and decides where they go. This
module never loads it: where nobody has, it costs a look into a dictionary.

Names follow OpenTelemetry's conventions for generative AI (`gen_ai.*`); what they lack is under
`playhead.*`. No words and no pictures are recorded: neither questions, arguments, results nor
answers, nor what an exception says.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from playhead.agent.record import policy_name, versions
from playhead.agent.run import Run
from playhead.core.budget import Cost
from playhead.core.message import ToolCall
from playhead.core.policy import Policy, Reply
from playhead.core.tools import Observation
from playhead.core.trajectory import Trajectory

_AGENT = "playhead"


class Span:
    """A span that is open; or none, where nobody listens."""

    def __init__(self, opened: Any = None) -> None:
        self._opened = opened if opened is not None and opened.is_recording() else None

    def tell(self, told: Reply | Observation | Trajectory) -> None:
        """Say what came out."""
        if self._opened is None:
            return
        match told:
            case Reply():
                attributes = _of_reply(told)
            case Observation():
                attributes = _of_observation(told)
            case Trajectory():
                attributes = _of_record(told)
        self._opened.set_attributes(_known(attributes))
        failure = None if isinstance(told, Reply) else told.failure
        if failure is not None:
            self.fail(failure.code)

    def fail(self, kind: str) -> None:
        """Say that it failed, in a word."""
        if self._opened is not None:
            from opentelemetry.trace import StatusCode

            self._opened.set_attribute("error.type", kind)
            self._opened.set_status(StatusCode.ERROR)


@contextmanager
def invoke_agent(run: Run, conversation: str | None = None) -> Generator[Span]:
    """Around a question.

    Args:
        run: The attempt.
        conversation: The session that it belongs to. None: none.
    """
    attributes = {
        "gen_ai.agent.name": _AGENT,
        "gen_ai.conversation.id": conversation,
        "playhead.question": run.task.id,
        "playhead.strategy": run.strategy,
    }
    with _open("invoke_agent", _AGENT, attributes) as span:
        yield span


@contextmanager
def chat(policy: Policy) -> Generator[Span]:
    """Around a turn of the policy."""
    provider, model = _whose(policy)
    attributes = {"gen_ai.provider.name": provider, "gen_ai.request.model": model}
    with _open("chat", model, attributes, kind="CLIENT") as span:
        yield span


@contextmanager
def execute_tool(call: ToolCall) -> Generator[Span]:
    """Around a call that is carried out."""
    attributes: dict[str, Any] = {
        "gen_ai.tool.name": call.name,
        "gen_ai.tool.call.id": call.id,
        "playhead.start_s": _number(call.arguments.get("start_s")),
        "playhead.end_s": _number(call.arguments.get("end_s")),
    }
    with _open("execute_tool", call.name, attributes) as span:
        yield span


@contextmanager
def _open(
    operation: str, what: str, attributes: Mapping[str, Any], kind: str = "INTERNAL"
) -> Generator[Span]:
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        yield Span()
        return
    with trace.get_tracer(_AGENT, versions()["playhead"]).start_as_current_span(
        f"{operation} {what}",
        kind=trace.SpanKind[kind],
        attributes=_known({"gen_ai.operation.name": operation, **attributes}),
        record_exception=False,
        set_status_on_exception=False,
    ) as opened:
        span = Span(opened)
        try:
            yield span
        except BaseException as error:
            span.fail(type(error).__name__)
            raise


def _of_reply(reply: Reply) -> dict[str, Any]:
    usage = reply.usage
    return {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens or None,
        "gen_ai.response.finish_reasons": (reply.finish.value,),
        "playhead.dollars": usage.dollars,
    }


def _of_observation(seen: Observation) -> dict[str, Any]:
    return {**_pictures(seen.cost), "playhead.evidence": len(seen.evidence) or None}


def _of_record(record: Trajectory) -> dict[str, Any]:
    cost, answer = record.cost, record.answer
    return {
        "gen_ai.usage.input_tokens": cost.input_tokens,
        "gen_ai.usage.output_tokens": cost.output_tokens,
        "playhead.stop": record.stop.value,
        "playhead.turns": cost.turns,
        "playhead.calls": cost.calls,
        **_pictures(cost),
        "playhead.seconds": cost.seconds,
        "playhead.dollars": cost.dollars,
        "playhead.evidence": len(answer.evidence) if answer else None,
        "playhead.verified": answer.verified if answer else None,
        "playhead.coverage": answer.coverage if answer else None,
    }


def _pictures(cost: Cost) -> dict[str, Any]:
    return {
        "playhead.frames": cost.frames or None,
        "playhead.frames_decoded": cost.frames_decoded or None,
        "playhead.visual_tokens": cost.visual_tokens or None,
    }


def _known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are known."""
    return {name: value for name, value in attributes.items() if value is not None}


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e12 else None


def _whose(policy: Policy) -> tuple[str, str]:
    """Who serves a policy, and its model: `openai:qwen3-vl@http://...` is `openai`, `qwen3-vl`."""
    kind, found, rest = policy_name(policy).partition(":")
    return (kind, rest.partition("@")[0]) if found else (_AGENT, kind)
