"""Sessions on disk: which questions were asked, how far each has come, and how they were answered.

The one idea: a question is one row. It is written before the first step, and its record is put into
the same row when it is answered, so after a crash a row without a record is what to go on with.
LangGraph's checkpoints lie in the same file and are removed when the record is there.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playhead.core.errors import StoreError
from playhead.core.trajectory import Answer, Task, Trajectory

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, created TEXT NOT NULL,
  settings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS questions (session TEXT NOT NULL REFERENCES sessions(id),
  number INTEGER NOT NULL, task TEXT NOT NULL, prepared TEXT NOT NULL, trajectory TEXT,
  feedback INTEGER, note TEXT NOT NULL DEFAULT '', PRIMARY KEY (session, number));
CREATE TABLE IF NOT EXISTS pictures (id TEXT PRIMARY KEY, png BLOB NOT NULL);
"""
_QUESTION = "SELECT session, number, task, prepared, trajectory, feedback, note FROM questions"
_THREADS = "SELECT session || '-' || number FROM questions WHERE session = ?"


@dataclass(frozen=True)
class Head:
    """A session in a list."""

    id: str
    created: str
    """When it began, ISO 8601."""
    settings: Mapping[str, Any]
    num_questions: int
    first_question: str | None
    """None: nothing was asked yet."""
    waiting: tuple[int, ...]
    """Numbers of the questions without a record."""


@dataclass(frozen=True)
class Question:
    """A question of a session."""

    session: str
    number: int
    task: Task
    prepared: Mapping[str, Any]
    """What the attempt was prepared with: strategy, budget, earlier questions ..."""
    trajectory: Trajectory | None
    """None: not answered yet, or the program ended before it was."""
    feedback: int | None = None
    """1: good, -1: bad. None: nobody said."""
    note: str = ""

    @property
    def thread(self) -> str:
        """The name of its checkpoints, and of its record."""
        return f"{self.session}-{self.number}"


