"""EMT alloys: the frozen table against EMT itself, and the split."""

import csv
import random

import numpy as np
import pytest

from matdisc.board import Board, shipped_board
from matdisc.datasets.emt_alloys import METALS, build, material_id
from matdisc.datasets.load import fold_of, load, training_part
from matdisc.errors import DataError

BOARD = Board(shipped_board())
TABLE = BOARD.datasets_dir / "emt-alloys" / "crystals.csv"
MINIMA = TABLE.with_name("minima.csv")


@pytest.fixture(scope="module")
def dataset():
    return load(BOARD, "emt-alloys")


@pytest.fixture(scope="module")
def rows():
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {row["material_id"]: row for row in csv.DictReader(file)}


def emt(crystal):
    from ase import Atoms
    from ase.calculators.emt import EMT

    return Atoms(crystal.symbols, scaled_positions=crystal.positions, cell=crystal.cell, pbc=True, calculator=EMT())


@pytest.mark.slow
def test_emt_reproduces_every_frozen_energy_at_rest(dataset, rows):
    crystals = {f"{el}-fcc": crystal for el, crystal in dataset.reference_crystals.items()}
    crystals |= {s.material_id: s.crystal for s in (*dataset.samples, *dataset.train)}
    assert crystals.keys() == rows.keys()
    for name, crystal in crystals.items():
        atoms = emt(crystal)
        assert atoms.get_potential_energy() / len(atoms) == pytest.approx(
            float(rows[name]["energy_per_atom"]), abs=1e-8
        )
        assert np.abs(atoms.get_forces()).max() < 1e-6
        assert np.abs(atoms.get_stress()).max() * atoms.get_volume() < 1e-6


def test_formation_energies_are_taken_against_the_fcc_elements(dataset, rows):
    for sample in dataset.samples:
        symbols = sample.crystal.symbols
        elements = sum(float(rows[f"{el}-fcc"]["energy_per_atom"]) for el in symbols) / len(symbols)
        energy = float(rows[sample.material_id]["energy_per_atom"])
        assert sample.target["e_form_per_atom"] == pytest.approx(energy - elements, abs=1e-9)


def test_some_alloys_are_stable_and_most_are_not(dataset):
    share = np.mean([s.target["e_above_hull"] <= 0 for s in dataset.samples])
    assert 0.04 < share < 0.25


def test_only_the_lowest_phase_of_a_formula_can_be_stable(dataset):
    lowest = {}
    for sample in (*dataset.samples, *dataset.train):
        lowest.setdefault(sample.crystal.formula, []).append(sample.target)
    for targets in lowest.values():
        stable = [t for t in targets if t["e_above_hull"] <= 0]
        assert len(stable) <= 1
        assert all(t["e_form_per_atom"] == min(x["e_form_per_atom"] for x in targets) for t in stable)


def test_no_chemical_system_is_trained_on_and_scored(dataset):
    scored, seen = {s.group for s in dataset.samples}, {s.group for s in dataset.train}
    assert not scored & seen
    assert {fold_of(group, 5) for group in scored} == {0, 1}
    assert training_part(dataset, None) == list(dataset.train)


def test_the_references_are_the_seven_metals(dataset):
    assert tuple(sorted(dataset.reference_crystals)) == METALS
    assert dataset.references == {}


def test_permuted_labels_change_no_input(dataset, tmp_path, rows):
    labels = [(r["energy_per_atom"], r["e_form_per_atom"], r["e_above_hull"]) for r in rows.values()]
    random.Random(0).shuffle(labels)
    path = tmp_path / "crystals.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, next(iter(rows.values())).keys())
        writer.writeheader()
        for row, (energy, e_form, e_hull) in zip(rows.values(), labels, strict=True):
            writer.writerow(row | {"energy_per_atom": energy, "e_form_per_atom": e_form, "e_above_hull": e_hull})
    permuted = build(BOARD.dataset("emt-alloys"), {"crystals.csv": path, "minima.csv": MINIMA})
    assert [s.without_target() for s in permuted.samples] == [s.without_target() for s in dataset.samples]
    assert [s.target for s in permuted.samples] != [s.target for s in dataset.samples]


def test_an_id_tells_formula_prototype_and_site():
    assert material_id("L1_2", ("Ni", "Al")) == "AlNi3-L1_2"
    assert material_id("C15", ("Ni", "Al")) == "AlNi2-C15"
    assert material_id("C1_b", ("Cu", "Al", "Ni")) == "AlCuNi-C1_b-Cu"


def test_a_prototype_that_does_not_suit_its_row_is_named(tmp_path):
    path = tmp_path / "crystals.csv"
    text = TABLE.read_text(encoding="utf-8").replace(",cscl,Ag Al,", ",cscl,Ag,")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"line 9: field 'prototype'.*2 kinds of sites"):
        build(BOARD.dataset("emt-alloys"), {"crystals.csv": path, "minima.csv": MINIMA})


def test_the_generator_finds_the_frozen_row_again(rows):
    from matdisc.generate.emt_alloys import relaxed

    volumes = {el: float(rows[f"{el}-fcc"]["a_angstrom"]) ** 3 / 4 for el in ("Al", "Ni")}
    found = relaxed("C11_b", ("Al", "Ni"), 1.02 * (2 * volumes["Al"] + volumes["Ni"]) / 3)
    frozen = rows["Al2Ni-C11_b"]
    assert found.energy == pytest.approx(float(frozen["energy_per_atom"]), abs=1e-8)
    assert found.z == pytest.approx(float(frozen["z"]), abs=1e-6)


def test_the_gradient_of_the_generator_is_that_of_its_energy():
    from matdisc.generate.emt_alloys import energy_and_gradient

    x, step = np.array([1.1, 2.2, 0.34]), 1e-5
    _, slopes = energy_and_gradient("C11_b", ("Al", "Ni"), x)
    for index in range(3):
        up, down = (energy_and_gradient("C11_b", ("Al", "Ni"), x + s * step * np.eye(3)[index])[0] for s in (1, -1))
        assert slopes[index] == pytest.approx((up - down) / (2 * step), abs=1e-5)


def test_a_candidate_that_leaves_its_prototype_is_told():
    from matdisc.generate.emt_alloys import Entry, within_bounds

    assert within_bounds(Entry("L1_0", ("Al", "Cu"), 2.8, 4.0, None, 0.0), 2.8) == ""
    assert "c/a" in within_bounds(Entry("L1_0", ("Al", "Cu"), 3.1, 3.1, None, 0.0), 2.8)
