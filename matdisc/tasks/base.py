"""What a task is: a question to potentials, value columns, and a way to judge answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matdisc.datasets.truth import Truth
from matdisc.schema import Sample, Values

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

    from matdisc.physics.relax import Protocol

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a potential answered: values, and how the relaxation behind them ended."""

    values: Values
    converged: bool = True
    steps: int = 0


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
        measure: Asks a potential: calculator, sample, protocol, reference energy of an element (eV/atom),
            and the correction of this material (eV per cell), to an outcome.
        judge: Truth, name of the value column, values (nan = no answer) and threshold, to verdicts.
        limits: Smallest and largest believable value of the energy column, eV/atom.
    """

    key: str
    title: str
    question: str
    energy_column: str
    value_columns: tuple[str, ...]
    measure: Callable[[Calculator, Sample, Protocol, Callable[[str], float], float], Outcome]
    judge: Callable[[Truth, str, Floats, float], Verdicts]
    needs_references: bool
    limits: tuple[float, float]
