"""Asking a potential for energies, one structure at a time or many at once.

What a task does with a potential (take an energy, relax, relax and compare) is written as a generator that yields
the structure it wants evaluated and receives the Evaluation. Who drives the generator decides whether structures
are evaluated alone or together with those of other materials; the generator cannot tell.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from matdisc.arrays import Floats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms
    from ase.calculators.calculator import Calculator

T = TypeVar("T")
TRAJECTORY = "trajectory_name"
"""Key in `atoms.info` of the trajectory that a structure belongs to: a calculator that keeps neighbour lists keeps them
for each."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a potential says of one structure.

    Attributes:
        energy: Total energy of the cell, eV.
        forces: eV/Å, shape (n_atoms, 3).
        stress: eV/Å^3, shape (6,), Voigt order xx yy zz yz xz xy, positive where the cell wants to shrink, as in
            ASE; None from a potential that has no stress, and for a molecule, which has no volume.
    """

    energy: float
    forces: Floats
    stress: Floats | None


Steps = Generator["Atoms | list[Atoms]", Any, T]
"""Work on one material: yields a structure to evaluate, receives its Evaluation, returns a T. Or yields a list, and
receives a list of evaluations or errors; `evaluations` and `side_by_side` do that."""


@runtime_checkable
class BatchCalculator(Protocol):
    """A calculator that can also evaluate several unlike structures in one call, which saves most of the time
    of small crystals.

    Attributes:
        batch_atoms: Atoms that one call should hold at most; a single larger structure goes alone.

    A calculator may also say `batch_invariant = True`: then structures with a `TRAJECTORY` each have the answer in
    company that they have alone, to the last bit.
    """

    batch_atoms: int

    def evaluate_many(self, structures: Sequence[Atoms]) -> list[Evaluation]:
        """Return one evaluation for each structure, in order; equal to asking one by one, up to float noise."""
        ...


def evaluations(structures: Sequence[Atoms]) -> Steps[list[Evaluation]]:
    """Return the evaluations of several structures, which are asked for at once; the first error is raised."""
    found = yield list(structures)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return list(found)


def side_by_side(works: Sequence[Steps[T]]) -> Steps[list[T]]:
    """Do several pieces of work at the same time, such as relaxations of one crystal under many strains.

    Each round asks for the structures of all of them at once. An error that one does not handle ends them all.
    """
    results: dict[int, T] = {}
    answers: dict[int, Any] = dict.fromkeys(range(len(works)))
    while answers:
        wanted: dict[int, Any] = {}
        for place, answer in answers.items():
            try:
                if isinstance(answer, BaseException):
                    wanted[place] = works[place].throw(answer)
                else:
                    wanted[place] = works[place].send(answer)
            except StopIteration as stop:
                results[place] = stop.value
        if not wanted:
            break
        asked = {place: one if isinstance(one, list) else [one] for place, one in wanted.items()}
        found = iter((yield [atoms for one in asked.values() for atoms in one]))
        taken = {place: [next(found) for _ in one] for place, one in asked.items()}
        answers = {place: taken[place] if isinstance(wanted[place], list) else taken[place][0] for place in wanted}
    return [results[place] for place in range(len(works))]


def evaluate(calculator: Calculator, atoms: Atoms) -> Evaluation:
    """Return what a calculator says of one structure.

    Raises:
        ArithmeticError: If energy, forces or stress are not finite.
        ValueError: If they have the wrong shape.
    """
    copy = atoms.copy()
    copy.calc = calculator
    energy = float(np.squeeze(copy.get_potential_energy()))  # some return one in a list
    has_stress = "stress" in calculator.implemented_properties and bool(copy.pbc.any())
    kind: Any = type(calculator)
    at_hand: dict[str, Any] = calculator.results if not copy.constraints and _is_plain(kind) else {}
    forces = np.array(at_hand["forces"]) if "forces" in at_hand else copy.get_forces()
    stress = None
    if has_stress:
        voigt = np.shape(at_hand.get("stress", 0.0)) == (6,)
        stress = np.array(at_hand["stress"]) if voigt else copy.get_stress()
    return checked(Evaluation(energy, forces, stress), atoms)


@lru_cache(maxsize=16)
def _is_plain(kind: Any) -> bool:
    """Whether a class of calculators hands out its results as ASE's own does, which compares all atoms each time.

    What its `results` hold once it has given an energy is then what it would give of the same atoms.
    """
    from ase.calculators.calculator import Calculator

    asked = ("get_property", "check_state", "get_forces", "get_stress")
    return issubclass(kind, Calculator) and all(getattr(kind, name) is getattr(Calculator, name) for name in asked)


def checked(found: Evaluation, atoms: Atoms) -> Evaluation:
    """Return an evaluation of `atoms` if it has the right shapes and is finite; raises as `evaluate`."""
    for name, value, shape in (("forces", found.forces, (len(atoms), 3)), ("stress", found.stress, (6,))):
        if value is None:
            continue
        if np.shape(value) != shape:
            raise ValueError(f"{name} have shape {np.shape(value)} and not {shape}")
        if not np.isfinite(value).all():
            raise ArithmeticError(f"{name} are not finite")
    if not np.isfinite(found.energy):
        raise ArithmeticError(f"the energy is not finite ({found.energy})")
    return found
