"""Whether forces and stress of a potential belong to its energy: one finite difference of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from matdisc.physics.evaluation import evaluate
from matdisc.units import BOHR, GIGAPASCALS, HARTREE

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

MOVE, STRAIN = 0.01, 0.005
"""Steps of the differences: Å, and the share by which a cell is longer. Single precision is good enough for them."""
RATTLE, SIZES = 0.05, (0.97, 1.03)
"""What makes forces and stress large enough: atoms moved by so many Å; a smaller cell, else a larger one."""
FORCE_NOISE, STRESS_NOISE = 0.1, 0.005
"""Where answer and difference are both smaller than this, nothing can be told; eV/Å and eV/Å^3."""
TOLERANCE = 1.5
"""Factor between answer and difference that is left to models whose forces are no derivatives."""
SMOOTH = 0.2
"""Share by which differences of two sizes may disagree; if by more, the energy jumps there, and nothing is told."""
UNITS = {"a force": "eV/Å", "the stress": "eV/Å^3"}
SLIPS = {
    "a force": {-1.0: "it has the wrong sign", HARTREE / BOHR: "in Hartree/bohr?"},
    "the stress": {
        -1.0: "it has the wrong sign",
        GIGAPASCALS: "in GPa?",
        10 * GIGAPASCALS: "in kbar?",
        -GIGAPASCALS: "in GPa, and with the wrong sign?",
        -10 * GIGAPASCALS: "in kbar, and with the wrong sign?",
    },
}
"""Common slips, by what an answer is times what it should be."""


def unsound(calculator: Calculator, atoms: Atoms, *, stress: bool = True) -> str:
    """Return what is wrong with a potential's forces or stress; empty if nothing is, or nothing can be told.

    Args:
        calculator: The potential.
        atoms: A crystal that it knows. Looked at is a smaller or larger one, whose atoms are moved a little.
        stress: Whether to look at the stress too.

    Raises:
        Exception: Whatever the potential raises.
    """
    said = _first(_force_misfit(calculator, _perturbed(atoms, size)) for size in SIZES)
    if said or not stress:
        return said
    return _first(_stress_misfit(calculator, _perturbed(atoms, size)) for size in SIZES)


def _first(found: Iterable[str | None]) -> str:
    """Return the first thing that is told; empty if nothing is."""
    return next((said for said in found if said is not None), "")


def _perturbed(atoms: Atoms, size: float) -> Atoms:
    other = atoms.copy()
    other.set_cell(size * other.cell[:], scale_atoms=True)
    other.rattle(RATTLE, seed=0)
    return other


def _force_misfit(calculator: Calculator, atoms: Atoms) -> str | None:
    """Say what is wrong with the largest component of the forces; empty if nothing is, None if it cannot be told."""
    forces = evaluate(calculator, atoms).forces
    atom, axis = np.unravel_index(int(np.abs(forces).argmax()), forces.shape)

    def energy(step: float) -> float:
        other = atoms.copy()
        other.positions[atom, axis] -= step
        return evaluate(calculator, other).energy

    return _misfit("a force", float(forces[atom, axis]), _slopes(energy, MOVE), FORCE_NOISE, _slips("a force", atoms))


def _stress_misfit(calculator: Calculator, atoms: Atoms) -> str | None:
    """Say what is wrong with the stress along x, likewise."""
    found, volume = evaluate(calculator, atoms).stress, atoms.get_volume()
    if found is None:
        return None

    def energy(step: float) -> float:
        other = atoms.copy()
        other.set_cell(atoms.cell[:] * np.array([1 + step, 1.0, 1.0]), scale_atoms=True)
        return evaluate(calculator, other).energy / volume

    slips = _slips("the stress", atoms) | {volume: "not divided by the volume?"}
    return _misfit("the stress", float(found[0]), _slopes(energy, STRAIN), STRESS_NOISE, slips)


def _slips(name: str, atoms: Atoms) -> dict[float, str]:
    per_atom = {float(len(atoms)): "the energy of one atom and not of the cell?"} if len(atoms) > 1 else {}
    return SLIPS[name] | per_atom


def _slopes(energy: Callable[[float], float], step: float) -> Iterator[float]:
    """Yield central differences at a step, and at half of it."""
    for h in (step, step / 2):
        yield (energy(h) - energy(-h)) / (2 * h)


def _misfit(name: str, given: float, slopes: Iterator[float], noise: float, slips: Mapping[float, str]) -> str | None:
    expected = next(slopes)
    if max(abs(given), abs(expected)) < noise:
        return None
    if abs(given - expected) < noise / 10 or 1 / TOLERANCE < given / (expected or noise**2) < TOLERANCE:
        return ""
    if abs(next(slopes) - expected) > SMOOTH * abs(expected) + noise / 10:
        return None
    unit = UNITS[name]
    told = f"{given:.4g} and not {expected:.4g} {unit}, by a finite difference"
    if abs(expected) < noise / 10:
        return f"{name} is not what the energy says ({told})"
    ratio = given / expected
    slip = next((f": {text}" for factor, text in slips.items() if abs(ratio / factor - 1) < 0.03), "")
    return f"{name} is {ratio:.4g} times what the energy says ({told}){slip}"
