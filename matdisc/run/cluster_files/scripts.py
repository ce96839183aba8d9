"""Batch scripts for Slurm, a manifest for KubeRay, a script for one machine: templates filled in."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from matdisc.errors import RunError

RESTARTS = 20
"""How often a job that its time limit has stopped is begun again."""
STOP_SECONDS = 300
"""How long before its time limit a job is stopped, at most; a tenth of the limit if that is less."""
STORE_BYTES = 10**9
"""Shared memory for what driver and workers hand over."""


@dataclass(frozen=True, slots=True)
class ClusterRequest:
    """What a job asks of a cluster.

    Attributes:
        nodes: Nodes; for KubeRay the most worker pods.
        cpus: Cores of a node that are used; None for all of it.
        gpus: Accelerators of a node.
        time: Limit as Slurm writes it: `90`, `12:00:00`, `2-00:00:00`.
        partition, account: As the site calls them; empty for its default.
        mem_per_cpu: Memory of a core where nodes are shared, as Slurm writes it.
        image: Container image: a .sif file for Slurm, an address for KubeRay; empty for none.
    """

    nodes: int = 1
    cpus: int | None = None
    gpus: int = 0
    time: str = "24:00:00"
    partition: str = ""
    account: str = ""
    mem_per_cpu: str = "4G"
    image: str = ""


def slurm_script(command: Sequence[str], request: ClusterRequest, *, shared: bool = False) -> str:
    """Return a batch script that runs a command of matdisc on the nodes of one job.

    One node has a Ray of its own. Several whole nodes are joined by `ray symmetric-run`, nodes that are `shared` with
    other jobs one by one, with ports that the system chooses.

    Raises:
        RunError: If the time limit cannot be read, or shared nodes are wanted without a number of cores.
    """
    if shared and request.cpus is None:
        raise RunError("on shared nodes say how many cores of each you want: --cpus 8")
    values = _slurm_values(command, request, [*_job(command, request), *_node(request, whole=not shared)])
    if request.nodes == 1:
        return _filled("one.sh.j2", values)
    return _filled("by_hand.sh.j2" if shared else "nodes.sh.j2", values)


def slurm_array(command: Sequence[str], merge: Sequence[str], parts: int, request: ClusterRequest) -> str:
    """Return a script that submits `parts` parts of a command, one core each if not more are wanted, and their merge.

    Raises:
        RunError: If the time limit cannot be read.
    """
    cores = f"--cpus-per-task={request.cpus or 1}"
    each = [*_job(command, request, "%x-%A-%a.log"), f"--array=1-{parts}", "--ntasks=1", cores, *_share(request)]
    values = _slurm_values(command, request, each) | {
        "array": parts,
        "merge": _launcher(request) + shlex.join(merge),
        "join_directives": [
            "--job-name=matdisc-merge",
            "--output=%x-%j.log",
            "--time=60",
            *_share(request)[:1],
            *_site(request),
        ],
    }
    return _filled("array.sh.j2", values)


def local_script(command: Sequence[str], request: ClusterRequest) -> str:
    """Return a script that has several Ray nodes on this machine for as long as the command takes."""
    values = _slurm_values(command, request, []) | {"cpus": request.cpus or 1}
    return _filled("by_hand.sh.j2", values)


def rayjob(command: Sequence[str], request: ClusterRequest, *, least: int, memory: int, claim: str, board: str) -> str:
    """Return a RayJob for KubeRay.

    Args:
        command: Of matdisc.
        request: Nodes are worker pods, an image is needed.
        least: Worker pods that are always there.
        memory: GiB of a worker pod.
        claim: Volume claim that holds the board.
        board: Where pods see it.
    """
    values = {
        "name": _name(command),
        "command": shlex.join([*command, "--address", "auto"]),
        "seconds": seconds_of(request.time),
        "retries": 3,
        "ray": version("ray"),
        **{"image": request.image, "nodes": request.nodes, "cpus": request.cpus or 4, "gpus": request.gpus},
        **{"least": least, "memory": memory, "claim": claim, "board": board},
    }
    return _filled("rayjob.yaml.j2", values)


def seconds_of(time: str) -> int:
    """Return the seconds of a time limit as Slurm writes it; a bare number counts minutes.

    Raises:
        RunError: If it is none.
    """
    found = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", time)
    if not found:
        raise RunError(f"--time is {time!r}; write it as Slurm does: 90 (minutes), 12:00:00 or 2-00:00:00")
    days, first, second, third = (None if part is None else int(part) for part in found.groups())
    if days is None and third is None:  # minutes, or minutes:seconds
        return 60 * int(first or 0) + (second or 0)
    return 86400 * (days or 0) + 3600 * int(first or 0) + 60 * (second or 0) + (third or 0)


def _job(command: Sequence[str], request: ClusterRequest, log: str = "%x-%j.log") -> list[str]:
    """Directives that say how a job is named, limited, stopped and begun again."""
    return [
        f"--job-name={_name(command)}",
        f"--output={log}",
        "--open-mode=append",
        f"--time={request.time}",
        f"--signal=B:TERM@{_stop_seconds(request)}",
        "--requeue",
        *_site(request),
    ]


def _name(command: Sequence[str]) -> str:
    """Return a name that Kubernetes and Slurm take: `matdisc-predict-chgnet-0-3-0`."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(command[:3]).lower()).strip("-")[:40]


def _site(request: ClusterRequest) -> list[str]:
    named = {"--partition": request.partition, "--account": request.account}
    return [f"{option}={value}" for option, value in named.items() if value]


def _node(request: ClusterRequest, *, whole: bool) -> list[str]:
    found = [f"--nodes={request.nodes}", "--ntasks-per-node=1"]
    found += [f"--cpus-per-task={request.cpus}"] if request.cpus else []
    found += ["--no-kill"] if request.nodes > 1 else []  # a node that is lost costs what it was at work on
    return [*found, *(["--exclusive", "--mem=0", *_gpus(request)] if whole else _share(request))]


def _share(request: ClusterRequest) -> list[str]:
    return [f"--mem-per-cpu={request.mem_per_cpu}", *_gpus(request)]


def _gpus(request: ClusterRequest) -> list[str]:
    return [f"--gpus-per-node={request.gpus}"] if request.gpus else []


def _stop_seconds(request: ClusterRequest) -> int:
    return min(STOP_SECONDS, seconds_of(request.time) // 10)


def _launcher(request: ClusterRequest) -> str:
    options = "--nv " if request.gpus else ""
    return f'apptainer exec {options}--bind "$PWD" {shlex.quote(request.image)} ' if request.image else ""


def _slurm_values(command: Sequence[str], request: ClusterRequest, directives: list[str]) -> dict[str, Any]:
    return {
        "directives": directives,
        "bin": shlex.quote(str(Path(sys.executable).parent)),
        "command": shlex.join(command),
        "launcher": _launcher(request),
        "nodes": request.nodes,
        "cpus": '"$SLURM_CPUS_PER_TASK"',
        "gpus": request.gpus,
        "array": 0,
        "seconds": _stop_seconds(request),
        "restarts": RESTARTS,
        "store": STORE_BYTES,
    }


def _filled(name: str, values: dict[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__name__.rpartition(".")[0]), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template(name).render(values)
