"""The way to a Qdrant server, or to the client's local mode.

The one idea: nobody above this file knows how the client library names its errors, or which of its
features an old server lacks.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from playhead.core.errors import MissingExtra, StoreError

_OLDEST = (1, 17)  # the first that can insert a point without replacing the one that is there
_WAIT_S = 60


class Server:
    """A Qdrant server, or a folder or nothing but memory that the client uses in its place."""

    def __init__(self, where: Any) -> None:
        """Connect.

        Args:
            where: A `QdrantClient`, or what one is made of: an address (`http://...`), a folder
                for the client's local mode, or `:memory:`.

        Raises:
            MissingExtra: The client library is not installed.
            StoreError: The server does not answer, or is too old.
        """
        library = _library()
        self.models: Any = library.models
        self._is_ours = isinstance(where, str)
        self.client: Any = _connect(library, where) if isinstance(where, str) else where
        options = self.client.init_options
        self.is_local = options["location"] == ":memory:" or options["path"] is not None
        """The client's own imitation: exact, for one process, up to about 20,000 vectors."""
        with answering():
            version = str(self.client.info().version)
        if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
            wanted = ".".join(map(str, _OLDEST))
            raise StoreError(
                f"the Qdrant server has version {version}: {wanted} or newer is needed"
            )

    def close(self) -> None:
        """Give back the client if it was made here."""
        if self._is_ours:
            self.client.close()

    def make_collection(self, name: str, vectors: Any) -> None:
        """Make a collection that is not there. One that is there stays as it is."""
        with answering():
            if self.client.collection_exists(name):
                return
            try:
                self.client.create_collection(name, vectors_config=vectors, on_disk_payload=True)
            except Exception:
                if not self.client.collection_exists(name):  # else another process was faster
                    raise

    def make_payload_index(self, name: str, key: str, kind: str) -> None:
        """Let a collection filter by a field of its payload fast; local mode needs none."""
        if not self.is_local:
            with answering():
                self.client.create_payload_index(name, key, kind, wait=True)


@contextmanager
def answering() -> Generator[None]:
    """Whatever the server or the way to it breaks is a `StoreError`."""
    errors: Any = import_module("qdrant_client.http.exceptions")
    try:
        yield
    except errors.ResponseHandlingException as error:
        raise StoreError(f"the Qdrant server does not answer: {error.source}; is it up?") from error
    except errors.UnexpectedResponse as error:
        raise StoreError(f"the Qdrant server refused: {error}") from error


def _library() -> Any:
    try:
        return import_module("qdrant_client")
    except ImportError as error:
        raise MissingExtra(
            'a memory on Qdrant needs qdrant-client: pip install "playhead[qdrant]"'
        ) from error


def _connect(library: Any, where: str) -> Any:
    if where == ":memory:":
        return library.QdrantClient(where)
    if where.startswith(("http://", "https://")):
        return library.QdrantClient(url=where, check_compatibility=False, timeout=_WAIT_S)
    return library.QdrantClient(path=where)
