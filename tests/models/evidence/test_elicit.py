"""Eliciting a table: what is sent, what is made of replies, going on after a stop; against a server on this machine."""

import csv
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest
import typer
from typer.testing import CliRunner

from matdisc.cli.elicit import elicit as command
from matdisc.errors import DataError, RunError
from matdisc.models.evidence.elicit import Endpoint, PairQuestion, ask, elicit, parse_answer, questions
from matdisc.models.evidence.tables import read_tables

KEY = "a-secret-of-the-test"
GOOD = '{"can_answer": "yes", "substitutability": "High", "reason": "neighbours"}'


class StandIn(BaseHTTPRequestHandler):
    """Replies with what is in `replies`, then with GOOD; a number is a status, a pair a status with its Location."""

    replies: ClassVar[list] = []
    seen: ClassVar[list] = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((self.path, self.headers.get("Authorization"), body))
        reply = self.replies.pop(0) if self.replies else GOOD
        status, location = reply if isinstance(reply, tuple) else (reply if isinstance(reply, int) else 200, None)
        content = (
            reply if isinstance(reply, bytes) else json.dumps({"choices": [{"message": {"content": reply}}]}).encode()
        )
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    StandIn.replies.clear()
    StandIn.seen.clear()
    monkeypatch.setenv("MATDISC_ELICIT_KEY", KEY)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # must not be used for this machine
    with HTTPServer(("127.0.0.1", 0), StandIn) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/v1"
        running.shutdown()
        thread.join()


def endpoint(url, **options):
    return Endpoint(url, "stand-in", pause=0.0, **options)


def rows_of(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_every_pair_is_asked_in_every_domain_once():
    asked = questions(["Ni", "Fe", "Co"], ["solid-state", "corrosion"])
    assert len(asked) == 6
    assert asked[0] == PairQuestion("Co", "Fe", "solid-state")
    assert "Co" in asked[0].prompt()
    assert "solid-state physicist" in asked[0].prompt()


def test_answers_become_a_table_that_can_be_read(server, tmp_path):
    StandIn.replies += [
        GOOD,
        '{"can_answer": "no", "reason": "not my field"}',
        'Sure!\n```json\n{"can_answer": "Yes", "substitutability": "low"}\n```',
    ]
    asked = questions(["Co", "Fe", "Ni"], ["solid-state"])
    assert elicit(asked, endpoint(server), tmp_path / "new" / "table.csv") == 3
    (table,) = read_tables(tmp_path / "new" / "table.csv")
    assert table.pairs == {("Co", "Fe"): (1.0, 0.0), ("Fe", "Ni"): (0.0, 1.0)}


def test_the_request_has_the_protocols_form(server, tmp_path):
    ask(PairQuestion("Co", "Fe", "solid-state"), endpoint(server))
    ((path, authorization, body),) = StandIn.seen
    assert path == "/v1/chat/completions"
    assert authorization == f"Bearer {KEY}"
    assert (body["model"], body["temperature"]) == ("stand-in", 0)
    assert body["messages"] == [{"role": "user", "content": PairQuestion("Co", "Fe", "solid-state").prompt()}]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("I think so.", "no JSON"),
        ("", "no JSON"),
        ("{broken", "no JSON"),
        ("{broken}", "broken"),
        ('{"can_answer": "maybe"}', "can_answer is 'maybe'"),
        ('{"substitutability": "High"}', "can_answer is None"),
        ('{"can_answer": "yes"}', "substitutability is None"),
        ('{"can_answer": "yes", "substitutability": "Huge"}', "'Huge'"),
        ('{"can_answer": "yes", "substitutability": ["High"]}', "substitutability"),
        ('{"can_answer": ' + "9" * 5000 + "}", "broken"),
        ('{"can_answer": "\ud800"}', "can_answer"),
    ],
)
def test_a_reply_that_cannot_be_read_is_no_answer_with_the_reason(reply, reason):
    answer = parse_answer(reply)
    assert not answer.can_answer
    assert answer.substitutability == ""
    assert reason in answer.reason
    assert "\n" not in answer.reason
    answer.reason.encode("utf-8")


@pytest.mark.parametrize("reply", [b"no json", b'{"choices": []}', b'{"choices": [{"message": null}]}', b"[]", b"\xff"])
def test_a_response_outside_the_protocol_is_no_answer(server, tmp_path, reply):
    StandIn.replies.append(reply)
    elicit(questions(["Co", "Fe"], ["solid-state"]), endpoint(server), tmp_path / "table.csv")
    (row,) = rows_of(tmp_path / "table.csv")
    assert (row["can_answer"], row["substitutability"]) == ("no", "")
    assert row["reason"].startswith("unreadable")


