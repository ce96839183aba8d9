"""Units are sized by cost; a death costs the material that caused it; nothing is lost and nothing answered twice."""

import random

import pytest

from matdisc.run.engine import schedule
from matdisc.run.engine.schedule import Schedule
from matdisc.run.engine.worker import WorkUnit
from matdisc.schema import Prediction, Sample
from matdisc.testing import cubic_crystal


def sample(name, n_atoms=1):
    return Sample(name, {"crystal": cubic_crystal(["Cu"] * n_atoms, 3.0 + n_atoms)}, {}, "g")


def some(n, n_atoms=1):
    return [sample(f"m{i}", n_atoms) for i in range(n)]


def ids(in_flight):
    return [s.material_id for s in in_flight.unit.samples]


def answer(plan, in_flight, names=None, seconds=1.0, now=1.0):
    return plan.answered(in_flight, [Prediction(name) for name in names or ids(in_flight)], seconds, now)


def test_the_largest_are_asked_first_and_small_ones_share_a_unit():
    plan = Schedule([sample("small", 1), sample("big", 100), sample("middle", 50)])
    assert ids(plan.next(2)) == ["big"]
    assert ids(plan.next(2)) == ["middle", "small"]
    assert plan.next(2) is None


def test_units_grow_to_what_costs_allow_and_shrink_towards_the_end():
    plan = Schedule(some(10_000))
    first = plan.next(2)
    assert len(first.unit.samples) == schedule.FIRST_ATOMS
    answer(plan, first, seconds=6.4)  # ten atoms a second
    sizes = [len(unit.unit.samples) for unit in iter(lambda: plan.next(2), None)]
    assert sum(sizes) == 10_000 - schedule.FIRST_ATOMS
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 10 * schedule.TARGET_SECONDS
    assert set(sizes[-4:-1]) == {10 * schedule.LEAST_SECONDS}


def test_the_least_unit_is_longer_with_more_workers_than_the_driver_could_serve():
    plan = Schedule(some(2000))
    answer(plan, plan.next(1000), seconds=64.0)  # one atom a second
    assert len(plan.next(1000).unit.samples) == 1000 / schedule.UNITS_PER_SECOND


def test_cheap_materials_do_not_make_units_without_end():
    plan = Schedule(some(20_000))
    answer(plan, plan.next(1), seconds=1e-6)
    assert len(plan.next(1).unit.samples) == schedule.MOST_MATERIALS


def test_the_first_answer_for_a_material_is_the_one_that_counts():
    plan = Schedule(some(2))
    in_flight = plan.next(1)
    assert [p.material_id for p in answer(plan, in_flight, ["m0"])] == ["m0"]
    assert answer(plan, in_flight, ["m0"]) == []
    assert plan.unfinished(in_flight)
    assert [p.material_id for p in answer(plan, in_flight, ["m0", "m1"])] == ["m1"]
    assert not plan.unfinished(in_flight)


def test_after_a_death_the_unanswered_are_asked_one_by_one():
    plan = Schedule(some(4))
    in_flight = plan.next(1)
    answer(plan, in_flight, ["m0", "m2"])
    assert plan.died(in_flight, "its worker died", 2.0, None, "late") == []
    assert [ids(plan.next(1)), ids(plan.next(1)), plan.next(1)] == [["m1"], ["m3"], None]


def test_of_a_large_unit_the_first_are_asked_alone_and_the_rest_in_pieces():
    plan = Schedule(some(4000))
    answer(plan, plan.next(1), seconds=1e-6)
    in_flight = plan.next(1)
    plan.died(in_flight, "its worker died", 2.0, None, "late")
    again = [plan.next(1) for _ in range(schedule.SUSPECTS + schedule.PIECES)]
    assert [len(p.unit.samples) for p in again[: schedule.SUSPECTS]] == [1] * schedule.SUSPECTS
    assert [name for p in again for name in ids(p)] == ids(in_flight)
    assert plan.next(1) is None


def test_a_material_that_takes_every_machine_with_it_has_failed():
    plan = Schedule([sample("killer")])
    for _ in range(schedule.NODE_LOSSES_ALLOWED):
        assert plan.lost(plan.next(1)) == []
    (given_up,) = plan.lost(plan.next(1))
    assert (given_up.material_id, given_up.status) == ("killer", "failed")
    assert "machine went away 6 times" in given_up.error
    assert not plan.waiting


def test_predictors_that_lose_every_machine_fail_and_never_lose_their_training_data():
    plan = Schedule(fixed=[WorkUnit(tuple(some(3)), (sample("known"),))])
    for _ in range(schedule.NODE_LOSSES_ALLOWED):
        in_flight = plan.next(1)
        assert in_flight.unit.train[0].material_id == "known"
        plan.lost(in_flight)
    assert {p.status for p in plan.lost(plan.next(1))} == {"failed"}


