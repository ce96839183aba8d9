"""Frames as tensors that batches are drawn from: read, checked, split, and freed of a baseline of energies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from matdisc import formats
from matdisc.errors import DataError
from matdisc.models.get import frames as fr
from matdisc.models.get.reference.dispersion import reach
from matdisc.models.get.reference.graph import Box, Graph, graph_of
from matdisc.models.get.settings import Settings
from matdisc.models.get.training.accuracy import refuse_other_units
from matdisc.models.get.training.baseline import baseline_energy

HIGHEST_NUMBER = 86
"""Radon: the last row of the network's embedding."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of the frames of a batch; nan where a label is absent.

    Attributes:
        energy: Total energy less the baseline, shape (F,), eV, double precision.
        forces: Shape (A, 3), eV/Å.
        virial: Shape (F, 3, 3), eV.
        charges: Shape (A,), e.
        dipole: About the coordinate origin, shape (F, 3), e Å.
        n_atoms: Atoms of each frame, shape (F,).
    """

    energy: Tensor
    forces: Tensor
    virial: Tensor
    charges: Tensor
    dipole: Tensor
    n_atoms: Tensor


@dataclass(frozen=True, slots=True)
class Samples:
    """Frames with their edges, made once; `batch` picks some of them without making edges anew.

    Attributes:
        graph: All frames in one graph, edges in order of their frames.
        labels: Their labels.
        atom_ptr: Atoms of frame f are atom_ptr[f]:atom_ptr[f+1], shape (F+1,).
        edge_ptr: The same of edges.
        pair_ptr: The same of long-range pairs.
        frames: The frames as read, baseline included.
    """

    graph: Graph
    labels: Labels
    atom_ptr: Tensor
    edge_ptr: Tensor
    pair_ptr: Tensor
    frames: fr.Frames

    def __len__(self) -> int:
        return len(self.frames)

    def batch(self, index: Sequence[int] | NDArray[np.int64]) -> tuple[Graph, Labels]:
        """Return some frames as one graph, with their labels, in the order asked for."""
        device = self.atom_ptr.device
        picked = torch.as_tensor(np.asarray(index, np.int64), device=device)
        atoms, n_atoms = _rows(self.atom_ptr, picked)
        edges, n_edges = _rows(self.edge_ptr, picked)
        pairs, n_pairs = _rows(self.pair_ptr, picked)
        starts = torch.cumsum(n_atoms, 0) - n_atoms
        moved = starts - self.atom_ptr[picked]
        whole, known = self.graph, self.labels
        graph = Graph(
            numbers=whole.numbers[atoms],
            positions=whole.positions[atoms],
            frame=torch.repeat_interleave(torch.arange(len(picked), device=device), n_atoms),
            molecule=whole.molecule[atoms],
            cell=whole.cell[picked],
            pbc=whole.pbc[picked],
            charge=whole.charge[picked],
            edge_index=whole.edge_index[:, edges] + torch.repeat_interleave(moved, n_edges),
            shift=whole.shift[edges],
            pair_index=whole.pair_index[:, pairs] + torch.repeat_interleave(moved, n_pairs),
            pair_shift=whole.pair_shift[pairs],
            boxes=self._boxes(index, starts) if whole.boxes else (),
        )
        labels = Labels(
            known.energy[picked], known.forces[atoms], known.virial[picked], known.charges[atoms],
            known.dipole[picked], known.n_atoms[picked],
        )  # fmt: skip
        return graph, labels

    def _boxes(self, index: Sequence[int] | NDArray[np.int64], starts: Tensor) -> tuple[Box, ...]:
        of_frame = {box.frame: box for box in self.graph.boxes}
        begun = starts.tolist()
        return tuple(
            replace(box, frame=place, atoms=(begun[place], begun[place] + box.atoms[1] - box.atoms[0]))
            for place, frame in enumerate(index)
            if (box := of_frame.get(int(frame))) is not None
        )


def _rows(ptr: Tensor, picked: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows of the picked groups, one group after the other, and the size of each."""
    counts = ptr[picked + 1] - ptr[picked]
    ends = torch.cumsum(counts, 0)
    offsets = torch.repeat_interleave(ptr[picked] - (ends - counts), counts)
    return torch.arange(int(ends[-1]) if len(ends) else 0, device=ptr.device) + offsets, counts


