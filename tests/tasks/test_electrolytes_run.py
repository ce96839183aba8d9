"""A liquid is packed, settled, held at a pressure and at a volume, with a toy of springs and soft spheres."""

from hashlib import sha256

import numpy as np
import pytest
from toy_liquid import Toy, inputs

from matdisc.physics.drivers import run_single
from matdisc.physics.md import Frame
from matdisc.physics.molecules.packing import liquid
from matdisc.physics.molecules.settling import settled
from matdisc.tasks.dynamics.simulation import STOPS
from matdisc.tasks.electrolytes.columns import answer_columns
from matdisc.tasks.electrolytes.liquid import liquid_steps
from matdisc.tasks.electrolytes.simulation import Centres, at_density
from matdisc.tasks.seeds import seed_of

COLUMNS = [column.name for column in answer_columns()]


@pytest.fixture(scope="module")
def brief():
    return run_single(liquid_steps("EC", inputs()), Toy("EC"))


def test_a_run_of_a_few_frames_ends_well_and_tells_nothing_but_its_time(brief):
    values, steps = brief
    assert values == {"completed": 1.0, "stop": 0.0, "simulated_ps": pytest.approx(2 / 3 * (0.05 + 0.06))}
    assert steps == 3 * (10 + 60 + 10 + 60)


@pytest.mark.slow
def test_a_liquid_at_rest_has_a_density_with_its_error():
    settings = {"equilibration_ps": 0.5, "density_ps": 0.8, "sampled_ps": 0.1}
    values, _ = run_single(liquid_steps("EC", inputs(**settings) | {"start_density": 1.0}), Toy("EC"))
    assert 0.5 < values["density"] < 1.5
    assert 0 < values["density_error"] < 0.3
    assert set(values) <= set(COLUMNS)
    assert "viscosity" not in values


def test_a_molecule_that_falls_apart_ends_the_liquid():
    values, _ = run_single(liquid_steps("EC", inputs()), Toy("EC", spring=0.003))
    assert values["completed"] == 0
    assert STOPS[int(values.pop("stop"))] in ("bond", "overlap")
    assert set(values) == {"completed", "simulated_ps"}


def test_replicas_and_liquids_have_seeds_of_their_own():
    assert len({seed_of(0, name, i) for name in ("EC", "PC") for i in range(3)}) == 6


def test_seeds_are_those_of_the_results_that_were_published():
    assert seed_of(0, "Al-fcc") == int(sha256(b"0:Al-fcc").hexdigest()[:8], 16)
    assert seed_of(0, "EC", 2) == int(sha256(b"0:EC:2").hexdigest()[:8], 16)


def test_centres_of_mass_are_those_of_ase():
    atoms = liquid({"EC": 3, "PC": 2}, 1.0, seed=3)
    centres = Centres(1, atoms.arrays["molecule"], atoms.get_masses())
    centres.see(Frame(0, 0.0, atoms.positions, atoms.positions, atoms.cell.array, 0, 0, 0, 0, None, 1.0))
    ids = atoms.arrays["molecule"]
    np.testing.assert_allclose(centres.array()[0], [atoms[ids == m].get_center_of_mass() for m in range(5)])
    np.testing.assert_allclose(centres.masses, [88.06] * 3 + [102.09] * 2, atol=0.01)


def test_a_packed_box_settles_downhill():
    atoms = liquid({"EC": 6}, 1.3, seed=4)
    toy = Toy("EC", well=0.05)
    forces = []
    for one in (atoms, run_single(settled(atoms), toy)):
        one.calc = toy
        forces.append(np.linalg.norm(one.get_forces(), axis=1).max())
    assert forces[1] < 1.0 < forces[0]


def test_a_new_density_moves_molecules_and_not_their_atoms():
    atoms = liquid({"EC": 6}, 1.2, seed=5)

    class State:
        positions, cell, velocities = atoms.positions, atoms.cell.array, np.full((60, 3), 1e-3)

    mass = atoms.get_masses().sum()
    box = at_density(atoms, State, 0.9)
    assert mass * 1.66053906660 / box.get_volume() == pytest.approx(0.9)
    for m in range(6):
        one = atoms.arrays["molecule"] == m
        np.testing.assert_allclose(box[one].get_all_distances(), atoms[one].get_all_distances(), atol=1e-9)
    from ase.units import fs

    np.testing.assert_allclose(box.get_velocities() * fs, 1e-3)
