"""Equations of state of the 71 elements with CHGNet: matdisc's batches against one structure at a time.

Both ask for the same volumes with one thread in one process, and both fit the same way, so their numbers are the same
up to single precision. Loading the model and a first call are not timed. `python -m benchmarks properties-eos` runs
this alone.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import ratio

REPEAT = 3


def measure(folder: Path) -> None:
    """Print the ratio of times, and how far the numbers of both ways are apart."""
    from chgnet.model import CHGNetCalculator

    from matdisc.board import init_board
    from matdisc.datasets import load
    from matdisc.models.load import one_thread
    from matdisc.models.potentials.chgnet import load as load_chgnet

    one_thread()
    warnings.simplefilter("ignore")
    samples = load(init_board(folder / "eos-board"), "dcdft").samples
    calculator, packages = load_chgnet(), CHGNetCalculator(use_device="cpu", on_isolated_atoms="ignore")
    together(samples[:2], calculator)
    fast, batched = _best(lambda: together(samples, calculator))
    for said, one in (("the package's calculator", packages), ("matdisc's calculator", calculator)):
        alone(samples[:2], one)
        slow, found = _best(lambda one=one: alone(samples, one))  # type: ignore[misc]
        apart = [
            np.abs(found[name][key] / values[key] - 1)
            for name, values in batched.items()
            for key in ("v0", "b0")
            if key in values
        ]
        what = f"CHGNet, 71 elements: {said} one by one / batched"
        ratio(
            what, slow, fast,
            after=f"; V0 and B0 differ by {np.median(apart):.1e} (median), {max(apart):.1e} (most)",
        )  # fmt: skip


def alone(samples: Any, calculator: Any) -> dict[str, Any]:
    """Ask for every structure with ASE's interface, one after the other."""
    from matdisc.physics.drivers import run_single
    from matdisc.tasks.eos.simulation import simulate

    return {s.material_id: run_single(simulate(s, None, None, 0.0), calculator).values for s in samples}  # type: ignore[arg-type]


def together(samples: Any, calculator: Any) -> dict[str, Any]:
    """Ask as a run of matdisc does: structures of many crystals in one call."""
    from matdisc.physics.drivers import run_batched
    from matdisc.tasks.eos.simulation import simulate

    work = ((s.material_id, simulate(s, None, None, 0.0)) for s in samples)  # type: ignore[arg-type]
    found = {}
    for ended in run_batched(work, calculator):
        assert ended.value is not None, ended.error
        found[ended.key] = ended.value.values
    return found


def _best(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the least time of some calls, for the machine may be busy, and what the last one returned."""
    times = []
    for _ in range(REPEAT):
        started = time.perf_counter()
        found = call()
        times.append(time.perf_counter() - started)
    return float(np.min(times)), found
