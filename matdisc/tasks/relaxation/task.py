"""Relaxation: from a perturbed start, does a model find the structure that the reference has?

The model sees a cell that is too large and atoms off their places, and answers with the structure that it relaxes to.
"""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats, Ints
from matdisc.atomic import write_atomic
from matdisc.cache import CacheKey
from matdisc.datasets.fetch import cache_dir
from matdisc.datasets.relaxation_starts import relaxation_starts
from matdisc.datasets.truth import Truth
from matdisc.metrics.structures import LEVELS, Compared, lattice_error, reduced_cell, volume_error
from matdisc.physics.evaluation import Steps
from matdisc.physics.relaxation.relax import relaxation
from matdisc.schema import Crystal, Sample
from matdisc.scoring.answers import ABSURD, FARTHEST, Answers
from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.structures import StructureScoring
from matdisc.tasks.relaxation.metrics import RELAXATION as METRICS
from matdisc.tasks.rule import Rule
from matdisc.tasks.task import Outcome, Reference, Task

if TYPE_CHECKING:
    from matdisc.protocols import Protocol

SKEWED = 1.5
"""A cell whose longest edge exceeds that of its reduced cell by more than this is reduced before it is compared."""
FORMAT = "matdisc.compared/2"
COLUMNS = 3 + 4 * len(LEVELS)
"""Numbers that are kept of a comparison."""


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Relax a sample; the outcome holds the structure, its energy (eV/atom) and the force that is left (eV/Å)."""
    end = yield from relaxation(sample.crystal, protocol)
    values = {"energy_per_atom": (end.energy + correction) / len(sample.crystal.symbols), "fmax": end.fmax}
    return Outcome(values, end.converged, end.steps, end.crystal)


def compare(truth: Truth, answers: Answers) -> Compared:
    """Compare the answered structures with their references.

    Geometry takes some 15 ms a material, so it is kept in the cache folder under the hashes of answers and truth.
    """
    rmsd, volume, lattice, groups, operations = geometry(geometry_key(answers, truth))
    answered = np.array([crystal is not None for crystal in answers.structures], bool)
    energy = answers.numbers("energy_per_atom") - truth.target("energy_per_atom")
    fmax = answers.numbers("fmax")
    converged = np.full(len(truth), np.nan)
    if answers.converged is not None and (np.isfinite(fmax).any() or len(answers.steps)):
        converged = answers.converged.astype(float)
    with np.errstate(invalid="ignore"):
        energy = np.where(np.abs(energy) <= ABSURD, energy, np.nan)
        fmax = np.where((fmax >= 0) & (fmax < FARTHEST), fmax, np.nan)
    return Compared(answered, converged, rmsd, volume, lattice, fmax, energy, groups, operations)


Pairs = tuple[tuple[Crystal | None, ...], tuple[Crystal, ...]]
"""Answered structures and their references."""


def geometry_key(answers: Answers, truth: Truth) -> CacheKey[Pairs]:
    """Return structures with their references, under a name that also says by which versions they are compared."""
    assert truth.relaxed is not None
    made_by = f"{FORMAT} moyopy {version('moyopy')} pymatgen {version('pymatgen')}"
    name = hashlib.sha256(f"{made_by} {answers.sha256} {truth.sha256}".encode()).hexdigest()
    return CacheKey(name, (answers.structures, truth.relaxed))


@lru_cache(maxsize=64)
def geometry(key: CacheKey[Pairs]) -> tuple[Floats, Floats, Floats, Ints, Ints]:
    """RMSD, errors of volume and lattice, space groups and operations of all pairs; kept or computed."""
    found, references = key.value
    path = cache_dir() / "compared" / f"{key.name}.npy"
    table = _kept(path, len(references))
    if table is None:
        table = np.array([_row(*pair) for pair in zip(found, references, strict=True)])
        stream = io.BytesIO()
        np.save(stream, table)
        write_atomic(path, stream.getvalue())
    shape = (len(table), len(LEVELS), 2)
    groups, operations = (part.astype(np.int64).reshape(shape) for part in np.split(table[:, 3:], 2, axis=1))
    return table[:, 0], table[:, 1], table[:, 2], groups, operations


def _kept(path: Path, rows: int) -> Floats | None:
    try:
        table = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return table if table.shape == (rows, COLUMNS) and table.dtype == np.float64 else None


def _row(crystal: Crystal | None, reference: Crystal) -> list[float]:
    """RMSD, volume, lattice; space groups, then operations, at each tolerance of answer and reference."""
    from matdisc.physics.matching import rms_distance
    from matdisc.physics.symmetry import SYMPRECS, symmetry

    pairs = [(symmetry(crystal, symprec) if crystal else None, symmetry(reference, symprec)) for symprec in SYMPRECS]
    symmetries = [found for pair in pairs for found in pair]
    numbers = [found.number if found else 0 for found in symmetries]
    operations = [found.operations if found else 0 for found in symmetries]
    if crystal is None:
        return [np.nan, np.nan, np.nan, *numbers, *operations]
    sizes = len(crystal.symbols), len(reference.symbols)
    return [
        rms_distance(unskewed(crystal), reference),
        volume_error(crystal.cell, sizes[0], reference.cell, sizes[1]),
        lattice_error(crystal.cell, reference.cell),
        *numbers,
        *operations,
    ]


def unskewed(crystal: Crystal) -> Crystal:
    """Return a crystal as it is, or in its reduced cell if its own is so skewed that comparing would take for ever."""
    reduced = reduced_cell(crystal.cell)
    if np.linalg.norm(crystal.cell, axis=1).max() <= SKEWED * np.linalg.norm(reduced, axis=1).max():
        return crystal
    positions = np.array(crystal.positions) @ np.array(crystal.cell) @ np.linalg.inv(reduced) % 1.0
    rows = [tuple(tuple(row) for row in table.tolist()) for table in (positions, reduced)]
    return Crystal(crystal.symbols, rows[0], rows[1])  # type: ignore[arg-type]


RELAXATION = Task(
    key="relaxation",
    title="Relaxation",
    question="From a perturbed start, does a model find the reference structure?",
    description=(
        "A model sees a cell that is too large, with its atoms off their places, and answers with the structure it "
        "relaxes to. That structure is compared with the data set's reference: atoms by their root mean square "
        "distance after the best match (RMSD), the cell by volume and edges, and the symmetry by its space group. "
        "RMSD does not see the size of the cell, so read it beside the volume error. A missing or unmatched structure "
        "counts an RMSD of 1 and no symmetry kept. Where references are measured or a model's level of theory is "
        "another, part of the difference is the theory's and not the model's."
    ),
    scoring=StructureScoring(
        columns=(
            AnswerColumn("energy_per_atom", "energy of the relaxed structure", "eV/atom", -1000.0, 1000.0),
            AnswerColumn("fmax", "largest residual force", "eV/Å", 0.0, FARTHEST),
        ),
        metrics=METRICS,
        ranked=("rmsd", "symmetry_match_loose", "volume_abs_error"),
        baseline_text="Returning every start structure unchanged",
        baseline_label="unrelaxed",
        prepare=relaxation_starts,
        compare=compare,
    ),
    simulate=simulate,
    needs=("energy", "forces", "stress"),
    answers=("structure",),
    relaxes=True,
    method=Path(__file__).with_name("method.html"),
    rules=(
        Rule(
            about="Relaxed volumes",
            metric="volume_abs_error",
            safe=(2.0, "within {limit} % on average"),
            unsafe=(5.0, "off by more than {limit} % on average: densities and pressures will be wrong"),
        ),
        Rule(
            about="Symmetry of relaxed crystals",
            metric="symmetry_match_loose",
            safe=(0.95, "the reference's space group for at least {percent} %"),
            unsafe=(0.8, "another space group than the reference's for more than a fifth"),
        ),
    ),
)
