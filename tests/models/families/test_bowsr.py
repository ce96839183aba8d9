"""Optimisation of shapes by energies: known minima, no free parameter, damaged crystals, and the family's own row."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.spacegroup import crystal as ase_crystal

from matdisc.errors import CardError
from matdisc.formats.atoms import to_atoms, to_crystal
from matdisc.models.families import bowsr
from matdisc.models.families.bowsr import following, lowest, relaxed
from matdisc.models.families.family import Family, Learnt, Training, predictor
from matdisc.models.load import Question
from matdisc.physics.shapes import shapes
from matdisc.schema import Crystal, Sample, Unsupported

ARGON = 5.258
"""Lattice constant, Å, at the lowest energy of `_lennard_jones`, from a scan in steps of 0.001."""
CUBE = ((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0))
FLAT = Crystal(("Na",), ((0.0, 0.0, 0.0),), (CUBE[0], CUBE[0], CUBE[2]))
ASKED = Question("learning", 0.0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path))


def _lennard_jones(crystals):
    calculator = LennardJones(sigma=3.4, epsilon=0.0104, rc=10.2, smooth=True)
    return np.array([calculator.get_potential_energy(a) / len(a) for a in map(to_atoms, crystals)])


def _volume(crystal):
    return abs(np.linalg.det(crystal.cell)) / len(crystal.symbols)


def _argon(a):
    return to_crystal(bulk("Ar", "fcc", a=a, cubic=True))


def test_the_scan_of_the_toy_energy_has_its_minimum_where_it_is_said():
    low, best, high = _lennard_jones([_argon(a) for a in (ARGON - 0.002, ARGON, ARGON + 0.002)])
    assert best < min(low, high)


@pytest.mark.parametrize("start", [4.9, 5.258, 5.6])
def test_the_lattice_constant_of_argon_is_found_to_within_one_percent(start):
    (best,) = lowest([shapes(_argon(start)).within(0.1, 0.2)], _lennard_jones, 30)
    assert (4 * _volume(best)) ** (1 / 3) == pytest.approx(ARGON, rel=0.01)


def test_lattice_and_wyckoff_parameters_are_found_together():
    rutile = ase_crystal(("Ti", "O"), [(0, 0, 0), (0.3, 0.3, 0)], spacegroup=136, cellpar=[4.6, 4.6, 3.0, 90, 90, 90])
    target = np.array([0.4, -0.3, 0.5])
    free = shapes(to_crystal(rutile)).within(0.05, 0.2)
    goal = to_atoms(free.crystal(target))

    def energy(crystals):
        return np.array([_apart(to_atoms(c), goal) for c in crystals])

    (best,) = lowest([free], energy, 30)
    start = energy([free.crystal(np.zeros(3))])[0]
    assert energy([best])[0] < 0.03 * start


def _apart(atoms, goal):
    positions, theirs = atoms.get_scaled_positions(wrap=False), goal.get_scaled_positions(wrap=False)
    return ((atoms.cell[:] - goal.cell[:]) ** 2).sum() + (((positions - theirs) @ goal.cell[:]) ** 2).sum()


def test_of_two_crystals_each_is_optimised_as_if_alone():
    free = [shapes(_argon(a)).within(0.1, 0.2) for a in (5.0, 5.5)]
    assert lowest(free, _lennard_jones, 12) == [lowest([one], _lennard_jones, 12)[0] for one in free]


def test_no_more_shapes_are_tried_than_the_budget_allows_and_fewer_of_simple_crystals():
    asked = []

    def energy(crystals):
        asked.extend(crystals)
        return np.zeros(len(crystals))

    lowest([shapes(_argon(5.2))], energy, 100)
    assert len(asked) == 6 + 4
    asked.clear()
    lopsided = Atoms("NaClO", scaled_positions=np.random.default_rng(0).random((3, 3)), cell=CUBE, pbc=True)
    lowest([shapes(to_crystal(lopsided))], energy, 15)
    assert len(asked) == 15


def test_without_a_free_parameter_the_crystal_is_asked_about_as_it_is():
    crystals = [_argon(5.0), _argon(5.5)]
    np.testing.assert_allclose(relaxed(crystals, _lennard_jones, 30, 0.0, 0.2)[0], _lennard_jones(crystals))


def test_the_answer_is_never_above_the_energy_of_the_crystal_itself():
    crystals = [_argon(a) for a in (4.9, 5.2, 5.6)]
    assert (relaxed(crystals, _lennard_jones, 8, 0.1, 0.2)[0] <= _lennard_jones(crystals) + 1e-12).all()


def test_a_crystal_without_shape_or_energy_has_no_answer_and_leaves_the_others():
    def energy(crystals):
        return np.array([np.nan if c.symbols[0] == "Ne" else _volume(c) for c in crystals])

    found = relaxed([FLAT, to_crystal(bulk("Ne", "fcc", a=4.4)), _argon(5.0)], energy, 12, 0.1, 0.2)
    assert np.isnan(found[0]).tolist() == [True, True, False]
    assert found[0, 2] == pytest.approx(125 / 4 * np.exp(-0.3), rel=1e-6)
    assert relaxed([], energy, 12, 0.1, 0.2).shape == (1, 0)
    assert np.isnan(relaxed([FLAT], energy, 12, 0.1, 0.2)).tolist() == [[True]]


def test_a_shape_without_an_energy_is_no_minimum():
    def energy(crystals):
        return np.array([np.nan if _volume(c) < 30 else _volume(c) for c in crystals])

    (found,) = relaxed([_argon(5.0)], energy, 12, 0.1, 0.2)[0]
    assert 30 <= found <= 125 / 4


def test_equal_energies_are_no_error():
    points = np.array([[0.0], [0.5], [-0.5], [0.9], [0.1]])
    assert np.abs(following(points, np.zeros(5))).max() <= 1


def _volumes(members=2, seed=0):
    """Energy by the volume, -1 eV/atom where it is 30 Å^3 to the atom; two members that lie 0.2 eV/atom apart."""

    def fit(training):
        sum(range(1_000_000))
        return lambda crystals: np.array([(_volume(c) / 30 - 1) ** 2 - 1.1 + 0.2 * training.seed for c in crystals])

    return predictor("volumes", fit, packages=("numpy",), members=members, seed=seed, reads_properties=True)


@pytest.fixture
def volumes(monkeypatch):
    module = ModuleType("matdisc.models.families.volumes")
    module.load = _volumes
    monkeypatch.setitem(sys.modules, module.__name__, module)


def _samples(n):
    return [_sample(f"t{i}", _argon(5.0 + i / 100), -1.0) for i in range(n)]


def _sample(name, crystal, energy=None):
    target = {} if energy is None else {"e_form_per_atom": energy}
    return Sample(name, {"crystal": crystal}, target, crystal.chemical_system)


@pytest.mark.usefixtures("volumes")
def test_the_family_relaxes_with_the_mean_of_the_members_and_tells_their_spread():
    family = bowsr.load(energy="volumes", strain=0.1)
    relaxed_, flat = family(_samples(12), [_sample("asked", _argon(5.1)), _sample("flat", FLAT)], ASKED)
    assert relaxed_["e_form_per_atom"] == pytest.approx(-1.0, abs=1e-3)
    assert relaxed_["e_form_high"] - relaxed_["e_form_low"] == pytest.approx(2 * 1.645 * 0.2 / 2**0.5, rel=0.01)
    assert flat == Unsupported("bowsr has no answer for this crystal")


@pytest.mark.usefixtures("volumes")
def test_what_the_other_family_learnt_is_shared_with_its_own_row(tmp_path):
    _volumes()(_samples(12), _samples(1), ASKED)
    bowsr.load(energy="volumes")(_samples(12), _samples(1), ASKED)
    assert len(list((tmp_path / "trained" / "volumes").iterdir())) == 2
    assert bowsr.load(energy="volumes")(_samples(12), _samples(1), ASKED)[0]["training_seconds"] > 0


@pytest.mark.parametrize("name", ["nobody", "kept_rows"])
def test_an_unknown_family_of_energies_is_named_with_a_remedy(name):
    with pytest.raises(CardError, match=f"'energy' is '{name}' and no family; name one .* 'cgcnn'"):
        bowsr.load(energy=name)


def test_a_folder_outside_the_cache_holds_all_that_predicts_again(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(Family, "learn", lambda self, samples, seed, folder=None: seen.append(folder) or Learnt(len, 0))
    bowsr._learnt(_volumes(), Training((FLAT,), np.zeros(1), 0, tmp_path / "trained" / "bowsr" / "x"))
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "cache"))
    bowsr._learnt(_volumes(), Training((FLAT,), np.zeros(1), 0, tmp_path / "mine"))
    assert seen == [None, None, tmp_path / "mine" / "energy-0", tmp_path / "mine" / "energy-1"]
