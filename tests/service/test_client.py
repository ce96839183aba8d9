"""The client through everything that networks do: one submission each, whatever breaks, and no token in wrong hands."""

import json
import re
import socket
import threading
import time
import tracemalloc
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from python_multipart import MultipartParser  # the parser of the service

from matdisc.client.address import find_token, service_address
from matdisc.client.answers import LARGEST, Refusal, Unreachable
from matdisc.client.connection import Connection
from matdisc.client.events import Event, events
from matdisc.client.follow import follow
from matdisc.client.multipart import Form
from matdisc.client.service import Service
from matdisc.client.status import Status
from matdisc.errors import ServiceError, SubmissionError

TOKEN = "mdt_abc_secret"
FIELDS = {"task": "discovery", "dataset": "metals", "card": 'key = "é"\n'}


class StandIn(ThreadingHTTPServer):
    """A service of a few lines: it keeps submissions by key, and does once what `faults` say before it answers."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.requests, self.faults, self.made, self.streams = [], [], {}, []
        self.states = ["received"]

    def status(self):
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"id": "s1", "state": state, "reason": None, "updated": "2027-01-01T00:00:00+00:00"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server = self.server
        server.requests.append((self.command, self.path, dict(self.headers), body))
        if self.command == "POST" and self.path == "/v1/submissions":
            key = self.headers["Idempotency-Key"]
            known = server.made.setdefault(key, body)
            if known != body:
                return self.answer(409, {"title": "Key reused"})
        if self.path.endswith("/events") and server.streams:
            return self.stream(server.streams.pop(0))
        if server.faults:
            return server.faults.pop(0)(self)
        if self.path.endswith("/events"):
            return self.answer(404, {"title": "Not found"})
        return self.answer(202 if self.command == "POST" else 200, server.status())

    do_GET = do_POST = do_PUT = handle_any

    def answer(self, status, content, kind=None, **headers):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind or ("application/json" if status < 400 else "application/problem+json"))
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def stream(self, pieces):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            if isinstance(piece, threading.Event):
                piece.wait(10)
                return self.cut()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        return self.cut()

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args):
        pass


def refused(status, content, **headers):
    return lambda handler: handler.answer(status, content, **headers)


def page(status, text):
    return lambda handler: handler.answer(status, text, "text/html")


def cut(handler):
    handler.cut()


@contextmanager
def running():
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server():
    with running() as found:
        yield found


@pytest.fixture
def said():
    return []


@pytest.fixture
def service(server, said, monkeypatch):
    """A client of the stand-in whose pauses are a hundredth of what they are."""
    monkeypatch.setattr("matdisc.client.connection.random.uniform", lambda low, high: 0.01)
    monkeypatch.setattr("matdisc.client.follow.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("matdisc.client.follow.LONGEST_PAUSE", 0.02)
    return Service(Connection(server.address, TOKEN, patience=3.0, say=said.append))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(b"material_id,e_form_per_atom\na,0.5\n" * 1000)
    return path


def event(number, state, kind="state", **more):
    data = json.dumps({"state": state, "text": None, "at": "2027-01-01T00:00:01+00:00", "progress": None} | more)
    return f"id: {number}\nevent: {kind}\ndata: {data}\n\n".encode()


# where, and with which token


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://board.example.org", "https://board.example.org"),
        (" https://lab.org/matdisc/v1/ ", "https://lab.org/matdisc"),
        ("https://lab.org:8443/", "https://lab.org:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address_is_taken_without_its_end(given, address):
    assert service_address(given) == address


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("http://board.example.org", "use https"),
        ("http://10.0.0.7:8000", "use https"),
        ("http://localhost.evil.org", "use https"),
        ("http://127.0.0.1.evil.org", "use https"),
        ("ftp://board.example.org", "none of a service"),
        ("board.example.org", "none of a service"),
        ("https://", "none of a service"),
        ("https://a b", "none of a service"),
        ("https://lab.org:port", "[Pp]ort"),
        ("https://lab.org/?token=x", "after [?] or #"),
        ("https://127.0.0.1\\@evil.org", "none of a service"),
    ],
)
def test_an_address_that_would_be_unsafe_or_is_none_is_refused(given, why):
    with pytest.raises(ServiceError, match=why):
        service_address(given)


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(ServiceError, match="name or password") as err:
        service_address("https://me:hunter2@lab.org")
    assert "hunter2" not in str(err.value)


def test_the_token_comes_from_the_environment_or_from_the_file_that_it_names(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    assert find_token("x", {"MATDISC_TOKEN": f" {TOKEN} "}) == TOKEN
    assert find_token("x", {"MATDISC_TOKEN_FILE": str(path)}) == TOKEN
    with pytest.raises(ServiceError, match="which cannot be read"):
        find_token("x", {"MATDISC_TOKEN_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize("token", ["two words", "mdt_a\nX-Evil: 1", "mdt_é", "x" * 501])
def test_a_token_that_cannot_stand_in_a_header_is_refused_and_not_repeated(token):
    with pytest.raises(ServiceError, match="holds no token") as err:
        find_token("x", {"MATDISC_TOKEN": token})
    assert token not in str(err.value)


def test_without_a_token_a_terminal_is_asked_hidden_and_a_program_is_told_what_to_set(monkeypatch):
    with pytest.raises(ServiceError, match="put it into MATDISC_TOKEN"):
        find_token("https://lab.org", {})
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: f"{TOKEN} ")
    assert find_token("https://lab.org", {}) == TOKEN


def test_a_connection_does_not_show_its_token():
    assert TOKEN not in repr(Service(Connection("http://localhost", TOKEN)))


def test_the_token_is_sent_even_where_netrc_and_a_proxy_would_step_in(server, service, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    service.status("s1")
    assert server.requests[0][2]["Authorization"] == f"Bearer {TOKEN}"


def test_nothing_follows_a_redirection(server, service):
    with running() as other:
        server.faults = [refused(307, {}, Location=f"{other.address}/v1/submissions/s1")]
        with pytest.raises(Refusal, match="sends requests on to"):
            service.status("s1")
        assert other.requests == []


# the upload


def parts(content_type, body):
    """The parts of a form as the service's own parser reads them."""
    found, now = [], {}
    parser = MultipartParser(
        content_type.partition("boundary=")[2],
        {
            "on_part_begin": lambda: now.update(head=b"", data=b""),
            "on_header_value": lambda data, start, end: now.update(head=now["head"] + data[start:end]),
            "on_part_data": lambda data, start, end: now.update(data=now["data"] + data[start:end]),
            "on_part_end": lambda: found.append((now["head"].decode(), now["data"])),
        },
    )
    parser.write(body)
    return found


