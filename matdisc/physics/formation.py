"""From total energies to formation energies; signs and units are settled here."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def formation_energy_per_atom(
    energy: float, composition: Mapping[str, int], reference: Callable[[str], float], correction: float = 0.0
) -> float:
    """Return (E + dE - sum_el n_el mu_el) / N in eV/atom.

    Args:
        energy: Total energy of the cell, eV.
        composition: Atoms of each element in the cell.
        reference: Energy mu of an element, eV/atom, on the energy scale of `energy`.
        correction: dE of the whole cell, eV, for models whose energies lack the MP2020 corrections.

    Raises:
        KeyError: If an element has no reference energy.
    """
    n_atoms = sum(composition.values())
    elements = sum(n * reference(el) for el, n in composition.items())
    return (energy + correction - elements) / n_atoms
