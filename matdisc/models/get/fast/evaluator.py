"""A trained network's energy, forces, stress and charges, compiled: the fast path for one structure at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats
from matdisc.errors import DataError
from matdisc.models.get.fast import ewald, network, pairs
from matdisc.models.get.fast.lanes import width
from matdisc.models.get.fast.neighbours import ListCache, Neighbours
from matdisc.models.get.fast.search import near_edges
from matdisc.models.get.fast.table import RadialTable, edge_features, radial_table
from matdisc.models.get.inputs import is_periodic, total_charge
from matdisc.models.get.reference.dispersion import SWITCH, coefficients
from matdisc.units import COULOMB

if TYPE_CHECKING:
    from ase import Atoms

T = TypeVar("T")
KEEP = 16
"""Curves of kinds of pairs, and cells' reciprocal vectors, kept for the next structure that needs them."""
INTERVALS = {"float32": 1024, "float64": 8192}
"""Of the radial table: its error stays below the type's rounding in forces, or 1e-8 of them."""
_NO_KINDS = np.zeros(0, np.int64)
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
        self._table = radial_table(self._state, settings.cutoff, INTERVALS[dtype], dtype, self._order)
        self._coefficients = coefficients(settings)
        self._curves: dict[Any, pairs.Curve] = {}
        self._waves: dict[Any, ewald.Columns] = {}
        baseline = np.zeros(len(self._weights.embedding))
        for number, energy in dict(settings.baseline).items():
            baseline[int(number)] = energy
        self._baseline = baseline

    def forget(self) -> None:
        """Drop the neighbour lists, whose order decides the last bits of a sum."""
        self.lists = ListCache(skin=self.lists.skin)

    def evaluate(self, atoms: Atoms, *, conservative: bool | None = None) -> FastAnswer:
        """Return the answer for one structure, periodic in all directions or in none.

        The total charge is `atoms.info["charge"]`, 0 without. `conservative` overrides the settings' mode. That the
        elements are those of the model is for the caller to see to.

        Raises:
            DataError: If the structure is none the model can take: see `matdisc.models.get.inputs`.
        """
        return self.answer(
            np.asarray(atoms.numbers, np.int64),
            np.asarray(atoms.positions, float),
            np.asarray(atoms.cell.array, float),
            is_periodic(atoms),
            charge=total_charge(atoms),
            conservative=conservative,
        )

    def answer(
        self, numbers: NDArray[np.int64], positions: Floats, cell: Floats, periodic: bool, *,
        charge: float = 0.0, conservative: bool | None = None,
    ) -> FastAnswer:  # fmt: skip
        """Return the answer for arrays: numbers (n,), positions (n, 3) and cell (3, 3) in Å.

        Raises:
            DataError: If positions or cell are not finite.
        """
        if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
            raise DataError("positions or cell are not finite; look for an exploded start or bad input")
        n = len(numbers)
        settings = self.settings
        reach, g = ewald.split(n, settings.ewald_accuracy) if periodic else (np.inf, 0.0)
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
            energy += ewald.reciprocal(x, q, self._columns(cell, g), g, potential, forces, virial)
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
        return network.Edges(start, near, what, table.rows)

    def _pairs(
        self, lists: Neighbours, x: Floats, shifts: Floats, numbers: NDArray[np.int64], q: Floats,
        cut: tuple[float, float], potential: Floats, forces: Floats, virial: Floats,
    ) -> float:  # fmt: skip
        """Return Coulomb (real-space part, if there is Ewald) and dispersion, eV, and add their derivatives."""
        curve = self._curve(*cut)
        kinds, kind = np.unique(numbers, return_inverse=True) if self.settings.dispersion else (_NO_KINDS, numbers)
        van = self._dispersion(kinds)
        tail = 0.0 if cut[1] > 0 else COULOMB
        if self.exact:
            curve, van = self._exact_pairs(lists, x, shifts, numbers, cut)
        four, found, w = np.zeros((len(x), 4)), np.zeros((len(x), 4)), np.zeros(8)
        four[:, :3] = x
        energy: float = pairs.pair_sums(
            four.reshape(-1), np.pad(shifts, ((0, 0), (0, 1))).reshape(-1), lists.start, lists.other, lists.other_image,
            q, curve.rows, curve.law, tail, self.exact, kind, len(kinds), van.rows, van.law, potential,
            found.reshape(-1), w, width(4),
        )  # fmt: skip
        forces += found[:, :3]
        virial += np.array([[w[0], w[4], w[6]], [w[4], w[1], w[5]], [w[6], w[5], w[2]]])
        return energy

    def _columns(self, cell: Floats, g: float) -> ewald.Columns:
        """Return the reciprocal vectors of a cell; made once while the cell stays."""
        return _kept(self._waves, (cell.tobytes(), g), lambda: ewald.columns(cell, g, self.settings.ewald_accuracy))

    def _curve(self, reach: float, g: float) -> pairs.Curve:
        """Return the Coulomb curve of a way to split the sum; made once for every size of box."""
        settings, spacing = self.settings, pairs.COULOMB_SPACING[self.dtype]

        def made() -> pairs.Curve:
            return pairs.coulomb_curve(settings.coulomb_radius, settings.coulomb_beta, g, reach, spacing)

        return _kept(self._curves, (reach, g), made)

    def _dispersion(self, kinds: NDArray[np.int64]) -> pairs.Curve:
        """Return the curves of a set of elements; made once for each."""

        def made() -> pairs.Curve:
            c6, radii = (np.multiply.outer(each[kinds], each[kinds]) for each in self._coefficients)
            a1, spacing = self.settings.dispersion_a1, pairs.DISPERSION_SPACING[self.dtype]
            return pairs.dispersion_curves(c6, radii, a1, spacing)

        return _kept(self._curves, tuple(kinds.tolist()), made)

    def _exact_pairs(
        self, lists: Neighbours, x: Floats, shifts: Floats, numbers: NDArray[np.int64], cut: tuple[float, float]
    ) -> tuple[pairs.Curve, pairs.Curve]:
        """Return curves with one interval for every pair, beginning at its own distance."""
        i, j = np.repeat(np.arange(len(x)), np.diff(lists.start)), lists.other
        r = np.linalg.norm(x[i] - x[j] - shifts[lists.other_image], axis=1)
        rows = np.zeros((2, len(r), 4))
        settings, near = self.settings, r < cut[0]
        u = np.stack(pairs.coulomb(r, settings.coulomb_radius, settings.coulomb_beta, cut[1]), axis=1)
        rows[0, near, :2] = u[near]
        if settings.dispersion:
            c6, radii = (each[numbers[i]] * each[numbers[j]] for each in self._coefficients)
            rows[1, :, :2] = np.stack(pairs.dispersion(r, c6, radii, settings.dispersion_a1), axis=1)
        return pairs.Curve(rows[0].reshape(-1), 0, 1.0), pairs.Curve(rows[1].reshape(-1), 0, 1.0)

    def _exact(self, x: Floats, shifts: Floats, lists: Neighbours, near: Any, what: Any) -> RadialTable:
        """Return a table with one interval for every edge that begins at its length, and point edges there."""
        receivers = np.repeat(np.arange(len(x)), np.diff(lists.first))
        vectors = x[receivers] - x[lists.sender] - shifts[lists.image]
        r = np.sqrt(np.einsum("ed,ed->e", vectors, vectors))
        value, slope = edge_features(r[r < self.settings.cutoff], self._state, self.settings.cutoff)
        rows = np.zeros((len(value), 4, value.shape[1]), self.dtype)
        rows[:, 0], rows[:, 1] = value[:, self._order], slope[:, self._order]
        near[:, 1] = np.arange(len(near))
        what[:, 4], what[:, 5] = 0, 1
        return RadialTable(rows.reshape(-1), self._table.scale)


def _kept(store: dict[Any, T], key: Any, make: Callable[[], T]) -> T:
    """Return what is stored under a key, made now if it is not; what was stored first makes room."""
    if key not in store:
        while len(store) >= KEEP:
            del store[next(iter(store))]
        store[key] = make()
    return store[key]


def _answer(
    energy: float, forces: Floats, virial: Floats, charges: Floats, order: NDArray[np.int64], volume: float | None
) -> FastAnswer:
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    virial = (virial + virial.T) / 2
    stress = None if volume is None else np.array([-virial[a, b] / volume for a, b in VOIGT])
    return FastAnswer(energy, forces[back], stress, charges[back], virial)
