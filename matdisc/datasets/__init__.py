"""Held-out sets: cards, files and builders to samples, and to labels as columns."""

from matdisc.datasets.load import load, load_truth, training_part

__all__ = ["load", "load_truth", "training_part"]
