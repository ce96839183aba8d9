"""From an author's shell or script to the result, through a service that runs: it is what scoring here gives."""

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from service_http import CARD, serving
from typer.testing import CliRunner

import matdisc
from matdisc.api.remote import predictions_file
from matdisc.cli.app import app
from matdisc.client.answers import Unreachable, json_of
from matdisc.errors import CardError, ServiceError, SubmissionError
from matdisc.leaderboard.results import score_file
from matdisc.service.settings import Guards
from matdisc.service.worker.loop import work
from matdisc.tasks import get_task

PLACE = ("discovery", "emt-alloys")
PAGE = Path(__file__).parents[2] / "docs" / "guides" / "submitting.md"


@contextmanager
def working(settings):
    """A worker beside the test, which ends with the block."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(settings,), kwargs={"workers": 0, "stop": stop.is_set})
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


@pytest.fixture
def lab(settings, sqlite_store, blobs, make_team, monkeypatch):
    """A service that runs without a worker, and a team's token in the environment."""
    team = make_team(sqlite_store)
    monkeypatch.setenv("MATDISC_TOKEN", team.secret)
    monkeypatch.setattr("matdisc.client.follow.FIRST_PAUSE", 0.05)
    with serving(settings, sqlite_store, blobs, team.secret) as api:
        yield api


@pytest.fixture
def guesses(board):
    """Formation energies of every material, a tenth wrong in the last digit."""
    labels = matdisc.load_dataset("emt-alloys", board=board).labels["e_form_per_atom"]
    return labels.round(1)


@pytest.fixture
def mine(guesses, tmp_path):
    """A predictions file and a card, as an author has them."""
    file, card = tmp_path / "mine.csv", tmp_path / "model.toml"
    guesses.to_csv(file)
    card.write_text(CARD.format(key="mine"))
    return file, card


def run(*arguments):
    found = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def submit(lab, mine, *more):
    file, card = mine
    return run("submit", file, "--card", card, "-t", PLACE[0], "-d", PLACE[1], "--to", lab.url, *more)


def id_of(found):
    return re.match(r"[\w-]+(?=:)", found.stdout)[0]


# the page for authors


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def shell(lab, folder, text):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euc", text.replace("https://board.example.org", lab.url)],
        cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip


@pytest.mark.slow
def test_the_commands_of_the_page_do_what_it_says(lab, mine, settings, tmp_path):
    submitting, following, curl = blocks("sh")
    with working(settings):
        assert "mine on emt-alloys (discovery): 221 materials" in shell(lab, tmp_path, submitting).stdout
    made = json.loads(shell(lab, tmp_path, curl).stdout)
    assert made["state"] == "received"
    assert json.loads(shell(lab, tmp_path, curl).stdout)["id"] == made["id"]
    first, second, *rest = following.replace("ID", made["id"]).splitlines()
    assert "no submissions" in shell(lab, tmp_path, f"{first}\n{second}").stdout
    for line in rest:
        words = line.partition("#")[0].split()
        assert words[2] in ("show", "cancel", "embargo", "withdraw")
    shown = shell(lab, tmp_path, f"{first}\n{rest[1]}").stdout
    assert shown.startswith(f"{made['id']}: cancelled")


