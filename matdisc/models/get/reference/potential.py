"""The force field: energies, forces, virials and charges of a batch of frames.

The energy is that of the network, of the charges and, if wanted, of dispersion. Charges depend on positions, so a
force has three parts: of the network's energy, of the pair terms at fixed charges, and the pull of the charges,
-sum_i lambda_i dq_i/dx, lambda_i = dE/dq_i. The last is the residual that the paper leaves out and only penalises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from matdisc.models.get.inputs import refuse_unknown
from matdisc.models.get.reference.coulomb import dipoles, neutralised, own_energies
from matdisc.models.get.reference.dispersion import reach
from matdisc.models.get.reference.graph import Graph, graph_of, vectors_of
from matdisc.models.get.reference.longrange import longrange_energies
from matdisc.models.get.reference.network import Network, initialise
from matdisc.models.get.settings import MAX_NUMBER, Settings

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True, slots=True)
class Answer:
    """What the force field says of a batch of F frames with A atoms.

    Attributes:
        energy: eV, double precision, shape (F,).
        forces: eV/Å, shape (A, 3).
        virial: W = -dE/dstrain, eV, shape (F, 3, 3); the stress of a box is -W/V.
        charges: e, shape (A,).
        dipole: sum q x about the origin of coordinates, e Å, shape (F, 3); without meaning in a box.
        charge_slope: lambda = dE/dq at fixed positions, eV/e, shape (A,).
        residual: Force that moving atoms feel through their charges, eV/Å, shape (A, 3), if asked for. It is a part
            of `forces` in the conservative mode, and missing from them in the other.
        residual_virial: The same part of the virial, eV, shape (F, 3, 3), if asked for.
        network_virial_between: Sum of f_ij . d_ij over the edges that join different molecules, f_ij from the
            network's energy alone, eV, shape (F,), if asked for.
    """

    energy: Tensor
    forces: Tensor
    virial: Tensor
    charges: Tensor
    dipole: Tensor
    charge_slope: Tensor
    residual: Tensor | None = None
    residual_virial: Tensor | None = None
    network_virial_between: Tensor | None = None


class GET(nn.Module):
    """A graph equivariant transformer with charges: structures to energies (eV), forces and virials."""

    def __init__(self, settings: Settings, *, seed: int = 0) -> None:
        super().__init__()
        self.settings = settings
        self.network = Network(settings)
        initialise(self.network, seed)
        self._baseline = torch.zeros(MAX_NUMBER + 1, dtype=torch.float64)
        for number, energy in settings.baseline.items():
            self._baseline[number] = energy

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights."""
        weights: torch.dtype = self.network.edge.weight.dtype
        return weights

    def graph(self, structures: Sequence[Atoms], *, dtype: torch.dtype = torch.float64, device: Any = "cpu") -> Graph:
        """Return the graph of a batch with this model's radii; arguments and errors as `graph_of`.

        Raises:
            DataError: Also if an element is none of the model's; it is named.
        """
        settings = self.settings
        for atoms in structures:
            refuse_unknown(atoms, settings.elements)
        accuracy = settings.ewald_accuracy
        return graph_of(
            structures, settings.cutoff, accuracy=accuracy, pairs_to=reach(settings), dtype=dtype, device=device
        )

    def answer(self, graph: Graph, *, training: bool = False, residual: bool = False, between: bool = False) -> Answer:
        """Return what the model says of a batch.

        The network runs in the type of its weights, everything else in the type of the graph; energies are summed in
        double precision.

        Args:
            graph: The batch.
            training: Keep what is needed to differentiate every part of the answer by the weights.
            residual: Also give the residual; costs another backward pass.
            between: Also give the network's virial between molecules; costs another backward pass.
        """
        with torch.enable_grad():
            vectors = vectors_of(graph, graph.edge_index, graph.shift, graph.positions, graph.cell)
            vectors = vectors.detach().to(self.dtype).requires_grad_()
            said = self.network(graph.numbers, graph.edge_index, vectors)
            charges = neutralised(said.charge.to(graph.positions.dtype), graph.frame, graph.charge)
            positions = graph.positions.detach().clone().requires_grad_()
            cell = graph.cell.detach().clone().requires_grad_()
            electric = longrange_energies(graph, self.settings, positions, cell, charges)
            own = own_energies(charges, said.electronegativity, said.hardness)
            atomic = said.energy.double() + own.double() + self._baseline.to(own.device)[graph.numbers]
            energy = electric + electric.new_zeros(graph.n_frames).index_add(0, graph.frame, atomic)
            slope, pull, stretch = _gradients([electric.sum() + own.sum()], [charges, positions, cell], training)
            forces, virial = _of_atoms(graph, pull, stretch)
            residues = between_virial = None
            if residual or between or not self.settings.conservative:
                (edges,) = _gradients([said.energy.sum()], [vectors], training)
                if between:
                    between_virial = _between(graph, vectors, edges)
                if residual or self.settings.conservative:
                    (moving,) = _gradients([charges], [vectors], training, [slope])
                    residues = _of_edges(graph, vectors, moving)
                    if self.settings.conservative:
                        edges = edges + moving
            else:
                ones = torch.ones_like(said.energy)
                (edges,) = _gradients([said.energy, charges], [vectors], training, [ones, slope])
            edge_forces, edge_virial = _of_edges(graph, vectors, edges)
        found = Answer(
            energy=energy,
            forces=forces + edge_forces,
            virial=virial + edge_virial,
            charges=charges,
            dipole=dipoles(graph, charges),
            charge_slope=slope,
            residual=residues[0] if residual and residues else None,
            residual_virial=residues[1] if residual and residues else None,
            network_virial_between=between_virial,
        )
        return found if training else _detached(found)


