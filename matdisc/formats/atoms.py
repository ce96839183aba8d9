"""Crystals as ASE atoms and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matdisc.schema import Crystal

if TYPE_CHECKING:
    from ase import Atoms


def to_atoms(crystal: Crystal) -> Atoms:
    """Return a crystal as ASE Atoms, periodic in all directions."""
    from ase import Atoms

    return Atoms(list(crystal.symbols), scaled_positions=list(crystal.positions), cell=list(crystal.cell), pbc=True)


def to_crystal(atoms: Atoms) -> Crystal:
    """Return ASE Atoms as a crystal; fractional positions are not wrapped."""
    cell: Any = tuple(tuple(float(x) for x in row) for row in atoms.cell[:])
    positions: Any = tuple(tuple(float(x) for x in row) for row in atoms.get_scaled_positions(wrap=False))
    return Crystal(tuple(atoms.get_chemical_symbols()), positions, cell)
