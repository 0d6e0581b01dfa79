from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from playhead.core.errors import Blamed, Origin, VideoNotFound
from playhead.core.policy import Author, Reply
from playhead.core.store import TrajectoryStore
from playhead.evaluation.judging import UnfitJudge
from playhead.evaluation.numbers import numbers_of
from playhead.evaluation.report import markdown, sections_of
from playhead.evaluation.run import ATTEMPTS, RECEIPTS, Contaminated, read_run
from playhead.evaluation.scorers.judge import Judge, JudgeCard
from playhead.evaluation.settings import OtherRun
from playhead.memory.place import lock
from tests.evaluation.runs import made, small


def table(*runs) -> str:
    """A report without what depends on the machine."""
    return markdown(sections_of(runs)).partition("On this machine")[0]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nobody disturbed."""
    return made(tmp_path_factory.mktemp("whole") / "run", small())


def ids(folder: Path) -> list[str]:
    return [record.id for record in TrajectoryStore(folder / ATTEMPTS)]


def test_a_run_attempts_every_question_once_and_keeps_receipts(whole):
    assert whole.is_whole
    assert [record.task for record in whole.records] == list(small().tasks)
    assert read_run(whole.folder) == whole
    assert Counter(ids(whole.folder)) == {f"{task.id}-0": 1 for task in small().tasks}
    for record in whole.records:
        kept = json.loads((whole.folder / RECEIPTS / f"{record.id}.json").read_text())
        assert len(kept["frames"]) == record.cost.frames == 8
        assert all(len(frame["sha256"]) == 64 for frame in kept["frames"])
        assert record.task.question in record.messages(before=0)[-1].text


def test_the_same_run_gives_the_same_table(whole, tmp_path):
    again = made(tmp_path / "run", small(), at_once=1)
    assert table(again) == table(whole)
    assert again.settings == whole.settings


def test_a_run_that_is_whole_asks_nothing(whole):
    before = (whole.folder / ATTEMPTS).read_bytes()
    assert table(made(whole.folder, small())) == table(whole)
    assert (whole.folder / ATTEMPTS).read_bytes() == before


def test_a_run_that_was_cut_goes_on_with_what_is_left(whole, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    lines = (whole.folder / ATTEMPTS).read_bytes().splitlines(keepends=True)
    (folder / ATTEMPTS).write_bytes(lines[1] + lines[2] + lines[3][:100])  # killed in a write
    for name in ("run.json", "questions.json"):
        (folder / name).write_bytes((whole.folder / name).read_bytes())
    gone_on = made(folder, small())
    assert sorted(ids(folder)) == sorted(ids(whole.folder))
    assert table(gone_on) == table(whole)
    kept = {record.id: record.to_json() for record in gone_on.records}
    for line in lines[1:3]:
        assert line.decode().strip() in kept.values()  # not attempted again


def test_a_folder_begun_with_other_settings_is_refused(whole):
    with pytest.raises(OtherRun, match=r"how\.seed: 0, not 1") as refused:
        made(whole.folder, small(seed=1))
    assert "questions: " in str(refused.value)
    with pytest.raises(OtherRun, match=r"budget\.frames: 8, not 9"):
        made(whole.folder, small(), "uniform:9")
    assert read_run(whole.folder).settings == whole.settings


def test_two_processes_do_not_make_one_run(whole):
    with lock(whole.folder / "lock", wait=False) as is_ours:
        assert is_ours
        with pytest.raises(OtherRun, match="another process"):
            made(whole.folder, small())


def test_a_disk_that_takes_nothing_ends_a_run_with_its_own_error(tmp_path):
    (tmp_path / "receipts").write_text("a file where a folder must be")
    with pytest.raises(FileExistsError):
        made(tmp_path, small())
    (tmp_path / "receipts").unlink()
    assert made(tmp_path, small()).is_whole


def failing(times: int):
    """Questions of which the first one's video cannot be had so many times."""
    questions = small()
    first, left = questions.tasks[0].id, [times]

    @contextmanager
    def opened(recipe, index, memories):
        with questions.open(recipe, index, memories) as source:
            reach = source.open

            def open_or_fail(task, budget):
                if task.id == first and left[0]:
                    left[0] -= 1
                    raise VideoNotFound("the disk is gone")
                return reach(task, budget)

            source.open = open_or_fail
            yield source

    return replace(questions, open=opened)


def test_an_error_is_no_wrong_answer_and_is_tried_again(whole, tmp_path):
    folder, questions = tmp_path / "run", failing(3)  # two tries of the first run, one of the next
    run = made(folder, questions)
    numbers = numbers_of(run)
    assert (numbers.num_unjudged, numbers.blamed) == (1, {"world": 1})
    assert numbers.whole.num_judged == 3
    assert made(folder, questions).records == run.records  # it was not asked for
    again = made(folder, questions, retry_failed=True)
    assert numbers_of(again).num_unjudged == 0
    assert table(again) == table(whole)
    first = questions.tasks[0].id
    assert sorted(id_ for id_ in ids(folder) if id_.startswith(first)) == [
        f"{first}-0",
        f"{first}-1",
    ]


