"""Make the list of minima of the emt-alloys set: `python -m matdisc.generate.emt_minima BOARD OUT.csv`.

The alloys of the set are relaxed within the symmetry of their prototype, so some are saddle points: a small push lets
them fall into a deeper structure, and then they are no reference for a relaxation. Each alloy is rattled by 0.05 Å
three times and relaxed with the same potential. It counts as a minimum if no push leads more than 2 meV/atom below
it. (Second derivatives would not do: the potential has small jumps where neighbours cross its cutoff.)
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from matdisc.board import open_board
from matdisc.datasets import load
from matdisc.datasets.relaxation_starts import perturbed
from matdisc.schema import Crystal, Sample

SEEDS = (101, 102, 103)
RATTLE = 0.05
"""Å."""
DROP = 0.002
"""eV/atom."""
FMAX = 0.01
"""eV/Å, for atoms and cell."""


def deepest(sample: Sample) -> float:
    """Return by how much the deepest of the pushed and relaxed structures lies below the alloy, eV/atom."""
    crystal = sample.crystal
    here = energy(crystal, relax=False)
    pushed = [perturbed(crystal, scale=1.0, rattle=RATTLE, seed=seed, name=sample.material_id) for seed in SEEDS]
    return (here - min(energy(start, relax=True) for start in pushed)) / len(crystal.symbols)


def energy(crystal: Crystal, *, relax: bool) -> float:
    """Return the energy of a crystal by effective medium theory, eV, as it is or with atoms and cell relaxed."""
    from ase import Atoms
    from ase.calculators.emt import EMT
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE

    atoms = Atoms(list(crystal.symbols), scaled_positions=crystal.positions, cell=crystal.cell, pbc=True)
    atoms.calc = EMT()
    if relax:
        FIRE(FrechetCellFilter(atoms), logfile=None).run(fmax=FMAX, steps=2000)
    return float(atoms.get_potential_energy())


def main() -> None:
    """Write material id, depth and whether it is a minimum for every scored alloy."""
    board, out = open_board(Path(sys.argv[1])), Path(sys.argv[2])
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["material_id", "drop_ev_per_atom", "minimum"])
        for sample in load(board, "emt-alloys").samples:
            drop = deepest(sample)
            writer.writerow([sample.material_id, f"{drop:.5f}", str(drop <= DROP).lower()])


if __name__ == "__main__":
    main()
