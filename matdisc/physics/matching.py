"""How far are the atoms of two crystals apart, whatever cell, origin and order they are written in?"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from matdisc.schema import Crystal

STOL = 1.0
"""Largest distance of matched atoms, in units of (V/N)^(1/3)."""


def rms_distance(crystal: Crystal, reference: Crystal) -> float:
    """Return the root mean square distance of matched atoms in units of (V/N)^(1/3); nan if nothing matches.

    pymatgen's StructureMatcher with stol 1.0 and without scaling of volumes, other settings as they come (edges within
    20 %, angles within 5°, primitive cells). The two lattices are averaged before atoms are compared, so a cell
    that is only too large or small has the distance 0.
    """
    if crystal == reference:
        return 0.0
    found = _matcher().get_rms_dist(_structure(crystal), _structure(reference))
    return math.nan if found is None else float(found[0])


@lru_cache(maxsize=1)
def _matcher() -> Any:
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return StructureMatcher(stol=STOL, scale=False)


def _structure(crystal: Crystal) -> Any:
    from pymatgen.core import Lattice, Structure

    return Structure(Lattice(crystal.cell), list(crystal.symbols), list(crystal.positions))
