"""Measured formation enthalpies of compounds whose structure is beyond dispute, and crystals of their elements.

Enthalpies are read from the table inside pymatgen that the MP2020 corrections were fitted to (Wang et al., Sci. Rep.
11, 15496 (2021)), elements from ASE's collection `dcdft` (Lejaeghere et al., Crit. Rev. Solid State Mater. Sci. 39, 1
(2014)). Nothing of either is copied, but for sulfur: its crystal there is not the one at ambient pressure.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from matdisc.cards import DatasetCard
from matdisc.datasets.corrections import read_corrections
from matdisc.datasets.csv_rows import Row, read_rows, unique
from matdisc.datasets.load import fold_of
from matdisc.datasets.prototypes import crystal
from matdisc.errors import DataError
from matdisc.formats.atoms import to_crystal
from matdisc.schema import Crystal, Dataset, Sample

COLUMNS = ("formula", "prototype", "elements", "a_angstrom", "c_angstrom", "source")
ENTHALPY, UNCERTAINTY = "enthalpy", "uncertainty"
"""Labels, eV/atom; compounds with no known uncertainty lack the second."""
TABLE = "exp_compounds.json.gz"
SULFUR = (
    (0.8554, 0.9526, 0.9516),
    (0.7844, 0.0301, 0.0763),
    (0.7069, 0.9795, 0.0040),
    (0.7862, 0.9073, 0.1290),
)
"""Orthorhombic sulfur, Fddd (origin at the inversion centre); S. J. Rettig and J. Trotter, Acta Cryst. C 43, 2260
(1987)."""
SULFUR_EDGES = (10.4646, 12.8660, 24.4860)


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return a sample for each compound; each element has a crystal that a potential relaxes for its reference.

    Raises:
        DataError: If a file is damaged, or pymatgen's table lacks a compound.
    """
    samples = samples_of(files["compounds.csv"], card.split.n_folds)
    elements = sorted({element for s in samples for element in s.crystal.composition})
    corrections = read_corrections(files["corrections.csv"], [s.material_id for s in samples])
    return Dataset(
        key=card.key, samples=samples, reference_crystals={el: element(el) for el in elements}, corrections=corrections
    )


def samples_of(path: Path, n_folds: int) -> tuple[Sample, ...]:
    """Return the compounds of a table with their labels; raises as `build`."""
    rows = read_rows(path, COLUMNS)
    unique(rows, "formula")
    known = experiment()
    return tuple(_sample(row, known, n_folds) for row in rows)


@lru_cache(maxsize=1)
def experiment() -> Mapping[str, tuple[float, float]]:
    """Return enthalpy and uncertainty (nan where unknown) of each compound of pymatgen's table, eV per formula.

    Raises:
        DataError: If the installed pymatgen has no such table.
    """
    import pymatgen.analysis

    folder = Path(pymatgen.analysis.__path__[0]).parent  # until 2026 the table was in entries/, not below analysis/
    remedy = "install the version that constraints.txt names: pip install pymatgen==2026.10.24"
    path = next(iter(sorted(folder.rglob(TABLE))), None)
    if path is None:
        raise DataError(f"{folder}: the installed pymatgen has no {TABLE}; {remedy}")
    try:
        table = json.loads(gzip.decompress(path.read_bytes()))
        found = {row["formula"]: (float(row["exp energy"]), float(row["uncertainty"] or "nan")) for row in table}
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise DataError(f"{path}: is no table of enthalpies ({type(err).__name__}: {err}); {remedy}") from err
    return MappingProxyType(found)


def element(symbol: str) -> Crystal:
    """Return the crystal of an element at its standard state, or of its solid where that is a gas or a liquid.

    Raises:
        DataError: If ASE has none.
    """
    from ase.collections import dcdft
    from ase.spacegroup import crystal as of_space_group

    if symbol == "S":
        cell = (*SULFUR_EDGES, 90, 90, 90)
        return to_crystal(of_space_group("SSSS", SULFUR, spacegroup=70, setting=2, cellpar=cell, primitive_cell=True))
    if symbol not in dcdft.names:
        raise DataError(f"ASE has no crystal of {symbol} in its collection dcdft; leave its compounds out")
    return to_crystal(dcdft[symbol])


def _sample(row: Row, known: Mapping[str, tuple[float, float]], n_folds: int) -> Sample:
    formula, prototype = row.text("formula"), row.text("prototype")
    if formula not in known:
        raise row.error("formula", f"is not in the table {TABLE} of the installed pymatgen; leave the row out")
    try:
        built = crystal(prototype, row.text("elements").split(), row.number("a_angstrom"), c=row.optional("c_angstrom"))
    except ValueError as err:
        raise row.error("prototype", f"does not suit the row: {err}") from None
    n = sum(_counts(formula).values())
    enthalpy, uncertainty = known[formula]
    target = {ENTHALPY: enthalpy / n}
    if math.isfinite(uncertainty) and uncertainty > 0:
        target[UNCERTAINTY] = uncertainty / n
    system = built.chemical_system
    inputs = {"crystal": built, "compound": formula, "prototype": prototype}
    return Sample(f"{formula}-{prototype}", inputs, target, system, fold_of(system, n_folds))


def _counts(formula: str) -> dict[str, float]:
    from pymatgen.core import Composition

    return dict(Composition(formula).get_el_amt_dict())
