"""Rules: the policy that is always there. No weights, no network, no torch, no luck.

    answer = playhead.ask("film.mp4", "When is the bridge mentioned?", model="rules")

The one idea: it reads only what any model reads, the messages of the conversation, understands the
question by its words, looks up what such a question needs, and answers with a quotation and its
seconds, or says that the video does not tell and names the nearest moments. The same conversation
always gets the same reply. What a video says or shows in words is quoted, never obeyed.

It reads English questions. It knows what is said, what is written, what moves when, which pictures
look alike, and where shots change; it does not know what things are, so it neither recognises a
dog nor counts what stands still. A confidence is a rule of thumb: 0.9 for the very words, 0.5 to
0.65 for movement and counts of it, 0.1 where it abstains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import JsonValue

from playhead.core.message import Message, ToolCall
from playhead.core.policy import Author, Finish, Reply, Sampling
from playhead.core.tools import ToolSpec
from playhead.models.policies import _finding, _moving, _telling
from playhead.models.policies._choosing import choose, forced
from playhead.models.policies._given import Given
from playhead.models.policies._plans import Call, Offer, next_calls
from playhead.models.policies._questions import Ask, understand
from playhead.models.policies._reading import Known, read
from playhead.models.policies._wishes import Wish

_ANSWER = "answer"
_COMPOSERS: dict[Wish, Callable[[Ask, Known], Given]] = {
    Wish.FIND: _finding.find,
    Wish.SAID: _finding.find,
    Wish.WRITTEN: _finding.find,
    Wish.PICTURE: _finding.like_picture,
    Wish.ORDER: _finding.in_order,
    Wish.BESIDE: _finding.beside,
    Wish.AGAIN: _finding.again,
    Wish.HAPPENS: _telling.happens,
    Wish.SUMMARY: _telling.summary,
    Wish.FACTS: _telling.facts,
    Wish.COUNT: _moving.count,
    Wish.MOVING: _moving.moving,
    Wish.EMPTY: _moving.empty,
}


class RulesPolicy:
    """Fixed rules over what is remembered. See the module's words for what they can do."""

    needs_tools = True
    """It sees nothing by itself: without tools it can only say so."""

    @property
    def name(self) -> str:
        """Names the rules and their version."""
        return "rules-1"

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn: what to look up, or the answer. Never raises."""
        known = read(messages)
        ask = understand(known)
        offer = Offer.of(tools)
        must = sampling.tool_choice
        if must not in ("auto", "required", "none", _ANSWER) and must in offer.tools:
            return _calling([_any_call(must, ask, known, tools)], known)
        if must not in ("none", _ANSWER) and not sampling.choices:
            calls = next_calls(ask, known, offer)
            if calls:
                return _calling(calls, known)
        given = answer(ask, known)
        if sampling.choices:
            return _saying(forced(known, given, sampling.choices), ())
        if must == "none" or _ANSWER not in offer.tools or known.refused > 1:
            return _saying(given.text, given.ids)
        return _calling([_answering(given, known)], known)


def answer(ask: Ask, known: Known) -> Given:
    """What can be said by now."""
    given = _open_answer(ask, known)
    return choose(ask, known, given) if known.options else given


def _open_answer(ask: Ask, known: Known) -> Given:
    if not known.question:
        return _telling.gave_up(known)
    if ask.wish in (Wish.SAID, Wish.WRITTEN) and not ask.words:
        return _finding.read_out(ask, known)
    return _COMPOSERS[ask.wish](ask, known)


def _answering(given: Given, known: Known) -> Call:
    """The call that answers; without citations if those were refused."""
    cited: list[JsonValue] = [] if known.refused else list(given.ids)
    return _ANSWER, {
        "value": given.text,
        "evidence": cited,
        "confidence": round(given.confidence, 2),
    }


def _any_call(name: str, ask: Ask, known: Known, tools: Sequence[ToolSpec]) -> Call:
    """A call of the one tool that must be called: as planned, else with the least it takes."""
    spec = next(spec for spec in tools if spec.name == name)
    for planned, arguments in next_calls(ask, known, Offer.of([spec])):
        if planned == name:
            return name, arguments
    required = spec.arguments.get("required")
    handle = ask.video or next(iter(known.durations), "")
    span = ask.span or _telling.to_the_end(known, handle)
    words = " ".join(ask.words) or known.question[:80]
    usual: dict[str, JsonValue] = {"start_s": span.start, "end_s": span.end}
    needed = [str(name) for name in required] if isinstance(required, list) else []
    return name, {argument: usual.get(argument, words) for argument in needed}


def _calling(calls: Sequence[Call], known: Known) -> Reply:
    made = tuple(
        ToolCall(id=f"rules-{known.turns + 1}-{i}", name=name, arguments=arguments)
        for i, (name, arguments) in enumerate(calls, start=1)
    )
    return Reply(calls=made, finish=Finish.CALLS, author=Author.POLICY)


def _saying(text: str, ids: Sequence[str]) -> Reply:
    cited = " ".join(f"[{id_}]" for id_ in ids)
    return Reply(text=f"{text} {cited}".strip(), author=Author.POLICY)
