"""What a GPU changes: values, precision, throughput by batch, memory and loading. Five minutes on a card, less without.

`python -m benchmarks gpu [MODEL ...] [--dataset KEY] [--crystals N] [--seconds S] [--out FILE]` prints tables and
writes all of it, with the facts of the machine, as JSON.

Crystals of an embedded set, their atoms displaced, are evaluated one by one on the processor as it is used in runs, and
then in other ways; the differences are held to the bounds within which a lower precision is no other model. Without a
GPU the torch code that a GPU would run is held to the processor's own, and the products that TF32 and bfloat16 round
are rounded by hand, backward pass included. Seconds of a GPU are wall-clock time, those of the processor its own time,
so that other work on the machine matters less; throughput and loading are wall-clock time.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ase.units import GPa
from torch.utils._python_dispatch import TorchDispatchMode

from matdisc.atomic import write_atomic
from matdisc.board import Board, shipped_board
from matdisc.cards import ModelCard
from matdisc.datasets import load
from matdisc.errors import MatdiscError
from matdisc.formats.atoms import to_atoms
from matdisc.models import installed, load_potential
from matdisc.physics.evaluation import BatchCalculator, Evaluation, evaluate
from matdisc.run.engine.usage import machine

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

MODELS = ("chgnet-0.3.0", "sevennet-0")
BOUNDS = {"energy": 1.0, "forces": 10.0}
"""Largest differences from float32 that a precision may have: meV/atom and meV/Å."""
DISPLACED = 0.05
"""Å, of each coordinate of the atoms: crystals at rest have no forces to compare."""
REPEATS = 2
"""The faster one counts."""
TORCH_ON_CPU = "cpu:0"
"""Torch's name for the processor that adapters do not know: they run the code that they run on a GPU."""
MANTISSA = {"tf32": 10, "bfloat16": 7}
PRODUCTS = {"mm": 0, "bmm": 0, "mv": 0, "addmm": 1, "addmm_": 1, "addmv": 1, "baddbmm": 1, "convolution": 0}
"""Operations that a tensor core does, and their first factor's place among the arguments."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to evaluate: its name, torch device, precision on the card, whether in batches, and what surrounds it."""

    name: str
    device: str
    against: str
    precision: str = "float32"
    together: bool = True
    around: Callable[[], AbstractContextManager[Any]] = nullcontext


