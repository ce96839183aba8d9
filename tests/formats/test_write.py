"""What is written in a format of the field reads back as the same structures, or is refused before a file appears."""

import gzip
import json
from contextlib import suppress

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Structure
from pymatgen.entries.computed_entries import ComputedStructureEntry

from matdisc.errors import DataError
from matdisc.formats import Notes
from matdisc.formats.entries import Entry, read_entries
from matdisc.formats.write import holds_values, write_entries

ALL = [
    "a.extxyz",
    "a.xyz.gz",
    "a.json",
    "a.json.gz",
    "a.db",
    "a.jsonl",
    "a.jsonl.gz",
    "a.cif",
    "a.cif.gz",
    "a.csv",
    "a",
]
DIGITS = {"extxyz": 1e-8, "xyz": 1e-8}
"""Å; all others are exact to rounding."""


def crystals():
    """Three crystals whose atoms stand anywhere, in and out of the cell, and whose names look like numbers."""
    made = {"007": bulk("NaCl", "rocksalt", 5.6), "1e5": bulk("Cu", cubic=True), "T": bulk("Si")}
    for atoms in made.values():
        atoms.positions += np.random.default_rng(3).normal(0, 3, atoms.positions.shape)
    return [Entry(name, atoms) for name, atoms in made.items()]


def labelled():
    atoms = bulk("Cu", cubic=True)
    results = {"energy": -3.5, "forces": np.arange(12).reshape(4, 3) / 7, "stress": np.arange(6) / 100}
    atoms.calc = SinglePointCalculator(atoms, **results)
    return Entry("007", atoms, {"e_above_hull": 0.1, "tag": "x y", "grid": np.arange(3)})


@pytest.mark.parametrize("name", ALL)
def test_crystals_read_back_as_they_were(tmp_path, name):
    wanted = crystals()
    assert write_entries(tmp_path / name, wanted) == 3
    found = {entry.material_id: entry.atoms for entry in read_entries([tmp_path / name])}
    assert set(found) == {"007", "1e5", "T"}
    within = DIGITS.get(name.split(".")[1] if "." in name else "", 1e-12)
    for entry in wanted:
        atoms = found[entry.material_id]
        assert atoms.get_chemical_symbols() == entry.atoms.get_chemical_symbols()
        np.testing.assert_allclose(atoms.cell.cellpar(), entry.atoms.cell.cellpar(), rtol=1e-12)
        np.testing.assert_allclose(
            atoms.get_scaled_positions(wrap=False), entry.atoms.get_scaled_positions(wrap=False), atol=within
        )
        np.testing.assert_allclose(
            atoms.get_all_distances(mic=True), entry.atoms.get_all_distances(mic=True), atol=1e-7
        )


@pytest.mark.parametrize("name", ["a.extxyz", "a.json", "a.db"])
def test_labels_and_values_are_kept_where_the_format_holds_them(tmp_path, name):
    write_entries(tmp_path / name, [labelled()])
    (found,) = read_entries([tmp_path / name])
    assert found.material_id == "007"
    assert found.atoms.get_potential_energy() == -3.5
    np.testing.assert_allclose(found.atoms.get_forces(), labelled().atoms.get_forces(), atol=1e-8)
    stress = found.values["stress"] if name == "a.json" else found.atoms.get_stress()
    np.testing.assert_allclose(stress, np.arange(6) / 100)
    assert (found.values["e_above_hull"], found.values["tag"], list(found.values["grid"])) == (0.1, "x y", [0, 1, 2])


@pytest.mark.parametrize("name", ["a.cif", "a.csv", "a.jsonl", "a"])
def test_labels_that_a_format_does_not_hold_are_noted(tmp_path, name):
    notes = Notes()
    write_entries(tmp_path / name, [labelled()], note=notes)
    assert "energies, forces and stresses are left out: this format holds structures alone" in notes
    assert not holds_values(tmp_path / name)


def test_pymatgen_reads_what_is_written_for_it(tmp_path):
    write_entries(tmp_path / "a.json", [*crystals(), Entry("labelled", labelled().atoms)])
    content = json.loads((tmp_path / "a.json").read_text())
    assert Structure.from_dict(content["007"]).composition.reduced_formula == "NaCl"
    entry = ComputedStructureEntry.from_dict(content["labelled"])
    assert (entry.energy, entry.composition.formula, entry.entry_id) == (-3.5, "Cu4", "labelled")