def test_what_was_trained_on_is_not_asked(tmp_path):
    learned = [small().tasks[2]]
    # the question itself, and the other one about its video
    with pytest.raises(Contaminated, match="2 of 4 questions were trained on"):
        made(tmp_path / "run", small(), trained_on=learned)
    assert not (tmp_path / "run").exists()
    known = made(tmp_path / "run", small(), trained_on=learned, allow_contaminated=True)
    assert known.settings.contaminated == tuple(task.id for task in small().tasks[2:])
    assert "was trained on 2 questions" in table(known)


class Comparing:
    """A judge that compares words, and may be out of order."""

    name = "comparing"

    def __init__(self, says: str | None = None, error: Exception | None = None) -> None:
        self.says, self.error = says, error

    async def reply(self, messages, tools, sampling) -> Reply:
        if self.error is not None:
            raise self.error
        told = messages[-1].text
        gold, said = (told.partition(f"{name}: ")[2] for name in ("true answer", "\nanswer"))
        words = set(gold.partition("\n")[0].strip('"').split()) - {"in", "the"}
        is_right = words <= set(said.strip('"').rstrip(".").split())
        text = self.says or ("right" if is_right else "wrong")
        return Reply(text=text, author=Author.POLICY)


CARD = JudgeCard(
    judge="comparing", num=200, accuracy=0.9, position_bias=0.0, length_bias=0.0, tie_rate=0.0
)


@pytest.mark.parametrize(
    ("judge", "card", "why"),
    [
        (Comparing(), None, "has no card"),
        (Comparing(), CARD.replace(judge="another"), "is of the judge 'another'"),
        (Comparing(), CARD.replace(accuracy=0.6), "did not pass: it is right in 60%"),
        (Comparing(error=Blamed(Origin.WORLD, "no route")), CARD, "cannot be asked: no route"),
        (Comparing("right"), CARD, "is not well"),
        (Comparing("who knows"), CARD, "said nothing that it may say and not 1"),
    ],
)
def test_an_unfit_judge_is_refused_before_the_start(judge, card, why, tmp_path):
    with pytest.raises(UnfitJudge, match=why):
        made(tmp_path / "run", small(), judge=Judge(judge), card=card)
    assert not (tmp_path / "run").exists()


def test_prose_needs_a_judge(tmp_path):
    with pytest.raises(ValueError, match="name a judge"):
        made(tmp_path / "run", replace(small(), scorers=("judged",)))


def test_what_a_judge_could_not_judge_is_asked_again_and_never_zero(tmp_path):
    questions = replace(small(), scorers=("judged",))
    judge = Judge(Comparing())

    class Failing(Comparing):
        num = 0

        async def reply(self, messages, tools, sampling):
            self.num += 1
            if self.num > 4:  # the probes are answered, then the server dies
                raise Blamed(Origin.WORLD, "the server is gone")
            return await super().reply(messages, tools, sampling)

    run = made(tmp_path / "run", questions, judge=Judge(Failing()), card=CARD)
    assert (numbers_of(run).whole.score, numbers_of(run).whole.num_judged) == (None, 0)
    judged = made(tmp_path / "run", questions, judge=judge, card=CARD)
    assert numbers_of(judged).whole.num_judged == 4
    assert [record.id for record in judged.records] == [record.id for record in run.records]


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_ends_with_the_same_table(tmp_path):
    def command(folder: Path) -> list[str]:
        asked = "--videos 2 --minutes 1 --controls 1 --model uniform:16 --model rules --at-once 2"
        run = [sys.executable, "-m", "playhead", "eval", "worlds", *asked.split()]
        return [*run, "--out", str(folder)]

    def finished(folder: Path) -> str:
        done = subprocess.run(command(folder), capture_output=True, text=True, check=True)
        return done.stdout.partition("On this machine")[0]

    def records(folder: Path) -> Counter[str]:
        return Counter(id_ for path in folder.glob("*/attempts.jsonl") for id_ in ids(path.parent))

    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    expected = finished(undisturbed)
    num_kills = 0
    for least in (3, 20):
        process = subprocess.Popen(command(killed), stdout=subprocess.DEVNULL, stderr=-3)
        while process.poll() is None and records(killed).total() < least:
            time.sleep(0.05)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            num_kills += 1
        process.wait()
    assert num_kills
    assert 0 < records(killed).total() < records(undisturbed).total()
    assert finished(killed) == expected
    assert records(killed) == records(undisturbed)
    assert set(records(killed).values()) == {2}  # both models, each question once


def test_what_is_asked_first_is_what_is_named(tmp_path):
    questions = small().first(2)
    assert questions.tasks == small().tasks[:2]
    assert questions.digest != small().digest
    with pytest.raises(ValueError, match="one question or more"):
        small().first(0)
