"""Relaxing perturbed cubic perovskites with CHGNet: the package's own optimiser against matdisc, on two cores.

30 crystals of `mp-abc3-cubic` (lattice vectors + 3 %, atoms rattled by 0.05 Å), all to 0.05 eV/Å with at most 500
steps: (a) the package's StructOptimizer with its default threads, (b) the same with one thread, one crystal after the
other, (c) two matdisc processes with one thread each, crystals evaluated together, by both protocols. Loading the model
and a first call are not timed.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import ratio
from matdisc.schema import Crystal

N = 30
N_DEFAULT = 10
"""Crystals for (a), which is slow; its speed is compared with that of (b) on the same ones."""
SEED = 0
FMAX = 0.05
PROTOCOLS = ("relax", "relax-fast")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
SAME = 1e-3
"""Energies within this, eV/atom, count as the same."""


def measure(folder: Path) -> None:
    """Print every line of this group, or why there is none."""
    from matdisc.board import init_board
    from matdisc.errors import MatdiscError

    try:
        starts = crystals(init_board(folder / "relaxation-board"))
    except MatdiscError as err:
        print(f"relaxations are not measured: {err}")
        return
    default = package(starts[:N_DEFAULT], folder, threads=None)
    single = package(starts, folder, threads=1)
    slower = sum(default["seconds"]) / sum(single["seconds"][:N_DEFAULT])
    print(f"(a) StructOptimizer, default threads: {slower:.1f} times the time of (b), {N_DEFAULT} crystals")
    print(f"(b) StructOptimizer, one thread: {1e3 * sum(single['seconds']) / N:.0f} ms a crystal")
    for protocol in PROTOCOLS:
        _say(f"(c) matdisc, two processes, {protocol}", ours(starts, protocol), single)


def crystals(board: Any) -> list[Crystal]:
    """Return the start structures: a seeded choice of materials, each perturbed by its own seeded numbers."""
    from matdisc.datasets import load
    from matdisc.datasets.relaxation_starts import perturbed

    samples = load(board, "mp-abc3-cubic").samples
    chosen = sorted(np.random.default_rng(SEED).choice(len(samples), N, replace=False))
    return [
        perturbed(samples[i].crystal, scale=1.03, rattle=0.05, seed=SEED, name=samples[i].material_id) for i in chosen
    ]


def package(starts: list[Crystal], folder: Path, threads: int | None) -> dict[str, Any]:
    """Relax in a fresh process as the package does it; `threads` None leaves torch its default."""
    from matdisc.formats.crystal_json import to_json

    source = folder / "starts.json"
    source.write_text(json.dumps([to_json(crystal) for crystal in starts]))
    environment = {key: value for key, value in os.environ.items() if key not in THREADS}
    if threads is not None:
        environment |= dict.fromkeys(THREADS, str(threads))
    command = [sys.executable, "-m", "benchmarks.relaxation", str(source)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_package(source: Path) -> None:
    """Relax one crystal after the other with StructOptimizer's defaults and print seconds, energies and steps."""
    from chgnet.model import StructOptimizer

    from matdisc.formats.atoms import to_atoms
    from matdisc.formats.crystal_json import from_json

    starts = [from_json(text) for text in json.loads(source.read_text())]
    optimizer = StructOptimizer(use_device="cpu")
    optimizer.relax(to_atoms(starts[0]), fmax=FMAX, steps=1, verbose=False)
    energies, seconds, calls = [], [], 0
    for crystal in starts:
        started = time.perf_counter()
        found = optimizer.relax(to_atoms(crystal), fmax=FMAX, verbose=False)["trajectory"]
        energies.append(float(found.energies[-1]) / len(crystal.symbols))
        calls += len(found) - 1  # the last structure is observed twice
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": seconds, "energies": energies, "calls": calls}))


def ours(starts: list[Crystal], protocol: str) -> dict[str, Any]:
    """Relax with two processes that share the crystals out beforehand."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(3), context.Queue()
    numbered = list(enumerate(starts))
    workers = [
        context.Process(target=_work, args=(numbered[k::2], protocol, barrier, answers), daemon=True) for k in (0, 1)
    ]
    for worker in workers:
        worker.start()
    barrier.wait(timeout=300)
    started = time.perf_counter()
    parts = [answers.get(timeout=3000) for _ in workers]
    seconds = time.perf_counter() - started
    for worker in workers:
        worker.join()
    found = {key: value for part in parts for key, value in part.items()}
    ends = [found[k] for k in range(len(starts))]
    return {"seconds": [seconds], "energies": [e for e, _ in ends], "calls": sum(steps + 1 for _, steps in ends)}


def _work(numbered: list[tuple[int, Crystal]], protocol: str, barrier: Any, answers: Any) -> None:
    from matdisc.models.load import one_thread

    one_thread()
    warnings.simplefilter("ignore")
    from matdisc.models.potentials.chgnet import load
    from matdisc.physics.drivers import run_batched
    from matdisc.physics.relaxation.relax import crystal_energy, relaxation
    from matdisc.protocols import PROTOCOLS as KNOWN

    calculator = load()
    crystal_energy(calculator, numbered[0][1], KNOWN["single-point"])
    barrier.wait()
    found = {}
    for ended in run_batched(((k, relaxation(crystal, KNOWN[protocol])) for k, crystal in numbered), calculator):
        assert ended.value is not None, ended.error
        found[ended.key] = (ended.value.energy / len(ended.value.crystal.symbols), ended.value.steps)
    answers.put(found)


def _say(what: str, found: dict[str, Any], single: dict[str, Any]) -> None:
    change = np.array(found["energies"]) - np.array(single["energies"])
    ratio(
        f"relaxations, (b) / {what}", sum(single["seconds"]), sum(found["seconds"]),
        after=f"; {found['calls'] / N:.1f} evaluations; energy within 1 meV/atom of (b) for "
        f"{np.mean(np.abs(change) <= SAME):.0%}, lower {np.mean(change < -SAME):.0%}, higher "
        f"{np.mean(change > SAME):.0%}",
    )  # fmt: skip


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if len(sys.argv) > 1:
        run_package(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            measure(Path(scratch))
