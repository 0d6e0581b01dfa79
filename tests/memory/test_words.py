"""Words: what is found, and that the score is BM25 over what may be seen."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.memory import DiskMemory
from tests.memory.made import said

VOCABULARY = ["car", "dog", "red", "bus", "kiwi", "zebu"]  # words that are their own stems
APART_S = 100.0


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[DiskMemory]:
    with DiskMemory(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("two dogs were running", "a dog runs"),
        ("he parks the car", "parking"),
        ("RED CAR", "red"),
        ("un café à Genève", "cafe geneve"),
        ("un cafe a Geneve", "Café Genève"),
        ("Straße nach Köln", "koln"),
        ("東京タワーに行く", "東京"),
        ("我在北京大学学习", "北京"),
        ("서울에서 만나요", "서울"),
        ("SECOND FL00R", "floor"),
        ("R00M 1O1", "room"),
        ("5ALE T0DAY", "sale today"),
        ("gate B12 closes", "b12"),
        ("invoice #4711-X", "4711"),
        ("it's the driver's seat", "driver"),
        ("привет, мир", "Мир"),
        ("who are they", "who are they"),
    ],
)
def test_words_are_found_however_they_are_written(memory: DiskMemory, text: str, query: str):
    memory.add([said("v", 0, text), said("v", APART_S, "nothing of the kind")])
    assert [hit.evidence.text for hit in memory.search(query)] == [text]


@pytest.mark.parametrize(
    ("text", "query"), [("the scar", "car"), ("第三階", "東"), ("FLOOR", "flood"), ("2005", "zoos")]
)
def test_other_words_are_not_found(memory: DiskMemory, text: str, query: str):
    memory.add([said("v", 0, text)])
    assert memory.search(query) == []


def test_rare_words_beat_common_ones(memory: DiskMemory):
    memory.add([said("v", i * APART_S, "a car") for i in range(20)])
    memory.add([said("v", 20 * APART_S, "a zebu"), said("v", 21 * APART_S, "a car car car car")])
    assert memory.search("car or zebu")[0].evidence.text == "a zebu"


def test_words_that_say_nothing_count_only_when_alone(memory: DiskMemory):
    memory.add([said("v", 0, "what is it that they say"), said("v", APART_S, "a dog")])
    assert [h.evidence.text for h in memory.search("what is it with the dog")] == ["a dog"]
    assert memory.search("what is it")[0].evidence.text == "what is it that they say"


def test_of_two_texts_that_say_it_the_shorter_one_is_better(memory: DiskMemory):
    memory.add([said("v", 0, "a dog " + "and so on " * 20), said("v", APART_S, "a dog")])
    assert memory.search("dog")[0].evidence.text == "a dog"


def test_how_rare_a_word_is_is_reckoned_over_the_past_alone(memory: DiskMemory):
    memory.add([said("v", 0, "a zebu"), said("v", APART_S, "a car")])
    before = memory.search("zebu", until_s=200)
    memory.add([said("v", 300 + i * APART_S, "a zebu and a zebu") for i in range(9)])
    assert memory.search("zebu", until_s=200) == before
    assert memory.search("zebu")[-1].channels["words"] < before[0].channels["words"]


def plain_bm25(texts: list[list[str]], query: list[str]) -> list[float]:
    """BM25 with k1 = 1.2, b = 0.4 and a usual length of 80 characters, written plainly."""
    num = sum(1 for words in texts if words)
    scores = []
    for words in texts:
        total = 0.0
        for word in dict.fromkeys(query):
            num_with = sum(1 for other in texts if word in other)
            times = words.count(word)
            rarity = log(1 + (num - num_with + 0.5) / (num_with + 0.5))
            length = 1 - 0.4 + 0.4 * len(" ".join(words)) / 80
            total += rarity * times * (1.2 + 1) / (times + 1.2 * length) if times else 0
        scores.append(total)
    return scores


some_words = st.lists(st.sampled_from(VOCABULARY), max_size=6)


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(some_words, min_size=1, max_size=8), query=some_words.filter(bool))
def test_the_score_is_that_of_the_formula(texts: list[list[str]], query: list[str]):
    with TemporaryDirectory() as folder, DiskMemory(folder) as memory:
        memory.add([said("v", i * APART_S, " ".join(words)) for i, words in enumerate(texts)])
        memory.add([said("w", 0, "a zebu")])  # forgotten, so it counts for nothing
        memory.delete("w")
        hits = memory.search(" ".join(query), k=20)
    scores = plain_bm25(texts, query)
    found = {int(h.evidence.span.start / APART_S): h.channels["words"] for h in hits}
    assert found == pytest.approx({i: s for i, s in enumerate(scores) if s > 0}, rel=1e-5)
    assert list(found) == sorted(found, key=lambda i: (-found[i], i))
