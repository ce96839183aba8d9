"""Neighbour lists with a skin: the same pairs as a fresh search and as ASE's, for any cell."""

import numpy as np
import pytest

from matdisc.models.get.fast.neighbours import ListCache, search

CUTOFF, RADIUS, SKIN = 2.5, 4.0, 0.5
TRICLINIC = np.array([[6.0, 0, 0], [1.5, 7, 0], [-1, 0.8, 5.5]])
TINY = np.array([[2.2, 0, 0], [0.5, 2.4, 0], [-0.3, 0.4, 2.6]])
CELLS = {"triclinic": (TRICLINIC, 24), "tiny": (TINY, 2), "one atom": (TINY, 1), "long": (np.diag([3.0, 3, 25]), 12)}


def _atoms(cell, n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 2, (n, 3)) @ cell  # outside the cell too


def _lengths(lists, positions, cell, what):
    """Return the sorted (i, j, distance) of all pairs, in both directions, or edges, closer than they should be."""
    x, shifts = lists.placed(positions, cell)
    if what == "edges":
        i, j, image, radius = np.repeat(np.arange(len(x)), np.diff(lists.first)), lists.sender, lists.image, CUTOFF
    else:
        i, j, image, radius = np.repeat(np.arange(len(x)), np.diff(lists.start)), lists.other, lists.other_image, RADIUS
    r = np.linalg.norm(x[i] - x[j] - shifts[image], axis=1)
    i, j = lists.order[i], lists.order[j]
    if what == "pairs":
        i, j, r = np.concatenate([i, j]), np.concatenate([j, i]), np.concatenate([r, r])
    kept = r < radius
    return _sorted(i[kept], j[kept], r[kept])


def _sorted(i, j, r):
    order = np.lexsort((r.round(6), j, i))
    return i[order], j[order], r[order]


def _same(found, expected):
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_allclose(found[2], expected[2], atol=1e-9)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("what", "radius"), [("edges", CUTOFF), ("pairs", RADIUS)])
def test_periodic_lists_hold_the_pairs_that_ase_finds(name, what, radius):
    from ase import Atoms
    from ase.neighborlist import neighbor_list

    cell, n = CELLS[name]
    positions = _atoms(cell, n)
    expected = neighbor_list("ijd", Atoms(f"H{n}", positions, cell=cell, pbc=True), radius)
    assert len(expected[0]) > 0
    found = search(positions, cell, True, cutoff=CUTOFF, radius=RADIUS, skin=SKIN)
    _same(_lengths(found, positions, cell, what), _sorted(*expected))


@pytest.mark.parametrize("radius", [RADIUS, np.inf])
def test_a_molecule_has_every_pair_once_and_no_image(radius):
    positions = np.random.default_rng(1).uniform(0, 9, (40, 3))
    lists = search(positions, np.zeros((3, 3)), False, cutoff=CUTOFF, radius=radius, skin=SKIN)
    i, j = np.triu_indices(40, k=1)
    distance = np.linalg.norm(positions[i] - positions[j], axis=1)
    near = distance < CUTOFF
    twice = [np.concatenate(both) for both in ((i[near], j[near]), (j[near], i[near]), (distance[near],) * 2)]
    _same(_lengths(lists, positions, np.zeros((3, 3)), "edges"), _sorted(*twice))
    assert len(lists.other) == (40 * 39 // 2 if radius == np.inf else (distance < RADIUS + SKIN).sum())


@pytest.mark.parametrize("name", CELLS)
def test_a_list_with_a_skin_equals_a_fresh_one_while_it_holds(name):
    cell, n = CELLS[name]
    positions, rng = _atoms(cell, n), np.random.default_rng(2)
    lists = search(positions, cell, True, cutoff=CUTOFF, radius=RADIUS, skin=SKIN)
    for _ in range(5):
        move = rng.normal(size=(n, 3))
        moved = positions + move / np.linalg.norm(move, axis=1, keepdims=True) * 0.249
        assert lists.still_holds(moved, cell)
        fresh = search(moved, cell, True, cutoff=CUTOFF, radius=RADIUS, skin=0.0)
        for what in ("edges", "pairs"):
            _same(_lengths(lists, moved, cell, what), _lengths(fresh, moved, cell, what))


def test_a_list_ends_when_an_atom_has_moved_half_the_skin():
    positions = _atoms(TRICLINIC, 24)
    lists = search(positions, TRICLINIC, True, cutoff=CUTOFF, radius=RADIUS, skin=SKIN)
    positions[7, 1] += 0.251
    assert not lists.still_holds(positions, TRICLINIC)


def test_a_list_survives_a_small_change_of_the_cell_and_is_still_complete():
    positions = _atoms(TRICLINIC, 24)
    lists = search(positions, TRICLINIC, True, cutoff=CUTOFF, radius=RADIUS, skin=SKIN)
    for scale in (0.98, 1.3):  # atoms move along by more than the skin; only what they move within the cell counts
        cell, moved = scale * TRICLINIC, scale * positions
        assert lists.still_holds(moved, cell)
        fresh = search(moved, cell, True, cutoff=CUTOFF, radius=RADIUS, skin=0.0)
        for what in ("edges", "pairs"):
            _same(_lengths(lists, moved, cell, what), _lengths(fresh, moved, cell, what))
    assert not lists.still_holds(0.85 * positions, 0.85 * TRICLINIC)


def test_trajectories_that_take_turns_keep_their_lists():
    cache = ListCache(skin=SKIN)
    numbers, cell = np.ones(24, np.int64), TRICLINIC
    replicas = [_atoms(cell, 24, seed) for seed in range(3)]
    for step in range(4):
        for positions in replicas:
            cache.get(numbers, positions + 0.01 * step, cell, True, CUTOFF, RADIUS)
    assert cache.searches == 3


def test_lists_that_nobody_asks_for_are_dropped():
    cache = ListCache(skin=SKIN, keep=2)
    for z in (1, 2, 3, 1):
        cache.get(np.full(24, z), _atoms(TRICLINIC, 24), TRICLINIC, True, CUTOFF, RADIUS)
    assert cache.searches == 4
    cache.get(np.full(24, 1), _atoms(TRICLINIC, 24), TRICLINIC, True, CUTOFF, RADIUS)
    assert cache.searches == 4
