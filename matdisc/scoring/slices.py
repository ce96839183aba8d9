"""Metrics by category of materials as tables: element, number of elements, anion class, prototype, substitution."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.datasets.truth import Truth
from matdisc.datasets.wbm import is_wbm, substitution_step
from matdisc.metrics.slices import ANION_CLASSES, anion_labels, multi_label_totals, slice_metrics, sliced_totals
from matdisc.metrics.structures import structure_metrics
from matdisc.scoring.figures import Table

SECTION = "Slices"
FEWEST = 5
"""Smaller categories are left out: a metric of four materials tells nothing."""
MOST_ELEMENTS = 120
MOST_ROWS = 20
"""Rows of any other table."""
ORDER = ("anion", "n_elements", "prototype", "substitution_step")


@dataclass(frozen=True)
class Metrics:
    """What the tables of slices show.

    Attributes:
        of: Summed terms, shape (n_categories, n_terms), to metrics, `n` (materials) among them.
        heads: Key of each column and its head.
        coloured: Heads that a periodic table can show, the first defined one is taken, and whether more is better.
    """

    of: Callable[[Floats], Mapping[str, Floats]]
    heads: Mapping[str, str]
    coloured: Mapping[str, bool]


def _structures(totals: Floats) -> dict[str, Floats]:
    return {"n": totals[..., 0], **structure_metrics(totals)}


STABILITY = Metrics(
    slice_metrics,
    {"n": "Materials", "n_stable": "Stable", "f1": "F1", "daf": "DAF", "precision": "Precision", "recall": "Recall",
     "mae": "MAE, eV/atom"},
    {"MAE, eV/atom": False, "F1": True},
)  # fmt: skip
STRUCTURES = Metrics(
    _structures,
    {"n": "Materials", "rmsd": "RMSD", "symmetry_match_loose": "Symmetry kept (0.1 Å)",
     "volume_abs_error": "Volume error, %"},
    {"Volume error, %": False},
)  # fmt: skip


def slice_tables(truth: Truth, terms: Floats, keep: Bools, metrics: Metrics) -> list[Table]:
    """Return a table for each kind of category that the dataset knows and that has two categories at least.

    Args:
        truth: The dataset.
        terms: Row terms of the kept materials, shape (n_kept, n_terms).
        keep: Which materials are kept, shape (n_materials,).
        metrics: What is shown.
    """
    key = ("slices", keep.tobytes())
    if key not in truth.derived:
        truth.derived[key] = list(_categories(truth, keep))
    found = {kind: (names, metrics.of(total(terms))) for kind, names, total in truth.derived[key]}
    rows = {kind: np.flatnonzero(columns["n"] >= FEWEST) for kind, (_, columns) in found.items()}
    shown = [kind for kind in ("element", *ORDER) if len(rows.get(kind, ())) > 1]
    return [
        (_element_table if kind == "element" else _table)(kind, *found[kind], rows[kind], metrics) for kind in shown
    ]


def _categories(truth: Truth, keep: Bools) -> Iterator[tuple[str, Sequence[str], Callable[[Floats], Floats]]]:
    """Yield each kind of category, the names of its categories, and the function from terms to their sums."""

    def by(labels: Ints, n: int) -> Callable[[Floats], Floats]:
        return partial(sliced_totals, labels=labels, n_labels=n)

    if truth.formulas is not None:
        symbols, pointer, indices = memberships(truth.formulas, keep)
        of_elements = partial(multi_label_totals, index_ptr=pointer, indices=indices, n_labels=len(symbols))
        yield "element", symbols, of_elements
        sizes = np.diff(pointer)
        names = [str(n) for n in range(int(sizes.max(initial=0)) + 1)]
        yield "n_elements", names, by(sizes, len(names))
        yield "anion", ANION_CLASSES, by(anion_labels(pointer, indices, symbols), len(ANION_CLASSES))
    if truth.prototypes is not None and truth.prototypes.null_count == 0:
        encoded = truth.prototypes.dictionary_encode()
        names = [re.sub(r":.*", "", name) for name in encoded.dictionary.to_pylist()]
        labels = encoded.indices.to_numpy()[keep]
        unique, merged = np.unique(np.array(names, dtype=str), return_inverse=True)
        yield "prototype", unique.tolist(), by(merged[labels], len(unique))
    if is_wbm(truth.material_ids):
        steps = substitution_step(truth.material_ids)[keep]
        yield "substitution_step", [str(n) for n in range(6)], by(steps, 6)


def _element_table(
    kind: str, names: Sequence[str], columns: Mapping[str, Floats], rows: Ints, metrics: Metrics
) -> Table:
    """Return a periodic table: the coloured number and the number of materials come first."""
    if len(rows) > MOST_ELEMENTS:
        rows = _largest(columns["n"], rows)[:MOST_ELEMENTS]
    shown = _defined(columns, rows, metrics)
    note = f"A material counts for each of its elements; those with fewer than {FEWEST} materials are left out."
    colour = next((head for head in metrics.coloured if head in shown), None)
    if colour is None:
        return _made(kind, "By element", names, shown, rows, note)
    first = {colour: shown[colour], metrics.heads["n"]: shown[metrics.heads["n"]]}
    better = metrics.coloured[colour]
    note = f"{colour} in colour: darker is {'better' if better else 'a larger error'}, by order. {note}"
    return _made(kind, "By element", names, first | shown, rows, note, periodic=True, better=better)


def _table(kind: str, names: Sequence[str], columns: Mapping[str, Floats], rows: Ints, metrics: Metrics) -> Table:
    n_all, note = len(rows), ""
    if kind == "prototype" or n_all > MOST_ROWS:
        rows = _largest(columns["n"], rows)[:MOST_ROWS]
    if len(rows) < n_all:
        note = f"The {len(rows)} largest of {n_all:,} with at least {FEWEST} materials."
    title = {"n_elements": "number of elements", "anion": "anion class"}.get(kind, kind.replace("_", " "))
    return _made(kind, f"By {title}", names, _defined(columns, rows, metrics), rows, note)


def _largest(n: Floats, rows: Ints) -> Ints:
    return rows[np.argsort(-n[rows], kind="stable")]


def _defined(columns: Mapping[str, Floats], rows: Ints, metrics: Metrics) -> dict[str, Floats]:
    """Columns by head; one without any number is left out."""
    found = {head: columns[key][rows] for key, head in metrics.heads.items()}
    return {head: values for head, values in found.items() if np.isfinite(values).any()}


def _made(
    kind: str, title: str, names: Sequence[str], columns: Mapping[str, Floats], rows: Ints, note: str,
    *, periodic: bool = False, better: bool = False,
) -> Table:  # fmt: skip
    head = (title.removeprefix("By ").capitalize(), *columns)
    cells = [(names[int(i)], *values) for i, values in zip(rows, zip(*columns.values(), strict=True), strict=True)]
    return Table(
        f"slice-{kind}", title, head, cells, note, SECTION, layout="periodic" if periodic else "rows",
        better="higher" if better else "lower",
    )  # fmt: skip


def memberships(formulas: Any, keep: Bools) -> tuple[list[str], Ints, Ints]:
    """Return element symbols, and which of them each kept formula holds, as pointer and indices (CSR form)."""
    encoded = formulas.filter(keep).dictionary_encode() if not keep.all() else formulas.dictionary_encode()
    sets = [elements_of(text) for text in encoded.dictionary.to_pylist()]
    symbols = sorted({symbol for elements in sets for symbol in elements})
    place = {symbol: i for i, symbol in enumerate(symbols)}
    rows = [np.array([place[symbol] for symbol in elements], np.int64) for elements in sets]
    order = encoded.indices.to_numpy()
    sizes = np.array([len(row) for row in rows], np.int64)
    flat, starts = np.concatenate([*rows, np.empty(0, np.int64)]), np.concatenate([[0], np.cumsum(sizes)])
    pointer = np.concatenate([[0], np.cumsum(sizes[order])])
    within = np.arange(pointer[-1]) - np.repeat(pointer[:-1], sizes[order])
    return symbols, pointer, flat[np.repeat(starts[order], sizes[order]) + within]


@lru_cache(maxsize=1024)
def elements_of(formula: str) -> tuple[str, ...]:
    """Return the distinct element symbols of a formula, sorted."""
    return tuple(sorted(set(re.findall(r"[A-Z][a-z]?", formula))))
