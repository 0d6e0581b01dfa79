"""The agent as a model of the OpenAI API: any client that speaks it can ask about videos.

    client.chat.completions.create(
        model="playhead",
        messages=[{"role": "user", "content": [
            {"type": "video_url", "video_url": {"url": "playhead://VIDEO_ID"}},
            {"type": "text", "text": "When does the red team score first?"}]}])

The one idea: a conversation is a question with what went before it. The last user message is asked,
the turns before it are told as earlier questions, and the tools are ours: what they did is the
`reasoning_content`. No address is ever followed; a video is named by its id in the library.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from playhead.agent.prompts import earlier_lines
from playhead.agent.session import Session
from playhead.core.budget import Effort
from playhead.core.policy import Sampling
from playhead.core.trajectory import Answer, Task
from playhead.serving.asking import How
from playhead.serving.errors import RESPONSES, ErrorBody, Refused, reply
from playhead.serving.events import DONE, EventLog, Told
from playhead.serving.house import House, HouseOf
from playhead.serving.images import read_image
from playhead.serving.sessions import NewSession, written

router = APIRouter(prefix="/v1", tags=["openai"], responses=RESPONSES)

_SCHEME = "playhead://"
_NAME = "playhead"
_MODELS = [_NAME, *(f"{_NAME}-{effort.value}" for effort in Effort)]
_STARTED = int(time.time())
_FIRST_LINE = 300  # characters of a result in the reasoning


class ChatMessage(BaseModel):
    """One turn. Fields that are not named here are left alone."""

    model_config = ConfigDict(extra="allow")

    role: Annotated[str, Field(max_length=20)]
    content: str | list[dict[str, JsonValue]] | None = None


class StreamOptions(BaseModel):
    """How chunks are sent."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool | None = False


class ChatRequest(BaseModel):
    """A request as the OpenAI API has it. Fields that are not named here are left alone."""

    model_config = ConfigDict(extra="allow")

    model: str = _NAME
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1000)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    metadata: dict[str, str] | None = None
    """`video`: ids of videos, with commas between them."""
    videos: list[str] | None = None
    """Ids of videos. Without any, here, in `metadata` or as `video_url`: all of the library."""
    store: bool | None = False
    """Keep the session; its id is in the reply."""


class ModelCard(BaseModel):
    """A model that can be asked."""

    id: str
    object: str = "model"
    created: int
    owned_by: str = _NAME


class Models(BaseModel):
    """All models that can be asked."""

    object: str = "list"
    data: list[ModelCard]


@dataclass(frozen=True)
class _Asking:
    """What a request asks."""

    question: str
    image: str | None
    videos: list[str]
    earlier: list[str]


@router.get("/models")
def models() -> Models:
    """The agent, and the agent at each effort."""
    return Models(data=[ModelCard(id=name, created=_STARTED) for name in _MODELS])


@router.post(
    "/chat/completions",
    response_class=JSONResponse,
    responses={
        200: {
            "content": {"application/json": {}, "text/event-stream": {}},
            "description": "A chat completion, or its chunks",
        }
    },
)
async def chat_completions(house: HouseOf, wanted: ChatRequest) -> Response:
    """Ask about videos as if the agent were a model."""
    asking = _read(wanted)
    effort = _effort(wanted.model)
    session = secrets.token_hex(16)
    claimed = house.questions.claim(session)

    def write(asker: Session) -> int:
        image = None if asking.image is None else read_image(asking.image)
        return asker.put(asking.question, image=image, earlier=asking.earlier)

    how = How(effort=effort, sampling=_sampling(wanted))
    new = NewSession.model_construct(videos=asking.videos or None, effort=None)
    log = await house.questions.writing(written, house, claimed, how, write, new)
    completion = _Completion(house, session, wanted, log)
    if wanted.stream:
        return StreamingResponse(completion.chunks(), media_type="text/event-stream")
    return await completion.whole()