def test_texts_and_file_arrive_as_they_are(server, service, file):
    assert service.submit(FIELDS, file).state == "received"
    _, path, headers, body = server.requests[0]
    assert path == "/v1/submissions"
    task, dataset, card, sent = parts(headers["Content-Type"], body)
    assert [task[1], dataset[1], card[1]] == [text.encode() for text in FIELDS.values()]
    assert sent[1] == file.read_bytes()
    assert 'filename="mine.csv"' in sent[0]


def test_a_submission_without_a_file_is_a_form_too(server, service):
    service.submit(FIELDS | {"model": "emt"})
    assert len(parts(server.requests[0][2]["Content-Type"], server.requests[0][3])) == 4


def test_a_file_name_cannot_break_out_of_its_header(tmp_path):
    path = tmp_path / 'a"\r\nX-Evil: 1\n.csv'
    path.write_text("x")
    ((head, data),) = parts("boundary=b", b"".join(Form({}, path, "b")))
    assert re.search(r'filename="a___X-Evil__1_.csv"application/octet-stream', head)
    assert data == b"x"


def test_a_large_file_is_not_held_in_memory_and_its_length_is_known(tmp_path):
    path = tmp_path / "large.csv"
    with path.open("wb") as opened:
        opened.truncate(64 * 2**20)
    told = []
    tracemalloc.start()
    form = Form(FIELDS, path, "b", lambda sent, size: told.append((sent, size)))
    assert sum(map(len, form)) == len(form)
    assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    tracemalloc.stop()
    assert told[-1] == (64 * 2**20, 64 * 2**20)


