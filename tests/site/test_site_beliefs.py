"""Pages of alloys: coverage beside every score, differences to the null, charts with data, broken parts refused."""

import json
import re

import pytest
from site_beliefs import KEY, ROWS, add_alloys, belief_details
from site_boards import HOSTILE, make_board
from site_details import write_details
from site_html import Page

from matdisc.errors import DataError
from matdisc.leaderboard.schema.details import Details
from matdisc.leaderboard.schema.folds import Difference, IntervalBins, RiskCoverage
from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.charts.folds import belief_plots, interval_plot, risk_plot
from matdisc.leaderboard.site.tables.fold_text import sentences, signed
from matdisc.leaderboard.site.tables.folds import Named, element_map, element_table, protocol_boards, protocol_tables
from matdisc.scoring.record import Value
from matdisc.tasks import TASKS

ALLOYS = TASKS["alloys"]
NULL = "the null"


@pytest.fixture(scope="module")
def alloy_site(tmp_path_factory):
    root = tmp_path_factory.mktemp("alloys")
    return build(add_alloys(make_board(root / "board", results=False)), root / "out")


def read(key="evidence-x", **change):
    return Details.model_validate(belief_details(key) | change)


def named(key):
    return Named(key, key, key == "alloys-constant", read(key))


def chart_labels(page):
    return [a["aria-label"] for a in page.all("svg") if a.get("role") == "img"]


@pytest.mark.parametrize(
    "name", [f"datasets/{KEY}.html", "models/evidence-x.html", "tasks/alloys.html", "methods.html"]
)
def test_pages_of_alloys_balance_and_repeat_no_id(alloy_site, name):
    page = Page(alloy_site / name)
    assert not page.problems
    assert len(set(page.ids)) == len(page.ids)
    assert not page.all("img")


def test_the_dataset_page_has_a_table_for_each_protocol_with_coverage_first(alloy_site):
    page = Page(alloy_site / f"datasets/{KEY}.html")
    words = page.words
    assert words.index("Learning from a tenth") < words.index("One element left out")
    assert words.count("Coverage % Abstained of 920 Brier Δ Brier to the null row") == 2
    assert "highest possible DAF 1.84" in words
    assert "DAF max 1.84" in words
    assert "Trivial answer class rate of training" in words
    assert "0.278" in words


def test_the_null_row_has_no_difference_to_itself():
    board = protocol_boards([named("alloys-constant"), named("evidence-x")], ALLOYS, NULL)[0]
    differences = {row.name: [d.value for _, d in row.cells if d] for row in board.rows}
    assert differences == {"alloys-constant": ["–", "–"], "evidence-x": ["−0.020", "+0.100"]}


def test_without_a_null_row_no_difference_is_printed():
    none = {**belief_details("evidence-x"), "null": None}
    for protocol in none["protocols"]:
        protocol["against_null"] = {}
    found = Details.model_validate(none)
    assert {line.difference.value for line in protocol_tables(found, ALLOYS, None)[0].main} == {"–"}
    assert not any("null" in sentence for sentence in sentences(found.protocols[0], ALLOYS, None))


def test_a_difference_is_certain_if_its_interval_leaves_out_zero():
    brier = ALLOYS.metric("brier")
    found = [signed(brier, Difference(value=v, low=a, high=b)) for v, a, b in
             ((-0.1, -0.2, -0.01), (0.1, -0.01, 0.2), (0.1, 0.01, 0.2), (0.1, None, None))]  # fmt: skip
    assert [text.certain for text in found] == [True, False, True, False]
    assert [text.value for text in found] == ["−0.100", "+0.100", "+0.100", "+0.100"]


def test_a_difference_of_nothing_has_no_sign():
    assert signed(ALLOYS.metric("brier"), Value(value=0.0001)).value == "0.000"


def test_a_model_that_always_abstains_is_not_credited_with_anything():
    told = sentences(read("silent-x").protocols[0], ALLOYS, NULL)
    assert len(told) == 1
    assert told[0].startswith("It abstains on every alloy.")
    assert "no score here is knowledge of the model" in told[0]


def test_abstentions_missing_answers_and_wide_intervals_are_told_beside_the_scores():
    told = " ".join(sentences(read().protocols[0], ALLOYS, NULL))
    assert "It abstains on 23.4 % of the alloys." in told
    assert "That is no accuracy" in told
    assert "0.95 wide on average" in told
    assert "3 of 920 answers are missing" in told


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(-0.03, -0.01, "it is better than the null row"), (-0.03, 0.01, "cannot be told apart from the null row")],
)
def test_only_a_certain_difference_is_called_better(low, high, words):
    content = belief_details("evidence-x")
    content["protocols"][0]["against_null"]["brier"] |= {"value": -0.02, "low": low, "high": high}
    told = " ".join(sentences(Details.model_validate(content).protocols[0], ALLOYS, NULL))
    assert words in told


