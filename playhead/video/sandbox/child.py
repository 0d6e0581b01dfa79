"""The decoder process: confines itself, then does the jobs it is sent until nobody is left to ask.

Started by `worker` as `python -I -S -c ...`, with an empty environment, nothing on its standard
streams, one end of a socket pair and the reading end of a pipe that closes when the parent is
gone. It says `ready` once all walls that can be had are up; only then is it given a file.
"""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING, Any

from playhead.core.errors import PlayheadError, TooLarge
from playhead.video.limits import Limits
from playhead.video.sandbox import confine, wire
from playhead.video.sandbox.walls import Walls

if TYPE_CHECKING:
    from playhead.video.sandbox.jobs import Jobs


def main(order: str) -> None:
    """Run the child. `order` is JSON: channel, lifeline, decoder, limits."""
    told = json.loads(order)
    channel = socket.socket(fileno=told["channel"])
    try:
        jobs, walls = _prepare(told["lifeline"], told["decoder"], Limits(**told["limits"]))
    except PlayheadError as error:
        wire.send(channel, _failure(error))
        return
    wire.send(channel, {"on": walls.on, "missing": walls.missing})
    try:
        while True:
            _serve(channel, jobs)
    except wire.Closed:
        os._exit(0)


def _prepare(lifeline: int, decoder: str, limits: Limits) -> tuple[Jobs, Walls]:
    """Load everything that will be needed, then lock the door."""
    steps = [confine.die_with(lifeline), *confine.leave()]
    from playhead.video.sandbox.jobs import Jobs  # namespaces come before libraries and threads

    jobs = Jobs(decoder, limits)
    jobs.warm_up()
    steps += confine.lock(memory_bytes=limits.memory_bytes, cpu_s=limits.cpu_s)
    return jobs, Walls.of(steps)


def _serve(channel: socket.socket, jobs: Jobs) -> None:
    """Answer one request. Beside a request to open comes the video."""
    request, files = wire.receive(channel, max_files=1)
    content: Any = b""
    try:
        if request["job"] == "open":
            answer, content = jobs.open(files[0])
        else:
            answer, content = jobs.do(request["job"], request["arguments"])
        answer["num_bytes"] = len(content)
        reply = {"answer": answer}
    except PlayheadError as error:
        reply = _failure(error)
    _reply(channel, {**reply, "cpu_s": time.process_time()})
    wire.send_content(channel, memoryview(content))


def _reply(channel: socket.socket, reply: dict[str, Any]) -> None:
    try:
        wire.send(channel, reply)
    except wire.TooLong:
        error = TooLarge(f"more text than one call hands over: {wire.MAX_BYTES} bytes")
        wire.send(channel, {**_failure(error), "cpu_s": time.process_time()})


def _failure(error: PlayheadError) -> dict[str, Any]:
    """What a log may say about it goes into `cause`; no message of a decoder is in it."""
    cause = error.__cause__
    trace = None if cause is None else cause.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" in {trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"
    detail = None if cause is None else f"{type(cause).__name__}{where}"
    return {"error": type(error).__name__, "message": str(error), "cause": detail}
