"""Structures as graphs: a batch of frames, molecules and periodic boxes mixed, with all that needs no gradient.

Conventions: the first row of every index receives (i), the second sends (j), and the vector between them is
`positions[i] - positions[j] - shift @ cell`. Edges are directed, both directions stand there; pairs are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from matdisc.arrays import Floats, Ints
from matdisc.errors import DataError
from matdisc.models.get.inputs import is_periodic, molecules, name_of, total_charge
from matdisc.models.get.reference.ewald_splitting import splitting_of, waves
from matdisc.physics.neighbours import neighbours

if TYPE_CHECKING:
    from ase import Atoms

CLOSEST = 1e-3
"""Atoms closer than this (Å) coincide."""


@dataclass(frozen=True, slots=True)
class Box:
    """A periodic frame and how its Ewald sum is cut.

    Attributes:
        frame: Which frame.
        atoms: Its first atom and the one after its last.
        width: `g` of the sum, 1/Å.
        waves: Wave vectors as integers, one of k and -k, shape (n_waves, 3).
    """

    frame: int
    atoms: tuple[int, int]
    width: float
    waves: Tensor


@dataclass(frozen=True, slots=True)
class Graph:
    """A batch of F frames with A atoms, E directed edges within the cutoff, and P pairs of long-range interactions.

    Attributes:
        numbers: Atomic numbers, shape (A,).
        positions: Å, shape (A, 3).
        frame: Which frame an atom belongs to, ascending, shape (A,).
        molecule: Which molecule of its frame, shape (A,); 0 throughout where nobody said.
        cell: Lattice vectors as rows, Å, shape (F, 3, 3); zeros without a box.
        pbc: Shape (F, 3).
        charge: Total charge of each frame, e, shape (F,).
        edge_index: Shape (2, E).
        shift: Lattice steps of edges, shape (E, 3).
        pair_index: Shape (2, P): all pairs of a molecular frame, those within the Ewald radius of a periodic one.
        pair_shift: Shape (P, 3).
        boxes: The periodic frames.
    """

    numbers: Tensor
    positions: Tensor
    frame: Tensor
    molecule: Tensor
    cell: Tensor
    pbc: Tensor
    charge: Tensor
    edge_index: Tensor
    shift: Tensor
    pair_index: Tensor
    pair_shift: Tensor
    boxes: tuple[Box, ...] = ()

    @property
    def n_frames(self) -> int:
        """Frames in the batch."""
        return len(self.charge)

    def to(self, device: Any = None, dtype: Any = None) -> Graph:
        """Return the graph on a device, its floating point numbers (shifts too) in a dtype."""

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else None)

        tensors = {one.name: moved(getattr(self, one.name)) for one in fields(self) if one.name != "boxes"}
        return Graph(**tensors, boxes=tuple(replace(box, waves=moved(box.waves)) for box in self.boxes))


def graph_of(
    structures: Sequence[Atoms],
    cutoff: float,
    *,
    accuracy: float = 1e-6,
    pairs_to: float = 0.0,
    dtype: torch.dtype = torch.float64,
    device: Any = "cpu",
) -> Graph:
    """Return the graph of a batch.

    The total charge is `atoms.info["charge"]` (0 without), molecules are `atoms.arrays["molecule"]`.

    Args:
        structures: At least one; each periodic in all directions or in none.
        cutoff: Of edges, Å.
        accuracy: Of Ewald sums, relative.
        pairs_to: Distance (Å) up to which pairs of a periodic frame are wanted in any case, for dispersion.
        dtype: Of positions, cells, charges and shifts.
        device: Torch device.

    Raises:
        DataError: If a structure is empty, partly periodic, flat, not finite, has two atoms in one place, or its
            charge or its molecules are none; the structure is named.
    """
    return join([_single(atoms, cutoff, accuracy, pairs_to) for atoms in structures]).to(device, dtype)


def join(graphs: Sequence[Graph]) -> Graph:
    """Return one batch of several; much quicker than making it anew, so that training keeps the graphs of its frames.

    Raises:
        DataError: If there is none.
    """
    if not graphs:
        raise DataError("a batch of no structures was asked for; give at least one")
    starts = np.cumsum([0, *(len(one.numbers) for one in graphs)]).tolist()
    frames = np.cumsum([0, *(one.n_frames for one in graphs)]).tolist()
    boxes = [
        replace(box, frame=box.frame + frame, atoms=(box.atoms[0] + start, box.atoms[1] + start))
        for one, start, frame in zip(graphs, starts, frames, strict=False)
        for box in one.boxes
    ]
    joined = {
        name: torch.cat([getattr(one, name) for one in graphs])
        for name in ("numbers", "positions", "molecule", "cell", "pbc", "charge", "shift", "pair_shift")
    }
    return Graph(
        **joined,
        frame=torch.cat([one.frame + start for one, start in zip(graphs, frames, strict=False)]),
        edge_index=torch.cat([one.edge_index + start for one, start in zip(graphs, starts, strict=False)], dim=1),
        pair_index=torch.cat([one.pair_index + start for one, start in zip(graphs, starts, strict=False)], dim=1),
        boxes=tuple(boxes),
    )


def vectors_of(graph: Graph, index: Tensor, shift: Tensor, positions: Tensor, cell: Tensor) -> Tensor:
    """Return the vectors of edges or pairs, Å, shape (n, 3); differentiable by positions and cell."""
    receivers, senders = index
    vectors = positions[receivers] - positions[senders]
    if graph.boxes:
        vectors = vectors - torch.einsum("na,nab->nb", shift, cell[graph.frame[receivers]])
    return vectors


def _single(atoms: Atoms, cutoff: float, accuracy: float, pairs_to: float) -> Graph:
    """Return the graph of one structure, in double precision."""
    periodic = is_periodic(atoms)
    positions, n = np.array(atoms.positions, float), len(atoms)
    cell = np.array(atoms.cell.array, float) if periodic else np.zeros((3, 3))
    i, j, shift, lengths = neighbours(positions, cutoff, cell, periodic)
    _refuse_coincidence(atoms, i, j, lengths)
    boxes = []
    if periodic:
        cut = splitting_of(n, abs(float(np.linalg.det(cell))), accuracy)
        first, second, steps, _ = neighbours(positions, max(cut.radius, pairs_to), cell, half=True)
        pairs, pair_shift = np.stack([first, second]), steps.astype(float)
        integers = torch.from_numpy(waves(cell, cut.wave_number).astype(float))
        boxes.append(Box(0, (0, n), cut.width, integers))
    else:
        pairs = np.stack(np.triu_indices(n, k=1))
        pair_shift = np.zeros((pairs.shape[1], 3))
    return Graph(
        numbers=torch.from_numpy(atoms.numbers.astype(np.int64)),
        positions=torch.from_numpy(positions),
        frame=torch.zeros(n, dtype=torch.long),
        molecule=torch.from_numpy(molecules(atoms)),
        cell=torch.from_numpy(cell)[None],
        pbc=torch.from_numpy(np.array(atoms.pbc))[None],
        charge=torch.tensor([total_charge(atoms)], dtype=torch.float64),
        edge_index=torch.from_numpy(np.stack([i, j])),
        shift=torch.from_numpy(shift.astype(float)),
        pair_index=torch.from_numpy(pairs),
        pair_shift=torch.from_numpy(pair_shift),
        boxes=tuple(boxes),
    )


def _refuse_coincidence(atoms: Atoms, i: Ints, j: Ints, lengths: Floats) -> None:
    if len(lengths) and lengths.min() < CLOSEST:
        at = int(lengths.argmin())
        raise DataError(
            f"{name_of(atoms)}: atoms {i[at]} and {j[at]} lie in one place ({lengths[at]:.1e} Å apart); move one"
        )
