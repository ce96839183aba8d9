"""Harmonic spectra with CHGNet: phonopy's own loop over an ASE calculator against the task phonons, one thread each.

Crystals of `octet-binaries`, embedded data: (a) ASE's FIRE with the cell and FixSymmetry to 1e-4 eV/Å, then each
displaced supercell in turn, with the calculator of the chgnet package; (b) the same loop with matdisc's calculator of
the same weights; (c) the task, protocols relax and relax-fast, crystals evaluated together. Loading the model and a
first call are not timed. `python -m benchmarks properties-phonons` runs this group alone.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import ratio
from matdisc.schema import Sample

N = 8
SEED = 0
SAME = 0.05
"""Largest frequencies within this, THz, count as the same."""


def measure(folder: Path) -> None:
    """Print every line of this group, or why there is none."""
    from matdisc.board import init_board
    from matdisc.datasets import load
    from matdisc.errors import MatdiscError
    from matdisc.models.load import one_thread

    one_thread()
    warnings.simplefilter("ignore")
    try:
        samples = load(init_board(folder / "phonons-board"), "octet-binaries").samples
        chosen = [samples[i] for i in np.random.default_rng(SEED).choice(len(samples), N, replace=False)]
        from chgnet.model import CHGNetCalculator

        from matdisc.models.potentials.chgnet import load as chgnet
        from matdisc.physics.phonons import operations

        operations(chosen[0].crystal)  # phonopy is there
    except (MatdiscError, ImportError) as err:
        print(f"phonons are not measured: {err}")
        return
    with redirect_stdout(StringIO()):  # the package greets
        package = CHGNetCalculator(use_device="cpu")
    ours = chgnet()
    plain = _timed(lambda: [loop(sample, package) for sample in chosen])
    print(f"phonons of {N} binaries by phonopy's loop and the package's calculator (a): {plain[0] / N:.2f} s each")
    _say("(b) phonopy's loop, matdisc's calculator", _timed(lambda: [loop(sample, ours) for sample in chosen]), plain)
    for protocol in ("relax", "relax-fast"):
        _say(f"(c) the task, {protocol}", _timed(lambda key=protocol: task(chosen, ours, key)), plain)  # type: ignore[misc]


def loop(sample: Sample, calculator: Any) -> float:
    """Return the largest frequency (THz) of a crystal as a plain script finds it."""
    from ase import Atoms
    from ase.constraints import FixSymmetry
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms
    from phonopy.structure.cells import guess_primitive_matrix

    from matdisc.formats.atoms import to_atoms
    from matdisc.physics.phonons import supercell_of
    from matdisc.tasks.phonons.simulation import FMAX, MESH

    atoms = to_atoms(sample.crystal)
    atoms.calc = calculator
    atoms.set_constraint(FixSymmetry(atoms, symprec=1e-4, verbose=False))
    FIRE(FrechetCellFilter(atoms), logfile=None).run(fmax=FMAX, steps=500)
    cell = PhonopyAtoms(symbols=atoms.symbols, cell=atoms.cell[:], scaled_positions=atoms.get_scaled_positions())
    primitive = guess_primitive_matrix(cell, symprec=1e-4)
    supercell = np.diag(supercell_of(sample.crystal))
    phonon = Phonopy(cell, supercell_matrix=supercell, primitive_matrix=primitive, symprec=1e-4)
    phonon.generate_displacements(distance=0.01, is_diagonal=False)
    forces = []
    for one in phonon.supercells_with_displacements:
        moved = Atoms(one.symbols, positions=one.positions, cell=one.cell, pbc=True)
        moved.calc = calculator
        forces.append(moved.get_forces())
    phonon.forces = forces
    phonon.produce_force_constants(show_drift=False)
    phonon.symmetrize_force_constants(show_drift=False)
    phonon.run_mesh(MESH, is_gamma_center=True)
    return float(np.max(phonon.mesh.frequencies))


def task(samples: Sequence[Sample], calculator: Any, protocol: str) -> list[float]:
    """Return the largest frequencies (THz) that the task finds."""
    from matdisc.physics.drivers import run_batched
    from matdisc.protocols import PROTOCOLS
    from matdisc.tasks.phonons.simulation import simulate

    def unused(symbol: str) -> Any:
        raise AssertionError(symbol)

    work = [(s.material_id, simulate(s, PROTOCOLS[protocol], unused, 0.0)) for s in samples]
    found = {}
    for ended in run_batched(work, calculator):
        assert ended.value is not None, ended.error
        found[ended.key] = ended.value.values["max_frequency"]
    return [found[sample.material_id] for sample in samples]


def _timed(work: Callable[[], list[float]]) -> tuple[float, np.ndarray]:
    started = time.process_time()
    found = work()
    return time.process_time() - started, np.array(found)


def _say(what: str, found: tuple[float, np.ndarray], plain: tuple[float, np.ndarray]) -> None:
    apart = np.abs(found[1] - plain[1])
    ratio(
        f"phonons, (a) / {what}", plain[0], found[0],
        after=f"; largest frequency within {SAME} THz for {np.mean(apart <= SAME):.0%}, {apart.max():.3f} at most",
    )  # fmt: skip
