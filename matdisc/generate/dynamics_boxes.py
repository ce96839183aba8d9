"""Make the frozen boxes of the dynamics sets: `python -m matdisc.generate.dynamics_boxes KEY` in a checkout.

dynamics-metals: elements and alloys of emt-alloys, repeated, and what 24 ps of effective medium theory show of each.
dynamics-perovskites: cubic cells of mp-abc3-cubic (needs its public files), repeated.
dynamics-electrolytes: molecules and ions packed at the density of the liquid, as they come out of the packing.

The reference curves are means over stretches as long as a model's run, so that leakage of short spectra is in both, and
the noise is what one such stretch differs from the mean: the error that the reference potential itself would have.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from matdisc.atomic import write_atomic
from matdisc.board import Board, open_board
from matdisc.cards import Dynamics
from matdisc.datasets import load
from matdisc.datasets.csv_rows import read_rows
from matdisc.datasets.dynamics import AMPLITUDE, BOXES, NOISE, REFERENCE, curve_columns, supercell
from matdisc.datasets.emt_alloys import _crystal as emt_crystal
from matdisc.formats.atoms import to_atoms, to_crystal
from matdisc.formats.crystal_json import to_json
from matdisc.metrics.dynamics import rdf_error, spectrum_error
from matdisc.physics.drivers import run_single
from matdisc.physics.md import Conditions, Recorder, simulate
from matdisc.physics.molecules.packing import liquid
from matdisc.schema import Crystal
from matdisc.tasks.dynamics.simulation import at_rest, frame_steps, of_motion
from matdisc.tasks.seeds import seed_of

METALS = ("Al-fcc", "Cu-fcc", "CuPt-L1_0", "AgAu3-L1_2", "Ni3Pt-L1_2", "Cu2PdPt-tP4")
"""Two elements, and alloys of held-out systems that are minima and lie within 0.02 eV/atom of their hull."""
PEROVSKITES = ("mp-5229", "mp-3834", "mp-3448", "mp-3654", "mp-600089", "mp-3271")
"""SrTiO3, BaZrO3, KMgF3, RbCaF3, CsPbBr3, Ti3AlC: oxides, fluorides, a soft halide and an antiperovskite."""
LIQUIDS: dict[str, tuple[dict[str, int], float]] = {
    "EC": ({"EC": 8}, 1.32),
    "DMC": ({"DMC": 6}, 1.06),
    "EC-DMC-LiPF6": ({"EC": 4, "DMC": 3, "Li+": 1, "PF6-": 1}, 1.28),
}
"""Counts of molecules and densities, g/cm^3."""
N_ATOMS = {"dynamics-metals": 24, "dynamics-perovskites": 40}
STRETCHES = 20
"""Stretches of a reference trajectory, each as long as a model's run."""
WARM_PS = 4.0


def metals(board: Board) -> Iterator[tuple[str, str, Crystal]]:
    """Yield id, chemical system and cell of the metals."""
    rows = read_rows(board.datasets_dir / "emt-alloys" / "crystals.csv", ("material_id",))
    found = {row.text("material_id"): emt_crystal(row) for row in rows}
    for name in METALS:
        yield name, found[name].chemical_system, found[name]


def perovskites(board: Board) -> Iterator[tuple[str, str, Crystal]]:
    """Yield id, chemical system and cell of the perovskites."""
    found = {s.material_id: s.crystal for s in load(board, "mp-abc3-cubic").samples}
    for name in PEROVSKITES:
        crystal = found[name]
        symbols = sorted(set(crystal.symbols), key=crystal.symbols.index)
        yield f"{''.join(symbols)}3-{name}", crystal.chemical_system, crystal


def liquid_lines(seed: int) -> list[str]:
    """Return a line for each packed box, with the molecule of every atom."""
    lines = []
    for i, (name, (counts, density)) in enumerate(LIQUIDS.items()):
        atoms = liquid(counts, density, seed=seed + i)
        content = {"material_id": name, "group": name, "structure": json.loads(to_json(to_crystal(atoms)))}
        content["molecule"] = atoms.get_array("molecule").tolist()
        lines.append(json.dumps(content, separators=(",", ":")))
    return lines


def crystal_lines(boxes: Sequence[tuple[str, str, Crystal]]) -> list[str]:
    """Return a line for each box."""
    return [
        json.dumps({"material_id": name, "group": group, "structure": json.loads(to_json(box))}, separators=(",", ":"))
        for name, group, box in boxes
    ]


def reference_row(name: str, crystal: Crystal, rule: Dynamics) -> dict[str, float]:
    """Return the curves, amplitude and noise of a box, from a trajectory with effective medium theory."""
    from ase.calculators.emt import EMT

    atoms, seed = to_atoms(crystal), seed_of(rule.seed, name)
    heat = Conditions(ensemble="langevin", timestep=rule.timestep, temperature=rule.temperature, friction=rule.friction)
    warm = run_single(simulate(atoms, heat, round(1000 * WARM_PS / rule.timestep), seed=seed), EMT())
    hold = Conditions(
        ensemble="nose-hoover", timestep=rule.timestep, temperature=rule.temperature, thermostat_fs=rule.thermostat_fs
    )
    seen = Recorder(frame_steps(rule), ("positions", "velocities"))
    n = round(1000 * rule.sampled_ps / rule.timestep)
    begin = at_rest(warm.state, atoms.get_masses()[:, None])
    run_single(simulate(atoms, hold, STRETCHES * n, seed=seed, observers=(seen,), start=begin), EMT())
    frames = n // frame_steps(rule) + 1
    parts = [slice(i * (frames - 1), i * (frames - 1) + frames) for i in range(STRETCHES)]
    found = [of_motion(atoms, rule, seen.array("positions")[p], seen.array("velocities")[p]) for p in parts]
    distances, frequencies = curve_columns(rule)
    row = {key: float(np.mean([part[key] for part in found])) for key in (*distances, *frequencies, AMPLITUDE)}
    for key, columns, error in zip(NOISE, (distances, frequencies), (rdf_error, spectrum_error), strict=True):
        mean = [row[c] for c in columns]
        row[key] = float(np.mean([error(mean, [part[c] for c in columns]) for part in found]))
    return row


def main(key: str) -> None:
    """Write the files of one dataset into its folder."""
    board = open_board(Path())
    rule = board.dataset(key).dynamics
    assert rule is not None
    cells = {"dynamics-metals": metals, "dynamics-perovskites": perovskites}
    found = cells[key](board) if key in cells else ()
    boxes = [(name, group, supercell(crystal, N_ATOMS[key])) for name, group, crystal in found]
    lines = crystal_lines(boxes) if boxes else liquid_lines(rule.seed)
    write_atomic(board.datasets_dir / key / BOXES, ("\n".join(lines) + "\n").encode())
    if rule.reference is None:
        return
    text = io.StringIO()
    columns = [*(c for kind in curve_columns(rule) for c in kind), AMPLITUDE, *NOISE]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["material_id", *columns])
    for name, _, box in boxes:
        row = reference_row(name, box, rule)
        writer.writerow([name, *(f"{row[c]:.6g}" for c in columns)])
        print(name, len(box.symbols), f"{row[AMPLITUDE]:.4f}", [f"{row[c]:.3f}" for c in NOISE], file=sys.stderr)
    write_atomic(board.datasets_dir / key / REFERENCE, text.getvalue().encode())


if __name__ == "__main__":
    main(sys.argv[1])
