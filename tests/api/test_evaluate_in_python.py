"""Any ASE calculator, asked and scored from Python as models with cards are."""

import importlib
import json
import os
import threading

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

import matdisc
from matdisc.board import shipped_board
from matdisc.errors import CardError, DataError, ExtraError, RunError
from matdisc.leaderboard import site

METALS = ("Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au")


class Counting(EMT):
    """Effective medium theory that counts what it is asked, and may be off by eV per atom."""

    asked = 0

    def __init__(self, off=0.0):
        super().__init__()
        self.off = off

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results["energy"] += self.off * len(self.atoms) * self.atoms.get_volume()
        type(self).asked += 1


class WithoutForces(Calculator):
    implemented_properties = ("energy",)


class WithoutStress(LennardJones):
    implemented_properties = ("energy", "forces")


def quick(calculator, **options):
    """Ask for single points of the elements, which takes a second or two."""
    return matdisc.evaluate(calculator, dataset="elements", protocol="single-point", progress=False, **options)


@pytest.fixture(scope="module")
def by_object():
    return quick(EMT(), elements=METALS)


def test_a_calculator_scores_what_its_card_scores(by_object):
    by_key = quick("emt")
    assert by_object.metrics["f1"].value > 0
    assert dict(by_object.metrics) == dict(by_key.metrics)
    assert by_object.coverage == by_key.coverage
    assert (by_object.entry, by_key.entry) == ("my-emt+single-point", "emt+single-point")


@pytest.mark.parametrize("make", [EMT, lambda: EMT()], ids=["class", "function"])
def test_what_makes_a_calculator_will_do(by_object, make):
    assert dict(quick(make, elements=METALS).metrics) == dict(by_object.metrics)


def test_without_elements_what_the_calculator_refuses_has_failed(by_object):
    coverage = quick(EMT()).coverage
    assert coverage["failed"] == by_object.coverage["unsupported"] == 220


def test_calculators_of_one_class_are_not_taken_for_each_other():
    first, second = (quick(Counting(off), elements=METALS, limit=60, name="same").predictions for off in (0.0, 0.1))
    assert (second["prediction"] > first["prediction"])[first["prediction"].notna()].all()


def test_nothing_is_written_to_the_board_of_the_package(by_object):
    board = shipped_board()
    assert not list(board.glob("*/*/*/my-emt*"))
    assert not (board / "runs" / "polymorphs" / "elements" / "my-emt+single-point").exists()


