"""A policy over token ids, beside the one that runs the same model itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playhead.core.errors import Blamed, Origin
from playhead.core.policy import Finish, Sampling
from playhead.models.policies.tokens import Sampled, TokenPolicy
from playhead.models.policies.transformers import TransformersPolicy
from tests.models.policies.conversations import LOOK, SEARCH, Shades, conversation
from tests.models.policies.tiny import write_tiny

for library in ("torch", "torchvision", "transformers"):
    pytest.importorskip(library)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TransformersPolicy]:
    folder: Path = write_tiny(tmp_path_factory.mktemp("models") / "tiny", "qwen3_vl")
    policy = TransformersPolicy(folder, resolve=Shades(), device="cpu")
    yield policy
    policy.close()


def going_on(served: TransformersPolicy) -> Any:
    """The model behind `served`, going on greedily from ids and pictures."""
    import torch

    model, processor = served._model, served._processor

    async def generate(ids: list[int], images: list[Any], sampling: Sampling) -> Sampled:
        shown = processor.image_processor(images, return_tensors="pt")
        read = torch.tensor([ids])
        kinds = (read == served._template.image_id).long()
        out = model.generate(
            input_ids=read,
            attention_mask=torch.ones_like(read),
            mm_token_type_ids=kinds,
            max_new_tokens=sampling.max_tokens,
            do_sample=False,
            suppress_tokens=served._template.banned,
            eos_token_id=sorted(served._ends),
            **shown,
        )
        new = tuple(out[0, len(ids) :].tolist())
        return Sampled(new, is_cut=new[-1] not in served._ends)

    return generate


def test_it_says_what_the_same_model_says_when_it_is_run_here(served: TransformersPolicy) -> None:
    policy = TokenPolicy(served._processor, going_on(served), resolve=Shades())
    for tools in ((LOOK, SEARCH), ()):
        asked = (conversation(), tools, Sampling(max_tokens=12))
        mine, theirs = (asyncio.run(one.reply(*asked)) for one in (policy, served))
        assert mine == theirs
        assert mine.tokens is not None
        assert mine.usage.visual_tokens > 0


def test_it_keeps_what_was_sampled_and_reads_the_call_in_it(served: TransformersPolicy) -> None:
    said = '<tool_call>\n{"name": "search", "arguments": {"query": "red"}}\n</tool_call><|im_end|>'
    ids = tuple(served._processor.tokenizer.encode(said, add_special_tokens=False))
    seen: list[Sampling] = []

    async def generate(prompt_ids: list[int], images: list[Any], sampling: Sampling) -> Sampled:
        seen.append(sampling)
        assert len(images) == 4
        return Sampled(ids, tuple(-0.5 for _ in ids))

    policy = TokenPolicy(served._processor, generate, resolve=Shades())
    drawn = Sampling(max_tokens=64, stop=("</answer>",))
    reply = asyncio.run(policy.reply(conversation(), (LOOK, SEARCH), drawn))
    assert [(call.name, dict(call.arguments)) for call in reply.calls] == [
        ("search", {"query": "red"})
    ]
    assert reply.finish is Finish.CALLS
    assert reply.tokens is not None
    assert reply.tokens.ids == ids
    assert reply.tokens.logprobs == tuple(-0.5 for _ in ids)
    assert seen[0].stop == ("</answer>",)


def test_a_sampled_mark_of_a_picture_is_the_engines_fault(served: TransformersPolicy) -> None:
    async def generate(prompt_ids: list[int], images: list[Any], sampling: Sampling) -> Sampled:
        return Sampled((served._template.image_id,))

    policy = TokenPolicy(served._processor, generate, resolve=Shades())
    with pytest.raises(Blamed, match="mark of a picture") as caught:
        asyncio.run(policy.reply(conversation(), (), Sampling()))
    assert caught.value.origin is Origin.WORLD
