"""Webhooks: where they may point, and calling them: signed, by an address that was looked at, tried again for a day."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import json
import logging
import re
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

from matdisc.errors import ServiceError
from matdisc.service.secret import derived_key
from matdisc.service.settings import Settings
from matdisc.service.store.database import Store
from matdisc.service.store.publication import Delivery, delivered, delivery_failed, due_deliveries
from matdisc.service.store.rows import Submission
from matdisc.service.store.submissions import get

SIGNATURE = "Matdisc-Signature"
SECONDS = 10.0
"""What a whole call may take."""
DELAYS = (10.0, 60.0, 300.0, 1800.0, 7200.0, 21600.0, 57600.0)
"""Seconds between one try and the next: about a day in all."""
NAT64 = ipaddress.ip_network("64:ff9b::/96")
HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
"""A name in lower case whose last part begins with a letter, which no form of an IP address does."""

log = logging.getLogger("matdisc.service.webhooks")


def check_url(url: str, settings: Settings) -> None:
    """Raise ServiceError unless a webhook may be called: https, a public host, no password; says what to change.

    Its name is looked up, here and again at each call.
    """
    host, port, _ = _parts(url, settings)
    _addresses(url, host, port, settings)


def webhook_key(settings: Settings, team_id: str) -> str:
    """Return the key that the calls of a team's webhooks are signed with, as hexadecimal digits.

    The header `Matdisc-Signature` is `sha256=` and the HMAC-SHA256 of the body, keyed with the bytes of this text.
    """
    return derived_key(settings, f"webhook:{team_id}").hex()


def signature(key: str, body: bytes) -> str:
    """Return what the header `Matdisc-Signature` says of a body."""
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def deliver_due(settings: Settings, store: Store) -> int:
    """Make the calls that are due, one after another, and return how many were made; a failed one is tried again."""
    made = 0
    for delivery in due_deliveries(store, limit=20):
        submission = get(store, delivery.submission_id)
        if submission is None:
            continue
        try:
            body = json.dumps(message(settings, submission, delivery)).encode()
            _post(delivery.url, body, signature(webhook_key(settings, submission.team_id), body), settings)
        except (ServiceError, OSError, http.client.HTTPException) as err:
            later = DELAYS[delivery.tries] if delivery.tries < len(DELAYS) else None
            log.warning("webhook of %s was not taken: %s", submission.id, err)
            delivery_failed(store, delivery.id, str(err)[:500], later)
            continue
        delivered(store, delivery.id)
        made += 1
    return made


def message(settings: Settings, submission: Submission, delivery: Delivery) -> dict[str, Any]:
    """Return what a webhook is told."""
    base = settings.web.public_url.rstrip("/")
    here = f"{base}/v1/submissions/{submission.id}"
    return {
        "id": submission.id,
        "state": delivery.state,
        "task": submission.task,
        "dataset": submission.dataset,
        "links": {"self": here, "result": f"{here}/result", "page": f"{base}/submissions/{submission.id}"},
    }


def _parts(url: str, settings: Settings) -> tuple[str, int, SplitResult]:
    """Return host, port and the parts of a URL whose form is allowed."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise ServiceError(f"webhook {url[:100]!r}: is no URL; give one such as https://lab.example.org/hook") from None
    where = f"webhook {url[:100]!r}"
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > 500:
        raise ServiceError(f"{where}: has letters that a URL cannot have, or more than 500; encode them")
    listed = host in settings.web.webhooks_to
    if parts.scheme != "https" and not (parts.scheme == "http" and listed):
        raise ServiceError(f"{where}: has to begin with https://")
    if parts.username is not None or parts.password is not None:
        raise ServiceError(f"{where}: holds a name or password; remove it, calls are signed instead")
    if not listed and not HOST.fullmatch(host):
        raise ServiceError(f"{where}: its host {host!r} is no name of a host; give a name, not an address")
    if port == 0:
        raise ServiceError(f"{where}: has port 0; leave the port out, or give the right one")
    return host, port or (443 if parts.scheme == "https" else 80), parts


def _addresses(url: str, host: str, port: int, settings: Settings) -> list[str]:
    """Return the addresses of a host; all of them have to be public unless the host is listed.

    Raises:
        ServiceError: If it has none, or one that lies inside.
    """
    try:
        found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise ServiceError(f"webhook {url[:100]!r}: there is no host {host!r}; correct its name") from None
    if host not in settings.web.webhooks_to and not all(map(is_public, found)):
        raise ServiceError(
            f"webhook {url[:100]!r}: its host {host!r} is not on the public internet; give one that is, or ask a "
            "maintainer to add it to 'web.webhooks_to'"
        )
    return found


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also one that is wrapped into an IPv6 address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _post(url: str, body: bytes, signed: str, settings: Settings) -> None:
    """Post a body to an address that was just looked at; no redirect is followed and no body of an answer read.

    Raises:
        ServiceError: If the URL is not allowed, or the answer is no success.
        OSError, HTTPException: If there is no answer in time.
    """
    host, port, parts = _parts(url, settings)
    address = _addresses(url, host, port, settings)[0]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/json", "User-Agent": "matdisc", SIGNATURE: signed}
    connection = _Pinned(address, host, port, secure=parts.scheme == "https")
    clock = threading.Timer(SECONDS, connection.cut)  # a slow answer renews the time limit of a socket byte by byte
    clock.start()
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()  # its body is of no interest
    finally:
        clock.cancel()
        connection.close()
    if not 200 <= answer.status < 300:
        moved = "; redirects are not followed" if 300 <= answer.status < 400 else ""
        raise ServiceError(f"it answered with status {answer.status}{moved}")


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, whatever its name stands for by then; a certificate has to be the name's."""

    def __init__(self, address: str, host: str, port: int, *, secure: bool) -> None:
        super().__init__(host, port, timeout=SECONDS / 2)
        self._address, self._secure = address, secure
        self.default_port = 443 if secure else 80
        self._open: socket.socket | None = None

    def connect(self) -> None:
        self.sock = self._open = socket.create_connection((self._address, self.port), self.timeout)
        if self._secure:
            wrap = ssl.create_default_context().wrap_socket
            self.sock = self._open = wrap(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock.do_handshake()

    def cut(self) -> None:
        """End the connection from another thread, which its reader gets an error from."""
        if self._open is not None:  # `sock` is gone once the head of an answer is there
            with suppress(OSError):
                self._open.shutdown(socket.SHUT_RDWR)
