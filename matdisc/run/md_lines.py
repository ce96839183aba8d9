"""The lines of a trajectory and of its thermodynamics, with always the same digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from matdisc.physics.md import Frame
from matdisc.physics.md.units import BAR, GRAMS_PER_CM3

if TYPE_CHECKING:
    from ase import Atoms

ASE_TIME = 10.180505305
"""fs in ASE's unit of time, Å sqrt(u/eV); momenta in extxyz files are in its units."""
AXES = ("xx", "yy", "zz", "yz", "xz", "xy")
COMPONENTS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
COLUMNS = (
    "step", "time_fs", "potential_eV", "kinetic_eV", "total_eV", "conserved_eV", "temperature_K", "volume_A3",
    "density_g_cm3", *(f"pressure_{axes}_bar" for axes in AXES),
)  # fmt: skip
HEADER = ",".join(COLUMNS) + "\n"


def thermo_line(frame: Frame, mass: float) -> str:
    """Return a line of thermo.csv; what is not defined is left empty.

    Args:
        frame: The instant.
        mass: Of all atoms, u.
    """
    energies = (frame.potential, frame.kinetic, frame.potential + frame.kinetic, frame.conserved)
    cells = [str(frame.step), f"{frame.time_fs:.4f}", *(f"{energy:.8f}" for energy in energies)]
    cells.append(f"{frame.temperature:.4f}")
    if math.isnan(frame.volume):
        cells += ["", ""]
    else:
        cells += [f"{frame.volume:.5f}", f"{GRAMS_PER_CM3 * mass / frame.volume:.7f}"]
    if frame.pressure is None:
        cells += [""] * len(COMPONENTS)
    else:
        cells += [f"{frame.pressure[place] / BAR:.4f}" for place in COMPONENTS]
    return ",".join(cells) + "\n"


def frame_text(frame: Frame, atoms: Atoms, symbols: Sequence[str], *, velocities: bool) -> str:
    """Return a frame in the extxyz format; positions are not wrapped into the cell.

    Where the start says which atoms form a molecule, the column `molecule` does so in every frame.

    Args:
        frame: The instant.
        atoms: For what does not change: masses, periodic directions, molecules.
        symbols: Of the atoms.
        velocities: Whether momenta, in ASE's units, are written too.
    """
    properties, columns = "species:S:1:pos:R:3", [frame.positions]
    if velocities:
        properties += ":momenta:R:3"
        columns.append(frame.velocities * (atoms.get_masses()[:, None] * ASE_TIME))
    form = " %.8f" * (3 * len(columns))
    if atoms.has("molecule"):
        properties += ":molecule:I:1"
        columns.append(atoms.get_array("molecule")[:, None])
        form += " %d"
    fields = [f"Properties={properties}", f"step={frame.step}", f"time_fs={frame.time_fs:.4f}"]
    if np.any(atoms.pbc):
        fields.insert(0, 'Lattice="' + " ".join(f"{x:.8f}" for x in frame.cell.ravel()) + '"')
    fields.append(f"energy={frame.potential:.8f}")
    fields.append('pbc="' + " ".join("FT"[bool(p)] for p in atoms.pbc) + '"')
    rows = np.concatenate(columns, axis=1).tolist()
    body = "\n".join(symbol + form % tuple(row) for symbol, row in zip(symbols, rows, strict=True))
    return f"{len(symbols)}\n{' '.join(fields)}\n{body}\n"
