"""The graph equivariant transformer in the terms of PyTorch Geometric: node scalars and vectors, edge messages.

Written from the equations of the method (arXiv 2404.07181): x are scalars of a node, V its vectors, and

    e_ij = SiLU(W phi(r_ij)),  a_ij = SiLU(q_i . k_j) fc(r_ij)  for each head,
    m_i  = sum_j a_ij (v_j * e_ij),   M_i = sum_j u_ij (x) (v_j * e_ij).

Both sums are one pass of messages, a scalar and a vector part each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import silu
from torch_geometric.nn import MessagePassing

from matdisc.models.get.settings import HEADS, MAX_NUMBER, Settings


@dataclass(frozen=True, slots=True)
class Atomic:
    """What the network says of atoms, each of shape (A,).

    Attributes:
        energy: eV.
        charge: Before it is shifted to the frame's total, between -2 and 2 e.
        electronegativity: Its square is the energy of a unit of charge, sqrt(eV/e).
        hardness: Its square is the energy of a squared unit, sqrt(eV)/e.
    """

    energy: Tensor
    charge: Tensor
    electronegativity: Tensor
    hardness: Tensor


class Network(nn.Module):
    """Atomic numbers and edge vectors to energies, charges, electronegativities and hardnesses of atoms."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        width, n = settings.features, settings.layers
        self.cutoff = settings.cutoff
        self.embedding = nn.Embedding(MAX_NUMBER + 1, width)
        self.radial = Radial(settings.radial, settings.cutoff)
        self.edge = nn.Linear(settings.radial, width, bias=False)
        kinds = ["first", *["middle"] * (n - 2), "last"]
        self.layers = nn.ModuleList(Layer(width, settings.heads, kind) for kind in kinds)
        self.heads = nn.ModuleDict({name: _head(width) for name in HEADS})

    def forward(self, numbers: Tensor, edge_index: Tensor, edge_vectors: Tensor) -> Atomic:
        """Return what is said of each atom.

        Args:
            numbers: Atomic numbers, shape (A,).
            edge_index: Receivers and senders of directed edges, shape (2, E).
            edge_vectors: Receiver minus sender, Å, shape (E, 3), in the dtype of the weights.
        """
        distance = edge_vectors.square().sum(dim=1).sqrt()
        directions = edge_vectors / distance[:, None]
        fading = cosine(distance, self.cutoff)
        edges = silu(self.edge(self.radial(distance, fading)))
        embedded = x = self.embedding(numbers)
        vectors: Tensor | None = None
        for layer in self.layers:
            x, vectors = layer(x, vectors, edge_index, edges, fading, directions)
        return Atomic(
            energy=self.heads["energy"](x)[:, 0],
            charge=2 * torch.tanh(self.heads["charge"](x)[:, 0] / 2),
            electronegativity=self.heads["electronegativity"](embedded)[:, 0],
            hardness=self.heads["hardness"](embedded)[:, 0],
        )


class Radial(nn.Module):
    """Radial functions fc(r) exp(-beta (exp(-alpha r) - mu)^2), alpha = 5 over the cutoff; mu and beta are trained."""

    def __init__(self, count: int, cutoff: float) -> None:
        super().__init__()
        self.alpha = 5 / cutoff
        lowest = math.exp(-5)
        self.mu = nn.Parameter(torch.linspace(lowest, 1, count))
        self.beta = nn.Parameter(torch.full((count,), (2 / count * (1 - lowest)) ** -2))

    def forward(self, distance: Tensor, fading: Tensor) -> Tensor:
        """Return the functions of each edge, shape (E, K); `fading` is fc(r), shape (E,)."""
        apart = torch.exp(-self.alpha * distance)[:, None] - self.mu
        return fading[:, None] * torch.exp(-self.beta * apart.square())


def cosine(distance: Tensor, cutoff: float) -> Tensor:
    """Return fc(r) = (cos(pi r / cutoff) + 1) / 2, and 0 from the cutoff on."""
    return torch.where(distance < cutoff, (torch.cos(math.pi / cutoff * distance) + 1) / 2, 0)


class Layer(MessagePassing):
    """One layer: scalars attend to their neighbours, vectors gather directions, and both meet in products.

    The first layer makes vectors, the middle ones update them, the last one only reads them.
    """

    def __init__(self, width: int, heads: int, kind: str) -> None:
        super().__init__(aggr="add", flow="target_to_source", node_dim=0)
        self.kind = kind
        # which head a feature belongs to, 0 or 1; a matrix product is quicker than sums over axes of four
        self.register_buffer("blocks", torch.eye(heads).repeat_interleave(width // heads, dim=0), persistent=False)
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, {"first": 1, "middle": 3, "last": 2}[kind] * width)
        if kind != "first":
            self.vector = nn.Linear(width, {"middle": 3, "last": 2}[kind] * width, bias=False)

    def forward(
        self,
        x: Tensor,
        vectors: Tensor | None,
        edge_index: Tensor,
        edges: Tensor,
        fading: Tensor,
        directions: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        """Return updated scalars, shape (A, D), and vectors, shape (A, 3, D)."""
        q, k, v = self.qkv(self.norm(x)).chunk(3, dim=1)
        sums = self.propagate(edge_index, q=q, k=k, v=v, edges=edges, fading=fading, directions=directions)
        mixed, gathered = self.mix(sums[0]), sums[1]
        if vectors is None:
            return x + mixed, gathered
        if self.kind == "last":
            p1, p2 = self.vector(vectors).chunk(2, dim=2)
            o2, o3 = mixed.chunk(2, dim=1)
            return x + (p1 * p2).sum(dim=1) * o2 + o3, None
        p1, p2, p3 = self.vector(vectors).chunk(3, dim=2)
        o1, o2, o3 = mixed.chunk(3, dim=1)
        return x + (p1 * p2).sum(dim=1) * o2 + o3, vectors + p3 * o1[:, None] + gathered

    def message(
        self, q_i: Tensor, k_j: Tensor, v_j: Tensor, edges: Tensor, fading: Tensor, directions: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return the messages of edges: scalars, shape (E, D), and vectors, shape (E, 3, D), but in the last layer."""
        sent = v_j * edges
        attention = silu((q_i * k_j) @ self.blocks) * fading[:, None]
        scalars = (attention @ self.blocks.T) * sent
        return scalars, None if self.kind == "last" else directions[:, :, None] * sent[:, None]

    def aggregate(
        self, inputs: tuple[Tensor, Tensor | None], index: Tensor, dim_size: int
    ) -> tuple[Tensor, Tensor | None]:
        """Return the sums of the messages at each atom, shapes (A, D) and (A, 3, D)."""
        scalars, vectors = (
            None if x is None else x.new_zeros(dim_size, *x.shape[1:]).index_add(0, index, x) for x in inputs
        )
        return scalars, vectors


def _head(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, width // 2), nn.SiLU(), nn.Linear(width // 2, width // 2), nn.SiLU(), nn.Linear(width // 2, 1)
    )


def initialise(network: Network, seed: int) -> None:
    """Draw the weights anew: Xavier-uniform, biases zero, elements standard normal; the same seed, the same weights."""
    generator = torch.Generator().manual_seed(seed)
    nn.init.normal_(network.embedding.weight, generator=generator)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
