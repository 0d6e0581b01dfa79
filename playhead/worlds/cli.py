"""What `playhead world` does, as plain functions that give back the text to print.

    make      videos, questions and (apart from them) answers, in a folder
    play      a question for a person: watch, answer, be scored
    ask       a question for the oracle, with so many frames or as many as it wants
    audit     the shortcut audit; fails if a limit is broken
    gallery   one HTML page that shows a world
    commit    a secret salt for test videos, and the digest to publish
    reveal    whether a published salt is the one that was promised

The command line itself lives in `playhead.cli`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from playhead.worlds import commit as commitment
from playhead.worlds.audit import run_audit, table
from playhead.worlds.dataset import (
    Entry,
    Split,
    create_dataset,
    picture_refs,
    question_of,
)
from playhead.worlds.families import NAMES, Question
from playhead.worlds.files import write_world
from playhead.worlds.gallery import write_gallery
from playhead.worlds.oracle import answer_from, hear, say, take_notes, understand
from playhead.worlds.script import Knobs, Speech, World
from playhead.worlds.verify import AnswerKind
from playhead.worlds.videos import VirtualVideo
from playhead.worlds.watch import Glimpse, piece_together, watch


@dataclass(frozen=True)
class Verdict:
    """Text to print, and whether all is well (the exit code)."""

    text: str
    passed: bool


def make(
    folder: Path,
    family: str = "all",
    *,
    videos: int = 1,
    questions: int = 8,
    seed: int = 0,
    split: Split = "train",
    salt: str | None = None,
    duration_s: int = 600,
    injections_per_hour: int = 0,
) -> str:
    """Write videos with questions: `*.mp4`, `questions.jsonl`, and `answers.jsonl` apart.

    Args:
        folder: Where; it is made if it is not there.
        family: A family, or "all".
        videos: How many videos.
        questions: How many questions about each.
        seed: Which ones.
        split: train, dev or test. Test needs a salt.
        salt: The secret of the test split, see `commit`.
        duration_s: How long each video is, in seconds.
        injections_per_hour: Banners that try to talk a model out of its task.
    """
    data = create_dataset(
        family,
        size=videos * questions,
        seed=seed,
        split=split,
        salt=salt,
        questions_per_video=questions,
        duration_ms=duration_s * 1000,
        injections_per_hour=injections_per_hour,
    )
    folder.mkdir(parents=True, exist_ok=True)
    asked: list[str] = []
    answers: list[str] = []
    files: dict[str, list[str]] = {}
    for entry in data:
        key = entry["metadata"]["video_ids"][0]
        if key not in files:
            files[key] = _film(data.world(entry), folder, len(files))
        asked.append(json.dumps(_public(entry, files[key])))
        answers.append(json.dumps(entry))
    (folder / "questions.jsonl").write_text("\n".join([*asked, ""]), encoding="utf-8")
    (folder / "answers.jsonl").write_text("\n".join([*answers, ""]), encoding="utf-8")
    num_files = sum(len(names) for names in files.values())
    return f"{num_files} video files, {len(asked)} questions and their answers in {folder}"


def _film(world: World, folder: Path, number: int) -> list[str]:
    names: list[str] = []
    for camera in range(world.num_cameras):
        several = f"-{camera}" if world.num_cameras > 1 else ""
        path = folder / f"video{number:04d}{several}.{world.knobs.container}"
        names.append(write_world(world, path, camera=camera).path.name)
    return names


def _public(entry: Entry, files: list[str]) -> dict[str, object]:
    """What a system under test may read."""
    question = question_of(entry)
    return {
        "id": question.id,
        "videos": files,
        "question": entry["question"],
        "options": list(question.options),
        "pictures": [pointer.model_dump(mode="json") for pointer in question.pictures],
        "asked_at_s": question.asked_at_s,
    }


def play(
    family: str = "needle",
    *,
    seed: int = 0,
    duration_s: int = 60,
    folder: Path | None = None,
    read: Callable[[str], str] = input,
) -> str:
    """Play yourself: watch a video, answer a question, be scored.

    Args:
        family: Which kind of question.
        seed: Which one.
        duration_s: How long the video is, in seconds.
        folder: Where the video is written. None: a temporary folder.
        read: Shows a text and gives back what the player answers.
    """
    data = create_dataset(family, size=1, seed=seed, duration_ms=duration_s * 1000)
    entry = data[0]
    place = folder or Path(mkdtemp(prefix="playhead-world-"))
    place.mkdir(parents=True, exist_ok=True)
    names = _film(data.world(entry), place, 0)
    question = question_of(entry)
    where = "\n".join(f"  {place / name}" for name in names)
    given = read(f"Watch:\n{where}\n{_pointed(question)}\n{entry['question']}\n> ")
    score = data.score_answer(given, entry)
    return f"{score:.2f}: the answer is {entry['answer']}. {_seen_at(question)}"


def _pointed(question: Question) -> str:
    return "".join(
        f"\nThe one asked about stands at {p.time_s:.1f} s on camera {p.camera}, "
        f"{p.roi.left:.0%} to {p.roi.right:.0%} from the left."
        for p in question.pictures
    )


def _seen_at(question: Question) -> str:
    spans = [sight.span.timecode for sight in question.evidence]
    return f"It can be seen or heard at {', '.join(spans)}." if spans else "It is nowhere."


def ask(
    family: str = "needle",
    *,
    seed: int = 0,
    duration_s: int = 600,
    frames: int | None = None,
) -> Verdict:
    """Ask the oracle, which has perfect eyes and looks at pixels only.

    Args:
        family: Which kind of question.
        seed: Which one.
        duration_s: How long the video is, in seconds.
        frames: How many frames it may look at, evenly spread. None: ten a second.
    """
    data = create_dataset(family, size=1, seed=seed, duration_ms=duration_s * 1000)
    entry, question = data[0], question_of(data[0])
    understood = understand(entry["question"])
    assert understood is not None, "every phrasing can be read back"
    notes, num_frames = _notes(data.world(entry), question, frames)
    answer = answer_from(notes, understood, question.pictures)
    score = question.score(answer)
    said = "I cannot tell" if answer is None else say(answer, question.kind)
    lines = [
        entry["question"],
        f"oracle ({num_frames} frames): {said}",
        f"truth: {entry['answer']}. {_seen_at(question)} "
        f"At least {question.min_frames} frames are needed.",
        f"score: {score:.2f}",
    ]
    return Verdict("\n".join(lines), score > 0)


def _notes(world: World, question: Question, frames: int | None) -> tuple[World, int]:
    """What the oracle wrote down, and how many frames it looked at."""
    asked = question.asked_at_s if question.kind is not AnswerKind.ALERT else None
    videos = [VirtualVideo(world, camera=camera) for camera in range(world.num_cameras)]
    if asked:
        videos = [video.until(asked + 0.001) for video in videos]
    speech = [(e.start_ms / 1000, e.end_ms / 1000, e.text) for e in world.events_of(Speech)]
    if frames is None:
        notes = take_notes(videos, transcript=speech)
        return notes, sum(int(video.info.duration_s * 10) for video in videos)
    refs = picture_refs(world, question)
    glimpses: list[Glimpse] = []
    for camera, video in enumerate(videos):
        times = video.info.span.grid(max(1, frames // len(videos)))
        times += [ref.time_s for ref in refs if ref.video_id == video.id]
        glimpses += watch(video, sorted(times), camera=camera)
    return piece_together(glimpses, hear(videos[0], speech)), len(glimpses)


def audit(
    families: list[str] | None = None, *, seed: int = 0, worlds: int = 60, duration_s: int = 600
) -> Verdict:
    """Run the shortcut audit: does anything score that has not looked properly?

    Args:
        families: Which ones. None: all sixteen.
        seed: Which worlds.
        worlds: How many worlds for each family.
        duration_s: How long each video is, in seconds.
    """
    knobs = Knobs(duration_ms=duration_s * 1000)
    painted = max(1, worlds // 4)
    rows = run_audit(families or NAMES, knobs, num_worlds=worlds, num_painted=painted, seed=seed)
    failed = [row.family for row in rows if not row.passed]
    summary = f"shortcuts found: {', '.join(failed)}" if failed else "no shortcut found"
    return Verdict(f"{table(rows)}\n\n{summary}", not failed)


def gallery(path: Path = Path("worlds.html"), *, seed: int = 7, duration_s: int = 150) -> str:
    """Write one HTML page with a player, everything that happens, and sample questions.

    Args:
        path: The file to write.
        seed: Which world.
        duration_s: How long the video in it is, in seconds: 60 to 600.
    """
    written = write_gallery(path, seed=seed, duration_s=duration_s)
    return f"{written} ({written.stat().st_size / 1e6:.1f} MB)"


def commit() -> str:
    """Draw a secret salt for test videos. Publish the digest, keep the salt."""
    promise = commitment.commit()
    return f"secret salt: {promise.salt}\nto publish:  {promise.digest}"


def reveal(salt: str, digest: str) -> Verdict:
    """Check a revealed salt against the digest that was published.

    Args:
        salt: 64 hexadecimal digits.
        digest: The SHA-256 that was published.
    """
    kept = commitment.verify(salt, digest)
    text = "this is the salt that was promised" if kept else "this is NOT the salt promised"
    return Verdict(text, kept)
