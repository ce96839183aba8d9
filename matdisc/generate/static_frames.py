"""Make labelled frames for the task static: `python -m matdisc.generate.static_frames BOARD FOLDER`.

Of alloys whose chemical system is scored in emt-alloys, strained and rattled cells, and cells of 8 or more atoms with
one atom taken out; energies, forces and stresses are those of effective medium theory. Positions are rounded as
they are written before they are labelled, so that the labels are exact. The same board gives the same bytes.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matdisc.atomic import write_atomic
from matdisc.board import open_board
from matdisc.datasets import load
from matdisc.formats.entries import Entry
from matdisc.formats.write import write_entries
from matdisc.generate.emt_frames import changed, labelled
from matdisc.schema import Sample

if TYPE_CHECKING:
    from ase import Atoms

ALLOYS, VACANCIES = 80, 40
"""Alloys of which there are frames, and those of them with a vacancy; two frames of each."""
FEWEST_ATOMS = 8
SEED = 1


def frames(samples: tuple[Sample, ...]) -> Iterator[tuple[str, Atoms]]:
    """Yield labelled frames and their names: two strained ones of each alloy, and two with a vacancy of some."""
    chosen = sorted(samples, key=lambda s: hashlib.sha256(s.material_id.encode()).hexdigest())[:ALLOYS]
    rng = np.random.default_rng(SEED)
    for number, sample in enumerate(sorted(chosen, key=lambda s: s.material_id)):
        for frame in range(4 if number % 2 == 0 else 2):
            atoms = changed(sample.crystal, rng)
            if frame > 1:
                atoms = _with_vacancy(atoms, rng)
            atoms.positions = np.round(atoms.positions, 8)
            yield f"{sample.material_id}-{'vacancy' if frame > 1 else 'strained'}-{frame % 2}", labelled(atoms)


def _with_vacancy(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    while len(atoms) < FEWEST_ATOMS:
        shortest = int(np.argmin(atoms.cell.lengths()))
        atoms = atoms.repeat([2 if axis == shortest else 1 for axis in range(3)])
    del atoms[int(rng.integers(len(atoms)))]
    return atoms


def main() -> None:
    """Write structures and labels of the data set."""
    board, folder = open_board(Path(sys.argv[1])), Path(sys.argv[2])
    made = list(frames(load(board, "emt-alloys").samples))
    write_entries(folder / "structures.extxyz.gz", [Entry(name, atoms) for name, atoms in made])
    rows = [f"{name},{'-'.join(sorted(set(atoms.get_chemical_symbols())))}" for name, atoms in made]
    write_atomic(folder / "labels.csv", ("\n".join(["material_id,group", *rows]) + "\n").encode())
    print(f"{len(made)} frames, {sum(len(atoms) for _, atoms in made)} atoms in {folder}")


if __name__ == "__main__":
    main()
