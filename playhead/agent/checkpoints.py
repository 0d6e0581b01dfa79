"""Checkpoints of a question that is being answered: LangGraph's, in the file of the sessions.

Two things are ours. Only the newest checkpoint of a question is kept, since each holds all the
steps; and what is read back is plain data: a file that somebody tampered with makes no object and
calls no function, it is refused.

A commit waits for the operating system, not for the disk: what was done survives the death of the
program at any moment, and of the machine up to the last steps.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from playhead.core.errors import StoreError

_PLAIN = ("null", "bytes", "msgpack")


class PlainSerializer(JsonPlusSerializer):
    """Reads nothing but plain data."""

    def __init__(self) -> None:
        super().__init__(allowed_msgpack_modules=None, __unpack_ext_hook__=_refuse)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """What was stored.

        Raises:
            StoreError: It is no plain data.
        """
        kind, _ = data
        if kind not in _PLAIN:
            raise StoreError(f"a checkpoint holds plain data: got {kind!r}")
        try:
            return super().loads_typed(data)
        except ValueError as error:
            raise StoreError(f"a checkpoint holds plain data: {error}") from error


class Checkpoints(SqliteSaver):
    """The newest checkpoint of each question. A write takes less than a switch of threads would,
    so the async methods do it where they are."""

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint, and forget those before it."""
        kept = super().put(config, checkpoint, metadata, new_versions)
        which = (config.get("configurable", {})["thread_id"], checkpoint["id"])
        with self.cursor() as cursor:
            for table in ("checkpoints", "writes"):
                cursor.execute(
                    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id < ?",  # noqa: S608
                    which,
                )
        return kept

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The newest checkpoint of a question."""
        return self.get_tuple(config)

    async def alist(
        self, config: RunnableConfig | None, **how: Any
    ) -> AsyncIterator[CheckpointTuple]:
        """The checkpoints there are."""
        for found in self.list(config, **how):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """`put`."""
        return self.put(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """`put_writes`."""
        self.put_writes(config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Forget a question."""
        self.delete_thread(thread_id)


@contextmanager
def open_checkpoints(path: Path) -> Generator[Checkpoints]:
    """The checkpoints in a file of sessions."""
    connection = sqlite3.connect(path, check_same_thread=False, timeout=60)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        yield Checkpoints(connection, serde=PlainSerializer())
    finally:
        connection.close()


def _refuse(code: int, data: bytes) -> Any:
    raise StoreError(f"a checkpoint holds plain data: got an object of kind {code}")
