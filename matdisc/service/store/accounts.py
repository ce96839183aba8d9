"""Teams, tokens and the audit log.

A token's text is `mdt_<id>_<secret>`; the database holds the SHA-256 of the secret only, so that a copy of it opens
nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update
from sqlalchemy.exc import OperationalError

from matdisc.errors import ServiceError
from matdisc.service.store import tables
from matdisc.service.store.database import Store, now, one_at_a_time

SCOPES = ("submit", "read", "publish", "admin")
ROLES = {"submitter": ("submit", "read"), "maintainer": SCOPES}
"""Roles and the scopes that their tokens have unless others are asked for."""
NAME = re.compile(r"[\w .+\-()/&']{1,80}")
TOKEN = re.compile(r"mdt_([a-z2-7]{12})_([A-Za-z0-9_-]{43})")
ORCID = re.compile(r"(\d{4}-){3}\d{3}[\dX]", re.ASCII)
DAY, MINUTE = 86400.0, 60.0
NEW_TEAM = 7_261_642
"""Number of the lock under which a team is looked for and made."""
NOBODY = hashlib.sha256(b"").hexdigest()
"""What a secret is compared with when there is no token of that id."""


@dataclass(frozen=True, slots=True)
class Token:
    """What somebody may do, for which team and until when; times are seconds since 1970."""

    id: str
    team_id: str
    team: str
    person: str
    orcid: str | None
    role: str
    scopes: frozenset[str]
    created: float
    expires: float | None
    revoked: float | None
    used: float | None


@dataclass(frozen=True, slots=True)
class Action:
    """Something that was done, by a token's id, a worker or on the command line."""

    id: int
    at: float
    who: str
    action: str
    subject: str
    detail: str


def create_token(
    store: Store,
    *,
    team: str,
    person: str,
    role: str = "submitter",
    scopes: Collection[str] | None = None,
    days: float | None = 90,
    orcid: str | None = None,
    who: str = "command line",
) -> tuple[Token, str]:
    """Make a token, and its team if that is new; return it and its text, which nobody can read again.

    Args:
        scopes: What it may do; default: what its role may.
        days: How long it is valid; None: until it is revoked.
        who: Who makes it, for the audit log.

    Raises:
        ServiceError: If a name, the role, a scope, the days or the ORCID is none.
    """
    team, person = checked_name(team, "team"), checked_name(person, "person")
    allowed = _checked_scopes(role, scopes)
    orcid = None if orcid is None else checked_orcid(orcid)
    if days is not None and not 0 < days <= 36500:
        raise ServiceError(f"days {days:g}: a token is valid for more than 0 and at most 36500 days, or has no end")
    token_id, secret = _new_id(), secrets.token_urlsafe(32)
    with store.begin() as connection:
        at = now(connection)
        connection.execute(
            insert(tables.tokens).values(
                id=token_id, secret_sha256=_digest(secret), team_id=_team_id(connection, team, at), person=person,
                orcid=orcid, role=role, scopes=" ".join(allowed), created=at,
                expires=None if days is None else at + days * DAY,
            )
        )  # fmt: skip
        record(connection, who, "token create", token_id, f"{role} {person} of {team}: {' '.join(allowed)}")
        made = _token(connection.execute(_chosen().where(tables.tokens.c.id == token_id)).one())
    return made, f"mdt_{token_id}_{secret}"


def authenticate(store: Store, text: str) -> Token | None:
    """Return the token of this text; None if it is unknown, wrong, expired or revoked.

    It takes as long for an id that is unknown. The time of use is noted, at most once a minute.
    """
    found = TOKEN.fullmatch(text)
    token_id, secret = found.groups() if found else ("", "")
    with store.read() as connection:
        row = connection.execute(_chosen().where(tables.tokens.c.id == token_id)).one_or_none()
        at = now(connection)
    same = hmac.compare_digest(NOBODY if row is None else row.secret_sha256, _digest(secret))
    if row is None or not same or row.revoked is not None or (row.expires is not None and row.expires <= at):
        return None
    if row.used is None or row.used <= at - MINUTE:
        with suppress(OperationalError), store.begin() as connection:  # a busy database shuts nobody out for a note
            connection.execute(update(tables.tokens).where(tables.tokens.c.id == row.id).values(used=at))
    return _token(row)


def get_token(store: Store, id: str) -> Token | None:
    """Return a token by its id."""
    with store.read() as connection:
        row = connection.execute(_chosen().where(tables.tokens.c.id == id)).one_or_none()
    return None if row is None else _token(row)


def tokens(store: Store) -> list[Token]:
    """Return all tokens, oldest first; those too that are revoked or expired."""
    with store.read() as connection:
        rows = connection.execute(_chosen().order_by(tables.tokens.c.created, tables.tokens.c.id)).all()
    return [_token(row) for row in rows]