class Rounding(TorchDispatchMode):
    """Rounds the factors of all products of float32 to fewer bits, to nearest; sums stay as they are."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        first = PRODUCTS.get(operation.overloadpacket.__name__)
        if first is not None:
            args = (*args[:first], *(rounded(one, self.bits) for one in args[first:]))
        return operation(*args, **(kwargs or {}))


def rounded(factor: Any, bits: int) -> Any:
    """Return a float32 tensor with `bits` bits behind the point, to nearest and ties to even; all else as it is."""
    if not isinstance(factor, torch.Tensor) or factor.dtype != torch.float32:
        return factor
    drop, whole = 23 - bits, factor.contiguous().view(torch.int32)
    whole = (whole + (1 << (drop - 1)) - 1 + ((whole >> drop) & 1)) & ~((1 << drop) - 1)
    return whole.view(torch.float32)


def ways(gpu: bool) -> list[Way]:
    """Return the ways that this machine has; the first is what the others are held to, directly or not."""
    one, torch_way = "cpu, one by one", "cpu, torch as on a GPU"
    found = [
        Way(one, "cpu", one, together=False),
        Way("cpu, in batches", "cpu", one),
        Way(torch_way, TORCH_ON_CPU, one),
    ]
    if gpu:
        exact = "gpu, float32"
        return [
            *found,
            Way(exact, "cuda", one),
            Way("gpu, tf32", "cuda", exact, precision="tf32"),
            Way("gpu, bfloat16 (autocast)", "cuda", exact, around=lambda: torch.autocast("cuda", torch.bfloat16)),
        ]
    return [
        *found,
        Way("cpu, tf32 by hand", TORCH_ON_CPU, torch_way, around=lambda: Rounding(MANTISSA["tf32"])),
        Way("cpu, bfloat16 by hand", TORCH_ON_CPU, torch_way, around=lambda: Rounding(MANTISSA["bfloat16"])),
        Way("cpu, bfloat16 by oneDNN", TORCH_ON_CPU, torch_way, around=_bfloat16_products),
        Way("cpu, bfloat16 (autocast)", TORCH_ON_CPU, torch_way, around=lambda: torch.autocast("cpu", torch.bfloat16)),
    ]


@contextmanager
def _bfloat16_products() -> Iterator[None]:
    """Let the processor take products in bfloat16 where it has instructions for it and oneDNN thinks it worth while."""
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


def measure(card: ModelCard, structures: Sequence[Atoms], seconds: float) -> dict[str, Any]:
    """Return everything about one model: values, times of loading, and throughput by batch in so many seconds."""
    gpu, rows = torch.cuda.is_available(), []
    said: dict[str, list[Evaluation]] = {}
    calculators: dict[tuple[str, str], Calculator] = {}
    for way in ways(gpu):
        key = (way.device, way.precision)
        clock = time.perf_counter if way.device == "cuda" else time.process_time
        loading = time.perf_counter()
        with _memory(way.device) as memory:
            calculator = calculators.get(key) or _load(card, *key)
        loading = 0.0 if key in calculators else time.perf_counter() - loading
        calculators[key] = calculator
        row: dict[str, Any] = {"way": way.name, "against": way.against, "load_seconds": round(loading, 2), **memory}
        try:
            with way.around():
                ask(calculator, structures, together=way.together)  # the first time compiles and fills caches
                times = []
                for _ in range(REPEATS):
                    started = clock()
                    said[way.name] = ask(calculator, structures, together=way.together)
                    times.append(clock() - started)
            row["seconds"] = round(min(times), 4)
            row |= differences(said[way.name], said[way.against], structures)
        except RuntimeError as err:  # torch mixes no precisions in some operations
            row["trouble"] = str(err).splitlines()[0][:90]
        rows.append(row)
    device = "cuda" if gpu else "cpu"
    calculator = calculators[device, "float32"]
    return {
        "model": card.key,
        "crystals": len(structures),
        "atoms": sum(map(len, structures)),
        "ways": rows,
        "batch_atoms": getattr(calculator, "batch_atoms", None),
        "batches": list(by_batch(calculator, structures, device, seconds)),
    }


def ask(calculator: Calculator, structures: Sequence[Atoms], *, together: bool = True) -> list[Evaluation]:
    """Return an evaluation of each structure: in batches as large as the calculator wants them, or one by one."""
    if not together or not isinstance(calculator, BatchCalculator):
        return [evaluate(calculator, atoms) for atoms in structures]
    batches: list[list[Atoms]] = []
    for atoms in structures:
        if not batches or sum(map(len, batches[-1])) + len(atoms) > calculator.batch_atoms:
            batches.append([])
        batches[-1].append(atoms)
    return [one for batch in batches for one in calculator.evaluate_many(batch)]


def differences(
    found: Sequence[Evaluation], reference: Sequence[Evaluation], structures: Sequence[Atoms]
) -> dict[str, Any]:
    """Return the largest and the root mean square difference by quantity, and whether they keep the bounds.

    Energies in meV/atom, forces in meV/Å (components), stress in GPa (components); stress has no bound.
    """
    pairs = list(zip(found, reference, strict=True))
    parts: dict[str, list[Any]] = {
        "energy": [1e3 * (a.energy - b.energy) / len(atoms) for (a, b), atoms in zip(pairs, structures, strict=True)],
        "forces": [1e3 * (a.forces - b.forces).ravel() for a, b in pairs],
        "stress": [(a.stress - b.stress) / GPa for a, b in pairs if a.stress is not None and b.stress is not None],
    }
    sizes: dict[str, Any] = {}
    for name, part in parts.items():
        off = np.abs(np.hstack(part)) if part else np.zeros(1)
        sizes[name] = {"max": float(off.max()), "rms": float(np.sqrt(np.mean(off**2)))}
    return sizes | {"within": all(sizes[name]["max"] <= bound for name, bound in BOUNDS.items())}


def by_batch(
    calculator: Calculator, structures: Sequence[Atoms], device: str, seconds: float
) -> Iterator[dict[str, Any]]:
    """Yield throughput and peak memory of ever larger calls, until the time or the memory ends, or it has got slow."""
    if not isinstance(calculator, BatchCalculator):
        return
    end, n, best = time.perf_counter() + seconds, 1, 0.0
    while True:
        many = [structures[i % len(structures)] for i in range(n)]
        limit = getattr(calculator.evaluate_many, "limit", None)
        try:
            with _memory(device) as memory:
                calculator.evaluate_many(many)
                started, calls = time.perf_counter(), 0
                while calls < 3 or (calls < 50 and time.perf_counter() - started < 0.3):
                    calculator.evaluate_many(many)
                    calls += 1
                each = (time.perf_counter() - started) / calls
        except torch.cuda.OutOfMemoryError:
            yield {"crystals": n, "atoms": sum(map(len, many)), "trouble": "no memory left"}
            return
        if getattr(calculator.evaluate_many, "limit", None) != limit:
            yield {"crystals": n, "atoms": sum(map(len, many)), "trouble": "more than fits: it was asked in parts"}
            return
        rate, best = n / each, max(best, n / each)
        yield {"crystals": n, "atoms": sum(map(len, many)), "crystals_per_second": round(rate, 1), **memory}
        if rate < 0.6 * best or time.perf_counter() + 10 * each > end:
            return
        n *= 2


def _load(card: ModelCard, device: str, precision: str) -> Calculator:
    named = {"options": {**card.options, "device": device}} if device == TORCH_ON_CPU else {"device": device}
    return load_potential(card.model_copy(update={"precision": precision, **named}))


@contextmanager
def _memory(device: str) -> Iterator[dict[str, Any]]:
    """Have a mapping in which the peak of the GPU's memory stands after the block, MiB; empty for the processor."""
    found: dict[str, Any] = {}
    if device != "cuda":
        yield found
        return
    torch.cuda.reset_peak_memory_stats()
    yield found
    torch.cuda.synchronize()
    found["gpu_mib"] = round(torch.cuda.max_memory_allocated() / 2**20)


