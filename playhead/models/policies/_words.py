"""Words for the rules: how they are cut, which of them matter, how many of them a text holds.

The one idea: an answer that quotes is as good as the words it was found by. Words that every
question has count for nothing; names and numbers count more than others; endings are taken off both
sides, so that `hidden` finds `hides`. English only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['\u2019.:;/-][^\W_]+)*")
_STRONG = 1.5  # names and numbers, beside 1 for other words

_COMMON = """
a about after again all also am an and any anybody anyone anything are as ask at be because been
before being both but by can clip comes could did do does doing don't done each else ever
everything exactly film find first footage for found from get give go goes had happen happened
happening happens has have he her here him his how i if in into is it its it's just know last like
list located look many me mention moment more most movie much my name next no not now of off on
once one only or other our out over part place please point recording say says said second seconds
see seen she should show shown shows so some somebody someone something somewhere tell than that
the their them then there these they thing things this those time times to too under up us very
video want was we were what what's when when's where where's which who who's whom whose why will
with would you your
"""
"""Words that say nothing about what is asked for."""

_IRREGULAR = {
    form: base
    for base, forms in (
        pair.split(":")
        for pair in """
hide:hid hidden;fall:fell fallen;come:came;go:went gone;say:said;tell:told;speak:spoke spoken;
write:wrote written;see:saw seen;take:took taken;give:gave given;find:found;build:built;make:made;
break:broke broken;know:knew known;think:thought;bring:brought;buy:bought;catch:caught;
choose:chose chosen;drive:drove driven;eat:ate eaten;fly:flew flown;hold:held;keep:kept;leave:left;
lose:lost;meet:met;pay:paid;rise:rose risen;run:ran;sell:sold;send:sent;sing:sang sung;sit:sat;
sleep:slept;stand:stood;steal:stole stolen;teach:taught;throw:threw thrown;win:won;
begin:began begun;person:people;man:men;woman:women;child:children;foot:feet;mouse:mice;
tooth:teeth;die:dying dead"""
        .replace("\n", "").split(";")
    )
    for form in forms.split()
}  # fmt: skip


def plain(text: str) -> str:
    """`text` on one line, without surrogates that nothing can encode."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())


def words_of(text: str) -> list[str]:
    """The words as they are written, numbers and clock times whole."""
    return _WORD.findall(text)


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """A word without case, accents and the endings that English adds most."""
    folded = unicodedata.normalize("NFKD", word.casefold().replace("\u2019", "'"))
    bare = "".join(char for char in folded if not unicodedata.combining(char))
    bare = bare.removesuffix("'s").strip("'")
    if any(char.isdigit() for char in bare):
        return bare
    bare = _IRREGULAR.get(bare, bare)
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("s", "")):
        kept = len(bare) - len(ending)
        if bare.endswith(ending) and kept >= 3 and not (ending == "s" and bare.endswith("ss")):
            bare = bare[:kept] + instead
            break
    if len(bare) > 3 and bare[-1] == bare[-2] and bare[-1] not in "sl":
        bare = bare[:-1]
    return bare.removesuffix("e") if len(bare) > 3 else bare


def rare_words(text: str, *, besides: Iterable[str] = ()) -> tuple[str, ...]:
    """The words that matter, each once, in order.

    Args:
        text: A question, or an option.
        besides: Stems of more words that do not matter.
    """
    found = words_of(text)
    dull = _common() | set(besides)
    rare = [word for word in found if stem(word) not in dull]
    return tuple({stem(word): word for word in rare}.values())


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    return stems(_COMMON)


def is_common(word: str) -> bool:
    """Whether a word says nothing about what is asked for."""
    return stem(word) in _common()


def stems(text: str) -> frozenset[str]:
    """The stems of every word of a text."""
    return frozenset(stem(word) for word in words_of(text))


def share(wanted: Sequence[str], text: str) -> float:
    """How much of `wanted` a text holds: 0 to 1; names and numbers count more."""
    if not wanted:
        return 0.0
    here = stems(text)
    weights = [weight(word) for word in wanted]
    held = sum(w for word, w in zip(wanted, weights, strict=True) if stem(word) in here)
    return held / sum(weights)


def weight(word: str) -> float:
    """How much a word counts."""
    return _STRONG if word[:1].isupper() or any(char.isdigit() for char in word) else 1.0


def holds_phrase(phrase: str, text: str) -> bool:
    """Whether the words of `phrase` follow each other in `text`."""
    wanted, here = [stem(w) for w in words_of(phrase)], [stem(w) for w in words_of(text)]
    num = len(wanted)
    return num > 0 and any(here[i : i + num] == wanted for i in range(len(here) - num + 1))


def quoted(text: str, most: int = 240) -> str:
    """Words of a video as data: on one line, in quotes that they cannot end."""
    words = plain(text).replace('"', "'")
    return f'"{words if len(words) <= most else words[: most - 1] + "…"}"'
