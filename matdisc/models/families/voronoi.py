"""Fingerprints of the Voronoi cells of the atoms, and a random forest on them.

The features are those of Ward et al., Phys. Rev. B 96, 024104 (2017), in kind: all are weighted by the areas of faces,
so that a small displacement changes them a little, and none changes when a crystal is scaled, so that input that is not
relaxed costs less.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np

from matdisc.arrays import Floats, Ints
from matdisc.elements import ELEMENTS
from matdisc.models.composition import element_properties
from matdisc.models.composition import features as composition_features
from matdisc.models.families.family import Family, Model, Training, predictor
from matdisc.models.families.kept_rows import Singles, kept_rows
from matdisc.physics.tessellation import Faces, tessellate
from matdisc.schema import Crystal

SHELLS = 3
"""Walks of one to so many steps from cell to cell tell the chemical order."""
NORMS = (2, 3, 5, 7, 10)
ORBITALS = "spdf"
N_FEATURES = 152


def load(
    trees: int = 200, share: float = 0.33, members: int = 1, seed: int = 0, trained_on: str | None = None
) -> Family:
    """Return the family for a card; one forest states the spread of its trees.

    Args:
        trees: Of each forest.
        share: Of the features that each split chooses from.
        members, seed, trained_on: As of every family.
    """
    return predictor(
        "voronoi-forest", partial(fit, trees=trees, share=share), packages=("scikit-learn", "scipy", "pymatgen-core"),
        members=members, seed=seed, trained_on=trained_on, reads_properties=True, trees=trees, share=share,
    )  # fmt: skip


def fit(training: Training, trees: int, share: float) -> Model:
    """Learn a forest; what it says of a crystal is what each of its trees says, nan without Voronoi cells."""
    from sklearn.ensemble import RandomForestRegressor

    rows = table(training.crystals)
    known = ~np.isnan(rows).all(axis=1)
    if not known.any():
        return lambda crystals: np.full(len(crystals), np.nan)
    forest = RandomForestRegressor(trees, max_features=share, random_state=training.seed, n_jobs=1)
    forest.fit(rows[known], training.energies[known])

    def model(crystals: Sequence[Crystal]) -> Floats:
        rows = table(crystals)
        known = ~np.isnan(rows).all(axis=1)
        said = np.full((trees, len(rows)), np.nan)
        if known.any():
            said[:, known] = [tree.predict(rows[known]) for tree in forest.estimators_]
        return said

    return model


def table(crystals: Sequence[Crystal]) -> Singles:
    """Return the features of crystals, shape (n_crystals, N_FEATURES), single precision; kept in the cache."""
    return kept_rows("voronoi-1", features, N_FEATURES, crystals, ("scipy", "pymatgen-core"))


def features(crystal: Crystal) -> Floats | None:
    """Return the features of a crystal, shape (N_FEATURES,), none with a unit of length; None without Voronoi cells.

    Of the composition: statistics of elemental properties, norms of the fractions, valence electrons, differences of
    electronegativity. Of the cells: coordination, spread of bonds and of volumes, order, packing, and differences of
    elemental properties to the neighbours. What pymatgen does not know of an element is nan.
    """
    if not set(crystal.symbols) <= set(ELEMENTS.split()):
        return None
    cell = np.array(crystal.cell)
    faces = tessellate(np.array(crystal.positions).reshape(-1, 3) @ cell, cell)
    if faces is None:
        return None
    symbols = sorted(set(crystal.symbols))
    kinds = np.array([symbols.index(symbol) for symbol in crystal.symbols])
    properties = np.array([_attributes(symbol) for symbol in symbols])
    n = len(kinds)
    return np.concatenate([
        _composition(crystal, np.bincount(kinds) / n, properties),
        _coordination(faces, n),
        _heterogeneity(faces, n),
        [chemical_order(faces, kinds, steps) for steps in range(1, SHELLS + 1)],
        [packing(faces, n)],
        _differences(faces, properties[kinds]),
    ])  # fmt: skip


def chemical_order(faces: Faces, kinds: Ints, steps: int) -> float:
    """Return the mean size of the Warren-Cowley parameters after so many steps; 0 where neighbours are at random.

    A walk goes through faces with chances as their areas and not back through the face that it came from. The
    parameter of an atom and an element is 1 - (chance to end on the element) / (fraction of the element).

    Args:
        faces: Of all cells.
        kinds: Element of each atom from 0 on, shape (n_atoms,).
    """
    back, ends = faces.opposite, np.eye(kinds.max() + 1)
    total = np.bincount(faces.site, faces.areas)
    chance = ends[kinds[faces.neighbour]]  # of a walk that begins through a face, to end on each element
    for _ in range(steps - 1):
        ahead = _sums(faces, faces.areas[:, None] * chance)[faces.neighbour]
        ahead -= (faces.areas[:, None] * chance)[back]
        chance = ahead / np.maximum(total[faces.neighbour] - faces.areas[back], 1e-12)[:, None]
    found = _sums(faces, faces.areas[:, None] * chance) / total[:, None]
    return float(np.abs(1 - found / (np.bincount(kinds) / len(kinds))).mean())


def packing(faces: Faces, n: int) -> float:
    """Return the share of the volume in the largest balls around the atoms that stay in their cells."""
    radii = np.full(n, np.inf)
    np.minimum.at(radii, faces.site, faces.lengths / 2)
    return float(4 / 3 * np.pi * (radii**3).sum() / faces.volumes(n).sum())


def _coordination(faces: Faces, n: int) -> Floats:
    """Effective coordination numbers: faces count in proportion to their areas."""
    return _statistics(np.bincount(faces.site, faces.areas, n) ** 2 / np.bincount(faces.site, faces.areas**2, n))


def _heterogeneity(faces: Faces, n: int) -> Floats:
    """Return how bonds and cells differ from atom to atom, and bonds around an atom; all relative to their means."""
    total = np.bincount(faces.site, faces.areas, n)
    bonds = np.bincount(faces.site, faces.areas * faces.lengths, n) / total
    away = np.bincount(faces.site, faces.areas * np.abs(faces.lengths - bonds[faces.site]), n) / (total * bonds)
    relative, volumes = bonds / bonds.mean(), faces.volumes(n)
    cells = np.abs(volumes / volumes.mean() - 1).mean()
    return np.array([*_statistics(relative)[1:], *_statistics(away), cells])


def _differences(faces: Faces, properties: Floats) -> Floats:
    """Return statistics over atoms of the mean difference of each property to the neighbours, weighted by area."""
    apart = np.abs(properties[faces.neighbour] - properties[faces.site])
    return _statistics(_sums(faces, faces.areas[:, None] * apart) / _sums(faces, faces.areas[:, None]))


def _composition(crystal: Crystal, fractions: Floats, properties: Floats) -> Floats:
    valence = fractions @ properties[:, -len(ORBITALS) :]
    electronegativity = properties[:, 1]
    apart = np.abs(electronegativity[:, None] - electronegativity)
    norms = [(fractions**p).sum() ** (1 / p) for p in NORMS]
    shares = valence / max(valence.sum(), 1e-12)
    ionic = [fractions @ apart @ fractions, apart.max()]
    return np.concatenate([composition_features(crystal.composition), norms, [len(fractions)], valence, shares, ionic])


@lru_cache(maxsize=256)
def _attributes(symbol: str) -> Floats:
    """Properties of an element, and how many electrons it has in each kind of orbital outside its noble-gas core."""
    from pymatgen.core import Element

    shells = [shell for shell in Element(symbol).electronic_structure.split(".") if shell[0] != "["]
    valence = [sum(int(shell[2:]) for shell in shells if shell[1] == orbital) for orbital in ORBITALS]
    return np.concatenate([element_properties(symbol), valence])


def _statistics(values: Floats) -> Floats:
    """Mean, mean absolute deviation, smallest and largest over the atoms, each column in turn."""
    mean = values.mean(axis=0)
    return np.ravel([mean, np.abs(values - mean).mean(axis=0), values.min(axis=0), values.max(axis=0)])


def _sums(faces: Faces, values: Floats) -> Floats:
    """Sums of the rows of each atom's faces, shape (n_atoms, n_columns)."""
    sums = np.zeros((faces.site.max() + 1, values.shape[1]))
    np.add.at(sums, faces.site, values)
    return sums
