"""What a board can tell, in a real browser: small and large screens, both themes, without a script."""

import pytest
from site_boards import make_board
from site_details import add_details
from test_resolution_page import elsewhere
from test_site_browser import opened, overflow

from matdisc.leaderboard.resolution import write_resolution
from matdisc.leaderboard.site import build

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def telling(tmp_path_factory):
    """The site of a board with a ranking, and with a table from elsewhere."""
    board = add_details(make_board(tmp_path_factory.mktemp("resolution") / "board"))
    write_resolution(board.resolution_dir / "mine.json", elsewhere())
    return build(board)


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (320, "dark"), (1280, "light"), (2560, "dark")])
def test_it_is_silent_and_fits_the_screen(chromium, telling, width, scheme):
    view = {"width": width, "height": 800}
    with opened(chromium, telling, "resolution.html", viewport=view, color_scheme=scheme) as page:
        assert overflow(page) <= 0


def test_dots_stand_in_the_order_of_the_ranks(chromium, telling):
    with opened(chromium, telling, "resolution.html") as page:
        dots = [dot.bounding_box()["x"] for dot in page.locator(".told .dot").all()]
        assert len(dots) == 3
        assert dots == sorted(dots)
        assert len(set(dots)) == 3


def test_tables_scroll_by_keyboard_on_a_small_screen(chromium, telling):
    with opened(chromium, telling, "resolution.html", viewport={"width": 320, "height": 640}) as page:
        region = page.get_by_role("region", name="Order by error")
        region.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("element => element.scrollLeft > 0", arg=region.element_handle())


def test_it_is_read_without_a_script(chromium, telling):
    with opened(chromium, telling, "resolution.html", java_script_enabled=False) as page:
        assert page.locator(".told tbody tr").count() == 3
        assert page.locator(".power tbody tr").count() == 1
