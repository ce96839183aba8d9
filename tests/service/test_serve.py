"""Where the API listens and who may reach it, and clients that keep it waiting."""

import asyncio
import json
import logging
import os
import signal
import socket
import threading
import time

import pytest

from matdisc.errors import ExtraError, ServiceError
from matdisc.service import connection, serve
from matdisc.service.serve import checked_proxy, is_loopback, listen, refuse_open_door, require_packages, server_of

pytestmark = pytest.mark.service


def test_a_port_in_use_is_named_with_what_to_do():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=f"--port {port}: Address already in use; another program listens"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "said"), [("192.0.2.1", "no address of this machine"), ("no.such.host.invalid", "no such host")]
)
def test_an_address_of_another_machine_is_refused(host, said):
    with pytest.raises(ServiceError, match=said):
        listen(host, 0)


def test_a_port_can_be_had_again_at_once_after_a_stop():
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            first.accept()[0].close()
            client.recv(1)
    with listen("127.0.0.1", port) as second:
        assert second.getsockname()[1] == port


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_addresses_are_known(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "no.such.host.invalid", ""])
def test_other_addresses_are_not_taken_for_loopback(host):
    assert not is_loopback(host)


def test_others_may_reach_it_once_there_is_a_token(sqlite_store, settings, make_team):
    refuse_open_door(settings, sqlite_store, "127.0.0.1")
    with pytest.raises(ServiceError) as refused:
        refuse_open_door(settings, sqlite_store, "0.0.0.0")
    assert "matdisc token create --team TEAM --person NAME --role maintainer --board" in str(refused.value)
    assert "put TLS in front (nginx or Caddy" in str(refused.value)
    make_team(sqlite_store)
    refuse_open_door(settings, sqlite_store, "0.0.0.0")


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(serve, "PACKAGES", ("sqlalchemy", "no_such_package"))
    with pytest.raises(ExtraError, match=r'needs no_such_package.*pip install "matdisc\[service\]"'):
        require_packages()


def test_a_proxy_is_an_address_or_a_network():
    assert checked_proxy("10.0.0.5") == "10.0.0.5/32"
    assert checked_proxy("10.0.0.0/24") == "10.0.0.0/24"
    assert checked_proxy("::1") == "::1/128"
    assert checked_proxy(None) is None
    for wrong in ("*", "nginx", "10.0.0.1/24", ""):
        with pytest.raises(ServiceError, match="no address of a proxy"):
            checked_proxy(wrong)


async def told(scope, receive, send):
    """An app that tells who asks and by which scheme; /big is more than anybody takes unread, /events has no end."""
    body = json.dumps({"client": scope["client"][0], "scheme": scope["scheme"]}).encode()
    if scope["path"] == "/big":
        body = b"x" * 2**20
    await receive()
    if scope["path"] == "/events":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(64 if scope["path"] == "/big" else 1):
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def serving():
    """Serve the app above by our configuration: `serving(proxy=None)` returns its port."""
    servers = []

    def start(proxy=None):
        listener = listen("127.0.0.1", 0)
        server = server_of(told, proxy)
        server.config.lifespan = "off"
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        servers.append((server, thread))
        return listener.getsockname()[1]

    def stop():
        for server, thread in servers:
            server.should_exit = True
            thread.join(30)

    start.stop = stop
    yield start
    stop()


def ask(port, head):
    """Send bytes, and return all that is answered until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(head)
        return rest(client)


def rest(client):
    """Return what comes until the connection ends, however it does."""
    answer = bytearray()
    try:
        while more := client.recv(2**20):
            answer += more
    except ConnectionResetError:
        pass
    return bytes(answer)


def drip(client, content):
    """Send bytes one by one; return how many went out before the connection ended."""
    try:
        for number, _ in enumerate(content):
            client.sendall(content[number : number + 1])
            time.sleep(0.02)
    except OSError:
        return number
    return len(content)


REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
FORWARDED = b"x-forwarded-for: 203.0.113.9\r\nx-forwarded-proto: https\r\n\r\n"


def test_headers_of_a_proxy_hold_only_from_the_proxy(serving):
    assert b'{"client": "203.0.113.9", "scheme": "https"}' in ask(serving("127.0.0.1"), REQUEST + FORWARDED)
    for proxy in (None, "10.0.0.5"):
        assert b'{"client": "127.0.0.1", "scheme": "http"}' in ask(serving(proxy), REQUEST + FORWARDED)


def test_an_answer_does_not_say_which_server_gives_it(serving):
    assert b"server:" not in ask(serving(), REQUEST + b"\r\n").lower()


def test_a_head_without_end_is_refused(serving):
    answer = ask(serving(), REQUEST + b"x: " + b"y" * 2**20)
    assert answer.startswith(b"HTTP/1.1 400") or answer == b""


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nx: "], ids=["nothing", "half a head"])
def test_who_sends_no_request_is_cut_off_and_others_are_not(serving, monkeypatch, begun):
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.5)
    port, began = serving(), time.monotonic()
    assert ask(port, begun) == b""
    assert time.monotonic() - began > 0.4
    assert b"200 OK" in ask(port, REQUEST + b"\r\n")


def test_who_sends_half_of_a_second_request_is_cut_off(serving, monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", serving()), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = client.recv(65536)
        client.sendall(b"GET / HTTP")
        assert b"200 OK" in answer + rest(client)  # it ends long before the time for an idle connection


def test_a_request_that_drips_in_is_cut_off_all_the_same(serving, monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", serving()), timeout=20) as client:
        assert drip(client, b"GET / HTTP/1.1\r\nx: " + b"y" * 300) < 300


def test_who_does_not_read_an_answer_is_cut_off(serving, monkeypatch):
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", serving()), timeout=20) as client:
        client.sendall(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n")
        time.sleep(2.0)
        assert 0 < len(rest(client)) < 64 * 2**20


def test_event_streams_are_closed_in_good_order_when_the_server_stops(serving, caplog):
    port = serving()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = client.recv(65536)
        began = time.monotonic()
        serving.stop()
        answer += rest(client)
    assert answer.endswith(b"0\r\n\r\n")
    assert time.monotonic() - began < serve.FINISH_SECONDS
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_an_event_stream_ends_when_its_client_leaves(serving, caplog):
    with socket.create_connection(("127.0.0.1", serving()), timeout=20) as client:
        client.sendall(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n")
        client.recv(65536)
    serving.stop()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_who_reads_gets_a_long_answer_whole(serving):
    assert len(ask(serving(), b"GET /big HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")) > 64 * 2**20


def test_a_request_under_way_is_finished_before_the_process_ends(sqlite_store, settings, blobs, monkeypatch):
    asked = threading.Event()

    async def slow(scope, receive, send):
        if scope["type"] == "lifespan":
            return
        asked.set()
        await asyncio.sleep(0.5)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    monkeypatch.setattr("matdisc.service.http.app.create_app", lambda *_: slow)
    listener, answers = listen("127.0.0.1", 0), []
    port = listener.getsockname()[1]

    def ask_and_end():
        client = threading.Thread(target=lambda: answers.append(ask(port, REQUEST + b"\r\n")))
        client.start()
        asked.wait(20)
        os.kill(os.getpid(), signal.SIGTERM)
        client.join(20)

    thread = threading.Thread(target=ask_and_end)
    thread.start()
    serve.serve(settings, sqlite_store, blobs, listener)  # returns: the signal that uvicorn raises again is taken
    thread.join(20)
    assert b"done" in answers[0]
