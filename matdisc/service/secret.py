"""The secret of a service: what sessions and webhooks are signed with."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from matdisc.errors import ServiceError
from matdisc.service.settings import Settings

SECRET = "secret"
LENGTH = 32


def derived_key(settings: Settings, purpose: str) -> bytes:
    """Return a key for one purpose, derived from the service's secret, which is made if there is none.

    Raises:
        ServiceError: If the secret cannot be read or made.
    """
    return hmac.new(_secret(settings.home / SECRET), purpose.encode(), hashlib.sha256).digest()


def _secret(path: Path) -> bytes:
    try:
        if not path.exists():
            _make(path)
        found = path.read_bytes().strip()
    except OSError as err:
        raise ServiceError(f"{path}: cannot be read or made ({err.strerror}); let the service own its folder") from err
    if len(found) < LENGTH:
        raise ServiceError(f"{path}: holds {len(found)} bytes and should hold {LENGTH}; remove it, a new one is made")
    return found


def _make(path: Path) -> None:
    """Write a new secret whole or not at all; of two processes that do so at once the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(LENGTH).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
