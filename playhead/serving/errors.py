"""What a client is told when something goes wrong: a code, a sentence, a hint, and nothing else.

The one idea: an error of ours may name paths and what a decoder said, so its words stay here. A
client is told by the kind of the error; the log has the rest, under a number that both can see.
"""

from __future__ import annotations

import logging
import secrets
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from playhead.core import errors

logger = logging.getLogger(__name__)


class ErrorBody(BaseModel):
    """Why a request was not served."""

    code: str
    """One word for programs."""
    message: str
    hint: str = ""
    """What to do instead."""


class ErrorReply(BaseModel):
    """The body of every reply that is an error."""

    error: ErrorBody


class Refused(Exception):
    """A request that is not served, and why."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        hint: str = "",
        *,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = ErrorBody(code=code, message=message, hint=hint)
        self.retry_after = retry_after
        """Seconds after which it may be tried again. None: it need not be."""


_KINDS: tuple[tuple[type[Exception], int, str, str, str], ...] = (
    (errors.NoSuchTime, 422, "no_such_time", "the video has no such time", ""),
    (errors.TooLarge, 413, "too_large", "over one of the limits that protect this machine", ""),
    (errors.NotReadable, 403, "forbidden", "the server may not read that file", ""),
    (errors.VideoNotFound, 410, "file_gone", "the file of this video is not there any more", ""),
    (errors.NoPicture, 422, "not_a_video", "the file has no pictures", ""),
    (errors.DecodeTimeout, 422, "not_a_video", "the file takes too long to decode", ""),
    (errors.VideoError, 422, "not_a_video", "not a video that can be read", "see docs/security.md"),
    (errors.MissingExtra, 501, "missing_extra", "a part is not installed on the server", ""),
    (errors.NoSuchPlugin, 422, "no_such_model", "the server's model does not exist", ""),
    (errors.NewerSchema, 500, "internal", "the library is of a newer Playhead", ""),
)


def body_of(error: BaseException) -> tuple[int, ErrorBody]:
    """What a client is told about an error, and the status of the reply; the rest is logged."""
    if isinstance(error, Refused):
        return error.status, error.body
    if isinstance(error, errors.Blamed):
        logger.info("a question failed: %s", error)
        what = {"model": "the model", "tool": "the server", "world": "a file or another server"}
        message = f"{what[error.origin.value]} failed while the question was answered"
        return 502, ErrorBody(code=error.code, message=message, hint="ask again")
    for kind, status, code, message, hint in _KINDS:
        if isinstance(error, kind):
            logger.info("refused as %s: %s", code, error)
            return status, ErrorBody(code=code, message=message, hint=hint)
    number = secrets.token_hex(4)
    logger.error("error %s", number, exc_info=error)
    hint = f"the server's log says more under {number}"
    return 500, ErrorBody(code="internal", message="something broke on the server", hint=hint)


def reply(status: int, body: ErrorBody, *, retry_after: int | None = None) -> JSONResponse:
    """An error as a reply."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    headers |= {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(ErrorReply(error=body).model_dump(), status, headers)


def install(app: FastAPI) -> None:
    """Have an app tell every error in this way."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(errors.PlayheadError, _ours)
    app.add_exception_handler(Exception, _ours)


def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return reply(error.status, error.body, retry_after=error.retry_after)


def _not_valid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    told = "; ".join(
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()[:5]
    )
    return reply(422, ErrorBody(code="bad_request", message=told[:1000]))


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "not_allowed", 413: "too_large", 416: "range"}
    code = codes.get(error.status_code, "bad_request")
    body = ErrorBody(code=code, message=str(error.detail).lower())
    answer = reply(error.status_code, body)
    answer.headers.update(error.headers or {})
    return answer


def _ours(_: Request, error: Exception) -> JSONResponse:
    return reply(*body_of(error))


RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorReply, "description": "Not served, and why"},
    "5XX": {"model": ErrorReply, "description": "Something broke on the server"},
}
"""For the description of every route."""
