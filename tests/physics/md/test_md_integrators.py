"""The integrators keep the laws of mechanics, and agree with ASE's."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.units import fs
from wells import driven, gas, no_forces, ring, springs, wells

from matdisc.physics.drivers import run_single
from matdisc.physics.md import Conditions, Recorder, simulate, thermal_velocities
from matdisc.units import BAR, BOLTZMANN, MASS


def copper(cells=2, temperature=300.0, seed=1):
    atoms = bulk("Cu", cubic=True) * (cells, 1, 1)
    atoms.rattle(0.05, seed=seed)
    atoms.set_velocities(thermal_velocities(atoms, temperature, np.random.default_rng(seed)) / fs)
    return atoms


def conserved(atoms, conditions, steps, answer):
    seen = Recorder(1, ["conserved"])
    driven(simulate(atoms, conditions, steps, seed=0, observers=[seen]), answer)
    return seen.array("conserved")


@pytest.mark.parametrize("mode", [1, 3, 8])
def test_a_normal_mode_swings_with_the_frequency_that_verlet_gives_it(mode):
    atoms, k, dt, n = ring(16), 5.0, 4.0, 16
    omega = 2 * np.sqrt(k / (MASS * atoms.get_masses()[0])) * np.sin(np.pi * mode / n)
    verlet = 2 / dt * np.arcsin(0.5 * omega * dt)
    shape = 0.1 * np.cos(2 * np.pi * mode * np.arange(n) / n)
    start = atoms.positions.copy()
    atoms.positions[:, 1] += shape
    seen = Recorder(1, ["positions", "time_fs"])
    driven(simulate(atoms, Conditions(timestep=dt), 500, seed=0, observers=[seen]), springs(3.0, k))
    expected = np.cos(verlet * seen.array("time_fs"))[:, None] * shape
    np.testing.assert_allclose(seen.array("positions")[:, :, 1] - start[:, 1], expected, atol=1e-9)


@pytest.mark.parametrize("ensemble", ["nve", "nose-hoover", "npt"])
def test_the_error_of_the_conserved_quantity_falls_with_the_square_of_the_time_step(ensemble):
    atoms = ring(16)
    atoms.set_velocities(thermal_velocities(atoms, 500, np.random.default_rng(2)) / fs)
    errors = []
    for dt in (2.0, 1.0):
        c = Conditions(
            ensemble=ensemble, timestep=dt, temperature=500, thermostat_fs=50, barostat_fs=200, pressure_bar=2000
        )
        found = conserved(atoms, c, int(800 / dt), springs(3.0, 5.0, 20.0))
        errors.append(np.std(found))
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize("ensemble", ["nve", "nose-hoover", "npt"])
def test_time_turned_back_leads_to_the_start(ensemble):
    atoms, answer = ring(8), springs(3.0, 5.0, 20.0)
    c = Conditions(ensemble=ensemble, temperature=300, thermostat_fs=30, barostat_fs=100, timestep=2.0)
    first = driven(simulate(atoms, c, 0, seed=3), answer).state
    there = driven(simulate(atoms, c, 200, seed=3, start=first), answer).state
    sign = np.array([[-1.0], [1.0]])
    turned = replace(
        there, velocities=-there.velocities, bath=sign * there.bath, cell_bath=sign * there.cell_bath,
        strain_rate=-there.strain_rate,
    )  # fmt: skip
    back = driven(simulate(atoms, c, 200, seed=3, start=turned), answer).state
    assert np.abs(there.positions - first.positions).max() > 0.05
    np.testing.assert_allclose(back.positions, first.positions, atol=1e-8)
    np.testing.assert_allclose(back.velocities, -first.velocities, atol=1e-9)
    np.testing.assert_allclose(back.cell, first.cell, atol=1e-8)
    np.testing.assert_allclose(back.bath[0], first.bath[0], atol=1e-9)


@pytest.mark.parametrize("ensemble", ["nve", "nose-hoover", "npt"])
def test_momentum_is_conserved(ensemble):
    atoms = copper()
    c = Conditions(ensemble=ensemble, temperature=300, timestep=2.0)
    end = run_single(simulate(atoms, c, 25, seed=0), EMT()).state
    momentum = (MASS * atoms.get_masses()[:, None] * end.velocities).sum(axis=0)
    np.testing.assert_allclose(momentum, 0, atol=1e-9)


@pytest.mark.parametrize("ensemble", ["nve", "nose-hoover", "npt"])
def test_trajectories_are_those_of_ase(ensemble):
    from ase.md.nose_hoover_chain import IsotropicMTKNPT, NoseHooverChainNVT
    from ase.md.verlet import VelocityVerlet

    atoms = copper()
    c = Conditions(
        ensemble=ensemble, temperature=300, timestep=0.5, thermostat_fs=40, barostat_fs=100, pressure_bar=5000,
        dof=3 * len(atoms),
    )  # fmt: skip
    ours = run_single(simulate(atoms, c, 80, seed=0), EMT()).state
    theirs = atoms.copy()
    theirs.calc = EMT()
    if ensemble == "nve":
        md = VelocityVerlet(theirs, 0.5 * fs)
    elif ensemble == "nose-hoover":
        md = NoseHooverChainNVT(theirs, 0.5 * fs, temperature_K=300, tdamp=40 * fs)
    else:
        md = IsotropicMTKNPT(
            theirs, 0.5 * fs, temperature_K=300, pressure_au=5000 * BAR, tdamp=40 * fs, pdamp=100 * fs
        )  # fmt: skip
        md._barostat._R[0] /= 9  # ASE gives the cell's first thermostat the mass for nine degrees of freedom
    md.run(80)
    bound = 1e-7 if ensemble == "nve" else 1e-6
    np.testing.assert_allclose(ours.positions, theirs.positions, atol=bound)
    np.testing.assert_allclose(ours.velocities, theirs.get_velocities() * fs, atol=bound / 10)
    np.testing.assert_allclose(ours.cell, theirs.cell[:], atol=bound)
    assert ensemble != "npt" or np.abs(ours.cell - atoms.cell[:]).max() > 100 * bound


def test_an_ideal_gas_presses_with_its_kinetic_energy_alone():
    atoms = gas(200)
    seen = Recorder(1, ["pressure", "velocities", "volume", "temperature"])
    driven(simulate(atoms, Conditions(temperature=400), 5, seed=1, observers=[seen]), no_forces)
    pressure, velocities = seen.array("pressure")[-1], seen.array("velocities")[-1]
    temperature, volume = seen.array("temperature")[-1], seen.array("volume")[-1]
    assert volume == pytest.approx(8000)
    assert np.trace(pressure) / 3 == pytest.approx(199 * BOLTZMANN * temperature / volume)
    mass = MASS * atoms.get_masses()[0]
    assert pressure[0, 1] == pytest.approx(mass * (velocities[:, 0] * velocities[:, 1]).sum() / volume)


def test_the_pressure_is_the_derivative_of_the_energy_by_the_strain():
    atoms = copper(temperature=0.0)
    seen = Recorder(1, ["pressure", "volume"])
    run_single(simulate(atoms, Conditions(), 0, seed=0, observers=[seen]), EMT())
    energies = []
    for strain in (1e-4, -1e-4):
        other = atoms.copy()
        other.calc = EMT()
        other.set_cell(atoms.cell[:] * (1 + strain), scale_atoms=True)
        energies.append((other.get_potential_energy(), other.get_volume()))
    (up, more), (down, less) = energies
    assert np.trace(seen.array("pressure")[0]) / 3 == pytest.approx(-(up - down) / (more - less), rel=1e-4)


def test_velocities_of_the_structure_are_kept_and_others_drawn_at_the_temperature():
    atoms = copper()
    seen = Recorder(1, ["velocities"])
    run_single(simulate(atoms, Conditions(temperature=900), 0, seed=0, observers=[seen]), EMT())
    np.testing.assert_allclose(seen.array("velocities")[0], atoms.get_velocities() * fs)
    many = gas(3000)
    drawn = thermal_velocities(many, 900, np.random.default_rng(0))
    kinetic = 0.5 * MASS * many.get_masses()[0] * (drawn**2).sum()
    assert kinetic == pytest.approx(1.5 * 2999 * BOLTZMANN * 900, rel=0.03)
    np.testing.assert_allclose(drawn.sum(axis=0), 0, atol=1e-10)
    exact = thermal_velocities(many, 900, np.random.default_rng(0), exact=True)
    assert 0.5 * MASS * many.get_masses()[0] * (exact**2).sum() == pytest.approx(1.5 * 2999 * BOLTZMANN * 900)


def test_the_structure_that_was_given_is_left_alone():
    atoms = copper()
    before = atoms.copy()
    run_single(simulate(atoms, Conditions(ensemble="npt", temperature=300, barostat_fs=50), 20, seed=0), EMT())
    np.testing.assert_array_equal(atoms.positions, before.positions)
    np.testing.assert_array_equal(atoms.cell[:], before.cell[:])


def test_free_atoms_may_fly_without_a_cell():
    atoms = ring(3)
    atoms.pbc = False
    atoms.cell = None
    seen = Recorder(1, ["pressure", "volume"])
    driven(simulate(atoms, Conditions(temperature=10), 3, seed=0, observers=[seen]), wells(atoms.positions.copy(), 1.0))
    assert np.isnan(seen.array("pressure")).all()
    assert np.isnan(seen.array("volume")).all()
