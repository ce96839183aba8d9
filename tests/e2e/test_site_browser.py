"""The site in a real browser, opened from disk: what a reader does, and what must never happen."""

from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.browser

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => window.violations.push(event.violatedDirective));
"""
TABLE = "#discovery--alpha-set"
PAGES = [
    "index.html", "tasks/discovery.html", "models/meshnet-2.html", "datasets/alpha-set.html", "methods.html",
    "submit.html",
]  # fmt: skip


@contextmanager
def opened(chromium, site, name="tasks/discovery.html", **options):
    """Open a page and, at the end, require that it was silent, kept its policy and stayed on disk."""
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
    noises, requests = [], []
    page = context.new_page()
    page.on("console", lambda message: noises.append(message.text))
    page.on("pageerror", lambda error: noises.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.add_init_script(WATCH)
    page.goto((site / name.partition("?")[0]).as_uri() + name[len(name.partition("?")[0]) :])
    scripted = options.get("java_script_enabled", True)
    if scripted:
        page.wait_for_selector("html[data-js=ready]", state="attached")
    try:
        yield page
        assert noises == []
        assert [url for url in requests if not url.startswith(site.as_uri())] == []
        assert not scripted or page.evaluate("window.violations") == []
    finally:
        context.close()


def column(page, key):
    """The exact values of a column from top to bottom; None where there is none."""
    return page.evaluate(
        """([table, key]) => {
            const heads = [...document.querySelectorAll(table + ' thead th')];
            const at = heads.findIndex(head => head.dataset.key === key);
            return [...document.querySelectorAll(table + ' tbody tr')].map(row => {
                const text = row.children[at].getAttribute('data-v');
                return text === null ? null : Number(text);
            });
        }""",
        [TABLE, key],
    )


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def visible_rows(page):
    return page.locator(f"{TABLE} tbody tr:visible").count()


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_silent_and_do_not_overflow_a_small_screen(chromium, site, name):
    with opened(chromium, site, name, viewport={"width": 360, "height": 740}) as page:
        assert overflow(page) <= 0
        page.set_viewport_size({"width": 320, "height": 640})
        assert overflow(page) <= 0


def test_a_header_sorts_best_first_and_reverses_with_missing_last(chromium, site):
    with opened(chromium, site) as page:
        button = page.locator(f"{TABLE} th[data-key=mae] button")
        button.click()
        ascending = column(page, "mae")
        known = [value for value in ascending if value is not None]
        assert known == sorted(known)
        assert ascending[len(known) :] == [None, None]
        assert page.locator(f"{TABLE} th[aria-sort]").get_attribute("aria-sort") == "ascending"
        button.click()
        assert column(page, "mae") == [*reversed(known), None, None]
        assert page.locator(f"{TABLE} th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_a_sorted_and_searched_view_survives_a_reload(chromium, site):
    with opened(chromium, site) as page:
        page.locator(f"{TABLE} th[data-key=mae] button").click()
        page.locator("#search").fill("graphnet")
        rows = column(page, "mae")
        assert visible_rows(page) == 2
        page.reload()
        page.wait_for_selector("html[data-js=ready]", state="attached")
        assert column(page, "mae") == rows
        assert visible_rows(page) == 2
        assert page.locator("#search").input_value() == "graphnet"


def test_what_a_search_hides_is_counted_and_cleared_with_one_click(chromium, site):
    with opened(chromium, site) as page:
        page.locator("#search").fill("lattice gp")
        assert "1 of 8 rows, 7 hidden by filters" in page.locator("#count").inner_text()
        page.locator("#clear").click()
        assert visible_rows(page) == 8
        assert page.locator("#count").inner_text() == ""


def test_a_broken_address_falls_back_to_the_default_view(chromium, site):
    query = "?sort.discovery--alpha-set=<b>.up&preset=evil&cols=no,&sort.nowhere=f1.asc&intervals=1&q=%3Cimg%3E"
    with opened(chromium, site, "tasks/discovery.html" + query) as page:
        assert page.locator(f"{TABLE} th[aria-sort]").get_attribute("data-key") == "f1"
        assert page.locator("#search").input_value() == "<img>"


def test_all_metrics_and_intervals_can_be_switched(chromium, site):
    with opened(chromium, site) as page:
        rmse = page.locator(f"{TABLE} th[data-key=rmse]")
        assert not rmse.is_visible()
        page.locator("summary", has_text="Columns").click()
        page.get_by_role("button", name="All", exact=True).click()
        assert rmse.is_visible()
        assert page.locator(f"{TABLE} .interval").first.is_visible()
        page.locator("#intervals").uncheck()
        assert not page.locator(f"{TABLE} .interval").first.is_visible()


def test_references_can_be_hidden(chromium, site):
    with opened(chromium, site) as page:
        page.locator("#references").uncheck()
        assert visible_rows(page) == 6


def test_the_theme_can_be_chosen_and_is_kept(chromium, site):
    paper = "getComputedStyle(document.body).backgroundColor"
    with opened(chromium, site, color_scheme="light") as page:
        light = page.evaluate(paper)
        page.locator("#theme").select_option("dark")
        dark = page.evaluate(paper)
        assert dark != light
        page.reload()
        page.wait_for_selector("html[data-js=ready]", state="attached")
        assert page.evaluate(paper) == dark
        page.locator("#theme").select_option("auto")
        assert page.evaluate(paper) == light


def test_without_javascript_all_rows_and_columns_are_there(chromium, site):
    with opened(chromium, site, java_script_enabled=False) as page:
        assert visible_rows(page) == 8
        assert page.locator(f"{TABLE} th[data-key=rmse]").is_visible()
        assert not page.locator("#search").is_visible()


def test_the_first_tab_is_the_skip_link_and_it_skips(chromium, site):
    with opened(chromium, site) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_sorting_works_by_keyboard(chromium, site):
    with opened(chromium, site) as page:
        page.locator(f"{TABLE} th[data-key=recall] button").focus()
        page.keyboard.press("Enter")
        assert page.locator(f"{TABLE} th[aria-sort]").get_attribute("data-key") == "recall"


def test_charts_are_drawn_with_all_their_dots(chromium, site):
    with opened(chromium, site) as page:
        assert page.locator("figure.chart svg").count() == 2
        boxes = [dot.bounding_box() for dot in page.locator("figure.chart .dot").all()]
        assert len(boxes) == 6 + 6
        assert all(box and box["width"] > 4 for box in boxes)


def test_a_long_label_of_a_chart_is_not_cut_on_a_phone(chromium, site):
    with opened(chromium, site, viewport={"width": 390, "height": 844}) as page:
        room = page.evaluate("""() => {
            const label = document.querySelector(".chart text.name");
            label.textContent = "MACE-MPA-0 medium 202…";
            return label.getBoundingClientRect().left - label.closest("figure").getBoundingClientRect().left;
        }""")
        assert room >= 0


def test_the_tables_of_the_submission_page_need_no_scrolling_on_a_wide_screen(chromium, site):
    with opened(chromium, site, "submit.html") as page:
        beyond = "[...document.querySelectorAll('.scroll')].map(one => one.scrollWidth - one.clientWidth)"
        assert set(page.evaluate(beyond)) == {0}


@pytest.mark.parametrize(
    "name",
    [
        "models/graphnet-0.3.0/discovery--alpha-set.html",
        "models/graphnet-0.3.0.html",
        "datasets/alpha-set.html",
        "compare/discovery--alpha-set.html",
    ],
)
def test_pages_with_charts_keep_the_policy_and_do_not_overflow_a_small_screen(chromium, full_site, name):
    with opened(chromium, full_site, name, viewport={"width": 360, "height": 740}) as page:
        assert overflow(page) <= 0
        for summary in page.locator("details.data > summary").all():
            summary.click()
        assert overflow(page) <= 0


@pytest.mark.parametrize("name", ["index.html", "datasets/alpha-set.html", "models/graphnet-0.3.0.html"])
def test_pages_of_a_draw_keep_the_policy_and_do_not_overflow_a_small_screen(chromium, sample_site, name):
    with opened(chromium, sample_site, name, viewport={"width": 360, "height": 740}) as page:
        for summary in page.locator("details.data > summary").all():
            summary.click()
        assert overflow(page) <= 0


def test_published_values_are_hidden_with_the_intervals(chromium, sample_site):
    with opened(chromium, sample_site) as page:
        assert page.locator(f"{TABLE} .published").first.is_visible()
        page.locator("#intervals").uncheck()
        assert not page.locator(f"{TABLE} .published").first.is_visible()


def test_curves_are_drawn_within_their_frames(chromium, full_site):
    with opened(chromium, full_site, "models/graphnet-0.3.0/discovery--alpha-set.html") as page:
        assert page.locator("figure.plot > svg").count() == 5
        for figure in page.locator("figure.plot > svg").all():
            frame = figure.bounding_box()
            for path in figure.locator("> path").all():
                box = path.bounding_box()
                assert box["width"] + box["height"] > 4
                assert box["x"] >= frame["x"] - 2
                assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 2


def test_a_long_table_shows_a_hundred_rows_until_asked_for_all(chromium, tmp_path):
    from site_boards import make_board, place, result

    from matdisc.leaderboard.site import build

    board = make_board(tmp_path / "board")
    for i in range(220):
        place(board, result("meshnet-2", f1=0.3 + i / 2000, mae=0.1 + i / 9000, entry=f"meshnet-2+v{i}"))
    site = build(board, tmp_path / "out")
    with opened(chromium, site, "datasets/alpha-set.html") as page:
        assert visible_rows(page) == 100
        page.locator(f"{TABLE} th[data-key=mae] button").click()
        assert visible_rows(page) == 100
        page.get_by_role("button", name="Show all 228 rows").click()
        assert visible_rows(page) == 228
    with opened(chromium, site, "datasets/alpha-set.html", java_script_enabled=False) as page:
        assert visible_rows(page) == 228
