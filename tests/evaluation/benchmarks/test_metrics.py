"""Every number of a benchmark equals a second implementation, built another way.

Ours compares spans and options of records. The second one knows neither: it paints seconds into
arrays of tenths, and counts letters in arrays, straight from the formulas of the papers. Both see
hundreds of made-up predictions. All times are whole tenths of a second, so that painting is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.core import Answer, Evidence, Kind, Origin, Span, Stop, Task, Trajectory
from playhead.evaluation.benchmarks import find_benchmark
from tests.evaluation.records import broken, record

LETTERS = "ABCDEFGH"
END = 400  # tenths of a second
HUNDREDS = settings(max_examples=100, deadline=None)

tenths = st.tuples(st.integers(0, END - 1), st.integers(1, END)).filter(lambda p: p[0] < p[1])
stretches = st.lists(tenths, min_size=1, max_size=3)


def span(pair: tuple[int, int]) -> Span:
    return Span(start=pair[0] / 10, end=pair[1] / 10)


def painted(pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """`[END]`: which tenths of a second a set of stretches covers."""
    tape = np.zeros(END, bool)
    for start, end in pairs:
        tape[start:end] = True
    return tape


def ratio(part: np.ndarray, whole: np.ndarray) -> float:
    return part.sum() / whole.sum() if whole.any() else 0.0


def chose(task: Task, place: int | None, cites: Sequence[tuple[int, int]] = ()) -> Trajectory:
    """An attempt that chose the option at a place and cites stretches."""
    pieces = [Evidence.make("v", span(pair), Kind.CAPTION, text="seen") for pair in cites]
    if place is None:
        return record(answer="I cannot tell", task=task, cites=pieces)
    return record(answer=LETTERS[place], choice=task.options[place], task=task, cites=pieces)


def said(task: Task, words: str | None) -> Trajectory:
    choice = words if words in task.options else None
    return record(answer=words, choice=choice, task=task)


def asked(id_: int, num: int, gold: int, **more: Any) -> Task:
    options = tuple(f"option {i} of {id_}" for i in range(num))
    return Task(id=str(id_), question="Which?", options=options, answer=options[gold], **more)


def numbers(name: str, records: Sequence[Trajectory]) -> Mapping[str, float | None]:
    return find_benchmark(name).summary(records)


def same(ours: Mapping[str, float | None], theirs: Mapping[str, float]) -> None:
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=1e-9), name


# Options: the letter chosen beside the right one, and the group each question belongs to.

marked = st.lists(
    st.tuples(st.integers(0, 3), st.none() | st.integers(0, 3), st.integers(0, 2)),
    min_size=1,
    max_size=15,
)


def table(rows: Sequence[tuple[int, int | None, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    gold, given_, group = (np.array([row[i] for row in rows], float) for i in range(3))
    return gold == np.nan_to_num(given_, nan=-1), ~np.isnan(given_), group


def by_group(rows: Sequence[tuple[int, int | None, int]], names: Sequence[str]) -> dict[str, float]:
    right, _, group = table(rows)
    return {names[int(g)]: float(right[group == g].mean()) for g in np.unique(group)}


def attempts(
    rows: Sequence[tuple[int, int | None, int]], key: str, names: Sequence[str], **more: Any
) -> list[Trajectory]:
    return [
        chose(asked(i, 4, gold, metadata={key: names[group], **more}), place)
        for i, (gold, place, group) in enumerate(rows)
    ]


@given(marked)
@HUNDREDS
def test_mlvu_is_the_mean_over_tasks(rows: list[Any]):
    names = ("plotQA", "ego", "count")
    tasks = by_group(rows, names)
    same(
        numbers("mlvu", attempts(rows, "question_type", names)),
        {**tasks, "M-Avg": float(np.mean(list(tasks.values())))},
    )


@given(marked)
@HUNDREDS
def test_video_holmes_and_herbench_are_means_by_type_and_over_all(rows: list[Any]):
    names = ("SR", "IMC", "TCI")
    overall = float(table(rows)[0].mean())
    expected = {**by_group(rows, names), "Overall": overall}
    same(numbers("video_holmes", attempts(rows, "question_type", names)), expected)
    same(numbers("herbench", attempts(rows, "task_type", names)), expected)


@given(marked)
@HUNDREDS
def test_video_mme_leaves_out_what_was_not_answered(rows: list[Any]):
    names = ("short", "medium", "long")
    right, answered, group = table(rows)
    expected = {
        names[int(g)]: float(right[answered & (group == g)].mean())
        for g in np.unique(group[answered])
    }
    ours = numbers("video_mme", attempts(rows, "duration", names))
    if answered.any():
        same(ours, {**expected, "Overall": float(right[answered].mean())})
    else:
        assert ours == {"Overall": None}


@given(marked)
@HUNDREDS
def test_longvideobench_is_accuracy_by_duration_and_category(rows: list[Any]):
    names = ("15", "60", "600")
    records = attempts(rows, "duration_group", names, question_category="S2E")
    overall = float(table(rows)[0].mean())
    same(
        numbers("longvideobench", records),
        {**by_group(rows, names), "S2E": overall, "Overall": overall},
    )


@given(marked)
@HUNDREDS
def test_v2p_is_accuracy_by_dimension_and_length(rows: list[Any]):
    names = ("OA", "HA", "OD")
    records = attempts(rows, "dimension", names, duration="Short")
    overall = float(table(rows)[0].mean())
    expected = {**by_group(rows, names), "Short": overall, "Accuracy": overall}
    same(numbers("v2p_bench", records), expected)


@given(marked)
@HUNDREDS
def test_streaming_questions_are_accuracy_by_type(rows: list[Any]):
    names = ("Counting", "Clips Summarize", "Object Recognition")
    records = attempts(rows, "task_type", names)
    expected = {**by_group(rows, names), "total": float(table(rows)[0].mean())}
    same(numbers("streaming_bench", records), expected)


@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 2), min_size=1)), min_size=1))
@HUNDREDS
def test_lvbench_counts_a_question_in_each_of_its_types(rows: list[tuple[bool, set[int]]]):
    names = ("reasoning", "summarization", "entity recognition")
    short = np.array(("Rea", "Sum", "ER"))
    records = [
        chose(asked(i, 4, 1, metadata={"types": [names[g] for g in types]}), 1 if right else 2)
        for i, (right, types) in enumerate(rows)
    ]
    right = np.array([is_right for is_right, _ in rows])
    member = np.array([[g in types for g in range(3)] for _, types in rows])
    shares = {
        str(short[g]): float((right & member[:, g]).sum() / member[:, g].sum())
        for g in range(3)
        if member[:, g].any()
    }
    same(numbers("lvbench", records), {**shares, "Overall": float(right.mean())})


# Seconds: what is cited beside what is true.

grounded = st.lists(
    st.tuples(st.booleans(), st.just([]) | stretches, stretches), min_size=1, max_size=4
)


@given(grounded)
@HUNDREDS
def test_nextgqa_takes_the_best_of_the_true_stretches(rows: list[Any]):
    records, right, best_iop, best_iou = [], [], [], []
    for i, (is_right, cites, gold) in enumerate(rows):
        task = asked(i, 5, 3, spans=tuple(map(span, gold)))
        records.append(chose(task, 3 if is_right else 0, cites))
        tape = painted(cites)
        golds = [painted([pair]) for pair in gold]
        right.append(is_right)
        best_iop.append(max(ratio(tape & one, tape) for one in golds))
        best_iou.append(max(ratio(tape & one, tape | one) for one in golds))
    iop, iou, is_right = np.array(best_iop), np.array(best_iou), np.array(right)
    same(
        numbers("nextgqa", records),
        {
            "Acc@QA": is_right.mean(),
            "Acc@GQA": (is_right & (iop >= 0.5)).mean(),
            "mIoP": iop.mean(),
            "IoP@0.3": (iop >= 0.3).mean(),
            "IoP@0.5": (iop >= 0.5).mean(),
            "mIoU": iou.mean(),
            "IoU@0.3": (iou >= 0.3).mean(),
            "IoU@0.5": (iou >= 0.5).mean(),
        },
    )


@given(grounded)
@HUNDREDS
def test_cg_bench_averages_over_five_thresholds(rows: list[Any]):
    records, overlaps = [], []
    for i, (is_right, cites, gold) in enumerate(rows):
        task = asked(i, 7, 6, spans=tuple(map(span, gold)))
        records.append(chose(task, 6 if is_right else 2, cites))
        tape, truth = painted(cites), painted(gold)
        overlaps.append(ratio(tape & truth, tape | truth))
    right = np.array([is_right for is_right, *_ in rows])
    found = np.array(overlaps)[:, None] >= np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    same(
        numbers("cg_bench", records),
        {
            "long_acc": right.mean(),
            "mIoU": np.mean(overlaps),
            "rec@IoU": found.mean(),
            "acc@IoU": (found & right[:, None]).mean(),
        },
    )


@given(st.lists(st.tuples(st.none() | tenths, tenths), min_size=1, max_size=8))
@HUNDREDS
def test_charades_is_recall_at_three_overlaps(rows: list[Any]):
    records, overlaps = [], []
    for i, (pair, gold) in enumerate(rows):
        truth = span(gold)
        task = Task(id=str(i), question="When?", answer=[[truth.start, truth.end]])
        words = "no idea" if pair is None else f"{pair[0] / 10} - {pair[1] / 10}"
        records.append(record(answer=words, task=task))
        tape, true = painted([pair] if pair else []), painted([gold])
        overlaps.append(ratio(tape & true, tape | true))
    found = np.array(overlaps)
    recalls = {f"R@1, IoU={least}": (found >= least).mean() for least in (0.3, 0.5, 0.7)}
    same(numbers("charades_sta", records), {**recalls, "mIoU": found.mean()})


# Streams: what was said, letter by letter, and when.

words = st.sampled_from(
    ["A", "B", "the man", "Box", "Yes", "No", "Y", "N", "Yes, I think", "No way", "not Yes", "",
     "3", "13", "1 and 3", "three", "A or B", None]
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(("EPM", "OCR", "REC", "SSR", "CRR")), words),
                min_size=1, max_size=25))  # fmt: skip
@HUNDREDS
def test_ovo_matches_leniently(rows: list[tuple[str, str | None]]):
    records, scores = [], {}
    for i, (task, reply) in enumerate(rows):
        truth = {"EPM": "B", "OCR": "B", "REC": "13", "SSR": "Yes", "CRR": "Yes"}[task]
        more = {"metadata": {"task": task}, "within": Span(start=0, end=9)}
        if task == "REC":
            question = Task(id=str(i), question="How often?", answer=13, **more)
        elif task in ("SSR", "CRR"):
            question = Task(id=str(i), question="?", options=("No", "Yes"), answer="Yes", **more)
        else:
            question = asked(i, 2, 1, **more)
        records.append(said(question, reply))
        text = reply or ""
        if task == "REC":
            hit = "".join(sign for sign in text if sign in "0123456789") == truth
        else:
            windows = {text[j : j + len(truth)] for j in range(len(text))}
            hit = truth in windows or (len(truth) > 1 and text == truth[0])
        scores.setdefault(task, []).append(hit)
    tasks = {task: float(np.mean(hits)) for task, hits in scores.items()}
    modes = {"Backward": ("EPM",), "Realtime": ("OCR",), "Forward": ("REC", "SSR", "CRR")}
    ours = numbers("ovo_bench", records)
    averages = []
    for mode, inside in modes.items():
        known = [tasks[task] for task in inside if task in tasks]
        averages.append(np.mean(known) if known else None)
        assert ours[f"{mode} Avg."] == (pytest.approx(averages[-1]) if known else None)
    assert {task: ours[task] for task in tasks} == pytest.approx(tasks)
    is_whole = all(value is not None for value in averages)
    assert ours["Total Avg."] == (pytest.approx(np.mean(averages)) if is_whole else None)


polls = st.lists(st.booleans(), min_size=12, max_size=12)


@given(st.lists(st.tuples(st.integers(0, 8), polls, st.booleans()), min_size=1, max_size=2))
@HUNDREDS
def test_proactive_is_the_first_yes_beside_the_truth(rows: list[tuple[int, list[bool], bool]]):
    records, in_time, with_words = [], [], []
    for i, (delay, yes, knows) in enumerate(rows):
        last = delay + 4
        for at in range(1, last + 1):
            about = {"asked": str(i), "at_s": at, "true_s": delay, "task_type": "Proactive Output"}
            when = Task(
                id=f"{i}-{at}", question="Now?", options=("Yes", "No"),
                metadata={**about, "asks": "when"},
            )  # fmt: skip
            records.append(said(when, "Yes" if yes[at - 1] else "No"))
            if abs(at - delay) <= 2:
                what = Task(
                    id=f"{i}-{at}-say", question="Say it", answer="goal",
                    metadata={**about, "asks": "what", "kind": "open"},
                )  # fmt: skip
                records.append(said(what, "a goal!" if knows else "nothing"))
        flags = np.array(yes[:last])
        first = int(flags.argmax()) + 1 if flags.any() else None
        near = first is not None and abs(first - delay) <= 2
        in_time.append(near)
        with_words.append(near and knows)
    same(
        numbers("streaming_bench", records),
        {"time_accuracy": np.mean(in_time), "answer_accuracy": np.mean(with_words)},
    )


def test_what_could_not_be_judged_is_in_no_number():
    """A broken disk is not a wrong answer: leaving an attempt out changes nothing."""
    task = asked(1, 4, 1, metadata={"question_type": "ego"})
    fault = broken(Origin.WORLD).replace(task=task)
    good = [chose(task, 1), chose(task, 2)]
    assert numbers("mlvu", [*good, fault]) == numbers("mlvu", good) == {"ego": 0.5, "M-Avg": 0.5}
    assert numbers("mlvu", [fault]) == {"ego": None, "M-Avg": None}


def test_a_model_that_gives_up_is_wrong():
    task = asked(1, 4, 1, metadata={"question_type": "ego"})
    gave_up = Trajectory(
        id="r", task=task, stop=Stop.ANSWERED, answer=Answer(text="", abstained=True)
    )
    assert numbers("mlvu", [gave_up])["M-Avg"] == 0.0


def test_longvidsearch_reports_accuracy_and_calls():
    about = {"kind": "open", "hop_level": "2-Hop", "category": "Visual_Tracking"}
    task = Task(id="1", question="Which?", answer="534", metadata=about)
    records = [record(task=task, scores={"judge": judged}) for judged in (1.0, 0.0, None)]
    found = numbers("longvidsearch", records)
    assert found["Accuracy"] == found["2-Hop"] == found["Visual_Tracking"] == 0.5
    assert found["Tool-call cost"] == 0.0
