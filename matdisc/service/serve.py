"""The API's process: the address it listens at, who may reach it, and uvicorn."""

from __future__ import annotations

import errno
import importlib.util
import ipaddress
import logging
import shlex
import socket
from typing import TYPE_CHECKING, Any

from matdisc.errors import ExtraError, ServiceError
from matdisc.interrupts import stop_requested

if TYPE_CHECKING:
    import uvicorn

    from matdisc.service.blobs import Blobs
    from matdisc.service.settings import Settings
    from matdisc.service.store.database import Store

PACKAGES = ("fastapi", "uvicorn", "sqlalchemy", "alembic")
"""What the service needs beside matdisc's own packages."""
BACKLOG = 2048
CONNECTIONS = 1000
"""Connections at a time; more are answered with 503."""
HEAD_BYTES = 32 * 2**10
KEEP_ALIVE_SECONDS = 15
FINISH_SECONDS = 5
"""Time that requests have to end when the process is asked to."""
IN_CLEAR = "tokens travel in clear over plain HTTP: put TLS in front (nginx or Caddy: docs/guides/service.md)"

log = logging.getLogger("matdisc.service.serve")


def require_packages() -> None:
    """Raise ExtraError if a package of the service is missing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ExtraError(
            f'the service needs {", ".join(missing)}, not installed here; run: pip install "matdisc[service]"'
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; whoever connects waits until somebody answers.

    Args:
        port: 0 for a free one.

    Raises:
        ServiceError: If the address is in use, or none of this machine.
    """
    where = f"--host {host} --port {port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as err:
        raise ServiceError(f"{where}: no such host ({err}); give an address of this machine") from None
    listener = socket.socket(family, kind, protocol)  # asyncio sends small answers at once only if it knows this is TCP
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or it is refused for a minute after a stop
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as err:
        listener.close()
        remedy = {
            errno.EADDRINUSE: "another program listens there; end it, or give another --port",
            errno.EACCES: "ports below 1024 belong to the system; give another --port",
            errno.EADDRNOTAVAIL: "this is no address of this machine; give another --host",
        }.get(err.errno or 0, "give another --host or --port")
        raise ServiceError(f"{where}: {err.strerror}; {remedy}") from None
    return listener


def make_token_command(settings: Settings) -> str:
    """Return the command that makes the first token of a service."""
    places = ["--board", str(settings.board)]
    if settings.home != settings.board / "service":
        places += ["--home", str(settings.home)]
    return f"matdisc token create --team TEAM --person NAME --role maintainer {shlex.join(places)}"


def refuse_open_door(settings: Settings, store: Store, host: str) -> None:
    """Refuse an address that others reach while there is no token.

    Raises:
        ServiceError: If that is so; says how to make a token, and to put TLS in front.
    """
    if is_loopback(host):
        return
    from matdisc.service.store.accounts import any_token

    if not any_token(store):
        raise ServiceError(
            f"--host {host}: other machines would reach it, and there is no token by which to know anybody; make one "
            f"first: {make_token_command(settings)}; and {IN_CLEAR}"
        )


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine only."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)
    except (OSError, UnicodeError, ValueError):
        return False


def checked_proxy(proxy: str | None) -> str | None:
    """Return the address or network of a proxy, as it is.

    Raises:
        ServiceError: If it is none.
    """
    try:
        return proxy if proxy is None else str(ipaddress.ip_network(proxy.strip()))
    except ValueError:
        raise ServiceError(
            f"--behind-proxy {proxy}: no address of a proxy; give the one that it connects from, e.g. 127.0.0.1, "
            "or a network such as 10.0.0.0/24"
        ) from None


def server_of(app: Any, proxy: str | None = None) -> uvicorn.Server:
    """Return a server of an app: bounded in everything, its logs left to ours.

    Args:
        proxy: Address or network that is believed what it says in `X-Forwarded-For` and `X-Forwarded-Proto`.
    """
    import uvicorn

    from matdisc.service.connection import Connection
    from matdisc.service.streams import EndingStreams

    config = uvicorn.Config(
        EndingStreams(app, lambda: server.should_exit),
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=proxy is not None,
        forwarded_allow_ips=proxy or [],
        limit_concurrency=CONNECTIONS,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    server = uvicorn.Server(config)
    return server


def serve(settings: Settings, store: Store, blobs: Blobs, listener: socket.socket, proxy: str | None = None) -> None:
    """Answer requests until Ctrl-C or SIGTERM; those under way are finished first.

    uvicorn raises the signal once more after its clean end; it is taken for a good one here.
    """
    from matdisc.service.http.app import create_app

    if not is_loopback(listener.getsockname()[0]) and proxy is None:
        log.warning(IN_CLEAR)
    app = create_app(settings, store, blobs)
    with stop_requested():
        server_of(app, proxy).run(sockets=[listener])
