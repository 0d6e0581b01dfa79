"""Data sets of questions, in the shape of reasoning-gym: one line to adopt.

    data = create_dataset("needle", size=100, seed=7, duration_ms=3_600_000)
    entry = data[0]                                  # {"question", "answer", "metadata"}
    data.score_answer("ACD", entry)                  # in [0, 1], never raises
    with data.video(entry) as video: ...             # painted when looked at, no file

Entries are plain JSON. The one idea: nothing is stored. Entry i is a pure function of the arguments
and i; its metadata holds the recipe of its world, and whoever has the entry can make the video.

Splits go by seed: training below 2**31, development below 2**32, test beyond, and test seeds come
from a secret salt (`worlds.commit`). In training the held-out colour-shape pairs, places and
phrasings never occur.

A model may be shown `entry["question"]` and the video, nothing else: `metadata` holds the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict

from playhead.core.media import FrameRef
from playhead.core.span import Span
from playhead.core.trajectory import Task
from playhead.core.value import Value
from playhead.worlds.clock import film_clock
from playhead.worlds.commit import TEST_SEEDS_FROM, seed_of_test
from playhead.worlds.families import NAMES, Question, family
from playhead.worlds.families.build import HeldOut, Made, make
from playhead.worlds.rng import Rng
from playhead.worlds.script import Knobs, World
from playhead.worlds.verify import AnswerKind
from playhead.worlds.videos import VirtualVideo

Split = Literal["train", "dev", "test"]
TRAIN_SEEDS_BELOW = 2**31
_TRIES = 8
_KEPT_WORLDS = 8


class Entry(TypedDict):
    """One question, as plain JSON."""

    question: str
    """All a model reads: the words, the options, how to answer."""
    answer: str
    """The true answer in words; it scores 1."""
    metadata: dict[str, Any]
    """The truth and the recipe of the video. Not for a model."""


class Recipe(Value):
    """What a world and its questions are a pure function of."""

    families: tuple[str, ...]
    seed: int
    knobs: Knobs
    num: int = 1
    held_out: HeldOut = "allow"
    num_options: int = 0

    def cook(self) -> Made:
        """The world and the questions."""
        return make(
            self.families,
            self.seed,
            self.knobs,
            num=self.num,
            held_out=self.held_out,
            num_options=self.num_options,
        )


class Dataset:
    """`size` entries, made when they are asked for. Made by `create_dataset`.

    Owns the last few worlds it made. Not for two threads at once.
    """

    def __init__(
        self, families: tuple[str, ...], size: int, seed: int, *, split: Split, salt: str | None,
        held_out: HeldOut, questions_per_video: int, num_options: int, knobs: Knobs,
    ) -> None:  # fmt: skip
        self.families = families
        self.size = size
        self.seed = seed
        self.split: Split = split
        self.held_out: HeldOut = held_out
        self.questions_per_video = questions_per_video
        self.num_options = num_options
        self.knobs = knobs
        self._salt = salt
        self._made: dict[int, tuple[Recipe, Made]] = {}
        self._dropped: dict[int, int] = {}

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Entry]:
        return (self[i] for i in range(self.size))

    def __getitem__(self, index: int) -> Entry:
        if not 0 <= index < self.size:
            raise IndexError(f"entries 0 to {self.size - 1}: got {index}")
        number, which = divmod(index, self.questions_per_video)
        recipe, made = self._video(number)
        return _entry(recipe, made, which, index)

    @property
    def num_dropped(self) -> int:
        """Questions dropped so far because they had no single answer: counted, never shipped."""
        return sum(self._dropped.values())

    def score_answer(self, answer: object, entry: Mapping[str, Any]) -> float:
        """How right an answer is, in [0, 1]. Never raises for any `answer`."""
        return score_answer(answer, entry)

    def world(self, entry: Mapping[str, Any]) -> World:
        """The script of an entry's video: the truth, not for a model."""
        number, _ = divmod(entry["metadata"]["source_index"], self.questions_per_video)
        recipe = Recipe.model_validate(entry["metadata"]["recipe"])
        kept = self._made.get(number)
        return kept[1].world if kept and kept[0] == recipe else recipe.cook().world

    def video(self, entry: Mapping[str, Any], *, camera: int = 0) -> VirtualVideo:
        """An entry's video, painted when it is looked at.

        For a question about a stream it ends at the moment of asking, unless the question is about
        what comes.
        """
        question = question_of(entry)
        ends = question.asked_at_s is not None and question.kind is not AnswerKind.ALERT
        until_s = question.asked_at_s if ends and question.asked_at_s else None
        if until_s is not None:
            until_s += 1e-3  # the frame at the moment of asking is there
        return VirtualVideo(self.world(entry), camera=camera, until_s=until_s)

    def _video(self, number: int) -> tuple[Recipe, Made]:
        if number not in self._made:
            if len(self._made) >= _KEPT_WORLDS:
                self._made.pop(next(iter(self._made)))
            self._made[number] = self._cook(number)
        return self._made[number]

    def _cook(self, number: int) -> tuple[Recipe, Made]:
        names = self.families
        if self.questions_per_video == 1:
            names = (names[number % len(names)],)
        dropped = 0
        for attempt in range(_TRIES):
            recipe = Recipe(
                families=names,
                seed=self._seed(number, attempt),
                knobs=self.knobs,
                num=self.questions_per_video,
                held_out=self.held_out,
                num_options=self.num_options,
            )
            made = recipe.cook()
            dropped += made.num_dropped
            if len(made.questions) == self.questions_per_video:
                self._dropped[number] = dropped
                return recipe, made
        raise ValueError(
            f"a video of {self.knobs.duration_ms / 1000:.0f} s has no room for "
            f"{self.questions_per_video} questions of {', '.join(names)}: make it longer, its "
            "events shorter, or ask fewer"
        )

    def _seed(self, number: int, attempt: int) -> int:
        if self._salt is not None:
            return seed_of_test(self._salt, number * _TRIES + attempt)
        offset = 0 if self.split == "train" else TRAIN_SEEDS_BELOW
        return offset + Rng(self.seed, "video", number, attempt).below(TRAIN_SEEDS_BELOW)


