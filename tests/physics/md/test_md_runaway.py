"""Dynamics that runs away ends with a reason, before a potential is asked about what would fill all memory."""

import math
import re

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from hypothesis import given, settings
from hypothesis import strategies as st
from wells import bulk_only, driven, gas, no_forces, ring, springs

from matdisc.errors import RunError
from matdisc.physics.drivers import run_single
from matdisc.physics.evaluation import Evaluation, checked
from matdisc.physics.md import Conditions, Recorder, Watchdog, simulate
from matdisc.physics.md.conditions import ENSEMBLES
from matdisc.physics.md.watchdog import DENSEST, SPREAD, SWOLLEN, Fence


def npt(**values):
    return Conditions(**{"ensemble": "npt", "temperature": 300.0, "timestep": 0.5} | values)


class Counted(EMT):
    """EMT that notes about which volumes it was asked."""

    def __init__(self):
        super().__init__()
        self.volumes = []

    def calculate(self, atoms=None, *args, **kwargs):
        self.volumes.append(atoms.get_volume())
        super().calculate(atoms, *args, **kwargs)


@pytest.mark.parametrize("barostat", [1e-6, 0.1, 0.5, 1.0, 2.0])
def test_a_barostat_that_is_too_tight_ends_the_run_in_a_few_steps_with_what_to_give(barostat):
    atoms, potential = bulk("Cu", cubic=True) * (2, 2, 2), Counted()
    end = run_single(simulate(atoms, npt(barostat_fs=barostat), 100, seed=0), potential)
    assert end.stop.reason == "runaway"
    assert (
        f"barostat time {barostat:g} fs with a step of 0.5 fs; give a barostat time of at least 50 fs"
        in end.stop.detail
    )
    assert end.steps_done < 10
    assert end.stop.time_fs == 0.5 * (end.steps_done + 1)
    assert np.isfinite(end.state.positions).all()
    assert all(1 / SWOLLEN <= v / atoms.get_volume() <= SWOLLEN for v in potential.volumes)


def test_what_is_proposed_holds():
    atoms = bulk("Cu", cubic=True)
    assert run_single(simulate(atoms, npt(barostat_fs=50), 100, seed=0, watchdog=Watchdog()), EMT()).stop is None


def test_a_cell_that_grows_for_another_reason_is_told_with_its_conditions():
    hot = npt(temperature=1e5, barostat_fs=60, pressure_bar=0)
    end = driven(simulate(gas(30, edge=10), hot, 5000, seed=0), no_forces)
    assert end.stop.reason == "runaway"
    assert end.stop.detail.startswith(f"the cell grew to {SWOLLEN:.0f}")
    assert f" times its volume in {end.steps_done + 1} steps: " in end.stop.detail
    assert "does not hold at 100000 K and 0 bar" in end.stop.detail


def test_a_cell_that_collapses_is_told():
    atoms = gas(30, edge=20)
    end = driven(simulate(atoms, npt(pressure_bar=1e6), 5000, seed=0), no_forces)
    assert end.stop.detail.startswith("the cell shrank to 0.03")
    volume = abs(np.linalg.det(end.state.cell))
    assert 1 / SWOLLEN <= volume / atoms.get_volume() < 1.5 / SWOLLEN


def test_a_cell_denser_than_matter_is_never_asked_about():
    atoms, asked = gas(8, edge=2.2), []
    soft = bulk_only(atoms.get_volume(), 0.01)

    def answer(atoms):
        asked.append(atoms.get_volume() / len(atoms))
        return soft(atoms)

    end = driven(simulate(atoms, npt(pressure_bar=1e6), 2000, seed=0), answer)
    assert end.stop.detail.startswith("each atom has 0.4")
    assert min(asked) >= DENSEST


@pytest.mark.parametrize(
    ("cell", "pbc", "said"),
    [
        ([0.36] * 3, True, "each atom has 0.04666 Å^3, less than 0.5 and than in any matter"),  # nm
        ([40.0, 40.0, 1e-4], (False, False, True), "the cell is 0.0001 Å thin, so that an atom has 1.2e+05 images"),
        ([400.0, 0.05, 0.03], True, "the cell is 0.03 Å thin"),
        ([4.0, 4.0, 0.0], True, "the cell has no volume"),
    ],
)
def test_a_start_in_an_impossible_cell_is_refused_before_the_potential_is_asked(cell, pbc, said):
    atoms = Atoms("Cu", cell=cell, pbc=pbc)
    with pytest.raises(RunError, match=re.escape(f"impossible start: {said}")):
        next(simulate(atoms, Conditions(), 1, seed=0))


@pytest.mark.parametrize(
    "cells", [bulk("Cu"), bulk("C", "diamond"), bulk("He", "hcp", a=2.0, c=3.2), gas(1, edge=500.0)]
)
def test_cells_of_matter_are_possible(cells):
    assert Fence(cells).impossible() == ""


