"""What a task is: a question to potentials, value columns, and a way to judge answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matdisc.datasets.truth import Truth
from matdisc.physics.evaluation import Steps
from matdisc.schema import Crystal, Sample, Values

if TYPE_CHECKING:
    from matdisc.physics.relax import Protocol

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Reference = Callable[[str], Steps[float]]
"""Finds the energy of an element, eV/atom; which may take evaluations of its own."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a potential answered: values, how the relaxation behind them ended, and where if the task asks."""

    values: Values
    converged: bool = True
    steps: int = 0
    structure: Crystal | None = None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Truth and answer in the order of the dataset: arrays of shape (n_materials,).

    Attributes:
        stable: Whether each material is stable.
        called: Whether the model calls it stable; False where there is no answer.
        e_true: The energy that is judged, eV/atom; nan where the truth holds labels only.
        e_pred: The predicted one; nan where there is no answer, or the answer is no energy.
    """

    stable: Bools
    called: Bools
    e_true: Floats
    e_pred: Floats


@dataclass(frozen=True, slots=True)
class Task:
    """A question put to models of any kind.

    Attributes:
        key: Name in commands and folders.
        title: Heading on the site.
        question: What is asked, in one sentence.
        energy_column: The value column that holds an energy, eV/atom.
        value_columns: All accepted value columns; `p_stable` is a probability of being stable.
        measure: What is done with a potential: sample, protocol, reference energies and the correction of this
            material (eV per cell), to steps that end in an outcome.
        judge: Truth, name of the value column, values (nan = no answer) and threshold, to verdicts.
        limits: Smallest and largest believable value of the energy column, eV/atom.
    """

    key: str
    title: str
    question: str
    energy_column: str
    value_columns: tuple[str, ...]
    measure: Callable[[Sample, Protocol, Reference, float], Steps[Outcome]]
    judge: Callable[[Truth, str, Floats, float], Verdicts]
    needs_references: bool
    limits: tuple[float, float]
