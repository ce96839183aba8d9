"""`matdisc token` on the command line: a secret is shown once, and never again."""

import json

import pytest
from typer.testing import CliRunner

from matdisc.cli.token import token
from matdisc.errors import CardError, ExtraError, ServiceError
from matdisc.service import serve
from matdisc.service.store.accounts import authenticate, get_token
from matdisc.service.store.database import open_store

pytestmark = pytest.mark.service


@pytest.fixture
def run(board, monkeypatch):
    """Run a command on a board: `run("list")` is what it prints; its errors are raised."""
    monkeypatch.delenv("MATDISC_DB", raising=False)

    def run(*arguments):
        return CliRunner().invoke(token, [*arguments, "--board", str(board.root)], catch_exceptions=False).output

    return run


@pytest.fixture
def opened(board):
    """The store of that board's service."""
    store = open_store(f"sqlite:///{board.root / 'service' / 'service.db'}")
    yield store
    store.close()


LAB = ("--team", "Lab A", "--person", "Ada")


def test_a_new_token_comes_with_the_line_that_uses_it(run, opened):
    line = next(line for line in run("create", *LAB).splitlines() if line.startswith("export"))
    text = line.removeprefix("export MATDISC_TOKEN=")
    assert authenticate(opened, text).team == "Lab A"


def test_a_secret_is_never_printed_again(run):
    made = json.loads(run("create", *LAB, "--json"))
    secret = made["token"].split("_", 2)[2]
    for command in (["list"], ["list", "--json"], ["revoke", made["token"]], ["revoke", made["id"], "--json"]):
        printed = run(*command)
        assert made["id"] in printed
        assert secret not in printed


def test_json_says_the_same_when_made_and_when_listed(run):
    made = json.loads(run("create", *LAB, "--role", "maintainer", "--days", "0", "--json"))
    assert made.pop("token")
    assert json.loads(run("list", "--json")) == [made]
    assert (made["scopes"], made["expires"]) == (["submit", "read", "publish", "admin"], None)


def test_options_reach_the_token(run, opened):
    options = ("--scope", "read", "--days", "2", "--orcid", "0000-0002-1825-0097")
    made = get_token(opened, json.loads(run("create", *LAB, *options, "--json"))["id"])
    assert (made.scopes, made.orcid) == ({"read"}, "0000-0002-1825-0097")
    assert made.expires == pytest.approx(made.created + 2 * 86400)


def test_a_revoked_token_opens_nothing_and_is_listed_so(run, opened):
    made = json.loads(run("create", *LAB, "--json"))
    assert "revoked" in run("revoke", made["id"])
    assert authenticate(opened, made["token"]) is None
    assert json.loads(run("list", "--json"))[0]["revoked"]


def test_the_list_says_what_to_do_while_there_is_none(run):
    assert "matdisc token create" in run("list")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", *LAB, "--role", "root"], "role 'root'"),
        (["create", *LAB, "--days", "-1"], "days -1"),
        (["create", *LAB, "--orcid", "0000-0002-1825-0098"], "check digit"),
        (["create", "--team", "<b>", "--person", "Ada"], "team '<b>'"),
        (["revoke", "nothing"], "no token 'nothing'"),
    ],
)
def test_what_is_wrong_is_said_in_words(run, arguments, words):
    with pytest.raises(ServiceError, match=words):
        run(*arguments)


def test_a_folder_that_is_no_board_gets_no_service(tmp_path):
    with pytest.raises(CardError, match="no board here"):
        CliRunner().invoke(token, ["list", "--board", str(tmp_path)], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


def test_without_the_packages_of_the_service_it_says_how_to_get_them(run, monkeypatch):
    monkeypatch.setattr(serve, "PACKAGES", ("no_such_package",))
    with pytest.raises(ExtraError, match=r'no_such_package.* pip install "matdisc\[service\]"'):
        run("list")


def test_the_database_of_the_environment_is_used(run, board, tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_DB", f"sqlite:///{tmp_path / 'other.db'}")
    run("create", *LAB)
    assert (tmp_path / "other.db").exists()
    assert not (board.root / "service").exists()
