"""The fast path of GET against the plain way, on one thread: a liquid of 4,096 atoms, and MD of one and of many boxes.

CPU time, not wall clock, so that a busy machine matters less; medians. Both ways do the same mathematics and must
agree. `OMP_NUM_THREADS=1 python -m benchmarks.get` runs this group alone.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import ratio
from matdisc.models.get.settings import Settings

FLOOR = 7e9
"""Arithmetic of a step of 4,000 atoms as the specification counts it."""
DENSITY = 0.0888
"""Atoms per Å^3: 46 neighbours within 5 Å."""
ELEMENTS = (1, 6, 8, 9, 3, 15)
SHARES = (0.42, 0.26, 0.2, 0.08, 0.02, 0.02)
CLOSEST = {1: 0.7}
"""Half the least distance between two atoms, Å; others 0.75."""
C6 = {1: 3.0, 6: 16.0, 8: 9.0, 9: 7.0, 3: 50.0, 15: 100.0}
"""eV Å^6, of the right size; the benchmark needs no better."""


def liquid(n: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return numbers, positions and cell of a random packing with least distances, at a liquid's density."""
    rng = np.random.default_rng(seed)
    length = (n / DENSITY) ** (1 / 3)
    numbers = rng.choice(ELEMENTS, n, p=SHARES)
    radii = np.array([CLOSEST.get(int(z), 0.75) for z in numbers])
    side = int(length / 1.5)
    boxes: dict[tuple[int, ...], list[int]] = {}
    placed = np.zeros((n, 3))
    around = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    for k in range(n):
        while True:
            x = rng.random(3) * length
            box = (x / length * side).astype(int)
            near = [m for a in around for m in boxes.get(tuple((box + a) % side), ())]
            apart = placed[near] - x
            apart -= length * np.round(apart / length)
            if not near or (np.linalg.norm(apart, axis=1) > radii[near] + radii[k]).all():
                break
        placed[k] = x
        boxes.setdefault(tuple(box), []).append(k)
    return numbers, placed, length * np.eye(3)


def cpu_seconds(call: Callable[[], object], repeat: int) -> float:
    """Return the median CPU seconds of a call, after one that is not counted."""
    call()
    times = []
    for _ in range(repeat):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return float(np.median(times))


def measure(folder: Path) -> None:
    """Print every line of this group; `folder` is for the model's files."""
    try:
        import torch

        from matdisc.models.get.files import save, state_of
        from matdisc.models.get.reference.potential import GET
    except ImportError as err:
        print(f"GET is not measured: {err}")
        return

    torch.set_num_threads(1)
    model = GET(_settings(), seed=1)
    save(folder / "get", GET(replace(_settings(), dispersion=False), seed=1), about={})
    np.savez(folder / "state.npz", **state_of(model))
    large(state_of(model))
    memory(folder / "state.npz")
    small(folder / "get")
    together()


def _settings() -> Settings:
    return Settings(elements=ELEMENTS, dispersion=True, dispersion_c6=C6)


