"""A trained network's energy, forces, stress and charges, compiled: the fast path for one structure at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matdisc.models.get.dispersion import A2, A4, BOHR, SWITCH, coefficients
from matdisc.models.get.fast import ewald, network, pairs
from matdisc.models.get.fast.neighbours import ListCache, Neighbours
from matdisc.models.get.fast.search import near_edges
from matdisc.models.get.fast.table import RadialTable, edge_features, radial_table

if TYPE_CHECKING:
    from ase import Atoms

Floats = NDArray[np.float64]
NODES = {"float32": 1024, "float64": 8192}
"""Nodes of the radial table: its error stays below the type's rounding in forces, or 1e-8 of them."""
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@dataclass(frozen=True, slots=True)
class FastAnswer:
    """What the potential says of one structure.

    Attributes:
        energy: eV.
        forces: eV/Å, shape (n, 3).
        stress: eV/Å^3, shape (6,), ASE's order and sign; None without a periodic cell.
        charges: e, shape (n,); they add up to the structure's charge.
        virial: eV, shape (3, 3).
    """

    energy: float
    forces: Floats
    stress: Floats | None
    charges: Floats
    virial: Floats


class Evaluator:
    """Evaluates structures with one network.

    Args:
        state: The network's state_dict as arrays.
        settings: `Settings` of the network (matdisc.models.get.settings).
        dtype: "float32" or "float64", of the network; pairs, Ewald and all sums of energies are float64.
        skin: Å added to the neighbour lists.
        exact: Radial functions of every edge afresh instead of from the table; for tests, several times slower.
    """

    def __init__(
        self,
        state: Mapping[str, NDArray[Any]],
        settings: Any,
        dtype: str = "float32",
        skin: float = 0.5,
        *,
        exact: bool = False,
    ) -> None:
        self.settings, self.dtype, self.exact = settings, dtype, exact
        self.lists = ListCache(skin=skin)
        self._state = {name: np.asarray(value) for name, value in state.items()}
        self._weights = network.prepare(self._state, settings.heads, dtype)
        self._order = network.feature_order(settings.features, settings.heads)
        self._table = radial_table(self._state, settings.cutoff, NODES[dtype], dtype, self._order)
        self._dispersion = _dispersion(settings)
        self._curves: dict[tuple[float, float], pairs.Curve] = {}
        baseline = np.zeros(len(self._weights.embedding))
        for number, energy in dict(settings.baseline).items():
            baseline[int(number)] = energy
        self._baseline = baseline

    def evaluate(self, atoms: Atoms, *, conservative: bool | None = None) -> FastAnswer:
        """Return the answer for one structure, periodic in all directions or in none.

        The total charge is `atoms.info["charge"]`, 0 without. `conservative` overrides the settings' mode.
        """
        return self.answer(
            np.asarray(atoms.numbers, np.int64),
            atoms.positions,
            np.asarray(atoms.cell.array, float),
            bool(atoms.pbc.all()),
            charge=float(atoms.info.get("charge", 0.0)),
            conservative=conservative,
        )

    def answer(
        self, numbers: NDArray[np.int64], positions: Floats, cell: Floats, periodic: bool, *,
        charge: float = 0.0, conservative: bool | None = None,
    ) -> FastAnswer:  # fmt: skip
        """Return the answer for arrays: numbers (n,), positions (n, 3) and cell (3, 3) in Å."""
        n = len(numbers)
        settings = self.settings
        accuracy = settings.ewald_accuracy
        reach, g = ewald.split(n, accuracy) if periodic else (np.inf, 0.0)
        radius = max(reach, SWITCH[1]) if settings.dispersion else reach
        lists = self.lists.get(numbers, positions, cell, periodic, settings.cutoff, radius)
        x, shifts = lists.placed(positions, cell)
        ordered = numbers[lists.order]
        forces, virial = np.zeros((n, 3)), np.zeros((3, 3))

        run = network.Pass(self._weights, ordered, self._edges(lists, x, shifts))
        q = run.charges + (charge - run.charges.sum()) / n
        chi, eta = self._weights.chi_squared[ordered], self._weights.eta_squared[ordered]
        potential = np.zeros(n)
        energy = self._pairs(lists, x, shifts, ordered, q, (reach, g), potential, forces, virial)
        if periodic:
            volume = abs(float(np.linalg.det(cell)))
            energy += pairs.self_energy(q, g, volume, potential, virial)
            vectors = ewald.columns(cell, g, accuracy)
            energy += ewald.reciprocal(x, q, vectors, g, potential, forces, virial)
        energy += float(chi @ q + eta @ (q * q))
        by_charge = potential + chi + 2 * eta * q
        if settings.conservative if conservative is None else conservative:
            run.gradient(by_charge - by_charge.mean(), forces, virial)
        else:
            run.gradient(None, forces, virial)
        energy += float(run.energies.sum() + self._baseline[numbers].sum())
        return _answer(energy, forces, virial, q, lists.order, abs(float(np.linalg.det(cell))) if periodic else None)

    def _edges(self, lists: Neighbours, x: Floats, shifts: Floats) -> network.Edges:
        capacity = len(lists.sender)
        start = np.zeros(len(x) + 1, np.int64)
        near, what = np.empty((capacity, 2), np.int32), np.empty((capacity, 8), self.dtype)
        cutoff, table = self.settings.cutoff, self._table
        count = near_edges(x, shifts, lists.first, lists.sender, lists.image, cutoff, table.scale, start, near, what)
        near, what = near[:count], what[:count]
        if self.exact:
            table = self._exact(x, shifts, lists, near, what)
        return network.Edges(start, near, what, table.nodes)

    def _pairs(
        self, lists: Neighbours, x: Floats, shifts: Floats, numbers: NDArray[np.int64], q: Floats,
        cut: tuple[float, float], potential: Floats, forces: Floats, virial: Floats,
    ) -> float:  # fmt: skip
        """Return Coulomb (real-space part, if there is Ewald) and dispersion, eV, and add their derivatives."""
        curve = self._curve(*cut)
        nodes, per_length = curve.nodes, curve.per_length
        if self.exact:
            nodes, per_length = self._exact_pairs(lists, x, shifts, cut[1]), 1.0
        charges, vapour = pairs.pair_sums(
            x, shifts, lists.start, lists.other, lists.other_image, q, nodes, (per_length, curve.cutoff, curve.tail),
            self.exact, numbers, *self._dispersion, potential, forces, virial,
        )  # fmt: skip
        return float(charges + vapour)

    def _curve(self, reach: float, g: float) -> pairs.Curve:
        """Return the Coulomb curve of a way to split the sum; made once for every size of box."""
        if (reach, g) not in self._curves:
            spacing = pairs.SPACING[self.dtype]
            settings = self.settings
            made = pairs.coulomb_curve(settings.coulomb_radius, settings.coulomb_beta, g, reach, spacing)
            self._curves[reach, g] = made
        return self._curves[reach, g]

    def _exact_pairs(self, lists: Neighbours, x: Floats, shifts: Floats, g: float) -> Floats:
        first = np.repeat(np.arange(len(x)), np.diff(lists.start))
        r = np.linalg.norm(x[first] - x[lists.other] - shifts[lists.other_image], axis=1)
        nodes = np.zeros((len(r), 2, 2))
        nodes[:, 0] = np.stack(pairs.coulomb(r, self.settings.coulomb_radius, self.settings.coulomb_beta, g), axis=1)
        return nodes.reshape(-1)

    def _exact(self, x: Floats, shifts: Floats, lists: Neighbours, near: Any, what: Any) -> RadialTable:
        """Return a table with two rows for every edge, its own values at the first, and let the edges point there."""
        receivers = np.repeat(np.arange(len(x)), np.diff(lists.first))
        vectors = x[receivers] - x[lists.sender] - shifts[lists.image]
        r = np.sqrt(np.einsum("ed,ed->e", vectors, vectors))
        value, slope = edge_features(r[r < self.settings.cutoff], self._state, self.settings.cutoff)
        rows = np.zeros((len(value), 2, 2, value.shape[1]), self.dtype)
        rows[:, 0, 0], rows[:, 0, 1] = value[:, self._order], slope[:, self._order]
        near[:, 1] = 2 * np.arange(len(near))
        what[:, 4], what[:, 5] = 0, 1
        return RadialTable(rows.reshape(-1), self._table.scale)


def _dispersion(settings: Any) -> tuple[Floats, Floats, tuple[float, ...]]:
    """Return C6 (eV Å^6) and 2.5 R0 (Å) for pairs of atomic numbers, and the law's constants for `pair_sums`."""
    if not settings.dispersion:
        return np.zeros((1, 1)), np.zeros((1, 1)), (1.0, 0.0, 1.0, 0.0, 0.0)
    strengths, radii = coefficients(settings)
    law = (A4, settings.dispersion_a1, BOHR, *SWITCH)
    return np.outer(strengths, strengths), A2 * np.outer(radii, radii), law


def _answer(
    energy: float, forces: Floats, virial: Floats, charges: Floats, order: NDArray[np.int64], volume: float | None
) -> FastAnswer:
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    virial = (virial + virial.T) / 2
    stress = None if volume is None else np.array([-virial[a, b] / volume for a, b in VOIGT])
    return FastAnswer(energy, forces[back], stress, charges[back], virial)
