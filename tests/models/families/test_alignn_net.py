"""ALIGNN's graphs of bonds and angles, against loops and against another way through its package."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="families of networks need torch")
pytest.importorskip("alignn", reason="needs the package alignn (matdisc[alignn])")

from matdisc.schema import Crystal  # noqa: E402

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its packages announce their own future when they are imported
    from matdisc.models.families.alignn_net import Energies, angles, batches, element, usable

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # its packages warn of themselves
CELL = ((4.0, 0.2, 0.0), (0.1, 5.0, 0.3), (0.0, -0.4, 6.0))
CRYSTAL = Crystal(("Na", "Cl", "Ti"), ((0.0, 0.0, 0.0), (0.5, 0.45, 0.4), (0.1, 0.6, 0.8)), CELL)


def test_every_pair_of_a_bond_and_one_that_goes_on_from_its_target_is_an_angle():
    rng = np.random.default_rng(0)
    source, target = (torch.from_numpy(rng.integers(6, size=20)) for _ in range(2))  # atoms 6 and 7 have no bond
    first, second = angles(source, target, 8)
    looped = [(i, j) for i in range(20) for j in range(20) if target[i] == source[j]]
    assert sorted(zip(first.tolist(), second.tolist(), strict=True)) == looped
    nothing = torch.empty(0, dtype=torch.int64)
    assert [len(part) for part in angles(nothing, nothing, 3)] == [0, 0]


def test_simple_cubic_has_six_bonds_and_thirty_six_angles_of_which_six_go_back():
    cube = Crystal(("Po",), ((0.0, 0.0, 0.0),), ((3.0, 0.0, 0.0), (0.0, 3.0, 0.0), (0.0, 0.0, 3.0)))
    atoms, pairs, _ = batches([cube], 6)(np.array([0]))
    vectors = atoms.edata["r"]
    assert vectors.norm(dim=1).tolist() == pytest.approx([3.0] * 6)
    cosines = (vectors[pairs.src] * vectors[pairs.dst]).sum(dim=1) / 9
    assert sorted(cosines.round().tolist()) == [-1.0] * 6 + [0.0] * 24 + [1.0] * 6


def test_the_package_says_the_same_of_a_crystal_that_is_given_as_positions_and_a_cell():
    torch.manual_seed(0)
    wrapped = Energies({"hidden_features": 16, "embedding_features": 16, "alignn_layers": 2, "gcn_layers": 1}).eval()
    atoms, _, _ = batches([CRYSTAL], 6)(np.array([0]))
    cell = torch.tensor(CELL)
    positions = torch.tensor(CRYSTAL.positions) @ cell
    steps = (atoms.edata["r"] - positions[atoms.dst] + positions[atoms.src]) @ torch.linalg.inv(cell)
    assert (steps - steps.round()).abs().max() < 1e-5
    wrapped.net.three_body_cutoff = 100.0
    by_tensors = wrapped.net.forward_tensors(
        positions.requires_grad_(), cell, atoms.ndata["atom_features"], atoms.src, atoms.dst, steps.round()
    )
    with torch.inference_mode():
        said = wrapped(batches([CRYSTAL, CRYSTAL], 6)(np.array([1, 0])))
    assert said.tolist() == pytest.approx([by_tensors["energy"].item()] * 2, abs=1e-5)


def test_an_element_that_the_package_does_not_know_is_not_guessed():
    assert len(element("Fe")) == 92
    assert sum(element("Fe")) > 5
    assert np.isnan(element("Lr")).all()
    lawrencium = Crystal(("Lr", *CRYSTAL.symbols[1:]), CRYSTAL.positions, CELL)
    assert usable(CRYSTAL)
    assert not usable(lawrencium)
