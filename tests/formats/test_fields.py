"""Structures of others: what physics depends on is read under the names they use, or refused by name."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matdisc.errors import DataError
from matdisc.formats import Notes, checked, checked_masses, multiplicity, read_structures, total_charge

CIF = """data_x
_cell_length_a 3.61
_cell_length_b 3.61
_cell_length_c 3.61
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
_symmetry_Int_Tables_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""


def hydroxyl(**info):
    return Atoms("OH", [[0, 0, 0], [0, 0, 0.97]], info=info)


def checked_file(path, **more):
    return [checked(atoms, f"frame {i}", **more) for i, atoms in enumerate(read_structures(path))]


@pytest.mark.parametrize("key", ["charge", "total_charge", "Total_Charge", "total-charge", "net_charge"])
def test_a_total_charge_is_read_under_the_names_that_others_use(key):
    found = checked(hydroxyl(**{key: -1}), "x")
    assert found.info == {"charge": -1}
    assert total_charge(hydroxyl(**{key: -1.0}), "x") == -1


@pytest.mark.parametrize("key", ["multiplicity", "spin", "total_spin", "spin_multiplicity", "Spin"])
def test_a_spin_is_the_multiplicity_whatever_it_is_called(key):
    found = checked(hydroxyl(**{key: 2}), "x", knows_spin=True)
    assert found.info == {"multiplicity": 2, "spin": 2}


def test_charges_and_moments_that_atoms_start_with_count_where_nothing_else_says_it():
    atoms = hydroxyl()
    atoms.set_initial_charges([-1.2, 0.2])
    atoms.set_initial_magnetic_moments([0.7, 0.3])
    assert (total_charge(atoms, "x"), multiplicity(atoms, "x")) == (-1, 2)
    atoms.info |= {"charge": 0, "spin": 3}
    assert (total_charge(atoms, "x"), multiplicity(atoms, "x")) == (0, 3)


@pytest.mark.parametrize(
    ("info", "named"),
    [
        ({"charge": -1, "total_charge": 0}, "'charge' is -1 and 'total_charge' is 0"),
        ({"spin": 2, "multiplicity": 3}, "'spin' is 2 and 'multiplicity' is 3"),
        ({"charge": "neutral"}, "x: field 'charge' is 'neutral'"),
        ({"charge": True}, "field 'charge' is True"),
        ({"charge": float("nan")}, "field 'charge' is nan"),
        ({"total_charge": [1, 2]}, r"field 'total_charge' is \[1, 2\]"),
        ({"spin": 0.5}, "field 'spin' is 0.5; it is read as the multiplicity 2S\\+1"),
        ({"multiplicity": 0}, "field 'multiplicity' is 0"),
    ],
)
def test_what_contradicts_itself_or_is_no_number_is_refused_by_name(info, named):
    with pytest.raises(DataError, match=named):
        checked(hydroxyl(**info), "x")


def test_a_spin_of_zero_says_nothing_as_some_programs_write_it():
    assert multiplicity(hydroxyl(spin=0), "x") == 1
    assert multiplicity(hydroxyl(spin=0, multiplicity=2), "x") == 2


def test_charges_of_atoms_that_add_up_to_no_whole_number_are_refused():
    atoms = hydroxyl()
    atoms.set_initial_charges([-0.8, 0.4])
    with pytest.raises(DataError, match=r"'initial_charges' add up to -0\.4 e; say the total charge"):
        checked(atoms, "x")


@pytest.mark.parametrize(
    ("info", "noted"),
    [
        ({"spin": 3}, "the multiplicity 3 has no effect"),
        ({"charge": 1}, "the total charge of 1 e has no effect"),
        ({"formal_charge": 1}, "'formal_charge' is not read"),
        ({"uhf": 2}, "'uhf' is not read"),
    ],
)
def test_what_the_consumer_does_not_know_is_named_in_a_note(info, noted):
    notes = Notes()
    checked(hydroxyl(**info), "x", knows_charge=False, note=notes)
    (text,) = notes
    assert text.startswith(noted)
    said = []
    notes.tell("a.xyz", said.append)
    assert said == [f"a.xyz: {text}"]


def test_moments_that_nobody_uses_are_named_and_need_not_be_whole():
    atoms = bulk("Fe")
    atoms.set_initial_magnetic_moments([2.2])
    notes = Notes()
    assert "multiplicity" not in checked(atoms, "x", note=notes).info
    assert "magnetic moments" in next(iter(notes))
    with pytest.raises(DataError, match=r"'initial_magmoms' add up to 2\.2"):
        checked(atoms, "x", knows_spin=True)


