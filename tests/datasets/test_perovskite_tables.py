"""Tables of ABX3 compounds: what is read, what is refused, and what the public sets hold."""

import csv
import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from matdisc.datasets import load, perov5
from matdisc.datasets.csv_rows import read_rows
from matdisc.datasets.perovskites import (
    AUTHORS,
    MP,
    OQMD,
    build_experiments,
    build_mp,
    build_oqmd,
    element,
    exclusions,
    flags_of_sites,
    parse_formula,
    read_table,
    sites_of,
)
from matdisc.datasets.splits import checked_folds
from matdisc.elements import ELEMENTS
from matdisc.errors import DataError
from matdisc.physics.perovskites import sites_by_radius

HEADER = "entry_id,name,formula,spacegroup,crystal_structure,band_gap,is_metal,energy_above_hull,is_stable,delta_e"
BATIO3 = "7,BaTiO3,Ba2O6Ti2,P4mm,tetragonal,1.7,False,0.01,False,-3.4"

mirror = pytest.mark.mirror
needs_mirror = pytest.mark.skipif("MATDISC_MIRROR" not in os.environ, reason="MATDISC_MIRROR is not set")


def table(tmp_path, *rows, header=HEADER):
    path = tmp_path / "table.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def card(*files, n_folds=5):
    names = [SimpleNamespace(name=name) for name in files]
    return SimpleNamespace(key="mine", files=names, split=SimpleNamespace(n_folds=n_folds))


def test_a_row_becomes_a_formula_and_its_labels(tmp_path):
    (sample,) = build_oqmd(card("t"), {"t": table(tmp_path, BATIO3)}).samples
    assert sample.material_id == "oqmd-7"
    assert sample.inputs == {
        "composition": {"Ba": 1, "O": 3, "Ti": 1},
        "sites": {"A": "Ba", "B": "Ti", "X": "O"},
        "compound": "BaO3Ti",
    }
    expected = {"e_form_per_atom": -3.4, "e_above_hull": 0.01, "band_gap": 1.7, "crystal_system": 1.0}
    assert sample.target == expected
    assert (sample.group, sample.fold, sample.flags) == ("Ba-O-Ti", 1, ())


def test_a_gap_that_is_not_given_is_missing_and_no_metal(tmp_path):
    (sample,) = read_table(table(tmp_path, BATIO3.replace("1.7", "")), OQMD)
    assert "band_gap" not in sample.target


def test_the_authors_own_file_gives_the_same_sample_whatever_its_other_columns(tmp_path):
    header = "name,entry_id,icsd_id,sg,cs,cs1,feature,volume,Ef,Eg,Es"
    own = table(tmp_path, "BaTiO3,7,,99,tetragonal,3,0.92,64.0,-3.4,1.7,0.01", header=header)
    (theirs,) = read_table(own, AUTHORS)
    (ours,) = read_table(table(tmp_path, BATIO3), OQMD)
    assert theirs == ours


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("BaTiO3", "Ba2TiO4", "field 'name' .*'Ba2TiO4'.* is no ABX3 compound .*leave the row out"),
        ("BaTiO3", "BaTiQ3", "has 'Q', which is no element"),
        ("BaTiO3", "batio3", "is no formula"),
        ("BaTiO3", "BaBaO3", "names an element twice"),
        ("BaTiO3", "NaNi3N", "is an anti-perovskite"),
        ("tetragonal", "amorphous", "is no crystal system; allowed: cubic"),
        ("-3.4", "-328.0", "is not between -10 and 10 eV/atom; give it in that unit"),
        ("0.01", "-0.01", "is not between 0 and 10 eV/atom"),
        ("1.7", "1700", "is not between 0 and 20 eV;"),
        ("-3.4", "low", "is not a number"),
    ],
)
def test_what_cannot_be_read_is_refused_with_line_field_and_remedy(tmp_path, old, new, said):
    with pytest.raises(DataError, match=f"line 2.*{said}"):
        read_table(table(tmp_path, BATIO3.replace(old, new)), OQMD)


def test_an_id_that_occurs_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match="stands in line 2 already"):
        read_table(table(tmp_path, BATIO3, BATIO3), OQMD)


def test_spaces_and_multiples_do_not_change_a_formula():
    assert parse_formula("CaTiO3") == parse_formula("Ca1 Ti1 O3") == parse_formula("Ca2Ti2O6")
    assert parse_formula("H3 C1 I1") == {"H": 3, "C": 1, "I": 1}


def test_the_larger_ion_is_on_a_and_the_order_of_the_formula_does_not_matter():
    assert sites_of(parse_formula("TiBaO3")) == sites_of(parse_formula("BaTiO3")) == {"A": "Ba", "B": "Ti", "X": "O"}


