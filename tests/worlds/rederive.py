"""A second opinion: every gold answer once more, from the JSON of the final script and the ask.

Written without a line of `playhead`: plain dictionaries, whole milliseconds, brute force. If a
family and this file disagree, one of them is wrong. None means: no single answer.
"""

from __future__ import annotations

import re
from itertools import product
from typing import Any

Script = dict[str, Any]
COLORS = ["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"]


def rederive(script: Script, family: str, ask: dict[str, Any]) -> Any:
    return BY_FAMILY[family](script, ask["form"], ask["slots"])


# Reading the script


def full_name(actor: dict[str, str]) -> str:
    hat = "without a hat" if actor["hat"] == "none" else f"with a {actor['hat']}"
    return f"{actor['pattern']} {actor['color']} {actor['shape']} {hat}"


def index_of(script: Script, words: str) -> int | None:
    hits = [
        i
        for i, actor in enumerate(script["actors"])
        if words in (full_name(actor), f"{actor['color']} {actor['shape']}")
    ]
    return hits[0] if len(hits) == 1 else None


def of_kind(script: Script, kind: str) -> list[dict[str, Any]]:
    found = [event for event in script["events"] if event["kind"] == kind]
    return sorted(found, key=lambda event: event["start_ms"])


def where(script: Script, event: dict[str, Any]) -> str:
    return script["scenes"][event["scene"]]["place"]


