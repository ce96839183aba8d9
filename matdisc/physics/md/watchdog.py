"""Tells when a simulation is no longer one: criteria that are fixed before the run, checked now and then."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats
from matdisc.physics.md.state import Frame, Stop
from matdisc.physics.neighbours import neighbours

if TYPE_CHECKING:
    from ase import Atoms

BONDED = 1.25
"""Non-metal atoms closer than so many sums of their covalent radii are bonded at the start."""
NON_METALS = (1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 53)
FEW_DEGREES = 10.0
"""Standard deviations of the kinetic temperature that are never too hot, for few atoms."""
SWOLLEN = 27.0
"""A cell may become so many times larger or smaller than at the start: three times in each length."""
DENSEST = 0.5
"""Å^3 that an atom takes at least; even hydrogen takes more at any pressure of a planet."""
REACH = 6.0
"""Å that potentials look far, most of them."""
MOST_IMAGES = 30_000
"""Images of one atom within that reach; they fill memory where a cell is thin."""
SPREAD = 1000.0
"""Å by which atoms without a cell may move apart; many potentials lay a grid over all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """What ends a simulation. A criterion that is None is off.

    Attributes:
        every: Steps between two checks. Energies and forces that are not finite end a simulation at once.
        bonds: Whether bonds are watched. For molecules: bonds are those between non-metal atoms (of one molecule, if
            the structure has an array `molecule`) closer at the start than 1.25 sums of covalent radii.
        stretched: `bond`: a bond is so many times as long as at the start.
        overlap: `overlap`: two atoms are closer than so many sums of their covalent radii.
        heated: `temperature`: the kinetic temperature is so many times the wanted one, in `hot_checks` checks in a
            row. With few degrees of freedom the limit is higher: 1 + 10 sqrt(2/dof), ten standard deviations.
        hot_checks: See `heated`.
        drift: `drift`: the conserved quantity has moved by so many eV/atom since the start ...
        drift_rate: ... and so many eV/atom/ps more.
    """

    every: int = 10
    bonds: bool = False
    stretched: float = 1.6
    overlap: float | None = 0.5
    heated: float | None = 3.0
    hot_checks: int = 10
    drift: float | None = 0.05
    drift_rate: float = 0.001