def test_the_code_of_the_page_runs(lab, mine, guesses, settings, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    known = {"my_model": lambda atoms: guesses[atoms.info["material_id"]]}
    with working(settings):
        for text in blocks("python"):
            exec(compile(text.replace("https://board.example.org", lab.url), str(PAGE), "exec"), known)
    table, state = capsys.readouterr().out.rstrip("\n").rsplit("\n", 1)
    assert table.startswith("mine on emt-alloys (discovery): 221 materials")
    assert state == "received"
    assert known["result"].to_dict()["metrics"] == matdisc.score(guesses, *PLACE).to_dict()["metrics"]


# from the command line


def test_one_command_ends_with_the_table_that_score_prints(lab, mine, settings):
    with working(settings):
        found = submit(lab, mine, "--watch")
    assert found.exit_code == 0
    table = run("score", mine[0], "-t", PLACE[0], "-d", PLACE[1], "--board", settings.board).stdout
    assert table.splitlines()[1:8] == found.stdout.splitlines()[4:11]
    assert "succeeded" in found.stderr
    assert re.search(rf"^page: {lab.url}/submissions/[\w-]+$", found.stdout, re.MULTILINE)


def test_without_watching_it_says_how_to_go_on_and_the_list_knows_it(lab, mine, settings):
    found = submit(lab, mine)
    assert found.exit_code == 0
    name = id_of(found)
    assert found.stdout.splitlines()[1] == f"next: matdisc submissions show {name} --to {lab.url} --watch"
    assert re.search(rf"{name} +mine +discovery", run("submissions", "list", "--to", lab.url).stdout)
    assert json.loads(run("submissions", "list", "--to", lab.url, "--json").stdout)[0]["id"] == name
    assert run("submissions", "list", "--to", lab.url, "--state", "running").stdout == "no submissions\n"
    work(settings, workers=0, once=True)
    shown = json.loads(run("submissions", "show", name, "--to", lab.url, "--json").stdout)
    assert shown["result"]["coverage"]["answered"] == 221


def test_a_file_that_cannot_be_scored_is_rejected_in_words_and_exit_code_one(lab, mine, settings):
    mine[0].write_text("material_id,e_form_per_atom\nnowhere,0.1\n")
    with working(settings):
        found = submit(lab, mine, "--watch")
    assert found.exit_code == 1
    assert re.search(r"rejected: .*nowhere", found.stdout)
    assert run("submissions", "show", id_of(found), "--to", lab.url).exit_code == 1


def test_what_the_service_refuses_is_said_with_the_field(lab, mine):
    mine[0].write_bytes(b"PK\x03\x04zip")
    with pytest.raises(ServiceError, match=r"File refused: .*\(field 'predictions'\)"):
        submit(lab, mine)
    with pytest.raises(ServiceError, match=r"field 'dataset' is 'nowhere', which does not exist"):
        run("submit", *mine[:1], "-c", mine[1], "-t", "discovery", "-d", "nowhere", "--to", lab.url)


def test_a_token_that_is_revoked_or_wrong_is_refused(lab, mine, monkeypatch):
    monkeypatch.setenv("MATDISC_TOKEN", "mdt_abc_def")
    with pytest.raises(ServiceError, match="token"):
        submit(lab, mine)


def test_what_waits_is_cancelled(lab, mine):
    name = id_of(submit(lab, mine))
    assert run("submissions", "cancel", name, "--to", lab.url).stdout.startswith(f"{name}: cancelled")
    assert run("submissions", "show", name, "--to", lab.url).exit_code == 1


@pytest.mark.slow
def test_a_result_under_embargo_stays_off_the_board_until_that_is_lifted_and_can_be_withdrawn(lab, mine, settings):
    name = id_of(submit(lab, mine, "--embargo", "2030-01-01"))
    work(settings, workers=0, once=True)
    shown = run("submissions", "show", name, "--to", lab.url).stdout
    assert "succeeded" in shown
    assert "published not before 2030-01-01" in shown
    assert run("submissions", "embargo", name, "--to", lab.url, "--lift").exit_code == 0
    work(settings, workers=0, once=True)
    assert run("submissions", "show", name, "--to", lab.url).stdout.startswith(f"{name}: published")
    assert "being taken off" in run("submissions", "withdraw", name, "--to", lab.url).stdout
    work(settings, workers=0, once=True)
    assert run("submissions", "show", name, "--to", lab.url).stdout.startswith(f"{name}: withdrawn")


def test_a_private_one_is_never_published(lab, mine, settings):
    name = id_of(submit(lab, mine, "--private"))
    work(settings, workers=0, once=True)
    shown = run("submissions", "show", name, "--to", lab.url).stdout
    assert shown.startswith(f"{name}: succeeded")
    assert "private: it is not published" in shown


def test_ctrl_c_ends_the_watching_alone_and_says_how_to_go_on(lab, mine, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("matdisc.client.follow.follow", interrupted)
    found = submit(lab, mine, "--watch")
    assert found.exit_code == 130
    again = re.search(rf"see it with: matdisc submissions show ([\w-]+) --to {lab.url} --watch", found.stderr)
    assert run("submissions", "show", again[1], "--to", lab.url).stdout.startswith(f"{again[1]}: received")


# from Python


def test_the_result_is_the_one_of_scoring_here_and_labels_stay_there(lab, mine, guesses, settings, board):
    with working(settings):
        result = matdisc.submit(guesses, *PLACE, to=lab.url, card=mine[1], progress=False)
    here = score_file(board, mine[0], *PLACE)
    assert result.to_dict()["metrics"] == here["metrics"]
    assert result.metrics["f1"].low < result.metrics["f1"].value < result.metrics["f1"].high
    assert result.entry == "mine"
    assert "parity" in result.figures
    assert str(result).startswith("mine on emt-alloys (discovery): 221 materials")
    for use in (lambda: result.predictions, lambda: result.save(board), lambda: matdisc.compare(result, guesses)):
        with pytest.raises(ServiceError, match="labels of 'emt-alloys' stay"):
            use()


def test_a_handle_says_where_it_is_and_ends_with_the_result(lab, mine, guesses, settings):
    sent = matdisc.submit(dict(guesses), *PLACE, to=lab.url, card=mine[1], wait=False)
    assert (sent.state, sent.reason) == ("received", "")
    with pytest.raises(ServiceError, match=r"has no result: received.*\.wait\(\)"):
        sent.result()
    with pytest.raises(ServiceError, match="is received after 0 s"):
        sent.wait(timeout=0.1)
    work(settings, workers=0, once=True)
    assert sent.wait().result().coverage["answered"] == 221
    assert [one.id for one in matdisc.submissions(lab.url)] == [sent.id]
    assert sent.refresh().withdraw().state in ("published", "withdrawn")


def test_what_waits_is_cancelled_from_python_and_has_no_result(lab, mine, guesses):
    sent = matdisc.submit(guesses, *PLACE, to=lab.url, card=mine[1], wait=False).cancel()
    assert sent.state == "cancelled"
    with pytest.raises(ServiceError, match="has no result: cancelled"):
        sent.result()


def test_predictions_that_cannot_be_scored_raise_what_scoring_here_raises(lab, mine, settings):
    with working(settings), pytest.raises(SubmissionError, match="nowhere"):
        matdisc.submit({"nowhere": 0.1}, *PLACE, to=lab.url, card=mine[1], progress=False)


@pytest.mark.parametrize("kind", ["path", "dict", "card"])
def test_a_card_may_be_a_file_a_dict_or_a_card(lab, mine, guesses, kind):
    from matdisc.cards import ModelCard, read_card

    card = {
        "path": lambda: mine[1],
        "card": lambda: read_card(mine[1], ModelCard, any_folder=True),
        "dict": lambda: read_card(mine[1], ModelCard, any_folder=True).model_dump(exclude_defaults=True),
    }[kind]()
    assert matdisc.submit(guesses, *PLACE, to=lab.url, card=card, wait=False).content["model"] == "mine"


def test_structures_go_as_the_table_that_says_the_same(board):
    truth = get_task("relaxation").scoring.truth(board, board.dataset("elements"))
    found = {atoms.info["material_id"]: atoms for atoms in matdisc.load_dataset("elements").structures.to_ase()}
    answer = {name: found[name] for name in truth.material_ids.to_pylist()}
    table = predictions_file(answer, "relaxation")
    assert table.name == "predictions.csv.gz"
    here = matdisc.score(answer, "relaxation", "elements", board=board)
    assert matdisc.score(table, "relaxation", "elements", board=board).content["metrics"] == here.content["metrics"]


def test_a_submission_whose_answer_is_lost_is_there_once(lab, mine, monkeypatch):
    answers, said = [Unreachable("cut"), Unreachable("cut")], []

    def lost(response):
        if answers:
            raise answers.pop()
        said.append(response.headers.get("Idempotent-Replayed"))
        return json_of(response)

    monkeypatch.setattr("matdisc.client.connection.json_of", lost)
    sent = matdisc.submit(mine[0], *PLACE, to=lab.url, card=mine[1], wait=False)
    assert [one.id for one in matdisc.submissions(lab.url)] == [sent.id]
    assert said == ["true", None]  # the list is no replay


def test_private_labels_give_a_result_without_counts_and_no_figures(
    settings, sqlite_store, blobs, make_team, mine, guesses, monkeypatch
):
    closed = settings.model_copy(update={"guards": Guards(private=("emt-alloys",), min_size=0)})
    monkeypatch.setenv("MATDISC_TOKEN", make_team(sqlite_store).secret)
    with serving(closed, sqlite_store, blobs) as api, working(closed):
        result = matdisc.submit(guesses, *PLACE, to=api.url, card=mine[1], progress=False)
        with pytest.raises(ServiceError, match="keeps figures and tables"):
            _ = result.figures
    assert str(result).startswith("mine on emt-alloys (discovery): 221 materials, 21 groups")
    assert "tp" not in result.metrics


@pytest.mark.parametrize(
    ("said", "error", "why"),
    [
        ({"card": None}, SubmissionError, r"need the card of their model; give card="),
        ({"card": {"key": "x"}}, CardError, "card: .*name"),
        ({"card": "no-such.toml"}, CardError, "no such card"),
        ({"model": "emt"}, SubmissionError, "leave predictions and card out"),
        ({"to": "http://board.example.org"}, ServiceError, "use https"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_it_is(guesses, mine, monkeypatch, said, error, why):
    monkeypatch.setenv("MATDISC_TOKEN", "mdt_a_b")
    with pytest.raises(error, match=why):
        matdisc.submit(guesses, *PLACE, **{"to": "http://127.0.0.1:9", "card": mine[1]} | said)


def test_predictions_that_are_not_there_are_refused(mine):
    with pytest.raises(SubmissionError, match="there is no such file"):
        matdisc.submit("gone.csv", *PLACE, to="http://127.0.0.1:9", card=mine[1])
    with pytest.raises(SubmissionError, match="there are no predictions"):
        matdisc.submit(None, *PLACE, to="http://127.0.0.1:9")
