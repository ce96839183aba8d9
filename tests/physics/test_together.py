"""Evaluating many materials together gives what evaluating each alone gives, and a bad one costs itself alone."""

import time

import numpy as np
import pytest
from ase.calculators.emt import EMT

from matdisc.formats.atoms import to_atoms
from matdisc.physics.drivers import TimedOut, run_batched, run_single
from matdisc.physics.evaluation import BatchCalculator, evaluate, evaluations, side_by_side
from matdisc.physics.relaxation.relax import relaxation
from matdisc.protocols import PROTOCOLS
from matdisc.run.engine.limits import time_limit
from matdisc.schema import Crystal
from matdisc.testing import cubic_crystal


class Batched(EMT):
    """EMT that takes several structures in one call, and refuses a call in which one has gold."""

    def __init__(self, batch_atoms=6, forbidden="Au"):
        super().__init__()
        self.batch_atoms, self.forbidden, self.sizes = batch_atoms, forbidden, []

    def evaluate_many(self, structures):
        self.sizes.append(len(structures))
        if any(self.forbidden in atoms.get_chemical_symbols() for atoms in structures):
            raise RuntimeError("one of these is bad")
        return [evaluate(EMT(), atoms) for atoms in structures]


class Refusing(Batched):
    def calculate(self, atoms=None, *args, **kwargs):
        super().calculate(atoms, *args, **kwargs)
        if "Au" in atoms.get_chemical_symbols():
            raise RuntimeError("no gold")


def fcc(symbol, a):
    h = a / 2
    return Crystal((symbol,), ((0.0, 0.0, 0.0),), ((0.0, h, h), (h, 0.0, h), (h, h, 0.0)))


CRYSTALS = {f"{s}{a}": fcc(s, a) for s, a in (("Cu", 3.8), ("Ag", 4.0), ("Ni", 3.7), ("Pd", 4.0), ("Pt", 3.8))}


def work(crystals=CRYSTALS, protocol="relax"):
    return [(key, relaxation(crystal, PROTOCOLS[protocol])) for key, crystal in crystals.items()]


def test_relaxing_together_ends_where_relaxing_alone_ends():
    calculator = Batched(batch_atoms=3)
    assert isinstance(calculator, BatchCalculator)
    found = {ended.key: ended.value for ended in run_batched(work(), calculator)}
    assert set(found) == set(CRYSTALS)
    assert max(calculator.sizes) == 3
    for key, steps in work():
        assert found[key] == run_single(steps, EMT())


def test_a_potential_that_evaluates_one_at_a_time_gives_the_same():
    found = {ended.key: ended.value for ended in run_batched(work(), EMT())}
    assert found == {key: run_single(steps, EMT()) for key, steps in work()}


def test_one_bad_structure_costs_itself_alone():
    crystals = CRYSTALS | {"gold": fcc("Au", 4.1)}
    ended = {one.key: one for one in run_batched(work(crystals), Refusing(batch_atoms=10))}
    assert str(ended["gold"].error) == "no gold"
    assert {key for key, one in ended.items() if one.error} == {"gold"}
    assert ended["Cu3.8"].value == run_single(relaxation(CRYSTALS["Cu3.8"], PROTOCOLS["relax"]), EMT())


def test_a_joint_evaluation_that_says_too_little_is_not_believed():
    class Short(Batched):
        def evaluate_many(self, structures):
            return super().evaluate_many(structures)[:-1]

    ended = list(run_batched(work(), Short()))
    assert [one.error for one in ended] == [None] * 5


def test_a_material_that_takes_too_long_ends_as_timed_out_and_the_rest_go_on():
    class Slow(Batched):
        def calculate(self, atoms=None, *args, **kwargs):
            super().calculate(atoms, *args, **kwargs)
            if "Ag" in atoms.get_chemical_symbols():
                time.sleep(30)

    slow = Slow(forbidden="Ag")
    ended = {one.key: one for one in run_batched(work(), slow, timeout=3, guard=time_limit)}
    assert isinstance(ended["Ag4.0"].error, TimedOut)
    assert sum(one.error is None for one in ended.values()) == 4