def test_flags_name_what_is_no_perovskite_of_ions():
    assert flags_of_sites({"A": "La", "B": "In", "X": "La"}) == ("anti_perovskite", "unbalanced")
    assert flags_of_sites({"A": "Na", "B": "K", "X": "O"}) == ("unbalanced",)
    assert flags_of_sites({"A": "Na", "B": "Nb", "X": "O"}) == ()


def test_radii_electronegativities_and_charges_are_those_of_pymatgen():
    from pymatgen.core import Element

    noble = {"He", "Ne", "Ar", "Kr", "Xe", "Rn"}
    for symbol in sorted(set(ELEMENTS.split()) - noble):
        ours, theirs = element(symbol), Element(symbol)
        assert ours.radius == pytest.approx(float(theirs.average_ionic_radius), abs=1e-6)
        assert ours.electronegativity == theirs.X
        assert ours.charges == theirs.oxidation_states


def mp_row(mp_id="mp-1", e_form=-3.0, volume=60.0):
    values = {"mp_id": mp_id, "composition": "Ba1 Ti1 O3", "crystal_system": "trig", "sites": 5}
    energies = dict(zip(MP.targets.values(), (e_form, 0.0 if e_form else "", 1.7), strict=True))
    return {**values, **energies, "energy_per_atom (eV/atom)": -8.0, "volume (cubic-angstrom)": volume}


def mp_table(tmp_path, *rows):
    text = [",".join(map(str, row.values())) for row in rows]
    return table(tmp_path, *text, header=",".join(rows[0]))


def test_rows_without_energies_and_cells_that_fell_apart_are_left_out_by_name(tmp_path):
    path = mp_table(tmp_path, mp_row(), mp_row("mp-2", e_form=""), mp_row("mp-3", volume=300.1))
    assert exclusions(read_rows(path, ())) == {"mp-2": "no energies", "mp-3": "more than 60 Å^3/atom"}


def test_perovskites_by_experiment_keep_the_authors_sites_and_split(tmp_path):
    header = "ABX3,exp_label,is_train,A,B,X,tau_prob"
    path = table(tmp_path, "CoCrO3,-1.0,1,Co,Cr,O,0.1", "SrTiO3,1.0,-1,Sr,Ti,O,0.7", header=header)
    first, second = build_experiments(card("t"), {"t": path}).samples
    assert first.inputs["sites"] == {"A": "Co", "B": "Cr", "X": "O"}
    assert (first.target, second.target) == ({"perovskite": 0.0}, {"perovskite": 1.0})
    assert [sample.inputs["folds"]["authors"] for sample in (first, second)] == [-1, 0]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("SrTiO3,2.0,1,Sr,Ti,O", "'exp_label'.* is neither 1 nor -1"),
        ("SrTiO3,1.0,0,Sr,Ti,O", "'is_train'.* is neither 1 nor -1"),
        ("SrTiO3,1.0,1,Sr,Zr,O", "does not have Sr, Zr, O on A, B and X"),
    ],
)
def test_contradictions_of_experiments_are_refused(tmp_path, row, said):
    path = table(tmp_path, row, header="ABX3,exp_label,is_train,A,B,X")
    with pytest.raises(DataError, match=said):
        build_experiments(card("t"), {"t": path})


CIF = """data_{name}
_cell_length_a 4.0
_cell_length_b 4.0
_cell_length_c 4.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
 _atom_site_type_symbol
 _atom_site_label
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
{a} {a}0 0 0 0
{b} {b}1 0.5 0.5 0.5
O O2 0.5 0.5 0
O O3 0.5 0 0.5
O O4 0 0.5 0.5
"""


def cells(folder, name, *rows):
    path = folder / name
    lines = [f'{number},"{CIF.format(name="x", a=a, b=b)}",{heat},{heat}' for number, a, b, heat in rows]
    path.write_text("\n".join(["material_id,cif,heat_all,heat_ref", *lines]) + "\n", encoding="utf-8")
    return path


def test_the_train_part_of_perov_5_has_no_chemical_system_of_the_test_file(tmp_path):
    test = cells(tmp_path, "test.csv", (1, "Ba", "Ti", 0.1))
    val = cells(tmp_path, "val.csv", (2, "Ti", "Ba", 2.0), (3, "Ca", "Ti", 0.3))
    dataset = perov5.build(card("test", "val"), {"test": test, "val": val})
    assert [s.material_id for s in dataset.samples] == ["perov-1"]
    assert [s.material_id for s in dataset.train] == ["perov-3"]
    assert dataset.samples[0].target == {"e_form_per_atom": 0.1, "e_above_hull": 0.1}
    assert dataset.samples[0].crystal.composition == {"Ba": 1, "O": 3, "Ti": 1}