def _gradients(
    of: Sequence[Tensor], by: Sequence[Tensor], training: bool, weights: Sequence[Tensor] | None = None
) -> tuple[Tensor, ...]:
    found: tuple[Tensor, ...] = torch.autograd.grad(
        of, by, weights, create_graph=training, retain_graph=True, materialize_grads=True
    )
    return found


def _of_edges(graph: Graph, vectors: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
    """Return forces and virials of an energy from its derivatives by edge vectors, in the type of the graph."""
    pushes, vectors = -slopes.to(graph.positions.dtype), vectors.detach().to(graph.positions.dtype)
    receivers, senders = graph.edge_index
    forces = torch.zeros_like(graph.positions).index_add(0, receivers, pushes).index_add(0, senders, -pushes)
    products = pushes[:, :, None] * vectors[:, None, :]
    return forces, torch.zeros_like(graph.cell).index_add(0, graph.frame[receivers], products)


def _of_atoms(graph: Graph, pull: Tensor, stretch: Tensor) -> tuple[Tensor, Tensor]:
    """Return forces and virials from derivatives by positions and by the vectors of the cell."""
    products = graph.positions[:, :, None] * pull[:, None, :]
    by_strain = torch.zeros_like(graph.cell).index_add(0, graph.frame, products)
    return -pull, -(by_strain + torch.einsum("fva,fvb->fab", graph.cell, stretch))


def _between(graph: Graph, vectors: Tensor, slopes: Tensor) -> Tensor:
    """Return the trace of the virial over edges that join different molecules, eV, shape (F,)."""
    receivers, senders = graph.edge_index
    apart = graph.molecule[receivers] != graph.molecule[senders]
    traces = -(slopes * vectors.detach()).sum(dim=1).to(graph.positions.dtype) * apart
    return graph.charge.new_zeros(graph.n_frames).index_add(0, graph.frame[receivers], traces)


def _detached(answer: Answer) -> Answer:
    values = {name: getattr(answer, name) for name in Answer.__dataclass_fields__}
    return Answer(**{name: None if value is None else value.detach() for name, value in values.items()})
