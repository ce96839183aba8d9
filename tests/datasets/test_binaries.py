"""Binaries to learn from: prototypes by hand, labels that contradict themselves, the small set, damaged files."""

import gzip
import hashlib
import json
from collections import Counter

import numpy as np
import pytest

from matdisc.board import Board, shipped_board
from matdisc.datasets import load
from matdisc.datasets.binaries import N_CHOSEN, SMALL, build, build_all, prototype
from matdisc.datasets.dynamics import repeated
from matdisc.datasets.prototypes import crystal as prototype_crystal
from matdisc.datasets.splits import folds
from matdisc.errors import DataError
from matdisc.schema import Crystal

BOARD = Board(shipped_board())
HEADER = "mp_id,e_form_mp2018_eV_atom,e_above_hull_derived,megnet_split"
FILES = ("mp-binary-pbe-elasticity-2025.1.json.gz", "alexandria-binary-pbe-phonon-2025.1.json.gz",
         "mp_binary_labels.csv")  # fmt: skip


def salt(a=5.6, n=1):
    """Rock salt as pymatgen writes it, `n` primitive cells in a row."""
    half = a / 2
    matrix = np.array([[0.0, half, half], [half, 0.0, half], [half, half, 0.0]])
    matrix[0] *= n
    sites = [
        {"species": [{"element": symbol, "occu": 1}], "abc": [(i + start) / n, start, start], "label": symbol}
        for i in range(n)
        for symbol, start in (("Na", 0.0), ("Cl", 0.5))
    ]
    for site in sites:
        site["xyz"] = (np.array(site["abc"]) @ matrix).tolist()
    lattice = {"matrix": matrix.tolist(), "pbc": [True] * 3}
    return {"@module": "pymatgen.core.structure", "@class": "Structure", "charge": 0, "lattice": lattice,
            "properties": {}, "sites": sites}  # fmt: skip


def written(tmp_path, rows, first=(("mp-1", 1),), second=()):
    """The three files: materials by name and number of primitive cells, and rows of labels."""
    for name, materials in zip(FILES, (first, second), strict=False):
        content = [{"mp_id": key, "structure": salt(n=n)} for key, n in materials]
        (tmp_path / name).write_bytes(gzip.compress(json.dumps(content).encode()))
    (tmp_path / FILES[2]).write_text("\n".join([HEADER, *rows]) + "\n")
    return {name: tmp_path / name for name in FILES}


def built(tmp_path, *rows, how=build_all, **materials):
    return how(BOARD.dataset("binaries"), written(tmp_path, rows, **materials)).samples


def test_a_row_becomes_a_crystal_with_its_prototype_and_labels(tmp_path):
    (one,) = built(tmp_path, "mp-1,-2.0,0.01,test")
    assert one.crystal.formula == "ClNa"
    assert one.inputs["prototype"] == "AB, 225"
    assert one.inputs["elements"] == ("Cl", "Na")
    assert one.inputs["folds"] == {"recorded": 0}
    assert one.target == {"e_form_per_atom": -2.0, "e_above_hull": 0.01}
    assert one.group == "Cl-Na"
    assert one.fold == int(hashlib.sha256(b"Cl-Na").hexdigest(), 16) % 5


def test_without_a_hull_distance_the_energy_stays_and_far_below_the_hull_nothing_does(tmp_path):
    materials = [(f"mp-{i}", 1) for i in range(1, 5)]
    rows = ["mp-1,-2.0,,train", "mp-2,-2.0,-0.0051,train", "mp-3,-2.0,-0.005,train", "mp-4,-2.0,0,val"]
    found = built(tmp_path, *rows, first=materials[:2], second=materials[2:])
    assert [(s.material_id, s.target.get("e_above_hull")) for s in found] == [
        ("mp-1", None), ("mp-3", -0.005), ("mp-4", 0.0),
    ]  # fmt: skip
    assert {s.inputs["folds"]["recorded"] for s in found} == {-1}


def test_of_a_material_in_both_files_the_first_counts(tmp_path):
    (one,) = built(tmp_path, "mp-1,-2.0,0,train", first=[("mp-1", 1)], second=[("mp-1", 3)])
    assert len(one.crystal.symbols) == 2


