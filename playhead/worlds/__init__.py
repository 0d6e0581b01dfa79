"""Rendered videos with known truth: script, renderer, questions, exact verifiers, the oracle."""

from typing import TYPE_CHECKING

from playhead._lazy import lazy

if TYPE_CHECKING:
    from playhead.worlds.audit import run_audit
    from playhead.worlds.dataset import (
        Dataset,
        Entry,
        create_dataset,
        score_answer,
        split_of,
        to_task,
    )
    from playhead.worlds.eyes import NoisyEyes, perceive
    from playhead.worlds.families import NAMES, Family, Question, family
    from playhead.worlds.families.build import Made, make
    from playhead.worlds.gallery import write_gallery
    from playhead.worlds.generate import make_world
    from playhead.worlds.oracle import dense_oracle
    from playhead.worlds.policy import OraclePolicy
    from playhead.worlds.script import Knobs, World
    from playhead.worlds.videos import VirtualVideo, write_world

__all__ = [
    "NAMES",
    "Dataset",
    "Entry",
    "Family",
    "Knobs",
    "Made",
    "NoisyEyes",
    "OraclePolicy",
    "Question",
    "VirtualVideo",
    "World",
    "create_dataset",
    "dense_oracle",
    "family",
    "make",
    "make_world",
    "perceive",
    "run_audit",
    "score_answer",
    "split_of",
    "to_task",
    "write_gallery",
    "write_world",
]

__getattr__ = lazy(
    __name__,
    {
        "Dataset": "playhead.worlds.dataset",
        "Entry": "playhead.worlds.dataset",
        "Family": "playhead.worlds.families",
        "Knobs": "playhead.worlds.script",
        "Made": "playhead.worlds.families.build",
        "NAMES": "playhead.worlds.families",
        "NoisyEyes": "playhead.worlds.eyes",
        "OraclePolicy": "playhead.worlds.policy",
        "Question": "playhead.worlds.families",
        "VirtualVideo": "playhead.worlds.videos",
        "World": "playhead.worlds.script",
        "create_dataset": "playhead.worlds.dataset",
        "dense_oracle": "playhead.worlds.oracle",
        "make": "playhead.worlds.families.build",
        "make_world": "playhead.worlds.generate",
        "family": "playhead.worlds.families",
        "perceive": "playhead.worlds.eyes",
        "run_audit": "playhead.worlds.audit",
        "score_answer": "playhead.worlds.dataset",
        "split_of": "playhead.worlds.dataset",
        "to_task": "playhead.worlds.dataset",
        "write_gallery": "playhead.worlds.gallery",
        "write_world": "playhead.worlds.videos",
    },
)
