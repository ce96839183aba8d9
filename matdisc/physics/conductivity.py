"""Lattice thermal conductivity by finite displacements and the Wigner transport equation, by phono3py 3.30.0.

The sequence and the settings are those of the benchmark on 103 crystals (Póta, Ahlawat, Csányi and Simoncelli), so that
published numbers can be run again; later versions of phono3py have no such transport equation.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.errors import ExtraError
from matdisc.physics.evaluation import Steps
from matdisc.physics.phonons import MAX_ATOMS, SupercellTooLarge, displaced_forces, phonopy_cell

if TYPE_CHECKING:
    from matdisc.schema import Crystal

PHONO3PY = "3.30.0"
TRANSPORT = "MS-SMM19"
"""phono3py's name of the Wigner transport equation in the form of Simoncelli, Marzari and Mauri (2019)."""
BOUNDARY = 1e6
"""µm; mean free path that a boundary leaves to phonons."""
SYMPREC = 1e-5
"""Å within which a relaxed crystal has a symmetry."""
ACOUSTIC_NOISE = -0.01
"""THz; above it an acoustic mode at Γ is zero."""
MODES = 3840
"""Most modes of an answer: 320 irreducible wave vectors of a wurtzite's mesh, with 12 bands each."""


class MissingPhono3py(ExtraError, ImportError):
    """The one phono3py that has the transport equation is not installed: no material's fault, so it ends a run."""


def mode_conductivities(
    crystal: Crystal,
    *,
    second: Sequence[int],
    third: Sequence[int],
    mesh: Sequence[int],
    distance: float,
    temperature: float,
) -> Steps[Floats | None]:
    """Return what each mode adds to the conductivity, W/m/K, shape (n_q, n_bands); None where a mode is imaginary.

    Directions are averaged, and each of the irreducible wave vectors stands for all that are equivalent to it, so that
    the sum is the conductivity: a third of the trace of its tensor. Isotopes and a boundary scatter as well.

    Args:
        crystal: A relaxed crystal.
        second, third: Repetitions of the cell for force constants of second and third order.
        mesh: Divisions of the mesh of wave vectors, of the primitive cell.
        distance: Displacement of the atoms, Å.
        temperature: K.

    Raises:
        MissingPhono3py: If phono3py 3.30.0 is not installed.
        SupercellTooLarge: If a supercell has more than MAX_ATOMS atoms.
    """
    n_atoms = len(crystal.symbols) * max(int(np.prod(second)), int(np.prod(third)))
    if n_atoms > MAX_ATOMS:
        raise SupercellTooLarge(f"a supercell has {n_atoms:,} atoms; more than {MAX_ATOMS:,} do not fit into memory")
    solver = _phono3py()(
        phonopy_cell(crystal),
        supercell_matrix=np.diag(third),
        phonon_supercell_matrix=np.diag(second),
        primitive_matrix="auto",
        symprec=SYMPREC,
    )
    solver.mesh_numbers = list(mesh)
    solver.generate_displacements(distance=distance)
    solver.phonon_forces = np.array((yield from displaced_forces(solver.phonon_supercells_with_displacements)))
    solver.produce_fc2(symmetrize_fc2=True)
    solver.init_phph_interaction()
    solver.run_phonon_solver()
    if imaginary(solver.get_phonon_data()[0]):
        return None
    solver.forces = np.array((yield from displaced_forces(solver.supercells_with_displacements)))
    solver.produce_fc3(symmetrize_fc3r=True)
    solver.init_phph_interaction()
    solver.run_thermal_conductivity(
        temperatures=[temperature], is_isotope=True, transport_type=TRANSPORT, boundary_mfp=BOUNDARY
    )
    found = solver.thermal_conductivity
    modes = with_coherence(found.mode_kappa[0, 0], found.mode_kappa_C[0, 0], found.mode_heat_capacities[0])
    return np.asarray(modes[..., :3].mean(axis=-1) / np.sum(found.grid_weights), float)


def flat_modes(modes: Floats) -> tuple[float, ...]:
    """Return conductivities of modes in one row of MODES numbers, bands fastest, the rest 0: what files hold.

    Zeros change neither a sum nor the differences of two such rows.

    Raises:
        ValueError: If there are more.
    """
    found = modes.ravel()
    if len(found) > MODES:
        raise ValueError(f"the mesh has {len(found):,} modes; an answer holds {MODES:,}")
    return (*found.tolist(), *[0.0] * (MODES - len(found)))


def imaginary(frequencies: Floats) -> bool:
    """Return whether frequencies (THz) of all wave vectors, shape (n_q, n_bands), Γ first, have an imaginary one.

    One below 0, or below ACOUSTIC_NOISE where it is one of the three lowest at Γ.
    """
    gamma, rest = frequencies[0], frequencies[1:]
    return bool((gamma[:3] < ACOUSTIC_NOISE).any() or (gamma[3:] < 0).any() or (rest < 0).any())


def with_coherence(population: Floats, coherence: Floats, heat: Floats) -> Floats:
    """Return conductivities of modes with their part of the coherences, shape of the populations'.

    A mode j has 2 c_i / (c_i + c_j) of its coherence with a mode i, c being heat capacities: the partner's share.
    Published files and their reference have it so, and the sum over all modes is the same.

    Args:
        population: Shape (n_q, n_bands, 6).
        coherence: Shape (n_q, n_bands, n_bands, 6), the same for i, j and for j, i.
        heat: Heat capacities of the modes, shape (n_q, n_bands); where both of a pair have none, neither has a part.
    """
    both = heat[:, :, None] + heat[:, None, :]
    share = np.divide(heat[:, :, None], both, out=np.zeros_like(both), where=both > 0)
    return np.asarray(population + 2 * (coherence * share[..., None]).sum(axis=1))


def _phono3py() -> Any:
    try:
        here = version("phono3py")
    except PackageNotFoundError:
        here = "nothing"
    if here != PHONO3PY:
        raise MissingPhono3py(
            f"thermal conductivities need the package 'phono3py=={PHONO3PY}', and {here} is found; use --env isolated, "
            f"or run: pip install phono3py=={PHONO3PY}"
        )
    from phono3py import Phono3py

    return Phono3py
