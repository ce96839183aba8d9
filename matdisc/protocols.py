"""The protocols by which energies and relaxed structures are taken; results name them, so they are data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Protocol:
    """How an energy is taken; `fmax` in eV/Å (for the cell: eV per unit of deformation gradient, as ASE has it)."""

    key: str
    help: str
    fmax: float = 0.0
    max_steps: int = 0
    fast: bool = False


PROTOCOLS = {
    "single-point": Protocol("single-point", "energy of the structure as given"),
    "relax": Protocol(
        "relax",
        "positions and cell relaxed with ASE FIRE and FrechetCellFilter to 0.05 eV/Å, at most 500 steps",
        fmax=0.05,
        max_steps=500,
    ),
    "relax-fast": Protocol(
        "relax-fast",
        "as relax, to the same 0.05 eV/Å, with fewer evaluations: FIRE with larger time steps down to 0.4 eV/Å, then "
        "L-BFGS around a Hessian of springs; FIRE takes over if that fails",
        fmax=0.05,
        max_steps=500,
        fast=True,
    ),
}
