"""lmms-eval: the model `playhead`, which is sent the paths of videos and looks for itself.

    python -m lmms_eval --model playhead --model_args model=rules,effort=quick --tasks videomme

lmms-eval finds it by an entry point of `lmms_eval.models`. The one idea: a task's messages already
name its files, so the agent is asked with them as they are, and every video task of lmms-eval that
generates text runs through it. What a task says about how to sample one reply (`max_new_tokens`,
`temperature`) is not used: an agent takes many turns and has a budget.

A question that cannot be answered by nobody's fault but ours or the disk's gives the mark that
lmms-eval's own models of servers give, so that it can be told from a wrong answer. Pictures in a
question, several rounds and log-likelihoods are refused. Seen with lmms-eval 0.7.3.
"""

# pyright: standard
# pyright: reportMissingImports=false
from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lmms_eval.api.instance import GenerationResult, TokenCounts
from lmms_eval.api.model import lmms
from lmms_eval.models.registry_v2 import ModelManifest

from playhead.core.errors import PlayheadError
from playhead.core.span import Span
from playhead.evaluation.harnesses.agent import Asked, HarnessAgent, in_words

MODEL = ModelManifest(
    model_id="playhead", chat_class_path="playhead.evaluation.harnesses.lmms_eval.PlayheadModel"
)
FAILED = "[LMMS_EVAL_REQUEST_FAILED]"
"""How an answer begins that is none."""


class PlayheadModel(lmms):
    """The agent as a model of lmms-eval."""

    is_simple = False

    def __init__(
        self, *, at_once: int = 8, batch_size: Any = None, device: Any = None, **how: Any
    ) -> None:
        """Find the model.

        Args:
            at_once: How many questions are attempted at the same time.
            batch_size: Not used.
            device: Not used.
            how: As `HarnessAgent`.
        """
        super().__init__()
        self._agent = HarnessAgent(**how)
        self._at_once = at_once

    def generate_until(self, requests: Sequence[Any]) -> list[Any]:
        """Answer each request, in order.

        Raises:
            ValueError: One asks about something else than videos, in words: none is answered.
        """
        questions = [self._question(request) for request in requests]
        with ThreadPoolExecutor(self._at_once) as threads:
            return list(threads.map(self._answer, questions))

    def generate_until_multi_round(self, requests: Sequence[Any]) -> list[Any]:
        """Not supported."""
        raise NotImplementedError("the agent answers tasks of one round")

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Not supported."""
        raise NotImplementedError("an agent has no likelihood of an answer, only an answer")

    def _question(self, request: Any) -> Asked:
        _, messages_of, _, number, task, split = request.args
        return read_messages(messages_of(self.task_dict[task][split][number]))

    def _answer(self, question: Asked) -> GenerationResult:
        try:
            record = self._agent.ask(question)
            words = in_words(record)
        except PlayheadError as error:
            logging.getLogger(__name__).error("%s: %s", question.videos, error)
            return GenerationResult(f"{FAILED} {error}")
        cost = record.cost
        return GenerationResult(words, TokenCounts(cost.input_tokens, cost.output_tokens))


def read_messages(messages: Sequence[Mapping[str, Any]]) -> Asked:
    """The question in a task's messages.

    Raises:
        ValueError: It has something else than words and videos, or a part of one of several videos.
    """
    words: list[str] = []
    videos: list[str] = []
    parts: list[Span] = []
    for block in (block for message in messages for block in message["content"]):
        if block["type"] == "text":
            words.append(block["text"])
        elif block["type"] == "video":
            path, part = _video(block)
            videos.append(path)
            parts += [part] if part else []
        else:
            raise ValueError(f"a question has words and videos: got {block['type']!r}")
    if not videos or (parts and len(videos) > 1):
        raise ValueError(f"one video or several whole ones: got {len(videos)} with {parts=}")
    return Asked("\n".join(words), tuple(videos), parts[0] if parts else None)


def _video(block: Mapping[str, Any]) -> tuple[str, Span | None]:
    """A video's path and the part that is meant; tasks write both in two ways."""
    told = block["url"] if isinstance(block["url"], Mapping) else {"path": block["url"]}
    start = told.get("video_start", block.get("start_time"))
    end = told.get("video_end", block.get("end_time"))
    part = None if end is None else Span(start=start or 0.0, end=end)
    return str(told.get("path") or told["url"]), part
