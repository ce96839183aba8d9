"""Structures of others are read from the formats of the field under their own names, or refused by file and field."""

import bz2
import gzip
import json
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.db import connect
from ase.io import write
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import DummySpecies, Lattice, Molecule, Structure
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from matdisc.errors import DataError
from matdisc.formats import Notes
from matdisc.formats.entries import iter_entries, read_entries

SALT = Structure(Lattice.cubic(4.0), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
OBJECT = SALT.as_dict()
ENTRY = ComputedStructureEntry(
    SALT, -7.0, correction=-0.5, entry_id="x-1", data={"e_above_hull": 0.1}, parameters={"run_type": "GGA"}
).as_dict()
RECORD = {"cell": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "symbols": ["Po"], "positions": [[0, 0, 0]]}
CIF = """data_{name}
_symmetry_space_group_name_H-M 'P 1'
_cell_length_a 4.0
_cell_length_b 4.0
_cell_length_c 4.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_symmetry_equiv_pos_as_xyz
'x, y, z'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""
SITES = "Cs1 Cs 0 0 0 1\nCl1 Cl 0.5 0.5 0.5 1\n"


def cif(name="salt", sites=SITES):
    return CIF.format(name=name) + sites


def put(path, content):
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def is_salt(atoms):
    np.testing.assert_allclose(atoms.cell.cellpar(), [4, 4, 4, 90, 90, 90], atol=1e-8)
    np.testing.assert_allclose(atoms.positions, [[0, 0, 0], [2, 2, 2]], atol=1e-8)
    return str(atoms.symbols) == "CsCl"


def names(path, note=lambda text: None):
    return [entry.material_id for entry in read_entries([path], note=note)]


@pytest.mark.parametrize(
    ("content", "called"),
    [
        (OBJECT, ["salts"]),
        ([OBJECT, OBJECT], ["salts-0", "salts-1"]),
        ({"007": OBJECT, "1e5": OBJECT}, ["007", "1e5"]),
        (ENTRY, ["x-1"]),
        ({"mine": ENTRY}, ["mine"]),
        ([{"material_id": 7, "structure": OBJECT}], ["7"]),
        ({"data": [{"material_id": "mp-1", "structure": OBJECT}], "meta": {}}, ["mp-1"]),
        ({"a": {"initial_structure": OBJECT, "e": 1.0}}, ["a"]),
        ({"0": {"material_id": "a", "structure": OBJECT}}, ["a"]),
        ({"material_id": {"0": "a"}, "initial_structure": {"0": OBJECT}}, ["a"]),
        ({"initial_structure": {"a": OBJECT, "b": OBJECT}}, ["a", "b"]),
        ({"a": {"relaxed": OBJECT}, "b": {"relaxed": OBJECT}}, ["a", "b"]),
        ({"index": [3], "columns": ["structure", "y"], "data": [[OBJECT, 1.0]]}, ["3"]),
        ({"schema": {}, "data": [{"index": 0, "id": "a", "structure": OBJECT}]}, ["a"]),
        ([{"id": "a", "cif": cif()}], ["a"]),
    ],
)
def test_json_of_pymatgen_and_pandas_is_read_in_every_layout(tmp_path, content, called):
    entries = read_entries([put(tmp_path / "salts.json", content)])
    assert [entry.material_id for entry in entries] == called
    assert all(is_salt(entry.atoms) for entry in entries)


def test_the_energy_of_an_entry_is_the_calculators_and_its_correction_a_value(tmp_path):
    (entry,) = read_entries([put(tmp_path / "a.json", [ENTRY])])
    assert entry.atoms.get_potential_energy() == -7.0
    assert entry.values["energy"] == -7.0
    assert entry.values["correction"] == -0.5
    assert (entry.values["e_above_hull"], entry.values["parameters"]) == (0.1, {"run_type": "GGA"})


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_packed_files_are_read_and_damaged_ones_are_named(tmp_path, suffix, pack):
    for name, text in (("a.json", json.dumps(OBJECT)), ("b.extxyz", "1\n\nNa 0 0 0\n"), ("c.cif", cif())):
        path = tmp_path / (name + suffix)
        path.write_bytes(pack(text.encode()))
        assert names(path) == [name[0]]
        path.write_bytes(pack(text.encode() * 50)[:-20])
        with pytest.raises(DataError, match=f"{path.name}: the packed data are damaged or cut off"):
            names(path)


@pytest.mark.parametrize("text", ["007", "1e5", "T", "F", "nan", "1_000", "1 2 3", "a=b", "x,y"])
def test_a_name_in_extended_xyz_stays_the_text_that_it_is(tmp_path, text):
    path = put(tmp_path / "a.extxyz", f'1\nnote="material_id=8" material_id="{text}" energy=-1 Z=007\nNa 0 0 0\n')
    (entry,) = read_entries([path])
    assert entry.material_id == text
    assert entry.values["Z"] == 7
    assert entry.atoms.get_potential_energy() == -1


def test_frames_without_a_name_are_called_after_their_file_and_counted(tmp_path):
    assert names(put(tmp_path / "run.1.extxyz", "1\n\nNa 0 0 0\n1\nid=x\nNa 0 0 0\n")) == ["run.1-0", "x"]


def test_blocks_of_a_cif_are_called_as_the_file_calls_them_and_a_single_one_after_the_file(tmp_path):
    notes = Notes()
    assert names(put(tmp_path / "mp-1.5.cif", "data_global\n_x 1\n" + cif("Cl1Cs1")), notes) == ["mp-1.5"]
    assert list(notes) == ["block 'global' has no atoms and is left out"]
    assert names(put(tmp_path / "two.cif", cif("007") + cif("b"))) == ["007", "b"]
    assert all(is_salt(entry.atoms) for entry in read_entries([tmp_path / "two.cif"]))


def test_symmetry_of_a_cif_is_applied_and_listed_atoms_are_taken_as_they_are(tmp_path):
    shifted = "Cs1 Cs 1.0 0 0 1\nCl1 Cl 0.5 0.5 -0.5 1\n"
    (entry,) = read_entries([put(tmp_path / "a.cif", cif(sites=shifted))])
    np.testing.assert_allclose(entry.atoms.get_scaled_positions(wrap=False), [[1, 0, 0], [0.5, 0.5, -0.5]])
    assert entry.atoms.pbc.all()
    centred = cif(sites="Cs1 Cs 0 0 0 1\n").replace("'x, y, z'", "'x, y, z'\n'x+1/2, y+1/2, z+1/2'")
    assert len(read_entries([put(tmp_path / "b.cif", centred)])[0].atoms) == 2


def test_a_database_of_ase_gives_results_pairs_and_data(tmp_path):
    with connect(tmp_path / "a.db") as base:
        base.write(bulk("Cu"), material_id="copper", e_form=-0.5, data={"grid": np.arange(3)})
        base.write(bulk("Au"))
        base.write(bulk("Ag"), data={"material_id": "007"})
    first, second, third = read_entries([tmp_path / "a.db"])
    assert [one.material_id for one in (first, second, third)] == ["copper", "a-2", "007"]
    assert first.values["e_form"] == -0.5
    assert first.values["grid"].tolist() == [0, 1, 2]
    with connect(tmp_path / "b.json") as base:
        base.write(bulk("Cu"), material_id="copper")
    assert names(tmp_path / "b.json") == ["copper"]


def test_another_database_is_refused_and_left_as_it_is(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as base:
        base.execute("CREATE TABLE mine (x)")
    base.close()
    before = (tmp_path / "a.db").read_bytes()
    with pytest.raises(DataError, match="no database of ASE"):
        names(tmp_path / "a.db")
    assert (tmp_path / "a.db").read_bytes() == before


def test_a_table_with_a_column_of_cif_texts_gives_structures_and_the_other_columns(tmp_path):
    rows = [f'{i},{i:03d},"{cif()}",CsCl,{value}' for i, value in ((7, "-0.5"), (8, ""), (9, "1e-3"))]
    path = put(tmp_path / "val.csv", "\n".join([",material_id,cif,formula,heat_all", *rows]) + "\n")
    first, second, third = read_entries([path])
    assert [one.material_id for one in (first, second, third)] == ["007", "008", "009"]
    assert is_salt(first.atoms)
    assert first.values == {"material_id": "007", "formula": "CsCl", "heat_all": -0.5}
    assert "heat_all" not in second.values
    assert third.values["heat_all"] == 0.001


@pytest.mark.mirror
@pytest.mark.skipif(not os.environ.get("MATDISC_MIRROR"), reason="set MATDISC_MIRROR to a mirror of the public files")
def test_the_perovskites_of_cdvae_are_read_as_they_come():
    path = Path(os.environ["MATDISC_MIRROR"]) / "perov-5" / "perov_5_val.csv"
    for entry, _ in zip(iter_entries([path]), range(50), strict=False):
        assert len(entry.atoms) == 5
        assert entry.atoms.symbols.formula.count() == Atoms(entry.values["formula"]).symbols.formula.count()
        assert isinstance(entry.values["heat_all"], float)


def test_json_lines_hold_records_or_objects_of_pymatgen(tmp_path):
    lines = [{"material_id": "007", **RECORD, "y": 1}, {"material_id": "b", "structure": RECORD}, ENTRY]
    entries = read_entries([put(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines)) + "\n\n")])
    assert [entry.material_id for entry in entries] == ["007", "b", "x-1"]
    assert entries[0].values["y"] == 1
    assert str(entries[1].atoms.symbols) == "Po"


def test_a_folder_gives_its_files_in_order_and_says_what_it_leaves_out(tmp_path):
    write(tmp_path / "b.extxyz", bulk("Au"))
    write(tmp_path / "c.poscar", bulk("Ag"), format="vasp")
    put(tmp_path / "a.cif", cif())
    put(tmp_path / "labels.csv", "id,e\na,1\n")
    put(tmp_path / "README.md", "words")
    (tmp_path / "sub").mkdir()
    notes = Notes()
    assert names(tmp_path, notes) == ["a", "b", "c"]
    assert list(notes) == [f"left out of {tmp_path}: README.md, labels.csv, sub"]
    with pytest.raises(DataError, match="holds no structures; its sub-folders are not looked into"):
        names(tmp_path / "sub")


def test_structures_of_vasp_are_called_after_their_folder(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "POSCAR", bulk("Cu"))
    entries = read_entries([tmp_path / "one" / "POSCAR", tmp_path / "two" / "POSCAR"])
    assert [entry.material_id for entry in entries] == ["one", "two"]


def test_two_structures_of_one_name_are_refused_wherever_they_stand(tmp_path):
    put(tmp_path / "a.jsonl", json.dumps({"material_id": "x", **RECORD}) + "\n")
    put(tmp_path / "b.extxyz", "1\n\nNa 0 0 0\n1\nmaterial_id=x\nNa 0 0 0\n")
    with pytest.raises(DataError, match=r"b\.extxyz, frame 1: 'x' is also the name of .*a\.jsonl, line 1"):
        read_entries([tmp_path / "a.jsonl", tmp_path / "b.extxyz"])


def test_deuterium_of_pymatgen_and_of_a_cif_is_hydrogen_with_its_mass(tmp_path):
    heavy = json.loads(json.dumps(structure("H", "Cl")).replace('"element": "H"', '"element": "D"'))
    for path in (
        put(tmp_path / "a.json", heavy),
        put(tmp_path / "a.cif", cif(sites="D1 D 0 0 0 1\nCl1 Cl 0.5 0.5 0.5 1\n")),
    ):
        (entry,) = read_entries([path])
        assert str(entry.atoms.symbols) == "HCl"
        assert entry.atoms.get_masses()[0] == pytest.approx(2.014, abs=1e-3)


def test_left_handed_cells_mixed_periodicity_and_molecules_are_read_as_they_are(tmp_path):
    left = Structure([[0, 4, 0], [4, 0, 0], [0, 0, 4]], ["Na"], [[0.1, 0.2, 0.3]]).as_dict()
    slab = Structure(Lattice(np.eye(3) * 4, pbc=(True, True, False)), ["Na"], [[0, 0, 0]]).as_dict()
    ion = Molecule(["O", "H"], [[0, 0, 0], [0, 0, 1]], charge=-1).as_dict()
    first, second, third = read_entries([put(tmp_path / "a.json", {"a": left, "b": slab, "c": ion})])
    assert first.atoms.cell.handedness == -1
    np.testing.assert_allclose(first.atoms.positions, [[0.8, 0.4, 1.2]])
    assert second.atoms.pbc.tolist() == [True, True, False]
    assert not third.atoms.pbc.any()
    assert third.atoms.info["charge"] == -1


def structure(*species):
    places = [[i / len(species), 0, 0] for i in range(len(species))]
    return Structure(Lattice.cubic(4.0), species, places).as_dict()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", {"x": structure({"Na": 0.5, "K": 0.5})}, r"entry 0 \('x'\): site 0 has the occupancy Na 0.5 and K"),
        ("a.json", {"x": structure("Cl", {"Na": 0.5})}, "site 1 has the occupancy Na 0.5, so .* disordered"),
        ("a.json", [structure("Na", DummySpecies("X"))], "entry 0: site 1 is 'X', which is no element"),
        ("a.json", [{**OBJECT, "sites": []}], "entry 0: holds no atoms"),
        ("a.json", [ComputedEntry("NaCl", -7.0).as_dict()], "a ComputedEntry holds no structure"),
        ("a.json", {"x": RECORD}, "may be in Å or fractional; write JSON lines"),
        ("a.json", [{"first": OBJECT, "last": OBJECT}], "'first' and 'last' are structures; leave one"),
        ("a.json", {"mp_id": {"0": "x"}}, "holds no structures"),
        ("a.json", f'{{"a": {json.dumps(OBJECT)}, "a": 1}}', "names key 'a' twice"),
        ("a.json", json.dumps(OBJECT)[:200], "is not JSON"),
        ("a.json", "", "it is empty"),
        ("a.json", [{"material_id": 7.0, "structure": OBJECT}], "field 'material_id' is '7.0', which is no name"),
        ("a.json", [{"material_id": "", "structure": OBJECT}], "field 'material_id' is '', which is no name"),
        ("a.json", [{**ENTRY, "energy": None}], "field 'energy' is None"),
        ("a.jsonl", '{"material_id": "x"}\n', "line 1: none of the fields 'material_id' is a structure"),
        ("a.jsonl", json.dumps({"material_id": "x", **RECORD, "symbols": ["D"]}), "'D', which is no element"),
        ("a.csv", "id,e\n1,2\n", "no column of structures; the columns are id, e"),
        ("a.csv", f'id,cif\n1,"{cif()}"\n2,"{cif(sites="")}"\n', "row 2: "),
        ("a.csv", f'id,cif\n1,"{cif()}"\n2,\n', "row 2: none of the fields 'id' is a structure"),
        ("a.csv", "", "is no table"),
        ("a.extxyz", "0\n\n", "the frame in line 1 has no atoms"),
        ("a.extxyz", "1\n\nNa 0 0 0\n1\nocc=1\nX 0 0 0\n", "frame 1: atom 0 is of no element"),
        ("a.extxyz", "1\nmaterial_id\nNa 0 0 0\n", "field 'material_id' is 'True', which is no name"),
        ("a.extxyz", '1\nLattice="4 0 0 0 4 0 4 4 0"\nNa 0 0 0\n', "frame 0: is periodic, but its cell has no volume"),
        ("a.extxyz", '1\npbc="T F F"\nNa 0 0 0\n', "is periodic, but its cell has no volume"),
        ("a.jsonl", json.dumps({**RECORD, "cell": [[4, 0, 0], [0, 4, 0], [8, 0, 0]]}), "its cell has no volume"),
        ("a.cif", cif(sites="Cs1 Cs 0 0 0 0.5\nRb1 Rb 0 0 0 0.5\n"), "disordered"),
        ("a.cif", cif(sites="Cs1 Cs 0 0 0 1\nRb1 Rb 0 0 0 1\n"), "occupancy .* and"),
        ("a.cif", cif(sites="Cs1 Cs ? 0 0 1\n"), "line 19: .* unknown position"),
        ("a.cif", cif().replace("P 1", "Q 7").replace("'x, y, z'", "'-x, y, z'"), "space group is not named or not"),
        ("a.cif", "garbage\n", "it is no CIF"),
        ("POSCAR", "mystery\n1.0\n7 0 0\n0 7 0\n0 0 7\n1\nDirect\n0 0 0\n", "VASP 4"),
        ("a.db", "words", "no database of ASE"),
        ("a.pkl", "words", "a pickle can run code"),
        ("a.foo", "words", "format is not known"),
    ],
)
def test_what_is_no_structure_is_refused_by_file_place_and_field(tmp_path, name, content, said):
    path = put(tmp_path / name, content)
    with pytest.raises(DataError, match=said) as error:
        read_entries([path])
    assert str(error.value).startswith(str(path))


def test_a_file_that_is_not_there_is_named(tmp_path):
    for name in ("a.json", "a.cif", "a.extxyz", "a.csv", "a.db", "POSCAR"):
        with pytest.raises(DataError, match=f"{name}: there is no such file"):
            names(tmp_path / name)


def test_no_class_that_a_file_names_is_imported(tmp_path):
    call = {"@module": "antigravity", "@class": "anything"}
    sites = [{**site, "properties": {"x": call}} for site in OBJECT["sites"]]
    evil = {**ENTRY, "structure": {**OBJECT, "sites": sites}, "data": {"x": call}, "energy_adjustments": [call]}
    (entry,) = read_entries([put(tmp_path / "a.json", evil)])
    assert entry.values["x"] == call


def test_a_long_file_of_frames_is_read_one_by_one(tmp_path):
    path = put(tmp_path / "a.extxyz", "1\n\nNa 0 0 0\n" * 3 + "torn")
    going = iter_entries([path])
    assert [next(going).material_id for _ in range(3)] == ["a-0", "a-1", "a-2"]
    with pytest.raises(DataError, match="line 10 is 'torn'"):
        next(going)


RUBBISH = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=3), st.sampled_from([OBJECT, ENTRY])
    ),
    lambda value: st.one_of(st.lists(value, max_size=3), st.dictionaries(st.sampled_from("ab"), value, max_size=2)),
    max_leaves=6,
)


def places(value, path=()):
    """Every place in a JSON value, as keys and indices."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def answered(path):
    """Whether a file is read, or refused by its name; whatever else is raised is a bug."""
    try:
        return bool(read_entries([path]))
    except DataError as err:
        return str(err).startswith(str(path))


DOCUMENTS = [
    ENTRY,
    {"a": OBJECT},
    [{"material_id": "a", "structure": OBJECT}],
    {"columns": ["id", "structure"], "index": [0], "data": [["a", OBJECT]]},
    {"id": {"0": "a"}, "structure": {"0": OBJECT}},
    {"material_id": "a", "structure": RECORD},
    {"schema": {}, "data": [{"id": "a", "cif": cif()}]},
]
SPOTS = [(i, path) for i, document in enumerate(DOCUMENTS) for path in places(document)]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SPOTS), RUBBISH, st.sampled_from([".json", ".jsonl"]))
def test_rubbish_anywhere_in_json_is_refused_or_read_but_is_no_traceback(tmp_path_factory, spot, rubbish, suffix):
    document = {"": json.loads(json.dumps(DOCUMENTS[spot[0]]))}
    inner, last = document, ""
    for key in spot[1]:
        inner, last = inner[last], key
    inner[last] = rubbish
    path = put(tmp_path_factory.getbasetemp() / f"rubbish{suffix}", document[""])
    assert answered(path)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('a1,;"\n\t {}'), max_size=40), st.integers(0, 300))
def test_rubbish_in_tables_is_refused_or_read_but_is_no_traceback(tmp_path_factory, text, at):
    whole = f'id,cif\n1,"{cif()}"\n2,"{cif()}"\n'
    path = put(tmp_path_factory.getbasetemp() / "rubbish.csv", whole[:at] + text + whole[at:])
    assert answered(path)


def test_a_file_that_is_given_twice_is_named_as_that(tmp_path):
    write(tmp_path / "a.extxyz", [bulk("Cu"), bulk("Ag")])
    with pytest.raises(DataError, match=r"a\.extxyz: is given twice"):
        read_entries([tmp_path / "a.extxyz", tmp_path / "." / "a.extxyz"])
    with pytest.raises(DataError, match="is given twice"):
        read_entries([tmp_path, tmp_path / "a.extxyz"])
