"""SevenNet (Park et al., J. Chem. Theory Comput. 20, 4857 (2024)); the weights of four models ship in the package.

The graphs of several crystals are joined into one. On a CPU the convolutions are compiled if numba is installed, which
is worth more than a factor of ten (docs/results/speed.md); without it, and on a GPU, they are the
package's own.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.models.potentials.batch import calculator_of
from matdisc.physics.evaluation import Evaluation

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

BATCH_ATOMS = 160
"""Atoms joined in one call on a CPU, as measured on one core: more gain nothing."""
VOIGT = [0, 1, 2, 4, 5, 3]
"""SevenNet orders stress as xx yy zz xy yz zx, and gives it the sign opposite to ASE's."""


def load(model: str = "7net-0", modality: str = "", device: str = "cpu", file: str = "") -> Calculator:
    """Return SevenNet as an ASE calculator that evaluates many structures at once: eV, eV/Å, eV/Å^3.

    Args:
        model: A model whose weights ship in the package: `7net-0`, `7net-0_22May2024`, `7net-l3i5`, `7net-mf-0`.
        modality: Level of theory that a multi-fidelity model shall answer for, e.g. `PBE` or `R2SCAN`.
        device: Torch device, `cpu` or `cuda`.
        file: Checkpoint to use instead of `model`.

    Raises:
        ValueError: If the model has modalities and none of them is named, or the other way round.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it advertises accelerators for GPUs
        import torch
        from sevenn.util import load_checkpoint

        torch.set_num_threads(1)
        network = load_checkpoint(file or model).build_model().to(device)
    known = list(network.modal_map or [])
    if modality not in (known or [""]):
        raise ValueError(f"{file or model}: option 'modality' is {modality!r}; it has to be one of {known or ['']}")
    network.set_is_batch_data(True)
    network.eval_modal_map = False  # its own way needs a graph object; the number of the modality is given below
    network.eval()
    network.requires_grad_(False)
    modal = network.modal_map[modality] if modality else None
    compiled = device == "cpu" and find_spec("numba") is not None and _compile(network)

    def evaluate(structures: Sequence[Atoms]) -> list[Evaluation]:
        graph = joined(structures, float(network.cutoff), modal, device, each_once=compiled)
        return _evaluate(network, graph, structures)

    return calculator_of(evaluate, BATCH_ATOMS, device)


def _compile(network: Any) -> bool:
    from matdisc.models.potentials.compiled_layers import compile_sevennet

    return compile_sevennet(network)


def joined(
    structures: Sequence[Atoms], cutoff: float, modal: int | None, device: str, *, each_once: bool = False
) -> dict[str, Any]:
    """Return the graphs of several structures as one, atoms numbered through.

    An edge is listed in both directions, or `each_once` in one of them.
    """
    import sevenn._keys as names
    import torch
    from matscipy.neighbours import neighbour_list

    sizes = [len(atoms) for atoms in structures]
    offsets = np.cumsum([0, *sizes])
    edges, vectors = [], []
    for atoms, offset in zip(structures, offsets[:-1], strict=True):
        first, second, vector, image = neighbour_list(
            "ijDS", pbc=atoms.pbc, cell=atoms.cell[:], positions=atoms.positions, cutoff=cutoff
        )
        if each_once:
            x, y, z = image.T
            up = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
            kept = (first < second) | ((first == second) & up)
            first, second, vector = first[kept], second[kept], vector[kept]
        edges.append(np.stack([first, second]) + offset)
        vectors.append(vector)
    numbers = torch.as_tensor(np.concatenate([atoms.numbers for atoms in structures]), dtype=torch.int64)
    floats = {"dtype": torch.get_default_dtype()}
    graph = {
        names.NODE_FEATURE: numbers,
        names.ATOMIC_NUMBERS: numbers,
        names.POS: torch.as_tensor(np.concatenate([atoms.positions for atoms in structures]), **floats),
        names.EDGE_IDX: torch.as_tensor(np.concatenate(edges, axis=1), dtype=torch.int64),
        names.EDGE_VEC: torch.as_tensor(np.concatenate(vectors), **floats),
        names.BATCH: torch.as_tensor(np.repeat(np.arange(len(sizes)), sizes)),
        names.CELL_VOLUME: torch.as_tensor([atoms.cell.volume for atoms in structures], **floats),
        names.NUM_ATOMS: torch.as_tensor(sizes),
    }
    if modal is not None:
        graph[names.MODAL_TYPE] = torch.full((len(sizes),), modal, dtype=torch.int64)
    return {name: tensor.to(device) for name, tensor in graph.items()}


def _evaluate(network: Any, graph: dict[str, Any], structures: Sequence[Atoms]) -> list[Evaluation]:
    import sevenn._keys as names

    unknown = sorted({int(z) for atoms in structures for z in atoms.numbers} - set(network.type_map))
    if unknown:
        raise ValueError(f"SevenNet knows no element of atomic number {unknown}")
    answer = network(graph)
    energies = answer[names.PRED_TOTAL_ENERGY].detach().cpu().numpy().astype(float)
    forces = answer[names.PRED_FORCE].detach().cpu().numpy().astype(float)
    stresses = -answer[names.PRED_STRESS].detach().cpu().numpy().astype(float)[:, VOIGT]
    ends = np.cumsum([len(atoms) for atoms in structures])[:-1]
    parts = zip(energies, np.split(forces, ends), stresses, strict=True)
    return [Evaluation(float(energy), force, stress) for energy, force, stress in parts]
