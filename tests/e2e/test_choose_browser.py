"""Finding and choosing in a real browser: filters, columns, combined score, the view in the address, taking it away."""

import csv
import io
import json
import re

import pytest
from test_site_browser import opened

pytestmark = pytest.mark.browser

PAGE = "tasks/discovery.html"
TABLE = "#discovery--alpha-set"


@pytest.fixture(scope="module")
def choices(tmp_path_factory):
    from site_choices import make_choices

    from matdisc.leaderboard.site import build

    root = tmp_path_factory.mktemp("choices")
    return build(make_choices(root / "board"), root / "out")


def rows(page, table=TABLE):
    """Keys of the models on screen, from top to bottom."""
    return page.evaluate("table => [...document.querySelectorAll(table + ' tbody tr')].map(r => r.dataset.m)", table)


def columns(page, table=TABLE):
    """Keys of the columns on screen."""
    shown = "table => [...document.querySelectorAll(table + ' thead th[data-key]')]"
    return page.evaluate(shown + ".filter(h => h.getClientRects().length).map(h => h.dataset.key)", table)


def open_menu(page, title):
    menu = page.locator("details.menu", has=page.locator("summary", has_text=title))
    if menu.get_attribute("open") is None:
        menu.locator("summary").click()
    menu.locator(".panel > :not([hidden])").first.wait_for()
    return menu


def tick(page, group, option):
    menu = open_menu(page, "Filter")
    name = re.compile(rf"^{re.escape(option)} \d+$")
    menu.locator("fieldset", has_text=group).get_by_role("checkbox", name=name).click()


def exported(page, name):
    menu = open_menu(page, "Export")
    with page.expect_download() as download:
        menu.get_by_role("button", name=f"Download {name}").click()
    return download.value.path().read_text(encoding="utf-8")


def pressed(page, name):
    open_menu(page, "Filter").get_by_role("button", name=name, exact=True).click()


@pytest.mark.parametrize(
    ("group", "option", "kept"),
    [
        ("Released", "code and weights", ["alpha", "beta"]),
        ("Released", "closed", ["delta"]),
        ("Gives", "forces", ["alpha", "beta"]),
        ("Gives", "stress", ["alpha"]),
        ("Approach", "fingerprint forest", ["delta"]),
        ("Overlap with test data", "possible", ["alpha", "beta"]),
        ("Overlap with test data", "unknown", ["dummy"]),
        ("Level of theory", "r2SCAN", ["gamma"]),
        ("Level of theory", "<img src=x onerror=alert(1)>", ["epsilon"]),
        ("Licence", "MIT (weights: ASL)", ["beta"]),
    ],
)
def test_each_filter_keeps_the_models_that_have_it(chromium, choices, group, option, kept):
    with opened(chromium, choices, PAGE) as page:
        tick(page, group, option)
        assert rows(page) == kept
        hidden = 6 - len(kept)
        assert page.locator("#count").inner_text() == f"{len(kept)} of 6 rows, {hidden} hidden by filters"


def test_training_data_can_be_required_and_excluded(chromium, choices):
    with opened(chromium, choices, PAGE) as page:
        pressed(page, "with MPtrj")
        assert rows(page) == ["alpha", "beta"]
        pressed(page, "without OMat24")
        assert rows(page) == ["alpha"]
        pressed(page, "with MPtrj")
        assert rows(page) == ["alpha", "delta", "epsilon", "dummy"]
        pressed(page, "with -cmd, x")
        assert rows(page) == ["epsilon"]


def test_parameters_and_cost_have_limits_that_an_unknown_value_does_not_pass(chromium, choices):
    with opened(chromium, choices, PAGE) as page:
        menu = open_menu(page, "Filter")
        menu.get_by_label("from").fill("2")
        assert rows(page) == ["alpha", "beta", "gamma"]
        menu.get_by_label("to", exact=True).fill("30")
        assert rows(page) == ["alpha", "gamma"]
        menu.get_by_label("at most").fill("5")
        assert rows(page) == ["alpha"]


def test_counts_beside_options_follow_the_other_filters(chromium, choices):
    with opened(chromium, choices, PAGE) as page:
        menu = open_menu(page, "Filter")
        forces = menu.locator("fieldset", has_text="Gives").locator("label", has_text="forces").locator(".n")
        assert forces.inner_text() == "2"
        pressed(page, "with OMat24")
        assert forces.inner_text() == "1"
        closed = menu.locator("fieldset", has_text="Released").locator("label", has_text="closed")
        assert closed.locator(".n").inner_text() == "0"


def test_two_options_of_one_filter_add_rows_and_two_filters_leave_those_with_both(chromium, choices):
    with opened(chromium, choices, PAGE) as page:
        tick(page, "Level of theory", "r2SCAN")
        tick(page, "Level of theory", "PBE")
        assert rows(page) == ["alpha", "beta", "gamma"]
        tick(page, "Gives", "forces")
        assert rows(page) == ["alpha", "beta"]