@pytest.mark.parametrize(
    ("sites", "named"),
    [
        ("Cu1 Cu 0 0 0 0.5\nAu1 Au 0 0 0 0.5\n", "site 0 .* occupancy (Cu 0.5 and Au 0.5|Au 0.5 and Cu 0.5)"),
        ("Cu1 Cu 0 0 0 0.9\n", "site 0 .* occupancy Cu 0.9"),
        ("Cu1 Cu 0 0 0 1.0\nAu1 Au 0 0 0 1.0\n", "occupancy .* and"),
    ],
)
def test_a_cif_whose_sites_are_shared_or_partly_empty_is_refused(tmp_path, sites, named):
    (tmp_path / "a.cif").write_text(CIF + sites)
    with pytest.raises(DataError, match=named):
        checked_file(tmp_path / "a.cif")


@pytest.mark.parametrize("occupancy", ["1.0", "1", "?", ".", "0.9999(3)"])
def test_a_cif_whose_sites_are_full_is_read(tmp_path, occupancy):
    (tmp_path / "a.cif").write_text(f"{CIF}Cu1 Cu 0 0 0 {occupancy}\n")
    assert len(checked_file(tmp_path / "a.cif")[0]) == 4


@pytest.mark.parametrize(
    "comment",
    [
        'occupancy="_JSON {\\"0\\": {\\"Cu\\": 0.5, \\"Au\\": 0.5}}"',
        'occupancy="_JSON {\\"0\\": {\\"Cu\\": 0.7}}"',
        'occupancy="0.5 1"',
        "occupancy=0.5",
        "occupancy=half",
        "Properties=species:S:1:pos:R:3:occupancy:R:1",
        "Properties=species:S:1:pos:R:3:site_occupancy:R:1",
    ],
)
def test_disorder_in_extended_xyz_is_refused_wherever_it_stands(tmp_path, comment):
    (tmp_path / "a.xyz").write_text(f"2\n{comment}\nCu 0 0 0 1.0\nCu 0 0 2 0.25\n")
    with pytest.raises(DataError, match="occupancy"):
        checked_file(tmp_path / "a.xyz")


def test_disorder_that_ase_has_written_is_found_again(tmp_path):
    (tmp_path / "a.cif").write_text(f"{CIF}Cu1 Cu 0 0 0 0.5\nAu1 Au 0 0 0 0.5\n")
    write(tmp_path / "b.extxyz", read_structures(tmp_path / "a.cif"))
    with pytest.raises(DataError, match="disordered"):
        checked_file(tmp_path / "b.extxyz")


def test_deuterium_and_tritium_are_hydrogen_with_their_mass(tmp_path):
    (tmp_path / "a.xyz").write_text("3\nheavy\nO 0 0 0\nD 0.96 0 0\nd -0.24 0.93 0\n1\n\nT 0 0 0\n")
    first, second = checked_file(tmp_path / "a.xyz")
    assert first.get_chemical_symbols() == ["O", "H", "H"]
    np.testing.assert_allclose(first.get_masses(), [15.999, 2.014, 2.014])
    np.testing.assert_allclose(second.get_masses(), [3.016])
    (last,) = read_structures(tmp_path / "a.xyz", last=True)
    np.testing.assert_allclose(last.get_masses(), [3.016])


def test_symbols_stand_in_the_column_that_the_file_names(tmp_path):
    (tmp_path / "a.xyz").write_text("1\nProperties=pos:R:3:flag:L:1:species:S:1 pbc=F\n0 0 0 T D\n")
    (found,) = checked_file(tmp_path / "a.xyz")
    assert found.get_chemical_symbols() == ["H"]
    assert found.get_masses()[0] == pytest.approx(2.014)


def test_masses_of_a_file_win_over_those_of_isotopes_and_may_be_called_mass(tmp_path):
    (tmp_path / "a.xyz").write_text("1\nProperties=species:S:1:pos:R:3:masses:R:1\nD 0 0 0 2.5\n")
    (tmp_path / "b.xyz").write_text("1\nProperties=species:S:1:pos:R:3:mass:R:1\nH 0 0 0 2.5\n")
    for name in ("a.xyz", "b.xyz"):
        assert checked_masses(checked_file(tmp_path / name)[0], "x")[0] == 2.5


