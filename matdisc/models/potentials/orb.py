"""ORB v3 (Rhodes et al., arXiv:2504.06231); the file holds the weights only, so it cannot run code."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.models.potentials.batch import calculator_of
from matdisc.physics.evaluation import Evaluation

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

BATCH_ATOMS = 80
"""Atoms joined in one call on a CPU, as measured on one core: more gain little."""


def load(file: str, architecture: str, precision: str = "float32-highest", device: str = "cpu") -> Calculator:
    """Return ORB as an ASE calculator that evaluates many structures at once: eV, eV/Å, eV/Å^3.

    An architecture that asks for charge and spin stays ORB's own calculator, which evaluates them one by one.

    Args:
        file: Checkpoint of that architecture.
        architecture: Function of `orb_models.forcefield.pretrained` that builds it, e.g.
            `orb_v3_conservative_inf_omat`; only the conservative ones have forces that are an energy's gradient.
        precision: `float32-highest`, `float32-high` (faster on some GPUs, less exact) or `float64`.
        device: Torch device, `cpu` or `cuda`.

    Raises:
        ValueError: If there is no such architecture.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces its own future
        import torch
        from orb_models.forcefield import pretrained
        from orb_models.forcefield.calculator import ORBCalculator

        torch.set_num_threads(1)
        build = getattr(pretrained, architecture, None)
        if build is None:
            raise ValueError(f"orb_models has no architecture {architecture!r}; one is 'orb_v3_conservative_inf_omat'")
        network = build(weights_path=file, device=device, precision=precision, compile=False)
        own = ORBCalculator(network, device=device)
    if own.expects_charge_and_spin:
        return own
    network.requires_grad_(False)
    return calculator_of(lambda structures: _evaluate(network, structures, device), BATCH_ATOMS, device)


def _evaluate(network: Any, structures: Sequence[Atoms], device: str) -> list[Evaluation]:
    from orb_models.forcefield.atomic_system import ase_atoms_to_atom_graphs
    from orb_models.forcefield.base import batch_graphs

    config = network.system_config
    graphs = [ase_atoms_to_atom_graphs(atoms, system_config=config, device=device) for atoms in structures]
    answer = network.predict(batch_graphs(graphs))
    answer = {name: value.detach().cpu().numpy().astype(float) for name, value in answer.items()}
    forces, stresses = (getattr(network, f"grad_{name}_name", name) for name in ("forces", "stress"))
    each = answer[stresses].reshape(-1, 6) if stresses in answer else [None] * len(structures)
    ends = np.cumsum([len(atoms) for atoms in structures])[:-1]
    parts = zip(answer["energy"].reshape(-1), np.split(answer[forces], ends), each, strict=True)
    return [Evaluation(float(energy), force, stress) for energy, force, stress in parts]
