"""ORB v3 (Rhodes et al., arXiv:2504.06231); the file holds the weights only, so it cannot run code."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


def load(file: str, architecture: str, precision: str = "float32-highest", device: str = "cpu") -> Calculator:
    """Return ORB as an ASE calculator: eV, eV/Å, eV/Å^3.

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
        return ORBCalculator(network, device=device)