def large(state: dict[str, NDArray[Any]]) -> None:
    """4,096 atoms: time of both ways, their agreement, and what share of the floor is reached."""
    import torch

    from benchmarks.get_baseline import Baseline
    from matdisc.models.get.fast import Box, Evaluator
    from matdisc.models.get.fast.neighbours import search

    settings = _settings()
    numbers, positions, cell = liquid(4096)
    evaluator = Evaluator(state, settings)
    plain = Baseline(state, settings, numbers)
    lists = _lists(positions, cell, len(numbers), settings)
    x, box = torch.tensor(positions), torch.tensor(cell)
    energy, forces = plain.evaluate(x, box, lists)
    found = evaluator.answers([Box(numbers, positions, cell, True)])[0]
    apart = np.abs(found.forces - forces.numpy()).max()
    n_edges, n_pairs = lists.near.shape[1], lists.far.shape[1]
    print(
        f"{len(numbers)} atoms, {n_edges / len(numbers):.1f} neighbours at 5 Å, {n_pairs / len(numbers):.0f} of pairs"
    )
    print(f"  the two agree to {abs(found.energy / energy - 1):.1e} in energy and {apart:.1e} eV/Å in forces")
    rng = np.random.default_rng(0)

    def step() -> None:
        moved = positions + rng.normal(0, 0.01, positions.shape)
        evaluator.answers([Box(numbers, moved, cell, True)])

    fast = cpu_seconds(step, 9)
    full = cpu_seconds(lambda: plain.evaluate(x, box, lists), 3)
    no_waves = cpu_seconds(lambda: plain.evaluate(x, box, lists, waves=False), 3)
    ratio("plain edge tensors / fast, with Ewald", full, fast)
    ratio("plain without its waves / fast with Ewald", no_waves, fast)
    peak, flop = _peak(), _flop(len(numbers), n_edges, settings)
    own, published = flop / peak / fast, FLOOR / peak / fast
    print(f"  a matrix product (float32, one core) reaches {peak / 1e9:.0f} GFLOP/s; of that peak the step reaches")
    print(f"  {own:.0%} counting its network's own {flop / 1e9:.1f} GFLOP ({flop / peak / full:.1%} the plain way),")
    print(f"  {published:.0%} counting the {FLOOR / 1e9:.0f} GFLOP of the method as specified")
    anew = cpu_seconds(lambda: search(positions, cell, True, cutoff=5.0, radius=12.0, skin=0.5), 3)
    print(f"  a new neighbour list costs {anew:.3f} s, {anew / fast:.1f} steps")


def _lists(positions: NDArray[np.float64], cell: NDArray[np.float64], n: int, settings: Any) -> Any:
    import torch

    from benchmarks.get_baseline import Lists
    from matdisc.models.get.reference.dispersion import SWITCH
    from matdisc.models.get.reference.ewald_splitting import waves
    from matdisc.physics.neighbours import neighbours

    reach = SWITCH[1]  # the list of dispersion serves the real-space sum
    p = np.sqrt(-np.log(settings.ewald_accuracy))
    g = p / reach
    near, far = (neighbours(positions, cutoff, cell) for cutoff in (settings.cutoff, reach))
    vectors = 2 * np.pi * waves(cell, 2 * g * p) @ np.linalg.inv(cell).T
    return Lists(
        torch.tensor(np.stack(near[:2])), torch.tensor(np.stack(far[:2])), torch.tensor(near[2] @ cell),
        torch.tensor(far[2] @ cell), torch.tensor(vectors), float(g), reach,
    )  # fmt: skip


def _flop(n: int, edges: int, settings: Any) -> float:
    """Return the arithmetic of network energy and gradient, by hand: a product and a sum are two operations.

    An edge and layer: 512 for e(r) from its table, 128 q.k, 64 v*e, 128 for m, 384 for M; and about three times that
    with the gradient. Matrices: forward and once backward.
    """
    d = settings.features
    forward = 4 * 2 * d + 2 * d + d + 2 * d + 6 * d
    back = 8 * 2 * d + 2 * d + d + 3 * d + 6 * d + 6 * d + 4 * d + 6 * d
    matrices = 2 * d * d * ((3 + 3 * 3 + 3) + (3 + 2 + 3 * 2) + 1) + 4 * d * d
    return edges * settings.layers * (forward + back) + n * 2 * matrices


def _peak() -> float:
    a = np.random.default_rng(0).random((2048, 2048)).astype(np.float32)
    return 2 * 2048**3 / cpu_seconds(lambda: a @ a, 3)


def memory(state: Path) -> None:
    """Print the most memory that a process needs which does nothing but evaluate 4,096 atoms."""
    for options in ("fast", "plain"):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.get", options, str(state)], capture_output=True, text=True, check=True
        )
        print(f"  most memory of a process, {options}: {float(done.stdout.split()[-1]):.2f} GiB")


