"""MatterSim (Yang et al., arXiv:2405.04967), an M3GNet trained over temperatures and pressures."""

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

BATCH_ATOMS = 40
"""Atoms joined in one call on a CPU, as measured on one core: more gain nothing."""


def load(file: str, device: str = "cpu") -> Calculator:
    """Return MatterSim as an ASE calculator that evaluates many structures at once: eV, eV/Å, eV/Å^3.

    Args:
        file: Checkpoint, as MatterSim publishes them.
        device: Torch device, `cpu` or `cuda`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch and its graph library announce their own future
        import torch
        from mattersim.forcefield import Potential

        torch.set_num_threads(1)
        potential = Potential.from_checkpoint(file, device=device, load_training_state=False)
    potential.model.eval().requires_grad_(False)
    return calculator_of(lambda structures: _evaluate(potential, structures, device), BATCH_ATOMS, device)


def _evaluate(potential: Any, structures: Sequence[Atoms], device: str) -> list[Evaluation]:
    """Evaluate structures in one batch of the package; its stress is in GPa."""
    from ase.stress import full_3x3_to_voigt_6_stress
    from ase.units import GPa
    from mattersim.datasets.utils.build import build_dataloader
    from mattersim.forcefield.potential import batch_to_dict

    cutoffs = {name: potential.model.model_args[name] for name in ("cutoff", "threebody_cutoff")}
    (batch,) = build_dataloader(structures, only_inference=True, batch_size=len(structures), **cutoffs)
    answer = potential.forward(batch_to_dict(batch, device=device))
    energies, forces, stresses = (
        answer[name].detach().cpu().numpy().astype(float) for name in ("total_energy", "forces", "stresses")
    )
    ends = np.cumsum([len(atoms) for atoms in structures])[:-1]
    parts = zip(energies.reshape(-1), np.split(forces, ends), stresses, strict=True)
    return [Evaluation(float(energy), f, full_3x3_to_voigt_6_stress(stress) * GPa) for energy, f, stress in parts]
