"""MACE (Batatia et al., NeurIPS 2022; foundation models: arXiv:2401.00096).

A MACE checkpoint is a whole pickled model, which runs code when it is opened; see `matdisc.models.weights`. The
graphs of several crystals are joined into one.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.models.potentials.batch import calculator_of
from matdisc.physics.evaluation import Evaluation

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

BATCH_ATOMS = 80
"""Atoms joined in one call on a CPU, as measured on one core: more gain nothing."""


def load(file: str, head: str = "", dtype: str = "float32", device: str = "cpu") -> Calculator:
    """Return MACE as an ASE calculator that evaluates many structures at once: eV, eV/Å, eV/Å^3.

    Args:
        file: Checkpoint, as MACE publishes and saves them.
        head: Which of its readouts a model with several is asked for.
        dtype: `float32`, or `float64`, which is slower.
        device: Torch device, `cpu` or `cuda`.

    Raises:
        ValueError: If the model has several heads and none of them is named, or the other way round.
    """
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")  # e3nn and torch announce their own future, mace what it lacks
        logging.getLogger().setLevel(logging.WARNING)
        import mace  # noqa: F401  # first of all: it makes e3nn 0.4 readable for torch >= 2.6
        import torch

        torch.set_num_threads(1)
        network = torch.load(file, map_location=device, weights_only=False)
    network = network.to(dtype=getattr(torch, dtype), device=device).eval()
    network.requires_grad_(False)
    heads = list(getattr(network, "heads", None) or ["Default"])
    if head not in heads and (head or len(heads) > 1):
        raise ValueError(f"{file}: option 'head' is {head!r}; it has to be one of {heads}")
    chosen = heads.index(head) if head else 0
    if device == "cpu" and find_spec("numba") is not None:
        from matdisc.models.potentials.compiled_layers import compile_mace

        compile_mace(network)

    def evaluate(structures: Sequence[Atoms]) -> list[Evaluation]:
        graph = {name: tensor.to(device) for name, tensor in joined(structures, network, chosen).items()}
        return _evaluate(network(graph, compute_stress=True), structures)

    return calculator_of(evaluate, BATCH_ATOMS, device)


def joined(structures: Sequence[Atoms], network: Any, head: int) -> dict[str, Any]:
    """Return the graphs of several structures as one, atoms numbered through."""
    import torch
    from matscipy.neighbours import neighbour_list

    sizes = [len(atoms) for atoms in structures]
    edges, images = [], []
    for atoms, offset in zip(structures, np.cumsum([0, *sizes[:-1]]), strict=True):
        first, second, image = neighbour_list(
            "ijS", pbc=atoms.pbc, cell=atoms.cell[:], positions=atoms.positions, cutoff=float(network.r_max)
        )
        edges.append(np.stack([first, second]) + offset)
        images.append(image)
    cells = np.stack([atoms.cell[:] for atoms in structures])
    vectors = [image @ cell for image, cell in zip(images, cells, strict=True)]
    floats = {"dtype": next(network.parameters()).dtype}
    return {
        "node_attrs": torch.as_tensor(_one_hot(structures, network), **floats),
        "positions": torch.as_tensor(np.concatenate([atoms.positions for atoms in structures]), **floats),
        "edge_index": torch.as_tensor(np.concatenate(edges, axis=1), dtype=torch.int64),
        "shifts": torch.as_tensor(np.concatenate(vectors), **floats),
        "unit_shifts": torch.as_tensor(np.concatenate(images), **floats),
        "cell": torch.as_tensor(cells.reshape(-1, 3), **floats),
        "batch": torch.as_tensor(np.repeat(np.arange(len(sizes)), sizes)),
        "ptr": torch.as_tensor(np.cumsum([0, *sizes])),
        "head": torch.full((len(sizes),), head, dtype=torch.int64),
    }


def _one_hot(structures: Sequence[Atoms], network: Any) -> np.ndarray:
    """Return which of the model's elements each atom is, shape (n_atoms, n_elements)."""
    numbers = np.concatenate([atoms.numbers for atoms in structures])
    known = network.atomic_numbers.cpu().numpy()
    one_hot = (numbers[:, None] == known[None, :]).astype(float)
    unknown = sorted(set(numbers[one_hot.sum(axis=1) == 0].tolist()))
    if unknown:
        raise ValueError(f"this MACE knows no element of atomic number {unknown}")
    return one_hot


def _evaluate(answer: dict[str, Any], structures: Sequence[Atoms]) -> list[Evaluation]:
    from ase.stress import full_3x3_to_voigt_6_stress

    energies, forces, stresses = (
        answer[name].detach().cpu().numpy().astype(float) for name in ("energy", "forces", "stress")
    )
    ends = np.cumsum([len(atoms) for atoms in structures])[:-1]
    parts = zip(energies, np.split(forces, ends), stresses, strict=True)
    return [Evaluation(float(energy), force, full_3x3_to_voigt_6_stress(stress)) for energy, force, stress in parts]
