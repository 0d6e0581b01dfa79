"""Questions of MCP clients in the line of the server that they came to.

The one idea: whoever asks stands in one line. A question that comes over MCP takes a place among
those of the page and of the API, is refused when they would be, is kept and can be looked at like
theirs; and while it waits it holds no thread.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any

from anyio import to_thread

from playhead.agent.session import Session
from playhead.agent.store import Question
from playhead.core.errors import VideoNotFound
from playhead.serving import errors
from playhead.serving.asking import How
from playhead.serving.events import EventLog
from playhead.serving.house import House
from playhead.serving.mcp_asking import note, video_is_gone, within
from playhead.serving.mcp_desk import Refused
from playhead.serving.mcp_values import AskVideo
from playhead.serving.sessions import NewSession, written

Tell = Callable[[float, float | None, str], Awaitable[None]]
"""Is told how far it is, as `mcp_desk.Talk.tell`."""


class Line:
    """Asks as a client of a house."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def __call__(self, asked: AskVideo, videos: Sequence[str] | None, tell: Tell) -> Question:
        """Ask, and wait for the answer; whoever stops waiting stops the question.

        Args:
            asked: What.
            videos: Ids of the videos it is about. None: those of the session.
            tell: Is told every step.

        Raises:
            Refused: There is no place, or no such session or video.
        """
        house, part = self._house, within(asked)
        session = asked.session or secrets.token_hex(16)

        def write(asker: Session) -> int:
            asker.video_ids = list(videos or asker.video_ids)
            return asker.put(asked.question, options=asked.options, within=part)

        new = None
        if asked.session is None:
            new = NewSession.model_construct(videos=list(videos or ()) or None, effort=None)
        with _in_words():
            claimed = house.questions.claim(session)
            how = How(effort=asked.effort)
            try:
                log = await house.questions.writing(written, house, claimed, how, write, new)
            except asyncio.CancelledError:
                house.questions.stop(session)
                raise
            try:
                await _follow(log, tell)
            except BaseException:
                house.questions.stop(session)
                raise
            found = await to_thread.run_sync(house.store.question, session, claimed.number)
        if found is None:
            raise Refused("no_such_session", "The session was deleted meanwhile.")
        return found


async def _follow(log: EventLog, tell: Tell) -> None:
    number = 0
    async with aclosing(log.listen()) as events:
        async for new in events:
            for name, data in new:
                number += 1
                await tell(float(number), None, note(name, _words(name, data)))


def _words(name: str, data: dict[str, Any]) -> str:
    if name == "waiting":
        return f"{data['ahead']} before it"
    return str(data.get("name", "") if name == "call" else data.get("text", ""))


@contextmanager
def _in_words() -> Generator[None]:
    """Tell a client of MCP what one of HTTP would be told."""
    try:
        yield
    except errors.Refused as refused:
        body, hint = refused.body, refused.body.hint
        if refused.retry_after is not None:
            hint = f"ask again in {refused.retry_after} s"
        code = "no_such_session" if body.message == "no such session" else body.code
        raise Refused(code, _sentence(body.message), _sentence(hint)) from None
    except VideoNotFound:
        raise video_is_gone() from None


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""
