"""Curves, slices and rankings: drawn where there is data, left out where there is none, refused where it is broken."""

import json

import pytest
from site_boards import HOSTILE, place, result, write
from site_details import PLUS, RANKED, details, ranking, write_details, write_ranking
from site_html import Page

from matdisc.errors import CardError, DataError
from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.content import read_content
from matdisc.leaderboard.site.settings import Settings
from matdisc.leaderboard.site.tables.board import make_tables
from matdisc.leaderboard.site.tables.periodic import SYMBOLS, periodic
from matdisc.leaderboard.site.tables.periodic import place as cell_of
from matdisc.leaderboard.site.tables.ranking import p_text
from matdisc.leaderboard.site.verdict import verdict
from matdisc.scoring.figures import Table


def discovery_table(board):
    settings = Settings()
    return make_tables(read_content(board), settings.task_order, settings.dataset_order)[0]


def chart_labels(page):
    return [a["aria-label"] for a in page.all("svg") if a.get("role") == "img"]


def test_every_figure_and_table_of_the_details_stands_on_the_page_of_the_result(full_site):
    page = Page(full_site / "models/graphnet-0.3.0/discovery--alpha-set.html")
    labels = " ".join(chart_labels(page))
    for what in ("ROC", "Cumulative precision and recall", "Right and wrong calls", "Predicted against true"):
        assert what in labels
    for what in ("The first k materials", "Slices", "By element", "By prototype"):
        assert what in page.words
    assert "If the missing answers" not in page.words


def test_a_chart_carries_at_most_25_rows_of_its_data_and_a_link_to_all(full_site):
    page = Page(full_site / "models/graphnet-0.3.0/discovery--alpha-set.html")
    assert "25 of 101 rows" in page.words
    links = [a["href"] for a in page.all("a")]
    assert "../../data/curves/discovery/alpha-set/graphnet-0.3.0.json" in links
    copy = json.loads((full_site / "data/curves/discovery/alpha-set/graphnet-0.3.0.json").read_text())
    assert copy == details("graphnet-0.3.0")


def test_undefined_curves_are_left_out(full_site):
    page = Page(full_site / "models/graphnet-0.3.0/discovery--alpha-set~single-point.html")
    assert not [label for label in chart_labels(page) if label.startswith("ROC")]


def test_hostile_slice_names_stay_text(full_site):
    page = Page(full_site / "models/graphnet-0.3.0/discovery--alpha-set.html")
    assert not page.all("img")
    assert len(page.all("script")) == 1
    assert ("th", HOSTILE) in [(tag, text) for tag, text in page.text if tag == "th"]
    assert "1 name in the data is no element" in page.words


def test_the_periodic_table_is_a_table_with_numbers_and_amber_errors(full_site):
    page = Page(full_site / "models/graphnet-0.3.0/discovery--alpha-set.html")
    cells = {a["title"].partition(":")[0]: a for a in page.all("td") if "el " in (a.get("class") or "")
             and a.get("title")}  # fmt: skip
    assert set(cells) == {"Fe", "O", "La", "Og"}
    assert cells["Fe"]["class"] == "el a0"
    assert cells["Fe"]["title"] == "Fe: MAE, eV/atom 0.1; materials 20"


@pytest.mark.parametrize(
    ("symbol", "cell"),
    [("H", (0, 0)), ("He", (0, 17)), ("B", (1, 12)), ("Fe", (3, 7)), ("La", (7, 2)), ("Lu", (7, 16)), ("Hf", (5, 3)),
     ("Rn", (5, 17)), ("U", (8, 5)), ("Og", (6, 17))],
)  # fmt: skip
def test_elements_stand_where_they_belong(symbol, cell):
    assert cell_of(SYMBOLS.index(symbol) + 1) == cell


@pytest.mark.parametrize(("better", "hue"), [("lower", "a"), ("higher", "h")])
def test_equal_numbers_are_shaded_alike_and_unknown_ones_not_at_all(better, hue):
    rows = [("Fe", 0.2), ("O", 0.2), ("S", None)]
    found = periodic(Table("k", "t", ("Element", "MAE"), rows, layout="periodic", better=better))
    shades = {cell.symbol: cell.css for _, cells in found.rows for cell in cells if cell}
    assert (shades["Fe"], shades["O"], shades["S"], shades["H"]) == (f"{hue}5", f"{hue}5", "", "")


