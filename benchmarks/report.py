"""Ratios that the parts measure: printed as they come, kept, and written as one JSON file with the machine's facts."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matdisc.atomic import write_atomic
from matdisc.cli.bench import SCHEMA, Better, Report, read_report, three_digits
from matdisc.run.engine.memory import machine_memory_gib
from matdisc.run.engine.usage import machine
from matdisc.version import __version__

PACKAGES = ("numpy", "scipy", "ase", "torch", "ray", "scikit-learn", "pandas", "chgnet")
_found: list[tuple[str, Better, float, float]] = []


def ratio(what: str, numerator: float, denominator: float, *, better: Better = "higher", after: str = "") -> None:
    """Print one line, times in seconds and their ratio, and keep it for the report.

    Args:
        what: Names both times: `theirs / ours`.
        numerator, denominator: Seconds.
        better: Whether a ratio is good if it is high (a gain over something else) or low (a cost beside something).
        after: What else the line says.
    """
    print(f"{what:55s} {numerator:8.3f} s / {denominator:8.4f} s = {numerator / denominator:8.2f}{after}", flush=True)
    _found.append((what, better, numerator, denominator))


class Collected:
    """What the parts of one call have measured, the same ratios once for each repetition."""

    def __init__(self) -> None:
        self._facts = facts()
        self._ratios: dict[tuple[str, str], dict[str, Any]] = {}

    def take(self, part: str) -> None:
        """Take what a part has measured since the last call."""
        for what, better, numerator, denominator in _found:
            row = {"part": part, "what": what, "better": better, "seconds": []}
            self._ratios.setdefault((part, what), row)["seconds"].append([numerator, denominator])
        _found.clear()

    def write(self, path: Path) -> None:
        """Write all so far in one step."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"schema": SCHEMA, **self._facts, "ratios": list(self._ratios.values())}
        write_atomic(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def facts() -> dict[str, Any]:
    """Return the time, the state of the code and what the machine is and does now."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short=12", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "matdisc": __version__,
        "machine": {
            **machine(PACKAGES),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory_gib": machine_memory_gib(),
            "load_average": [round(x, 2) for x in os.getloadavg()],
        },
    }


def markdown(path: Path) -> Iterator[str]:
    """Yield the lines of docs/results/benchmarks.md about a report: where it was measured, a table of ratios."""
    report: Report = read_report(path)
    where = report.machine
    packages = ", ".join(f"{name} {version}" for name, version in sorted(where["packages"].items()))
    changed = " with changes" if report.changed else ""
    yield (
        f"Measured on {report.date[:10]} with {where['cpu']}, {where['cores']} cores, {where['memory_gib']:.0f} GiB, "
        f"load {where['load_average'][0]:g} at the start, Python {where['python']}, {packages}; commit "
        f"{report.commit}{changed}."
    )
    yield ""
    yield "| part | what | seconds | ratio | smallest to largest | better |"
    yield "|---|---|---|---|---|---|"
    for one in report.ratios:
        numerator, denominator = one.middle
        spread = (
            f"{three_digits(one.low)} to {three_digits(one.high)}, {len(one.values)} times"
            if len(one.values) > 1
            else "once"
        )
        seconds = f"{three_digits(numerator)} / {three_digits(denominator)}"
        yield f"| {one.part} | {one.what} | {seconds} | {three_digits(one.value)} | {spread} | {one.better} |"


def main(arguments: Sequence[str]) -> int:
    """Print the table of a report: `python -m benchmarks report FILE`."""
    for line in markdown(Path(arguments[0])):
        print(line)
    return 0


def _git(*arguments: str) -> str:
    here = Path(__file__).parent
    try:
        done = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
