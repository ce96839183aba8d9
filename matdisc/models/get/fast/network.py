"""The network's node-wise part and its hand-written gradient; what happens along edges is in `messages`.

Inside, features are ordered (component, head) instead of (head, component),
so every weight is reordered once. LayerNorm's own weights are folded into the matrix that follows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matdisc.models.get.fast.lanes import width
from matdisc.models.get.fast.messages import edge_forces, messages, messages_back
from matdisc.models.get.fast.mixing import meet, meet_back, products

Array = NDArray[Any]
EPSILON = 1e-5
"""Of LayerNorm."""
HEAD = (("0", "2", "4"), ("energy", "charge", "electronegativity", "hardness"))


@dataclass(frozen=True, slots=True)
class Linear:
    """x W + b of rows: W as (in, out) and turned, b, and the zeros that are added on the way back."""

    weight: Array
    turned: Array
    bias: Array
    zeros: Array

    def __call__(self, x: Array) -> Array:
        """Return x W + b, shape (n, out)."""
        return _times(x, self.weight, self.bias)

    def back(self, g: Array) -> Array:
        """Return the gradient by x, given that by the result."""
        return _times(g, self.turned, self.zeros)


def _linear(weight: Array, bias: Array, dtype: Any) -> Linear:
    parts = weight, weight.T, bias, np.zeros(len(weight))
    return Linear(*(np.ascontiguousarray(part, dtype) for part in parts))


def _times(x: Array, weight: Array, bias: Array) -> Array:
    size, n_out = weight.shape
    out = np.empty((len(x), n_out), weight.dtype)
    part = next(c for c in (64, 32, 16, 8, 4, 2, 1) if n_out % c == 0)
    products(x.reshape(-1), weight.reshape(-1), bias, size, out.reshape(-1), width(part))
    return out


@dataclass(frozen=True, slots=True)
class Layer:
    """Weights of one layer, reordered.

    Attributes:
        qkv: D to 3 D, LayerNorm's weights included.
        mix: D to 1 to 3 blocks of D.
        vector: D to 3 or 2 blocks of D; None in the first layer.
    """

    qkv: Linear
    mix: Linear
    vector: Linear | None


@dataclass(frozen=True, slots=True)
class Weights:
    """A network's weights in the order of the kernels.

    Attributes:
        species: q, k and v of the first layer for every atomic number, (87, 3 D).
        embedding: (87, D).
        layers: One per layer.
        heads: For energy and charge: three layers.
        chi_squared, eta_squared: Of every atomic number, float64, shape (87,).
        features, n_heads: D and H.
    """

    species: Array
    embedding: Array
    layers: tuple[Layer, ...]
    heads: dict[str, tuple[Linear, ...]]
    chi_squared: Array
    eta_squared: Array
    features: int
    n_heads: int


@dataclass(frozen=True, slots=True)
class Edges:
    """Edges closer than the cutoff, as the kernels want them: see `search.near_edges` and `messages`."""

    start: Array
    near: Array
    what: Array
    table: Array


def feature_order(features: int, heads: int) -> NDArray[np.int64]:
    """Return which stored feature (head, component) stands at each place of a row (component, head)."""
    return np.arange(features).reshape(heads, features // heads).T.reshape(-1)


def prepare(state: Mapping[str, Array], heads: int, dtype: str) -> Weights:
    """Reorder, fold and convert the weights of a state_dict."""
    state = {name: np.asarray(value, float) for name, value in state.items()}
    embedding = state["embedding.weight"]
    features = embedding.shape[1]
    order = feature_order(features, heads)
    names = sorted({int(name.split(".")[1]) for name in state if name.startswith("layers.")})
    layers = tuple(_layer(state, f"layers.{k}.", order, dtype) for k in names)
    first = _layer(state, "layers.0.", order, "float64")
    x = np.ascontiguousarray(embedding[:, order])
    species = first.qkv(_normalised(x)[0])
    by_head = {name: _head(state, f"heads.{name}.", order, "float64") for name in HEAD[1]}
    return Weights(
        species.astype(dtype),
        x.astype(dtype),
        layers,
        {name: _head(state, f"heads.{name}.", order, dtype) for name in ("energy", "charge")},
        head_forward(by_head["electronegativity"], x)[0] ** 2,
        head_forward(by_head["hardness"], x)[0] ** 2,
        features,
        heads,
    )


def _layer(state: Mapping[str, Array], name: str, order: Array, dtype: str) -> Layer:
    def blocks(key: str) -> Array:
        matrix = state[name + key].reshape(-1, len(order), state[name + key].shape[-1])[:, order]
        return matrix.reshape(-1, matrix.shape[-1])[:, order]

    def bias(key: str) -> Array:
        return state[name + key].reshape(-1, len(order))[:, order].reshape(-1)

    qkv = blocks("qkv.weight")
    qkv_bias = bias("qkv.bias") + qkv @ state[name + "norm.bias"][order]
    qkv = qkv * state[name + "norm.weight"][order]
    vector = blocks("vector.weight") if name + "vector.weight" in state else None
    return Layer(
        _linear(qkv.T, qkv_bias, dtype),
        _linear(blocks("mix.weight").T, bias("mix.bias"), dtype),
        None if vector is None else _linear(vector.T, np.zeros(len(vector)), dtype),
    )


def _head(state: Mapping[str, Array], name: str, order: Array, dtype: str) -> tuple[Linear, ...]:
    first, second, third = (state[f"{name}{k}.weight"].T for k in HEAD[0])
    biases = (state[f"{name}{k}.bias"] for k in HEAD[0])
    return tuple(_linear(w, b, dtype) for w, b in zip((first[order], second, third), biases, strict=True))


def _normalised(x: Array) -> tuple[Array, Array]:
    """Return (x - mean)/sqrt(variance + eps) of every row, and the factor."""
    centred = x - x.mean(axis=1, keepdims=True)
    factor = 1 / np.sqrt(np.einsum("ij,ij->i", centred, centred)[:, None] / x.shape[1] + x.dtype.type(EPSILON))
    return centred * factor, factor


def _normalised_back(g: Array, normal: Array, factor: Array) -> Array:
    size = normal.shape[1]
    along = np.einsum("ij,ij->i", g, normal)[:, None] / size
    return factor * (g - g.mean(axis=1, keepdims=True) - normal * along)


def _sigmoid(x: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def head_forward(head: tuple[Linear, ...], x: Array) -> tuple[Array, list[Array]]:
    """Return a head's value for every atom, float64, shape (n,), and what its gradient needs."""
    kept = []
    for layer in head[:2]:
        linear = layer(x)
        gate = _sigmoid(linear)
        x = linear * gate
        kept.append(gate + x - x * gate)
    return head[2](x)[:, 0].astype(float), kept


