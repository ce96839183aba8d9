"""ALIGNN through its package's own class without DGL, trained from scratch on formation energies.

Choudhary and DeCost, npj Comput. Mater. 7, 185 (2021): convolutions over atoms and bonds in turn with convolutions
over bonds and the angles between them.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from alignn.models.alignn_atomwise_pure import ALIGNNAtomWisePure, ALIGNNAtomWisePureConfig
from alignn.torch_graph_builder import TorchGraph
from jarvis.core.specie import get_node_attributes

from matdisc.arrays import Floats, Ints
from matdisc.models.families import graphs
from matdisc.models.families.family import Family, Model, Training, predictor
from matdisc.models.families.neural import Collate, Recipe, fitted
from matdisc.schema import Crystal

PACKAGES = ("alignn", "jarvis-tools", "torch", "scipy")
N_FEATURES = 92
"""Of an element: group, row and binned properties, in the package's own table."""


def load(width: int = 32, layers: int = 1, convolutions: int = 2, nearest: int = 6, epochs: int = 25, batch: int = 32,
         rate: float = 2e-3, members: int = 1, seed: int = 0, trained_on: str | None = None) -> Family:  # fmt: skip
    """Return ALIGNN; it reads properties of elements, so it answers for elements that were never seen.

    The published network has a width of 256, four layers, four convolutions and twelve neighbours.

    Args:
        width: Numbers that describe an atom, a bond or an angle in the network.
        layers: Updates of atoms, bonds and angles.
        convolutions: Updates of atoms and bonds after them.
        nearest: Neighbours of each atom, whole shells of them.
        epochs, batch, rate: See `Recipe`.
        members, seed, trained_on: See `predictor`.
    """
    recipe = Recipe(epochs, batch, rate)
    shape = {"hidden_features": width, "embedding_features": width, "alignn_layers": layers, "gcn_layers": convolutions}

    def fit(training: Training) -> Model:
        torch.manual_seed(training.seed)
        net = Energies(shape)
        return fitted(training, net, lambda crystals: batches(crystals, nearest), usable, recipe)

    return predictor("alignn", fit, packages=PACKAGES, members=members, seed=seed, trained_on=trained_on,
                     reads_properties=True, nearest=nearest, recipe=asdict(recipe), **shape)  # fmt: skip


class Energies(torch.nn.Module):
    """The package's network as others are trained here: a batch to one number a crystal, shape (n,)."""

    def __init__(self, shape: dict[str, int]) -> None:
        super().__init__()
        self.net = ALIGNNAtomWisePure(ALIGNNAtomWisePureConfig(
            name="alignn_atomwise_pure", atom_input_features=N_FEATURES, calculate_gradient=False, gradwise_weight=0.0,
            energy_mult_natoms=False, use_penalty=False, **shape,
        ))  # fmt: skip

    def forward(self, batch: tuple[TorchGraph, TorchGraph, None]) -> torch.Tensor:
        said: torch.Tensor = self.net(batch)["out"]
        return said


def usable(crystal: Crystal) -> bool:
    """Whether a crystal has a graph and the package knows its elements."""
    return graphs.drawable(crystal) and all(np.isfinite(element(s)).all() for s in set(crystal.symbols))


def batches(crystals: Sequence[Crystal], nearest: int) -> Collate:
    """Return what makes batches of crystals: bonds to the nearest neighbours, and every angle between two bonds.

    Args:
        crystals: Each `usable`.
        nearest: Neighbours of each atom, whole shells of them.
    """
    found = graphs.graphs(crystals, nearest)
    parts = [slice(*found.edges[i : i + 2]) for i in range(len(crystals))]
    bonds = [torch.from_numpy(_bonds(crystal, found, part)) for crystal, part in zip(crystals, parts, strict=True)]
    known = [torch.tensor([element(s) for s in c.symbols], dtype=torch.float32) for c in crystals]

    def batch(places: Ints) -> tuple[TorchGraph, TorchGraph, None]:
        one = found.batch(places)
        source, target = one.edges
        atoms = TorchGraph(
            len(one.numbers), source, target, {"atom_features": torch.cat([known[i] for i in places])},
            {"r": torch.cat([bonds[i] for i in places])}, torch.bincount(one.crystal, minlength=one.n),
        )  # fmt: skip
        return atoms, TorchGraph(len(source), *angles(source, target, len(one.numbers))), None

    return batch


def angles(source: torch.Tensor, target: torch.Tensor, n_atoms: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all pairs of a bond and one that goes on from its target, also back: two rows of places of bonds."""
    order, leaving = torch.argsort(source, stable=True), torch.bincount(source, minlength=n_atoms)
    counts = leaving[target]
    first = torch.repeat_interleave(torch.arange(len(source)), counts)
    which = torch.arange(len(first)) - (torch.cumsum(counts, 0) - counts)[first]
    begins = torch.cumsum(leaving, 0) - leaving
    return first, order[begins[target[first]] + which]


@lru_cache(maxsize=256)
def element(symbol: str) -> tuple[float, ...]:
    """Return the package's features of an element, shape (N_FEATURES,); nan of one that it does not know."""
    with contextlib.redirect_stdout(io.StringIO()) as said:  # it answers with another element and prints a warning
        try:
            features = get_node_attributes(symbol, atom_features="cgcnn")
        except (KeyError, ValueError, TypeError):
            features = ()
    ok = len(features) == N_FEATURES and not said.getvalue()
    return tuple(map(float, features)) if ok else (float("nan"),) * N_FEATURES


def _bonds(crystal: Crystal, found: graphs.Graphs, part: slice) -> Floats:
    """Return the vectors from source to target of the bonds of a crystal, Å, shape (n_bonds, 3), single precision."""
    cell = np.array(crystal.cell)
    positions = np.array(crystal.positions) @ cell
    along: Any = positions[found.target[part]] - positions[found.source[part]] - found.shifts[part] @ cell
    return along.astype(np.float32)
