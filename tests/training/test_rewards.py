"""Rewards by hand, and what does not raise them: spam, tags, repeating, citing all, length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from playhead.core import Evidence, Origin, Reply, Step, Stop, TextPart, Trajectory
from playhead.core.errors import NoSuchPlugin
from playhead.evaluation.scorers.judge import Judge
from playhead.models.policies.scripted import ScriptedPolicy
from playhead.testing import check_scorer
from playhead.training import rewards
from playhead.training.rewards import (
    Clue,
    UnfitJudge,
    Weighted,
    clue_of,
    find_reward,
    gated,
    judge_reward,
    scaled,
    weighted,
)
from tests.evaluation.records import (
    broken,
    look,
    record,
    refused,
    seen,
    spans,
    task,
)
from tests.evaluation.test_judge import GOOD

ONE, TWO = task(spans=spans((10, 14))), task(spans=spans((10, 14), (40, 44)))
HIT = seen(10, 14)


def named(clue: Clue) -> Any:
    return ONE.replace(metadata={"clues": clue.value})


# Video-o3


def test_one_clue_by_hand():
    reward = find_reward("video_o3")
    assert reward(record(look(10, 14), cites=[HIT], task=ONE)) == pytest.approx(1 + 1 + 1)
    twice = record(look(0, 60), look(10, 14), cites=[HIT], task=ONE)
    assert reward(twice) == pytest.approx(2 + 0.95)
    half = seen(10, 12)  # IoU .5, IoP 1, IoG .5, DIoU .5 - (1/4)^2
    overlap = (0.5 + 1 + 0.5 + (0.5 - 1 / 16 + 1) / 2) / 4
    found = reward(record(look(10, 12), cites=[half], task=ONE))
    assert found == pytest.approx(2 + (overlap + 1) / 2)


def test_several_clues_do_not_pay_for_fewer_calls():
    steps = [look(10, 14), look(40, 44), look(0, 9)]
    found = find_reward("video_o3")(record(*steps, cites=[HIT, seen(40, 44)], task=TWO))
    assert found == pytest.approx(3)
    one = find_reward("video_o3")(record(*steps, cites=[HIT], task=TWO))
    assert one == pytest.approx(2 + ((2 * 0.5 + 1 + 0.5) / 4 + 1) / 2)


def test_easy_clues_and_free_ones():
    reward = find_reward("video_o3")
    assert reward(record(task=named(Clue.SINGLE_EASY))) == pytest.approx(2.75)
    found = reward(record(look(10, 14), look(0, 9), cites=[HIT], task=named(Clue.SINGLE_EASY)))
    assert found == pytest.approx(2 + 0.75 * 0.8)
    assert reward(record(task=named(Clue.FREE))) == reward(record(look(0, 9), task=task())) == 2.5


def test_seconds_that_are_asked_for_are_paid_by_their_overlap():
    when = task([[40.0, 50.0]], spans=spans((40, 50)))
    assert clue_of(when) is Clue.WHEN
    assert find_reward("video_o3")(record(answer="40-45", task=when)) == pytest.approx(1.5)


def test_there_is_no_bonus_without_a_right_answer_good_form_and_a_look():
    reward = find_reward("video_o3")
    assert reward(record(look(10, 14), answer="no", cites=[HIT], task=ONE)) == 1.0
    bad = record(refused(), look(10, 14), cites=[HIT], task=ONE)
    assert reward(bad) == pytest.approx(1 + 1 / 2)
    assert reward(record(task=ONE)) == 2.0


# DynFrame


def test_an_overlap_is_scaled_by_how_long_the_truth_is():
    assert [scaled(x, 0.6, 0.95) for x in (0.5, 0.775, 0.99)] == pytest.approx([0, 0.5, 1])
    for length, low, high in ((4, 0.6, 0.95), (10, 0.5, 0.9), (20, 0.4, 0.85), (60, 0.3, 0.8)):
        when = task([[0.0, float(length)]])
        said = record(answer=f"0-{0.7 * length}", task=when)
        assert rewards.scaled_accuracy(said) == pytest.approx((0.7 - low) / (high - low))


def test_the_last_look_is_compared_with_the_label():
    label = {"start_s": 10.0, "end_s": 14.0, "fps": 2.0}
    dense = task(metadata={"density": label})
    there = record(look(0, 60), look(10, 14, num=8), task=dense)
    assert rewards.density_chosen(there) == 1.0
    assert rewards.span_chosen(there) == 1.0
    sparse = record(look(10, 14, num=2), task=dense)  # .5 a second: 1.5 off
    assert rewards.density_chosen(sparse) == pytest.approx(0.7)
    wide = record(look(10, 22, num=8), task=dense)  # IoU 1/3
    assert rewards.span_chosen(wide) == pytest.approx((1 / 3 - 0.1) / 0.5)
    assert rewards.density_chosen(record(task=dense)) == 0.0
    assert rewards.density_chosen(record(look(10, 14))) is None


def test_dynframe_pays_look_and_answer_apart():
    reward = find_reward("dynframe")
    dense = task(metadata={"density": {"start_s": 10.0, "end_s": 14.0, "fps": 2.0}})
    bad_answer = record(look(10, 14, num=8), answer="no", task=dense)
    assert reward.parts_of(bad_answer) == {
        "format": 1.0,
        "accuracy": 0.0,
        "density": 1.0,
        "span": 1.0,
    }
    assert reward(bad_answer) == pytest.approx(0.1 + 0.3)
    assert set(reward.roles["look"]) == {"density", "span"}


# VideoSeeker, Video-RTS, and putting together


def test_video_seeker_and_video_rts_by_hand():
    twice = record(look(0, 9), look(10, 14))
    assert find_reward("video_seeker")(twice) == pytest.approx(0.8 + 0.15 + 0.05 * 0.6)
    wrong = record(refused(), look(10, 14), answer="no")
    assert find_reward("video_seeker")(wrong) == pytest.approx(0.15 / 2 + 0.05 * 0.6)
    assert find_reward("video_rts")(twice) == 2.0
    assert find_reward("video_rts")(wrong) == 0.0


def test_a_reward_that_cannot_be_judged_in_one_part_is_none():
    reward = weighted(accuracy=1.0, evidence_iou=0.5)
    assert reward(record(cites=[HIT], task=ONE)) == pytest.approx(1.5)
    assert reward(record()) is None
    for name in rewards.reward_names():
        assert find_reward(name)(broken(Origin.WORLD)) is None


def test_a_gate_pays_only_for_what_is_right():
    grounded = gated(rewards.find_part("evidence_iou"))
    assert grounded(record(cites=[HIT], task=ONE)) == 1.0
    assert grounded(record(answer="no", cites=[HIT], task=ONE)) == 0.0
    assert grounded(broken(Origin.TOOL)) is None


def test_every_part_has_a_weight_and_every_name_is_known():
    with pytest.raises(ValueError, match="one weight for each"):
        Weighted({"a": rewards.right}, {"a": 1.0, "b": 1.0})
    with pytest.raises(NoSuchPlugin):
        find_reward("video_04")


def test_a_judge_rewards_only_with_a_card_of_its_own_that_passes():
    judge = Judge(ScriptedPolicy(Reply(text="right")))
    mine = GOOD.replace(judge=judge.name)
    for card in (None, GOOD, mine.replace(accuracy=0.5)):
        with pytest.raises(UnfitJudge):
            judge_reward(judge, card)
    with pytest.raises(UnfitJudge):
        find_reward("judged")
    assert judge_reward(judge, mine)(record(scores={"judge": 0.5})) == 0.5


@pytest.mark.parametrize("name", rewards.reward_names())
def test_recipes_pass_the_kit_of_scorers(name: str):
    good = record(look(10, 14), cites=[HIT], task=ONE.replace(metadata={"density": {"fps": 1.0}}))
    check_scorer(find_reward(name), good, high=3.0)


# What does not pay. `honest` is right, in good form, and cites the one look that shows the truth.

QUESTION = "What is on the card?"
QUOTED = f"<answer>ACD</answer> [{HIT.id}] <grounding>10-14</grounding> {QUESTION}"


def honest(answer: str = "ACD") -> Trajectory:
    dense = ONE.replace(metadata={"density": {"start_s": 10.0, "end_s": 14.0, "fps": 1.0}})
    return record(look(0, 60), look(10, 14), answer=answer, cites=[HIT], task=dense)


def stumbled(answer: str = "ACD") -> Trajectory:
    """Honest, after one call that could not be carried out."""
    whole = honest(answer)
    return record(refused(), *whole.steps[:-1], answer=answer, cites=[HIT], task=whole.task)


def told(trajectory: Trajectory) -> Trajectory:
    """With a prompt and observations that quote the answer, tags and the question."""
    quote = TextPart(text=QUOTED)
    steps = tuple(
        step.replace(
            observations=tuple(o.replace(parts=(*o.parts, quote)) for o in step.observations)
        )
        for step in trajectory.steps
    )
    return trajectory.replace(system=QUOTED, opening=(quote,), steps=steps)


def again(trajectory: Trajectory, *steps: Step, cites: list[Evidence] | None = None) -> Trajectory:
    """The same, with more turns before the answer."""
    answer = trajectory.answer
    assert answer is not None
    return record(
        *trajectory.steps[:-1],
        *steps,
        answer=answer.text,
        cites=list(answer.evidence) if cites is None else cites,
        task=trajectory.task,
    )


def saying(trajectory: Trajectory, thinking: str) -> Trajectory:
    steps = [s.replace(reply=s.reply.replace(thinking=thinking)) for s in trajectory.steps]
    return trajectory.replace(steps=tuple(steps))


def longer(trajectory: Trajectory) -> Trajectory:
    answer = trajectory.answer
    assert answer is not None
    text = f"{answer.text}. " + "It may be other things, but this is what I saw. " * 40
    return trajectory.replace(answer=answer.replace(text=text))


TRICKS: dict[str, Callable[[Trajectory], Trajectory]] = {
    "told the answer": told,
    "looks again and again": lambda t: again(t, *[look(10, 14)] * 12),
    "looks everywhere": lambda t: again(t, *[look(i, i + 5, num=20) for i in range(0, 60, 5)]),
    "calls what is refused": lambda t: again(t, *[refused()] * 6),
    "stuffs tags": lambda t: saying(t, "<answer>ACD</answer><think></think>" * 20),
    "repeats the question": lambda t: saying(t, QUESTION * 20),
    "quotes the prompt": lambda t: saying(told(t), QUOTED),
    "cites all it saw": lambda t: t.replace(
        answer=t.answer.replace(evidence=t.evidence) if t.answer else None
    ),
    "answers at length": longer,
}


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("answer", ["ACD", "XYZ"])
@pytest.mark.parametrize("attempt", [honest, stumbled])
@pytest.mark.parametrize("name", rewards.reward_names())
def test_tricks_do_not_pay(
    name: str, attempt: Callable[[str], Trajectory], answer: str, trick: str
):
    reward, before = find_reward(name), attempt(answer)
    plain, tricked = reward(before), reward(TRICKS[trick](before))
    assert plain is not None
    assert tricked is not None
    assert tricked <= plain + 1e-9


def test_words_alone_change_nothing_at_all():
    before = honest()
    for name in rewards.reward_names():
        for trick in ("told the answer", "stuffs tags", "repeats the question"):
            assert find_reward(name)(TRICKS[trick](before)) == find_reward(name)(before)


def test_an_answer_never_given_earns_next_to_nothing_however_it_looked():
    silent = record(look(10, 14), answer=None, stop=Stop.BUDGET, task=honest().task)
    assert find_reward("video_o3")(silent) == 0.0
    assert find_reward("video_rts")(silent) == 0.0
