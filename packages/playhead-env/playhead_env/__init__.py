"""Playhead's rendered worlds as an environment of verifiers: `vf-eval playhead-env`."""

from playhead_env.taskset import WorldTaskset

__all__ = ["WorldTaskset"]
