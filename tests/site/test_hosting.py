"""One folder for every host: below any path, without server, and never a file that a host would drop."""

import threading
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote, urldefrag, urljoin

import pytest
import yaml
from site_boards import make_board, place, result
from site_details import add_details
from site_html import read_pages
from typer.testing import CliRunner

from matdisc.cli.app import app
from matdisc.errors import CardError
from matdisc.leaderboard.site import build

BELOW = "/some/sub/path/"
ROOT = Path(__file__).parents[2]


class SubPath(SimpleHTTPRequestHandler):
    """Files of a folder, below a path of the host and nowhere else."""

    def translate_path(self, path):
        return super().translate_path("/" + path.removeprefix(BELOW) if path.startswith(BELOW) else "/nowhere")

    def log_message(self, *args):
        pass


@contextmanager
def served(folder):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SubPath, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}{BELOW}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A site with a history of two builds, whose rows have names that an address has to escape."""
    board = add_details(make_board(tmp_path_factory.mktemp("hosting") / "board"))
    build(board, created=datetime(2026, 9, 1, tzinfo=UTC))
    place(board, result("meshnet-2", f1=0.8, mae=0.1, entry="meshnet-2+half off"))
    return build(board, created=datetime(2026, 10, 1, tzinfo=UTC), base_url=f"https://example.org{BELOW}")


def links(page):
    """What a page loads or leads to on its own site."""
    found = [a.get("href") or a.get("src") or "" for a in page.all("a", "link", "script", "img")]
    return {link for link in found if link and not link.startswith(("https:", "data:"))}


def status(address):
    try:
        with urllib.request.urlopen(address) as answer:
            return answer.status
    except HTTPError as err:
        with err:
            return err.code


def test_every_link_of_every_page_answers_below_a_path(built):
    pages = read_pages(built)
    ids = {page.path.relative_to(built).as_posix(): set(page.ids) for page in pages}
    with served(built) as root:
        targets = {}
        for page in pages:
            place = page.path.relative_to(built).as_posix()
            for link in links(page):
                address, anchor = urldefrag(urljoin(root + quote(place), link))
                targets.setdefault(address, []).append((place, link))
                name = urllib.request.unquote(address.removeprefix(root))
                assert not anchor or anchor in ids[name], f"{place}: {link}"
        assert {address: status(address) for address in targets} == dict.fromkeys(targets, 200)
    assert [address for address in targets if "%" in address], "no link that had to be escaped was tried"


def test_only_the_page_of_what_is_not_there_names_a_path_from_the_root(built):
    for page in read_pages(built):
        absolute = {link for link in links(page) if link.startswith("/")}
        if page.path.name == "404.html":
            assert all(link.startswith(BELOW) for link in absolute)
            assert f"{BELOW}index.html" in absolute
        else:
            assert not absolute, page.path


def test_no_published_path_begins_with_an_underscore_and_jekyll_is_turned_off(built):
    paths = [path.relative_to(built) for path in built.rglob("*")]
    assert not [path for path in paths if path.name.startswith("_")]
    assert [path.name for path in paths if path.name.startswith(".")] == [".nojekyll"]


def test_the_address_given_at_the_build_counts_more_than_the_settings(board):
    (board.root / "leaderboard" / "site.toml").write_text('base_url = "https://one.example.org/one/"\n')
    page = (build(board, base_url="https://two.example.org/two/") / "404.html").read_text()
    assert 'href="/two/index.html"' in page
    assert "/one/" not in page


def test_an_address_that_is_none_is_refused_before_anything_is_written(board):
    with pytest.raises(CardError, match=r"--base-url 'board' is no address of a site"):
        build(board, base_url="board")
    assert not board.site_dir.exists()


def test_the_command_takes_a_history_and_an_address(board, tmp_path):
    first = build(board)
    place(board, result("lattice-gp", f1=0.96, mae=0.1))
    out = tmp_path / "public"
    options = ["--board", str(board.root), "--out", str(out), "--base-url", "https://example.org/x/"]
    done = CliRunner().invoke(app, ["site", "build", *options, "--since", str(first / "data" / "history.json")])
    assert done.exit_code == 0, done.output
    assert "1 row changed, 3 moved." in (out / "changes.html").read_text()
    CliRunner().invoke(app, ["site", "build", *options, "--since", "none"])
    assert "1 row changed" not in (out / "changes.html").read_text()


def workflow(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_only_the_job_that_publishes_may_write_pages():
    found = workflow(".github/workflows/pages.yml")
    assert found["permissions"] == {}
    assert found["jobs"]["build"]["permissions"] == {"contents": "read", "pages": "read"}
    assert found["jobs"]["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert found["jobs"]["publish"]["needs"] == "build"


def test_the_workflow_publishes_the_folder_that_it_builds():
    steps = workflow(".github/workflows/pages.yml")["jobs"]["build"]["steps"]
    commands = [step.get("run", "") for step in steps]
    assert [line for line in commands if line.startswith("matdisc site build --out public ")]
    assert steps[-1]["with"] == {"path": "public"}
    assert not [line for line in commands if "${{" in line], "what others can set goes through the environment"


def test_gitlab_publishes_the_folder_that_it_builds():
    job = workflow("docs/deploy/gitlab-pages.yml")["pages"]
    assert job["artifacts"] == {"paths": ["public"]}
    assert job["script"][-1].startswith("matdisc site build --out public ")
