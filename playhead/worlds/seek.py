"""Seeking: for each family, what to search a memory for, and what to look at before believing it.

The plan of an agent that can search: the words of the question lead to claims (what the memory
says, with seconds), each claim that matters is looked at with a few pictures, and what the pictures
do not show is not believed. Pictures are dense only where the answer needs them: at the edges of
a moment that is asked for, and over a burst of flashes.

Like `plan.wishes` it is a function from what is asked and what is known so far, and it knows
nothing of the script. Families that are not in `FAMILIES` are surveyed by `plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from playhead.worlds.families import Ask
from playhead.worlds.notice import DARK_MS
from playhead.worlds.plan import Wish
from playhead.worlds.script import GLYPHS
from playhead.worlds.telling import Fact, facts_in, joined
from playhead.worlds.watch import Glimpse, Heard, piece_together

FAMILIES = ("needle", "multihop", "grounding", "count", "order", "fast", "negative")
"""Those that can be sought."""

_NUM_HITS, _NUM_COUNTED = 8, 20  # moments asked for in one search; where all are counted
_TAIL = 3  # last hits: if one of these still fits, there may be more than were told
_SHORTEST_PART_S = 60.0  # that is searched apart
_TOUCHING_MS = 120  # pieces of the memory that tell of one thing: they touch, but for rounding
_AROUND_MS = 300  # a claim, to see what touches it
_EDGE_MS = 500  # looked at on both sides of an edge
_DENSE_FPS = 10.0
_NEAR_MS = {True: 700, False: 50}  # what is looked at belongs to a claim this far off: dense or not
_PATIENCE_MS, _OVERLOOKED_MS = 250, 800
_STAY_STEP_MS = 2_000  # from picture to picture, to see that somebody raises no card
_MOST_PICTURES = 60  # over all stays


@dataclass(frozen=True)
class Claim:
    """What a memory says."""

    fact: Fact
    ids: tuple[str, ...]
    """Of the evidence that says so."""
    moment_s: tuple[float, float] | None = None
    """The longer moment as which it was found: more may be in it. None: there is none."""


@dataclass(frozen=True)
class Found:
    """What one search gave, best first."""

    claims: tuple[Claim, ...]
    num_hits: int = 0


@dataclass(frozen=True)
class Knowledge:
    """What a conversation has told so far."""

    duration_s: float
    found: Callable[[Wish], Found | None]
    """What a search gave. None: it has not been made."""
    is_asked: Callable[[Wish], bool]
    """Whether a look has been asked for."""
    glimpses: Sequence[Glimpse]


@dataclass(frozen=True)
class Query:
    """Words to search for, and which of the claims found are meant."""

    text: str
    fits: Callable[[Fact], bool]


@dataclass
class Findings:
    """What is still wanted, and what is believed."""

    wishes: list[Wish] = field(default_factory=list[Wish])
    claims: list[Claim] = field(default_factory=list[Claim])

    @property
    def facts(self) -> list[Fact]:
        """What is believed."""
        return [claim.fact for claim in self.claims]

    @property
    def ids(self) -> list[str]:
        """The evidence for it."""
        return list(dict.fromkeys(id_ for claim in self.claims for id_ in claim.ids))


def seek(family: str, ask: Ask, known: Knowledge) -> Findings:
    """What is still to be searched for and looked at, and what is believed so far.

    Args:
        family: One of `FAMILIES`.
        ask: What is asked.
        known: What searches and looks have told.
    """
    hunt = _Hunt(family, ask, known)
    match family:
        case "multihop":
            hunt.follow_links()
        case "order":
            left_out = ask.text("actor") if ask.form == "without" else ""
            for actor in ask.texts("actors"):
                if actor != left_out:
                    hunt.believe_first(_cards(actor))
        case "negative":
            hunt.believe_all(_main_query(family, ask))
            if not hunt.findings.claims:
                hunt.believe_all(_stays(ask.text("actor"), ask.text("place")))
        case _:
            hunt.believe_all(_main_query(family, ask))
    return hunt.findings


# What to search for


def _main_query(family: str, ask: Ask) -> Query:
    form = ask.form
    if family == "grounding" and form == "carry":
        actor, thing = ask.text("actor"), ask.text("thing")
        return Query(
            f"{actor} held {thing}",
            lambda fact: fact.what == "carry" and fact.is_about(actor) and fact.text == thing,
        )
    if family == "grounding" and form == "door":
        place = ask.text("place")
        return Query(f"door {place} open", lambda fact: fact.what == "door" and fact.place == place)
    if family == "grounding" and form == "lamp":
        place, color = ask.text("place"), ask.text("lamp")
        return Query(
            f"lamp {place} shone {color}",
            lambda fact: fact.what == "lamp" and fact.place == place and fact.text == color,
        )
    what, words = ("flash", "flashed") if family == "fast" else ("card", "raised card")
    if form == "total":
        return _of_actor(what, words, ask.text("actor"))
    is_away = form in ("elsewhere", "outside")
    return _of_actor(what, words, ask.text("actor"), ask.text("place"), is_away=is_away)


def _of_actor(
    what: str, words: str, actor: str, place: str = "", *, is_away: bool = False
) -> Query:
    """What an actor does: anywhere, in a place, or anywhere else."""

    def fits(fact: Fact) -> bool:
        in_place = not place or (fact.place == place) != is_away
        return fact.what == what and fact.is_about(actor) and in_place

    return Query(f"{actor} {words}" if is_away else f"{actor} {words} {place}".strip(), fits)


def _cards(actor: str) -> Query:
    return _of_actor("card", "raised card", actor)


def _stays(actor: str, place: str) -> Query:
    return _of_actor("scene", "stood", actor, place)


def _links(code: str) -> Query:
    def fits(fact: Fact) -> bool:
        return fact.what == "card" and fact.text.startswith(f"{code}>")

    return Query(code, fits)


class _Hunt:
    """One turn's reckoning of what is wanted and what is believed."""

    def __init__(self, family: str, ask: Ask, known: Knowledge) -> None:
        self.family, self.ask, self.known = family, ask, known
        self.findings = Findings()

    def believe_all(self, query: Query) -> None:
        """Every claim that fits and is not refuted."""
        claims = self._find(query)
        for claim in claims or ():
            checked = self._check(claim, len(claims or ()))
            self.findings.claims += [] if checked is None else [checked]

    def believe_first(self, query: Query) -> None:
        """The first claim that fits and is not refuted: in the first part of the video, if there
        is one, so that not all of them need be found."""
        end_s = self.known.duration_s
        first_s = round(end_s / 4, 1)
        parts = [(0.0, end_s)] if self.family != "order" else [(0.0, first_s), (first_s, end_s)]
        for part in parts:
            claims = self._find(query, *part)
            for claim in claims or ():
                checked = self._check(claim, 1)
                if checked is not None:
                    self.findings.claims.append(checked)
                    return
            if claims is None:
                return

    def follow_links(self) -> None:
        """The first card, and card by card what its code leads to."""
        self.believe_all(_main_query(self.family, self.ask))
        num = self.ask.number("num") if self.ask.form != "end" else None
        met = set[str]()
        while self.findings.claims and (num is None or len(met) < num):
            code = self.findings.facts[-1].text.rpartition(">")[2]
            if code in met or not set(code) <= set(GLYPHS):
                return
            met.add(code)
            before = len(self.findings.claims)
            self.believe_first(_links(code))
            if len(self.findings.claims) == before:
                return

    # Searching

    def _find(
        self, query: Query, start_s: float = 0.0, end_s: float | None = None
    ) -> list[Claim] | None:
        """The claims that fit, in order of time. None: searches are still to be made."""
        num_wishes, end_s = len(self.findings.wishes), end_s or self.known.duration_s
        found = {claim.ids: claim for claim in self._search(query, start_s, end_s)}
        if len(self.findings.wishes) > num_wishes:
            return None
        return _joined(found.values())

    def _search(self, query: Query, start_s: float, end_s: float) -> list[Claim]:
        num = _NUM_COUNTED if self.family == "count" else _NUM_HITS
        wish = Wish("search", start_s, end_s, text=query.text, num=num)
        found = self._ask(wish)
        fitting = [claim for claim in found.claims if query.fits(claim.fact)]
        is_cut_off = found.num_hits >= num and set(fitting) & set(found.claims[-_TAIL:])
        if is_cut_off and end_s - start_s > _SHORTEST_PART_S:
            middle_s = round((start_s + end_s) / 2, 1)
            fitting += self._search(query, start_s, middle_s)
            fitting += self._search(query, middle_s, end_s)
        for claim in list(fitting):
            if claim.moment_s is not None and self._may_hide_another(claim, fitting):
                more = self._ask(self._list(*claim.moment_s))
                fitting += [claim for claim in more.claims if query.fits(claim.fact)]
        return fitting

    def _list(self, start_s: float, end_s: float) -> Wish:
        return Wish("search", start_s, end_s, kinds=("caption",), num=_NUM_COUNTED)

    def _may_hide_another(self, claim: Claim, fitting: Sequence[Claim]) -> bool:
        """Whether the moment as which a claim was found may hold one more that matters: any where
        all of them do, an earlier one where the first is asked for."""
        if self.family == "order" and claim.moment_s is not None:
            return 1000 * claim.moment_s[0] < min(c.fact.start_ms for c in fitting)
        return self._wants_all(claim)

    def _wants_all(self, claim: Claim) -> bool:
        return self.family == "count" or claim.fact.what == "scene"

    def _ask(self, wish: Wish) -> Found:
        found = self.known.found(wish)
        if found is None and wish not in self.findings.wishes:
            self.findings.wishes.append(wish)
        return found or Found(())

    def _whole(self, claim: Claim) -> Claim | None:
        """A claim with the pieces of the same thing that touch it: a search shows one of them.
        None: they are still to be listed."""
        if claim.moment_s is None or self._wants_all(claim):  # then all of the moment is listed
            return claim
        start, end = claim.fact.start_ms - _AROUND_MS, claim.fact.end_ms + _AROUND_MS
        wish = self._list(max(0, start) / 1000, end / 1000)
        found = self._ask(wish)
        if wish in self.findings.wishes:
            return None
        others = [c for c in found.claims if c.fact.is_like(claim.fact) and c.ids != claim.ids]
        whole = _joined([claim, *others])
        return next(c for c in whole if set(claim.ids) <= set(c.ids))

    # Looking

    def _check(self, claim: Claim, num: int) -> Claim | None:
        """A claim, set right by what its pictures show. None: they do not show it. One whose
        pictures could not be had is believed.

        Args:
            claim: What the memory says.
            num: How many claims are to be looked at.
        """
        whole = self._whole(claim)
        if self._is_dense:
            if whole is None:
                return claim
            claim = whole
        fact = claim.fact
        looks = self._looks(fact, num)
        self.findings.wishes += [wish for wish in looks if not self.known.is_asked(wish)]
        near = _NEAR_MS[self._is_dense]
        first, last = fact.start_ms - near, fact.end_ms + near
        inside = [g for g in self.known.glimpses if first <= g.time_ms <= last]
        if not any(fact.start_ms <= g.time_ms < fact.end_ms for g in inside):
            return whole or claim
        notes = piece_together(inside, Heard(self.known.duration_s), patience_ms=_PATIENCE_MS)
        shown = facts_in(notes)
        if fact.what == "scene":  # a card that is seen there is one, whatever the memory says
            wanted = _main_query(self.family, self.ask)
            self.findings.claims += [Claim(f, claim.ids) for f in shown if wanted.fits(f)]
        alike = [seen for seen in shown if self._is_same(fact, seen)]
        if (
            self._is_dense
        ):  # what is overlooked for a moment in the middle is one thing all the same
            alike = joined(alike, gap_ms=_OVERLOOKED_MS, dark_ms=DARK_MS)
        if not alike:
            return None
        longest = max(alike, key=lambda seen: (seen.text == fact.text, seen.end_ms - seen.start_ms))
        if self._is_dense:
            return Claim(longest, claim.ids)
        whole = whole or claim
        return Claim(whole.fact.replace(text=longest.text), whole.ids)

    @property
    def _is_dense(self) -> bool:
        return self.family in ("grounding", "fast")

    def _is_same(self, fact: Fact, seen: Fact) -> bool:
        if fact.what == "scene":
            is_there = seen.is_about(self.ask.text("actor"))
        else:
            is_there = seen.cast == fact.cast
        return is_there and seen.what == fact.what and seen.place == fact.place

    def _looks(self, fact: Fact, num: int) -> list[Wish]:
        start, end = fact.start_ms, fact.end_ms
        if self.family == "fast":
            return [self._look(start - _EDGE_MS, end + _EDGE_MS, fps=_DENSE_FPS)]
        if self.family == "grounding" and end - start <= 4 * _EDGE_MS:
            return [self._look(start - _EDGE_MS, end + _EDGE_MS, fps=_DENSE_FPS)]
        if self.family == "grounding":
            edges = [self._look(t - _EDGE_MS, t + _EDGE_MS, fps=_DENSE_FPS) for t in (start, end)]
            return [*edges, self._look(start + _EDGE_MS, end - _EDGE_MS, num=1)]
        if fact.what == "scene":
            wanted = -(-(end - start) // _STAY_STEP_MS)
            return [self._look(start, end, num=min(wanted, max(2, _MOST_PICTURES // num)))]
        return [self._look(start, end, num=2 if self.family in ("count", "order") else 3)]

    def _look(
        self, start_ms: int, end_ms: int, *, fps: float = 0.0, num: int | None = None
    ) -> Wish:
        start_s, end_s = max(0, start_ms) / 1000, min(end_ms / 1000, self.known.duration_s)
        return Wish("look", start_s, end_s, fps or (num or 1) / (end_s - start_s), num=num)


def _joined(claims: Iterable[Claim]) -> list[Claim]:
    """The claims in order of time, those that tell pieces of one thing made one."""
    ordered = sorted(claims, key=lambda claim: claim.fact.start_ms)
    facts = joined((c.fact for c in ordered), gap_ms=_TOUCHING_MS, dark_ms=DARK_MS)
    whole: list[Claim] = []
    for fact in facts:
        pieces = [claim for claim in ordered if _is_piece(claim.fact, fact)]
        ids = dict.fromkeys(id_ for piece in pieces for id_ in piece.ids)
        moments = [piece.moment_s for piece in pieces if piece.moment_s is not None]
        whole.append(Claim(fact, tuple(ids), moments[0] if moments else None))
    return whole


def _is_piece(part: Fact, whole: Fact) -> bool:
    is_inside = whole.start_ms <= part.start_ms and part.end_ms <= whole.end_ms
    return part.is_like(whole) and is_inside
