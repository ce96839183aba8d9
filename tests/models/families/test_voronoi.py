"""Fingerprints of Voronoi cells: known crystals, what they do not depend on, the cache; and the forest on them."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.spacegroup import crystal as ase_crystal

from matdisc.formats.atoms import to_crystal
from matdisc.models.families.kept_rows import kept_rows
from matdisc.models.families.voronoi import N_FEATURES, chemical_order, features, load, table
from matdisc.models.load import Question
from matdisc.physics.tessellation import tessellate
from matdisc.schema import Crystal, Sample, Unsupported

ROCKSALT, CAESIUM = bulk("NaCl", "rocksalt", a=5.6), bulk("CsCl", "cesiumchloride", a=4.1)
CUBE = ((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0))
COORDINATION, HETEROGENEITY, ORDER, PACKING, DIFFERENCES = (
    slice(68, 72), slice(72, 80), slice(80, 83), 83, slice(84, 152)
)  # fmt: skip
ASKED = Question("learning", 0.0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path))
    return tmp_path


def _features(atoms):
    return features(to_crystal(atoms))


def _disordered(seed=0):
    rng = np.random.default_rng(seed)
    atoms = Atoms("Na3Cl2O4", scaled_positions=rng.random((9, 3)), cell=5.5 * np.eye(3) + 0.5 * rng.random((3, 3)))
    atoms.pbc = True
    return atoms


def test_the_effective_coordination_of_body_centred_cubic_lies_between_eight_and_fourteen():
    hexagon, square = 3 * np.sqrt(3), 2.0
    expected = (8 * hexagon + 6 * square) ** 2 / (8 * hexagon**2 + 6 * square**2)  # 11.96
    np.testing.assert_allclose(_features(bulk("Fe", "bcc", a=4.0))[COORDINATION], [expected, 0, expected, expected])


@pytest.mark.parametrize(
    ("atoms", "share"),
    [
        (bulk("Po", "sc", a=3.0), np.pi / 6),
        (bulk("Cu", "fcc", a=4.0), np.pi * np.sqrt(2) / 6),
        (bulk("Fe", "bcc", a=3.0), np.pi * np.sqrt(3) / 8),
    ],
)
def test_equal_balls_pack_as_the_textbook_says(atoms, share):
    assert _features(atoms)[PACKING] == pytest.approx(share)


def test_a_simple_crystal_is_not_heterogeneous_and_a_disordered_one_is():
    np.testing.assert_allclose(_features(ROCKSALT)[HETEROGENEITY], [0, 1, 1, 0, 0, 0, 0, 0], atol=1e-9)
    assert (np.abs(_features(_disordered())[HETEROGENEITY]) > 0.005).sum() == 8


def test_steps_in_rocksalt_go_to_the_other_element_and_back_again():
    np.testing.assert_allclose(_features(ROCKSALT)[ORDER], [1, 1, 1])


def test_in_copper_gold_a_third_of_the_neighbours_are_alike():
    layers = Atoms("CuAu", scaled_positions=[(0, 0, 0), (0.5, 0.5, 0.5)], cell=np.diag([4, 4, 4 * np.sqrt(2)]) / 2**0.5)
    layers.pbc = True
    assert _features(layers)[ORDER][0] == pytest.approx(1 / 3)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_chemical_order_is_that_of_all_walks_that_do_not_turn_back(steps):
    atoms = _disordered(seed=2)
    faces = tessellate(atoms.get_positions(), np.array(atoms.cell))
    kinds = np.unique(atoms.symbols, return_inverse=True)[1]
    leaving = [np.flatnonzero(faces.site == i) for i in range(len(atoms))]

    def walks(path):
        if len(path) == steps:
            return [path]
        onwards = [f for f in leaving[faces.neighbour[path[-1]]] if f != faces.opposite[path[-1]]]
        return [walk for face in onwards for walk in walks([*path, face])]

    def chance(walk):
        first = faces.areas[walk[0]] / faces.areas[leaving[faces.site[walk[0]]]].sum()
        for before, face in pairwise(walk):
            others = faces.areas[leaving[faces.site[face]]].sum() - faces.areas[faces.opposite[before]]
            first *= faces.areas[face] / others
        return first

    parameters = []
    for i in range(len(atoms)):
        ends = np.zeros(3)
        for walk in (w for face in leaving[i] for w in walks([face])):
            ends[kinds[faces.neighbour[walk[-1]]]] += chance(walk)
        parameters.append(1 - ends / (np.bincount(kinds) / 9))
    assert chemical_order(faces, kinds, steps) == pytest.approx(np.abs(parameters).mean())


def test_every_neighbour_in_caesium_chloride_is_told_by_its_share_of_the_area():
    hexagon, square = 3 * np.sqrt(3), 2.0
    other = 8 * hexagon / (8 * hexagon + 6 * square)
    electronegativity = _features(CAESIUM)[DIFFERENCES].reshape(4, 17)[:, 1]
    apart = other * (3.16 - 0.79)
    np.testing.assert_allclose(electronegativity, [apart, 0, apart, apart], atol=1e-9)


def _turned(atoms):
    atoms.rotate(37, (1, 2, 3), rotate_cell=True)
    return atoms


def _shuffled(atoms):
    return atoms[[4, 0, 8, 3, 1, 7, 5, 2, 6]]


def _moved(atoms):
    atoms.positions += (0.3, -7.0, 1.1)
    return atoms


def _scaled(atoms):
    atoms.set_cell(atoms.cell * 1.1, scale_atoms=True)
    return atoms


@pytest.mark.parametrize(
    "change", [_turned, _shuffled, _moved, _scaled, lambda a: make_supercell(a, [[1, 1, 0], [-1, 1, 0], [0, 0, 1]])]
)
def test_features_do_not_depend_on_frame_order_origin_scale_or_cell(change):
    np.testing.assert_allclose(_features(change(_disordered())), _features(_disordered()), rtol=1e-6, atol=1e-6)


def test_a_small_displacement_changes_features_a_little():
    wurtzite = ase_crystal(
        ("Zn", "O"), [(1 / 3, 2 / 3, 0), (1 / 3, 2 / 3, 0.38)], spacegroup=186, cellpar=[3.25, 3.25, 5.2, 90, 90, 120]
    )
    moved = wurtzite.copy()
    moved.rattle(1e-4, seed=0)
    np.testing.assert_allclose(_features(moved), _features(wurtzite), atol=0.01)


@pytest.mark.parametrize(
    "crystal",
    [
        Crystal(("Na", "Cl"), ((0.0, 0.0, 0.0),) * 2, CUBE),
        Crystal(("Na",), ((0.0, 0.0, 0.0),), (CUBE[0], CUBE[0], CUBE[2])),
        Crystal(("Na",), ((0.0, 0.0, float("nan")),), CUBE),
        Crystal(("Qq",), ((0.0, 0.0, 0.0),), CUBE),
        Crystal((), (), CUBE),
    ],
    ids=["coinciding", "flat", "not a number", "no element", "no atom"],
)
def test_a_crystal_without_cells_has_no_features_and_no_answer(crystal):
    assert features(crystal) is None
    (answer,) = load(trees=5)(_samples(20), [_sample("odd", crystal)], ASKED)
    assert answer == Unsupported("voronoi-forest has no answer for this crystal")


def test_one_atom_and_sixty_have_features():
    rng = np.random.default_rng(0)
    many = Atoms("Na30Cl30", scaled_positions=rng.random((60, 3)), cell=12 * np.eye(3), pbc=True)
    for atoms in (bulk("Cu"), many):
        assert _features(atoms).shape == (N_FEATURES,)


def test_features_are_made_once_and_come_from_the_cache_then(cache):
    crystals, made = [to_crystal(_disordered(seed)) for seed in range(5)], []

    def row(crystal):
        made.append(crystal)
        return None if crystal == crystals[3] else np.array([crystal.positions[0][0], len(made)])

    first = kept_rows("toy", row, 2, [*crystals, crystals[0]], ["numpy"])
    again = kept_rows("toy", row, 2, crystals[::-1], ["numpy"])
    assert len(made) == 5
    np.testing.assert_array_equal(first[:5], again[::-1])
    np.testing.assert_array_equal(first[5], first[0])
    assert np.isnan(first).all(axis=1).tolist() == [False, False, False, True, False, False]
    for file in cache.rglob("*.npz"):
        file.write_bytes(file.read_bytes()[:40])
    np.testing.assert_array_equal(kept_rows("toy", row, 2, crystals, ["numpy"])[:, 0], first[:5, 0])
    assert len(made) == 10


def test_a_file_of_the_cache_does_not_grow_without_end(cache, monkeypatch):
    monkeypatch.setattr("matdisc.models.families.kept_rows.MOST", 3)
    crystals = [Crystal(("Na",), ((i / 100, 0.0, 0.0),), CUBE) for i in range(100)]
    assert kept_rows("toy", lambda c: np.array(c.positions[0]), 3, crystals, ["numpy"])[:, 0].tolist() == [
        np.float32(i / 100) for i in range(100)
    ]
    assert all(len(np.load(file)["keys"]) <= 3 for file in cache.rglob("*.npz"))


def test_two_processes_may_ask_at_once():
    crystals = [to_crystal(_disordered(seed)) for seed in range(30)]
    with ProcessPoolExecutor(2) as pool:
        one, other = pool.map(table, [crystals[:20], crystals[10:]])
    np.testing.assert_array_equal(np.concatenate([one, other[10:]]), table(crystals))


def _sample(name, crystal, energy=None):
    target = {} if energy is None else {"e_form_per_atom": energy}
    return Sample(name, {"crystal": crystal}, target, crystal.chemical_system)


def _samples(n):
    """Rocksalt at -1 eV/atom and caesium chloride at -2, of the same elements and of several sizes."""
    made = [bulk("NaCl", ("rocksalt", "cesiumchloride")[i % 2], a=(5.6, 3.4)[i % 2] + 0.01 * i) for i in range(n)]
    return [_sample(f"m{i}", to_crystal(atoms), -1.0 - i % 2) for i, atoms in enumerate(made)]


def test_the_forest_tells_structures_of_the_same_composition_apart():
    test = [s.without_target() for s in _samples(24)[20:]]
    answers = load(trees=20)(_samples(20), test, ASKED)
    assert [a["e_form_per_atom"] for a in answers] == pytest.approx([-1, -2, -1, -2], abs=0.1)
    assert all(a["e_form_low"] <= a["e_form_per_atom"] <= a["e_form_high"] for a in answers)


def test_the_same_seed_grows_the_same_forest_and_another_one_another():
    rng = np.random.default_rng(0)
    train = [_sample(f"t{i}", to_crystal(_disordered(i)), float(rng.normal())) for i in range(12)]
    test = [_sample("asked", to_crystal(_disordered(99)))]
    one, again, other = (load(trees=10, seed=seed)(train, test, ASKED)[0] for seed in (0, 0, 1))
    assert one == again
    assert one["e_form_per_atom"] != other["e_form_per_atom"]


def test_the_forest_answers_for_elements_that_it_never_saw():
    (answer,) = load(trees=5)(_samples(20), [_sample("new", to_crystal(CAESIUM))], ASKED)
    assert -2 <= answer["e_form_per_atom"] <= -1


def test_equal_energies_are_learnt_as_they_are():
    train = [_sample(s.material_id, s.crystal, -0.5) for s in _samples(12)]
    (answer,) = load(trees=5)(train, [_samples(1)[0].without_target()], ASKED)
    assert (answer["e_form_low"], answer["e_form_per_atom"], answer["e_form_high"]) == (-0.5, -0.5, -0.5)


def test_without_a_crystal_that_has_cells_nothing_is_learnt():
    flat = Crystal(("Na",), ((0.0, 0.0, 0.0),), (CUBE[0], CUBE[0], CUBE[2]))
    train = [_sample(f"t{i}", flat, -1.0) for i in range(12)]
    assert isinstance(load(trees=5)(train, [_samples(1)[0].without_target()], ASKED)[0], Unsupported)
