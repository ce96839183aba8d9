"""CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)); its weights ship inside the package."""

from __future__ import annotations

import warnings
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


def load(version: str = "0.3.0", device: str = "cpu") -> Calculator:
    """Return CHGNet as an ASE calculator: eV, eV/Å, eV/Å^3; energies carry the MP2020 corrections.

    A crystal with an atom that has no neighbour within the cutoff raises instead of warning.

    Args:
        version: One of the releases in the package, e.g. 0.3.0 or 0.2.0.
        device: Torch device, `cpu` or `cuda`.
    """
    with warnings.catch_warnings(), redirect_stdout(StringIO()):  # chgnet greets on stdout
        warnings.simplefilter("ignore")  # torch and chgnet announce their own future here
        import torch
        from chgnet.model import CHGNet, CHGNetCalculator

        torch.set_num_threads(1)
        model = CHGNet.load(model_name=version, use_device=device, verbose=False)
        return CHGNetCalculator(model, use_device=device, on_isolated_atoms="error")
