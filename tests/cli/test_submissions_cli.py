"""`matdisc submit --to` and `matdisc submissions`: what they refuse before anything is sent."""

import sys

import pytest
from typer.testing import CliRunner

from matdisc.cli.app import app
from matdisc.cli.watching import SELDOM, _status_line
from matdisc.client.status import Status

SUBMIT = ["submit", "mine.csv", "-c", "model.toml", "-t", "discovery", "-d", "emt-alloys"]
SERVICE = ["--to", "https://board.example.org"]


def refused(*arguments):
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 2
    return " ".join(found.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    "option", [["--watch"], ["--private"], ["--embargo", "2030-01-01"], ["--webhook", "https://x"], ["--model", "emt"]]
)
def test_what_only_a_service_does_needs_its_address(option):
    assert f"{option[0]} is for a submission service; give its address with --to" in refused(*SUBMIT, *option)


@pytest.mark.parametrize("option", [["--replace"], ["--training", "data.csv"], ["--board", "elsewhere"]])
def test_what_only_a_board_of_your_own_does_is_refused_beside_a_service(option):
    assert f"{option[0]} is for a board of your own; leave it out with --to" in refused(*SUBMIT, *SERVICE, *option)


@pytest.mark.parametrize("missing", [SUBMIT[:2], SUBMIT[2:4]], ids=["card", "file"])
def test_a_board_of_your_own_needs_file_and_card(missing):
    arguments = ["submit", *missing[1:], *SUBMIT[4:]] if missing[0] == "submit" else ["submit", *SUBMIT[2:]]
    assert "give a predictions file, and the model's card with --card" in refused(*arguments)


@pytest.mark.parametrize("command", ["submit", "submissions"])
def test_no_command_takes_a_token_where_a_shell_would_keep_it(command):
    for part in ([], ["list"], ["show"], ["cancel"], ["withdraw"], ["embargo"])[: 1 if command == "submit" else None]:
        said = CliRunner().invoke(app, [command, *part, "--help"]).stdout
        assert "--token" not in said
        assert "TOKEN" not in said


def test_a_list_needs_to_know_which_service():
    assert "--to" in refused("submissions", "list")


def test_an_embargo_is_either_set_or_lifted():
    for options in ([], ["--until", "2030-01-01", "--lift"]):
        assert "give either --until or --lift" in refused("submissions", "embargo", "s1", *SERVICE, *options)


def running(done):
    return Status({"id": "s1", "state": "running", "progress": {"done": done, "total": 9}})


def test_a_log_gets_a_line_for_each_state_and_seldom_one_for_progress(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("matdisc.cli.watching.time.monotonic", lambda: now[0])
    with _status_line() as show:
        show(Status({"id": "s1", "state": "queued"}))
        show(running(1))
        show(running(2))
        now[0] = SELDOM + 1
        show(running(3))
        show(running(3))
        show(Status({"id": "s1", "state": "succeeded"}))
    assert capsys.readouterr().err.splitlines() == ["queued", "running: 1 of 9", "running: 3 of 9", "succeeded"]


def test_a_terminal_has_one_line_that_changes(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "12")
    with _status_line() as show:
        show(running(1))
        show(Status({"id": "s1", "state": "succeeded"}))
    assert capsys.readouterr().err == "\r\x1b[Krunning: 1 \r\x1b[Ksucceeded\n"
