"""Answering one question of a session, or going on with it where a crash left it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from playhead.agent import attempt as attempts
from playhead.agent import tracing
from playhead.agent.receipt import shown_in, write_receipt
from playhead.agent.record import trajectory
from playhead.agent.run import Event, Run, State
from playhead.agent.stills import keep_still, read_still
from playhead.agent.store import Question, SessionStore
from playhead.agent.strategies import compiled
from playhead.core.budget import Budget, Cost
from playhead.core.errors import PlayheadError
from playhead.core.media import FrameRef
from playhead.core.policy import Policy, Sampling
from playhead.core.tools import Tool
from playhead.core.trajectory import Answer, Step, Trajectory
from playhead.memory.library import Library
from playhead.tools.context import Ledger, ToolContext
from playhead.tools.given import is_given
from playhead.tools.toolset import default_tools

if TYPE_CHECKING:
    from playhead.agent.checkpoints import Checkpoints


@dataclass(frozen=True)
class Answering:
    """What the questions of a session are answered with."""

    library: Library
    store: SessionStore
    model: str | Policy
    tools: Sequence[Tool] | None
    sampling: Sampling | None
    patience_s: float

    async def answer(
        self,
        question: Question,
        tell: Callable[[Event], None],
        begun: Callable[[Run], None],
    ) -> Trajectory:
        """Answer a question, or go on answering it, and keep the record.

        Args:
            question: As it is in the store.
            tell: Is told of every event.
            begun: Is given the run, to stop it.
        """
        task, prepared = question.task, question.prepared
        ledger = Ledger(Budget.model_validate(prepared["budget"]))
        with ToolContext(
            self.library,
            task.video_ids,
            ledger,
            within=task.within,
            question_pictures=task.images,
        ) as ctx:
            ctx.keep_given = partial(keep_still, self.store)
            self._give(ctx, task.images)
            run = self._prepared(question, ctx, tell)
            begun(run)
            tell(Event("started"))
            await asyncio.gather(self._wait_for_index(run), asyncio.to_thread(_load, run.strategy))
            from playhead.agent.checkpoints import open_checkpoints

            with (
                open_checkpoints(self.store.path) as checkpoints,
                tracing.invoke_agent(run, question.session) as span,
            ):
                state = await self._go_on(run, question, checkpoints)
                record = trajectory(run, state, question.thread, parent=prepared.get("parent"))
                span.tell(record)
            # Before the record, so that no kept answer lacks it: whoever dies in between goes on
            # and writes it again. Without one the answer stands: the file went away, or the disk
            # is full.
            with contextlib.suppress(PlayheadError, OSError):
                folder = self.library.folder / "receipts"
                await asyncio.to_thread(write_receipt, folder, record, ctx)
            self.store.answered(question, record)
            return record

    def _prepared(self, question: Question, ctx: ToolContext, tell: Callable[[Event], None]) -> Run:
        prepared = question.prepared
        run = attempts.prepare(
            question.task,
            self._policy(ctx),
            default_tools() if self.tools is None else self.tools,
            ctx,
            strategy=prepared["strategy"],
            sampling=self.sampling,
            verify=prepared["verify"],
            earlier=prepared["earlier"],
            tell=tell,
        )
        run.opening = prepared.get("opening", run.opening)
        run.system = prepared.get("system", run.system)
        return run

    async def _go_on(self, run: Run, question: Question, checkpoints: Checkpoints) -> State:
        """Run the graph from its last checkpoint, or from the beginning."""
        graph = compiled(run.strategy).copy({"checkpointer": checkpoints})
        config = attempts.config(run, thread_id=question.thread)
        kept = await graph.aget_state(config)
        if not kept.values:
            steps = self._kept_steps(question)
            self._give(run.ctx, shown_in(steps))
            given: State | None = attempts.first_state(run, steps)
        elif kept.tasks:  # `next` leaves out those whose writes were kept but not yet applied
            given = None
            self._bring_back(run, kept.values)
        else:
            self._bring_back(run, kept.values)
            run.tell(_answered(kept.values))
            return kept.values
        return await graph.ainvoke(given, config, context=run, durability="sync")

    def _bring_back(self, run: Run, state: State) -> None:
        """Give a new run what the old one was told, had found, was shown and had spent."""
        run.system = state.get("system", run.system)
        run.opening = state.get("opening", run.opening)
        self._give(run.ctx, shown_in(run.steps_of(state)))
        attempts.bring_back(run, run.steps_of(state))
        run.ctx.ledger.note(Cost.model_validate(state.get("cost") or {}))

    def _give(self, ctx: ToolContext, refs: Iterable[FrameRef]) -> None:
        """Let the pictures among `refs` that come from no video be shown."""
        ctx.given |= {ref.video_id: read_still(self.store, ref) for ref in refs if is_given(ref)}

    def _kept_steps(self, question: Question) -> Sequence[Step]:
        """The steps that a question begins after: those that a fork keeps of its parent."""
        parent, num = question.prepared.get("parent"), question.prepared.get("num_kept", 0)
        asked = self.store.questions(question.session) if num else []
        found = [q.trajectory for q in asked if q.trajectory and q.trajectory.id == parent]
        return found[0].steps[:num] if found else ()

    async def _wait_for_index(self, run: Run) -> None:
        """Have what the question is about indexed first, and wait a little."""
        deadline = time.monotonic() + self.patience_s
        while not await asyncio.to_thread(self.library.wait, 0.25):
            run.tell(Event("indexing", text=_how_far(self.library)))
            if time.monotonic() > deadline or run.cancelled.is_set():
                run.is_early = True
                break
            await asyncio.to_thread(self._focus, run)

    def _focus(self, run: Run) -> None:
        videos = list(run.ctx.video_ids)
        self.library.focus(self.library.search(run.task.question, videos=videos))

    def _policy(self, ctx: ToolContext) -> Policy:
        if not isinstance(self.model, str):
            return self.model
        from playhead.models.strings import find_policy

        return find_policy(self.model, resolve=ctx.resolve, environment=os.environ)


def _load(strategy: str) -> None:
    """Load LangGraph, which takes seconds, and what else the strategy needs."""
    import_module("playhead.agent.checkpoints")
    compiled(strategy)


def _answered(state: State) -> Event:
    stored = state.get("answer")
    answer = None if stored is None else Answer.model_validate(stored)
    return Event("answer", text=answer.text if answer else "", answer=answer)


def _how_far(library: Library) -> str:
    """How far each tier of the index has come."""
    shares = (
        f"{p.tier.name.lower()} {100 * p.done_s / p.total_s:.0f} %" for p in library.progress()
    )
    return ", ".join(shares)
