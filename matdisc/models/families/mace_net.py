"""MACE (Batatia et al., NeurIPS 2022) through its own package, small enough to be trained from scratch on a CPU.

A file of pretrained weights is opened as MACE publishes it: that runs code, so take it from people you trust.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from matdisc.formats.atoms import to_atoms
from matdisc.models.families import neural
from matdisc.models.families.family import Family, Model, Training, predictor
from matdisc.models.families.finetune import Pretrained, readable, tuned
from matdisc.models.potentials.mace import joined
from matdisc.schema import Crystal

ELEMENTS = 94
"""Hydrogen to plutonium."""
NEIGHBOURS = 40.0
"""By which sums over neighbours are divided, so that they are of order one."""


class Energies(torch.nn.Module):
    """A MACE without forces."""

    def __init__(self, model: torch.nn.Module) -> None:
        """Take a model of the package, which tells total energies."""
        super().__init__()
        self.model = model

    def forward(self, graph: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return energies, eV/atom, shape (n_crystals,)."""
        energies: torch.Tensor = self.model(graph, training=self.training, compute_force=False)["energy"]
        return energies / graph["ptr"].diff()


def load(channels: int = 32, angular: int = 1, correlation: int = 2, cutoff: float = 5.0, epochs: int = 20,
         rate: float = 1e-2, batch: int = 16, members: int = 1, seed: int = 0, file: str = "") -> Family:  # fmt: skip
    """Return MACE as a family: two layers with invariant messages from scratch, or pretrained weights.

    Args:
        channels: Numbers that an atom carries.
        angular: Highest degree of the spherical harmonics of a bond.
        correlation: Neighbours that one message correlates.
        cutoff: Å; an atom without neighbour has no answer.
        epochs: Passes over the training part.
        rate: Highest learning rate.
        batch: Crystals a step.
        members: Of an ensemble.
        seed: Of the first member.
        file: Pretrained weights to begin with; their network then stands for the first four arguments, and without
            epochs only the references of the elements are fitted.
    """
    recipe = neural.Recipe(epochs=epochs, batch=batch, rate=rate, decay=0.0 if file else 1e-4)
    if file:
        name = f"mace-{sha256(Path(file).read_bytes()).hexdigest()[:16]}"
        pretrained = Pretrained(name, ("mace-torch", "torch"), partial(_opened, file), graph)
        return tuned("mace-tuned", pretrained, recipe, seed=seed, members=members)
    sizes: dict[str, Any] = {"channels": channels, "angular": angular, "correlation": correlation, "cutoff": cutoff}
    return predictor("mace", partial(fit, recipe=recipe, **sizes), packages=("mace-torch", "e3nn", "torch"),
                     members=members, seed=seed, epochs=epochs, rate=rate, batch=batch, **sizes)  # fmt: skip


def fit(training: Training, recipe: neural.Recipe, **sizes: Any) -> Model:
    """Train a small MACE; nan for a crystal that has an atom without neighbour, or an element beyond plutonium."""
    torch.manual_seed(training.seed)
    net = Energies(small(**sizes))

    def batches(crystals: Sequence[Crystal]) -> neural.Collate:
        return lambda places: graph(net, [crystals[i] for i in places])

    return neural.fitted(training, net, batches, partial(readable, graph, net), recipe)


def small(channels: int, angular: int, correlation: int, cutoff: float) -> torch.nn.Module:
    """Return a MACE of the package with random weights, for elements up to plutonium."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")  # mace names what it lacks, torch what it will not compile
        from mace.modules import ScaleShiftMACE, interaction_classes  # isort: skip  # makes e3nn 0.4 readable
        from e3nn.o3 import Irreps

        block = interaction_classes["RealAgnosticResidualInteractionBlock"]
        model: torch.nn.Module = ScaleShiftMACE(
            r_max=cutoff, num_bessel=8, num_polynomial_cutoff=5, max_ell=angular, interaction_cls=block,
            interaction_cls_first=block, num_interactions=2, num_elements=ELEMENTS, correlation=correlation,
            hidden_irreps=Irreps(f"{channels}x0e"), MLP_irreps=Irreps("16x0e"), atomic_energies=np.zeros(ELEMENTS),
            avg_num_neighbors=NEIGHBOURS, atomic_numbers=list(range(1, ELEMENTS + 1)), gate=torch.nn.functional.silu,
            radial_MLP=[32, 32], atomic_inter_scale=1.0, atomic_inter_shift=0.0,
        ).float()  # fmt: skip
    return model


def graph(network: Any, crystals: Sequence[Crystal]) -> dict[str, torch.Tensor]:
    """Return the graphs of crystals as one.

    Raises:
        ValueError: If an atom has no neighbour within the cutoff, or the network does not know an element.
    """
    found: dict[str, torch.Tensor] = joined([to_atoms(crystal) for crystal in crystals], network.model, 0)
    if len(found["edge_index"][0].unique()) < len(found["batch"]):
        raise ValueError(f"an atom of {crystals[0].formula} has no neighbour within MACE's cutoff")
    return found


def _opened(file: str) -> Energies:
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        import mace  # noqa: F401  # first of all: it makes e3nn 0.4 readable for torch >= 2.6

        return Energies(torch.load(file, map_location="cpu", weights_only=False).float())
