"""A task as another package may bring it, in one module: which crystals lie within 1 eV/atom of their ground state?

With the data set folder beside it, it is all there is; nothing else in the house knows of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from matdisc.arrays import Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.csv_rows import Row, read_rows
from matdisc.datasets.truth import Truth
from matdisc.formats.atoms import to_atoms
from matdisc.physics.evaluation import Steps
from matdisc.schema import Crystal, Dataset, Sample
from matdisc.scoring.answers import Verdicts
from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.stability import StabilityScoring
from matdisc.scoring.stability_metrics import STABILITY
from matdisc.tasks.task import Outcome, Reference, Task

COLUMN = "energy_above_ground"
LIMIT = 1.0
"""eV/atom."""


def simulate(sample: Sample, protocol: object, reference: Reference, correction: float) -> Steps[Outcome]:
    """Evaluate a crystal once; effective medium theory takes the ground state as its zero of energy."""
    found = yield to_atoms(sample.crystal)
    return Outcome({COLUMN: found.energy / len(sample.crystal.symbols)})


def judge(truth: Truth, column: str, values: Floats, threshold: float) -> Verdicts:
    """Compare energies with the limit; a missing answer counts as far above it."""
    near, nothing = truth.target("near") > 0.5, np.full(len(truth), np.nan)
    with np.errstate(invalid="ignore"):
        return Verdicts(near, values < LIMIT, nothing, values, np.ones(len(truth), bool))


COMPRESSION = Task(
    key="compression",
    title="Compressed crystals",
    question="Which of these crystals lie within 1 eV/atom of their ground state?",
    description="A potential gives the energy of each crystal above its ground state; nothing is relaxed.",
    scoring=StabilityScoring(
        columns=(AnswerColumn(COLUMN, "energy above the ground state", "eV/atom", -50.0, 1e4),),
        metrics=STABILITY,
        ranked=("f1",),
        baseline_text="Calling every crystal near its ground state",
        baseline_label="all near",
        positive="near",
        judge=judge,
    ),
    simulate=simulate,
    needs=("energy",),
)


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return an fcc crystal for each row of `crystals.csv`: symbol, edge in Å, 1 if it is near its ground state."""
    rows = read_rows(files["crystals.csv"], ("symbol", "edge", "near"))
    return Dataset(key=card.key, samples=tuple(map(_sample, rows)))


def _sample(row: Row) -> Sample:
    symbol, half = row.text("symbol"), row.number("edge") / 2
    cell = ((0.0, half, half), (half, 0.0, half), (half, half, 0.0))
    crystal = Crystal((symbol,), ((0.0, 0.0, 0.0),), cell)
    return Sample(f"{symbol}-{row.text('edge')}", {"crystal": crystal}, {"near": row.number("near")}, symbol)
