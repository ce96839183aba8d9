"""Cubic perovskites: own rebuild against the mirror's derived file, flags, folds and scales."""

import csv
import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from matdisc.board import Board, shipped_board
from matdisc.datasets.load import fold_of, load, training_part
from matdisc.datasets.mp_abc3 import COLUMNS, parse_composition, read_references, samples_of
from matdisc.errors import DataError

BOARD = Board(shipped_board())
FORBIDDEN = {"energy", "hull", "formation", "stable", "gap", "magnet", "density", "modulus", "volume"}

mirror = pytest.mark.mirror
needs_mirror = pytest.mark.skipif("MATDISC_MIRROR" not in os.environ, reason="MATDISC_MIRROR is not set")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("MATDISC_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield load(BOARD, "mp-abc3-cubic")
    patch.undo()


def small(tmp_path, *, composition="Ba1 Ti1 O3", a_site="Ba", total=-7.0, mp_id="mp-1"):
    row = {"mp_id": mp_id, "composition": composition, "sites": 5, "space_group": "Pm-3m"}
    values = dict(zip(COLUMNS, [*row.values(), -3.0, 0.0, total, 64.0], strict=True))
    table, sites, references = tmp_path / "t.csv", tmp_path / "s.csv", tmp_path / "r.json.gz"
    table.write_text(",".join(values) + "\n" + ",".join(map(str, values.values())) + "\n", encoding="utf-8")
    sites.write_text(f"mp_id,A_site\n{mp_id},{a_site}\n", encoding="utf-8")
    entries = {el: {"energy": -8.0, "composition": {el: 2.0}} for el in ("Ba", "Ti", "O")}
    references.write_bytes(gzip.compress(json.dumps(entries).encode()))
    return table, sites, references


@pytest.mark.parametrize(
    ("system", "fold"), [("Ac-Al-O", 4), ("Ba-O-Ti", 1), ("Ca-O-Ti", 0), ("Cs-I-Pb", 1), ("F-K-Mg", 4)]
)
def test_folds_are_those_of_the_hash(system, fold):
    assert fold_of(system, 5) == fold


def test_a_row_becomes_a_cube_of_its_volume(tmp_path):
    (sample,) = samples_of(*small(tmp_path), n_folds=5)
    assert sample.crystal.symbols == ("Ba", "Ti", "O", "O", "O")
    assert sample.crystal.cell[0] == pytest.approx((4.0, 0.0, 0.0))
    assert (sample.group, sample.fold) == ("Ba-O-Ti", 1)
    assert sample.target == {"e_form_per_atom": -3.0, "e_above_hull": 0.0}


def test_h3ci_is_hydrogen_carbon_and_iodine():
    assert parse_composition("H3 C1 I1") == {"H": 3, "C": 1, "I": 1}


@pytest.mark.parametrize("text", ["H3CI", "H3 C", "h3", "O1 O3"])
def test_a_formula_that_is_not_spaced_is_refused(text):
    with pytest.raises(ValueError, match="not a formula"):
        parse_composition(text)


@pytest.mark.parametrize(("total", "flags"), [(-7.0, ("overlap_likely",)), (-8.2, ("mixed_r2scan", "overlap_likely"))])
def test_a_total_far_below_its_formation_energy_is_on_the_other_scale(tmp_path, total, flags):
    assert samples_of(*small(tmp_path, total=total), n_folds=5)[0].flags == flags


def test_a_new_id_is_not_flagged_as_known(tmp_path):
    assert samples_of(*small(tmp_path, mp_id="mp-2000001"), n_folds=5)[0].flags == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"a_site": "O"}, "field 'A_site' .value 'O'. is not one of Ba and Ti"),
        ({"composition": "Ba1 Po1 O3"}, "Po, which has no reference energy"),
        ({"composition": "Ba2 O3"}, "not one, one and three"),
        ({"composition": "BaTiO3"}, "field 'composition'"),
    ],
)
def test_a_row_that_cannot_be_built_is_named(tmp_path, change, words):
    with pytest.raises(DataError, match=words):
        samples_of(*small(tmp_path, **change), n_folds=5)


