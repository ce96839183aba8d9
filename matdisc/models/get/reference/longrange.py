"""What atoms do to each other beyond the reach of the network: Coulomb between charges, and dispersion."""

from __future__ import annotations

import torch
from torch import Tensor

from matdisc.models.get.reference.coulomb import pair_energies
from matdisc.models.get.reference.dispersion import beyond_switch, coefficients
from matdisc.models.get.reference.dispersion import pair_energies as dispersion_energies
from matdisc.models.get.reference.ewald import beyond_pairs, ewald_correction
from matdisc.models.get.reference.graph import Graph, vectors_of
from matdisc.models.get.settings import Settings
from matdisc.units import COULOMB


def longrange_energies(graph: Graph, settings: Settings, positions: Tensor, cell: Tensor, charges: Tensor) -> Tensor:
    """Return the Coulomb and dispersion energy of each frame, eV, shape (F,), double precision.

    All pairs of a molecular frame count; those of a box are summed after Ewald. It can be differentiated by
    positions, cell and charges.

    Args:
        graph: The batch: pairs, boxes, and which atom belongs where.
        settings: Damping, and whether there is dispersion.
        positions: Å, shape (A, 3).
        cell: Lattice vectors as rows, Å, shape (F, 3, 3).
        charges: e, shape (A,).
    """
    receivers, senders = graph.pair_index
    distances = vectors_of(graph, graph.pair_index, graph.pair_shift, positions, cell).square().sum(dim=1).sqrt()
    products = charges[receivers] * charges[senders]
    energies = pair_energies(distances, products, settings.coulomb_radius, settings.coulomb_beta)
    if graph.boxes:
        widths = charges.new_zeros(graph.n_frames)
        widths[[box.frame for box in graph.boxes]] = charges.new_tensor([box.width for box in graph.boxes])
        energies = energies + COULOMB * products * ewald_correction(distances, widths[graph.frame[receivers]])
    if settings.dispersion:
        energies = energies + _dispersion(graph, settings, distances)
    total = energies.new_zeros(graph.n_frames, dtype=torch.float64)
    total = total.index_add(0, graph.frame[receivers], energies.double())
    for box in graph.boxes:
        own = slice(*box.atoms)
        rest = beyond_pairs(positions[own], cell[box.frame], charges[own], box.waves, box.width)
        if settings.dispersion:
            strengths = torch.as_tensor(coefficients(settings)[0], device=total.device)[graph.numbers[own]].sum()
            rest = rest + beyond_switch(strengths, torch.linalg.det(cell[box.frame]).abs())
        total = total.index_add(0, torch.tensor([box.frame], device=total.device), rest.double()[None])
    return total


def _dispersion(graph: Graph, settings: Settings, distances: Tensor) -> Tensor:
    """Return the dispersion energy of each pair, eV, shape (P,)."""
    first, second = graph.numbers[graph.pair_index]
    strengths, reaches = (
        torch.as_tensor(values, dtype=distances.dtype, device=distances.device) for values in coefficients(settings)
    )
    c6, radii = strengths[first] * strengths[second], reaches[first] * reaches[second]
    return dispersion_energies(distances, c6, radii, settings.dispersion_a1)
