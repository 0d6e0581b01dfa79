"""From a trajectory to rows of tokens, each of which knows what it is.

    renderer = Renderer(processor)                  # of the model that is trained
    for row in rows(trajectory, renderer): ...      # ids, parts, mask, weights, pictures

The one idea: there is one way to make a row, whoever wrote the steps. A step of a policy of ours
has its tokens recorded, and they are taken as they are. Any other step (oracle, teacher, human) is
given the tokens that a policy would have had: the prompt as `TransformersPolicy` makes it, and what
was written, tokenised apart, as a model samples it. Then `Trajectory.sequences` joins them. So the
ids up to each written turn are those of the served prompt, also where the template shows earlier
turns in another way than they were written: such a step begins a row of its own.

Nothing here needs torch; a processor is whatever has a chat template and a tokenizer.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from playhead.core.media import FrameRef
from playhead.core.message import Message, PicturePart, Role, TextPart
from playhead.core.policy import Reply, Tokens
from playhead.core.tools import ToolSpec
from playhead.core.trajectory import Step, TokenSequence, Trajectory
from playhead.models.policies import render
from playhead.models.policies.local import Template, media_marks

ANSWER = "answer"
"""The tool that gives the answer."""
_CLOSED = "</think>"


class Part(StrEnum):
    """What a token is."""

    SYSTEM = "system"
    """The system turn, the tools included."""
    USER = "user"
    """The words of the opening: the question."""
    PICTURE_OPENING = "picture_opening"
    """A picture of the opening: the first, wide look."""
    THINK = "think"
    """What the policy thought, its tags included."""
    CALL = "call"
    """A written turn that only calls tools other than `answer`."""
    OBSERVATION = "observation"
    """The words of what calls gave."""
    PICTURE = "picture"
    """A picture that a call gave."""
    ANSWER = "answer"
    """A written turn that answers: words alone, or a call of `answer`."""
    TEMPLATE = "template"
    """Marks of the chat: who speaks, ends of turns nobody wrote, the frames of pictures."""


PICTURES = frozenset({Part.PICTURE_OPENING, Part.PICTURE})


@dataclass(frozen=True)
class Row:
    """Tokens to train on, each with what it is. All tuples but `frames` have one item per token."""

    ids: tuple[int, ...]
    """As the model reads them: a picture is as many tokens as its features."""
    parts: tuple[Part, ...]
    steps: tuple[int, ...]
    """Which step of the trajectory: a turn and what its calls gave. -1: before the first."""
    mask: tuple[int, ...]
    """1: the policy wrote it, the end of its turn included. Else 0."""
    weights: tuple[float, ...]
    """The weight of the step where `mask` is 1, else 0."""
    logprobs: tuple[float | None, ...]
    """Log-probability at sampling. None: not sampled, or not recorded."""
    frames: tuple[FrameRef, ...]
    """The pictures, in the order of their tokens."""
    trajectory: str
    """Id of the trajectory."""
    prompt: int
    """Number of tokens before the first written one."""

    def __post_init__(self) -> None:
        """Check that every token has everything."""
        lengths = {
            len(column)
            for column in (
                self.ids, self.parts, self.steps, self.mask, self.weights, self.logprobs,
            )
        }  # fmt: skip
        if len(lengths) != 1:
            raise ValueError(f"one of each per token: got lengths {sorted(lengths)}")

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.ids)

    @property
    def num_written(self) -> int:
        """Number of tokens that the policy wrote."""
        return sum(self.mask)


def rows(trajectory: Trajectory, renderer: Renderer, *, recorded: bool = True) -> list[Row]:
    """The rows of a trajectory: one, unless steps were hidden or shown otherwise than written.

    Each written step is in exactly one row; later rows show it again, unwritten. A rendered turn
    with a call that could not be read is not trained on: nobody knows what was written.

    Args:
        trajectory: The record.
        renderer: Of the model to train.
        recorded: Take recorded tokens as they are; if any step has some, steps without are only
            context. False: render every step, for tokens that another tokenizer made.

    Raises:
        ValueError: The recorded tokens cannot be read as this model's turns, or its pictures would
            be other than so many tokens.
        Blamed: The template does not show every picture.
    """
    steps = trajectory.steps
    is_recorded = recorded and any(step.reply.tokens is not None for step in steps)
    unread: set[int] = set()
    if not is_recorded:
        unread = {i for i, step in enumerate(steps) if any(c.raw for c in step.reply.calls)}
        trajectory = renderer.sampled(trajectory)
    made = (_row(trajectory, sequence, renderer, unread) for sequence in trajectory.sequences())
    return [row for row in made if any(row.mask)]


def is_answer(reply: Reply) -> bool:
    """Whether a turn answers: it says only words, or calls `answer`."""
    return not reply.calls or any(call.name == ANSWER for call in reply.calls)


class Renderer:
    """How a model is served: its prompts, and how it writes a turn, as token ids."""

    def __init__(
        self,
        processor: Any,
        *,
        strict_tools: bool = False,
        think_back: bool = False,
        template: dict[str, Any] | None = None,
    ) -> None:
        """Learn the marks of the chat from the template itself. Arguments as for the policy.

        Args:
            processor: Of transformers.
            strict_tools: Tell the model of tools as a strict server does.
            think_back: Show it what it thought in earlier turns.
            template: What else its chat template understands.

        Raises:
            ValueError: The template is not one of turns with a beginning and an end.
        """
        self.processor = processor
        self._template = Template(
            processor, strict_tools=strict_tools, think_back=think_back, options=template or {}
        )
        tokenizer = processor.tokenizer
        self.image_id, _ = media_marks(processor)
        self.mark = str(processor.image_token)
        specials, borders = _added(tokenizer, self.mark)
        added = tokenizer.added_tokens_decoder
        self.special_ids = frozenset(id_ for id_, word in added.items() if word.special)
        self._specials, self._split = re.compile(specials), re.compile(f"({borders})")
        self._encode = lru_cache(100_000)(
            lambda text: tuple(tokenizer.encode(text, add_special_tokens=False))
        )
        self.word = lru_cache(None)(lambda id_: tokenizer.decode([id_]))
        self.picture_ids = lru_cache(10_000)(self._picture_ids)
        self.marks = self._learn_marks()
        self._is_checked = False

    def prompt(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec]
    ) -> tuple[tuple[int, ...], tuple[FrameRef, ...]]:
        """What a policy is given after `messages`: token ids, and the pictures in their order."""
        text, frames, *_ = self._template.prompt(messages, tools)
        return self._checked(text, frames), frames

    def num_picture_tokens(self, frame: FrameRef) -> int:
        """How many tokens of a row are the picture's."""
        return self.picture_ids(frame.height, frame.width).count(self.image_id)

    def turns(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[ShownTurn]:
        """The conversation as the template shows it: the tools in the system turn, results in turns
        of the role that the template gives them. Pictures stand as `picture_mark`."""
        turns: list[ShownTurn] = []
        text = self._template.prompt(messages, tools).text
        for piece in text.split(self.marks.begin)[1:-1]:  # the last one is to be written
            role, _, said = piece.partition("\n")
            turns.append(ShownTurn(role, said.rpartition(self.marks.end)[0]))
        return turns

    @cached_property
    def picture_mark(self) -> str:
        """What the template shows in place of a picture: the mark of its tokens and their frame.

        Raises:
            Blamed: It shows no pictures.
        """
        one, two = TextPart(text="one"), TextPart(text="two")
        picture = PicturePart(frame=FrameRef(video_id="", time_s=0.0, height=1, width=1))
        asked = Message(role=Role.USER, parts=(one, picture, two))
        return self._template.prompt([asked], ()).text.partition("one")[2].partition("two")[0]

    def sampled(self, trajectory: Trajectory) -> Trajectory:
        """The trajectory as if this model had written every step: with its tokens."""
        steps, tools = trajectory.steps, trajectory.tools
        before = [self._template.prompt(trajectory.messages(i), tools) for i in range(len(steps))]
        written: list[Step] = []
        for i, step in enumerate(steps):
            grows = i + 1 < len(steps) and step.shown is None and steps[i + 1].shown is None
            after = before[i + 1] if grows else None
            if after is None:
                whole = [*trajectory.messages(i), *step.messages]
                after = self._template.prompt(whole, tools)
            ids = self._encoded(self._turn(before[i].text, after.text, step.reply.thinking))
            tokens = Tokens.model_construct(
                prompt_ids=self._checked(before[i].text, before[i].frames), ids=ids
            )
            reply = step.reply.model_copy(update={"tokens": tokens})
            written.append(step.model_copy(update={"reply": reply}))
        return trajectory.model_copy(update={"steps": tuple(written)})

    def _turn(self, before: str, after: str, thinking: str) -> str:
        """What a model writes to get from a prompt to the next: its turn, with the end of it."""
        shared = _shared(before, after)
        opened = before[len(shared) :]  # what only a prompt has, such as an opened thought
        if len(opened) > len(self.marks.only_prompt):
            raise ValueError("the chat template changes what it showed before, turn by turn")
        said, end, _ = after[len(shared) :].partition(self.marks.end)
        thought = render.harmless(thinking)
        if opened.strip() and _CLOSED not in said:
            said = f"{thought}\n{_CLOSED}\n\n{said}"
        elif thought and thought not in said:
            said = f"<think>\n{thought}\n{_CLOSED}\n\n{said}"
        return said + end

    def _checked(self, text: str, frames: Sequence[FrameRef]) -> tuple[int, ...]:
        """The ids of a prompt. The first that has pictures is made by the processor as well."""
        ids = self._encoded(text, frames)
        if frames and not self._is_checked:
            theirs = self._by_processor(text, [(f.height, f.width) for f in frames])
            if theirs != ids:
                raise ValueError(
                    "rows would not be what is served: the processor makes other ids of a prompt "
                    f"({len(theirs)} tokens, not {len(ids)})"
                )
            self._is_checked = True
        return ids

    def _encoded(self, text: str, frames: Sequence[FrameRef] = ()) -> tuple[int, ...]:
        """The ids of a text. What stands between two marks is tokenised alone, as tokenizers do,
        and so only once, however often it is shown."""
        ids: list[int] = []
        left = iter(frames)
        for piece in self._split.split(text):
            if piece == self.mark:
                frame = next(left)
                ids += self.picture_ids(frame.height, frame.width)
            elif piece:
                ids += self._encode(piece)
        return tuple(ids)

    def _picture_ids(self, height: int, width: int) -> tuple[int, ...]:
        """What stands for a picture of that size."""
        return self._by_processor(self.mark, [(height, width)])

    def _by_processor(self, text: str, sizes: Sequence[tuple[int, int]]) -> tuple[int, ...]:
        from PIL import Image

        blank = [Image.fromarray(np.zeros((*size, 3), np.uint8)) for size in sizes]
        return tuple(self.processor(text=[text], images=blank)["input_ids"][0])

    def _learn_marks(self) -> Marks:
        """What frames turns, read off a short conversation."""
        roles = (Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER)
        words = ("one", "two", "three", "four")
        parts = [(TextPart(text=word),) for word in words]
        said = [Message(role=r, parts=p) for r, p in zip(roles, parts, strict=True)]
        text = self._template.prompt(said, ()).text
        _, asked, replied, prompted = (text.partition(word)[2] for word in words)
        marks = re.findall(self._specials, replied.partition("four")[0])
        if len(marks) < 2 or marks[1] not in asked or marks[1] not in prompted:
            raise ValueError("the chat template does not mark where turns begin and end")
        end, begin = marks[:2]
        opened = prompted[prompted.index(begin) :]
        header = _shared(opened, asked[asked.index(begin) :].partition("three")[0])
        return Marks(begin, header, end, only_prompt=opened[len(header) :])


class ShownTurn(NamedTuple):
    """One turn as a chat template shows it."""

    role: str
    text: str


class Marks(NamedTuple):
    """How a chat template frames turns."""

    begin: str
    """Where any turn begins, such as `<|im_start|>`."""
    header: str
    """Where a turn of the assistant begins, `begin` included."""
    end: str
    """Where a turn ends, such as `<|im_end|>`."""
    only_prompt: str
    """What follows the header in a prompt and not in an earlier turn, such as an opened thought."""

    @property
    def role(self) -> str:
        """What the template calls the assistant."""
        return self.header[len(self.begin) :].partition("\n")[0]


def _added(tokenizer: Any, mark: str) -> tuple[str, str]:
    """Patterns of the marks of the chat, and of all words at which a tokenizer splits first."""
    added = list(tokenizer.added_tokens_decoder.values())
    specials = [str(word) for word in added if word.special]
    borders = [str(word) for word in added if not word.normalized]
    if any(word.lstrip or word.rstrip or word.single_word for word in added):
        borders = [mark]
    longest_first = (sorted({*words, mark}, key=len, reverse=True) for words in (specials, borders))
    specials, borders = ("|".join(map(re.escape, words)) for words in longest_first)
    return specials, borders


def _shared(one: str, two: str) -> str:
    """What two texts begin with."""
    if two.startswith(one):
        return one
    pairs = enumerate(zip(one, two, strict=False))
    return one[: next((i for i, (a, b) in pairs if a != b), len(two))]


class _Turn(NamedTuple):
    """One turn of a text. All but `part` and `step` are places in it."""

    begin: int
    words: int
    """Where what it says begins."""
    thought: int
    """Where what it thought ends; `words` if it did not."""
    end: int
    part: Part
    step: int


def _row(
    trajectory: Trajectory, sequence: TokenSequence, renderer: Renderer, unread: set[int]
) -> Row:
    """A sequence with what each of its tokens is."""
    last = sequence.steps[-1]
    shown = trajectory.steps[last].shown
    order = [*(range(last) if shown is None else shown), last]
    parts, steps = _label(trajectory, sequence, order, renderer)
    frames = tuple(render.pictures(trajectory.messages(last)))
    _check_pictures(sequence.ids, frames, renderer)
    is_out = [bool(unread) and step in unread for step in steps]
    mask = tuple(0 if out else m for m, out in zip(sequence.mask, is_out, strict=True))
    return Row(
        ids=sequence.ids,
        parts=parts,
        steps=steps,
        mask=mask,
        weights=tuple(w * m for w, m in zip(sequence.weights, mask, strict=True)),
        logprobs=sequence.logprobs,
        frames=frames,
        trajectory=trajectory.id,
        prompt=mask.index(1) if 1 in mask else len(mask),
    )


def _label(
    trajectory: Trajectory, sequence: TokenSequence, order: Sequence[int], renderer: Renderer
) -> tuple[tuple[Part, ...], tuple[int, ...]]:
    """What each token is and which step it belongs to, read off the turns of the text.

    What was written is left out of that text, so nothing in it can pass for a mark of the chat.
    """
    ids, mask = sequence.ids, sequence.mask
    words = ["" if m else renderer.word(id_) for id_, m in zip(ids, mask, strict=True)]
    starts = [0, *accumulate(map(len, words))]
    turns = _turns("".join(words), trajectory, order, renderer.marks)
    thoughts = _thoughts(ids, mask, renderer)
    # two steps that wrote the same after the same prompt are told apart by which one is trained on
    writers = iter(i for i in sequence.steps if _num_sampled(trajectory.steps[i]))
    parts: list[Part] = []
    steps: list[int] = []
    at, writer, was_written = 0, -1, 0
    for id_, is_written, start, thinks in zip(ids, mask, starts[:-1], thoughts, strict=True):
        while not is_written and at + 1 < len(turns) and turns[at + 1].begin <= start:
            at += 1
        turn = turns[at]
        writer = next(writers) if is_written > was_written else writer
        was_written = is_written
        steps.append(writer if is_written else turn.step)
        if is_written:
            parts.append(Part.THINK if thinks else turn.part)
        elif id_ == renderer.image_id:
            parts.append(Part.PICTURE_OPENING if turn.part is Part.USER else Part.PICTURE)
        elif id_ in renderer.special_ids or not turn.words <= start < turn.end:
            parts.append(Part.TEMPLATE)
        else:
            parts.append(Part.THINK if start < turn.thought else turn.part)
    return tuple(parts), tuple(steps)


def _num_sampled(step: Step) -> int:
    return len(step.reply.tokens.ids) if step.reply.tokens else 0


def _turns(text: str, trajectory: Trajectory, order: Sequence[int], marks: Marks) -> list[_Turn]:
    """The turns of a text: system, question, then for each shown step what it wrote and saw.

    Raises:
        ValueError: There are not as many written turns as steps.
    """
    begins = [found.start() for found in re.finditer(re.escape(marks.begin), text)]
    said = [i for i, begin in enumerate(begins) if text.startswith(marks.header, begin)]
    if len(said) != len(order) or 0 in said:
        raise ValueError(
            f"trajectory {trajectory.id}: {len(order)} turns were written, and the tokens have "
            f"{len(said)}: they are not of this model, or its prompts are made in another way"
        )
    turns: list[_Turn] = []
    num_said = 0
    for i, (begin, after) in enumerate(pairwise([*begins, len(text)])):
        step, part = order[num_said - 1] if num_said else -1, Part.OBSERVATION
        if i in said:
            step, num_said = order[num_said], num_said + 1
            part = Part.ANSWER if is_answer(trajectory.steps[step].reply) else Part.CALL
            words = begin + len(marks.header)
            words += len(marks.only_prompt) * text.startswith(marks.only_prompt, words)
        else:
            part = part if num_said else Part.USER if i + 1 in said else Part.SYSTEM
            words = text.find("\n", begin, after) + 1 or after
        end = text.find(marks.end, words, after)
        if end < 0:  # of a turn that was written, the text has no words
            end = words if i in said else after
        closed = text.find(_CLOSED, words, end) if i in said else -1
        thought = words if closed < 0 else closed + len(_CLOSED)
        turns.append(_Turn(begin, words, thought, end, part, step))
    return turns


def _thoughts(ids: Sequence[int], mask: Sequence[int], renderer: Renderer) -> list[bool]:
    """Which tokens are written thoughts."""
    thoughts = [False] * len(ids)
    edges = [i for i, (a, b) in enumerate(pairwise([0, *mask, 0])) if a != b]
    decode = renderer.processor.tokenizer.decode
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if _CLOSED in decode(list(ids[begin:end])):
            num = bisect_left(
                range(end - begin),
                True,
                key=lambda n: _CLOSED in decode(list(ids[begin : begin + n])),
            )
            thoughts[begin : begin + num] = [True] * num
    return thoughts


def _check_pictures(ids: Sequence[int], frames: Sequence[FrameRef], renderer: Renderer) -> None:
    """Raise ValueError where the tokens of the pictures are not as many as their features."""
    num, expected = ids.count(renderer.image_id), sum(map(renderer.num_picture_tokens, frames))
    if num != expected:
        raise ValueError(
            f"the {len(frames)} pictures of this row are {expected} tokens, and it has {num}: it "
            "was sampled with other limits on their size"
        )