@pytest.mark.parametrize("content", [b"", b"longer than before"])
def test_a_file_that_changes_while_it_is_sent_is_not_submitted(file, content):
    form = Form({}, file, "b")
    file.write_bytes(content + file.read_bytes() if content else b"")
    with pytest.raises(SubmissionError, match="has changed while it was sent"):
        b"".join(form)


def test_a_file_that_is_gone_is_no_fault_of_the_connection(server, service, file):
    form = Form({}, file, "b")
    file.unlink()
    with pytest.raises(SubmissionError, match="cannot be read"):
        service.connection.json("POST", "/v1/submissions", body=form)


# whatever breaks


@pytest.mark.parametrize(
    "faults",
    [
        [cut],
        [cut, cut],
        [page(502, b"<h1>Bad gateway</h1>")],
        [refused(503, {"title": "Not available"}), cut],
        [refused(429, {"title": "Too many"}, Retry_After="0")],
        [refused(504, b"")],
    ],
    ids=["cut", "cut twice", "bad gateway", "busy and cut", "too many", "gateway timed out"],
)
def test_a_submission_whose_answer_is_lost_is_sent_again_with_its_key_and_made_once(
    server, service, file, said, faults
):
    server.faults = [*faults]
    assert service.submit(FIELDS, file).id == "s1"
    assert len(server.made) == 1
    assert len(server.requests) == 1 + len(faults) == 1 + len(said)
    assert all("trying again in" in line for line in said)


def test_two_submissions_of_the_same_file_have_two_keys(server, service, file):
    service.submit(FIELDS, file)
    service.submit(FIELDS, file)
    assert len(server.made) == 2


def test_a_service_that_asks_for_patience_gets_it(server, service):
    server.faults = [refused(503, {"title": "Not available"}, Retry_After="1")]
    before = time.monotonic()
    service.status("s1")
    assert time.monotonic() - before >= 1


def test_a_quota_that_frees_too_late_is_said_at_once(server, service, file):
    detail = "your team has had 5 evaluations on metals in 30 days, the limit"
    server.faults = [refused(429, {"title": "Quota exceeded", "detail": detail}, Retry_After="86400")]
    with pytest.raises(Refusal, match=f"Quota exceeded: {detail}") as err:
        service.submit(FIELDS, file)
    assert err.value.status == 429
    assert len(server.requests) == 1


def test_a_date_to_try_again_is_understood(server, service):
    server.faults = [refused(429, {"title": "Too many"}, Retry_After="Wed, 01 Jan 2200 00:00:00 GMT")]
    with pytest.raises(Refusal, match="Too many"):
        service.status("s1")


def test_patience_ends(server, service):
    server.faults = [page(502, b"down")] * 1000
    before = time.monotonic()
    with pytest.raises(Refusal, match="answered 502"):
        Service(Connection(server.address, TOKEN, patience=0.3)).status("s1")
    assert time.monotonic() - before < 2


def test_a_service_that_is_not_there_is_said_to_be_so():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(Unreachable, match=rf"no connection to {address} \(Connection refused\)"):
        Service(Connection(address, TOKEN, patience=0.1)).status("s1")


def test_a_service_that_never_answers_is_said_to_be_so(server):
    go_on = threading.Event()
    server.faults = [lambda handler: go_on.wait(10)]
    connection = Connection(server.address, TOKEN, patience=0.1)
    with pytest.raises(Unreachable, match="does not answer") as err:
        connection.json("GET", "/", read_timeout=0.2)
    assert err.value.silent
    go_on.set()


