"""A liquid is packed, settled, held at a pressure and at a volume, with a toy of springs and soft spheres."""

from hashlib import sha256

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from matdisc.physics.drivers import run_single
from matdisc.physics.md import Frame
from matdisc.physics.molecules.packing import liquid
from matdisc.physics.molecules.settling import settled
from matdisc.physics.molecules.species import species
from matdisc.tasks.dynamics.simulation import STOPS
from matdisc.tasks.electrolytes.columns import answer_columns
from matdisc.tasks.electrolytes.liquid import liquid_steps
from matdisc.tasks.electrolytes.simulation import Centres, at_density
from matdisc.tasks.seeds import seed_of

COLUMNS = [column.name for column in answer_columns()]


class Toy(Calculator):
    """Springs between all atoms of a molecule; atoms of different molecules repel when close and attract a little."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012

    def __init__(self, name, *, spring=20.0, well=0.06, reach=4.3):
        super().__init__()
        body = species(name).positions
        self.rest = np.linalg.norm(body[:, None] - body[None], axis=-1)
        self.spring, self.well, self.reach = spring, well, reach

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        ids, n, edge = atoms.arrays["molecule"], len(self.rest), atoms.cell.lengths()
        vector = atoms.positions[:, None] - atoms.positions[None]
        same = ids[:, None] == ids[None]
        vector = np.where(same[..., None], vector, vector - edge * np.round(vector / edge))
        distance = np.linalg.norm(vector, axis=-1)
        np.fill_diagonal(distance, 1.0)
        stretch = np.where(same, distance - np.tile(self.rest, (len(ids) // n,) * 2), 0.0)
        np.fill_diagonal(stretch, 0.0)
        near = (distance < self.reach) & ~same
        fall = np.exp(-2 * (distance - 2.6))
        morse, steep = self.well * (fall**2 - 2 * fall), self.well * 4 * (fall - fall**2)
        fade = (1 + np.cos(np.pi * distance / self.reach)) / 2
        fading = -np.pi / self.reach * np.sin(np.pi * distance / self.reach) / 2
        slope = self.spring * stretch + np.where(near, steep * fade + morse * fading, 0.0)
        pairs = (slope / distance)[..., None] * vector
        self.results = {
            "energy": float((self.spring * stretch**2 / 2 + np.where(near, morse * fade, 0.0)).sum() / 2),
            "forces": -pairs.sum(axis=1),
            "stress": full_3x3_to_voigt_6_stress(np.einsum("ija,ijb->ab", pairs, vector) / 2 / atoms.get_volume()),
        }


def _rule(**other):
    settings = {
        "timestep": 1.0, "equilibration_ps": 0.01, "density_ps": 0.05, "sampled_ps": 0.06, "thermostat_fs": 50.0,
        "barostat_fs": 200.0, "replicas": 3, "n_atoms": 60, "seed": 0,
    }  # fmt: skip
    return settings | other


def _inputs(**other):
    return {"counts": {"EC": 6}, "temperature": 313.15, "start_density": 1.2, "electrolytes": _rule(**other)}


@pytest.fixture(scope="module")
def brief():
    return run_single(liquid_steps("EC", _inputs()), Toy("EC"))


def test_a_run_of_a_few_frames_ends_well_and_tells_nothing_but_its_time(brief):
    values, steps = brief
    assert values == {"completed": 1.0, "stop": 0.0, "simulated_ps": pytest.approx(2 / 3 * (0.05 + 0.06))}
    assert steps == 3 * (60 + 10 + 60)


@pytest.mark.slow
def test_a_liquid_at_rest_has_a_density_with_its_error():
    settings = {"equilibration_ps": 0.5, "density_ps": 0.8, "sampled_ps": 0.1}
    values, _ = run_single(liquid_steps("EC", _inputs(**settings) | {"start_density": 1.0}), Toy("EC"))
    assert 0.5 < values["density"] < 1.5
    assert 0 < values["density_error"] < 0.3
    assert set(values) <= set(COLUMNS)
    assert "viscosity" not in values


def test_a_molecule_that_falls_apart_ends_the_liquid():
    values, _ = run_single(liquid_steps("EC", _inputs()), Toy("EC", spring=0.003))
    assert values["completed"] == 0
    assert STOPS[int(values.pop("stop"))] == "bond"
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
