"""What happens inside a worker process: load a model once, ask it, and turn every mishap into a named answer."""

from __future__ import annotations

import math
import os
import platform
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

from matdisc.cards import ModelCard
from matdisc.errors import CardError, MatdiscError, RunError
from matdisc.formats.atoms import to_atoms
from matdisc.models import Question, load_potential, load_predictor
from matdisc.models.load import Factory, Predictor, is_ours, one_thread
from matdisc.models.soundness import unsound
from matdisc.physics.drivers import FAULTS, TimedOut, WorkResult, run_batched
from matdisc.physics.evaluation import Steps
from matdisc.physics.relaxation.relax import relaxation
from matdisc.predictions import one_line
from matdisc.protocols import PROTOCOLS
from matdisc.run.engine.cluster import node_id
from matdisc.run.engine.kept import held, kept_folder
from matdisc.run.engine.limits import (
    MachineTrouble,
    Watch,
    lift_memory_limit,
    limit_memory,
    remedy_for_machine,
    time_limit,
)
from matdisc.run.engine.usage import Meter, Usage
from matdisc.run.environments.layers import confirm
from matdisc.schema import Crystal, Prediction, Sample, Status, Unsupported
from matdisc.tasks import TASKS
from matdisc.tasks.task import Outcome

FLUSH_SECONDS = 0.25
"""Answers wait no longer than this to be handed over, with few workers: it is what a worker's death can cost."""

Identity = tuple[str, Factory | None]
"""A model's card as JSON, and what makes its calculator where the card has no loader."""


@dataclass(frozen=True)
class Job:
    """One model asked about one dataset: everything a worker needs, and no label of a scored material.

    Attributes:
        references: Energies of the elements, eV/atom; empty where the model's own elements are the reference.
        reference_crystals: The elemental crystals for that case.
        corrections: Energy to add per material, eV per cell, already empty where none is due.
        timeout: Seconds of wall-clock time for one material, or for one evaluation where the task can resume; None for
            no limit.
        memory_gib: Private memory that a worker process may hold, GiB; None for no limit.
        in_worker: Whether it runs in a process of its own, which may be limited and may die.
        factory: Makes the calculator, where the card has no loader.
        kept: Folder in which materials keep what they have, where the task can resume; not on every node it exists.
    """

    model: ModelCard
    task: str
    protocol: str | None
    threshold: float
    references: Mapping[str, float] = field(default_factory=dict)
    reference_crystals: Mapping[str, Crystal] = field(default_factory=dict)
    corrections: Mapping[str, float] = field(default_factory=dict)
    timeout: float | None = None
    memory_gib: float | None = None
    in_worker: bool = False
    factory: Factory | None = None
    kept: Path | None = None

    @property
    def identity(self) -> Identity:
        """What tells models apart within a process."""
        return self.model.model_dump_json(), self.factory

    @property
    def silence(self) -> float | None:
        """Seconds after which a worker that says nothing has used up the time of a material; None where none are."""
        return None if TASKS[self.task].resume else self.timeout


@dataclass(frozen=True)
class WorkUnit:
    """Materials for one worker (targets emptied), and the labelled ones a predictor may learn from."""

    samples: tuple[Sample, ...]
    train: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class Batch:
    """Answers handed over together and their cost; `loaded` once the worker has the model, `node` in the first one."""

    predictions: tuple[Prediction, ...]
    usage: Usage
    loaded: bool = True
    node: str = ""


class UnsupportedElement(Exception):
    """A model has declared that it does not know an element."""


