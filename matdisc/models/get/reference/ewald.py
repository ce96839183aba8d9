"""Coulomb energy of a periodic box of fluctuating charges, as an Ewald sum that can be differentiated by everything.

The sum over pairs holds q q erfc(g r)/r (plus what damping changes at short range); the rest is a sum over waves, a
self term, and, for a charged box, the energy of the uniform background that neutralises it. All terms go through the
charges, which depend on positions: a constant self term would make forces wrong. There is no surface term: the box
lies in a conductor.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from matdisc.units import COULOMB


def ewald_correction(distances: Tensor, width: Tensor) -> Tensor:
    """Return (erfc(g r) - 1)/r, 1/Å, shape (P,): what an Ewald sum changes in 1/r of a pair.

    Args:
        distances: Å, shape (P,).
        width: g of each pair, 1/Å, shape (P,); 0 where there is no box.
    """
    return -torch.erf(width * distances) / distances


def beyond_pairs(positions: Tensor, cell: Tensor, charges: Tensor, waves: Tensor, width: float) -> Tensor:
    """Return the energy of a box that is not in its pairs, eV: waves, self term and background.

    Args:
        positions: Å, shape (n, 3).
        cell: Lattice vectors as rows, Å, shape (3, 3).
        charges: e, shape (n,).
        waves: Integer wave vectors, one of k and -k, without 0, shape (m, 3).
        width: g, 1/Å.
    """
    volume = torch.linalg.det(cell).abs()
    vectors = 2 * math.pi * waves @ torch.linalg.inv(cell).T
    squares = vectors.square().sum(dim=1)
    phases = positions @ vectors.T
    real, imaginary = charges @ torch.cos(phases), charges @ torch.sin(phases)
    gaussian = torch.exp(-squares / (4 * width**2)) / squares
    recurring = 4 * math.pi / volume * (gaussian * (real.square() + imaginary.square())).sum()
    own = width / math.sqrt(math.pi) * charges.square().sum()
    background = math.pi / (2 * volume * width**2) * charges.sum().square()
    return COULOMB * (recurring - own - background)
