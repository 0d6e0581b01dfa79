"""A small HTTP server that speaks just enough chat completions, with the faults of real ones."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]


def says(content: str | None = None, **more: Any) -> Json:
    """A chat completion in which the model says this."""
    finish = more.pop("finish", "stop")
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **more}}
    return {"choices": [{**choice, "finish_reason": finish}], "usage": {"prompt_tokens": 7}}


class Failing:
    """An answer with a status of its own."""

    def __init__(self, status: int, body: Any = "no", **headers: str) -> None:
        self.status, self.body, self.headers = status, body, headers


class TinyServer:
    """Answers in order what it was given; the last answer again when there are no more."""

    def __init__(self, *answers: Any, **faults: Any) -> None:
        self.answers = list(answers) or [says("hello")]
        self.owned_by = faults.get("owned_by", "someone")
        self.models = faults.get("models", ["tiny"])
        self.refuses_tool_pictures = faults.get("refuses_tool_pictures", False)
        self.refuses_fields = faults.get("refuses_fields", ())
        self.key = faults.get("key")
        self.slow_s = faults.get("slow_s", 0.0)
        self.hangs_up = faults.get("hangs_up", 0)
        self.cache: set[str] = set()
        self.bodies: list[Json] = []
        self.num_bytes: list[int] = []
        self.url = ""
        self._lock = threading.Lock()

    def refusal(self, body: Json, key: str | None) -> Failing | None:
        """Why a request is not accepted, in the words of real servers."""
        if self.key is not None and key != f"Bearer {self.key}":
            return Failing(401, {"error": {"message": f"Incorrect API key provided: {key}"}})
        if body["model"] not in self.models:
            message = f"The model `{body['model']}` does not exist."
            return Failing(404, {"error": {"message": message}})
        for field in self.refuses_fields:
            if f'"{field}":' in json.dumps(body):
                message = f"Unsupported parameter: '{field}' is not supported with this model."
                if field == "max_tokens":
                    message += " Use 'max_completion_tokens' instead."
                return Failing(400, {"error": {"message": message, "param": field}})
        if self.refuses_tool_pictures and any(_pictures(m) for m in _of_role(body, "tool")):
            message = (
                "Invalid 'messages[3]'. Image URLs are only allowed for messages with role 'user'"
            )
            return Failing(400, {"error": {"message": message}})
        return self._cache_miss(body)

    def _cache_miss(self, body: Json) -> Failing | None:
        parts = [part for message in body["messages"] for part in _pictures(message)]
        named = {part["uuid"] for part in parts if part["image_url"] is None}
        if named - self.cache:
            message = f"Cache miss for image at index 0 with uuid {sorted(named - self.cache)[0]}"
            return Failing(400, {"object": "error", "message": message, "code": 400})
        self.cache |= {part["uuid"] for part in parts if "uuid" in part}
        return None

    def answer(self, body: Json, num_bytes: int, key: str | None) -> Any:
        with self._lock:
            self.bodies.append(body)
            self.num_bytes.append(num_bytes)
            refused = self.refusal(body, key)
            if refused is not None:
                return refused
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def serving(server: TinyServer) -> Iterator[TinyServer]:
    """The server on a loopback port, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            listed = [{"id": name, "owned_by": server.owned_by} for name in server.models]
            self._json(200, {"data": listed})

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            if server.hangs_up:
                server.hangs_up -= 1
                self.close_connection = True
                return
            answer = server.answer(json.loads(raw), len(raw), self.headers.get("authorization"))
            time.sleep(server.slow_s)
            if isinstance(answer, Failing):
                self._json(answer.status, answer.body, answer.headers)
            elif isinstance(answer, list):
                self._stream(answer)
            else:
                self._json(200, answer)

        def _json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, chunks: list[Any]) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            for chunk in chunks:
                if chunk is None:
                    break
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                self.wfile.flush()
            else:
                self.wfile.write(b"data: [DONE]\n\n")
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients that give up are part of the tests."""

    http = Quiet(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def _of_role(body: Json, role: str) -> list[Json]:
    return [message for message in body["messages"] if message["role"] == role]


def _pictures(message: Json) -> list[Json]:
    content = message["content"]
    parts = content if isinstance(content, list) else []
    return [part for part in parts if part["type"] == "image_url"]