def test_a_stopped_run_goes_on_where_it_stopped(server, tmp_path):
    table, asked = tmp_path / "table.csv", questions(["Co", "Fe", "Ni"], ["solid-state"])
    StandIn.replies += [GOOD, 401]
    with pytest.raises(RunError, match="HTTP status 401"):
        elicit(asked, endpoint(server), table)
    with table.open("a") as stream:
        stream.write("Co,Ni,solid-st")  # a line that a crash cut off
    assert elicit(asked, endpoint(server), table) == 2
    assert [(row["element_1"], row["element_2"]) for row in rows_of(table)] == [
        ("Co", "Fe"),
        ("Co", "Ni"),
        ("Fe", "Ni"),
    ]
    assert elicit(asked, endpoint(server), table) == 0
    assert len(StandIn.seen) == 4


def test_a_busy_service_is_asked_again_and_a_refusal_is_not(server):
    StandIn.replies += [429, 503]
    assert ask(PairQuestion("Co", "Fe", "x"), endpoint(server)) == GOOD
    assert len(StandIn.seen) == 3
    StandIn.replies += [429] * 4
    with pytest.raises(RunError, match="429"):
        ask(PairQuestion("Co", "Fe", "x"), endpoint(server))
    assert len(StandIn.seen) == 7
    StandIn.replies += [403]
    with pytest.raises(RunError, match="403"):
        ask(PairQuestion("Co", "Fe", "x"), endpoint(server))
    assert len(StandIn.seen) == 8


def test_a_redirect_does_not_carry_the_key_away(server):
    StandIn.replies.append((302, server + "/elsewhere"))
    with pytest.raises(RunError, match="302"):
        ask(PairQuestion("Co", "Fe", "x"), endpoint(server))
    assert len(StandIn.seen) == 1


def test_a_service_that_is_not_there_is_an_error_without_the_key(monkeypatch):
    monkeypatch.setenv("MATDISC_ELICIT_KEY", KEY)
    with pytest.raises(RunError, match="answers so far are kept") as caught:
        ask(PairQuestion("Co", "Fe", "x"), endpoint("http://127.0.0.1:9/v1", attempts=2))
    assert KEY not in str(caught.value)


def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("MATDISC_ELICIT_KEY", "two\nlines")
    with pytest.raises(RunError, match="MATDISC_ELICIT_KEY") as caught:
        ask(PairQuestion("Co", "Fe", "x"), endpoint("http://127.0.0.1:9/v1"))
    assert "lines" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://example.org/v1", "ftp://example.org", "https://", "https://me:pw@example.org"])
def test_an_endpoint_that_would_expose_the_key_is_refused(url):
    with pytest.raises(RunError, match="endpoint"):
        Endpoint(url, "m")


@pytest.mark.parametrize(
    ("elements", "domains"),
    [(["Fe"], ["a"]), (["Fe", "Xx"], ["a"]), (["Fe", "Fe"], ["a"]), (["Fe", "Co"], []), (["Fe", "Co"], ["a,b"])],
)
def test_impossible_questions_are_refused(elements, domains):
    with pytest.raises(DataError):
        questions(elements, domains)


def test_another_file_is_not_appended_to(server, tmp_path):
    other = tmp_path / "notes.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="name another file"):
        elicit(questions(["Co", "Fe"], ["x"]), endpoint(server), other)
    assert other.read_text() == "a,b\n1,2\n"
    assert not StandIn.seen


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(command)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_the_command_sends_nothing_unless_an_endpoint_is_named(run, server, tmp_path):
    out = tmp_path / "prompts.jsonl"
    done = run("Fe", "Co", "--out", str(out))
    assert done.exit_code == 0
    assert "nothing was sent" in done.output
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == 5
    assert not StandIn.seen


def test_the_command_fills_a_table_and_shows_no_key(run, server, tmp_path):
    out = tmp_path / "table.csv"
    done = run("Fe", "Co", "Ni", "--domain", "corrosion", "--endpoint", server, "--model", "m", "-o", str(out))
    assert done.exit_code == 0
    assert "3 questions asked" in done.output
    assert KEY not in done.output + out.read_text()
    assert len(rows_of(out)) == 3


def test_the_command_needs_the_models_name(run, tmp_path):
    done = run("Fe", "Co", "--endpoint", "http://localhost/v1", "-o", str(tmp_path / "t.csv"))
    assert isinstance(done.exception, RunError)
