"""VLMEvalKit: the class to put among its models, which is sent the paths of videos.

    from functools import partial

    from vlmeval.config import supported_VLM
    from playhead.evaluation.harnesses.vlmeval import PlayheadVLM

    supported_VLM["playhead"] = partial(PlayheadVLM, model="rules", effort="quick")

The one idea: it says that it is a model of videos (`VIDEO_LLM`) behind an API (`is_api`), so data
sets hand over the file instead of frames, and VLMEvalKit asks in as many threads as its
`--api-nproc` says. An attempt that failed, but not by the fault of the model, gives the mark of a
failure that its next run asks again. Pictures in a question are refused.

VLMEvalKit is not needed to import this. Written after the sources of VLMEvalKit 0.2rc1 (how its
`inference_video` calls models, and `VideoMME.build_prompt`); not run inside it yet.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from playhead.core.errors import PlayheadError
from playhead.evaluation.harnesses.agent import Asked, HarnessAgent, in_words

FAILED = "Failed to obtain answer via API."
"""VLMEvalKit's mark of an answer that is none."""


class PlayheadVLM:
    """The agent as a model of VLMEvalKit."""

    is_api = True
    VIDEO_LLM = True
    INTERLEAVE = True

    def __init__(self, **how: Any) -> None:
        """Find the model.

        Args:
            how: As `HarnessAgent`.
        """
        self._agent = HarnessAgent(**how)

    def use_custom_prompt(self, dataset: str) -> bool:
        """Never: data sets' own prompts are answered."""
        return False

    def set_dump_image(self, dump_image_func: Callable[..., Any]) -> None:
        """Not used: no picture is written."""

    def generate(self, message: Sequence[Mapping[str, str]], dataset: str | None = None) -> str:
        """Answer a message.

        Args:
            message: `{"type": "text" or "video", "value": words or a path}`, in order.
            dataset: Its name; not used.

        Raises:
            ValueError: It has something else than words and videos.
        """
        return self.generate_inner(message, dataset)

    def generate_inner(
        self, message: Sequence[Mapping[str, str]], dataset: str | None = None
    ) -> str:
        """As `generate`."""
        asked = read_message(message)
        try:
            return in_words(self._agent.ask(asked))
        except PlayheadError as error:
            logging.getLogger(__name__).error("%s: %s", asked.videos, error)
            return FAILED


def read_message(message: Sequence[Mapping[str, str]]) -> Asked:
    """The question in a message.

    Raises:
        ValueError: It has something else than words and videos.
    """
    kinds = {part["type"] for part in message}
    if "video" not in kinds or kinds - {"text", "video"}:
        raise ValueError(f"a question has words and videos: got {', '.join(sorted(kinds))}")
    words = [part["value"] for part in message if part["type"] == "text"]
    videos = [part["value"] for part in message if part["type"] == "video"]
    return Asked("\n".join(words), tuple(videos))
