"""Guards for models on tables: input columns that hold the answer, and predictions that look it up or mix up rows.

Formation energy minus hull distance is the same number for every polymorph of a formula. A model that is given one
of the two has been given the other; the first two checks here follow from that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matdisc.arrays import Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.leakage.fingerprints import reduced_formula
from matdisc.elements import SYMBOLS

TOLERANCE = 1e-4
"""eV/atom: two numbers closer than this are the same number."""
MIN_FORMULAS = 5
"""Formulas with several distinguishable rows that the lookup test needs before it says anything."""
MIN_SHARE = 0.5
"""Share of them with a constant difference from which inputs are called leaky; chance gives less than 0.01."""

_ALIASES = {
    "label: the distance to the hull, or what follows from it": """
        es ehull eabovehull energyabovehull abovehull hullenergy hulldistance distancetohull stability stable isstable
        decompositionenergy edecomp onhull isonhull target label y ytrue""",
    "label: the formation energy, which gives the hull distance up to a constant for each formula": """
        ef eform eformation formationenergy formenergy energyofformation enthalpyofformation formationenthalpy
        heatofformation hform deltae deltah heatall heatref""",
    "total energy of the reference calculation": """
        energy totalenergy finalenergy uncorrectedenergy correctedenergy etotal etot toten""",
    "result of the same calculation": """
        eg egap bandgap gap gappbe ismetal ismagnetic isgapdirect directgap directbandgap directbandgapenergy cbm vbm
        efermi fermienergy magnetisation magnetization totalmagnetisation totalmagnetization magneticmoment magmom
        totmag forces force stress""",
    "elastic result of the same calculation": """
        bulkmodulus shearmodulus youngmodulus youngsmodulus elasticmodulus bulkmodulusvrh shearmodulusvrh
        kvrh gvrh poissonratio elasticanisotropy""",
    "relaxed by the reference calculation": """
        volume cellvolume density massdensity numberdensity a b c alpha beta gamma edge bedge cedge latticeconstant
        latticeparameter lattice latticea latticeb latticec alphaang betaang gammaang latticealpha latticebeta
        latticegamma""",
    "known only for a known polymorph": """
        spacegroup spacegroupnumber spacegroupsymbol sg sgnumber spg cs crystalsystem pointgroup wyckoff prototype
        protostructure sites nsites natoms structure cif""",
    "an identifier, which tells of time and origin": """
        materialid entryid icsdid icsdids id index rownumber roworder unnamed0""",
}
FORBIDDEN: Mapping[str, str] = MappingProxyType(
    {alias: why for why, names in _ALIASES.items() for alias in names.split()}
)
"""Why a column may not be an input, by its name in lower-case letters without units and sources."""

_UNITS = """
    per atom ev mev ang angstrom a a3 cubic deg degree degrees gpa g cc cm3 kg m3 bohr mub
"""
_SOURCES = """
    mp oqmd aflow jarvis dft pbe gga scan r2scan vasp wbm true target label reference ref y relaxed corrected
"""
_IGNORED = frozenset((_UNITS + _SOURCES).split())


@dataclass(frozen=True, slots=True)
class ForbiddenColumn:
    """A column that may not be among the inputs, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class LookupTest:
    """What the lookup test found.

    Attributes:
        verdict: `leaky inputs`; `not shown`, which is no proof of honesty; or `too few formulas` to tell.
        n_formulas: Formulas with several rows whose true labels differ, so that they can tell something.
        n_constant: Those over which prediction minus true hull distance is constant within the tolerance.
        n_rows: Rows of the `n_formulas` formulas.
        median_spread: Median over formulas of the largest minus the smallest difference, eV/atom; nan without any.
            A little above the tolerance it hints at a looked-up answer that was rounded or blurred.
    """

    verdict: Literal["leaky inputs", "not shown", "too few formulas"]
    n_formulas: int
    n_constant: int
    n_rows: int
    median_spread: float


