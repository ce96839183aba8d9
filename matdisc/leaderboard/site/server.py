"""Showing a built site on this machine, with the headers that a real host should send too."""

from __future__ import annotations

import re
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from matdisc.errors import DataError
from matdisc.leaderboard.site.site import POLICY

HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def serve(folder: Path, port: int = 8000, host: str = "127.0.0.1") -> None:
    """Serve the site in `folder` until interrupted.

    Raises:
        DataError: If the folder holds no site, or the port is taken.
    """
    with make_server(folder, port, host) as server:
        print(f"serving {folder} at http://{host}:{server.server_port}/ (Ctrl-C stops)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def make_server(folder: Path, port: int = 8000, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """Return a bound server that nobody runs yet; port 0 picks a free one."""
    if not (folder / "index.html").is_file():
        raise DataError(f"{folder}: holds no site (no index.html); make it with `matdisc site build`")
    try:
        return ThreadingHTTPServer((host, port), partial(SiteHandler, directory=str(folder)))
    except OSError as err:
        raise DataError(f"cannot listen on {host}:{port}: {err.strerror}; choose another --port") from err


class SiteHandler(SimpleHTTPRequestHandler):
    """Files of one folder; no directory listings, our own page for what is not there."""

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def list_directory(self, path: Any) -> None:
        self.send_error(HTTPStatus.NOT_FOUND)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = Path(self.directory) / "404.html"
        if code != HTTPStatus.NOT_FOUND or not page.is_file():
            super().send_error(code, message, explain)
            return
        body = at_root(page.read_text(encoding="utf-8"))
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet: this is a viewer."""


def at_root(page: str) -> bytes:
    """Return the page of what is not there with links that begin at `/`, wherever the site will be published."""
    style = re.search(r'href="(/[^"]*)assets/site\.css"', page)
    base = style[1] if style else "/"
    return page.replace(f'href="{base}', 'href="/').replace(f'src="{base}', 'src="/').encode()
