"""MatterSim (Yang et al., arXiv:2405.04967), an M3GNet trained over temperatures and pressures."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


def load(file: str, device: str = "cpu") -> Calculator:
    """Return MatterSim as an ASE calculator: eV, eV/Å, eV/Å^3.

    Args:
        file: Checkpoint, as MatterSim publishes them.
        device: Torch device, `cpu` or `cuda`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch and its graph library announce their own future
        import torch
        from mattersim.forcefield import MatterSimCalculator, Potential

        torch.set_num_threads(1)
        potential = Potential.from_checkpoint(file, device=device, load_training_state=False)
        return MatterSimCalculator(potential, device=device)
