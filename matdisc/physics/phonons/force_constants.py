"""Force constants by finite displacements of a supercell, and frequencies on a mesh, by phonopy."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.errors import ExtraError
from matdisc.physics.evaluation import Steps, evaluations
from matdisc.physics.phonons.spectrum import Spectrum

if TYPE_CHECKING:
    from matdisc.schema import Crystal

DISPLACEMENT = 0.01
"""Å by which one atom of a supercell is moved."""
SYMPREC = 1e-4
"""Å within which a crystal has a symmetry."""
WIDTH = 10.0
"""Å; smallest distance between opposite faces of a supercell that nobody prescribes."""
MAX_ATOMS = 1000
"""Most atoms of a supercell: a potential on a small machine has no memory for more."""


class MissingPhonopy(ExtraError, ImportError):
    """phonopy is not installed: no material's fault, so it ends a run."""


class SupercellTooLarge(ValueError):
    """A supercell has more atoms than fit into memory."""


def phonopy_cell(crystal: Crystal) -> Any:
    """Return a crystal as phonopy has it; raises MissingPhonopy without the package."""
    if find_spec("phonopy") is None:
        raise MissingPhonopy(
            "phonons need the package 'phonopy', which is not installed; run: pip install 'matdisc[phonons]'"
        )
    from phonopy.structure.atoms import PhonopyAtoms

    return PhonopyAtoms(symbols=list(crystal.symbols), cell=crystal.cell, scaled_positions=crystal.positions)


def supercell_of(crystal: Crystal, width: float = WIDTH) -> tuple[int, int, int]:
    """Return how often a cell is repeated along its vectors until opposite faces are `width` (Å) apart."""
    cell = np.asarray(crystal.cell, float)
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    a, b, c = (max(1, int(np.ceil(width / height - 1e-6))) for height in heights)
    return a, b, c


def harmonic(
    crystal: Crystal, supercell: Sequence[int], *, distance: float = DISPLACEMENT, symprec: float = SYMPREC
) -> Steps[Any]:
    """Return a phonopy.Phonopy with symmetric force constants: yields all displaced supercells at once.

    Args:
        crystal: A relaxed crystal.
        supercell: Repetitions along the three vectors, or a matrix.
        distance: Displacement of the one atom that is moved along an axis of the supercell, Å.
        symprec: Tolerance of the symmetry that spares displacements, Å.

    Raises:
        MissingPhonopy: If phonopy is not installed.
        SupercellTooLarge: If the supercell has more than MAX_ATOMS atoms.
    """
    cell = phonopy_cell(crystal)
    from phonopy import Phonopy
    from phonopy.structure.cells import guess_primitive_matrix

    matrix = np.diag(supercell) if np.ndim(supercell) == 1 else np.asarray(supercell)
    n_atoms = len(crystal.symbols) * abs(round(float(np.linalg.det(matrix))))
    if n_atoms > MAX_ATOMS:
        raise SupercellTooLarge(f"the supercell has {n_atoms:,} atoms; more than {MAX_ATOMS:,} do not fit into memory")
    primitive = guess_primitive_matrix(cell, symprec=symprec)
    phonon = Phonopy(cell, supercell_matrix=matrix, primitive_matrix=primitive, symprec=symprec)
    # along the axes, as phono3py does: a rough potential answers a diagonal displacement differently
    phonon.generate_displacements(distance=distance, is_diagonal=False)
    phonon.forces = yield from displaced_forces(phonon.supercells_with_displacements)
    phonon.produce_force_constants(calculate_full_force_constants=False, show_drift=False)
    phonon.symmetrize_force_constants(show_drift=False)
    return phonon


def displaced_forces(supercells: Sequence[Any]) -> Steps[list[Floats]]:
    """Return the forces (eV/Å) on the atoms of phonopy's or phono3py's supercells, which are asked for at once.

    None for a supercell, which phono3py has beyond its cutoff, has no forces.
    """
    from ase import Atoms

    known = [cell for cell in supercells if cell is not None]
    structures = [Atoms(one.symbols, scaled_positions=one.scaled_positions, cell=one.cell, pbc=True) for one in known]
    found = iter((yield from evaluations(structures)))
    return [np.zeros((len(known[0]), 3)) if cell is None else next(found).forces for cell in supercells]


def mesh_spectrum(phonon: Any, mesh: Sequence[int] | float) -> Spectrum:
    """Return the frequencies of a phonopy.Phonopy on a mesh centred at Γ: its divisions, or a length in Å."""
    phonon.run_mesh(mesh, is_gamma_center=True)
    return Spectrum(np.asarray(phonon.mesh.frequencies, float), np.asarray(phonon.mesh.weights, float))
