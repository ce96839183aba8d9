"""The convolution of equivariant networks, compiled: products of features and harmonics, summed over neighbours.

e3nn writes the product of every edge as an array of thousands of numbers and sums it afterwards; on a CPU most of a
step of SevenNet or MACE is the traffic of such arrays. Here a product goes straight into the sum of its atom, and the
gradient forms it again. Rows of features are ordered (component, channel), so that channels fill vector registers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import gcd
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from matdisc.arrays import Ints
from matdisc.models.get.fast.compiled import compiled
from matdisc.models.get.fast.lanes import load, store, total, width, zeros

LANES = 32
"""Most channels that are worked on at a time."""


@dataclass(frozen=True)
class Convolution:
    """What a tensor product of e3nn computes, as tables for the compiled loops.

    Attributes:
        paths: A row a path: where it begins in features, coefficients, weights and sums; channels; components of a
            feature and of a sum; and 1 or -1, what a path takes on if the edge is turned round, shape (n_paths, 8).
        coefficients: From harmonics to the matrices of all paths, shape (n_harmonics, n_coefficients).
        inwards, outwards: Order of features and sums by component and channel, as places in e3nn's order.
        lanes: Length is the number of channels that are worked on at a time.
    """

    paths: Ints
    coefficients: torch.Tensor
    inwards: Ints
    outwards: Ints
    lanes: tuple[bool, ...]
    inwards_back: Ints = field(init=False)
    outwards_back: Ints = field(init=False)

    def __post_init__(self) -> None:
        """Invert both orders."""
        object.__setattr__(self, "inwards_back", np.argsort(self.inwards))
        object.__setattr__(self, "outwards_back", np.argsort(self.outwards))

    def __call__(
        self, features: torch.Tensor, harmonics: torch.Tensor, weights: torch.Tensor,
        receivers: torch.Tensor, senders: torch.Tensor, *, both_ways: bool,
    ) -> torch.Tensor:  # fmt: skip
        """Return the sums over the neighbours of each atom, shape (n_atoms, n_sums), on the CPU, in e3nn's order.

        Args:
            features: Of each atom, shape (n_atoms, n_features).
            harmonics: Of each edge, shape (n_edges, n_harmonics).
            weights: Of each edge, shape (n_edges, n_weights).
            receivers, senders: The atoms of each edge, shape (n_edges,).
            both_ways: Whether an edge also stands for the one from its receiver to its sender.
        """
        matrices = harmonics @ self.coefficients.to(harmonics.dtype)
        ends = receivers.numpy(), senders.numpy()
        sums: torch.Tensor = _Sum.apply(features, matrices, weights, self, ends, both_ways)
        return sums


def convolution_of(product: Any) -> Convolution | None:
    """Return the tables of an `e3nn.o3.TensorProduct`, or None if it multiplies in another way than channel by channel.

    Each channel of the first factor is multiplied with the one of the second, by a weight of its own.
    """
    from e3nn.o3 import wigner_3j

    first, second, out = product.irreps_in1, product.irreps_in2, product.irreps_out
    if any(mul != 1 for mul, _ in second) or len({one.i_out for one in product.instructions}) < len(
        product.instructions
    ):
        return None
    starts = [[part.start for part in irreps.slices()] for irreps in (first, second, out)]
    rows, matrices, n_coefficients, n_weights = [], [], 0, 0
    for one in product.instructions:
        if one.connection_mode != "uvu" or not one.has_weight:
            return None
        (channels, left), (_, middle), (_, right) = first[one.i_in1], second[one.i_in2], out[one.i_out]
        matrix = np.zeros((second.dim, left.dim * right.dim))
        own = slice(starts[1][one.i_in2], starts[1][one.i_in2] + middle.dim)
        coupling = wigner_3j(left.l, middle.l, right.l, dtype=torch.float64).numpy()
        matrix[own] = one.path_weight * coupling.transpose(1, 0, 2).reshape(middle.dim, -1)
        matrices.append(matrix)
        begins = starts[0][one.i_in1], n_coefficients, n_weights, starts[2][one.i_out]
        rows.append((*begins, channels, left.dim, right.dim, (-1) ** middle.l))
        n_coefficients, n_weights = n_coefficients + left.dim * right.dim, n_weights + channels
    return Convolution(
        paths=np.array(rows),
        coefficients=torch.from_numpy(np.concatenate(matrices, axis=1)),
        inwards=_by_component(first),
        outwards=_by_component(out),
        lanes=width(gcd(LANES, *(row[4] for row in rows))),
    )


def _by_component(irreps: Any) -> Ints:
    parts = zip(irreps, irreps.slices(), strict=True)
    order = [np.arange(one.start, one.stop).reshape(mul, ir.dim).T.ravel() for (mul, ir), one in parts]
    return np.concatenate(order)


class Radial(torch.nn.Module):
    """An `e3nn.nn.FullyConnectedNet` that divides its weights by their norms once and not in each call."""

    def __init__(self, net: Any) -> None:
        """Take over the weights of a network that is not to be trained."""
        super().__init__()
        self.layers = []
        for layer in net:
            scale = (layer.h_in * layer.var_in) ** 0.5
            after = layer.var_out**0.5
            inner = scale if layer.act is not None else scale / after
            self.layers.append((layer.weight.detach() / inner, layer.act, after))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the network's output."""
        for weight, act, after in self.layers:
            x = x @ weight
            if act is not None:
                x = act(x) if after == 1 else act(x) * after
        return x


