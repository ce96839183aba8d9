"""The page that compares models, in a real browser and from disk: its counts are those of the command line."""

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "site"))

from site_boards import HOSTILE, make_board
from site_details import add_details
from site_materials import add_materials

pytestmark = pytest.mark.browser

SET = "emt-alloys"
TABLE = f"discovery--{SET}"
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => window.violations.push(event.violatedDirective));
"""
CARD = """
key = "{key}"
name = "{key}"
version = "1"
kind = "predictor"
summary = "A row for tests."
gives = ["formation energy"]
[licence]
code = "MIT"
[[authors]]
name = "Nobody"
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A board with two rows that err by noise, its site, and what the command line says of them."""
    import numpy as np

    from matdisc import predictions
    from matdisc.board import init_board
    from matdisc.datasets import load
    from matdisc.leaderboard.compare import compare
    from matdisc.leaderboard.ranking import write_ranking
    from matdisc.leaderboard.results import publish
    from matdisc.leaderboard.site import build
    from matdisc.schema import Prediction

    root = tmp_path_factory.mktemp("compare")
    board = init_board(root / "board")
    samples = load(board, SET).samples
    for seed, key in enumerate(("one", "other", "third")):
        (board.models_dir / key).mkdir()
        (board.models_dir / key / "model.toml").write_text(CARD.format(key=key))
        noise = np.random.default_rng(seed).normal(0, 0.05, len(samples))
        rows = [
            Prediction(s.material_id, {"e_form_per_atom": s.target["e_form_per_atom"] + e})
            for s, e in zip(samples, noise, strict=True)
        ]
        path = board.predictions_dir / "discovery" / SET / f"{key}.csv.gz"
        predictions.write(path, rows, ["e_form_per_atom"])
        publish(board, path, "discovery", SET, key)
    write_ranking(board, "discovery", SET)
    return build(board, root / "site"), compare(board, "one", "other", "discovery", SET)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """The site of the made-up board, with four materials, one of them with a hostile name."""
    from matdisc.leaderboard.site import build

    root = tmp_path_factory.mktemp("compare-made-up")
    return build(add_materials(add_details(make_board(root / "board"))), root / "site")


@contextmanager
def opened(chromium, site, query="", name="compare/index.html", **options):
    """Open a page and, at the end, require that it was silent, kept its policy and stayed on disk."""
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
    noises, requests = [], []
    page = context.new_page()
    page.on("console", lambda message: noises.append(message.text))
    page.on("pageerror", lambda error: noises.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.add_init_script(WATCH)
    page.goto((site / name).as_uri() + query)
    scripted = options.get("java_script_enabled", True)
    try:
        if scripted:
            page.wait_for_selector("html[data-js=ready]", state="attached")
        if scripted and name == "compare/index.html":
            page.wait_for_selector("#compared table")
        yield page
        assert noises == []
        assert [url for url in requests if not url.startswith(site.as_uri())] == []
        assert not scripted or page.evaluate("window.violations") == []
    finally:
        context.close()


def cells(page, caption):
    """The texts of a table's body, row by row."""
    rows = page.locator(f"table:has(#{caption}) tbody tr")
    return [[text.strip() for text in row.locator("th, td").all_inner_texts()] for row in rows.all()]


def query_of(page):
    return page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")


def test_flips_are_those_of_the_command_line_element_by_element(chromium, real):
    site, expected = real
    flips = expected["flips"]
    with opened(chromium, site, f"?t={TABLE}&m=one,other") as page:
        found = cells(page, "cap-elements")
        said = page.locator("#compared section > p").first.inner_text()
    elements = zip(flips["element"]["name"], flips["element"]["lost"], flips["element"]["gained"], strict=True)
    assert sorted(row[:3] for row in found) == sorted([name, str(lost), str(gained)] for name, lost, gained in elements)
    totals = [int(row[1]) + int(row[2]) for row in found]
    assert totals == sorted(totals, reverse=True)
    assert said.startswith(f"Only A is right for {flips['lost']} materials, only B for {flips['gained']};")


def test_headline_and_difference_are_those_of_the_command_line(chromium, real):
    site, expected = real
    f1 = expected["differences"]["f1"]
    with opened(chromium, site, f"?t={TABLE}&m=one,other") as page:
        rows, (difference,) = cells(page, "cap-headline"), cells(page, "cap-differences")
    assert [row[1] for row in rows] == [f"{f1['first']:.3f}", f"{f1['second']:.3f}"]
    assert difference[1].replace("−", "-") == f"{f1['value']:+.3f}"


