"""Sums over pairs of atoms in float64: damped Coulomb with Ewald's real-space part, and dispersion, in one pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matdisc.models.get.dispersion import A2, A4, BOHR, SWITCH
from matdisc.models.get.fast.compiled import compiled
from matdisc.models.get.settings import COULOMB

Floats = NDArray[np.float64]
COULOMB_SPACING = {"float32": 0.005, "float64": 0.0005}
"""Of the nodes of the Coulomb curve, Å: forces are right to 1e-7 and 1e-10 eV/Å between unit charges."""
DISPERSION_SPACING = {"float32": 0.02, "float64": 0.002}
"""Of the nodes of the dispersion curves, Å."""
DAMPED_TO = 8.0
"""Where damping has surely ended, Å: without Ewald, the curve is ke/r from here on."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Functions of the distance of a pair, as cubics between nodes at r = 0, h, 2 h, ...

    Attributes:
        nodes: Energy (eV) and slope times h at every node, flat (n_functions, n_nodes, 2).
        n_nodes: Nodes of a function.
        per_length: 1/h, 1/Å.
    """

    nodes: Floats
    n_nodes: int
    per_length: float

    @property
    def law(self) -> tuple[float, int]:
        """What a kernel needs besides the nodes: 1/h and the number of nodes."""
        return self.per_length, self.n_nodes


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
    """Return the dispersion energy of pairs and its slope, eV and eV/Å: see `matdisc.models.get.dispersion`.

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
    if g > 0:
        u = u - u[-3]
        u[-2:], slope[-2:] = 0, 0
    return Curve(np.stack((u, slope * spacing), axis=1).reshape(-1), len(r), 1 / spacing)


def dispersion_curves(c6: Floats, radius: Floats, a1: float, spacing: float) -> Curve:
    """Return the curves of all pairs of kinds; `c6` and `radius` have the shape (n_kinds, n_kinds)."""
    r = _grid(SWITCH[1], spacing)
    v, slope = dispersion(r, c6.reshape(-1, 1), radius.reshape(-1, 1), a1)
    return Curve(np.stack((v, slope * spacing), axis=2).reshape(-1), len(r), 1 / spacing)


def _grid(cutoff: float, spacing: float) -> Floats:
    """Return nodes up to the cutoff, and two more: kernels take a pair beyond for one at the last but one."""
    r: Floats = np.arange(math.ceil(cutoff / spacing) + 3) * spacing
    r[0] = 1e-6 * spacing  # erf(g r)/r has a limit there, and atoms are never so close
    return r


@compiled
def _cubic(nodes: Any, k: int, f: float) -> Any:
    """Return value and slope (per spacing) at the fraction f between the nodes k and k + 1."""
    g = f - 1
    y0, s0, y1, s1 = nodes[2 * k], nodes[2 * k + 1], nodes[2 * k + 2], nodes[2 * k + 3]
    value = y0 * ((1 + 2 * f) * g * g) + s0 * (f * g * g) + y1 * (f * f * (3 - 2 * f)) + s1 * (f * f * g)
    return value, (y1 - y0) * (-6 * f * g) + s0 * (g * (3 * f - 1)) + s1 * (f * (3 * f - 2))


@compiled
def pair_sums(
    x: Any, shifts: Any, start: Any, other: Any, image: Any, q: Any, nodes: Any, law: Any, tail: float, exact: bool,
    kind: Any, n_kinds: int, van: Any, van_law: Any, potential: Any, forces: Any, virial: Any,
) -> float:  # fmt: skip
    """Return the Coulomb and dispersion energy of a half list, eV, and add its derivatives.

    Args:
        x, shifts: Positions and shifts of images, Å.
        start, other, image: Pairs of atom i are start[i] to start[i + 1]; vectors are x[i] - x[other] - shifts[image].
        q: Charges, e, shape (n,).
        nodes, law: Of the Coulomb `Curve`, and its law.
        tail: ke if the interaction goes on as ke/r beyond the curve, else 0, eV Å.
        exact: Whether curves hold two nodes for every pair, the first at the pair's own distance.
        kind, n_kinds: Row of each atom in the curves of dispersion, shape (n,); 0 kinds for no dispersion.
        van, van_law: Curves of dispersion, one for each pair of kinds, and their law.
        potential, forces, virial: Added to: dE/dq_i (eV/e), forces at fixed charges (eV/Å), virial (eV).
    """
    energy = 0.0
    last, van_last = law[1] - 2.0, van_law[1] - 2.0
    wxx = wyy = wzz = wyz = wxz = wxy = 0.0
    for i in range(x.shape[0]):
        fx = fy = fz = own = 0.0
        xi, yi, zi, qi = x[i, 0], x[i, 1], x[i, 2], q[i]
        for p in range(start[i], start[i + 1]):
            j, s = other[p], image[p]
            dx, dy, dz = xi - x[j, 0] - shifts[s, 0], yi - x[j, 1] - shifts[s, 1], zi - x[j, 2] - shifts[s, 2]
            r = math.sqrt(dx * dx + dy * dy + dz * dz)
            t = 2.0 * p if exact else min(r * law[0], last)
            k = int(t)
            u, du = _cubic(nodes, k, t - k)
            du *= law[0]
            if tail > 0 and not exact and t == last:
                u = tail / r
                du = -u / r
            own += q[j] * u
            potential[j] += qi * u
            along = qi * q[j] * du
            if n_kinds > 0:
                t = 2.0 * p if exact else min(r * van_law[0], van_last)
                k = int(t)
                row = 0 if exact else (kind[i] * n_kinds + kind[j]) * van_law[1]
                v, dv = _cubic(van, row + k, t - k)
                energy += v
                along += dv * van_law[0]
            along = -along / r
            gx, gy, gz = along * dx, along * dy, along * dz
            fx, fy, fz = fx + gx, fy + gy, fz + gz
            forces[j, 0] -= gx
            forces[j, 1] -= gy
            forces[j, 2] -= gz
            wxx, wyy, wzz = wxx + gx * dx, wyy + gy * dy, wzz + gz * dz
            wyz, wxz, wxy = wyz + gy * dz, wxz + gx * dz, wxy + gx * dy
        energy += qi * own
        potential[i] += own
        forces[i, 0] += fx
        forces[i, 1] += fy
        forces[i, 2] += fz
    virial += np.array([[wxx, wxy, wxz], [wxy, wyy, wyz], [wxz, wyz, wzz]])
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
