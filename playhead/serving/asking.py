"""Questions at hand: who may ask now, who waits, who is answered, and by which thread.

The one idea: the queue is bounded and the store is the truth. A question is in the store before
anybody is told that it was taken, so a queue that dies with the server loses nothing: what has no
record yet is gone on with when somebody asks for it. Whoever comes when the queue is full is told
so at once, and when to come back.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from anyio import CapacityLimiter, to_thread

from playhead.agent.run import Event
from playhead.agent.session import Session, usual_budget
from playhead.agent.store import Question, SessionStore
from playhead.core.policy import Sampling
from playhead.core.trajectory import Trajectory
from playhead.memory.library import Library
from playhead.serving import events
from playhead.serving.errors import ErrorBody, Refused, body_of
from playhead.serving.events import EventLog
from playhead.serving.settings import ServeSettings
from playhead.serving.views import State

logger = logging.getLogger(__name__)

_FIRST_GUESS_S = 5.0
"""How long a question takes, before one was answered."""
_LONGEST_WAIT_S = 60
_SETTLED_S = 10.0
_WRITERS = 2

T = TypeVar("T")


@dataclass(frozen=True)
class How:
    """How a question is answered, where it differs from the session."""

    effort: str | None = None
    verify: bool | None = None
    sampling: Sampling | None = None


@dataclass
class AtHand:
    """A question that waits or is being answered."""

    session: str
    number: int = 0
    """0: it is not written down yet."""
    how: How = How()
    log: EventLog | None = None
    """None: it does not wait yet."""
    asker: Session | None = None
    """Who answers it now."""
    state: Literal["waiting", "running"] = "waiting"
    is_stopped: bool = False


@dataclass
class Questions:
    """Answers questions in threads of its own, a few at a time, in the order they came."""

    library: Library
    store: SessionStore
    settings: ServeSettings
    _guard: threading.Condition = field(default_factory=threading.Condition)
    _opening: threading.Lock = field(default_factory=threading.Lock)
    _at_hand: dict[str, AtHand] = field(default_factory=dict[str, AtHand])
    _waiting: deque[AtHand] = field(default_factory=deque[AtHand])
    _writers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_WRITERS))
    _mean_s: float = _FIRST_GUESS_S
    _is_closing: bool = False

    def __post_init__(self) -> None:
        self._logs = self.library.folder / "serving" / "events"
        self._logs.mkdir(parents=True, exist_ok=True)
        for number in range(self.settings.workers):
            name = f"playhead-answers-{number}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    # Asking

    def claim(self, session: str) -> AtHand:
        """A place for a question of this session; never waits.

        Raises:
            Refused: The session has one at hand, or too many wait.
        """
        with self._guard:
            self.check_place(session)
            claimed = self._at_hand[session] = AtHand(session)
            return claimed

    def check_place(self, session: str | None) -> None:
        """See that there is a place for a question of this session. None: of a new one.

        Raises:
            Refused: As for `claim`.
        """
        with self._guard:
            if session in self._at_hand:
                hint = "wait for its answer, or stop it"
                raise Refused(409, "busy", "this session is answering a question", hint)
            most = self.settings.workers + self.settings.max_waiting
            if self._is_closing or len(self._at_hand) >= most:
                raise Refused(
                    429,
                    "too_many",
                    "too many questions are waiting",
                    "ask again later",
                    retry_after=self._retry_after_s(),
                )

    async def writing(self, write: Callable[..., T], *arguments: Any) -> T:
        """Run something that calls `put`, in a thread; a few at a time, so that whoever is refused
        meanwhile is refused at once."""
        return await to_thread.run_sync(write, *arguments, limiter=self._writers)

    def put(self, claimed: AtHand, how: How, write: Callable[[Session], int]) -> EventLog:
        """Write a question down, and have it answered.

        Args:
            claimed: Its place, from `claim`.
            how: How it is answered.
            write: Writes it down in its session, and gives its number.

        Returns:
            What happens with it.
        """
        try:
            with self._session(claimed.session, how) as asker:
                claimed.number, claimed.how = write(asker), how
            log = self._log(claimed.session, claimed.number)
            log.add(*events.first(self._question(claimed)))
        except BaseException:
            self.let_go(claimed)
            raise
        return self._enqueue(claimed, log)

    def events(self, session: str, number: int) -> EventLog:
        """What happened and happens with a question; one that was interrupted is gone on with.

        Raises:
            Refused: No such question, or too many wait.
        """
        with self._opening:  # nobody else begins the same log
            at_hand = self._settled(session)
            if at_hand is not None and at_hand.number == number and at_hand.log is not None:
                return at_hand.log
            found = self.store.question(session, number)
            if found is None:
                raise Refused(404, "not_found", "no such question")
            log = self._log(session, number)
            if log.end is not None:
                return log
            if found.trajectory is not None:
                return _finished(log, found)
            claimed = self.claim(session)
            claimed.number = number
            log.add(*(("resumed", {}) if len(log) else events.first(found)))
            return self._enqueue(claimed, log)

    def stop(self, session: str) -> bool:
        """Have the question at hand answered with the best so far; False if there is none."""
        with self._guard:
            at_hand = self._at_hand.get(session)
            if at_hand is None:
                return False
            at_hand.is_stopped = True
            if at_hand.asker is not None:
                at_hand.asker.stop()
            return True

    # Looking

    def state(self, asked: Question) -> tuple[State, ErrorBody | None]:
        """How far a question has come, and why it failed if it did."""
        record = asked.trajectory
        if record is not None:
            return ("answered", None) if record.answer else ("failed", _why(record))
        with self._guard:
            at_hand = self._at_hand.get(asked.session)
            if at_hand is not None and at_hand.number == asked.number:
                return at_hand.state, None
        end = self._log(asked.session, asked.number).end
        if end is None:
            return "interrupted", None
        return "failed", ErrorBody.model_validate(end["error"])

    def session_state(
        self, session: str, waiting: tuple[int, ...]
    ) -> Literal["idle", "waiting", "running", "interrupted"]:
        """How far the last question of a session has come.

        Args:
            session: Its id.
            waiting: Numbers of its questions without a record.
        """
        with self._guard:
            if session in self._at_hand:
                return self._at_hand[session].state
        lost = waiting and self._log(session, waiting[-1]).end is None
        return "interrupted" if lost else "idle"

    def numbers(self) -> dict[str, int]:
        """How many are answered, how many wait, how many may."""
        with self._guard:
            running = sum(at_hand.state == "running" for at_hand in self._at_hand.values())
            return {
                "running": running,
                "waiting": len(self._at_hand) - running,
                "max_waiting": self.settings.max_waiting,
            }

    # Ending

    def forget(self, session: str, patience_s: float = 30.0) -> None:
        """Stop the question of a session, and throw away what was told of all of them."""
        with self._guard:
            self.stop(session)
            self._guard.wait_for(lambda: session not in self._at_hand, patience_s)
        for path in self._logs.glob(f"{session}-*.jsonl"):
            path.unlink(missing_ok=True)

    def close(self, patience_s: float) -> bool:
        """Begin no more, and wait for what is being answered.

        Returns:
            Whether all of it was. What was not is gone on with by the next server: the library must
            then stay open until the program ends.
        """
        with self._guard:
            self._is_closing = True
            self._guard.notify_all()
            return self._guard.wait_for(
                lambda: all(one.state != "running" for one in self._at_hand.values()), patience_s
            )

    # Inside

    def _session(self, session: str, how: How) -> Session:
        kept = self.store.settings(session)
        effort = how.effort or kept.get("effort") or self.settings.effort
        return Session(
            self.library,
            model=self.settings.model,
            effort=effort,
            budget=usual_budget(self.settings.model, effort).replace(**self.settings.bounds),
            strategy=kept.get("strategy", "auto"),
            verify=how.verify,
            id=session,
            sampling=how.sampling,
        )

    def _enqueue(self, claimed: AtHand, log: EventLog) -> EventLog:
        with self._guard:
            if self._waiting:
                log.add("waiting", {"ahead": len(self._waiting)})
            claimed.log = log
            self._waiting.append(claimed)
            self._guard.notify_all()
            return log

    def _work(self) -> None:
        while True:
            with self._guard:
                self._guard.wait_for(lambda: self._waiting or self._is_closing)
                if self._is_closing:
                    return
                at_hand = self._waiting.popleft()
                at_hand.state = "running"
            started = time.monotonic()
            try:
                self._answer(at_hand)
            except Exception:
                logger.exception("question %s of session %s", at_hand.number, at_hand.session)
                self.let_go(at_hand)
            self._mean_s += 0.2 * (time.monotonic() - started - self._mean_s)

    def _answer(self, at_hand: AtHand) -> None:
        """Answer a question. Whoever hears that it is done may ask the next one."""
        assert at_hand.log is not None
        error: ErrorBody | None = None
        try:
            with self._session(at_hand.session, at_hand.how) as asker:
                at_hand.asker = asker
                before: Event | None = None
                for event in asker.resume(at_hand.number):
                    if event.kind == "started" and at_hand.is_stopped:
                        asker.stop()
                    if event != before:  # how far the index has come is told again and again
                        at_hand.log.add(*events.told(event))
                    before = event
        except Exception as why:
            _, error = body_of(why)
        asked = self._question(at_hand)
        if asked is not None and asked.trajectory is not None:
            error = _why(asked.trajectory)
        with self._guard:
            at_hand.log.add(*events.last(asked, error))
            self.let_go(at_hand)

    def _question(self, at_hand: AtHand) -> Question | None:
        return self.store.question(at_hand.session, at_hand.number)

    def _settled(self, session: str) -> AtHand | None:
        """The question of a session that is at hand, when it is known which one."""

        def is_known() -> bool:
            at_hand = self._at_hand.get(session)
            return at_hand is None or at_hand.log is not None

        with self._guard:
            self._guard.wait_for(is_known, _SETTLED_S)
            return self._at_hand.get(session)

    def let_go(self, at_hand: AtHand) -> None:
        """Give a place back."""
        with self._guard:
            self._at_hand.pop(at_hand.session, None)
            self._guard.notify_all()

    def _log(self, session: str, number: int) -> EventLog:
        return EventLog(self._logs / f"{session}-{number}.jsonl")

    def _retry_after_s(self) -> int:
        ahead = len(self._at_hand) / self.settings.workers
        return max(1, min(_LONGEST_WAIT_S, math.ceil(ahead * self._mean_s)))


def _finished(log: EventLog, asked: Question) -> EventLog:
    """The log of an answered question whose end was not kept."""
    if not len(log):
        for name, data in events.of_record(asked):
            log.add(name, data)
    assert asked.trajectory is not None
    log.add(*events.last(asked, _why(asked.trajectory)))
    return log


def _why(record: Trajectory) -> ErrorBody | None:
    """Why an attempt failed, in words for a client. None: it did not."""
    failure = record.failure
    if failure is None:
        return None
    return ErrorBody(code=failure.code, message=_SAID[failure.origin.value], hint=failure.hint)


_SAID = {
    "model": "the model failed while the question was answered",
    "tool": "the server failed while the question was answered",
    "world": "a file or another server failed while the question was answered",
}
