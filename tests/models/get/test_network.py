"""The network is the one of the equations: counted, symmetric, and equal to a second writing of them in plain loops."""

import numpy as np
import pytest
import torch
from get_examples import SIZES, small_model, water
from scipy.special import expit

from matdisc.models.get.files import shapes, state_of
from matdisc.models.get.reference.network import Network, initialise
from matdisc.models.get.settings import Settings


def test_the_network_of_the_paper_has_103620_parameters_and_a_head_3169():
    network = Network(Settings())
    assert sum(p.numel() for p in network.parameters()) == 103_620
    assert sum(p.numel() for p in network.heads["energy"].parameters()) == 3_169


@pytest.mark.parametrize("settings", [Settings(), Settings(**SIZES, layers=4), Settings(**SIZES, layers=2)])
def test_the_weights_have_the_names_and_shapes_that_are_written_down(settings):
    state = Network(settings).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == shapes(settings)


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before():
    torch.rand(7)
    one, other = state_of(small_model(seed=3)), state_of(small_model(seed=3))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert not np.array_equal(one["edge.weight"], state_of(small_model(seed=4))["edge.weight"])


def test_linear_weights_start_within_the_bound_of_xavier_and_biases_at_zero():
    network = Network(Settings())
    initialise(network, 0)
    weights = network.layers[0].qkv.weight.detach()
    bound = (6 / (64 + 192)) ** 0.5
    assert 0.95 * bound < float(weights.abs().max()) <= bound
    assert not network.layers[0].qkv.bias.any()


def _silu(x):
    return x * expit(x)


class Plain:
    """The equations of the method once more, atom by atom in NumPy."""

    def __init__(self, state, settings):
        self.state, self.settings = state, settings

    def linear(self, name, x):
        return x @ self.state[f"{name}.weight"].T + self.state.get(f"{name}.bias", 0.0)

    def head(self, name, x):
        for place in (0, 2):
            x = _silu(self.linear(f"heads.{name}.{place}", x))
        return self.linear(f"heads.{name}.4", x)[0]

    def fc(self, r):
        return (np.cos(np.pi * r / self.settings.cutoff) + 1) / 2 if r < self.settings.cutoff else 0.0

    def edge(self, r):
        alpha = 5 / self.settings.cutoff
        radial = np.exp(-self.state["radial.beta"] * (np.exp(-alpha * r) - self.state["radial.mu"]) ** 2)
        return _silu(self.linear("edge", self.fc(r) * radial))

    def norm(self, layer, x):
        scaled = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
        return scaled * self.state[f"layers.{layer}.norm.weight"] + self.state[f"layers.{layer}.norm.bias"]

    def answer(self, numbers, positions):
        n, d, heads = len(numbers), self.settings.features, self.settings.heads
        x = [self.state["embedding.weight"][z] for z in numbers]
        start, vectors = list(x), [np.zeros((3, d))] * n
        for layer in range(self.settings.layers):
            q, k, v = np.split(np.array([self.linear(f"layers.{layer}.qkv", self.norm(layer, a)) for a in x]), 3, 1)
            new_x, new_vectors = [], []
            for i in range(n):
                m, gathered = np.zeros(d), np.zeros((3, d))
                for j in range(n):
                    apart = positions[i] - positions[j]
                    r = np.linalg.norm(apart)
                    if i == j or r >= self.settings.cutoff:
                        continue
                    sent = v[j] * self.edge(r)
                    for block in np.split(np.arange(d), heads):
                        m[block] += _silu(q[i][block] @ k[j][block]) * self.fc(r) * sent[block]
                    gathered += np.outer(apart / r, sent)
                mixed = self.linear(f"layers.{layer}.mix", m)
                if layer == 0:
                    new_x.append(x[i] + mixed)
                    new_vectors.append(gathered)
                    continue
                p = np.array([self.state[f"layers.{layer}.vector.weight"] @ axis for axis in vectors[i]])
                s = (p[:, :d] * p[:, d : 2 * d]).sum(axis=0)
                if layer == self.settings.layers - 1:
                    new_x.append(x[i] + s * mixed[:d] + mixed[d:])
                    new_vectors.append(vectors[i])
                else:
                    new_x.append(x[i] + s * mixed[d : 2 * d] + mixed[2 * d :])
                    new_vectors.append(vectors[i] + p[:, 2 * d :] * mixed[:d] + gathered)
            x, vectors = new_x, new_vectors
        return (
            [self.head("energy", a) for a in x],
            [2 * np.tanh(self.head("charge", a) / 2) for a in x],
            [self.head("electronegativity", a) for a in start],
            [self.head("hardness", a) for a in start],
        )


@pytest.mark.parametrize("layers", [2, 3, 4])
def test_message_passing_equals_the_equations_written_atom_by_atom(layers):
    model = small_model(layers=layers)
    with torch.no_grad():  # biases and scales that are not 0 and 1
        for p in model.network.parameters():
            p.add_(0.1 * torch.rand(p.shape, generator=torch.Generator().manual_seed(p.numel()), dtype=p.dtype))
    atoms = water() + water(seed=5)
    atoms.positions[3:] += [2.5, 0.3, -0.2]
    graph = model.graph([atoms])
    receivers, senders = graph.edge_index
    said = model.network(graph.numbers, graph.edge_index, graph.positions[receivers] - graph.positions[senders])
    expected = Plain(state_of(model), model.settings).answer(atoms.numbers, atoms.positions)
    found = (said.energy, said.charge, said.electronegativity, said.hardness)
    for mine, plain in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), plain, rtol=1e-9, atol=1e-11)