def create_dataset(
    name: str | Sequence[str],
    size: int = 500,
    seed: int = 42,
    *,
    split: Split = "train",
    salt: str | None = None,
    held_out: HeldOut | None = None,
    questions_per_video: int = 1,
    num_options: int = 0,
    **knobs: Any,
) -> Dataset:
    """A data set of questions about rendered videos.

    Args:
        name: A family, several of them (they take turns), or `"all"`.
        size: How many questions.
        seed: Any whole number: another seed gives other videos of the same split.
        split: Which seeds. `test` needs a salt.
        salt: The secret of the test split, see `worlds.commit`.
        held_out: Whether colour-shape pairs, places and phrasings that training never sees are
            avoided, allowed or asked about every time. None: avoided in training, else allowed.
        questions_per_video: A session of so many questions about one video. With `"all"`, the
            family `cameras` is left out of sessions: it films several videos.
        num_options: Choices to offer where answers are single words, codes or numbers. 0: none.
        **knobs: How hard the worlds are, see `script.Knobs`: `duration_ms=600_000`,
            `injections_per_hour=30` for prompt injections, and so on.

    Raises:
        ValueError: No such family or knob, a size below 1, or a test split without a salt.
    """
    names = _names(name, is_session=questions_per_video > 1)
    if size < 1 or questions_per_video < 1:
        raise ValueError(f"one question or more: got {size=}, {questions_per_video=}")
    if (split == "test") != (salt is not None):
        raise ValueError(f"the test split, and only that, needs a salt: got {split=}, {salt=}")
    novel: HeldOut = "avoid" if split == "train" else "allow"
    return Dataset(
        names,
        size,
        seed,
        split=split,
        salt=salt,
        held_out=held_out or novel,
        questions_per_video=questions_per_video,
        num_options=num_options,
        knobs=Knobs(**knobs),
    )


