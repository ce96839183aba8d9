"""Formation energies of binary crystals of the Materials Project, to learn from and to be tested on.

Structures come from two files of MatCalc's benchmarks, energies and hull distances from a table that joins
two releases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from math import gcd
from pathlib import Path

from matdisc.cards import DatasetCard
from matdisc.datasets.csv_rows import Row, read_rows, unique
from matdisc.datasets.elasticity import material_rows
from matdisc.datasets.load import fold_of
from matdisc.errors import DataError
from matdisc.formats.atoms import to_crystal
from matdisc.formats.pymatgen_json import read
from matdisc.physics.symmetry import symmetry
from matdisc.schema import Crystal, Dataset, Sample

BELOW = -0.005
"""eV/atom; labels further below the hull contradict themselves and are left out."""
SYMPREC = 0.1
"""Å; loose, so that versions of the symmetry finder agree."""
SMALL, N_CHOSEN = 12, 1000
"""Most atoms in a cell, and number of crystals, of the set that is trained on in minutes."""
ID, E_FORM, E_HULL, SPLIT = "mp_id", "e_form_mp2018_eV_atom", "e_above_hull_derived", "megnet_split"
TESTED = "test"


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return a thousand small crystals, chosen by the hash of the id.

    Raises:
        DataError: If a file is damaged, or the files do not fit.
    """
    small = [s for s in build_all(card, files).samples if len(s.crystal.symbols) <= SMALL]
    by_hash = sorted(small, key=lambda s: hashlib.sha256(s.material_id.encode()).digest())
    chosen = {s.material_id for s in by_hash[:N_CHOSEN]}
    return Dataset(key=card.key, samples=tuple(s for s in small if s.material_id in chosen))


def build_all(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return every binary whose label is believable.

    Inputs beside the crystal: `elements`, `prototype` (stoichiometry and space group), and the recorded split.

    Raises:
        DataError: If a file is damaged, or the files do not fit.
    """
    *structures, table = (files[file.name] for file in card.files)
    crystals: dict[str, Crystal] = {}
    for path in structures:
        crystals |= {name: crystal for name, crystal in _crystals(path) if name not in crystals}
    rows = read_rows(table, (ID, E_FORM, E_HULL, SPLIT))
    unique(rows, ID)
    samples = [_sample(card, row, crystals) for row in rows]
    return Dataset(key=card.key, samples=tuple(s for s in samples if s.target.get("e_above_hull", 0.0) >= BELOW))


def prototype(crystal: Crystal) -> str:
    """Return the stoichiometry and the space group of a crystal: `AB3, 221`; 0 where no symmetry is found."""
    counts = sorted(crystal.composition.values())
    divisor = gcd(*counts)
    letters = "".join(chr(ord("A") + i) + (str(n // divisor) if n > divisor else "") for i, n in enumerate(counts))
    found = symmetry(crystal, SYMPREC)
    return f"{letters}, {found.number if found else 0}"


def _crystals(path: Path) -> Iterator[tuple[str, Crystal]]:
    for row in material_rows(path):
        name = str(row.get("mp_id"))
        try:
            yield name, to_crystal(read(row["structure"], f"{path}, {name}").atoms)
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise DataError(f"{path}: material {name!r} is damaged ({err}); fetch the file again") from err


def _sample(card: DatasetCard, row: Row, crystals: Mapping[str, Crystal]) -> Sample:
    name, e_hull = row.text(ID), row.optional(E_HULL)
    if name not in crystals:
        raise row.error(ID, "has no structure in the other files; fetch the files again")
    crystal = crystals[name]
    target = {"e_form_per_atom": row.number(E_FORM), **({} if e_hull is None else {"e_above_hull": e_hull})}
    inputs = {
        "crystal": crystal,
        "compound": crystal.formula,
        "elements": tuple(crystal.composition),
        "prototype": prototype(crystal),
        "folds": {"recorded": 0 if row.text(SPLIT) == TESTED else -1},
    }
    group = crystal.chemical_system
    return Sample(name, inputs, target, group, fold_of(group, card.split.n_folds))
