"""A trajectory in parts is the trajectory in one part, and starts that make no sense are named."""

import numpy as np
import pytest
from ase.constraints import FixAtoms
from wells import driven, gas, no_forces, ring, springs, wells

from matdisc.errors import DataError, RunError
from matdisc.physics.evaluation import Evaluation
from matdisc.physics.md import Conditions, Recorder, Watchdog, simulate
from matdisc.physics.md.conditions import ENSEMBLES
from matdisc.physics.md.state import from_bytes

ANSWER = springs(3.0, 5.0, 20.0)
NAMES = ("positions", "velocities", "cell", "conserved", "pressure")


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_parts_give_the_very_bits_of_the_whole(ensemble):
    atoms = ring(6)
    c = Conditions(ensemble=ensemble, temperature=300, thermostat_fs=30, barostat_fs=80, timestep=2.0)
    whole, parts = Recorder(7, NAMES), Recorder(7, NAMES)
    dog = Watchdog(every=3)
    driven(simulate(atoms, c, 100, seed=5, observers=[whole], watchdog=dog), ANSWER)
    end = driven(simulate(atoms, c, 37, seed=5, observers=[parts], watchdog=dog), ANSWER)
    state, more = from_bytes(end.state.to_bytes(length=12))
    assert more == {"length": 12}
    driven(simulate(atoms, c, 63, seed=999, observers=[parts], watchdog=dog, start=state), ANSWER)
    for name in NAMES:
        np.testing.assert_array_equal(whole.array(name), parts.array(name))
    assert len(whole.array("conserved")) == 15


def test_another_seed_is_another_trajectory():
    c = Conditions(ensemble="langevin", temperature=300)
    first, second = (driven(simulate(ring(6), c, 10, seed=seed), ANSWER).state.positions for seed in (1, 2))
    assert np.abs(first - second).max() > 1e-3


def test_a_state_starts_another_ensemble_where_the_first_ended():
    atoms = ring(6)
    warm = Conditions(ensemble="npt", temperature=300, thermostat_fs=30, barostat_fs=80, pressure_bar=1000)
    end = driven(simulate(atoms, warm, 50, seed=5), ANSWER).state
    seen = Recorder(1, ["positions", "velocities", "cell", "step", "conserved"])
    driven(simulate(atoms, Conditions(), 20, seed=5, observers=[seen], start=end.anew()), ANSWER)
    np.testing.assert_array_equal(seen.array("positions")[0], end.positions)
    np.testing.assert_allclose(seen.array("velocities")[0], end.velocities, atol=1e-14)
    assert (seen.array("cell") == end.cell).all()
    assert list(seen.array("step")) == list(range(21))
    assert np.ptp(seen.array("conserved")) < 1e-2
    with pytest.raises(ValueError, match="anew"):
        next(simulate(atoms, Conditions(), 20, seed=5, start=end))


def test_the_centre_of_mass_comes_to_rest_where_it_counts_for_nothing():
    atoms = ring(6)
    warm = driven(simulate(atoms, Conditions(ensemble="langevin", temperature=300), 20, seed=5), ANSWER).state
    assert np.abs(warm.velocities.sum(axis=0)).max() > 1e-4
    cool = driven(simulate(atoms, Conditions(), 5, seed=5, start=warm.anew()), ANSWER).state
    np.testing.assert_allclose(cool.velocities.sum(axis=0), 0, atol=1e-12)
    kept = driven(simulate(atoms, Conditions(dof=18), 0, seed=5, start=warm.anew()), ANSWER).state
    np.testing.assert_array_equal(kept.velocities, warm.velocities)


def test_a_damaged_state_is_told():
    state = driven(simulate(ring(4), Conditions(), 1, seed=0), ANSWER).state
    with pytest.raises(DataError, match=r"checkpoint\.npz: .*begin anew"):
        from_bytes(state.to_bytes()[:200], "checkpoint.npz")


def test_npt_needs_a_stress_and_a_cell():
    c = Conditions(ensemble="npt", temperature=300)
    atoms = gas(4)
    with pytest.raises(RunError, match="no stress"):
        driven(simulate(atoms, c, 1, seed=0), wells(atoms.positions.copy(), 1.0))
    atoms.pbc = (True, True, False)
    with pytest.raises(RunError, match="periodic"):
        driven(simulate(atoms, c, 1, seed=0), no_forces)


def test_constraints_and_exploding_starts_are_refused():
    atoms = gas(4)
    pushed = np.zeros((4, 3))
    pushed[2, 1] = 1e4
    with pytest.raises(RunError, match=r"exploding start: the force on atom 2 \(Ar\) is 1e\+04"):
        driven(simulate(atoms, Conditions(), 1, seed=0), lambda a: Evaluation(0.0, pushed, None))
    atoms.set_constraint(FixAtoms([0]))
    with pytest.raises(RunError, match="constraints"):
        driven(simulate(atoms, Conditions(), 1, seed=0), no_forces)


def test_a_recorder_knows_only_what_a_frame_has():
    with pytest.raises(ValueError, match="charm"):
        Recorder(1, ["charm"])
