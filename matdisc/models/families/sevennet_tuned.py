"""SevenNet (Park et al., J. Chem. Theory Comput. 20, 4857 (2024)) zero-shot and fine-tuned."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch

from matdisc.formats.atoms import to_atoms
from matdisc.models.families.family import Family
from matdisc.models.families.finetune import Pretrained, tuned
from matdisc.models.families.neural import Recipe
from matdisc.models.potentials.sevennet import joined
from matdisc.schema import Crystal

LAYERS = ("reduce_input_to_hidden.", "reduce_hidden_to_energy.")
"""The readout."""


class Energies(torch.nn.Module):
    """SevenNet without forces, with some of its parameters to be trained."""

    def __init__(self, model: str, layers: Sequence[str]) -> None:
        """Load a model of the package; parameters whose names begin otherwise than `layers` stay as they are."""
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it advertises accelerators for GPUs
            from sevenn.util import load_checkpoint

            self.model = load_checkpoint(model).build_model()
        self.model.delete_module_by_key("force_output")
        self.model.set_is_batch_data(True)
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(name.startswith(tuple(layers)))

    def forward(self, graph: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return energies, eV/atom, shape (n_crystals,)."""
        energies: torch.Tensor = self.model(dict(graph))["inferred_total_energy"]
        return energies / graph["num_atoms"]


def load(model: str = "7net-0", epochs: int = 0, layers: Sequence[str] = LAYERS, rate: float = 5e-4, batch: int = 8,
         members: int = 1, seed: int = 0) -> Family:  # fmt: skip
    """Return SevenNet as a family: zero-shot, or fine-tuned where there are epochs.

    Args:
        model: One without modalities whose weights ship in the package: `7net-0`, `7net-0_22May2024`, `7net-l3i5`.
        epochs: Passes over the training part; 0 fits references only. One takes as long as evaluating its crystals.
        layers: How the names of the weights that are tuned begin; an empty name is the beginning of all.
        rate: Highest learning rate.
        batch: Crystals a step.
        members: Of an ensemble, with other batches.
        seed: Of the first member.
    """
    name = "sevennet-tuned" if epochs else "sevennet-zero-shot"
    recipe = Recipe(epochs=epochs, batch=batch, rate=rate, decay=0.0, every=1)
    pretrained = Pretrained(f"sevennet-{model}", ("sevenn", "torch"), lambda: Energies(model, layers), _graph)
    return tuned(name, pretrained, recipe, seed=seed, members=members, layers=list(layers))


def _graph(network: Any, crystals: Sequence[Crystal]) -> dict[str, torch.Tensor]:
    unknown = {z for crystal in crystals for z in to_atoms(crystal).numbers.tolist()} - set(network.model.type_map)
    if unknown:
        raise ValueError(f"SevenNet knows no element of atomic number {sorted(unknown)}")
    return joined([to_atoms(crystal) for crystal in crystals], float(network.model.cutoff), None, "cpu")
