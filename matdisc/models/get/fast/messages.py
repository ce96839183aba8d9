"""The network's messages and their gradient, one edge at a time, with the features of an edge in registers.

Rows of features are ordered (component, head) here, so that a number per head repeats along the row. Edges are
sorted by receiver. Nothing of size (edges, features) exists: e(r) is read from its table again in every pass.
"""

from __future__ import annotations

from typing import Any

from matdisc.models.get.fast.compiled import compiled
from matdisc.models.get.fast.lanes import folded, load, repeated, sigmoid, store, total, zeros


@compiled
def messages(
    start: Any, near: Any, what: Any, row: Any, table: Any, qkv: Any, vectors: bool, m: Any, big: Any, D: Any, H: Any
) -> None:
    """Write m_i = sum_j a_ij (v_j * e_ij) and, if `vectors`, M_i = sum_j u_ij (x) (v_j * e_ij).

    Args:
        start, near, what: Edges as `near_edges` writes them, `what` in the network's precision.
        row: Row of `qkv` that belongs to each atom, shape (n,).
        table: Cubics of e(r), flat (n_intervals, 4, D).
        qkv: q, k and v, flat (n_rows, 3, D).
        m, big: Written, flat (n, D) and (n, 3, D).
        D, H: `width` of a row of features and of the heads.
    """
    d = len(D)
    for i in range(start.shape[0] - 1):
        q = load(qkv, 3 * d * row[i], D)
        scalar = zeros(qkv, D)
        x, y, z = zeros(qkv, D), zeros(qkv, D), zeros(qkv, D)
        for p in range(start[i], start[i + 1]):
            sends = 3 * d * row[near[p, 0]]
            at = 4 * d * near[p, 1]
            f = what[p, 4]
            e = (load(table, at + 3 * d, D) * f + load(table, at + 2 * d, D)) * f + load(table, at + d, D)
            w = (e * f + load(table, at, D)) * load(qkv, sends + 2 * d, D)
            s = folded(q * load(qkv, sends + d, D), H)
            scalar = scalar + repeated(s * sigmoid(s) * what[p, 6], D) * w
            if vectors:
                x = x + w * what[p, 0]
                y = y + w * what[p, 1]
                z = z + w * what[p, 2]
        store(m, d * i, scalar)
        if vectors:
            store(big, 3 * d * i, x)
            store(big, 3 * d * i + d, y)
            store(big, 3 * d * i + 2 * d, z)


@compiled
def messages_back(
    start: Any, near: Any, what: Any, row: Any, table: Any, qkv: Any, vectors: bool, inputs: bool,
    g_m: Any, g_big: Any, g_qkv: Any, forces: Any, virial: Any, D: Any, H: Any,
) -> None:  # fmt: skip
    """Add minus the gradient by the edge vectors to forces and virial, and, if `inputs`, that by q, k and v to `g_qkv`.

    Args:
        g_m, g_big: Gradient by m and, if `vectors`, by M, shapes as in `messages`.
        g_qkv: Added to, shape as `qkv`.
        forces, virial: Added to, float64, shapes (n, 3) and (3, 3): f_ij = -dE/dd_ij acts on i, its opposite on j, and
            the virial is the sum of f_ij (x) d_ij.
    """
    d = len(D)
    for i in range(start.shape[0] - 1):
        own = 3 * d * row[i]
        q, gm = load(qkv, own, D), load(g_m, d * i, D)
        gx, gy, gz, g_q = zeros(qkv, D), zeros(qkv, D), zeros(qkv, D), zeros(qkv, D)
        if vectors:
            gx, gy, gz = load(g_big, 3 * d * i, D), load(g_big, 3 * d * i + d, D), load(g_big, 3 * d * i + 2 * d, D)
        for p in range(start[i], start[i + 1]):
            j = near[p, 0]
            sends = 3 * d * row[j]
            at = 4 * d * near[p, 1]
            f = what[p, 4]
            c1, c2, c3 = load(table, at + d, D), load(table, at + 2 * d, D), load(table, at + 3 * d, D)
            e = ((c3 * f + c2) * f + c1) * f + load(table, at, D)
            slope = (c3 * (3 * f) + c2 * 2.0) * f + c1
            k, v = load(qkv, sends + d, D), load(qkv, sends + 2 * d, D)
            w = v * e
            s = folded(q * k, H)
            sig = sigmoid(s)
            act = s * sig
            g_a = folded(gm * w, H)
            g_w = gm * repeated(act * what[p, 6], D)
            ux, uy, uz = what[p, 0], what[p, 1], what[p, 2]
            tx, ty, tz = ux * 0, uy * 0, uz * 0
            if vectors:
                g_w = g_w + gx * ux + gy * uy + gz * uz
                tx, ty, tz = total(gx * w), total(gy * w), total(gz * w)
            if inputs:
                g_s = repeated(g_a * (sig + act - act * sig) * what[p, 6], D)
                g_q = g_q + g_s * k
                store(g_qkv, sends + d, load(g_qkv, sends + d, D) + g_s * q)
                store(g_qkv, sends + 2 * d, load(g_qkv, sends + 2 * d, D) + g_w * e)
            g_r = total(g_w * v * slope) * what[p, 5] + total(g_a * act) * what[p, 7]
            r = what[p, 3]
            along = g_r - (tx * ux + ty * uy + tz * uz) / r
            fx, fy, fz = -(along * ux + tx / r), -(along * uy + ty / r), -(along * uz + tz / r)
            for c, force in ((0, fx), (1, fy), (2, fz)):
                forces[i, c] += force
                forces[j, c] -= force
                virial[c, 0] += force * ux * r
                virial[c, 1] += force * uy * r
                virial[c, 2] += force * uz * r
        if inputs:
            store(g_qkv, own, load(g_qkv, own, D) + g_q)