def _names(name: str | Sequence[str], *, is_session: bool) -> tuple[str, ...]:
    if name == "all":
        return tuple(n for n in NAMES if not (is_session and n == "cameras"))
    names = (name,) if isinstance(name, str) else tuple(name)
    return tuple(family(n).name for n in names)


def split_of(seed: int) -> Split:
    """Which split a video's seed belongs to."""
    if seed < TRAIN_SEEDS_BELOW:
        return "train"
    return "dev" if seed < TEST_SEEDS_FROM else "test"


def question_of(entry: Mapping[str, Any]) -> Question:
    """An entry's question with its truth."""
    return Question.model_validate(entry["metadata"]["question"])


def score_answer(answer: object, entry: Mapping[str, Any]) -> float:
    """How right an answer is, in [0, 1]. Never raises for any `answer`."""
    return question_of(entry).score(answer)


def _entry(recipe: Recipe, made: Made, which: int, index: int) -> Entry:
    question, world = made.questions[which], made.world
    metadata = {
        "source_dataset": "playhead.worlds",
        "source_index": index,
        "family": question.family,
        "split": split_of(recipe.seed),
        "question": question.model_dump(mode="json"),
        "recipe": recipe.model_dump(mode="json"),
        "video_ids": [video_id(world, camera) for camera in range(world.num_cameras)],
        "images": [ref.model_dump(mode="json") for ref in picture_refs(world, question)],
        "difficulty": {
            "duration_s": world.duration_ms / 1000,
            "min_frames": question.min_frames,
            "num_distractors": recipe.knobs.num_distractors,
        },
    }
    return Entry(question=question.prompt, answer=answer_text(question), metadata=metadata)


def video_id(world: World, camera: int = 0) -> str:
    """The id that a world's film has."""
    return VirtualVideo(world, camera=camera).id


def picture_refs(world: World, question: Question) -> tuple[FrameRef, ...]:
    """The pictures that belong to a question, by reference to its video."""
    refs: list[FrameRef] = []
    for pointer in question.pictures:
        clock = film_clock(world, pointer.camera)
        top, left, bottom, right = pointer.roi.pixels(world.height, world.width)
        refs.append(
            FrameRef(
                video_id=video_id(world, pointer.camera),
                time_s=clock.start_s(clock.index_at(pointer.time_s)),
                height=bottom - top,
                width=right - left,
                roi=pointer.roi,
            )
        )
    return tuple(refs)


def answer_text(question: Question) -> str:
    """The true answer as a model would write it."""
    gold = question.gold
    match question.kind:
        case AnswerKind.YES_NO:
            return "yes" if gold else "no"
        case AnswerKind.SPANS:
            return "; ".join(f"{start}-{end}" for start, end in gold)  # type: ignore[union-attr]
        case AnswerKind.ORDERED | AnswerKind.SET | AnswerKind.PATH:
            return ", ".join(str(item) for item in gold)  # type: ignore[union-attr]
        case _:
            return str(gold)


def to_task(entry: Mapping[str, Any]) -> Task:
    """An entry as the task of the agent, of training and of evaluation."""
    question, metadata = question_of(entry), entry["metadata"]
    asked = question.asked_at_s
    past = Span(start=0.0, end=asked) if asked and question.kind is not AnswerKind.ALERT else None
    spans = sorted({(s.span.start, s.span.end) for s in question.evidence})
    return Task(
        id=question.id,
        question=entry["question"],
        video_ids=tuple(metadata["video_ids"]),
        options=question.options,
        images=tuple(FrameRef.model_validate(image) for image in metadata["images"]),
        within=past,
        answer=question.gold,
        spans=tuple(Span(start=start, end=end) for start, end in spans),
        metadata={
            "family": question.family,
            "form": question.form,
            "template": question.template,
            "kind": str(question.kind),
            "asked_at_s": asked,
            "min_frames": question.min_frames,
            "recipe": metadata["recipe"],
        },
    )