class Clock:
    """A clock that goes only when it is told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_time_is_limited_over_all_the_steps_of_a_material():
    clock = Clock()

    class Sluggish(EMT):
        def calculate(self, *args, **kwargs):
            clock.now += 0.02
            super().calculate(*args, **kwargs)

    (ended,) = run_batched(work({"Cu": fcc("Cu", 4.4)}), Sluggish(), timeout=0.09, clock=clock)
    assert isinstance(ended.error, TimedOut)
    assert ended.seconds == pytest.approx(0.10)  # five steps; the fourth ends within the limit


def test_the_time_of_a_joint_evaluation_is_shared_by_atoms():
    clock = Clock()

    class Timed(Batched):
        def evaluate_many(self, structures):
            clock.now += 0.4
            return super().evaluate_many(structures)

    crystals = {"one": cubic_crystal(["Cu"], 2.6), "three": cubic_crystal(["Cu"] * 3, 4.5)}
    ended = {one.key: one for one in run_batched(work(crystals, "single-point"), Timed(), clock=clock)}
    assert ended["one"].seconds == pytest.approx(0.1)
    assert ended["three"].seconds == pytest.approx(0.3)


def test_a_potential_without_stress_answers_single_points_and_refuses_to_relax():
    class NoStress(EMT):
        implemented_properties = ("energy", "forces")

    point = run_single(relaxation(CRYSTALS["Cu3.8"], PROTOCOLS["single-point"]), NoStress())
    assert np.isfinite(point.energy)
    (ended,) = run_batched(work({"Cu": CRYSTALS["Cu3.8"]}), NoStress())
    assert "gives no stress" in str(ended.error)


@pytest.mark.parametrize("edge", [0.0, 1e-9])
def test_a_cell_without_volume_is_an_error_by_name(edge):
    (ended,) = run_batched(work({"flat": cubic_crystal(["Cu"], edge)}), EMT())
    assert "no volume" in str(ended.error)


def strained_energies(crystal, strains):
    """Energies of a crystal under isotropic strains, all asked for at once."""
    structures = []
    for strain in strains:
        atoms = to_atoms(crystal)
        atoms.set_cell(atoms.cell * (1 + strain), scale_atoms=True)
        structures.append(atoms)
    found = yield from evaluations(structures)
    return [one.energy for one in found]


def one_after_another(crystal, strains):
    energies = []
    for strain in strains:
        energies += yield from strained_energies(crystal, [strain])
    return energies


STRAINS = (-0.02, 0.0, 0.01, 0.03)


def test_structures_that_are_asked_for_at_once_are_evaluated_in_few_calls_and_give_the_same():
    crystal = fcc("Cu", 3.8)
    alone = run_single(strained_energies(crystal, STRAINS), EMT())
    calculator = Batched(batch_atoms=3)
    (ended,) = run_batched([("cu", strained_energies(crystal, STRAINS))], calculator)
    assert ended.value == pytest.approx(alone, abs=1e-9)
    assert calculator.sizes == [3]  # and the fourth alone


def test_pieces_of_work_side_by_side_end_as_they_would_alone_though_some_take_longer():
    crystal = fcc("Cu", 3.8)
    works = [one_after_another(crystal, STRAINS[:n]) for n in (1, 4, 2)]
    calculator = Batched(batch_atoms=3)
    (ended,) = run_batched([("cu", side_by_side(works))], calculator)
    expected = run_single(strained_energies(crystal, STRAINS), EMT())
    assert [len(found) for found in ended.value] == [1, 4, 2]
    assert ended.value[1] == pytest.approx(expected, abs=1e-9)
    assert run_single(side_by_side([one_after_another(crystal, STRAINS)]), EMT())[0] == pytest.approx(expected)


def test_an_error_of_one_structure_reaches_the_piece_of_work_that_asked_for_it():
    def careful(crystal):
        try:
            yield to_atoms(crystal)
        except RuntimeError as err:
            return str(err)
        return "no error"

    works = [careful(fcc("Au", 4.0)), strained_energies(fcc("Cu", 3.8), [0.0])]
    refused, energies = run_single(side_by_side(works), Refusing())
    assert refused == "no gold"
    assert np.isfinite(energies).all()


def test_nothing_side_by_side_is_nothing():
    assert run_single(side_by_side([]), EMT()) == []


def test_an_evaluation_is_what_ase_gives_bit_for_bit_and_found_by_one_calculation():
    from ase.build import bulk
    from ase.calculators.emt import EMT

    class Noted(EMT):
        calls = 0

        def calculate(self, *given, **more):
            self.calls += 1
            super().calculate(*given, **more)

    class OwnForces(Noted):
        def get_forces(self, atoms=None):
            return 2 * super().get_forces(atoms)

    for factor, kind in ((1, Noted), (2, OwnForces)):
        calculator = kind()
        for seed in range(3):
            atoms = bulk("Cu", cubic=True)
            atoms.rattle(0.1, seed=seed)
            found = evaluate(calculator, atoms)
            atoms.calc = EMT()
            assert found.energy == atoms.get_potential_energy()
            assert (found.forces == factor * atoms.get_forces()).all()
            assert (found.stress == atoms.get_stress()).all()
            found.forces[:] = 0.0
            assert calculator.results["forces"].any()
        assert calculator.calls == 3
