"""An optimiser for crystals that needs about half the evaluations of FIRE: FIRE far out, quasi-Newton close by.

Many crystals have several minima near their start, and a step along a soft direction decides for one of them. FIRE
with its equal masses decides first, as in the reference protocol; only then does the quasi-Newton optimiser finish.

That one starts from springs. Positions and cell are relaxed together in the coordinates of ASE's FrechetCellFilter,
and the first guess of the Hessian comes from the crystal itself: atoms close to each other are tied by springs whose
stiffness falls with distance, and a strain of the cell stretches the same springs. So the cell and the atoms are on one
scale from the first step. Limited-memory BFGS corrects the guess. Nothing is known about the potential.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.arrays import Floats

if TYPE_CHECKING:
    from ase import Atoms

    from matdisc.physics.relaxation.cell_filter import EvaluatedCell, EvaluatedPositions

CLOSE = 0.4
"""Largest force, eV/Å, below which the quasi-Newton steps begin."""
QUICK = {"dt": 0.2, "Nmin": 2, "finc": 1.2, "astart": 0.2, "a": 0.2}
"""FIRE far out: it starts with twice the time step of ASE's defaults, and speeds up sooner."""
STIFFNESS = 4.0
"""Stiffness of a spring between atoms at the sum of their covalent radii, eV/Å^2."""
DECAY = 4.0
"""How fast a spring softens with distance, per sum of covalent radii."""
TRANSVERSE = 0.15
"""Stiffness of a spring sideways, as a share of that along it."""
FLOOR = 5.0
"""Stiffness against everything, eV/Å^2, so that no direction is free."""
REACH = 2.2
"""Longest spring, in sums of covalent radii."""
LONGEST = 0.1
"""Largest displacement of an atom in one quasi-Newton step, Å; for the cell, of a row of its coordinates."""
MEMORY = 30
"""Steps that are remembered."""
RISE = 1e-4
"""A rise of the energy up to this, eV per atom, is taken as noise of the potential."""
REFUSALS = 6
"""Steps in a row that may raise the energy before FIRE takes over."""


class FastDescent:
    """Takes steps like an ASE optimiser, one evaluation each: quick FIRE, then springs, then FIRE if those fail."""

    def __init__(self, shaped: EvaluatedCell | EvaluatedPositions) -> None:
        from ase.optimize import FIRE

        self.shaped = shaped
        self.far = FIRE(shaped, logfile=None, **QUICK)
        self.near: SpringNewton | None = None

    def step(self) -> None:
        """Read energy and forces of the filter and set its positions."""
        if self.near is None and _longest(self.shaped.get_forces()) < CLOSE:
            self.near = SpringNewton(self.shaped)
        if self.near is None:
            self.far.step()
        else:
            self.near.step()


