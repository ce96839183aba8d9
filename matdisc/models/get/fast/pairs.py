"""Compiled sums over pairs of atoms: damped Coulomb with Ewald's real-space part, and dispersion; all in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from matdisc.models.get.fast.compiled import compiled

DISPERSION_CUTOFF = 10.0
"""Å."""


@compiled
def coulomb(x: Any, shifts: Any, pairs: Any, q: Any, constants: Any, potential: Any, forces: Any, virial: Any) -> float:
    """Return the sum over pairs closer than the cutoff of q_i q_j u(r), eV, and add its derivatives.

    u(r) = ke/(r0 (1 + S)) - ke erf(g r)/r, with S the softplus of (r - r0)/r0 and g = 0 without Ewald.

    Args:
        pairs: i, j and image, shape (n_pairs, 3).
        constants: ke (eV Å/e^2), r0 (Å), beta, g (1/Å), cutoff (Å).
        potential, forces, virial: Added to: dE/dq_i, shape (n,), eV/e; forces at fixed charges; virial.
    """
    ke, r0, beta, g, cutoff = constants
    energy = 0.0
    far = r0 * (1 + 40 / beta)  # the damping is below 1e-17 beyond
    for p in range(pairs.shape[0]):
        i, j, s = pairs[p, 0], pairs[p, 1], pairs[p, 2]
        dx = x[i, 0] - x[j, 0] - shifts[s, 0]
        dy = x[i, 1] - x[j, 1] - shifts[s, 1]
        dz = x[i, 2] - x[j, 2] - shifts[s, 2]
        r2 = dx * dx + dy * dy + dz * dz
        if r2 >= cutoff * cutoff:
            continue
        r = math.sqrt(r2)
        length, gate = r, 1.0
        if r < far:
            t = beta * (r - r0) / r0
            e = math.exp(-abs(t))
            gate = 1 / (1 + e) if t > 0 else e / (1 + e)
            length = r0 + max(r - r0, 0.0) + r0 / beta * math.log1p(e)
        u = ke / length
        du = -u * gate / length
        if g > 0:
            long = ke * math.erf(g * r) / r
            u -= long
            du += long / r - ke * 2 * g / math.sqrt(math.pi) * math.exp(-g * g * r2) / r
        energy += q[i] * q[j] * u
        potential[i] += q[j] * u
        potential[j] += q[i] * u
        f = -q[i] * q[j] * du / r
        for c, a in ((0, dx), (1, dy), (2, dz)):
            forces[i, c] += f * a
            forces[j, c] -= f * a
            virial[c, 0] += f * a * dx
            virial[c, 1] += f * a * dy
            virial[c, 2] += f * a * dz
    return energy


def self_energy(q: Any, ke: float, g: float, volume: float, potential: Any, virial: Any) -> float:
    """Return Ewald's self term and that of a charged cell's background, eV, and add dE/dq to `potential`.

    The background's energy depends on the volume, so it adds to the virial as well.
    """
    own = ke * g / np.sqrt(np.pi)
    background = np.pi * ke / (2 * volume * g * g)
    total = q.sum()
    potential -= 2 * own * q + 2 * background * total
    virial -= background * total * total * np.eye(3)
    return float(-own * (q @ q) - background * total**2)


@compiled
def dispersion(
    x: Any, shifts: Any, pairs: Any, kind: Any, c6: Any, radius: Any, constants: Any, forces: Any, virial: Any
) -> float:
    """Return the D3-CSO energy of all pairs closer than the cutoff, eV, and add its forces and virial.

    E = -C6/(r^6 + a^6) (s1 + s2/(1 + exp(r - 2.5 R0))), faded to zero between `inner` and `cutoff` by a quintic.

    Args:
        kind: Row of each atom in the tables, shape (n,).
        c6, radius: C6 (eV Å^6) and R0 (Å) of each pair of kinds, both shape (n_kinds, n_kinds).
        constants: a (Å), s1, s2, inner, cutoff (Å).
    """
    a, s1, s2, inner, cutoff = constants
    a6 = a**6
    energy = 0.0
    for p in range(pairs.shape[0]):
        i, j, s = pairs[p, 0], pairs[p, 1], pairs[p, 2]
        dx = x[i, 0] - x[j, 0] - shifts[s, 0]
        dy = x[i, 1] - x[j, 1] - shifts[s, 1]
        dz = x[i, 2] - x[j, 2] - shifts[s, 2]
        r2 = dx * dx + dy * dy + dz * dz
        if r2 >= cutoff * cutoff:
            continue
        r = math.sqrt(r2)
        e = math.exp(r - 2.5 * radius[kind[i], kind[j]])
        gate = 1 / (1 + e)
        r6 = r2 * r2 * r2
        core = -c6[kind[i], kind[j]] / (r6 + a6)
        u = core * (s1 + s2 * gate)
        du = -6 * r2 * r2 * r / (r6 + a6) * u - core * s2 * gate * (1 - gate)
        if r > inner:
            t = (r - inner) / (cutoff - inner)
            fade = 1 - t * t * t * (10 - 15 * t + 6 * t * t)
            du = du * fade - u * 30 * t * t * (1 - t) * (1 - t) / (cutoff - inner)
            u *= fade
        energy += u
        f = -du / r
        for c, d in ((0, dx), (1, dy), (2, dz)):
            forces[i, c] += f * d
            forces[j, c] -= f * d
            virial[c, 0] += f * d * dx
            virial[c, 1] += f * d * dy
            virial[c, 2] += f * d * dz
    return energy
