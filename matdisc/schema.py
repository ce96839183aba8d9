"""The nouns that every layer shares. Data only, standard library only.

Units everywhere: energies eV, energies per atom eV/atom, lengths Å, forces eV/Å, stress eV/Å^3, time s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from math import gcd
from operator import attrgetter
from typing import Any, Literal, TypeVar

Status = Literal["ok", "unconverged", "unsupported", "timed_out", "failed"]
"""How asking a model about one material ended; only `ok` and `unconverged` carry values."""

STATUSES: tuple[Status, ...] = ("ok", "unconverged", "unsupported", "timed_out", "failed")

Values = Mapping[str, float]
Arrays = Mapping[str, tuple[float, ...]]
"""Arrays by name, flattened: `forces` (x, y, z of each atom in turn), `stress` (xx yy zz yz xz xy, as in ASE)."""
Vector = tuple[float, float, float]


T = TypeVar("T")


def _pickled_by_slots(made: type[T]) -> type[T]:
    """Let a frozen dataclass be pickled without a look at its fields for each object: workers get a hundred thousand.

    Objects look the same when they are pickled, so that those of a class without this can be read.
    """
    slots: tuple[str, ...] = made.__dict__["__slots__"]
    state_of, setters = attrgetter(*slots), [made.__dict__[name].__set__ for name in slots]

    def getstate(self: T) -> list[Any]:
        return list(state_of(self))

    def setstate(self: T, state: list[Any]) -> None:
        for setter, value in zip(setters, state, strict=True):
            setter(self, value)

    made.__getstate__ = getstate  # type: ignore[assignment, method-assign]
    made.__setstate__ = setstate  # type: ignore[attr-defined]
    return made


@_pickled_by_slots
@dataclass(frozen=True, slots=True)
class Crystal:
    """A periodic crystal: `cell` rows are lattice vectors in Å, `positions` are fractional."""

    symbols: tuple[str, ...]
    positions: tuple[Vector, ...]
    cell: tuple[Vector, Vector, Vector]

    @property
    def composition(self) -> dict[str, int]:
        """Atoms of each element in the cell, elements in alphabetical order."""
        return dict(sorted(Counter(self.symbols).items()))

    @property
    def formula(self) -> str:
        """Reduced formula, elements in alphabetical order: `BaO3Ti`."""
        counts = self.composition
        divisor = reduce(gcd, counts.values())
        return "".join(el + (str(n // divisor) if n > divisor else "") for el, n in counts.items())

    @property
    def chemical_system(self) -> str:
        """Element symbols sorted alphabetically and joined: `Ba-O-Ti`."""
        return "-".join(sorted(set(self.symbols)))


@_pickled_by_slots
@dataclass(frozen=True, slots=True)
class Sample:
    """One material: what a model may see (`inputs`) and what it may not (`target`).

    Attributes:
        material_id: Unique within its dataset.
        inputs: `crystal` (Crystal), and per dataset `compound`, `prototype`.
        target: Labels, e.g. `e_form_per_atom` and `e_above_hull` in eV/atom, or `stable` (0 or 1).
        group: Resampling unit of the bootstrap and of the splits: a chemical system or a compound.
        fold: Cross-validation fold for learned predictors; None where the split is a hold-out.
        flags: Names of the subsets this material belongs to, e.g. `mixed_r2scan`.
        arrays: Labels that are arrays, hidden like `target`.
    """

    material_id: str
    inputs: Mapping[str, Any]
    target: Mapping[str, float]
    group: str
    fold: int | None = None
    flags: tuple[str, ...] = ()
    arrays: Arrays = field(default_factory=dict)

    @property
    def crystal(self) -> Crystal:
        crystal = self.inputs["crystal"]
        assert isinstance(crystal, Crystal)
        return crystal

    def without_target(self) -> Sample:
        """The same sample as a model may see it."""
        return Sample(self.material_id, self.inputs, {}, self.group, self.fold, self.flags)


@_pickled_by_slots
@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's answer for one material, or the named reason why there is none.

    `structure` is the crystal that it relaxed to, and `arrays` what it says of each atom, where the task asks for them.
    """

    material_id: str
    values: Values = field(default_factory=dict)
    status: Status = "ok"
    error: str = ""
    seconds: float | None = None
    steps: int | None = None
    structure: Crystal | None = None
    arrays: Arrays = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A model's own declared refusal, e.g. an element it has no parameters for."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A held-out set, ready to be asked about and scored.

    Attributes:
        key: The card's key.
        samples: The scored materials, in the dataset's own order.
        train: Further labelled materials that learned predictors may see and nobody is scored on.
        references: Energy of each element, eV/atom, on the dataset's energy scale; empty where formation
            energies are taken against the model's own elements.
        reference_crystals: One elemental crystal per element for that second case.
        corrections: Energy to add to a raw (uncorrected) total energy of a material, eV per cell.
        relaxed: Reference structures of the relaxation task, hidden from models; empty where every material's own
            crystal is one.
        training: Where folds learn from parts of their own: the labelled samples of each fold; else empty.
        sha256: Hash of all of the above, equal to the card's.
    """

    key: str
    samples: tuple[Sample, ...]
    train: tuple[Sample, ...] = ()
    references: Mapping[str, float] = field(default_factory=dict)
    reference_crystals: Mapping[str, Crystal] = field(default_factory=dict)
    corrections: Mapping[str, float] = field(default_factory=dict)
    sha256: str = ""
    relaxed: Mapping[str, Crystal] = field(default_factory=dict)
    training: Mapping[int, tuple[Sample, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.samples)