def answer_unit(job: Job, unit: WorkUnit, flush_seconds: float = FLUSH_SECONDS) -> Iterator[Batch]:
    """Yield the answers of a unit as they come, one for each of its materials.

    Two batches without answers come first: one at the start and one when the model is loaded. They tell the driver
    what a worker that dies was doing.

    Raises:
        MatdiscError: If the model cannot be loaded or breaks its contract, or the machine is in the way: what no
            material is to blame for.
    """
    if job.in_worker:
        one_thread()
    meter = Meter(f"{platform.node()}:{os.getpid()}", ("numpy", "ase", "torch", *job.model.distributions))
    yield Batch((), meter.read(), loaded=False, node=_node())
    if job.in_worker:
        confirm(job.model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a model package has to say to its developers
        started = time.perf_counter()
        if job.model.kind == "predictor":
            answers = _ask_predictor(job, load_predictor(job.model), unit)
        else:
            answers = _ask_potential(job, _potential(*job.identity), unit)
        limit_memory(job.memory_gib, job.model.key, in_worker=job.in_worker)
        cpu, ahead = _PRELOADED.pop(job.identity, (0.0, 0.0))
        meter.add(cpu, ahead)
        yield Batch((), meter.read(time.perf_counter() - started + ahead))
        ready: list[Prediction] = []
        last = time.perf_counter()
        try:
            for answer in answers:
                ready.append(answer)
                if time.perf_counter() - last > flush_seconds:
                    yield Batch(tuple(ready), meter.read())
                    ready, last = [], time.perf_counter()
        except MatdiscError:
            yield Batch(tuple(ready), meter.read())
            raise
        yield Batch(tuple(ready), meter.read())


def _node() -> str:
    ray = sys.modules.get("ray")
    return node_id() if ray is not None and ray.is_initialized() else ""


_PRELOADED: dict[Identity, tuple[float, float]] = {}
"""Processor and wall-clock seconds that loading has taken in this process, of models that were asked nothing yet."""


def preload(model: ModelCard, factory: Factory | None, seconds: float) -> None:
    """Load a model into this process, before it is known what it is asked.

    What goes wrong is said by the first unit, which tries again. Native code that takes longer than `seconds` ends the
    process.
    """
    identity = (model.model_dump_json(), factory)
    cpu, wall = time.process_time(), time.perf_counter()
    with warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")
        with time_limit(seconds, deadly=True):
            confirm(model)
            one_thread()
            if model.kind == "predictor":
                load_predictor(model)
            else:
                _potential(*identity)
        before_cpu, before_wall = _PRELOADED.get(identity, (0.0, 0.0))
        _PRELOADED[identity] = before_cpu + time.process_time() - cpu, before_wall + time.perf_counter() - wall


@lru_cache(maxsize=1)
def _potential(card: str, factory: Factory | None) -> Any:
    lift_memory_limit()  # this process may have had another model, and another limit
    return load_potential(ModelCard.model_validate_json(card), factory)


_ELEMENTS: dict[tuple[Identity, str, str, Crystal], float] = {}
"""Energies of elements that this process has found with its model, eV/atom."""


def _reference(job: Job, symbol: str) -> Steps[float]:
    """Find the energy of an element: tabulated, or the model's own."""
    if symbol in job.references:
        return job.references[symbol]
    if symbol not in job.reference_crystals:
        raise UnsupportedElement(f"the dataset has no reference energy for {symbol}")
    crystal = job.reference_crystals[symbol]
    key = (job.identity, job.protocol or "", symbol, crystal)
    if key not in _ELEMENTS:
        end = yield from relaxation(crystal, PROTOCOLS[job.protocol or "single-point"])
        _ELEMENTS[key] = end.energy / len(crystal.symbols)
    return _ELEMENTS[key]


def _ask_potential(job: Job, calculator: Any, unit: WorkUnit) -> Iterator[Prediction]:
    work = ((sample.material_id, _steps(job, sample)) for sample in unit.samples)
    with Watch(deadly=job.in_worker) as limit:
        with limit(job.timeout):
            _refuse_unsound(job, calculator, unit)
        if TASKS[job.task].resume:
            results = run_batched(work, calculator, guard=lambda _: limit(job.timeout))
        else:
            results = run_batched(work, calculator, timeout=job.timeout, guard=limit)
        for ended in results:
            yield _prediction(job, ended)


_LOOKED_AT: set[Identity] = set()
"""Models whose forces and stress this process has held to their energies."""


def _refuse_unsound(job: Job, calculator: Any, unit: WorkUnit) -> None:
    """Raise RunError if a potential that is not ours has forces or stress that do not belong to its energies.

    Once in a process, at the smallest crystal with two atoms of the first unit, and only for work that moves atoms.
    """
    task = TASKS[job.task]
    relaxes = PROTOCOLS[job.protocol or "single-point"].max_steps > 0 and task.relaxes
    if relaxes and "stress" not in calculator.implemented_properties:
        raise CardError(
            f"model {job.model.key!r}: its calculator gives no stress, so cells cannot be relaxed with it; ask for "
            "single points (--protocol single-point)"
        )
    known = [s.crystal for s in unit.samples if not _unknown_elements(job.model, s.crystal)]
    if is_ours(job.model) or job.identity in _LOOKED_AT or not known or not (relaxes or "forces" in task.needs):
        return
    _LOOKED_AT.add(job.identity)
    atoms = to_atoms(min(known, key=lambda c: (len(c.symbols) < 2, len(c.symbols))))
    try:
        wrong = unsound(calculator, atoms, stress=relaxes)
    except FAULTS:  # it will be seen, and told, where that crystal is asked about
        return
    if wrong:
        source = f"what its loader {job.model.loader!r} returns" if job.model.loader else "the calculator"
        raise RunError(f"model {job.model.key!r}: {wrong}; mend {source}")


def _steps(job: Job, sample: Sample) -> Steps[Outcome]:
    _refuse_unknown_elements(job.model, sample.crystal)
    protocol = PROTOCOLS[job.protocol or "single-point"]
    correction = job.corrections.get(sample.material_id, 0.0)
    task = TASKS[job.task]
    if task.resume and job.kept and job.kept.is_dir():
        folder = kept_folder(job.kept, job.model, sample, task=job.task)
        with held(folder):
            outcome = yield from task.resume(sample, job.model, folder)
        return outcome
    assert task.simulate is not None, "a task for potentials"
    outcome = yield from task.simulate(sample, protocol, partial(_reference, job), correction)
    return outcome


def _prediction(job: Job, ended: WorkResult[str, Outcome]) -> Prediction:
    seconds = round(ended.seconds, 4)
    error, outcome = ended.error, ended.value
    if outcome is None or error is not None:
        if isinstance(error, UnsupportedElement):
            return Prediction(ended.key, status="unsupported", error=str(error), seconds=seconds)
        if isinstance(error, TimedOut):
            return Prediction(ended.key, status="timed_out", error=timed_out(job), seconds=seconds)
        _refuse_to_blame(job, error)
        if isinstance(error, MemoryError):
            limit = "" if job.memory_gib is None else f"; the limit is {job.memory_gib:.2f} GiB"
            error = MemoryError((str(error) or "no memory left") + limit)
        return Prediction(ended.key, status="failed", error=_said(error), seconds=seconds)
    values = {key: float(value) for key, value in outcome.values.items()}
    if ended.key in job.model.aligned_densities and any(column.name == "aligned" for column in TASKS[job.task].columns):
        values["aligned"] = 1.0
    if not all(math.isfinite(value) for value in chain(values.values(), *outcome.arrays.values())):
        text = f"ArithmeticError: the answer is not finite: {values}"
        return Prediction(ended.key, status="failed", error=text, seconds=seconds)
    seconds = round(seconds + outcome.earlier_seconds, 4)
    status: Status = "ok" if outcome.converged else "unconverged"
    return Prediction(ended.key, values, status, "", seconds, outcome.steps, outcome.structure, outcome.arrays)


def _refuse_to_blame(job: Job, error: BaseException | None) -> None:
    """Raise MachineTrouble if an error says nothing about a material."""
    if isinstance(error, MachineTrouble):
        raise error
    if error is not None and (remedy := remedy_for_machine(error)):
        raise MachineTrouble(
            f"model {job.model.key!r} could not be asked: {_said(error)}; that is no material's fault: {remedy}, and "
            "give the same command again; all answers so far are kept"
        ) from error


def timed_out(job: Job) -> str:
    """Return what is recorded of a material that ran out of time."""
    if TASKS[job.task].resume:
        return f"an evaluation took more than {job.timeout:g} s; a greater --timeout goes on from the last checkpoint"
    return f"no answer within {job.timeout:g} s"


def _unknown_elements(card: ModelCard, crystal: Crystal) -> list[str]:
    return sorted(set(crystal.symbols) - set(card.elements)) if card.elements else []


def _refuse_unknown_elements(card: ModelCard, crystal: Crystal) -> None:
    if unknown := _unknown_elements(card, crystal):
        raise UnsupportedElement(f"{card.name} has no parameters for {', '.join(unknown)}")


def _ask_predictor(job: Job, predictor: Predictor, unit: WorkUnit) -> Iterator[Prediction]:
    started = time.perf_counter()
    try:
        answers = list(predictor(unit.train, unit.samples, Question(job.task, job.threshold)))
        if len(answers) != len(unit.samples):
            raise ValueError(f"{len(answers)} answers to {len(unit.samples)} materials")
    except FAULTS as err:
        _refuse_to_blame(job, err)
        text = _said(err)
        yield from (Prediction(s.material_id, status="failed", error=text) for s in unit.samples)
        return
    share = round((time.perf_counter() - started) / max(1, len(unit.samples)), 4)
    yield from (_as_prediction(s, a, share) for s, a in zip(unit.samples, answers, strict=True))


def _as_prediction(sample: Sample, given: Any, seconds: float) -> Prediction:
    if isinstance(given, Unsupported):
        return Prediction(sample.material_id, status="unsupported", error=one_line(given.reason), seconds=seconds)
    try:
        given = dict(given)
        structure = given.pop("structure", None)
        values = {str(key): float(value) for key, value in given.items()}
    except (AttributeError, TypeError, ValueError) as err:
        return Prediction(sample.material_id, status="failed", error=one_line(f"no values: {err}"), seconds=seconds)
    if not all(math.isfinite(value) for value in values.values()):
        text = f"the answer is not finite: {values}"
        return Prediction(sample.material_id, status="failed", error=text, seconds=seconds)
    return Prediction(sample.material_id, values, "ok", "", seconds, None, structure)


def _said(error: BaseException | None) -> str:
    return one_line(f"{type(error).__name__}: {error}")
