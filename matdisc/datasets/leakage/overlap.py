"""Overlap of a test set with declared training data: what is shared, what is not, and what nobody can tell.

A declaration is a file: `.csv` or `.csv.gz` with one or more of the columns `material_id`, `formula` and
`structure_hash`; `.txt` or `.txt.gz` with one id or one formula a line; or `.jsonl` with structures as in
`matdisc.datasets.table`. What it holds decides what can be known. Ids and hashes prove overlap but never its
absence, since the same material may bear another id; formulas and structures prove both. A declaration is taken at
its word.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from matdisc.cards import DatasetCard, ModelCard
from matdisc.datasets.leakage.declarations import COLUMN_OF, Declaration
from matdisc.datasets.leakage.fingerprints import (
    chemical_system,
    is_formula_only,
    reduced_cell,
    reduced_formula,
    same_structure,
    structure_hash,
)
from matdisc.schema import Crystal, Dataset, Sample

MAX_CANDIDATES, MAX_ATOMS = 100, 400
"""Structures of its formula that a material is compared with, nearest volume first, and the largest cell compared."""

Level = Literal[
    "same id", "same structure", "same prototype", "same formula", "same chemical system", "none found", "unknown"
]
"""Strongest relation of a material to the training data. `same prototype` is an equal structure hash where no
structures can be compared; `same chemical system` is information only; `unknown` is never clean."""
LEVELS: tuple[Level, ...] = get_args(Level)
Degree = Literal["certain", "likely", "none declared", "unknown"]


@dataclass(frozen=True, slots=True)
class Overlap:
    """What each material of a test set shares with declared training data.

    Attributes:
        dataset: Key of the dataset.
        material_ids: Ids in the dataset's order.
        levels: Strongest level of each material, same order.
        evidence: The training id, hash, formula or chemical system behind each level; empty where there is none.
        certainty: In words: what the declaration can show and what it cannot.
        n_entries: Entries of the declaration.
        n_unchecked: Materials left at `same formula` though some structures of that formula were not compared.
        n_unresolved: Materials whose symmetry was not found, so that their hash is a formula.
        n_conflicts: Materials whose id is declared with another formula, which is no overlap by id.
        n_compared: Pairs of structures given to the matcher.
        seconds: Wall time, s.
    """

    dataset: str
    material_ids: tuple[str, ...]
    levels: tuple[Level, ...]
    evidence: tuple[str, ...]
    certainty: str
    n_entries: int
    n_unchecked: int
    n_unresolved: int
    n_conflicts: int
    n_compared: int
    seconds: float

    @property
    def counts(self) -> dict[Level, int]:
        """Materials at each level, strongest level first, zeros included."""
        found = Counter(self.levels)
        return {level: found[level] for level in LEVELS}


@dataclass(frozen=True, slots=True)
class DeclaredOverlap:
    """What the cards alone say about training data: a degree, and the sentences behind it."""

    degree: Degree
    notes: tuple[str, ...]


def overlap_mask(overlap: Overlap, at_least: Level = "same formula") -> NDArray[np.bool_]:
    """Return which materials overlap at a level or a stronger one, shape (n_materials,), in the dataset's order.

    Materials at `unknown` are False here and True in `unknown_mask`: only rows False in both are without overlap.

    Raises:
        ValueError: If the level is none at which something is shared.
    """
    if at_least not in LEVELS[:-2]:
        raise ValueError(f"{at_least!r} is no overlap; choose one of {', '.join(LEVELS[:-2])}")
    shared = LEVELS[: LEVELS.index(at_least) + 1]
    return np.array([level in shared for level in overlap.levels], dtype=bool)


def unknown_mask(overlap: Overlap) -> NDArray[np.bool_]:
    """Return for which materials the declaration cannot tell, shape (n_materials,), in the dataset's order."""
    return np.array([level == "unknown" for level in overlap.levels], dtype=bool)


def overlap_from_cards(model: ModelCard, dataset: DatasetCard) -> DeclaredOverlap:
    """Return what the cards declare: the strongest known overlap with one of the model's training sets.

    A dataset that is itself a training set overlaps for certain. A model card without training sets says nothing,
    so the overlap is unknown; `none declared` means that none of the named sets is known to overlap.
    """
    if not model.training_sets:
        return DeclaredOverlap("unknown", ("The model card names no training sets.",))
    trained = {name.casefold() for name in model.training_sets}
    known = [overlap for overlap in dataset.known_overlaps if overlap.training_set.casefold() in trained]
    notes = tuple(f"Trained on {overlap.training_set}: {overlap.note}" for overlap in known)
    if trained & {dataset.key.casefold(), dataset.title.casefold()}:
        return DeclaredOverlap("certain", (f"Trained on {dataset.key} itself.", *notes))
    if not known:
        names = ", ".join(model.training_sets)
        return DeclaredOverlap("none declared", (f"The dataset card knows of no overlap with {names}.",))
    certain = any(overlap.degree == "certain" for overlap in known)
    return DeclaredOverlap("certain" if certain else "likely", notes)