def test_no_two_elements_share_a_cell():
    assert len({cell_of(number) for number in range(1, 119)}) == 118


def test_bounds_and_both_prevalences_are_told(board):
    bounds = {
        "pessimistic": {"f1": 0.901, "daf": 3.2, "mae": 0.051}, "headline": {"f1": 0.912, "daf": 3.3},
        "complete_case": {"f1": 0.913, "daf": 3.3, "mae": 0.0312}, "optimistic": {"f1": 0.915, "daf": None},
    }  # fmt: skip
    leakage = {"certainty": HOSTILE, "level_counts": {"same": 3}, "without_overlap": {"f1": 0.7}}
    more = {"bounds": bounds, "prevalence_rounded": 0.2712, "leakage": leakage}
    place(board, result("lattice-gp", f1=0.912, mae=0.0312) | more)
    words = Page(build(board) / "models/lattice-gp/discovery--alpha-set.html").words
    assert "all wrong pessimistic 0.901 3.20 0.051" in words
    assert "counted as in the headline headline 0.912 3.30 0.031" in words
    assert "all right optimistic 0.915 – –" in words
    assert "26.12 % of the materials are stable by unrounded energies and 27.12 %" in words
    assert "level counts same 3" in words


def test_ranks_and_ties_come_from_the_ranking_where_there_is_one(full_site):
    page = Page(full_site / "datasets/alpha-set.html")
    rows = [a for a in page.all("tr") if a.get("data-group")]
    assert [a["data-group"] for a in rows] == ["1", "1", "2", "3", "4"]
    assert ["opens" in a["class"].split() for a in rows] == [False, False, True, True, True]
    titles = " ".join(a["title"] or "" for a in page.all("span") if a.get("title"))
    assert "cannot be told apart from the leader of its group, paired bootstrap, Holm-corrected 5 %" in titles
    assert "Ranks and ties are from a paired bootstrap" in page.words
    assert "Smallest detectable difference in F1: 0.043 with these 1,367 materials." in page.words


def test_without_a_ranking_the_overlap_rule_is_named(site):
    words = Page(site / "datasets/alpha-set.html").words
    assert "Ranks are from overlapping 95 % intervals" in words
    assert "paired bootstrap with" not in words


def test_a_ranking_of_other_results_is_not_used_and_the_page_says_so(board):
    write_ranking(board, ranking(RANKED | {"meshnet-2": 0.5}))
    assert discovery_table(board).ranking is None
    site = build(board)
    assert "the ranking on file is of other results" in Page(site / "datasets/alpha-set.html").words
    assert [page.name for page in (site / "compare").glob("*.html")] == ["index.html"]
    assert "No table has a ranking" in Page(site / "compare/index.html").words


def test_a_lead_that_the_paired_test_carries_is_claimed_even_if_intervals_overlap(board):
    write_ranking(board, ranking(groups=(1, 2, 3, 4, 5)))
    assert verdict(discovery_table(board)).claim.startswith("GraphNet 0.3.0 leads discovery on Alpha ABC3")


def test_of_a_larger_group_only_the_leader_is_compared_with(board):
    write_ranking(board, ranking(groups=(1, 1, 1, 2, 3)))
    assert verdict(discovery_table(board)).claim == (
        "GraphNet 0.3.0 has the highest F1, 0.91 (0.90–0.93), for discovery on Alpha ABC3, "
        "but MeshNet 2 and one other cannot be told apart from it."
    )


def test_every_pair_has_a_difference_with_its_p_value(full_site):
    words = Page(full_site / "compare/discovery--alpha-set.html").words
    assert "+0.009 p = 0.31" in words
    assert "+0.272 p < 0.001" in words
    assert "matdisc compare A B --task discovery --dataset alpha-set" in words


def test_p_values_are_printed_with_two_digits_or_as_a_bound():
    assert [p_text(p) for p in (1.0, 0.31, 0.0213, 0.0004, None)] == ["1.00", "0.31", "0.021", "< 0.001", "–"]


