"""The queue: what a team, or for maintainers everybody, has submitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from matdisc.service.http.auth import SEES_ALL
from matdisc.service.settings import MIB
from matdisc.service.states import OPEN, WAITING
from matdisc.service.store.accounts import Token
from matdisc.service.store.database import now
from matdisc.service.store.quota import usage
from matdisc.service.store.rows import Submission
from matdisc.service.store.submissions import listing, position
from matdisc.service.web.shell import Shell
from matdisc.service.web.submission import visible
from matdisc.service.web.words import GROUPS, when

PAGE = 25
SETS_SHOWN = 4
"""Data sets whose evaluations are counted on the page: the latest ones of the team."""


@dataclass(frozen=True, slots=True)
class Row:
    """A submission, and how many wait before it."""

    submission: Submission
    position: int | None


def queue_router(shell: Shell) -> APIRouter:
    """Return the route of /queue."""
    router = APIRouter(route_class=shell.route_class, include_in_schema=False)

    @router.get("/queue", response_class=HTMLResponse)
    def show(request: Request, state: str = "", team: str = "", before: str = "") -> Response:
        token = shell.token(request)
        sees_all = bool(token.scopes & SEES_ALL)
        everybody = sees_all and team != "own"
        group = state if state in GROUPS else ""
        if before:
            visible(shell, token, before)
        found = listing(
            shell.store,
            team_id=None if everybody else token.team_id,
            states=GROUPS[group][1] if group else (),
            limit=PAGE + 1,
            before=before or None,
        )
        shown = found[:PAGE]
        waits = (position(shell.store, one.id) if one.state in WAITING else None for one in shown)
        with shell.store.read() as connection:
            time = now(connection)
        return shell.page(
            request,
            "queue.html",
            token=token,
            rows=[Row(one, place) for one, place in zip(shown, waits, strict=True)],
            older=shown[-1].id if len(found) > PAGE else None,
            before=before,
            group=group,
            everybody=everybody,
            sees_all=sees_all,
            is_open=any(one.state in OPEN for one in shown),
            usage=[] if everybody else used(shell, token),
            link=_links({"state": group, "team": team if sees_all else ""}),
            now=time,
        )

    return router


def used(shell: Shell, token: Token) -> list[tuple[str, Any, int, str]]:
    """Return what a team uses of its quota: name, amount, limit, and when more is free."""
    quota = shell.settings.quota
    latest = dict.fromkeys(one.dataset for one in listing(shell.store, team_id=token.team_id, limit=PAGE))
    by_set = {name: usage(shell.store, token.team_id, name, quota) for name in list(latest)[:SETS_SHOWN]}
    in_all = next(iter(by_set.values()), None) or usage(shell.store, token.team_id, None, quota)
    return [
        ("At work", in_all.running, quota.running, ""),
        ("Waiting", in_all.queued, quota.queued, ""),
        *(
            (
                f"Evaluations on {name} in {quota.period_days} days",
                own.scored,
                quota.scored,
                f"the next one on {when(own.next_free)}" if own.next_free else "",
            )
            for name, own in by_set.items()
        ),
        ("MiB stored", round(in_all.stored_bytes / MIB, 1), quota.stored_mib, ""),
    ]


def _links(now_shown: dict[str, str]) -> Callable[..., str]:
    """Return a function that makes links to the page as it is shown but for what it is given."""

    def link(**changes: str | None) -> str:
        query = {name: value for name, value in {**now_shown, **changes}.items() if value}
        return "/queue" + ("?" + urlencode(query) if query else "")

    return link
