"""Data sets as Python code looks at them: structures for ASE and pymatgen, labels as a DataFrame."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from matdisc.api.datasets import DatasetLike, Located, locate
from matdisc.api.workplace import BoardLike, board_of, python_words
from matdisc.arrays import Floats
from matdisc.datasets.load import load_any
from matdisc.datasets.truth import Truth
from matdisc.errors import DataError, UnknownName
from matdisc.formats.atoms import to_atoms
from matdisc.predictions import one_line
from matdisc.progress import news
from matdisc.schema import Crystal, Dataset, Sample

if TYPE_CHECKING:
    import pandas as pd
    from ase import Atoms
    from pymatgen.core import Structure

    from matdisc.datasets.new import NewOptions


@dataclass(frozen=True, slots=True)
class Material:
    """One material of a data set.

    Attributes:
        sample: As models and scorers see it.
    """

    sample: Sample

    @property
    def material_id(self) -> str:
        return self.sample.material_id

    @property
    def crystal(self) -> Crystal:
        """The structure; positions are fractional, the rows of the cell in Å."""
        return self.sample.crystal

    @property
    def formula(self) -> str:
        """Reduced formula, elements in alphabetical order."""
        return self.crystal.formula

    @property
    def labels(self) -> Mapping[str, float]:
        """Labels by name, e.g. `e_above_hull` in eV/atom."""
        return dict(self.sample.target)

    @property
    def arrays(self) -> Mapping[str, Floats]:
        """Labels that are arrays, as in ASE: `forces` in eV/Å, shape (n_atoms, 3); `stress` in eV/Å^3, shape (6,)."""
        import numpy as np

        shapes = {"forces": (-1, 3)}
        return {name: np.reshape(values, shapes.get(name, (-1,))) for name, values in self.sample.arrays.items()}

    @property
    def group(self) -> str:
        """What it is resampled and split with: a chemical system, compound or prototype."""
        return self.sample.group

    def to_ase(self) -> Atoms:
        """Return the structure as ASE Atoms with its `material_id` in `info`."""
        atoms = to_atoms(self.crystal)
        atoms.info["material_id"] = self.material_id
        return atoms

    def to_pymatgen(self) -> Structure:
        """Return the structure for pymatgen with its `material_id` in `properties`."""
        from pymatgen.core import Lattice, Structure

        crystal = self.crystal
        return Structure(
            Lattice(crystal.cell), list(crystal.symbols), list(crystal.positions),
            properties={"material_id": self.material_id},
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Material {self.material_id}: {self.formula}>" if "crystal" in self.sample.inputs else self.material_id


class Structures(Sequence[Crystal]):
    """The structures of a data set, in its order."""

    def __init__(self, materials: Sequence[Material]) -> None:
        self._materials = tuple(materials)

    @overload
    def __getitem__(self, place: int) -> Crystal: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Crystal]: ...
    def __getitem__(self, place: int | slice) -> Crystal | Sequence[Crystal]:
        if isinstance(place, slice):
            return Structures(self._materials[place])
        return self._materials[place].crystal

    def __len__(self) -> int:
        return len(self._materials)

    def to_ase(self) -> list[Atoms]:
        """Return them as ASE Atoms, each with its `material_id` in `info`."""
        return [material.to_ase() for material in self._materials]

    def to_pymatgen(self) -> list[Structure]:
        """Return them for pymatgen, each with its `material_id` in `properties`."""
        return [material.to_pymatgen() for material in self._materials]


@dataclass(frozen=True, eq=False)
class Materials(Located):
    """A data set: the scored materials in its order. `evaluate` and `score` take it as `dataset`.

    Attributes:
        built: Its content.
    """

    built: Dataset | Truth

    def __len__(self) -> int:
        return len(self.built)

    def __iter__(self) -> Iterator[Material]:
        return (Material(sample) for sample in self._dataset.samples)

    def __getitem__(self, material_id: str) -> Material:
        found = self._places.get(material_id)
        if found is None:
            near = ", ".join(map(repr, difflib.get_close_matches(str(material_id), self._places, n=3, cutoff=0.4)))
            raise UnknownName(
                f"material {material_id!r} is not in {self.key!r}; {f'did you mean {near}?' if near else 'see .ids'}"
            )
        return Material(self._dataset.samples[found])

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the materials."""
        if isinstance(self.built, Truth):
            return tuple(self.built.material_ids.to_pylist())
        return tuple(sample.material_id for sample in self.built.samples)

    @property
    def structures(self) -> Structures:
        """The structures; `.to_ase()` and `.to_pymatgen()` return them for these packages.

        Raises:
            DataError: If the data set holds labels only.
        """
        samples = self._dataset.samples
        if any("crystal" not in sample.inputs for sample in samples):
            raise DataError(f"dataset {self.key!r} holds no crystal structures")
        return Structures([Material(sample) for sample in samples])

    @cached_property
    def labels(self) -> pd.DataFrame:
        """Labels by name, one row a material, indexed by `material_id`; nan where unknown. Units: `card.columns`."""
        import pandas as pd

        index = pd.Index(list(self.ids), name="material_id")
        if isinstance(self.built, Truth):
            return pd.DataFrame(dict(self.built.targets), index=index)
        return pd.DataFrame([dict(sample.target) for sample in self.built.samples], index=index)

    def __repr__(self) -> str:
        return f"<Materials {self.key}: {len(self):,} ({', '.join(self.card.tasks)})>"

    @property
    def _dataset(self) -> Dataset:
        if isinstance(self.built, Truth):
            raise DataError(f"dataset {self.key!r} holds labels without structures; .labels and .ids are there")
        return self.built

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {sample.material_id: place for place, sample in enumerate(self._dataset.samples)}


def load_dataset(dataset: DatasetLike, *, board: BoardLike = None, **options: Any) -> Materials:
    """Return a data set to look at, its content verified against its card.

    What was found in files, under which name and in which unit, is said on standard error.

    Args:
        dataset: Key, folder, file or files of labelled structures, or ASE atoms with their results.
        board: A board or its folder; default: the one that comes with the package.
        options: What is said of the labels of files, as fields of `matdisc.datasets.new.NewOptions`.

    Raises:
        CardError: If there is no such data set.
        DataError: If files are missing, damaged or not what the card says.
    """
    with python_words():
        place, key = locate(dataset, board_of(board), _options(options), news)
        return Materials(place.dataset(key), place, load_any(place, key))


def _options(given: Mapping[str, Any]) -> NewOptions | None:
    """Return what is said of the labels of files; None for nothing.

    Raises:
        UnknownName: If there is no such option.
        DataError: If one has a value that it cannot have.
    """
    from pydantic import TypeAdapter, ValidationError

    from matdisc.datasets.new import NewOptions

    known = [field.name for field in fields(NewOptions)]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise UnknownName(
                f"option {name!r} is none of a data set's; {f'did you mean {near[0]}?' if near else known}"
            )
    try:
        return TypeAdapter(NewOptions).validate_python(given) if given else None
    except ValidationError as err:
        problem = err.errors()[0]
        raise DataError(f"option {problem['loc'][0]!r} is {problem['input']!r}: {one_line(problem['msg'])}") from err
