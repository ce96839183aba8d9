"""Perov-5: five-atom cells of 56 elements with heats of formation by RPBE (Castelli et al., 2012), files as in CDVAE.

Scored is the test file; the train part is the validation file without the chemical systems of the test file, which the
published split has in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matdisc.cards import DatasetCard
from matdisc.datasets.csv_rows import Row, read_rows, unique
from matdisc.errors import DataError
from matdisc.formats.atoms import to_crystal
from matdisc.formats.cif import blocks
from matdisc.schema import Dataset, Sample

COLUMNS = ("material_id", "cif", "heat_all", "heat_ref")
BELIEVABLE = 20.0
"""Largest heat, eV/atom."""


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return the cells of the first file of a card as samples, and those of the second that share no chemical system
    with them as the train part.

    `e_form_per_atom` is `heat_ref` (against reference phases), `e_above_hull` is `heat_all` (against all competing
    phases), eV/atom; upstream documents neither.

    Raises:
        DataError: If a file is damaged, or an id occurs twice.
    """
    samples, others = (read_cells(files[file.name]) for file in card.files)
    tested = {sample.group for sample in samples}
    ids = {sample.material_id for sample in samples}
    twice = [sample.material_id for sample in others if sample.material_id in ids]
    if twice:
        raise DataError(f"dataset {card.key!r}: {twice[0]} is in both files; restore them")
    return Dataset(card.key, samples, train=tuple(sample for sample in others if sample.group not in tested))


def read_cells(path: Path) -> tuple[Sample, ...]:
    """Return the cells of a file as samples without fold, in the order of its rows.

    Raises:
        DataError: If a row has no structure or no heat.
    """
    rows = read_rows(path, COLUMNS)
    unique(rows, "material_id")
    return tuple(_sample(row) for row in rows)


def _sample(row: Row) -> Sample:
    try:
        ((_, atoms),) = blocks(row.text("cif"), f"{row.path}, line {row.line}")
    except DataError:
        raise
    except Exception as err:  # whatever ASE raises
        raise row.error("cif", f"is no CIF of one structure ({type(err).__name__}); restore the file") from None
    crystal = to_crystal(atoms)
    heats = {name: row.number(name) for name in ("heat_all", "heat_ref")}
    wild = [name for name, value in heats.items() if abs(value) > BELIEVABLE]
    if wild:
        raise row.error(wild[0], f"is beyond {BELIEVABLE:g} eV/atom; give it in eV/atom")
    return Sample(
        f"perov-{row.text('material_id')}",
        {"crystal": crystal, "compound": crystal.formula, "prototype": "perovskite"},
        {"e_form_per_atom": heats["heat_ref"], "e_above_hull": heats["heat_all"]},
        group=crystal.chemical_system,
    )