def displaced(board: Board, card: ModelCard, dataset: str, n: int) -> list[Atoms]:
    """Return the first crystals of a set whose elements a model knows, atoms displaced.

    Raises:
        MatdiscError: If there are none.
    """
    known = set(card.elements)
    samples = [s for s in load(board, dataset).samples if not known or known.issuperset(s.crystal.symbols)][:n]
    if not samples:
        raise MatdiscError(f"{card.key} knows no crystal of {dataset!r}; name another set with --dataset")
    structures, rng = [to_atoms(sample.crystal) for sample in samples], np.random.default_rng(0)
    for atoms in structures:
        atoms.rattle(DISPLACED, rng=rng)
    return structures


def facts() -> dict[str, Any]:
    """Return what this machine is: processor, GPUs, load, versions."""
    gpus = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return {
        **machine(("torch", "numpy", "numba", "chgnet", "sevenn", "mace-torch")),
        "gpus": [{"name": one.name, "memory_gib": round(one.total_memory / 2**30, 1)} for one in gpus],
        "cuda": torch.version.cuda,
        "cores": os.cpu_count(),
        "load_average": [round(one, 2) for one in os.getloadavg()],
        "threads": torch.get_num_threads(),
    }


def main(arguments: Sequence[str] = ()) -> int:
    """Measure the models named, or those of the usual ones that are installed; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu", description="What a GPU changes.")
    parser.add_argument("models", nargs="*", help=f"keys of potentials; default: {', '.join(MODELS)}, if installed")
    parser.add_argument("--dataset", default="mp-abc3-cubic", help="where crystals come from")
    parser.add_argument("--crystals", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=45.0, help="for throughput by batch, a model")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    board, about = Board(shipped_board()), facts()
    gpus = ", ".join(f"{one['name']} ({one['memory_gib']} GiB)" for one in about["gpus"])
    print(f"GPU: {gpus or 'none was seen; the processor is held to itself'}. Processor: {about['cpu']}")
    found = []
    for key in asked.models or [key for key in MODELS if installed(board.model(key))]:
        try:
            card = board.model(key)
            found.append(measure(card, displaced(board, card, asked.dataset, asked.crystals), asked.seconds))
        except MatdiscError as err:
            print(f"error: {err}")
            return 2
        _show(found[-1])
    content = {"machine": about, "bounds": BOUNDS, "dataset": asked.dataset, "models": found}
    write_atomic(asked.out, (json.dumps(content, indent=1) + "\n").encode())
    print(f"written: {asked.out}")
    return 0


def _show(found: dict[str, Any]) -> None:
    print(f"\n{found['model']}: {found['crystals']} crystals, {found['atoms']} atoms; max (rms) of the differences")
    print(f"{'':26s} {'meV/atom':>18s} {'meV/Å':>18s} {'GPa':>20s} {'within':>6s} {'s':>7s} {'load s':>7s}  against")
    for row in found["ways"]:
        if "trouble" in row:
            print(f"{row['way']:26s} does not run: {row['trouble']}")
            continue
        sizes = [f"{row[name]['max']:.3g} ({row[name]['rms']:.2g})" for name in ("energy", "forces", "stress")]
        print(
            f"{row['way']:26s} {sizes[0]:>18s} {sizes[1]:>18s} {sizes[2]:>20s} {'yes' if row['within'] else 'NO':>6s} "
            f"{row['seconds']:7.3f} {row['load_seconds']:7.2f}  {row['against']}"
        )
    print(f"{'crystals a call':>16s} {'atoms':>8s} {'a second':>10s} {'GPU MiB':>8s}")
    rates = [row.get("crystals_per_second", 0.0) for row in found["batches"]]
    for row, rate in zip(found["batches"], rates, strict=True):
        mark = row.get("trouble") or ("best" if rate == max(rates) else "")
        print(f"{row['crystals']:16d} {row['atoms']:8d} {rate:10.1f} {row.get('gpu_mib', '–'):>8} {mark}")
    if found["batch_atoms"]:
        print(f"in runs a call holds at most {found['batch_atoms']} atoms")
