"""Cubic perovskites of the Materials Project: public label table, frozen A sites, elemental references."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from pathlib import Path

from matdisc.cards import DatasetCard
from matdisc.datasets.corrections import read_corrections
from matdisc.datasets.csv_rows import Row, read_rows, unique
from matdisc.datasets.load import fold_of
from matdisc.datasets.prototypes import perovskite
from matdisc.errors import DataError
from matdisc.schema import Dataset, Sample

TABLE = "abc3_mp_4557.csv"
SITES = "site_assignment.csv"
CORRECTIONS = "mp2020_corrections.csv"
REFERENCES = "2023-02-07-mp-elemental-reference-entries.json.gz"

E_FORM = "formation_energy (eV/atom)"
E_HULL = "energy_above_hull (eV/atom)"
E_TOTAL = "energy_per_atom (eV/atom)"
VOLUME = "volume (cubic-angstrom)"
COLUMNS = ("mp_id", "composition", "sites", "space_group", E_FORM, E_HULL, E_TOTAL, VOLUME)

MIXED_BELOW = -0.5
"""Total energy minus references minus formation energy, eV/atom, below which a total is on the r2SCAN scale.

Nothing lies between -1.1 and -0.05, so any cut in the gap gives the same rows.
"""
NEWER_THAN_MPTRJ = 2_000_000
"""Ids above this number were given after the training set MPtrj was drawn from the Materials Project."""


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return the 1,367 five-atom cubic cells with their labels, in the order of the site assignment.

    Raises:
        DataError: If a file is damaged, or the files do not belong together.
    """
    samples = samples_of(files[TABLE], files[SITES], files[REFERENCES], n_folds=card.split.n_folds)
    return Dataset(
        key=card.key,
        samples=samples,
        references=read_references(files[REFERENCES]),
        corrections=read_corrections(files[CORRECTIONS], [s.material_id for s in samples]),
    )


def samples_of(table: Path, site_file: Path, reference_file: Path, *, n_folds: int) -> tuple[Sample, ...]:
    """Return one sample for each row of the site assignment, joined with its row of the public table.

    Raises:
        DataError: If a file is damaged, or a cubic row has no A site.
    """
    references = read_references(reference_file)
    rows = {row.text("mp_id"): row for row in read_rows(table, COLUMNS) if is_cubic_perovskite(row)}
    sites = read_rows(site_file, ("mp_id", "A_site"))
    unique(sites, "mp_id")
    samples = tuple(_sample(site, _partner(site, rows), references, n_folds) for site in sites)
    left = sorted(set(rows) - {s.material_id for s in samples})
    if left:
        raise DataError(f"{site_file}: no A site for {len(left)} cubic rows, e.g. {left[0]!r}; restore the file")
    return samples


def is_cubic_perovskite(row: Row) -> bool:
    """Whether a row of the table has the space group and the number of atoms of the cubic perovskite."""
    return row.values["space_group"] == "Pm-3m" and row.values["sites"] == "5"


def read_references(path: Path) -> dict[str, float]:
    """Return the energy of each element, eV/atom, from serialised entries (eV per cell), read as plain JSON.

    Raises:
        DataError: If the file is not such a table.
    """
    try:
        entries = json.loads(gzip.decompress(path.read_bytes()))
        return {el: e["energy"] / sum(e["composition"].values()) for el, e in sorted(entries.items())}
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as err:
        raise DataError(
            f"{path}: not a table of elemental reference entries ({type(err).__name__}: {err}); "
            "delete it and pull it again"
        ) from err


def parse_composition(text: str) -> dict[str, int]:
    """Atoms of each element of a spaced formula: `H3 C1 I1` is hydrogen, carbon and iodine.

    Raises:
        ValueError: If the text is no spaced formula, or names an element twice.
    """
    counts: dict[str, int] = {}
    for part in text.split():
        match = re.fullmatch(r"([A-Z][a-z]?)(\d+)", part)
        if match is None or match[1] in counts:
            raise ValueError(f"{text!r} is not a formula like 'Ac1 Al1 O3'")
        counts[match[1]] = int(match[2])
    return counts


def flags_of(row: Row, composition: Mapping[str, int], references: Mapping[str, float]) -> tuple[str, ...]:
    """Return `mixed_r2scan` and `overlap_likely`, as far as they hold for a row.

    `mixed_r2scan`: the total energy lies far below what the formation energy and GGA references give, so it
    comes from the r2SCAN part of the mixed hull. `overlap_likely`: the material is old enough for MPtrj.
    """
    atoms = sum(composition.values())
    elements = sum(n * references[el] for el, n in composition.items()) / atoms
    mixed = row.number(E_TOTAL) - elements - row.number(E_FORM) < MIXED_BELOW
    old = int(row.text("mp_id").removeprefix("mp-")) <= NEWER_THAN_MPTRJ
    return (*(("mixed_r2scan",) if mixed else ()), *(("overlap_likely",) if old else ()))


def _partner(site: Row, rows: Mapping[str, Row]) -> Row:
    row = rows.get(site.text("mp_id"))
    if row is None:
        raise site.error("mp_id", f"is not a cubic row of {TABLE}; the two files do not belong together")
    return row


def _sample(site: Row, row: Row, references: Mapping[str, float], n_folds: int) -> Sample:
    try:
        composition = parse_composition(row.text("composition"))
    except ValueError as err:
        raise row.error("composition", f"cannot be read: {err}") from None
    x_site = [el for el, n in composition.items() if n == 3]
    others = [el for el, n in composition.items() if n == 1]
    if len(x_site) != 1 or len(others) != 2:
        raise row.error("composition", "is not one, one and three atoms of three elements")
    if site.text("A_site") not in others:
        raise site.error("A_site", f"is not one of {' and '.join(others)}")
    unknown = [el for el in composition if el not in references]
    if unknown:
        raise row.error("composition", f"has {unknown[0]}, which has no reference energy in {REFERENCES}")
    a_site = site.text("A_site")
    b_site = others[1 - others.index(a_site)]
    crystal = perovskite(a_site, b_site, x_site[0], row.number(VOLUME) ** (1 / 3))
    group = crystal.chemical_system
    return Sample(
        row.text("mp_id"),
        {"crystal": crystal, "compound": crystal.formula, "prototype": "perovskite"},
        {"e_form_per_atom": row.number(E_FORM), "e_above_hull": row.number(E_HULL)},
        group=group,
        fold=fold_of(group, n_folds),
        flags=flags_of(row, composition, references),
    )
