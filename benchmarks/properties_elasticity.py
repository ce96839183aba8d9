"""Elastic tensors of small binaries with CHGNet, one thread: one structure after the other with ASE against matdisc.

The plain loop relaxes cell and ions with FIRE and FrechetCellFilter, strains the cell in 24 ways, relaxes the ions of
each with BFGS, and fits with pymatgen, as MatCalc does with relaxed deformed structures; limits of forces as here.
`python -m benchmarks properties-elasticity` runs this alone.
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

N = 8
MODEL = "chgnet-0.3.0"


def measure(folder: Path) -> None:
    """Print the times of both ways and how far their moduli are apart, or why there is none."""
    from chgnet.model import CHGNetCalculator

    from matdisc.board import init_board
    from matdisc.datasets import load
    from matdisc.errors import MatdiscError
    from matdisc.models.load import load_potential, one_thread

    one_thread()
    try:
        board = init_board(folder / "elasticity-board")
        samples = load(board, "mp-binaries-elastic").samples[:N]
        calculator = load_potential(board.model(MODEL))
    except MatdiscError as err:
        print(f"elastic tensors are not measured: {err}")
        return
    warnings.simplefilter("ignore")
    packages = CHGNetCalculator(use_device="cpu", verbose=False)
    ours(samples[:1], calculator)  # first calls take longer
    seconds, found = _timed(lambda: ours(samples, calculator))
    for said, one in (("the package's calculator", packages), ("matdisc's calculator", calculator)):
        slow, expected = _timed(lambda one=one: [plain(sample, one) for sample in samples])
        both = [pair for pair in zip(found, expected, strict=True) if min(pair[0][1], pair[1][1]) > 0]
        apart = np.array([np.abs(np.array(mine) / np.array(theirs) - 1) for mine, theirs in both])
        what = f"elastic tensors of {N} binaries: {said}, plain loop / matdisc"
        after = f"; K and G of {len(both)} stable ones apart by {np.median(apart):.1e} (median), {apart.max():.1e}"
        ratio(what, slow, seconds, after=after)


def ours(samples: Sequence[Sample], calculator: Any) -> list[tuple[float, float]]:
    """Return K and G of each crystal, GPa, all in flight together."""
    from matdisc.physics.drivers import run_batched
    from matdisc.tasks.elasticity.simulation import simulate

    work = [(s.material_id, simulate(s, None, None, 0.0)) for s in samples]  # type: ignore[arg-type]
    found = {}
    for ended in run_batched(work, calculator):
        assert ended.value is not None, ended.error
        found[ended.key] = ended.value.values["bulk_modulus"], ended.value.values["shear_modulus"]
    return [found[sample.material_id] for sample in samples]


def plain(sample: Sample, calculator: Any) -> tuple[float, float]:
    """Return K and G of a crystal, GPa, one evaluation after the other."""
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS, FIRE
    from pymatgen.analysis.elasticity import ElasticTensor, Strain, Stress

    from matdisc.formats.atoms import to_atoms
    from matdisc.physics.elasticity import MAGNITUDES, TIGHT, to_tensor
    from matdisc.units import GIGAPASCALS

    atoms = to_atoms(sample.crystal)
    atoms.calc = calculator
    FIRE(FrechetCellFilter(atoms), logfile=None).run(fmax=TIGHT.fmax, steps=TIGHT.max_steps)
    strains = [magnitude * to_tensor(row) for row in np.eye(6) for magnitude in MAGNITUDES]
    stresses = []
    for strain in strains:
        cell = atoms.copy()
        cell.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
        cell.calc = calculator
        BFGS(cell, logfile=None).run(fmax=TIGHT.fmax, steps=TIGHT.max_steps)
        stresses.append(Stress(to_tensor(cell.get_stress()) * GIGAPASCALS))
    tensor = ElasticTensor.from_independent_strains([Strain(s) for s in strains], stresses, eq_stress=np.zeros((3, 3)))
    return float(tensor.k_vrh), float(tensor.g_vrh)


def _timed(work: Any) -> tuple[float, Any]:
    started = time.process_time()
    found = work()
    return time.process_time() - started, found
