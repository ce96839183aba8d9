"""Sums over pairs of atoms in float64: damped Coulomb with Ewald's real-space part, and dispersion, in one pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matdisc.models.get.fast.compiled import compiled
from matdisc.models.get.settings import COULOMB

Floats = NDArray[np.float64]
SPACING = {"float32": 0.005, "float64": 0.0005}
"""Of the nodes of the Coulomb curve, Å: forces are right to 1e-7 and 1e-10 eV/Å between unit charges."""
DAMPED_TO = 8.0
"""Where damping has surely ended, Å: without Ewald, the curve is ke/r from here on."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Coulomb energy of two unit charges, as a cubic between nodes at r = 0, h, 2 h, ...

    Attributes:
        nodes: Energy (eV) and slope times h at every node, flat (n_nodes, 2).
        per_length: 1/h, 1/Å.
        cutoff: Last distance of the curve, Å.
        tail: ke if the interaction goes on as ke/r beyond, 0 if it ends, eV Å.
    """

    nodes: Floats
    per_length: float
    cutoff: float
    tail: float


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


def coulomb_curve(radius: float, beta: float, g: float, cutoff: float, spacing: float) -> Curve:
    """Return the curve up to `cutoff` (Å); with g = 0 it is continued as ke/r."""
    cutoff = cutoff if g > 0 else DAMPED_TO
    r = np.arange(math.ceil(cutoff / spacing) + 2) * spacing
    r[0] = 1e-6 * spacing  # erf(g r)/r has a limit there, and atoms are never so close
    u, slope = coulomb(r, radius, beta, g)
    nodes = np.stack((u, slope * spacing), axis=1).reshape(-1)
    return Curve(nodes, 1 / spacing, cutoff, 0.0 if g > 0 else COULOMB)


@compiled
def pair_sums(
    x: Any, shifts: Any, start: Any, other: Any, image: Any, q: Any, nodes: Any, curve: Any, exact: bool,
    kind: Any, c6: Any, reach: Any, law: Any, potential: Any, forces: Any, virial: Any,
) -> Any:  # fmt: skip
    """Return the Coulomb and the dispersion energy of a half list, eV, and add their derivatives.

    Dispersion is -C6/(r^6 + a^6) (1 + a1/(1 + exp((r - R)/b))), switched off by a quintic between two distances.

    Args:
        x, shifts: Positions and shifts of images, Å.
        start, other, image: Pairs of atom i are start[i] to start[i + 1]; vectors are x[i] - x[other] - shifts[image].
        q: Charges, e, shape (n,).
        nodes, curve: Of the `Curve`: nodes, and (1/h, cutoff, tail).
        exact: Whether `nodes` holds two nodes for every pair, the first at the pair's own distance.
        kind: Row of each atom in the tables of dispersion, shape (n,).
        c6, reach: C6 (eV Å^6) and R (Å) of pairs of kinds, shape (n_kinds, n_kinds).
        law: a (Å), a1, b (Å), where the switch begins and ends (Å); 0 at the end for no dispersion.
        potential, forces, virial: Added to: dE/dq_i (eV/e), forces at fixed charges (eV/Å), virial (eV).
    """
    per_length, cutoff, tail = curve
    a, a1, b, inner, outer = law
    a6 = a**6
    charges, vapour = 0.0, 0.0
    wxx = wyy = wzz = wyz = wxz = wxy = 0.0
    for i in range(x.shape[0]):
        fx = fy = fz = own = 0.0
        for p in range(start[i], start[i + 1]):
            j, s = other[p], image[p]
            dx = x[i, 0] - x[j, 0] - shifts[s, 0]
            dy = x[i, 1] - x[j, 1] - shifts[s, 1]
            dz = x[i, 2] - x[j, 2] - shifts[s, 2]
            r2 = dx * dx + dy * dy + dz * dz
            r = math.sqrt(r2)
            along = 0.0
            if r < cutoff or tail > 0:
                if r < cutoff or exact:
                    t = 2.0 * p if exact else r * per_length
                    k = int(t)
                    f = t - k
                    h = f - 1
                    y0, s0, y1, s1 = nodes[2 * k], nodes[2 * k + 1], nodes[2 * k + 2], nodes[2 * k + 3]
                    u = y0 * ((1 + 2 * f) * h * h) + s0 * (f * h * h) + y1 * (f * f * (3 - 2 * f)) + s1 * (f * f * h)
                    du = (y1 - y0) * (-6 * f * h) + s0 * (h * (3 * f - 1)) + s1 * (f * (3 * f - 2))
                    du *= per_length
                else:
                    u = tail / r
                    du = -u / r
                charges += q[i] * q[j] * u
                own += q[j] * u
                potential[j] += q[i] * u
                along -= q[i] * q[j] * du
            if r < outer:
                gate = 1 / (1 + math.exp((r - reach[kind[i], kind[j]]) / b))
                inverse = 1 / (r2 * r2 * r2 + a6)
                core = -c6[kind[i], kind[j]] * inverse
                v = core * (1 + a1 * gate)
                dv = -6 * r2 * r2 * r * inverse * v - core * a1 * gate * (1 - gate) / b
                if r > inner:
                    t = (r - inner) / (outer - inner)
                    fade = 1 - t * t * t * (10 - 15 * t + 6 * t * t)
                    dv = dv * fade - v * 30 * t * t * (1 - t) * (1 - t) / (outer - inner)
                    v *= fade
                vapour += v
                along -= dv
            along /= r
            gx, gy, gz = along * dx, along * dy, along * dz
            fx, fy, fz = fx + gx, fy + gy, fz + gz
            forces[j, 0] -= gx
            forces[j, 1] -= gy
            forces[j, 2] -= gz
            wxx, wyy, wzz = wxx + gx * dx, wyy + gy * dy, wzz + gz * dz
            wyz, wxz, wxy = wyz + gy * dz, wxz + gx * dz, wxy + gx * dy
        potential[i] += own
        forces[i, 0] += fx
        forces[i, 1] += fy
        forces[i, 2] += fz
    virial[0, 0] += wxx
    virial[1, 1] += wyy
    virial[2, 2] += wzz
    virial[1, 2] += wyz
    virial[2, 1] += wyz
    virial[0, 2] += wxz
    virial[2, 0] += wxz
    virial[0, 1] += wxy
    virial[1, 0] += wxy
    return charges, vapour


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