def any_token(store: Store) -> bool:
    """Return whether anybody can come in: whether there is a token that is neither revoked nor expired."""
    column = tables.tokens.c
    with store.read() as connection:
        valid = column.expires.is_(None) | (column.expires > now(connection))
        return connection.execute(select(column.id).where(column.revoked.is_(None), valid).limit(1)).first() is not None


def revoke_token(store: Store, id: str, who: str) -> Token:
    """Let a token open nothing from now on, and return it; one that is revoked stays as it is.

    Raises:
        ServiceError: If there is no token of that id.
    """
    column = tables.tokens.c
    with store.begin() as connection:
        valid = (column.id == id) & column.revoked.is_(None)
        if connection.execute(update(tables.tokens).where(valid).values(revoked=now(connection))).rowcount:
            record(connection, who, "token revoke", id)
        row = connection.execute(_chosen().where(column.id == id)).one_or_none()
    if row is None:
        raise ServiceError(f"there is no token {id!r}; `matdisc token list` names them")
    return _token(row)


def record(connection: Connection, who: str, action: str, subject: str, detail: str = "") -> None:
    """Write to the audit log, in a transaction of the caller's."""
    connection.execute(
        insert(tables.audit).values(
            at=now(connection), who=who[:120], action=action[:40], subject=subject[:120], detail=detail
        )
    )


def audit_log(store: Store, limit: int = 100) -> list[Action]:
    """Return what was done, newest first."""
    column = tables.audit.c
    wanted = select(column.id, column.at, column.who, column.action, column.subject, column.detail)
    with store.read() as connection:
        rows = connection.execute(wanted.order_by(column.id.desc()).limit(limit)).all()
    return [Action(row.id, row.at, row.who, row.action, row.subject, row.detail or "") for row in rows]


def checked_name(name: str, field: str) -> str:
    """Return the name of a person or team in Unicode's composed form.

    Raises:
        ServiceError: If it has letters that no name needs: brackets of HTML, control or bidirectional characters.
    """
    composed = unicodedata.normalize("NFC", name).strip()
    if not NAME.fullmatch(composed) or not any(c.isalnum() for c in composed):
        raise ServiceError(
            f"{field} {name[:80]!a}: a name has 1 to 80 letters, digits, spaces and . + - ( ) / & ' _ only; write it so"
        )
    return composed


def checked_orcid(orcid: str) -> str:
    """Return an ORCID in its form 0000-0002-1825-0097, given so or as the URL of its page.

    The last place is a check digit: ISO 7064, MOD 11-2.

    Raises:
        ServiceError: If it is of another form, or a digit is wrong.
    """
    bare = re.sub(r"^(https?://)?(www\.)?orcid\.org/", "", orcid.strip()).upper()
    if not ORCID.fullmatch(bare):
        raise ServiceError(f"orcid {orcid[:80]!a}: it has the form 0000-0002-1825-0097; look it up at orcid.org")
    digits = bare.replace("-", "")
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    if digits[-1] != "0123456789X"[(12 - total % 11) % 11]:
        raise ServiceError(f"orcid {bare}: its check digit does not fit, so a digit is wrong; look it up at orcid.org")
    return bare


def _checked_scopes(role: str, scopes: Collection[str] | None) -> tuple[str, ...]:
    if role not in ROLES:
        raise ServiceError(f"role {role[:80]!a} does not exist; choose from {', '.join(ROLES)}")
    wanted = ROLES[role] if scopes is None else tuple(scope for scope in SCOPES if scope in scopes)
    for scope in scopes or ():
        if scope not in ROLES[role]:
            raise ServiceError(f"scope {scope[:80]!a}: a {role} may have {', '.join(ROLES[role])}")
    if not wanted:
        raise ServiceError(f"scopes: a token needs one at least; choose from {', '.join(ROLES[role])}")
    return wanted


def _team_id(connection: Connection, name: str, at: float) -> str:
    one_at_a_time(connection, NEW_TEAM)
    known = connection.execute(select(tables.teams.c.id).where(tables.teams.c.name == name)).scalar()
    if known is not None:
        return str(known)
    made = _new_id()
    connection.execute(insert(tables.teams).values(id=made, name=name, created=at))
    return made


def _new_id() -> str:
    """Return 60 random bits in letters that nobody mistakes for one another."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(12))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _chosen() -> Select[Any]:
    return select(tables.tokens, tables.teams.c.name.label("team")).join(tables.teams)


def _token(row: Row[Any]) -> Token:
    return Token(
        row.id, row.team_id, row.team, row.person, row.orcid, row.role, frozenset(row.scopes.split()), row.created,
        row.expires, row.revoked, row.used,
    )  # fmt: skip
