"""A transformer over the Wyckoff positions of a crystal: which element sits where by symmetry, and no coordinates.

Goodall et al., Sci. Adv. 8, eabn4117 (2022), and Wrenformer after it. A crystal is a set of tokens, one for each orbit
of equivalent atoms. What the network makes of all equivalent descriptions of a crystal is averaged, so that no choice
of origin or axes matters; no lattice parameter is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from matdisc.arrays import Floats, Ints
from matdisc.models.composition import PROPERTIES, element_properties
from matdisc.models.families import neural
from matdisc.models.families.family import Family, Model, Training, predictor
from matdisc.models.families.graphs import atomic_number
from matdisc.models.families.neural import Collate, Recipe
from matdisc.physics.protostructure import Protostructure, protostructure
from matdisc.schema import Crystal

N_ELEMENTS, N_GROUPS = 118, 230
LETTERS = "abcdefghijklmnopqrstuvwxyzA"
LATTICES = ("aP", "mP", "mC", "oP", "oC", "oF", "oI", "tP", "tI", "hP", "hR", "cP", "cF", "cI")
WORDS = ("element", "letter", "site symmetry", "space group", "lattice")
STEPS = 12
"""Fewest of an epoch, by smaller batches: seventy crystals in batches of 64 would hardly be learnt."""
OF_THE_CRYSTAL = 3
"""The first of the words that are the same for all orbits of a crystal."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Of the network.

    Attributes:
        width: Numbers that describe an orbit.
        layers: Of the transformer.
        heads: Of each layer.
        hidden: Share of the words that are hidden in training, as words are that a crystal brings anew.
    """

    width: int = 64
    layers: int = 2
    heads: int = 4
    hidden: float = 0.1


def load(width: int = 64, layers: int = 2, epochs: int = 60, hidden: float = 0.1, members: int = 3, seed: int = 0,
         trained_on: str | None = None) -> Family:  # fmt: skip
    """Return the family for a card.

    Args:
        width, layers, hidden: See `Shape`.
        epochs: Passes over the training part.
        members, seed, trained_on: As of every family.
    """
    shape, recipe = Shape(width, layers, hidden=hidden), Recipe(epochs=epochs)

    def fit(training: Training) -> Model:
        return fitted(training, shape, recipe)

    return predictor("wyckoff-transformer", fit, packages=("torch", "moyopy", "pymatgen-core"), members=members,
                     seed=seed, trained_on=trained_on, reads_properties=True, shape=asdict(shape),
                     recipe=asdict(recipe))  # fmt: skip


def fitted(training: Training, shape: Shape, recipe: Recipe) -> Model:
    """Return the network that a training part teaches; it says nan of crystals in which no symmetry is found."""
    found = _described(training.crystals)
    sites = {orbit.site for one in found for orbits in one.descriptions for orbit in orbits}
    places = {site: i for i, site in enumerate(sorted(sites), 1)}
    torch.manual_seed(training.seed)
    net = Network(shape, len(places))

    def batches(crystals: Sequence[Crystal]) -> Collate:
        return tokens(_described(crystals), places).batch

    fewer = replace(recipe, batch=min(recipe.batch, max(8, len(found) // STEPS)))
    return neural.fitted(training, net, batches, lambda crystal: protostructure(crystal) is not None, fewer)


class Batch(NamedTuple):
    """Descriptions of some crystals, padded to the longest.

    Attributes:
        words: Shape (n_descriptions, n_orbits, len(WORDS)); 0 is an unknown word.
        numbers: Share of the crystal's atoms, binary logarithm of the multiplicity, free coordinates; shape
            (n_descriptions, n_orbits, 3).
        there: False where a description is padded, shape (n_descriptions, n_orbits).
        crystal: Of each description, shape (n_descriptions,).
        n: Crystals.
    """

    words: torch.Tensor
    numbers: torch.Tensor
    there: torch.Tensor
    crystal: torch.Tensor
    n: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """All orbits of all descriptions of many crystals one after another; columns as of `Batch`.

    Attributes:
        words, numbers: A row an orbit.
        descriptions: Where the orbits of each description begin, and the end, shape (n_descriptions + 1,).
        crystals: Where the descriptions of each crystal begin, and the end, shape (n_crystals + 1,).
    """

    words: Ints
    numbers: Floats
    descriptions: Ints
    crystals: Ints

    def batch(self, places: Ints) -> Batch:
        """Return all descriptions of some crystals."""
        n = np.diff(self.crystals)[places]
        chosen = np.concatenate([np.arange(*self.crystals[i : i + 2]) for i in places])
        steps = np.arange(np.diff(self.descriptions)[chosen].max())
        there = steps < np.diff(self.descriptions)[chosen][:, None]
        rows = np.where(there, self.descriptions[chosen][:, None] + steps, 0)
        return Batch(
            torch.from_numpy(self.words[rows]), torch.from_numpy(self.numbers[rows].astype(np.float32)),
            torch.from_numpy(there), torch.from_numpy(np.repeat(np.arange(len(places)), n)), len(places),
        )  # fmt: skip


def tokens(found: Sequence[Protostructure], sites: Mapping[str, int]) -> Tokens:
    """Return the tokens of crystals; `sites` numbers the known site symmetries from 1."""
    words, numbers, lengths = [], [], []
    for one in found:
        lattice = LATTICES.index(one.lattice) + 1 if one.lattice in LATTICES else 0
        for orbits in one.descriptions:
            total = sum(orbit.multiplicity for orbit in orbits)
            lengths.append(len(orbits))
            for orbit in orbits:
                words.append((atomic_number(orbit.element), LETTERS.find(orbit.letter) + 1, sites.get(orbit.site, 0),
                              one.group, lattice))  # fmt: skip
                numbers.append((orbit.multiplicity / total, math.log2(orbit.multiplicity), orbit.free))
    ends = (np.cumsum([0, *counts]) for counts in (lengths, [len(one.descriptions) for one in found]))
    return Tokens(np.array(words, np.int64).reshape(-1, len(WORDS)), np.array(numbers, float).reshape(-1, 3), *ends)


class Network(nn.Module):
    """Orbits that attend to each other, averaged over atoms and over descriptions, and a residual step to a number.

    Words begin at zero, so that one that no training crystal holds adds nothing; elements are known by their
    tabulated properties as well.
    """

    def __init__(self, shape: Shape, n_sites: int) -> None:
        super().__init__()
        width, self.hidden = shape.width, shape.hidden
        self.register_buffer("properties", torch.from_numpy(standardised_properties()), persistent=False)
        self.element = nn.Sequential(nn.Linear(len(PROPERTIES), width), nn.SiLU(), nn.Linear(width, width))
        sizes = (N_ELEMENTS, len(LETTERS), n_sites, N_GROUPS, len(LATTICES))
        self.words = nn.ModuleList(nn.Embedding(size + 1, width, padding_idx=0) for size in sizes)
        for word in self.words:
            nn.init.zeros_(word.weight)
        self.numbers = nn.Linear(3, width)
        layer = nn.TransformerEncoderLayer(
            width, shape.heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, shape.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(2 * width)
        self.inner = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, 2 * width))
        self.head = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return one number a crystal, shape (n,)."""
        x = self.element(self.properties[batch.words[..., 0]]) + self.numbers(batch.numbers)
        for i, word in enumerate(self.words):
            x = x + word(self._some_hidden(batch.words[..., i], whole=i >= OF_THE_CRYSTAL))
        x = self.encoder(x, src_key_padding_mask=~batch.there)
        share = batch.numbers[..., :1] * batch.there[..., None]
        mean = (share * x).sum(1)
        spread = ((share * (x - mean[:, None]) ** 2).sum(1) + 1e-4).sqrt()  # the root has no slope at zero
        described = self.norm(torch.cat([mean, spread], 1))
        each = torch.bincount(batch.crystal, minlength=batch.n)[:, None]
        pooled = described.new_zeros(batch.n, described.shape[1]).index_add_(0, batch.crystal, described) / each
        return self.head(pooled + self.inner(pooled)).squeeze(-1)

    def _some_hidden(self, words: torch.Tensor, *, whole: bool) -> torch.Tensor:
        if not self.training:
            return words
        return words * (torch.rand(len(words), 1 if whole else words.shape[1]) >= self.hidden)


def standardised_properties() -> np.ndarray:
    """Return PROPERTIES by atomic number with mean 0 and deviation 1, single precision; 0 where one is unknown.

    Shape (119, n_properties); row 0 is of no element.
    """
    from ase.data import chemical_symbols

    table = np.array([element_properties(symbol) for symbol in chemical_symbols[1 : N_ELEMENTS + 1]])
    table = (table - np.nanmean(table, axis=0)) / np.nanstd(table, axis=0)
    return np.nan_to_num(np.vstack([np.zeros(len(PROPERTIES)), table])).astype(np.float32)


def _described(crystals: Sequence[Crystal]) -> list[Protostructure]:
    """Return the protostructures that there are."""
    found = (protostructure(crystal) for crystal in crystals)
    return [one for one in found if one is not None]
