"""Held-out sets: cards, files and builders to samples."""

from matdisc.datasets.load import load, training_part

__all__ = ["load", "training_part"]
