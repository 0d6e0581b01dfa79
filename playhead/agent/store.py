"""Sessions on disk: which questions were asked, how far each has come, and how they were answered.

The one idea: a question is one row. It is written before the first step, and its record is put into
the same row when it is answered, so after a crash a row without a record is what to go on with.
LangGraph's checkpoints lie in the same file and are removed when the record is there.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playhead.core.errors import StoreError
from playhead.core.trajectory import Task, Trajectory

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, created TEXT NOT NULL,
  settings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS questions (session TEXT NOT NULL REFERENCES sessions(id),
  number INTEGER NOT NULL, task TEXT NOT NULL, prepared TEXT NOT NULL, trajectory TEXT,
  feedback INTEGER, note TEXT NOT NULL DEFAULT '', PRIMARY KEY (session, number));
CREATE TABLE IF NOT EXISTS pictures (id TEXT PRIMARY KEY, png BLOB NOT NULL);
"""
_THREADS = "SELECT session || '-' || number FROM questions WHERE session = ?"


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

    def questions(self, session: str) -> list[Question]:
        """The questions of a session, in order."""
        found = self._run(
            "SELECT session, number, task, prepared, trajectory, feedback, note FROM questions "
            "WHERE session = ? ORDER BY number",
            (session,),
        )
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
            for session, number, task, prepared, stored, feedback, note in found
        ]

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
        """Forget a session: its questions, their pictures, and how far they had come."""
        for query in self._forgetting(_THREADS):
            self._run(query, (session,))
        self._run("DELETE FROM questions WHERE session = ?", (session,))
        self._run("DELETE FROM sessions WHERE id = ?", (session,))
        self._run(
            "DELETE FROM pictures WHERE NOT EXISTS "
            "(SELECT 1 FROM questions WHERE instr(questions.task, pictures.id))"
        )

    def keep_picture(self, id_: str, png: bytes) -> None:
        """Keep a picture that came with a question."""
        self._run("INSERT OR IGNORE INTO pictures VALUES (?, ?)", (id_, png))

    def picture(self, id_: str) -> bytes | None:
        """A picture that came with a question, as PNG; None if there is none of that id."""
        found = self._run("SELECT png FROM pictures WHERE id = ?", (id_,))
        return found[0][0] if found else None

    def vacuum(self) -> None:
        """Give back the place of what was deleted."""
        self._run("VACUUM")

    def _forgetting(self, threads: str) -> list[str]:
        """How to forget checkpoints, if there ever were any: their tables are LangGraph's."""
        query = "SELECT name FROM sqlite_master WHERE name IN ('checkpoints', 'writes')"
        tables = [name for (name,) in self._db.execute(query)]
        return [f"DELETE FROM {table} WHERE thread_id IN ({threads})" for table in tables]  # noqa: S608

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