def test_the_dataset_page_lays_curves_over_each_other_with_names(full_site):
    page = Page(full_site / "datasets/alpha-set.html")
    roc = next(label for label in chart_labels(page) if label.startswith("ROC"))
    assert "GraphNet 0.3.0 (AUC 0.667)" in roc
    assert (full_site / "data/rankings/discovery/alpha-set.json").is_file()


def test_the_dataset_page_has_every_row_part_by_part(full_site):
    words = Page(full_site / "datasets/alpha-set.html").words
    places = [words.index(f"{name} 1,{n} materials") for name, n in
              (("Headline", 367), ("threshold 0 eV/atom", 367), ("GGA rows only", 180))]  # fmt: skip
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"figures": [{"key": "a"}]}, "title"),
        ({"figures": [{"key": "a", "title": "", "x_label": "", "y_label": "", "lines": [
            {"name": "", "x": [0, 1], "y": [0]}]}]}, "equal length"),
        ({"schema": "matdisc.details/1"}, "schema.*matdisc rescore"),
        ({"entry": "meshnet-2"}, "move it there"),
        ({"n": float("nan")}, "finite"),
    ],
)  # fmt: skip
def test_broken_or_old_details_are_refused_by_name(board, change, message):
    path = write_details(board, details("lattice-gp"))
    path.write_text(json.dumps(details("lattice-gp") | change))
    with pytest.raises(DataError, match=rf"(?s)lattice-gp\.json.*{message}"):
        build(board)


def test_a_result_of_an_earlier_layout_is_refused_with_the_remedy(board):
    place(board, result("lattice-gp", f1=0.9, mae=0.03) | {"schema": "matdisc.result/1"})
    with pytest.raises(DataError, match=r"lattice-gp\.json.*'matdisc\.result/1'.*matdisc rescore"):
        build(board)


def test_a_result_of_a_task_that_is_not_installed_is_refused_with_the_tasks_there_are(board):
    place(board, result("lattice-gp", f1=0.9, mae=0.03, task="adsorption"))
    with pytest.raises(DataError, match=r"lattice-gp\.json: field 'task' is 'adsorption'.*discovery.*install"):
        build(board)


def test_an_unknown_task_in_the_settings_is_refused_with_the_tasks_there_are(board):
    write(board.root / "leaderboard" / "site.toml", 'task_order = ["discovry"]\n')
    with pytest.raises(CardError, match=r"site\.toml.*task_order.*'discovry' is no task; tasks: discovery"):
        build(board)


def test_a_broken_ranking_is_refused_by_name(board):
    broken = ranking()
    broken["metrics"]["f1"]["p_values"].pop()
    write_ranking(board, broken)
    with pytest.raises(DataError, match=r"rankings/discovery/alpha-set\.json.*equal length"):
        build(board)


def test_details_without_a_result_are_passed_over(board):
    write_details(board, details("meshnet-2+gone"))
    assert not (build(board) / "data" / "curves").exists()


def test_an_entry_with_a_plus_has_its_own_data_file(full_site):
    assert (full_site / "data/curves/discovery/alpha-set" / f"{PLUS}.json").is_file()


def test_long_tables_hold_all_rows_and_mark_those_after_the_first_hundred(board):
    for i in range(220):
        place(board, result("meshnet-2", f1=0.3 + i / 2000, mae=0.1, entry=f"meshnet-2+v{i}"))
    page = Page(build(board) / "datasets/alpha-set.html")
    rows = [a["class"].split() for a in page.all("tr") if "data-search" in a]
    assert [("more" in classes) for classes in rows] == [i >= 100 for i in range(len(rows))]
    assert "Show all 228 rows" in page.words


def test_unknown_training_data_is_not_called_clean_and_notes_are_read_out(board):
    leakage = {"declared": "unknown", "notes": ["The model card names no training sets."]}
    place(board, result("lattice-gp", f1=0.9, mae=0.03) | {"leakage": leakage})
    words = Page(build(board) / "models/lattice-gp/discovery--alpha-set.html").words
    assert "Unknown, which is not the same as clean" in words
    assert "The model card names no training sets." in words
