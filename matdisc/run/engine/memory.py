"""How much memory this machine has, how much of it a process holds, and whether a limit leaves room to work."""

from __future__ import annotations

import math
import resource
from collections.abc import Iterator
from pathlib import Path

from matdisc.errors import RunError

MARGIN_GIB = 0.25
"""What a loaded model needs to work, at least; CHGNet takes a third of it for its first crystal."""
GIB = 2**30
OURS = "give --memory at least {gib:.1f}"


class TooLittleMemory(RunError):
    """A process holds more than its limit allows before it is asked anything; `needed_gib` would do."""

    def __init__(self, said: str, needed_gib: float = 0.0) -> None:
        super().__init__(said, needed_gib)
        self.needed_gib = needed_gib

    def __str__(self) -> str:
        return str(self.args[0])


def machine_memory_gib() -> float | None:
    """Return the memory of this machine, or of the container or job that this process is in; None if nothing tells."""
    limits = [int(text) for path in _limit_files() if (text := _read(path).strip()).isdigit()]
    meminfo = _read(Path("/proc/meminfo"))
    if "MemTotal:" in meminfo:
        limits.append(int(meminfo.split("MemTotal:")[1].split()[0]) * 1024)
    return min(limits) / GIB if limits else None


def held_gib(field: str = "VmData") -> float | None:
    """Return what this process holds, GiB; None where the system does not tell.

    Args:
        field: `VmData` for private memory, which RLIMIT_DATA limits; `VmSize` for all addresses (RLIMIT_AS).
    """
    for line in _read(Path("/proc/self/status")).splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / GIB
    return None


def refuse_too_little(limit_gib: float | None, model: str, *, in_worker: bool) -> None:
    """Refuse a limit on this process, ours or the shell's, that is below what it holds and a margin.

    To be called when the model is loaded: before, there is nothing to measure; later, it would be a material's fault.

    Args:
        limit_gib: The limit that is about to be set; None for none.
        model: What is loaded, for the message.
        in_worker: Whether this is a worker process, for the message.

    Raises:
        TooLittleMemory: If it is the given limit.
        RunError: If it is one of the shell's.
    """
    who = "a worker" if in_worker else "this process"
    for field, limit, name, remedy in (
        ("VmData", limit_gib, "the limit", OURS),
        ("VmData", shell_limit_gib(resource.RLIMIT_DATA), "the shell's limit", "raise it: ulimit -d {kib}"),
        ("VmSize", shell_limit_gib(resource.RLIMIT_AS), "the shell's limit on addresses", "raise it: ulimit -v {kib}"),
    ):
        if limit is None or (held := held_gib(field)) is None or limit >= held + MARGIN_GIB:
            continue
        needed = math.ceil(10 * (held + MARGIN_GIB)) / 10
        what_to_do = remedy.format(gib=needed, kib=int(needed * 2**20))
        said = f"{who} holds {held:.2f} GiB with {model} loaded, {name} is {limit:.2f} GiB: {what_to_do}"
        raise TooLittleMemory(said, needed) if remedy == OURS else RunError(said)


def shell_limit_gib(kind: int) -> float | None:
    """Return a limit that this process has from the shell, GiB; None for none.

    Args:
        kind: Of `resource`, RLIMIT_DATA (private memory) or RLIMIT_AS (addresses).
    """
    soft, _ = resource.getrlimit(kind)
    return None if soft == resource.RLIM_INFINITY else soft / GIB


def _limit_files() -> Iterator[Path]:
    """Where the memory limits of this process's control groups stand, of the innermost and of all around it."""
    root = Path("/sys/fs/cgroup")
    yield root / "memory/memory.limit_in_bytes"
    for line in _read(Path("/proc/self/cgroup")).splitlines() or ["0::/"]:
        _, kind, own = line.split(":", 2)
        inner = (root / own.strip("/")) if kind == "" else root
        yield from (folder / "memory.max" for folder in (inner, *inner.parents) if folder.is_relative_to(root))


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
