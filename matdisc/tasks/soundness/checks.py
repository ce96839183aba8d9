"""The laws that a potential is held to: what is measured, how much is left to rounding, and what a breach does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matdisc.arrays import Floats
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import AnswerColumn

ENERGY, FORCE, STRESS = 1e-4, 1e-3, 1e-4
"""What single precision may do to equal answers, eV/atom, eV/Å and eV/Å^3.

It keeps 24 bits: of an energy of 10 eV/atom or a force of 10 eV/Å the last is worth 6e-7. Some hundred sums and
products in a row cost two digits, which is 1e-4; derivatives, sums over many neighbours of either sign, one more."""
GRADIENT, VIRIAL = 1e-2, 1e-3
"""What it may do to a difference quotient, eV/Å and eV/Å^3: rounding of a whole cell, some 1e-5 eV, over steps of
0.005 Å and of 0.0025 in strain, and a bumpy energy's curvature within them."""
JUMP = 5e-4
"""What it may do to the energy of a whole cell between two neighbouring places, eV."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One number of a check: its column, what it is, its unit, and the most that still passes."""

    column: str
    help: str
    unit: str
    tolerance: float


@dataclass(frozen=True, slots=True)
class Check:
    """A law, its gaps, and what its breach does to whoever uses the potential."""

    key: str
    title: str
    gaps: tuple[Gap, ...]
    breach: str


def _equal(key: str, of_what: str) -> tuple[Gap, ...]:
    return (
        Gap(f"{key}_energy", f"difference of energies {of_what}", "eV/atom", ENERGY),
        Gap(f"{key}_forces", f"largest difference of a force {of_what}", "eV/Å", FORCE),
    )


CHECKS = (
    Check("forces", "Forces are the gradient of the energy",
          (Gap("force_gap", "forces less the fall of the energy along random directions", "eV/Å", GRADIENT),),
          "Energy is not conserved in molecular dynamics, relaxations end beside the minimum or never, and barriers "
          "depend on the path."),
    Check("stress", "Stress is the strain derivative of the energy",
          (Gap("stress_gap", "stress less the rise of the energy with random strains", "eV/Å^3", VIRIAL),),
          "Cells relax to a wrong volume and shape; pressures and elastic constants are wrong."),
    Check("net_force", "Forces add up to zero",
          (Gap("net_force", "sum of all forces over the number of atoms", "eV/Å", FORCE),),
          "A crystal starts to fly by itself in molecular dynamics, and its temperature is wrong."),
    Check("translation", "Blind to translation", _equal("translation", "after a translation across cell borders"),
          "The answer depends on where the origin of a cell is put: two files of one crystal differ."),
    Check("rotation", "Turns with the crystal",
          (*_equal("rotation", "after a rotation, and a rotation with inversion"),
           Gap("rotation_stress", "largest difference of the stress turned back", "eV/Å^3", STRESS)),
          "The answer depends on how a file orients the cell; molecules start to spin, and cubic crystals are not "
          "cubic any more."),
    Check("permutation", "Blind to the order of atoms", _equal("permutation", "in another order of the atoms"),
          "The answer depends on how a file is sorted; swapping two equal atoms costs energy."),
    Check("supercell", "A larger cell of the same crystal", _equal("supercell", "in a skewed cell twice as large"),
          "Energies of defects, surfaces and phonons, which are differences of cells of different size, are wrong."),
    Check("far_atoms", "Blind to what is far away", _equal("far_atoms", "with two atoms at 12 and at 17 Å from a slab"),
          "Energies of adsorption and reaction depend on the size of the box. A model with charges or dispersion may "
          "fail with reason: look at the size."),
    Check("fragments", "Two far fragments add up", _equal("fragments", "of two slabs 12 Å apart and of each alone"),
          "Energies of binding and cleavage are off by a constant, whatever their size."),
    Check("smoothness", "Smooth where neighbours come and go",
          (Gap("jump_energy", "largest jump of the energy while two atoms sink onto a slab", "eV", JUMP),
           Gap("jump_force", "largest jump of a force on the way", "eV/Å", FORCE)),
          "Relaxations stall, molecular dynamics heats up whenever an atom crosses the cutoff, and frequencies depend "
          "on the displacement."),
    Check("reproducibility", "The same question has the same answer",
          _equal("reproducibility", "when the same is asked again"),
          "Two runs of the same input differ; differences smaller than the noise mean nothing."),
)  # fmt: skip
"""All checks in the order of the card."""

COLUMNS = tuple(AnswerColumn(gap.column, gap.help, gap.unit, 0.0) for check in CHECKS for gap in check.gaps)
OF_STRESS = ("stress_gap", "rotation_stress")
"""Columns that a potential without stress lacks."""


def numbers(answers: Answers, column: str) -> Floats:
    """Return a gap of each probe, shape (n_probes,); the first of all gaps is the answer, and others come with it."""
    return answers.values if column == COLUMNS[0].name else answers.numbers(column)


def excess(check: Check, answers: Answers) -> Floats:
    """Return the largest gap over its tolerance for each probe, shape (n_probes,); nan where the check was not taken.

    Of a potential without stress the check of the stress is not taken, and others are judged by their other gaps.
    """
    sizes = {gap.column: numbers(answers, gap.column) / gap.tolerance for gap in check.gaps}
    needed = [size for column, size in sizes.items() if column not in OF_STRESS] or list(sizes.values())
    return np.where(np.isfinite(needed).all(axis=0), np.fmax.reduce(list(sizes.values())), np.nan)
