"""Molecular dynamics with a model of the board: replicas and temperatures side by side, and nothing lost by a stop."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.cards import ModelCard, model_hash
from matdisc.errors import RunError
from matdisc.formats import multiplicity, total_charge
from matdisc.interrupts import stopping_at_once, stopping_in_order
from matdisc.predictions import one_line
from matdisc.run.engine.cluster import ray_cluster
from matdisc.run.engine.limits import lift_memory_limit
from matdisc.run.engine.pool import TaskPool
from matdisc.run.engine.resumable import memory_share, worker_count
from matdisc.run.environments.layers import Mode, runtime_env
from matdisc.run.md.files import ReplicaFiles, Summary, output_folder
from matdisc.run.md.groups import Waiting
from matdisc.run.md.job import Dynamics, Part, Replica
from matdisc.run.md.memory import fitting, refuse_too_large
from matdisc.run.md.worker import run_group

if TYPE_CHECKING:
    from ase import Atoms

SCHEMA = "matdisc.md/1"

Progress = Callable[[str, int, int, str], None]
"""Called with a replica's name, its steps so far, its steps in all, and how it ended (empty while it goes on)."""


@dataclass(frozen=True, slots=True)
class MDOptions:
    """Workers, cluster and environment, as for `matdisc predict`; `resume` and `restart` as for output_folder.

    `together` is how many replicas one worker moves at most, side by side; None for as many as leave no worker idle.
    """

    workers: int | None = None
    address: str | None = None
    memory: float | None = None
    env: Mode = "inherit"
    resume: bool = False
    restart: bool = False
    together: int | None = None


def run_md(
    job: Dynamics,
    atoms: Atoms,
    temperatures: Sequence[float | None],
    replicas: int,
    out: Path,
    *,
    seed: int = 0,
    options: MDOptions | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Summary]:
    """Simulate each temperature so many times, and return how each trajectory went.

    The same call goes on where an earlier one was stopped, to the very same files; with more steps it makes the
    trajectories longer.

    Args:
        job: The potential and how atoms move.
        atoms: The start of all trajectories.
        temperatures: K; None for nve from rest.
        replicas: Trajectories at each temperature; they differ in their seeds.
        out: Folder of the results, one folder in it for each trajectory.
        seed: Of all trajectories; each has its own, which depends on its temperature and number alone.
        options: Workers and the like.
        progress, say: Told how far it is, how large it will be, and what takes long.

    Raises:
        MatdiscError: If model and structure do not fit, the start cannot be simulated or needs more memory than there
            is, `out` holds something else.
        KeyboardInterrupt: If the user asks to stop; all up to the last checkpoints is on disk.
    """
    options = options or MDOptions()
    if options.env == "isolated" and options.workers == 0:
        raise RunError("an isolated environment needs a worker process; use at least `--workers 1`")
    if options.resume and options.restart:
        raise RunError("options '--resume' and '--restart' exclude each other; give one of them")
    refuse_unknown_elements(job.model, atoms.get_chemical_symbols())
    for t in temperatures:
        replace(job.conditions, temperature=t)  # raises if it is impossible
    if len({_name(t, 0) for t in temperatures}) < len(temperatures):
        raise RunError("option '--temperatures' names one twice; ask for more trajectories with --replicas")
    all_of_them = [
        Replica(_name(t, number), t, _seed(seed, t, number), atoms) for t in temperatures for number in range(replicas)
    ]
    n_workers = worker_count(options.workers, options.address)
    at_once = len(all_of_them) if n_workers is None else max(1, min(n_workers, len(all_of_them)))
    limit = memory_share(job.model, options.memory, at_once, None if n_workers == 0 else options.address)
    job = replace(job, memory_gib=limit, in_worker=n_workers != 0)
    refuse_too_large(job, atoms, say)
    together = fitting(job, atoms, options.together or math.ceil(len(all_of_them) / at_once), say)
    settings = _settings(job, atoms, temperatures, replicas, seed)
    with output_folder(out, settings, resume=options.resume, restart=options.restart):
        files = {replica.name: ReplicaFiles(out / replica.name) for replica in all_of_them}
        todo = [r for r in all_of_them if not files[r.name].ended(job.steps)]
        if progress:
            for name, one in files.items():
                progress(name, one.step, job.steps, one.stop.reason if one.stop else "")
        died: dict[str, str] = {}
        n_workers = len(todo) if n_workers is None else min(n_workers, len(todo))
        with ray_cluster(n_workers, options.address), stopping_in_order() as stop:
            environment = runtime_env(job.model, options.env, address=options.address, say=say) if n_workers else {}
            waiting = Waiting(todo, min(together, math.ceil(len(todo) / (n_workers or 1)) or 1))
            parts = (
                _on_ray(job, waiting, files, n_workers, environment, died) if n_workers
                else _serial(job, waiting, files)
            )  # fmt: skip
            with closing(parts):  # lets go of the tasks while Ray is still there
                for name, part in parts:
                    files[name].add(part)
                    if progress:
                        step = max(part.step, files[name].step)
                        progress(name, step, job.steps, part.stop.reason if part.stop else "")
                    stop()
        n = len(atoms)
        return [one.summary(job.steps, job.conditions.timestep, n, died.get(key, "")) for key, one in files.items()]