def test_a_cell_in_both_files_of_perov_5_is_refused(tmp_path):
    paths = {name: cells(tmp_path, name, (1, "Ba", "Ti", 0.1)) for name in ("test", "val")}
    with pytest.raises(DataError, match="perov-1 is in both files"):
        perov5.build(card("test", "val"), paths)


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    from matdisc.board import Board, shipped_board

    patch = pytest.MonkeyPatch()
    patch.setenv("MATDISC_CACHE", str(tmp_path_factory.mktemp("cache")))
    board = Board(shipped_board())
    yield {key: (board.dataset(key), load(board, key)) for key in ("oqmd-abx3", "mp-abc3", "perovskite-experiment")}
    patch.undo()


@mirror
@needs_mirror
@pytest.mark.parametrize(
    ("key", "rows", "groups", "sizes"),
    [
        ("oqmd-abx3", 16316, 3499, [3170, 3428, 3401, 3126, 3191]),
        ("mp-abc3", 4547, 2649, [842, 989, 887, 889, 940]),
        ("perovskite-experiment", 576, 576, [116, 113, 140, 99, 108]),
    ],
)
def test_public_sets_have_the_rows_groups_and_folds_of_their_audit(public, key, rows, groups, sizes):
    card, dataset = public[key]
    counts = Counter(sample.fold for sample in dataset.samples)
    assert len(dataset) == rows
    assert len({sample.group for sample in dataset.samples}) == groups
    assert [counts[fold] for fold in range(5)] == sizes
    for protocol, sha256 in card.splits.items():
        assert checked_folds(dataset, protocol, sha256)


@mirror
@needs_mirror
@pytest.mark.parametrize(("key", "layout"), [("oqmd-abx3", OQMD), ("mp-abc3", MP)])
def test_inputs_stay_when_labels_and_forbidden_columns_are_those_of_another_row(public, tmp_path, key, layout):
    card, _ = public[key]
    with (Path(os.environ["MATDISC_MIRROR"]) / card.files[0].mirror).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:300]
    assert set(card.columns) == set(rows[0])
    hidden = [name for name, column in card.columns.items() if column.role in ("target", "forbidden")]
    moved = [row | {name: other[name] for name in hidden} for row, other in zip(rows, rows[::-1], strict=True)]
    for name, content in (("as-it-is.csv", rows), ("moved.csv", moved)):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(content)
    before, after = (
        read_table(tmp_path / name, layout, anti_perovskites=True) for name in ("as-it-is.csv", "moved.csv")
    )
    assert [sample.without_target() for sample in before] == [sample.without_target() for sample in after]
    assert [sample.target for sample in before] != [sample.target for sample in after]


@mirror
@needs_mirror
def test_formation_energy_and_hull_distance_give_each_other_away(public):
    for key, most in (("oqmd-abx3", 1e-6), ("mp-abc3", 1e-9)):
        constants = {}
        for sample in public[key][1].samples:
            found = sample.target["e_form_per_atom"] - sample.target["e_above_hull"]
            constants.setdefault(sample.inputs["compound"], []).append(found)
        assert max(max(found) - min(found) for found in constants.values()) < most


@mirror
@needs_mirror
def test_ten_rows_of_the_materials_project_are_left_out_and_564_are_of_mixed_scale(public):
    rows = read_rows(Path(os.environ["MATDISC_MIRROR"]) / "mp-abc3" / "abc3_mp_4557.csv", ())
    assert Counter(exclusions(rows).values()) == {"no energies": 3, "more than 60 Å^3/atom": 7}
    assert sum("mixed_r2scan" in sample.flags for sample in public["mp-abc3"][1].samples) == 564


@mirror
@needs_mirror
def test_both_rules_for_sites_agree_where_radii_are_known(public):
    for key in ("oqmd-abx3", "mp-abc3"):
        for sample in public[key][1].samples:
            if "H" not in (sample.inputs["sites"]["A"], sample.inputs["sites"]["B"]):
                assert tuple(sample.inputs["sites"].values()) == sites_by_radius(sample.inputs["composition"])


@mirror
@needs_mirror
def test_the_validation_file_of_perov_5_has_52_cells_within_its_limit():
    cells = perov5.read_cells(Path(os.environ["MATDISC_MIRROR"]) / "perov-5" / "perov_5_val.csv")
    assert len(cells) == 3787
    assert sum(cell.target["e_above_hull"] <= 0.2 for cell in cells) == 52


def test_builders_are_those_of_the_cards(board):
    named = {key: board.dataset(key).builder for key in ("oqmd-abx3", "mp-abc3", "perovskite-experiment", "perov-5")}
    ours = {builder.__module__ + ":" + builder.__name__ for builder in (build_oqmd, build_mp, build_experiments)}
    assert set(named.values()) == {*ours, "matdisc.datasets.perov5:build"}