def read_data(files: Sequence[Path], say: Callable[[str], None] = formats.to_stderr) -> fr.Frames:
    """Return the frames of all files: .npz as written by `matdisc labels`, or anything ASE reads (extended XYZ).

    Args:
        files: Their paths.
        say: Told once for each file what is left out, and which fields are not read.

    Raises:
        DataError: If no file is given, one cannot be read, a label is missing or not finite or has another unit, or an
            element is unknown to the network.
    """
    if not files:
        raise DataError("no data: name 'files' in the table [data] of the configuration, or give --data FILE")
    found = fr.join([_read(path, say) for path in files])
    unknown = np.flatnonzero((found.numbers < 1) | (found.numbers > HIGHEST_NUMBER))
    if len(unknown):
        frame = int(np.searchsorted(found.frame_ptr, unknown[0], side="right") - 1)
        raise DataError(
            f"frame {frame} (system {str(found.system[frame])!r}) holds atomic number {found.numbers[unknown[0]]}; "
            f"the network knows 1 (H) to {HIGHEST_NUMBER} (Rn): leave such frames out"
        )
    return found


def _read(path: Path, say: Callable[[str], None]) -> fr.Frames:
    if path.suffix == ".npz":
        found = fr.read_frames(path)
    elif not path.is_file():
        raise DataError(f"{path}: no such file; give frames (.npz of `matdisc labels`) or extended XYZ")
    else:
        notes = formats.Notes()
        structures = formats.read_structures(path, note=notes)
        notes.tell(str(path), say)
        found = fr.from_atoms(structures, str(path), say)
    refuse_other_units(found, str(path))
    return found


@dataclass(frozen=True, slots=True)
class Parts:
    """Frames to learn from, to choose the checkpoint by, and of systems that are never learned from (or None)."""

    train: fr.Frames
    validation: fr.Frames
    held_out: fr.Frames | None


def split_parts(
    frames: fr.Frames,
    *,
    validation: float,
    held_out_systems: Sequence[str] = (),
    held_out: float = 0.0,
    seed: int = 0,
    largest_force: float | None = None,
) -> Parts:
    """Return the parts: whole systems held out, whole trajectories for validation.

    Raises:
        DataError: If a held-out system is not there, or a part would be empty.
    """
    systems = sorted(set(frames.system.tolist()))
    if unknown := sorted(set(held_out_systems) - set(systems)):
        raise DataError(f"'held_out_systems' names {unknown[0]!r}; systems in the data: {', '.join(systems[:20])}")
    out = np.isin(frames.system, list(held_out_systems))
    rest, kept = frames.take(~out), frames.take(out) if out.any() else None
    if not len(rest):
        raise DataError("every system is held out; leave some in to learn from")
    if held_out > 0:
        rest, drawn = fr.split(rest, fractions=(1 - held_out, held_out), seed=seed, by="system")
        kept = drawn if kept is None else fr.join([kept, drawn])
    train, valid = fr.split(rest, fractions=(1 - validation, validation), seed=seed)
    if largest_force is not None:
        calm = [np.abs(train.forces[train.atoms_of(f)]).max() <= largest_force for f in range(len(train))]
        if not any(calm):
            raise DataError(f"no frame has forces below 'largest_force' = {largest_force} eV/Å; raise the limit")
        train = train.take(np.array(calm))
    return Parts(train, valid, kept)


def samples_of(
    frames: fr.Frames, settings: Settings, baseline: dict[int, float], *, dtype: torch.dtype, device: str = "cpu"
) -> Samples:
    """Return frames as tensors on a device, with the edges and pairs of a model; raises as `baseline_energy`."""
    energy = frames.energy - baseline_energy(frames, baseline) if baseline else frames.energy
    structures = [fr.to_atoms(frames, f) for f in range(len(frames))]
    graph = graph_of(structures, settings.cutoff, pairs_to=reach(settings), dtype=dtype, device=device)

    def ptr(first: Tensor) -> Tensor:
        counts = torch.bincount(graph.frame[first], minlength=len(frames))
        return torch.cat([counts.new_zeros(1), torch.cumsum(counts, 0)])

    def tensor(values: NDArray[np.float64]) -> Tensor:
        return torch.as_tensor(values, dtype=dtype, device=device)

    labels = Labels(
        energy=torch.as_tensor(energy, device=device),
        forces=tensor(frames.forces),
        virial=tensor(frames.virial),
        charges=tensor(frames.charges),
        dipole=tensor(frames.dipole),
        n_atoms=tensor(frames.n_atoms),
    )
    atom_ptr = torch.as_tensor(frames.frame_ptr, device=device)
    return Samples(graph, labels, atom_ptr, ptr(graph.edge_index[0]), ptr(graph.pair_index[0]), frames)
