"""Contracts that every model has to keep, and models that break them on purpose.

Authors of adapters run `check_potential(load())` in their own tests. The misbehaving models live here and not in a
test file, because worker processes import what they run by module name.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.models import Predictor, Question
from matdisc.physics.evaluation import Evaluation
from matdisc.schema import Crystal, Sample, Unsupported, Values

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator


def check_potential(
    calculator: Calculator, *, symbol: str = "Cu", a: float = 3.7, force_tolerance: float = 2e-2
) -> None:
    """Raise AssertionError unless a calculator keeps what potentials promise.

    Energy in eV is extensive, and blind to translation and to the order of atoms; forces (eV/Å) are minus
    its gradient and add up to zero; stress (eV/Å^3) is its strain derivative over volume; atoms are not mutated.

    Args:
        calculator: The calculator to check.
        symbol, a: Element and lattice constant (Å) of the fcc crystal that is used.
        force_tolerance: Largest accepted difference between force and finite difference, eV/Å.
    """
    from ase.build import bulk

    atoms = bulk(symbol, "fcc", a=a, cubic=True)
    atoms.rattle(0.05, seed=0)
    before = atoms.positions.copy()
    energy, forces, stress = _energy(calculator, atoms), _forces(calculator, atoms), _stress(calculator, atoms)
    np.testing.assert_array_equal(atoms.positions, before, err_msg="the calculator moved the atoms")
    assert np.isfinite(energy), "the energy is not finite"
    assert forces.shape == (len(atoms), 3), f"forces have shape {forces.shape}, not (n_atoms, 3)"
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-3, err_msg="forces do not add up to zero")
    double = _energy(calculator, atoms.repeat((2, 1, 1)))
    np.testing.assert_allclose(double, 2 * energy, rtol=1e-4, err_msg="the energy is not extensive")
    moved = atoms.copy()
    moved.translate([0.3, -0.2, 0.7])
    np.testing.assert_allclose(_energy(calculator, moved), energy, atol=1e-3, err_msg="translation changes the energy")
    shuffled = atoms[[2, 0, 3, 1]]
    np.testing.assert_allclose(_energy(calculator, shuffled), energy, atol=1e-3, err_msg="order changes the energy")
    _check_gradient(calculator, atoms, forces, force_tolerance)
    _check_stress(calculator, atoms, stress)


def check_predictor(predictor: Predictor, train: Sequence[Sample], test: Sequence[Sample], question: Question) -> None:
    """Raise AssertionError unless a predictor answers each material once, finitely, and the same way in any order."""
    answers = list(predictor(train, test, question))
    assert len(answers) == len(test), f"{len(answers)} answers to {len(test)} materials"
    backwards = list(predictor(train, test[::-1], question))[::-1]
    for given, again in zip(answers, backwards, strict=True):
        assert given == again, "the answer depends on the order of the materials"
        if not isinstance(given, Unsupported):
            finite = (isinstance(value, Crystal) or np.isfinite(value) for value in given.values())
            assert all(finite), f"not finite: {given}"


def misbehaving(how: str, symbol: str = "Au", marker: str = "") -> Calculator:
    """Return EMT that goes wrong as soon as a crystal contains `symbol`.

    Args:
        how: `raise`, `leave` (sys.exit), `nan`, `shape`, `sleep` (Python code that hangs), `spin` (native code
            that hangs), `exit` or `kill` (the process dies), `memory` (takes all it can get), `print` (writes binary
            data to the terminal, and answers well).
        symbol: The element that triggers it.
        marker: If given, the path of a file that is made at the first mishap; while it exists all goes well.
    """
    from ase.calculators.emt import EMT

    class Misbehaving(EMT):
        def calculate(self, atoms: Any = None, *args: Any, **kwargs: Any) -> None:
            super().calculate(atoms, *args, **kwargs)
            if atoms is not None and symbol in atoms.get_chemical_symbols() and not (marker and Path(marker).exists()):
                if marker:
                    Path(marker).touch()
                _misbehave(how, self.results)

    return Misbehaving()


def slow_emt(seconds: float = 0.05) -> Calculator:
    """Return EMT that takes at least `seconds` for each calculation, so that a run can be interrupted."""
    from ase.calculators.emt import EMT

    class Slow(EMT):
        def calculate(self, *args: Any, **kwargs: Any) -> None:
            time.sleep(seconds)
            super().calculate(*args, **kwargs)

    return Slow()


def counted(seconds: float = 0.0, busy: bool = False, log: str = "", batch_atoms: int = 0) -> Calculator:
    """Return a potential that costs as much as is wanted: minus the volume in eV, no forces, no stress.

    Args:
        seconds: What each evaluation takes: of sleep or, if `busy`, of processor time.
        busy: See `seconds`.
        log: If given, a file to which each evaluation appends a line `start ENERGY PROCESS` and a line
            `end ENERGY PROCESS`, with the id of its process; many processes may write it at a time.
        batch_atoms: If given, it can also evaluate structures together, at no cost.
    """
    from ase.calculators.calculator import Calculator, all_changes

    def found(atoms: Atoms) -> Evaluation:
        return Evaluation(-abs(float(np.linalg.det(atoms.cell.array))), np.zeros((len(atoms), 3)), np.zeros(6))

    class Counted(Calculator):
        implemented_properties = ("energy", "forces", "stress")

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
            super().calculate(atoms, properties, system_changes)
            answer = found(atoms)
            _append(log, f"start {answer.energy!r} {os.getpid()}")
            if busy:
                until = time.thread_time() + seconds
                while time.thread_time() < until:
                    pass
            elif seconds:
                time.sleep(seconds)
            self.results = {"energy": answer.energy, "forces": answer.forces, "stress": answer.stress}
            _append(log, f"end {answer.energy!r} {os.getpid()}")

    calculator = Counted()
    if batch_atoms:
        calculator.batch_atoms = batch_atoms
        calculator.evaluate_many = lambda structures: [found(atoms) for atoms in structures]
    return calculator


def _append(log: str, line: str) -> None:
    if log:
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(handle, f"{line}\n".encode())  # one write in append mode: lines of many processes do not mix
        os.close(handle)


def peeking() -> Predictor:
    """Return a predictor that fails if it is shown the target of a material it is asked about."""

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Values]:
        assert not any(s.target for s in test), "a label reached the model"
        assert not {s.material_id for s in train} & {s.material_id for s in test}, "asked about its training data"
        assert not {s.group for s in train} & {s.group for s in test}, "a group straddles the split"
        return [{"p_stable": 0.0} for _ in test]

    return answers


def cubic_crystal(symbols: Sequence[str], a: float) -> Crystal:
    """Return atoms along the diagonal of a cube with edge `a` in Å: a crystal for tests, of no physical meaning."""
    n = len(symbols)
    positions = tuple((i / n, i / n, i / n) for i in range(n))
    return Crystal(tuple(symbols), positions, ((a, 0.0, 0.0), (0.0, a, 0.0), (0.0, 0.0, a)))


def _misbehave(how: str, results: dict[str, Any]) -> None:
    if how == "raise":
        raise RuntimeError("this potential does not like you")
    if how == "nan":
        results["energy"] = results["free_energy"] = float("nan")
    elif how == "shape":
        results["forces"] = np.zeros((1, 7))
    elif how == "sleep":
        time.sleep(3600)
    elif how == "spin":
        sum(range(10**12))  # one native call: no signal handler of Python's runs before it ends
    elif how == "leave":
        sys.exit("I have had enough")
    elif how == "memory":
        taken = []
        while True:
            taken.append(np.ones(2**24))
    elif how == "print":
        for stream in (1, 2):
            os.write(stream, bytes(range(256)) * 64)
    elif how == "exit":
        os._exit(3)
    elif how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        raise ValueError(f"no such mishap: {how!r}")


def _energy(calculator: Calculator, atoms: Atoms) -> float:
    copy = atoms.copy()
    copy.calc = calculator
    return float(copy.get_potential_energy())


def _forces(calculator: Calculator, atoms: Atoms) -> Any:
    copy = atoms.copy()
    copy.calc = calculator
    return copy.get_forces()


def _stress(calculator: Calculator, atoms: Atoms) -> Any:
    copy = atoms.copy()
    copy.calc = calculator
    return copy.get_stress(voigt=False)


def _check_gradient(calculator: Calculator, atoms: Atoms, forces: Any, tolerance: float) -> None:
    step = 1e-3
    for atom, axis in ((0, 0), (1, 2)):
        energies = []
        for sign in (+1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            energies.append(_energy(calculator, moved))
        gradient = (energies[0] - energies[1]) / (2 * step)
        difference = abs(forces[atom, axis] + gradient)
        assert difference < tolerance, f"force is not minus the gradient: off by {difference:.3g} eV/Å"


def _check_stress(calculator: Calculator, atoms: Atoms, stress: Any) -> None:
    step = 1e-3
    energies = []
    for sign in (+1, -1):
        strained = atoms.copy()
        strain = np.eye(3)
        strain[0, 0] += sign * step
        strained.set_cell(atoms.cell[:] @ strain, scale_atoms=True)
        energies.append(_energy(calculator, strained))
    expected = (energies[0] - energies[1]) / (2 * step) / atoms.get_volume()
    difference = abs(stress[0, 0] - expected)
    assert difference < 2e-3 + 0.02 * abs(expected), f"stress is not the strain derivative: by {difference:.3g} eV/Å^3"
