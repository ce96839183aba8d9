"""Charges that add up, what they cost an atom, and what they do to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn.functional import softplus

from matdisc.units import COULOMB

if TYPE_CHECKING:
    from matdisc.models.get.reference.graph import Graph

_LINEAR_FROM = 40.0
"""From here on ln(1 + exp(x)) is x in double precision."""


def neutralised(raw: Tensor, frame: Tensor, charge: Tensor) -> Tensor:
    """Return charges that add up to the charge of each frame: every atom of a frame is shifted alike.

    Args:
        raw: Charges as predicted, e, shape (A,).
        frame: Shape (A,).
        charge: Total charge of each frame, e, shape (F,).
    """
    totals = charge.new_zeros(len(charge)).index_add(0, frame, raw)
    counts = charge.new_zeros(len(charge)).index_add(0, frame, raw.new_ones(len(raw)))
    return raw + ((charge - totals) / counts)[frame]


def own_energies(charges: Tensor, electronegativity: Tensor, hardness: Tensor) -> Tensor:
    """Return chi^2 q + eta^2 q^2 of each atom, eV, shape (A,)."""
    return electronegativity.square() * charges + hardness.square() * charges.square()


def damped_inverse(distances: Tensor, radius: float, beta: float) -> Tensor:
    """Return the damped 1/r, 1/Å: 1/r beyond about 1.5 `radius`, levelling off at 1/radius inside."""
    reduced = distances / radius - 1
    return 1 / (radius * (1 + softplus(reduced, beta=beta, threshold=_LINEAR_FROM)))


def pair_energies(distances: Tensor, products: Tensor, radius: float, beta: float) -> Tensor:
    """Return the Coulomb energies of pairs, eV.

    Args:
        distances: Å, shape (P,).
        products: Products of their charges, e^2, shape (P,).
        radius: Where damping begins, Å.
        beta: How sharply.
    """
    return COULOMB * products * damped_inverse(distances, radius, beta)


def dipoles(graph: Graph, charges: Tensor) -> Tensor:
    """Return sum q x about the origin of coordinates, e Å, shape (F, 3); a box has none that means anything."""
    empty = charges.new_zeros(graph.n_frames, 3)
    return empty.index_add(0, graph.frame, charges[:, None] * graph.positions)
