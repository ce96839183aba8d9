"""Crystal graph convolutions, trained on crystals as they are or also on strained and rattled copies of them.

CGCNN: T. Xie and J. C. Grossman, Phys. Rev. Lett. 120, 145301 (2018). CGCNN+P: J. B. Gibson, A. C. Hire and
R. G. Hennig, npj Comput. Mater. 8, 211 (2022): copies that keep the label of their crystal teach a network what
unrelaxed shapes relax to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch.nn import Linear, Sequential, Softplus
from torch.nn.functional import softplus
from torch_geometric.nn import CGConv

from matdisc.arrays import Floats, Ints
from matdisc.models.composition import PROPERTIES, element_properties
from matdisc.models.families import neural
from matdisc.models.families.family import Family, Model, Training, predictor
from matdisc.models.families.graphs import Batch, Graphs, drawable, gaussians, graphs
from matdisc.models.families.neural import Recipe
from matdisc.schema import Crystal

GROUPS, ROWS, BINS = 18, 9, 10
SMEARED = ("X", "mendeleev_no", "atomic_radius", "average_ionic_radius", "molar_volume", "melting_point",
           "ionization_energy", "electron_affinity")  # fmt: skip
"""Properties that are read as overlaps with ten Gaussians between the least and the largest of all elements."""
N_ELEMENTS = 118


@dataclass(frozen=True, slots=True)
class Perturbation:
    """How copies of the training crystals are made; each copy has a strength of its own between 0 and these.

    Attributes:
        copies: Of each crystal, of which and of the crystal itself each epoch sees one.
        strain: Standard deviation of each component of the strain.
        rattle: Of each coordinate of an atom, Å.
    """

    copies: int = 5
    strain: float = 0.03
    rattle: float = 0.1


def load(width: int = 64, layers: int = 3, epochs: int = 60, members: int = 2, seed: int = 0, perturbed: bool = False,
         trained_on: str | None = None) -> Family:  # fmt: skip
    """Return CGCNN as a predictor that is trained in each fold, or CGCNN+P.

    Args:
        width: Numbers that describe an atom in the network.
        layers: Convolutions.
        epochs: Passes over the training part.
        members: Networks from different seeds, whose mean is the answer.
        seed: Of the first of them.
        perturbed: Learn from strained and rattled copies as well: CGCNN+P.
        trained_on: Dataset to learn from where the asked one has no training part.
    """
    recipe = Recipe(epochs=epochs)
    copies = Perturbation() if perturbed else Perturbation(copies=0)

    def fit(training: Training) -> Model:
        return fitted(training, width, layers, recipe, copies)

    settings = {"width": width, "layers": layers, "recipe": asdict(recipe), "copies": asdict(copies)}
    return predictor("cgcnn-p" if perturbed else "cgcnn", fit, packages=("torch", "torch-geometric", "pymatgen-core"),
                     members=members, seed=seed, trained_on=trained_on, reads_properties=True, **settings)  # fmt: skip


def fitted(training: Training, width: int, layers: int, recipe: Recipe, copies: Perturbation) -> Model:
    """Return the network that a training part teaches; arguments as of `load`."""
    net = CrystalGraphNet(width, layers, training.seed)
    return neural.fitted(training, net, lambda asked: graphs(asked).batch, drawable, recipe,
                         lambda crystals: Versions(crystals, copies, training.seed).batch)  # fmt: skip


def perturbed(crystal: Crystal, strain: float, rattle: float, rng: np.random.Generator) -> Crystal:
    """Return a copy whose cell is strained and whose atoms are moved.

    Args:
        crystal: Left as it is.
        strain: Standard deviation of the six components of the symmetric strain.
        rattle: Of each coordinate of each atom, Å.
        rng: Where chance comes from.
    """
    drawn = rng.normal(0.0, 1.0, (3, 3))
    cell = np.array(crystal.cell) @ (np.eye(3) + strain * (np.tril(drawn) + np.tril(drawn, -1).T))
    moves = rng.normal(0.0, rattle, (len(crystal.symbols), 3)) @ np.linalg.inv(cell)
    positions = np.array(crystal.positions) + moves
    return replace(crystal, cell=_rows(cell), positions=_rows(positions))


class Convolution(CGConv):
    """torch-geometric's layer with the same parameters and result, at less than half the products.

    What an atom gives to an edge is multiplied once an atom and not once an edge, of which there are 13 times as many.
    """

    def forward(self, x: torch.Tensor, edges: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        weight = torch.cat([self.lin_f.weight, self.lin_s.weight])
        to, come, along = weight.split([x.shape[1], x.shape[1], features.shape[1]], dim=1)
        pair = x @ come.T, torch.addmm(torch.cat([self.lin_f.bias, self.lin_s.bias]), x, to.T)
        heard = self.propagate(edges, x=pair, edge_attr=(features, along), size=(len(x), len(x)))
        self.bn.train(self.training and len(x) > 1)  # a single atom has no variance to learn from
        return x + self.bn(heard)

    def message(
        self, x_i: torch.Tensor, x_j: torch.Tensor, edge_attr: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        features, along = edge_attr
        gate, core = torch.addmm(x_i + x_j, features, along.T).chunk(2, dim=-1)
        return gate.sigmoid() * softplus(core)


class CrystalGraphNet(torch.nn.Module):
    """Elements by their properties, convolutions over neighbours, the mean over atoms, one hidden layer."""

    elements: torch.Tensor

    def __init__(self, width: int, layers: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.register_buffer("elements", torch.tensor(element_table(), dtype=torch.float32), persistent=False)
        self.embedding = Linear(self.elements.shape[1], width)
        n_gaussians = gaussians(torch.zeros(1)).shape[1]
        self.convolutions = torch.nn.ModuleList(Convolution(width, n_gaussians, batch_norm=True) for _ in range(layers))
        self.energy = Sequential(Linear(width, 2 * width), Softplus(), Linear(2 * width, 1))

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return a number for each crystal, shape (n,)."""
        x, features = self.embedding(self.elements)[batch.numbers], gaussians(batch.lengths)
        for convolution in self.convolutions:
            x = softplus(convolution(x, batch.edges, features))
        total = x.new_zeros(batch.n, x.shape[1]).index_add(0, batch.crystal, x)
        energy: torch.Tensor = self.energy(total / torch.bincount(batch.crystal, minlength=batch.n)[:, None])
        return energy.squeeze(-1)


