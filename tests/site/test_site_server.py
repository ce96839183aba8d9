"""The local server: right headers, our own 404, no listings."""

import re
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urljoin

import pytest
from site_boards import write

from matdisc.errors import DataError
from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.server import make_server


class StaticHost(SimpleHTTPRequestHandler):
    """What hosts of static files do: the site at /board/, and its 404.html as it is for all that is not there."""

    def translate_path(self, path):
        return super().translate_path(path.removeprefix("/board")) if path.startswith("/board/") else "/nowhere"

    def send_error(self, code, message=None, explain=None):
        self.send_response(code)
        self.end_headers()
        self.wfile.write((Path(self.directory) / "404.html").read_bytes())

    def log_message(self, *args):
        pass


@contextmanager
def serving(folder, make=make_server):
    with make(folder, port=0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_pages_come_with_the_policy_and_no_sniffing(site):
    with serving(site) as address, urllib.request.urlopen(f"{address}/index.html") as answer:
        assert answer.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.fixture(params=["", "https://lab.github.io/board/"])
def published(request, board):
    if request.param:
        write(board.root / "leaderboard" / "site.toml", f'base_url = "{request.param}"\n')
    return build(board)


def assert_links_of_what_is_not_there_lead_to_pages(root, path):
    with pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(root + path)
    with missing.value as answer:
        assert answer.code == 404
        page = answer.read().decode()
    links = [urljoin(root + path, link) for link in re.findall(r'(?:href|src)="([^"#]+)"', page)]
    assert {f"{root}/index.html", f"{root}/assets/site.css"} <= set(links)
    for link in links:
        if link.startswith(root):
            with urllib.request.urlopen(link) as answer:
                assert answer.status == 200, link


@pytest.mark.parametrize("path", ["/nothing.html", "/nowhere/", "/a/b/c", "/a/b/c?d=/e/f"])
def test_a_missing_page_is_answered_with_ours_and_its_links_lead_to_pages(published, path):
    with serving(published) as address:
        assert_links_of_what_is_not_there_lead_to_pages(address, path)


@pytest.mark.parametrize("path", ["/nothing.html", "/models/nothing.html", "/a/b/c"])
def test_a_static_host_below_its_root_shows_it_with_links_that_lead_to_pages(board, path):
    write(board.root / "leaderboard" / "site.toml", 'base_url = "https://lab.github.io/board/"\n')

    def host(folder, port):
        return ThreadingHTTPServer(("127.0.0.1", port), partial(StaticHost, directory=str(folder)))

    with serving(build(board), host) as address:
        assert_links_of_what_is_not_there_lead_to_pages(f"{address}/board", path)


def test_a_folder_without_site_is_refused(tmp_path):
    with pytest.raises(DataError, match="matdisc site build"):
        make_server(tmp_path)


def test_a_taken_port_is_refused_in_words(site):
    with make_server(site, port=0) as server, pytest.raises(DataError, match="choose another --port"):
        make_server(site, server.server_port)
