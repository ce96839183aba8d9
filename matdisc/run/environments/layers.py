"""Environments of models: what a card requires is installed into a layer of its own, once, and kept in the cache.

`MATDISC_CACHE` names the cache folder. How a layer is made: `matdisc.run.environments.build`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TextIO

from packaging.requirements import Requirement

from matdisc.cards import ModelCard
from matdisc.datasets.fetch import cache_dir
from matdisc.errors import ExtraError, RunError
from matdisc.run.environments import build, packages
from matdisc.run.environments.build import Say
from matdisc.run.environments.packages import installed_version

Mode = Literal["inherit", "isolated"]
MODES: tuple[Mode, ...] = ("inherit", "isolated")

PROBLEM = "MATDISC_ENVIRONMENT_PROBLEM"
"""Set in a worker whose environment could not be made; see `confirm`."""


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that can be used.

    Attributes:
        python: Its interpreter.
        packages: Versions of everything that the requirements rest on, by package name.
        seconds: Time that this call took, s.
        built: Whether this call built it.
    """

    python: Path
    packages: Mapping[str, str]
    seconds: float
    built: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """An environment in the cache; `n_bytes` counts its own files only, 0 for what a killed build left."""

    name: str
    path: Path
    requirements: tuple[str, ...]
    n_bytes: int
    complete: bool


def _silent(line: str) -> None:
    return None


def environment_of(card: ModelCard) -> tuple[str, ...]:
    """The requirements of a model, sorted, each once."""
    return tuple(sorted(set(card.requirements)))


def runtime_env(card: ModelCard, mode: Mode, *, address: str | None = None, say: Say = _silent) -> dict[str, Any]:
    """Return Ray's `runtime_env` for the workers of a model; what it needs is built first.

    Empty for `inherit` and for a model without requirements. With an `address` Ray has to be connected: the
    environment is built on each node, and nodes that join later build it when their first worker starts.

    Raises:
        RunError: If the environment cannot be built, here or on a node.
    """
    requirements = environment_of(card)
    if mode == "inherit" or not requirements:
        return {}
    if address is None:
        return {"py_executable": shlex.quote(str(ensure(requirements, model=card.key, say=say).python))}
    python = prepare_nodes(requirements, model=card.key, say=say)
    options = [part for text in requirements for part in ("--requirement", text)]
    command = [python, "-m", "matdisc.run.environments.start", "--model", card.key, *options, "--"]
    return {"py_executable": shlex.join(command)}


def ensure(requirements: Iterable[str], *, model: str, say: Say = _silent) -> Environment:
    """Return the environment with these requirements, building it if it is not in the cache; nothing is done twice.

    Args:
        requirements: As for pip, e.g. `sevenn>=0.12`.
        model: Key of the model, for messages.
        say: Called with a line of news now and then while something is built.

    Raises:
        RunError: If a requirement cannot be understood or installed, or matdisc cannot run beside it.
    """
    started = time.monotonic()
    wanted = build.parsed(requirements, model)
    folder = environment_folder(wanted)
    content = _usable(folder)
    built = False
    if content is None:
        try:
            with _lock(folder, model, say) as lock:
                content = _usable(folder)  # another process may have built it while this one waited
                if content is None:
                    say(f"building the environment of {model}: {', '.join(str(r) for r in wanted)}")
                    build.build(folder, wanted, model, say, lock)
                    content, built = build.manifest(folder), True
        except OSError as err:
            raise RunError(
                f"model {model!r}: the environment cannot be written to {folder}: {err}; "
                "set MATDISC_CACHE to a folder that can be written"
            ) from err
    assert content is not None
    seconds = round(time.monotonic() - started, 3)
    return Environment(build.python_of(folder), content["packages"], seconds, built)


def ready(requirements: Iterable[str], model: str) -> Path | None:
    """The interpreter of the environment with these requirements if it is in the cache; errors as for `ensure`."""
    folder = environment_folder(build.parsed(requirements, model))
    return build.python_of(folder) if _usable(folder) else None


