"""What a run costs: processor time, memory, and the machines and packages it ran on."""

from __future__ import annotations

import platform
import resource
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from matdisc.models.devices import gpu_in_use
from matdisc.run.environments.packages import versions


@dataclass(frozen=True, slots=True)
class Usage:
    """What one worker process used since it last said so.

    Attributes:
        worker: Name of the process, unique within a run.
        cpu_seconds: User and system time of all its threads.
        wall_seconds: Wall-clock time.
        load_seconds: The part of the wall-clock time that loading the model took.
        peak_mib: Largest resident memory of the process so far, MiB.
        machine: Hardware and package versions where it ran.
    """

    worker: str
    cpu_seconds: float
    wall_seconds: float
    load_seconds: float = 0.0
    peak_mib: float = 0.0
    machine: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Meter:
    """Measures this process from one reading to the next."""

    def __init__(self, worker: str, packages: Sequence[str]) -> None:
        self._worker, self._packages = worker, tuple(packages)
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def add(self, cpu_seconds: float, wall_seconds: float) -> None:
        """Let the next reading also count what this process has used before for the same purpose."""
        self._cpu, self._wall = self._cpu - cpu_seconds, self._wall - wall_seconds

    def read(self, load_seconds: float = 0.0) -> Usage:
        """Return what was used since the last reading."""
        cpu, wall = time.process_time(), time.perf_counter()
        found = Usage(
            self._worker,
            round(cpu - self._cpu, 4),
            round(wall - self._wall, 4),
            round(load_seconds, 4),
            round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            machine(self._packages) | {"gpu": gpu_in_use()},
        )
        self._cpu, self._wall = cpu, wall
        return found


@lru_cache(maxsize=4)
def machine(packages: tuple[str, ...]) -> dict[str, Any]:
    """Return processor, system, Python and versions of packages in this process; no GPU; Meter adds that."""
    return {
        "cpu": _processor(),
        "gpu": None,
        "platform": f"{platform.system().lower()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": versions(packages),
    }


def add_up(known: dict[str, dict[str, Any]], reported: Mapping[str, Any]) -> None:
    """Add what a worker said (a Usage as a mapping, `machine` only the first time) to what is known, by worker."""
    one = known.setdefault(reported["worker"], {"worker": reported["worker"], "machine": {}, "peak_mib": 0.0})
    for name in ("cpu_seconds", "wall_seconds", "load_seconds"):
        one[name] = one.get(name, 0.0) + reported[name]
    one["peak_mib"] = max(one["peak_mib"], reported["peak_mib"])
    one["machine"] = reported.get("machine") or one["machine"]


def total(usages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a whole run used, from what each worker used: sums, the largest memory, each kind of machine once.

    `workers` is how many processes took part. Versions that differ between workers are all listed.
    """
    used = list(usages)
    machines: list[Any] = []
    for one in used:
        if one["machine"] not in machines:
            machines.append(one["machine"])
    return {
        "cpu_seconds": round(sum(one["cpu_seconds"] for one in used), 3),
        "worker_seconds": round(sum(one["wall_seconds"] for one in used), 3),
        "load_seconds": round(sum(one["load_seconds"] for one in used), 3),
        "peak_mib": max((one["peak_mib"] for one in used), default=0.0),
        "workers": len({one["worker"] for one in used}),
        "machines": machines,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