@pytest.mark.parametrize("mass", [0.0, -1.0, np.nan, np.inf])
def test_a_mass_that_is_none_is_refused_with_its_atom(mass):
    atoms = bulk("Cu", cubic=True)
    atoms.set_masses([63.5, 63.5, mass, 63.5])
    with pytest.raises(DataError, match=r"the mass of atom 2 \(Cu\) is"):
        checked_masses(atoms, "x")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.cif", "hello world\n", "no CIF"),
        ("a.cif", "data_x\n_cell_length_a 3\n", "no atoms are listed"),
        ("a.cif", f"{CIF}Cu1 Cu ? 0 0 1.0\n", r"line 17: .* unknown position"),
        ("a.cif", CIF.replace("a 3.61", "a ?") + "Cu1 Cu 0 0 0 1.0\n", "line 2: _cell_length_a is not known"),
        ("a.cif", f"{CIF}Cu1 Qq 0 0 0 1.0\n", "'Qq' is no symbol"),
        ("POSCAR", "mystery\n1.0\n7 0 0\n0 7 0\n0 0 7\n1\nDirect\n0 0 0\n", "VASP 4"),
        ("a.xyz", "1\n\nQq 0 0 0\n", "'Qq' is no symbol of an element"),
        ("a.xyz", "1\n\n29 0 0 0\n", "'29' is no symbol"),
        ("a.xyz", "nonsense\n", "line 1 is 'nonsense'"),
        ("a.xyz", "3\n\nH 0 0 0\n", "has 1 atoms and says that it has 3"),
        ("a.xyz", "999999999999\n\nH 0 0 0\n", "has 1 atoms"),
        ("a.xyz", "1\n\nH 0 0 0\n\n1\n\nH 0 0 0\n", "line 4 is blank, but the file goes on in line 5"),
        ("a.xyz", "1\nProperties=species:S:1:pos:R:3:x:R:99999999\nH 0 0 0\n", "4 columns, but Properties"),
        ("a.xyz", "1\n\nX 0 0 0\n", "of no element"),
        ("a.xyz", "1\n\nH nan 0 0\n", "not a finite number"),
        ("a.xyz", '1\nstress="1 2 3 4 5 6"\nH 0 0 0\n', "'stress' has to hold the nine numbers"),
        ("a.foo", "nonsense\n", "format is not known"),
        ("a.xyz", "", "it is empty"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said):
        checked_file(tmp_path / name)


def test_bytes_that_are_no_text_are_named(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"1\n\nH 0 0 \xff\xfe\n")
    with pytest.raises(DataError, match="it is no text"):
        read_structures(tmp_path / "a.xyz")


def test_what_is_checked_is_not_changed_and_checking_twice_changes_nothing():
    atoms = hydroxyl(total_charge=-1, spin=1)
    atoms.set_array("mass", np.array([16.0, 2.0]))
    once = checked(atoms, "x")
    assert atoms.info == {"total_charge": -1, "spin": 1}
    assert "masses" not in atoms.arrays
    twice = checked(once, "x")
    assert twice.info == once.info
    np.testing.assert_array_equal(twice.get_masses(), once.get_masses())


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda value: st.one_of(st.lists(value, max_size=9), st.dictionaries(st.text(max_size=3), value, max_size=3)),
    max_leaves=10,
)
FIELDS = ["charge", "total_charge", "spin", "multiplicity", "occupancy", "uhf", "formal charge", "comment"]
COLUMNS = ["masses", "mass", "molecule", "initial_charges", "initial_magmoms", "occupancy", "spacegroup_kinds", "spin"]
RUBBISH = [
    np.zeros((2, 3)),
    np.array(["a", "b"]),
    np.array([1.5, np.nan]),
    np.array([None, 1]),
    np.array([True, False]),
]


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6),
    st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from(RUBBISH), max_size=4),
    st.booleans(),
)
def test_rubbish_in_fields_is_refused_or_read_but_is_no_traceback(info, columns, knows_spin):
    atoms = hydroxyl(**info)
    atoms.arrays |= columns
    found = answer_or_reason(lambda: checked(atoms, "x", knows_spin=knows_spin))
    if isinstance(found, str):
        assert found.startswith("x: ")
    else:
        json.dumps([found.info.get("charge", 0), found.info.get("multiplicity", 1)])


WORDS = [
    "0", "1", "2", "-1", "1e400", "nan", "H", "D", "Cu", "Qq", "29", "pbc=T", "charge=x", "spin=2", "energy=_JSON", "{",
    '"', "'", "=", "VEC1", "data_x", "loop_", "?", ".", "90", "Direct", "Properties=species:S:1:pos:R:3", "Lattice=1",
    "Properties=pos:R:3", "Properties=species:S:1:pos:R:9999999", "occupancy=0.5", "_atom_site_label", "999999999999",
    "_atom_site_fract_x", "_atom_site_occupancy", "_cell_length_a",
]  # fmt: skip


def answer_or_reason(ask):
    """What a call returns, or the words of its refusal; whatever else it raises is a bug."""
    try:
        return ask()
    except DataError as err:
        return str(err)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.one_of(st.sampled_from(WORDS), st.text(max_size=5)), st.sampled_from(" \n")), max_size=40),
    st.sampled_from(["a.xyz", "a.cif", "POSCAR", "a.foo"]),
)
def test_rubbish_in_files_is_refused_or_read_but_is_no_traceback(tmp_path, words, name):
    path = Path(tmp_path / name)
    path.write_text("".join(word + gap for word, gap in words), encoding="utf-8", errors="replace")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = answer_or_reason(lambda: checked_file(path))
    assert found
    assert not isinstance(found, str) or found.startswith((str(path), "frame "))
