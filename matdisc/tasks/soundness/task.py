"""Soundness: does a potential keep the laws that every potential has to keep? No reference data are needed."""

from __future__ import annotations

from pathlib import Path

from matdisc.scoring.measured import MeasuredScoring
from matdisc.tasks.rule import Rule
from matdisc.tasks.soundness.checks import CHECKS, COLUMNS
from matdisc.tasks.soundness.figures import draw
from matdisc.tasks.soundness.metrics import SOUNDNESS_METRICS, terms
from matdisc.tasks.soundness.simulation import simulate
from matdisc.tasks.task import Task

SOUNDNESS = Task(
    key="soundness",
    title="Soundness",
    question="Does a potential keep the laws of physics that need no reference: is it one function of the atoms?",
    description=(
        "Small structures of several kinds of bonding are put to a potential in many guises, all at once: moved, "
        "strained, turned, reordered, as a larger cell, as a slab with atoms far away, and with two atoms that come "
        "nearer step by step. Forces and stress are held to central differences of the energy; energies and forces of "
        "equal things have to be equal; nothing may jump. Each check is one or a few gaps with a unit, and a tolerance "
        "that follows from the rounding of single precision. No labels are used, so nobody can have been trained on "
        "them; a sound potential may still be a wrong one.\n\nPassing is the rule and no merit (a potential that is "
        "zero everywhere passes): read which check fails, by how much, and what that does."
    ),
    scoring=MeasuredScoring(
        columns=COLUMNS,
        metrics=SOUNDNESS_METRICS,
        ranked=("sound", "checks", "excess"),
        baseline_text="A potential that is zero everywhere",
        baseline_label="zero everywhere",
        one_answer=True,
        rows_noun="probes",
        groups_noun="probes",
        terms=terms,
        medians=("excess",),
        draw=draw,
    ),
    simulate=simulate,
    needs=("energy", "forces"),
    method=Path(__file__).with_name("method.html"),
    rules=(
        Rule(
            about="Laws that every potential has to keep",
            metric="checks",
            safe=(1.0, "all checks passed"),
            unsafe=(0.5, "more than half of the checks fail"),
            exact=True,
        ),
        *(
            Rule(
                about=check.title,
                metric=check.key,
                safe=(1.0, "on every probe"),
                unsafe=(1.0, f"broken. {check.breach.removesuffix('.')}"),
                counted=True,
                only_faults=True,
                exact=True,
            )
            for check in CHECKS
        ),
    ),
)
