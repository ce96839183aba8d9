"""Webhooks point outward, are signed, and are tried again; what answers cannot hurt."""

import hashlib
import hmac
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from matdisc.errors import ServiceError
from matdisc.service import webhooks
from matdisc.service.settings import Web
from matdisc.service.store import submissions
from matdisc.service.store.publication import due_deliveries

pytestmark = pytest.mark.service
PUBLIC = "93.184.215.14"


def resolve_to(monkeypatch, *addresses):
    def found(host, port, **more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(webhooks.socket, "getaddrinfo", found)


@pytest.fixture
def inside(settings):
    """Settings that let webhooks call this machine."""
    web = Web(webhooks_to=("127.0.0.1",), public_url="https://board.example.org/")
    return settings.model_copy(update={"web": web})


@pytest.fixture
def receiver():
    """A web server that keeps what it gets, and answers what it is told."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.got.append((self.path, dict(self.headers), body))
            self.server.answer(self)

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.answer = [], lambda handler: reply(handler, 204)
    server.url = f"http://127.0.0.1:{server.server_port}/hook?a=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def reply(handler, status, **headers):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()


@pytest.fixture
def ended(sqlite_store, make_team):
    """A cancelled submission of a team with a webhook: `ended(url)`."""
    team = make_team(sqlite_store)

    def make(url):
        return submissions.cancel(sqlite_store, team.submit(webhook=url).id, "me")

    return make


@pytest.mark.parametrize(
    "url",
    [
        "http://lab.example.org/hook",
        "ftp://lab.example.org/hook",
        "lab.example.org",
        "https://",
        "https://user:word@lab.example.org/hook",
        "https://user@lab.example.org/hook",
        "https://127.0.0.1/hook",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://lab.0x7f/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://lab.example.org:0/",
        "https://lab.example.org:99999/",
        "https://lab.example.org/a b",
        "https://lab.example.org/\r\nHost: inside",
        "https://läb.example.org/",
        "https://lab_1.example.org/",
        "https://lab.example.org\\@127.0.0.1/",
        "https://" + "a" * 600 + ".org/",
        "https://[::1",
    ],
)
def test_a_url_that_is_no_plain_public_https_one_is_refused_without_looking_up_anything(monkeypatch, settings, url):
    monkeypatch.setattr(webhooks.socket, "getaddrinfo", lambda *arguments, **more: pytest.fail("looked up"))
    with pytest.raises(ServiceError, match=r"^webhook "):
        webhooks.check_url(url, settings)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_a_name_that_stands_for_an_address_inside_is_refused_even_beside_a_public_one(monkeypatch, settings, address):
    resolve_to(monkeypatch, PUBLIC, address)
    with pytest.raises(ServiceError, match="not on the public internet"):
        webhooks.check_url("https://lab.example.org/hook", settings)


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1111", "64:ff9b::5db8:d70e"])
def test_a_public_name_is_allowed(monkeypatch, settings, address):
    resolve_to(monkeypatch, address)
    webhooks.check_url("https://lab.example.org:8443/hook?x=1", settings)


def test_a_name_that_does_not_exist_is_refused(monkeypatch, settings):
    def fail(*arguments, **more):
        raise socket.gaierror(-2, "unknown")

    monkeypatch.setattr(webhooks.socket, "getaddrinfo", fail)
    with pytest.raises(ServiceError, match=r"there is no host 'lab\.example\.org'"):
        webhooks.check_url("https://lab.example.org/hook", settings)


def test_a_listed_host_may_lie_inside_and_speak_http_and_no_other_may(inside):
    webhooks.check_url("http://127.0.0.1:9/hook", inside)
    with pytest.raises(ServiceError, match="is no name of a host"):
        webhooks.check_url("https://127.0.0.2:9/hook", inside)


def test_the_end_of_a_submission_is_told_once_and_signed(sqlite_store, inside, ended, receiver):
    one = ended(receiver.url)
    assert webhooks.deliver_due(inside, sqlite_store) == 1
    assert webhooks.deliver_due(inside, sqlite_store) == 0
    ((path, headers, body),) = receiver.got
    here = f"https://board.example.org/v1/submissions/{one.id}"
    page = f"https://board.example.org/submissions/{one.id}"
    assert path == "/hook?a=1"
    assert json.loads(body) == {
        "id": one.id,
        "state": "cancelled",
        "task": "discovery",
        "dataset": "emt-alloys",
        "links": {"self": here, "result": f"{here}/result", "page": page},
    }
    key = webhooks.webhook_key(inside, one.team_id)
    assert headers["Matdisc-Signature"] == "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def test_the_keys_of_two_teams_differ_and_stay(inside):
    keys = [webhooks.webhook_key(inside, team) for team in ("a", "b", "a")]
    assert keys[0] == keys[2] != keys[1]
    assert len(keys[0]) == 64


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [(500, {}, "status 500"), (302, {"Location": "http://127.0.0.1/"}, "302; redirects are not followed")],
)
def test_what_is_no_success_is_tried_again_later_and_a_redirect_is_not_followed(
    sqlite_store, inside, ended, receiver, status, headers, said
):
    receiver.answer = lambda handler: reply(handler, status, **headers)
    ended(receiver.url)
    assert webhooks.deliver_due(inside, sqlite_store) == 0
    assert len(receiver.got) == 1
    (row,) = rows(sqlite_store)
    assert (row.tries, row.ended) == (1, None)
    assert said in row.reason
    assert row.not_before - row.created == pytest.approx(webhooks.DELAYS[0], abs=5)


def test_after_about_a_day_of_tries_it_is_given_up(sqlite_store, inside, ended):
    assert 0.9 < sum(webhooks.DELAYS) / 86400 < 1.2
    assert list(webhooks.DELAYS) == sorted(webhooks.DELAYS)
    ended("http://127.0.0.1:9/nobody")
    for _ in range(len(webhooks.DELAYS) + 1):
        assert len(due_deliveries(sqlite_store)) == 1
        webhooks.deliver_due(inside, sqlite_store)
        let_time_pass(sqlite_store)
    assert due_deliveries(sqlite_store) == []
    assert rows(sqlite_store)[0].ended is not None


def test_a_host_that_has_moved_inside_since_it_was_checked_is_not_called(
    monkeypatch, sqlite_store, settings, ended, receiver
):
    resolve_to(monkeypatch, PUBLIC)
    url = f"https://lab.example.org:{receiver.server_port}/"
    webhooks.check_url(url, settings)
    ended(url)
    resolve_to(monkeypatch, "127.0.0.1")
    assert webhooks.deliver_due(settings, sqlite_store) == 0
    assert receiver.got == []
    assert "not on the public internet" in rows(sqlite_store)[0].reason


def test_the_address_that_was_looked_at_is_the_one_that_is_called(monkeypatch, inside):
    asked = []
    resolve_to(monkeypatch, PUBLIC)
    monkeypatch.setattr(webhooks.socket, "create_connection", lambda address, timeout: asked.append(address) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        webhooks._post("https://lab.example.org/", b"", "", inside)
    assert asked == [(PUBLIC, 443)]


def test_an_answer_that_drips_for_ever_is_cut_off(monkeypatch, sqlite_store, inside, ended, receiver):
    monkeypatch.setattr(webhooks, "SECONDS", 1.0)

    def drip(handler):
        try:
            for letter in b"HTTP/1.1 200 OK" + b"." * 100:
                handler.wfile.write(bytes([letter]))
                time.sleep(0.1)
        except OSError:
            pass

    receiver.answer = drip
    ended(receiver.url)
    started = time.monotonic()
    webhooks.deliver_due(inside, sqlite_store)
    assert time.monotonic() - started < 5


def test_an_endless_answer_is_not_read(sqlite_store, inside, ended, receiver):
    sent = []

    def flood(handler):
        reply(handler, 200)
        try:
            for _ in range(1000):
                handler.wfile.write(b"x" * 2**20)
                sent.append(1)
        except OSError:
            pass

    receiver.answer = flood
    ended(receiver.url)
    assert webhooks.deliver_due(inside, sqlite_store) == 1
    assert len(sent) < 100


def rows(store):
    from sqlalchemy import select

    from matdisc.service.store.tables import deliveries

    with store.read() as connection:
        return connection.execute(select(deliveries)).all()


def let_time_pass(store):
    from sqlalchemy import text

    with store.begin() as connection:
        connection.execute(text("UPDATE deliveries SET not_before = created"))