class _Sum(torch.autograd.Function):
    """The sums over neighbours and their gradient of first order."""

    @staticmethod
    def forward(
        ctx: Any, features: Any, matrices: Any, weights: Any, tables: Convolution, ends: Any, both_ways: bool
    ) -> torch.Tensor:
        x, a, w = _rows(features, tables.inwards), _rows(matrices), _rows(weights)
        out = np.zeros((len(x), len(tables.outwards)), x.dtype)
        _sum(*ends, both_ways, tables.paths, *_flat(x, a, w, out), tables.lanes)
        ctx.kept = x, a, w, tables, ends, both_ways
        return torch.from_numpy(out[:, tables.outwards_back])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Any) -> tuple[Any, ...]:
        x, a, w, tables, ends, both_ways = ctx.kept
        g = _rows(gradient, tables.outwards)
        g_x, g_a, g_w = np.zeros_like(x), np.empty_like(a), np.empty_like(w)
        most = int((tables.paths[:, 5] * tables.paths[:, 6]).max())
        products = np.empty(most * len(tables.lanes), x.dtype)
        given = (*_flat(x, a, w, g), g_x.reshape(-1), g_a.reshape(-1), g_w.reshape(-1), products)
        _sum_back(*ends, both_ways, tables.paths, *given, tables.lanes)
        return torch.from_numpy(g_x[:, tables.inwards_back]), torch.from_numpy(g_a), torch.from_numpy(g_w), *[None] * 3


def _rows(values: torch.Tensor, order: Ints | None = None) -> NDArray[Any]:
    array = values.detach().numpy()
    return np.ascontiguousarray(array if order is None else array[:, order])


def _flat(*arrays: NDArray[Any]) -> list[Any]:
    """Return each array as one row, and its number of columns."""
    return [part for array in arrays for part in (array.reshape(-1), array.shape[1])]


@compiled
def _sum(
    to: Any, by: Any, both_ways: bool, paths: Any, x: Any, n_x: int, a: Any, n_a: int, w: Any, n_w: int,
    out: Any, n_out: int, lanes: Any,
) -> None:  # fmt: skip
    n = len(lanes)
    for e in range(to.shape[0]):
        i, j = to[e], by[e]
        for k in range(paths.shape[0]):
            at_x, at_a, at_w, at_out, channels, d_x, d_out, turned = paths[k]
            sign = float(turned)
            for u in range(0, channels, n):
                weight = load(w, e * n_w + at_w + u, lanes)
                for m in range(d_out):
                    there, back = zeros(x, lanes), zeros(x, lanes)
                    for l in range(d_x):  # noqa: E741
                        c = a[e * n_a + at_a + l * d_out + m]
                        at = at_x + l * channels + u
                        there = there + load(x, j * n_x + at, lanes) * c
                        if both_ways:
                            back = back + load(x, i * n_x + at, lanes) * c
                    at = at_out + m * channels + u
                    store(out, i * n_out + at, load(out, i * n_out + at, lanes) + there * weight)
                    if both_ways:
                        store(out, j * n_out + at, load(out, j * n_out + at, lanes) + back * weight * sign)


@compiled
def _sum_back(
    to: Any, by: Any, both_ways: bool, paths: Any, x: Any, n_x: int, a: Any, n_a: int, w: Any, n_w: int,
    g: Any, n_g: int, g_x: Any, g_a: Any, g_w: Any, products: Any, lanes: Any,
) -> None:  # fmt: skip
    n = len(lanes)
    for e in range(to.shape[0]):
        i, j = to[e], by[e]
        for k in range(paths.shape[0]):
            at_x, at_a, at_w, at_g, channels, d_x, d_g, turned = paths[k]
            sign = float(turned)
            for q in range(d_x * d_g):
                store(products, q * n, zeros(x, lanes))
            for u in range(0, channels, n):
                weight = load(w, e * n_w + at_w + u, lanes)
                of_weight = zeros(x, lanes)
                for l in range(d_x):  # noqa: E741
                    at = at_x + l * channels + u
                    sent = load(x, j * n_x + at, lanes)
                    weighted = sent * weight
                    there = zeros(x, lanes)
                    for m in range(d_g):
                        q = l * d_g + m
                        one = load(g, i * n_g + at_g + m * channels + u, lanes)
                        there = there + one * a[e * n_a + at_a + q]
                        store(products, q * n, load(products, q * n, lanes) + one * weighted)
                    of_weight = of_weight + there * sent
                    store(g_x, j * n_x + at, load(g_x, j * n_x + at, lanes) + there * weight)
                    if both_ways:
                        sent = load(x, i * n_x + at, lanes) * sign
                        weighted = sent * weight
                        back = zeros(x, lanes)
                        for m in range(d_g):
                            q = l * d_g + m
                            one = load(g, j * n_g + at_g + m * channels + u, lanes)
                            back = back + one * a[e * n_a + at_a + q]
                            store(products, q * n, load(products, q * n, lanes) + one * weighted)
                        of_weight = of_weight + back * sent
                        store(g_x, i * n_x + at, load(g_x, i * n_x + at, lanes) + back * weight * sign)
                store(g_w, e * n_w + at_w + u, of_weight)
            for q in range(d_x * d_g):
                g_a[e * n_a + at_a + q] = total(load(products, q * n, lanes))
