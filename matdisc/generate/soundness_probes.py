"""Make the structures of soundness-probes: `python -m matdisc.generate.soundness_probes FOLDER`.

Crystals, a slab, a cluster and molecules of the textbook, strained and rattled, so that no force or stress is zero by
symmetry. Molecules and clusters stand in a periodic box. The same version of ASE gives the same bytes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matdisc.atomic import write_atomic
from matdisc.formats.atoms import to_atoms, to_crystal
from matdisc.formats.crystal_json import to_json
from matdisc.schema import Crystal

if TYPE_CHECKING:
    from ase import Atoms

STRAIN, RATTLE, SEED = 0.01, 0.05, 0
"""Spread of the components of the strain, and of the displacements of atoms, Å."""
DECIMALS = 5
VACUUM = 5.0
"""Å between a molecule or cluster and each face of its box."""


def probes() -> Iterator[tuple[str, str, Atoms]]:
    """Yield name, kind of bonding and undistorted structure of each probe."""
    from ase import Atoms
    from ase.build import bulk, fcc111, graphene, molecule

    from matdisc.datasets.prototypes import crystal

    yield "Cu-fcc", "metal", bulk("Cu", "fcc", a=3.61, cubic=True)
    yield "Al-fcc", "metal", bulk("Al", "fcc", a=4.05, cubic=True)
    yield "AlNi3-L1_2", "metal", to_atoms(crystal("L1_2", ("Ni", "Al"), 3.57))
    yield "Fe-bcc", "metal", bulk("Fe", "bcc", a=2.87, cubic=True)
    yield "Mg-hcp", "metal", bulk("Mg", "hcp", a=3.21, c=5.21)
    yield "Pt-111-slab", "surface", fcc111("Pt", (1, 1, 3), a=3.92, vacuum=6.0, periodic=True)
    yield "Au4-cluster", "cluster", Atoms("Au4", np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]))
    yield "Si-diamond", "covalent", bulk("Si", "diamond", a=5.43)
    yield "GaAs-zincblende", "covalent", bulk("GaAs", "zincblende", a=5.65)
    layers = graphene("C2", a=2.46, vacuum=None)
    layers.cell[2] = [0.0, 0.0, 3.35]
    yield "C-graphite-AA", "layered", Atoms("C2", layers.positions, cell=layers.cell, pbc=True).repeat((1, 1, 2))
    yield "NaCl-rocksalt", "ionic", bulk("NaCl", "rocksalt", a=5.64)
    yield "MgO-rocksalt", "ionic", bulk("MgO", "rocksalt", a=4.21)
    yield "SrTiO3-perovskite", "oxide", to_atoms(crystal("perovskite", ("O", "Sr", "Ti"), 3.905))
    yield "ZnO-wurtzite", "oxide", bulk("ZnO", "wurtzite", a=3.25, c=5.21)
    yield "Ar-fcc", "van der Waals", bulk("Ar", "fcc", a=5.26, cubic=True)
    yield "H2O-molecule", "molecule", molecule("H2O")
    yield "C6H6-molecule", "molecule", molecule("C6H6")


def distorted(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """Return a structure in a periodic cell, strained and rattled; one without a cell gets a box."""
    atoms = atoms.copy()
    if not atoms.cell.volume:
        atoms.center(vacuum=VACUUM)
    atoms.pbc = True
    strain = rng.normal(0, STRAIN, (3, 3))
    atoms.set_cell(np.array(atoms.cell) @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
    atoms.positions += rng.normal(0, RATTLE, (len(atoms), 3))
    atoms.set_cell(np.round(atoms.cell[:], DECIMALS), scale_atoms=True)
    atoms.set_scaled_positions(np.round(atoms.get_scaled_positions(wrap=False), DECIMALS))
    return atoms


def lines() -> list[str]:
    """Return a line of JSON for each probe."""
    rng = np.random.default_rng(SEED)
    made = [(name, kind, _rounded(distorted(atoms, rng))) for name, kind, atoms in probes()]
    return [
        json.dumps({"material_id": name, "kind": kind, "structure": json.loads(to_json(crystal))})
        for name, kind, crystal in made
    ]


def _rounded(atoms: Atoms) -> Crystal:
    found = to_crystal(atoms)
    cell, positions = (
        tuple(tuple(round(x, DECIMALS) for x in row) for row in rows) for rows in (found.cell, found.positions)
    )
    return Crystal(found.symbols, positions, cell)  # type: ignore[arg-type]


def main() -> None:
    """Write the structures of the data set."""
    path = Path(sys.argv[1]) / "probes.jsonl"
    found = lines()
    write_atomic(path, ("\n".join(found) + "\n").encode())
    print(f"{len(found)} probes in {path}")


if __name__ == "__main__":
    main()
