"""What graph networks cost here: neighbour graphs a second, and training against the published design.

The reference is written for this comparison alone, after the description of the published one (Xie and Grossman,
Phys. Rev. Lett. 120, 145301 (2018)): twelve neighbours an atom in dense arrays, each crystal an object of its own, a
collation and a pooling that walk over crystals, one product for each edge. Both nets have the same sizes, read the same
crystals in the same batches and take the same optimiser, one thread each, in turn, and the best of some passes counts.

`python -m benchmarks families-unrelaxed` prints what strain costs CGCNN and CGCNN+P.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import l1_loss, softplus

from benchmarks.report import ratio
from matdisc.board import Board, shipped_board
from matdisc.datasets import load
from matdisc.datasets.splits import folds
from matdisc.models.families import cgcnn
from matdisc.models.families.family import Training
from matdisc.models.families.graphs import atomic_number, graphs
from matdisc.models.families.neural import Recipe
from matdisc.physics.neighbours import neighbours
from matdisc.schema import Crystal, Sample

WIDTH, LAYERS, HIDDEN, NEAREST, CUTOFF, STEP, BATCH = 64, 3, 128, 12, 8.0, 0.2, 64
N, PASSES, EPOCHS, TINY = 512, 5, 60, 1e-11


def measure(folder: Path) -> None:
    """Print every line of this group."""
    torch.set_num_threads(1)
    graph_building()
    training_throughput()


def graph_building() -> None:
    """Random cells of ten atoms, of which a core is to draw a hundred a second."""
    crystals = [_ten_atoms(seed) for seed in range(200)]
    (seconds,) = _best(lambda: graphs(crystals))
    print(f"graphs of {len(crystals)} crystals of ten atoms: {len(crystals) / seconds:.0f} a second on one core")


def training_throughput() -> None:
    """An epoch over binaries: ours, and the published design with its overlaps as they are and without tiny ones."""
    samples = load(Board(shipped_board()), "binaries-small").samples[:N]
    crystals = [sample.crystal for sample in samples]
    energies = torch.tensor(_labels(samples), dtype=torch.float32)
    seen, net = cgcnn.Versions(crystals, cgcnn.Perturbation(copies=0), 0), cgcnn.CrystalGraphNet(WIDTH, LAYERS, 0)
    epochs = {"ours": partial(_epoch, net, seen.batch, energies)}
    for name, least in (("the published design", 0.0), ("the same, no overlap below 1e-11", TINY)):
        rows = [_dense_row(crystal, least) for crystal in crystals]
        epochs[name] = partial(_epoch, DenseNet(rows[0][0].shape[1]), partial(_collated, rows), energies)
    seconds = _best(*epochs.values())
    print(f"ours: {N / seconds[0]:.0f} crystals a second")
    for name, one in list(zip(epochs, seconds, strict=True))[1:]:
        ratio(f"an epoch of CGCNN, {name} / ours", one, seconds[0])


class DenseNet(torch.nn.Module):
    """The published network: gates and cores of twelve neighbours an atom, batch norms before and after their sum."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        n_gaussians = round(CUTOFF / STEP) + 1
        self.embedding = torch.nn.Linear(n_features, WIDTH)
        self.pairs = torch.nn.ModuleList(torch.nn.Linear(2 * WIDTH + n_gaussians, 2 * WIDTH) for _ in range(LAYERS))
        self.before = torch.nn.ModuleList(torch.nn.BatchNorm1d(2 * WIDTH) for _ in range(LAYERS))
        self.after = torch.nn.ModuleList(torch.nn.BatchNorm1d(WIDTH) for _ in range(LAYERS))
        self.hidden, self.energy = torch.nn.Linear(WIDTH, HIDDEN), torch.nn.Linear(HIDDEN, 1)

    def forward(self, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[torch.Tensor]]) -> torch.Tensor:
        features, lengths, heard, members = batch
        x = self.embedding(features)
        for pairs, before, after in zip(self.pairs, self.before, self.after, strict=True):
            own = x[:, None, :].expand(-1, NEAREST, -1)
            both = pairs(torch.cat([own, x[heard], lengths], dim=2))
            gate, core = before(both.reshape(-1, 2 * WIDTH)).reshape(both.shape).chunk(2, dim=2)
            x = softplus(x + after((gate.sigmoid() * softplus(core)).sum(dim=1)))
        pooled = torch.cat([x[places].mean(dim=0, keepdim=True) for places in members])
        energy: torch.Tensor = self.energy(softplus(self.hidden(softplus(pooled))))
        return energy.squeeze(-1)