@lru_cache(maxsize=1)
def element_table() -> Floats:
    """Return what the network knows of elements, shape (N_ELEMENTS + 1, 107), row Z for atomic number Z.

    Group and row of the periodic table, one number each, and overlaps of eight properties with ten Gaussians; a
    property that nobody knows is zeros, as is row 0.
    """
    from ase.data import chemical_symbols

    known = np.array([element_properties(symbol) for symbol in chemical_symbols[1 : N_ELEMENTS + 1]])
    column = dict(zip(PROPERTIES, known.T, strict=True))
    parts = [column[name][:, None] == np.arange(1, n + 1) for name, n in (("group", GROUPS), ("row", ROWS))]
    for values in (column[name] for name in SMEARED):
        centres, width = np.linspace(np.nanmin(values), np.nanmax(values), BINS, retstep=True)
        parts.append(np.nan_to_num(np.exp(-(((values[:, None] - centres) / width) ** 2))))
    table = np.hstack(parts)
    return np.vstack([np.zeros(table.shape[1]), table])


class Versions:
    """Crystals and their perturbed copies, of which a batch holds one each: the step costs what it costs without."""

    def __init__(self, crystals: Sequence[Crystal], copies: Perturbation, seed: int) -> None:
        self.crystals, self.copies, self.seed = crystals, copies, seed

    @cached_property
    def graphs(self) -> Graphs:
        """Drawn when they are first asked for: weights that are finished need none."""
        rng = np.random.default_rng(self.seed)
        return graphs([*self.crystals, *_copies(self.crystals, self.copies, rng)])

    def batch(self, places: Ints) -> Batch:
        """Return one version of each crystal, drawn by torch's generator, which `train` seeds in each epoch."""
        version = torch.randint(self.copies.copies + 1, (len(places),)).numpy()
        return self.graphs.batch(places + len(self.crystals) * version)


def _copies(crystals: Sequence[Crystal], copies: Perturbation, rng: np.random.Generator) -> list[Crystal]:
    strengths = rng.random((copies.copies, len(crystals)))
    return [perturbed(crystal, strength * copies.strain, strength * copies.rattle, rng)
            for row in strengths for crystal, strength in zip(crystals, row, strict=True)]  # fmt: skip


def _rows(array: Floats) -> Any:
    return tuple(tuple(row) for row in array.tolist())