def refuse_unknown_elements(model: ModelCard, symbols: Sequence[str]) -> None:
    """Raise RunError if a model says that it does not know an element."""
    unknown = sorted(set(symbols) - set(model.elements)) if model.elements else []
    if unknown:
        raise RunError(
            f"model {model.key!r} does not know {', '.join(unknown)}, which the structure contains; "
            f"it knows {', '.join(model.elements)}"
        )


def _serial(
    job: Dynamics, waiting: Waiting, files: Mapping[str, ReplicaFiles]
) -> Generator[tuple[str, Part], None, None]:
    try:
        while group := waiting.group():
            parts = run_group(job, [(replica, files[replica.name].state) for replica in group])
            while True:
                with stopping_at_once():
                    found = next(parts, None)
                if found is None:
                    break
                name, part = found
                if part.left:
                    waiting.take_back(group, name)
                yield name, part
    finally:
        lift_memory_limit()


def _on_ray(
    job: Dynamics,
    waiting: Waiting,
    files: Mapping[str, ReplicaFiles],
    n_workers: int,
    environment: Mapping[str, Any],
    died: dict[str, str],
) -> Generator[tuple[str, Part], None, None]:
    """Yield parts as they come; a replica that is given up is noted in `died`."""
    import ray

    shared = ray.put(job)
    pool: TaskPool[list[Replica], tuple[str, Part]] = TaskPool(
        run_group, lambda group: (shared, [(one, files[one.name].state) for one in group]), n_workers,
        what=f"model {job.model.key!r}", model=job.model, environment=environment,
    )  # fmt: skip
    for arrival in chain.from_iterable(pool.arrivals(waiting.group)):
        if arrival.error:
            raise arrival.error
        if arrival.result:
            name, part = arrival.result
            if part.left:
                waiting.take_back(arrival.item, name)
            yield name, part
        elif arrival.death:
            on_its_way = [one for one in arrival.item if not files[one.name].ended(job.steps)]
            said = f"{type(arrival.death).__name__}: {one_line(str(arrival.death))}"
            died |= dict.fromkeys(waiting.died(on_its_way, lambda name: files[name].step), said)


def _settings(
    job: Dynamics, atoms: Atoms, temperatures: Sequence[float | None], replicas: int, seed: int
) -> dict[str, Any]:
    """All that makes the trajectories, as plain JSON."""
    conditions = asdict(job.conditions)
    del conditions["temperature"]
    digest = hashlib.sha256()
    for array in (atoms.numbers, atoms.positions, atoms.cell[:], atoms.pbc, atoms.get_masses(), atoms.get_momenta()):
        digest.update(np.ascontiguousarray(array).tobytes())
    charge, spin = total_charge(atoms, "structure"), multiplicity(atoms, "structure", moments=False)
    if (charge, spin) != (0, 1):
        digest.update(f"charge {charge:g}, multiplicity {spin}".encode())
    return {
        "schema": SCHEMA, "model": job.model.key, "model_version": job.model.version,
        "model_sha256": model_hash(job.model), "formula": atoms.get_chemical_formula(), "atoms": len(atoms),
        "structure_sha256": digest.hexdigest(), **conditions, "temperatures": list(temperatures), "replicas": replicas,
        "seed": seed, "steps": job.steps, "every": job.every, "thermo_every": job.thermo_every,
        "checkpoint_every": job.checkpoint_every, "relax": job.relax, "velocities": job.velocities,
        "watchdog": asdict(job.watchdog) if job.watchdog else None,
    }  # fmt: skip


def _name(temperature: float | None, number: int) -> str:
    return f"{'start' if temperature is None else f'T{temperature:g}'}-r{number + 1}"


def _seed(seed: int, temperature: float | None, number: int) -> int:
    key = (0 if temperature is None else round(1000 * temperature), number)
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0])
