"""Pages of published rows in a real browser, opened from disk."""

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "leaderboard"))
from matbench_cards import write_cards

pytestmark = pytest.mark.browser

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => window.violations.push(event.violatedDirective));
"""
PAGE, BEYOND = "published/matbench-discovery.html", "published/matbench-discovery-beyond.html"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    from matdisc.board import Board
    from matdisc.leaderboard.published.files import write_published
    from matdisc.leaderboard.published.matbench_discovery import read_folder
    from matdisc.leaderboard.site import build

    root = tmp_path_factory.mktemp("published")
    write_published(root / "board", read_folder(write_cards(root / "cards")).published)
    return build(Board(root / "board"), root / "out")


@contextmanager
def opened(chromium, site, address=PAGE, **options):
    """Open a page and, at the end, require that it was silent, kept its policy and stayed on disk."""
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
    noises, requests = [], []
    page = context.new_page()
    page.on("console", lambda message: noises.append(message.text))
    page.on("pageerror", lambda error: noises.append(str(error)))
    page.on("dialog", lambda dialog: noises.append(dialog.message))
    page.on("request", lambda request: requests.append(request.url))
    page.add_init_script(WATCH)
    page.goto(f"{site.as_uri()}/{address}")
    scripted = options.get("java_script_enabled", True)
    if scripted:
        page.wait_for_selector("html[data-js=ready]", state="attached")
    try:
        yield page
        assert noises == []
        assert [url for url in requests if not url.startswith((site.as_uri(), "blob:"))] == []
        assert not scripted or page.evaluate("window.violations") == []
    finally:
        context.close()


def shown(page):
    return page.evaluate("[...document.querySelectorAll('table.board')].filter(t => t.offsetParent).map(t => t.id)")


def models(page, table):
    return page.locator(f"#{table} tbody tr").evaluate_all("rows => rows.map(row => row.dataset.m)")


def test_one_subset_is_shown_and_the_address_names_it(chromium, published):
    with opened(chromium, published) as page:
        assert shown(page) == ["unique_prototypes"]
        page.get_by_role("link", name="Full test set").click()
        assert shown(page) == ["full_test_set"]
        assert page.url.endswith("#s-full_test_set")
        page.reload()
        page.wait_for_selector("html[data-js=ready]", state="attached")
        assert shown(page) == ["full_test_set"]
        assert page.locator(".subsets [aria-current=true]").inner_text() == "Full test set"


def test_parts_of_the_other_page_are_one_click_away(chromium, published):
    with opened(chromium, published) as page:
        page.get_by_role("link", name="Geometry").click()
        page.wait_for_selector("html[data-js=ready]", state="attached")
        assert BEYOND in page.url
        assert shown(page) == ["geometry"]


def test_without_a_script_all_tables_can_be_read(chromium, published):
    with opened(chromium, published, java_script_enabled=False) as page:
        for title in ("Unique prototypes", "Full test set", "10,000 most stable"):
            assert page.locator("h2", has_text=title).is_visible()
        assert page.locator("table.board:visible").count() == 3


def test_sorting_reads_what_is_printed(chromium, published):
    with opened(chromium, published) as page:
        page.locator("#unique_prototypes th[data-key=params] button").click()
        assert models(page, "unique_prototypes") == ["mace-mp-0", "sevennet-0", "hostile"]
        page.locator("#unique_prototypes th[data-key=mae] button").click()
        page.locator("#unique_prototypes th[data-key=f1] button").click()
        assert models(page, "unique_prototypes") == ["mace-mp-0", "hostile", "sevennet-0"]


def test_rows_of_an_older_convention_stay_below_the_line(chromium, published):
    with opened(chromium, published, f"{BEYOND}#s-geometry") as page:
        page.locator("#geometry th[data-key=rmsd] button").click()
        assert models(page, "geometry") == ["mace-mp-0"]
        assert page.locator("#geometry tfoot tr").get_attribute("data-m") == "sevennet-0"


def test_the_search_counts_the_rows_of_the_table_that_is_shown(chromium, published):
    with opened(chromium, published, f"{PAGE}?q=sevennet") as page:
        assert page.locator("#count").inner_text().startswith("1 of 3 rows")
        page.get_by_role("link", name="Full test set").click()
        assert page.locator("#count").inner_text().startswith("1 of 3 rows")
        assert models(page, "full_test_set") == ["sevennet-0"]


def test_filters_know_the_published_models(chromium, published):
    with opened(chromium, published, f"{PAGE}?train=-MPtrj") as page:
        assert models(page, "unique_prototypes") == ["hostile"]


@pytest.mark.parametrize("name", [PAGE, BEYOND])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_small_screen(chromium, published, name, scheme):
    with opened(chromium, published, name, viewport={"width": 320, "height": 640}, color_scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
