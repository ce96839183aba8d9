"""A trained network's energy, forces, stress and charges, compiled: the fast path for many boxes at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from matdisc.models.get.reference.dispersion import beyond_switch, coefficients, reach
from matdisc.physics.evaluation import TRAJECTORY
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


@dataclass(frozen=True, slots=True)
class Box:
    """One structure as arrays.

    Attributes:
        numbers: Atomic numbers, shape (n,).
        positions, cell: Å, shapes (n, 3) and (3, 3).
        periodic: In all three directions, or in none.
        charge: Total charge, e.
        trajectory: Name of the trajectory that it is an instant of, if it has one.
    """

    numbers: NDArray[np.int64]
    positions: Floats
    cell: Floats
    periodic: bool
    charge: float = 0.0
    trajectory: str = ""

    @property
    def volume(self) -> float | None:
        """Å^3; None unless periodic."""
        return abs(float(np.linalg.det(self.cell))) if self.periodic else None


@dataclass(frozen=True, slots=True)
class _Placed:
    """A box in the order of its neighbour lists: positions and shifts of images (Å), atomic numbers, and where Ewald's
    sums are cut: real-space radius (Å) and g (1/Å).
    """

    lists: Neighbours
    x: Floats
    shifts: Floats
    numbers: NDArray[np.int64]
    cut: tuple[float, float]


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
        """Return the answer for one structure; see `evaluate_many`."""
        return self.evaluate_many([atoms], conservative=conservative)[0]

    def evaluate_many(self, structures: Sequence[Atoms], *, conservative: bool | None = None) -> list[FastAnswer]:
        """Return the answers for structures, each periodic in all directions or in none, in one pass.

        The total charge is `atoms.info["charge"]`, 0 without. `conservative` overrides the settings' mode. That the
        elements are those of the model is for the caller to see to. No answer depends on its companions; not even in
        its last bit, if the trajectories of all have names (`matdisc.physics.evaluation.TRAJECTORY`).

        Raises:
            DataError: If a structure is none the model can take: see `matdisc.models.get.inputs`.
        """
        boxes = [
            Box(
                np.asarray(atoms.numbers, np.int64), np.asarray(atoms.positions, float),
                np.asarray(atoms.cell.array, float), is_periodic(atoms), total_charge(atoms),
                str(atoms.info.get(TRAJECTORY, "")),
            )
            for atoms in structures
        ]  # fmt: skip
        return self.answers(boxes, conservative=conservative)

    def answers(self, boxes: Sequence[Box], *, conservative: bool | None = None) -> list[FastAnswer]:
        """Return the answers for boxes of arrays, in one pass.

        Raises:
            DataError: If positions or a cell are not finite.
        """
        placed = [self._placed(box, place) for place, box in enumerate(boxes)]
        ends = np.cumsum([len(box.numbers) for box in boxes])
        numbers = np.concatenate([one.numbers for one in placed])
        run = network.Pass(self._weights, numbers, self._edges(placed, ends))
        forces, virials = np.zeros((len(numbers), 3)), np.zeros((len(boxes), 3, 3))
        charges, by_charge = np.empty(len(numbers)), np.empty(len(numbers))
        energies = []
        for box, one, end, virial in zip(boxes, placed, ends.tolist(), virials, strict=True):
            own = slice(end - len(one.numbers), end)
            charges[own] = q = run.charges[own] + (box.charge - run.charges[own].sum()) / len(one.numbers)
            energy, slope = self._charged(box, one, q, forces[own], virial)
            by_charge[own] = slope - slope.mean()
            energies.append(energy + float(run.energies[own].sum() + self._baseline[box.numbers].sum()))
        whole = self.settings.conservative if conservative is None else conservative
        run.gradient(by_charge if whole else None, ends, forces, virials)
        found = []
        for box, one, end, energy, virial in zip(boxes, placed, ends.tolist(), energies, virials, strict=True):
            own = slice(end - len(one.numbers), end)
            found.append(_answer(energy, forces[own], virial, charges[own], one.lists.order, box.volume))
        return found

    def _placed(self, box: Box, place: int) -> _Placed:
        """Return a box in the order of its neighbour lists."""
        if not (np.isfinite(box.positions).all() and np.isfinite(box.cell).all()):
            raise DataError("positions or cell are not finite; look for an exploded start or bad input")
        settings = self.settings
        cut = ewald.split(len(box.numbers), settings.ewald_accuracy) if box.periodic else (np.inf, 0.0)
        radius = max(cut[0], reach(settings))
        lists = self.lists.get(
            box.numbers, box.positions, box.cell, box.periodic, settings.cutoff, radius,
            place=place, trajectory=box.trajectory,
        )  # fmt: skip
        x, shifts = lists.placed(box.positions, box.cell)
        return _Placed(lists, x, shifts, box.numbers[lists.order], cut)

    def _charged(self, box: Box, one: _Placed, q: Floats, forces: Floats, virial: Floats) -> tuple[float, Floats]:
        """Return the energy of charges and dispersion, eV, and its slope by the charges; add the rest of the slopes."""
        potential = np.zeros(len(q))
        energy = self._pairs(one, q, potential, forces, virial)
        if box.volume is not None:
            g = one.cut[1]
            energy += pairs.self_energy(q, g, box.volume, potential, virial)
            energy += ewald.reciprocal(one.x, q, self._columns(box.cell, g), g, potential, forces, virial)
            if self.settings.dispersion:
                beyond = float(beyond_switch(float(self._coefficients[0][one.numbers].sum()), box.volume))
                energy += beyond
                virial += beyond * np.eye(3)
        chi, eta = self._weights.chi_squared[one.numbers], self._weights.eta_squared[one.numbers]
        return energy + float(chi @ q + eta @ (q * q)), potential + chi + 2 * eta * q

    def _edges(self, placed: Sequence[_Placed], ends: NDArray[np.int64]) -> network.Edges:
        """Return the edges of all boxes, whose atoms are numbered one box after the other."""
        capacity = sum(len(one.lists.sender) for one in placed)
        start = np.zeros(int(ends[-1]) + 1, np.int64)
        near, what = np.empty((capacity, 2), np.int32), np.empty((capacity, 8), self.dtype)
        cutoff, table = self.settings.cutoff, self._table
        count = atom = 0
        for one in placed:
            lists = one.lists
            count = near_edges(
                one.x, one.shifts, lists.first, lists.sender, lists.image, cutoff, table.scale, atom, count,
                start, near, what,
            )  # fmt: skip
            atom += len(one.x)
        near, what = near[:count], what[:count]
        if self.exact:
            table = self._exact(placed, near, what)
        return network.Edges(start, near, what, table.rows)

    def _pairs(self, one: _Placed, q: Floats, potential: Floats, forces: Floats, virial: Floats) -> float:
        """Return Coulomb (real-space part, if there is Ewald) and dispersion, eV, and add their derivatives."""
        lists, x, numbers = one.lists, one.x, one.numbers
        curve = self._curve(*one.cut)
        kinds, kind = np.unique(numbers, return_inverse=True) if self.settings.dispersion else (_NO_KINDS, numbers)
        van = self._dispersion(kinds)
        tail = 0.0 if one.cut[1] > 0 else COULOMB
        if self.exact:
            curve, van = self._exact_pairs(lists, x, one.shifts, numbers, one.cut)
        four, shifts, found, w = (
            np.zeros((len(x), 4)),
            np.zeros((len(one.shifts), 4)),
            np.zeros((len(x), 4)),
            np.zeros(8),
        )
        four[:, :3], shifts[:, :3] = x, one.shifts
        energy: float = pairs.pair_sums(
            four.reshape(-1), shifts.reshape(-1), lists.start, lists.other, lists.other_image,
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

    def _exact(self, placed: Sequence[_Placed], near: Any, what: Any) -> RadialTable:
        """Return a table with one interval for every edge that begins at its length, and point edges there."""
        lengths = []
        for one in placed:
            lists = one.lists
            receivers = np.repeat(np.arange(len(one.x)), np.diff(lists.first))
            r = np.linalg.norm(one.x[receivers] - one.x[lists.sender] - one.shifts[lists.image], axis=1)
            lengths.append(r[r < self.settings.cutoff])
        value, slope = edge_features(np.concatenate(lengths), self._state, self.settings.cutoff)
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
