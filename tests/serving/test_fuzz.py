"""B4 of the threat model: requests made from the server's own description, thousands of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.serving.conftest import Serve
from tests.serving.served import Served

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
pytestmark = pytest.mark.slow

_HOW = settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def fuzzed(serve: Serve) -> Served:
    return serve(workers=2, max_waiting=4)


def test_no_request_breaks_the_server(fuzzed: Served):
    """No 5xx, no status and no shape that is not described, no stack trace."""
    schema = schemathesis.openapi.from_dict(fuzzed.json("GET", "/openapi.json"))
    schema.config.update(base_url=fuzzed.url)
    demo = fuzzed.videos()["demo.mp4"]
    session = fuzzed.session(videos=[demo])
    fuzzed.answered(fuzzed.ask(session, "Where has the miller hidden his key?"))
    known = {"video_id": demo, "session": session, "number": 1}
    statuses: list[int] = []
    for operation in schema.get_all_operations():
        fuzz(operation.ok(), known, statuses)
    assert len(statuses) > 500
    assert {200, 404, 422} <= set(statuses)
    assert not any("Traceback" in line for line in fuzzed.log), fuzzed.log[-30:]
    assert (
        fuzzed.answered(fuzzed.ask(session, "When do the stars come out?"))["state"] == "answered"
    )


def fuzz(operation: Any, known: dict[str, Any], statuses: list[int]) -> None:
    """Send requests of one kind; every other one names what is there, which leads further in."""

    @_HOW
    @given(case=operation.as_strategy())
    def one(case: Any) -> None:
        if len(statuses) % 2 and case.method.upper() != "DELETE":
            named = case.path_parameters or {}
            case.path_parameters = {name: known.get(name, id_) for name, id_ in named.items()}
        reply = case.call(timeout=60)
        statuses.append(reply.status_code)
        check(reply, operation.definition.raw["responses"], case.as_curl_command())

    one()


def check(reply: Any, described: Any, command: str) -> None:
    """See that a reply is one of those that are described."""
    body = reply.content[:100_000].decode("utf-8", "replace")
    assert reply.status_code < 500, (command, body)
    for secret in ("Traceback", 'File "', "site-packages"):
        assert secret not in body, command
    if reply.status_code >= 400 and reply.status_code != 416:
        assert set(reply.json()["error"]) == {"code", "message", "hint"}
    names = {str(reply.status_code), f"{reply.status_code // 100}XX"}
    assert names & set(described), (command, reply.status_code)