def _memory(options: str, path: Path) -> None:
    """Evaluate three times and print the most memory this process ever had, GiB."""
    with np.load(path) as stored:
        state = dict(stored)
    numbers, positions, cell = liquid(4096)
    if options == "fast":
        from matdisc.models.get.fast import Box, Evaluator

        evaluator = Evaluator(state, _settings())
        for k in range(3):
            evaluator.answers([Box(numbers, positions + k, cell, True)])
    else:
        import torch

        from benchmarks.get_baseline import Baseline

        torch.set_num_threads(1)
        lists = _lists(positions, cell, len(numbers), _settings())
        plain = Baseline(state, _settings(), numbers)
        for k in range(3):
            plain.evaluate(torch.tensor(positions + k), torch.tensor(cell), lists)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(float(status["VmHWM"].split()[0]) / 2**20)


def small(folder: Path) -> None:
    """MD steps a second of about 100 atoms in a box with Ewald: arrays alone, and through ASE."""
    from ase import Atoms, units
    from ase.data import atomic_masses
    from ase.md.verlet import VelocityVerlet

    from matdisc.models.get.calculator import load
    from matdisc.models.get.fast import Box, Evaluator
    from matdisc.models.get.files import read

    settings, state = read(folder)
    numbers, positions, cell = liquid(108)
    evaluator = Evaluator(state, settings)
    rng = np.random.default_rng(0)
    thermal = rng.normal(0, 1, (len(numbers), 3)) * np.sqrt(units.kB * 300 / atomic_masses[numbers])[:, None]

    def hundred_steps() -> None:
        for k in range(100):  # straight on at thermal speed, 0.5 fs a step, so that lists end as they do in MD
            evaluator.answers([Box(numbers, positions + k * 0.5 * units.fs * thermal, cell, True)])

    run_single = cpu_seconds(hundred_steps, 3) / 100
    print(f"{len(numbers)} atoms in a periodic box with Ewald, a list every {400 / evaluator.lists.searches:.0f} steps")
    print(f"  the evaluation alone: {1 / run_single:.0f} steps a second of CPU ({1e3 * run_single:.1f} ms)")
    atoms = Atoms(numbers, positions, cell=cell, pbc=True)
    atoms.calc = load(folder=str(folder))
    atoms.set_velocities(thermal)
    run = VelocityVerlet(atoms, 0.5 * units.fs)
    through = cpu_seconds(lambda: run.run(50), 3) / 50
    print(f"  MD through the calculator and ASE's Verlet: {1 / through:.0f} steps a second ({1e3 * through:.1f} ms)")


def together() -> None:
    """MD of several boxes of ethylene carbonate in one process, one call a step, against one box: models that ship."""
    from matdisc.models.get.calculator import TRAINED, load
    from matdisc.physics.drivers import run_single
    from matdisc.physics.md import Conditions
    from matdisc.physics.molecules.packing import liquid as packed
    from matdisc.physics.molecules.settling import settled

    for name in [key for key in ("get-mini", "get-small") if (TRAINED / key).is_dir()]:
        calculator = load(model=name)
        boxes = [run_single(settled(packed({"EC": 10}, 1.3, seed=seed)), calculator) for seed in range(6)]
        for ensemble in ("nose-hoover", "npt"):
            conditions = Conditions(ensemble=ensemble, temperature=313, timestep=0.5)
            alone, *many = (_step_seconds(calculator, boxes[:n], conditions) for n in (1, 3, 6))
            for n, seconds in zip((3, 6), many, strict=True):
                what = f"{name}, {ensemble}, {len(boxes[0])} atoms: a step of one box / of one of {n} together"
                ratio(what, alone, seconds / n)


def _step_seconds(calculator: Any, boxes: Sequence[Any], conditions: Any) -> float:
    """Return the CPU seconds of a step of all boxes, watched and recorded as liquids are."""
    from matdisc.physics.drivers import run_batched
    from matdisc.physics.evaluation import side_by_side
    from matdisc.physics.md import Recorder, Watchdog, simulate

    def run() -> None:
        calculator.forget()
        works = [
            simulate(
                box.copy(),
                conditions,
                200,
                seed=1,
                watchdog=Watchdog(bonds=True),
                observers=[Recorder(4, ["pressure"])],
            )
            for box in boxes
        ]
        list(run_batched([(0, side_by_side(works))], calculator))

    return cpu_seconds(run, 3) / 200


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _memory(sys.argv[1], Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            measure(Path(scratch))
