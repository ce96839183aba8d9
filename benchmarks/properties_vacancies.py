"""Vacancies with CHGNet: crystal after crystal with ASE and the package's calculator, against matdisc, one thread.

The plain loop relaxes the cell with FIRE and FrechetCellFilter, removes an atom of the supercell and relaxes the others
with FIRE, to the same forces. `python -m benchmarks properties-vacancies` runs this alone; it needs the mirror or a
network for its crystals.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.properties_dimers import VERSION, package_calculator, timed
from benchmarks.report import ratio
from matdisc.schema import Sample

CRYSTALS = ("Al-fcc", "Cu-fcc", "Pd-fcc", "Mg-hcp", "Ti-hcp", "Zn-hcp")
PROTOCOLS = ("relax", "relax-fast")


def measure(folder: Path) -> None:
    """Print the times of both ways and how far their formation energies are apart, or why there is none."""
    from matdisc.board import init_board
    from matdisc.datasets import load
    from matdisc.errors import MatdiscError
    from matdisc.models.load import load_potential, one_thread

    one_thread()
    try:
        board = init_board(folder / "vacancies-board")
        samples = [s for s in load(board, "vacancies-angsten").samples if s.material_id in CRYSTALS]
        calculator = load_potential(board.model(f"chgnet-{VERSION}"))
    except MatdiscError as err:
        print(f"vacancies are not measured: {err}")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = package_calculator()
        ours(samples[:1], calculator, "single-point")  # the first call compiles
        plain_seconds, expected = timed(lambda: [plain(sample, package) for sample in samples])
        for protocol in PROTOCOLS:
            seconds, found = timed(lambda protocol=protocol: ours(samples, calculator, protocol))
            apart = np.abs(np.array(found) - np.array(expected))
            ratio(
                f"vacancies in {len(samples)} crystals, plain loop / matdisc, {protocol}", plain_seconds, seconds,
                after=f"; energies apart by {np.median(apart):.1g} (median), {apart.max():.1g} eV (largest)",
            )  # fmt: skip


def ours(samples: Sequence[Sample], calculator: Any, protocol: str) -> list[float]:
    """Return the formation energies, eV, all crystals in flight together."""
    from matdisc.physics.drivers import run_batched
    from matdisc.protocols import PROTOCOLS as KNOWN
    from matdisc.tasks.vacancies.simulation import simulate

    found = {}
    work = [(s.material_id, simulate(s, KNOWN[protocol], None, 0.0)) for s in samples]  # type: ignore[arg-type]
    for ended in run_batched(work, calculator):
        assert ended.value is not None, ended.error
        found[ended.key] = ended.value.values["vacancy_energy"]
    return [found[sample.material_id] for sample in samples]


def plain(sample: Sample, calculator: Any) -> float:
    """Return the formation energy of a vacancy, eV, one evaluation after the other."""
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE

    from matdisc.formats.atoms import to_atoms
    from matdisc.protocols import PROTOCOLS as KNOWN
    from matdisc.tasks.vacancies.simulation import REPEATS, TIGHT

    protocol = KNOWN["relax"]
    atoms = to_atoms(sample.crystal)
    atoms.calc = calculator
    FIRE(FrechetCellFilter(atoms), logfile=None).run(fmax=protocol.fmax / TIGHT, steps=protocol.max_steps)
    whole = atoms.repeat(REPEATS[sample.inputs["prototype"]])
    whole.calc = calculator
    full, n = float(whole.get_potential_energy()), len(whole)
    del whole[0]
    whole.calc = calculator
    FIRE(whole, logfile=None).run(fmax=protocol.fmax, steps=protocol.max_steps)
    return float(whole.get_potential_energy()) - (n - 1) / n * full
