"""What ABX3 formulas cost: their features, and one fold of each family of models on as many formulas as the OQMD's.

Formulas are invented and labels random. Nothing here is a score.
"""

from __future__ import annotations

import time
from itertools import permutations, product
from pathlib import Path

import numpy as np

from matdisc.models import Question
from matdisc.models.perovskites.estimators import FAMILIES
from matdisc.models.perovskites.families import family
from matdisc.models.perovskites.features import features
from matdisc.schema import Sample

CATIONS = """
Li Be Na Mg Al K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge Rb Sr Y Zr Nb Mo Ru Rh Pd Ag Cd In Sn Sb Cs Ba La Ce Pr Nd Sm Eu
Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi
"""
ANIONS = "O F S Cl Se Br N I"


def measure(folder: Path) -> None:
    """Print how many unseen formulas are described in a second of CPU, and what a fold of each family takes."""
    every = [{"A": a, "B": b, "X": x} for (a, b), x in product(permutations(CATIONS.split(), 2), ANIONS.split())]
    sites = [every[i] for i in np.random.default_rng(0).permutation(len(every))]
    features(sites[:2000])  # elements and their radii are known from here on
    started = time.process_time()
    features(sites[2000:22000])
    rate = 20000 / (time.process_time() - started)
    print(f"{'perovskites: features of unseen formulas':55s} {rate:,.0f} a second of CPU (at least 5,000)")
    train, test = _samples(sites[:2800], rows=13000), _samples(sites[2800:3500], rows=3300)
    for name in FAMILIES:
        started = time.process_time()
        family(name)(train, test, Question("perovskites", 0.05))
        print(f"{f'perovskites: one fold of {name}':55s} {time.process_time() - started:.1f} s CPU")


def _samples(sites: list[dict[str, str]], rows: int) -> list[Sample]:
    rng = np.random.default_rng(0)
    found = []
    for number, place in enumerate(rng.integers(len(sites), size=rows)):
        gap = max(0.0, rng.normal())
        target = {"e_form_per_atom": rng.normal(), "e_above_hull": abs(rng.normal()), "band_gap": gap}
        target["crystal_system"] = float(rng.integers(7))
        compound = sites[place]
        found.append(Sample(str(number), {"sites": compound}, target, group="-".join(sorted(compound.values()))))
    return found
