"""axe looks at every kind of page: WCAG 2.0 to 2.2 at levels A and AA, and its best practice."""

import pytest
from whole_site import KINDS

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
RUN = """tags => axe.run({ runOnly: tags, resultTypes: ["violations"] }).then(found => found.violations.flatMap(
    rule => rule.nodes.map(node => `${rule.id} at ${node.target.join(" ")}: ${node.html.slice(0, 120)}`)))"""
VIEWS = {"wide and light": ("light", 1280), "narrow and dark": ("dark", 390)}
MENUS = ["Filter", "Columns", "Score", "Export"]


@pytest.fixture(scope="module", params=VIEWS)
def view(request, chromium):
    """A page in one of two sizes and themes; axe comes past the policy, which other tests watch."""
    scheme, width = VIEWS[request.param]
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "reduced_motion": "reduce"}
    context = chromium.new_context(bypass_csp=True, **options)
    yield context.new_page()
    context.close()


def violations(page):
    """What axe objects to on the page as it stands."""
    from axe_playwright_python.base import AXE_SCRIPT

    page.evaluate(AXE_SCRIPT)
    return page.evaluate(RUN, RULES)


@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing_on_any_kind_of_page(view, whole_root, kind):
    view.goto(whole_root + KINDS[kind])
    view.wait_for_selector("html[data-js=ready]", state="attached")
    view.evaluate("for (const one of document.querySelectorAll('main details:not(.menu)')) one.open = true")
    assert violations(view) == []


def test_axe_finds_nothing_in_open_menus(view, whole_root):
    view.goto(whole_root + "index.html")
    view.wait_for_selector("html[data-js=ready]", state="attached")
    for title in MENUS:
        menu = view.locator("details.menu", has=view.locator("summary", has_text=title))
        menu.locator("summary").click()
        menu.locator(".panel > :not([hidden])").first.wait_for()
        assert violations(view) == [], title
        view.keyboard.press("Escape")


def test_axe_sees_what_is_wrong(view, whole_root):
    view.goto(whole_root + "404.html")
    view.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert [line for line in violations(view) if line.startswith("button-name at ")]
