"""What a row cost: time per material as the file tells it, processor time and memory as our own run measured them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def cost_of(told: Mapping[str, Any] | None, run: Mapping[str, Any] | None, hits: int | None) -> dict[str, Any] | None:
    """Return the cost of a row, JSON-ready; None where nothing is known.

    Args:
        told: Seconds and steps from the columns of the predictions file, if it has them.
        run: The `cost` of the run that made the file, as its `.run.json` tells it; None for a submission.
        hits: Stable materials that the row calls stable; None for a task without such a question.

    `cpu_hours` counts all worker processes, loading the model included; `crystals_per_cpu_hour` and
    `hits_per_cpu_hour` are per such hour, None where no processor time was measured. Rows are comparable only
    where `machines` are alike; with a GPU, processor time is not the cost that counts.
    """
    if not run:
        return dict(told) if told else None
    hours, materials = run["cpu_seconds"] / 3600, run["materials"]
    return {
        **(told or {}),
        "cpu_hours": round(hours, 6),
        "crystals_per_cpu_hour": _per(materials, hours),
        "hits_per_cpu_hour": None if hits is None else _per(hits, hours),
        "failure_rate": run["failed"] / materials if materials else None,
        "peak_mib": run["peak_mib"],
        "workers": run["workers"],
        "machines": run["machines"],
    }


def packages_of(cost: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the versions of the packages that the machines of a cost name, sorted; where they differ, the first's."""
    found: dict[str, str] = {}
    for machine in (cost or {}).get("machines") or ():
        found = {**machine.get("packages", {}), **found}
    return dict(sorted(found.items()))


def _per(count: int, hours: float) -> float | None:
    return round(count / hours, 1) if hours > 0 else None