def at_least_ms(script: Script) -> int:
    fps = script["knobs"]["fps"]
    return max(400, -(-2000 // fps))


def stands(script: Script, scene: int, actor: int) -> list[tuple[int, int]]:
    """When an actor of the cast stands entirely in the picture."""
    here = script["scenes"][scene]
    if actor not in here["cast"]:
        return []
    turns = [
        e
        for e in script["events"]
        if e["scene"] == scene and e["kind"] in ("enter", "exit") and e["actor"] == actor
    ]
    turns.sort(key=lambda e: e["start_ms"])
    spans, since = [], None if turns and turns[0]["kind"] == "enter" else here["start_ms"]
    for turn in turns:
        if turn["kind"] == "enter":
            since = turn["end_ms"]
        else:
            spans.append((since, turn["start_ms"]))
            since = None
    if since is not None:
        spans.append((since, here["end_ms"]))
    return [(a, b) for a, b in spans if a is not None and a < b]


def scenes_with(script: Script, actor: int) -> list[int]:
    return [i for i, scene in enumerate(script["scenes"]) if actor in scene["cast"]]


def seconds(event: dict[str, Any]) -> list[list[float]]:
    return [[event["start_ms"] / 1000, event["end_ms"] / 1000]]


def cards_by(script: Script, words: str) -> list[dict[str, Any]] | None:
    actor = index_of(script, words)
    if actor is None:
        return None
    return [card for card in of_kind(script, "card") if card["actor"] == actor]


def single_card(script: Script, words: str, place: str, elsewhere: bool) -> dict[str, Any] | None:
    mine = cards_by(script, words)
    if mine is None:
        return None
    inside = [card for card in mine if where(script, card) == place]
    outside = [card for card in mine if where(script, card) != place]
    if elsewhere:
        return outside[0] if len(inside) == 1 and len(outside) == 1 else None
    return inside[0] if len(inside) == 1 else None


# The families


def needle(script: Script, form: str, slots: dict[str, Any]) -> Any:
    card = single_card(script, slots["actor"], slots["place"], form == "elsewhere")
    return card and card["glyphs"]


def multihop(script: Script, form: str, slots: dict[str, Any]) -> Any:
    card = single_card(script, slots["actor"], slots["place"], form == "elsewhere")
    if card is None or ">" in card["glyphs"]:
        return None
    links: dict[str, list[str]] = {}
    for other in of_kind(script, "card"):
        if ">" in other["glyphs"]:
            start, end = other["glyphs"].split(">")
            links.setdefault(start, []).append(end)
    code, steps = card["glyphs"], 0
    wanted = slots.get("num") if form != "end" else None
    while code in links and steps != wanted:
        if len(links[code]) != 1 or steps > 100:
            return None
        code, steps = links[code][0], steps + 1
    return code if steps and (wanted is None or steps == wanted) else None


def order(script: Script, form: str, slots: dict[str, Any]) -> Any:
    names = [n for n in slots["actors"] if not (form == "without" and n == slots["actor"])]
    firsts = {}
    for name in names:
        mine = cards_by(script, name)
        if not mine:
            return None
        firsts[name] = min(card["start_ms"] for card in mine)
    if len(set(firsts.values())) < len(names):
        return None
    return sorted(names, key=firsts.__getitem__, reverse=form == "reverse")


def count(script: Script, form: str, slots: dict[str, Any]) -> Any:
    mine = cards_by(script, slots["actor"]) or []
    if form == "place":
        mine = [card for card in mine if where(script, card) == slots["place"]]
    if form == "outside":
        mine = [card for card in mine if where(script, card) != slots["place"]]
    return len(mine)


def cooccurrence(script: Script, form: str, slots: dict[str, Any]) -> Any:
    one, two = index_of(script, slots["actor"]), index_of(script, slots["other"])
    seen, together = set(), set()
    for i, scene in enumerate(script["scenes"]):
        if one not in scene["cast"]:
            continue
        seen.add(scene["place"])
        for a, b in stands(script, i, one):
            for c, d in stands(script, i, two):
                if min(b, d) - max(a, c) >= at_least_ms(script):
                    together.add(scene["place"])
    return sorted(together if form == "together" else seen - together)


def grounding(script: Script, form: str, slots: dict[str, Any]) -> Any:
    if form in ("card", "elsewhere"):
        card = single_card(script, slots["actor"], slots["place"], form == "elsewhere")
        return card and seconds(card)
    events = of_kind(script, form)
    if form == "carry":
        actor = index_of(script, slots["actor"])
        events = [e for e in events if e["actor"] == actor and e["thing"] == slots["thing"]]
    else:
        events = [e for e in events if where(script, e) == slots["place"]]
    if form == "lamp":
        events = [e for e in events if e["color"] == slots["lamp"]]
    return seconds(events[0]) if len(events) == 1 else None


def fast(script: Script, form: str, slots: dict[str, Any]) -> Any:
    actor = index_of(script, slots["actor"])
    mine = [e for e in of_kind(script, "blink") if e["actor"] == actor]
    inside = [e for e in mine if where(script, e) == slots["place"]]
    outside = [e for e in mine if where(script, e) != slots["place"]]
    if form == "where":
        return inside[0]["flashes"] if len(inside) == 1 else None
    return outside[0]["flashes"] if len(inside) == len(outside) == 1 else None


def negative(script: Script, form: str, slots: dict[str, Any]) -> Any:
    mine = cards_by(script, slots["actor"])
    if mine is None:
        return None
    inside = [card for card in mine if where(script, card) == slots["place"]]
    if len(inside) > 1:
        return None
    if form == "yes_no":
        return bool(inside)
    if form == "never":
        return not inside
    return inside[0]["glyphs"] if inside else "not in the video"


def shell_game(script: Script, form: str, slots: dict[str, Any]) -> Any:
    games = [g for g in of_kind(script, "game") if where(script, g) == slots["place"]]
    if len(games) != 1:
        return None
    cups = [False, False, False]
    cups[games[0]["ball"]] = True
    for swap in of_kind(script, "swap"):
        inside = games[0]["start_ms"] <= swap["start_ms"] < games[0]["end_ms"]
        if swap["scene"] == games[0]["scene"] and inside:
            cups[swap["a"]], cups[swap["b"]] = cups[swap["b"]], cups[swap["a"]]
    end = ["left", "middle", "right"][cups.index(True)]
    return end if form == "final" else end != slots["cup"]


def detail(script: Script, form: str, slots: dict[str, Any]) -> Any:
    texts = [s["text"] for s in of_kind(script, "sign") if where(script, s) == slots["place"]]
    if form == "only":
        return texts[0] if len(texts) == 1 else None
    if form == "last":
        return texts[-1] if len(texts) > 1 else None
    left = [text for text in texts if text != slots["code"]]
    return left[0] if len(texts) == 2 and len(left) == 1 else None


def _pointed(script: Script, slots: dict[str, Any]) -> tuple[int, int] | None:
    for i, scene in enumerate(script["scenes"]):
        running = scene["start_ms"] <= slots["time_ms"] < scene["end_ms"]
        if running and scene["camera"] == slots["camera_at"]:
            actor = scene["cast"][slots["seat"]]
            upright = any(a <= slots["time_ms"] < b for a, b in stands(script, i, actor))
            return (i, actor) if upright else None
    return None


def instance(script: Script, form: str, slots: dict[str, Any]) -> Any:
    found = _pointed(script, slots)
    if found is None:
        return None
    here, actor = found
    scenes = script["scenes"]
    if form == "never":
        return not any(scenes[i]["place"] == slots["place"] for i in scenes_with(script, actor))
    home, now = scenes[here]["place"], scenes[here]["start_ms"]
    others = [i for i in scenes_with(script, actor) if scenes[i]["place"] != home]
    if form == "next":
        later = [i for i in others if scenes[i]["start_ms"] > now]
        return scenes[min(later, key=lambda i: scenes[i]["start_ms"])]["place"] if later else None
    earlier = [i for i in others if scenes[i]["start_ms"] < now]
    return scenes[max(earlier, key=lambda i: scenes[i]["start_ms"])]["place"] if earlier else None


def dialogue(script: Script, form: str, slots: dict[str, Any]) -> Any:
    said = [line["text"] for line in script["subtitles"]]
    said += [event["text"] for event in of_kind(script, "speech")]
    pattern = rf"(.*): the code I showed (not )?(?:in|on|at) the (.*) opens the {slots['object']}\."
    hits = [match for text in said if (match := re.fullmatch(pattern, text))]
    if len(hits) != 1:
        return None
    name, negated, place = hits[0][1].lower(), bool(hits[0][2]), hits[0][3]
    elsewhere = negated if form == "opens" else not negated
    mine = cards_by(script, name) or []
    if form == "wrong" and len(mine) != 2:
        return None
    card = single_card(script, name, place, elsewhere)
    return card and card["glyphs"]


def cameras(script: Script, form: str, slots: dict[str, Any]) -> Any:
    if form == "pictured":
        found = _pointed(script, slots)
        actor = found and found[1]
    else:
        actor = index_of(script, slots["actor"])
    stays = sorted(
        (start, end, script["scenes"][i]["camera"])
        for i in scenes_with(script, actor)
        for start, end in stands(script, i, actor)
    )
    if form == "never":
        return all(camera != slots["camera"] for _, _, camera in stays)
    joined: list[list[int]] = []
    for start, end, camera in stays:
        if joined and joined[-1][2] == camera and joined[-1][1] == start:
            joined[-1][1] = end
        else:
            joined.append([start, end, camera])
    if form == "when":
        there = [s for s in joined if s[2] == slots["camera"]]
        return [[there[0][0] / 1000, there[0][1] / 1000]] if len(there) == 1 else None
    return [camera for _, _, camera in joined]


def streaming(script: Script, form: str, slots: dict[str, Any]) -> Any:
    now = slots["at_ms"]
    if form == "forward":
        mine = cards_by(script, slots["actor"]) or []
        later = [card["start_ms"] for card in mine if card["start_ms"] >= now]
        return min(later) / 1000 if later else None
    lamps = of_kind(script, "lamp")
    if form == "now":
        lit = [lamp["color"] for lamp in lamps if lamp["start_ms"] <= now < lamp["end_ms"]]
        return lit[0] if len(lit) == 1 else None
    past = [
        lamp for lamp in lamps if where(script, lamp) == slots["place"] and lamp["start_ms"] <= now
    ]
    if form == "before":
        return max(past, key=lambda lamp: lamp["start_ms"])["color"] if past else None
    missing = {"red", "yellow", "green", "blue"} - {lamp["color"] for lamp in past}
    return missing.pop() if len(missing) == 1 else None


def rule(script: Script, form: str, slots: dict[str, Any]) -> Any:
    cases = []
    for enter in of_kind(script, "enter"):
        if where(script, enter) != slots["place"]:
            continue
        same = [e for e in script["events"] if e["scene"] == enter["scene"]]
        up = enter["end_ms"]
        lit = any(e["kind"] == "lamp" and e["start_ms"] < up and e["end_ms"] >= up for e in same)
        opened = any(e["kind"] == "door" and 0 <= e["start_ms"] - up < 1500 for e in same)
        cases.append((script["actors"][enter["actor"]]["color"], "lit" if lit else "dark", opened))
    fitting = [
        (color, state)
        for color, state in product([*COLORS, None], ["lit", "dark", None])
        if (color or state)
        and all(opened == ((color in (None, c)) and (state in (None, s))) for c, s, opened in cases)
    ]
    if len(fitting) != 1:
        return None
    color, state = fitting[0]
    if form == "induce":
        who = "anyone" if color is None else f"a {color} one"
        how = ", whatever the lamp" if state is None else f" while the lamp is {state}"
        return f"{who} comes up{how}"
    opens = color in (None, slots["color"]) and state in (None, slots["state"])
    return opens if form == "would" else not opens


def audio(script: Script, form: str, slots: dict[str, Any]) -> Any:
    if form == "spoken":
        texts = [e["text"] for e in of_kind(script, "speech") if where(script, e) == slots["place"]]
        codes = [t[12:-1].replace(", ", "") for t in texts if t.startswith("The word is ")]
        return codes[0] if len(codes) == 1 else None
    beeps = [e for e in of_kind(script, "beep") if where(script, e) == slots["place"]]
    heard = [e for e in beeps if (e["pitch"] == slots["pitch"]) == (form == "beeps")]
    return sum(e["beeps"] for e in heard)


BY_FAMILY = {
    "needle": needle,
    "multihop": multihop,
    "order": order,
    "count": count,
    "cooccurrence": cooccurrence,
    "grounding": grounding,
    "fast": fast,
    "negative": negative,
    "shell_game": shell_game,
    "detail": detail,
    "instance": instance,
    "dialogue": dialogue,
    "cameras": cameras,
    "streaming": streaming,
    "rule": rule,
    "audio": audio,
}
