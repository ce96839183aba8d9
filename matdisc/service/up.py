"""Starting a service on one machine: what has to be right before, and the two processes it is made of."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from matdisc.board import Board
from matdisc.service.home import make_home
from matdisc.service.logs import Style
from matdisc.service.serve import FINISH_SECONDS, listen, make_token_command, refuse_open_door
from matdisc.service.settings import SETTINGS, Settings
from matdisc.service.supervisor import Part, supervise, tell_when_ready

log = logging.getLogger("matdisc.service.up")


@dataclass(frozen=True, slots=True)
class Start:
    """How a service is started: where it listens, and what its worker is given."""

    host: str
    port: int
    proxy: str | None = None
    workers: int | None = None
    address: str | None = None
    style: Style = "text"


def run_service(settings: Settings, start: Start, tell: Callable[[str], None]) -> None:
    """Run API and worker of a service until Ctrl-C or SIGTERM.

    The socket is this process's, so that a client waits while a new API takes a dead one's place.

    Args:
        tell: Called with lines for whoever has started it.

    Raises:
        ServiceError: If the address cannot be listened at, or is an open door; nothing is started then.
    """
    with listen(start.host, start.port) as listener:
        if make_home(settings.home):
            tell(f"settings: {settings.home / SETTINGS}")
        _prepare(settings, start, tell)
        port = listener.getsockname()[1]
        tell_when_ready(start.host, port, lambda url: tell(f"matdisc: {url} (Ctrl-C ends it)"))
        supervise(_parts(settings, start, listener, port), listener.close)


def _prepare(settings: Settings, start: Start, tell: Callable[[str], None]) -> None:
    from matdisc.service.store.accounts import any_token
    from matdisc.service.store.database import open_store

    store = open_store(settings.database)  # here, so that two children do not both upgrade it
    try:
        refuse_open_door(settings, store, start.host)
        if not any_token(store):
            tell(f"no token yet, so that nobody can submit; make one: {make_token_command(settings)}")
    finally:
        store.close()
    if not (Board(settings.board).site_dir / "index.html").is_file():
        tell("site: is built")
        if subprocess.run(matdisc_command("site", "build", "--board", str(settings.board)), check=False).returncode:
            log.warning("the site could not be built; the service starts without it")


def _parts(settings: Settings, start: Start, listener: socket.socket, port: int) -> list[Part]:
    url = settings.web.public_url if "public_url" in settings.web.model_fields_set else f"http://{start.host}:{port}"
    shared = ["--board", str(settings.board), "--home", str(settings.home), "--log-format", start.style, "--url", url]
    api = [*shared, "--listener", str(listener.fileno())]
    api += ["--behind-proxy", start.proxy] if start.proxy else []
    worker = list(shared)
    worker += [] if start.workers is None else ["--workers", str(start.workers)]
    worker += ["--address", start.address] if start.address else []
    return [
        Part("api", matdisc_command("api", "--supervised", *api), (listener.fileno(),), FINISH_SECONDS + 2),
        Part("worker", matdisc_command("worker", "--supervised", *worker)),
    ]


def matdisc_command(*arguments: str) -> tuple[str, ...]:
    """Return the command line of another `matdisc` of this Python."""
    return sys.executable, "-m", "matdisc", *arguments