def test_a_small_set_says_how_uncertain_a_share_is_and_a_large_one_does_not():
    content = belief_details("evidence-x")
    small = Details.model_validate(content).protocols[0]
    assert small.coarse == pytest.approx(0.0495, abs=1e-4)
    assert "On 102 alloys a share is uncertain by up to 0.05" in " ".join(sentences(small, ALLOYS, NULL))
    large = small.model_copy(update={"n_alloys": 12650})
    assert "uncertain" not in " ".join(sentences(large, ALLOYS, NULL))


def test_the_model_page_draws_every_chart_of_the_headline_with_its_data(alloy_site):
    page = Page(alloy_site / "models/evidence-x.html")
    labels = " ".join(chart_labels(page))
    for what in ("Errors among the most certain", "Stated intervals and observed shares", "Reliability", "conflict"):
        assert what in labels
    assert page.words.count("Show data") == len(chart_labels(page))
    assert "../data/curves/alloys/made-up-alloys/evidence-x.json" in [a["href"] for a in page.all("a")]
    assert "Show all metrics" in page.words


def test_parts_of_the_headline_protocol_are_shown_and_protocols_not_twice(alloy_site):
    words = Page(alloy_site / "models/evidence-x.html").words
    assert "Parts of the headline protocol" in words
    assert "margins above 1" in words
    assert len(re.findall("One element left out loeo", words)) == 1


def test_elements_left_out_stand_in_a_table_and_in_the_periodic_table(alloy_site):
    rows = element_table(read().loeo).rows
    assert rows[0] == ("Fe", "28", "50.0", "40.0", "100.0", "0.200", "0.600", "0.700", "0.800")
    assert rows[2][-3:] == ("–", "–", "–")
    page = Page(alloy_site / "models/evidence-x.html")
    cells = [a["title"] for a in page.all("td") if (a.get("title") or "").startswith(("Fe:", "Co:"))]
    assert cells == ["Fe: Brier score 0.2, 28 alloys", "Co: Brier score 0.3, 20 alloys"]
    assert element_map(read().loeo).left_out == 1
    assert ("th", HOSTILE) in page.text


def test_the_dataset_page_lays_the_elements_of_all_models_side_by_side(alloy_site):
    words = Page(alloy_site / f"datasets/{KEY}.html").words
    assert "Element Alloys with it High, % High in training, % The forest-x row" in words


def test_bins_that_miss_are_drawn_apart_from_those_that_hit():
    plot = interval_plot(read().intervals["interpolation-10"])
    assert [shape.css for shape in plot.shapes] == ["floor", "band", "seen hit", "seen missed"]
    assert "40 of 100 answers lie in bins that hit" in plot.note
    assert len(plot.sheet.rows) == 2


def test_a_plain_probability_has_no_band():
    bins = {"n": [5], "p_high": [0.5], "belief": [0.5], "plausibility": [0.5], "rate": [0.4], "hit": [False]}
    plot = interval_plot(IntervalBins(**bins))
    assert "band" not in [shape.css for shape in plot.shapes]
    assert plot.note == "no interval is stated"


def test_undefined_curves_of_beliefs_are_left_out():
    none = {"coverage": [0.5, 1.0], "by_u": [None, None], "by_p": [None, None], "least": [None, None]}
    assert risk_plot(RiskCoverage(**none)) is None
    assert belief_plots(read(conflict={}, intervals={}, reliability={}, risk_coverage={}), "interpolation-10") == []
    silent = {"interpolation-10": {"edges": [0, 1], "count": [0], "n_unknown": 100}}
    assert "conflict" not in [plot.key for plot in belief_plots(read(conflict=silent), "interpolation-10")]


def test_results_on_the_folds_of_the_card_are_not_called_stale(alloy_site):
    assert "stale" not in Page(alloy_site / "models/evidence-x.html").words


def test_details_without_protocols_leave_the_plain_table(tmp_path):
    board = add_alloys(make_board(tmp_path / "board", results=False))
    for key in ROWS:
        write_details(board, {**belief_details(key), "protocols": [], "loeo": {}})
    page = Page(build(board) / "models/evidence-x.html")
    assert not page.problems
    assert "All metrics with their 95 % intervals" in page.words


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"risk_coverage": {"a": {"coverage": [1], "by_u": [], "by_p": [1], "least": [1]}}}, "equal length"),
        ({"conflict": {"a": {"edges": [0, 1], "count": [1, 2]}}}, "1 counts are needed, not 2"),
        ({"protocols": [{"name": "a"}]}, "protocols.0.title"),
        ({"loeo": {"element": ["Fe"]}}, "loeo.n"),
    ],
)
def test_broken_beliefs_are_refused_by_name(tmp_path, change, message):
    board = add_alloys(make_board(tmp_path / "board", results=False))
    path = write_details(board, belief_details("evidence-x"))
    path.write_text(json.dumps(belief_details("evidence-x") | change))
    with pytest.raises(DataError, match=rf"evidence-x\.json.*{message}"):
        build(board)