def test_a_material_whose_own_worker_dies_twice_has_failed():
    plan = Schedule(some(1))
    assert plan.died(plan.next(1), "its worker died", 2.0, None, "late") == []
    (given_up,) = plan.died(plan.next(1), "its worker died", 3.0, None, "late")
    assert given_up.status == "failed"
    assert given_up.error == "its worker died twice while it was asked about this material"
    assert not plan.waiting


def test_a_material_whose_worker_was_stopped_for_time_is_not_asked_again():
    plan = Schedule(some(1))
    in_flight = plan.next(1)
    plan.answered(in_flight, [], 0.0, 10.0)  # the worker says that it has started
    (given_up,) = plan.died(in_flight, "its worker died", 71.0, 60.0, "no answer within 60 s")
    assert given_up.status == "timed_out"
    assert given_up.error == "no answer within 60 s; its worker was stopped"


def test_a_machine_that_goes_away_is_no_fault_of_a_material():
    plan = Schedule(some(3))
    for _ in range(5):
        in_flight = plan.next(1)
        assert ids(in_flight) == ["m0", "m1", "m2"]
        plan.lost(in_flight)
    answer(plan, plan.next(1))
    assert plan.next(1) is None


def test_what_machines_without_the_model_hand_back_stays_together_however_many_they_are():
    plan = Schedule(some(3))
    for _ in range(3 * schedule.NODE_LOSSES_ALLOWED):
        in_flight = plan.next(1)
        assert (ids(in_flight), in_flight.losses) == (["m0", "m1", "m2"], 0)
        assert plan.handed_back(in_flight) == []
    assert len(answer(plan, plan.next(1))) == 3
    assert plan.next(1) is None


def test_materials_that_always_lose_their_machine_are_given_up_in_the_end():
    plan = Schedule(some(2))
    ended = []
    for _ in range(500):
        in_flight = plan.next(1)
        if in_flight is None:
            break
        if in_flight.losses <= schedule.NODE_LOSSES_ALLOWED and len(in_flight.unit.samples) > 1:
            plan.lost(in_flight)
        else:
            ended += plan.died(in_flight, "its worker died", 1.0, None, "late")
    assert sorted(p.material_id for p in ended) == ["m0", "m1"]


def test_an_idle_worker_takes_the_rest_of_a_straggler_from_its_far_end():
    plan = Schedule(some(5))
    in_flight = plan.next(2)
    answer(plan, in_flight, ["m0"], now=1.0)
    assert plan.copy_of_straggler([in_flight], 1.0 + schedule.STRAGGLER_SECONDS / 2) is None
    copy = plan.copy_of_straggler([in_flight], 1.1 + schedule.STRAGGLER_SECONDS)
    assert ids(copy) == ["m4", "m3", "m2", "m1"]
    assert plan.copy_of_straggler([in_flight, copy], 100.0) is None
    assert len(answer(plan, copy, ["m4", "m3"])) == 2
    assert len(answer(plan, in_flight, ["m1", "m2", "m3"])) == 2
    assert not plan.unfinished(in_flight)
    assert not plan.unfinished(copy)


def test_a_copy_that_dies_asks_nothing_again_because_its_original_is_at_work():
    plan = Schedule(some(3))
    in_flight = plan.next(1)
    plan.answered(in_flight, [], 0.0, 0.0)
    copy = plan.copy_of_straggler([in_flight], 100.0)
    assert plan.died(copy, "its worker died", 101.0, None, "late") == []
    assert not plan.waiting


def test_units_of_predictors_stay_whole():
    plan = Schedule(fixed=[WorkUnit(tuple(some(3)), (sample("known"),))])
    in_flight = plan.next(8)
    assert plan.died(in_flight, "its worker died", 1.0, 60.0, "late") == []
    again = plan.next(8)
    assert (ids(again), again.unit.train[0].material_id) == (["m0", "m1", "m2"], "known")
    assert {p.status for p in plan.died(again, "its worker died", 100.0, 60.0, "late")} == {"failed"}


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_every_material_ends_exactly_once(seed):
    luck = random.Random(seed)
    plan = Schedule([sample(f"m{i}", luck.randint(1, 40)) for i in range(60)])
    cursed = {f"m{luck.randrange(60)}" for _ in range(3)}
    ended, flight, now = [], [], 0.0
    for _ in range(20_000):
        now += 1.0
        while len(flight) < 3:
            in_flight = plan.next(3) or plan.copy_of_straggler(flight, now)
            if in_flight is None:
                break
            plan.answered(in_flight, [], 0.0, now)
            flight.append(in_flight)
        flight = [p for p in flight if plan.unfinished(p)]
        if not flight:
            break
        in_flight = luck.choice(flight)
        name = next(iter(in_flight.open))
        if name in cursed:
            ended += plan.died(in_flight, "its worker died", now, None, "late")
            flight.remove(in_flight)
        elif luck.random() < 0.1:
            plan.lost(in_flight)
            flight.remove(in_flight)
        else:
            ended += plan.answered(in_flight, [Prediction(name)], luck.random(), now)
    assert sorted(p.material_id for p in ended) == sorted(f"m{i}" for i in range(60))
    assert {p.material_id for p in ended if p.status == "failed"} <= cursed
