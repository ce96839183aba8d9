"""Make the built-in molecules: `python -m matdisc.generate.molecules OUT.json` (needs rdkit and tblite).

Each SMILES is embedded by rdkit with several seeds (PF6- is an octahedron by hand); each geometry is relaxed with
GFN2-xTB by ASE's BFGS, and the one of lowest energy is kept, rounded to 1e-4 Å.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.models.get.labels.xtb import Xtb
from matdisc.physics.molecules.species import Species, from_smiles

SMILES = {
    "EC": "O=C1OCCO1",
    "PC": "CC1COC(=O)O1",
    "DMC": "COC(=O)OC",
    "EMC": "CCOC(=O)OC",
    "DEC": "CCOC(=O)OCC",
    "Li+": "[Li+]",
    "PF6-": "F[P-](F)(F)(F)(F)F",
    "FSI-": "FS(=O)(=O)[N-]S(=O)(=O)F",
    "TFSI-": "FC(F)(F)S(=O)(=O)[N-]S(=O)(=O)C(F)(F)F",
}
BY_HAND = {"PF6-": 1.6 * np.array([[1, 0, 0], [0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])}
"""Start geometries where rdkit's is of no use (Å, atoms in the order of the SMILES)."""
SEEDS = range(8)
TIGHT = 0.005
"""Largest force at which a relaxation ends, eV/Å."""


def relaxed(one: Species) -> tuple[float, Any]:
    """Return energy (eV) and positions (Å) at the minimum next to a geometry."""
    from ase import Atoms
    from ase.calculators.calculator import Calculator, all_changes
    from ase.optimize import BFGS

    xtb = Xtb(one.numbers, charge=one.charge)

    class Asked(Calculator):
        implemented_properties = ["energy", "forces"]  # noqa: RUF012

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
            super().calculate(atoms, properties, system_changes)
            label = xtb.label(self.atoms.positions)
            self.results = {"energy": label.energy, "forces": label.forces}

    atoms = Atoms(one.symbols, one.positions, calculator=Asked())
    if len(one) > 1:
        BFGS(atoms, logfile=None).run(fmax=TIGHT, steps=1000)
    return atoms.get_potential_energy(), atoms.positions - atoms.get_center_of_mass()


def entry(name: str, smiles: str) -> dict[str, Any]:
    """Return what the file says of one species."""
    tried = [from_smiles(name, smiles, seed=seed) for seed in SEEDS]
    if name in BY_HAND:
        tried = [replace(tried[0], positions=BY_HAND[name])]
    energy, positions = min((relaxed(one) for one in tried), key=lambda found: found[0])
    print(f"{name}: {energy:.4f} eV", file=sys.stderr)
    rounded = (np.round(positions, 4) + 0.0).tolist()
    return {"smiles": smiles, "charge": tried[0].charge, "symbols": list(tried[0].symbols), "positions": rounded}


def main(out: Path) -> None:
    """Write the file."""
    made = (
        f"SMILES embedded by rdkit {version('rdkit')} with {len(SEEDS)} seeds each (PF6-: an octahedron), relaxed with "
        f"GFN2-xTB (tblite {version('tblite')}) to {TIGHT} eV/Å, the lowest kept; Å"
    )
    entries = {name: entry(name, smiles) for name, smiles in SMILES.items()}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in entries.items())
    out.write_text(f'{{"made": {json.dumps(made)},\n "species": {{\n{lines}\n}}}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
