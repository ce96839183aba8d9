"""A service that really listens, clients that ask it, and raw connections that misbehave."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import httpx
import uvicorn.server

from matdisc.service.http.app import create_app
from matdisc.service.serve import listen, server_of
from matdisc.service.store import submissions

CARD = """
key = "{key}"
name = "Outsider"
version = "1"
kind = "predictor"
summary = "Predictions of an outsider."
gives = ["formation energy"]
[licence]
code = "MIT"
[[authors]]
name = "Ada"
"""
FIELDS = {"task": "discovery", "dataset": "emt-alloys", "card": CARD.format(key="mine")}
CSV = b"material_id,e_form\nx-1,-0.1\n"
FILE = ("answers.csv", CSV, "text/csv")

# A server looks every 0.1 s whether it shall end, and then waits as long again: here a twentieth of it.
uvicorn.server.asyncio = SimpleNamespace(**vars(asyncio) | {"sleep": lambda seconds: asyncio.sleep(seconds / 20)})


@dataclass
class Api:
    """A running service and one team's client."""

    app: object
    settings: object
    store: object
    blobs: object
    port: int
    secret: str = ""
    clients: list = field(default_factory=list)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def client(self, secret=None, **options):
        """A client with a token; `secret=""` for one without."""
        secret = self.secret if secret is None else secret
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        made = httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False, verify=False, **options)
        self.clients.append(made)
        return made

    def get(self, path, **options):
        return self.clients[0].get(path, **options)

    def post(self, path, **options):
        return self.clients[0].post(path, **options)

    def submit(self, file=FILE, key=None, client=None, **fields):
        """Send a submission; a field of None is left out."""
        said = {name: text for name, text in (FIELDS | fields).items() if text is not None}
        headers = {"Idempotency-Key": key} if key else {}
        parts = [(name, (None, text)) for name, text in said.items()]
        if file is not None:
            parts.append(("predictions", file))
        return (client or self.clients[0]).post("/v1/submissions", files=parts, headers=headers)

    def send(self, *pieces, seconds=10.0):
        """Send bytes over a connection of its own and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
            except OSError:  # the service has closed it
                pass
            return everything(connection)

    def head(self, *lines, path="/v1/submissions"):
        """The head of a submission's request."""
        said = (f"POST {path} HTTP/1.1", "Host: board", f"Authorization: Bearer {self.secret}", *lines, "", "")
        return "\r\n".join(said).encode()

    def kept(self):
        """What the service has kept: submissions, and files of any kind."""
        files = [path for path in Path(self.settings.blobs).rglob("*") if path.is_file()]
        return len(submissions.listing(self.store)), len(files)


def everything(connection):
    """Return what a connection brings until it ends."""
    found = b""
    try:
        while data := connection.recv(65536):
            found += data
    except OSError:
        pass
    return found


@contextmanager
def serving(settings, store, blobs, secret=""):
    """Serve on a free port, as `matdisc api` does."""
    app = create_app(settings, store, blobs)
    listener = listen("127.0.0.1", 0)
    api = Api(app, settings, store, blobs, listener.getsockname()[1], secret)
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    api.client()
    try:
        yield api
    finally:
        for client in api.clients:
            client.close()
        server.should_exit = True
        thread.join(20)


def is_problem(response, status, words=""):
    """Return a problem document after a look at its status, its words and its form."""
    said = response.json()
    assert response.status_code == status, said
    assert response.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance", "request_id"} <= said.keys()
    assert said["status"] == status
    assert said["request_id"] == response.headers["X-Request-Id"]
    assert words.lower() in f"{said['title']}: {said['detail']}".lower(), said
    assert "Traceback" not in response.text
    return said