def test_molecules_slabs_charges_and_heavy_hydrogen_are_kept(tmp_path):
    ion = Atoms("OH", [[0, 0, 0], [0, 0, 0.97]], info={"charge": -1})
    ion.set_masses([15.999, 2.014])
    slab = Atoms("Cu", cell=np.eye(3) * 4, pbc=[True, True, False])
    left = Atoms("Cu", [[0.3, 0, 0]], cell=[[0, 4, 0], [4, 0, 0], [0, 0, 4]], pbc=True)
    for name in ("a.extxyz", "a.json", "a.db"):
        write_entries(tmp_path / name, [Entry("ion", ion), Entry("slab", slab), Entry("left", left)])
        first, second, third = (entry.atoms for entry in read_entries([tmp_path / name]))
        assert first.info["charge"] == -1
        assert not first.pbc.any()
        np.testing.assert_allclose(first.get_masses(), [15.999, 2.014])
        assert second.pbc.tolist() == [True, True, False]
        assert third.cell.handedness == -1


@pytest.mark.parametrize(
    ("name", "entry", "said"),
    [
        ("a.cif", Entry("x", Atoms("Cu")), "CIF holds crystals alone"),
        ("a.jsonl", Entry("x", Atoms("Cu", cell=np.eye(3), pbc=[1, 1, 0])), "a record holds crystals alone"),
        ("a", Entry("x", Atoms("Cu")), "POSCAR holds crystals alone"),
        ("a.csv", Entry("x", Atoms("Cu", cell=[[0, 4, 0], [4, 0, 0], [0, 0, 4]], pbc=True)), "cell is left-handed"),
        ("a.json", Entry("x", Atoms("Cu", cell=[4, 0, 0], pbc=[1, 0, 0])), "1 lattice vectors, and pymatgen needs"),
        ("a.cif", Entry("a b", bulk("Cu")), "'a b' cannot be that of a CIF block"),
        ("a", Entry("../x", bulk("Cu")), "cannot be that of a file"),
        ("a.pdb", Entry("x", bulk("Cu")), "not written as '.pdb'; use .extxyz"),
    ],
)
def test_what_would_be_another_structure_is_refused_and_nothing_is_left(tmp_path, name, entry, said):
    with pytest.raises(DataError, match=said):
        write_entries(tmp_path / name, [*crystals(), entry])
    assert not list(tmp_path.iterdir())


def test_nothing_and_two_of_one_name_are_refused(tmp_path):
    for name in ALL:
        with pytest.raises(DataError, match="there are no structures"):
            write_entries(tmp_path / name, [])
        with pytest.raises(DataError, match="two structures are called 'T'"):
            write_entries(tmp_path / name, [*crystals(), crystals()[2]])
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_in_use_is_left_alone(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine.txt").write_text("x")
    with pytest.raises(DataError, match="is there already"):
        write_entries(tmp_path / "a", crystals())
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["mine.txt"]


def test_the_same_structures_give_the_same_bytes(tmp_path):
    for name in ("a.extxyz.gz", "a.json.gz", "a.cif.gz", "a.csv"):
        written = []
        for _ in range(2):
            write_entries(tmp_path / name, crystals())
            written.append((tmp_path / name).read_bytes())
        assert written[0] == written[1]
    assert gzip.decompress((tmp_path / "a.cif.gz").read_bytes()).startswith(b"data_007\n")


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=12).filter(lambda text: text.strip() and text.isprintable()))
def test_any_printable_name_reads_back_or_is_refused(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("names")
    for file in ("a.extxyz", "a.json", "a.db", "a.csv", "a.jsonl"):
        with suppress(DataError):  # quotes and brackets cannot stand in extended XYZ
            write_entries(folder / file, [Entry(name, bulk("Cu")), Entry("other" + name, bulk("Cu"))])
        if (folder / file).exists():
            assert [entry.material_id for entry in read_entries([folder / file])] == [name, "other" + name]
        else:
            assert file == "a.extxyz"
