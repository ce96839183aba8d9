"""The page of changes in a real browser: narrow screens, both themes, without a script, and its feed."""

from datetime import UTC, datetime

import pytest
from site_boards import make_board, place, result
from test_site_browser import opened, overflow

from matdisc.leaderboard.site import build

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """The site of a board of which one row became the best."""
    board = make_board(tmp_path_factory.mktemp("changes") / "board")
    build(board, created=datetime(2026, 9, 1, tzinfo=UTC))
    place(board, result("lattice-gp", f1=0.96, mae=0.1))
    return build(board, created=datetime(2026, 10, 1, tzinfo=UTC))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_silent_and_fits_a_small_screen(chromium, changed, scheme):
    with opened(chromium, changed, "changes.html", viewport={"width": 320, "height": 640}, color_scheme=scheme) as page:
        assert overflow(page) <= 0


def test_it_is_read_without_a_script(chromium, changed):
    with opened(chromium, changed, "changes.html", java_script_enabled=False) as page:
        assert page.locator("h2").all_inner_texts() == ["2026-10-01", "2026-09-01"]
        row = page.locator("tr", has_text="MeshNet 2")
        assert "1–2 → 2–3" in row.inner_text()
        assert "Lattice GP 2026.1 changed" in row.inner_text()


def test_a_row_leads_to_its_model_and_every_page_to_the_changes(chromium, changed):
    with opened(chromium, changed, "changes.html") as page:
        page.get_by_role("link", name="Lattice GP 2026.1").first.click()
        page.wait_for_selector("html[data-js=ready]", state="attached")
        assert page.url.endswith("/models/lattice-gp.html")
        page.locator("footer").get_by_role("link", name="Changes").click()
        assert page.url.endswith("/changes.html")
