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
import os
import queue
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from playhead.agent import prompts
from playhead.agent.answering import Answering
from playhead.agent.at_hand import AtHand
from playhead.agent.loop_thread import LoopThread
from playhead.agent.record import answer_of
from playhead.agent.run import Event
from playhead.agent.stills import keep_still
from playhead.agent.store import Question, SessionStore
from playhead.core.budget import Budget, Effort
from playhead.core.message import TextPart
from playhead.core.policy import Policy, Sampling
from playhead.core.span import Span
from playhead.core.tools import Tool
from playhead.core.trajectory import Answer, Task, Trajectory
from playhead.memory.library import Library
from playhead.models.strings import manner_of

PATIENCE_S = {Effort.QUICK: 3.0, Effort.NORMAL: 15.0, Effort.DEEP: 120.0}
"""How long a question waits for the index to be made, in seconds."""

_EARLIER = 6  # questions and answers of the session that a new question is told


def usual_budget(model: str | Policy, effort: str) -> Budget:
    """What a question may cost: as the model was taught, if it tells, or else the effort's."""
    return manner_of(model, environment=os.environ).budget or Budget.of(effort)


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
            budget: None: what the model was taught with, if it tells, or else the effort's.
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
        self.budget = budget or usual_budget(model, effort)
        self._strategy = strategy
        self._verify = effort == "deep" if verify is None else verify
        self.store = SessionStore(library.folder / "sessions.sqlite")
        self._is_new = id is None
        try:
            self.id, self.video_ids = self._which(id, videos)
        except BaseException:
            self.store.close()
            raise
        self._answering = Answering(
            library,
            self.store,
            model,
            tools,
            sampling,
            PATIENCE_S[Effort(effort)] if patience_s is None else patience_s,
        )
        self._loop = LoopThread()
        self._at_hand = AtHand()

    def _which(self, id_: str | None, videos: Sequence[str] | None) -> tuple[str, list[str]]:
        """The session's name and the ids of its videos."""
        if id_ is None:
            id_ = uuid.uuid4().hex[:12]
            wanted = videos if videos is not None else [v.id for v in self.library.videos()]
        else:
            id_ = self.store.full_id(id_)
            wanted = videos or self.store.settings(id_)["videos"]
        if not wanted:
            raise ValueError("a session is about at least one video: add one to the library first")
        return id_, [self.library.video(video).id for video in wanted]

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
        return answer_of(await self._attempt(self._put(question, **how), _tell_nobody))

    def stream(self, question: str, **how: Any) -> Iterator[Event]:
        """Ask, and get every event as it happens; the last one has the answer.

        Args:
            question: In words.
            how: `options` (answers to choose from), `image` (a picture that belongs to the
                question, RGB uint8 `[H, W, 3]`), `within` (a `Span`: the part it is about),
                `earlier` (lines that say what went before; None: the session's questions).

        Raises:
            Blamed: Something broke; `origin` says whose fault it was.
        """
        yield from self._streamed(self._put(question, **how))

    async def astream(self, question: str, **how: Any) -> AsyncIterator[Event]:
        """`stream` for async code."""
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        asked = self._put(question, **how)
        work = asyncio.ensure_future(self._attempt(asked, events.put_nowait))
        work.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            answer_of(await work)
        finally:
            if not work.done():  # the listener went away
                self.stop()
                with contextlib.suppress(Exception):
                    await work

    def stop(self) -> None:
        """Stop the question at hand: it is answered with the best so far."""
        self._at_hand.stop()

    def put(self, question: str, **how: Any) -> int:
        """Write a question down for `resume` to answer, here or in another process.

        Args:
            question: In words.
            how: As for `stream`.

        Returns:
            Its number, from 1.
        """
        asked = self._put(question, **how)
        self._at_hand.done()
        return asked.number

    def put_fork(self, number: int, step: int, question: str | None = None) -> int:
        """`put` for `fork`."""
        asked = self._put_fork(number, step, question)
        self._at_hand.done()
        return asked.number

    def resume(self, number: int | None = None) -> Iterator[Event]:
        """Go on with a question that was only written down, or that a crash left unanswered.

        Args:
            number: Which one, from 1. None: the last of them.

        Raises:
            ValueError: There is none.
        """
        with self._at_hand.claimed():
            asked = self.questions() if number is None else [self.store.question(self.id, number)]
            waiting = [q for q in asked if q is not None and q.trajectory is None]
            if not waiting:
                raise ValueError("no question of this session waits for its answer")
        yield from self._streamed(waiting[-1])

    def fork(self, number: int, step: int, question: str | None = None) -> Iterator[Event]:
        """Ask again from a step of an earlier answer on.

        Args:
            number: Which question of the session, from 1.
            step: How many of its steps to keep.
            question: Other words for it. None: the same.

        Raises:
            ValueError: No such question or step, or it is not answered yet.
        """
        yield from self._streamed(self._put_fork(number, step, question))

    def _put_fork(self, number: int, step: int, question: str | None) -> Question:
        found = [q for q in self.questions() if q.number == number and q.trajectory]
        if not found or found[0].trajectory is None:
            raise ValueError(f"this session has no answered question {number}")
        old = found[0].trajectory
        if not 0 <= step <= len(old.steps):
            raise ValueError(f"question {number} has {len(old.steps)} steps: got {step}")
        task = found[0].task.replace(id=uuid.uuid4().hex, question=question or old.task.question)
        prepared = dict(found[0].prepared) | {"parent": old.id, "num_kept": step}
        if question is None:  # what the kept steps were an answer to
            said = "\n".join(part.text for part in old.opening if isinstance(part, TextPart))
            prepared |= {"system": old.system, "opening": said}
        with self._at_hand.claimed():
            return self.store.ask(self.id, task, prepared)

    def questions(self) -> list[Question]:
        """What was asked so far, with the records."""
        return [] if self._is_new else self.store.questions(self.id)

    def feedback(self, number: int, good: bool, note: str = "") -> None:
        """Say what you think of an answer; it is kept for training.

        Raises:
            ValueError: No such question.
        """
        self.store.feedback(self.id, number, good, note)

    # Inside

    def _put(
        self,
        question: str,
        *,
        options: Sequence[str] = (),
        image: NDArray[np.uint8] | None = None,
        within: Span | None = None,
        earlier: Sequence[str] | None = None,
    ) -> Question:
        """Write a question down."""
        if not question.strip():
            raise ValueError("a question has words: got none")
        with self._at_hand.claimed():
            return self._written(question.strip(), tuple(options), image, within, earlier)

    def _written(
        self,
        question: str,
        options: tuple[str, ...],
        image: NDArray[np.uint8] | None,
        within: Span | None,
        earlier: Sequence[str] | None,
    ) -> Question:
        images = () if image is None else (keep_still(self.store, image),)
        if self._is_new:
            self.store.create(self.id, {"videos": self.video_ids})
            self._is_new = False
        task = Task(
            id=uuid.uuid4().hex,
            question=question,
            video_ids=tuple(self.video_ids),
            options=options,
            images=images,
            within=within,
        )
        prepared = {
            "budget": self.budget.model_dump(mode="json"),
            "strategy": self._strategy,
            "verify": self._verify,
            "earlier": self._earlier() if earlier is None else list(earlier),
        }
        return self.store.ask(self.id, task, prepared)

    def _earlier(self) -> list[str]:
        """The last questions and answers of the session, as lines."""
        return prompts.earlier_lines(self.store.answers(self.id, last=_EARLIER))

    def _streamed(self, question: Question) -> Iterator[Event]:
        events: queue.Queue[Event | None] = queue.Queue()
        work = self._loop.start(self._attempt(question, events.put))
        work.add_done_callback(lambda _: events.put(None))
        try:
            while (event := events.get()) is not None:
                yield event
            answer_of(work.result())
        finally:
            if not work.done():  # the listener went away
                self.stop()
                with contextlib.suppress(Exception):
                    work.result()

    async def _attempt(self, question: Question, tell: Callable[[Event], None]) -> Trajectory:
        try:
            return await self._answering.answer(question, tell, self._at_hand.begin)
        finally:
            self._at_hand.done()


def _tell_nobody(_: Event) -> None:
    """For who only wants the answer."""