class SpringNewton:
    """Limited-memory BFGS around the Hessian of springs, with short steps.

    A step that raises the energy is taken back and tried shorter. If that happens too often in a row, ASE's FIRE goes
    on from the best point: a rough potential costs time, but does not break a relaxation.

    Attributes:
        rejected: Steps that were taken back.
        fallback: FIRE, once it has taken over.
    """

    def __init__(self, shaped: EvaluatedCell | EvaluatedPositions) -> None:
        from scipy.linalg import cho_factor

        self.shaped = shaped
        size = shaped.get_positions().size  # without the cell's part where that is fixed
        self.springs = cho_factor(spring_hessian(shaped.atoms)[:size, :size])
        self.moves: list[tuple[Floats, Floats]] = []
        self.radius = LONGEST
        self.best: tuple[float, Floats, Floats] | None = None
        self.refused = 0
        self.rejected = 0
        self.fallback: Any = None

    def step(self) -> None:
        """Read energy and forces of the filter and set its positions."""
        if self.fallback is not None:
            self.fallback.step()
            return
        energy = float(self.shaped.get_potential_energy())
        place, gradient = self.shaped.get_positions().ravel(), -self.shaped.get_forces().ravel()
        if self.best is not None:
            before, old_place, old_gradient = self.best
            move, change = place - old_place, gradient - old_gradient
            if move @ change > 1e-6 * np.linalg.norm(move) * np.linalg.norm(change):  # the Hessian stays positive
                self.moves = [*self.moves[1 - MEMORY :], (move, change)]
            if energy > before + RISE * len(self.shaped.atoms):
                self._take_back(move)
                return
            self.radius = min(LONGEST, max(self.radius, 2 * _longest(move)))
        self.refused = 0
        self.best = (energy, place, gradient)
        self._go(place, gradient)

    def _take_back(self, move: Floats) -> None:
        from ase.optimize import FIRE

        assert self.best is not None
        _, place, gradient = self.best
        self.refused += 1
        self.rejected += 1
        if self.refused < REFUSALS:
            self.radius = 0.25 * _longest(move)
            self._go(place, gradient)
        else:
            self.shaped.set_positions(place.reshape(-1, 3))
            self.fallback = FIRE(self.shaped, logfile=None)

    def _go(self, place: Floats, gradient: Floats) -> None:
        step = -self._newton(gradient)
        step *= min(1.0, self.radius / max(_longest(step), 1e-12))
        self.shaped.set_positions((place + step).reshape(-1, 3))

    def _newton(self, gradient: Floats) -> Floats:
        """Return the inverse Hessian times a gradient: the two loops of L-BFGS around the springs."""
        from scipy.linalg import cho_solve

        q, shares = gradient.copy(), []
        for move, change in reversed(self.moves):
            shares.append((move @ q) / (move @ change))
            q -= shares[-1] * change
        q = cho_solve(self.springs, q)
        for (move, change), share in zip(self.moves, reversed(shares), strict=True):
            q += move * (share - (change @ q) / (move @ change))
        return np.asarray(q)


def spring_hessian(atoms: Atoms) -> Floats:
    """Return the second derivatives of the springs' energy, eV/Å^2, shape (3 n_atoms + 9,) * 2, positive definite.

    Coordinates as in FrechetCellFilter: positions, then n_atoms times the logarithm of the deformation.
    """
    from ase.data import covalent_radii
    from ase.neighborlist import neighbor_list
    from scipy.sparse import coo_array

    n = len(atoms)
    radii = covalent_radii[atoms.numbers]
    first, second, vectors = neighbor_list("ijD", atoms, REACH * radii)
    lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-3)
    relative = np.maximum(lengths / (radii[first] + radii[second]), 0.8)
    along = vectors / lengths[:, None]
    # square root of each spring's 3 x 3 stiffness; every bond is listed twice
    root = np.sqrt(0.5 * STIFFNESS * np.exp(-DECAY * (relative - 1)))
    side = np.sqrt(TRANSVERSE)
    parts = root[:, None, None] * (side * np.eye(3) + (1 - side) * along[:, :, None] * along[:, None, :])
    k = np.arange(3)
    columns = np.concatenate(
        [
            3 * second[:, None] + k,
            3 * first[:, None] + k,
            np.broadcast_to(3 * n + np.arange(9), (len(first), 9)),
        ],
        axis=1,
    )
    strained = (parts[:, :, :, None] * vectors[:, None, None, :] / n).reshape(len(first), 3, 9)
    values = np.concatenate([parts, -parts, strained], axis=2)
    rows = np.broadcast_to(np.arange(3 * len(first)).reshape(-1, 3, 1), values.shape)
    columns = np.broadcast_to(columns[:, None, :], values.shape)
    shape = (3 * len(first), 3 * n + 9)
    stretch = coo_array((values.ravel(), (rows.ravel(), columns.ravel())), shape=shape).tocsr()
    return np.asarray((stretch.T @ stretch).todense()) + FLOOR * np.eye(3 * n + 9)


def _longest(rows: Floats) -> float:
    return float(np.linalg.norm(rows.reshape(-1, 3), axis=1).max())