def test_a_refusal_is_told_in_the_service_s_own_words(server, service, file):
    server.faults = [refused(422, {"title": "Invalid field", "detail": "is odd; correct it", "field": "card"})]
    with pytest.raises(Refusal, match=r"^Invalid field: is odd; correct it \(field 'card'\)$") as err:
        service.submit(FIELDS, file)
    assert (err.value.status, err.value.title, err.value.field) == (422, "Invalid field", "card")


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (page(200, b"<html><title>Welcome</title><h1>Log in</h1>"), r"text/html and no JSON.*begins: Welcome Log in"),
        (page(404, b"<html><h1>Not here</h1>"), r"answered 404.*text/html: Not here"),
        (refused(200, b"\xff\xfe"), "and no JSON"),
        (refused(200, b"[" * 100_000), "and no JSON"),
        (refused(200, b'{"id": NaN}'), "and no JSON"),
        (refused(200, []), "no submission service"),
        (refused(200, {"id": 1, "state": "received"}), "no submission service"),
        (refused(500, ["no", "problem"]), "answered 500"),
        (refused(403, b""), "answered 403 Forbidden: with nothing else"),
    ],
)
def test_an_answer_that_is_none_of_a_service_is_named(server, service, fault, why):
    server.faults = [fault]
    with pytest.raises(ServiceError, match=why):
        service.status("s1")


def test_an_endless_answer_is_cut_off(server, service):
    def endless(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(4 * LARGEST))
        handler.end_headers()
        try:
            for _ in range(4 * 64):
                handler.wfile.write(b" " * 2**20)
        except OSError:
            handler.close_connection = True

    server.faults = [endless]
    with pytest.raises(ServiceError, match="more than 64 MiB"):
        service.status("s1")


def test_what_a_terminal_would_obey_is_taken_out(server, service):
    server.faults = [refused(200, {"id": "s1", "state": "failed", "reason": "\x1b[2Jgone\u202e\r\n"})]
    assert service.status("s1").reason == " [2Jgone  \n"
    server.faults = [refused(422, {"title": "\x1b]0;evil\x07", "detail": "\x9b2J"})]
    with pytest.raises(Refusal, match=r"^ \]0;evil : +2J$"):
        service.status("s1")


def test_an_id_is_never_a_path(server, service):
    service.status("../me?x=1")
    assert server.requests[0][1] == "/v1/submissions/..%2Fme%3Fx%3D1"


def test_the_whole_list_is_read_page_by_page(server, service):
    one, two = ({"id": name, "state": "queued"} for name in ("b", "a"))
    server.faults = [
        refused(200, {"submissions": [one], "next": "b"}),
        refused(200, {"submissions": [two], "next": None}),
    ]
    assert [found.id for found in service.submissions(state="queued")] == ["b", "a"]
    assert "state=queued&limit=49&before=b" in server.requests[1][1]


def test_a_wish_that_came_through_twice_is_fulfilled_all_the_same(server, service):
    server.states = ["cancelled"]
    server.faults = [cut, refused(409, {"title": "Not possible"})]
    assert service.cancel("s1").state == "cancelled"
    server.states = ["succeeded"]
    server.faults = [refused(409, {"title": "Not possible", "detail": "it has a result"})]
    with pytest.raises(Refusal, match="it has a result"):
        service.cancel("s1")


# watching


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_are_read_however_they_are_cut(size, end):
    text = ": hello\n\nid: 7\nevent: state\ndata: {\ndata:  é}\n\ndata: b\n\nretry: 5\n\ndata: cut off".replace(
        "\n", end
    )
    data = text.encode()
    found = list(events(data[i : i + size] for i in range(0, len(data), size)))
    assert found == [Event("state", "{\n é}", "7"), Event("message", "b", "7")]


@pytest.mark.parametrize("line", [b"data: " + b"x" * 2**21, b"data: x\n" * 2**20 + b"data: x" * 2**10])
def test_an_event_without_end_is_not_collected_for_ever(line):
    with pytest.raises(ServiceError, match="longer than 1 MiB"):
        list(events([line[i : i + 4096] for i in range(0, len(line), 4096)]))


def test_events_show_each_state_and_the_service_says_the_last(server, service):
    server.states = ["received", "succeeded"]
    server.streams = [[
        b": alive\n\n", event(1, "validating"), event(2, "running", "progress", progress={"done": 3, "total": 10}),
        event(3, "succeeded", "end"),
    ]]  # fmt: skip
    lines = [status.line for status in follow(service, "s1")]
    assert lines == ["received", "validating", "running: 3 of 10", "succeeded"]


