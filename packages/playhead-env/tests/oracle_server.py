"""A chat-completions server that streams; its mind is Playhead's oracle, who reads pictures."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

from playhead.core.media import FrameRef
from playhead.core.message import Message, PicturePart, Role, TextPart, ToolCall
from playhead.core.policy import Sampling
from playhead.core.tools import ToolSpec
from playhead.worlds.policy import OraclePolicy

_TIME = re.compile(r"<([\d.]+)s>\s*$")
_EVIDENCE = re.compile(r"\[(e[0-9a-f]{16})\]")


def completion(body: dict[str, Any]) -> dict[str, Any]:
    """The delta of the whole reply: the oracle's, which cites all that it looked at."""
    pictures: dict[FrameRef, Any] = {}
    messages = [_message(told, pictures) for told in body["messages"]]
    tools = [
        ToolSpec(name=f["name"], description=f["description"], arguments=f["parameters"])
        for f in (tool["function"] for tool in body.get("tools", []))
    ]
    oracle = OraclePolicy(pictures.__getitem__)
    reply = asyncio.run(oracle.reply(messages, tools, Sampling()))
    ids = [id_ for message in messages for id_ in _EVIDENCE.findall(message.text)]
    calls = []
    for index, call in enumerate(reply.calls):
        arguments = dict(call.arguments)
        if call.name == "answer":
            arguments["evidence"] = list(dict.fromkeys(ids))
        function = {"name": call.name, "arguments": json.dumps(arguments)}
        calls.append({"index": index, "id": call.id, "type": "function", "function": function})
    return {"role": "assistant", "content": reply.text, **({"tool_calls": calls} if calls else {})}


def _message(told: dict[str, Any], pictures: dict[FrameRef, Any]) -> Message:
    content = told.get("content") or ""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    parts: list[Any] = []
    for block in blocks:
        if block["type"] == "text":
            parts.append(TextPart(text=block["text"]))
            continue
        data = base64.b64decode(block["image_url"]["url"].partition("base64,")[2])
        pixels = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
        time_s = float(_TIME.search(parts[-1].text)[1])
        frame = FrameRef(
            video_id="v1", time_s=time_s, height=pixels.shape[0], width=pixels.shape[1]
        )
        pictures[frame] = pixels
        parts.append(PicturePart(frame=frame))
    calls = tuple(
        ToolCall.read(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in told.get("tool_calls") or ()
    )
    return Message(
        role=Role(told["role"]), parts=tuple(parts), calls=calls, call_id=told.get("tool_call_id")
    )


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._send("application/json", json.dumps({"data": [{"id": "oracle"}]}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        delta = completion(body)
        finish = "tool_calls" if "tool_calls" in delta else "stop"
        usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        about = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "oracle"}
        if not body.get("stream"):
            choice = {"index": 0, "message": delta, "finish_reason": finish}
            whole = {**about, "object": "chat.completion", "choices": [choice], "usage": usage}
            return self._send("application/json", json.dumps(whole))
        chunks = [
            {**about, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
            {**about, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
            {**about, "choices": [], "usage": usage},
        ]
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        self._send("text/event-stream", "".join([*lines, "data: [DONE]\n\n"]))

    def _send(self, kind: str, text: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    """The server on a loopback port, until the block ends. Gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
