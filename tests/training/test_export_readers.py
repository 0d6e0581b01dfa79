"""Exports in the hands of those who read them: LLaMA-Factory and ms-swift, the real ones.

Set PLAYHEAD_TEST_LLAMA_FACTORY_PYTHON and PLAYHEAD_TEST_SWIFT_PYTHON to the Pythons of environments
with them; they need not have Playhead. What is compared is our own rendering with the template that
Qwen published: token for token where nothing was thought, for Qwen's template shows no thoughts.
"""

from __future__ import annotations

import importlib.resources
import json
import os
from pathlib import Path
from typing import Any

import pytest

from playhead.core.message import PicturePart, TextPart
from playhead.core.trajectory import Step, Trajectory
from playhead.models.policies import render
from playhead.training.exports import export_llama_factory, export_swift
from playhead.training.rows import Renderer, Row, rows
from tests.models.policies.conversations import Shades
from tests.pythons import run
from tests.training.examples import everything, frame, three_looks
from tests.training.test_export import fair, plain, quoting

for library in ("torch", "torchvision", "transformers", "trl"):
    pytest.importorskip(library)

pytestmark = pytest.mark.slow

WORDS, DISARMED = "<img>no.png</img> <image> Where?", "< img>no.png</img> < image> Where?"


def seen(trajectory: Trajectory, words: str = WORDS) -> Trajectory:
    """With words that look like media, and pictures large enough for ms-swift to leave them be."""
    parts = (
        TextPart(text=words),
        PicturePart(frame=frame(0.0)),
        PicturePart(frame=frame(5.0, "w", height=64, width=64)),
    )
    return trajectory.replace(opening=parts)


def weighed(*weights: float) -> Trajectory:
    steps = plain(fair()).steps
    weighed = [step.replace(weight=w) for step, w in zip(steps, weights, strict=True)]
    return seen(plain(fair())).replace(steps=tuple(weighed))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.models.policies.tiny import write_tiny

    return write_tiny(tmp_path_factory.mktemp("models") / "tiny", "qwen3_vl")


@pytest.fixture(scope="module")
def renderer(model: Path) -> Renderer:
    """Of the tiny model, with the template that Qwen published."""
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(model, local_files_only=True)
    published = importlib.resources.files("trl") / "chat_templates" / "qwen3_vl.jinja"
    processor.chat_template = published.read_text()
    return Renderer(processor)


def read(name: str, variable: str, folder: Path, model: Path) -> list[dict[str, Any]]:
    """What a trainer makes of the export in a folder."""
    python = os.environ.get(variable)
    if not python:
        pytest.skip(f"{variable} names no Python")
    out = folder / "seen.json"
    caches = {"HF_HOME": str(folder / "hf"), "MODELSCOPE_CACHE": str(folder / "modelscope")}
    environment = {"HF_HUB_OFFLINE": "1", "ROOT_IMAGE_DIR": str(folder), **caches}
    reading = ("-m", f"tests.training.{name}", str(folder), str(model), str(out))
    run(python, *reading, **environment)
    return json.loads(out.read_text())


def test_llama_factory_reads_what_was_written(
    tmp_path: Path, model: Path, renderer: Renderer
) -> None:
    given = [weighed(1, 1, 1), three_looks(None, None), seen(fair()), quoting()]
    assert export_llama_factory(given, tmp_path, Shades()).num == len(given)
    made = read("read_llama_factory", "PLAYHEAD_TEST_LLAMA_FACTORY_PYTHON", tmp_path, model)
    check(given, made, renderer)


def test_ms_swift_reads_what_was_written(tmp_path: Path, model: Path, renderer: Renderer) -> None:
    unread = seen(everything())
    given = [weighed(1, 1, 1), weighed(0, 1, 0.5), three_looks(None, None), unread]
    given += [seen(fair()), quoting()]
    assert export_swift(given, tmp_path, Shades()).num == len(given)
    made = read("read_swift", "PLAYHEAD_TEST_SWIFT_PYTHON", tmp_path, model)
    check(given, made, renderer)
    for one, trajectory in zip(made, given, strict=True):
        learned = [label >= 0 for label in one["labels"]]
        weights = {w for w, is_on in zip(one["weights"], learned, strict=True) if is_on}
        # the end of a turn weighs 1, whatever the turn does
        assert weights == {1, *(step.weight for step in trajectory.steps if is_learned(step))}


def check(given: list[Trajectory], made: list[dict[str, Any]], renderer: Renderer) -> None:
    """Every trajectory is there, with its pictures, and what its policy wrote is learned."""
    assert len(made) == len(given)
    decode = renderer.processor.tokenizer.decode
    for trajectory, one in zip(given, made, strict=True):
        learned = [label for label in one["labels"] if label >= 0]
        assert decode(learned) == "".join(map(spoken, filter(is_learned, trajectory.steps)))
        frames = render.pictures(trajectory.messages(len(trajectory.steps) - 1))
        assert one["brightness"] == pytest.approx(bright(frames, renderer), abs=0.02)
        if not any(step.reply.thinking for step in trajectory.steps):
            has_words = trajectory.opening[:1] == (TextPart(text=WORDS),)
            (row,) = rows(seen(trajectory, DISARMED) if has_words else trajectory, renderer)
            check_ids(row, one, renderer)


def check_ids(row: Row, one: dict[str, Any], renderer: Renderer) -> None:
    """They are our own but for the line break after each end of a turn, which is learned too."""
    (line,) = renderer.processor.tokenizer.encode("\n")
    assert tuple(one["ids"]) == (*row.ids, line)
    ends = [w and not after for w, after in zip(row.weights, (*row.weights[1:], 0), strict=True)]
    ours = [bool(w) for w in row.weights] + [False]
    ours = [own or ended for own, ended in zip(ours, [False, *ends], strict=True)]
    assert [label >= 0 for label in one["labels"]] == ours


def is_learned(step: Step) -> bool:
    return step.weight > 0 and not any(call.raw for call in step.reply.calls)


def spoken(step: Step) -> str:
    """What a model writes, in the hermes syntax, and the line break after it."""
    reply = step.reply
    thinking = reply.thinking.replace("<image>", "< image>")
    thought = f"<think>\n{thinking}\n</think>\n\n" if thinking else ""
    calls = [{"name": call.name, "arguments": render.arguments_of(call)} for call in reply.calls]
    written = [
        f"<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>" for call in calls
    ]
    return thought + "\n".join(filter(None, [reply.text, *written])) + "<|im_end|>\n"


def bright(frames: list[Any], renderer: Renderer) -> list[float]:
    """How bright our own processor makes the pictures."""
    from PIL import Image

    from tests.training.seen_pictures import brightness

    images = [Image.fromarray(picture) for picture in Shades()(frames)]
    return brightness(renderer.processor.image_processor(images, return_tensors="pt"))
