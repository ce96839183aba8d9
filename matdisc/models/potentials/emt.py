"""Effective medium theory as ASE has it: seven fcc metals, microseconds, physically a toy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


def load() -> Calculator:
    """Return ASE's EMT calculator: eV, eV/Å, eV/Å^3 (Jacobsen, Stoltze & Norskov, Surf. Sci. 366, 394 (1996))."""
    from ase.calculators.emt import EMT

    return EMT()
