"""The ensembles have the averages and the fluctuations that statistical mechanics gives them."""

import numpy as np
import pytest
from wells import bulk_only, driven, gas, ring, springs, wells

from matdisc.physics.md import Conditions, Recorder, simulate
from matdisc.units import BAR, BOLTZMANN, MASS


def test_langevin_samples_a_harmonic_well_exactly_in_space_even_with_long_steps():
    # BAOAB: <x^2> = kT/k at any step; <v^2> = kT/m (1 - (omega dt)^2/4) (Leimkuhler and Matthews 2013)
    atoms, k, kt = gas(200), 2.0, BOLTZMANN * 300
    mass = MASS * atoms.get_masses()[0]
    dt = 1.0 / np.sqrt(k / mass)
    places = atoms.positions.copy()
    c = Conditions(ensemble="langevin", temperature=300, timestep=dt, friction=0.5 / dt)
    seen = Recorder(2, ["positions", "velocities"])
    driven(simulate(atoms, c, 2500, seed=1, observers=[seen]), wells(places, k))
    away, velocities = seen.array("positions")[50:] - places, seen.array("velocities")[50:]
    assert (away**2).mean() == pytest.approx(kt / k, rel=0.015)
    assert (velocities**2).mean() == pytest.approx(0.75 * kt / mass, rel=0.015)


def test_without_friction_to_speak_of_langevin_is_verlet():
    atoms = ring(8)
    atoms.positions[0, 1] += 0.1
    ends = [
        driven(simulate(atoms, c, 100, seed=1), springs(3.0, 5.0)).state.positions
        for c in (Conditions(), Conditions(ensemble="langevin", temperature=1e-5, friction=1e-12))
    ]
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("ensemble", ["langevin", "nose-hoover"])
def test_the_kinetic_energy_has_the_mean_and_the_variance_of_the_canonical_ensemble(ensemble):
    atoms, t = ring(16), 300
    c = Conditions(ensemble=ensemble, temperature=t, timestep=4.0, friction=0.02, thermostat_fs=100)
    seen = Recorder(5, ["kinetic"])
    driven(simulate(atoms, c, 40000, seed=4, observers=[seen]), springs(3.0, 5.0, 200.0))
    kinetic, dof = seen.array("kinetic")[400:], c.degrees(16)
    assert kinetic.mean() == pytest.approx(0.5 * dof * BOLTZMANN * t, rel=0.02)
    assert kinetic.var() == pytest.approx(0.5 * dof * (BOLTZMANN * t) ** 2, rel=0.15)


@pytest.mark.slow
def test_a_nose_hoover_chain_samples_a_single_oscillator():
    # what a single thermostat without a chain fails to do
    atoms, k, t = gas(1), 2.0, 300
    places = atoms.positions.copy()
    c = Conditions(ensemble="nose-hoover", temperature=t, timestep=5.0, thermostat_fs=50, chain=4)
    seen = Recorder(2, ["positions"])
    driven(simulate(atoms, c, 60000, seed=2, observers=[seen]), wells(places, k))
    assert ((seen.array("positions") - places) ** 2).mean() == pytest.approx(BOLTZMANN * t / k, rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("pressure", [1.0, 20000.0])
def test_npt_finds_the_volumes_of_a_gas_in_an_elastic_cell(pressure):
    # p(V) ~ V^(n-1) exp(-(U(V) + PV)/kT), as the resting centre of mass takes one atom's worth
    atoms, t, modulus = gas(32, edge=12.0), 300, 0.05
    volume0, kt = atoms.get_volume(), BOLTZMANN * t
    v = np.linspace(0.3, 2.0, 20001) * volume0
    log = 31 * np.log(v) - (0.5 * modulus * (v - volume0) ** 2 / volume0 + pressure * BAR * v) / kt
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    mean = float((weight * v).sum())
    variance = float((weight * (v - mean) ** 2).sum())
    c = Conditions(
        ensemble="npt", temperature=t, timestep=2.0, thermostat_fs=50, barostat_fs=100, pressure_bar=pressure
    )
    seen = Recorder(5, ["volume"])
    driven(simulate(atoms, c, 40000, seed=3, observers=[seen]), bulk_only(volume0, modulus))
    found = seen.array("volume")[500:]
    assert found.mean() == pytest.approx(mean, rel=0.003)
    assert found.var() == pytest.approx(variance, rel=0.15)
    compliance = found.var() / (kt * found.mean())  # the isothermal compressibility
    assert 1 / compliance == pytest.approx(modulus * mean / volume0 + 31 * kt / mean, rel=0.2)
