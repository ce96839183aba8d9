"""Ewald sums give Madelung constants, do not depend on how they are cut, and equal direct sums."""

from itertools import product

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from get_examples import salt

from matdisc.models.get.reference.ewald import beyond_pairs, ewald_correction
from matdisc.models.get.reference.ewald_splitting import splitting_of, waves
from matdisc.models.get.reference.graph import graph_of
from matdisc.models.get.reference.longrange import longrange_energies
from matdisc.models.get.settings import Settings
from matdisc.physics.neighbours import neighbours
from matdisc.units import COULOMB

SPACING = 6.0  # nearest neighbours beyond the damping
MADELUNG = {"rocksalt": 1.7475646, "cesiumchloride": 1.7626747, "zincblende": 1.6380551}
"""Referred to the distance of nearest neighbours."""


def _longrange(atoms, charges, accuracy=1e-8):
    graph = graph_of([atoms], 5.0, accuracy=accuracy)
    charges = torch.as_tensor(charges, dtype=torch.float64)
    return float(longrange_energies(graph, Settings(), graph.positions, graph.cell, charges))


def _pure(atoms, charges, width, reach=5.5):
    """Coulomb energy without damping, cut at a given width."""
    positions, cell = torch.tensor(atoms.positions), torch.tensor(atoms.cell.array)
    i, j, _, lengths = neighbours(atoms.positions, reach / width, atoms.cell.array, half=True)
    r = torch.tensor(lengths)
    q = torch.tensor(charges, dtype=torch.float64)
    pairs = COULOMB * (q[i] * q[j] * (1 / r + ewald_correction(r, torch.full_like(r, width)))).sum()
    integers = torch.tensor(waves(atoms.cell.array, 2 * width * reach), dtype=torch.float64)
    return float(pairs + beyond_pairs(positions, cell, q, integers, width))


@pytest.mark.parametrize(
    ("structure", "edge"), [("rocksalt", 2.0), ("cesiumchloride", 2 / 3**0.5), ("zincblende", 4 / 3**0.5)]
)
def test_the_madelung_constant_is_the_known_one(structure, edge):
    atoms = bulk("NaCl", structure, a=edge * SPACING)
    energy = _longrange(atoms, [1.0, -1.0])
    assert -energy * SPACING / COULOMB == pytest.approx(MADELUNG[structure], abs=2e-7)


def test_a_single_charge_in_a_cube_has_the_energy_of_the_wigner_lattice():
    edge = 9.0
    atoms = Atoms("Na", cell=np.eye(3) * edge, pbc=True)
    assert _longrange(atoms, [1.0]) == pytest.approx(-2.837297 * COULOMB / (2 * edge), rel=1e-6)


CHARGES = (0.8, -0.7, 0.3, -0.9, -0.4, 0.9)


@pytest.mark.parametrize("charges", [CHARGES, (0.8, -0.7, 0.3, -0.9, -0.4, 1.9)], ids=["neutral", "charged"])
def test_the_energy_does_not_depend_on_where_the_sum_is_cut(charges):
    atoms = salt()
    found = [_pure(atoms, charges, width) for width in (0.5, 0.9, 1.6)]
    np.testing.assert_allclose(found, found[0], rtol=1e-10)


def test_the_energy_does_not_depend_on_the_cell_that_describes_the_crystal():
    atoms = salt()
    double = atoms.repeat((1, 2, 1))
    assert _longrange(double, CHARGES * 2) == pytest.approx(2 * _longrange(atoms, CHARGES), rel=1e-7)


def test_the_energy_is_that_of_a_direct_sum_over_cubes_of_cells():
    """Cells without charge and dipole: the sum over growing cubes converges as the square of their edge."""
    rng, edge = np.random.default_rng(0), 8.0
    half = rng.uniform(1.0, 3.0, (3, 3))
    positions, charges = np.concatenate([half, -half]), np.tile([0.7, 0.5, -1.2], 2)
    atoms = Atoms("Na6", positions, cell=np.eye(3) * edge, pbc=True)

    def direct(n):
        energy = 0.0
        for step in product(range(-n, n + 1), repeat=3):
            r = np.linalg.norm(positions[:, None] - positions + edge * np.array(step), axis=2)
            if step == (0, 0, 0):
                np.fill_diagonal(r, np.inf)
            energy += COULOMB / 2 * (np.outer(charges, charges) / r).sum()
        return energy

    small, large = direct(4), direct(8)
    extrapolated = large + (large - small) / ((17 / 9) ** 2 - 1)
    assert _pure(atoms, charges, 0.6) == pytest.approx(extrapolated, abs=2e-4)


def test_derivatives_by_positions_cell_and_charges_are_those_of_differences():
    atoms = salt()
    graph = graph_of([atoms], 5.0, accuracy=1e-6)

    def energy(positions, cell, charges):
        return longrange_energies(graph, Settings(), positions, cell, charges)

    charges = torch.tensor(CHARGES, dtype=torch.float64)
    places = [x.clone().requires_grad_() for x in (graph.positions, graph.cell, charges)]
    assert torch.autograd.gradcheck(energy, places)


@pytest.mark.parametrize("accuracy", [1e-4, 1e-6, 1e-8])
def test_what_the_sum_leaves_out_is_of_the_size_of_its_accuracy(accuracy):
    exact = _longrange(salt(), CHARGES, accuracy=1e-13)
    assert _longrange(salt(), CHARGES, accuracy) == pytest.approx(exact, rel=3 * accuracy)


def test_large_boxes_are_cut_at_longer_radii_and_the_damping_is_always_inside():
    small, large = splitting_of(80, 80 * 13.0, 1e-6), splitting_of(4000, 4000 * 13.0, 1e-6)
    assert 6.0 <= small.radius < large.radius
    assert splitting_of(2, 40.0, 1e-6).radius == pytest.approx(6.0)


def test_waves_hold_one_of_each_pair_and_not_zero():
    found = waves(np.eye(3) * 2 * np.pi, 1.0)
    assert sorted(map(tuple, found.tolist())) == [(0, 0, 1), (0, 1, 0), (1, 0, 0)]