def test_an_active_filter_is_a_chip_that_takes_it_away_and_one_click_shows_all(chromium, choices):
    with opened(chromium, choices, PAGE) as page:
        tick(page, "Gives", "forces")
        pressed(page, "without OMat24")
        page.locator("#references").uncheck()
        page.keyboard.press("Escape")
        assert page.locator("#chips button").count() == 3
        page.get_by_role("button", name="Remove the filter Gives: forces").click()
        assert rows(page) == ["alpha", "delta", "epsilon"]
        page.locator("#search").fill("alpha")
        assert rows(page) == ["alpha"]
        page.get_by_role("button", name="Show all").click()
        assert len(rows(page)) == 6
        assert page.locator("#chips button").count() == 0
        assert page.locator("#count").inner_text() == ""


def test_columns_are_shown_one_by_one_or_as_a_set(chromium, choices):
    with opened(chromium, choices, PAGE) as page:
        headline = columns(page)
        assert "rmse" not in headline
        menu = open_menu(page, "Columns")
        menu.get_by_label("RMSE").check()
        menu.get_by_label("DAF").uncheck()
        assert set(columns(page)) == {*headline, "rmse"} - {"daf"}
        menu.get_by_role("button", name="All", exact=True).click()
        assert len(columns(page)) == 18
        menu.get_by_role("button", name="Headline").click()
        assert columns(page) == headline


def test_the_overview_has_a_set_of_columns_a_task_with_its_own_order(chromium, site):
    with opened(chromium, site, "index.html") as page:
        assert columns(page, "#overview") == ["name", "discovery--alpha-set", "polymorphs--beta-set"]
        menu = open_menu(page, "Columns")
        menu.get_by_role("button", name="Polymorphs").click()
        assert columns(page, "#overview") == ["name", "polymorphs--beta-set"]
        assert rows(page, "#overview")[0] == "composition-rf"
        groups = page.locator("#overview th.group:visible")
        assert groups.all_inner_texts() == ["Polymorphs"]
        menu.locator("legend").get_by_label("Discovery").check()
        assert len(columns(page, "#overview")) == 3


def test_a_combined_score_is_the_weighted_mean_and_undefined_without_a_part(chromium, choices):
    with opened(chromium, choices, PAGE) as page:
        menu = open_menu(page, "Score")
        menu.get_by_label("Weight of F1").fill("60")
        assert rows(page)[0] == "alpha"
        score = page.locator(f"{TABLE} td.score .value")
        assert score.all_inner_texts() == ["0.900", "0.800", "0.700", "0.600", "0.500", "0.400"]
        menu.get_by_label("Weight of MAE").fill("20")
        # limits of MAE: 0.52, the trivial answer's, counts 0; an error of 0 counts 1
        beta, alpha = (60 * 0.8 + 20 * (1 - 0.04 / 0.52)) / 80, (60 * 0.9 + 20 * (1 - 0.05 / 0.52)) / 80
        texts = dict(zip(rows(page), score.all_inner_texts(), strict=True))
        assert texts["alpha"] == f"{alpha:.3f}"
        assert texts["beta"] == f"{beta:.3f}"
        assert texts["epsilon"] == "–"
        assert rows(page)[-1] == "epsilon"
        page.locator(f"{TABLE} th.score button").focus()
        page.keyboard.press("Enter")
        assert rows(page)[-1] == "epsilon"
        open_menu(page, "Score").get_by_role("button", name="Reset the weights").click()
        assert page.locator(f"{TABLE} .score").count() == 0
        assert rows(page)[0] == "alpha"


def test_the_whole_view_is_in_the_address_and_a_reload_restores_it(chromium, choices):
    with opened(chromium, choices, PAGE) as page:
        pressed(page, "without OMat24")
        tick(page, "Released", "code")
        open_menu(page, "Filter").get_by_label("to", exact=True).fill("30")
        page.locator("#search").fill("a")
        open_menu(page, "Columns").get_by_label("RMSE").check()
        open_menu(page, "Score").get_by_label("Weight of F1").fill("60")
        page.locator("#intervals").uncheck()
        page.locator(f"{TABLE} th[data-key=mae] button").click()
        page.locator(f"{TABLE} th[data-key=mae] button").click()
        before = rows(page), columns(page), page.url, page.locator("#chips").inner_text()
        assert "train=-OMat24" in page.url
        page.reload()
        page.locator(f"{TABLE} th.score").wait_for()
        assert (rows(page), columns(page), page.url, page.locator("#chips").inner_text()) == before
        assert page.locator(f"{TABLE} th[data-key=mae]").get_attribute("aria-sort") == "descending"
        assert page.locator("#search").input_value() == "a"


def test_garbage_in_the_address_is_ignored(chromium, choices):
    query = "?open=<b>&train=nobody,-&targets=&theory=%00&params=x-y&cost=1&cols=evil&preset=__proto__&w=f1.50,evil.3"
    with opened(chromium, choices, PAGE + query) as page:
        open_menu(page, "Score")
        assert len(rows(page)) == 6
        assert page.locator("#chips button").count() == 0
        assert page.locator(f"{TABLE} .score").count() == 0
        assert columns(page)[:3] == ["name", "f1", "daf"]


