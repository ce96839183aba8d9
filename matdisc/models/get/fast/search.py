"""Compiled search for pairs of atoms, and the edges that are shorter than the cutoff right now."""

from __future__ import annotations

from typing import Any

import numpy as np

from matdisc.models.get.fast.compiled import compiled


@compiled
def half_pairs(
    x: Any, cell: Any, place: Any, bins: Any, reach: Any, images: Any, start: Any, radius: float, out: Any
) -> Any:
    """Write every pair closer than `radius` once and return how many there are, also when `out` is too short.

    A pair is (i, j, S): atom i, and atom j moved by the lattice vector S. Of (i, j, S) and (j, i, -S) the one with
    i < j is kept; of an atom and its own images those with S in the positive half.

    Args:
        x: Positions of the atoms in order of their bins, inside the cell, shape (n, 3).
        place: Bin of each atom along each axis, shape (n, 3).
        bins, reach, images: Bins along each axis; how many bins away a pair can be; how many cells away.
        start: First atom of each bin, shape (n_bins + 1,).
        out: i, j and the image's number, shape (capacity, 3). Images are numbered as in `shifts`.
    """
    found = 0
    limit = radius * radius
    for i in range(x.shape[0]):
        for a in range(place[i, 0] - reach[0], place[i, 0] + reach[0] + 1):
            sa = a // bins[0]
            for b in range(place[i, 1] - reach[1], place[i, 1] + reach[1] + 1):
                sb = b // bins[1]
                for c in range(place[i, 2] - reach[2], place[i, 2] + reach[2] + 1):
                    sc = c // bins[2]
                    if abs(sa) > images[0] or abs(sb) > images[1] or abs(sc) > images[2]:
                        continue
                    own = sa > 0 or (sa == 0 and (sb > 0 or (sb == 0 and sc > 0)))
                    image = ((sa + images[0]) * (2 * images[1] + 1) + sb + images[1]) * (2 * images[2] + 1)
                    image += sc + images[2]
                    box = ((a - sa * bins[0]) * bins[1] + b - sb * bins[1]) * bins[2] + c - sc * bins[2]
                    dx = sa * cell[0, 0] + sb * cell[1, 0] + sc * cell[2, 0] - x[i, 0]
                    dy = sa * cell[0, 1] + sb * cell[1, 1] + sc * cell[2, 1] - x[i, 1]
                    dz = sa * cell[0, 2] + sb * cell[1, 2] + sc * cell[2, 2] - x[i, 2]
                    for j in range(max(start[box], i), start[box + 1]):
                        if j == i and not own:
                            continue
                        ex, ey, ez = x[j, 0] + dx, x[j, 1] + dy, x[j, 2] + dz
                        if ex * ex + ey * ey + ez * ez < limit:
                            if found < out.shape[0]:
                                out[found, 0], out[found, 1], out[found, 2] = i, j, image
                            found += 1
    return found


@compiled
def directed(x: Any, shifts: Any, pairs: Any, radius: float, first: Any, sender: Any, image: Any) -> Any:
    """Write both directions of every pair closer than `radius`, sorted by receiver; return how many there are.

    An edge's vector is x[receiver] - x[sender] - shifts[image]. `first` has n + 1 entries and is written.
    """
    limit = radius * radius
    last = shifts.shape[0] - 1
    first[:] = 0
    for fill in (False, True):
        for p in range(pairs.shape[0]):
            i, j, s = pairs[p, 0], pairs[p, 1], pairs[p, 2]
            dx = x[i, 0] - x[j, 0] - shifts[s, 0]
            dy = x[i, 1] - x[j, 1] - shifts[s, 1]
            dz = x[i, 2] - x[j, 2] - shifts[s, 2]
            if dx * dx + dy * dy + dz * dz >= limit:
                continue
            if fill:
                sender[first[i]], image[first[i]] = j, s
                first[i] += 1
                sender[first[j]], image[first[j]] = i, last - s
                first[j] += 1
            else:
                first[i + 1] += 1
                first[j + 1] += 1
        if not fill:
            for i in range(first.shape[0] - 1):
                first[i + 1] += first[i]
    for i in range(first.shape[0] - 1, 0, -1):  # filling has moved every start to its end
        first[i] = first[i - 1]
    first[0] = 0
    return first[-1]


@compiled
def near_edges(
    x: Any,
    shifts: Any,
    first: Any,
    sender: Any,
    image: Any,
    cutoff: float,
    scale: Any,
    atom: int,
    found: int,
    start: Any,
    near: Any,
    what: Any,
) -> Any:
    """Write the edges shorter than the cutoff and what the kernels need of each; return how many there are by then.

    Args:
        scale: c and N of the table's coordinate t = N r / (r + c).
        atom, found: Atoms and edges of the boxes before this one.
        start: First edge of each receiver, written, shape (n_all + 1,); this box's atoms begin at `atom`.
        near: Sender among all atoms and row of the table, written from `found` on, shape (capacity, 2).
        what: Unit vector (3), r, place between two rows of the table (0 to 1), dt/dr, fc and dfc/dr, written likewise,
            shape (capacity, 8).
    """
    start[atom] = found
    for i in range(x.shape[0]):
        for p in range(first[i], first[i + 1]):
            j, s = sender[p], image[p]
            dx = x[i, 0] - x[j, 0] - shifts[s, 0]
            dy = x[i, 1] - x[j, 1] - shifts[s, 1]
            dz = x[i, 2] - x[j, 2] - shifts[s, 2]
            r = np.sqrt(dx * dx + dy * dy + dz * dz)
            if not r < cutoff:  # nan too: it must not become a row of the table
                continue
            t = scale[1] * r / (r + scale[0])
            row = int(t)
            near[found, 0], near[found, 1] = j + atom, row
            what[found, 0], what[found, 1], what[found, 2], what[found, 3] = dx / r, dy / r, dz / r, r
            what[found, 4], what[found, 5] = t - row, scale[1] * scale[0] / (r + scale[0]) ** 2
            half = np.cos(0.5 * np.pi / cutoff * r)  # fc is its square
            what[found, 6] = half * half
            what[found, 7] = -np.pi / cutoff * half * np.sqrt(1.0 - half * half)
            found += 1
        start[atom + i + 1] = found
    return found
