"""Probes: questions put once, with what a view shows and without tools.

    records = await probe(policy, tasks, source, blind)

A probe leaves the same record as an attempt, so the same scorers judge it and the same comparison
says how far two lie apart. What broke is in the record with whose fault it was; no probe is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

from playhead.agent import prompts
from playhead.agent.record import policy_name, versions
from playhead.agent.rollouts import failure_of
from playhead.agent.source import Source
from playhead.core.budget import Budget, Cost
from playhead.core.message import Part, PicturePart, TextPart
from playhead.core.policy import Reply, Sampling
from playhead.core.trajectory import Step, Stop, Task, Trajectory
from playhead.evaluation.asking import Mind, answer_in, conversation, mind, question_in_words
from playhead.evaluation.diagnosis.views import View


async def probe(
    policy: Mind,
    tasks: Sequence[Task],
    source: Source,
    view: View,
    *,
    sampling: Sampling | None = None,
    at_once: int = 4,
) -> list[Trajectory]:
    """Put every question once.

    Args:
        policy: Who answers.
        tasks: The questions.
        source: Where their videos are.
        view: What is shown with them.
        sampling: How the answers are drawn. None: greedily.
        at_once: How many questions are put at the same time, at the most.

    Returns:
        Records in the order of the tasks, without those for which the view has nothing to show.
    """
    room = asyncio.Semaphore(at_once)

    async def one(task: Task) -> Trajectory | None:
        async with room:
            return await _probe(policy, task, source, view, sampling or Sampling())

    found = await asyncio.gather(*(one(task) for task in tasks))
    return [record for record in found if record is not None]


async def _probe(
    policy: Mind, task: Task, source: Source, view: View, sampling: Sampling
) -> Trajectory | None:
    shown: Sequence[Part] | None = ()
    try:
        with ExitStack() as stack:
            ctx = await asyncio.to_thread(stack.enter_context, source.open(task, Budget()))
            shown = await asyncio.to_thread(view.show, ctx, task)
            if shown is None:
                return None
            asked = mind(policy, task, ctx)
            opening = (*shown, TextPart(text=question_in_words(task)))
            messages = conversation(prompts.SYSTEM_WITHOUT_TOOLS, opening)
            reply = await asked.reply(messages, (), sampling)
    except Exception as error:
        failure = failure_of(error, "not_probed")
        return _record(task, view, tuple(shown or ()), stop=Stop.FAILED, failure=failure)
    return _record(
        task,
        view,
        opening,
        stop=Stop.ANSWERED,
        steps=(Step(reply=reply.replace(calls=())),),
        answer=answer_in(task, reply.text.strip()),
        cost=_cost(opening, reply),
        policy=policy_name(asked),
    )


def _record(task: Task, view: View, opening: tuple[Part, ...], **more: object) -> Trajectory:
    given: dict[str, object] = {
        "id": f"{task.id}-{view.name}",
        "task": task,
        "system": prompts.SYSTEM_WITHOUT_TOOLS,
        "opening": opening,
        "versions": dict(versions()),
    }
    return Trajectory.model_validate(given | more)


def _cost(shown: Sequence[Part], reply: Reply) -> Cost:
    num = sum(isinstance(part, PicturePart) for part in shown)
    return Cost(
        turns=1,
        frames=num,
        frames_decoded=num,
        visual_tokens=reply.usage.visual_tokens,
        input_tokens=reply.usage.input_tokens,
        output_tokens=reply.usage.output_tokens,
        dollars=reply.usage.dollars,
    )
