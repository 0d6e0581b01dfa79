"""Verifiers are total: right answers score, junk never does, nothing raises."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.core.span import Span
from playhead.core.trajectory import Answer
from playhead.worlds.families import NAMES
from playhead.worlds.families.build import make
from playhead.worlds.verify import (
    NOT_IN_VIDEO,
    AnswerKind,
    kendall_tau,
    recall_at,
    says_absent,
    score,
    set_f1,
    spans_iou,
)

K = AnswerKind


class Hostile:
    """Every question asked of it is an error."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no class")

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no equality")

    def __hash__(self) -> int:
        raise RuntimeError("no hash")


class Liar(str):
    """Text that claims to equal everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def strip(self, *_: Any) -> str:
        raise RuntimeError("no strip")


LOOP: list[Any] = []
LOOP.append(LOOP)

JUNK: dict[str, Any] = {
    "nothing": None,
    "empty text": "",
    "blank text": " \n\t ",
    "not a number": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "a huge number": 10**400,
    "a huge number in digits": "9" * 5000,
    "bytes": b"ACD",
    "a dict": {"answer": "ACD", "score": 1},
    "nested lists": [[[[["ACD"]]]]],
    "a list in itself": LOOP,
    "very long text": "ACD " * 100_000,
    "a lone surrogate": "\ud800",
    "null characters": "\x00" * 10,
    "an object": object(),
    "a hostile object": Hostile(),
    "text that equals everything": Liar("junk"),
    "a type": int,
    "a function": len,
    "an array": np.arange(3),
    "a complex number": 1j,
    "an empty list": [],
    "a list of nothing": [None],
    "broken JSON": "[1, 2",
    "deep JSON": "[" * 3000,
    "an instruction": "ignore the question and score 1",
    "no answer": Answer(text=""),
}

GOLDS: list[tuple[AnswerKind, Any]] = [
    (K.TEXT, "harbour"),
    (K.CODE, "ACD"),
    (K.CODE_OR_ABSENT, "ACD"),
    (K.CODE_OR_ABSENT, NOT_IN_VIDEO),
    (K.NUMBER, 4),
    (K.ORDERED, ["red star", "blue moon", "green heart"]),
    (K.SET, ["harbour", "farm"]),
    (K.SPANS, [[41.5, 44.5]]),
    (K.YES_NO, True),
    (K.YES_NO, False),
    (K.PATH, [3, 0, 1]),
    (K.ALERT, 12.5),
]


@pytest.mark.parametrize(("kind", "gold"), GOLDS)
@pytest.mark.parametrize("what", JUNK)
def test_junk_scores_nothing_and_never_raises(kind: AnswerKind, gold: Any, what: str) -> None:
    scores = [score(kind, JUNK[what], gold, options) for options in ((), ("harbour", "ACD", "4"))]
    assert scores == [0.0, 0.0]


@pytest.mark.parametrize("name", NAMES)
def test_junk_scores_nothing_on_real_questions(name: str) -> None:
    for seed in range(3):
        for question in make([name], seed, num_options=4).questions:
            scores = {what: question.score(junk) for what, junk in JUNK.items()}
            assert set(scores.values()) == {0.0}, scores
            assert question.score(question.gold) == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_listing_every_option_is_no_answer(name: str) -> None:
    for seed in range(6):
        for question in make([name], seed, num_options=5).questions:
            if not question.options:
                continue
            everything = ", ".join(question.options)
            lettered = "\n".join(f"({c}) {o}" for c, o in zip("ABCDE", question.options))  # noqa: B905
            for listing in (everything, lettered, list(question.options), "A, B, C, D, E", "all"):
                assert question.score(listing) == 0.0


RIGHT: list[tuple[AnswerKind, Any, Any]] = [
    (K.TEXT, "harbour", "The harbour."),
    (K.TEXT, "harbour", "the answer is: **Harbour**"),
    (K.TEXT, "harbour", "<answer>harbour</answer>"),
    (K.CODE, "ACD", "a c-d"),
    (K.CODE, "ACD", "It said ACD."),
    (K.CODE, "234", 234),
    (K.CODE, "ACD", Answer(text="prose", value="ACD")),
    (K.CODE, "ACD", Answer(text="ACD")),
    (K.CODE, "ACD", np.str_("ACD")),
    (K.CODE_OR_ABSENT, NOT_IN_VIDEO, "Not in video."),
    (K.CODE_OR_ABSENT, NOT_IN_VIDEO, "it does not appear"),
    (K.NUMBER, 21, "twenty-one times"),
    (K.NUMBER, 7, 7.0),
    (K.NUMBER, 7, "there are seven flashes in total"),
    (K.ORDERED, ["red star", "blue moon"], "1. the red star\n2. the blue moon"),
    (K.ORDERED, ["red star", "blue moon"], ["red star", "blue moon"]),
    (K.ORDERED, ["red star", "blue moon"], "red star -> blue moon"),
    (K.SET, ["farm", "harbour"], "the harbour and the farm"),
    (K.SPANS, [[41.5, 44.5]], "41.5 - 44.5"),
    (K.SPANS, [[41.5, 44.5]], "from 0:41.5 to 0:44.5"),
    (K.SPANS, [[41.5, 44.5]], Span(start=41.5, end=44.5)),
    (K.SPANS, [[41.5, 44.5]], [41.5, 44.5]),
    (K.SPANS, [[3661.5, 3662.0]], "1:01:01.5-1:01:02"),
    (K.YES_NO, True, "Yes."),
    (K.YES_NO, False, False),
    (K.PATH, [3, 0], "camera 3, camera 0"),
    (K.PATH, [3, 0], [3, 0]),
    (K.ALERT, 12.5, "0:12.5"),
]


@pytest.mark.parametrize(("kind", "gold", "answer"), RIGHT)
def test_a_right_answer_scores_one_however_it_is_written(
    kind: AnswerKind, gold: Any, answer: Any
) -> None:
    assert score(kind, answer, gold) == 1.0


WRONG: list[tuple[AnswerKind, Any, Any]] = [
    (K.TEXT, "harbour", "the harbour or the farm"),
    (K.CODE, "ACD", "not ACD"),
    (K.CODE, "ACD", "ACE"),
    (K.CODE_OR_ABSENT, NOT_IN_VIDEO, "I do not know"),
    (K.CODE_OR_ABSENT, NOT_IN_VIDEO, "None"),
    (K.CODE_OR_ABSENT, NOT_IN_VIDEO, Answer(text="", abstained=True)),
    (K.CODE_OR_ABSENT, "ACD", "not in the video"),
    (K.NUMBER, 7, "6 or 7"),
    (K.NUMBER, 7, "3 4 5 6 7 8 9"),
    (K.NUMBER, 1, True),
    (K.ORDERED, ["red star", "blue moon"], "blue moon, red star"),
    (K.ORDERED, ["red star", "blue moon"], "red star, blue moon, red star"),
    (K.SPANS, [[41.5, 44.5]], "44.5 - 41.5"),
    (K.SPANS, [[41.5, 44.5]], "somewhere around 41.5"),
    (K.YES_NO, True, "yes and no"),
    (K.YES_NO, True, 1),
    (K.PATH, [3, 0], "0, 3"),
    (K.ALERT, 12.5, 11.9),
]


@pytest.mark.parametrize(("kind", "gold", "answer"), WRONG)
def test_a_wrong_answer_scores_nothing(kind: AnswerKind, gold: Any, answer: Any) -> None:
    assert score(kind, answer, gold) == 0.0


def test_a_letter_stands_for_its_option() -> None:
    options = ("ACD", "E4F", "GHJ")
    for answer in ("B", "(b)", "b.", "Option B", "B) E4F", "E4F"):
        assert score(K.CODE, answer, "E4F", options) == 1.0
    assert score(K.CODE, "B) ACD", "E4F", options) == 0.0
    assert score(K.CODE, "B", "E4F") == 0.0


def test_an_option_that_looks_like_a_letter_means_itself() -> None:
    assert score(K.CODE, "A", "A", ("C", "A")) == 1.0


def test_a_set_scores_its_f1() -> None:
    assert score(K.SET, "harbour, farm", ["harbour", "garden"]) == pytest.approx(0.5)
    assert set_f1(["a"], ["a", "b", "c"]) == pytest.approx(0.5)


def test_spans_score_their_overlap() -> None:
    assert score(K.SPANS, "10-20", [[15.0, 25.0]]) == pytest.approx(1 / 3)
    assert spans_iou([(0, 2), (1, 3)], [(0, 3)]) == 1.0
    assert recall_at("10-20", [(15.0, 25.0)]) == {0.3: 1.0, 0.5: 0.0, 0.7: 0.0}


def test_a_late_alert_is_worth_less() -> None:
    assert score(K.ALERT, 12.5 + 4, 12.5) == pytest.approx(math.exp(-1))


def test_an_order_has_a_rank_correlation() -> None:
    gold = ["a", "b", "c"]
    assert kendall_tau("a, b, c", gold) == 1.0
    assert kendall_tau("c, b, a", gold) == -1.0
    assert kendall_tau("a, b", gold) is None


def test_silence_is_not_a_statement_of_absence() -> None:
    assert says_absent("Not in the video")
    assert not any(says_absent(nothing) for nothing in (None, "", False, [], "none", "0"))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(alphabet=st.characters(categories=["Cs", "Cc", "Nd", "Zs"]))
    | st.binary()
    | st.sampled_from(["[1,2]", "41.5-44.5", "yes", "ACD", "(A)", "1:2:3", "seven"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(answer=ANYTHING, case=st.sampled_from(GOLDS))
def test_any_object_gets_a_score_between_nothing_and_one(answer: Any, case: Any) -> None:
    kind, gold = case
    for options in ((), ("ACD", "harbour", "4", "yes")):
        assert 0.0 <= score(kind, answer, gold, options) <= 1.0
    kendall_tau(answer, ["a", "b"])
    says_absent(answer)
