"""Scorers, benchmarks, reports: numbers that can be disputed and settled."""
