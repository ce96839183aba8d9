"""CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)) zero-shot and fine-tuned; its weights ship in the package."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from typing import Any

import torch

from matdisc.formats.atoms import to_atoms
from matdisc.models.families.family import Family
from matdisc.models.families.finetune import Pretrained, tuned
from matdisc.models.families.neural import Recipe
from matdisc.models.potentials.chgnet_forward import Network
from matdisc.models.potentials.chgnet_graph import Graph, graph_of
from matdisc.schema import Crystal


class Energies(torch.nn.Module):
    """CHGNet with some of its parameters to be trained."""

    def __init__(self, version: str, layers: Sequence[str]) -> None:
        """Load a release of the package; parameters whose names begin otherwise than `layers` stay as they are."""
        super().__init__()
        with warnings.catch_warnings(), redirect_stdout(StringIO()):  # chgnet greets on stdout
            warnings.simplefilter("ignore")
            from chgnet.model import CHGNet

            self.model = CHGNet.load(model_name=version, use_device="cpu", verbose=False)
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(name.startswith(tuple(layers)))

    def forward(self, graph: Graph) -> torch.Tensor:
        """Return energies, eV/atom, shape (n_crystals,), for the parameters as they are at the moment."""
        return Network(self.model, frozen=False).energies(graph) / torch.bincount(graph.owners)


LAYERS = ("mlp.", "readout_norm.", "atom_conv_layers.3.")
"""The readout and the last layer that atoms hear their neighbours in: cheaper to learn than all layers."""


def load(version: str = "0.3.0", epochs: int = 0, layers: Sequence[str] = LAYERS, rate: float = 5e-4, batch: int = 16,
         members: int = 1, seed: int = 0) -> Family:  # fmt: skip
    """Return CHGNet as a family: zero-shot, or fine-tuned where there are epochs.

    Args:
        version: One of the releases in the package: 0.3.0, 0.2.0 or r2scan.
        epochs: Passes over the training part; 0 fits references only.
        layers: How the names of the weights that are tuned begin; an empty name is the beginning of all.
        rate: Highest learning rate.
        batch: Crystals a step.
        members: Of an ensemble, with other batches.
        seed: Of the first member.
    """
    name = "chgnet-tuned" if epochs else "chgnet-zero-shot"
    recipe = Recipe(epochs=epochs, batch=batch, rate=rate, decay=0.0, every=1)
    pretrained = Pretrained(f"chgnet-{version}", ("chgnet", "torch"), lambda: Energies(version, layers), _graph)
    return tuned(name, pretrained, recipe, seed=seed, members=members, layers=list(layers))


def _graph(network: Any, crystals: Sequence[Crystal]) -> Graph:
    converter = network.model.graph_converter
    cutoffs = float(converter.atom_graph_cutoff), float(converter.bond_graph_cutoff)
    graph = graph_of([to_atoms(crystal) for crystal in crystals], *cutoffs)
    return replace(graph, vectors=graph.vectors.detach())
