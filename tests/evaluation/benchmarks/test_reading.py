"""Every adapter reads its owner's format, and says which file and which record is wrong."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from playhead.core import Span, Task
from playhead.core.errors import MissingExtra
from playhead.evaluation.benchmarks import benchmark_names, find_benchmark
from playhead.evaluation.benchmarks.base import BenchmarkFileMissing, Item
from playhead.evaluation.benchmarks.choices import bare
from playhead.evaluation.scorers import find_scorer
from playhead.evaluation.scorers.answers import gold_option
from playhead.testing import check_benchmark
from tests.evaluation.records import record, spans

FIXTURES = Path(__file__).parent / "fixtures"
READ = [
    (name, split)
    for name in benchmark_names()
    if name in {folder.name for folder in FIXTURES.iterdir()}
    for split in find_benchmark(name).splits
    if (name, split)
    not in {
        ("video_holmes", "train"),
        ("cg_bench", "full"),
        ("charades_sta", "train"),
        ("nextgqa", "val"),
    }
]


def read(name: str, split: str = "") -> list[Item]:
    bench = find_benchmark(name)
    return list(bench.read(FIXTURES / name, split or bench.splits[0]))


def tasks(name: str, split: str = "") -> list[Task]:
    return [item.task for item in read(name, split)]


@pytest.mark.parametrize(("name", "split"), READ)
def test_what_is_read_can_be_asked_and_scored(name: str, split: str):
    items, bench = read(name, split), find_benchmark(name)
    assert items
    assert len({item.task.id for item in items}) == len(items)
    for item in items:
        assert item.videos
        assert all(video and not video.startswith((".", "/")) for video in item.videos)
        assert set(bench.groups) <= set(item.task.metadata)
        assert not item.task.video_ids
        assert item.task == Task.from_json(item.task.to_json())
    assert all(find_scorer(scorer) for scorer in bench.scorers)


@pytest.mark.parametrize(("name", "split"), READ)
def test_every_adapter_passes_the_kit(name: str, split: str):
    check_benchmark(find_benchmark(name), FIXTURES / name, split)


@pytest.mark.parametrize("name", benchmark_names())
def test_a_missing_file_says_who_publishes_it(name: str, tmp_path: Path):
    bench = find_benchmark(name)
    for split in bench.splits:
        with pytest.raises(BenchmarkFileMissing, match="publishes") as caught:
            list(bench.read(tmp_path, split))
        assert "https://" in str(caught.value)


@pytest.mark.parametrize("name", benchmark_names())
def test_an_unknown_split_is_told_which_there_are(name: str, tmp_path: Path):
    bench = find_benchmark(name)
    with pytest.raises(ValueError, match=f"the splits are {bench.splits[0]}.*'nosuch'"):
        list(bench.read(tmp_path, "nosuch"))


def test_mlvu_has_options_in_seven_tasks_and_prose_in_two():
    items = read("mlvu")
    assert items[0].videos == ("1_plotQA/plotQA_1.mp4",)
    assert items[0].task.options == ("A tin", "A window", "A book", "A door")
    assert gold_option(items[0].task) == "A window"
    kinds = [item.task.metadata["question_type"] for item in items]
    assert len(kinds) == 9
    assert kinds[-2:] == ["subPlot", "summary"]
    assert [task.metadata.get("kind") for task in tasks("mlvu")[-2:]] == ["open", "open"]


def test_mlvu_keeps_a_truth_that_is_none_of_the_options(tmp_path: Path):
    """Two published answers are none of their options: every choice is wrong, none is an error."""
    shutil.copytree(FIXTURES / "mlvu", tmp_path / "mlvu")
    path = tmp_path / "mlvu" / "4_count.json"
    path.write_text(path.read_text().replace('"answer": "1"', '"answer": "seven"'))
    bench = find_benchmark("mlvu")
    (odd,) = [item.task for item in bench.read(path.parent, "dev") if item.task.answer == "seven"]
    assert gold_option(odd) is None
    attempt = record(answer="B", choice=odd.options[1], task=odd)
    assert bench.summary([attempt]) == {"count": 0.0, "M-Avg": 0.0}


def test_the_test_set_of_mlvu_has_no_truth():
    (task,) = tasks("mlvu", "test")
    assert (task.id, task.answer, len(task.options)) == ("SQA_0", None, 6)


def test_lvbench_takes_options_and_seconds_out_of_the_question():
    first, second = tasks("lvbench")
    assert first.question == "Who serves first?"
    assert first.options == ("The left one", "The right one", "Both", "Nobody")
    assert first.answer == "The right one"
    assert first.spans == spans((62, 69))
    assert second.spans is None
    assert first.metadata["question_type"] == "entity recognition + reasoning"


def test_longvideobench_tells_where_its_subtitles_begin():
    (item,) = read("longvideobench", "val")
    assert item.task.answer == "a cup"
    assert item.subtitles == "subtitles/vid1_en.json"
    assert item.task.metadata["subtitles_start_s"] == 3.5
    assert item.task.metadata["duration_group"] == 15
    (hidden,) = tasks("longvideobench", "test")
    assert hidden.answer is None


def test_subtitles_of_longvideobench_are_put_on_the_clock_of_the_video():
    bench = find_benchmark("longvideobench")
    (item,) = read("longvideobench", "val")
    lines = bench.said(FIXTURES / "longvideobench", item)
    assert [(line.span, line.text) for line in lines] == [
        (Span(start=0, end=2), "Pour the milk."),
        (Span(start=6, end=12.4), "Done."),
    ]
    (item,) = read("longvideobench", "test")
    (line,) = bench.said(FIXTURES / "longvideobench", item)
    assert line.span == Span(start=2, end=4.5)


def test_other_subtitles_are_files_of_the_usual_kind():
    item = read("cg_bench")[0]
    (line,) = find_benchmark("cg_bench").said(FIXTURES / "cg_bench", item)
    assert line.text == "Up it goes."


def test_egoschema_asks_what_has_an_answer_or_everything():
    assert [task.id for task in tasks("egoschema", "subset")] == ["u-1"]
    known, hidden = tasks("egoschema", "full")
    assert known.answer == "C mends the coat."
    assert hidden.answer is None


def test_video_holmes_reads_options_by_letter():
    first, second = tasks("video_holmes")
    assert (first.id, first.answer) == ("h1-1", "Partners")
    assert second.options[2] == second.answer == "To signal"


def test_cg_bench_has_the_seconds_of_its_clues_and_subtitles_where_there_are_some():
    first, second = read("cg_bench")
    assert first.task.spans == spans((4, 12), (60, 62.5))
    assert first.subtitles == "subtitles/c1.srt"
    assert second.task.answer == "!"


def test_herbench_reads_the_cues_where_they_are_stretches():
    counted, ordered = read("herbench")
    assert ordered.task.options[2] == ordered.task.answer == "3->1->2"
    assert ordered.task.spans == spans((8, 9), (124.9, 126))
    assert counted.task.spans is None
    assert ordered.videos == ("trailers/A boat.mp4",)


def test_charades_asks_when():
    first, second = tasks("charades_sta")
    assert first.answer == [[0.0, 6.5]]
    assert second.spans == spans((10.2, 14))
    assert "the person sits down." in second.question


def test_nextgqa_joins_questions_seconds_and_paths():
    first, second = read("nextgqa")
    assert first.videos == ("0101/77.mp4",)
    assert first.task.options[4] == "look up, then down"
    assert first.task.answer == "laugh"
    assert second.task.spans == spans((0, 17.1), (20, 23.5))  # published from -0.1 on


@pytest.mark.parametrize("split", ["real", "omni", "sqa"])
def test_nothing_after_the_moment_of_a_question_may_be_seen(split: str):
    for task in tasks("streaming_bench", split):
        assert task.within is not None
        assert task.within.start == 0
    assert tasks("streaming_bench", "real")[0].within == Span(start=0, end=91)


def test_streaming_options_are_bare_and_mended():
    (real,) = tasks("streaming_bench", "real")
    assert (real.options, real.answer) == (("1.", "2.", "3.", "4."), "3.")
    (torn,) = tasks("streaming_bench", "omni")
    assert torn.options == ("'Come in'.", "'Go away'.", "'Stay'.", "Nothing.")
    assert torn.answer == "'Stay'."


def test_a_chain_of_questions_knows_the_earlier_answers():
    first, second = tasks("streaming_bench", "sqa")
    assert first.options == ("Ann.", "Bob B.", "Cy.", "Di.")
    assert first.question == "Who serves now?"
    assert second.question.startswith("Asked before, at 00:00:36: Who serves now? Answer: Ann.\n")


def test_a_proactive_question_is_asked_every_second_until_four_after_the_truth():
    asked = tasks("streaming_bench", "proactive")
    when = [task for task in asked if task.metadata["asks"] == "when"]
    what = [task for task in asked if task.metadata["asks"] == "what"]
    assert [task.within for task in when] == list(spans(*[(20, t) for t in range(21, 29)]))
    assert [task.answer for task in when] == ["No"] * 3 + ["Yes"] * 5
    assert [task.metadata["at_s"] for task in what] == [22, 23, 24, 25, 26]


def test_ovo_asks_at_each_moment_of_a_forward_task():
    asked = {task.id: task for task in tasks("ovo_bench")}
    assert asked["0"].answer == "on the stove"
    assert asked["5"].within == Span(start=0, end=54.2)
    assert asked["8_0"].answer == "No"
    assert asked["8_1"].answer == "Yes"
    assert asked["8_1"].within == Span(start=0, end=310)
    assert "knead the dough" in asked["9_0"].question
    assert asked["10_1"].answer == 12
    assert {task.metadata["mode"] for task in asked.values()} == {"Backward", "Realtime", "Forward"}


def test_v2p_has_the_pictures_that_the_question_is_about():
    first, second = read("v2p_bench")
    assert first.task.question == "What is the man in the box\ncarrying?"
    assert first.task.options == ("A ladder.", "A bag of flour.", "Nothing.")
    assert first.pictures == ("frames/EgoSchema/p1.jpg",)
    assert first.videos == ("EgoSchema/p1.mp4",)
    assert second.pictures == ("frames/LVBench/p2_1.jpg", "frames/LVBench/p2_2.jpg")
    assert second.task.metadata == {"dimension": "SR", "duration": "Long", "category": "1"}


def test_longvidsearch_reads_both_forms():
    first, second = read("longvidsearch", "videos")
    assert first.videos == ("-vid_1.mp4",)
    assert first.task.metadata["kind"] == "open"
    assert second.task.metadata["evidence_slices"] == [2, 5, 9]
    (merged,) = read("longvidsearch", "full")
    assert merged.videos == ("vid_2.mp4",)


def test_video_mme_is_read_from_parquet(tmp_path: Path):
    rows = _video_mme_rows()
    path = tmp_path / "test-00000-of-00001.parquet"
    if find_spec("pyarrow") is None:
        path.touch()
        with pytest.raises(MissingExtra, match=r"playhead\[parquet\]"):
            list(find_benchmark("video_mme").read(tmp_path, "test"))
        return
    _write_parquet(path, rows)
    (tmp_path / "subtitle").mkdir()
    (tmp_path / "subtitle" / "yt_2.srt").touch()
    first, second = find_benchmark("video_mme").read(tmp_path, "test")
    assert first.task.id == "001-1"
    assert first.task.options == ("Apples.", "Candles.", "Berries.", "All three.")
    assert first.task.answer == "Berries."
    assert first.task.metadata["duration"] == "short"
    assert (first.videos, first.subtitles) == (("yt_1.mp4",), None)
    assert second.subtitles == "subtitle/yt_2.srt"


def test_options_lose_only_letters_that_are_theirs():
    assert bare(["A. red", "B. blue"]) == ["red", "blue"]
    assert bare(["(A) red", "(B) blue"]) == ["red", "blue"]
    assert bare(["A.Ann", "B. Smith", "Cy"]) == ["Ann", "Smith", "Cy"]
    assert bare(["B. Smith", "A man", "Cy"]) == ["B. Smith", "A man", "Cy"]


BAD = {
    ("cg_bench", "cgbench_mini.json"): [
        ("question", None), ("right_answer", "Z"), ("choices", "red"), ("clue_intervals", [[9, 4]]),
        ("clue_intervals", [["a", 4]]),
    ],
    ("mlvu", "2_needle.json"): [("video", None), ("candidates", [1, 2])],
    ("longvideobench", "lvb_val.json"): [("correct_choice", 9), ("duration_group", "long")],
    ("egoschema", "questions.json"): [("option 4", None)],
    ("video_holmes", "test_Video-Holmes.json"): [("Options", ["A"]), ("Answer", "AB")],
    ("herbench", "tasks/temporal_shot_ordering.json"): [("answer_index", 5), ("candidates", None)],
    ("streaming_bench", "questions_real.json"): [("questions", 3), ("video_path", None)],
    ("ovo_bench", "ovo_bench_new.json"): [("task", "XYZ"), ("gt", 7), ("realtime", 0)],
    ("longvidsearch", "full-QA(3000).json"): [("vid", None), ("evidence_slices", 3)],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "file", "key", "value"),
    [(*where, *change) for where, changes in BAD.items() for change in changes],
)
def test_a_bad_record_is_named(tmp_path: Path, name: str, file: str, key: str, value: object):
    bench = find_benchmark(name)
    shutil.copytree(FIXTURES / name, tmp_path / name)
    path = tmp_path / name / file
    data = json.loads(path.read_text())
    if value is None:
        del data[0][key]
    else:
        data[0][key] = value
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=r"record 0") as caught:
        list(bench.read(tmp_path / name, bench.splits[0]))
    assert Path(file).name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "file", "text", "where"),
    [
        ("charades_sta", "charades_sta_test.txt", "ABC 1.0##hi\n", "line 1"),
        ("charades_sta", "charades_sta_test.txt", "\nABC 5.0 1.0##hi\n", "line 2"),
        ("lvbench", "video_info.meta.jsonl", "{]\n", "line 1"),
        ("v2p_bench", "dataset_info.jsonl", '{"question": "Why?"}\n', "line 1"),
        ("cg_bench", "cgbench_mini.json", "{}", "cgbench_mini.json"),
        ("nextgqa", "gsub_test.json", "{}", "gsub_test.json, 77"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, name: str, file: str, text: str, where: str):
    bench = find_benchmark(name)
    shutil.copytree(FIXTURES / name, tmp_path / name)
    (tmp_path / name / file).write_text(text)
    with pytest.raises(ValueError, match=where):
        list(bench.read(tmp_path / name, bench.splits[0]))


def _video_mme_rows() -> list[dict[str, object]]:
    about = {"domain": "Knowledge", "sub_category": "Geography", "url": "", "task_type": "Counting"}
    options = ["A. Apples.", "B. Candles.", "C. Berries.", "D. All three."]
    return [
        {
            "video_id": f"00{i}", "duration": length, "videoID": f"yt_{i}",
            "question_id": f"00{i}-1", "question": "What hangs highest?", "options": options,
            "answer": "C", **about,
        }
        for i, length in ((1, "short"), (2, "long"))
    ]  # fmt: skip


def _write_parquet(path: Path, rows: list[dict[str, object]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), path)
