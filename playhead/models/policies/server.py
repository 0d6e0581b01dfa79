"""One model server over HTTP: asked, asked again where that helps, and its errors in our words.

The one idea: whatever happens, the caller gets an answer, a `Refused` that it may find a way
round, or a `Blamed` that says what to do. A client lives for one request, so that a policy holds no
sockets and works on any event loop; setting one up costs under a millisecond.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from playhead.core.errors import Blamed, Origin

_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_LONGEST_WAIT_S = 30.0
_CONNECT_S = 10.0


class Refused(Exception):
    """The server understood the request and does not accept it: there may be another way to ask."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Server:
    """An OpenAI-compatible server."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout_s: float = 300.0,
        num_retries: int = 4,
        backoff_s: float = 0.5,
    ) -> None:
        """Say where it is. Nothing is asked yet.

        Args:
            base_url: Ends in `/v1` for most servers.
            api_key: None: it needs none.
            timeout_s: How long it may be silent.
            num_retries: How often a request is sent again after a failure that may pass.
            backoff_s: The first wait before that; each one after it is twice as long.

        Raises:
            ValueError: That is no address, or a number cannot be.
        """
        try:
            url = httpx.URL(base_url)
        except httpx.InvalidURL as error:
            raise ValueError(f"a server has an address: got {base_url!r}: {error}") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(f"a server's address is http(s)://host[:port]/v1: got {base_url!r}")
        if timeout_s <= 0 or num_retries < 0 or backoff_s < 0:
            raise ValueError(f"got {timeout_s=}, {num_retries=}, {backoff_s=}")
        self._url, self._key = str(url).rstrip("/"), api_key
        self.address = str(url.copy_with(username=None, password=None)).rstrip("/")
        """Where it is, without anything secret."""
        self._timeout_s, self._num_retries, self._backoff_s = timeout_s, num_retries, backoff_s
        is_tls = url.scheme == "https"
        self._tls = (
            httpx.create_ssl_context() if is_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )

    def __repr__(self) -> str:
        return f"Server({self.address!r})"

    async def get(self, path: str, *, timeout_s: float = 10.0) -> Any:
        """What is at `path`, as JSON. None: nothing that can be read."""
        async with self._client(timeout_s) as client:
            try:
                answer = await client.get(path)
                return answer.json() if answer.is_success else None
            except (httpx.HTTPError, ValueError):
                return None

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The server's answer to `body`.

        Raises:
            Refused: It does not accept the request.
            Blamed: It is not there, does not know us, is overloaded, too slow or broken.
        """
        async with self._opened(path, body) as answer:
            text = await self._read(answer)
        try:
            read = json.loads(text)
        except ValueError:
            read = None
        if not isinstance(read, dict):
            said = self._clean(text[:200])
            raise self._blame(f"answered what is no JSON object: {said!r}", "bad_answer")
        return read

    async def events(self, path: str, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The server's answer to `body`, chunk by chunk.

        Raises:
            Refused: It does not accept the request.
            Blamed: As `post`, or the stream broke off.
        """
        async with self._opened(path, body) as answer:
            try:
                async for line in answer.aiter_lines():
                    data = line.removeprefix("data:").strip()
                    if not line.startswith("data:") or not data or data == "[DONE]":
                        continue
                    yield self._chunk(data)
            except httpx.TimeoutException:
                raise self._too_slow() from None
            except httpx.HTTPError as error:
                raise self._blame(f"broke off in mid-answer ({type(error).__name__})") from None

    def _chunk(self, data: str) -> dict[str, Any]:
        try:
            chunk = json.loads(data)
        except ValueError:
            raise self._blame(f"streamed what is no JSON: {data[:200]!r}", "bad_answer") from None
        if not isinstance(chunk, dict):
            raise self._blame(f"streamed what is no JSON object: {data[:200]!r}", "bad_answer")
        if "error" in chunk:
            raise self._blame(f"broke off: {self._clean(_message(data))}")
        return chunk

    @asynccontextmanager
    async def _opened(self, path: str, body: dict[str, Any]) -> AsyncIterator[httpx.Response]:
        """The answer with a good status, its body still to be read."""
        async with self._client(self._timeout_s) as client:
            answer = await self._accepted(client, client.build_request("POST", path, json=body))
            try:
                yield answer
            finally:
                await answer.aclose()

    async def _accepted(self, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        """Send until it is accepted, refused, or has failed too often."""
        for num_failed in range(self._num_retries + 1):
            is_last = num_failed == self._num_retries
            wait_s = min(self._backoff_s * 2**num_failed, _LONGEST_WAIT_S)
            try:
                answer = await client.send(request, stream=True)
            except httpx.ConnectTimeout as error:
                if is_last:
                    raise self._not_there(error) from None
            except httpx.TimeoutException:
                raise self._too_slow() from None
            except httpx.ConnectError as error:
                raise self._not_there(error) from None
            except httpx.HTTPError as error:
                if is_last:
                    raise self._blame(f"hung up ({type(error).__name__})") from None
            else:
                if answer.is_success:
                    return answer
                if is_last or answer.status_code not in _AGAIN:
                    await self._raise(answer)
                wait_s = _asked_to_wait(answer, wait_s)
                await answer.aclose()
            await asyncio.sleep(wait_s)
        raise AssertionError("unreachable")

    async def _raise(self, answer: httpx.Response) -> None:
        text = await self._read(answer)
        await answer.aclose()
        status, said = answer.status_code, self._clean(_message(text))
        if status in (401, 403):
            why = (
                "does not accept the API key"
                if self._key
                else "wants an API key: give api_key, or set OPENAI_API_KEY with OPENAI_BASE_URL "
                "(for training: PLAYHEAD_API_KEY)"
            )
            raise self._blame(f"{why} ({status}: {said})", "not_allowed")
        if status == 429:
            raise self._blame(
                f"is asked too much, {self._num_retries + 1} times in a row (429: {said}); ask "
                "less at once, or wait",
                "overloaded",
            )
        if status >= 500 or status in _AGAIN:
            raise self._blame(f"failed ({status}: {said}); its log says why")
        raise Refused(status, said)

    async def _read(self, answer: httpx.Response) -> str:
        try:
            await answer.aread()
        except httpx.TimeoutException:
            raise self._too_slow() from None
        except httpx.HTTPError as error:
            raise self._blame(f"broke off in mid-answer ({type(error).__name__})") from None
        return answer.text

    def _client(self, timeout_s: float) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S))
        return httpx.AsyncClient(
            base_url=self._url, headers=headers, timeout=timeout, verify=self._tls
        )

    def _not_there(self, error: Exception) -> Blamed:
        return self._blame(
            f"does not answer ({type(error).__name__}); start it, or give the right base_url",
            "no_server",
        )

    def _too_slow(self) -> Blamed:
        return self._blame(
            f"was silent for {self._timeout_s:g} s; ask for less, or give a larger timeout_s",
            "timeout",
        )

    def _blame(self, what: str, code: str = "server_failed") -> Blamed:
        return Blamed(Origin.WORLD, f"the model server at {self.address} {what}", code)

    def _clean(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


def _message(text: str) -> str:
    """What an error answer says, in at most a few lines."""
    try:
        said = json.loads(text)
    except ValueError:
        return re.sub(r"\s+", " ", text)[:500]
    for key in ("error", "message", "detail"):
        while isinstance(said, dict) and said.get(key):
            said = said[key]
    return (said if isinstance(said, str) else json.dumps(said))[:1000]


def _asked_to_wait(answer: httpx.Response, wait_s: float) -> float:
    try:
        return min(max(float(answer.headers["retry-after"]), wait_s), _LONGEST_WAIT_S)
    except (KeyError, ValueError):
        return wait_s