@dataclass(frozen=True, slots=True)
class Bonds:
    """Bonds of a start structure: atoms `first` and `second`, lattice `shift` of the second, and `lengths`, Å."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    shift: Floats
    lengths: Floats


class Fence:
    """How far cell and atoms may leave a start, so that no potential is asked about what would fill all memory.

    A cell that moves changes its size only, so that its volume tells all.
    """

    def __init__(self, atoms: Atoms) -> None:
        """Remember the start of the trajectory, also when a trajectory goes on.

        Args:
            atoms: Of the start.
        """
        self.pbc = np.asarray(atoms.pbc)
        cell = np.asarray(atoms.cell if self.pbc.all() else atoms.cell.complete())
        self.n_atoms = len(atoms)
        self.span = np.ptp(atoms.positions, axis=0)
        self.volume = abs(float(np.linalg.det(cell)))
        faces = np.linalg.norm(np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1)
        self.heights = [self.volume / float(face) if face else 0.0 for face in faces[self.pbc]]

    def impossible(self, volume: float | None = None) -> str:
        """Return in words why no potential should be asked about a cell, by its density and the images within REACH;
        empty if one can be.

        Args:
            volume: Of the cell, Å^3; None for that of the start.
        """
        if not self.pbc.any():
            return ""
        if not min(self.heights) > 0:
            return "the cell has no volume"
        volume = self.volume if volume is None else volume
        if self.pbc.all() and volume < DENSEST * self.n_atoms:
            return f"each atom has {volume / self.n_atoms:.4g} Å^3, less than {DENSEST:g} and than in any matter"
        scale = math.cbrt(volume / self.volume)
        images = math.prod(1 + 2 * REACH / (scale * height) for height in self.heights)
        if images <= MOST_IMAGES:
            return ""
        thin = scale * min(self.heights)
        return f"the cell is {thin:.3g} Å thin, so that an atom has {images:.2g} images within {REACH:g} Å"

    def lost(self, volume: float) -> str:
        """Return in words how a cell that is now of this volume (Å^3) has run away; empty if it has not."""
        ratio = volume / self.volume
        if not math.isfinite(ratio):
            return "the volume of the cell is no longer a finite number"
        if ratio > SWOLLEN:
            return f"the cell grew to {ratio:.3g} times its volume"
        if ratio < 1 / SWOLLEN:
            return f"the cell shrank to {ratio:.3g} of its volume"
        return self.impossible(volume)

    def spread(self, positions: Floats) -> str:
        """Return in words how far atoms have moved apart where nothing is periodic; empty if not too far.

        Args:
            positions: Å, shape (n_atoms, 3).
        """
        if self.pbc.all():
            return ""
        more = float((np.ptp(positions, axis=0) - self.span)[~self.pbc].max())
        return f"the atoms have moved apart by {more:.0f} Å; put them into a cell" if more > SPREAD else ""


class Watch:
    """A watchdog over one structure."""

    def __init__(self, watchdog: Watchdog, atoms: Atoms, temperature: float | None, dof: int) -> None:
        """Watch over atoms.

        Args:
            watchdog: The criteria.
            atoms: The start of the trajectory, also when a trajectory goes on: its bonds are the reference.
            temperature: Wanted, K; None or 0 if it is not given.
            dof: Degrees of freedom.
        """
        from ase.data import covalent_radii

        self.watchdog = watchdog
        self.symbols = atoms.get_chemical_symbols()
        self.pbc = np.asarray(atoms.pbc)
        self.radii: Floats = covalent_radii[atoms.numbers]
        self.limit = math.inf
        if watchdog.heated and temperature:
            self.limit = temperature * max(watchdog.heated, 1 + FEW_DEGREES * math.sqrt(2 / dof))
        self.bonds = bonds_of(atoms) if watchdog.bonds else None

    def check(self, frame: Frame, reference: float, hot: int) -> tuple[Stop | None, int]:
        """Return why the simulation should end, if it should, and how many checks in a row it was too hot."""
        hot = hot + 1 if frame.temperature > self.limit else 0
        found = self._drifted(frame, reference) or self._stretched(frame) or self._overlapping(frame)
        if not found and hot >= self.watchdog.hot_checks:
            found = ("temperature", f"{frame.temperature:.0f} K, above {self.limit:.0f} K in {hot} checks in a row")
        if not found:
            return None, hot
        return Stop(found[0], frame.time_fs, found[1]), hot  # type: ignore[arg-type]

    def _drifted(self, frame: Frame, reference: float) -> tuple[str, str] | None:
        if self.watchdog.drift is None:
            return None
        moved = (frame.conserved - reference) / len(self.radii)
        allowed = self.watchdog.drift + self.watchdog.drift_rate * frame.time_fs / 1000
        if abs(moved) <= allowed:
            return None
        return "drift", f"the conserved quantity has moved by {1000 * moved:.1f} meV/atom since the start"

    def _stretched(self, frame: Frame) -> tuple[str, str] | None:
        if self.bonds is None or not len(self.bonds.first):
            return None
        b = self.bonds
        vectors = frame.positions[b.second] - frame.positions[b.first] + b.shift @ frame.cell
        lengths = np.sqrt((vectors**2).sum(axis=1))
        worst = int(np.argmax(lengths / b.lengths))
        if lengths[worst] <= self.watchdog.stretched * b.lengths[worst]:
            return None
        pair = self._pair(int(b.first[worst]), int(b.second[worst]))
        return "bond", f"the bond {pair} is {lengths[worst]:.2f} Å long, at the start {b.lengths[worst]:.2f} Å"

    def _overlapping(self, frame: Frame) -> tuple[str, str] | None:
        if self.watchdog.overlap is None:
            return None
        share = self.watchdog.overlap
        reach = 2 * share * float(self.radii.max())
        first, second, _, lengths = neighbours(frame.positions, reach, frame.cell, self.pbc, half=True)
        if not len(first):
            return None
        relative = lengths / (self.radii[first] + self.radii[second])
        worst = int(np.argmin(relative))
        if relative[worst] >= share:
            return None
        return "overlap", f"{self._pair(int(first[worst]), int(second[worst]))} are {lengths[worst]:.2f} Å apart"

    def _pair(self, i: int, j: int) -> str:
        return f"{self.symbols[i]}{i}-{self.symbols[j]}{j}"


def bonds_of(atoms: Atoms) -> Bonds:
    """Return the bonds between non-metal atoms of a structure; see Watchdog."""
    from ase.data import covalent_radii

    radii = covalent_radii[atoms.numbers]
    reach = 2 * BONDED * float(radii.max())
    first, second, shift, lengths = neighbours(atoms.positions, reach, np.asarray(atoms.cell), atoms.pbc, half=True)
    bonded = lengths < BONDED * (radii[first] + radii[second])
    bonded &= np.isin(atoms.numbers[first], NON_METALS) & np.isin(atoms.numbers[second], NON_METALS)
    if atoms.has("molecule"):
        molecule = atoms.get_array("molecule")
        bonded &= molecule[first] == molecule[second]
    return Bonds(first[bonded], second[bonded], shift[bonded], lengths[bonded])
