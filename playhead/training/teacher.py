"""A teacher behind HTTP: a vLLM server that scores the student's own tokens.

    teacher = ServedTeacher("http://host:8000/v1", renderer, source.resolve)
    train_rl(..., RLSettings(distil=ALL, ...), teacher=teacher)

The server is given token ids and pictures and asked what it thinks of the ids: vLLM 0.32, started
with `--enable-scale-out`, at `/inference/v1/generate` with `prompt_logprobs`. It tells which ids it
read, each picture as many tokens as it has features for it; they must be the student's, one by one,
or nothing is learned. So no chat template is involved, and none can differ. That every id of the
student's means the same there is checked once, on the whole vocabulary (`/detokenize`).

A server tells the log-probabilities of its model at temperature 1, so that is what the student must
sample at. (vLLM applies `--logprobs-mode` to what it samples, not to prompts.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from numpy.typing import NDArray

from playhead.agent.loop_thread import LoopThread
from playhead.core.errors import Blamed, Origin
from playhead.core.trajectory import Trajectory
from playhead.models.pictures import Resolve
from playhead.models.policies.local import pixels
from playhead.models.policies.sent import encode
from playhead.models.policies.server import Refused, Server
from playhead.training.engine import collapsed
from playhead.training.parity import NotTheSame, difference
from playhead.training.rows import Renderer, Row

_SCORED = {"max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0, "detokenize": False}
_AT_ONCE = 8  # requests that wait at the server at the same time


class ServedTeacher:
    """A vLLM server with the student's vocabulary. `close` it afterwards."""

    def __init__(
        self,
        base_url: str,
        student: Renderer,
        resolve: Resolve,
        *,
        model: str = "",
        api_key: str | None = None,
        timeout_s: float = 600.0,
    ) -> None:
        """Ask the server for its vocabulary.

        Args:
            base_url: Ends in `/v1`.
            student: How the student is served.
            resolve: From references to pictures.
            model: As the server calls it. Empty: the one that it serves.
            api_key: None: it needs none.
            timeout_s: How long it may be silent.

        Raises:
            ValueError: Its vocabulary is another one, so its tokens mean other words.
            Blamed: The server is not there, or is no vLLM that scores tokens.
        """
        parts = urlsplit(base_url)
        root = urlunsplit(parts._replace(path=parts.path.rstrip("/").removesuffix("/v1")))
        self._server = Server(root, api_key, timeout_s=timeout_s)
        self._model, self._student, self._resolve = model, student, resolve
        self._loop = LoopThread()
        try:
            self._check_vocabulary()
        except BaseException:
            self._loop.close()
            raise

    def close(self) -> None:
        """End the thread that asks."""
        self._loop.close()

    def logprobs(
        self, rows: Sequence[Row], trajectories: Sequence[Trajectory], *, temperature: float
    ) -> Sequence[NDArray[np.float32]]:
        """How likely it would have written the tokens of rows. As `Teacher` has it.

        Raises:
            NotTheSame: It read other tokens than the student's.
            ValueError: Another temperature than 1.
            Blamed: It does not answer.
        """
        if temperature != 1.0:
            raise ValueError(f"a server scores tokens at temperature 1: got {temperature}")
        return self._loop.run(self._scored(rows))

    async def _scored(self, rows: Sequence[Row]) -> list[NDArray[np.float32]]:
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(row: Row) -> NDArray[np.float32]:
            async with room:
                body = await asyncio.to_thread(self._request, row)
                return self._read(await self._post("inference/v1/generate", body), row)

        return list(await asyncio.gather(*map(one, rows)))

    def _request(self, row: Row) -> dict[str, Any]:
        shown = [encode(picture, "png") for picture in pixels(self._resolve, row.frames)]
        return {
            "token_ids": collapsed(row, self._student.image_id),
            "content_parts": [{"type": "image_url", "url": url} for url in shown] or None,
            "sampling_params": _SCORED,
            "return_token_ids": True,
            **({"model": self._model} if self._model else {}),
        }

    def _read(self, answer: dict[str, Any], row: Row) -> NDArray[np.float32]:
        ids, told = answer.get("prompt_token_ids"), answer.get("prompt_logprobs")
        if not isinstance(ids, list) or not isinstance(told, list):
            raise self._unfit("tells neither which tokens it read nor what it thinks of them")
        if tuple(ids) != row.ids:
            shown = difference(row.ids, ids, self._student)
            raise NotTheSame(f"the teacher reads {row.trajectory} as other tokens: {shown}")
        scores = [
            np.nan if one is None else one[str(id_)]["logprob"]
            for one, id_ in zip(told, ids, strict=True)
        ]
        return np.array(scores, dtype=np.float32)

    def _check_vocabulary(self) -> None:
        """See that every id of the student's means the same at the server."""
        speech = self._student.processor.tokenizer
        ids = sorted(speech.get_vocab().values())
        body = {"tokens": ids, **({"model": self._model} if self._model else {})}
        said = self._loop.run(self._post("detokenize", body)).get("prompt")
        if said != speech.decode(ids):
            raise ValueError(f"the teacher at {self._server.address} has another vocabulary")

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._server.post(f"/{path}", body)
        except Refused as refused:
            raise self._unfit(f"refuses {path} ({refused.status}: {refused.message})") from None
        except Blamed as blamed:
            if blamed.code != "not_allowed":
                raise
            raise self._unfit(f"does not allow {path} ({blamed})") from None

    def _unfit(self, what: str) -> Blamed:
        where = f"the teacher at {self._server.address}"
        message = f"{where} {what}; vLLM 0.32 or later scores tokens, with --enable-scale-out"
        return Blamed(Origin.WORLD, message, "no_scores")
