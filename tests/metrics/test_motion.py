"""Structure, spectra and drift, against gases, crystals and oscillators."""

import math

import numpy as np
import pytest

from matdisc.metrics.dynamics import (
    energy_drift,
    radial_distribution,
    rdf_error,
    spectrum_error,
    timestep_exponent,
    vibrational_spectrum,
)

SKEWED = np.array([[12.0, 0, 0], [5.0, 11.0, 0], [-3.0, 4.0, 10.0]])


def test_an_ideal_gas_has_no_structure():
    gas = np.random.default_rng(0).random((30, 160, 3)) @ SKEWED
    _, g = radial_distribution(gas, SKEWED, 6.0, 12)
    assert g[4:] == pytest.approx(np.full(8, 1 - 1 / 160), abs=0.05)
    _, unlike = radial_distribution(gas, SKEWED, 6.0, 12, pairs=(range(50), range(50, 160)))
    assert unlike[4:] == pytest.approx(np.ones(8), abs=0.1)


@pytest.mark.parametrize("repeat", [1, 2])
def test_a_simple_cubic_crystal_has_its_shells_also_in_a_cell_of_one_atom(repeat):
    grid = np.array(list(np.ndindex(repeat, repeat, repeat)), float) * 3.0
    r, g = radial_distribution(grid, np.eye(3) * 3.0 * repeat, 6.2, 62)
    width = r[1] - r[0]
    counts = g * 4 / 3 * np.pi * ((r + width / 2) ** 3 - (r - width / 2) ** 3) / 27.0
    shells = {
        round(float(distance), 1): round(float(count)) for distance, count in zip(r, counts, strict=True) if count
    }
    assert list(shells.values()) == [6, 12, 8, 6]
    expected = [3.0, 3 * math.sqrt(2), 3 * math.sqrt(3), 6.0]
    assert [abs(a - b) <= 0.11 for a, b in zip(shells, expected, strict=True)] == [True] * 4


def test_a_skewed_description_of_a_crystal_has_the_same_distribution():
    plain = radial_distribution(np.zeros((1, 3)), np.eye(3) * 3.0, 6.25, 25)[1]
    skewed = radial_distribution(np.zeros((1, 3)), np.array([[3.0, 0, 0], [6.0, 3.0, 0], [-3.0, 9.0, 3.0]]), 6.25, 25)
    np.testing.assert_allclose(skewed[1], plain)


def test_wrapping_atoms_back_changes_nothing():
    rng = np.random.default_rng(1)
    inside = rng.random((2, 20, 3)) @ SKEWED
    outside = inside + rng.integers(-3, 4, (2, 20, 3)) @ SKEWED
    np.testing.assert_allclose(
        radial_distribution(outside, SKEWED, 7.0, 14)[1], radial_distribution(inside, SKEWED, 7.0, 14)[1]
    )


def test_a_cell_without_volume_has_no_distribution():
    with pytest.raises(ValueError, match="volume"):
        radial_distribution(np.zeros((2, 3)), np.zeros((3, 3)), 5.0, 10)


def test_distances_of_distributions_are_counted_by_hand():
    assert rdf_error([0.0, 1.0, 2.0], [0.0, 2.0, 0.0]) == pytest.approx(1.0)
    assert spectrum_error([1.0, 1.0, 0.0], [1.0, 1.0, 0.0]) == 0
    assert spectrum_error([1.0, 1.0, 0.0], [0.0, 1.0, 1.0]) == pytest.approx(0.5)
    assert spectrum_error([1.0, 0.0], [0.0, 7.0]) == pytest.approx(1.0)
    assert math.isnan(spectrum_error([1.0, 0.0], [0.0, 0.0]))
    with pytest.raises(ValueError, match="shapes differ"):
        rdf_error([1.0], [1.0, 2.0])


def test_an_oscillator_has_its_peak_at_its_frequency():
    time = np.arange(4000) * 2.0  # fs
    moving = np.zeros((4000, 2, 3))
    moving[:, 0, 0] = np.cos(2 * np.pi * 0.0125 * time)  # 12.5 THz
    moving[:, 1, 2] = np.cos(2 * np.pi * 0.0305 * time)  # 30.5 THz
    f, shares = vibrational_spectrum(moving, 2.0, 50, 50.0, masses=[3.0, 1.0])
    assert (f[1] - f[0]) * shares.sum() == pytest.approx(1.0)
    assert shares[f == 12.5][0] == pytest.approx(0.75, abs=0.01)
    assert shares[f == 30.5][0] == pytest.approx(0.25, abs=0.01)


def test_a_crystal_at_rest_has_no_spectrum():
    assert np.isnan(vibrational_spectrum(np.zeros((100, 2, 3)), 1.0, 10, 100.0)[1]).all()


@pytest.mark.parametrize(("dt", "bins", "says"), [(20.0, 10, "no more than"), (1.0, 100, "fewer bins")])
def test_a_spectrum_that_the_frames_cannot_show_is_refused(dt, bins, says):
    with pytest.raises(ValueError, match=says):
        vibrational_spectrum(np.ones((100, 1, 3)), dt, bins, 50.0)


def test_a_linear_drift_is_read_off():
    time = np.arange(1000) * 0.5
    found = energy_drift(time, -50 + 3e-6 * time, 10)  # 3e-6 eV/fs in 10 atoms = 0.3 meV/atom/ps
    assert (found.value, found.low, found.high) == pytest.approx((0.3, 0.3, 0.3))


def test_vibration_is_no_drift():
    time = np.arange(4000) * 0.5
    found = energy_drift(time, 0.01 * np.sin(time / 7), 10)
    assert found.low < 0 < found.high
    assert found.high - found.low < 0.5  # it swings by 1 meV/atom


def test_intervals_of_a_drift_hold_the_truth_nineteen_times_in_twenty():
    rng, time, held = np.random.default_rng(2), np.arange(800) * 0.5, 0
    for _ in range(300):
        found = energy_drift(time, 1e-5 * time + rng.normal(0, 0.01, 800), 1)
        held += found.low <= 10.0 <= found.high
    assert 0.91 < held / 300 < 0.99


def test_a_few_energies_have_no_drift():
    assert energy_drift(range(15), np.zeros(15), 2).reason == "too short"
    assert energy_drift(range(20), np.full(20, np.nan), 2).reason == "not finite"


def test_the_exponent_of_a_square_law_is_two():
    found = timestep_exponent([0.25, 0.5, 1.0, 2.0], [1.0, 4.0, 16.0, 64.0])
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))


@pytest.mark.parametrize(
    ("sizes", "reason"), [([1.0, 2.0], "fewer than 3 time steps"), ([0.0, 1.0, 2.0], "a fluctuation is not positive")]
)
def test_no_exponent_without_enough_fluctuations(sizes, reason):
    assert timestep_exponent(range(1, len(sizes) + 1), sizes).reason == reason
