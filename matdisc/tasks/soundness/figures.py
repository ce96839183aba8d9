"""The card of a model: verdict, margin and consequence of each check; and what every probe found."""

from __future__ import annotations

import numpy as np

from matdisc.cards import DatasetCard
from matdisc.datasets.truth import Truth
from matdisc.scoring.answers import Answers
from matdisc.scoring.figures import Artifacts, Cells, Figure, Line, Table
from matdisc.tasks.soundness.checks import CHECKS, Check, excess, numbers

LEAST = 1e-7
"""Share of a tolerance below which a gap is drawn as this."""


def draw(card: DatasetCard, truth: Truth, answers: Answers) -> Artifacts:
    """Return the card, a figure of the largest gap of each check, and a table of the probes."""
    names = truth.material_ids.to_pylist()
    rows = [_verdict(check, answers, names) for check in CHECKS]
    head = ("Check", "Verdict", "Largest gap", "Tolerance", "Gap over tolerance", "On the probe", "What a breach does")
    note = (
        "Tolerances are what single precision may do (methods page). A gap is what goes beyond ten times the noise of "
        "asking again."
    )
    return Artifacts(
        figures=[_figure(answers, names)],
        tables=[Table("card", "Soundness card", head, rows, note), _probes(truth, answers, names)],
    )


def _verdict(check: Check, answers: Answers, names: list[str]) -> Cells:
    found = excess(check, answers)
    taken = np.isfinite(found)
    if not taken.any():
        silent = np.isfinite(answers.values).any() and check.key == "stress"
        said = "gives no stress: cells cannot be relaxed" if silent else "no answer"
        return (check.title, said, None, None, None, None, check.breach)
    failed, worst = int((found > 1).sum()), int(np.nanargmax(found))
    verdict = f"fails on {failed} of {taken.sum()}" if failed else "passes"
    shares = [float(numbers(answers, gap.column)[worst]) / gap.tolerance for gap in check.gaps]
    gap = check.gaps[int(np.nanargmax(shares))]
    size = float(numbers(answers, gap.column)[worst])
    return (
        check.title, verdict, f"{size:.2g} {gap.unit}", f"{gap.tolerance:.2g} {gap.unit}", float(found[worst]),
        names[worst], check.breach,
    )  # fmt: skip


def _figure(answers: Answers, names: list[str]) -> Figure:
    sizes = [excess(check, answers) for check in CHECKS]
    known = [i for i, size in enumerate(sizes) if np.isfinite(size).any()]
    worst = [int(np.nanargmax(sizes[i])) for i in known]
    line = Line(
        "largest of all probes",
        [i + 1.0 for i in known],
        [max(LEAST, float(sizes[i][j])) for i, j in zip(known, worst, strict=True)],
        labels=[f"{CHECKS[i].title}: {names[j]}" for i, j in zip(known, worst, strict=True)],
    )
    return Figure(
        "gaps", "Largest gap of each check", "check, by its place on the card", "gap over tolerance",
        [line], y_log=True, base=1.0, x_names=[str(place) for place in range(1, len(CHECKS) + 1)], overlay=True,
        note=f"above the line at 1 a check fails; what is below {LEAST:g} is drawn there",
    )  # fmt: skip


def _probes(truth: Truth, answers: Answers, names: list[str]) -> Table:
    table = np.stack([excess(check, answers) for check in CHECKS])
    kinds = truth.prototypes.to_pylist() if truth.prototypes is not None else [None] * len(names)
    rows: list[Cells] = []
    for name, kind, sizes in zip(names, kinds, table.T, strict=True):
        if not np.isfinite(sizes).any():
            rows.append((name, kind, "no answer", None, None))
            continue
        broken = [check.key.replace("_", " ") for check, size in zip(CHECKS, sizes, strict=True) if size > 1]
        worst = int(np.nanargmax(sizes))
        rows.append((name, kind, ", ".join(broken) or "none", CHECKS[worst].key.replace("_", " "), float(sizes[worst])))
    head = ("Probe", "Kind", "Checks failed", "Largest gap in", "Gap over tolerance")
    return Table("probes", "Every probe", head, rows)
