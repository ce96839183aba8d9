"""Runs can be listed, looked at and gone on with."""

import fcntl

import pytest

from matdisc.cli.app import app
from matdisc.errors import RunError
from matdisc.run import predict
from matdisc.run.history import past_runs, read_run

SET = "emt-alloys"
NAME = f"discovery/{SET}/broken"


@pytest.fixture
def stopped(board, add_toy):
    """A run about 40 materials that was stopped after 12."""
    key = add_toy("broken", "misbehaving", how="raise", symbol="Au")
    run = predict(board, key, "discovery", SET, limit=40, workers=0)
    lines = run.record.read_bytes().splitlines(keepends=True)
    answers = [line for line in lines[1:] if b'"material_id"' in line]
    run.record.write_bytes(b"".join([lines[0], *answers[:12], answers[12][:20]]))
    return board


def test_a_run_tells_what_it_was_asked_and_what_became_of_it(board, add_toy):
    key = add_toy("broken", "misbehaving", how="raise", symbol="Au")
    predict(board, key, "discovery", SET, limit=40, workers=0)
    run = read_run(board, NAME)
    assert (run.state, run.statuses.total(), run.call["limit"]) == ("done", 40, 40)
    assert run.troubles["RuntimeError: this potential does not like you"] == run.statuses["failed"] > 0
    assert run.cost["cpu_seconds"] > 0
    assert run.cost["machines"][0]["packages"].keys() >= {"ase", "numpy"}
    assert len(run.slowest) == 5


def test_a_run_that_was_cut_short_is_stopped_and_its_torn_line_does_not_count(stopped):
    run = read_run(stopped, NAME)
    assert (run.state, run.statuses.total()) == ("stopped", 12)


def test_a_run_that_a_process_holds_is_running(stopped):
    with (stopped.runs_dir / NAME / "records.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert read_run(stopped, NAME).state == "stopped"
        fcntl.flock(file, fcntl.LOCK_EX)
        assert read_run(stopped, NAME).state == "running"


def test_a_run_that_is_not_there_is_refused_with_those_that_are(stopped):
    with pytest.raises(RunError, match=NAME):
        read_run(stopped, "discovery/nothing/at-all")


def command(capsys, board, *arguments):
    with pytest.raises(SystemExit) as end:
        app([*arguments, "--board", str(board.root)])
    assert end.value.code == 0
    return capsys.readouterr().out


def test_resuming_asks_what_is_left_as_it_was_asked_before(stopped, capsys):
    assert NAME in command(capsys, stopped, "runs", "list")
    said = command(capsys, stopped, "runs", "resume")
    assert "(28 asked now, 12 reused)" in said
    assert [run.state for run in past_runs(stopped)] == ["done"]
    assert "no run is stopped" in command(capsys, stopped, "runs", "resume")
    assert "nothing to go on with" in command(capsys, stopped, "runs", "resume", NAME)


def test_showing_a_run_names_its_troubles_and_cost(stopped, capsys):
    said = command(capsys, stopped, "runs", "show", NAME)
    assert "12 of 40 answered" in said
    assert "x RuntimeError: this potential does not like you" in said
    assert "CPU s in" in said
