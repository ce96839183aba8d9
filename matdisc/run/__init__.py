"""Running models over datasets; the only package that imports Ray."""

from matdisc.run.inputs import entry_key
from matdisc.run.predict import Run, predict

__all__ = ["Run", "entry_key", "predict"]