def test_references_that_are_no_table_are_refused(tmp_path):
    path = tmp_path / "r.json.gz"
    path.write_bytes(b"not gzip")
    with pytest.raises(DataError, match="not a table of elemental reference entries"):
        read_references(path)


def test_a_main_group_oxide_is_corrected_by_its_three_oxygen_atoms():
    from matdisc.datasets.corrections import correction
    from matdisc.datasets.prototypes import perovskite

    assert correction(perovskite("Sr", "Ti", "O", 3.9)) == pytest.approx(3 * -0.687)
    assert correction(perovskite("Ca", "Fe", "O", 3.84)) == pytest.approx(3 * -0.687 - 2.256)
    assert correction(perovskite("N", "Mg", "Fe", 3.8)) == pytest.approx(-0.361)


@mirror
@needs_mirror
def test_the_rebuild_equals_the_derived_file(dataset):
    path = Path(os.environ["MATDISC_MIRROR"]) / "mp-abc3" / "abc3_cubic_structures_1367.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [s.material_id for s in dataset.samples] == [row["mp_id"] for row in rows]
    for sample, row in zip(dataset.samples, rows, strict=True):
        sites = dict(zip(sample.crystal.positions, sample.crystal.symbols, strict=True))
        assert (sites[0, 0, 0], sites[0.5, 0.5, 0.5]) == (row["A_site"], row["B_site"])
        assert {sites[0.5, 0.5, 0], sites[0.5, 0, 0.5], sites[0, 0.5, 0.5]} == {row["X_site"]}
        assert sample.crystal.cell[0][0] == pytest.approx(float(row["a_angstrom"]), abs=1e-5)
        assert sample.target["e_form_per_atom"] == float(row["e_form_mp_ev_atom"])
        assert sample.target["e_above_hull"] == float(row["e_above_hull_mp_ev_atom"])
        assert ("mixed_r2scan" in sample.flags) == (row["mixed_r2scan_row"] == "True")


@mirror
@needs_mirror
def test_counts_folds_and_references_are_the_documented_ones(dataset):
    folds = Counter(s.fold for s in dataset.samples)
    assert [folds[k] for k in range(5)] == [281, 286, 264, 275, 261]
    assert len({s.group for s in dataset.samples}) == 1282
    assert sum("mixed_r2scan" in s.flags for s in dataset.samples) == 162
    assert len(dataset.references) == 89
    assert dataset.references["O"] == pytest.approx(-4.94669, abs=1e-5)
    hull = [s.target["e_above_hull"] for s in dataset.samples]
    assert sum(x <= 0 for x in hull) / 1367 == pytest.approx(0.159, abs=5e-4)
    assert sum(x <= 0.05 for x in hull) / 1367 == pytest.approx(0.261, abs=5e-4)


@mirror
@needs_mirror
def test_no_forbidden_column_reaches_the_inputs(dataset):
    for sample in dataset.samples:
        assert set(sample.inputs) == {"crystal", "compound", "prototype"}
        assert not any(word in key for key in sample.inputs for word in FORBIDDEN)
        assert sample.without_target().target == {}
        assert sample.without_target().inputs is sample.inputs


@mirror
@needs_mirror
def test_no_chemical_system_is_trained_on_and_scored(dataset):
    for fold in range(5):
        seen = {s.group for s in training_part(dataset, fold)}
        assert not seen & {s.group for s in dataset.samples if s.fold == fold}


@mirror
@needs_mirror
def test_every_material_has_the_correction_of_its_anions(dataset):
    assert dataset.corrections.keys() == {s.material_id for s in dataset.samples}
    hubbard = {"Co", "Cr", "Fe", "Mn", "Mo", "Ni", "V", "W"}
    oxides = [s for s in dataset.samples if s.crystal.composition.get("O") == 3 and not hubbard & {*s.crystal.symbols}]
    others = {"Br", "Cl", "F", "H", "I", "N", "S", "Sb", "Se", "Si", "Te"}
    simple = [s for s in oxides if not others & {*s.crystal.symbols}]
    assert len(simple) > 500
    assert {dataset.corrections[s.material_id] for s in simple} == {round(3 * -0.687, 6)}