Row = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _dense_row(crystal: Crystal, least: float) -> Row:
    """Return features of the atoms, overlaps of twelve lengths each, and whose they are; kept for all epochs."""
    cell = np.array(crystal.cell)
    i, j, _, lengths = neighbours(np.array(crystal.positions) @ cell, CUTOFF, cell)
    nearest = [np.flatnonzero(i == atom) for atom in range(len(crystal.symbols))]
    nearest = [own[np.argsort(lengths[own], kind="stable")[:NEAREST]] for own in nearest]
    centres = np.linspace(0.0, CUTOFF, round(CUTOFF / STEP) + 1)
    overlaps = np.exp(-(((np.array([lengths[own] for own in nearest])[:, :, None] - centres) / STEP) ** 2))
    numbers = [atomic_number(symbol) for symbol in crystal.symbols]
    features = torch.tensor(cgcnn.element_table()[numbers], dtype=torch.float32)
    heard = torch.tensor(np.array([j[own] for own in nearest]))
    return features, torch.tensor(np.maximum(overlaps, least), dtype=torch.float32), heard


def _collated(rows: Sequence[Row], places: np.ndarray) -> Any:
    features, lengths, heard, members, first = [], [], [], [], 0
    for place in places:
        own, overlaps, atoms = rows[place]
        features.append(own)
        lengths.append(overlaps)
        heard.append(atoms + first)
        members.append(torch.arange(first, first + len(own)))
        first += len(own)
    return torch.cat(features), torch.cat(lengths), torch.cat(heard), members


def _epoch(net: torch.nn.Module, collate: Callable[[np.ndarray], Any], energies: torch.Tensor) -> None:
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3)
    order = np.random.default_rng(0).permutation(len(energies))
    net.train()
    for start in range(0, len(order), BATCH):
        places = order[start : start + BATCH]
        optimiser.zero_grad(set_to_none=True)
        l1_loss(net(collate(places)), energies[places]).backward()
        optimiser.step()


def main(arguments: Sequence[str] = ()) -> int:
    """Print what strain costs both networks."""
    torch.set_num_threads(1)
    unrelaxed()
    return 0


def unrelaxed() -> None:
    """MAE of both on tested crystals as they are, strained by 3 %, rattled by 0.05 Å, both, and far off: 6 %, 0.2 Å."""
    dataset = load(Board(shipped_board()), "binaries-small")
    shapes = {
        "relaxed": (0.0, 0.0),
        "strained": (0.03, 0.0),
        "rattled": (0.0, 0.05),
        "both": (0.03, 0.05),
        "far": (0.06, 0.2),
    }
    for name, copies in (("CGCNN", cgcnn.Perturbation(copies=0)), ("CGCNN+P", cgcnn.Perturbation())):
        errors: dict[str, list[float]] = {shape: [] for shape in shapes}
        for fold in folds(dataset, "grouped-5"):
            train, test = ([dataset.samples[i] for i in part] for part in (fold.train, fold.test))
            model = _trained(train, copies)
            for shape, (strain, rattle) in shapes.items():
                rng = np.random.default_rng(1)
                asked = [cgcnn.perturbed(sample.crystal, strain, rattle, rng) for sample in test]
                errors[shape] += np.abs(model(asked) - _labels(test)).tolist()
        print(f"{name}: " + ", ".join(f"{shape} {np.mean(found):.3f}" for shape, found in errors.items()) + " eV/atom")


def _trained(train: Sequence[Sample], copies: cgcnn.Perturbation) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        training = Training(tuple(sample.crystal for sample in train), _labels(train), 0, Path(folder))
        return cgcnn.fitted(training, WIDTH, LAYERS, Recipe(epochs=EPOCHS), copies)


def _labels(samples: Sequence[Sample]) -> np.ndarray:
    return np.array([sample.target["e_form_per_atom"] for sample in samples])


def _ten_atoms(seed: int) -> Crystal:
    rng = np.random.default_rng(seed)
    cell = 5.3 * np.eye(3) + rng.normal(0, 0.5, (3, 3))
    return Crystal(("Na", "Cl") * 5, tuple(map(tuple, rng.random((10, 3)).tolist())), tuple(map(tuple, cell.tolist())))


def _best(*calls: Callable[[], object]) -> list[float]:
    """Return the least processor time of each call, s; they take turns, so that a busy machine slows all alike."""
    times = []
    for _ in range(PASSES):
        times.append([])
        for call in calls:
            started = time.process_time()
            call()
            times[-1].append(time.process_time() - started)
    return np.min(times, axis=0).tolist()
