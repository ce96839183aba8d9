"""The published board at `/`: the folder that `matdisc site build` makes, once it is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

NOT_YET = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Not published yet</title>
<h1>This board has not been published yet</h1>
<p>Its pages appear here after the first <code>matdisc site build</code>. The service itself is up.</p>
"""


class Site(StaticFiles):
    """Files of one folder that may come later; links that lead out of it are not followed.

    Args:
        folder: The folder.
        may_read: Whether a request may see them; who may not is asked to log in.
    """

    def __init__(self, folder: Path, may_read: Callable[[Request], bool]) -> None:
        super().__init__(directory=folder, html=True, check_dir=False)
        self._folder, self._may_read = folder, may_read

    async def check_config(self) -> None:
        """The folder may be missing."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or a page that says that there are none yet."""
        if "\0" in path:
            raise HTTPException(404)
        if not await run_in_threadpool(self._may_read, Request(scope)):
            return RedirectResponse("/login", 303)
        if not (self._folder / "index.html").is_file():
            if path in (".", "") and scope["method"] in ("GET", "HEAD"):
                return HTMLResponse(NOT_YET)
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers.setdefault("Cache-Control", "no-cache")
        return response
