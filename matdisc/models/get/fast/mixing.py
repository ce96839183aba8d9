"""What happens at an atom: matrix products, and vectors and scalars that meet between two of them.

BLAS adds up a row's products in an order that depends on how many rows there are. Here a row does not depend on the
others, so that boxes evaluated together have the answers they have alone to the last bit; for some hundred short rows
it is no slower.
"""

from __future__ import annotations

from typing import Any

from matdisc.models.get.fast.compiled import compiled
from matdisc.models.get.fast.lanes import load, store, zeros


@compiled
def products(x: Any, weight: Any, bias: Any, size: int, out: Any, C: Any) -> None:
    """Write x W + b, three rows at a time.

    Args:
        x: Flat (n, size).
        weight: Flat (size, n_out).
        bias: Shape (n_out,).
        out: Written, flat (n, n_out).
        C: `width` of the part of a row that is kept in registers; it divides n_out.
    """
    c, n_out, last = len(C), bias.shape[0], x.shape[0] // size - 1
    for i in range(0, last + 1, 3):
        j, k = min(i + 1, last), min(i + 2, last)
        for b in range(0, n_out, c):
            first = load(bias, b, C)
            second, third = first, first
            for d in range(size):
                w = load(weight, d * n_out + b, C)
                first = first + w * x[i * size + d]
                second = second + w * x[j * size + d]
                third = third + w * x[k * size + d]
            store(out, i * n_out + b, first)
            store(out, j * n_out + b, second)
            store(out, k * n_out + b, third)


@compiled
def meet(p: Any, o: Any, big: Any, blocks: int, x: Any, new: Any, s: Any, D: Any) -> None:
    """Write s = sum over axes of p1 p2, add s o2 + o3 to x and, with 3 blocks, V + p3 o1 to the new vectors.

    Args:
        p: U V, flat (n, 3, blocks, D): p1, p2 and, with 3 blocks, p3.
        o: Flat (n, blocks, D): o1 with 3 blocks, o2, o3.
        big: V, flat (n, 3, D).
        x, new: Added to, flat (n, D) and (n, 3, D).
        s: Written, flat (n, D).
    """
    d = len(D)
    for i in range(x.shape[0] // d):
        both = zeros(x, D)
        last = d * (blocks * i + blocks - 1)
        for axis in range(3):
            at = d * blocks * (3 * i + axis)
            both = both + load(p, at, D) * load(p, at + d, D)
            if blocks == 3:
                here = d * (3 * i + axis)
                added = load(big, here, D) + load(p, at + 2 * d, D) * load(o, 3 * d * i, D)
                store(new, here, load(new, here, D) + added)
        store(s, d * i, both)
        store(x, d * i, load(x, d * i, D) + both * load(o, last - d, D) + load(o, last, D))


@compiled
def meet_back(p: Any, o: Any, s: Any, g: Any, g_big: Any, blocks: int, g_p: Any, g_o: Any, D: Any) -> None:
    """Write the gradient by p and o, given that by x (`g`) and, with 3 blocks, by the new vectors (`g_big`)."""
    d = len(D)
    for i in range(g.shape[0] // d):
        by_x = load(g, d * i, D)
        last = d * (blocks * i + blocks - 1)
        by_s = by_x * load(o, last - d, D)
        first = zeros(g, D)
        for axis in range(3):
            at = d * blocks * (3 * i + axis)
            store(g_p, at, by_s * load(p, at + d, D))
            store(g_p, at + d, by_s * load(p, at, D))
            if blocks == 3:
                by_new = load(g_big, d * (3 * i + axis), D)
                store(g_p, at + 2 * d, by_new * load(o, 3 * d * i, D))
                first = first + by_new * load(p, at + 2 * d, D)
        if blocks == 3:
            store(g_o, 3 * d * i, first)
        store(g_o, last - d, by_x * load(s, d * i, D))
        store(g_o, last, by_x)
