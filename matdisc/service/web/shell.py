"""What all pages share: templates, headers, who is logged in, and how a refusal looks."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import HTTPException
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

import matdisc
from matdisc.board import SITE
from matdisc.service.blobs import Blobs
from matdisc.service.settings import Settings
from matdisc.service.store.accounts import Token
from matdisc.service.store.database import Store
from matdisc.service.web import words
from matdisc.service.web.sessions import Session, form_key, keep, new_session, session_of, token_of_session
from matdisc.templates import CompiledOnce
from matdisc.version import __version__

HERE = Path(__file__).parent
THE_SITE = Path(matdisc.__file__).parent / "leaderboard" / "site"  # its files are read; its modules load NumPy
ASSETS = {
    "site.css": (THE_SITE / "assets" / "site.css", "text/css"),
    "pages.css": (THE_SITE / "assets" / "pages.css", "text/css"),
    "site.js": (THE_SITE / "assets" / "site.js", "text/javascript"),
    "icon.svg": (THE_SITE / "assets" / "icon.svg", "image/svg+xml"),
    "service.css": (HERE / "assets" / "service.css", "text/css"),
    "service.js": (HERE / "assets" / "service.js", "text/javascript"),
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # under `no-referrer` forms are sent with `Origin: null`
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_COMPILED = CompiledOnce()


class Refusal(Exception):
    """A request that is answered with a page of a heading and a sentence."""

    def __init__(self, status: int, title: str, text: str) -> None:
        super().__init__(text)
        self.status, self.title, self.text = status, title, text


class LoginNeeded(Exception):
    """A page that only those who are logged in may see."""


NOT_HERE = Refusal(404, "Not here", "There is no such submission, or it is another team's.")
STALE = Refusal(
    403,
    "This form is out of date",
    "It was made for another session, or another site has sent it. Nothing was changed. Load the page again and "
    "repeat what you did.",
)


@dataclass(frozen=True)
class Shell:
    """The service as its pages see it."""

    settings: Settings
    store: Store
    blobs: Blobs

    @cached_property
    def title(self) -> str:
        """The board's title, as its site prints it."""
        try:
            said = tomllib.loads((self.settings.board / SITE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return "matdisc"
        return str(said.get("title", "matdisc"))

    @cached_property
    def templates(self) -> Environment:
        """Templates: what is put into them is text, never HTML."""
        env = Environment(
            loader=FileSystemLoader([HERE / "templates", THE_SITE / "templates"]),
            bytecode_cache=_COMPILED,
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        env.filters.update(words.FILTERS)
        env.globals.update(
            asset=asset_url, title=self.title, version=__version__, settings=self.settings, words=words, MIB=2**20
        )
        return env

    def token(self, request: Request, scope: str = "read") -> Token:
        """Return who is logged in.

        Raises:
            LoginNeeded: If nobody is.
            Refusal: If the token lacks the scope.
        """
        token = token_of_session(request, self.settings, self.store)
        if token is None:
            raise LoginNeeded
        request.state.team = token.team  # for the log
        if scope not in token.scopes:
            has = ", ".join(sorted(token.scopes)) or "none"
            raise Refusal(403, "Not with this token", f"This needs a token with the scope {scope!r}; yours has: {has}.")
        return token

    def page(
        self, request: Request, template: str, *, token: Token | None = None, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Return a page; its forms carry the key of the session, and a visitor without one gets one."""
        session, is_new = session_of(request, self.settings), False
        if session is None or (token is None and session.token_id):
            session, is_new = new_session(), True
        values |= {"token": token, "form_key": form_key(self.settings, session), "path": request.url.path}
        response = HTMLResponse(self.templates.get_template(template).render(values), status, HEADERS)
        if is_new:
            keep(response, self.settings, session)
        return response

    def refusal(self, request: Request, why: Refusal) -> HTMLResponse:
        """Return the page of a refusal."""
        token = token_of_session(request, self.settings, self.store)
        return self.page(request, "message.html", token=token, status=why.status, heading=why.title, text=why.text)

    def enter(self, session: Session, target: str) -> Response:
        """Send someone who has just logged in, or out, to a page, with the cookie of the session."""
        response = see(target)
        keep(response, self.settings, session)
        return response

    @cached_property
    def route_class(self) -> type[APIRoute]:
        """Routes whose refusals are pages."""
        shell = self

        class PageRoute(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                handle = super().get_route_handler()

                async def page(request: Request) -> Response:
                    try:
                        return await handle(request)
                    except LoginNeeded:
                        return see("/login?" + urlencode({"next": request.url.path}))
                    except Refusal as why:
                        return shell.refusal(request, why)
                    except HTTPException as err:
                        answer = shell.refusal(request, Refusal(err.status_code, "This did not work", str(err.detail)))
                        answer.headers.update(err.headers or {})
                        return answer

                return page

        return PageRoute


def see(target: str) -> RedirectResponse:
    """Send a browser to a page of ours with GET."""
    return RedirectResponse(target, 303, HEADERS)


@cache
def asset(name: str) -> tuple[bytes, str]:
    """Return content and type of a file that pages load."""
    path, kind = ASSETS[name]
    return path.read_bytes(), kind


@cache
def asset_url(name: str) -> str:
    """Return where a page loads a file: its address changes with its content, so that it may be kept for long."""
    return f"/service/assets/{name}?v={hashlib.sha256(asset(name)[0]).hexdigest()[:12]}"