class _Completion:
    """One reply."""

    def __init__(self, house: House, session: str, wanted: ChatRequest, log: EventLog) -> None:
        self._house, self._session, self._wanted, self._log = house, session, wanted, log
        self._head = {
            "id": f"chatcmpl-{session}",
            "created": int(time.time()),
            "model": wanted.model,
        }

    async def whole(self) -> Response:
        """All of it."""
        thought: list[str] = []
        end: dict[str, Any] = {}
        async with aclosing(self._listen()) as events:
            async for told in events:
                thought.append(_reasoning(told))
                end = told[1] if told[0] == DONE else end
        if end["answer"] is None:
            return reply(502, ErrorBody.model_validate(end["error"]))
        message = {
            "role": "assistant",
            "content": end["answer"]["text"],
            "reasoning_content": "".join(thought),
        }
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return JSONResponse(
            {
                **self._head,
                "object": "chat.completion",
                "choices": [choice],
                "usage": _usage(end),
                "playhead": self._details(end),
            }
        )

    async def chunks(self) -> AsyncIterator[bytes]:
        """Piece by piece, as server-sent events."""
        yield self._chunk({"role": "assistant", "content": ""})
        async with aclosing(self._listen()) as events:
            async for told in events:
                words, end = _reasoning(told), told[1]
                if words:
                    yield self._chunk({"reasoning_content": words})
                elif told[0] == DONE and end["answer"] is None:
                    yield _data({"error": end["error"]})
                elif told[0] == DONE:
                    yield self._chunk({"content": end["answer"]["text"]})
                    yield self._chunk({}, finish="stop", playhead=self._details(end))
                    if self._wanted.stream_options and self._wanted.stream_options.include_usage:
                        yield self._chunk(None, usage=_usage(end))
        yield b"data: [DONE]\n\n"

    async def _listen(self) -> AsyncGenerator[Told]:
        """Every event; who stops listening stops the question. The session goes, unless kept."""
        try:
            async with aclosing(self._log.listen()) as events:
                async for new in events:
                    for told in new:
                        yield told
        finally:  # in a thread: whoever is cancelled waits for nothing
            threading.Thread(target=self._end, daemon=True).start()

    def _end(self) -> None:
        if self._log.end is None:
            self._house.questions.stop(self._session)
        if not self._wanted.store:
            self._house.questions.forget(self._session)
            self._house.store.delete(self._session)

    def _details(self, end: dict[str, Any]) -> dict[str, Any]:
        """What the OpenAI API has no place for: the seconds that prove it, and what it cost."""
        session = self._session if self._wanted.store else None
        return {
            "session": session,
            "answer": end["answer"],
            "stop": end["stop"],
            "cost": end["cost"],
        }

    def _chunk(self, delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
        choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
        return _data({**self._head, "object": "chat.completion.chunk", "choices": choices, **more})


def _read(wanted: ChatRequest) -> _Asking:
    """The question of a conversation, and what went before.

    Raises:
        Refused: There is no question, or something in it cannot be read.
    """
    turns = [(message.role, _Content.of(message)) for message in wanted.messages]
    asked = [number for number, (role, _) in enumerate(turns) if role == "user"]
    if not asked or not turns[asked[-1]][1].text:
        raise Refused(422, "bad_request", "the last user message is the question: it has no words")
    last = turns[asked[-1]][1]
    named = (wanted.metadata or {}).get("video", "").split(",")
    videos = [*(wanted.videos or ()), *(name.strip() for name in named if name.strip())]
    videos += [video for _, content in turns for video in content.videos]
    return _Asking(last.text, last.image, list(dict.fromkeys(videos)), _earlier(turns[: asked[-1]]))


@dataclass(frozen=True)
class _Content:
    """What one message holds."""

    text: str
    image: str | None
    videos: list[str]

    @classmethod
    def of(cls, message: ChatMessage) -> _Content:
        if message.content is None or isinstance(message.content, str):
            return cls((message.content or "").strip(), None, [])
        words, videos, image = list[str](), list[str](), None
        for part in message.content:
            kind = part.get("type")
            if kind == "text":
                words.append(str(part.get("text", "")))
            elif kind == "image_url":
                image = _url(part, "image_url")
            elif kind == "video_url":
                videos.append(_video(_url(part, "video_url")))
            else:
                raise Refused(422, "bad_request", "a part is text, image_url or video_url")
        return cls("\n".join(words).strip(), image, videos)


def _url(part: dict[str, JsonValue], name: str) -> str:
    inner = part.get(name)
    url = inner.get("url") if isinstance(inner, dict) else inner
    if not isinstance(url, str):
        raise Refused(422, "bad_request", f"a part of type {name} has an {name} with a url")
    return url


def _video(url: str) -> str:
    if not url.startswith(_SCHEME):
        hint = f"add the video to the library, then name it {_SCHEME}ID"
        raise Refused(422, "no_urls", "no address is ever fetched", hint)
    return url.removeprefix(_SCHEME).strip("/")


def _earlier(turns: list[tuple[str, _Content]]) -> list[str]:
    """The turns before the question, as a session tells them; instructions as the asker's wish."""
    lines: list[str] = []
    question = ""
    for role, content in turns:
        if role in ("system", "developer") and content.text:
            wish = json.dumps(content.text, ensure_ascii=False)
            lines.append(f"The person who asks wishes: {wish}")
        elif role == "user":
            question = content.text
        elif role == "assistant" and question:
            said = (Task(id="", question=question), Answer(text=content.text))
            lines += earlier_lines([said])
    return lines


def _effort(model: str) -> str | None:
    if model not in _MODELS:
        raise Refused(404, "no_such_model", "no such model", "GET /v1/models lists them")
    return model.partition("-")[2] or None


def _sampling(wanted: ChatRequest) -> Sampling | None:
    drawn = {"temperature": wanted.temperature, "top_p": wanted.top_p, "seed": wanted.seed}
    given = {name: value for name, value in drawn.items() if value is not None}
    return Sampling.model_validate(given) if given else None


def _reasoning(told: Told) -> str:
    """An event as a line of the agent's reasoning; empty if it is none."""
    name, data = told
    if name == "thought" and data["text"]:
        return f"{data['text']}\n"
    if name == "call":
        return f"{data['name']}({json.dumps(data['arguments'], ensure_ascii=False)})\n"
    if name == "observation":
        return f"  {data['text'].partition(chr(10))[0][:_FIRST_LINE]}\n"
    return ""


def _usage(end: dict[str, Any]) -> dict[str, Any]:
    cost = end["cost"] or {}
    given, said = cost.get("input_tokens", 0), cost.get("output_tokens", 0)
    return {"prompt_tokens": given, "completion_tokens": said, "total_tokens": given + said}


def _data(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()
