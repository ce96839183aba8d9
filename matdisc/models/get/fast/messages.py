"""The network's messages and their gradient, one edge at a time, with the features of an edge in registers.

Rows of features are ordered (component, head) here, so that a number per head repeats along the row. Edges are
sorted by receiver. Nothing of size (edges, features) exists: e(r) is read from its table again in every pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from matdisc.models.get.fast.compiled import compiled
from matdisc.models.get.fast.lanes import folded, load, repeated, sigmoid, store, sums, zeros


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
    g_m: Any, g_big: Any, g_qkv: Any, g_edge: Any, D: Any, H: Any, four: Any,
) -> None:  # fmt: skip
    """Add the gradient by every edge's direction and length and, if `inputs`, that by q, k and v.

    Args:
        g_m, g_big: Gradient by m and, if `vectors`, by M, shapes as in `messages`.
        g_qkv: Added to, shape as `qkv`.
        g_edge: Added to, flat (n_edges, 4): gradient by the three components of u, and by r.
    """
    d = len(D)
    none = zeros(qkv, H)
    for i in range(start.shape[0] - 1):
        own = 3 * d * row[i]
        q, gm = load(qkv, own, D), load(g_m, d * i, D)
        gx, gy, gz, g_q = zeros(qkv, D), zeros(qkv, D), zeros(qkv, D), zeros(qkv, D)
        if vectors:
            gx, gy, gz = load(g_big, 3 * d * i, D), load(g_big, 3 * d * i + d, D), load(g_big, 3 * d * i + 2 * d, D)
        for p in range(start[i], start[i + 1]):
            sends = 3 * d * row[near[p, 0]]
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
            by_x, by_y, by_z = none, none, none
            if vectors:
                g_w = g_w + gx * ux + gy * uy + gz * uz
                by_x, by_y, by_z = folded(gx * w, H), folded(gy * w, H), folded(gz * w, H)
            if inputs:
                g_s = repeated(g_a * (sig + act - act * sig) * what[p, 6], D)
                g_q = g_q + g_s * k
                store(g_qkv, sends + d, load(g_qkv, sends + d, D) + g_s * q)
                store(g_qkv, sends + 2 * d, load(g_qkv, sends + 2 * d, D) + g_w * e)
            by_r = folded(g_w * v * slope, H) * what[p, 5] + g_a * act * what[p, 7]
            store(g_edge, 4 * p, load(g_edge, 4 * p, four) + sums(by_x, by_y, by_z, by_r))
        if inputs:
            store(g_qkv, own, load(g_qkv, own, D) + g_q)


@compiled
def edge_forces(start: Any, near: Any, what: Any, g_edge: Any, ends: Any, forces: Any, virials: Any) -> None:
    """Add forces and virials, float64, shapes (n, 3) and (n_boxes, 3, 3), of the gradient by directions and lengths.

    The atoms of box b end before `ends[b]`.

    f_ij = -dE/dd_ij acts on i, its opposite on j, and the virial is the sum of f_ij (x) d_ij over directed edges.
    """
    first = 0
    for b in range(ends.shape[0]):
        wxx = wyy = wzz = wyz = wxz = wxy = 0.0
        for i in range(first, ends[b]):
            fx = fy = fz = 0.0
            for p in range(start[i], start[i + 1]):
                j = near[p, 0]
                ux, uy, uz, r = float(what[p, 0]), float(what[p, 1]), float(what[p, 2]), float(what[p, 3])
                tx, ty, tz = g_edge[4 * p] / r, g_edge[4 * p + 1] / r, g_edge[4 * p + 2] / r
                along = g_edge[4 * p + 3] - (tx * ux + ty * uy + tz * uz)
                gx, gy, gz = tx + along * ux, ty + along * uy, tz + along * uz
                fx, fy, fz = fx - gx, fy - gy, fz - gz
                forces[j, 0] += gx
                forces[j, 1] += gy
                forces[j, 2] += gz
                wxx, wyy, wzz = wxx - gx * ux * r, wyy - gy * uy * r, wzz - gz * uz * r
                wyz, wxz, wxy = wyz - gy * uz * r, wxz - gx * uz * r, wxy - gx * uy * r
            forces[i, 0] += fx
            forces[i, 1] += fy
            forces[i, 2] += fz
        virials[b] += np.array([[wxx, wxy, wxz], [wxy, wyy, wyz], [wxz, wyz, wzz]])
        first = ends[b]
