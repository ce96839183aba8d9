"""The documentation builds without a warning, and what was built needs nothing from elsewhere."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.slow
DOCS = Path(__file__).parents[2] / "docs"
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
WITHOUT_LINK = {"search.html"}  # where the search field leads


class Page(HTMLParser):
    """What a page links to, what it loads, and the names within it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links, self.loads, self.ids = [], [], {""}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.ids.add(known.get("id"))
        if tag == "a" and known.get("href"):
            self.links.append(known["href"])
        if known.get(LOADED.get(tag)):
            self.loads.append(known[LOADED[tag]])


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The site, built anew, and what the build said."""
    out = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-n", "-W", "--keep-going", "--quiet", "-d", out / "trees"]
    done = subprocess.run([*command, DOCS, out / "html"], capture_output=True, text=True)
    return out / "html", done


@pytest.fixture(scope="module")
def site(built):
    return built[0]


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_the_documentation_builds_without_a_warning(built):
    _, done = built
    assert done.returncode == 0, done.stderr


def test_pages_load_nothing_from_elsewhere(site, pages):
    assert pages
    elsewhere = [(path.name, one) for path, page in pages.items() for one in page.loads if "//" in one]
    assert not elsewhere
    for style in site.rglob("*.css"):
        assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_every_link_within_the_site_leads_somewhere_and_every_page_can_be_reached(site, pages):
    seen, todo = set(), [site / "index.html"]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for link in pages[path].links:
            address = urlsplit(link)
            if address.scheme:
                assert address.netloc, f"{path.name}: {link}"
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            assert target.is_file(), f"{path.name}: {link}"
            if target in pages:
                assert unquote(address.fragment) in pages[target].ids, f"{path.name}: {link}"
                todo.append(target)
    assert {path.name for path in set(pages) - seen} <= WITHOUT_LINK


def test_the_reference_has_every_command_with_every_option(site):
    import typer

    from matdisc.cli.app import app

    text = (site / "reference" / "commands.html").read_text(encoding="utf-8")

    sections = {part.split('"')[0]: part for part in text.split('<section id="')}

    def check(typed, command):
        for option in command.params:
            if option.opts[0].startswith("-") and not option.hidden:
                assert option.opts[0] in sections[typed.replace(" ", "-")], f"{typed} {option.opts[0]}"
        for name, inner in getattr(command, "commands", {}).items():
            if not inner.hidden:
                check(f"{typed} {name}", inner)

    check("matdisc", typer.main.get_command(app))


def test_llms_txt_links_to_every_page_and_llms_full_txt_holds_them(site):
    text = (site / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# matdisc\n\n> ")
    links = re.findall(r"^- \[.+?\]\((.+?)\): \S", text, re.MULTILINE)
    assert all((site / link).is_file() for link in links)
    sources = [path for kind in ("md", "ipynb") for path in DOCS.rglob(f"*.{kind}") if "_build" not in path.parts]
    assert {path.relative_to(DOCS).with_suffix(".html").as_posix() for path in sources} - {"index.html"} <= set(links)
    full = (site / "llms-full.txt").read_text(encoding="utf-8")
    assert "precision / prevalence" in full
    assert "matdisc.evaluate(" in full


def test_the_notebook_was_run_and_its_page_has_what_its_cells_printed(site):
    text = (site / "tutorials" / "quickstart.html").read_text(encoding="utf-8")
    assert "morse on structures (static): 40 frames, 40 groups" in text
    assert "lennard-jones is ahead" in text
    assert text.count('<img alt="../_images/') == 1
