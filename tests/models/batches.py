"""Structures for tests of potentials that evaluate many at once."""

import numpy as np


def perovskites(n=3, *, seed=0):
    """Return BaTiO3 cells of growing size with rattled atoms, and one copper crystal, as ASE Atoms."""
    from ase import Atoms
    from ase.build import bulk

    rng = np.random.default_rng(seed)
    sites = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    made = [Atoms("BaTiO3", scaled_positions=sites, cell=[4.0 + 0.05 * i] * 3, pbc=True) for i in range(n)]
    made.append(bulk("Cu", "fcc", a=3.6))
    for atoms in made:
        atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
    return made


def assert_same(found, calculator, structures, *, energy=1e-5, forces=1e-4, stress=1e-5):
    """Assert that evaluations are what an ASE calculator says of each structure alone; eV/atom, eV/Å, eV/Å^3."""
    assert len(found) == len(structures)
    for one, atoms in zip(found, structures, strict=True):
        run_single = atoms.copy()
        run_single.calc = calculator
        assert abs(one.energy - run_single.get_potential_energy()) / len(atoms) < energy
        np.testing.assert_allclose(one.forces, run_single.get_forces(), atol=forces)
        np.testing.assert_allclose(one.stress, run_single.get_stress(), atol=stress)
