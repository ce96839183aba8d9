"""Running models over datasets; the only package that imports Ray."""

from matdisc.run.predict import Run, entry_key, predict

__all__ = ["Run", "entry_key", "predict"]
