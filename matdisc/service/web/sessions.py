"""Sessions of the web pages: a signed cookie that names a token, which is looked up again at each request.

The service keeps no list of them: they end after twelve hours, or at once when their token expires or is revoked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from matdisc.service.secret import derived_key
from matdisc.service.settings import Settings
from matdisc.service.store.accounts import Token, get_token
from matdisc.service.store.database import Store, now

SECONDS = 12 * 3600
BODY = re.compile(r"(?P<token>[A-Za-z0-9]{0,40})\.(?P<expires>[0-9]{1,12})\.(?P<nonce>[A-Za-z0-9_-]{22})")


@dataclass(frozen=True, slots=True)
class Session:
    """What a cookie says: whose token, until when (seconds since 1970). Without a token nobody has logged in yet."""

    token_id: str
    expires: int
    nonce: str

    def __str__(self) -> str:
        return f"{self.token_id}.{self.expires}.{self.nonce}"


def new_session(token: Token | None = None) -> Session:
    """Return a session of twelve hours, or until the token expires."""
    latest = time.time() + SECONDS
    until = latest if token is None or token.expires is None else min(token.expires, latest)
    return Session("" if token is None else token.id, int(until), secrets.token_urlsafe(16))


def session_of(request: Request, settings: Settings) -> Session | None:
    """Return the session whose cookie came with a request; None if there is none, or it is forged or over."""
    body, _, mac = request.cookies.get(cookie_name(settings), "").rpartition(".")
    found = BODY.fullmatch(body)
    if found is None or not _equal(mac, _sign(settings, "session cookie", body)):
        return None
    session = Session(found["token"], int(found["expires"]), found["nonce"])
    return session if session.expires > time.time() else None


def token_of_session(request: Request, settings: Settings, store: Store) -> Token | None:
    """Return the token that a request's session stands for; None if nobody is logged in, or the token is over."""
    session = session_of(request, settings)
    token = get_token(store, session.token_id) if session and session.token_id else None
    if token is None or token.revoked is not None:
        return None
    with store.read() as connection:
        return token if token.expires is None or token.expires > now(connection) else None


def form_key(settings: Settings, session: Session) -> str:
    """Return what the forms of a session carry, so that no other site can send them."""
    return _sign(settings, "form of a session", str(session))


def is_form_key(settings: Settings, session: Session, given: str) -> bool:
    """Whether a form is one of this session, compared in constant time."""
    return _equal(given, form_key(settings, session))


def keep(response: Response, settings: Settings, session: Session) -> None:
    """Set a session's cookie: out of reach of scripts and of other sites, over TLS only where the service has it."""
    response.set_cookie(
        cookie_name(settings),
        f"{session}.{_sign(settings, 'session cookie', str(session))}",
        max_age=max(0, session.expires - int(time.time())),
        httponly=True,
        samesite="strict",
        secure=_is_secure(settings),
        path="/",
    )


def cookie_name(settings: Settings) -> str:
    """Name of the cookie; where there is TLS, a name that no other host of the domain can set."""
    return "__Host-matdisc" if _is_secure(settings) else "matdisc"


def _is_secure(settings: Settings) -> bool:
    return settings.web.public_url.lower().startswith("https:")


def _sign(settings: Settings, purpose: str, text: str) -> str:
    return hmac.new(derived_key(settings, purpose), text.encode(), hashlib.sha256).hexdigest()


def _equal(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())
