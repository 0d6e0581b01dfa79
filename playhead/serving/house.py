"""What the routes of one server share: the library, its sessions, what is open, what is at hand.

The one idea: ids from outside are looked up, never interpreted. A video is found by its whole id
and by nothing else: no path, title or beginning of an id leads to one here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from playhead.agent.store import Head, SessionStore
from playhead.memory.library import Library
from playhead.memory.videos import LibraryVideo, library_video
from playhead.serving.asking import Questions
from playhead.serving.errors import Refused
from playhead.serving.pictures import Pictures
from playhead.serving.proxy import Proxies
from playhead.serving.settings import ServeSettings

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True)
class House:
    """Everything a request may need."""

    library: Library
    settings: ServeSettings
    store: SessionStore
    questions: Questions
    pictures: Pictures
    proxies: Proxies

    @classmethod
    def of(cls, library: Library, settings: ServeSettings) -> House:
        """For one library, which stays the caller's to close."""
        store = SessionStore(library.folder / "sessions.sqlite")
        folder = library.folder / "serving"
        folder.mkdir(exist_ok=True)
        pictures = Pictures(library, store)
        return cls(
            library,
            settings,
            store,
            Questions(library, store, settings),
            pictures,
            Proxies(library, folder / "proxies", settings.cache_bytes),
        )

    @property
    def uploads(self) -> Path:
        """The folder of the files that were uploaded."""
        return self.library.folder / "uploads"

    def video(self, id_: str) -> LibraryVideo:
        """The video of that id.

        Raises:
            Refused: There is none.
        """
        facts = self.library.memory.videos().get(id_) if _ID.fullmatch(id_) else None
        if not facts:
            raise Refused(404, "not_found", "no such video", "GET /api/videos lists them")
        return library_video(id_, facts)

    def file(self, video: LibraryVideo) -> Path:
        """The file of a video, as large as it was when it was added.

        Raises:
            Refused: It is gone or changed.
        """
        for name in video.paths:
            path = Path(name)
            if path.is_file() and path.stat().st_size == video.info.num_bytes:
                return path
        raise Refused(410, "file_gone", "the file of this video is gone or was changed")

    def head(self, session: str) -> Head:
        """A session of that id.

        Raises:
            Refused: There is none.
        """
        found = self.store.heads(session) if _ID.fullmatch(session) else []
        if not found:
            raise Refused(404, "not_found", "no such session", "GET /api/sessions lists them")
        return found[0]

    def check_videos(self, ids: list[str] | None) -> list[str]:
        """The ids of those videos; of all, if none are named.

        Raises:
            Refused: One is not there, or the library holds none.
        """
        if ids is None:
            ids = [video.id for video in self.library.videos()]
        if not ids:
            raise Refused(422, "no_videos", "a session is about at least one video")
        return [self.video(id_).id for id_ in dict.fromkeys(ids)]

    def close(self, patience_s: float) -> bool:
        """End what is at hand; False if something still runs, see `Questions.close`."""
        self.proxies.close()
        is_idle = self.questions.close(patience_s)
        if is_idle:
            self.pictures.close()
            self.store.close()
        return is_idle


async def _house(request: Request) -> House:  # plain ones wait for a thread, also to refuse
    return request.app.state.house


HouseOf = Annotated[House, Depends(_house)]
"""As an argument of a route."""
