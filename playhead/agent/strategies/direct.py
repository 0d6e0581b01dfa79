"""`direct`: pictures spread evenly over the video, then the answer. No tools.

For short clips this is cheaper than seeking and as good. The first look is a step that our own
code takes, so that it is paid for and recorded like any other.

    glance -> force -> (verify) -> finish
"""

from __future__ import annotations

from typing import Any, Literal

from playhead.agent import nodes
from playhead.agent.run import Run, State
from playhead.agent.strategies.graphs import Runtime, before_finish, new_graph
from playhead.core.message import ToolCall
from playhead.core.policy import Author, Finish, Reply

NUM_FRAMES = 32


def graph() -> Any:
    """The graph, not compiled."""
    return new_graph("glance", glance=(glance, after_glance), force=(nodes.force, before_finish))


async def glance(state: State, runtime: Runtime) -> dict[str, Any]:
    """Look at the whole of every video once."""
    return await look_evenly(state, runtime, NUM_FRAMES)


def after_glance(state: State, runtime: Runtime) -> Literal["force"]:
    """Answer."""
    return "force"


async def look_evenly(state: State, runtime: Runtime, num: int) -> dict[str, Any]:
    """Look at `num` pictures spread over the videos, as a step of our own."""
    run: Run = runtime.context
    if run.left_s() == 0 or run.cancelled.is_set():
        return {}
    ids = run.ctx.video_ids
    left = run.ctx.ledger.left.frames
    num = num if left is None else min(num, left)
    calls = [
        ToolCall(
            id=f"c{len(run.steps_of(state)) + 1}.{i}",
            name="look",
            arguments={
                "start_s": run.ctx.whole(video_id).start,
                "end_s": run.ctx.whole(video_id).end,
                "num": max(1, num // len(ids)),
                "quota": "fine",
                "video": run.ctx.handle(video_id),
            },
        )
        for i, video_id in enumerate(ids, start=1)
    ]
    reply = Reply(calls=tuple(calls), finish=Finish.CALLS, author=Author.SCRIPT)
    asked: State = {**state, "reply": reply.to_json()}
    return await nodes.act_on(run, asked, run.tools, shown=glances(run, state))


def glances(run: Run, state: State) -> tuple[int, ...] | None:
    """The steps that are our own looks: all that a policy needs to answer. None: all are."""
    steps = run.steps_of(state)
    own = tuple(i for i, step in enumerate(steps) if step.reply.author is Author.SCRIPT)
    return None if len(own) == len(steps) else own
