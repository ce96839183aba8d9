"""`matdisc token`: who may submit to the service of a board, and what else."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matdisc.cli.common import HERE, BoardOption, JsonOption, print_table
from matdisc.cli.service import HomeOption

if TYPE_CHECKING:
    from matdisc.service.store.accounts import Token
    from matdisc.service.store.database import Store

token = typer.Typer(no_args_is_help=True)


@token.command()
def create(
    team: Annotated[str, typer.Option("--team", help="Who submits; quotas and rows are a team's. Made if new.")],
    person: Annotated[str, typer.Option("--person", help="Who has the token.")],
    role: Annotated[str, typer.Option("--role", help="submitter or maintainer.")] = "submitter",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope", help="submit, read, publish or admin; may be given several times; default: all of the role."
        ),
    ] = None,
    days: Annotated[float, typer.Option("--days", help="How long it is valid; 0: until it is revoked.")] = 90,
    orcid: Annotated[str | None, typer.Option("--orcid", help="The person's, such as 0000-0002-1825-0097.")] = None,
    board: BoardOption = HERE,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token and print its secret, this once: only a hash of it is kept.

    Example: matdisc token create --team "Lab A" --person Ada --days 30
    """
    store = _store(board, home)
    from matdisc.service.store.accounts import create_token

    made, text = create_token(
        store, team=team, person=person, role=role, scopes=scope or None, days=days or None, orcid=orcid
    )
    if as_json:
        typer.echo(json.dumps({**_plain(made), "token": text}, indent=2))
        return
    typer.echo(f"token {made.id} of {made.person}, {made.team}: {_scopes(made)}; {_until(made)}")
    typer.echo("its secret is shown this once; to use it, put it into the environment of those commands that need it:")
    typer.echo(f"export MATDISC_TOKEN={text}")


@token.command(name="list")
def list_tokens(board: BoardOption = HERE, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List all tokens, without their secrets: whose they are, what they may do, until when.

    Example: matdisc token list --board my-board
    """
    store = _store(board, home)
    from matdisc.service.store.accounts import tokens

    found = tokens(store)
    if as_json:
        typer.echo(json.dumps([_plain(one) for one in found], indent=2))
        return
    if not found:
        typer.echo("no tokens yet; make one with: matdisc token create --team TEAM --person NAME")
        return
    header = ["token", "team", "person", "orcid", "role", "scopes", "made", "used", "state"]
    print_table(header, [_row(one) for one in found])


@token.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="TOKEN", help="Id of a token, as `token list` names it.")],
    board: BoardOption = HERE,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a token open nothing any more, from this moment; what it has submitted stays.

    Example: matdisc token revoke lrcr6qlez4yq
    """
    store = _store(board, home)
    from matdisc.service.store.accounts import TOKEN, revoke_token

    whole = TOKEN.fullmatch(name)  # its text does too
    gone = revoke_token(store, whole[1] if whole else name, "command line")
    typer.echo(
        json.dumps(_plain(gone), indent=2) if as_json else f"token {gone.id} of {gone.person}, {gone.team}: revoked"
    )


def _store(board: Path, home: Path | None) -> Store:
    from matdisc.board import open_board
    from matdisc.service.serve import require_packages
    from matdisc.service.settings import load_settings

    require_packages()
    from matdisc.service.store.database import open_store

    return open_store(load_settings(open_board(board).root, home).database)


def _plain(one: Token) -> dict[str, Any]:
    """Return a token for JSON: scopes in their order, times in ISO 8601."""
    times = {name: _iso(getattr(one, name)) for name in ("created", "expires", "revoked", "used")}
    return {**asdict(one), "scopes": _scopes(one).split(), **times}


def _row(one: Token) -> list[str]:
    times = [_day(one.created), _day(one.used), _until(one)]
    return [one.id, one.team, one.person, one.orcid or "–", one.role, _scopes(one), *times]


def _scopes(one: Token) -> str:
    from matdisc.service.store.accounts import SCOPES

    return " ".join(scope for scope in SCOPES if scope in one.scopes)


def _until(one: Token) -> str:
    if one.revoked is not None:
        return f"revoked {_day(one.revoked)}"
    if one.expires is None:
        return "valid until it is revoked"
    return f"{'expired' if one.expires <= time.time() else 'valid until'} {_day(one.expires)}"


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(seconds: float | None) -> str:
    return (_iso(seconds) or "–")[:10]