def test_threads_are_given_back(by_object, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    quick("emt", limit=5)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_on_a_board_answers_are_kept_and_not_asked_for_again(board, capsys):
    asked = Counting.asked
    found = quick(Counting(), board=board.root, elements=METALS)
    assert Counting.asked > asked
    asked = Counting.asked
    again = matdisc.evaluate(Counting(), board=board, protocol="single-point", elements=METALS)
    assert Counting.asked == asked
    assert "restart=True asks anew" in capsys.readouterr().err
    assert dict(again.metrics) == dict(found.metrics)
    quick(Counting(), board=board, elements=METALS, restart=True)
    assert Counting.asked > asked


def test_on_a_board_the_result_is_a_row(board):
    quick(EMT(), board=board, elements=METALS, name="My EMT")
    path = board.results_dir / "polymorphs" / "elements" / "my-emt+single-point.json"
    assert json.loads(path.read_text())["model"] == "my-emt"
    assert board.model("my-emt").loader is None
    assert quick("emt", board=board).entry == "emt+single-point"
    assert (board.rankings_dir / "polymorphs" / "elements.json").is_file()
    assert "My EMT in Python" in (site.build(board) / "tasks" / "polymorphs.html").read_text(encoding="utf-8")


def test_other_parameters_do_not_go_on_with_the_answers_of_these(board):
    quick(LennardJones(sigma=2.3), board=board, limit=5)
    with pytest.raises(RunError, match="restart=True to begin anew"):
        quick(LennardJones(sigma=2.4), board=board, limit=5)


def test_a_name_that_the_board_gives_to_another_model_is_refused(board):
    with pytest.raises(CardError, match="give another name"):
        quick(EMT(), board=board, name="emt", limit=5)


def test_a_try_keeps_nothing_and_counts_the_rest_as_unanswered(board):
    assert quick(EMT(), board=board, elements=METALS, limit=5).coverage["absent"] == 250
    assert not board.results_dir.exists()


@pytest.mark.parametrize(
    ("calculator", "said"),
    [
        (WithoutForces(), "a calculator without forces"),
        (lambda: 3, "a int and no ASE calculator"),
        (3, "a int and no ASE calculator"),
        (None, "None and no ASE calculator"),
        ("chgnet", "did you mean .* chgnet-0.3.0"),
        (LennardJones.todict, "called without arguments raised TypeError"),
    ],
)
def test_what_is_no_calculator_is_refused(calculator, said):
    with pytest.raises(CardError, match=said) as refused:
        quick(calculator)
    assert "\n" not in str(refused.value)


def test_a_calculator_without_stress_is_told_of_single_points():
    with pytest.raises(CardError, match="protocol='single-point'"):
        matdisc.evaluate(WithoutStress(), dataset="elements", limit=1, progress=False)


def test_what_a_card_says_is_not_said_again():
    with pytest.raises(CardError, match="'energy_scale' is said on the card"):
        quick("emt", energy_scale="own")


def test_energies_on_another_scale_than_the_labels_are_refused():
    with pytest.raises(RunError, match="own scale"):
        matdisc.evaluate(EMT(), "discovery", "wbm-crystals", progress=False)


def test_a_calculator_that_fails_everywhere_has_no_result():
    with pytest.raises(RunError, match="all 5 materials failed"):
        quick(EMT(), limit=5)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"protocol": "relaxed"}, "protocol is 'relaxed'; known: single-point, relax"),
        ({"workers": -1}, "workers is -1"),
        ({"limit": 0}, "limit is 0"),
        ({"timeout": 0.0}, "timeout is 0.0"),
        ({"timeout": "60"}, "timeout is '60'; give a number"),
        ({"workers": "2"}, "workers is '2'; give a number"),
        ({"elements": "Cu"}, "elements is 'Cu'; give a list of symbols"),
        ({"name": 5}, "name is 5; give a text"),
        ({"elements": ("Xx",)}, "names no elements: Xx"),
        ({"energy_scale": "raw"}, "energy_scale is 'raw'"),
        ({"name": "…"}, "no letter or digit"),
        ({"task": "discover"}, "task 'discover' does not exist|has no task 'discover'"),
        ({"board": "no/board"}, "no board here"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_argument_without_meaning_is_refused(argument, said):
    with pytest.raises((CardError, RunError), match=said) as refused:
        matdisc.evaluate(EMT(), **{"dataset": "elements", "progress": False} | argument)
    assert "\n" not in str(refused.value)


class InAList(EMT):
    """Returns its energy as an array of one number, as models of batches do."""

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        self.results["energy"] = np.array([self.results["energy"]])


def test_an_energy_in_an_array_of_one_number_is_that_number(by_object):
    assert dict(quick(InAList(), elements=METALS).metrics) == dict(by_object.metrics)


def test_results_of_other_atoms_are_no_labels():
    shared = EMT()
    atoms = [bulk("Cu"), bulk("Ag")]
    for one in atoms:
        one.calc = shared
        one.get_potential_energy()
    with pytest.raises(DataError, match=r"structure 0 \(Cu\): its calculator holds results of other atoms"):
        matdisc.load_dataset(atoms)


@pytest.mark.ray
def test_workers_answer_as_this_process_does(ray_session, by_object):
    for calculator in (EMT(), lambda: EMT()):
        assert dict(quick(calculator, elements=METALS, workers=2).metrics) == dict(by_object.metrics)


@pytest.mark.ray
def test_what_cannot_be_pickled_is_asked_here_with_a_sentence(ray_session, by_object, capsys):
    calculator = EMT()
    calculator.lock = threading.Lock()
    assert dict(quick(calculator, elements=METALS, workers=2).metrics) == dict(by_object.metrics)
    assert "cannot be sent to worker processes" in capsys.readouterr().err


@pytest.mark.ray
def test_code_that_workers_cannot_import_is_named(ray_session, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("from ase.calculators.emt import EMT\n\n\ndef make():\n    return EMT()\n")
    monkeypatch.syspath_prepend(tmp_path)
    make = importlib.import_module("only_here").make
    with pytest.raises(ExtraError, match=r"needs the package 'only_here'.*put its folder on PYTHONPATH"):
        quick(make, workers=1)