def prepare_nodes(requirements: Sequence[str], *, model: str, say: Say = _silent) -> str:
    """Build the environment on every node of the connected cluster that has CPUs; return the nodes' Python.

    Raises:
        RunError: If a node cannot build it, which is told by node, or the nodes' Pythons lie at different places.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    build = ray.remote(num_cpus=0, max_retries=1)(_prepare_here)
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) > 0]
    say(f"preparing the environment of {model} on {len(nodes)} nodes")
    waiting = {
        node["NodeManagerAddress"]: build.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(tuple(requirements), model)
        for node in nodes
    }
    pythons, problems = set(), []
    for name, reference in waiting.items():
        try:
            python, problem = ray.get(reference)
        except ray.exceptions.RayError as err:
            problem = f"{str(err).strip().splitlines()[-1]} (is matdisc installed there?)"
        else:
            pythons.add(python)
        if problem:
            problems.append(f"node {name}: {problem}")
    if problems:
        raise RunError("\n".join(problems))
    if len(pythons) > 1:
        raise RunError(
            f"the nodes have their Python at different places ({', '.join(sorted(pythons))}); isolated environments "
            "need it at one place; use one image for all nodes, or --env inherit"
        )
    return pythons.pop() if pythons else sys.executable  # no node yet: an autoscaling cluster that starts with none


def _prepare_here(requirements: tuple[str, ...], model: str) -> tuple[str, str]:
    try:
        ensure(requirements, model=model)
    except RunError as err:
        return sys.executable, str(err)
    return sys.executable, ""


def confirm(card: ModelCard) -> None:
    """Raise unless this worker has what its model requires; called in the worker before the model is loaded.

    From then on the worker's environment cannot be cleared before this process ends.

    Raises:
        RunError: If the environment could not be built, or was removed or changed behind this worker.
        ExtraError: If the worker shares the Python of its driver or node, which lacks what is required.
    """
    problem = os.environ.get(PROBLEM)
    if problem:
        raise RunError(problem)
    folder = Path(sys.prefix)
    isolated = folder.parent == environments_dir()
    if isolated:
        _hold(folder)
    wrong = "; ".join(packages.unmet(build.parsed(card.requirements, card.key)))
    if wrong and isolated:
        raise RunError(f"model {card.key!r}: {wrong}: {folder} was removed or changed; run the same command again")
    if wrong:
        missing = " ".join(repr(text) for text in card.requirements)
        raise ExtraError(f"model {card.key!r}: {wrong}; use `--env isolated`, or run: pip install {missing}")


@lru_cache(maxsize=1)
def _hold(folder: Path) -> TextIO:
    """Share the lock of an environment for the life of this process."""
    lock = _lock_file(folder).open("a")
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def environments_dir() -> Path:
    """Folder of all environments in the cache."""
    return cache_dir().absolute() / "environments"


def environment_folder(requirements: Sequence[Requirement]) -> Path:
    """Where the environment with these requirements lies or will lie; a parent that changes has another place."""
    made_of = json.dumps(build.identity(requirements), sort_keys=True)
    name = "-".join(sorted({r.name.lower() for r in requirements}))[:40]
    return environments_dir() / f"{name}-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"


def stored() -> list[Stored]:
    """Return all environments in the cache, and what killed builds left, by name."""
    found = []
    for path in sorted(p for p in environments_dir().glob("*") if p.is_dir()):
        content = build.manifest(path)
        requirements, n_bytes = (tuple(content["requirements"]), int(content["bytes"])) if content else ((), 0)
        found.append(Stored(path.name, path, requirements, n_bytes, content is not None))
    return found


def clear(names: Iterable[str]) -> list[str]:
    """Delete environments by name; return those left because they are in use or being built."""
    busy = []
    for name in names:
        folder = environments_dir() / name
        with _lock_file(folder).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                busy.append(name)
                continue
            shutil.rmtree(folder, ignore_errors=True)
    return busy


def _usable(folder: Path) -> dict[str, Any] | None:
    """The manifest of a complete environment, None if a package that it takes from the parent has changed there."""
    content = build.manifest(folder)
    if content is None:
        return None
    same = all(installed_version(name) == number for name, number in content["inherited"].items())
    return content if same else None


@contextmanager
def _lock(folder: Path, model: str, say: Say) -> Iterator[int]:
    """Hold the right to build at `folder`; the system gives it back when its holders end, however they end."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock_file(folder).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process builds or uses the environment of {model}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _lock_file(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock")  # stays: deleting it would let two processes hold two locks
