"""A potential asked how metals mix: small ordered cells of each pair, relaxed; and which metals replace each other.

The answers are kept under `runs/mixing/`, by cell: the same call goes on after a stop, and one with more elements asks
for the new cells only. docs/explanation/evidence.md tells how enthalpies become a table of substitutability.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.board import Board
from matdisc.cards import model_hash
from matdisc.datasets.prototypes import crystal
from matdisc.elements import SYMBOLS
from matdisc.errors import CardError, RunError
from matdisc.physics.alloys.miedema import METALS
from matdisc.physics.alloys.mixing import (
    ARRANGEMENTS,
    LATTICES,
    OFF_LATTICE,
    Arrangement,
    mixing_distances,
    mixing_enthalpies,
    similar_share,
    stretch_ratio,
)
from matdisc.progress import Progress
from matdisc.run.engine.resumable import RunOptions, run_resumable
from matdisc.run.engine.schedule import Schedule
from matdisc.run.engine.worker import Job
from matdisc.schema import Crystal, Prediction, Sample

PROTOCOL = "relax-fast"
ALL_METALS = tuple(sorted(METALS))
"""The 25 metals of the alloy datasets."""
CELLS_VERSION = 1
"""Goes up when the start structure of a cell changes, so that an older record is not continued."""


@dataclass(frozen=True, slots=True)
class Mixing:
    """How metals mix by a potential.

    Attributes:
        elements: Symbols, alphabetical.
        lattices: Of the cells.
        enthalpies: dH of equal parts on each lattice, eV/atom, shape (n_lattices, n, n).
        distances: How unlike two elements mix, eV/atom, shape (n, n).
        similar: Share s of each pair, shape (n, n).
        off_lattice: Cells that have left their lattice while relaxing, by name; their energy is not used.
        counts: Cells by status.
        reused: Cells that had an answer before.
        settings: What was asked of what: model, its hash, protocol.
        record: Where the answers lie.
        cost: What asking cost, as usage.total gives it.
    """

    elements: tuple[str, ...]
    lattices: tuple[str, ...]
    enthalpies: Floats
    distances: Floats
    similar: Floats
    off_lattice: tuple[str, ...]
    counts: Counter[str]
    reused: int
    settings: dict[str, Any]
    record: Path
    cost: dict[str, Any]


def mix(
    board: Board,
    model_key: str,
    elements: Sequence[str] = ALL_METALS,
    *,
    lattices: Sequence[str] = LATTICES,
    protocol: str = PROTOCOL,
    options: RunOptions | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Mixing:
    """Ask a potential for the energies of the small cells of all pairs, and return how the elements mix.

    Raises:
        MatdiscError: If the model is no potential or cannot be loaded, fewer than three elements or an unknown one are
            given, a lattice is none of LATTICES, or another process is at work on the same record.
    """
    model = board.model(model_key)
    if model.kind != "potential":
        raise CardError(f"model {model_key!r} is a predictor; enthalpies of mixing need a potential")
    names, lattices = _checked(elements), _known(lattices)
    settings = {
        "task": "mixing",
        "cells": CELLS_VERSION,
        "model": model_key,
        "model_sha256": model_hash(model),
        "protocol": protocol,
    }
    job = Job(model=model, task="relaxation", protocol=protocol, threshold=0.0)
    samples = cells(names, lattices)
    folder = board.runs_dir / "mixing" / f"{model_key}+{protocol}"
    about = {"elements": list(names), "lattices": list(lattices)}
    result = run_resumable(folder, settings, job, samples, Schedule, options or RunOptions(), about, progress, say)
    energies, left = _energies(samples, result.answers)
    pure = {(el, lattice): energies.get(_pure(el, lattice), np.nan) for el in names for lattice in lattices}
    mixed = {
        (a, b, kind): energies[_name(a, b, kind)]
        for a, b in combinations(names, 2)
        for kind in ARRANGEMENTS
        if _name(a, b, kind) in energies
    }
    enthalpies = mixing_enthalpies(names, pure, mixed, lattices)
    distances = mixing_distances(enthalpies)
    counts = Counter(str(p.status) for p in result.answers)
    settings["version"] = model.version
    return Mixing(
        names,
        lattices,
        enthalpies,
        distances,
        similar_share(distances),
        left,
        counts,
        result.reused,
        settings,
        result.record,
        result.cost,
    )


def cells(elements: Sequence[str], lattices: Sequence[str] = LATTICES) -> list[Sample]:
    """Return the elements on each lattice and the ordered cells of each pair, to start relaxing from.

    The volume is the mean of the elements' own at room temperature (pymatgen).
    """
    volumes = {el: _volume(el) for el in elements}
    found = []
    for el in elements:
        for lattice in lattices:
            found.append(_sample(_pure(el, lattice), _undistorted(lattice.lower(), (el,), volumes[el])))
    for a, b in combinations(sorted(elements), 2):
        for kind in (kind for kind in ARRANGEMENTS if kind.lattice in lattices):
            found.append(_sample(_name(a, b, kind), _start(a, b, kind, volumes)))
    return found


def _checked(elements: Sequence[str]) -> tuple[str, ...]:
    names = tuple(sorted(set(elements)))
    unknown = [el for el in names if el not in SYMBOLS]
    if unknown:
        raise RunError(f"option '--elements': {unknown[0]!r} is no element; give symbols, as in Fe,Co,Ni")
    if len(names) < 3:
        raise RunError(f"option '--elements' names {len(names)}; how alike two metals mix needs at least three")
    return names


def _known(lattices: Sequence[str]) -> tuple[str, ...]:
    unknown = [lattice for lattice in lattices if lattice not in LATTICES]
    if unknown or not lattices:
        raise RunError(
            f"option '--lattices': {unknown[0] if unknown else ''!r} is none; give some of {', '.join(LATTICES)}"
        )
    return tuple(lattice for lattice in LATTICES if lattice in lattices)


def _energies(samples: Sequence[Sample], answers: Sequence[Prediction]) -> tuple[dict[str, float], tuple[str, ...]]:
    """Energies that can be used, eV/atom by name of the cell, and the names of cells that have left their lattice."""
    energies, left = {}, []
    for sample, answer in zip(samples, answers, strict=True):
        if answer.status != "ok" or answer.structure is None:
            continue
        if stretch_ratio(sample.crystal, answer.structure) < OFF_LATTICE:
            energies[sample.material_id] = float(answer.values["energy_per_atom"])
        else:
            left.append(sample.material_id)
    return energies, tuple(left)


def _start(a: str, b: str, kind: Arrangement, volumes: dict[str, float]) -> Crystal:
    first, second = kind.parts
    volume = (first * volumes[a] + second * volumes[b]) / (first + second)
    majority_first = (a, b) if first >= second else (b, a)
    return _undistorted(kind.prototype, majority_first, volume)


def _undistorted(prototype: str, elements: tuple[str, ...], volume: float) -> Crystal:
    """A prototype with the ratio of axes of its lattice and `volume` Å^3/atom."""
    unit = crystal(prototype, elements, 1.0)
    per_atom = abs(float(np.linalg.det(np.array(unit.cell)))) / len(unit.symbols)
    return crystal(prototype, elements, (volume / per_atom) ** (1 / 3))


def _volume(symbol: str) -> float:
    """Volume of an element at room temperature, Å^3/atom."""
    from pymatgen.core import Element

    return float(Element(symbol).molar_volume) / 0.602214076


def _sample(name: str, start: Crystal) -> Sample:
    return Sample(name, {"crystal": start}, {}, group=start.chemical_system)


def _pure(element: str, lattice: str) -> str:
    return f"{element}-{lattice.lower()}"


def _name(a: str, b: str, kind: Arrangement) -> str:
    first, second = ("" if n == 1 else str(n) for n in kind.parts)
    return f"{a}{first}{b}{second}-{kind.prototype}"
