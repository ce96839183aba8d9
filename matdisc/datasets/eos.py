"""Crystals with equations of state by density functional theory: two all-electron codes (ACWF), and the Delta set."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.cards import DatasetCard
from matdisc.datasets.load import fold_of
from matdisc.errors import DataError
from matdisc.schema import Crystal, Dataset, Sample

MAGNETIC = frozenset(["Cr", "Mn", "Fe", "Co", "Ni"])
LANTHANIDES = "La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu"
ACTINIDES = "Ac Th Pa U Np Pu Am Cm"
F_ELEMENTS = frozenset(f"{LANTHANIDES} {ACTINIDES}".split())
DIFFERENT = frozenset({"Fr-X2O5", "Rb-XO3", "Ra-X2O5", "Cs-X2O5"})
"""Crystals whose two codes are farther apart than good agreement, epsilon 0.20: their labels are not to be trusted."""
MEASURED = {"exp_v0": "exp_volume", "exp_b0": "exp_B", "exp_b1": "exp_Bp"}
COMPUTED = {"v0": "wien2k_volume", "b0": "wien2k_B", "b1": "wien2k_Bp"}


def build_acwf(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return unaries and oxides with the mean of both codes' V0, B0 and B'; all crystals of an element are one group.

    Raises:
        DataError: If a file is not that one.
    """
    structures_path, labels_path = files["acwf_pbe_structures.json.gz"], files["acwf_pbe_reference.csv"]
    structures = _structures(structures_path)
    samples = []
    for number, row in enumerate(_rows(labels_path), 2):
        name = "{set}/{element}-{configuration}".format_map(row) if {"set", "element"} <= row.keys() else ""
        try:
            samples.append(_acwf_sample(card, row, structures[name], name))
        except (KeyError, TypeError, ValueError) as err:
            raise DataError(
                f"{labels_path}, line {number}: {name!r} is damaged or not in {structures_path.name} ({err}); "
                "fetch both files again"
            ) from err
    return Dataset(key=card.key, samples=tuple(samples))


def _acwf_sample(card: DatasetCard, row: Mapping[str, str], structure: Mapping[str, Any], name: str) -> Sample:
    element, oxide = row["element"], row["set"] == "oxides"
    cell = np.array(structure["cell"], float)
    places = np.array(structure["positions"], float) @ np.linalg.inv(cell)
    crystal = Crystal(tuple(structure["symbols"]), _vectors(places), _vectors(cell))
    target = {
        key: (float(row[f"{column}_fleur{unit}"]) + float(row[f"{column}_wien2k{unit}"])) / 2
        for key, column, unit in (("v0", "v0", "_A3_atom"), ("b0", "b0", "_GPa"), ("b1", "b1", ""))
    }
    material_id = name.partition("/")[2]
    flags = _acwf_flags(element, material_id, oxide)
    inputs = {"crystal": crystal, "compound": element, "prototype": row["configuration"]}
    return Sample(material_id, inputs, target, element, fold_of(element, card.split.n_folds), flags)


def _acwf_flags(element: str, material_id: str, oxide: bool) -> tuple[str, ...]:
    if element in MAGNETIC | F_ELEMENTS:
        return ("magnetic_or_f",)
    if material_id in DIFFERENT:
        return ("codes_differ",)
    return ("scored", "oxide" if oxide else "unary")


def build_dcdft(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return the 71 elements of the Delta set as ASE has them, with WIEN2k's V0, B0 and B', and measured ones.

    The file names the elements and their kind; structures and numbers are read from the installed ASE.

    Raises:
        DataError: If the installed ASE has other elements.
    """
    from ase.collections import dcdft

    from matdisc.formats.atoms import to_crystal

    path = files[card.files[0].name]
    kinds = {row.get("element", ""): row.get("kind", "") for row in _rows(path)}
    if set(kinds) != set(dcdft.names):
        other = ", ".join(sorted(set(kinds) ^ set(dcdft.names)))
        raise DataError(f"{path}: ASE's collection dcdft and this list differ in {other}; install ase 3.24 or newer")
    samples = []
    for element, kind in kinds.items():
        atoms, known = dcdft[element], dcdft.data[element]
        target = {key: float(known[name]) for key, name in (COMPUTED | MEASURED).items() if name in known}
        flags = [kind] if kind else []
        flags += ["magnetic"] if atoms.get_initial_magnetic_moments().any() else []
        inputs = {"crystal": to_crystal(atoms), "compound": element}
        fold = fold_of(element, card.split.n_folds)
        samples.append(Sample(element, inputs, target, element, fold, tuple(flags)))
    return Dataset(key=card.key, samples=tuple(samples))


def _structures(path: Path) -> dict[str, Any]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, EOFError, ValueError) as err:
        raise DataError(f"{path}: is no compressed JSON ({err}); fetch the file again") from err
    if not isinstance(found, dict):
        raise DataError(f"{path}: is no mapping of names to structures; fetch the file again")
    return found


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def _vectors(rows: Any) -> Any:
    return tuple((float(x), float(y), float(z)) for x, y, z in rows)
