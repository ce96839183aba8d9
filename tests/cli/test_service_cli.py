"""`matdisc up`, `api`, `worker` and `backup`: what is wrong is said in one line, before anything starts."""

import re
import socket
import sqlite3
import stat
import subprocess
import sys
import tomllib
from contextlib import closing

import pytest
from typer.testing import CliRunner

pytest.importorskip("fastapi", reason="needs matdisc[service]")

from matdisc.cli.app import app
from matdisc.errors import MatdiscError
from matdisc.service import serve, up
from matdisc.service.home import make_home, settings_text
from matdisc.service.settings import Settings, load_settings
from matdisc.service.store.accounts import create_token
from matdisc.service.store.database import open_store

pytestmark = pytest.mark.service


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def parts(monkeypatch):
    """What `up` would start and keep alive."""
    started = []
    monkeypatch.setattr(up, "supervise", lambda parts, stopping: started.extend(parts))
    monkeypatch.setattr(up, "tell_when_ready", lambda host, port, tell: tell(f"http://{host}:{port}"))
    return started


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Leave the logs of the test run as they are."""
    monkeypatch.setattr("matdisc.service.logs.configure_logs", lambda *_: None)


@pytest.fixture
def built(board):
    """A board that has a site."""
    board.site_dir.mkdir(parents=True)
    (board.site_dir / "index.html").write_text("<html>")
    return board


@pytest.mark.parametrize("command", ["up", "api", "worker", "backup"])
def test_each_command_says_what_it_does_with_an_example(command):
    told = run(command, "--help")
    assert told.exit_code == 0
    assert f"Example: matdisc {command}" in told.output
    assert "--supervised" not in told.output


@pytest.mark.parametrize("command", [("up",), ("api",), ("worker",), ("backup", "copy")])
def test_a_folder_that_is_no_board_is_refused(command, tmp_path):
    refused = run(*command, "-b", tmp_path)
    assert isinstance(refused.exception, MatdiscError)
    assert "no board here" in str(refused.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("up",), ("api",), ("worker",), ("backup", "copy")])
def test_a_missing_package_is_named_with_the_command_that_installs_it(command, board, monkeypatch):
    monkeypatch.setattr(serve, "PACKAGES", ("no_such_package",))
    refused = run(*command, "-b", board.root)
    assert 'pip install "matdisc[service]"' in str(refused.exception)


@pytest.mark.parametrize("command", ["up", "api"])
def test_a_port_in_use_is_refused_before_anything_is_made(command, board, parts):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = run(command, "-b", board.root, "--port", taken.getsockname()[1])
    assert "another program listens there; end it, or give another --port" in str(refused.exception)
    assert not (board.root / "service").exists()
    assert parts == []


@pytest.mark.parametrize("command", ["up", "api"])
def test_an_open_door_is_refused_until_there_is_a_token(command, built, parts, monkeypatch):
    served = []
    monkeypatch.setattr(serve, "serve", lambda *arguments: served.append(arguments))
    refused = run(command, "-b", built.root, "--host", "0.0.0.0", "--port", 0)
    assert f"matdisc token create --team TEAM --person NAME --role maintainer --board {built.root}" in str(
        refused.exception
    )
    assert (parts, served) == ([], [])
    store = open_store(load_settings(built.root, None, {}).database)
    create_token(store, team="Lab", person="Ada")
    store.close()
    assert run(command, "-b", built.root, "--host", "0.0.0.0", "--port", 0).exit_code == 0
    assert parts or served


@pytest.mark.parametrize("command", ["up", "api"])
def test_a_proxy_that_is_no_address_is_refused(command, board):
    refused = run(command, "-b", board.root, "--behind-proxy", "*")
    assert "--behind-proxy *: no address of a proxy" in str(refused.exception)


def test_wrong_settings_are_refused_with_file_and_field(board, parts):
    make_home(board.root / "service")
    (board.root / "service" / "service.toml").write_text("[quota]\nrunning = 0\n")
    refused = run("up", "-b", board.root, "--port", 0)
    assert re.search(r"service\.toml: field 'quota\.running'", str(refused.exception))


def test_the_first_start_makes_the_folder_and_says_how_to_make_a_token(built, parts):
    done = run("up", "-b", built.root, "--port", 0, "-w", 3)
    assert done.exit_code == 0, done.output
    home = built.root / "service"
    assert f"settings: {home / 'service.toml'}" in done.output
    assert "no token yet, so that nobody can submit; make one: matdisc token create" in done.output
    assert "mdt_" not in done.output
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "service.toml").stat().st_mode) == 0o600
    assert [part.name for part in parts] == ["api", "worker"]
    assert parts[1].command[-2:] == ("--workers", "3")
    again = run("up", "-b", built.root, "--port", 0)
    assert "settings:" not in again.output


def test_children_have_the_address_unless_the_settings_know_a_better_one(built, parts):
    run("up", "-b", built.root, "--port", 0, "--address", "auto", "--behind-proxy", "127.0.0.1")
    api, worker = (part.command for part in parts)
    url = api[api.index("--url") + 1]
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", url)
    assert worker[worker.index("--url") + 1] == url
    assert api[api.index("--behind-proxy") + 1] == "127.0.0.1/32"
    assert worker[worker.index("--address") + 1] == "auto"
    parts.clear()
    (built.root / "service" / "service.toml").write_text('[web]\npublic_url = "https://board.example"\n')
    run("up", "-b", built.root, "--port", 0)
    assert "https://board.example" in parts[0].command


def test_a_missing_site_is_built(board, parts):
    done = run("up", "-b", board.root, "--port", 0)
    assert "site: is built" in done.output
    assert (board.site_dir / "index.html").is_file()


def test_a_service_starts_although_its_site_cannot_be_built(board, parts):
    (board.root / "leaderboard" / "site.toml").write_text("= no toml")
    assert run("up", "-b", board.root, "--port", 0).exit_code == 0
    assert parts


def test_every_setting_stands_in_the_file_of_the_first_start_and_says_its_default(tmp_path, board):
    before = load_settings(board.root, tmp_path / "service", {})
    make_home(tmp_path / "service")
    text = (tmp_path / "service" / "service.toml").read_text()
    assert text == settings_text()
    assert load_settings(board.root, tmp_path / "service", {}) == before
    uncommented = re.sub(r"^# (?=\w+ = )", "", text, flags=re.M)
    said = tomllib.loads(re.sub(r"^(database|blobs) = .*$", "", uncommented, flags=re.M))
    places = {"home": tmp_path, "board": board.root, "database": "sqlite:///x", "blobs": "x"}
    assert Settings.model_validate(said | places) == Settings.model_validate(places)
    for name, field in Settings.model_fields.items():
        fields = getattr(field.annotation, "model_fields", None)
        assert fields is None or set(said[name]) == set(fields)
    assert set(said) == set(Settings.model_fields) - set(places)


def test_settings_that_are_there_stay(tmp_path):
    (tmp_path / "service.toml").write_text("moderation = true\n")
    assert make_home(tmp_path) is False
    assert (tmp_path / "service.toml").read_text() == "moderation = true\n"


def test_a_backup_says_what_it_holds(board, tmp_path):
    store = open_store(load_settings(board.root, None, {}).database)
    (board.root / "service" / "blobs").mkdir()
    store.close()
    done = run("backup", tmp_path / "copy", "-b", board.root)
    assert done.exit_code == 0
    assert done.output == f"backup: {tmp_path / 'copy'} (0 submissions, 0 files, 0.0 MiB)\n"
    with closing(sqlite3.connect(tmp_path / "copy" / "service.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_backup_exits_with_one_if_a_file_of_the_service_is_damaged(board, tmp_path):
    open_store(load_settings(board.root, None, {}).database).close()
    place = board.root / "service" / "blobs" / "ab" / "cd"
    place.mkdir(parents=True)
    (place / ("abcd" + "0" * 60)).write_bytes(b"rotten")
    done = run("backup", tmp_path / "copy", "-b", board.root)
    assert done.exit_code == 1
    assert "problem: file abcd0000" in done.output


def test_commands_of_the_service_start_light():
    code = (
        "import sys; sys.argv = ['matdisc', 'up', '--help']\n"
        "from matdisc.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('ray', 'sqlalchemy', 'fastapi', 'uvicorn', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_error_of_the_user_is_one_line_without_a_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "matdisc", "api", "-b", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert re.fullmatch(r"error: .*no board here.*\n", done.stderr)
