"""Working on the calls of MCP clients: in a few threads, for as long as somebody waits.

The one idea: the event loop only passes messages on. A call is work in a thread that tells how far
it is; when its client goes away or the server ends, it is told to stop and is waited for a little.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from playhead.serving.mcp_desk import Refused, Shown, Talk

AT_ONCE = 4
"""Calls of one kind that are worked on."""
WAITING = 32
"""Calls of one kind that wait for that; more are sent away."""

_PATIENCE_S = 10.0  # for what is worked on when the server ends


class Workers:
    """Threads that calls are worked on in, and as many calls that wait for them as is decent."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, "playhead-mcp")
        self._places = threading.Semaphore(AT_ONCE + WAITING)
        self._open: dict[Future[Shown], Talk] = {}

    async def run(self, work: Callable[[Talk], Shown], client: Any) -> Shown:
        """Do a call's work; it is told when its client does not wait any more.

        Raises:
            Refused: Too many are waiting, or what `work` raises.
        """
        if not self._places.acquire(blocking=False):
            raise Refused("busy", "Too many calls are waiting.", "Try again in a few seconds.")
        loop, steps = asyncio.get_running_loop(), asyncio.Queue[Any]()
        talk = Talk(lambda *step: _tell(loop, steps, step, talk))
        job = self._threads.submit(copy_context().run, work, talk)
        self._open[job] = talk
        job.add_done_callback(self._done)
        passing_on = asyncio.create_task(_pass_on(steps, client))
        passing_on.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            return await asyncio.wrap_future(job)
        finally:
            talk.cancel()
            passing_on.cancel()

    def _done(self, job: Future[Shown]) -> None:
        self._open.pop(job, None)
        self._places.release()

    def close(self) -> None:
        """Stop what is worked on, and wait a little until it has ended."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        open_ = dict(self._open)
        for talk in open_.values():
            talk.cancel()
        wait(open_, timeout=_PATIENCE_S)


@dataclass(frozen=True)
class Staff:
    """The workers of one run of a server: a long question does not keep a short look waiting."""

    quick: Workers
    slow: Workers


@asynccontextmanager
async def staff_of(_: Any) -> AsyncGenerator[Staff]:
    """The staff of a server for as long as it runs: its lifespan, as mcp calls that."""
    shielded: Any = import_module("anyio").CancelScope
    staff = Staff(Workers(), Workers())
    try:
        yield staff
    finally:
        with shielded(shield=True):
            await asyncio.to_thread(staff.slow.close)
            await asyncio.to_thread(staff.quick.close)


def _tell(loop: Any, steps: asyncio.Queue[Any], step: Any, talk: Talk) -> None:
    if not talk.is_cancelled:
        loop.call_soon_threadsafe(steps.put_nowait, step)


async def _pass_on(steps: asyncio.Queue[Any], client: Any) -> None:
    """Tell the client how far its call is, as long as it listens."""
    while True:
        await client.report_progress(*await steps.get())
