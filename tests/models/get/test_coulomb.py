"""Charges add up, and their interaction is Coulomb's outside and finite inside."""

import numpy as np
import pytest
import torch

from matdisc.models.get.reference.coulomb import dipoles, neutralised, own_energies, pair_energies
from matdisc.models.get.reference.graph import graph_of
from matdisc.units import COULOMB

RADIUS, BETA = 2.2, 18.7


def _energy(r):
    return pair_energies(torch.as_tensor(r, dtype=torch.float64), torch.ones((), dtype=torch.float64), RADIUS, BETA)


def test_charges_are_shifted_alike_until_each_frame_has_its_total():
    raw = torch.tensor([0.5, 0.1, -0.3, 0.9])
    charges = neutralised(raw, torch.tensor([0, 0, 0, 1]), torch.tensor([0.0, 1.0]))
    assert charges.tolist() == pytest.approx([0.4, 0.0, -0.4, 1.0])


def test_the_energy_of_an_atom_is_linear_and_quadratic_in_its_charge():
    found = own_energies(torch.tensor([0.5]), torch.tensor([-2.0]), torch.tensor([3.0]))
    assert float(found) == pytest.approx(4 * 0.5 + 9 * 0.25)


def test_unit_charges_attract_as_coulomb_says_outside_the_damping():
    kcal = 23.060548
    assert abs(float(_energy(3.0)) - COULOMB / 3) * kcal == pytest.approx(5e-3, rel=0.1)
    assert abs(float(_energy(5.0)) - COULOMB / 5) * kcal == pytest.approx(7e-11, abs=2e-11)


def test_the_energy_levels_off_at_the_damping_radius():
    assert float(_energy(0.1)) == pytest.approx(COULOMB / RADIUS, rel=1e-8)


@pytest.mark.parametrize("r", [1.5, 2.2, 2.6, 4.0, 60.0])
def test_the_force_is_the_logistic_function_over_the_damped_square(r):
    at = torch.tensor(r, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(_energy(at), at)
    s = r / RADIUS - 1
    smooth = np.logaddexp(0, BETA * s) / BETA
    expected = COULOMB / (1 + np.exp(-BETA * s)) / (RADIUS * (1 + smooth)) ** 2
    assert -float(slope) == pytest.approx(expected, rel=1e-9)


def test_the_dipole_of_two_charges_is_charge_times_distance():
    from ase import Atoms

    graph = graph_of([Atoms("NaCl", [[0, 0, 0], [0, 0, 2.0]])], 5.0)
    charges = torch.tensor([-0.5, 0.5], dtype=torch.float64)
    assert dipoles(graph, charges).tolist() == [[0, 0, 1.0]]
