"""Having a Ray cluster: a local one for a while, or one that runs already. And stopping in good order."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from matdisc.errors import RunError
from matdisc.interrupts import stopping_in_order
from matdisc.models.load import THREAD_VARIABLES
from matdisc.run.engine.memory import shell_limit_gib

OBJECT_STORE_BYTES = 200 * 2**20
LEAST_ADDRESSES_GIB = 1.75
"""What a process of Ray reserves; with less its parts wait for each other, and it does not even end."""
LONGEST_SOCKET = 103
"""Bytes of a socket's path: the system takes 103 (macOS) or 107 (Linux)."""
SOCKET = "/ray/session_2000-01-01_00-00-00_000000_4194304/sockets/plasma_store.9"
"""What Ray's longest path looks like below the folder for temporary files."""


@contextmanager
def ray_cluster(workers: int | None, address: str | None = None) -> Iterator[None]:
    """Have a Ray cluster for the block: the one at `address`, one that this process has, or a local one.

    Args:
        workers: Cores of a local one; 0 for no cluster at all. Without effect if there is an address.
        address: Of a cluster that runs already.

    Raises:
        RunError: If no cluster answers at `address`, or `address` is one of Ray Client.
    """
    if workers == 0:
        yield
        return
    if address and address.startswith("ray://"):
        raise RunError(
            f"no run over {address!r}: Ray Client cannot hand over answers while a task goes on; give the command on a "
            "node of the cluster, with `--address auto`, e.g. by `ray job submit`"
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    for name in THREAD_VARIABLES:  # before Ray starts, so that its workers inherit it
        os.environ[name] = "1"
    import ray

    if ray.is_initialized():
        yield
        return
    with _short_folder(needed=not address) as folder, _connected(workers, address, folder):
        yield


@contextmanager
def _connected(workers: int | None, address: str | None, folder: str | None) -> Iterator[None]:
    import ray

    with stopping_in_order() as stop:  # Ray turns a Ctrl-C while it starts or ends into errors of its own
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            _connect(workers, address, folder)
        except Exception as err:  # Ray raises what it likes, Exception itself too
            stop()
            where = f"at {address!r}" if address else "on this machine"
            token = "; if the cluster asks for a token, set RAY_AUTH_MODE=token" if address else ""
            raise RunError(
                f"no Ray cluster could be reached or started {where}: {err}{token}; `--workers 0` runs without Ray"
            ) from err
        finally:
            if threading.current_thread() is threading.main_thread():
                for number, handler in handlers.items():  # Ray puts its own in place, which would skip our clean-up
                    signal.signal(number, handler)
        try:
            stop()
        except KeyboardInterrupt:
            ray.shutdown()
            raise
    try:
        yield
    finally:
        with stopping_in_order():
            ray.shutdown()


def cluster_cpus(*, without: Collection[str] = ()) -> int:
    """Return how many processor cores the nodes of the cluster have now, but for those that have these ids."""
    import ray

    if not without:
        return int(ray.cluster_resources().get("CPU", 0))
    nodes = (node for node in ray.nodes() if node["Alive"] and node["NodeID"] not in without)
    return int(sum(node["Resources"].get("CPU", 0) for node in nodes))


def cluster_gpus() -> float:
    """Return how many accelerators the nodes of the cluster have now."""
    import ray

    return float(ray.cluster_resources().get("GPU", 0.0))


def node_id() -> str:
    """Return the id of the node that this process is on."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def node_name(node: str) -> str:
    """Return the host and the address of a node that has this id."""
    import ray

    found: dict[str, Any] = next((one for one in ray.nodes() if one["NodeID"] == node), {})
    return f"{found.get('NodeManagerHostname', '')} ({found.get('NodeManagerAddress', '')}, id {node[:8]})"


def node_cpus() -> int:
    """Return how many processor cores the node of this process has, by what Ray was told."""
    import ray

    own = node_id()
    return next((int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["NodeID"] == own), 0)


PARTS = ("gcs_server", "raylet")
"""Processes of a local cluster without which nothing goes on."""


def dead_parts() -> list[str]:
    """Return which processes of a local cluster, if this process has started one, are dead; Ray itself waits long."""
    from ray._private import worker  # there is no public way

    node = worker._global_node
    return [] if node is None else [name for name, _ in node.dead_processes() if name in PARTS]


def node_is_alive() -> bool:
    """Return whether the cluster takes the node of this process for alive; hangs if the cluster does not answer."""
    import ray

    own = node_id()
    return any(node["NodeID"] == own and node["Alive"] for node in ray.nodes())


def _connect(workers: int | None, address: str | None, folder: str | None) -> None:
    import ray

    if address:
        _refuse_closed_door(address)
        variables = dict.fromkeys(THREAD_VARIABLES, "1")
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": variables})
        return
    if (addresses := shell_limit_gib(resource.RLIMIT_AS)) is not None and addresses < LEAST_ADDRESSES_GIB:
        raise OSError(f"the shell's limit on addresses is {addresses:.2f} GiB; raise it: ulimit -v 4194304")
    with _without_services():
        ray.init(
            address="local",  # else Ray would join any cluster it finds on this machine, and refuse num_cpus
            num_cpus=workers,
            _temp_dir=folder,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            log_to_driver=False,
            logging_level="ERROR",
        )


SERVICES = ("start_monitor", "start_log_monitor", "start_api_server")
"""What starts the autoscaler, the reader of logs and the dashboard of a node: a Python process each."""


@contextmanager
def _without_services() -> Iterator[None]:
    """Start a local node without the processes that nobody asks for there: they are half of what Ray takes to start.

    Ray has options for all of them on its own command line, but not in `ray.init`. A Ray that knows them by other
    names starts them as it always does.
    """
    from ray._private.node import Node  # there is no public way

    kept = {name: getattr(Node, name) for name in SERVICES if hasattr(Node, name)}

    def left_out(node: Node, *given: object, **options: object) -> None:
        return None

    try:
        for name in kept:
            setattr(Node, name, left_out)
        yield
    finally:
        for name, method in kept.items():
            setattr(Node, name, method)


@contextmanager
def _short_folder(*, needed: bool) -> Iterator[str | None]:
    """Have a private folder for a local Ray's sockets where that for temporary files has too long a name; else None.

    Raises:
        RunError: If no such folder can be made.
    """
    name = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    usual = os.environ.get(name, "/tmp") if name == "RAY_TMPDIR" or sys.platform.startswith("linux") else "/tmp"
    if not needed or len(os.fsencode(usual + SOCKET)) <= LONGEST_SOCKET:
        yield None
        return
    try:
        folder = tempfile.mkdtemp(prefix="matdisc-", dir="/tmp")
    except OSError as err:
        raise RunError(
            f"{name} is {usual!r}, too long for the sockets of Ray, and there is no room in /tmp either "
            f"({err.strerror}); let {name} name a folder of at most {LONGEST_SOCKET - len(SOCKET)} characters"
        ) from err
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_closed_door(address: str) -> None:
    """Raise ConnectionError at once if nobody listens at host:port; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():  # `auto`, or a name that Ray resolves
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as err:
        raise ConnectionError(f"nobody answers there ({err})") from err
