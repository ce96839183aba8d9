"""A run that may use so many CPU hours stops in order when they are spent, says what is open, and goes on with more."""

import re
import sys

import pytest

from matdisc.cli import main
from matdisc.errors import BudgetSpent
from matdisc.run import predict
from matdisc.run.engine.worker import answer_unit
from matdisc.run.history import read_run

SET = "emt-alloys"
ASKED = ("emt", "discovery", SET)
NAME = f"discovery/{SET}/emt+single-point"


def spent_by(board):
    return read_run(board, NAME).cost["cpu_seconds"]


def answered(board):
    return read_run(board, NAME).statuses.total()


def run(board, **options):
    return predict(board, *ASKED, workers=0, protocol="single-point", **options)


def test_what_is_done_when_the_budget_is_spent_is_kept_and_more_of_it_goes_on(board, monkeypatch):
    monkeypatch.setattr(answer_unit, "__defaults__", (0.0,))  # each answer arrives by itself
    with pytest.raises(BudgetSpent, match=r"emt\+single-point: .* the budget is 1e-06; \d+ of 40 materials are open"):
        run(board, limit=40, budget=1e-6)
    first = answered(board)
    assert first < 40
    assert spent_by(board) >= 3600e-6
    assert not board.predictions_dir.exists()
    with pytest.raises(BudgetSpent):  # earlier parts of the run count: nothing more is asked
        run(board, limit=40, budget=1e-6)
    assert answered(board) == first
    whole = run(board, limit=40, budget=1.0)
    assert (whole.reused, whole.computed) == (first, 40 - first)


def test_a_run_that_is_complete_is_done_whatever_its_budget(board):
    run(board, limit=5)
    assert run(board, limit=5, budget=0.0).computed == 0


def test_a_budget_of_nothing_asks_nothing(board):
    with pytest.raises(BudgetSpent, match="0 CPU hours are spent, the budget is 0; 5 of 5 materials are open"):
        run(board, limit=5, budget=0.0)
    assert answered(board) == 0


def ended(monkeypatch, board, *arguments):
    monkeypatch.setattr(sys, "argv", ["matdisc", *arguments, "--board", str(board.root)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def test_the_command_ends_with_a_code_of_its_own_and_the_same_command_goes_on(board, monkeypatch, capsys):
    asked = ("predict", "emt", "discovery", "-d", SET, "-w", "0", "--protocol", "single-point", "--limit", "6")
    assert ended(monkeypatch, board, *asked, "--budget", "0") == 3
    said = capsys.readouterr().err
    assert "stopped: emt+single-point" in said
    assert "goes on with a larger --budget, or without one" in said
    assert ended(monkeypatch, board, *asked, "--dry-run", "--price-per-core-hour", "2") == 0
    assert "6 ok (6 asked now), 0 open" in capsys.readouterr().out
    assert ended(monkeypatch, board, *asked, "--budget", "1") == 0


def test_the_table_of_an_evaluation_costs_nothing(board, monkeypatch, capsys):
    asked = ("evaluate", "emt", "--task", "discovery", "-d", SET, "-w", "0", "--no-site")
    assert ended(monkeypatch, board, *asked, "--dry-run") == 0
    said = capsys.readouterr().out
    assert "dummy-mean" in said
    assert re.search(r"^\d runs, 0 of them done; the others take roughly \d+ s of CPU time$", said, re.MULTILINE)
    assert not board.runs_dir.exists()


@pytest.mark.ray
def test_workers_that_are_stopped_for_a_budget_lose_nothing_that_arrived(board, ray_session, add_toy):
    key = add_toy("slow", "counted", seconds=0.02, busy=True)
    with pytest.raises(BudgetSpent):
        predict(board, key, "discovery", SET, workers=2, budget=1.5 / 3600)
    name = f"discovery/{SET}/{key}"
    before = read_run(board, name)
    assert before.state == "stopped"
    assert 1.5 <= before.cost["cpu_seconds"] < 60
    record = board.runs_dir / name / "records.jsonl"
    assert len(record.read_bytes().splitlines()) > 1
    whole = predict(board, key, "discovery", SET, workers=2)
    assert whole.reused == before.statuses.total()
    assert whole.counts["ok"] == whole.reused + whole.computed
