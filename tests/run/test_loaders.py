"""A loader has one contract in every way of running: whatever it does otherwise is one error of its model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matdisc.board import Board, shipped_board
from matdisc.cli import main
from matdisc.errors import CardError, ExtraError, MatdiscError, RunError
from matdisc.formats.atoms import to_atoms
from matdisc.models import load_potential, load_predictor
from matdisc.models.soundness import unsound
from matdisc.run import predict
from matdisc.run.engine.backends import _dies_while_loading, _not_to_blame
from matdisc.run.engine.limits import MachineTrouble
from matdisc.run.engine.schedule import NODE_LOSSES_ALLOWED, Schedule
from matdisc.run.engine.worker import Job
from matdisc.schema import Sample
from matdisc.testing import cubic_crystal

SET = "emt-alloys"
CARD = """
key = "{key}"
name = "{key}"
version = "1"
kind = "{kind}"
summary = "A model for tests."
gives = [{gives}]
loader = "{loader}"
options = {options}
{more}
[licence]
code = "MIT"
[[authors]]
name = "Nobody"
"""
POTENTIAL = 'protocol = "relax-fast"\nlevel_of_theory = "toy"\nenergy_scale = "own"'


def raises(**options):
    raise RuntimeError("weights are bad")


def asks_for_cuda():
    raise AssertionError("Torch not compiled with CUDA enabled")


def exits():
    sys.exit(3)


def dies():
    os._exit(3)


def lacks_a_package():
    import no_such_package_of_the_loader  # noqa: F401


def returns_none():
    return None


def returns_text():
    return "emt"


def returns_a_class():
    from ase.calculators.emt import EMT

    return EMT


def returns_no_forces():
    from ase.calculators.emt import EMT

    calculator = EMT()
    calculator.implemented_properties = ["energy"]
    return calculator


def returns_nonsense():
    class Nonsense:
        implemented_properties = 7
        get_property = None

    return Nonsense()


def refuses_its_options():
    raise CardError("option 'size' is 'XL'; give small or large")


def emt(forces=1.0, stress=1.0, energy_of_one_atom=False, full_at=""):
    """EMT whose forces and stress are multiplied, or that has no files left where it meets an element."""
    from ase.calculators.emt import EMT

    class Toy(EMT):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["forces"] = forces * self.results["forces"]
            self.results["stress"] = stress * self.results["stress"]
            if energy_of_one_atom:
                self.results["energy"] /= len(self.atoms)
            if full_at in self.atoms.get_chemical_symbols():
                raise OSError(24, "Too many open files")

    return Toy()


def without_stress():
    calculator = emt()
    calculator.implemented_properties = ["energy", "forces"]
    return calculator


@pytest.fixture
def add(board):
    """Put a card on the board: `add("key", "loader of this module", "predictor", option=value)`."""

    def add(key, loader, kind="potential", **options):
        written = "{ " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in options.items()) + " }"
        (board.models_dir / key).mkdir()
        (board.models_dir / key / "model.toml").write_text(
            CARD.format(
                key=key, kind=kind, options=written,
                gives='"energy", "forces", "stress"' if kind == "potential" else '"formation energy", "structure"',
                more=POTENTIAL if kind == "potential" else "",
                loader=loader if ":" in loader else f"{__name__}:{loader}",
            )
        )  # fmt: skip
        return board.model(key)

    return add


WRONG = {
    "raises": (RunError, "RuntimeError: weights are bad"),
    "asks_for_cuda": (RunError, "AssertionError: Torch not compiled with CUDA enabled"),
    "exits": (RunError, "SystemExit: 3"),
    "lacks_a_package": (ExtraError, "no_such_package_of_the_loader"),
    "returns_none": (CardError, "returns None"),
    "returns_text": (CardError, "returns a str"),
    "refuses_its_options": (CardError, "give small or large"),
}
NO_CALCULATOR = {
    "returns_a_class": (CardError, "the class EMT"),
    "returns_no_forces": (CardError, "a calculator without forces"),
    "returns_nonsense": (RunError, "TypeError"),
}
ELSEWHERE = {
    "no.such.module:load": (CardError, "no.such.module"),
    "matdisc.models.dummies:no_such": (CardError, "no_such"),
    "matdisc.models.dummies:__doc__": (CardError, "cannot be called"),
}


@pytest.mark.parametrize(
    ("kind", "loader", "error", "said"),
    [
        *(("potential", name, *told) for name, told in (WRONG | NO_CALCULATOR | ELSEWHERE).items()),
        *(("predictor", name, *told) for name, told in (WRONG | ELSEWHERE).items()),
        ("predictor", "returns_a_class", CardError, "the class EMT"),
    ],
)
def test_a_loader_that_breaks_its_contract_is_named_with_its_model_and_the_cause(board, add, kind, loader, error, said):
    card = add("broken", loader, kind)
    with pytest.raises(error) as caught:
        predict(board, "broken", "discovery", SET, limit=3, workers=0)
    told = str(caught.value)
    assert "model 'broken'" in told
    assert said in told
    assert card.loader in told or loader == "refuses_its_options"
    assert not list(board.predictions_dir.glob("**/broken*"))
    record = board.runs_dir / "discovery" / SET / "broken" / "records.jsonl"
    assert b"material_id" not in record.read_bytes()


@settings(max_examples=40, deadline=None)
@given(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(),
        st.lists(st.integers()), st.dictionaries(st.text(), st.integers()), st.just(object()), st.just(Exception),
    ),
    st.sampled_from([load_potential, load_predictor]),
)  # fmt: skip
def test_whatever_else_a_loader_returns_is_refused_by_name(found, load):
    card = Board(shipped_board()).model("emt").model_copy(update={"loader": f"{__name__}:whatever", "key": "odd"})
    globals()["whatever"] = lambda: found
    with pytest.raises(MatdiscError, match=r"model 'odd'.*whatever"):
        load(card)


def test_a_stop_by_the_user_passes_through_a_loader(add):
    globals()["stopped"] = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        load_potential(add("stopped", "stopped"))


def command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["matdisc", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


@pytest.mark.slow
@pytest.mark.parametrize("loader", ["raises", "exits", "returns_none"])
def test_an_evaluation_leaves_a_broken_loader_out_and_goes_on(board, add, capsys, monkeypatch, loader):
    add("a-broken", loader)
    asked = ["evaluate", "a-broken", "emt", "-t", "discovery", "-d", SET, "-w", "0", "--no-site"]
    assert command(monkeypatch, *asked, "--protocol", "single-point", "--board", str(board.root)) == 2
    said = capsys.readouterr().err
    assert f"{__name__}:{loader}" in said
    assert "Traceback" not in said
    assert (board.results_dir / "discovery" / SET / "emt+single-point.json").exists()
    assert not list(board.root.glob("leaderboard/**/a-broken*"))


@pytest.mark.ray
@pytest.mark.slow
def test_workers_refuse_a_loader_in_the_words_of_this_process(board, add):
    for name in ("raises", "exits", "returns_none"):
        add(f"a-{name.replace('_', '-')}", name)
    keys = ["a-raises", "a-exits", "a-returns-none", "emt"]
    done = in_workers(board, "evaluate", *keys, "-t", "discovery", "-d", SET, "--no-site", "-w", "1")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for name in ("raises", "exits", "returns_none"):
        error, said = WRONG[name]
        assert said in done.stderr
        with pytest.raises(error) as caught:
            predict(board, f"a-{name.replace('_', '-')}", "discovery", SET, limit=3, workers=0)
        assert str(caught.value) in done.stderr
    assert (board.results_dir / "discovery" / SET / "emt.json").exists()


@pytest.mark.ray
@pytest.mark.slow
def test_a_loader_that_ends_its_process_is_not_put_down_to_a_material(board, add):
    add("dies", "dies")
    done = in_workers(board, "predict", "dies", "discovery", "-d", SET, "--limit", "3", "-w", "1")
    assert done.returncode == 2, done.stderr
    assert "model 'dies' cannot be loaded: its worker died while it loaded the model" in done.stderr
    assert b"material_id" not in (board.runs_dir / "discovery" / SET / "dies" / "records.jsonl").read_bytes()


def in_workers(board, *arguments):
    """Run a command in a process of its own, whose workers find this module."""
    paths = os.pathsep.join(part for part in (str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")) if part)
    command = [sys.executable, "-m", "matdisc", *arguments, "--board", str(board.root)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=os.environ | {"PYTHONPATH": paths}, check=False
    )


@pytest.mark.parametrize("make", [lambda job: MachineTrouble("no thread"), lambda job: _dies_while_loading(job, "x")])
def test_what_is_no_material_s_fault_is_tried_elsewhere_before_it_stops_the_run(board, make):
    plan = Schedule([Sample("m", {"crystal": cubic_crystal(["Cu"], 3.0)}, {}, "g")])
    trouble = make(Job(board.model("emt"), "discovery", None, 0.0))
    for _ in range(NODE_LOSSES_ALLOWED):
        assert _not_to_blame(plan, plan.next(1), trouble) == []
    with pytest.raises(type(trouble)):
        _not_to_blame(plan, plan.next(1), trouble)


COPPER = to_atoms(cubic_crystal(["Cu"], 2.6))
PAIR = to_atoms(cubic_crystal(["Cu", "Au"], 3.1))


@pytest.mark.parametrize("atoms", [COPPER, PAIR, PAIR.repeat((2, 1, 1))], ids=len)
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, ""),
        ({"stress": 1.2}, ""),
        ({"stress": 160.2177}, "the stress is 160"),
        ({"stress": 160.2177}, "in GPa?"),
        ({"stress": 1602.177}, "in kbar?"),
        ({"stress": -1.0}, "it has the wrong sign"),
        ({"stress": -1602.177}, "in kbar, and with the wrong sign?"),
        ({"stress": 0.0}, "the stress is 0 times"),
    ],
)
def test_a_stress_that_the_energy_does_not_know_is_told_with_the_likely_slip(atoms, wrong, said):
    found = unsound(emt(**wrong), atoms)
    assert said in found
    assert bool(found) == bool(said)
    assert unsound(emt(**wrong), atoms, stress=False) == ""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"forces": -1.0}, "a force is -1 times what the energy says"),
        ({"forces": 51.422}, "in Hartree/bohr?"),
        ({"forces": 0.0}, "a force is 0 times"),
        ({"energy_of_one_atom": True}, "the energy of one atom"),
        ({"forces": 0.9}, ""),
    ],
)
def test_forces_that_the_energy_does_not_know_are_told(wrong, said):
    atoms = PAIR.repeat((2, 1, 1))
    found = unsound(emt(**wrong), atoms)
    assert said in found
    assert bool(found) == bool(said)


def test_an_energy_that_is_no_smooth_function_accuses_nobody():
    from ase.calculators.emt import EMT

    class Jumps(EMT):
        calls = 0

        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.calls += 1
            self.results["energy"] += 0.3 * (self.calls % 2)

    assert unsound(Jumps(), PAIR) == ""


@pytest.mark.parametrize("factor", [160.2177, -1.0])
def test_a_run_stops_at_a_stress_in_other_units_and_records_nothing(board, add, factor):
    add("foreign", "emt", stress=factor)
    with pytest.raises(RunError, match=r"model 'foreign': the stress is .* mend what its loader"):
        predict(board, "foreign", "relaxation", SET, limit=3, workers=0)
    record = board.runs_dir / "relaxation" / SET / "foreign" / "records.jsonl"
    assert b"material_id" not in record.read_bytes()
    single = predict(board, "foreign", "discovery", SET, limit=3, workers=0, protocol="single-point")
    assert single.counts == {"ok": 3}


def test_a_foreign_potential_that_is_sound_is_asked_as_ours_is(board, add):
    add("foreign", "emt")
    theirs = predict(board, "foreign", "relaxation", SET, limit=2, workers=0)
    ours = predict(board, "emt", "relaxation", SET, limit=2, workers=0, protocol="relax-fast")
    assert theirs.counts == ours.counts == {"ok": 2}


def test_a_potential_without_stress_is_told_so_once_and_still_gives_single_points(board, add):
    add("flat", "without_stress")
    with pytest.raises(CardError, match="gives no stress"):
        predict(board, "flat", "relaxation", SET, limit=3, workers=0)
    run = predict(board, "flat", "discovery", SET, limit=3, workers=0, protocol="single-point")
    assert run.counts == {"ok": 3}


def test_what_the_machine_lacks_stops_the_run_and_keeps_what_was_answered(board, add):
    add("foreign", "emt", full_at="Pt")
    with pytest.raises(MachineTrouble, match=r"no material's fault: raise the limit on open files \(ulimit -n\)"):
        predict(board, "foreign", "discovery", SET, workers=0, protocol="single-point")
    record = board.runs_dir / "discovery" / SET / "foreign+single-point" / "records.jsonl"
    answers = [line for line in record.read_text().splitlines() if '"material_id"' in line]
    assert answers
    assert all('"status": "ok"' in line for line in answers)