def test_a_broken_stream_goes_on_after_its_last_event(server, service):
    server.states = ["received", "running", "succeeded"]
    server.streams = [[event(1, "validating"), event(2, "running")], [event(3, "succeeded", "end")]]
    assert [status.state for status in follow(service, "s1")][-1] == "succeeded"
    asked = [headers for _, path, headers, _ in server.requests if path.endswith("/events")]
    assert [headers.get("Last-Event-ID") for headers in asked] == [None, "2"]


def test_watching_outlasts_a_service_that_is_away_for_longer_than_a_question_would_wait(server, service):
    impatient = Service(Connection(server.address, TOKEN, patience=0.0))
    server.states = ["received", "running", "succeeded"]
    server.streams = [[event(1, "validating")]]
    answers = [lambda handler: handler.answer(200, server.status()), *[page(502, b"restarting")] * 4, cut]
    server.faults = answers
    assert [status.state for status in follow(impatient, "s1")][-1] == "succeeded"


def test_events_from_before_the_first_look_are_passed_over(server, service):
    server.states = ["running", "succeeded"]
    server.streams = [[event(1, "received", at="2026-12-31T00:00:00+00:00"), event(2, "succeeded", "end")]]
    assert [status.state for status in follow(service, "s1")] == ["running", "succeeded"]


@pytest.mark.parametrize(
    "fault", [refused(404, {"title": "Not found"}), page(200, b"<h1>log in</h1>"), refused(406, b"")]
)
def test_where_events_do_not_come_through_it_looks_now_and_then(server, service, fault):
    server.states = ["received", "running", "running", "succeeded"]
    server.faults = [lambda handler: handler.answer(200, server.status()), fault]
    assert [status.state for status in follow(service, "s1")] == ["received", "running", "succeeded"]
    assert sum(path.endswith("/events") for _, path, _, _ in server.requests) == 1


def test_a_stream_that_brings_nothing_is_given_up(server, service, monkeypatch):
    monkeypatch.setattr("matdisc.client.follow.ALIVE", 0.2)
    silence = threading.Event()
    server.states = ["received", "running", "succeeded"]
    server.streams = [[b": opened\n\n", silence]] * 3
    assert [status.state for status in follow(service, "s1")] == ["received", "running", "succeeded"]
    assert sum(path.endswith("/events") for _, path, _, _ in server.requests) == 1
    silence.set()


@pytest.mark.parametrize("data", [b"data: no json\n\n", b"data: [1]\n\n", b'data: {"state": 5, "at": 7}\n\n'])
def test_an_event_that_is_none_is_passed_over(server, service, data):
    server.states = ["received", "succeeded"]
    server.streams = [[data, event(1, "running"), event(2, "succeeded", "end")]]
    assert {status.state for status in follow(service, "s1")} == {"received", "running", "succeeded"}


def test_waiting_ends_in_time_and_the_submission_goes_on(server, service):
    before = time.monotonic()
    with pytest.raises(ServiceError, match="s1 is received after 0 s; it goes on there"):
        list(follow(service, "s1", seconds=0.3))
    assert time.monotonic() - before < 3


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"state": "queued", "position": 3}, "queued: 3 before it"),
        ({"state": "received", "position": 0}, "received: next in the queue"),
        ({"state": "running", "progress": {"done": 1, "total": 4, "text": "scoring"}}, "running: 1 of 4 scoring"),
        ({"state": "running", "progress": {"done": 0, "total": 0, "text": "starting"}}, "running: starting"),
        ({"state": "running", "progress": "odd"}, "running"),
        ({"state": "timed_out", "reason": "after 900 s"}, "timed out: after 900 s"),
        ({"state": "succeeded", "position": 0}, "succeeded"),
    ],
)
def test_a_state_is_one_line(content, line):
    assert Status({"id": "s", **content}).line == line


def test_the_client_imports_nothing_of_the_service():
    package = Path(__file__).parent.parent.parent / "matdisc" / "client"
    assert not [path for path in package.glob("*.py") if "matdisc.service" in path.read_text(encoding="utf-8")]
