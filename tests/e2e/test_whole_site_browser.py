"""Every kind of page in a real browser: silent under its policy, readable without a script, on any screen and paper."""

from contextlib import contextmanager

import pytest
from whole_site import KINDS, kind_of

pytestmark = pytest.mark.browser

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => window.violations.push(event.violatedDirective));
"""
UNFOLD = "for (const one of document.querySelectorAll('main details:not(.menu)')) one.open = true"
FOCUS = """() => {
    const at = document.activeElement, style = getComputedStyle(at), table = at.querySelector(":scope > table");
    const name = at.id || (at.matches(".skip, .brand") ? at.className : table ? table.id : at.textContent.trim());
    return [name, parseFloat(style.outlineWidth) >= 1 && style.outlineStyle !== "none"];
}"""
FROM_DISK = [kind for kind in KINDS if kind != "not found"]
"""The page of what is not there names paths from the root of its host, so that it is read from a host only."""
WIDTHS = [320, 2560]


def failure_of(request):
    """Name what was lost; the icon, which a browser fetches when it has time, may be left behind with its page."""
    left_behind = request.url.endswith("/icon.svg") and request.failure == "net::ERR_ABORTED"
    return [] if left_behind else [f"{request.url}: {request.failure}"]


@contextmanager
def opened(chromium, **options):
    """Open an empty page and, at the end, require that nothing was said, refused or lost, and nobody else was asked."""
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
    page = context.new_page()
    noises, asked = [], []
    page.on("console", lambda message: noises.append(message.text))
    page.on("pageerror", lambda error: noises.append(str(error)))
    page.on("dialog", lambda dialog: noises.append(dialog.message))
    page.on("requestfailed", lambda request: noises.extend(failure_of(request)))
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(WATCH)
    try:
        yield page, asked
        assert noises == []
    finally:
        context.close()


def ready(page):
    page.wait_for_selector("html[data-js=ready]", state="attached")


def overflow(page):
    """How far the page is wider than its window, in px."""
    return page.evaluate("document.scrollingElement.scrollWidth - innerWidth")


def use(page):
    """Open every menu and every part that is folded, and scroll to the end."""
    for menu in page.locator("details.menu > summary:visible").all():
        menu.click()
        page.keyboard.press("Escape")
    page.evaluate(UNFOLD)
    page.mouse.wheel(0, 100_000)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_every_page_is_of_a_kind_that_is_looked_at(whole):
    pages = {path.relative_to(whole).as_posix() for path in whole.rglob("*.html")}
    assert set(KINDS.values()) <= pages
    assert {kind_of(path) for path in pages} == {kind_of(path) for path in KINDS.values()}


@pytest.mark.parametrize("kind", FROM_DISK)
def test_from_disk_a_page_keeps_its_policy_and_asks_nobody(chromium, whole, kind):
    with opened(chromium) as (page, asked):
        page.goto((whole / KINDS[kind]).as_uri())
        ready(page)
        use(page)
        assert page.evaluate("window.violations") == []
        assert [url for url in asked if not url.startswith(whole.as_uri())] == []


@pytest.mark.parametrize("kind", KINDS)
def test_from_a_host_a_page_keeps_its_policy_and_asks_nobody_else(chromium, whole_root, kind):
    with opened(chromium) as (page, asked):
        page.goto(whole_root + KINDS[kind])
        ready(page)
        use(page)
        assert page.evaluate("window.violations") == []
        assert [url for url in asked if not url.startswith(whole_root)] == []


def test_the_watch_sees_what_the_policy_refuses(chromium, whole_root):
    page = chromium.new_page()
    page.add_init_script(WATCH)
    page.goto(whole_root + "index.html")
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.wait_for_function("window.violations.length === 1")
    page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_its_window(chromium, whole_root, width, scheme):
    with opened(chromium, viewport={"width": width, "height": 800}, color_scheme=scheme) as (page, _):
        wide = {}
        for kind, path in KINDS.items():
            page.goto(whole_root + path)
            ready(page)
            page.evaluate(UNFOLD)
            wide[kind] = overflow(page)
        assert wide == dict.fromkeys(KINDS, 0)


def test_without_a_script_every_page_shows_its_words_and_no_control(chromium, whole):
    with opened(chromium, java_script_enabled=False) as (page, _):
        for kind in FROM_DISK:
            page.goto((whole / KINDS[kind]).as_uri())
            assert page.locator("h1").count() == 1, kind
            assert page.locator("main :is(tr, dt, p, li):visible").count() > 0, kind
            assert len(page.locator("main").inner_text()) > 60, kind
            assert page.locator(":is(input, select, button):visible").count() == 0, kind
            rows = page.locator("main table.board tbody tr")
            assert rows.count() == page.locator("main table.board tbody tr:visible").count(), kind


@pytest.mark.parametrize("kind", ["scatter", "result", "data set", "material", "resolution"])
def test_without_a_script_a_picture_stands_where_there_is_one(chromium, whole, kind):
    with opened(chromium, java_script_enabled=False) as (page, _):
        page.goto((whole / KINDS[kind]).as_uri())
        box = page.locator("main svg:visible").first.bounding_box()
        assert box["width"] > 30
        assert box["height"] > 5


@pytest.mark.parametrize("kind", ["overview", "task", "model", "result", "data set", "scatter", "resolution"])
def test_on_paper_nothing_is_cut_and_no_control_is_shown(chromium, whole, kind):
    with opened(chromium, viewport={"width": 1040, "height": 1400}) as (page, _):
        page.goto((whole / KINDS[kind]).as_uri())
        ready(page)
        page.emulate_media(media="print")
        assert page.locator(":is(input, select, button:not(.sort), .menu):visible").count() == 0
        assert page.locator("nav:visible").count() == 0
        cut = """[...document.querySelectorAll(".scroll")].filter(
            one => one.getClientRects().length && getComputedStyle(one).overflow !== "visible").length"""
        assert page.evaluate(cut) == 0
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_tab_reaches_search_menus_table_and_links_in_the_order_of_the_page(chromium, whole):
    with opened(chromium) as (page, _):
        page.goto((whole / "index.html").as_uri())
        ready(page)
        seen = []
        while len(seen) < 40:
            page.keyboard.press("Tab")
            seen.append(page.evaluate(FOCUS))
        names = [name for name, _ in seen]
        order = ["skip", "brand", "Board", "theme", "search", "Filter", "overview", "Discovery"]
        places = [names.index(name) for name in order]
        assert places == sorted(places)
        assert [name for name, outlined in seen if not outlined] == []


@pytest.mark.parametrize("options", [{"reduced_motion": "reduce"}, {"forced_colors": "active"}])
def test_wishes_of_the_reader_are_kept(chromium, whole, options):
    with opened(chromium, **options) as (page, _):
        page.goto((whole / "index.html").as_uri())
        ready(page)
        moving = """[...document.querySelectorAll("*")].filter(one => {
            const style = getComputedStyle(one);
            return style.scrollBehavior === "smooth" || parseFloat(style.animationDuration) > 0
                || parseFloat(style.transitionDuration) > 0;
        }).length"""
        if "reduced_motion" in options:
            assert page.evaluate(moving) == 0
        else:
            bold = "getComputedStyle(document.querySelector('.matrix td b')).textDecorationLine"
            assert page.evaluate(bold) == "underline"
