"""Mixing enthalpies: bonds counted by another code, chances enumerated, and hand-made tables."""

import math
from itertools import combinations, product

import numpy as np
import pytest

from matdisc.datasets.prototypes import crystal
from matdisc.formats.atoms import to_atoms
from matdisc.physics.alloys.mixing import (
    ARRANGEMENTS,
    LATTICES,
    OFF_LATTICE,
    mixing_distances,
    mixing_enthalpies,
    similar_share,
    stretch_ratio,
)

SHELLS = {"BCC": (math.sqrt(3) / 2, 1.0), "FCC": (math.sqrt(1 / 2),), "HCP": (math.sqrt(1 / 2),)}
"""Distances of neighbours that share a tetrahedron, over the edge of a cube with as many atoms as ATOMS says."""
ATOMS = {"BCC": 2, "FCC": 4, "HCP": 4}
NEIGHBOURS = {"BCC": (8, 6), "FCC": (12,), "HCP": (12,)}
BOND = {"AA": -1.0, "BB": -0.4, "AB": -0.9}
"""Energy of one bond, eV: A is Ag, B is Cu."""


def bond_energy(prototype, symbols, lattice):
    """Energy per atom of bonds to all shells, each weaker by half, counted by ASE."""
    from ase.neighborlist import neighbor_list

    atoms = to_atoms(crystal(prototype, symbols, 1.0))
    edge = (ATOMS[lattice] * atoms.get_volume() / len(atoms)) ** (1 / 3)
    total = 0.0
    for order, distance in enumerate(SHELLS[lattice]):
        first, second, found = neighbor_list("ijd", atoms, 1.001 * distance * edge)
        shell = found > 0.999 * distance * edge
        for i, j in zip(first[shell], second[shell], strict=True):
            kind = "".join(sorted("A" if atoms[k].symbol == "Ag" else "B" for k in (i, j)))
            total += BOND[kind] / 2 / 2**order
    return total / len(atoms)


@pytest.mark.parametrize("lattice", LATTICES)
def test_energies_of_bonds_give_the_random_solution(lattice):
    """In it half of all bonds are A-B and a quarter each A-A and B-B."""
    pure = {(el, lattice): bond_energy(lattice.lower(), (el,), lattice) for el in ("Ag", "Cu")}
    mixed = {}
    for kind in ARRANGEMENTS:
        if kind.lattice == lattice:
            symbols = ("Ag", "Cu") if kind.parts[0] >= kind.parts[1] else ("Cu", "Ag")
            mixed["Ag", "Cu", kind] = bond_energy(kind.prototype, symbols, lattice)
    found = mixing_enthalpies(("Ag", "Cu"), pure, mixed)[LATTICES.index(lattice)]
    bonds = sum(z / 2 / 2**order for order, z in enumerate(NEIGHBOURS[lattice]))
    expected = bonds * (BOND["AB"] / 2 - BOND["AA"] / 4 - BOND["BB"] / 4)
    assert found[0, 1] == found[1, 0] == pytest.approx(expected)
    assert found[0, 0] == found[1, 1] == 0
    without = {cell: energy for cell, energy in mixed.items() if cell[2].parts != (1, 1)}
    assert mixing_enthalpies(("Ag", "Cu"), pure, without)[LATTICES.index(lattice)][0, 1] == pytest.approx(expected)


def test_weights_are_the_chances_of_tetrahedra():
    """Sites 0 and 1 are second neighbours on BCC, and so are 2 and 3; A2B2 is B2 if A takes one such pair."""
    chance = {}
    for sites in product("AB", repeat=4):
        n = sites.count("A")
        bcc = {1: "D0_3", 3: "D0_3", 2: "cscl" if sites[0] == sites[1] else "B32"}.get(n)
        fcc = {1: "L1_2", 3: "L1_2", 2: "L1_0"}.get(n)
        hcp = {1: "D0_19", 3: "D0_19", 2: "B19"}.get(n)
        for lattice, prototype in (("BCC", bcc), ("FCC", fcc), ("HCP", hcp)):
            key = (lattice, prototype, n)
            chance[key] = chance.get(key, 0) + 1 / 16
    parts = {(3, 1): 3, (1, 1): 2, (1, 3): 1}
    for kind in ARRANGEMENTS:
        assert kind.weight == chance[kind.lattice, kind.prototype, parts[kind.parts]]


