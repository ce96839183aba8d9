"""ABX3 compounds by their formulas: computed tables of the OQMD and the Materials Project, and one of experiments.

A sample's inputs are `composition`, `sites` and `compound`, and nothing that a calculation has found. The element with
three atoms is X; of the other two, A is the one with the larger average ionic radius (Shannon's radii over all charges
and coordinations, as in pymatgen), the alphabetically first where they are equal. What is not known of a material is
left out of its target.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

from matdisc.cards import DatasetCard
from matdisc.datasets.csv_rows import Row, read_rows, unique
from matdisc.datasets.load import fold_of
from matdisc.datasets.mp_abc3 import E_FORM, E_HULL, E_TOTAL, VOLUME, flags_of, read_references
from matdisc.elements import SYMBOLS
from matdisc.schema import Dataset, Sample

SYSTEMS = ("cubic", "tetragonal", "orthorhombic", "trigonal", "hexagonal", "monoclinic", "triclinic")
"""Crystal systems; the target `crystal_system` is the place in this list."""
SPELLED = {"tet": "tetragonal", "ortho": "orthorhombic", "trig": "trigonal", "hex_": "hexagonal", "hex": "hexagonal",
           "mono": "monoclinic", "tri": "triclinic"}  # fmt: skip
"""The Materials Project table's own spellings."""
MOST_VOLUME = 60.0
"""Å^3/atom; cells beyond it have fallen apart."""
BELIEVABLE = {"e_form_per_atom": (-10.0, 10.0), "e_above_hull": (0.0, 10.0), "band_gap": (0.0, 20.0)}
"""Lowest and highest value of a label, eV/atom and eV; others are in another unit, or per cell."""
AUTHORS_FOLD = "authors"
"""Name of the published split of the experiments: -1 where its authors trained (and never tested), 0 where they did."""


class Element(NamedTuple):
    """What decides about sites and flags: mean ionic radius (Å, 0 if unknown), Pauling electronegativity, charges."""

    radius: float
    electronegativity: float
    charges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a table hold what, and what comes before its numbers in an id."""

    name: str
    formula: str
    targets: Mapping[str, str]
    system: str
    prefix: str = ""


OQMD = Layout("entry_id", "name", {"e_form_per_atom": "delta_e", "e_above_hull": "energy_above_hull",
              "band_gap": "band_gap"}, "crystal_structure", "oqmd-")  # fmt: skip
AUTHORS = Layout("entry_id", "name", {"e_form_per_atom": "Ef", "e_above_hull": "Es", "band_gap": "Eg"}, "cs", "oqmd-")
MP = Layout("mp_id", "composition", {"e_form_per_atom": E_FORM, "e_above_hull": E_HULL, "band_gap": "band_gap (eV)"},
            "crystal_system")  # fmt: skip


def build_oqmd(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return the 16,316 recovered entries of the ABX3 paper, labels from a later state of the OQMD.

    Raises:
        DataError: If a row cannot be read, is no ABX3 compound, is an anti-perovskite, or occurs twice.
    """
    return _in_folds(card, read_table(files[card.files[0].name], OQMD))


