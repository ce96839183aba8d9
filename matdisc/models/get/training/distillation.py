"""Ensemble knowledge distillation: models of several seeds teach one another what they agree on in the bulk.

Teachers are trained on clusters and have never seen a liquid. Their mean on frames of one is more right than each of
them, and their spread says where none is to be trusted; both are written down. Only energy heads move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from matdisc.models.get import files
from matdisc.models.get.reference.potential import GET
from matdisc.models.get.training.accuracy import write_curves
from matdisc.models.get.training.bulk import TeacherLabels, read_structures, teacher_labels, write_teacher_labels
from matdisc.models.get.training.config import KCAL_SQUARED, DistillConfig, Loss, Stability
from matdisc.models.get.training.evaluation import predict
from matdisc.models.get.training.losses import mean_square
from matdisc.models.get.training.readout_fit import (
    Clusters,
    Report,
    evenly_spaced,
    every_third,
    fit_head,
    read_clusters,
)
from matdisc.models.get.training.samples import Samples, samples_of
from matdisc.models.get.training.stability import mean_survival, survival_times

if TYPE_CHECKING:
    from ase import Atoms

LABELLED = Loss(
    energy=0.3 * KCAL_SQUARED, forces=1.0 * KCAL_SQUARED, virial=0.1 * KCAL_SQUARED, charge=0, dipole=0, residual=0
)


@dataclass(frozen=True, slots=True)
class Change:
    """A number before and after, and in words between which its difference lies."""

    what: str
    unit: str
    before: float
    after: float
    difference: str = ""


@dataclass(frozen=True, slots=True)
class DistillationResult:
    """What a distillation made.

    Attributes:
        students: Folders of the models.
        changes: Spread on validation frames of the bulk, and errors on labelled clusters, mean over students.
    """

    students: tuple[Path, ...]
    changes: tuple[Change, ...]


def distil(config: DistillConfig, folder: Path, out: Path, *, report: Report | None = None) -> DistillationResult:
    """Distil the teachers of a configuration whose paths are relative to `folder`, into `out`.

    Writes `teachers.npz` (frames with the teachers' mean), `teachers-spread.npz`, and `student-<n>/` with the model
    and its `curves.csv`.

    Raises:
        DataError: If a model, the bulk frames or the clusters cannot be used.
    """
    torch.set_num_threads(1)
    run = config.run
    teachers = [_model(folder / name, config) for name in config.teachers]
    structures = read_structures([folder / name for name in config.bulk])
    structures = [structures[i] for i in evenly_spaced(len(structures), config.most_frames)]
    lessons = teacher_labels(teachers, structures, device=run.device)
    write_teacher_labels(out / "teachers.npz", lessons)
    clusters = read_clusters(config.labelled, folder, teachers[0].settings, LABELLED, run)
    chosen = range(len(teachers)) if config.student == "all" else [config.student]
    students, places = list(teachers), []
    for number in chosen:
        student = _model(folder / config.teachers[number], config)
        history = teach(student, lessons, clusters, config, report=report)
        place = out / f"student-{number}"
        about = {"distilled from": len(teachers), "bulk frames": len(structures), "epoch": _best(history)}
        files.save(place, student, about=about)
        write_curves(place / "curves.csv", history)
        students[number] = student
        places.append(place)
    changes = [*_spread_changes(lessons, students, structures, run.device, whole=config.student == "all")]
    if config.stability is not None:
        changes += _stability_changes([teachers[n] for n in chosen], [students[n] for n in chosen], structures, config)
    changes += _cluster_changes([teachers[n] for n in chosen], [students[n] for n in chosen], clusters)
    return DistillationResult(tuple(places), tuple(changes))


def teach(
    student: GET,
    lessons: TeacherLabels,
    clusters: Clusters | None,
    config: DistillConfig,
    *,
    report: Report | None = None,
) -> list[dict[str, float]]:
    """Move a student's energy head towards the teachers' mean; return the course of the losses."""
    train, held_back = every_third(range(len(lessons.frames)))
    dtype, device = getattr(torch, config.run.dtype), config.run.device
    samples = samples_of(lessons.frames, student.settings, {}, dtype=dtype, device=device)

    def validation(model: GET) -> float:
        frames = held_back or train
        total = sum(float(_bulk_loss(model, samples, f, config, training=False)) for f in frames) / len(frames)
        return total + (clusters.validation_loss(model) if clusters else 0.0)

    def frame_loss(model: GET, place: int) -> Tensor:
        return _bulk_loss(model, samples, train[place], config, training=True)

    return fit_head(student, config.run, len(train), frame_loss, clusters, validation, report)


def _bulk_loss(model: GET, samples: Samples, frame: int, config: DistillConfig, *, training: bool) -> Tensor:
    graph, labels = samples.batch([frame])
    answer = model.answer(graph, training=training)
    n = float(labels.n_atoms[0])
    forces = config.bulk_forces * mean_square(answer.forces, labels.forces).double()
    energy = config.bulk_energy * mean_square(answer.energy, labels.energy).double() / n
    return forces + energy + config.bulk_virial * mean_square(answer.virial, labels.virial).double() / n


def _spread_changes(
    before: TeacherLabels, students: Sequence[GET], structures: Sequence[Atoms], device: str, *, whole: bool
) -> list[Change]:
    """Return the spread between models on frames that no student learned from (all, if there are no three)."""
    if not whole:
        return []
    _, held_back = every_third(range(len(structures)))
    frames = held_back or list(range(len(structures)))
    after = teacher_labels(students, [structures[i] for i in frames], device=device)
    rows = np.zeros(len(before.frames), bool)
    rows[frames] = True
    squares = (before.forces_spread[np.repeat(rows, before.frames.n_atoms)] ** 2).sum(axis=1)
    return [
        Change(
            "spread of forces between models", "meV/Å", 1e3 * float(np.sqrt(squares.mean())), 1e3 * after.force_spread
        )
    ]


def _stability_changes(
    before: Sequence[GET], after: Sequence[GET], structures: Sequence[Atoms], config: DistillConfig
) -> list[Change]:
    settings = config.stability or Stability()
    starts = [structures[i] for i in evenly_spaced(len(structures), settings.runs)]
    times = [survival_times(models, starts, settings, device=config.run.device) for models in (before, after)]
    found = mean_survival(*times, seed=settings.seed)
    difference, (low, high) = found["difference"]
    words = f"{difference:+.2g} [{low:.2g}, {high:.2g}]" if settings.runs > 1 else ""
    name = f"whole, of {settings.picoseconds:g} ps"
    broken = [float((one < settings.picoseconds * (1 - 1e-9)).sum()) for one in times]
    return [
        Change(name, "ps", found["before"][0], found["after"][0], words),
        Change(f"broken, of {times[0].size} runs", "", broken[0], broken[1]),
    ]


def _cluster_changes(before: Sequence[GET], after: Sequence[GET], clusters: Clusters) -> list[Change]:
    changes = []
    for name, samples in (("validation", clusters.validation), ("held-out systems", clusters.held_out)):
        if samples is not None:
            pairs = [np.mean([_errors(model, samples) for model in models], axis=0) for models in (before, after)]
            for what, unit, b, a in zip(("forces MAE", "energy MAE"), ("meV/Å", "meV/atom"), *pairs, strict=True):
                changes.append(Change(f"{what}, clusters, {name}", unit, float(b), float(a)))
    return changes


def _errors(model: GET, samples: Samples) -> tuple[float, float]:
    """MAE of force components, meV/Å, and of energy per atom less the mean error, meV/atom."""
    said, frames = predict(model, samples), samples.frames
    energy = (said.energy - frames.energy) / frames.n_atoms
    return 1e3 * float(np.abs(said.forces - frames.forces).mean()), 1e3 * float(np.abs(energy - energy.mean()).mean())


def _model(folder: Path, config: DistillConfig) -> GET:
    return files.load(folder, dtype=getattr(torch, config.run.dtype), device=config.run.device)


def _best(history: Sequence[dict[str, float]]) -> int:
    return int(min(history, key=lambda row: row["validation_loss"])["epoch"])
