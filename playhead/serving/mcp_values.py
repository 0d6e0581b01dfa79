"""What clients of the Model Context Protocol send and get: the values behind the schemas.

The one idea: what does not fit a type is refused before anything is done, and what is in no type
does not get out. A class's docstring is the prompt of its tool, a field's that of the argument.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from playhead.core.budget import Cost
from playhead.core.value import Text, Value

Seconds = Annotated[float, Field(ge=0, le=1e7)]
Words = Annotated[Text, Field(max_length=4_000)]
Name = Annotated[Text, Field(min_length=1, max_length=300)]


class ListVideos(Value):
    """List the videos that can be asked about: id, title, length, and how much of each has been
    looked at."""


class IndexVideo(Value):
    """Add a video file to the library and index it. Returns when it is indexed or when wait_s is
    over; indexing goes on by itself, and questions can be asked at once."""

    path: Annotated[Text, Field(min_length=1, max_length=4_000)]
    """The file, in one of the folders that the server was started with, or relative to one."""
    until: Literal["coarse", "fine", "late"] = "coarse"
    """How far to wait for: coarse (keyframes), fine (a picture a second), late (everything)."""
    wait_s: Annotated[float, Field(ge=0, le=3_600)] = 30.0
    """How long to wait, in seconds."""


class SearchVideo(Value):
    """Find moments by what is said, written or described. Gives spans with a score; what has not
    been looked at yet cannot be found. Names and rare words find more than sentences."""

    query: Annotated[Words, Field(min_length=1)]
    """Words to look for."""
    videos: Annotated[tuple[Name, ...], Field(max_length=200)] = ()
    """Only these, by id or title. Empty: all."""
    kinds: Annotated[tuple[Name, ...], Field(max_length=10)] = ()
    """Only these: speech, screen_text, caption, picture, track, note. Empty: all."""
    start_s: Seconds | None = None
    """Only what lies after this second."""
    end_s: Seconds | None = None
    """Only what lies before this second."""
    k: Annotated[int, Field(ge=1, le=20)] = 5
    """How many moments."""


class GetFrames(Value):
    """Look at pictures of a part of a video, spread evenly. They come as links that can be read
    one by one (resources), each with its second; with inline=true as pixels."""

    video: Name
    """Which video: id or title."""
    start_s: Seconds
    """Where the part starts, in seconds."""
    end_s: Seconds
    """Where it ends, in seconds."""
    num: Annotated[int, Field(ge=1, le=64)] = 8
    """How many pictures; at most 16 inline."""
    detail: Literal["coarse", "medium", "fine"] = "medium"
    """How much detail in all: fewer pictures are larger ones."""
    inline: bool = False
    """Send the pixels at once, as JPEG."""


class GetTranscript(Value):
    """Read what is said in a part of a video: subtitles or recognised speech, in order of time."""

    video: Name
    """Which video: id or title."""
    start_s: Seconds | None = None
    """Where the part starts, in seconds."""
    end_s: Seconds | None = None
    """Where it ends, in seconds."""
    query: Words = ""
    """Only lines with these words, each with its neighbours."""


class Ground(Value):
    """Find when something happens or is said in one video: spans with a confidence from 0 to 1,
    best first. Look at the best span with get_frames before you trust it."""

    video: Name
    """Which video: id or title."""
    query: Annotated[Words, Field(min_length=1)]
    """What to find, in plain words."""
    start_s: Seconds | None = None
    """Only after this second."""
    end_s: Seconds | None = None
    """Only before this second."""
    k: Annotated[int, Field(ge=1, le=10)] = 3
    """How many spans."""


class Caption(Value):
    """Read what a part of a video shows, in words, and what is said there."""

    video: Name
    """Which video: id or title."""
    start_s: Seconds
    """Where the part starts, in seconds."""
    end_s: Seconds
    """Where it ends, in seconds."""
    level: Literal["", "1s", "8s", "64s", "chapter"] = ""
    """How long the pieces are. What suits the part if left out."""
    focus: Words = ""
    """Words that matter: captions with them come first."""


class AskVideo(Value):
    """Ask a question about videos. An agent watches what it needs and answers with the seconds that
    prove it. Takes from seconds to minutes; progress is told. Give the session of an earlier answer
    to ask a follow-up."""

    question: Annotated[Words, Field(min_length=1)]
    """In plain words."""
    videos: Annotated[tuple[Name, ...], Field(max_length=200)] = ()
    """Which videos, by id or title. Empty: all, or those of the session."""
    options: Annotated[tuple[Words, ...], Field(max_length=26)] = ()
    """Answers to choose from. Empty: an open question."""
    effort: Literal["quick", "normal", "deep"] | None = None
    """What it may cost. The server's own if left out."""
    start_s: Seconds | None = None
    """Only what lies after this second of the video."""
    end_s: Seconds | None = None
    """Only what lies before this second of the video."""
    session: Annotated[Text, Field(pattern=r"^([0-9a-f]{12}|[0-9a-f]{32})$")] | None = None
    """The session of an earlier answer, to go on with."""


class Video(Value):
    """A video of the library."""

    id: Text
    title: Text
    duration_s: float
    height: int
    width: int
    has_audio: bool
    seen: float
    """Share of it that has been looked at, 0 to 1."""
    heard: float
    """Share of it whose speech is known, 0 to 1."""


class Piece(Value):
    """Something found, with its seconds."""

    id: Text
    video: Text
    """The id of its video."""
    start_s: float
    end_s: float
    kind: Text
    text: Text
    score: float | None
    frames: tuple[Text, ...]
    """Addresses of the pictures it rests on: read them as resources."""


class Videos(Value):
    """Result of list_videos."""

    videos: tuple[Video, ...]


class Indexed(Value):
    """Result of index_video."""

    video: Video
    is_done: bool
    """False: it goes on by itself."""


class Found(Value):
    """Result of the tools that find something."""

    videos: tuple[Video, ...]
    evidence: tuple[Piece, ...]
    cost: Cost


class Answered(Value):
    """Result of ask_video."""

    text: Text
    choice: Text | None
    confidence: float | None
    abstained: bool
    verified: bool | None
    """Whether the evidence alone gives the same answer. Null: not checked."""
    videos: tuple[Video, ...]
    evidence: tuple[Piece, ...]
    coverage: float | None
    warnings: tuple[Text, ...]
    cost: Cost
    session: Text
    """Give it to ask_video to ask a follow-up."""
