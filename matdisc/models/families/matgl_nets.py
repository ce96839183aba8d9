"""MEGNet and M3GNet through MatGL's own classes, trained from scratch on formation energies.

MatGL: Ko et al., npj Comput. Mater. 11, 253 (2025). MEGNet: Chen et al., Chem. Mater. 31, 3564 (2019). M3GNet: Chen
and Ong, Nat. Comput. Sci. 2, 718 (2022), here as MatGL's model of an intensive property and not as a potential.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import torch
from matgl.ext.pymatgen import Structure2Graph
from matgl.models import M3GNet, MEGNet
from pymatgen.core import Structure
from torch_geometric.data import Batch

from matdisc.arrays import Ints
from matdisc.models.families.family import Family, Model, Training, predictor
from matdisc.models.families.graphs import drawable
from matdisc.models.families.neural import Collate, Recipe, fitted
from matdisc.schema import Crystal

PACKAGES = ("matgl", "torch", "torch-geometric", "pymatgen-core")
N_STATE = 2
"""Numbers that MEGNet takes for a whole crystal; MatGL gives zeros, which its blocks then fill."""


def megnet(width: int = 32, blocks: int = 1, gaussians: int = 40, cutoff: float = 4.0, epochs: int = 25,
           batch: int = 32, rate: float = 1e-2, members: int = 1, seed: int = 0,
           trained_on: str | None = None) -> Family:  # fmt: skip
    """Return MEGNet: bonds, atoms and the whole crystal update each other in turn.

    The published network has a width of 64, three blocks and 100 Gaussians. Two and three blocks
    learnt less from 800 crystals in about as many epochs.

    Args:
        width: Of the first layers of each block; the last has half of it.
        blocks: Rounds of updates.
        gaussians: Numbers that describe the length of a bond.
        cutoff: Longest bond, Å.
        epochs, batch, rate: See `Recipe`.
        members, seed, trained_on: See `predictor`.
    """
    settings = {"width": width, "blocks": blocks, "gaussians": gaussians}

    def network(elements: tuple[str, ...]) -> torch.nn.Module:
        half = width // 2
        return MEGNet(
            element_types=elements, cutoff=cutoff, dim_edge_embedding=gaussians, dim_state_embedding=N_STATE,
            nblocks=blocks, hidden_layer_sizes_input=(width, half), hidden_layer_sizes_conv=(width, width, half),
            hidden_layer_sizes_output=(half, half // 2),
        )  # fmt: skip

    return _family("megnet", network, cutoff, Recipe(epochs, batch, rate), members, seed, trained_on, settings)


def m3gnet(width: int = 32, blocks: int = 2, cutoff: float = 4.0, angles: float = 3.5, epochs: int = 20,
           batch: int = 32, rate: float = 2e-3, members: int = 1, seed: int = 0,
           trained_on: str | None = None) -> Family:  # fmt: skip
    """Return M3GNet: bonds hear of the angles that they make with other bonds.

    The published network has a width of 64, three blocks, bonds up to 5 Å, and angles between those up to 4 Å.

    Args:
        width: Numbers that describe an atom or a bond in the network.
        blocks: Rounds of updates.
        cutoff: Longest bond, Å.
        angles: Longest bond that makes angles, Å.
        epochs, batch, rate: See `Recipe`.
        members, seed, trained_on: See `predictor`.
    """
    settings = {"width": width, "blocks": blocks, "angles": angles}

    def network(elements: tuple[str, ...]) -> torch.nn.Module:
        return M3GNet(
            element_types=elements, cutoff=cutoff, threebody_cutoff=angles, nblocks=blocks, units=width,
            dim_node_embedding=width, dim_edge_embedding=width, is_intensive=True,
        )  # fmt: skip

    return _family("m3gnet", network, cutoff, Recipe(epochs, batch, rate), members, seed, trained_on, settings)


class OneNumber(torch.nn.Module):
    """A network of MatGL as others are trained here: a batch to one number a crystal, shape (n,)."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: Any) -> torch.Tensor:
        state = torch.zeros(batch.num_graphs, N_STATE)
        said: torch.Tensor = self.net(batch, state_attr=state)
        return said.reshape(-1)  # MatGL drops the dimension of a batch of one


def graphs(crystals: Sequence[Crystal], elements: tuple[str, ...], cutoff: float) -> Collate:
    """Return what makes batches of crystals for MatGL; each becomes a graph once.

    Args:
        crystals: Each `drawable`.
        elements: The order of the learnt vectors.
        cutoff: Longest bond, Å.
    """
    converter = Structure2Graph(elements, cutoff)
    made = []
    for crystal in crystals:
        graph, cell, _ = converter.get_graph(Structure(crystal.cell, crystal.symbols, crystal.positions))
        graph.pos, graph.pbc_offshift = graph.frac_coords @ cell[0], graph.pbc_offset @ cell[0]
        made.append(graph)

    def batch(places: Ints) -> Any:
        return Batch.from_data_list([made[i] for i in places])

    return batch


def _family(name: str, network: Callable[[tuple[str, ...]], torch.nn.Module], cutoff: float, recipe: Recipe,
            members: int, seed: int, trained_on: str | None, settings: dict[str, Any]) -> Family:  # fmt: skip
    def fit(training: Training) -> Model:
        elements = tuple(sorted({element for crystal in training.crystals for element in crystal.symbols}))

        def usable(crystal: Crystal) -> bool:
            return drawable(crystal) and set(crystal.symbols) <= set(elements)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MatGL and its packages announce their own future
            torch.manual_seed(training.seed)
            net = OneNumber(network(elements))
            return fitted(training, net, lambda crystals: graphs(crystals, elements, cutoff), usable, recipe)

    return predictor(name, fit, packages=PACKAGES, members=members, seed=seed, trained_on=trained_on, cutoff=cutoff,
                     recipe=asdict(recipe), **settings)  # fmt: skip