def head_back(head: tuple[Linear, ...], kept: list[Array], g: Array) -> Array:
    """Return the gradient by x, given that by the head's value, shape (n,)."""
    back = head[2].back(g[:, None].astype(kept[0].dtype))
    for layer, slope in zip(head[1::-1], kept[::-1], strict=True):
        back = layer.back(back * slope)
    return back


class Pass:
    """One evaluation of the network: forward when made, backward once through `gradient`.

    Attributes:
        energies: Energy of every atom, eV, float64.
        charges: Charges before neutralisation, e, float64: 2 tanh(head/2).
    """

    def __init__(self, weights: Weights, numbers: Array, edges: Edges) -> None:
        self.weights, self.edges, self.numbers = weights, edges, numbers.astype(np.int32)
        self._own = np.arange(len(numbers), dtype=np.int32)
        self._kept: list[dict[str, Any]] = []
        self._lanes = width(weights.features), width(weights.n_heads)
        x = weights.embedding[numbers]
        big = None
        for k in range(len(weights.layers)):
            x, big = self._forward(k, x, big)
        self.energies, self._energy = head_forward(weights.heads["energy"], x)
        raw, self._charge = head_forward(weights.heads["charge"], x)
        self.charges = 2 * np.tanh(raw / 2)

    def _forward(self, k: int, x: Array, big: Array | None) -> tuple[Array, Array | None]:
        layer, n = self.weights.layers[k], len(x)
        d, last = self.weights.features, k == len(self.weights.layers) - 1
        kept: dict[str, Any] = {"qkv": self.weights.species, "row": self.numbers}
        if k > 0:
            kept["normal"], kept["factor"] = _normalised(x)
            kept["qkv"], kept["row"] = layer.qkv(kept["normal"]), self._own
        m = np.empty((n, d), x.dtype)
        new = np.empty((n, 0 if last else 3, d), x.dtype)
        e = self.edges
        qkv = kept["qkv"].reshape(-1)
        messages(
            e.start, e.near, e.what, kept["row"], e.table, qkv, not last, m.reshape(-1), new.reshape(-1), *self._lanes
        )
        mixed = layer.mix(m)
        self._kept.append(kept)
        if layer.vector is None or big is None:
            return x + mixed, new
        blocks = 2 if last else 3
        kept["p"], kept["o"], kept["s"] = layer.vector(big.reshape(3 * n, d)), mixed, np.empty_like(x)
        flat = (each.reshape(-1) for each in (kept["p"], mixed, big))
        meet(*flat, blocks, x.reshape(-1), new.reshape(-1), kept["s"].reshape(-1), self._lanes[0])
        return x, None if last else new

    def gradient(self, by_charge: Array | None, ends: Array, forces: Array, virials: Array) -> None:
        """Add the forces and each box's virial of sum(energies) + sum(by_charge * charges) at fixed `by_charge` (eV/e).

        The atoms of box b end before `ends[b]`.
        """
        g = head_back(self.weights.heads["energy"], self._energy, np.ones(len(self.numbers)))
        if by_charge is not None:
            slope = 1 - (self.charges / 2) ** 2
            g = g + head_back(self.weights.heads["charge"], self._charge, by_charge * slope)
        g_big: Array | None = None
        e = self.edges
        g_edge = np.zeros(4 * len(e.near), g.dtype)
        for k in range(len(self.weights.layers) - 1, -1, -1):
            g, g_big = self._back(k, g, g_big, g_edge)
        edge_forces(e.start, e.near, e.what, g_edge, ends, forces, virials)

    def _back(self, k: int, g: Array, g_big: Array | None, g_edge: Array) -> tuple[Array, Array | None]:
        layer, kept, n = self.weights.layers[k], self._kept[k], len(g)
        d, vectors = self.weights.features, g_big is not None
        g_new = g_big if g_big is not None else np.empty((0, 3, d), g.dtype)
        if layer.vector is None:
            g_mixed = g
            g_before = None
        else:
            p, o, s = kept["p"], kept["o"], kept["s"]
            g_mixed, g_p = np.empty_like(o), np.empty_like(p)
            flat = (each.reshape(-1) for each in (p, o, s, np.ascontiguousarray(g), g_new))
            meet_back(*flat, 3 if vectors else 2, g_p.reshape(-1), g_mixed.reshape(-1), self._lanes[0])
            g_before = layer.vector.back(g_p.reshape(3 * n, -1)).reshape(n, 3, d)
            if vectors:
                g_before += g_new
        g_m = layer.mix.back(np.ascontiguousarray(g_mixed))
        e, inputs = self.edges, k > 0
        g_qkv = np.zeros((n if inputs else 0, 3 * d), g.dtype)
        messages_back(
            e.start, e.near, e.what, kept["row"], e.table, kept["qkv"].reshape(-1), vectors, inputs,
            g_m.reshape(-1), g_new.reshape(-1), g_qkv.reshape(-1), g_edge, *self._lanes, width(4),
        )  # fmt: skip
        if inputs:
            g = g + _normalised_back(layer.qkv.back(g_qkv), kept["normal"], kept["factor"])
        return g, g_before