def find_overlap(
    dataset: Dataset,
    declaration: Declaration,
    *,
    max_candidates: int = MAX_CANDIDATES,
    progress: Callable[[int, int], None] | None = None,
) -> Overlap:
    """Return the strongest level of overlap of each scored material.

    Structures are compared only within a reduced formula and for equal numbers of atoms in the primitive cell,
    nearest volume per atom first, until one fits.

    Args:
        dataset: The test set; its train part is not looked at.
        declaration: The training data.
        max_candidates: Most structures that one material is compared with.
        progress: Called with materials done and their number after each material.
    """
    start = perf_counter()
    search = _Search(declaration, {formula for s in dataset.samples if (formula := _formula(s))}, max_candidates)
    found = []
    for done, sample in enumerate(dataset.samples, start=1):
        found.append(search.level(sample))
        if progress is not None:
            progress(done, len(dataset.samples))
    levels = tuple(level for level, _ in found)
    return Overlap(
        dataset=dataset.key,
        material_ids=tuple(s.material_id for s in dataset.samples),
        levels=levels,
        evidence=tuple(evidence for _, evidence in found),
        certainty=_certainty(declaration, levels.count("unknown"), search.n["unchecked"]),
        n_entries=declaration.n_entries,
        n_unchecked=search.n["unchecked"],
        n_unresolved=search.n["unresolved"],
        n_conflicts=search.n["conflicts"],
        n_compared=search.n["compared"],
        seconds=perf_counter() - start,
    )


class _Search:
    """A declaration made ready for look-ups; reduces each structure once, and only if its formula is asked for."""

    def __init__(self, declaration: Declaration, wanted: set[str], max_candidates: int) -> None:
        self.declared = declaration
        self.max_candidates = max_candidates
        self.systems = {chemical_system(formula) for formula in declaration.formulas}
        self.by_formula: dict[str, list[str]] = defaultdict(list)
        for material_id, crystal in declaration.crystals.items():
            if crystal.formula in wanted:
                self.by_formula[crystal.formula].append(material_id)
        self.reduced: dict[str, Any] = {}
        self.n: Counter[str] = Counter()

    def level(self, sample: Sample) -> tuple[Level, str]:
        declared, formula = self.declared, _formula(sample)
        named = declared.ids.get(sample.material_id)
        if named is not None and (not named or not formula or named == formula):
            return "same id", sample.material_id
        self.n["conflicts"] += named is not None
        crystal = sample.inputs.get("crystal")
        if isinstance(crystal, Crystal):
            twin = self._twin(crystal)
            if twin:
                return "same structure", twin
            key = structure_hash(crystal) if declared.hashes else ""
            self.n["unresolved"] += is_formula_only(key)
            if key in declared.hashes and not is_formula_only(key):
                return "same prototype", key
        if formula in declared.formulas:
            return "same formula", formula
        if not formula or "formula" not in declared.columns:
            return "unknown", ""
        system = chemical_system(formula)
        return ("same chemical system", system) if system in self.systems else ("none found", "")

    def _twin(self, crystal: Crystal) -> str:
        """Id of a declared structure that is the same, empty where there is none."""
        names = self.by_formula.get(crystal.formula, [])
        if not names:
            return ""
        if len(crystal.symbols) > MAX_ATOMS:
            self.n["unchecked"] += 1
            return ""
        own = reduced_cell(crystal)
        small = [name for name in names if len(self.declared.crystals[name].symbols) <= MAX_ATOMS]
        for name in small:
            if name not in self.reduced:
                self.reduced[name] = reduced_cell(self.declared.crystals[name])
        alike = [name for name in small if len(self.reduced[name]) == len(own)]
        alike.sort(key=lambda name: abs(self.reduced[name].volume - own.volume))
        for name in alike[: self.max_candidates]:
            self.n["compared"] += 1
            if same_structure(own, self.reduced[name]):
                return name
        self.n["unchecked"] += len(small) < len(names) or len(alike) > self.max_candidates
        return ""


def _formula(sample: Sample) -> str:
    """Reduced formula of a material, empty where its inputs tell none."""
    crystal = sample.inputs.get("crystal")
    if isinstance(crystal, Crystal):
        return crystal.formula
    for name in ("formula", "composition", "compound"):
        try:
            return reduced_formula(str(sample.inputs[name]))
        except (KeyError, ValueError):
            continue
    return ""


def _certainty(declaration: Declaration, n_unknown: int, n_unchecked: int) -> str:
    columns = set(declaration.columns)
    if "structure" in columns:
        text = "Structures are declared, so that every level could be looked for."
    elif "formula" in columns:
        text = "Formulas are declared: a material without a hit is not in the declared data."
        hashes = " and no equal hash" if "structure_hash" in columns else ""
        text += f" Whether one with an equal formula{hashes} is the same structure is not known."
    else:
        what = " and ".join(name for name in ("ids", "structure hashes") if COLUMN_OF[name] in columns)
        text = f"Only {what} are declared: they prove overlap, but not its absence."
    if n_unknown:
        text += f" {n_unknown:,} materials are unknown, which is not the same as clean."
    if n_unchecked:
        text += f" {n_unchecked:,} materials were not compared with every structure of their formula."
    return text
