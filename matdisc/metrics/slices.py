"""Metrics by category: which chemistries, sizes or prototypes is a model good at?

A category adds up `row_terms` of its materials, and `metrics_from_totals` does the rest, so the metrics of a slice
follow the same rules as the headline. A material belongs to one category (anion class, number of elements) or to
several (elements).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matdisc.arrays import Floats, Ints
from matdisc.metrics.stability import COUNTS, TERMS, metrics_from_totals

ANIONS = {
    "F": "fluoride",
    "O": "oxide",
    "Cl": "halide",
    "N": "pnictide",
    "Br": "halide",
    "I": "halide",
    "S": "chalcogenide",
    "Se": "chalcogenide",
    "H": "hydride",
    "P": "pnictide",
    "As": "pnictide",
    "Te": "chalcogenide",
    "Sb": "pnictide",
}
"""Class of each anion by falling Pauling electronegativity: 3.98, 3.44, 3.16, 3.04, 2.96, 2.66, 2.58, 2.55, 2.20,
2.19, 2.18, 2.10, 2.05 (CRC Handbook of Chemistry and Physics)."""

ANION_CLASSES = ("oxide", "fluoride", "halide", "chalcogenide", "pnictide", "hydride", "intermetallic", "element")
"""Every answer of `anion_class`, in the order of display."""


def anion_class(elements: Collection[str]) -> str:
    """Return the class of a compound by its most electronegative anion.

    The rule: of the elements in the compound, the one that stands first in `ANIONS` (F, O, Cl, N, Br, I, S, Se, H,
    P, As, Te, Sb) decides: oxide (O), fluoride (F), halide (Cl, Br, I), chalcogenide (S, Se, Te), pnictide (N, P,
    As, Sb) or hydride (H). Anything else is an intermetallic, which includes carbides, borides, silicides and
    bismuthides. One element alone is no compound: "element". Oxidation states play no role, so BiOCl and
    carbonates are oxides, oxyfluorides fluorides, and NH3 is a pnictide.

    Args:
        elements: Chemical symbols of the compound, such as ("Na", "Cl"); order and repeats do not matter.

    Raises:
        ValueError: If there is no element, or text such as "NaCl" is given for a collection of symbols.
    """
    present = set(elements)
    if isinstance(elements, str) or not present:
        raise ValueError(f"a collection of at least one chemical symbol is needed, not {elements!r}")
    if len(present) == 1:
        return "element"
    return next((kind for symbol, kind in ANIONS.items() if symbol in present), "intermetallic")


def anion_labels(index_ptr: ArrayLike, indices: ArrayLike, symbols: Sequence[str]) -> Ints:
    """Return the position in `ANION_CLASSES` of each material's `anion_class`, shape (n_materials,), all at once.

    Args:
        index_ptr: Where the elements of each material begin and end, shape (n_materials + 1,).
        indices: Position in `symbols` of each element of each material, shape (index_ptr[-1],), no repeats
            within a material.
        symbols: Chemical symbols.

    Raises:
        ValueError: If the index arrays do not fit together or a material has no element.
    """
    ptr, indices = _memberships(index_ptr, indices, len(symbols))
    sizes = np.diff(ptr)
    if np.any(sizes == 0):
        raise ValueError(f"{np.count_nonzero(sizes == 0)} materials have no element")
    place = {symbol: i for i, symbol in enumerate(ANIONS)}
    places = np.array([place.get(symbol, len(place)) for symbol in symbols], np.int64)
    kinds = np.array([ANION_CLASSES.index(kind) for kind in (*ANIONS.values(), "intermetallic")])
    if len(sizes) == 0:
        return np.zeros(0, np.int64)
    first = np.minimum.reduceat(places[indices], ptr[:-1])
    return np.where(sizes == 1, ANION_CLASSES.index("element"), kinds[first])


def arity(elements: Collection[str]) -> int:
    """Return the number of different elements; for many materials it is `np.diff(index_ptr)`."""
    return len(set(elements))


def sliced_totals(terms: Floats, labels: ArrayLike, n_labels: int) -> Floats:
    """Return the sum of `terms` over the rows of each category, shape (n_labels, n_terms).

    Args:
        terms: Per-material terms, shape (n_materials, n_terms).
        labels: Category of each material, shape (n_materials,), 0 to n_labels - 1; -1 means none, left out.
        n_labels: Number of categories; those without a row have zeros.

    Raises:
        ValueError: If the lengths differ or a label is not a whole number in that range.
    """
    labels = _whole(labels, "labels")
    if len(labels) != len(terms):
        raise ValueError(f"{len(terms)} rows but {len(labels)} labels")
    if np.any((labels < -1) | (labels >= n_labels)):
        raise ValueError(f"labels have to be -1 to {n_labels - 1}, not {labels.min()} to {labels.max()}")
    sums = [np.bincount(labels + 1, column, n_labels + 1)[1:] for column in terms.T]
    return np.stack(sums, axis=-1)


def multi_label_totals(terms: Floats, index_ptr: ArrayLike, indices: ArrayLike, n_labels: int) -> Floats:
    """Return the sum of `terms` over the rows of each category when a row can have several, or none.

    The categories of row i are `indices[index_ptr[i]:index_ptr[i + 1]]`, each at most once (as the column indices
    of a matrix in CSR form). A row counts fully in each of its categories.

    Args:
        terms: Per-material terms, shape (n_materials, n_terms).
        index_ptr: Where the categories of each row begin and end, shape (n_materials + 1,).
        indices: Categories of all rows, 0 to n_labels - 1, shape (index_ptr[-1],).
        n_labels: Number of categories; those without a row have zeros.

    Raises:
        ValueError: If the index arrays do not fit the rows or each other.
    """
    ptr, indices = _memberships(index_ptr, indices, n_labels)
    if len(ptr) != len(terms) + 1:
        raise ValueError(f"{len(terms)} rows need {len(terms) + 1} values in index_ptr, not {len(ptr)}")
    sizes = np.diff(ptr)
    sums = [np.bincount(indices, np.repeat(column, sizes), n_labels) for column in terms.T]
    return np.stack(sums, axis=-1)


def slice_metrics(totals: Floats) -> dict[str, Floats]:
    """Return n (rows), n_stable, n_error (rows with both energies), tp, fp, tn, fn and all metrics of each category.

    Each array has shape (n_labels,); undefined is nan, as in `metrics_from_totals`. Read small slices with care. Rows
    without a label of stability are counted where they have both energies.

    Args:
        totals: Summed `row_terms`, shape (n_labels, 9).
    """
    column = {name: np.asarray(totals)[..., TERMS.index(name)] for name in (*COUNTS, "n_error")}
    n = np.maximum(np.sum([column[name] for name in COUNTS], axis=0), column["n_error"])
    return {"n": n, "n_stable": column["tp"] + column["fn"]} | column | metrics_from_totals(totals)


def _whole(values: ArrayLike, name: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(f"{name} has to be a one-dimensional array of whole numbers, not {array.dtype} {array.shape}")
    return array.astype(np.int64, copy=False)


def _memberships(index_ptr: ArrayLike, indices: ArrayLike, n_labels: int) -> tuple[Ints, Ints]:
    ptr, indices = _whole(index_ptr, "index_ptr"), _whole(indices, "indices")
    if len(ptr) == 0 or ptr[0] != 0 or ptr[-1] != len(indices) or np.any(np.diff(ptr) < 0):
        raise ValueError(f"index_ptr has to rise from 0 to the number of indices, {len(indices)}")
    if len(indices) and (indices.min() < 0 or indices.max() >= n_labels):
        raise ValueError(f"indices have to be 0 to {n_labels - 1}, not {indices.min()} to {indices.max()}")
    return ptr, indices
