"""A task of another package: one module and one data set folder, and every part of the house knows it."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from matdisc.errors import CardError
from matdisc.tasks import TASKS, registry
from matdisc.tasks.describe import columns, markdown
from matdisc.tasks.fit import check_dataset, check_model, misfit
from matdisc.tasks.registry import OWN, Registry
from matdisc.tasks.task import faults

PLUG_IN = Path(__file__).parent / "plug_in"
SET = "compressed-metals"


def package(folder: Path, points: dict[str, str]) -> Path:
    """Install the module and what its package's metadata say of tasks into a folder of the path."""
    shutil.copy(PLUG_IN / "compression.py", folder)
    (folder / "broken.py").write_text("raise RuntimeError('no licence server')\n")
    (folder / "leaving.py").write_text("raise SystemExit(3)\n")
    about = folder / "compression-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: compression\nVersion: 1.0\n")
    lines = "\n".join(f"{key} = {place}" for key, place in points.items())
    (about / "entry_points.txt").write_text(f"[matdisc.tasks]\n{lines}\n")
    return folder


@pytest.fixture
def command(board, tmp_path):
    """Return a function that runs a command of matdisc where the package is installed."""
    (tmp_path / "packages").mkdir()
    path = package(tmp_path / "packages", {"compression": "compression:COMPRESSION"})
    shutil.copytree(PLUG_IN / SET, board.datasets_dir / SET)

    def run(*words: object, code: int = 0) -> str:
        asked = [sys.executable, "-m", "matdisc", *map(str, words), "--board", str(board.root)]
        done = subprocess.run(
            asked, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(path)}, cwd=tmp_path
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.slow
def test_a_task_of_another_package_is_at_home_everywhere(board, command, tmp_path):
    assert "compression" in command("predict", "--help").replace("\n", " ")
    assert "compression" in command("models", "list")
    command("predict", "emt", "compression", "-d", SET, "-w", "0")
    file = board.predictions_dir / "compression" / SET / "emt.csv.gz"
    checked = command("check", file, "-t", "compression", "-d", SET)
    assert "10 of 10" in checked
    assert "5 near" in command("score", file, "-t", "compression", "-d", SET)
    result = json.loads(command("score", file, "-t", "compression", "-d", SET, "--json"))
    assert (result["n"], result["n_positive"], result["metrics"]["f1"]["value"]) == (10, 5, 1.0)
    other = tmp_path / "other.csv"
    ids = [f"{symbol}-{edge}" for symbol, edge in _crystals()]
    other.write_text("material_id,energy_above_ground\n" + "".join(f"{name},0.5\n" for name in ids))
    card = tmp_path / "other.toml"
    card.write_text(_card("other", 'gives = ["energy"]'))
    command("submit", other, "--card", card, "-t", "compression", "-d", SET)
    command("rescore")
    ranking = json.loads((board.rankings_dir / "compression" / f"{SET}.json").read_text())
    assert sorted(ranking["entries"]) == ["emt", "other"]
    flips = json.loads(command("compare", "emt", "other", "-t", "compression", "-d", SET, "--json"))
    assert flips[0]["flips"]["lost"] == 5
    command("site", "build")
    site = board.root / "leaderboard" / "_site"
    page = (site / "models" / "emt" / f"compression--{SET}.html").read_text()
    assert "Compressed crystals" in (site / "tasks" / "compression.html").read_text()
    assert "nothing is relaxed" in (site / "tasks" / "compression.html").read_text()
    assert "<svg" in page
    assert "ROC" in page
    assert "Compressed crystals" in (site / "methods.html").read_text()
    assert "energy_above_ground" in (site / "submit.html").read_text()


@pytest.mark.slow
def test_a_package_that_breaks_leaves_the_rest_of_its_board_standing(board, command, tmp_path):
    for folder in board.datasets_dir.iterdir():
        if folder.name not in (SET, "elements"):
            shutil.rmtree(folder)
    command("evaluate", "emt", "-t", "compression", "-d", SET, "-w", "0")
    (tmp_path / "packages" / "compression.py").write_text("raise RuntimeError('no licence server')\n")
    said = command("evaluate", "emt", "-w", "0")
    assert "task 'compression' of the package 'compression' (compression:COMPRESSION) is left out" in said
    assert f"{SET}/dataset.toml: field 'tasks' names 'compression', which is no task" in said
    site = board.root / "leaderboard" / "_site"
    assert (site / "tasks" / "polymorphs.html").exists()
    assert not (site / "tasks" / "compression.html").exists()
    assert (board.results_dir / "compression" / SET / "emt.json").exists()
    assert "names 'compression'" in command("evaluate", "emt", "-d", SET, "-w", "0", code=2)


def _crystals() -> list[list[str]]:
    return [line.split(",")[:2] for line in (PLUG_IN / SET / "crystals.csv").read_text().splitlines()[1:]]


