"""Parity of both moduli, errors by element, what became of each crystal, and the worst ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from matdisc.arrays import Bools
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import headline_mask
from matdisc.scoring.figures import Artifacts, Figure, Line, Table
from matdisc.scoring.measured import Terms
from matdisc.tasks.elasticity.scoring import AT_REST, JUMPING, MODULI, moduli, terms, usable

MOST_ROWS = 30
SECTION = "Slices"
NAMES = {"k": "bulk modulus", "g": "shear modulus"}


def draw(card: DatasetCard, truth: Truth, answers: Answers) -> Artifacts:
    """Return parity of K and G, and tables of fates, elements and the crystals with the largest errors."""
    keep = headline_mask(card, truth)
    good = keep & usable(answers)
    found = terms(card, truth, answers)
    figures = [figure for key in NAMES for figure in _parity(key, truth, answers, good)]
    tables = [_fates(answers, keep), _elements(truth, found, good), _worst(truth, answers, found, good)]
    return Artifacts(figures=figures, tables=[table for table in tables if table.rows])


def _parity(key: str, truth: Truth, answers: Answers, good: Bools) -> Iterator[Figure]:
    """Yield the moduli of every usable tensor against the labels, both axes logarithmic."""
    if not good.any():
        return
    label, answer = truth.target(MODULI[key])[good], moduli(answers)[key][good]
    ends = float(min(label.min(), answer.min())), float(max(label.max(), answer.max()))
    names = [f"{formula} ({name})" for formula, name in zip(_formulas(truth), _ids(truth), strict=True)]
    labels = [name for name, use in zip(names, good, strict=True) if use]
    yield Figure(
        f"parity-{key}", f"Predicted against reference: {NAMES[key]}",
        f"reference {NAMES[key]}, GPa", f"predicted {NAMES[key]}, GPa",
        lines=[Line("", label, answer, labels=labels)],
        reference=(ends[0], ends[0], ends[1], ends[1]), x_log=True, y_log=True,
        note=f"dashed: perfect; {int(good.sum()):,} usable tensors",
    )  # fmt: skip


def _fates(answers: Answers, keep: Bools) -> Table:
    """Say what became of every crystal; the first that applies."""
    there = np.isfinite(answers.values)
    unstable = there & (answers.numbers("smallest_eigenvalue") <= 0)
    moving = there & ~unstable & (answers.numbers("fmax") > AT_REST)
    jumping = there & ~unstable & ~moving & (answers.numbers("unexplained") > JUMPING)
    good = usable(answers)
    fates = (
        ("usable tensor", good),
        ("unstable tensor", unstable),
        (f"ions not at rest (a force above {AT_REST} eV/Å)", moving),
        ("stress not linear in strain (ions jump)", jumping),
        ("no modulus that can be meant", there & ~good & ~unstable & ~moving & ~jumping),
        ("no tensor: relaxation failed, sheared away or not asked", ~there),
    )
    rows = [(name, int((which & keep).sum())) for name, which in fates]
    return Table("fates", "What became of the crystals", ("Answer", "Crystals"), rows if there.any() else [])


def _elements(truth: Truth, found: Terms, good: Bools) -> Table:
    rows = []
    symbols = [set(crystal.symbols) for crystal in truth.crystals or ()]
    for element in sorted({symbol for one in symbols for symbol in one}):
        where = good & np.array([element in one for one in symbols])
        if where.any():
            k, g, bias = (float(found[key][where].mean()) for key in ("k_log_mae", "g_log_mae", "g_bias"))
            rows.append((element, g, int(where.sum()), k, 100 * bias))
    head = ("Element", "G log error", "Crystals", "K log error", "Mean G bias, %")
    note = "Errors of the crystals that hold each element, usable tensors only; darker is a larger error, by order."
    return Table("slice-element", "By element", head, rows, note, SECTION, layout="periodic", better="lower")


def _worst(truth: Truth, answers: Answers, found: Terms, good: Bools) -> Table:
    order = [i for i in np.argsort(-found["g_log_mae"], kind="stable") if good[i]][:MOST_ROWS]
    columns = [truth.target("bulk_modulus"), truth.target("shear_modulus")]
    columns += [*moduli(answers).values(), answers.numbers("shear_modulus_clamped"), answers.numbers("anisotropy")]
    formulas, ids = _formulas(truth), _ids(truth)
    rows = [(ids[i], formulas[i], *(float(column[i]) for column in columns)) for i in order]
    head = ("Id", "Formula", "K label, GPa", "G label, GPa", "K, GPa", "G, GPa", "G clamped, GPa", "Anisotropy")
    note = f"The {len(rows)} usable tensors with the largest error of log G."
    return Table("worst", "Largest errors", head, rows, note, SECTION)


def _ids(truth: Truth) -> list[str]:
    return list(truth.material_ids.to_pylist())


def _formulas(truth: Truth) -> list[str]:
    return list(truth.formulas.to_pylist()) if truth.formulas is not None else [""] * len(truth)
