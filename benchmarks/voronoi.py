"""What fingerprints of Voronoi cells cost: all features from one tessellation, against a call a site and a feature.

The serial pass is written for this comparison: it asks pymatgen's `VoronoiNN` about each site anew for each of the
five kinds of features, as featurisers that know nothing of each other do. It makes the cells only and no feature of
them, so that the ratio is rather too small. Crystals are invented.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk

from benchmarks.report import ratio
from matdisc.formats.atoms import to_crystal
from matdisc.models.families.voronoi import features

KINDS = 5
"""Coordination, heterogeneity, order, packing, differences to neighbours."""


def measure(folder: Path) -> None:
    """Print crystals a second of one core, and the ratio to the serial pass and to its fifth."""
    crystals = [bulk("NaCl", "rocksalt", a=5.6), bulk("ZnO", "wurtzite", a=3.25, c=5.2), *map(_disordered, range(10))]
    features(to_crystal(crystals[0]))  # imports are paid before
    started = time.process_time()
    for atoms in crystals:
        features(to_crystal(atoms))
    ours = time.process_time() - started
    once, pass_ = _serial(crystals, 1), _serial(crystals, KINDS)
    print(f"{'Voronoi fingerprints, 10 atoms or fewer':55s} {len(crystals) / ours:.0f} crystals a second of CPU")
    ratio("serial pass / ours (at least 2)", pass_, ours)
    ratio("each site asked about once / ours", once, ours)


def _serial(crystals: list[Atoms], kinds: int) -> float:
    from pymatgen.analysis.local_env import VoronoiNN
    from pymatgen.io.ase import AseAtomsAdaptor

    structures = [AseAtomsAdaptor.get_structure(atoms) for atoms in crystals]
    started = time.process_time()
    for structure in structures:
        for _ in range(kinds):
            finder = VoronoiNN(weight="area")
            for i in range(len(structure)):
                finder.get_voronoi_polyhedra(structure, i)
    return time.process_time() - started


def _disordered(seed: int) -> Atoms:
    """Ten atoms anywhere in a cell with 15 Å^3 for each."""
    rng = np.random.default_rng(seed)
    cell = (150 ** (1 / 3)) * (np.eye(3) + 0.1 * rng.random((3, 3)))
    return Atoms("Na5Cl5", scaled_positions=rng.random((10, 3)), cell=cell, pbc=True)
