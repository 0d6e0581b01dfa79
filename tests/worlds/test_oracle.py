"""The oracle: right answers from pixels, nothing without them, and no look at the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from playhead.core.media import FrameRef
from playhead.core.message import Message, PicturePart, Role, TextPart
from playhead.core.policy import Reply, Sampling
from playhead.core.span import Span
from playhead.core.tools import ToolSpec
from playhead.video import open_video
from playhead.video.base import Frames, Video
from playhead.worlds import watch
from playhead.worlds.dataset import picture_refs
from playhead.worlds.eyes import NoisyEyes, perceive
from playhead.worlds.families import NAMES, Ask, Question
from playhead.worlds.families.build import Made, make
from playhead.worlds.listen import tones_in
from playhead.worlds.oracle import answer_from, dense_oracle, take_notes, understand
from playhead.worlds.policy import OraclePolicy
from playhead.worlds.script import Beep, Knobs, Speech, World
from playhead.worlds.verify import AnswerKind
from playhead.worlds.videos import VirtualVideo, write_world
from playhead.worlds.watch import Heard, piece_together

MINUTE = Knobs(duration_ms=60_000)


def films(world: World) -> list[VirtualVideo]:
    return [VirtualVideo(world, camera=camera) for camera in range(world.num_cameras)]


def said(world: World) -> list[tuple[float, float, str]]:
    """What a perfect speech recogniser writes down."""
    spoken = world.events_of(Speech)
    return [(event.start_ms / 1000, event.end_ms / 1000, event.text) for event in spoken]


def scores(made: Made, fps: float = 10.0, videos: Sequence[Video] | None = None) -> list[float]:
    """What the oracle scores on all questions about one world, looking at it once if it may."""
    videos, transcript = videos or films(made.world), said(made.world)
    notes = take_notes(videos, fps=fps, transcript=transcript)
    results: list[float] = []
    for question in made.questions:
        understood = understand(question.prompt)
        assert understood is not None, question.prompt
        if question.asked_at_s is not None and question.kind is not AnswerKind.ALERT:
            answer = dense_oracle(videos, question, fps=fps)
        else:
            answer = answer_from(notes, understood, question.pictures)
        results.append(question.score(answer))
    return results


@pytest.mark.parametrize("name", NAMES)
def test_a_dense_oracle_answers_from_pixels(name: str) -> None:
    fps = 10.0 if name in ("fast", "shell_game") else 4.0
    made = make([name], 21, Knobs(duration_ms=120_000 if name == "rule" else 60_000), num=2)
    assert made.questions
    least = 0.85 if name in ("grounding", "cameras", "streaming") else 1.0
    assert min(scores(made, fps)) >= least


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_dense_oracle_answers_all_of_many(name: str) -> None:
    made = [make([name], 500 + seed, Knobs(duration_ms=180_000), num=6) for seed in range(5)]
    found = [score for m in made for score in scores(m)]
    assert len(found) >= 10
    assert min(found) >= 0.9
    assert sum(found) / len(found) >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_files_give_the_answers_that_scripts_give(name: str, tmp_path: Path) -> None:
    made = make([name], 71, Knobs(duration_ms=90_000), num=5)
    cameras = range(made.world.num_cameras)
    written = [write_world(made.world, tmp_path / f"{c}.mp4", camera=c) for c in cameras]
    with ExitStack() as stack:
        videos = [stack.enter_context(open_video(film.path)) for film in written]
        assert min(scores(made, videos=videos)) >= 0.9


def test_dense_oracle_reads_one_question() -> None:
    made = make(["needle"], 3, MINUTE)
    (question,) = made.questions
    assert dense_oracle(VirtualVideo(made.world), question, fps=4) == question.gold


def test_the_oracle_does_not_know_what_it_was_not_shown() -> None:
    made = make(["needle"], 3)
    (question,) = made.questions
    understood = understand(question.prompt)
    assert understood is not None
    assert answer_from(piece_together([], Heard(600.0)), understood) is None
    elsewhere = next(
        start for start in (5.0, 300.0) if abs(question.evidence[0].span.start - start) > 60
    )
    video = VirtualVideo(made.world)
    seen = watch.watch(video, Span(start=elsewhere, end=elsewhere + 20).every(0.5))
    assert answer_from(piece_together(seen, Heard(600.0)), understood) != question.gold


def test_wrong_pictures_make_the_oracle_wrong() -> None:
    made, other = make(["needle"], 3, MINUTE), make(["needle"], 4, MINUTE)
    (question,) = made.questions
    assert dense_oracle(VirtualVideo(other.world), question, fps=4) != question.gold


class OnlyPixels(Video):
    """A video that holds no script: its pictures were copied before."""

    def __init__(self, video: VirtualVideo, fps: float) -> None:
        self.id, self.info = video.id, video.info
        self.copy = video.frames_at(video.info.span.every(1 / fps))

    def _read(self, times_s: Sequence[float], max_side: int | None) -> Frames:
        return self.copy[[int(i) for i in np.searchsorted(self.copy.times_s, times_s, "right") - 1]]

    @property
    def keyframe_times_s(self) -> np.ndarray:
        return self.copy.times_s

    def close(self) -> None:
        pass


@pytest.mark.parametrize("name", ["needle", "negative", "instance"])
def test_the_oracle_has_no_way_to_the_truth(name: str) -> None:
    made = make([name], 3, Knobs(duration_ms=60_000, modality="visual"))
    (question,) = made.questions
    stripped = Question(
        id="", family="", form="", template="", style="direct", kind=question.kind, gold=None,
        text=question.text, options=question.options, pictures=question.pictures, ask=Ask(form=""),
    )  # fmt: skip
    answer = dense_oracle(OnlyPixels(VirtualVideo(made.world), 4), stripped, fps=4)
    assert question.score(answer) == 1.0


def test_a_text_without_a_question_is_not_understood() -> None:
    assert understand("What is the meaning of life?") is None


def test_a_question_is_understood_inside_other_words() -> None:
    (question,) = make(["count"], 3, num_options=4).questions
    understood = understand(f"You are a helpful model.\n\n{question.prompt}\nThink first.")
    assert understood is not None
    assert understood.family.name == "count"
    assert understood.options == question.options


def test_noise_costs_score_and_more_noise_costs_more() -> None:
    made = make(["grounding"], 77, MINUTE, num=4)

    def mean(rate: float) -> float:
        eyes = NoisyEyes(perceive, miss=rate / 2, misread=rate, confuse=rate / 2)
        patience_s = 0.6 if rate else 0.0
        notes = take_notes(VirtualVideo(made.world), eyes=eyes, fps=5, patience_s=patience_s)
        answers = [
            q.score(answer_from(notes, u, q.pictures))
            for q in made.questions
            if (u := understand(q.prompt)) is not None
        ]
        return float(np.mean(answers))

    clear, blurred = mean(0.0), mean(0.8)
    assert clear > 0.9
    assert blurred < clear - 0.3


def test_beeps_are_heard_and_counted() -> None:
    world = make(["audio"], 2, Knobs(duration_ms=60_000, modality="audio")).world
    tones = tones_in(VirtualVideo(world).sound())
    beeps = world.events_of(Beep)
    assert len(tones) == sum(beep.beeps for beep in beeps)
    assert {tone.pitch for tone in tones} == {beep.pitch for beep in beeps}


# The policy


def _schema(**properties: dict[str, str]) -> dict[str, object]:
    return {"type": "object", "properties": properties}


LOOK = ToolSpec.model_validate(
    {
        "name": "look",
        "description": "Look.",
        "arguments": _schema(span={"type": "string"}, fps={"type": "number"}),
    }
)
TRANSCRIPT = ToolSpec.model_validate(
    {
        "name": "transcript",
        "description": "Words.",
        "arguments": _schema(start_s={"type": "number"}, end_s={"type": "number"}),
    }
)
ANSWER = ToolSpec.model_validate(
    {"name": "answer", "description": "Answer.", "arguments": _schema(value={"type": "string"})}
)


class Table:
    """A small loop: hands over frames and words, and counts them."""

    def __init__(self, made: Made, question: Question) -> None:
        self.videos = {video.id: video for video in films(made.world)}
        self.world, self.question, self.num_frames = made.world, question, 0
        parts = [TextPart(text=f"Answer the question.\n{question.prompt}")]
        pictures = [PicturePart(frame=ref) for ref in picture_refs(made.world, question)]
        self.messages = [Message(role=Role.USER, parts=(*parts, *pictures))]
        self.policy = OraclePolicy(
            self.resolve,
            duration_s=made.world.duration_ms / 1000,
            cameras={video_id: i for i, video_id in enumerate(self.videos)},
        )

    def resolve(self, frame: FrameRef) -> np.ndarray:
        return self.videos[frame.video_id].frames_at([frame.time_s]).pixels[0]

    def ask(self, tools: Sequence[ToolSpec]) -> Reply:
        return asyncio.run(self.policy.reply(self.messages, tools, Sampling()))

    def play(self, tools: Sequence[ToolSpec]) -> str:
        for _ in range(40):
            reply = self.ask(tools)
            self.messages.append(Message(role=Role.ASSISTANT, calls=reply.calls))
            if not reply.calls:
                return reply.text
            for call in reply.calls:
                if call.name == "answer":
                    return str(call.arguments["value"])
                parts = self.look(call.arguments) if call.name == "look" else self.words()
                tool = Message(role=Role.TOOL, parts=parts, call_id=call.id, name=call.name)
                self.messages.append(tool)
        raise AssertionError("it never answers")

    def look(self, arguments: dict) -> tuple[PicturePart, ...]:
        frames = [
            video.frames(Span.parse(arguments["span"]), fps=arguments["fps"])
            for video in self.videos.values()
        ]
        self.num_frames += sum(len(f) for f in frames)
        return tuple(PicturePart(frame=ref) for f in frames for ref in f.refs)

    def words(self) -> tuple[TextPart, ...]:
        lines = [(s.start_ms / 1000, s.end_ms / 1000, s.text) for s in self.world.subtitles]
        lines += said(self.world)
        texts = [f"[e] {Span(start=a, end=b).timecode} speech: {text}" for a, b, text in lines]
        return (TextPart(text="\n".join(texts)),)


@pytest.mark.parametrize("name", ["needle", "instance", "dialogue"])
def test_a_policy_that_may_look_finds_the_answer(name: str) -> None:
    made = make([name], 5, Knobs(duration_ms=120_000))
    (question,) = made.questions
    assert question.score(Table(made, question).play([LOOK, TRANSCRIPT, ANSWER])) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in NAMES if n != "audio"])
def test_the_plan_of_every_family_finds_the_answer(name: str) -> None:
    made = make([name], 6, Knobs(duration_ms=300_000), num=3)
    for question in made.questions:
        table = Table(made, question)
        answer = table.play([LOOK, TRANSCRIPT, ANSWER])
        assert question.score(answer) >= 0.85, (question.text, answer)


def test_a_control_needs_few_frames() -> None:
    made = make(["cooccurrence"], 5)
    table = Table(made, made.questions[0])
    table.play([LOOK, ANSWER])
    assert table.num_frames <= 160


def test_a_policy_without_tools_answers_in_words_at_once() -> None:
    made = make(["needle"], 5, MINUTE)
    reply = Table(made, made.questions[0]).ask([])
    assert reply.text
    assert not reply.calls


def test_a_policy_answers_from_the_pictures_in_its_messages() -> None:
    made = make(["needle"], 5, MINUTE)
    (question,) = made.questions
    table = Table(made, question)
    parts = table.look({"span": "0-60", "fps": 2.5})
    table.messages.append(Message(role=Role.USER, parts=parts))
    assert question.score(table.ask([]).text) == 1.0
