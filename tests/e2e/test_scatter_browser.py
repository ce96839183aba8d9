"""The scatter plot in a real browser, opened from disk: what is drawn, chosen, kept in the address and saved."""

import csv
import json
import re
import shutil
from contextlib import contextmanager
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.browser

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => window.violations.push(event.violatedDirective));
"""
T = "discovery--alpha-set"
FIVE = {"a": (1, 1), "b": (2, 3), "c": (3, 2), "d": (4, 5), "e": (5, 4)}


@contextmanager
def opened(chromium, site, query="", **options):
    """Open the page and, at the end, require that it was silent, kept its policy and stayed on disk."""
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
    noises, requests = [], []
    page = context.new_page()
    page.on("console", lambda message: noises.append(message.text))
    page.on("pageerror", lambda error: noises.append(str(error)))
    page.on("dialog", lambda dialog: noises.append(dialog.message))
    page.on("request", lambda request: requests.append(request.url))
    page.add_init_script(WATCH)
    page.goto((site / "scatter.html").as_uri() + query)
    scripted = options.get("java_script_enabled", True)
    if scripted:
        page.wait_for_selector("html[data-scatter=ready]", state="attached")
    try:
        yield page
        assert noises == []
        assert [url for url in requests if not url.startswith((site.as_uri(), "blob:"))] == []
        assert not scripted or page.evaluate("window.violations") == []
    finally:
        context.close()


@pytest.fixture(scope="module")
def plotted(tmp_path_factory):
    from site_boards import make_board, place, result

    from matdisc.leaderboard.site import build
    from matdisc.leaderboard.site.pages import scatter

    root = tmp_path_factory.mktemp("scatter")
    board = make_board(root / "board")
    for i, (key, speed) in enumerate({"graphnet-0.3.0": 360, "meshnet-2": 3600, "lattice-gp": 36000}.items()):
        row = result(key, f1=0.9 - i / 10, mae=0.03 * (i + 1))
        place(board, row | {"cost": {"crystals_per_cpu_hour": speed, "peak_mib": 512.0}})
    with pytest.MonkeyPatch.context() as small:
        small.setattr(scatter, "TELLING", 3)  # three rows have a cost, and the first view is of it
        return build(board, root / "out")


@pytest.fixture(scope="module")
def with_data(plotted, tmp_path_factory):
    """Return a function that makes a copy of the site with other numbers in it."""

    def make(values, *, names=None, better=("lower", "higher"), log=False):
        site = tmp_path_factory.mktemp("data") / "site"
        shutil.copytree(plotted, site)
        keys = list(values)
        axes = ("t.x", "t.y")
        content = {
            "markers": read_data(plotted)["markers"],
            "start": {"x": "t.x", "y": "t.y", "c": "kind"},
            "models": [{"key": key, "name": (names or {}).get(key, key), "ref": False} for key in keys],
            "kinds": [{"key": "kind", "label": "Kind", "v": ["one"] * len(keys)}],
            "facts": [],
            "tables": [{
                "id": "t", "task": "Task", "set": "set", "short": "task, set",
                "rows": [[key, i, (names or {}).get(key, key)] for i, key in enumerate(keys)],
                "fields": [
                    {"key": axes[k], "label": "XY"[k], "unit": None, "better": better[k], "dec": 1,
                     "log": log and k == 0, "v": [values[key][k] for key in keys]}
                    for k in (0, 1)
                ],
            }],
        }  # fmt: skip
        text = f"window.matdiscScatter = {json.dumps(content)};\n"
        (site / "data" / "scatter.js").write_text(text, encoding="utf-8")
        return site

    return make


def read_data(site):
    text = (site / "data" / "scatter.js").read_text(encoding="utf-8")
    return json.loads(re.fullmatch(r"window\.matdiscScatter = (.*);\n", text, re.DOTALL)[1])


def front(page):
    rows = page.locator("#points tbody tr").all()
    return {row.locator("a").inner_text() for row in rows if row.locator("td").last.inner_text() == "on it"}


def drawn(page):
    return page.locator("#scatter .canvas [data-key]").count()


def note(page):
    return page.locator("#scatter-note").inner_text()


@pytest.mark.parametrize(
    ("better", "names"),
    [
        (("lower", "higher"), "abd"),
        (("higher", "higher"), "de"),
        (("lower", "lower"), "a"),
        (("higher", "lower"), "ace"),
    ],
)
def test_the_script_finds_the_same_front_of_five_points_as_the_build(chromium, with_data, better, names):
    from matdisc.leaderboard.site.charts.scatter import front as built

    places = built(list(FIVE.values()), better)
    assert sorted(list(FIVE)[i] for i in places) == sorted(names)
    with opened(chromium, with_data(FIVE, better=better)) as page:
        assert front(page) == set(names)


def test_the_script_draws_what_the_build_drew(chromium, plotted):
    with opened(chromium, plotted, java_script_enabled=False) as page:
        assert page.locator("#scatter svg[role=img] .point").count() == 3
        assert not page.locator("#x-field").is_visible()
        built = [page.locator("#points tbody").inner_text().split(), note(page)]
    with opened(chromium, plotted) as page:
        assert drawn(page) == 3
        assert page.locator("#scatter .pareto").count() == 1
        assert [page.locator("#points tbody").inner_text().split(), note(page)] == built


def test_values_of_0_and_below_on_a_logarithmic_axis_are_counted_and_named(chromium, with_data):
    with opened(chromium, with_data({"a": (1, 1), "free": (0, 2), "odd": (-3, 3)})) as page:
        assert drawn(page) == 3
        page.locator("#x-log").check()
        assert drawn(page) == 1
        assert "2 points of 0 or less have no place on a logarithmic axis: free (X 0.0), odd (X −3.0)." in note(page)


def test_an_axis_without_any_value_above_0_stays_linear_and_says_so(chromium, with_data):
    with opened(chromium, with_data({"a": (0, 1), "b": (-1, 2)}, log=True)) as page:
        assert drawn(page) == 2
        assert "X has no value above 0, so its axis is not logarithmic." in note(page)


def test_undefined_points_are_counted_and_named(chromium, with_data):
    with opened(chromium, with_data({"a": (1, 1), "b": (None, 2), "c": (None, None)})) as page:
        assert page.locator("#left-out summary").inner_text() == "2 without a place in the picture"
        page.locator("#left-out summary").click()
        assert page.locator("#left-out li").all_inner_texts() == ["b: X is undefined", "c: X and Y are undefined"]


def test_hostile_names_are_text_everywhere_and_break_no_line(chromium, with_data):
    from site_boards import HOSTILE

    names = {"a": HOSTILE, "b": "=HYPERLINK(1)", "c": "x" * 200, "d": "\u202eabc", "e": "<b>bold</b>"}
    with opened(chromium, with_data(FIVE, names=names), viewport={"width": 320, "height": 700}) as page:
        assert page.locator("#points img, #points b, #scatter img").count() == 0
        assert page.get_by_role("link", name="<b>bold</b>").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        with page.expect_download() as download:
            page.locator("#save-csv").click()
        rows = list(csv.reader(download.value.path().open(encoding="utf-8", newline="")))
        assert sorted(row[0] for row in rows[1:])[0] == "'=HYPERLINK(1)"
        assert HOSTILE in [row[0] for row in rows]


def test_the_whole_view_survives_a_reload(chromium, plotted):
    with opened(chromium, plotted) as page:
        page.locator("#y-field").select_option(f"{T}.mae")
        page.locator("#x-table").select_option("model")
        page.locator("#x-log").uncheck()
        page.locator("#colour").select_option("train.MPtrj")
        page.locator("#size").select_option(f"{T}.f1")
        page.locator("#refs").check()
        page.locator("#bars").uncheck()
        page.get_by_role("button", name="Mark MeshNet 2").click()
        query = page.evaluate("location.search")
        assert query == (
            f"?x=model.params&y={T}.mae&c=train.MPtrj&s={T}.f1&xlog=0&bars=off&refs=on&m=meshnet-2"
        )  # fmt: skip
        page.locator("#x-table").focus()
        page.mouse.move(5, 5)
        before = page.locator("#scatter .canvas").inner_html()
        page.reload()
        page.wait_for_selector("html[data-scatter=ready]", state="attached")
        assert page.locator("#scatter .canvas").inner_html() == before
        assert page.get_by_role("button", name="Mark MeshNet 2").get_attribute("aria-pressed") == "true"


def test_an_address_that_makes_no_sense_gives_the_first_view(chromium, plotted):
    query = "?x=<b>&y=__proto__&c=toString&s=evil&xlog=2&bars=no&refs=1&m=nobody&m=%3Cimg%3E"
    with opened(chromium, plotted, query) as page:
        assert page.locator("#x-field").input_value() == f"{T}.cpu_seconds"
        assert page.locator("#y-field").input_value() == f"{T}.f1"
        assert page.locator("#colour").input_value() == "kind"
        assert page.locator(".pick[aria-pressed=true]").count() == 0


def test_a_preset_changes_both_axes_and_the_address(chromium, plotted):
    with opened(chromium, plotted) as page:
        page.get_by_role("link", name="F1 against MAE").click()
        assert page.locator("h1").inner_text() == "F1 against MAE"
        assert page.evaluate("location.search") == f"?x={T}.mae"


def test_the_title_says_which_tables_where_two_meet(chromium, plotted):
    other = "polymorphs--beta-set"
    with opened(chromium, plotted, f"?x={other}.f1") as page:
        assert page.locator("h1").inner_text() == "F1 (discovery) against F1 (polymorphs)"
        assert [row.locator("a").inner_text() for row in page.locator("#points tbody tr").all()] == []
        assert note(page) == "No point has both values."
        page.locator("#y-field").select_option(f"{T}.mae")
        assert [row.locator("a").inner_text() for row in page.locator("#points tbody tr").all()] == ["Composition RF 1"]
        assert page.locator("#points th").nth(1).inner_text().split() == ["MAE", "eV/atom", "·", "alpha-set"]


def test_points_are_reached_by_keyboard_and_named_in_the_picture(chromium, with_data):
    with opened(chromium, with_data(FIVE)) as page:
        page.get_by_role("button", name="Mark e", exact=True).focus()
        assert page.locator("#scatter .on").get_attribute("data-key") == "e"
        assert "e" in page.locator("#scatter .names text").all_text_contents()
        page.keyboard.press("Enter")
        assert page.locator("#scatter .picked").get_attribute("data-key") == "e"
        page.keyboard.press("Enter")
        assert page.locator("#scatter .picked").count() == 0


def test_a_finger_near_a_point_marks_it(chromium, with_data):
    with opened(chromium, with_data(FIVE), viewport={"width": 390, "height": 800}, has_touch=True) as page:
        page.locator("#scatter .canvas").scroll_into_view_if_needed()
        box = page.locator("[data-key=c]").bounding_box()
        page.touchscreen.tap(box["x"] + 12, box["y"] + 8)
        assert page.locator("#scatter .picked").get_attribute("data-key") == "c"
        assert "m=c" in page.evaluate("location.search")


def test_names_in_the_picture_do_not_cross_each_other(chromium, with_data):
    crowd = {f"model {i}": (1 + i / 300, 1 + i / 300) for i in range(40)}
    with opened(chromium, with_data(crowd)) as page:
        boxes = [text.bounding_box() for text in page.locator("#scatter .names text").all()]
        assert boxes
        apart = [
            a["x"] + a["width"] <= b["x"] + 1 or b["x"] + b["width"] <= a["x"] + 1
            or a["y"] + a["height"] <= b["y"] + 4 or b["y"] + b["height"] <= a["y"] + 4
            for i, a in enumerate(boxes) for b in boxes[:i]
        ]  # fmt: skip
        assert all(apart)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_saved_picture_stands_on_its_own(chromium, plotted, scheme):
    with opened(chromium, plotted, "?refs=on", color_scheme=scheme) as page:
        with page.expect_download() as download:
            page.locator("#save-svg").click()
        text = download.value.path().read_text(encoding="utf-8")
        assert "var(" not in text
        assert "class=" not in text
        assert "style=" not in text
        root = ElementTree.fromstring(text)
        fills = [one.get("fill") for one in root.iter("{http://www.w3.org/2000/svg}path")]
        assert len([fill for fill in fills if fill.startswith("rgb")]) >= 3
        ground = root[0].get("fill")
        assert (sum(map(int, re.findall(r"\d+", ground)[:3])) > 384) == (scheme == "light")


def test_the_page_does_not_overflow_and_targets_are_large_enough(chromium, plotted):
    for width in (320, 390, 768, 1280, 2560):
        with opened(chromium, plotted, viewport={"width": width, "height": 900}) as page:
            over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(over) <= 0
            if width == 320:
                boxes = [one.bounding_box() for one in page.locator(".pick, .choices select, .choices button").all()]
                assert all(box["width"] >= 24 and box["height"] >= 24 for box in boxes)


def test_the_page_has_one_image_with_a_name_and_no_control_inside_it(chromium, plotted):
    with opened(chromium, plotted) as page:
        assert page.get_by_role("img", name=re.compile("^F1 · discovery, alpha-set against CPU time")).count() == 1
        assert page.locator("#scatter .canvas").locator("button, a, [tabindex]").count() == 0
