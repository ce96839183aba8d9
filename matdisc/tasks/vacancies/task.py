"""Vacancies: what does it cost to take an atom out of a crystal?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Bools, Floats
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.scoring.base import AnswerColumn, headline_mask
from matdisc.scoring.measured import MeasuredScoring
from matdisc.tasks.rule import Rule
from matdisc.tasks.task import Task
from matdisc.tasks.vacancies.figures import draw
from matdisc.tasks.vacancies.metrics import REBUILT
from matdisc.tasks.vacancies.metrics import VACANCIES as METRICS
from matdisc.tasks.vacancies.simulation import simulate

if TYPE_CHECKING:
    from matdisc.scoring.answers import Answers

RULE = 0.32
"""Formation energy over cohesive energy: the slopes that the authors of the tables fit are 0.317 and 0.323."""


def terms(card: DatasetCard, truth: Truth, answers: Answers) -> Mapping[str, Floats]:
    """Return what each crystal says of each metric, shape (n_crystals,); nan where it says nothing."""
    true, there = truth.target("vacancy_energy"), np.isfinite(answers.values)
    moved = answers.numbers("moved")
    return {
        **_errors(card, truth, np.where(there, answers.values, 0.0)),
        "bias": answers.values - true,
        "negative": np.where(there, answers.values < 0, np.nan),
        "rebuilt": np.where(np.isfinite(moved), moved > REBUILT, np.nan),
        "relaxed_by": answers.numbers("unrelaxed") - answers.values,
        "volume_error": np.abs(answers.numbers("volume_per_atom") / truth.target("volume_per_atom") - 1),
    }


def baseline(card: DatasetCard, truth: Truth) -> Mapping[str, Floats]:
    """Return the terms of the rule that a vacancy costs 0.32 cohesive energies."""
    found = by_rule(truth)
    return {**_errors(card, truth, found), "bias": found - truth.target("vacancy_energy")}


def by_rule(truth: Truth) -> Floats:
    """Return 0.32 times the cohesive energies of the reference, eV."""
    return RULE * truth.target("cohesive_energy")


def _errors(card: DatasetCard, truth: Truth, found: Floats) -> dict[str, Floats]:
    true = truth.target("vacancy_energy")
    error = np.abs(found - true)
    rank = rank_terms(true, found, headline_mask(card, truth))
    return {"vacancy_mae": error, "scaled": error / truth.target("cohesive_energy"), "rank": rank}


def rank_terms(true: Floats, found: Floats, keep: Bools) -> Floats:
    """Return a number for each kept crystal whose mean is Spearman's correlation, nan elsewhere.

    Each is the correlation plus how much the crystal pulls it up (its influence), so that resampled means have the
    spread of a correlation, and are 1 throughout where the order is right.
    """
    x, y = standard_ranks(true, keep), standard_ranks(found, keep)
    product = x * y
    mean = np.mean(product[keep]) if keep.any() else np.nan
    return np.asarray(mean + product - mean * (x**2 + y**2) / 2)


def standard_ranks(values: Floats, keep: Bools) -> Floats:
    """Return ranks among the kept values with mean 0 and variance 1, equal values sharing theirs; nan elsewhere.

    All nan if all kept values are equal.
    """
    from scipy.stats import rankdata

    found = np.full(len(values), np.nan)
    if keep.any():
        ranks = rankdata(values[keep])
        spread = ranks.std()
        found[keep] = (ranks - ranks.mean()) / spread if spread > 0 else np.nan
    return found


VACANCIES = Task(
    key="vacancies",
    title="Vacancies",
    question="What does it cost to take one atom out of a crystal?",
    description=(
        "A crystal of one element is relaxed in its structure, repeated to 64 atoms, and loses one of them; the others "
        "relax while the cell stays. The formation energy is what the hole costs against the same atoms in the perfect "
        "crystal. It tells whether a potential knows what a bond is worth where coordination is broken, which crystals "
        "near equilibrium do not show: a universal potential that is too soft makes vacancies too cheap.\n\n"
        "The volume is the potential's own. A missing answer counts as a hole that costs nothing. The trivial answer "
        "to beat is a rule of thumb: a vacancy costs 0.32 cohesive energies."
    ),
    scoring=MeasuredScoring(
        columns=(
            AnswerColumn(
                "vacancy_energy", "formation energy of a vacancy, atoms relaxed at fixed cell", "eV", -50.0, 50.0
            ),
            AnswerColumn("unrelaxed", "the same before the other atoms move", "eV", -100.0, 100.0),
            AnswerColumn("moved", "largest way of an atom over the distance of neighbours", "", 0.0, 100.0),
            AnswerColumn("volume_per_atom", "volume of the perfect crystal", "Å³/atom", 0.0, 1000.0),
        ),
        metrics=METRICS,
        ranked=("vacancy_mae", "rank"),
        baseline_text="A rule of 0.32 cohesive energies of the reference for every vacancy",
        baseline_label="0.32 cohesive energies",
        one_answer=True,
        rows_noun="crystals",
        groups_noun="elements",
        terms=terms,
        baseline=baseline,
        draw=draw,
        against_theory=lambda card: True,
    ),
    simulate=simulate,
    needs=("energy", "forces", "stress"),
    relaxes=True,
    method=Path(__file__).with_name("method.html"),
    rules=(
        Rule(
            about="Formation energies of vacancies",
            metric="vacancy_mae",
            safe=(0.2, "within {limit} eV on average"),
            unsafe=(0.5, "off by more than {limit} eV on average: concentrations will be wrong by orders of magnitude"),
        ),
        Rule(
            about="Order of vacancies",
            metric="rank",
            safe=(0.9, "rank correlation of at least {limit}"),
            unsafe=(0.5, "rank correlation below {limit}: it cannot say in which metal vacancies cost more"),
        ),
    ),
)
