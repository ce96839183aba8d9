"""The fast optimiser finds the minima, steps like FIRE, and survives potentials that are rough."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter

from matdisc.formats.atoms import to_crystal
from matdisc.physics.evaluation import Evaluation, evaluate
from matdisc.physics.relaxation.cell_filter import EvaluatedCell
from matdisc.physics.relaxation.optimizer import SpringNewton, spring_hessian
from matdisc.physics.relaxation.relax import relaxation
from matdisc.protocols import PROTOCOLS


def alloy(seed=0):
    atoms = bulk("Cu", "fcc", a=3.8, cubic=True)
    atoms.symbols[:2] = "Au"
    atoms.rattle(0.08, seed=seed)
    atoms.set_cell(
        atoms.cell[:] @ (np.eye(3) + 0.02 * np.random.default_rng(seed).normal(size=(3, 3))), scale_atoms=True
    )
    return atoms


def relaxed(atoms, protocol, answer=None):
    answer = answer or (lambda structure: evaluate(EMT(), structure))
    steps = relaxation(to_crystal(atoms), PROTOCOLS[protocol])
    structure, calls = next(steps), 1
    while True:
        try:
            structure = steps.send(answer(structure))
        except StopIteration as stop:
            return stop.value, calls
        calls += 1


def test_the_cell_has_the_coordinates_and_forces_of_ases_filter():
    atoms, rng = alloy(), np.random.default_rng(1)
    other = atoms.copy()
    other.calc = EMT()
    ours, theirs = EvaluatedCell(atoms), FrechetCellFilter(other)
    for _ in range(3):
        ours.accept(evaluate(EMT(), atoms))
        np.testing.assert_allclose(ours.get_forces(), theirs.get_forces(), atol=1e-10)
        move = rng.normal(0, 0.1, (7, 3))
        ours.set_positions(ours.get_positions() + move)
        theirs.set_positions(theirs.get_positions() + move)
        np.testing.assert_allclose(atoms.positions, other.positions, atol=1e-12)
        np.testing.assert_allclose(atoms.cell[:], other.cell[:], atol=1e-12)


def test_a_cell_that_moved_has_no_forces_until_it_is_evaluated():
    shaped = EvaluatedCell(alloy())
    with pytest.raises(ValueError, match="moved since it was evaluated"):
        shaped.get_forces()


@pytest.mark.parametrize("seed", range(3))
def test_the_fast_protocol_reaches_the_minimum_of_the_reference_with_fewer_evaluations(seed):
    slow, slow_calls = relaxed(alloy(seed), "relax")
    fast, fast_calls = relaxed(alloy(seed), "relax-fast")
    assert slow.converged
    assert fast.converged
    assert fast.fmax < 0.05
    assert fast.energy == pytest.approx(slow.energy, abs=4 * 1e-3)
    assert fast_calls < slow_calls


def test_one_evaluation_is_asked_for_each_step():
    end, calls = relaxed(alloy(), "relax-fast")
    assert calls == end.steps + 1


def test_a_rough_potential_does_not_break_a_relaxation():
    rng = np.random.default_rng(0)

    def rough(structure):
        found = evaluate(EMT(), structure)
        noise = rng.normal(0, 0.01, found.forces.shape)
        return Evaluation(found.energy + rng.normal(0, 0.02), found.forces + noise, found.stress)

    smooth, _ = relaxed(alloy(), "relax")
    end, _ = relaxed(alloy(), "relax-fast", rough)
    assert end.energy == pytest.approx(smooth.energy, abs=0.2)


def test_fire_takes_over_when_every_step_raises_the_energy():
    atoms = alloy()
    shaped = EvaluatedCell(atoms)
    optimizer = SpringNewton(shaped)
    for k in range(8):
        found = evaluate(EMT(), atoms)
        shaped.accept(Evaluation(found.energy + k, found.forces, found.stress))
        optimizer.step()
    assert optimizer.rejected == 6
    assert optimizer.fallback is not None


def test_springs_make_a_positive_definite_hessian_that_a_translation_feels_only_at_the_floor():
    atoms = alloy()
    hessian = spring_hessian(atoms)
    np.testing.assert_allclose(hessian, hessian.T)
    assert np.linalg.eigvalsh(hessian)[0] > 0
    shift = np.zeros(3 * len(atoms) + 9)
    shift[0 : 3 * len(atoms) : 3] = 1
    np.testing.assert_allclose(hessian @ shift, 5.0 * shift, atol=1e-9)


def test_atoms_without_neighbours_have_the_floor_alone():
    np.testing.assert_allclose(spring_hessian(Atoms("He", cell=[9, 9, 9], pbc=True)), 5.0 * np.eye(12))
