"""`matdisc cluster`: scripts and manifests that take a command to Slurm, Kubernetes or several nodes here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matdisc.cli import runs

if TYPE_CHECKING:
    from matdisc.run.cluster_files.scripts import ClusterRequest

cluster = typer.Typer(no_args_is_help=True)
Command = Annotated[
    list[str], typer.Argument(help="After `--`: the command, e.g. predict emt discovery -d emt-alloys.")
]
Nodes = Annotated[int, typer.Option("--nodes", min=1, help="Nodes.")]
Cpus = Annotated[int | None, typer.Option("--cpus", min=1, help="Cores of each node; default: all.")]
Gpus = Annotated[int, typer.Option("--gpus", min=0, help="Accelerators of each node.")]
Time = Annotated[str, typer.Option("--time", help="Limit as Slurm writes it: 90 (minutes), 12:00:00, 2-00:00:00.")]


@cluster.command()
def slurm(
    command: Command,
    nodes: Nodes = 1,
    cpus: Cpus = None,
    gpus: Gpus = 0,
    time: Time = "24:00:00",
    partition: Annotated[str, typer.Option("--partition", help="Partition; default: that of the site.")] = "",
    account: Annotated[str, typer.Option("--account", help="Account; default: yours.")] = "",
    image: Annotated[str, typer.Option("--image", help="A .sif file that Apptainer runs the command in.")] = "",
    shared_nodes: Annotated[
        bool, typer.Option("--shared-nodes", help="Share nodes with other jobs; needs --cpus.")
    ] = False,
    mem_per_cpu: Annotated[
        str, typer.Option("--mem-per-cpu", help="Memory of a core, where nodes are shared or there are parts.")
    ] = "4G",
    array: Annotated[
        int | None, typer.Option("--array", min=2, help="Parts of the run, each a job without Ray across nodes.")
    ] = None,
) -> None:
    """Print a batch script for Slurm. Before its limit the job is stopped, and a new one goes on.

    With --array the script is run by bash: it submits the parts, and a job that joins them.

    Example: matdisc cluster slurm --nodes 4 --time 12:00:00 -- predict emt discovery -d emt-alloys > run.sbatch
    """
    from matdisc.run.cluster_files.scripts import ClusterRequest, slurm_array, slurm_script

    request = ClusterRequest(nodes, cpus, gpus, time, partition, account, mem_per_cpu, image)
    if array is None:
        words, _ = _checked(command)
        typer.echo(
            slurm_script(_with_workers(words, request) if nodes == 1 else words, request, shared=shared_nodes), nl=False
        )
        return
    if nodes > 1 or shared_nodes:
        raise typer.BadParameter(
            "--array has parts that do not know of each other; leave --nodes and --shared-nodes out"
        )
    words, asked = _checked(command)
    if asked is None or asked["dataset"] is None or asked["out"] is not None:
        raise typer.BadParameter("--array divides `predict` with --dataset and without --out")
    typer.echo(slurm_array(_with_workers(words, request), _merge(asked), array, request), nl=False)


@cluster.command()
def kuberay(
    command: Command,
    image: Annotated[str, typer.Option("--image", help="Container image with matdisc, e.g. registry.org/matdisc:1.")],
    nodes: Annotated[int, typer.Option("--nodes", min=1, help="Worker pods at most.")] = 4,
    least: Annotated[int, typer.Option("--least", min=0, help="Worker pods that are always there.")] = 0,
    cpus: Annotated[int, typer.Option("--cpus", min=1, help="Cores of a worker pod.")] = 4,
    gpus: Annotated[int, typer.Option("--gpus", min=0, help="Accelerators of a worker pod.")] = 0,
    memory: Annotated[int, typer.Option("--memory", min=1, help="GiB of a worker pod.")] = 16,
    time: Time = "24:00:00",
    claim: Annotated[str, typer.Option("--claim", help="Volume claim that holds the board.")] = "matdisc-board",
    board: Annotated[str, typer.Option("--board", "-b", help="Where pods see the board.")] = "/srv/board",
) -> None:
    """Print a RayJob for KubeRay: a Ray cluster for as long as the command takes, with more pods as there is work.

    Example: matdisc cluster kuberay --image registry.org/matdisc:1 -- predict emt discovery -d emt-alloys
    """
    from matdisc.run.cluster_files.scripts import ClusterRequest, rayjob

    words, asked = _checked(command)
    if asked is not None and asked["board"] != Path():
        raise typer.BadParameter("name the board before `--`; pods see it there")
    request = ClusterRequest(nodes, cpus, gpus, time, image=image)
    text = rayjob([*words, "--board", board], request, least=least, memory=memory, claim=claim, board=board)
    typer.echo(text, nl=False)


@cluster.command()
def local(
    command: Command,
    nodes: Nodes = 2,
    cpus: Annotated[int, typer.Option("--cpus", min=1, help="Cores that each node is to take itself to have.")] = 1,
    gpus: Gpus = 0,
) -> None:
    """Print a script that has several Ray nodes on this machine, to try out what a cluster does.

    Example: matdisc cluster local --nodes 2 -- predict emt discovery -d emt-alloys | bash
    """
    from matdisc.run.cluster_files.scripts import ClusterRequest, local_script

    typer.echo(local_script(_checked(command)[0], ClusterRequest(nodes, cpus, gpus)), nl=False)


def _checked(command: Sequence[str]) -> tuple[list[str], dict[str, Any] | None]:
    """Return a command with `matdisc` in front; of `predict` also what it asks, or the error it would end with."""
    words = list(command[1:] if command[0] == "matdisc" else command)
    asked = None
    if words[:1] == ["predict"]:
        predict = typer.Typer(add_completion=False)
        predict.command()(runs.predict)
        asked = typer.main.get_command(predict).make_context("matdisc predict", words[1:]).params
    for option in ("--address", "--shard"):
        if any(word == option or word.startswith(f"{option}=") for word in words):
            raise typer.BadParameter(f"leave {option} out of the command; the script gives it")
    return ["matdisc", *words], asked


def _with_workers(words: list[str], request: ClusterRequest) -> list[str]:
    """Return a command that takes as many cores as its job has, where their number is known and it names none."""
    named = any(word.startswith(("--workers", "-w")) for word in words)
    return words if named or request.cpus is None else [*words, "--workers", str(request.cpus)]


def _merge(asked: dict[str, Any]) -> list[str]:
    words = ["matdisc", "merge", "--task", asked["task"], "--dataset", asked["dataset"], "--model", asked["model"]]
    words += ["--protocol", asked["protocol"]] if asked["protocol"] else []
    return [*words, *(["--board", str(asked["board"])] if asked["board"] != Path() else [])]
