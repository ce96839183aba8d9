"""The scorer's view of a dataset: labels as columns, no structures, nothing that a model could be asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.atomic import write_atomic
from matdisc.schema import Crystal, Dataset, Sample

FORMAT = "matdisc.prepared/1"


@dataclass(frozen=True, slots=True)
class Tested:
    """One fold of a task that is answered fold by fold.

    Attributes:
        protocol: The split that it belongs to.
        name: What is held out.
        rows: Its places in the truth, ascending.
        learnt: Labels of the materials that models learn from, by target, nan where unknown; shape (n_learnt,).
        siblings: Share of the tested rows with another row of the same compound to learn from; 0 if compounds have
            no name.
    """

    protocol: str
    name: str
    rows: Ints
    learnt: Mapping[str, Floats] = field(default_factory=dict)
    siblings: float = 0.0

    @property
    def prior(self) -> float:
        """Share of High among the alloys that models learn from."""
        return float(self.learnt["high"].mean())


@dataclass(frozen=True)
class Truth:
    """Labels of the scored materials, all arrays in the dataset's order, shape (n_materials,).

    Attributes:
        key: The dataset's key.
        material_ids: Ids as a pyarrow string array.
        targets: Labels by name, e.g. `e_form_per_atom` and `e_above_hull` in eV/atom; nan where unknown.
        groups: Code of each material's resampling group, 0 to n_groups - 1.
        formulas: Reduced formulas as a pyarrow string array, of the structures, else the compounds' names; None where
            the source names none.
        n_atoms: Atoms in the cell; None where unknown.
        corrections: MP2020 correction within each label, eV/atom; None where the dataset has none.
        compounds: Code of the compound a candidate belongs to (polymorphs); None elsewhere.
        prototypes: Names of prototypes as a pyarrow string array; None where unknown.
        flags: Membership in the card's subsets, by flag.
        train_ids: Ids of the train part, to say so when somebody submits them.
        sha256: Content hash of the dataset.
        crystals: The structures that models are asked about; None where the source holds labels only.
        relaxed: Reference structures of the relaxation task, one each; None for other tasks.
        tested: The folds of a task that is answered fold by fold; empty for other tasks.
        arrays: Labels that are arrays by name, flattened, one for each material or None; of sets with structures only.
    """

    key: str
    material_ids: Any
    targets: Mapping[str, Floats]
    groups: Ints
    formulas: Any = None
    n_atoms: Floats | None = None
    corrections: Floats | None = None
    compounds: Ints | None = None
    prototypes: Any = None
    flags: Mapping[str, Bools] = field(default_factory=dict)
    train_ids: frozenset[str] = frozenset()
    sha256: str = ""
    crystals: tuple[Crystal, ...] | None = None
    relaxed: tuple[Crystal, ...] | None = None
    tested: tuple[Tested, ...] = ()
    arrays: Mapping[str, tuple[Floats | None, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.groups)

    @cached_property
    def n_groups(self) -> int:
        return int(self.groups.max()) + 1 if len(self.groups) else 0

    @cached_property
    def derived(self) -> dict[tuple[str, bytes], Any]:
        """What follows from these labels alone, kept with them: every row of a board asks for the same."""
        return {}

    def target(self, name: str) -> Floats:
        """One target, nan everywhere if the dataset has none of that name."""
        found = self.targets.get(name)
        return np.full(len(self), np.nan) if found is None else found

    def array(self, name: str) -> tuple[Floats | None, ...]:
        """Labels that are arrays, None everywhere if the dataset has none of that name."""
        return self.arrays.get(name, (None,) * len(self))


def truth_of(dataset: Dataset) -> Truth:
    """Return the labels of a dataset that holds samples."""
    import pyarrow as pa

    samples = dataset.samples
    names = sorted({name for s in samples for name in s.target})
    flags = sorted({flag for s in samples for flag in s.flags})
    compounds = [s.inputs.get("compound") for s in samples]
    crystals = all("crystal" in s.inputs for s in samples)
    return Truth(
        key=dataset.key,
        material_ids=pa.array([s.material_id for s in samples], pa.string()),
        targets={name: np.array([s.target.get(name, np.nan) for s in samples], float) for name in names},
        groups=codes([s.group for s in samples]),
        formulas=_formulas(samples, crystals),
        n_atoms=np.array([len(s.crystal.symbols) for s in samples], float) if crystals else None,
        corrections=_corrections(dataset) if crystals else None,
        compounds=codes([str(c) for c in compounds]) if all(c is not None for c in compounds) else None,
        prototypes=pa.array([s.inputs.get("prototype") for s in samples], pa.string()),
        flags={flag: np.array([flag in s.flags for s in samples]) for flag in flags},
        train_ids=frozenset(s.material_id for s in dataset.train),
        sha256=dataset.sha256,
        crystals=tuple(s.crystal for s in samples) if crystals else None,
        relaxed=tuple(dataset.relaxed[s.material_id] for s in samples)
        if all(s.material_id in dataset.relaxed for s in samples)
        else None,
        tested=_tested(dataset),
        arrays={name: _arrays(samples, name) for name in sorted({name for s in samples for name in s.arrays})},
    )


def _formulas(samples: Sequence[Sample], crystals: bool) -> Any:
    import pyarrow as pa

    names = [s.crystal.formula if crystals else s.inputs.get("compound") for s in samples]
    return None if None in names else pa.array(names, pa.string())


def _arrays(samples: Sequence[Sample], name: str) -> tuple[Floats | None, ...]:
    return tuple(np.array(s.arrays[name], float) if name in s.arrays else None for s in samples)


def _corrections(dataset: Dataset) -> Floats | None:
    if not dataset.samples or any(s.material_id not in dataset.corrections for s in dataset.samples):
        return None
    return np.array([dataset.corrections[s.material_id] / len(s.crystal.symbols) for s in dataset.samples])


def _tested(dataset: Dataset) -> tuple[Tested, ...]:
    if not dataset.training:
        return ()
    fold = np.array([s.fold for s in dataset.samples], np.int64)
    targets = sorted({name for s in dataset.samples for name in s.target})
    compounds = [s.inputs.get("compound") for s in dataset.samples]
    learnt = {id(s): s for train in dataset.training.values() for s in train}  # one sample is in many training parts
    place = {key: i for i, key in enumerate(learnt)}
    labels = np.array([[s.target.get(target, np.nan) for target in targets] for s in learnt.values()], float)
    found = []
    for number, train in dataset.training.items():
        rows = np.flatnonzero(fold == number)
        protocol, _, name = dataset.samples[rows[0]].material_id.rpartition("@")[2].partition("/")
        known = {s.inputs.get("compound") for s in train} - {None}
        siblings = sum(compounds[i] in known for i in rows) / len(rows)
        columns = labels[[place[id(s)] for s in train]].T
        found.append(Tested(protocol, name, rows, dict(zip(targets, columns, strict=True)), siblings))
    return tuple(found)


def codes(labels: Sequence[str]) -> Ints:
    """Return the place of each label among the sorted distinct ones, so that row order changes no code."""
    _, found = np.unique(np.array(labels, dtype=str), return_inverse=True)
    return np.asarray(found, np.int64)


def truth_hash(truth: Truth) -> str:
    """sha256 over ids, labels, groups and flags of a dataset without structures; floats with 10 significant digits."""
    digest = hashlib.sha256()
    digest.update("\n".join(truth.material_ids.to_pylist()).encode())
    for name in sorted(truth.targets):
        digest.update(f"\n{name}\n".encode())
        digest.update("\n".join(f"{value:.9e}" for value in truth.targets[name]).encode())
    digest.update(truth.groups.astype("<i8").tobytes())
    for name in sorted(truth.flags):
        digest.update(f"\n{name}\n".encode())
        digest.update(truth.flags[name].tobytes())
    return digest.hexdigest()


def write_prepared(path: Path, truth: Truth) -> None:
    """Keep labels in a form that opens without parsing (Arrow IPC); whole or not at all."""
    import pyarrow as pa

    columns: dict[str, Any] = {"material_id": truth.material_ids, "group": truth.groups}
    columns |= {f"target:{name}": values for name, values in truth.targets.items()}
    columns |= {f"flag:{name}": values for name, values in truth.flags.items()}
    if truth.formulas is not None:
        columns["formula"] = truth.formulas
    if truth.prototypes is not None:
        columns["prototype"] = truth.prototypes
    if truth.n_atoms is not None:
        columns["n_atoms"] = truth.n_atoms
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    table = table.replace_schema_metadata({"key": truth.key, "sha256": truth.sha256, "format": FORMAT})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    write_atomic(path, sink.getvalue().to_pybytes())


def read_prepared(path: Path) -> Truth | None:
    """Return labels that were kept by `write_prepared`; None if the file is damaged or of another version."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all().combine_chunks()
    except (pa.ArrowInvalid, OSError):
        return None
    said = table.schema.metadata or {}
    if said.get(b"format") != FORMAT.encode():
        return None
    columns = {name: table[name].chunk(0) for name in table.column_names}

    def arrays(prefix: str) -> dict[str, Any]:
        return {
            name.removeprefix(prefix): column.to_numpy(zero_copy_only=False)
            for name, column in columns.items()
            if name.startswith(prefix)
        }

    return Truth(
        key=said[b"key"].decode(),
        material_ids=columns["material_id"],
        targets=arrays("target:"),
        groups=columns["group"].to_numpy(),
        formulas=columns.get("formula"),
        n_atoms=columns["n_atoms"].to_numpy() if "n_atoms" in columns else None,
        prototypes=columns.get("prototype"),
        flags=arrays("flag:"),
        sha256=said[b"sha256"].decode(),
    )
