"""Transport estimators on synthetic trajectories with known coefficients."""

import math

import numpy as np
import pytest
from scipy import constants
from scipy.integrate import cumulative_trapezoid
from scipy.signal import lfilter
from scipy.special import erfc

from matdisc.metrics import transport
from matdisc.metrics.block_averaging import Estimate, undefined
from matdisc.metrics.transport import (
    diffusion,
    einstein_conductivity,
    ideal_transference,
    mean_square_displacement,
    nernst_einstein,
    onsager_transference,
    viscosity,
    without_drift,
    yeh_hummer,
)

DT = 10.0  # fs
D = 2e-4  # Å^2/fs = 2e-9 m^2/s


def _walkers(seed, *, frames=2000, atoms=40, coefficient=D):
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(0, math.sqrt(2 * coefficient * DT), (frames, atoms, 3)), axis=0)


def _three(make, **options):
    return [make(seed, **options) for seed in range(3)]


def test_the_displacement_equals_the_double_loop():
    moving = _walkers(0, frames=30, atoms=3)
    slow = [np.mean((moving[lag:] - moving[: len(moving) - lag]) ** 2) * 3 for lag in range(30)]
    assert mean_square_displacement(moving) == pytest.approx(slow, abs=1e-12)


def test_walkers_diffuse_with_the_coefficient_they_were_given():
    found = diffusion(_three(_walkers), DT)
    assert abs(found.value - D) < 4 * found.error
    assert found.error < 0.1 * D


def test_the_error_of_a_diffusion_coefficient_is_the_scatter_of_independent_runs():
    found = [diffusion([_walkers(100 * i + j, frames=500, atoms=20) for j in range(6)], DT) for i in range(12)]
    values = [one.value for one in found if one.defined]
    assert np.mean([one.error for one in found if one.defined]) == pytest.approx(np.std(values, ddof=1), rel=0.6)
    assert len(values) >= 10


def test_free_flight_is_not_diffusive():
    def flight(seed):
        return np.arange(500)[:, None, None] * np.random.default_rng(seed).normal(size=(1, 50, 3))

    assert diffusion(_three(flight), DT).reason == "not diffusive"


def test_atoms_in_a_cage_are_not_diffusive():
    def cage(seed):
        noise = np.random.default_rng(seed).normal(size=(2000, 50, 3))
        return lfilter([1.0], [1.0, -0.5], noise, axis=0)

    assert diffusion(_three(cage), DT).reason == "not diffusive"


def test_three_lone_walkers_have_wide_but_honest_errors_or_none():
    found = [diffusion([_walkers(10 * i + j, frames=200, atoms=1) for j in range(3)], DT) for i in range(60)]
    known = [one for one in found if one.defined]
    assert {one.reason for one in found} >= {"", "too short"}
    student = 4.30  # 95 % with two degrees of freedom
    assert np.mean([abs(one.value - D) < student * one.error for one in known]) > 0.85


def test_a_run_of_a_few_frames_is_too_short():
    assert diffusion(_three(_walkers, frames=5), DT).reason == "too short"


def test_two_replicas_have_no_diffusion_coefficient():
    assert diffusion(_three(_walkers)[:2], DT).reason == "fewer than 3 replicas"


def test_drift_of_the_whole_box_is_taken_out():
    still, masses = _walkers(1), np.ones(40)
    carried = still + np.arange(2000)[:, None, None] * 0.3
    np.testing.assert_allclose(without_drift(carried, masses), without_drift(still, masses), atol=1e-9)


def test_the_constant_of_the_finite_size_correction_is_that_of_a_cubic_wigner_lattice():
    grid = np.array([n for n in np.ndindex(13, 13, 13) if n != (6, 6, 6)]) - 6.0
    length, alpha = np.linalg.norm(grid, axis=1), 2.0
    waves = 2 * np.pi * length
    potential = (erfc(alpha * length) / length).sum() - np.pi / alpha**2 - 2 * alpha / math.sqrt(np.pi)
    potential += (4 * np.pi / waves**2 * np.exp(-(waves**2) / (4 * alpha**2))).sum()
    assert pytest.approx(-potential, abs=1e-6) == transport.CUBIC_EWALD


def test_the_finite_size_correction_in_other_units():
    # water-like: 298 K, 0.9 mPa s, 2 nm: by hand in SI units
    by_hand = 2.837297 * constants.k * 298 / (6 * math.pi * 0.9e-3 * 2e-9)
    found = yeh_hummer(298, 0.9 / transport.MILLIPASCAL_SECONDS, 20.0) * transport.SQUARE_METRES_PER_SECOND
    assert found == pytest.approx(by_hand, rel=1e-6)


def test_a_correction_needs_a_viscosity():
    with pytest.raises(ValueError, match="positive"):
        yeh_hummer(298, 0.0, 20.0)


def test_units_follow_from_the_constants_of_nature():
    assert pytest.approx(constants.k / constants.e) == transport.BOLTZMANN
    assert pytest.approx(constants.e / 1e-30 * 1e-15 * 1e3) == transport.MILLIPASCAL_SECONDS
    assert pytest.approx(constants.e / (1e-15 * 1e-10) * 10) == transport.MILLISIEMENS_PER_CM


V, T, STRESS, TAU = 8000.0, 300.0, 1e-3, 100.0  # Å^3, K, eV/Å^3, fs


