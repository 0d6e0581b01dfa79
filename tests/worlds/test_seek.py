"""An eye writes down what it sees, the oracle searches what it wrote and looks only there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from playhead.agent.attempt import attempt
from playhead.core import Budget, Span, Task, Trajectory
from playhead.core.media import FrameRef
from playhead.core.span import merge
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.models.eyes import find_eye
from playhead.models.eyes.world import WorldEye
from playhead.tools.context import Ledger, ToolContext
from playhead.tools.toolset import Toolset, default_tools
from playhead.worlds.eyes import NoisyEyes, perceive
from playhead.worlds.families import Question
from playhead.worlds.families.build import Made, make
from playhead.worlds.generate import make_world
from playhead.worlds.policy import OraclePolicy
from playhead.worlds.script import Blink, Knobs, World
from playhead.worlds.sprites import Picture
from playhead.worlds.telling import Fact, facts_in, joined, read_sentence, script_of, sentence
from playhead.worlds.videos import VirtualVideo, write_world
from playhead.worlds.watch import Heard, piece_together, skim

FAMILIES = ("needle", "multihop", "grounding", "count", "order", "fast", "negative")


def in_pieces() -> WorldEye:
    """An eye whose work is cut into pieces of twenty seconds, across whatever happens."""
    eye = WorldEye()
    eye.unit_s = 20.0
    return eye


def recipe(*eyes: object) -> MemoryRecipe:
    return MemoryRecipe(embedders=(), eyes=(), late_eyes=eyes)


def ask(
    library: Library, video_id: str, question: Question, *, wrong: VirtualVideo | None = None
) -> Trajectory:
    """A question through the real loop; with the pictures of another film, if one is given."""
    tools = Toolset(default_tools()).only("search", "look", "transcript", "ground", "answer")
    with ToolContext(library, [video_id], Ledger(Budget.of("normal"))) as ctx:

        def resolve(ref: FrameRef) -> Picture:
            return (
                ctx.resolve([ref])[0] if wrong is None else wrong.frames_at([ref.time_s]).pixels[0]
            )

        task = Task(id="q", question=question.prompt, video_ids=(video_id,))
        return asyncio.run(attempt(task, OraclePolicy(resolve), tools, ctx, strategy="seek"))


def iou(record: Trajectory, question: Question) -> float:
    """Of the seconds that are cited with those in which the truth is, or where one must look."""
    assert record.answer is not None
    cited = merge([piece.span for piece in record.answer.evidence])
    truth = merge([sight.span for sight in question.evidence or question.search])
    parts = (a.intersection(b) for a in cited for b in truth)
    both = sum(part.duration for part in parts if part is not None)
    either = sum(span.duration for span in (*cited, *truth)) - both
    return both / either if either else 0.0


def told(world: World, eye: WorldEye) -> list[Fact]:
    """What an eye tells of a film of a world, piece by piece, put together again."""
    video, facts = VirtualVideo(world), list[Fact]()
    for start_s in np.arange(0.0, video.info.duration_s, eye.unit_s).tolist():
        span = Span(start=start_s, end=min(start_s + eye.unit_s, video.info.duration_s))
        for found in eye.see(video, span, video.frames_at([start_s])):
            assert span.clamp(found.span) == found.span
            start_ms, end_ms = round(1000 * found.span.start), round(1000 * found.span.end)
            fact = read_sentence(found.text, start_ms, end_ms)
            assert fact is not None, found.text
            facts.append(fact)
    return joined(facts, gap_ms=1, dark_ms=650)


def missing(wanted: list[Fact], found: list[Fact]) -> list[Fact]:
    def is_in(fact: Fact) -> bool:
        near = (f for f in found if f.is_like(fact) and abs(f.start_ms - fact.start_ms) <= 200)
        return any(f.num == fact.num and abs(f.end_ms - fact.end_ms) <= 200 for f in near)

    return [fact for fact in wanted if not is_in(fact)]


@pytest.fixture(scope="module")
def session() -> Made:
    made = make(FAMILIES, 14, Knobs(duration_ms=180_000), num=7)
    assert {question.family for question in made.questions} == set(FAMILIES)
    return made


@pytest.fixture(scope="module")
def library(session: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("memory")
    with Library(folder, recipe=recipe(in_pieces())) as library:
        library.add(VirtualVideo(session.world))
        library.wait()
        yield library


@pytest.mark.parametrize("seed", range(4))
def test_every_fact_can_be_read_back_from_its_sentence(seed: int) -> None:
    facts = facts_in(make_world(seed))
    assert {fact.what for fact in facts} == {
        "scene", "card", "carry", "flash", "lamp", "door", "sign"
    }  # fmt: skip
    for fact in facts:
        assert read_sentence(sentence(fact), fact.start_ms, fact.end_ms) == fact


@pytest.mark.parametrize(
    "words", ["", "Nothing moves.", "The red star raised a card in the harbour: ACD."]
)
def test_other_words_are_no_fact(words: str) -> None:
    assert read_sentence(words, 0, 1) is None


def test_a_script_of_facts_tells_the_same_facts() -> None:
    facts = [fact for fact in facts_in(make_world(3)) if fact.what in ("card", "door", "lamp")]
    again = [fact for fact in facts_in(script_of(facts, 600_000)) if fact.what != "scene"]
    assert again == facts


def test_a_burst_of_flashes_ends_when_its_last_flash_does() -> None:
    world = make(["fast"], 3, Knobs(duration_ms=60_000)).world
    video = VirtualVideo(world)
    seen = skim(video, video.info.span.every(0.1))
    bursts = piece_together(seen, Heard(60.0)).events_of(Blink)
    for burst, true in zip(bursts, world.events_of(Blink), strict=True):
        assert burst.flashes == true.flashes
        assert abs(burst.start_ms - true.start_ms) <= 100
        assert abs(burst.end_ms - true.end_ms) <= 100


def test_the_eye_tells_all_that_happens_and_nothing_else(session: Made) -> None:
    found, true = told(session.world, in_pieces()), facts_in(session.world)
    assert missing(true, found) == []
    assert missing(found, true) == []


def test_a_picture_that_does_not_change_is_looked_at_twice_a_second() -> None:
    video = VirtualVideo(make_world(1, duration_ms=30_000, events_per_minute=0))
    num_seen = 0

    def eyes(picture: Picture):
        nonlocal num_seen
        num_seen += 1
        return perceive(picture)

    assert len(skim(video, video.info.span.every(0.1), eyes=eyes)) == 300
    assert num_seen < 90


def test_the_eye_is_found_by_name_and_named_by_what_it_sees_with() -> None:
    assert isinstance(find_eye("world"), WorldEye)
    names = {
        WorldEye().name,
        WorldEye(fps=2.0).name,
        WorldEye(tag="noisy", eyes=NoisyEyes(perceive)).name,
    }
    assert len(names) == 3


def test_an_eye_without_a_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="fps"):
        WorldEye(fps=0.0)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_question_is_answered_by_search_with_few_pictures(
    name: str, session: Made, library: Library
) -> None:
    (question,) = (q for q in session.questions if q.family == name)
    record = ask(library, library.videos()[0].id, question)
    assert record.answer is not None
    assert question.score(record.answer.text) >= 0.85, (question.text, record.answer.text)
    assert iou(record, question) >= 0.85
    assert 0 < record.cost.frames <= 64
    assert record.steps[-1].shown is None  # nothing was hidden when it answered


def test_what_the_pictures_do_not_show_is_not_believed(session: Made, library: Library) -> None:
    (question,) = (q for q in session.questions if q.family == "needle")
    other = VirtualVideo(make_world(99, duration_ms=180_000))
    record = ask(library, library.videos()[0].id, question, wrong=other)
    assert record.answer is not None
    assert question.score(record.answer.text) == 0
    assert record.answer.evidence == ()


def test_a_memory_without_the_eye_is_surveyed(tmp_path: Path) -> None:
    made = make(["needle"], 5, Knobs(duration_ms=60_000))
    (question,) = made.questions
    with Library(tmp_path, recipe=recipe()) as library:
        video_id = library.add(VirtualVideo(made.world))
        library.wait()
        record = ask(library, video_id, question)
    assert record.answer is not None
    assert question.score(record.answer.text) == 1.0


def test_a_card_that_the_memory_missed_is_seen_where_its_actor_stood(tmp_path: Path) -> None:
    made = make(["negative"], 4, Knobs(duration_ms=60_000), num=4)
    question = next(q for q in made.questions if q.evidence)
    span = question.evidence[0].span
    with Library(tmp_path, recipe=recipe(WorldEye(fps=1.0))) as library:
        video_id = library.add(VirtualVideo(made.world))
        library.wait()
        told = library.memory.entries(video_id, kind="caption", span=span)
        library.memory.forget([e.evidence.id for e in told if "raised a card" in e.evidence.text])
        record = ask(library, video_id, question)
    assert record.answer is not None
    assert question.score(record.answer.text) == 1.0


@pytest.mark.slow
def test_ten_minutes_of_h264_are_answered(tmp_path: Path) -> None:
    scores: dict[str, list[float]] = {}
    overlaps, frames = list[float](), list[int]()
    for seed in (31, 32):
        made = make(FAMILIES, seed, Knobs(noise=8), num=14)
        film = tmp_path / f"{seed}.mp4"
        write_world(made.world, film)
        with Library(tmp_path / str(seed), recipe=recipe("world")) as library:
            video_id = library.add(film)
            library.wait()
            for question in made.questions:
                record = ask(library, video_id, question)
                assert record.answer is not None
                scores.setdefault(question.family, []).append(question.score(record.answer.text))
                overlaps.append(iou(record, question))
                frames.append(record.cost.frames)
    for family, found in scores.items():
        assert np.mean(found) >= (0.9 if family == "grounding" else 0.98), (family, found)
    assert np.mean(overlaps) >= 0.9
    assert np.mean(frames) <= 32
