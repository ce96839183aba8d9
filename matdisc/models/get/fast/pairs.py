"""Sums over pairs of atoms in float64: damped Coulomb with Ewald's real-space part, and dispersion, in one pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.models.get.fast.compiled import compiled
from matdisc.models.get.fast.lanes import load, store, total, turned, zeros
from matdisc.models.get.reference.dispersion import A2, A4, SWITCH
from matdisc.units import BOHR, COULOMB

COULOMB_SPACING = {"float32": 0.005, "float64": 0.0005}
"""Of the intervals of the Coulomb curve, Å: forces are right to 1e-7 and 1e-10 eV/Å between unit charges."""
DISPERSION_SPACING = {"float32": 0.04, "float64": 0.002}
"""Of the intervals of the dispersion curves, Å."""
DAMPED_TO = 8.0
"""Where damping has surely ended, Å: without Ewald, the curve is ke/r from here on."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Functions of the distance of a pair: interval k holds c0 + c1 f + c2 f^2 + c3 f^3 at r = (k + f) h.

    Attributes:
        rows: Flat (n_functions, n_intervals, 4), eV; the last interval is for everything beyond the end.
        n_intervals: Intervals of a function.
        per_length: 1/h, 1/Å.
    """

    rows: Floats
    n_intervals: int
    per_length: float

    @property
    def law(self) -> tuple[float, int]:
        """What a kernel needs besides the rows: 1/h and the number of intervals."""
        return self.per_length, self.n_intervals


def coulomb(r: Floats, radius: float, beta: float, g: float) -> tuple[Floats, Floats]:
    """Return the energy of two unit charges and its slope, eV and eV/Å, at distances r (Å).

    u(r) = ke/(r0 (1 + S)) - ke erf(g r)/r, S the softplus of (r - r0)/r0, and g = 0 without Ewald.

    Args:
        r: Above 0.
        radius: r0, Å.
        beta: Sharpness of the softplus.
        g: Ewald's width, 1/Å.
    """
    from scipy.special import erf

    t = beta * (r - radius) / radius
    small = np.exp(-np.abs(t))
    length = radius + np.maximum(r - radius, 0.0) + radius / beta * np.log1p(small)
    gate = np.where(t > 0, 1 / (1 + small), small / (1 + small))
    u = COULOMB / length
    slope = -u * gate / length
    if g > 0:
        long = COULOMB * erf(g * r) / r
        u = u - long
        slope = slope + long / r - COULOMB * 2 * g / math.sqrt(math.pi) * np.exp(-((g * r) ** 2)) / r
    return u, slope


def dispersion(r: Floats, c6: Floats, radius: Floats, a1: float) -> tuple[Floats, Floats]:
    """Return the dispersion energy of pairs and its slope, eV and eV/Å: see `matdisc.models.get.reference.dispersion`.

    Args:
        r: Å; `c6` (eV Å^6) and `radius` (R0, Å) of the pair have its shape, or shapes that broadcast.
        a1: Parameter of the functional.
    """
    gate = 1 / (1 + np.exp((r - A2 * radius) / BOHR))
    core = -c6 / (r**6 + A4**6)
    v = core * (1 + a1 * gate)
    slope = -6 * r**5 / (r**6 + A4**6) * v - core * a1 * gate * (1 - gate) / BOHR
    t = np.clip((r - SWITCH[0]) / (SWITCH[1] - SWITCH[0]), 0, 1)
    fade = 1 - t**3 * (10 - 15 * t + 6 * t * t)
    return v * fade, slope * fade - v * 30 * (t * (1 - t)) ** 2 / (SWITCH[1] - SWITCH[0])


def coulomb_curve(radius: float, beta: float, g: float, cutoff: float, spacing: float) -> Curve:
    """Return the curve up to `cutoff` (Å), or without Ewald (g = 0) to where damping ends and ke/r takes over.

    What Ewald's real-space sum would leave at the cutoff (of the size of its accuracy) is taken off the whole curve:
    the energy has no step there.
    """
    r = _grid(cutoff if g > 0 else DAMPED_TO, spacing)
    u, slope = coulomb(r, radius, beta, g)
    return _curve((u - u[-1] if g > 0 else u)[None], slope[None], spacing)


def dispersion_curves(c6: Floats, radius: Floats, a1: float, spacing: float) -> Curve:
    """Return the curves of all pairs of kinds; `c6` and `radius` have the shape (n_kinds, n_kinds)."""
    r = _grid(SWITCH[1], spacing)
    return _curve(*dispersion(r, c6.reshape(-1, 1), radius.reshape(-1, 1), a1), spacing)


def _grid(cutoff: float, spacing: float) -> Floats:
    r = np.arange(math.ceil(cutoff / spacing) + 1, dtype=np.float64) * spacing
    r[0] = 1e-6 * spacing  # erf(g r)/r has a limit there, and atoms are never so close
    return r


def _curve(value: Floats, slope: Floats, spacing: float) -> Curve:
    y0, y1, s0, s1 = value[:, :-1], value[:, 1:], slope[:, :-1] * spacing, slope[:, 1:] * spacing
    rows = np.zeros((len(value), value.shape[1], 4))
    rows[:, :-1] = np.stack((y0, s0, 3 * (y1 - y0) - 2 * s0 - s1, 2 * (y0 - y1) + s0 + s1), axis=2)
    return Curve(rows.reshape(-1), rows.shape[1], 1 / spacing)


@compiled
def pair_sums(
    x: Any, shifts: Any, start: Any, other: Any, image: Any, q: Any, rows: Any, law: Any, tail: float, exact: bool,
    kind: Any, n_kinds: int, van: Any, van_law: Any, potential: Any, forces: Any, virial: Any, four: Any,
) -> float:  # fmt: skip
    """Return the Coulomb and dispersion energy of a half list, eV, and add its derivatives.

    Args:
        x, shifts: Positions and shifts of images, Å, flat (n, 4) and (n_images, 4), the fourth number 0.
        start, other, image: Pairs of atom i are start[i] to start[i + 1]; vectors are x[i] - x[other] - shifts[image].
        q: Charges, e, shape (n,).
        rows, law: Of the Coulomb `Curve`, and its law.
        tail: ke if the interaction goes on as ke/r beyond the curve, else 0, eV Å.
        exact: Whether curves hold one interval for every pair, beginning at the pair's own distance.
        kind, n_kinds: Row of each atom in the curves of dispersion, shape (n,); 0 kinds for no dispersion.
        van, van_law: Curves of dispersion, one for each pair of kinds, and their law.
        potential, forces: Added to: dE/dq_i (eV/e), shape (n,); forces at fixed charges (eV/Å), flat (n, 4).
        virial: Written: xx, yy, zz, 0, xy, yz, zx, 0 (eV).
        four: `width` 4.
    """
    energy = 0.0
    end, van_end = law[1] - 1.0, van_law[1] - 1.0
    same, mixed = zeros(x, four), zeros(x, four)
    for i in range(q.shape[0]):
        own, on_i, at, qi = 0.0, zeros(x, four), load(x, 4 * i, four), q[i]
        for p in range(start[i], start[i + 1]):
            j = np.uint32(other[p])  # unsigned: no test whether an index counts from the end
            d = at - load(x, 4 * j, four) - load(shifts, 4 * np.uint32(image[p]), four)
            r = math.sqrt(total(d * d))
            t = float(p) if exact else min(r * law[0], end)
            k = np.uint32(t)
            f = t - k
            c1, c2, c3 = rows[4 * k + 1], rows[4 * k + 2], rows[4 * k + 3]
            u = ((c3 * f + c2) * f + c1) * f + rows[4 * k]
            du = ((3 * c3 * f + 2 * c2) * f + c1) * law[0]
            if tail > 0 and not exact and t == end:
                u = tail / r
                du = -u / r
            own += q[j] * u
            potential[j] += qi * u
            along = qi * q[j] * du
            if n_kinds > 0:
                t = float(p) if exact else min(r * van_law[0], van_end)
                k = np.uint32(t)
                f = t - k
                if not exact:
                    k = np.uint32(k + (kind[i] * n_kinds + kind[j]) * van_law[1])
                c1, c2, c3 = van[4 * k + 1], van[4 * k + 2], van[4 * k + 3]
                energy += ((c3 * f + c2) * f + c1) * f + van[4 * k]
                along += ((3 * c3 * f + 2 * c2) * f + c1) * van_law[0]
            g = d * (-along / r)
            on_i = on_i + g
            store(forces, 4 * j, load(forces, 4 * j, four) - g)
            same = same + g * d
            mixed = mixed + g * turned(d)
        energy += qi * own
        potential[i] += own
        store(forces, 4 * i, load(forces, 4 * i, four) + on_i)
    store(virial, 0, same)
    store(virial, 4, mixed)
    return energy


def self_energy(q: Floats, g: float, volume: float, potential: Floats, virial: Floats) -> float:
    """Return Ewald's self term and that of a charged cell's background, eV, and add dE/dq to `potential`.

    The background's energy depends on the volume, so it adds to the virial as well.
    """
    own = COULOMB * g / math.sqrt(math.pi)
    background = math.pi * COULOMB / (2 * volume * g * g)
    total = q.sum()
    potential -= 2 * own * q + 2 * background * total
    virial -= background * total * total * np.eye(3)
    return float(-own * (q @ q) - background * total**2)