class SessionStore:
    """The sessions of a library. Safe in several threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._guard = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Give back the file. Closing twice is fine."""
        self._db.close()

    def create(self, id_: str, settings: Mapping[str, Any]) -> None:
        """Begin a session."""
        row = (id_, datetime.now(UTC).isoformat(), json.dumps(settings))
        self._run("INSERT INTO sessions VALUES (?, ?, ?)", row)

    def settings(self, id_: str) -> dict[str, Any]:
        """What a session was begun with. `id_` may be the beginning of one, or `last`.

        Raises:
            StoreError: There is none, or more than one.
        """
        return json.loads(self._session(id_)[2])

    def full_id(self, id_: str) -> str:
        """The whole id of a session. Errors as for `settings`."""
        return str(self._session(id_)[0])

    def sessions(self) -> list[tuple[str, str, list[Question]]]:
        """Id, when it began, and the questions of every session, the newest first."""
        found = self._run("SELECT id, created FROM sessions ORDER BY created DESC, rowid DESC")
        return [(id_, created, self.questions(id_)) for id_, created in found]

    def heads(self, session: str | None = None) -> list[Head]:
        """Every session without its records, the newest first; or one, if it is there."""
        found = self._run(
            "SELECT s.id, s.created, s.settings, count(q.number), "
            "max(CASE q.number WHEN 1 THEN json_extract(q.task, '$.question') END), "
            "group_concat(CASE WHEN q.trajectory IS NULL THEN q.number END) "
            "FROM sessions s LEFT JOIN questions q ON q.session = s.id "
            "WHERE ? IN (s.id, '') GROUP BY s.id ORDER BY s.created DESC, s.rowid DESC",
            (session or "",),
        )
        return [
            Head(id_, created, json.loads(settings), num, first, _numbers(waiting))
            for id_, created, settings, num, first, waiting in found
        ]

    def change(self, session: str, settings: Mapping[str, Any]) -> None:
        """Keep other settings of a session."""
        row = (json.dumps(settings), session)
        self._run("UPDATE sessions SET settings = ? WHERE id = ?", row)

    def ask(self, session: str, task: Task, prepared: Mapping[str, Any]) -> Question:
        """Write a question down, before anything is done about it."""
        row = (session, task.to_json(), json.dumps(prepared), session)
        ((number,),) = self._run(
            "INSERT INTO questions (session, number, task, prepared) "
            "SELECT ?, coalesce(max(number), 0) + 1, ?, ? FROM questions WHERE session = ? "
            "RETURNING number",
            row,
        )
        return Question(session, int(number), task, prepared, None)

    def answered(self, question: Question, trajectory: Trajectory) -> None:
        """Keep the record of a question; its checkpoints go in the same moment."""
        row = (trajectory.to_json(), question.session, question.number)
        with self._guard, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "UPDATE questions SET trajectory = ? WHERE session = ? AND number = ?", row
            )
            for query in self._forgetting("?"):
                self._db.execute(query, (question.thread,))

    def questions(self, session: str, *, last: int = -1) -> list[Question]:
        """The questions of a session, in order; only the last so many, if that is said."""
        found = self._run(
            f"{_QUESTION} WHERE session = ? ORDER BY number DESC LIMIT ?", (session, last)
        )
        return _questions(reversed(found))

    def answers(self, session: str, *, last: int) -> list[tuple[Task, Answer]]:
        """Those of the last so many questions of a session that have an answer, in order; their
        records are not read."""
        found = self._run(
            "SELECT task, json_extract(trajectory, '$.answer') FROM questions WHERE session = ? "
            "ORDER BY number DESC LIMIT ?",
            (session, last),
        )
        return [
            (Task.from_json(task), Answer.from_json(answer))
            for task, answer in reversed(found)
            if answer is not None
        ]

    def question(self, session: str, number: int) -> Question | None:
        """One question of a session. None: there is no such one."""
        found = self._run(f"{_QUESTION} WHERE session = ? AND number = ?", (session, number))
        return _questions(found)[0] if found else None

    def feedback(self, session: str, number: int, good: bool, note: str) -> None:
        """Keep what a person thought of an answer.

        Raises:
            ValueError: No such question.
        """
        row = (1 if good else -1, note, session, number)
        found = self._run(
            "UPDATE questions SET feedback = ?, note = ? WHERE session = ? AND number = ? "
            "RETURNING number",
            row,
        )
        if not found:
            raise ValueError(f"session {session} has no question {number}")

    def delete(self, session: str) -> None:
        """Forget a session: its questions, how far they had come, and pictures of theirs alone."""
        for query in self._forgetting(_THREADS):
            self._run(query, (session,))
        self._run("DELETE FROM questions WHERE session = ?", (session,))
        self._run("DELETE FROM sessions WHERE id = ?", (session,))
        unused = " AND ".join(f"NOT EXISTS ({query})" for query in self._picture_users())
        self._run(f"DELETE FROM pictures WHERE {unused}")  # noqa: S608

    def keep_picture(self, id_: str, png: bytes) -> None:
        """Keep a picture that came with a question, or from somebody else's tool."""
        self._run("INSERT OR IGNORE INTO pictures VALUES (?, ?)", (id_, png))

    def picture(self, id_: str) -> bytes | None:
        """A kept picture, as PNG; None if there is none of that id."""
        found = self._run("SELECT png FROM pictures WHERE id = ?", (id_,))
        return found[0][0] if found else None

    def vacuum(self) -> None:
        """Give back the place of what was deleted."""
        self._run("VACUUM")

    def _forgetting(self, threads: str) -> list[str]:
        """How to forget checkpoints."""
        return [f"DELETE FROM {t} WHERE thread_id IN ({threads})" for t in self._checkpoints()]  # noqa: S608

    def _picture_users(self) -> list[str]:
        """Where a picture may be named: in questions, and in how far those have come."""
        named = "instr(task, pictures.id) OR instr(trajectory, pictures.id)"
        users = [f"SELECT 1 FROM questions WHERE {named}"]  # noqa: S608
        for table, column in self._checkpoints().items():
            users.append(f"SELECT 1 FROM {table} WHERE instr({column}, CAST(pictures.id AS BLOB))")  # noqa: S608
        return users

    def _checkpoints(self) -> dict[str, str]:
        """LangGraph's tables and where they hold what, if there ever were checkpoints."""
        query = "SELECT name FROM sqlite_master WHERE name IN ('checkpoints', 'writes')"
        columns = {"checkpoints": "checkpoint", "writes": "value"}
        return {name: columns[name] for (name,) in self._db.execute(query)}

    def _session(self, id_: str) -> tuple[Any, ...]:
        if id_ == "last":
            query, values = "ORDER BY created DESC, rowid DESC LIMIT 1", ()
        else:
            query, values = "WHERE id = ? OR substr(id, 1, ?) = ?", (id_, len(id_), id_)
        found = self._run(f"SELECT id, created, settings FROM sessions {query}", values)  # noqa: S608
        exact = [row for row in found if row[0] == id_]
        found = exact or found
        if len(found) != 1 or not id_:
            what = "no session" if not found else "more than one session"
            raise StoreError(f"{what} {id_!r}: playhead sessions lists them")
        return found[0]

    def _run(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._guard:
            return self._db.execute(query, values).fetchall()


def _numbers(joined: str | None) -> tuple[int, ...]:
    return tuple(sorted(map(int, joined.split(",")))) if joined else ()


def _questions(rows: Iterable[tuple[Any, ...]]) -> list[Question]:
    return [
        Question(
            session=session,
            number=number,
            task=Task.from_json(task),
            prepared=json.loads(prepared),
            trajectory=None if stored is None else Trajectory.from_json(stored),
            feedback=feedback,
            note=note,
        )
        for session, number, task, prepared, stored, feedback, note in rows
    ]
