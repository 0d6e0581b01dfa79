"""Question families: words that can be read back, one answer each, and evidence that is there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.core.span import Span
from playhead.worlds import edits
from playhead.worlds.families import NAMES, Question, family
from playhead.worlds.families.base import Sight, min_required_frames
from playhead.worlds.families.build import Made, make
from playhead.worlds.families.phrases import (
    HELD_OUT_PAIRS,
    HELD_OUT_PLACES,
    natural,
    plainly,
    read,
    unworn,
    worn,
)
from playhead.worlds.script import COLORS, PLACES, SHAPES, Card, Game, Knobs
from playhead.worlds.verify import AnswerKind

UNSPOKEN = {"at_ms", "time_ms", "seat", "camera_at"}
"""Slots that no words show: they are told by the moment of asking and by the pictures."""
ALL_PHRASES = [phrase for name in NAMES for phrase in family(name).phrases]


@cache
def made_with(name: str, seed: int, knobs: Knobs) -> Made:
    return make([name], seed, knobs)


def some(name: str, num: int = 5, **knobs: int) -> list[Made]:
    return [made_with(name, seed, Knobs(**knobs)) for seed in range(num)]


def questions(name: str, num: int = 5) -> list[Question]:
    return [question for made in some(name, num) for question in made.questions]


@pytest.mark.parametrize("name", NAMES)
def test_a_question_can_be_read_in_one_way_only(name: str) -> None:
    for question in questions(name):
        found = read(question.text, ALL_PHRASES)
        assert [phrase.form for phrase, _ in found] == [question.form], question.text
        said = {k: v for k, v in question.ask.slots.items() if k not in UNSPOKEN}
        assert found[0][1].slots == said


@pytest.mark.parametrize("name", NAMES)
def test_a_family_has_direct_indirect_and_negated_phrasings(name: str) -> None:
    phrases = family(name).phrases
    assert len(phrases) >= 4
    assert {phrase.style for phrase in phrases} == {"direct", "indirect", "negated"}


@pytest.mark.parametrize("name", NAMES)
def test_every_form_has_phrasings_for_training_and_held_out_ones(name: str) -> None:
    for form in family(name).kinds:
        held_out = {phrase.held_out for phrase in family(name).phrases if phrase.form == form}
        assert held_out == {True, False}, form


@pytest.mark.parametrize("name", NAMES)
def test_a_world_with_its_question_breaks_no_rule_of_observability(name: str) -> None:
    for made in some(name, 4):
        assert edits.check(made.world) == []


@pytest.mark.parametrize("name", NAMES)
def test_evidence_lies_inside_the_video_of_its_camera(name: str) -> None:
    for made in some(name):
        whole = Span(start=0, end=made.world.duration_ms / 1000)
        for question in made.questions:
            for sight in (*question.evidence, *question.required, *question.search):
                assert sight.span.intersection(whole) == sight.span
                assert sight.camera < made.world.num_cameras


@pytest.mark.parametrize("name", NAMES)
def test_every_required_moment_is_part_of_the_evidence(name: str) -> None:
    if name in ("shell_game", "instance"):
        return  # the pauses of a game, and the moment pointed at, are not evidence of their own
    for question in questions(name):
        for need in question.required:
            assert any(
                sight.camera == need.camera and sight.span.intersection(need.span) == need.span
                for sight in question.evidence
            ), (question.text, need)


@pytest.mark.parametrize("name", NAMES)
def test_no_question_gives_its_answer_away(name: str) -> None:
    for question in questions(name):
        if question.kind in (AnswerKind.CODE, AnswerKind.CODE_OR_ABSENT):
            assert str(question.gold) not in question.text


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_makes_the_same_question(name: str) -> None:
    assert make([name], 3) == make([name], 3)
    assert make([name], 3) != make([name], 4)


def test_questions_do_not_depend_on_the_hash_seed() -> None:
    code = (
        "from hashlib import sha256; from playhead.worlds.families import NAMES;"
        "from playhead.worlds.families.build import make;"
        "made = make([n for n in NAMES if n != 'cameras'], 5, num=16);"
        "print(made.world.id, [q.to_json() for q in made.questions])"
    )
    texts = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    ]
    assert texts[0] == texts[1]


def test_options_hold_the_answer_once_in_any_position() -> None:
    positions = Counter[int]()
    for seed in range(60):
        for question in make(["needle"], seed, num_options=4).questions:
            assert len(set(question.options)) == len(question.options) == 4
            positions[question.options.index(question.gold)] += 1
    assert set(positions) == {0, 1, 2, 3}
    assert max(positions.values()) <= 28


@pytest.mark.parametrize("name", ["count", "fast", "shell_game", "negative", "audio", "rule"])
def test_no_answer_is_likelier_than_another(name: str) -> None:
    by_form: dict[str, Counter[str]] = {}
    for question in questions(name, 60):
        by_form.setdefault(question.form, Counter())[str(question.gold)] += 1
    for form, golds in by_form.items():
        chance, num = family(name).blind(form, Knobs()), golds.total()
        by_luck = 3.5 * (num * chance * (1 - chance)) ** 0.5
        assert max(golds.values()) <= num * chance + by_luck + 1, (form, golds)


def test_a_needle_is_hidden_among_cards_of_its_look() -> None:
    for made in some("needle"):
        (question,) = made.questions
        cards = made.world.events_of(Card)
        (needle,) = [card for card in cards if card.glyphs == question.gold]
        others = [card for card in cards if card is not needle]
        assert len(others) >= made.world.knobs.num_distractors
        alike = [o for o in others if o.end_ms - o.start_ms == needle.end_ms - needle.start_ms]
        assert len(alike) >= made.world.knobs.num_distractors
        assert {len(card.glyphs) for card in cards} == {len(needle.glyphs)}


@pytest.mark.parametrize("hops", [1, 3, 5])
def test_a_chain_needs_a_frame_for_every_card(hops: int) -> None:
    for made in some("multihop", 4, hops=hops):
        for question in made.questions:
            assert len(question.required) == hops + 1
            assert question.min_frames == hops + 1


def test_counting_flashes_needs_the_pauses_too() -> None:
    for question in questions("fast"):
        assert question.min_frames == 2 * question.gold - 1  # type: ignore[operator]


def test_following_a_ball_needs_the_ball_every_swap_and_the_end() -> None:
    for made in some("shell_game", 4, hops=4):
        for question in made.questions:
            assert question.min_frames == 4 + 2
            place = question.ask.text("place")
            games = [g for g in made.world.events_of(Game) if made.world.place_of(g) == place]
            assert len(games) == 1


def test_sound_needs_no_frame() -> None:
    assert {question.min_frames for question in questions("audio")} == {0}


def test_questions_can_be_asked_to_need_many_frames() -> None:
    made = [make(["count"], seed, Knobs(min_frames=6)) for seed in range(10)]
    assert min(q.min_frames for m in made for q in m.questions) >= 6


def test_a_stream_is_asked_about_its_past_only() -> None:
    asked = [q for q in questions("streaming", 24) if q.kind is not AnswerKind.ALERT]
    assert len(asked) >= 10
    for question in asked:
        assert question.asked_at_s is not None
        assert all(s.span.end <= question.asked_at_s + 0.002 for s in question.evidence)


def test_an_alert_is_about_the_future() -> None:
    for question in questions("streaming", 24):
        if question.kind is AnswerKind.ALERT:
            assert question.asked_at_s is not None
            assert question.gold >= question.asked_at_s  # type: ignore[operator]


def test_words_and_card_of_a_dialogue_lie_apart() -> None:
    for question in questions("dialogue"):
        words, card = sorted(question.evidence, key=lambda sight: sight.span.start)
        assert card.span.start - words.span.end >= 30


def test_an_instance_has_doubles() -> None:
    for made in some("instance"):
        for question in made.questions:
            scene = made.world.scenes[made.world.scene_at(question.ask.number("time_ms"))]
            looks = made.world.actors[scene.cast[question.ask.number("seat")]]
            same = [
                a for a in made.world.actors if (a.color, a.shape) == (looks.color, looks.shape)
            ]
            assert len(same) >= 2


def test_an_unknown_family_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no such family: got 'nedle'; there are needle"):
        make(["nedle"], 1)


def test_what_has_no_room_is_dropped_and_counted() -> None:
    made = make(["count"], 1, Knobs(duration_ms=10_000))
    assert made.questions == ()
    assert made.num_dropped >= 1


def test_held_out_pairs_use_every_colour_and_every_shape_once() -> None:
    assert sorted(color for color, _ in HELD_OUT_PAIRS) == sorted(COLORS)
    assert sorted(shape for _, shape in HELD_OUT_PAIRS) == sorted(SHAPES)


@pytest.mark.parametrize("name", NAMES)
def test_training_avoids_what_is_held_out(name: str) -> None:
    for seed in range(2):
        made = make([name], seed, held_out="avoid")
        assert not {(a.color, a.shape) for a in made.world.actors} & HELD_OUT_PAIRS
        assert not {scene.place for scene in made.world.scenes} & HELD_OUT_PLACES
        assert {question.held_out for question in made.questions} <= {()}
        assert edits.check(made.world) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_held_out_test_asks_in_new_words_about_new_looks(name: str) -> None:
    for seed in range(2):
        for question in make([name], seed, held_out="only").questions:
            assert "phrasing" in question.held_out
            if "actor" in question.ask.slots or "actors" in question.ask.slots:
                assert "pair" in question.held_out


@pytest.mark.parametrize("place", PLACES)
def test_prepositions_can_be_undone(place: str) -> None:
    text = f"In the {place}, not in the {place}."
    assert plainly(natural(text)) == natural(plainly(text)) or plainly(natural(text)) == text


@pytest.mark.parametrize("look", ["red star", "striped red star with a top hat"])
def test_a_look_can_be_turned_around_and_back(look: str) -> None:
    assert unworn(worn(look)) == look


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5)), min_size=1, max_size=6))
def test_the_frame_set_is_the_smallest(starts: list[tuple[int, int]]) -> None:
    spans = [Span(start=a, end=a + length) for a, length in starts]
    greedy = min_required_frames([Sight(span=span) for span in spans])
    points = range(18)

    def fewest(left: list[Span]) -> int:
        if not left:
            return 0
        first = min(left, key=lambda span: span.end)
        return 1 + min(
            fewest([span for span in left if point not in span])
            for point in points
            if point in first
        )

    assert greedy == fewest(spans)