def test_every_material_with_two_answers_is_a_point(chromium, real):
    site, _ = real
    with opened(chromium, site, f"?t={TABLE}&m=one,other") as page:
        assert page.locator(".parity [class^=p-] path title").count() == 221
        spreads = [float(row[-1]) for row in cells(page, "cap-apart")]
    assert len(spreads) == 20
    assert spreads == sorted(spreads, reverse=True)


def test_the_view_is_in_the_address_and_comes_back(chromium, real):
    site, _ = real
    with opened(chromium, site, f"?t={TABLE}") as page:
        first = page.locator("#compare-0").input_value()
        left = next(entry for entry in ("one", "other", "third") if page.locator("#compare-0").input_value() != entry
                    and page.locator("#compare-1").input_value() != entry)  # fmt: skip
        page.select_option("#compare-2", left)
        page.locator("#compared section .pickers select").first.select_option(left)
        asked = query_of(page)
        said = page.locator("#compare-said").inner_text()
        shown = page.locator("#compared").inner_text()
        query = page.evaluate("location.search")
    assert asked["m"].split(",")[2] == left
    assert asked["d"].split(",")[0] == left
    assert first in asked["m"].split(",")
    with opened(chromium, site, query) as page:
        assert page.locator("#compared").inner_text() == shown
        assert page.locator("#compare-said").inner_text() == said
        page.select_option("#compare-2", "")
        assert "d" not in query_of(page)


@pytest.mark.parametrize("query", ["?t=nowhere&m=nobody,%3Cb%3E", "?m=,,,&d=,", "?t=%00&m=one", "?m=" + "x," * 500])
def test_what_is_not_known_in_the_address_is_passed_over(chromium, real, query):
    site, _ = real
    with opened(chromium, site, query) as page:
        assert len(cells(page, "cap-headline")) == 2
        assert query_of(page) == {}


def test_no_model_can_be_chosen_twice(chromium, real):
    site, _ = real
    with opened(chromium, site, f"?t={TABLE}&m=one,one,other") as page:
        assert len(cells(page, "cap-headline")) == 2
        assert page.locator("#compare-1 option[value=one]").is_disabled()


def test_materials_of_a_small_set_link_to_their_pages(chromium, made_up):
    with opened(chromium, made_up, "?m=graphnet-0.3.0,meshnet-2") as page:
        names = [row[0] for row in cells(page, "cap-apart")]
        assert names[0] == "Al2O3"
        page.locator("table:has(#cap-apart) tbody a").first.click()
        page.wait_for_selector("h1")
        assert page.locator("h1").inner_text() == "Al2O3"
        assert page.locator("tbody th").all_inner_texts() == ["GraphNet 0.3.0", "Lattice GP 2026.1", "MeshNet 2"]


def test_a_hostile_name_is_text(chromium, made_up):
    with opened(chromium, made_up, "?m=graphnet-0.3.0,lattice-gp") as page:
        texts = page.locator("table:has(#cap-apart) tbody th").all_text_contents()
        assert HOSTILE in texts
        assert page.locator("#compared img, #compared script").count() == 0


def test_hand_counted_flips(chromium, made_up):
    """graphnet is right for all four; meshnet is wrong for Al2O3 and FeO."""
    with opened(chromium, made_up, "?m=graphnet-0.3.0,meshnet-2") as page:
        found = cells(page, "cap-elements")
    assert [row[:3] for row in found] == [["O", "2", "0"], ["Al", "1", "0"], ["Fe", "1", "0"]]


def test_without_a_script_every_pair_is_a_link_away(chromium, made_up):
    with opened(chromium, made_up, java_script_enabled=False) as page:
        assert not page.locator("#pick").is_visible()
        page.get_by_role("link", name="Alpha ABC3").click()
        assert "Every pair" in page.locator("h1").inner_text()


@pytest.mark.parametrize("width", [320, 390, 1280, 2560])
def test_the_page_is_never_wider_than_its_window(chromium, made_up, width):
    for name in ("compare/index.html", "materials/alpha-set/index.html", "materials/alpha-set/NaCl.html"):
        with opened(chromium, made_up, name=name, viewport={"width": width, "height": 800}) as page:
            assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_a_missing_data_file_is_named(chromium, made_up, tmp_path):
    import shutil

    site = Path(shutil.copytree(made_up, tmp_path / "site"))
    (site / "compare" / "data" / "discovery--alpha-set.js").unlink()
    context = chromium.new_context()
    try:
        page = context.new_page()
        page.goto((site / "compare" / "index.html").as_uri())
        page.wait_for_function("document.getElementById('compare-said').textContent.includes('cannot be read')")
        assert "data/discovery--alpha-set.js" in page.locator("#compare-said").inner_text()
    finally:
        context.close()