def test_an_atom_that_friction_has_slowed_down_after_its_jump_is_caught():
    asked = []

    def kicks(atoms):
        asked.append(atoms.positions.copy())
        return Evaluation(0.0, np.full((4, 3), 1e9 if len(asked) == 2 else 0.0), None)

    c = Conditions(ensemble="langevin", temperature=1.0, timestep=1.0, friction=100.0)
    end = driven(simulate(gas(4), c, 10, seed=0), kicks)
    assert (end.stop.reason, len(asked)) == ("temperature", 2)
    assert re.search(r"atom \d \(Ar\) moves .* Å in one step", end.stop.detail)


def test_fragments_that_fly_off_into_empty_space_end_the_run():
    pair = Atoms("H2", [[0, 0, 0], [0, 0, 0.74]])
    pair.set_momenta([[0, 0, -0.1], [0, 0, 0.1]])
    c = Conditions(timestep=10.0)
    end = driven(simulate(pair, c, 10_000, seed=0), lambda a: Evaluation(0.0, np.zeros((2, 3)), None))
    assert (end.stop.reason, end.stop.detail) == (
        "runaway",
        "the atoms have moved apart by 1000 Å; put them into a cell",
    )
    apart = np.ptp(end.state.positions[:, 2]) - 0.74
    assert SPREAD - 1 < apart <= SPREAD
    pair.set_cell([10, 10, 10])
    pair.pbc = True
    assert driven(simulate(pair, c, 6000, seed=0), lambda a: Evaluation(0.0, np.zeros((2, 3)), None)).stop is None


def test_an_overflow_of_the_thermostat_is_told_as_such_and_not_blamed_on_the_potential():
    atoms = ring(4)
    atoms.set_velocities(np.linspace(-0.2, 0.2, 12).reshape(4, 3))
    c = Conditions(ensemble="nose-hoover", temperature=300, timestep=1.0, thermostat_fs=0.01)
    end = driven(simulate(atoms, c, 50, seed=0), springs(3.0, 5.0))
    assert end.stop.reason == "runaway"
    assert end.stop.detail.startswith("the thermostat left the range of numbers: thermostat time 0.01 fs")


def test_a_trajectory_that_ran_away_ends_so_in_parts_too():
    atoms, c = gas(30, edge=10), npt(temperature=1e5, barostat_fs=60, pressure_bar=0)
    whole = driven(simulate(atoms, c, 5000, seed=0), no_forces)
    half = driven(simulate(atoms, c, whole.steps_done // 2, seed=0), no_forces)
    rest = driven(simulate(atoms, c, 5000, seed=0, start=half.state), no_forces)
    assert (rest.stop, rest.state.step) == (whole.stop, whole.state.step)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("64 GiB"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("can't start new thread"),
        OSError(28, "No space left on device"),
    ],
)
@pytest.mark.parametrize("fails_at", [0, 3])
def test_a_machine_at_its_end_is_no_answer_of_the_potential(error, fails_at):
    asked = []

    def answer(atoms):
        asked.append(1)
        if len(asked) > fails_at:
            raise error
        return no_forces(atoms)

    with pytest.raises((type(error), MemoryError), match=re.escape(str(error))):
        worked(simulate(gas(4), Conditions(temperature=300), 10, seed=0), answer)
    assert len(asked) == fails_at + 1


def worked(steps, answer):
    """Drive as matdisc.physics.drivers does: what the potential raises is raised where the work waits."""
    try:
        atoms = next(steps)
        while True:
            try:
                found = answer(atoms)
            except Exception as err:
                atoms = steps.throw(err)
            else:
                atoms = steps.send(found)
    except StopIteration as end:
        return end.value


powers = st.floats(-9, 9).map(lambda x: 10.0**x)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ENSEMBLES), powers, powers, powers, powers, st.floats(-1e12, 1e12) | st.floats(-1e4, 1e4), powers,
    st.booleans(),
)  # fmt: skip
def test_any_conditions_give_a_run_or_a_reason(
    ensemble, timestep, temperature, friction, thermostat, pressure, barostat, watched
):
    """And no potential is asked about a cell out of bounds. All warnings are errors here."""
    try:
        c = Conditions(
            ensemble=ensemble, timestep=timestep, temperature=temperature, friction=friction, thermostat_fs=thermostat,
            pressure_bar=pressure, barostat_fs=barostat,
        )  # fmt: skip
    except RunError:
        return
    atoms, asked, answer = ring(4), [], springs(3.0, 5.0)
    seen = Recorder(1, ["temperature", "conserved", "pressure"])

    def careful(atoms):
        asked.append(atoms.get_volume() / 1200)
        assert np.isfinite(atoms.positions).all()
        with np.errstate(all="ignore"):
            return checked(answer(atoms), atoms)

    end = worked(
        simulate(atoms, c, 20, seed=0, watchdog=Watchdog(every=1) if watched else None, observers=[seen]), careful
    )
    assert len(asked) <= 21
    assert all(1 / SWOLLEN <= ratio <= SWOLLEN for ratio in asked)
    assert end.steps_done == 20 if end.stop is None else end.stop.detail
    assert np.isfinite(end.state.positions).all()
    assert np.isfinite(end.state.velocities).all()
    assert math.isfinite(end.state.potential)
