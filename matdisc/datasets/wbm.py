"""Matbench Discovery's test set (WBM): 256,963 materials as labels, read from its public summary table.

The table holds no structures, so predictions can be scored on it and models cannot be run.
Wang, Botti & Marques, npj Comput. Mater. 7, 12 (2021); Riebesell et al., arXiv:2308.14920.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Ints
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.errors import DataError

E_FORM = "e_form_per_atom_mp2020_corrected"
E_HULL = "e_above_hull_mp2020_corrected_ppd_mp"
UNIQUE = "unique_prototype"
NEEDED = ("material_id", E_FORM, E_HULL)
PROTOTYPES = ("protostructure_spglib", "wyckoff_spglib")
"""Name of the prototype column, and its name in copies from before 2026-05-19."""


def build(card: DatasetCard, files: Mapping[str, Path]) -> Truth:
    """Return the labels of the summary table, the first file of the card.

    Groups are what the card's split says: chemical systems, prototypes, or (where the table names no formula) single
    materials. The flag `unique_prototype` marks Matbench Discovery's headline set; a sample of the table may lack it.

    Raises:
        DataError: If the file is not that table, or a label is missing or not finite.
    """
    path = files[card.files[0].name]
    table = _read(path, [*NEEDED, *(UNIQUE for subset in card.subsets if subset.flag == UNIQUE)])
    targets = {"e_form_per_atom": _column(path, table, E_FORM), "e_above_hull": _column(path, table, E_HULL)}
    ids = table["material_id"].combine_chunks()
    if len(ids.unique()) != len(ids):
        raise DataError(f"{path}: a material id occurs twice; fetch the file again")
    formulas = table["formula"].combine_chunks() if "formula" in table.column_names else None
    prototype = next((name for name in PROTOTYPES if name in table.column_names), None)
    prototypes = table[prototype].combine_chunks() if prototype else None
    return Truth(
        key=card.key,
        material_ids=ids,
        targets=targets,
        groups=_groups(card.split.by, formulas, prototypes, len(ids)),
        formulas=formulas,
        n_atoms=_column(path, table, "n_sites") if "n_sites" in table.column_names else None,
        prototypes=prototypes,
        flags={UNIQUE: _flag(path, table)} if UNIQUE in table.column_names else {},
    )


def is_wbm(material_ids: Any) -> bool:
    """Whether all ids are WBM's, like `wbm-3-123`."""
    import pyarrow.compute as pc

    return bool(pc.all(pc.match_substring_regex(material_ids, r"^wbm-\d+-\d+$")).as_py())


def substitution_step(material_ids: Any) -> Ints:
    """Return the first number of ids like `wbm-3-123`: how many substitutions away from the training data."""
    import pyarrow.compute as pc

    steps = pc.extract_regex(material_ids, r"^wbm-(?P<step>\d+)-").field("step")
    return np.asarray(steps.cast("int64").to_numpy(zero_copy_only=False), np.int64)


@lru_cache(maxsize=65536)
def chemical_system(formula: str) -> str:
    """Return the element symbols of a formula, sorted and joined: `Ba-O-Ti`."""
    return "-".join(sorted(set(re.findall(r"[A-Z][a-z]?", formula))))


def _read(path: Path, needed: Sequence[str]) -> Any:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    wanted = (*NEEDED, UNIQUE, "formula", "n_sites", *PROTOTYPES)
    try:
        with pa.input_stream(str(path), compression="gzip" if path.suffix == ".gz" else None) as stream:
            header = stream.read(100_000).split(b"\n", 1)[0].decode().rstrip("\r").split(",")
        columns = [name for name in wanted if name in header]
        missing = [name for name in needed if name not in header]
        if missing:
            raise DataError(f"{path}: no column {missing[0]!r}; this is not the summary table of Matbench Discovery")
        text = {name: pa.string() for name in ("material_id", "formula", *PROTOTYPES)}
        return arrow_csv.read_csv(
            str(path), convert_options=arrow_csv.ConvertOptions(include_columns=columns, column_types=text)
        )
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError, EOFError) as err:
        raise DataError(f"{path}: cannot be read as a table ({str(err)[:200]}); fetch the file again") from err


def _column(path: Path, table: Any, name: str) -> Any:
    try:
        values = np.asarray(table[name].cast("float64").to_numpy(), float)
    except (ValueError, NotImplementedError) as err:
        raise DataError(f"{path}: column {name!r} holds text; fetch the file again") from err
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise DataError(f"{path}, line {row + 2}: {name!r} is {values[row]}; fetch the file again")
    return values


def _flag(path: Path, table: Any) -> Bools:
    import pyarrow as pa

    column = table[UNIQUE]
    if not pa.types.is_boolean(column.type) or column.null_count:
        raise DataError(f"{path}: column {UNIQUE!r} is not True or False throughout; fetch the file again")
    return np.asarray(column.combine_chunks().to_numpy(zero_copy_only=False), bool)


def _groups(by: str, formulas: Any, prototypes: Any, n: int) -> Ints:
    labels = prototypes if by == "prototype" else formulas
    if labels is None:
        return np.arange(n)
    texts = labels.to_pylist()
    if by != "prototype":
        texts = [chemical_system(formula) for formula in texts]
    _, codes = np.unique(np.array(texts, dtype=str), return_inverse=True)
    return np.asarray(codes, np.int64)
