"""Built-in molecules are what their names say; a user's own are read, or refused by name."""

import sys

import numpy as np
import pytest

from matdisc.errors import DataError, ExtraError
from matdisc.physics.molecules.species import built_in, from_file, from_smiles, own_species, species, to_atoms

KNOWN = {
    "EC": ("C3H4O3", 0, 88.062),
    "PC": ("C4H6O3", 0, 102.089),
    "DMC": ("C3H6O3", 0, 90.078),
    "EMC": ("C4H8O3", 0, 104.105),
    "DEC": ("C5H10O3", 0, 118.132),
    "Li+": ("Li", 1, 6.94),
    "PF6-": ("F6P", -1, 144.964),
    "FSI-": ("F2NO4S2", -1, 180.12),
    "TFSI-": ("C2F6NO4S2", -1, 280.15),
}


def test_the_built_in_species_are_those_listed_here():
    assert set(built_in()) == set(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_a_built_in_species_has_its_composition_charge_and_mass(name):
    one = species(name)
    formula, charge, mass = KNOWN[name]
    assert (one.formula, one.charge) == (formula, charge)
    assert one.mass == pytest.approx(mass, abs=0.03)
    assert (one.numbers.sum() - charge) % 2 == 0  # closed shells


@pytest.mark.parametrize("name", sorted(set(KNOWN) - {"Li+"}))
def test_bonds_are_as_long_as_such_bonds_are_and_the_molecule_is_in_one_piece(name):
    from ase.data import covalent_radii

    one = species(name)
    apart = np.linalg.norm(one.positions[:, None] - one.positions, axis=2) + 9 * np.eye(len(one))
    ratio = apart / (covalent_radii[one.numbers][:, None] + covalent_radii[one.numbers])
    bonded = ratio < 1.15
    assert apart.min() > 1.05
    assert (ratio[bonded] > 0.75).all()
    assert (ratio[~bonded] > 1.2).all()  # nothing half bonded
    reached = np.linalg.matrix_power(bonded + np.eye(len(one), dtype=int), len(one))[0]
    assert (reached > 0).all()
    valence = {1: 1, 9: 1, 6: (3, 4), 8: (1, 2), 15: 6, 16: 4, 7: 2}
    for z, n in zip(one.numbers, bonded.sum(axis=1), strict=True):
        assert n in np.atleast_1d(valence[int(z)])


def test_carbonyl_and_phosphorus_bonds_have_their_lengths():
    ec = species("EC")
    assert np.linalg.norm(ec.positions[0] - ec.positions[1]) == pytest.approx(1.19, abs=0.03)  # C=O
    ion = species("PF6-")
    arms = np.delete(ion.positions, ion.symbols.index("P"), axis=0) - ion.positions[ion.symbols.index("P")]
    np.testing.assert_allclose(np.linalg.norm(arms, axis=1), 1.61, atol=0.06)
    np.testing.assert_allclose(np.sort(arms @ arms.T, axis=1)[:, 1:5], 0, atol=0.01)  # four neighbours at 90 degrees


def test_a_species_as_atoms_carries_its_charge():
    atoms = to_atoms(species("PF6-"))
    assert atoms.info["charge"] == -1.0
    np.testing.assert_allclose(atoms.get_center_of_mass(), 0, atol=1e-3)


def test_an_unknown_species_is_named_with_those_known():
    with pytest.raises(DataError, match=r"'XY' is unknown; known are DEC, DMC"):
        species("XY")


def test_a_users_file_gives_a_species_and_its_charge(tmp_path):
    (tmp_path / "oh.xyz").write_text("2\ncharge=-1\nO 0 0 0\nH 0 0 0.96\n")
    one = own_species({"OH-": {"file": "oh.xyz"}}, tmp_path)["OH-"]
    assert (one.formula, one.charge, one.name) == ("HO", -1, "OH-")
    assert species("OH-", {"OH-": one}) is one


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2\nhydroxide\nO 0 0 0\nH 0 0 0.96\n", "its charge is None"),
        ("2\ncharge=-0.5\nO 0 0 0\nH 0 0 0.96\n", "its charge is -0.5"),
        ("hello", "line 1 is 'hello'"),
    ],
)
def test_a_users_file_without_charge_or_sense_is_named(tmp_path, text, message):
    (tmp_path / "oh.xyz").write_text(text)
    with pytest.raises(DataError, match=message):
        from_file("OH-", tmp_path / "oh.xyz")


def test_a_missing_file_and_an_entry_without_source_are_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        from_file("OH-", tmp_path / "none.xyz")
    with pytest.raises(DataError, match="either 'smiles' or 'file'"):
        own_species({"OH-": {"charge": -1}}, tmp_path)


def test_smiles_without_rdkit_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit", None)
    with pytest.raises(ExtraError, match=r"matdisc\[labels\]"):
        from_smiles("GBL", "O=C1CCCO1")


def test_smiles_give_composition_and_formal_charge():
    pytest.importorskip("rdkit", reason="needs the package rdkit (matdisc[labels])")
    one = from_smiles("acetate", "CC(=O)[O-]")
    assert (one.formula, one.charge) == ("C2H3O2", -1)
    with pytest.raises(DataError, match="is no SMILES"):
        from_smiles("bad", "C1CC")