def _pressure(seed, frames=40_000):
    """Tensors whose five components are Ornstein-Uhlenbeck processes of one variance and one memory."""
    memory = math.exp(-DT / TAU)
    noise = np.random.default_rng(seed).normal(0, STRESS * math.sqrt(1 - memory**2), (frames, 5))
    xy, xz, yz, a, b = lfilter([1.0], [1.0, -memory], noise, axis=0).T
    b = b / math.sqrt(3)
    return np.array([[a + b, xy, xz], [xy, b - a, yz], [xz, yz, -2 * b]]).transpose(2, 0, 1) + np.eye(3) * 0.2


def _known_viscosity():
    memory = math.exp(-DT / TAU)  # the trapezoid rule over the discrete correlation
    return V / (transport.BOLTZMANN * T) * STRESS**2 * DT * (1 / (1 - memory) - 0.5)


def test_the_viscosity_of_an_ornstein_uhlenbeck_pressure_is_known():
    found = viscosity(_three(_pressure), DT, V, T)
    assert abs(found.value - _known_viscosity()) < 4 * found.error
    assert found.error < 0.15 * found.value


def test_green_kubo_agrees_with_einstein_and_helfand():
    found, slopes = viscosity(_three(_pressure), DT, V, T), []
    for tensor in _three(_pressure):
        traceless = tensor - np.trace(tensor, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)
        moment = cumulative_trapezoid(traceless.reshape(-1, 9), dx=DT, axis=0)
        grown = 9 * mean_square_displacement(np.repeat(moment[:, :, None], 3, axis=2)) / 3
        slopes.append((grown[400] - grown[100]) / (300 * DT) * V / (20 * transport.BOLTZMANN * T))
    assert np.mean(slopes) == pytest.approx(found.value, rel=0.15)


@pytest.mark.parametrize("frames", [100, 500])
def test_a_run_of_a_few_relaxation_times_has_no_viscosity(frames):
    assert viscosity(_three(_pressure, frames=frames), DT, V, T).reason == "too short"


CHARGES = {"Li": 1.0, "PF6": -1.0}


def _ions(seed, *, bound, pairs=20):
    """Ions that wander alone, or stay with a partner of the other charge."""
    cation = _walkers(seed, frames=3000, atoms=pairs)
    partner = cation if bound else _walkers(seed + 1000, frames=3000, atoms=pairs, coefficient=3 * D)
    wobble = np.random.default_rng(seed + 2000).normal(0, 0.05, cation.shape)
    return {"Li": cation, "PF6": partner + wobble}


def test_free_ions_conduct_as_nernst_and_einstein_say():
    runs = [_ions(seed, bound=False, pairs=20) for seed in range(24)]
    coefficients = {ion: diffusion([run[ion] for run in runs], DT) for ion in CHARGES}
    counts = {"Li": 20, "PF6": 20}
    ideal = nernst_einstein(counts, CHARGES, coefficients, volume=V, temperature=T)
    assert ideal.value == pytest.approx(20 * 4 * D / (V * transport.BOLTZMANN * T), rel=0.05)
    found = einstein_conductivity(runs, CHARGES, dt_fs=DT, volume=V, temperature=T)
    assert abs(found.value - ideal.value) < 4 * math.hypot(found.error, ideal.error)
    assert abs(onsager_transference(runs, CHARGES, "Li", dt_fs=DT).value - 0.25) < 0.15
    assert ideal_transference(coefficients["Li"], coefficients["PF6"]).value == pytest.approx(0.25, abs=0.02)


def test_paired_ions_diffuse_but_do_not_conduct():
    runs = [_ions(seed, bound=True) for seed in range(3)]
    assert diffusion([run["Li"] for run in runs], DT).defined
    assert einstein_conductivity(runs, CHARGES, dt_fs=DT, volume=V, temperature=T).reason == "not diffusive"


def test_ions_of_opposite_and_equal_steps_share_the_current():
    def mirrored(seed):
        cation = _walkers(seed, frames=3000, atoms=20)
        return {"Li": cation, "PF6": -cation}

    runs = [mirrored(seed) for seed in range(24)]
    found = onsager_transference(runs, CHARGES, "Li", dt_fs=DT)
    assert found.value == pytest.approx(0.5, abs=1e-9)
    counts, each = {"Li": 20, "PF6": 20}, {ion: Estimate(D, 0.0) for ion in CHARGES}
    ideal = nernst_einstein(counts, CHARGES, each, volume=V, temperature=T)
    whole = einstein_conductivity(runs, CHARGES, dt_fs=DT, volume=V, temperature=T)
    assert abs(whole.value / ideal.value - 2) < 4 * whole.error / ideal.value  # ionicity 2: every step counts twice


def test_errors_of_diffusion_are_carried_through():
    coefficients = {"Li": Estimate(1.0, 0.3), "PF6": Estimate(3.0, 0.4)}
    found = nernst_einstein({"Li": 1, "PF6": 1}, CHARGES, coefficients, volume=1 / transport.BOLTZMANN, temperature=1)
    assert (found.value, found.error) == pytest.approx((4.0, 0.5))
    share = ideal_transference(coefficients["Li"], coefficients["PF6"])
    assert (share.value, share.error) == pytest.approx((0.25, math.hypot(0.9, 0.4) / 16))


def test_an_unknown_diffusion_coefficient_makes_no_conductivity():
    coefficients = {"Li": undefined("not diffusive"), "PF6": Estimate(3.0, 0.4)}
    found = nernst_einstein({"Li": 1, "PF6": 1}, CHARGES, coefficients, volume=1.0, temperature=300)
    assert found.reason == "not diffusive"
    assert ideal_transference(coefficients["Li"], coefficients["PF6"]).reason == "not diffusive"
    assert nernst_einstein({}, {}, {}, volume=1.0, temperature=300).reason == "no ions"
