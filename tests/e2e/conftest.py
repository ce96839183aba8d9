"""A real Chromium and the site of the made-up board of `tests/site`."""

import os
import shutil
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "site"))

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def chromium():
    give_up = pytest.fail if os.environ.get("CI") else pytest.skip
    path = os.environ.get("MATDISC_CHROMIUM") or shutil.which("chromium")
    if path is None:
        give_up("no Chromium: install it or set MATDISC_CHROMIUM to its path")
    try:
        from playwright import sync_api
    except ImportError:
        give_up("no Playwright: pip install 'matdisc[browser]'")
    with sync_api.sync_playwright() as playwright:  # the profile folder is fresh and removed at the end
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, without a line for each."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """A site with every kind of page."""
    from whole_site import make_whole

    return make_whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="session")
def whole_root(whole):
    """The address of the same site on a host."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(whole))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def full_site(tmp_path_factory) -> Path:
    from site_boards import make_board
    from site_details import add_details

    from matdisc.leaderboard.site import build

    root = tmp_path_factory.mktemp("browser-full")
    return build(add_details(make_board(root / "board")), root / "out")


@pytest.fixture(scope="session")
def sample_site(tmp_path_factory) -> Path:
    from site_boards import make_board
    from site_population import add_population

    from matdisc.leaderboard.site import build

    root = tmp_path_factory.mktemp("browser-sample")
    return build(add_population(make_board(root / "board")), root / "out")


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    from site_boards import make_board

    from matdisc.leaderboard.site import build

    root = tmp_path_factory.mktemp("browser")
    return build(make_board(root / "board"), root / "out")
