"""Losses of a batch: weighted mean squares of energy, forces, virial, charges, dipole and charge-force residual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matdisc.models.get.training.samples import Labels


class Outputs(Protocol):
    """What a loss compares with labels; `matdisc.models.get.reference.potential.Answer` is one."""

    @property
    def energy(self) -> Tensor: ...
    @property
    def forces(self) -> Tensor: ...
    @property
    def virial(self) -> Tensor: ...
    @property
    def charges(self) -> Tensor: ...
    @property
    def dipole(self) -> Tensor: ...
    @property
    def residual(self) -> Tensor | None: ...


class Weights(Protocol):
    """Weights per squared eV, eV/Å, eV, e, e Å and eV/Å; `matdisc.models.get.training.config.Loss` is one."""

    @property
    def energy(self) -> float: ...
    @property
    def forces(self) -> float: ...
    @property
    def virial(self) -> float: ...
    @property
    def charge(self) -> float: ...
    @property
    def dipole(self) -> float: ...
    @property
    def residual(self) -> float: ...
    @property
    def energy_offset(self) -> str: ...


def mean_square(predicted: Tensor, known: Tensor) -> Tensor:
    """Return the mean square over known entries; 0 if every label is absent (nan)."""
    there = ~torch.isnan(known)
    off = torch.where(there, predicted - torch.nan_to_num(known), torch.zeros_like(predicted))
    return (off**2).sum() / there.sum().clamp(min=1)


def energy_square(predicted: Tensor, known: Tensor, offset: str) -> Tensor:
    """Return the mean square error of energies, shape (F,); with offset "batch" the mean error does not count."""
    off = predicted - known
    if offset == "batch" and len(off) > 1:
        off = off - off.mean()
    return (off**2).mean()


def loss_terms(answer: Outputs, labels: Labels, weights: Weights) -> dict[str, Tensor]:
    """Return the weighted terms by name; their sum is the loss. Terms of weight 0 are left out."""
    terms = {}
    if weights.energy:
        terms["energy"] = weights.energy * energy_square(answer.energy, labels.energy, weights.energy_offset)
    for name, weight, predicted, known in (
        ("forces", weights.forces, answer.forces, labels.forces),
        ("virial", weights.virial, answer.virial, labels.virial),
        ("charge", weights.charge, answer.charges, labels.charges),
        ("dipole", weights.dipole, answer.dipole, labels.dipole),
    ):
        if weight:
            terms[name] = weight * mean_square(predicted, known)
    if weights.residual and answer.residual is not None:
        terms["residual"] = weights.residual * (answer.residual**2).mean()
    return terms
