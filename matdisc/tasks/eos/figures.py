"""Parity of volume and stiffness, errors by element and kind of crystal, and the worst curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.scoring.base import headline_mask
from matdisc.scoring.figures import Artifacts, Figure, Line, Table
from matdisc.scoring.parity import parity
from matdisc.scoring.record import plain
from matdisc.tasks.eos.birch_murnaghan import Curves, energy
from matdisc.tasks.eos.simulation import FAULTS, SEVEN
from matdisc.tasks.eos.terms import answered_curves, terms, true_curves

if TYPE_CHECKING:
    from matdisc.scoring.answers import Answers

NAMED = 100
"""Fewer points than these are drawn one by one, with names."""
CURVES, ROWS = 6, 30
"""Worst curves that are drawn, and rows of worst crystals."""
HEAD = ("ε", "ν", "V0, Å³/atom", "its reference", "B0, GPa", "its reference", "B′", "its reference", "Curve")


def draw(card: DatasetCard, truth: Truth, answers: Answers) -> Artifacts:
    """Return parity of V0 and B0, tables by element and prototype, and the worst curves, all of the headline."""
    keep, found = headline_mask(card, truth), terms(card, truth, answers)
    names = np.array(truth.material_ids.to_pylist())
    true, curves = true_curves(truth), answered_curves(answers)
    figures = [
        *_parity("v0", "Å³/atom", "equilibrium volume", true.v0, curves.v0, names, keep),
        *_parity("b0", "GPa", "bulk modulus", true.b0, curves.b0, names, keep),
    ]
    drawn = np.isfinite(answers.numbers("e_0")) & np.isfinite(answers.numbers("centre"))
    worst = np.flatnonzero(keep)[np.argsort(-found["epsilon"][keep], kind="stable")]
    figures += [_curve(truth, true, answers, i, names[i]) for i in worst[drawn[worst]][:CURVES]]
    elements = np.array([_element(truth, i) for i in range(len(truth))])
    tables = [
        _by("element", "By element", "Element", elements, found, keep, layout="periodic"),
        *_by_prototype(truth, found, keep),
        _worst(true, curves, answers, found, worst[:ROWS], names, int(keep.sum())),
    ]
    return Artifacts(figures=figures, tables=tables)


def _element(truth: Truth, i: int) -> str:
    """Return the element of a unary, or the other one of an oxide."""
    assert truth.crystals is not None
    symbols = set(truth.crystals[i].symbols)
    return min(symbols - {"O"}, default="O")


def _parity(
    key: str, unit: str, what: str, true: Floats, found: Floats, names: Floats, keep: Bools
) -> Sequence[Figure]:
    keep = keep & np.isfinite(found)
    if int(keep.sum()) > NAMED or not keep.any():
        return list(
            parity(key, unit, what, np.stack([true, found])[:, keep], "crystals without a minimum are left out")
        )
    ends = (min(true[keep].min(), found[keep].min()), max(true[keep].max(), found[keep].max()))
    line = Line("crystals", true[keep], found[keep], names[keep].tolist())
    return [
        Figure(
            f"parity-{key}", f"Predicted against reference: {what}", f"reference {what}, {unit}",
            f"predicted {what}, {unit}", [line], reference=(ends[0], ends[0], ends[1], ends[1]),
            note="dashed: perfect; crystals without a minimum are left out",
        )
    ]  # fmt: skip


def _curve(truth: Truth, true: Curves, answers: Answers, i: int, name: str) -> Figure:
    """Return the seven energies of a crystal above the lowest, and the curve of the reference."""
    assert truth.crystals is not None
    crystal = truth.crystals[i]
    given = abs(float(np.linalg.det(crystal.cell))) / len(crystal.symbols)
    asked = answers.numbers("centre")[i] * given * SEVEN
    energies = [float(answers.numbers(f"e_{k}")[i]) for k in range(len(SEVEN))]
    volumes = np.linspace(min(asked[0], SEVEN[0] * true.v0[i]), max(asked[-1], SEVEN[-1] * true.v0[i]), 41)
    reference = 1000 * energy(Curves(*(values[i : i + 1] for values in true)), volumes[None])[0]
    lines = [
        Line(said, 100 * (v / true.v0[i] - 1), e)
        for said, v, e in (("this model", asked, energies), ("reference", volumes, reference))
    ]
    return Figure(
        f"curve-{i}", f"{name}: energy against volume", "volume above the reference's, %",
        "energy above the lowest, meV/atom", lines, section="Worst curves",
    )  # fmt: skip


def _by(
    key: str, title: str, what: str, labels: Floats, found: Mapping[str, Floats], keep: Bools, layout: str = "rows"
) -> Table:
    rows = []
    for label in dict.fromkeys(labels[keep].tolist()):
        part = keep & (labels == label)
        middle = [_median(found[name][part]) for name in ("nu", "v0_bias", "b0_bias")]
        percent = [value if value is None else 100 * value for value in middle[1:]]
        sound = 100 * float(found["sound"][part].mean())
        rows.append((label, *plain([_median(found["epsilon"][part])]), int(part.sum()), middle[0], *percent, sound))
    head = (what, "ε", "Crystals", "ν", "V0 bias, %", "B0 bias, %", "Sound, %")
    note = "Medians; a crystal without a curve counts ε 10 and ν 200, and has no bias."
    return Table(f"by-{key}", title, head, rows, note, layout=layout)  # type: ignore[arg-type]


def _by_prototype(truth: Truth, found: Mapping[str, Floats], keep: Bools) -> list[Table]:
    kinds = truth.prototypes.to_pylist()
    return [] if None in kinds else [_by("prototype", "By structure", "Structure", np.array(kinds), found, keep)]


def _worst(
    true: Curves, curves: Curves, answers: Answers, found: Mapping[str, Floats], rows: Ints, names: Floats, n: int
) -> Table:
    fault = answers.values
    cells = [
        (
            names[i], *plain([float(found[key][i]) for key in ("epsilon", "nu")]),
            *plain([float(pair[k][i]) for k in range(3) for pair in (curves, true)]),
            FAULTS[int(fault[i])] if np.isfinite(fault[i]) else "no answer",
        )
        for i in rows
    ]  # fmt: skip
    note = f"The {len(cells)} of {n:,} with the largest ε." if len(cells) < n else ""
    return Table("worst", "Worst crystals", ("Crystal", *HEAD), cells, note)


def _median(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
