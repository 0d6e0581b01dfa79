"""The OpenAI-compatible endpoint, through the real client."""

from __future__ import annotations

import base64

import pytest

from tests.serving.served import Served

openai = pytest.importorskip("openai", reason="the openai client is not installed")

QUESTION = "Where has the miller hidden his key?"


@pytest.fixture
def client(server: Served):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def about(video: str, text: str = QUESTION, **more) -> list:
    parts = [
        {"type": "video_url", "video_url": {"url": f"playhead://{video}"}},
        {"type": "text", "text": text},
    ]
    return [{"role": "user", "content": [*parts, *more.get("parts", ())]}]


def test_models_are_listed(client):
    names = [model.id for model in client.models.list()]
    assert names == ["playhead", "playhead-quick", "playhead-normal", "playhead-deep"]


def test_a_completion_answers_and_says_how_it_came_to_it(client, server: Served):
    demo = server.videos()["demo.mp4"]
    before = server.json("GET", "/api/sessions")["sessions"]
    reply = client.chat.completions.create(model="playhead-quick", messages=about(demo))
    choice = reply.choices[0]
    assert choice.finish_reason == "stop"
    assert "bridge" in choice.message.content
    assert "search(" in choice.message.reasoning_content
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    proof = reply.playhead["answer"]["evidence"][0]
    assert (proof["video"], proof["span"]["start"]) == (demo, pytest.approx(7.5))
    assert len(server.json("GET", "/api/sessions")["sessions"]) <= len(before) + 1


def test_a_stream_gives_the_steps_then_the_answer(client, server: Served):
    demo = server.videos()["demo.mp4"]
    chunks = list(
        client.chat.completions.create(
            model="playhead",
            messages=[{"role": "user", "content": QUESTION}],
            metadata={"video": demo},
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    thought = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    said = "".join(delta.content or "" for delta in deltas)
    assert "search(" in thought
    assert "bridge" in said
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None


def test_a_conversation_is_told_what_went_before(client, server: Served):
    demo = server.videos()["demo.mp4"]
    messages = [
        {"role": "system", "content": "Answer in few words."},
        *about(demo, "When do the stars come out?"),
        {"role": "assistant", "content": "At 13.5 s."},
        {"role": "user", "content": QUESTION},
    ]
    reply = client.chat.completions.create(
        model="playhead", messages=messages, temperature=0.2, seed=3, store=True
    )
    assert "bridge" in reply.choices[0].message.content
    kept = reply.playhead["session"]
    exported = server.client.get(f"/api/sessions/{kept}/export").text
    assert "Asked before: When do the stars come out?" in exported
    assert "The person who asks wishes" in exported


def test_a_picture_may_come_along(client, server: Served):
    demo = server.videos()["demo.mp4"]
    seen = server.client.get(f"/media/{demo}/thumb/20.jpg?h=360").content
    url = f"data:image/jpeg;base64,{base64.b64encode(seen).decode()}"
    image = {"type": "image_url", "image_url": {"url": url}}
    messages = about(demo, "When is this picture seen?", parts=[image])
    reply = client.chat.completions.create(model="playhead", messages=messages)
    assert any(e["span"]["end"] > 18 for e in reply.playhead["answer"]["evidence"])


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"model": "gpt-9"}, 404),
        ({"messages": []}, 422),
        ({"messages": [{"role": "system", "content": "no question"}]}, 422),
        ({"n": 3}, 422),
        ({"extra_body": {"videos": ["0" * 32]}}, 404),
    ],
)
def test_what_cannot_be_asked_is_a_typed_error(client, wrong: dict, status: int):
    asked = {"model": "playhead", "messages": [{"role": "user", "content": QUESTION}]} | wrong
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(**asked)
    assert caught.value.status_code == status