@pytest.mark.parametrize("kind", ARRANGEMENTS, ids=lambda kind: f"{kind.prototype}-{kind.parts}")
def test_a_cell_has_the_parts_it_states_and_equal_metals_do_not_mix(kind):
    """Every site is a site of the lattice, so a cell of copper and copper has the energy of copper on it."""
    from ase.calculators.emt import EMT

    first, second = sorted(kind.parts, reverse=True)
    found = crystal(kind.prototype, ("Ag", "Cu"), 1.0).composition
    assert found["Ag"] * second == found["Cu"] * first

    def energy(prototype, symbols):
        atoms = to_atoms(crystal(prototype, symbols, 1.0))
        atoms.set_cell(atoms.cell * (11.9 * len(atoms) / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
        atoms.calc = EMT()
        return atoms.get_potential_energy() / len(atoms)

    mixed = energy(kind.prototype, ("Cu", "Cu"))
    assert mixed == pytest.approx(energy(kind.lattice.lower(), ("Cu",)), abs=1e-9)
    other = {"BCC": "fcc", "FCC": "hcp", "HCP": "bcc"}[kind.lattice]
    assert abs(mixed - energy(other, ("Cu",))) > 1e-4


@pytest.mark.parametrize(("prototype", "times", "parts"), [("B19", (3, 2, 2), {2}), ("D0_19", (2, 2, 2), {3})])
def test_every_tetrahedron_of_an_hcp_cell_has_the_parts_of_the_cell(prototype, times, parts):
    from ase.neighborlist import neighbor_list

    atoms = to_atoms(crystal(prototype, ("Ag", "Cu"), 1.0)).repeat(times)
    nearest = (math.sqrt(2) * atoms.get_volume() / len(atoms)) ** (1 / 3)
    first, second = neighbor_list("ij", atoms, 1.01 * nearest)
    beside = {i: set(second[first == i]) for i in range(len(atoms))}
    assert {len(found) for found in beside.values()} == {12}
    tetrahedra = {
        frozenset((i, j, k, m))
        for i in range(8)
        for j in beside[i]
        for k in beside[i] & beside[j]
        for m in beside[i] & beside[j] & beside[k]
    }
    assert {sum(atoms.numbers[i] == 47 for i in found) for found in tetrahedra} == parts


def test_an_enthalpy_without_its_elements_or_unequal_cells_is_not_known():
    pure = {(el, lattice): 0.0 for el in ("Ag", "Cu") for lattice in LATTICES}
    mixed = {("Ag", "Cu", kind): 0.1 for kind in ARRANGEMENTS}
    assert np.isfinite(mixing_enthalpies(("Ag", "Cu"), pure, mixed)).all()
    less = {cell: e for cell, e in mixed.items() if cell[2].parts != (3, 1)}
    assert np.isnan(mixing_enthalpies(("Ag", "Cu"), pure, less)[:, 0, 1]).all()
    assert np.isnan(mixing_enthalpies(("Ag", "Cu"), {}, mixed)[:, 0, 1]).all()


def test_stretch_knows_size_and_rotation_from_shape():
    cube = crystal("fcc", ("Cu",), 3.6)
    assert stretch_ratio(cube, crystal("fcc", ("Cu",), 4.1)) == pytest.approx(1)
    x, y, z = cube.cell
    assert stretch_ratio(cube, type(cube)(cube.symbols, cube.positions, (y, z, x))) == pytest.approx(1)
    flat = type(cube)(cube.symbols, cube.positions, ((0.0, 0.0, 0.0), y, z))
    assert math.isnan(stretch_ratio(flat, cube))


def test_the_way_from_fcc_to_bcc_ends_beyond_the_limit():
    ordered = crystal("L1_0", ("Al", "Ni"), 2.7)
    assert stretch_ratio(ordered, crystal("L1_0", ("Al", "Ni"), 2.9, c=2.9)) == pytest.approx(OFF_LATTICE**2)


def table(pairs, elements="ABC"):
    h = np.zeros((1, len(elements), len(elements)))
    for (a, b), value in pairs.items():
        i, j = elements.index(a), elements.index(b)
        h[0, i, j] = h[0, j, i] = value
    return h


def test_distances_are_those_computed_by_hand():
    """Rows: A (0, 1, 3), B (1, 0, 5), C (3, 5, 0)."""
    d = mixing_distances(table({"AB": 1.0, "AC": 3.0, "BC": 5.0}))
    assert d[0, 1] == pytest.approx(math.sqrt((1 + 1 + 4) / 3))
    assert d[0, 2] == pytest.approx(math.sqrt((9 + 16 + 9) / 3))
    assert d[1, 2] == pytest.approx(math.sqrt((4 + 25 + 25) / 3))
    np.testing.assert_array_equal(d, d.T)
    np.testing.assert_array_equal(np.diag(d), 0)


def test_an_unknown_enthalpy_is_left_out_until_too_few_are_known():
    h = table({"AB": 1.0, "AC": 3.0, "BC": np.nan})
    d = mixing_distances(h)
    assert d[0, 1] == pytest.approx(1.0)
    assert np.isnan(d[1, 2])


def test_elements_that_mix_alike_are_similar_whatever_the_unit():
    rng = np.random.default_rng(0)
    h = rng.normal(size=(2, 6, 6))
    h = h + h.transpose(0, 2, 1)
    h[:, range(6), range(6)] = 0
    h[:, 1], h[:, :, 1] = h[:, 0], h[:, :, 0]
    h[:, 0, 1] = h[:, 1, 0] = h[:, 1, 1] = 0
    s = similar_share(mixing_distances(h))
    assert s[0, 1] == 1
    np.testing.assert_allclose(similar_share(mixing_distances(96.5 * h)), s)
    pairs = [s[i, j] for i, j in combinations(range(6), 2)]
    assert np.median(pairs) == pytest.approx(0.5)
    assert min(pairs) >= 0


def test_swapping_two_elements_swaps_their_shares_and_nothing_else():
    h = table({"AB": 0.1, "AC": -0.3, "BC": 0.2, "AD": 0.7, "BD": 0.0, "CD": -0.1}, "ABCD")
    order = [2, 1, 0, 3]
    swapped = similar_share(mixing_distances(h[:, order][:, :, order]))
    np.testing.assert_allclose(swapped, similar_share(mixing_distances(h))[order][:, order])


def test_nothing_known_is_nothing_said_and_no_difference_is_full_similarity():
    assert np.isnan(similar_share(np.full((3, 3), np.nan))).all()
    np.testing.assert_array_equal(similar_share(np.zeros((3, 3))), 1)
