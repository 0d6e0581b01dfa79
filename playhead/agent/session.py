"""A session: questions about videos, one after the other, that survive the program that asked them.

    with Session(library, videos=[video_id]) as session:
        for event in session.stream("When does the red team score first?"):
            ...
        answer = session.ask("And who passed the ball?")

The one idea: a session owns nothing but a name. What was asked, how far it has come and how it was
answered is in the library's folder; whoever has the name can go on with it, in another process,
after a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import queue
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from playhead.agent import attempt as attempts
from playhead.agent.loop_thread import LoopThread
from playhead.agent.receipt import write_receipt
from playhead.agent.record import trajectory
from playhead.agent.run import Event, Run, State
from playhead.agent.store import Question, SessionStore
from playhead.agent.strategies import find_strategy
from playhead.core.budget import Budget, Cost, Effort
from playhead.core.errors import Blamed, Origin, VideoError
from playhead.core.media import FrameRef
from playhead.core.policy import Policy, Sampling
from playhead.core.span import Span
from playhead.core.tools import Tool
from playhead.core.trajectory import Answer, Step, Task, Trajectory
from playhead.memory.library import Library
from playhead.tools.context import Ledger, ToolContext

PATIENCE_S = {Effort.QUICK: 3.0, Effort.NORMAL: 15.0, Effort.DEEP: 120.0}
"""How long a question waits for the index to be made, in seconds."""

_EARLIER = 6  # questions and answers of the session that a new question is told


class Session:
    """A conversation about videos of a library. One question at a time."""

    def __init__(
        self,
        library: Library,
        *,
        videos: Sequence[str] | None = None,
        model: str | Policy = "auto",
        effort: str = "normal",
        budget: Budget | None = None,
        strategy: str = "auto",
        verify: bool | None = None,
        tools: Sequence[Tool] | None = None,
        id: str | None = None,
        sampling: Sampling | None = None,
        patience_s: float | None = None,
    ) -> None:
        """Begin a session, or go on with one.

        Args:
            library: Stays the caller's to close.
            videos: Ids of the videos it is about. None: all, or those the session was about.
            model: A model string (see `playhead.models.strings`) or a policy.
            effort: `quick`, `normal` or `deep`: what a question may cost.
            budget: Instead of the effort's.
            strategy: As in `attempt`.
            verify: Whether the evidence alone must give the answer again. None: if effort is deep.
            tools: What the policy may call. None: the default tools.
            id: A session to go on with: its name, the beginning of it, or `last`.
            sampling: How replies are drawn. None: greedily.
            patience_s: How long a question waits for the index to be made, in seconds; it is asked
                of whatever is there then. None: by effort.

        Raises:
            StoreError: No such session.
            VideoNotFound: No such video.
            NoSuchPlugin: No such model.
        """
        self.library = library
        self.store = SessionStore(library.folder / "sessions.sqlite")
        if id is None:
            wanted = videos if videos is not None else [video.id for video in library.videos()]
            self.video_ids = [library.video(video).id for video in wanted]
            self.id = uuid.uuid4().hex[:12]
            self._is_new = True
        else:
            self.id = self.store.full_id(id)
            kept = self.store.settings(self.id)["videos"]
            self.video_ids = [library.video(video).id for video in videos or kept]
            self._is_new = False
        if not self.video_ids:
            raise ValueError("a session is about at least one video: add one to the library first")
        self._model, self._tools = model, tools
        self.budget = budget or Budget.of(effort)
        self._strategy, self._sampling = strategy, sampling
        self._verify = effort == "deep" if verify is None else verify
        self._patience_s = PATIENCE_S[Effort(effort)] if patience_s is None else patience_s
        self._loop = LoopThread()
        self._run: Run | None = None

    def close(self) -> None:
        """Give everything back. A question that is being answered is stopped first."""
        self.stop()
        self._loop.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Asking

    def ask(self, question: str, **how: Any) -> Answer:
        """Ask, and wait for the answer. Arguments as for `stream`.

        Raises:
            Blamed: Something broke; `origin` says whose fault it was.
        """
        return self._loop.run(self.aask(question, **how))

    async def aask(self, question: str, **how: Any) -> Answer:
        """`ask` for async code."""
        return _answer(await self._attempt(self._put(question, **how), _tell_nobody))

    def stream(self, question: str, **how: Any) -> Iterator[Event]:
        """Ask, and get every event as it happens; the last one has the answer.

        Args:
            question: In words.
            how: `options` (answers to choose from), `image` (a picture that belongs to the
                question, RGB uint8 `[H, W, 3]`), `within` (a `Span`: the part it is about).

        Raises:
            Blamed: Something broke; `origin` says whose fault it was.
        """
        yield from self._streamed(self._put(question, **how), ())

    async def astream(self, question: str, **how: Any) -> AsyncIterator[Event]:
        """`stream` for async code."""
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        asked = self._put(question, **how)
        work = asyncio.ensure_future(self._attempt(asked, events.put_nowait))
        work.add_done_callback(lambda _: events.put_nowait(None))
        while (event := await events.get()) is not None:
            yield event
        _answer(await work)

    def stop(self) -> None:
        """Stop the question at hand: it is answered with the best so far."""
        run = self._run
        if run is not None:
            self._loop.call(run.cancelled.set)

    def resume(self) -> Iterator[Event]:
        """Go on with the question that a crash or a stop of the program left unanswered.

        Raises:
            ValueError: There is none.
        """
        waiting = [q for q in self.questions() if q.trajectory is None]
        if not waiting:
            raise ValueError("no question of this session waits for its answer")
        yield from self._streamed(waiting[-1], ())

    def fork(self, number: int, step: int, question: str | None = None) -> Iterator[Event]:
        """Ask again from a step of an earlier answer on.

        Args:
            number: Which question of the session, from 1.
            step: How many of its steps to keep.
            question: Other words for it. None: the same.

        Raises:
            ValueError: No such question or step, or it is not answered yet.
        """
        found = [q for q in self.questions() if q.number == number and q.trajectory]
        if not found or found[0].trajectory is None:
            raise ValueError(f"this session has no answered question {number}")
        old = found[0].trajectory
        if not 0 <= step <= len(old.steps):
            raise ValueError(f"question {number} has {len(old.steps)} steps: got {step}")
        task = found[0].task.replace(id=uuid.uuid4().hex, question=question or old.task.question)
        prepared = dict(found[0].prepared) | {"parent": old.id}
        asked = self.store.ask(self.id, task, prepared)
        yield from self._streamed(asked, old.steps[:step])

    def questions(self) -> list[Question]:
        """What was asked so far, with the records."""
        return [] if self._is_new else self.store.questions(self.id)

    def feedback(self, number: int, good: bool, note: str = "") -> None:
        """Say what you think of an answer; it is kept for training."""
        self.store.feedback(self.id, number, good, note)

    # Inside

    def _put(
        self,
        question: str,
        *,
        options: Sequence[str] = (),
        image: NDArray[np.uint8] | None = None,
        within: Span | None = None,
    ) -> Question:
        """Write a question down."""
        if not question.strip():
            raise ValueError("a question has words: got none")
        if self._run is not None:
            raise RuntimeError("this session is answering a question: wait for it, or stop it")
        if self._is_new:
            self.store.create(self.id, {"videos": self.video_ids})
            self._is_new = False
        images = () if image is None else (self._keep_picture(image),)
        task = Task(
            id=uuid.uuid4().hex,
            question=question.strip(),
            video_ids=tuple(self.video_ids),
            options=tuple(options),
            images=images,
            within=within,
        )
        prepared = {
            "budget": self.budget.model_dump(mode="json"),
            "strategy": self._strategy,
            "verify": self._verify,
            "earlier": self._earlier(),
        }
        return self.store.ask(self.id, task, prepared)

    def _earlier(self) -> list[str]:
        """The last questions and answers of the session, as lines."""
        lines: list[str] = []
        for question in self.questions()[-_EARLIER:]:
            answer = question.trajectory.answer if question.trajectory else None
            if answer is not None:
                cited = " ".join(f"[{e.id}] {e.span.timecode}" for e in answer.evidence[:4])
                lines.append(f"Asked before: {question.task.question}")
                lines.append(f"Answered: {answer.text} {cited}".strip())
        return lines

    def _keep_picture(self, image: NDArray[np.uint8]) -> FrameRef:
        from PIL import Image

        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"a picture is RGB uint8 [H, W, 3]: got {image.dtype} {image.shape}")
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        id_ = f"image:{hashlib.sha256(image.tobytes()).hexdigest()[:32]}"
        self.store.keep_picture(id_, file.getvalue())
        height, width, _ = image.shape
        return FrameRef(video_id=id_, time_s=0.0, height=height, width=width)

    def _streamed(self, question: Question, steps: Sequence[Step]) -> Iterator[Event]:
        events: queue.Queue[Event | None] = queue.Queue()
        work = self._loop.start(self._attempt(question, events.put, steps))
        work.add_done_callback(lambda _: events.put(None))
        try:
            while (event := events.get()) is not None:
                yield event
            _answer(work.result())
        finally:
            if not work.done():  # the listener went away
                self.stop()
                with contextlib.suppress(Exception):
                    work.result()

    async def _attempt(
        self, question: Question, tell: Any, steps: Sequence[Step] = ()
    ) -> Trajectory:
        """Answer a question, or go on answering it, and keep the record."""
        from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        prepared = question.prepared
        ledger = Ledger(Budget.model_validate(prepared["budget"]))
        with ToolContext(
            self.library,
            question.task.video_ids,
            ledger,
            within=question.task.within,
            question_pictures=question.task.images,
        ) as ctx:
            self._show_pictures(question.task, ctx)
            policy = self._policy(ctx)
            run = attempts.prepare(
                question.task,
                policy,
                self._default_tools(),
                ctx,
                strategy=prepared["strategy"],
                sampling=self._sampling,
                verify=prepared["verify"],
                earlier=prepared["earlier"],
                tell=tell,
            )
            self._run = run
            tell(Event("started"))
            await asyncio.to_thread(self._wait_for_index, run)
            try:
                async with AsyncSqliteSaver.from_conn_string(str(self.store.path)) as saver:
                    # the state is plain JSON: no other type is ever made from what is stored
                    saver.serde = JsonPlusSerializer(allowed_msgpack_modules=None)
                    state = await self._go_on(run, question, saver, steps)
                    record = trajectory(run, state, question.thread, parent=prepared.get("parent"))
                    self.store.answered(question, record)
                    await saver.adelete_thread(question.thread)
                with contextlib.suppress(VideoError):  # the file went away meanwhile
                    write_receipt(self.library.folder / "receipts", record, ctx)
                return record
            finally:
                self._run = None

    async def _go_on(
        self, run: Run, question: Question, saver: Any, steps: Sequence[Step]
    ) -> State:
        """Run the graph from its last checkpoint, or from the beginning."""
        name = question.prepared["strategy"]
        if name == "auto":
            name = attempts.route(run.ctx, run.policy)
        graph = find_strategy(name)().compile(checkpointer=saver)
        config = attempts.config(run, thread_id=question.thread)
        kept = await graph.aget_state(config)
        if not kept.values:
            given: State | None = attempts.first_state(run, steps)
        elif kept.next:
            given = None
            _bring_back(run, kept.values)
        else:
            return kept.values
        return await graph.ainvoke(given, config, context=run, durability="sync")

    def _wait_for_index(self, run: Run) -> None:
        """Have what the question is about indexed first, and wait a little."""
        deadline = time.monotonic() + self._patience_s
        while not self.library.wait(0.25):
            late = time.monotonic() > deadline
            run.tell(Event("indexing", text=_how_far(self.library)))
            self.library.focus(self.library.search(run.task.question, videos=self.video_ids))
            if late or run.cancelled.is_set():
                break

    def _default_tools(self) -> Sequence[Tool]:
        if self._tools is not None:
            return self._tools
        from playhead.tools.toolset import default_tools

        return default_tools()

    def _policy(self, ctx: ToolContext) -> Policy:
        if not isinstance(self._model, str):
            return self._model
        from playhead.models.strings import find_policy

        return find_policy(self._model, resolve=ctx.resolve)

    def _show_pictures(self, task: Task, ctx: ToolContext) -> None:
        from PIL import Image

        for ref in task.images:
            png = self.store.picture(ref.video_id)
            if png is None:
                raise Blamed(Origin.WORLD, "the picture of this question is not kept any more")
            with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
                ctx.given[ref.video_id] = np.array(image.convert("RGB"))


def _how_far(library: Library) -> str:
    """How far each tier of the index has come."""
    shares = (
        f"{p.tier.name.lower()} {100 * p.done_s / p.total_s:.0f} %" for p in library.progress()
    )
    return ", ".join(shares)


def _tell_nobody(_: Event) -> None:
    """For who only wants the answer."""


def _bring_back(run: Run, state: State) -> None:
    """Give a new run what the old one had found and spent."""
    for step in run.steps_of(state):
        for observation in step.observations:
            run.ctx.found(observation.evidence)
    run.ctx.ledger.note(Cost.model_validate(state.get("cost") or {}))


def _answer(record: Trajectory) -> Answer:
    """The answer of a record.

    Raises:
        Blamed: There is none, because something broke.
    """
    if record.answer is None:
        failure = record.failure
        origin = failure.origin if failure else Origin.TOOL
        raise Blamed(origin, failure.message if failure else "no answer was given")
    return record.answer
