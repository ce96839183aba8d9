"""The shipped models of liquids side by side: force errors, pressures of boxes, and the drift of energy in NVE.

`python -m benchmarks liquids FRAMES ...` takes frames that `matdisc labels` made (`labels/small/frames.npz`,
`labels/bulk/frames.npz`); without any only the drift is measured. One thread; some ten minutes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

MODELS = ("get-mini", "get-small")
HELD_OUT = {
    "one carbonate (DEC)": ("DEC", "2DEC", "DEC-EC", "DEC-Li+"),
    "one salt (LiTFSI)": ("TFSI-", "Li+-TFSI-", "EC-Li+-TFSI-"),
    "unseen mixtures": ("EC-EMC-Li+-PF6-", "EC-EMC-DMC"),
    "boxes of liquids": ("bulk-EC", "bulk-DMC", "bulk-EC-DMC", "bulk-EC-DMC-Li+-PF6-"),
}
"""Systems that no shipped model was trained on; get-mini knew DEC no better."""
HOT, PICOSECONDS = 313.0, 6.0
STEPS = (("as nature has it", None, 0.5), ("as nature has it", None, 1.0), ("3 u", 3.0, 1.5), ("3 u", 3.0, 2.0))
"""Mass of hydrogen in words and u, and time step, fs."""


def main(arguments: Sequence[str]) -> int:
    """Print all tables."""
    from matdisc.models.get.calculator import load

    calculators = {name: load(model=name) for name in MODELS}
    for path in arguments:
        errors(Path(path), calculators)
    for name in MODELS:
        for dtype in ("float32", "float64"):
            drift(name, load(model=name, dtype=dtype), dtype)
    return 0


def errors(path: Path, calculators: dict[str, Any]) -> None:
    """Print mean absolute errors of force components, and errors of the pressure, on what was never trained on."""
    from matdisc.models.get.frames import read_frames, to_atoms
    from matdisc.units import GIGAPASCALS

    frames = read_frames(path)
    for group, systems in HELD_OUT.items():
        places = np.flatnonzero(np.isin(frames.system, systems))
        if not len(places):
            continue
        forces, pressures = defaultdict(list), defaultdict(list)
        for f in places:
            atoms = to_atoms(frames, int(f))
            labels = frames.forces[frames.atoms_of(int(f))]
            for name, calculator in calculators.items():
                (said,) = calculator.evaluate_many([atoms])
                forces[name].append(np.abs(said.forces - labels).ravel())
                if said.stress is not None:
                    wanted = np.trace(frames.virial[f]) / 3 / atoms.get_volume()
                    found = -said.stress[:3].mean() - wanted
                    pressures[name].append(1e3 * GIGAPASCALS * found)
        print(f"{path}, {group}, {len(places)} frames, MAE of force components, meV/Å:")
        for name in calculators:
            line = f"  {name}: {1e3 * np.concatenate(forces[name]).mean():.1f}"
            if pressures[name]:
                mean, spread = np.mean(pressures[name]), np.std(pressures[name])
                line += f"; pressure less the label's {mean:+.0f} MPa, spread {spread:.0f}"
            print(line)


def drift(name: str, calculator: Any, dtype: str) -> None:
    """Print the drift of the energy of three boxes of ethylene carbonate, and by how much it wavers."""
    from matdisc.physics.drivers import run_batched, run_single
    from matdisc.physics.evaluation import side_by_side
    from matdisc.physics.md import Conditions, Recorder, simulate
    from matdisc.physics.molecules.masses import repartitioned_masses
    from matdisc.physics.molecules.packing import liquid
    from matdisc.physics.molecules.settling import settled

    warm = Conditions(ensemble="langevin", timestep=0.5, temperature=HOT, friction=0.02)
    boxes = [run_single(settled(liquid({"EC": 10}, 1.25, seed=seed)), calculator) for seed in range(3)]
    for n, box in enumerate(boxes):
        box.positions = run_single(simulate(box.copy(), warm, 2000, seed=n), calculator).state.positions
    for words, mass, timestep in STEPS:
        records, works = [], []
        for n, box in enumerate(boxes):
            atoms = box.copy()
            if mass is not None:
                atoms.set_masses(repartitioned_masses(atoms, mass))
            records.append(Recorder(round(6 / timestep), ["time_fs", "conserved"]))
            conditions = Conditions(ensemble="nve", timestep=timestep, temperature=HOT)
            steps = round(1000 * PICOSECONDS / timestep)
            works.append(simulate(atoms, conditions, steps, seed=n, observers=[records[-1]]))
        (ended,) = run_batched([(0, side_by_side(works))], calculator)
        if ended.error:
            raise ended.error
        slopes, wavers = zip(*(_slope(one, len(boxes[0])) for one in records), strict=True)
        error = np.std(slopes, ddof=1) / np.sqrt(len(slopes))
        print(
            f"{name}, {dtype}, hydrogen {words}, {timestep:g} fs: drift {np.mean(slopes):+.4f} ± {error:.4f} "
            f"meV/atom/ps, wavers by {np.mean(wavers):.3f} meV/atom"
        )


def _slope(record: Any, n_atoms: int) -> tuple[float, float]:
    """Return slope and scatter of the conserved energy after the first tenth, meV/atom/ps and meV/atom."""
    time, energy = record.array("time_fs") / 1000, 1e3 * record.array("conserved") / n_atoms
    late = time > PICOSECONDS / 10
    line = np.polyfit(time[late], energy[late], 1)
    return float(line[0]), float(np.std(energy[late] - np.polyval(line, time[late])))
