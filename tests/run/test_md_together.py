"""`matdisc md`: replicas that move together write the bytes that each writes alone."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from typer.testing import CliRunner

from matdisc.physics.evaluation import evaluate
from matdisc.physics.md import Conditions, Watchdog
from matdisc.run.md import stretch
from matdisc.run.md.driver import MDOptions, run_md
from matdisc.run.md.groups import Waiting, side_by_side
from matdisc.run.md.inputs import structure_of
from matdisc.run.md.job import Dynamics, Replica
from matdisc.run.md.memory import expected_memory, fitting

FILES = ("trajectory.extxyz", "thermo.csv")
ALONE, TOGETHER = MDOptions(workers=0, together=1), MDOptions(workers=0)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for name in FILES for path in sorted(folder.glob(f"*/{name}"))}


def replica(name="a", atoms=None):
    return Replica(name, 300.0, 0, atoms or bulk("Cu", cubic=True))


def many(invariant=True, joint=True, nearest=0.0):
    """EMT that evaluates many: with noise if it is not invariant, failing if asked jointly, or of atoms nearer than so
    many Å.
    """
    from ase.calculators.calculator import all_changes
    from ase.calculators.emt import EMT

    class Many(EMT):
        batch_atoms = 100
        batch_invariant = invariant

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, all_changes)  # with lists of its own
            if nearest and self.atoms.get_all_distances(mic=True)[np.triu_indices(len(self.atoms), 1)].min() < nearest:
                raise ValueError("too near")

        def forget(self):
            self.reset()

        def evaluate_many(self, structures):
            if not joint:
                raise ValueError("not together")
            found = [evaluate(self, atoms) for atoms in structures]
            for one in found:
                one.forces[0] += 0.0 if invariant else 1e-9
            return found

    return Many()


@pytest.fixture
def job(board):
    def made(steps=60, **options):
        changed = {"loader": f"{__name__}:many", "options": options}
        c = Conditions(ensemble="langevin", temperature=300, timestep=2.0)
        card = board.model("emt").model_copy(update=changed)
        return Dynamics(card, c, steps, every=5, thermo_every=1, checkpoint_every=10, watchdog=Watchdog(bonds=False))

    return made


@pytest.fixture
def rounds(monkeypatch):
    """How many structures the potential is asked about in each round."""
    seen, answers = [], stretch.answers
    monkeypatch.setattr(stretch, "answers", lambda asked, calc: seen.append(len(asked)) or answers(asked, calc))
    return seen


def test_replicas_of_a_liquid_write_the_same_bytes_together_alone_and_after_stops(board, tmp_path, rounds):
    pytest.importorskip("numba", reason="needs the package numba (matdisc[ml])")
    atoms = structure_of("box:EC=6", density=1.0, seed=1)
    c = Conditions(ensemble="langevin", temperature=400, timestep=1.0)
    asked = Dynamics(board.model("get-mini"), c, 80, every=10, thermo_every=1, checkpoint_every=20)

    def run(out, options, progress=None):
        return run_md(asked, atoms, [400.0], 3, tmp_path / out, options=options, progress=progress)

    def stop_at(name, step):
        def progress(*now):
            if now[:2] == (name, step):
                os.kill(os.getpid(), signal.SIGINT)

        return progress

    run("alone", ALONE)
    assert set(rounds) == {1}
    run("together", TOGETHER)
    assert 3 in rounds
    for name, step in (("T400-r2", 20), ("T400-r1", 40), ("T400-r2", 60)):
        with pytest.raises(KeyboardInterrupt):
            run("stopped", TOGETHER, stop_at(name, step))
    run("stopped", TOGETHER)
    assert len(contents(tmp_path / "alone")) == 6
    assert contents(tmp_path / "alone") == contents(tmp_path / "together") == contents(tmp_path / "stopped")


@pytest.mark.parametrize("options", [{}, {"invariant": False}, {"joint": False}])
def test_whatever_company_does_to_a_potential_the_bytes_are_those_of_each_alone(job, rounds, tmp_path, options):
    for name, how in (("alone", ALONE), ("together", TOGETHER)):
        found = run_md(job(**options), bulk("Cu", cubic=True), [300.0], 3, tmp_path / name, options=how)
        assert [one.ended for one in found] == ["done"] * 3
    assert contents(tmp_path / "alone") == contents(tmp_path / "together")
    assert (max(rounds) == 3) == ("invariant" not in options)


def test_a_replica_that_breaks_ends_alone_and_the_others_go_on(job, rounds, tmp_path):
    asked = job(nearest=2.25)
    found = run_md(asked, bulk("Cu", cubic=True), [300.0, 2500.0], 2, tmp_path, options=TOGETHER)
    ended = {one.name: one.ended for one in found}
    assert {ended["T300-r1"], ended["T300-r2"]} == {"done"}
    assert ended["T2500-r1"] == "no answer"
    assert max(rounds) > 1


def test_replicas_move_together_in_even_parts_of_what_a_call_takes():
    six = [replica(name) for name in "abcdef"]  # of four atoms
    assert [len(side_by_side(six, room)) for room in (24, 20, 8, 7, 0)] == [6, 3, 2, 1, 1]


def test_replicas_are_handed_out_in_groups_and_alone_after_a_death():
    waiting = Waiting([replica(name) for name in "abcde"], 2)
    first, second = waiting.group(), waiting.group()
    assert ["".join(one.name for one in group) for group in (first, second)] == ["ab", "cd"]
    waiting.take_back(first, "b")
    assert [one.name for one in first] == ["a"]
    assert waiting.died(second, lambda name: 10) == []
    groups = [waiting.group() for _ in range(4)]
    assert [[one.name for one in group or ()] for group in groups] == [["e", "b"], ["c"], ["d"], []]
    assert waiting.died(groups[1], lambda name: 10) == []
    assert waiting.died(groups[1], lambda name: 20) == []  # it has come on
    assert waiting.died(groups[1], lambda name: 20) == []
    assert waiting.died(groups[1], lambda name: 20) == ["c"]


def test_no_more_replicas_move_together_than_memory_suffices_for(job):
    atoms, said = bulk("Cu", cubic=True) * 5, []
    each = expected_memory(job(), atoms).most - 0.25
    limited = replace(job(), memory_gib=0.25 + 3.5 * each)
    assert fitting(limited, atoms, 6, said.append) == 3
    assert "suffice for 3 of 6 replicas together" in said[0]
    assert fitting(limited, atoms, 2, said.append) == 2
    assert fitting(job(), atoms, 6, said.append) == 6
    assert len(said) == 1


def test_the_command_takes_the_number_of_replicas_of_a_worker(board, tmp_path):
    from matdisc.cli import app

    bulk("Cu", cubic=True).write(tmp_path / "cu.extxyz")
    base = ["md", "emt", str(tmp_path / "cu.extxyz"), "--board", str(board.root), "-w", "0", "-n", "2", "-s", "20"]
    for number in ("1", "2"):
        found = CliRunner().invoke(app, [*base, "--together", number, "--out", str(tmp_path / number)])
        assert found.exit_code == 0, found.output
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert CliRunner().invoke(app, [*base, "--together", "0", "--out", str(tmp_path / "0")]).exit_code == 2


@pytest.mark.ray
def test_a_worker_that_dies_with_a_group_costs_none_of_it(board, add_toy, ray_session, tmp_path):
    add_toy("dies-once", "misbehaving", how="kill", symbol="Cu", marker=str(tmp_path / "mark"))
    c = Conditions(ensemble="langevin", temperature=300, timestep=2.0)
    asked = Dynamics(board.model("dies-once"), c, 20, checkpoint_every=10)
    found = run_md(asked, bulk("Cu", cubic=True), [300.0], 3, tmp_path / "out", options=MDOptions(workers=1))
    assert ((tmp_path / "mark").exists(), [one.ended for one in found]) == (True, ["done"] * 3)
    run_md(asked, bulk("Cu", cubic=True), [300.0], 3, tmp_path / "alone", options=ALONE)
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")
