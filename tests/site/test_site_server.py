"""The local server: right headers, our own 404, no listings."""

import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from matdisc.errors import DataError
from matdisc.leaderboard.site.server import make_server


@contextmanager
def serving(folder):
    with make_server(folder, port=0) as server:
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


@pytest.mark.parametrize(
    ("path", "style"),
    [
        ("/nothing.html", 'href="assets/site.css"'),
        ("/models/", 'href="../assets/site.css"'),
        ("/a/b/c", 'href="../../assets/site.css"'),
    ],
)
def test_a_missing_page_is_answered_with_ours_at_any_depth(site, path, style):
    with serving(site) as address, pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(address + path)
    with missing.value as answer:
        assert answer.code == 404
        assert style in answer.read().decode()


def test_a_folder_without_site_is_refused(tmp_path):
    with pytest.raises(DataError, match="matdisc site build"):
        make_server(tmp_path)


def test_a_taken_port_is_refused_in_words(site):
    with make_server(site, port=0) as server, pytest.raises(DataError, match="choose another --port"):
        make_server(site, server.server_port)
