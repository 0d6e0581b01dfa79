"""Words: how text is cut into terms, and which entries say most of what was asked.

The one idea: SQLite's full-text index is used for what it is best at, finding the entries that
contain a term. The score (BM25, Robertson and Zaragoza 2009) is reckoned here over the entries that
may be seen, because a score that depends on how often a word will be said later shows the future to
a search that must not see it. For the same reason the length of an entry is measured against a
fixed length and not against the average one.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TOKENIZER = "porter unicode61 remove_diacritics 2"

_K1, _B = 1.2, 0.4  # of BM25
_USUAL_CHARACTERS = 80.0
_COMMON = frozenset(
    re.findall(
        r"\w+",
        """
    a an and are as at be been by can could did do does for from had has have how i if in into is it
    its me my of on or say says said show shown shows so that the their them then there these they
    this those to was we were what when where which who whom whose why will with would you your
    video
    """,
    )
)
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af]")
_WORD = re.compile(r"\w+")
_LOOKALIKES = str.maketrans("0158", "oisb")  # what OCR takes for letters


def indexed(text: str) -> str:
    """`text` as the full-text index is given it.

    Characters of scripts that are written without spaces become words of their own; a word that
    mixes letters and digits is there a second time as letters only, so that `FL00R` is found.
    """
    text = _CJK.sub(lambda match: f" {match[0]} ", text)
    mixed = (word for word in _WORD.findall(text) if word.upper() != word.lower())
    letters = {word.translate(_LOOKALIKES) for word in mixed if not word.isalpha()}
    return " ".join([text, *sorted(letter for letter in letters if letter.isalpha())])


def query_terms(tables: sqlite3.Connection, query: str) -> list[str]:
    """The terms of a query as the index has them, each once; common words only if alone."""
    words = _WORD.findall(_CJK.sub(lambda match: f" {match[0]} ", query))
    rare = [word for word in words if word.lower() not in _COMMON]
    tables.execute("INSERT INTO temp.asked(text) VALUES (?)", (" ".join(rare or words),))
    try:
        found = tables.execute("SELECT DISTINCT term FROM temp.asked_terms ORDER BY offset")
        return [term for (term,) in found]
    finally:
        tables.execute("DELETE FROM temp.asked")


def score(
    tables: sqlite3.Connection,
    terms: Sequence[str],
    positions: NDArray[np.int64],
    characters: NDArray[np.int32],
    may_see: NDArray[np.bool_],
    in_corpus: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """How well each entry answers, `[N]`; 0 where it holds none of the terms or may not be seen.

    Args:
        tables: The connection whose index is asked.
        terms: From `query_terms`.
        positions: `[R + 1]`: for each row number of the tables its place in the arrays, or -1.
        characters: `[N]`: how long the text of each entry is.
        may_see: `[N]`: which entries may be found.
        in_corpus: `[N]`: which entries count for how rare a word is.
    """
    total = np.zeros(len(characters), np.float32)
    num_texts = int((in_corpus & (characters > 0)).sum())
    for term in terms:
        places, times = _occurrences(tables, term, positions)
        num_with = int(in_corpus[places].sum())
        rarity = np.log1p((num_texts - num_with + 0.5) / (num_with + 0.5))
        length = 1 - _B + _B * characters[places] / _USUAL_CHARACTERS
        gain = rarity * times * (_K1 + 1) / (times + _K1 * length)
        total[places] += np.where(may_see[places], gain, 0).astype(np.float32)
    return total


def _occurrences(
    tables: sqlite3.Connection, term: str, positions: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of the entries with a term, and how often each has it."""
    asked = "SELECT group_concat(doc, ' ') FROM word_places WHERE term = ?"
    (listed,) = tables.execute(asked, (term,)).fetchone()
    if not listed:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    rows, times = np.unique(np.array(listed.split(" "), dtype=np.int64), return_counts=True)
    known = rows < len(positions)
    places = positions[rows[known]]
    return places[places >= 0], times[known][places >= 0]