def _card(key: str, more: str) -> str:
    about = f'key = "{key}"\nname = "Other"\nversion = "1"\nkind = "potential"\nlevel_of_theory = "toy"'
    return f'{about}\nsummary = "For tests."\n{more}\n[licence]\ncode = "MIT"\n[[authors]]\nname = "Nobody"\n'


@pytest.fixture
def plugged(tmp_path, monkeypatch):
    """Return a function from entry points, name to place, to the registry that finds them."""
    monkeypatch.syspath_prepend(package(tmp_path, {}))

    def made(*points: tuple[str, str]) -> Registry:
        found = [EntryPoint(name, place, registry.GROUP) for name, place in points]
        monkeypatch.setattr(registry, "entry_points", lambda group: found)
        return Registry(OWN, registry.GROUP)

    return made


@pytest.mark.parametrize(
    ("point", "said"),
    [
        (("hollow", "broken:TASK"), "raises RuntimeError: no licence server"),
        (("hollow", "leaving:TASK"), "raises SystemExit: 3"),
        (("hollow", "no_such_module:TASK"), "raises ModuleNotFoundError"),
        (("hollow", "compression:LIMIT"), "is a float and no matdisc.tasks.task.Task"),
        (("hollow", "compression:COMPRESSION"), "its key is 'compression'"),
        (("dynamics", "compression:COMPRESSION"), "the key 'dynamics' is taken"),
    ],
)
def test_a_task_that_cannot_be_used_is_named_and_left_out_and_the_others_work(plugged, point, said):
    tasks = plugged(point, ("compression", "compression:COMPRESSION"))
    assert list(tasks) == [*OWN, "compression"]
    (problem,) = tasks.problems
    assert point[1] in problem
    assert said in problem
    assert "mend or uninstall the package" in problem


def test_a_task_without_words_is_left_out(plugged, tmp_path):
    (tmp_path / "wordless.py").write_text(
        "from dataclasses import replace\nfrom compression import COMPRESSION\n"
        "TASK = replace(COMPRESSION, key='wordless', description=' ')\n"
    )
    tasks = plugged(("wordless", "wordless:TASK"))
    assert "wordless" not in tasks
    assert "its description is empty" in tasks.problems[0]


def test_the_keys_of_all_tasks_are_known_before_any_is_loaded(plugged):
    tasks = plugged(("hollow", "broken:TASK"))
    assert tasks.keys_known == (*OWN, "hollow")
    assert tasks.problems == []


def test_a_card_that_names_an_unknown_task_is_refused_with_file_field_value_and_remedy(board):
    card = board.dataset("elements").model_copy(update={"tasks": ("polymorphs", "alchemy")})
    with pytest.raises(CardError, match=r"elements.dataset\.toml: field 'tasks' names 'alchemy'.*tasks: discovery"):
        check_dataset(board, card)


@pytest.mark.parametrize(("kind", "gives"), [("potential", "entropy"), ("predictor", "forces")])
def test_a_card_that_names_an_unknown_capability_is_refused_with_what_there_is(board, kind, gives):
    card = board.model("emt").model_copy(update={"kind": kind, "gives": (gives,)})
    with pytest.raises(CardError, match=rf"emt.model\.toml: field 'gives' names '{gives}'.*known: "):
        check_model(board, card)


def test_every_potential_that_gives_forces_can_be_asked_about_dynamics(board):
    potentials = [card for card in map(board.model, board.model_keys()) if card.kind == "potential"]
    assert len(potentials) > 20
    for card in potentials:
        assert (misfit(TASKS["dynamics"], card) is None) == {"energy", "forces"}.issubset(card.gives)


def test_what_a_model_lacks_for_a_task_is_named(board):
    scalar = board.model("emt").model_copy(update={"gives": ("energy",)})
    assert (
        misfit(TASKS["relaxation"], scalar)
        == "the task 'relaxation' needs forces and stress, which 'emt' does not give"
    )
    assert "asks predictors" in misfit(TASKS["alloys"], scalar)
    assert "asks for phase" in misfit(TASKS["alloys"], board.model("dummy-mean"))


def test_every_task_has_words_for_help_site_and_documentation():
    for key in OWN:
        task = TASKS[key]
        assert faults(task, key) == []
        assert all(column.help for column in task.columns)
        assert all(metric.label and metric.help for metric in task.metrics)


def test_the_page_of_tasks_is_what_the_tasks_say():
    page = Path(__file__).parents[2] / "docs" / "reference" / "tasks.md"
    assert page.read_text(encoding="utf-8") == markdown(TASKS[key] for key in OWN)


def test_numbered_columns_take_one_row():
    names = [cells[0] for cells in columns(TASKS["dynamics"])]
    assert "g_00 … g_31" in names
    assert len(names) < len(TASKS["dynamics"].columns) / 5
