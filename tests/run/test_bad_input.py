"""Whatever a calculator or a structure does, it ends as a named status of that material alone."""

import math

import pytest

from matdisc.run.engine.backends import ray_answers, serial_answers
from matdisc.run.engine.schedule import Schedule
from matdisc.run.engine.worker import Job
from matdisc.schema import Crystal, Sample
from matdisc.testing import cubic_crystal

MISHAPS = {
    "raise": ("failed", "RuntimeError: this potential does not like you"),
    "leave": ("failed", "SystemExit: I have had enough"),
    "nan": ("failed", "not finite"),
    "shape": ("failed", "forces have shape (1, 7)"),
    "sleep": ("timed_out", "no answer within 4 s"),
    "spin": ("timed_out", "its worker was stopped"),
    "exit": ("failed", "its worker died twice"),
    "kill": ("failed", "its worker died twice"),
    "memory": ("failed", "MemoryError"),
    "print": ("ok", ""),
}


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("how", MISHAPS)
def test_a_calculator_that_misbehaves_costs_the_materials_it_misbehaves_on(board, add_toy, ray_session, how):
    model = board.model(add_toy("toy", "misbehaving", how=how, symbol="Au"))
    timeout = 4.0 if how in ("sleep", "spin") else 60.0
    job = Job(model, "polymorphs", "single-point", 0.0, timeout=timeout, memory_gib=1.5, in_worker=True)
    metals = {"gold": "Au", "copper": "Cu", "silver": "Ag", "more-gold": "Au", "nickel": "Ni"}
    samples = [Sample(name, {"crystal": cubic_crystal([el] * 2, 4.0)}, {}, "g") for name, el in metals.items()]
    found = [p for batch, _ in ray_answers(job, Schedule(samples), 2) for p in batch]
    assert sorted(p.material_id for p in found) == sorted(metals)
    status, said = MISHAPS[how]
    for prediction in found:
        if "gold" in prediction.material_id:
            assert (prediction.status, said in prediction.error) == (status, True), prediction
        else:
            assert prediction.status == "ok", prediction


def far_apart(n):
    """A row of n copper atoms, 2.6 Å apart in a wide box."""
    positions = tuple(((i + 0.5) / n, 0.5, 0.5) for i in range(n))
    return Crystal(("Cu",) * n, positions, ((2.6 * n, 0.0, 0.0), (0.0, 9.0, 0.0), (0.0, 0.0, 9.0)))


def flat():
    return Crystal(("Cu",), ((0.0, 0.0, 0.0),), ((3.0, 0.0, 0.0), (6.0, 0.0, 0.0), (0.0, 0.0, 3.0)))


STRUCTURES = {
    "one-atom": (cubic_crystal(["Cu"], 2.6), "ok", ""),
    "many-atoms": (far_apart(500), "ok", ""),
    "unknown-element": (cubic_crystal(["Cu", "Fe"], 4.0), "unsupported", "no parameters for Fe"),
    "no-volume": (cubic_crystal(["Cu"], 0.0), "failed", "no volume"),
    "flat": (flat(), "failed", "no volume"),
    "not-a-number": (cubic_crystal(["Cu"], math.nan), "failed", "no volume"),
    "overlapping": (Crystal(("Cu",) * 2, ((0.0,) * 3,) * 2, far_apart(2).cell), "failed", "not finite"),
    "usual": (cubic_crystal(["Cu", "Cu"], 4.0), "ok", ""),
}


def odd_structures(board):
    samples = [Sample(name, {"crystal": crystal}, {}, "g") for name, (crystal, _, _) in STRUCTURES.items()]
    job = Job(board.model("emt"), "polymorphs", "single-point", 0.0, timeout=60.0)
    return job, Schedule(samples)


def check(batches):
    found = {p.material_id: p for batch, _ in batches for p in batch}
    assert found.keys() == STRUCTURES.keys()
    for name, (_, status, said) in STRUCTURES.items():
        assert (found[name].status, said in found[name].error) == (status, True), found[name]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_odd_structure_ends_with_its_own_status_in_this_process(board):
    check(serial_answers(*odd_structures(board)))


@pytest.mark.ray
def test_an_odd_structure_ends_with_its_own_status_in_a_worker(board, ray_session):
    check(ray_answers(*odd_structures(board), 2))


CHGNET = {
    "isolated": (Crystal(("Cu",), ((0.0,) * 3,), ((30.0, 0.0, 0.0), (0.0, 30.0, 0.0), (0.0, 0.0, 30.0))), "failed"),
    "overlapping": (Crystal(("Na", "Cl"), ((0.0,) * 3,) * 2, far_apart(2).cell), "failed"),
    "unknown-element": (cubic_crystal(["Og"], 3.0), "unsupported"),
    "usual": (cubic_crystal(["Cs", "Cl"], 4.2), "ok"),
    "usual-too": (cubic_crystal(["Cu"], 2.6), "ok"),
}


@pytest.mark.slow
def test_chgnet_names_what_it_cannot_do_and_answers_the_rest_of_the_batch(board):
    samples = [Sample(name, {"crystal": crystal}, {}, "g") for name, (crystal, _) in CHGNET.items()]
    job = Job(board.model("chgnet-0.3.0"), "polymorphs", "single-point", 0.0)
    found = {p.material_id: p for batch, _ in serial_answers(job, Schedule(samples)) for p in batch}
    assert {name: p.status for name, p in found.items()} == {name: status for name, (_, status) in CHGNET.items()}
    assert all(p.error for p in found.values() if p.status != "ok")