def build_authors(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return the entries of the paper's own file `oqmd_data.csv`; of its columns only name and labels are read.

    Raises: As `build_oqmd`.
    """
    return _in_folds(card, read_table(files[card.files[0].name], AUTHORS))


def build_mp(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return the ABC3 compounds of the Materials Project without the rows of `exclusions`; second file: references.

    Raises:
        DataError: If a row cannot be read, is no ABX3 compound, or occurs twice.
    """
    table, elements = (files[file.name] for file in card.files)
    references = read_references(elements)
    rows = read_rows(table, (*_columns(MP), "sites", VOLUME, E_TOTAL))
    left_out = exclusions(rows)
    kept = [row for row in rows if row.text(MP.name) not in left_out]
    samples = _samples(kept, MP, anti_perovskites=True)
    flagged = []
    for row, sample in zip(kept, samples, strict=True):
        mixed = [flag for flag in flags_of(row, sample.inputs["composition"], references) if flag == "mixed_r2scan"]
        flagged.append(replace(sample, flags=(*sample.flags, *mixed)))
    return _in_folds(card, flagged)


def build_experiments(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return compounds that were made and are perovskites, or are not (Bartel et al., Sci. Adv. 5, eaav0693 (2019)).

    A and B are the authors'. `inputs["folds"]` has their split under `authors`.

    Raises:
        DataError: If a row cannot be read, contradicts itself, or occurs twice.
    """
    rows = read_rows(files[card.files[0].name], ("ABX3", "exp_label", "is_train", "A", "B", "X"))
    unique(rows, "ABX3")
    return _in_folds(card, [_experiment(row) for row in rows])


def read_table(path: Path, layout: Layout, *, anti_perovskites: bool = False) -> tuple[Sample, ...]:
    """Return one sample without fold for each row of a table, in its order.

    Flags: `unbalanced` (no choice of known charges adds up to zero), `anti_perovskite` (X is not the most
    electronegative element).

    Raises: As `build_oqmd`; anti-perovskites are refused unless asked for.
    """
    return _samples(read_rows(path, _columns(layout)), layout, anti_perovskites=anti_perovskites)


def exclusions(rows: Sequence[Row]) -> dict[str, str]:
    """Return the ids of the Materials Project table that are left out, each with the reason."""
    found = {}
    for row in rows:
        if not any((row.values.get(name) or "").strip() for name in (E_FORM, E_HULL)):
            found[row.text(MP.name)] = "no energies"
        elif row.number(VOLUME) / row.number("sites") > MOST_VOLUME:
            found[row.text(MP.name)] = f"more than {MOST_VOLUME:g} Å^3/atom"
    return found


def parse_formula(text: str) -> dict[str, int]:
    """Atoms of each element in the smallest whole numbers: `CaTiO3`, `Ca1 Ti1 O3` and `Ca2Ti2O6` are the same.

    Raises:
        ValueError: If the text is no formula, has an unknown element, or names one twice.
    """
    joined = "".join(text.split())
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", joined)
    if not parts or "".join(symbol + number for symbol, number in parts) != joined:
        raise ValueError("is no formula of elements and whole numbers; write it like CaTiO3")
    counts = {symbol: int(number or 1) for symbol, number in parts}
    unknown = [symbol for symbol in counts if symbol not in SYMBOLS]
    if unknown:
        raise ValueError(f"has {unknown[0]!r}, which is no element; correct it")
    if len(counts) < len(parts) or 0 in counts.values():
        raise ValueError("names an element twice, or none of it; write each once")
    divisor = gcd(*counts.values())
    return {symbol: n // divisor for symbol, n in counts.items()}


def sites_of(composition: Mapping[str, int]) -> dict[str, str]:
    """Return the elements on A, B and X.

    Raises:
        ValueError: If the composition is not one, one and three atoms of three elements.
    """
    if sorted(composition.values()) != [1, 1, 3]:
        raise ValueError("is no ABX3 compound (one, one and three atoms of three elements); leave the row out")
    x_site = next(el for el, n in composition.items() if n == 3)
    others = sorted(set(composition) - {x_site}, key=lambda el: (-element(el).radius, el))
    return {"A": others[0], "B": others[1], "X": x_site}


def flags_of_sites(sites: Mapping[str, str]) -> tuple[str, ...]:
    """Return `anti_perovskite` and `unbalanced`, as far as they hold; see `read_table`."""
    a, b, x = (element(sites[site]) for site in "ABX")
    anti = x.electronegativity < max(a.electronegativity, b.electronegativity)
    balanced = any(p + q + 3 * r == 0 for p, q, r in product(a.charges, b.charges, x.charges))
    return (*(("anti_perovskite",) if anti else ()), *(() if balanced else ("unbalanced",)))


def element(symbol: str) -> Element:
    """Return what is known of an element, from a table made with pymatgen and kept here, so that sites never change."""
    return _elements()[symbol]


@cache
def _elements() -> dict[str, Element]:
    rows = read_rows(Path(__file__).with_name("perovskite_elements.csv"), ("element", "radius"))
    return {
        row.text("element"): Element(
            row.optional("radius") or 0.0,
            row.optional("electronegativity") or 0.0,
            tuple(int(charge) for charge in row.values["oxidation_states"].split()),
        )
        for row in rows
    }


def _columns(layout: Layout) -> tuple[str, ...]:
    return (layout.name, layout.formula, *layout.targets.values(), layout.system)


def _samples(rows: Sequence[Row], layout: Layout, *, anti_perovskites: bool) -> tuple[Sample, ...]:
    unique(rows, layout.name)
    samples = []
    for row in rows:
        inputs, flags = _inputs(row, layout.formula)
        if "anti_perovskite" in flags and not anti_perovskites:
            raise row.error(layout.formula, "is an anti-perovskite (X is not the anion); leave the row out")
        found = {name: _label(row, name, column) for name, column in layout.targets.items()}
        target = {name: value for name, value in found.items() if value is not None}
        target["crystal_system"] = _system(row, layout.system)
        group = "-".join(sorted(inputs["composition"]))
        samples.append(Sample(f"{layout.prefix}{row.text(layout.name)}", inputs, target, group=group, flags=flags))
    return tuple(samples)


def _inputs(row: Row, field: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    try:
        composition = dict(sorted(parse_formula(row.text(field)).items()))
        sites = sites_of(composition)
    except ValueError as err:
        raise row.error(field, str(err)) from None
    compound = "".join(f"{el}{n if n > 1 else ''}" for el, n in composition.items())
    return {"composition": composition, "sites": sites, "compound": compound}, flags_of_sites(sites)


def _label(row: Row, name: str, column: str) -> float | None:
    value = row.optional(column)
    low, high = BELIEVABLE[name]
    if value is not None and not low <= value <= high:
        unit = "eV" if name == "band_gap" else "eV/atom"
        raise row.error(column, f"is not between {low:g} and {high:g} {unit}; give it in that unit")
    return value


def _system(row: Row, field: str) -> float:
    text = row.text(field).lower()
    system = SPELLED.get(text, text)
    if system not in SYSTEMS:
        raise row.error(field, f"is no crystal system; allowed: {', '.join(SYSTEMS)}")
    return float(SYSTEMS.index(system))


def _experiment(row: Row) -> Sample:
    inputs, _ = _inputs(row, "ABX3")
    sites = {site: row.text(site) for site in "ABX"}
    if sites["X"] != inputs["sites"]["X"] or sorted(sites.values()) != sorted(inputs["composition"]):
        raise row.error("ABX3", f"does not have {', '.join(sites.values())} on A, B and X; correct one of the fields")
    for field in ("exp_label", "is_train"):
        if row.number(field) not in (1, -1):
            raise row.error(field, "is neither 1 nor -1")
    perovskite, trained = float(row.number("exp_label") == 1), row.number("is_train") == 1
    inputs = {**inputs, "sites": sites, "folds": {AUTHORS_FOLD: -1 if trained else 0}}
    group = "-".join(sorted(inputs["composition"]))
    return Sample(row.text("ABX3"), inputs, {"perovskite": perovskite}, group=group, flags=flags_of_sites(sites))


def _in_folds(card: DatasetCard, samples: Sequence[Sample]) -> Dataset:
    folds = card.split.n_folds
    return Dataset(card.key, tuple(replace(sample, fold=fold_of(sample.group, folds)) for sample in samples))
