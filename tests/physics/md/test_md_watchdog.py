"""The watchdog names each way in which a simulation breaks, and leaves a good one alone."""

from itertools import count

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from wells import driven, gas, no_forces, ring, springs, wells

from matdisc.physics.drivers import run_batched, run_single
from matdisc.physics.evaluation import Evaluation
from matdisc.physics.md import Conditions, Recorder, Watchdog, simulate
from matdisc.physics.md.watchdog import bonds_of
from matdisc.units import MASS


def stopped(atoms, answer, dog=None, steps=200, **conditions):
    c = Conditions(**{"timestep": 1.0} | conditions)
    return driven(simulate(atoms, c, steps, seed=0, watchdog=dog or Watchdog(every=1)), answer)


def test_a_broken_bond_is_told_with_its_atoms():
    water = molecule("H2O")
    pull = np.zeros((3, 3))
    pull[1, 1] = 2.0
    end = stopped(water, lambda a: Evaluation(-2.0 * a.positions[1, 1], pull, None), Watchdog(every=1, bonds=True))
    assert end.stop.reason == "bond"
    assert "O0-H1" in end.stop.detail
    assert end.stop.time_fs == end.state.step == end.steps_done


def test_atoms_that_fly_into_each_other_overlap():
    atoms = Atoms("Ar2", [[0, 0, 0], [4, 0, 0]], cell=[30] * 3, pbc=True)
    atoms.set_momenta(np.array([[0, 0, 0], [-10.0, 0, 0]]))
    end = stopped(atoms, no_forces, Watchdog(every=1, heated=None))
    assert (end.stop.reason, end.stop.detail[:7]) == ("overlap", "Ar0-Ar1")


def test_an_overlap_is_seen_across_the_border_of_a_cell():
    atoms = Atoms("Ar2", [[0.2, 0, 0], [0.7, 6, 6]], cell=[[6, 0, 0], [0, 6, 0], [1, 0, 6]], pbc=True)
    end = stopped(atoms, no_forces, steps=1)
    assert end.stop.reason == "overlap"
    assert "0.50 Å" in end.stop.detail  # two lattice vectors away lies its image at x = -0.3


def test_heating_is_told_after_so_many_checks_in_a_row():
    def heated(atoms):  # a drag turned round
        pushes = 0.2 * np.sign(atoms.positions - start)
        return Evaluation(0.0, pushes, None)

    atoms = gas(30)
    start = atoms.positions.copy()
    dog = Watchdog(every=2, hot_checks=4, drift=None, overlap=None)
    seen = Recorder(1, ["temperature"])
    c = Conditions(temperature=300, timestep=2.0)
    end = driven(simulate(atoms, c, 500, seed=0, watchdog=dog, observers=[seen]), heated)
    assert end.stop.reason == "temperature"
    checked = seen.array("temperature")[::2]
    assert (checked[-4:] > 900).all()
    assert (checked[1:-4] <= 900).all()


def test_an_energy_that_is_not_conserved_drifts():
    atoms = ring(4)
    energies = count(0.0, 1e-3)

    def climbing(atoms):
        return Evaluation(next(energies), np.zeros((4, 3)), None)

    end = stopped(atoms, climbing, Watchdog(every=1, drift=0.01))
    assert end.stop.reason == "drift"
    assert end.steps_done == 41  # 1 meV a step over 4 atoms passes 10 meV an atom, and 1 meV/ps, after 40


@pytest.mark.parametrize(("what", "reason"), [(np.nan, "not finite"), (None, "no answer")])
def test_a_potential_that_fails_ends_the_trajectory_at_its_last_good_state(what, reason):
    class Fails(Calculator):
        implemented_properties = ("energy", "forces")
        calls = 0

        def calculate(self, atoms=None, properties=None, system_changes=None):
            super().calculate(atoms, properties, system_changes)
            self.calls += 1
            if self.calls > 5 and what is None:
                raise ValueError("an atom is alone")
            energy = what if self.calls > 5 else 0.0
            self.results = {"energy": energy, "forces": np.zeros((len(atoms), 3))}

    for drive in (run_single, lambda steps, calculator: next(run_batched([("a", steps)], calculator)).value):
        end = drive(simulate(gas(4), Conditions(temperature=300), 50, seed=0), Fails())
        assert (end.stop.reason, end.steps_done, end.state.step) == (reason, 4, 4)
        assert end.stop.time_fs == 5.0
        assert np.isfinite(end.state.positions).all()


def test_an_error_at_the_start_is_no_answer_but_an_error():
    def refuses(atoms):
        raise KeyError("Xx")

    with pytest.raises(KeyError):
        driven(simulate(gas(2), Conditions(), 5, seed=0), refuses)


def test_an_atom_that_jumps_is_caught_before_the_potential_is_asked():
    asked = []

    def kicks(atoms):
        asked.append(atoms.positions.copy())
        force = np.zeros((4, 3))
        force[3, 0] = 0.0 if len(asked) < 3 else 1e6
        return Evaluation(0.0, force, None)

    end = stopped(gas(4), kicks, Watchdog(every=1000))
    assert (end.stop.reason, len(asked)) == ("temperature", 3)
    assert "atom 3 (Ar)" in end.stop.detail


def test_a_good_simulation_is_left_alone():
    atoms = bulk("Cu", cubic=True)
    end = run_single(simulate(atoms, Conditions(temperature=600), 60, seed=1, watchdog=Watchdog(every=1)), EMT())
    assert (end.stop, end.steps_done) == (None, 60)
    ethanol = molecule("CH3CH2OH")
    dog = Watchdog(every=1, bonds=True)
    assert stopped(ethanol, wells(ethanol.positions.copy(), 10.0), dog, temperature=300, timestep=0.5).stop is None


def test_few_atoms_may_be_hot_by_chance():
    atoms = ring(2)
    atoms.set_momenta(np.array([[1.0, 0, 0], [-1.0, 0, 0]]) * 7)
    seen = Recorder(1, ["temperature"])
    c, dog = Conditions(temperature=1500), Watchdog(every=1, hot_checks=1)
    end = driven(simulate(atoms, c, 20, seed=0, watchdog=dog, observers=[seen]), springs(3.0, 1e-3))
    assert seen.array("temperature").min() > 3 * 1500
    assert end.stop is None


def test_bonds_are_those_of_molecules_and_not_of_ions():
    ethanol = molecule("CH3CH2OH")
    assert len(bonds_of(ethanol).lengths) == 8
    lithium = ethanol + Atoms("Li", [ethanol.positions[2] + [0, 1.5, 0]])
    assert len(bonds_of(lithium).lengths) == 8
    pair = Atoms("H2O2", [[0, 0, 0], [0, 0, 1.6], [0, 0, 0.9], [0, 0, 2.4]])
    assert len(bonds_of(pair).lengths) == 4
    pair.set_array("molecule", np.array([0, 1, 0, 1]))
    assert len(bonds_of(pair).lengths) == 2


def test_a_mass_unit_is_one_of_ase():
    from ase.units import fs

    assert pytest.approx(1 / fs**2, rel=1e-7) == MASS
