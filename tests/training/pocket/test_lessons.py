# ruff: noqa: E402
"""Lessons are written without playing, and to the token what the loop shows a model."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import pytest

for library in ("torch", "torchvision", "transformers"):
    pytest.importorskip(library)

from playhead.agent.attempt import attempt
from playhead.agent.source import WorldSource
from playhead.core.policy import Author
from playhead.training.config import still
from playhead.training.pocket.curriculum import BUDGET, Asked, tasks, tools
from playhead.training.pocket.exam import cites, saw
from playhead.training.pocket.films import EVENLY, Film, looks_of, still_of
from playhead.training.pocket.lessons import Said, Scribe
from playhead.training.pocket.model import PocketSettings, new_pocket
from playhead.training.pocket.surveyor import Guide, Surveyor
from playhead.training.rows import Renderer, rows
from playhead.worlds.rng import Rng

SMALL = PocketSettings(
    width=64, layers=1, heads=1, kv_heads=1, feedforward=64, vision_width=32, vision_layers=1
)


def unnamed(tokenizer: Any, ids: Sequence[int]) -> str:
    """The tokens without hashes."""
    tokens = "|".join(tokenizer.convert_ids_to_tokens(list(ids)))
    return re.sub(r"e(\|[0-9a-f]{2}){8}|(?<=v1 \('\|).*?(?=\|'\) lasts)", "#", tokens)


def asked(way: str) -> Iterator[Asked]:
    """Some tasks, or for `still` those of them that one picture answers, about that picture."""
    for task, world in islice(tasks(5, split="dev", held_out="avoid"), 8):
        if (one := still(task) if way == "still" else task) is not None:
            yield Asked(one, world)


@pytest.mark.parametrize("way", ["seek", "direct", "still"])
def test_a_lesson_is_what_the_loop_shows(way: str):
    _, processor = new_pocket([tool.spec for tool in tools()], SMALL)
    renderer, rng = Renderer(processor), Rng(0)
    scribe = Scribe(processor.tokenizer, [tool.spec for tool in tools()])
    strategy = "seek" if way == "seek" else "direct"
    budget = BUDGET.replace(frames=1) if way == "still" else BUDGET
    nobody: Any = None
    num = 0
    with WorldSource() as source:
        for num, (task, world) in enumerate(asked(way), start=1):  # noqa: B007
            guide, film = Guide.of(task, world), Film(world, nobody)
            with source.open(task, budget) as ctx:
                record = asyncio.run(
                    attempt(task, Surveyor(guide), tools(), ctx, strategy=strategy)
                )
            (row,) = rows(record, renderer)
            assert record.answer is not None
            said = Said(record.answer.text)
            if strategy == "seek":
                looks = [(look, film.times_s(look)) for look in looks_of(film, guide)]
                found = guide.found([[guide.sight(t) for t in times] for _, times in looks])
                cited_s = found.time_s if found else None
                ids, weights = scribe.seeking(task.question, said, cited_s, looks, rng)
                assert cites(record) == saw(record)
            else:
                look = still_of(guide, rng) if way == "still" else EVENLY
                ids, weights = scribe.direct(
                    task.question, said, look, film.times_s(look), rng, is_part=way == "still"
                )
            words = processor.tokenizer
            assert unnamed(words, ids) == unnamed(words, row.ids)
            learnt = [id_ for id_, weight in zip(ids, weights, strict=True) if weight > 0]
            own = {
                i for i, step in enumerate(record.steps) if step.reply.author is not Author.SCRIPT
            }
            turns = zip(row.ids, row.mask, row.steps, strict=True)
            written = [id_ for id_, bit, step in turns if bit and step in own]
            assert unnamed(words, learnt) == unnamed(words, written)
    assert num > 2
