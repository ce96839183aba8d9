"""The lines of a trajectory and of its thermodynamics, with always the same digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from matdisc.formats import multiplicity, total_charge
from matdisc.physics.md import Frame
from matdisc.units import BAR, GRAMS_PER_CM3

if TYPE_CHECKING:
    from ase import Atoms

    from matdisc.arrays import Floats

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

    Whatever else physics depends on is in every frame: `masses` that are not those of the elements, `charge` and
    `multiplicity` (also as `spin`) that are not 0 and 1, charges and moments that atoms start with, and `molecule`.

    Args:
        frame: The instant.
        atoms: For what does not change.
        symbols: Of the atoms.
        velocities: Whether momenta, in ASE's units, are written too.
    """
    columns = [("pos", "R", frame.positions)]
    if velocities:
        columns.append(("momenta", "R", frame.velocities * (atoms.get_masses()[:, None] * ASE_TIME)))
    columns += _kept_columns(atoms)
    arrays = [array.reshape(len(symbols), -1) for _, _, array in columns]
    properties = [f"{name}:{kind}:{x.shape[1]}" for (name, kind, _), x in zip(columns, arrays, strict=True)]
    form = "".join(
        " %.8f" * x.shape[1] if kind == "R" else " %d" for (_, kind, _), x in zip(columns, arrays, strict=True)
    )
    fields = [f"Properties=species:S:1:{':'.join(properties)}", f"step={frame.step}", f"time_fs={frame.time_fs:.4f}"]
    if np.any(frame.cell):
        fields.insert(0, 'Lattice="' + " ".join(f"{x:.8f}" for x in frame.cell.ravel()) + '"')
    fields += [f"{key}={value:g}" for key, value in _kept_numbers(atoms).items()]
    fields.append(f"energy={frame.potential:.8f}")
    fields.append('pbc="' + " ".join("FT"[bool(p)] for p in atoms.pbc) + '"')
    rows = np.concatenate(arrays, axis=1).tolist()
    body = "\n".join(symbol + form % tuple(row) for symbol, row in zip(symbols, rows, strict=True))
    return f"{len(symbols)}\n{' '.join(fields)}\n{body}\n"


def _kept_columns(atoms: Atoms) -> list[tuple[str, str, Floats]]:
    """Name, type and values of the columns that a going on from a frame needs beside positions and velocities."""
    from ase.data import atomic_masses

    found = []
    if not np.allclose(atoms.get_masses(), atomic_masses[atoms.numbers], rtol=1e-9):
        found.append(("masses", "R", atoms.get_masses()))
    for name in ("initial_charges", "initial_magmoms"):
        if np.any(atoms.arrays.get(name, 0)):
            found.append((name, "R", atoms.get_array(name)))
    if atoms.has("molecule"):
        found.append(("molecule", "I", atoms.get_array("molecule")))
    return found


def _kept_numbers(atoms: Atoms) -> dict[str, float]:
    """What is said of the whole structure, if it is not what is meant where nothing is said."""
    spin = multiplicity(atoms, "structure", moments=False)
    said = {"charge": (total_charge(atoms, "structure"), 0), "multiplicity": (spin, 1), "spin": (spin, 1)}
    return {key: value for key, (value, usual) in said.items() if value != usual}
