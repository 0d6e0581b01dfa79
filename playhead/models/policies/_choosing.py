"""Choosing among options: by the answer that was found, else by the lines that hold both the words
of the question and those of an option. What does not stand out is not chosen: never at random."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from playhead.models.policies._given import NOT_TOLD, Given, flows
from playhead.models.policies._questions import Ask
from playhead.models.policies._reading import Known, Line
from playhead.models.policies._words import holds_phrase, rare_words, share, stem, stems, words_of

_MARGIN = 0.15  # by which the best option must be better than the next
_LEAST = 0.3  # of the words of question and option together
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        (
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        )
    )
}


def choose(ask: Ask, known: Known, given: Given) -> Given:
    """The option that what is known speaks for; or that none is."""
    by_answer = [_fits(option, given) for option in known.options]
    best, margin = _best(by_answer)
    if not given.abstains and by_answer[best] >= 0.5 and margin >= _MARGIN:
        return replace(given, text=known.options[best], confidence=given.confidence * 0.95)
    lines = known.lines
    scored = [_supported(option, ask, known, lines) for option in known.options]
    best, margin = _best([score for score, _ in scored])
    score, line = scored[best]
    if line is not None and score >= _LEAST and margin >= _MARGIN:
        return Given(known.options[best], (line,), min(0.85, 0.35 + 0.5 * score))
    return Given(NOT_TOLD.casefold(), given.lines, 0.1, abstains=True)


def forced(known: Known, given: Given, choices: Sequence[str]) -> str:
    """The one of `choices` that fits best what was found, the first of those that fit alike."""
    for choice in choices:
        if choice.strip().casefold() == given.text.strip().casefold():
            return choice
    fits = [_fits(choice, given) + 0.1 * _any(choice, known) for choice in choices]
    return choices[_best(fits)[0]]


def _any(choice: str, known: Known) -> float:
    return max((share(rare_words(choice), line.text) for line in known.lines), default=0.0)


def _best(scores: Sequence[float]) -> tuple[int, float]:
    """The place of the best, and by how much it is better than the next."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    next_best = scores[order[1]] if len(order) > 1 else 0.0
    return order[0], scores[order[0]] - next_best


def _fits(option: str, given: Given) -> float:
    """How well an option fits an answer: 0 to 1."""
    if given.abstains:
        return 0.0
    plain = option.strip().casefold()
    if given.value:
        first = (words_of(plain) or [""])[0]
        number = _NUMBERS.get(first, first)
        if number == given.value.casefold() or plain == given.value.casefold():
            return 1.0
        if given.value.isdigit() or given.value in ("yes", "no"):
            return 0.0
        return share(rare_words(option), given.value)
    if plain and holds_phrase(option, given.text):
        return 1.0
    return share(rare_words(option), given.text)


def _supported(
    option: str, ask: Ask, known: Known, lines: Sequence[Line]
) -> tuple[float, Line | None]:
    """How much the best line speaks for an option, and which it is."""
    others = [stems(other) for other in known.options if other != option]
    in_all = set.intersection(*map(set, others)) if others else set[str]()
    asked = {stem(word) for word in ask.words}
    words = [w for w in rare_words(option) if stem(w) not in in_all | asked]
    best: tuple[float, Line | None] = (0.0, None)
    for i, line in enumerate(lines):
        near = [o.text for o in lines[max(0, i - 1) : i + 2] if flows(o, line) or flows(line, o)]
        text = " ".join([line.text, *near])
        about = share(ask.words, text) if ask.words else 0.5
        score = about * max(share(words, line.text), 0.9 * share(words, text))
        if re.search(r"\bnot\b|\bnever\b|n't\b", option) is None and score > best[0]:
            best = (score, line)
    return best
