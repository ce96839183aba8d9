"""Make labelled crystals to train on: `python -m matdisc.generate.emt_frames BOARD OUT.npz`.

Only the training part of emt-alloys and its seven elements are used: of an alloy whose chemical system is scored, not
even a strained copy. Each crystal gives several frames, scaled by up to 6 %, sheared by up to 3 % and rattled by up to
0.15 Å, labelled with the effective medium theory that labels the set. Frames of one crystal are one trajectory, so
that a split keeps them together.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matdisc.board import open_board
from matdisc.datasets import load
from matdisc.datasets.load import training_part
from matdisc.models.get.frames import Frames, from_atoms, write_frames
from matdisc.schema import Crystal

if TYPE_CHECKING:
    from ase import Atoms

FRAMES = {"alloy": 5, "element": 12}
SCALE, SHEAR, RATTLE = 0.06, 0.03, 0.15
"""Largest change of lengths, largest off-diagonal strain, and largest standard deviation of displacements, Å."""
SEED = 0


def frames_of(crystals: dict[str, tuple[Crystal, int]], seed: int) -> Frames:
    """Return labelled frames; the first of each crystal is the crystal itself.

    Args:
        crystals: Crystal and number of frames by name.
        seed: Of strains and displacements.
    """
    rng = np.random.default_rng(seed)
    made = []
    for number, (name, (crystal, count)) in enumerate(sorted(crystals.items())):
        for frame in range(count):
            atoms = changed(crystal, rng) if frame else _atoms(crystal)
            atoms.info |= {"system": crystal.chemical_system, "trajectory": number, "material_id": name}
            made.append(labelled(atoms))
    return from_atoms(made, "emt-alloys")


def changed(crystal: Crystal, rng: np.random.Generator) -> Atoms:
    """Return a crystal scaled, sheared and rattled at random."""
    atoms = _atoms(crystal)
    shear = rng.uniform(-SHEAR, SHEAR, (3, 3))
    strain = (shear + shear.T) / 2
    np.fill_diagonal(strain, rng.uniform(-SCALE, SCALE) + rng.uniform(-SHEAR, SHEAR, 3) / 2)
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    atoms.positions += rng.normal(0, RATTLE * rng.uniform(), atoms.positions.shape)
    return atoms


def _atoms(crystal: Crystal) -> Atoms:
    from ase import Atoms

    return Atoms(list(crystal.symbols), scaled_positions=crystal.positions, cell=crystal.cell, pbc=True)


def labelled(atoms: Atoms) -> Atoms:
    """Return atoms with energy, forces and stress of effective medium theory."""
    from ase.calculators.emt import EMT
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms.calc = EMT()
    energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces, stress=stress)
    return atoms


def main() -> None:
    """Write the frames of the training part."""
    board, out = open_board(Path(sys.argv[1])), Path(sys.argv[2])
    dataset = load(board, "emt-alloys")
    crystals = {s.material_id: (s.crystal, FRAMES["alloy"]) for s in training_part(dataset, None)}
    crystals |= {name: (crystal, FRAMES["element"]) for name, crystal in dataset.reference_crystals.items()}
    frames = frames_of(crystals, SEED)
    digest = write_frames(out, frames)
    print(f"{len(frames)} frames of {len(crystals)} crystals in {out}, sha256 {digest}")


if __name__ == "__main__":
    main()