def test_csv_and_json_hold_what_is_on_screen(chromium, choices):
    with opened(chromium, choices, PAGE) as page:
        page.locator(f"{TABLE} th[data-key=mae] button").click()
        page.locator("#references").uncheck()
        head, *lines = csv.reader(io.StringIO(exported(page, "CSV")))
        assert [line[2] for line in lines] == rows(page) == ["beta", "alpha", "gamma", "delta", "epsilon"]
        assert lines[-1][1] == "'+Epsilon_1 & (5) 1"
        at = head.index("MAE [eV/atom]")
        assert head[at + 1 : at + 3] == ["MAE low [eV/atom]", "MAE high [eV/atom]"]
        assert lines[0][at : at + 3] == ["0.040", "0.038", "0.042"]
        assert lines[-1][at : at + 3] == ["", "", ""]
        page.locator("#intervals").uncheck()
        content = json.loads(exported(page, "JSON"))
        assert [row["model"] for row in content["rows"]] == rows(page)
        assert [column["key"] for column in content["columns"]] == columns(page)[1:]
        assert content["rows"][0]["values"]["mae"] == {"value": 0.04}
        assert content["rows"][-1]["name"] == "+Epsilon_1 & (5) 1"


def test_latex_escapes_names_and_bibtex_cites_the_models_shown(chromium, choices):
    with opened(chromium, choices, PAGE) as page:
        text = exported(page, "LaTeX")
        assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
        assert r"+Epsilon\_1 \& (5) 1" in text
        assert r"0.900 {\footnotesize [0.883, 0.917]}" in text
        page.locator("#search").fill("gamma")
        assert exported(page, "BibTeX").strip().startswith("@article{gamma,")
        page.locator("#search").fill("epsilon")
        entry = exported(page, "BibTeX")
        assert entry.startswith("@misc{epsilon,")
        assert r"50 \% of \textbraceleft{}A\textbraceright{} \& B\_1 \$x\$ \textless{}script\textgreater{}" in entry
        assert r"\textbackslash{}input\textbraceleft{}x\textbraceright{}" in entry
        assert entry.count("@") == 1
        assert "\u202e" not in entry


def test_what_is_shown_can_be_copied(chromium, choices):
    with opened(chromium, choices, PAGE) as page:
        open_menu(page, "Export").get_by_role("button", name="Copy CSV").click()
        page.get_by_text("CSV is copied").wait_for()
        page.locator("#search").fill("")
        page.locator("#search").press("Control+v")
        assert "rank,model,key" in page.locator("#search").input_value()


def test_menus_close_on_escape_and_outside_and_give_the_focus_back(chromium, choices):
    focused = "document.activeElement.textContent"
    with opened(chromium, choices, PAGE) as page:
        page.locator("summary", has_text="Filter").focus()
        page.keyboard.press("Enter")
        menu = page.locator("details.filters")
        menu.locator("fieldset").first.wait_for()
        page.keyboard.press("Tab")
        page.keyboard.press("Escape")
        assert menu.get_attribute("open") is None
        assert page.evaluate(focused) == "Filter"
        open_menu(page, "Columns")
        page.mouse.click(5, 500)
        assert page.locator("details.menu[open]").count() == 0
        assert page.evaluate(focused).startswith("Columns")


@pytest.mark.parametrize("title", ["Filter", "Columns", "Score", "Export"])
def test_menus_are_sheets_that_fit_a_phone(chromium, choices, title):
    with opened(chromium, choices, PAGE, viewport={"width": 320, "height": 640}) as page:
        box = open_menu(page, title).locator(".panel").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_rows_of_a_long_table_leave_the_document_until_they_are_shown(chromium, tmp_path):
    from site_choices import make_choices

    from matdisc.leaderboard.site import build

    site = build(make_choices(tmp_path / "board", copies=40), tmp_path / "out")
    with opened(chromium, site, PAGE + "?targets=forces") as page:
        assert len(rows(page)) == 80
        assert page.locator("#count").inner_text() == "80 of 240 rows, 160 hidden by filters"
        page.get_by_role("button", name="Show all", exact=True).click()
        assert len(rows(page)) == 100
        assert "100 rows" in open_menu(page, "Export").inner_text()
        page.get_by_role("button", name="Show all 240 rows").click()
        assert len(rows(page)) == 240


def test_an_export_is_of_one_table_which_the_reader_chooses(chromium, choices, site):
    with opened(chromium, site, "datasets/alpha-set.html") as page:
        assert not open_menu(page, "Export").get_by_label("Table").is_visible()
    with opened(chromium, site, "index.html") as page:
        content = json.loads(exported(page, "JSON"))
        assert content["table"] == "overview"
        assert [row["model"] for row in content["rows"]] == rows(page, "#overview")
        best = next(row for row in content["rows"] if row["model"] == "graphnet-0.3.0")
        assert best["values"]["discovery--alpha-set"] == {"value": 0.912, "best place": 1, "worst place": 2}
        assert best["values"]["polymorphs--beta-set"] == {"value": None}
