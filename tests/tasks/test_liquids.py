"""Properties of made-up liquids whose answers are known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter

from matdisc.errors import RunError
from matdisc.metrics.transport import BOLTZMANN, MILLISIEMENS_PER_CM
from matdisc.tasks.electrolytes.properties import Replica, density, plain, properties

FRAME, D_LI, D_PF6, D_EC = 20.0, 1e-4, 3e-4, 5e-4  # fs; Å^2/fs = 1e-5 m^2/s
COUNTS = {"Li+": 30, "PF6-": 30, "EC": 20}
VOLUME, T = 20_000.0, 300.0


def _replica(seed, *, frames=700, drift=0.0, pressure=None):
    rng = np.random.default_rng(seed)
    species = tuple(name for name, n in COUNTS.items() for _ in range(n))
    coefficient = np.array([{"Li+": D_LI, "PF6-": D_PF6, "EC": D_EC}[name] for name in species])
    steps = rng.normal(size=(frames, len(species), 3)) * np.sqrt(2 * coefficient * FRAME)[None, :, None]
    masses = np.array([{"Li+": 6.94, "PF6-": 144.96, "EC": 88.06}[name] for name in species])
    centres = np.cumsum(steps, axis=0) + np.arange(frames)[:, None, None] * drift
    tensor = np.full((frames, 3, 3), np.nan) if pressure is None else pressure(rng, frames)
    return Replica(centres, masses, species, FRAME, tensor, FRAME, VOLUME, T)


def _densities(seed=0, slope=0.0):
    rng = np.random.default_rng(seed)
    return [1.2 + 0.01 * rng.normal(size=900) + np.linspace(0, slope, 900) for _ in range(3)]


@pytest.fixture(scope="module")
def found():
    charges = {"Li+": 1, "PF6-": -1, "EC": 0}
    return properties(_densities(), [_replica(seed, drift=0.2) for seed in range(6)], charges)


def test_species_diffuse_with_their_coefficients_whatever_the_box_drifts(found):
    for name, wanted in {"Li": D_LI, "PF6": D_PF6, "EC": D_EC}.items():
        one = found[f"diffusion_{name}"]
        assert one.value == pytest.approx(wanted * 1e-5, rel=0.15)
        assert abs(one.value - wanted * 1e-5) < 5 * one.error


def test_free_ions_conduct_by_nernst_and_einstein_in_the_units_of_the_field(found):
    wanted = 30 * (D_LI + D_PF6) / (VOLUME * BOLTZMANN * T) * MILLISIEMENS_PER_CM
    assert found["conductivity_ideal"].value == pytest.approx(wanted, rel=0.15)
    assert found["transference_ideal"].value == pytest.approx(0.25, abs=0.03)


def test_collective_numbers_come_with_an_error_or_a_reason(found):
    for name in ("conductivity", "transference", "ionicity"):
        assert found[name].defined == math.isfinite(found[name].error)
        assert found[name].defined or found[name].reason in ("too short", "not diffusive")


def test_without_a_stress_there_is_no_viscosity_and_no_finite_size_correction(found):
    assert found["viscosity"].reason == "the potential has no stress"
    assert found["finite_size"].reason == "the potential has no stress"


def test_a_liquid_without_ions_has_no_conductivity():
    one = _replica(0)
    solvent = replace(one, species=("EC",) * len(one.species))
    assert set(properties(_densities(), [solvent] * 3, {"EC": 0})) == {
        "density", "viscosity", "finite_size", "diffusion_EC",
    }  # fmt: skip


def test_runs_at_constant_pressure_alone_tell_the_density():
    assert set(properties(_densities(), [], {})) == {"density"}


def test_the_density_is_the_mean_with_an_error_of_its_noise():
    one = density(_densities())
    assert abs(one.value - 1.2) < 5 * one.error
    assert 0.01 / math.sqrt(1800) / 2 < one.error < 3e-3


def test_a_density_that_drifts_is_no_density():
    assert density(_densities(slope=0.2)).reason == "still drifting"


def test_a_density_that_falls_by_a_tenth_in_all_replicas_is_no_density_however_they_scatter():
    falling = [one + np.linspace(0, slope, 900) for one, slope in zip(_densities(), (-0.05, -0.3, -0.5), strict=True)]
    assert density(falling).reason == "still drifting"


@pytest.mark.parametrize("slopes", [(0.02, 0.02, 0.02), (0.2, 0.15, 0.1), (-0.01, -0.012, -0.009)])
def test_no_density_is_told_whose_second_half_is_another_one(slopes):
    drifting = [one + np.linspace(0, slope, 900) for one, slope in zip(_densities(), slopes, strict=True)]
    assert density(drifting).reason == "still drifting"


def test_replicas_that_drift_apart_leave_an_error_as_large_as_that():
    """The means of all replicas are equal, and so are the halves of all together: only one by one they drift."""
    kept = [np.linspace(-slope, slope, 600) for slope in (0.1, -0.06, -0.04)]
    one = density([np.concatenate([np.zeros(300), 1.2 + series]) for series in kept])
    assert one.value == pytest.approx(1.2)
    assert one.error == pytest.approx(math.sqrt(0.1**2 + 0.06**2 + 0.04**2) / 6, rel=0.01)


@pytest.mark.parametrize("seed", range(8))
def test_each_half_of_a_density_that_is_told_lies_within_its_error(seed):
    rng = np.random.default_rng(seed)
    wandering = [1.2 + np.cumsum(rng.normal(0, 1e-3, 900)) for _ in range(3)]
    one = density(wandering)
    late = [series[300:] for series in wandering]
    halves = [np.mean([series[:300] for series in late]), np.mean([series[300:] for series in late])]
    assert one.reason == "still drifting" or all(abs(half - one.value) <= one.error * 1.001 for half in halves)


def test_of_replicas_of_different_length_the_shortest_counts_for_motion():
    charges = {"Li+": 1, "PF6-": -1, "EC": 0}
    whole = [_replica(seed) for seed in range(3)]
    uneven = [replace(one, centres=one.centres[:n]) for one, n in zip(whole, (700, 400, 650), strict=True)]
    found = properties([one[:n] for one, n in zip(_densities(), (900, 700, 800), strict=True)], uneven, charges)
    assert found["density"].value == pytest.approx(1.2, abs=2e-3)
    assert abs(found["diffusion_EC"].value - D_EC * 1e-5) < 5 * found["diffusion_EC"].error


@pytest.mark.parametrize(
    ("other", "says"), [({"frame_fs": 40.0}, "between frames"), ({"temperature": 310.0}, "a temperature"),
                        ({"pressure_fs": 1.0}, "between pressures"), ({"species": ("EC",) * 80}, "molecules of")]
)  # fmt: skip
def test_replicas_of_different_kinds_are_not_thrown_together(other, says):
    with pytest.raises(RunError, match=says):
        properties(_densities(), [_replica(0), _replica(1), replace(_replica(2), **other)], {})


def test_two_replicas_and_a_few_values_are_no_density():
    assert density(_densities()[:2]).reason == "fewer than 3 replicas"
    assert density([np.ones(20)] * 3).reason == "too short"


def test_the_first_third_does_not_count():
    late = [np.concatenate([np.full(300, 5.0), one[300:]]) for one in _densities()]
    assert density(late) == density(_densities())


def test_names_of_columns_have_no_signs():
    assert [plain(name) for name in ("Li+", "PF6-", "EC")] == ["Li", "PF6", "EC"]


@pytest.mark.parametrize(("picoseconds", "told"), [(9, False), (30, True)])
def test_a_viscosity_takes_ten_picoseconds_however_settled_a_shorter_run_looks(picoseconds, told):
    """What is kept of 9 ps are 6: shear stress that forgets within 20 fs would pass for a plateau there."""
    frames, decay = 1000 * picoseconds, np.exp(-1 / 20)

    def forgetful(seed):
        noise = np.random.default_rng(seed).normal(size=(frames, 3, 3))
        shear = lfilter([np.sqrt(1 - decay**2)], [1, -decay], noise + noise.transpose(0, 2, 1), axis=0)
        return Replica(np.zeros((40, 1, 3)), np.ones(1), ["EC"], 1.0, 1e-3 * shear, 1.0, VOLUME, T)

    eta = properties(_densities(), [forgetful(seed) for seed in range(3)], {"EC": 0})["viscosity"]
    assert eta.defined == told
    assert told or eta.reason == "too short"
