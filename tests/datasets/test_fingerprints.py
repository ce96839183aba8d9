"""Formulas in every spelling, hashes that see the crystal and not its description, and what a copy is."""

import re

import numpy as np
import pytest

from matdisc.datasets.leakage.fingerprints import (
    HASH_PATTERN,
    anonymous_formula,
    chemical_system,
    formula_key,
    is_formula_only,
    reduced_cell,
    reduced_formula,
    same_structure,
    structure_hash,
)
from matdisc.datasets.prototypes import PROTOTYPES, crystal, perovskite
from matdisc.schema import Crystal

ELEMENTS = ("Cu", "Mg", "Al")
NAMES = sorted(PROTOTYPES)
SKEW = np.array([[1, 1, 0], [0, 1, 2], [0, 0, 1]])
SUPERCELL = np.array([[1, 0, 0], [1, 2, 0], [0, -1, 2]])


def made(cell, positions, symbols):
    return Crystal(tuple(symbols), tuple(map(tuple, positions)), tuple(map(tuple, cell)))


def shuffled(given, seed=1):
    order = np.random.default_rng(seed).permutation(len(given.symbols))
    return made(given.cell, np.array(given.positions)[order], np.array(given.symbols)[order].tolist())


def shifted(given, shift=(0.13, 0.27, 0.41)):
    return made(given.cell, np.array(given.positions) + shift, given.symbols)


def turned(given):
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    return made(np.array(given.cell) @ turn, given.positions, given.symbols)


def in_cell(given, matrix):
    """The same crystal in the cell whose vectors are `matrix` times the given ones."""
    n = round(abs(np.linalg.det(matrix)))
    positions, symbols = [], []
    for symbol, position in zip(given.symbols, given.positions, strict=True):
        images = (np.array(position) + list(np.ndindex(7, 7, 7))) @ np.linalg.inv(matrix)
        images = np.unique(np.round(images % 1.0, 9) % 1.0, axis=0)
        assert len(images) == n
        positions += images.tolist()
        symbols += [symbol] * n
    return made(matrix @ np.array(given.cell), positions, symbols)


def noisy(given, strain=0.0, rattle=0.0, seed=3):
    rng = np.random.default_rng(seed)
    cell = np.array(given.cell) @ (np.eye(3) + rng.uniform(-strain, strain, (3, 3)))
    moves = rng.normal(size=(len(given.symbols), 3))
    moves *= rattle / np.linalg.norm(moves, axis=1, keepdims=True)
    return made(cell, np.array(given.positions) + moves @ np.linalg.inv(cell), given.symbols)


def prototype(name):
    return crystal(name, ELEMENTS[: PROTOTYPES[name].n_elements], 4.1)


def same(first, second):
    return same_structure(reduced_cell(first), reduced_cell(second))


CHANGES = {
    "atom order": shuffled,
    "origin": shifted,
    "orientation": turned,
    "choice of the cell": lambda given: in_cell(given, SKEW),
    "supercell": lambda given: in_cell(given, SUPERCELL),
    "all at once": lambda given: turned(shifted(shuffled(in_cell(given, SUPERCELL @ SKEW)))),
}


@pytest.mark.parametrize(
    "text", ["BaTiO3", "TiO3Ba", "Ba1 Ti1 O3", "Ba Ti O3", "Ba2Ti2O6", "BaTi(O)3", "Ba0.5Ti0.5O1.5"]
)
def test_all_spellings_of_a_formula_have_one_key(text):
    assert reduced_formula(text) == "BaO3Ti" == perovskite("Ba", "Ti", "O", 4.0).formula


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Ca(OH)2", "CaH2O2"),
        ("H3 C1 I1", "CH3I"),
        ("CO", "CO"),
        ("Co", "Co"),
        ("K[Mg(PO3)2]3", "KMg3O18P6"),
        ("O2", "O"),
    ],
)
def test_brackets_and_elements_are_counted(text, key):
    assert reduced_formula(text) == key


@pytest.mark.parametrize(
    "text", ["", "  ", "Xx2", "baTiO3", "Ba(", "Ba)", "()2", "2", "Ba0", "BaTiO3<b>", "O-2", "O" * 201]
)
def test_what_is_no_formula_is_refused(text):
    with pytest.raises(ValueError, match=r"is|has|names"):
        reduced_formula(text)


def test_counts_of_nothing_are_no_formula():
    for counts in ({}, {"O": 0}):
        with pytest.raises(ValueError, match="at least one atom"):
            formula_key(counts)


def test_the_anonymous_formula_forgets_the_elements_only():
    assert anonymous_formula("BaTiO3") == anonymous_formula("O3AlLa") == "ABC3"
    assert anonymous_formula("Al2O3") == "A2B3"
    assert chemical_system("BaO3Ti") == "Ba-O-Ti"


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", NAMES)
def test_the_hash_does_not_depend_on_the_description(name, change):
    given = prototype(name)
    found = structure_hash(CHANGES[change](given))
    assert found == structure_hash(given)
    assert re.fullmatch(HASH_PATTERN, found)
    assert not is_formula_only(found)


def test_prototypes_of_one_composition_have_different_hashes():
    by_formula = {}
    for name in NAMES:
        given = prototype(name)
        by_formula.setdefault(given.formula, []).append(structure_hash(given))
    assert max(map(len, by_formula.values())) > 4
    assert all(len(set(hashes)) == len(hashes) for hashes in by_formula.values())


def test_the_hash_sees_the_elements_but_not_the_size():
    given = structure_hash(perovskite("Ba", "Ti", "O", 4.0))
    assert structure_hash(perovskite("Ba", "Ti", "O", 4.4)) == given
    assert structure_hash(perovskite("Sr", "Ti", "O", 4.0)) != given


def test_the_hash_cannot_tell_sites_of_equal_symmetry_apart():
    assert structure_hash(perovskite("Ba", "Ti", "O", 4.0)) == structure_hash(perovskite("Ti", "Ba", "O", 4.0))


def test_atoms_on_top_of_each_other_leave_a_formula():
    given = made(4 * np.eye(3), [(0, 0, 0), (0, 0, 0.001)], ["Na", "Na"])
    assert structure_hash(given) == "formula:Na"
    assert is_formula_only("formula:Na")
    assert re.fullmatch(HASH_PATTERN, "formula:Na")


@pytest.mark.parametrize("name", NAMES)
def test_a_strained_and_rattled_copy_is_the_same_structure(name):
    given = prototype(name)
    assert same(given, noisy(shuffled(shifted(given)), strain=0.01, rattle=0.02))
    assert same(given, noisy(turned(in_cell(given, SUPERCELL)), strain=0.005, rattle=0.02))


def test_exchanging_a_and_b_makes_another_structure():
    assert not same(perovskite("Ba", "Ti", "O", 4.0), perovskite("Ti", "Ba", "O", 4.0))


def test_exchanging_the_ions_of_rocksalt_changes_nothing():
    assert same(crystal("rocksalt", ("Na", "Cl"), 5.6), crystal("rocksalt", ("Cl", "Na"), 5.6))


@pytest.mark.parametrize("pair", [("fcc", "hcp"), ("fcc", "bcc"), ("sc", "diamond")])
def test_polymorphs_of_an_element_are_different_structures(pair):
    first, second = (crystal(name, ("Cu",), 3.6) for name in pair)
    assert not same(first, second)


def test_polymorphs_of_an_ab_compound_are_different_structures():
    first = crystal("rocksalt", ("Na", "Cl"), 5.6)
    assert not any(same(first, crystal(name, ("Na", "Cl"), 4.5)) for name in ("zincblende", "wurtzite", "cscl"))
