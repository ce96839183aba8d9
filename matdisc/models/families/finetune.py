"""Pretrained potentials as families: zero-shot, with references of the elements fitted, or fine-tuned on energies.

A potential tells total energies, and its release decides from which zero. Formation energies follow with a reference
for each element: those of the Materials Project, corrected by least squares on the training part, where a ridge holds
the correction of an element that is rarely or never seen near zero. Fine-tuning begins there, and moves references and
weights together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import torch

from matdisc.arrays import Floats, Ints
from matdisc.models.families import neural
from matdisc.models.families.family import Family, Model, Training, predictor
from matdisc.models.families.graphs import atomic_number, drawable
from matdisc.models.families.kept_rows import kept_rows
from matdisc.models.perovskites.prototype import mp_references
from matdisc.schema import Crystal

RIDGE = 0.1
"""Crystals of one element that hold its reference where it is; on binaries 0.03 to 0.3 do as well."""
ELEMENTS = 119
"""Atomic numbers from 0 on."""


MakeGraph = Callable[[Any, Sequence[Crystal]], Any]
"""Network and crystals to what the network reads; raises ValueError for a crystal that it cannot take."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A potential that was trained elsewhere.

    Attributes:
        name: Of release and weights; energies are kept under it.
        packages: Distributions that it needs.
        network: Makes the network: a module from what `graph` returns to energies, eV/atom, shape (n_crystals,).
        graph: Makes what the network reads.
    """

    name: str
    packages: tuple[str, ...]
    network: Callable[[], torch.nn.Module]
    graph: MakeGraph


class Batch(NamedTuple):
    """What a tuned network reads: the graph, and the share of each element, shape (n_crystals, ELEMENTS)."""

    graph: Any
    shares: torch.Tensor


class Tuned(torch.nn.Module):
    """Formation energy per atom, scaled, from a pretrained network and references that move too."""

    def __init__(self, network: torch.nn.Module, references: Floats, scale: neural.Scale) -> None:
        """Begin at the energies of the network less `references`, eV/atom, shape (ELEMENTS,)."""
        super().__init__()
        self.network, self.scale = network, scale
        self.register_buffer("references", torch.from_numpy(references))
        self.shift = torch.nn.Parameter(torch.zeros(ELEMENTS))

    def forward(self, batch: Batch) -> torch.Tensor:
        energies = self.network(batch.graph).double() - batch.shares @ self.references
        return ((energies - self.scale.mean) / self.scale.deviation).float() - batch.shares.float() @ self.shift


def tuned(name: str, pretrained: Pretrained, recipe: neural.Recipe, **settings: Any) -> Family:
    """Return a pretrained potential as a predictor; without epochs it is zero-shot, with fitted references.

    It answers for elements that the training part lacks: it knows them from its own. `settings` are those of
    `predictor`.
    """
    said = {"weights": pretrained.name, "recipe": asdict(recipe), **settings}
    learn = partial(fit, pretrained=pretrained, recipe=recipe)
    return predictor(name, learn, packages=pretrained.packages, reads_properties=True, **said)


def fit(training: Training, pretrained: Pretrained, recipe: neural.Recipe) -> Model:
    """Fit references, and train the network where the recipe has epochs; nan for what it cannot evaluate."""
    before = energies_of(pretrained, training.crystals)
    use = np.isfinite(before)
    labels, shared = training.energies[use], shares(training.crystals)[use]
    references = fitted_references(shared, before[use] - labels)
    if not recipe.epochs or not use.any():
        return lambda asked: energies_of(pretrained, asked) - shares(asked) @ references
    net = Tuned(pretrained.network(), references, neural.Scale(float(labels.mean()), float(labels.std()) or 1.0))
    batches = partial(_collate, pretrained, net.network)
    return neural.fitted(training, net, batches, partial(_usable, pretrained, net.network), recipe)


def fitted_references(shares: Floats, surplus: Floats, ridge: float = RIDGE) -> Floats:
    """Return references of the elements, eV/atom, shape (ELEMENTS,): those of the Materials Project, corrected.

    Args:
        shares: Of each element in each crystal, shape (n_crystals, ELEMENTS).
        surplus: Energy of the potential less formation energy, eV/atom, shape (n_crystals,).
        ridge: Strength that pulls corrections to zero.
    """
    start = np.zeros(ELEMENTS)
    for symbol, energy in _references().items():
        start[atomic_number(symbol)] = energy
    rest = surplus - shares @ start
    return start + np.linalg.solve(shares.T @ shares + ridge * np.eye(ELEMENTS), shares.T @ rest)


def shares(crystals: Sequence[Crystal]) -> Floats:
    """Return the share of each element in each crystal, shape (n_crystals, ELEMENTS)."""
    found = np.zeros((len(crystals), ELEMENTS))
    for row, crystal in zip(found, crystals, strict=True):
        for symbol, count in crystal.composition.items():
            row[atomic_number(symbol)] = count / len(crystal.symbols)
    return found


def energies_of(pretrained: Pretrained, crystals: Sequence[Crystal]) -> Floats:
    """Return what a potential says before any tuning, eV/atom, shape (n_crystals,), from the cache if it is there.

    nan for a crystal that the network cannot take, or with an element that has no reference.
    """
    network = cache(lambda: pretrained.network().eval())  # made where a crystal is new

    def row(crystal: Crystal) -> Floats | None:
        if not _usable(pretrained, network(), crystal):
            return None
        with torch.inference_mode():
            return network()(pretrained.graph(network(), [crystal])).double().numpy()

    return kept_rows(f"energies-{pretrained.name}", row, 1, crystals, pretrained.packages)[:, 0].astype(float)


def readable(graph: MakeGraph, network: torch.nn.Module, crystal: Crystal) -> bool:
    """Whether a network can take a crystal: not where an atom has no neighbour, or is of an element it lacks."""
    try:
        return drawable(crystal) and graph(network, [crystal]) is not None
    except ValueError:
        return False


_references = cache(mp_references)


def _usable(pretrained: Pretrained, network: torch.nn.Module, crystal: Crystal) -> bool:
    return set(crystal.symbols) <= _references().keys() and readable(pretrained.graph, network, crystal)


def _collate(pretrained: Pretrained, network: torch.nn.Module, crystals: Sequence[Crystal]) -> neural.Collate:
    def collate(places: Ints) -> Batch:
        chosen = [crystals[i] for i in places]
        return Batch(pretrained.graph(network, chosen), torch.from_numpy(shares(chosen)))

    return collate
