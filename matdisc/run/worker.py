"""What happens inside a worker process: load a model once, ask it, and turn every mishap into a named answer."""

from __future__ import annotations

import math
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from matdisc.cards import ModelCard
from matdisc.models import Question, load_potential, load_predictor
from matdisc.physics.relax import PROTOCOLS, crystal_energy
from matdisc.predictions import one_line
from matdisc.schema import Crystal, Prediction, Sample, Unsupported
from matdisc.tasks import TASKS


@dataclass(frozen=True)
class Job:
    """One model asked about one dataset: everything a worker needs, and no label of a scored material.

    Attributes:
        references: Energies of the elements, eV/atom; empty where the model's own elements are the reference.
        reference_crystals: The elemental crystals for that case.
        corrections: Energy to add per material, eV per cell, already empty where none is due.
        timeout: Seconds of wall-clock time for one material; None for no limit.
    """

    model: ModelCard
    task: str
    protocol: str | None
    threshold: float
    references: Mapping[str, float] = field(default_factory=dict)
    reference_crystals: Mapping[str, Crystal] = field(default_factory=dict)
    corrections: Mapping[str, float] = field(default_factory=dict)
    timeout: float | None = None


@dataclass(frozen=True)
class Chunk:
    """Materials asked together (targets emptied), and the labelled ones a predictor may learn from."""

    asked: tuple[Sample, ...]
    train: tuple[Sample, ...] = ()


class TimedOut(Exception):
    """Raised inside a worker when a material has used up its time."""


class UnsupportedElement(Exception):
    """A model has declared that it does not know an element."""


def answer_chunk(job: Job, chunk: Chunk) -> list[Prediction]:
    """Return one prediction for each asked material; only a model that cannot load raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a model package has to say to its developers
        if job.model.kind == "predictor":
            return _ask_predictor(job, chunk)
        calculator = _potential(job.model.model_dump_json())
        return [_ask_potential(job, calculator, sample) for sample in chunk.asked]


@lru_cache(maxsize=1)
def _potential(card: str) -> Any:
    return load_potential(ModelCard.model_validate_json(card))


@lru_cache(maxsize=512)
def _own_element_energy(card: str, protocol: str, symbol: str, crystal: Crystal) -> float:
    energy = crystal_energy(_potential(card), crystal, PROTOCOLS[protocol])
    return energy.total / len(crystal.symbols)


def _ask_potential(job: Job, calculator: Any, sample: Sample) -> Prediction:
    started = time.perf_counter()

    def reference(symbol: str) -> float:
        if symbol in job.references:
            return job.references[symbol]
        if symbol in job.reference_crystals:
            assert job.protocol is not None
            card = job.model.model_dump_json()
            return _own_element_energy(card, job.protocol, symbol, job.reference_crystals[symbol])
        raise UnsupportedElement(f"the dataset has no reference energy for {symbol}")

    try:
        _refuse_unknown_elements(job.model, sample.crystal)
        with time_limit(job.timeout):
            outcome = TASKS[job.task].measure(
                calculator,
                sample,
                PROTOCOLS[job.protocol or "single-point"],
                reference,
                job.corrections.get(sample.material_id, 0.0),
            )
        values = {key: float(value) for key, value in outcome.values.items()}
        if not all(math.isfinite(value) for value in values.values()):
            raise ArithmeticError(f"the answer is not finite: {values}")
    except UnsupportedElement as err:
        return Prediction(sample.material_id, status="unsupported", error=str(err), seconds=_since(started))
    except TimedOut:
        text = f"no answer within {job.timeout:g} s"
        return Prediction(sample.material_id, status="timed_out", error=text, seconds=_since(started))
    except Exception as err:
        text = one_line(f"{type(err).__name__}: {err}")
        return Prediction(sample.material_id, status="failed", error=text, seconds=_since(started))
    status = "ok" if outcome.converged else "unconverged"
    return Prediction(sample.material_id, values, status, "", _since(started), outcome.steps)  # type: ignore[arg-type]


def _refuse_unknown_elements(card: ModelCard, crystal: Crystal) -> None:
    unknown = sorted(set(crystal.symbols) - set(card.elements)) if card.elements else []
    if unknown:
        raise UnsupportedElement(f"{card.name} has no parameters for {', '.join(unknown)}")


def _ask_predictor(job: Job, chunk: Chunk) -> list[Prediction]:
    started = time.perf_counter()
    predictor = load_predictor(job.model)
    try:
        answers = list(predictor(chunk.train, chunk.asked, Question(job.task, job.threshold)))
        if len(answers) != len(chunk.asked):
            raise ValueError(f"{len(answers)} answers to {len(chunk.asked)} materials")
    except Exception as err:
        text = one_line(f"{type(err).__name__}: {err}")
        return [Prediction(s.material_id, status="failed", error=text) for s in chunk.asked]
    share = _since(started) / max(1, len(chunk.asked))
    return [_as_prediction(s, a, share) for s, a in zip(chunk.asked, answers, strict=True)]


def _as_prediction(sample: Sample, given: Any, seconds: float) -> Prediction:
    if isinstance(given, Unsupported):
        return Prediction(sample.material_id, status="unsupported", error=one_line(given.reason), seconds=seconds)
    try:
        values = {str(key): float(value) for key, value in given.items()}
    except (AttributeError, TypeError, ValueError) as err:
        return Prediction(sample.material_id, status="failed", error=one_line(f"no values: {err}"), seconds=seconds)
    if not all(math.isfinite(value) for value in values.values()):
        text = f"the answer is not finite: {values}"
        return Prediction(sample.material_id, status="failed", error=text, seconds=seconds)
    return Prediction(sample.material_id, values, "ok", "", seconds)


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise TimedOut in this block after `seconds` of wall-clock time.

    Python code only, in a main thread only: native code that never returns is stopped from outside by the driver.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(signum: int, frame: object) -> None:
        raise TimedOut

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def chunks_of(
    model: ModelCard, samples: Sequence[Sample], train_for: Mapping[int | None, Sequence[Sample]]
) -> list[Chunk]:
    """Return the chunks to ask: one material each for a potential, one fold each for a predictor."""
    if model.kind == "potential":
        return [Chunk((s.without_target(),)) for s in samples]
    folds: dict[int | None, list[Sample]] = {}
    for sample in samples:
        folds.setdefault(sample.fold, []).append(sample.without_target())
    return [Chunk(tuple(asked), tuple(train_for[fold])) for fold, asked in folds.items()]


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 4)
