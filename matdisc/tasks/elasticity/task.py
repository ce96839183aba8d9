"""Elasticity: how stiff is a crystal under a potential, with its ions relaxed?"""

from __future__ import annotations

from pathlib import Path

from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.measured import MeasuredScoring
from matdisc.tasks.elasticity.figures import draw
from matdisc.tasks.elasticity.metrics import ELASTICITY as METRICS
from matdisc.tasks.elasticity.metrics import MEDIANS
from matdisc.tasks.elasticity.scoring import baseline, terms
from matdisc.tasks.elasticity.simulation import TENSOR, simulate
from matdisc.tasks.rule import Rule
from matdisc.tasks.task import Task

COLUMNS = (
    AnswerColumn("bulk_modulus", "bulk modulus with relaxed ions, Hill's average", "GPa"),
    AnswerColumn("shear_modulus", "shear modulus with relaxed ions, Hill's average", "GPa"),
    AnswerColumn("smallest_eigenvalue", "smallest eigenvalue of the elastic tensor in Voigt's notation", "GPa"),
    AnswerColumn("anisotropy", "universal anisotropy index, 0 for an isotropic crystal"),
    AnswerColumn("bulk_modulus_clamped", "bulk modulus with clamped ions", "GPa"),
    AnswerColumn("shear_modulus_clamped", "shear modulus with clamped ions", "GPa"),
    AnswerColumn("unexplained", "share of the stresses' variance that the tensor does not explain"),
    AnswerColumn("fmax", "largest force left", "eV/Å"),
    AnswerColumn("strained_cells", "number of strained cells"),
    AnswerColumn(TENSOR, "elastic tensor with relaxed ions, row by row, xx yy zz yz xz xy", "GPa", shape=(6, 6)),
)

ELASTICITY = Task(
    key="elasticity",
    title="Elasticity",
    question="How stiff are crystals: bulk and shear modulus from elastic tensors with relaxed ions?",
    description=(
        "A model relaxes cell and ions of a crystal, strains the cell by up to 1 %, relaxes the ions of each strained "
        "cell, and the elastic tensor follows from the stresses. Its averages over all orientations (Voigt, Reuss, "
        "Hill) are compared with the labels; a tensor has to be positive definite, or the crystal would fall apart. "
        "The moduli that clamped ions would give stand beside them, for some workflows report those. Where a model has "
        "no usable tensor, the median of all labels counts as its answer, so that nobody gains by leaving out hard "
        "crystals. Where a model was trained on another level of theory than the labels', part of the error is the "
        "theory's and not the model's."
    ),
    scoring=MeasuredScoring(
        columns=COLUMNS,
        metrics=METRICS,
        ranked=("k_log_mae", "g_log_mae"),
        baseline_text="The median modulus of all labels for every crystal",
        baseline_label="median of the labels",
        one_answer=True,
        terms=terms,
        medians=MEDIANS,
        baseline=baseline,
        draw=draw,
        against_theory=lambda card: True,
        groups_noun="chemical systems",
    ),
    simulate=simulate,
    needs=("energy", "forces", "stress"),
    method=Path(__file__).with_name("method.html"),
    rules=(
        Rule(
            about="Bulk moduli",
            metric="k_error",
            safe=(0.1, "within {percent} % (median)"),
            unsafe=(0.25, "off by more than {percent} % (median)"),
        ),
        Rule(
            about="Shear moduli",
            metric="g_error",
            safe=(0.15, "within {percent} % (median)"),
            unsafe=(0.4, "off by more than {percent} % (median)"),
        ),
        Rule(
            about="Elastic tensors",
            metric="usable",
            safe=(0.95, "stable and from ions at rest for at least {percent} % of the crystals"),
            unsafe=(0.8, "unstable, or from ions that do not come to rest, for more than a fifth of the crystals"),
        ),
    ),
)
