"""`playhead.ask`: a question about a file, in one call."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.agent.session import Session
from playhead.core.budget import Budget
from playhead.core.policy import Policy
from playhead.core.span import Span
from playhead.core.trajectory import Answer
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.models.strings import manner_of

VideoName = str | os.PathLike[str]


def ask(
    video: VideoName | Sequence[VideoName],
    question: str,
    *,
    model: str | Policy | None = None,
    effort: str | None = None,
    budget: Budget | None = None,
    options: Sequence[str] = (),
    image: NDArray[np.uint8] | None = None,
    within: Span | None = None,
    library: str | os.PathLike[str] | None = None,
) -> Answer:
    """Answer a question about one or more video files.

    The files are added to the library and indexed as far as the effort's patience goes; what was
    seen is remembered for the next question. What is not said here comes from the settings (see
    `playhead.config`).

    Args:
        video: A file, or several.
        question: In words.
        model: A model string (see `playhead.models.strings`) or a policy.
        effort: `quick`, `normal` or `deep`.
        budget: Instead of the effort's.
        options: Answers to choose from.
        image: A picture that belongs to the question, RGB uint8 `[H, W, 3]`.
        within: The part that it is about.
        library: The folder of the library.

    Raises:
        VideoError: A file cannot be opened.
        Blamed: Something broke; `origin` says whose fault it was.
        ValueError: A setting cannot be.
    """
    with _Asking(video, model, effort, budget, library) as session:
        return session.ask(question, options=options, image=image, within=within)


async def aask(
    video: VideoName | Sequence[VideoName],
    question: str,
    *,
    model: str | Policy | None = None,
    effort: str | None = None,
    budget: Budget | None = None,
    library: str | os.PathLike[str] | None = None,
    **how: Any,
) -> Answer:
    """`ask` for async code. `how`: `options`, `image`, `within`."""
    with _Asking(video, model, effort, budget, library) as session:
        return await session.aask(question, **how)


class _Asking:
    """A library and a session for one question."""

    def __init__(
        self,
        video: VideoName | Sequence[VideoName],
        model: str | Policy | None,
        effort: str | None,
        budget: Budget | None,
        library: str | os.PathLike[str] | None,
    ) -> None:
        from playhead import config

        settings = config.load(effort=effort, library=None if library is None else Path(library))
        self._library = open_library(settings)
        try:
            paths = [video] if isinstance(video, str | os.PathLike) else list(video)
            ids = [self._library.add(path) for path in paths]
            taught = manner_of(model or settings.model, environment=os.environ).budget
            self._session = Session(
                self._library,
                videos=ids,
                model=model or settings.model,
                effort=settings.effort.value,
                budget=budget or settings.budget_of(taught),
            )
        except BaseException:
            self._library.close()
            raise

    def __enter__(self) -> Session:
        return self._session

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self._library.close()


def open_library(settings: Any, **how: Any) -> Library:
    """The library that settings name, indexed as they say.

    Args:
        settings: `playhead.config.Settings`.
        how: Other arguments of `Library`.
    """
    how.setdefault("num_workers", settings.memory.workers)
    return Library(settings.library_folder(), recipe=recipe_of(settings), **how)


def recipe_of(settings: Any) -> MemoryRecipe:
    """How settings (`playhead.config.Settings`) say that videos are indexed."""
    wanted = settings.memory
    recipe = MemoryRecipe(fps=wanted.fps, max_side=wanted.max_side, thumbnails=wanted.thumbnails)
    if wanted.whisper is None:
        return recipe
    from playhead.models.eyes.speech import Speech, WhisperTranscriber

    ears = Speech(WhisperTranscriber(wanted.whisper))
    return replace(recipe, late_eyes=(*recipe.late_eyes, ears))