def forbidden_columns(header: Iterable[str], card: DatasetCard) -> tuple[ForbiddenColumn, ...]:
    """Return the columns of a feature table that hold the answer or results of the reference calculation.

    A name is forbidden if the card gives it, or a name that reads the same, the role `target` or `forbidden`, or
    if it is one of the usual names in `FORBIDDEN`. Names are compared without case, punctuation, units and words
    such as `mp` or `dft`, so that `Energy above hull (eV/atom)` and `e_above_hull_mp_ev_atom` are found. What the
    card calls `input` is allowed, and so are its id column and `material_id`, which join the tables, and columns
    named exactly as an element (`Cs` is caesium, `cs` the crystal system). Only `Es` is read as the hull distance
    unless californium and fermium stand beside it.

    Names say what a column claims to be. A renamed column is not found here; `lookup_test` looks at the numbers.

    Args:
        header: Column names of the submitted table, or the list of features a submission declares.
        card: Card of the dataset that is predicted.
    """
    by_role: dict[str, set[str]] = {"id": {"material_id"}, "input": set(), "target": set(), "forbidden": set()}
    for name, column in card.columns.items():
        by_role[column.role].add(name)
    names = [name.strip() for name in header]
    elements = SYMBOLS if {"Cf", "Fm"} <= set(names) else SYMBOLS - {"Es"}
    reasons = ((name, _why_forbidden(name, by_role, elements)) for name in names)
    return tuple(ForbiddenColumn(name, why) for name, why in reasons if why is not None)


def lookup_test(
    formulas: Sequence[str],
    e_hull_true: ArrayLike,
    predicted: ArrayLike,
    *,
    tolerance: float = TOLERANCE,
    min_formulas: int = MIN_FORMULAS,
    min_share: float = MIN_SHARE,
) -> LookupTest:
    """Test whether predictions are the true hull distance plus one constant for each formula.

    `predicted - e_hull_true` is compared within each formula that has several answered rows. Formulas whose true
    labels all lie within 10 tolerances say nothing and are left out (a constant prediction would pass there).
    The verdict is `leaky inputs` if at least `min_formulas` of them are constant, and a share of at least
    `min_share`: a few rows blurred on purpose do not hide the others. An honest model with an error of 10 meV/atom
    agrees by chance in 0.6 % of the formulas with two rows.

    Args:
        formulas: Formula of each row, in any spelling, shape (n_rows,).
        e_hull_true: Reference energy above hull, eV/atom, shape (n_rows,).
        predicted: Predicted formation energy or hull distance, eV/atom, same shape; nan where unanswered.
        tolerance: Largest spread that counts as constant, eV/atom.
        min_formulas: Formulas needed for a verdict.
        min_share: Share of constant formulas from which the inputs are called leaky.

    Raises:
        ValueError: If the shapes differ, a true label is not finite, or a formula cannot be read.

    Source: the identity e_form - e_hull = constant of the formula; the table of arXiv:2312.11335 keeps it to
    1e-7 eV/atom.
    """
    true, guess = np.asarray(e_hull_true, float), np.asarray(predicted, float)
    if true.ndim != 1 or true.shape != guess.shape or len(formulas) != len(true):
        raise ValueError(f"shapes differ: {len(formulas)} formulas, {true.shape} reference, {guess.shape} predicted")
    if not np.isfinite(true).all():
        raise ValueError("a true hull distance is not finite")
    keys = np.array([reduced_formula(text) for text in formulas], dtype=str)
    answered = np.isfinite(guess)
    keys, true, guess = keys[answered], true[answered], guess[answered]
    _, which = np.unique(keys, return_inverse=True)
    n_rows = np.bincount(which)
    telling = (n_rows > 1) & (_spread(true, which) > 10 * tolerance)
    spreads = _spread(guess - true, which)[telling]
    n_formulas, n_constant = int(telling.sum()), int((spreads <= tolerance).sum())
    verdict: Literal["leaky inputs", "not shown", "too few formulas"] = "not shown"
    if n_formulas < min_formulas:
        verdict = "too few formulas"
    elif n_constant >= max(min_formulas, min_share * n_formulas):
        verdict = "leaky inputs"
    median = float(np.median(spreads)) if n_formulas else float("nan")
    return LookupTest(verdict, n_formulas, n_constant, int(n_rows[telling].sum()), median)


