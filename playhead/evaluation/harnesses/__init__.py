"""Playhead as a model of other people's harnesses: they bring the questions and keep the score.

One file for each harness, which imports it, so only that harness imports the file. What all of them
need of us is in `agent`.
"""
