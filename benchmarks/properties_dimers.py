"""Curves of dimers with CHGNet: distance after distance with the package's calculator, against matdisc, one thread.

`python -m benchmarks properties-dimers` runs this alone.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import ratio
from matdisc.schema import Sample

N = 20
VERSION = "0.3.0"


def measure(folder: Path) -> None:
    """Print the times of both ways and how far their energies are apart, or why there is none."""
    from matdisc.board import init_board
    from matdisc.datasets import load
    from matdisc.errors import MatdiscError
    from matdisc.models.load import load_potential, one_thread

    one_thread()
    try:
        board = init_board(folder / "dimers-board")
        samples = load(board, "diatomics").samples[:N]
        calculator = load_potential(board.model(f"chgnet-{VERSION}"))
    except MatdiscError as err:
        print(f"curves of dimers are not measured: {err}")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = package_calculator()
        ours(samples[:1], calculator)  # first calls compile
        plain(samples[0], package, points=1)
        seconds, found = timed(lambda: ours(samples, calculator))
        plain_seconds, expected = timed(lambda: [plain(sample, package) for sample in samples])
    apart = np.abs(np.array(found) - np.array(expected)).max()
    after = f"; energies apart by {apart:.1g} eV at most"
    ratio(f"curves of {N} dimers, plain loop / matdisc", plain_seconds, seconds, after=after)


def package_calculator() -> Any:
    """Return CHGNet's own ASE calculator."""
    from chgnet.model import CHGNet
    from chgnet.model.dynamics import CHGNetCalculator

    return CHGNetCalculator(CHGNet.load(model_name=VERSION, verbose=False), use_device="cpu")


def ours(samples: Sequence[Sample], calculator: Any) -> list[tuple[float, ...]]:
    """Return the energies of each curve, eV, all in flight together."""
    from matdisc.physics.drivers import run_batched
    from matdisc.tasks.dimers.simulation import simulate

    found = {}
    work = [(s.material_id, simulate(s, None, None, 0.0)) for s in samples]  # type: ignore[arg-type]
    for ended in run_batched(work, calculator):
        assert ended.value is not None, ended.error
        found[ended.key] = ended.value.arrays["energy"]
    return [found[sample.material_id] for sample in samples]


def plain(sample: Sample, calculator: Any, points: int | None = None) -> tuple[float, ...]:
    """Return the energies of a curve, eV, with forces, one distance after the other."""
    from matdisc.datasets.dimers import dimer
    from matdisc.formats.atoms import to_atoms

    energies = []
    for distance in sample.inputs["distances"][:points]:
        atoms = to_atoms(dimer(sample.crystal.symbols[0], distance))
        atoms.calc = calculator
        atoms.get_forces()
        energies.append(float(atoms.get_potential_energy()))
    return tuple(energies)


def timed(work: Any) -> tuple[float, Any]:
    """Return the processor time of a piece of work, s, and its result."""
    started = time.process_time()
    found = work()
    return time.process_time() - started, found
