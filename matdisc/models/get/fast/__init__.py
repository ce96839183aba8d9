"""The fast path of GET on a CPU: compiled by numba at the first use, no compiler and no shipped binaries needed."""

from matdisc.models.get.fast.evaluator import Box, Evaluator, FastAnswer

__all__ = ["Box", "Evaluator", "FastAnswer"]
