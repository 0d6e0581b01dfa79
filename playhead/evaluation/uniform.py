"""The baseline that every answer about a rendered world must beat: perfect eyes on N pictures.

    policy = UniformPolicy(768, Measured(OraclePolicy(resolve)))
    record = await attempt(task, policy, UNIFORM_TOOLS, ctx, strategy="seek")

Somebody who sees N pictures, spread evenly over the video and at their full size, sees in them all
there is to see, and answers; guessing where that does not tell. It goes through the same loop and
pays for its pictures like everybody else.
"""

from __future__ import annotations

from collections.abc import Sequence

from playhead.core.budget import Cost
from playhead.core.message import Message, Part, Role, ToolCall
from playhead.core.policy import Author, Finish, Policy, Reply, Sampling
from playhead.core.tools import Observation, Tool, ToolSpec, tool
from playhead.tools import say
from playhead.tools.context import ToolContext

_BATCH = 64  # pictures decoded at a time


@tool
def survey(ctx: ToolContext, num: int) -> Observation:
    """Pictures spread evenly over all of the videos that may be seen, at their full size.

    Args:
        num: How many, over all videos together.
    """
    parts: list[Part] = []
    spent = Cost()
    for video_id in ctx.video_ids:
        info = ctx.info(video_id)
        times_s = ctx.whole(video_id).grid(max(1, num // len(ctx.video_ids)))
        price = ctx.price(video_id, len(times_s), max(info.height, info.width))
        ctx.pay(price)
        spent += price
        for frames in ctx.video(video_id).stream(times_s, batch=_BATCH):
            parts += say.pictures(frames)
    return say.observation(ctx, parts, (), spent)


UNIFORM_TOOLS: tuple[Tool, ...] = (survey,)
"""What the baseline calls."""


class Measured:
    """A script that is measured like a model: its turns count as a policy's own."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.name = str(getattr(policy, "name", type(policy).__name__))

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The script's next turn. Errors as the script's."""
        said = await self._policy.reply(messages, tools, sampling)
        return said.replace(author=Author.POLICY)


class UniformPolicy:
    """Looks at `num` pictures spread evenly, once, and lets somebody answer from them alone."""

    needs_tools = True

    def __init__(self, num: int, eyes: Policy) -> None:
        """Make the policy.

        Args:
            num: How many pictures, over all videos of a question together.
            eyes: Who answers.
        """
        if num < 1:
            raise ValueError(f"one picture or more: got {num}")
        self._num, self._eyes = num, eyes
        self.name = f"uniform:{num}"

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The one look, which is given and no choice of a policy; then the answer."""
        has_looked = any(message.role is Role.TOOL for message in messages)
        if has_looked or survey.name not in {spec.name for spec in tools}:
            return await self._eyes.reply(messages, (), sampling)
        call = ToolCall(id="survey", name=survey.name, arguments={"num": self._num})
        return Reply(calls=(call,), finish=Finish.CALLS, author=Author.SCRIPT)