def test_the_small_set_leaves_large_cells_out(tmp_path):
    materials = [("mp-1", 6), ("mp-2", 7)]
    found = built(tmp_path, "mp-1,-2.0,0,train", "mp-2,-2.0,0,train", how=build, first=materials)
    assert [s.material_id for s in found] == ["mp-1"]


@pytest.mark.parametrize(
    ("name", "symbols", "expected"),
    [
        ("rocksalt", ("Na", "Cl"), "AB, 225"),
        ("zincblende", ("Zn", "S"), "AB, 216"),
        ("cscl", ("Cs", "Cl"), "AB, 221"),
        ("wurtzite", ("Zn", "O"), "AB, 186"),
    ],
)
def test_prototypes_are_stoichiometry_and_space_group(name, symbols, expected):
    assert prototype(prototype_crystal(name, symbols, 4.5)) == expected


def test_a_prototype_does_not_depend_on_the_cell_or_on_which_element_is_which():
    one = prototype_crystal("rocksalt", ("Na", "Cl"), 5.6)
    swapped = Crystal(one.symbols[::-1], one.positions, one.cell)
    assert prototype(one) == prototype(swapped) == prototype(repeated(one, (2, 1, 1)))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("mp-9,-2.0,0,train", "line 2: field 'mp_id' .*mp-9.* has no structure in the other files"),
        ("mp-1,,0,train", "field 'e_form_mp2018_eV_atom' .* is empty"),
        ("mp-1,nan,0,train", "field 'e_form_mp2018_eV_atom' .* is not finite"),
        ("mp-1,-2.0,high,train", "field 'e_above_hull_derived' .* is not a number"),
        ("mp-1,-2.0", "not 4 fields"),
        ("mp-1,-2.0,0,train\nmp-1,-2.1,0,train", "stands in line 2 already"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, row, words):
    with pytest.raises(DataError, match=words):
        built(tmp_path, row)


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"{", mtime=0), gzip.compress(b"[]", mtime=0)[:-4], gzip.compress(b"7", mtime=0)],
)
def test_a_damaged_file_of_structures_is_named(tmp_path, content):
    files = written(tmp_path, ["mp-1,-2.0,0,train"])
    files[FILES[1]].write_bytes(content)
    with pytest.raises(DataError, match=r"alexandria.*fetch the file again"):
        build_all(BOARD.dataset("binaries"), files)


@pytest.mark.parametrize("structure", [{}, None, {"lattice": {}, "sites": []}])
def test_a_damaged_structure_is_named(tmp_path, structure):
    files = written(tmp_path, ["mp-1,-2.0,0,train"])
    content = json.dumps([{"mp_id": "mp-1", "structure": structure}]).encode()
    files[FILES[0]].write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match="mp-1"):
        build_all(BOARD.dataset("binaries"), files)


@pytest.fixture(scope="module")
def small():
    try:
        return load(BOARD, "binaries-small")
    except DataError as err:
        pytest.skip(f"the files are not here: {err}")


def test_the_small_set_is_a_thousand_binaries_of_at_most_twelve_atoms(small):
    assert len(small) == N_CHOSEN
    assert all(len(s.crystal.symbols) <= SMALL and len(s.crystal.composition) == 2 for s in small.samples)
    assert min(s.target.get("e_above_hull", 0.0) for s in small.samples) >= -0.005


def test_half_of_the_small_set_is_on_the_hull(small):
    distances = np.array([s.target["e_above_hull"] for s in small.samples if "e_above_hull" in s.target])
    assert 0.4 < np.mean(distances <= 0.001) < 0.6


def test_every_protocol_of_the_small_set_has_five_folds(small):
    for protocol in BOARD.dataset("binaries-small").splits:
        found = list(folds(small, protocol))
        assert len(found) == 5
        tested = Counter(int(i) for fold in found for i in fold.test)
        assert set(tested) == set(range(len(small)))
        assert max(tested.values()) <= (2 if protocol == "elements-5" else 1)
