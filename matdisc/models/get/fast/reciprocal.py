"""Ewald's sum over reciprocal vectors, with phases by recurrence; float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from matdisc.models.get.fast.compiled import compiled

BLOCK = 256
"""Atoms at a time: their phases stay in the cache."""


@compiled
def phases(x: Any, vectors: Any, counts: Any, real: Any, imaginary: Any) -> None:
    """Write exp(i n b_a . x) for n = 0 .. counts[a] along each reciprocal axis, shapes (3, max + 1, n)."""
    for a in range(3):
        for k in range(x.shape[0]):
            angle = vectors[a, 0] * x[k, 0] + vectors[a, 1] * x[k, 1] + vectors[a, 2] * x[k, 2]
            c, s = np.cos(angle), np.sin(angle)
            real[a, 0, k], imaginary[a, 0, k] = 1.0, 0.0
            for n in range(counts[a]):
                real[a, n + 1, k] = real[a, n, k] * c - imaginary[a, n, k] * s
                imaginary[a, n + 1, k] = real[a, n, k] * s + imaginary[a, n, k] * c


@compiled
def reciprocal_vectors(
    axes: Any, counts: Any, limit: float, g: float, scale: float, rows: Any, first: Any, last: Any,
    coefficients: Any, k: Any,
) -> int:  # fmt: skip
    """Write the reciprocal vectors of one half space shorter than `limit`, in columns; return how many columns.

    Args:
        axes, counts: Reciprocal axes with 2 pi, 1/Å, and the highest number along each.
        limit, g: 1/Å.
        scale: 4 pi ke/V, eV/(Å^2 e^2).
        rows, first, last, coefficients, k: Written; the last two are zeros where nothing is summed: see `Columns`.
    """
    found, middle = 0, counts[2]
    for a in range(counts[0] + 1):
        for b in range(-counts[1], counts[1] + 1):
            begin, end = middle + 1, -middle - 1
            for c in range(-middle if a > 0 or b > 0 else 1, middle + 1):
                if a == 0 and b < 0:
                    continue
                square = 0.0
                for d in range(3):
                    along = a * axes[0, d] + b * axes[1, d] + c * axes[2, d]
                    k[found, c + middle, d] = along
                    square += along * along
                inside = square < limit * limit
                coefficients[found, c + middle] = scale * np.exp(-square / (4 * g * g)) / square if inside else 0.0
                if inside:
                    begin, end = min(begin, c), max(end, c)
            if begin <= end:
                rows[found, 0], rows[found, 1], first[found], last[found] = a, b, begin, end
                found += 1
            else:
                coefficients[found, :] = 0.0
    return found


@compiled
def reciprocal_energy(
    first: Any, last: Any, coefficients: Any, k: Any, g: float, s: Any, weighted: Any, virial: Any
) -> float:
    """Return the energy of structure factors `s`, eV, and write its slope by them and add the virial, eV.

    Args:
        s, weighted: As `out` of `structure_factors` and `weighted` of `field`.
    """
    energy, middle = 0.0, s.shape[1] // 2
    for column in range(first.shape[0]):
        for h in range(first[column] + middle, last[column] + middle + 1):
            c, re, im = coefficients[column, h], s[column, h, 0], s[column, h, 1]
            weighted[column, h, 0], weighted[column, h, 1] = 2 * c * re, 2 * c * im
            if c == 0.0:
                continue
            each = c * (re * re + im * im)
            x, y, z = k[column, h, 0], k[column, h, 1], k[column, h, 2]
            weight = each * (2 / (x * x + y * y + z * z) + 1 / (2 * g * g))
            energy += each
            virial[0, 0] += each - weight * x * x
            virial[1, 1] += each - weight * y * y
            virial[2, 2] += each - weight * z * z
            virial[0, 1] -= weight * x * y
            virial[0, 2] -= weight * x * z
            virial[1, 2] -= weight * y * z
    virial[1, 0], virial[2, 0], virial[2, 1] = virial[0, 1], virial[0, 2], virial[1, 2]
    return energy


@compiled
def structure_factors(rows: Any, first: Any, last: Any, q: Any, real: Any, imaginary: Any, out: Any) -> None:
    """Write sum_i q_i exp(i k . x_i) for columns of reciprocal vectors.

    Args:
        rows: Whole numbers along the first two axes, shape (n_columns, 2).
        first, last: A column holds the third number from `first` to `last`, both shape (n_columns,).
        out: Zeros, added to, shape (n_columns, 2 max + 1, 2): real and imaginary part at third number + max.
    """
    n, middle = q.shape[0], out.shape[1] // 2
    a, b = np.empty(BLOCK), np.empty(BLOCK)
    for begin in range(0, n, BLOCK):
        size = min(BLOCK, n - begin)
        for column in range(rows.shape[0]):
            _column(rows[column, 0], rows[column, 1], begin, size, real, imaginary, a, b)
            for k in range(size):
                a[k] *= q[begin + k]
                b[k] *= q[begin + k]
            for h in range(first[column], last[column] + 1):
                sign = 1.0 if h >= 0 else -1.0
                c, s = real[2, abs(h), begin : begin + size], imaginary[2, abs(h), begin : begin + size]
                re, im = 0.0, 0.0
                for k in range(size):
                    re += a[k] * c[k] - sign * b[k] * s[k]
                    im += sign * a[k] * s[k] + b[k] * c[k]
                out[column, h + middle, 0] += re
                out[column, h + middle, 1] += im


@compiled
def _column(first: int, second: int, begin: int, size: int, real: Any, imaginary: Any, a: Any, b: Any) -> None:
    """Write exp(i (first b_0 + second b_1) . x) of a block of atoms."""
    sf, ss = (1.0 if first >= 0 else -1.0), (1.0 if second >= 0 else -1.0)
    for k in range(size):
        c, s = real[0, abs(first), begin + k], sf * imaginary[0, abs(first), begin + k]
        d, t = real[1, abs(second), begin + k], ss * imaginary[1, abs(second), begin + k]
        a[k] = c * d - s * t
        b[k] = c * t + s * d


@compiled
def field(
    rows: Any, first: Any, last: Any, vectors: Any, weighted: Any, q: Any, real: Any, imaginary: Any,
    potential: Any, forces: Any,
) -> None:  # fmt: skip
    """Add each atom's potential dE/dq_i and force, given dE/d(structure factor) of every vector.

    E depends on S(k) = sum q exp(i k.x): with `weighted` = (dE/dRe S, dE/dIm S), dE/dq_i = Re(conj(w) exp(i k.x_i)).

    Args:
        vectors: Reciprocal axes with 2 pi, 1/Å, shape (3, 3).
        weighted: Shape as `out` of `structure_factors`.
    """
    n, middle = q.shape[0], weighted.shape[1] // 2
    a, b = np.empty(BLOCK), np.empty(BLOCK)
    p, r = np.empty(BLOCK), np.empty(BLOCK)  # sum over the column of w* exp(i h z), real and imaginary part
    t = np.empty(BLOCK)  # the same with a factor h, imaginary part after the phase of the column
    u, v = np.empty(BLOCK), np.empty(BLOCK)
    for begin in range(0, n, BLOCK):
        size = min(BLOCK, n - begin)
        for column in range(rows.shape[0]):
            for k in range(size):
                p[k] = r[k] = u[k] = v[k] = 0.0
            for h in range(first[column], last[column] + 1):
                sign = 1.0 if h >= 0 else -1.0
                c, s = real[2, abs(h), begin : begin + size], imaginary[2, abs(h), begin : begin + size]
                w, z = weighted[column, h + middle, 0], -weighted[column, h + middle, 1]
                for k in range(size):
                    re, im = w * c[k] - z * sign * s[k], w * sign * s[k] + z * c[k]
                    p[k] += re
                    r[k] += im
                    u[k] += h * re
                    v[k] += h * im
            x, y = float(rows[column, 0]), float(rows[column, 1])
            _column(rows[column, 0], rows[column, 1], begin, size, real, imaginary, a, b)
            for k in range(size):
                potential[begin + k] += a[k] * p[k] - b[k] * r[k]
                t[k] = a[k] * v[k] + b[k] * u[k]
                r[k] = a[k] * r[k] + b[k] * p[k]
            for d in range(3):
                along, third = x * vectors[0, d] + y * vectors[1, d], vectors[2, d]
                for k in range(size):
                    forces[begin + k, d] += q[begin + k] * (along * r[k] + third * t[k])
