"""Dispersion has the published form, ends smoothly, and is refused without coefficients."""

import numpy as np
import pytest
import torch
from ase import Atoms
from get_examples import ask, small_model

from matdisc.models.get.reference.dispersion import (
    A4,
    C6,
    SWITCH,
    beyond_switch,
    coefficients,
    pair_energies,
    switching_function,
)
from matdisc.models.get.settings import Settings
from matdisc.units import BOHR

SETTINGS = {"dispersion": True, "elements": (6, 18), "dispersion_c6": {6: 14.0, 18: 40.0}}


def _pair(r, c6=14.0, radius=2.0, a1=0.86):
    r = torch.as_tensor(r, dtype=torch.float64)
    return pair_energies(r, torch.full_like(r, c6), torch.full_like(r, radius), a1)


def test_far_away_it_is_minus_c6_over_the_sixth_power():
    assert float(_pair(8.5, radius=0.5)) == pytest.approx(-14 / (8.5**6 + A4**6), rel=1e-5)


def test_at_contact_it_is_finite_and_scaled_up_by_a1():
    assert float(_pair(0.0)) == pytest.approx(-14 * 1.86 / A4**6, rel=1e-3)


def test_half_of_the_scaling_is_left_at_two_and_a_half_radii():
    r, radius = 6.0, 6.0 / 2.5
    assert float(_pair(r, radius=radius)) == pytest.approx(-14 * 1.43 / (r**6 + A4**6))


def test_the_radius_of_argon_is_the_root_of_c8_over_c6():
    """<r4>/<r2> = 5.6004 bohr^2: C8/C6 = 3 sqrt(18)/2 5.6004 bohr^2."""
    _, radii = coefficients(Settings(**SETTINGS))
    assert radii[18] ** 2 == pytest.approx(BOHR * np.sqrt(3 * np.sqrt(np.sqrt(18) / 2 * 5.6004) ** 2))


def test_unlike_pairs_have_the_geometric_mean():
    strengths, _ = coefficients(Settings(**SETTINGS))
    assert strengths[6] * strengths[18] == pytest.approx(np.sqrt(14 * 40))
    assert strengths[8] == 0


def test_the_switch_is_one_before_nine_and_zero_from_ten_with_flat_ends():
    at = torch.tensor([8.9, 9.0, 9.5, 10.0, 12.0], dtype=torch.float64, requires_grad=True)
    found = switching_function(at)
    (slope,) = torch.autograd.grad(found.sum(), at)
    assert found.tolist() == pytest.approx([1, 1, 0.5, 0, 0])
    assert slope.tolist() == pytest.approx([0, 0, -1.875, 0, 0])


def test_a_model_with_dispersion_adds_exactly_that():
    atoms = Atoms("CAr", [[0, 0, 0], [0, 0, 3.8]])
    plain, model = small_model(), small_model(**SETTINGS)
    strengths, radii = coefficients(model.settings)
    expected = float(_pair(3.8, strengths[6] * strengths[18], radii[6] * radii[18]))
    assert expected < -5e-3
    assert float(ask(model, atoms).energy - ask(plain, atoms).energy) == pytest.approx(expected)


def _of_argon(edge, reach):
    """Energy of one argon atom among its images up to a distance, without and with the switch, eV."""
    strengths, radii = coefficients(small_model(**SETTINGS).settings)
    n = int(reach / edge) + 1
    steps = np.stack(np.meshgrid(*[np.arange(-n, n + 1)] * 3), axis=-1).reshape(-1, 3)
    r = np.linalg.norm(edge * steps[steps.any(axis=1)], axis=1)
    r = torch.as_tensor(r[r < reach])
    switched = pair_energies(r, strengths[18] ** 2 * torch.ones_like(r), radii[18] ** 2 * torch.ones_like(r), 0.86)
    whole = torch.where(r < SWITCH[0], switched, -(strengths[18] ** 2) / (r.pow(6) + A4**6))
    return float(switched.sum()) / 2, float(whole.sum()) / 2


def test_in_a_box_every_image_up_to_ten_angstrom_counts_once_and_those_beyond_as_a_uniform_liquid():
    atoms = Atoms("Ar", cell=np.eye(3) * 4.5, pbc=True)
    plain, model = small_model(), small_model(**SETTINGS)
    switched, _ = _of_argon(4.5, 10.0)
    strengths, _ = coefficients(model.settings)
    expected = switched + float(beyond_switch(strengths[18], 4.5**3))
    assert float(ask(model, atoms).energy - ask(plain, atoms).energy) == pytest.approx(expected)


def test_what_is_added_for_the_switch_is_what_a_sum_without_it_would_have_added():
    switched, whole = _of_argon(1.5, 60.0)
    strengths, _ = coefficients(small_model(**SETTINGS).settings)
    assert float(beyond_switch(strengths[18], 1.5**3)) == pytest.approx(whole - switched, rel=0.02)


def test_no_coefficient_exceeds_that_of_the_free_atom_but_those_of_atoms_that_draw_electrons():
    """Tkatchenko and Scheffler, Phys. Rev. Lett. 102, 073005 (2009), atomic units."""
    free = {1: 6.5, 3: 1387.0, 6: 46.6, 15: 185.0, 16: 134.0}
    hartree = 27.2114 * BOHR**6
    assert all(0.01 < C6[number] / (hartree * c6) < 1 for number, c6 in free.items())
    drawing = {7: 24.2, 8: 15.6, 9: 9.52}
    assert all(1 < C6[number] / (hartree * c6) < 1.4 for number, c6 in drawing.items())
    assert set(C6) == set(free) | set(drawing)
