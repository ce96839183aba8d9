"""Ordered alloys with exact labels: the frozen table of effective-medium-theory energies, read back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matdisc.cards import DatasetCard
from matdisc.datasets.csv_rows import Row, read_rows, unique
from matdisc.datasets.load import fold_of
from matdisc.datasets.prototypes import PROTOTYPES, crystal
from matdisc.schema import Crystal, Dataset, Sample

METALS = ("Ag", "Al", "Au", "Cu", "Ni", "Pd", "Pt")
"""The metals that effective medium theory is meant for."""

COLUMNS = (
    "material_id",
    "prototype",
    "elements",
    "a_angstrom",
    "c_angstrom",
    "z",
    "energy_per_atom",
    "e_form_per_atom",
    "e_above_hull",
)
"""Columns of the table. `elements` are those of the prototype's kinds of sites, in its order."""


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return the alloys of the card's held-out chemical systems as samples, all others as the train part.

    `relaxed` holds those that are minima of the potential and not saddle points (see `generate.emt_minima`).

    Raises:
        DataError: If the table is damaged.
    """
    rows = read_rows(files["crystals.csv"], COLUMNS)
    unique(rows, "material_id")
    elements = {row.text("elements"): _crystal(row) for row in rows if row.text("prototype") == "fcc"}
    alloys = [_sample(row) for row in rows if row.text("prototype") != "fcc"]
    held_out = [s for s in alloys if fold_of(s.group, card.split.n_folds) in card.split.held_out_folds]
    ids = {s.material_id for s in held_out}
    minima = read_rows(files["minima.csv"], ("material_id", "minimum"))
    kept = {row.text("material_id") for row in minima if row.truth("minimum")}
    return Dataset(
        key=card.key,
        samples=tuple(held_out),
        train=tuple(s for s in alloys if s.material_id not in ids),
        reference_crystals=elements,
        relaxed={s.material_id: s.crystal for s in held_out if s.material_id in kept},
    )


def material_id(prototype: str, elements: tuple[str, ...]) -> str:
    """Name of an alloy: `Al3Ni-L1_2`; where the formula does not tell the sites, the first one: `AlCuNi-C1_b-Al`."""
    counts = [sum(index == i for index, _ in PROTOTYPES[prototype].sites) for i in range(len(elements))]
    least = min(counts)
    formula = "".join(
        sorted(el + (str(n // least) if n > least else "") for el, n in zip(elements, counts, strict=True))
    )
    return f"{formula}-{prototype}" + (f"-{elements[0]}" if prototype == "C1_b" else "")


def _crystal(row: Row) -> Crystal:
    a, c, z = row.number("a_angstrom"), row.optional("c_angstrom"), row.optional("z")
    try:
        return crystal(row.text("prototype"), row.text("elements").split(), a, c=c, z=z)
    except ValueError as err:
        raise row.error("prototype", f"does not suit the row: {err}") from None


def _sample(row: Row) -> Sample:
    built = _crystal(row)
    return Sample(
        row.text("material_id"),
        {"crystal": built, "compound": built.formula, "prototype": row.text("prototype")},
        {name: row.number(name) for name in ("e_form_per_atom", "e_above_hull")},
        group=built.chemical_system,
    )
