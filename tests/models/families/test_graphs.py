"""Neighbour graphs: whole shells by hand and against ASE, cells and orders that do not matter, batches of any part."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="graphs are made for networks, which need torch")

from ase.neighborlist import primitive_neighbor_list  # noqa: E402

from matdisc.models.families.graphs import SHELL, drawable, gaussians, graphs  # noqa: E402
from matdisc.schema import Crystal  # noqa: E402

A = 5.64
HALF = A / 2
ROCKSALT = Crystal(
    ("Na", "Cl"), ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)), ((0.0, HALF, HALF), (HALF, 0.0, HALF), (HALF, HALF, 0.0))
)
ALONE = Crystal(("Ar",), ((0.0, 0.0, 0.0),), ((20.0, 0.0, 0.0), (0.0, 20.0, 0.0), (0.0, 0.0, 20.0)))


def _random(n, seed, size=6.0):
    rng = np.random.default_rng(seed)
    cell = size * np.eye(3) + rng.normal(0, 0.15 * size, (3, 3))
    symbols = tuple(rng.choice(["Na", "Cl", "Ti", "O"], n))
    return Crystal(symbols, tuple(map(tuple, rng.random((n, 3)).tolist())), tuple(map(tuple, cell.tolist())))


def _lengths_by_atom(graph):
    """Sorted lengths of the edges that each atom hears, in a single crystal."""
    return [np.sort(graph.lengths[graph.target == i]) for i in range(len(graph.numbers))]


def test_an_atom_of_rocksalt_hears_six_neighbours_and_the_whole_shell_of_the_twelfth():
    graph = graphs([ROCKSALT])
    for atom, lengths in enumerate(_lengths_by_atom(graph)):
        assert lengths == pytest.approx([HALF] * 6 + [A / np.sqrt(2)] * 12)
        near = graph.lengths[graph.target == atom] < 1.1 * HALF
        assert set(graph.source[graph.target == atom][near]) == {1 - atom}
    assert graph.numbers.tolist() == [11, 17]


def test_an_atom_of_copper_has_twelve_edges():
    half = 3.61 / 2
    copper = Crystal(("Cu",), ((0.3, 0.1, 0.7),), ((0.0, half, half), (half, 0.0, half), (half, half, 0.0)))
    assert graphs([copper]).lengths == pytest.approx([3.61 / np.sqrt(2)] * 12)


@pytest.mark.parametrize("n", [1, 2, 5, 12])
@pytest.mark.parametrize("seed", range(3))
def test_edges_are_those_of_the_whole_list_of_ase_up_to_the_twelfth(n, seed):
    crystal = _random(n, seed, size=3.0 + 3 * seed)
    graph, cell = graphs([crystal]), np.array(crystal.cell)
    i, j, shifts, lengths = primitive_neighbor_list(
        "ijSd", (True,) * 3, cell, np.array(crystal.positions) @ cell, 8.0, self_interaction=False
    )
    for atom in range(n):
        mine, heard = i == atom, graph.target == atom
        ordered = np.sort(lengths[mine])
        keep = mine & (lengths <= (ordered[11] if len(ordered) >= 12 else np.inf) + SHELL)
        expected = {(a, *s) for a, s in zip(j[keep].tolist(), shifts[keep].tolist(), strict=True)}
        found = {(a, *s) for a, s in zip(graph.source[heard].tolist(), graph.shifts[heard].tolist(), strict=True)}
        assert found == expected
        assert heard.sum() == keep.sum()


def test_shifts_and_positions_give_the_lengths():
    crystal = _random(7, 4)
    graph, cell = graphs([crystal]), np.array(crystal.cell)
    positions = np.array(crystal.positions) @ cell
    vectors = positions[graph.source] + graph.shifts @ cell - positions[graph.target]
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(graph.lengths)


def test_an_isolated_atom_has_no_edge_and_is_no_error():
    graph = graphs([ALONE, ROCKSALT])
    assert np.diff(graph.edges).tolist() == [0, 36]
    batch = graph.batch(np.array([0]))
    assert (batch.numbers.tolist(), batch.edges.shape, batch.crystal.tolist()) == ([18], (2, 0), [0])


def test_no_crystals_make_an_empty_graph():
    assert len(graphs([])) == 0
    assert graphs([]).batch(np.arange(0)).n == 0


def test_a_supercell_has_the_same_edges_an_atom():
    crystal = _random(3, 1)
    cell = np.array(crystal.cell)
    positions = [np.add(p, (k, 0, 0)) / (2, 1, 1) for k in range(2) for p in crystal.positions]
    double = Crystal(crystal.symbols * 2, tuple(map(tuple, positions)), (tuple(2 * cell[0]), *crystal.cell[1:]))
    one, two = _lengths_by_atom(graphs([crystal])), _lengths_by_atom(graphs([double]))
    for atom in range(6):
        assert two[atom] == pytest.approx(one[atom % 3])


def test_a_batch_of_some_crystals_is_their_graph_in_that_order():
    crystals = [_random(n, n) for n in (1, 4, 2, 6)]
    chosen = [3, 0, 3, 2]
    batch, alone = graphs(crystals).batch(np.array(chosen)), graphs([crystals[i] for i in chosen])
    assert batch.numbers.tolist() == alone.numbers.tolist()
    assert batch.lengths.numpy() == pytest.approx(alone.lengths, rel=1e-6)
    begins = np.repeat(alone.atoms[:-1], np.diff(alone.edges))
    assert batch.edges.tolist() == [(alone.source + begins).tolist(), (alone.target + begins).tolist()]
    assert batch.crystal.tolist() == [0] * 6 + [1] + [2] * 6 + [3] * 2
    assert batch.n == 4


@pytest.mark.parametrize(
    "wrong",
    [
        Crystal((), (), ALONE.cell),
        Crystal(("Xx",), ((0.0, 0.0, 0.0),), ALONE.cell),
        Crystal(("Na",), ((0.0, float("nan"), 0.0),), ALONE.cell),
        Crystal(("Na",), ((0.0, 0.0, 0.0),), (ALONE.cell[0], ALONE.cell[1], ALONE.cell[1])),
        Crystal(("Na",), ((0.0, 0.0, 0.0),), (ALONE.cell[0], ALONE.cell[1], (0.0, 0.0, float("inf")))),
        Crystal(("Na",), ((0.0, 0.0, 0.0),), ((0.01, 0.0, 0.0), (0.0, 1e3, 0.0), (0.0, 0.0, 4.0))),
    ],
)
def test_a_crystal_without_atoms_volume_or_finite_numbers_or_a_needle_of_a_cell_has_no_graph(wrong):
    assert not drawable(wrong)
    assert drawable(ROCKSALT)
    assert drawable(ALONE)


def test_a_length_overlaps_most_with_the_gaussian_at_its_place():
    features = gaussians(torch.tensor([0.0, 2.8, 8.0]))
    assert features.shape == (3, 41)
    assert features.argmax(dim=1).tolist() == [0, 14, 40]
    assert features.max(dim=1).values.tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert features[1, 15].item() == pytest.approx(np.exp(-1.0))
    smallest_normal = torch.finfo(torch.float32).tiny
    assert (features > smallest_normal).all()
