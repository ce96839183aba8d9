"""Voronoi cells of the atoms of a crystal: who shares a face with whom, how large it is and how far away they are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from matdisc.arrays import Floats, Ints
from matdisc.physics.neighbours import neighbours

EXPECTED = 40
"""Atoms within the first radius that is tried, in a crystal of even density."""
LONGEST_CLUSTER = 20_000
"""Atoms; a crystal that needs more around its cell, e.g. a thin sheet in much vacuum, is not tessellated."""

LEAST_VOLUME = 0.5
"""Å^3/atom; a cell with less is flat or damaged."""
CLOSED = 1e-3
"""Largest relative difference between the volumes of the cells and that of the crystal."""
_Sides = tuple[Ints, Ints, Floats, Floats]


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces of the Voronoi cells of the n atoms of a crystal, each face once from either side.

    Faces of next to no area, of atoms whose cells touch in an edge or a corner only, may be among them.

    Attributes:
        site, neighbour: The atom whose cell it is and the one behind the face, shape (n_faces,).
        shifts: Lattice steps to the image of the neighbour, shape (n_faces, 3).
        lengths: Distances of the two atoms, Å; the face lies half way.
        areas: Å^2.
        opposite: Place of the same face as it is seen from the other side.
    """

    site: Ints
    neighbour: Ints
    shifts: Ints
    lengths: Floats
    areas: Floats
    opposite: Ints

    def volumes(self, n: int) -> Floats:
        """Volumes of the cells, Å^3, shape (n,): pyramids from the atom to each face."""
        return np.bincount(self.site, self.areas * self.lengths / 6, n).astype(np.float64)


def tessellate(positions: Floats, cell: Floats) -> Faces | None:
    """Return the faces of all cells; None without atoms or a volume, where atoms coincide, or with too many images.

    One tessellation serves all atoms of the crystal. It is of the cell and what lies around it up to a radius that
    grows until no cell reaches farther than half of it, since nothing beyond can then cut a cell.

    Args:
        positions: Å, shape (n, 3).
        cell: Lattice vectors as rows, Å, shape (3, 3).
    """
    from scipy.spatial import QhullError, Voronoi

    n = len(positions)
    if not n or not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        return None
    volume = abs(float(np.linalg.det(cell))) / n
    if volume < LEAST_VOLUME:
        return None
    radius = (EXPECTED * volume * 3 / (4 * np.pi)) ** (1 / 3)
    while 4 / 3 * np.pi * radius**3 < LONGEST_CLUSTER * volume:
        owner, shifts = _cluster(positions, cell, radius)
        points = positions[owner] + shifts @ cell
        try:
            found = Voronoi(points)
        except (QhullError, ValueError):  # fewer than four atoms, or all of them in one plane
            radius *= 1.5
            continue
        sides, reach = _sides(found, owner, shifts, n)
        if 2 * reach <= radius:
            faces = _matched(*sides)
            alone = (np.bincount(faces.site, minlength=n) == 0).any()
            return None if alone or abs(faces.volumes(n).sum() / (n * volume) - 1) > CLOSED else faces
        radius = min(2.001 * reach, 1.5 * radius)
    return None


def _cluster(positions: Floats, cell: Floats, radius: float) -> tuple[Ints, Ints]:
    """Return the atoms of the cell, and after them all images within the radius of any: whose they are, and shifts."""
    n = len(positions)
    _, j, step, _ = neighbours(positions, radius, cell)
    images = np.unique(np.column_stack([j, step]), axis=0)
    images = images[images[:, 1:].any(axis=1)]
    inside = np.column_stack([np.arange(n), np.zeros((n, 3), np.int64)])
    both = np.concatenate([inside, images])
    return both[:, 0], both[:, 1:]


def _sides(found: Any, owner: Ints, shifts: Ints, n: int) -> tuple[_Sides, float]:
    """Return the faces of the first n points, and how far their cells reach, Å; infinity for cells without an end."""
    ours = np.flatnonzero((found.ridge_points < n).any(axis=1))
    corners = [found.ridge_vertices[i] for i in ours]
    counts = np.fromiter(map(len, corners), np.int64, len(corners))
    flat = np.fromiter(chain.from_iterable(corners), np.int64, counts.sum())
    first, second = np.sort(found.ridge_points[ours], axis=1).T.astype(np.int64)  # atoms of the cell come first
    at, points = found.vertices[flat], found.points
    closed = len(first) > 0 and not (flat < 0).any()
    reach = np.linalg.norm(at - points[np.repeat(first, counts)], axis=1).max() if closed else np.inf
    areas, lengths = _areas(at, counts), np.linalg.norm(points[second] - points[first], axis=1)
    back = second < n  # both lie in the cell, so that the shift is zero either way
    whose = np.concatenate([np.stack([first, owner[second]]), np.stack([owner[second], first])[:, back]], axis=1)
    lengths, areas = (np.concatenate([values, values[back]]) for values in (lengths, areas))
    return (whose, np.concatenate([shifts[second], shifts[second][back]]), lengths, areas), float(reach)


def _matched(whose: Ints, shifts: Ints, lengths: Floats, areas: Floats) -> Faces:
    """Find the other side of each face; one that was found from one side only is rounding, with no area to speak of."""
    site, neighbour = whose
    step = int(np.abs(shifts).max()) * 2 + 1
    names, others = (
        np.ravel_multi_index((a, b, *(s.T + step // 2)), (len(site), len(site), step, step, step))
        for a, b, s in [(site, neighbour, shifts), (neighbour, site, -shifts)]
    )
    order = np.argsort(names)
    both = np.isin(others, names)
    place = np.cumsum(both) - 1
    opposite = order[np.searchsorted(names, others[both], sorter=order)]
    return Faces(site[both], neighbour[both], shifts[both], lengths[both], areas[both], place[opposite])


def _areas(corners: Floats, counts: Ints) -> Floats:
    """Return the areas of polygons whose corners lie one after another, in the order of their rims."""
    starts = np.cumsum(counts) - counts
    following = np.arange(len(corners)) + 1
    following[starts + counts - 1] = starts
    away = corners - np.repeat(corners[starts], counts, axis=0)
    return np.linalg.norm(np.add.reduceat(np.cross(away, away[following]), starts), axis=1) / 2
