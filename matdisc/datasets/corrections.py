"""MP2020 corrections: what separates raw GGA(+U) totals from labels of the Materials Project and of WBM.

They are computed once, with pymatgen's `MaterialsProject2020Compatibility`, and frozen in a table, since what counts as
an anion has changed between versions of pymatgen. Wang et al., Sci. Rep. 11, 15496 (2021),
doi:10.1038/s41598-021-94550-5.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from matdisc.atomic import write_atomic
from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets.csv_rows import read_rows, unique
from matdisc.errors import DataError
from matdisc.schema import Crystal, Dataset, Sample

Anions = Literal["require_bound", "no_check"]
"""pymatgen's rule for which elements of a compound are anions: by guessed oxidation state (its default), or any."""

COLUMNS = ("material_id", "correction_ev_per_cell")
HUBBARD_U = {"Co": 3.32, "Cr": 3.7, "Fe": 5.3, "Mn": 3.9, "Mo": 4.38, "Ni": 6.2, "V": 3.25, "W": 6.2}
"""U of the Materials Project, eV, in compounds with O or F."""


def read_corrections(path: Path, material_ids: Iterable[str]) -> dict[str, float]:
    """Return the correction of each of the materials, eV per cell, to be added to a raw GGA(+U) total energy.

    Raises:
        DataError: If the file is no such table, or lacks a material.
    """
    rows = read_rows(path, COLUMNS)
    unique(rows, "material_id")
    found = {row.text("material_id"): row.number("correction_ev_per_cell") for row in rows}
    wanted = list(material_ids)
    without = [material_id for material_id in wanted if material_id not in found]
    if without:
        raise DataError(
            f"{path}: no correction for {len(without)} materials, e.g. {without[0]!r}; restore the file, or make it "
            "anew with `matdisc datasets corrections`"
        )
    return {material_id: found[material_id] for material_id in wanted}


def write_corrections(path: Path, samples: Sequence[Sample], anions: Anions = "require_bound") -> int:
    """Compute the corrections of all samples, write them as a table, and return how many are not zero; whole or not at
    all.

    Raises:
        DataError: If pymatgen refuses a crystal.
    """
    found = {s.material_id: correction(s.crystal, anions) for s in samples}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((material_id, f"{value:.6f}") for material_id, value in found.items())
    write_atomic(path, text.getvalue().encode())
    return sum(value != 0 for value in found.values())


def energy_misfit(model: ModelCard, card: DatasetCard, dataset: Dataset) -> str | None:
    """Return why a potential's energies do not fit the references of a dataset, and what to do; None if they do.

    Energies on another scale are never guessed at: a raw PBE energy against corrected labels is wrong by up to
    0.7 eV/atom for half of all compounds.
    """
    labels, energies = card.energy_scale, model.energy_scale
    if model.kind != "potential" or energies is None:
        return None
    name = f"dataset {card.key!r}"
    if not dataset.references and not dataset.reference_crystals:
        return (
            f"{name} holds no energies of the elements, so potentials cannot give formation energies; add "
            "references.csv, or elements.extxyz with a structure of each element (`matdisc datasets new` with "
            "--references or --elements)"
        )
    if labels == "own" and energies != "own" and not dataset.reference_crystals:
        return (
            f"the references of {name} are on a scale of their own, which energies of model {model.key!r} ({energies}) "
            "do not fit; add elements.extxyz with a structure of each element (--elements), for references of its own"
        )
    if labels == "own":
        return None
    if energies == "own":
        return (
            f"model {model.key!r} gives energies on its own scale, which the references of {name} ({labels}) "
            "do not fit; it can be asked about datasets with energy_scale = 'own'"
        )
    if labels is None:
        return (
            f"the card of {name} does not say on which scale its labels are; "
            "set energy_scale = 'mp2020_corrected' or 'pbe_raw'"
        )
    if (energies, labels) == ("mp2020_corrected", "pbe_raw"):
        return f"energies of model {model.key!r} hold MP2020 corrections, the labels of {name} do not (energy_scale)"
    missing = [s.material_id for s in dataset.samples if s.material_id not in dataset.corrections]
    if (energies, labels) == ("pbe_raw", "mp2020_corrected") and missing:
        return (
            f"energies of model {model.key!r} lack the MP2020 corrections, which the labels of {name} hold, and the "
            f"dataset has no correction for {len(missing)} of {len(dataset)} materials, e.g. {missing[0]!r}; make them "
            f"with `matdisc datasets corrections {card.key}` and name the file on the card"
        )
    return None


def hubbards(elements: set[str]) -> dict[str, float]:
    """U of each element of a compound, eV; empty where the Materials Project uses plain GGA."""
    return {el: HUBBARD_U[el] for el in sorted(elements & set(HUBBARD_U))} if elements & {"O", "F"} else {}


def correction(crystal: Crystal, anions: Anions = "require_bound") -> float:
    """Return the MP2020 correction of a cell, eV: to be added to its raw GGA or GGA+U total energy.

    Run type as in the Materials Project: a compound with O or F and one of Co, Cr, Fe, Mn, Mo, Ni, V, W is GGA+U and
    takes the mixing term of that metal. Oxides, peroxides and superoxides are told apart by distances in the cell.

    Raises:
        DataError: If pymatgen refuses the crystal.
    """
    from pymatgen.core import Lattice, Structure
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility
    from pymatgen.entries.computed_entries import ComputedStructureEntry

    structure = Structure(Lattice(crystal.cell), crystal.symbols, crystal.positions)
    u = hubbards(set(crystal.symbols))
    parameters: Mapping[str, object] = {"run_type": "GGA+U" if u else "GGA", "hubbards": u, "software": "none"}
    entry = ComputedStructureEntry(structure, 0.0, parameters=dict(parameters))
    scheme = MaterialsProject2020Compatibility(check_potcar=False, strict_anions=anions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "failed to guess oxidation states": then the most electronegative one counts
        if scheme.process_entry(entry) is None:
            raise DataError(f"pymatgen has no MP2020 correction for {crystal.formula}; leave the material out")
    return float(entry.correction)