def _spread(values: Floats, which: NDArray[np.int64]) -> Floats:
    """Largest minus smallest value of each group, shape (n_groups,)."""
    n_groups = int(which.max()) + 1 if len(which) else 0
    top, bottom = np.full(n_groups, -np.inf), np.full(n_groups, np.inf)
    np.maximum.at(top, which, values)
    np.minimum.at(bottom, which, values)
    return top - bottom


def follows(given: Floats, expected: Floats, correlation: float = 0.8) -> bool:
    """Whether two columns, shape (n,), rise and fall together and equally far; a constant column follows nothing.

    Args:
        given, expected: The columns.
        correlation: Correlation, of values or (if outliers spoil that) of ranks, that they have to exceed.
    """
    if len(given) < 3 or given.std() < 1e-9 or expected.std() < 1e-9:
        return False
    together = max(float(np.corrcoef(given, expected)[0, 1]), rank_correlation(given, expected))
    return together > correlation and 0.75 < rise(given, expected) < 1 / 0.75


def rise(given: Floats, expected: Floats) -> float:
    """Return how far one column, shape (n,), rises where the other rises by 1; nan if that is constant.

    From the medians of the outer thirds, so that outliers count little.
    """
    order, third = np.argsort(expected, kind="stable"), -(-len(expected) // 3)
    ends = order[:third], order[-third:]
    up, along = (float(np.median(column[ends[1]]) - np.median(column[ends[0]])) for column in (given, expected))
    return up / along if along else float("nan")


def rank_correlation(first: Floats, second: Floats) -> float:
    """Return Spearman's correlation of two columns, shape (n,); 0 if one of them is constant."""
    one, other = _average_ranks(first), _average_ranks(second)
    return float(np.corrcoef(one, other)[0, 1]) if one.std() > 0 and other.std() > 0 else 0.0


def distribution_distance(first: Floats, second: Floats) -> float:
    """Return how far apart the values of two columns, shape (n,), lie whatever their order.

    The Kolmogorov-Smirnov distance times the square root of n/2. For columns that are drawn at random from one
    distribution it is 0.83 in the median, and below 0.3 in one case of 100,000; for one column with its rows mixed up
    it is 0, and with a little noise still below 0.3.
    """
    one, other = np.sort(first), np.sort(second)
    both = np.concatenate([one, other])
    shares = [np.searchsorted(column, both, side="right") / len(column) for column in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max() * (len(first) / 2) ** 0.5)


def _average_ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


def _why_forbidden(name: str, by_role: Mapping[str, set[str]], elements: Set[str]) -> str | None:
    for role in ("id", "input"):
        if name in by_role[role]:
            return None
    for role in ("target", "forbidden"):
        if name in by_role[role]:
            return f"the card calls it {role}"
    if name in elements:
        return None
    plain = plain_name(name)
    alike = {role: {plain_name(other) for other in names} for role, names in by_role.items()}
    for role in ("target", "forbidden"):
        if plain in alike[role]:
            return f"reads like a column that the card calls {role}"
    if plain in alike["input"]:
        return None
    return FORBIDDEN.get(plain)


def plain_name(name: str) -> str:
    """Letters and digits of a column name in lower case, without bracketed units, unit words and source words.

    `Energy above hull (eV/atom)` and `mp_energy_above_hull_ev_per_atom` are both `energyabovehull`. A name of
    nothing but such words is kept whole.
    """
    text = re.sub(r"\(.*?\)|\[.*?\]", " ", name)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    words = re.findall(r"[a-z]+\d*|\d+", text)
    kept = [word for word in words if word not in _IGNORED]
    return "".join(kept or words)
