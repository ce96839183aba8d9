"""Where a service is, and the token that opens it; neither is ever given as an option that a shell would keep."""

from __future__ import annotations

import getpass
import ipaddress
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from matdisc.errors import ServiceError

TOKEN, TOKEN_FILE = "MATDISC_TOKEN", "MATDISC_TOKEN_FILE"
LONGEST = 500
"""Characters of a token."""
GET_ONE = "`matdisc token create` on the service's machine makes one"


def service_address(given: str) -> str:
    """Return the address of a service without a slash or version at its end: `https://lab.org/matdisc`.

    Raises:
        ServiceError: If it is no address, holds a name or password, or would send a token readably over a network.
    """
    text = given.strip()
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as err:
        raise ServiceError(f"address {given!r}: {err}; give one such as https://board.example.org") from err
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f\x7f\\]", text):
        raise ServiceError(f"address {given!r} is none of a service; give one such as https://board.example.org")
    if parts.username is not None or parts.password is not None:
        raise ServiceError(f"the address of {host} holds a name or password; give the address alone, and {TOKEN}")
    if parts.query or parts.fragment:
        raise ServiceError(f"address {given!r}: has a part after ? or #; give it without")
    if parts.scheme == "http" and not is_loopback(host):
        raise ServiceError(
            f"address {given!r}: http would send the token readably over the network; use https (plain http is for "
            "this machine alone, such as http://127.0.0.1:8000)"
        )
    shown = f"[{host}]" if ":" in host else host
    place = f"{parts.scheme}://{shown}{'' if port is None else f':{port}'}"
    return place + parts.path.rstrip("/").removesuffix("/v1").rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine, whatever a name server says."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_token(address: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the token from MATDISC_TOKEN, the file that MATDISC_TOKEN_FILE names, or a hidden prompt on a terminal.

    Raises:
        ServiceError: If there is none, or it cannot be one.
    """
    if text := environment.get(TOKEN, "").strip():
        return _checked(text, TOKEN)
    if named := environment.get(TOKEN_FILE, "").strip():
        return _checked(_first_bytes(Path(named)), f"the file {named}")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ServiceError(
            f"no token for {address}; put it into {TOKEN}, or its file's name into {TOKEN_FILE} ({GET_ONE})"
        )
    return _checked(getpass.getpass(f"token for {address} (hidden): ").strip(), "what was typed")


def _first_bytes(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LONGEST + 100).decode("ascii", "replace").strip()
    except OSError as err:
        raise ServiceError(f"{TOKEN_FILE} names {path}, which cannot be read ({err.strerror}); correct it") from err


def _checked(text: str, source: str) -> str:
    """Return a token that can stand in a header; the message of one that cannot does not repeat it."""
    if not re.fullmatch(r"[\x21-\x7e]+", text) or len(text) > LONGEST:
        raise ServiceError(f"{source} holds no token: one is a word like mdt_..., without blanks; copy it again")
    return text
