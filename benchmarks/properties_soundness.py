"""Soundness of CHGNet: all guises of a probe in batches against one structure at a time.

Both ask for the same structures with one thread in one process. Loading the model and a first call are not timed.
`python -m benchmarks properties-soundness` runs this alone.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

from benchmarks.report import ratio


def measure(folder: Path) -> None:
    """Print the ratio of times, and the largest gap over its tolerance of both ways."""
    from chgnet.model import CHGNetCalculator

    from matdisc.board import init_board
    from matdisc.datasets import load
    from matdisc.models.load import one_thread
    from matdisc.models.potentials.chgnet import load as load_chgnet

    one_thread()
    warnings.simplefilter("ignore")
    samples = load(init_board(folder / "soundness-board"), "soundness-probes").samples
    calculator = load_chgnet()
    together(samples[:1], calculator)
    fast, batched = _timed(together, samples, calculator)
    for said, one in (
        ("matdisc's calculator", calculator),
        ("the package's calculator", CHGNetCalculator(use_device="cpu")),
    ):
        slow, found = _timed(alone, samples, one)
        ratio(
            f"CHGNet, {len(samples)} probes: {said} one by one / batched", slow, fast,
            after=f"; largest gap over tolerance {_worst(found):.2f}, batched {_worst(batched):.2f}",
        )  # fmt: skip


def alone(samples: Any, calculator: Any) -> list[dict[str, float]]:
    """Ask for every structure with ASE's interface, one after the other."""
    from matdisc.physics.drivers import run_single
    from matdisc.tasks.soundness.simulation import simulate

    return [dict(run_single(simulate(s, None, None, 0.0), calculator).values) for s in samples]  # type: ignore[arg-type]


def together(samples: Any, calculator: Any) -> list[dict[str, float]]:
    """Ask as a run of matdisc does: many structures in one call."""
    from matdisc.physics.drivers import run_batched
    from matdisc.tasks.soundness.simulation import simulate

    work = ((s.material_id, simulate(s, None, None, 0.0)) for s in samples)  # type: ignore[arg-type]
    found = []
    for ended in run_batched(work, calculator):
        assert ended.value is not None, ended.error
        found.append(dict(ended.value.values))
    return found


def _worst(rows: list[dict[str, float]]) -> float:
    from matdisc.tasks.soundness.checks import CHECKS

    return max(row[gap.column] / gap.tolerance for row in rows for check in CHECKS for gap in check.gaps)


def _timed(way: Any, samples: Any, calculator: Any) -> tuple[float, list[dict[str, float]]]:
    started = time.perf_counter()
    found = way(samples, calculator)
    return time.perf_counter() - started, found
