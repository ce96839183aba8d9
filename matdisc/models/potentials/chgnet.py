"""CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)); its weights ship inside the package.

One crystal or many go through one pass, with one derivative of first order: the package's own calculator takes two
derivatives and keeps the graph for a third. `docs/explanation/relaxation.md` says what that saves.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats
from matdisc.models.potentials.batch import calculator_of
from matdisc.models.potentials.chgnet_forward import Network
from matdisc.models.potentials.chgnet_graph import Graph, graph_of
from matdisc.models.potentials.chgnet_package import network_class
from matdisc.physics.evaluation import Evaluation

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator
    from torch import Tensor

BATCH_ATOMS = 40
"""Atoms in one pass on a CPU: more leave the caches and cost more each."""


def load(version: str = "0.3.0", device: str = "cpu") -> Calculator:
    """Return CHGNet as an ASE calculator: eV, eV/Å, eV/Å^3; energies carry the MP2020 corrections.

    It evaluates many crystals in one call, and gives the numbers of the package's own calculator up to the noise of
    single precision, without magnetic moments. An atom without neighbour within the cutoff is an error.

    Args:
        version: One of the releases in the package: 0.3.0, 0.2.0 or r2scan.
        device: Torch device, `cpu` or `cuda`.
    """
    with warnings.catch_warnings(), redirect_stdout(StringIO()):  # chgnet greets on stdout
        warnings.simplefilter("ignore")  # torch and chgnet announce their own future here
        import torch

        torch.set_num_threads(1)
        network = Network(network_class().load(model_name=version, use_device=device, verbose=False))
    return calculator_of(partial(evaluate, network, device=device), BATCH_ATOMS, device)


def evaluate(network: Network, structures: Sequence[Atoms], *, device: str = "cpu") -> list[Evaluation]:
    """Return one evaluation for each structure, in order.

    Forces and stress are sums of the derivatives of the energy by the bond vectors: the two atoms of a bond feel one
    with opposite signs, and its product with the vector is the bond's part of the virial.

    Raises:
        ValueError: If an atom has no neighbour within the cutoff, two atoms coincide, or CHGNet does not know an
            element; the structure is named.
    """
    import torch
    from ase.stress import full_3x3_to_voigt_6_stress

    for atoms in structures:
        _refuse_unknown(atoms, network.n_elements)
    graph = graph_of(structures, *network.cutoffs, device=device)
    energies = network.energies(graph)
    (slopes,) = torch.autograd.grad(energies.sum(), graph.vectors)
    forces, virials = _forces_and_virials(graph, slopes.double())
    ends = np.cumsum([len(atoms) for atoms in structures])
    return [
        Evaluation(
            float(energy), forces[end - len(atoms) : end], full_3x3_to_voigt_6_stress(virial / atoms.cell.volume)
        )
        for atoms, energy, end, virial in zip(structures, energies.tolist(), ends, virials, strict=True)
    ]


def _forces_and_virials(graph: Graph, slopes: Tensor) -> tuple[Floats, Floats]:
    """Return forces, eV/Å, shape (n_atoms, 3), and derivatives by strain, eV, shape (n_crystals, 3, 3)."""
    import torch

    forces = slopes.new_zeros(len(graph.numbers), 3)
    forces.index_add_(0, graph.starts, torch.cat([slopes, -slopes]))
    owners = graph.owners[graph.starts[: len(slopes)]]
    virials = slopes.new_zeros(graph.n_crystals, 3, 3)
    virials.index_add_(0, owners, graph.vectors.detach().double()[:, :, None] * slopes[:, None, :])
    return forces.cpu().numpy(), virials.cpu().numpy()


def _refuse_unknown(atoms: Atoms, n_elements: int) -> None:
    if len(atoms) == 0 or atoms.numbers.min() < 1 or atoms.numbers.max() > n_elements:
        raise ValueError(f"{atoms.symbols}: CHGNet knows the elements 1 to {n_elements}")
