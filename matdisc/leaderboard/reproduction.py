"""Does a rerun give the same as a row of the board: which materials moved, and do metrics stay in their intervals?"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from matdisc.leaderboard.compare import compare_aligned
from matdisc.leaderboard.submission import AlignedSubmission
from matdisc.schema import Crystal, Prediction
from matdisc.scoring.base import Bootstrap

NOISE = 1e-4
"""Numbers that differ by at most this share of the larger one (or of 1, in their unit) differ by float noise.

Networks compute in float32 (a relative precision of 6e-8) and sum over atoms and layers; in batches of other crystals
and on other processors they sum in another order. A hundred steps of a relaxation carry that on to some 1e-5 eV/atom
and eV/Å. """
STRUCTURE_NOISE = 1e-3
"""Å; the same for atoms and cells of relaxed structures."""
Verdict = Literal["float noise", "within the interval", "beyond the interval", "undefined"]


@dataclass(frozen=True, slots=True)
class Moved:
    """A material whose answer differs by more than float noise.

    Attributes:
        material_id: Which.
        what: The column that differs most beside its noise; `status` where the two ended differently.
        row, rerun: Both answers of a number, or both statuses; empty where the answer is a structure or an array.
        apart: The largest difference, in the column's unit, Å for structures; inf where one of them has no answer.
    """

    material_id: str
    what: str
    row: float | str
    rerun: float | str
    apart: float


@dataclass(frozen=True, slots=True)
class MetricPair:
    """A metric of the row and of the rerun on the same materials, beside the interval of the row on the board.

    `low` and `high` are what the row's interval leaves to a difference: interval minus value.
    """

    key: str
    row: float
    rerun: float
    difference: float
    low: float
    high: float
    verdict: Verdict


def moved(row: Sequence[Prediction], rerun: Sequence[Prediction], costs: Collection[str] = ()) -> list[Moved]:
    """Return the materials whose answers differ by more than float noise, by size beside the noise, largest first.

    Args:
        row: What the board has; materials that were not asked again do not count.
        rerun: What the rerun answered.
        costs: Columns that are no answers, as the seconds of a training.
    """
    before = {p.material_id: p for p in row}
    found = [max(_differences(before.get(p.material_id), p, costs), key=lambda pair: pair[0]) for p in rerun]
    found = [pair for pair in found if pair[0] > 1]
    return [one for _, one in sorted(found, key=lambda pair: (-pair[0], pair[1].material_id))]


def metric_pairs(
    row: AlignedSubmission,
    rerun: AlignedSubmission,
    on_board: Mapping[str, Any],
    bootstrap: Bootstrap,
) -> list[MetricPair]:
    """Return the metrics that rows are ranked by, the headline first.

    Args:
        row, rerun: Both files, aligned with the labels of the materials that were asked again.
        on_board: Metrics of the row's result on the board, `value`, `low` and `high` by key, over all materials.
        bootstrap: How differences are taken.
    """
    differences = compare_aligned(row, rerun, ("row", "rerun"), bootstrap=bootstrap)["differences"]
    return [
        _pair(key, differences[key], on_board.get(key) or {}) for key in row.task.scoring.ranked if key in differences
    ]


def overall(moved_materials: Sequence[Moved], pairs: Sequence[MetricPair]) -> Verdict:
    """Return what the whole rerun says: float noise if no material moved, else the worst of its defined metrics."""
    said = {pair.verdict for pair in pairs}
    if not moved_materials:
        return "float noise"
    if "beyond the interval" in said:
        return "beyond the interval"
    return "within the interval" if said & {"within the interval", "float noise"} else "undefined"


def _pair(key: str, difference: Mapping[str, Any], known: Mapping[str, Any]) -> MetricPair:
    first, second = (_number(difference[side]) for side in ("first", "second"))
    apart = second - first
    verdict: Verdict
    value, low, high = (_number(known.get(name)) for name in ("value", "low", "high"))
    if math.isnan(apart):
        verdict = "undefined"
    elif abs(apart) <= NOISE * max(1.0, abs(first), abs(second)):
        verdict = "float noise"
    elif math.isnan(low) or math.isnan(high):
        verdict = "undefined"
    else:
        verdict = "within the interval" if low <= value + apart <= high else "beyond the interval"
    return MetricPair(key, first, second, apart, low - value, high - value, verdict)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _differences(row: Prediction | None, rerun: Prediction, costs: Collection[str]) -> Iterator[tuple[float, Moved]]:
    """Yield how many times its noise each answer differs, and the answer; the first is 0 for equal statuses."""
    key = rerun.material_id
    before = "absent" if row is None else row.status
    same = before == rerun.status
    yield 0.0 if same else math.inf, Moved(key, "status", before, rerun.status, 0.0 if same else math.inf)
    if row is None:
        return
    for name in sorted({*row.values, *rerun.values} - set(costs)):
        a, b = row.values.get(name, math.nan), rerun.values.get(name, math.nan)
        yield _beside(abs(a - b), NOISE * max(1.0, abs(a), abs(b))), Moved(key, name, a, b, abs(a - b))
    for name in sorted({*row.arrays, *rerun.arrays}):
        first, second = (np.array(p.arrays.get(name, ()), float) for p in (row, rerun))
        apart = float(np.abs(first - second).max(initial=0.0)) if first.shape == second.shape else math.inf
        yield _beside(apart, NOISE * max(1.0, float(np.abs(first).max(initial=0.0)))), Moved(key, name, "", "", apart)
    if row.structure or rerun.structure:
        apart = structures_apart(row.structure, rerun.structure)
        yield _beside(apart, STRUCTURE_NOISE), Moved(key, "structure", "", "", apart)


def _beside(apart: float, noise: float) -> float:
    return math.inf if math.isnan(apart) else apart / noise


def structures_apart(first: Crystal | None, second: Crystal | None) -> float:
    """Return the largest change of a lattice vector's component or of an atom's place, Å, atoms taken in their order.

    inf where one is missing or their atoms are others.
    """
    if first is None or second is None or first.symbols != second.symbols:
        return math.inf
    cells = np.array(first.cell), np.array(second.cell)
    shift = np.array(second.positions) - np.array(first.positions)
    moves = np.linalg.norm((shift - np.round(shift)) @ cells[0], axis=1)
    return float(max(np.abs(cells[1] - cells[0]).max(), moves.max(initial=0.0)))
