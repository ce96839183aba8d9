"""What the board says about rows: ranks from overlap, shades from order, sentences from both."""

from dataclasses import replace

import pytest
from site_boards import make_board, place, result
from site_html import Page

from matdisc.errors import CardError
from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.charts.intervals import make_charts, make_scale
from matdisc.leaderboard.site.content import read_content
from matdisc.leaderboard.site.settings import Headline, Settings
from matdisc.leaderboard.site.tables.board import make_tables
from matdisc.leaderboard.site.tables.format import METRICS
from matdisc.leaderboard.site.tables.ranks import heat_levels, rank_intervals
from matdisc.leaderboard.site.verdict import headline_table, led_by_its_maker, verdict
from matdisc.scoring.metric import show, show_interval
from matdisc.scoring.record import Value


def tables_of(board):
    settings = Settings()
    return make_tables(read_content(board), settings.task_order, settings.dataset_order)


def ranks(*spans):
    return [rank and rank.text for rank in rank_intervals([Value(value=v, low=lo, high=hi) for v, lo, hi in spans])]


def test_overlapping_intervals_share_their_places():
    assert ranks((0.9, 0.88, 0.92), (0.89, 0.87, 0.91), (0.5, 0.4, 0.6)) == ["1–2", "1–2", "3"]


def test_overlap_is_not_transitive():
    assert ranks((0.9, 0.85, 0.95), (0.83, 0.78, 0.88), (0.76, 0.71, 0.81)) == ["1–2", "1–3", "2–3"]


def test_a_value_without_interval_has_no_rank_and_counts_as_a_point_for_the_others():
    assert ranks((0.9, None, None), (0.5, 0.4, 0.6), (None, None, None)) == [None, "2", None]
    assert ranks((0.55, None, None), (0.5, 0.4, 0.6), (0.1, None, None)) == [None, "1–2", None]


def test_the_best_cell_is_darkest_in_either_direction():
    assert heat_levels([0.1, 0.3, 0.2, None], "higher") == [0, 10, 5, None]
    assert heat_levels([0.1, 0.3, 0.2, None], "lower") == [10, 0, 5, None]


def test_equal_values_get_equal_shades_and_a_lone_value_none():
    assert heat_levels([1.0, 1.0, 0.0], "higher") == [8, 8, 0]
    assert heat_levels([1.0, None], "higher") == [None, None]
    assert heat_levels([1.0, 2.0], None) == [None, None]


def test_no_lead_is_claimed_when_intervals_overlap(board):
    assert verdict(tables_of(board)[0]).claim == (
        "GraphNet 0.3.0 and MeshNet 2 cannot be told apart for discovery on Alpha ABC3: "
        "F1 0.91 (0.90–0.93) and 0.90 (0.89–0.92)."
    )


def test_a_clear_lead_is_claimed_with_its_interval(board):
    place(board, result("meshnet-2", f1=0.98, mae=0.01))
    said = verdict(tables_of(board)[0])
    assert said.claim == "MeshNet 2 leads discovery on Alpha ABC3 with F1 0.98 (0.96–1.00)."
    assert said.context == "Calling every material stable would score 0.41."


def test_the_flags_of_the_first_rows_stand_beside_the_claim(board):
    assert verdict(tables_of(board)[0]).context == (
        "Calling every material stable would score 0.41. "
        "Flags to weigh: training overlap likely, level of theory differs."
    )


def test_more_than_two_are_counted(board):
    place(board, result("lattice-gp", f1=0.9, mae=0.01))
    assert "GraphNet 0.3.0, MeshNet 2 and one other cannot be told apart" in verdict(tables_of(board)[0]).claim


def test_no_lead_is_claimed_without_intervals(board):
    content = result("meshnet-2", f1=0.99, mae=0.01)
    content["metrics"]["f1"] |= {"low": None, "high": None}
    place(board, content)
    assert verdict(tables_of(board)[0]).claim == (
        "MeshNet 2 has the highest F1 for discovery on Alpha ABC3, 0.99 without an interval, so no lead is claimed."
    )


def test_a_far_lower_value_without_interval_does_not_spoil_a_lead(board):
    place(board, result("graphnet-0.3.0", f1=0.99, mae=0.01))
    content = result("meshnet-2", f1=0.07, mae=0.01)
    content["metrics"]["f1"] |= {"low": None, "high": None}
    place(board, content)
    assert "GraphNet 0.3.0 leads discovery" in verdict(tables_of(board)[0]).claim


def test_a_close_value_without_interval_does(board):
    content = result("meshnet-2", f1=0.9, mae=0.01)
    content["metrics"]["f1"] |= {"low": None, "high": None}
    place(board, content)
    assert "GraphNet 0.3.0 and MeshNet 2 cannot be told apart" in verdict(tables_of(board)[0]).claim


def test_references_are_never_ranked_nor_shaded(board):
    rows = [row for table in tables_of(board) for row in table.rows if row.reference]
    assert len(rows) == 3
    assert all(row.rank is None and all(cell.heat is None for cell in row.cells) for row in rows)


def test_a_set_led_by_the_model_that_built_it_is_not_the_first_sentence(board):
    card = board.models_dir / "graphnet-0.3.0" / "model.toml"
    card.write_text(card.read_text().replace("[links]", 'used_in_construction_of = ["alpha-set"]\n[links]'))
    tables = tables_of(board)
    assert headline_table(tables, Settings()) is tables[1]


def test_a_table_of_references_alone_is_led_by_nobody(board):
    table = tables_of(board)[0]
    alone = replace(table, rows=tuple(row for row in table.rows if row.reference))
    assert alone.rows
    assert not led_by_its_maker(alone)


def test_the_settings_choose_the_first_sentence(board):
    tables = tables_of(board)
    chosen = headline_table(tables, Settings(headline=Headline(task="polymorphs", dataset="beta-set")))
    assert chosen is tables[1]
    assert headline_table([], Settings()) is None


@pytest.mark.parametrize(
    ("key", "number", "text"),
    [
        ("f1", 0.9125, "0.912"),
        ("r2", -0.25, "−0.250"),
        ("r2", -0.0001, "0.000"),
        ("coverage", 0.9951, "99.5"),
        ("tp", 12345.0, "12,345"),
        ("mae", None, "–"),
    ],
)
def test_numbers_are_printed_with_fixed_decimals(key, number, text):
    assert show(METRICS[key], number) == text


def test_an_interval_needs_both_ends():
    assert show_interval(METRICS["f1"], 0.1, 0.25) == "0.100–0.250"
    assert show_interval(METRICS["f1"], None, 0.25) == ""


@pytest.mark.parametrize("numbers", [[0.41, 0.93], [1.0], [0.0], [0.5, 0.5], [0.9999, 1.0], [1e-9, 1.0]])
def test_ticks_enclose_the_values_and_stay_within_zero_and_one(numbers):
    _, ticks = make_scale(numbers, bounded=True)
    values = [value for value, _ in ticks]
    assert values[0] <= min(numbers) + 1e-9
    assert values[-1] >= max(numbers) - 1e-9
    assert 0 <= values[0] < values[-1] <= 1 + 1e-9
    assert len({text for _, text in ticks}) == len(ticks) <= 9


def test_an_error_of_almost_nothing_does_not_stretch_the_axis():
    scale, ticks = make_scale([1e-12, 0.1, 0.2], bounded=False)
    assert not scale.log
    assert [text for _, text in ticks] == ["0.00", "0.05", "0.10", "0.15", "0.20"]


def test_errors_over_a_wide_range_are_drawn_on_a_logarithmic_axis(board):
    f1, mae = make_charts(tables_of(board)[0], 24)
    assert (f1.log, mae.log) == (False, True)
    assert all(f1.left <= mark.x <= f1.right for chart in (f1, mae) for mark in chart.marks)


def without_intervals(one):
    """The result with nothing but values, on all rows and on every part."""
    for scores in (one, *one["secondary"]):
        scores["metrics"] = {key: {"value": value["value"]} for key, value in scores["metrics"].items()}
    return one


def test_captions_speak_of_intervals_only_where_there_are_some(site, tmp_path):
    board = make_board(tmp_path / "board", results=False)
    place(board, without_intervals(result("meshnet-2", f1=0.9, mae=0.1)))
    bare = build(board)
    phrases = {
        "tasks/discovery.html": ["Small numbers are 95 % intervals", "whiskers their 95 % intervals"],
        "datasets/alpha-set.html": ["metrics, 95 % intervals in brackets"],
        "models/meshnet-2/discovery--alpha-set.html": ["All metrics with their 95 % intervals"],
    }
    for name, some in phrases.items():
        for phrase in some:
            assert phrase in Page(site / name).words
            assert phrase not in Page(bare / name).words
    assert "Dots are values." in Page(bare / "tasks/discovery.html").words
    labels = [svg["aria-label"] for svg in Page(bare / "tasks/discovery.html").all("svg") if "aria-label" in svg]
    assert labels
    assert not any("95 %" in label for label in labels)


def test_the_legend_speaks_of_diamonds_only_where_a_reference_is_drawn(site, tmp_path):
    board = make_board(tmp_path / "board", results=False)
    place(board, result("meshnet-2", f1=0.9, mae=0.1))
    assert "open diamonds are references" in Page(site / "tasks/discovery.html").words
    assert "open diamonds" not in Page(build(board) / "tasks/discovery.html").words


CITED = """
[[cited]]
task = "discovery"
name = "Somebody 2023"
source = "https://example.org/paper"
values = { f1 = 0.999, mae = 0.001 }
note = "The labels were among the inputs."
"""


def test_a_published_row_stands_below_the_rows_with_the_reason_why_it_is_not_ranked(board, tmp_path):
    card = board.datasets_dir / "alpha-set" / "dataset.toml"
    card.write_text(card.read_text() + CITED)
    out = build(board, tmp_path / "out")
    for page in ("tasks/discovery.html", "datasets/alpha-set.html"):
        foot = (out / page).read_text().partition("<tfoot>")[2].partition("</tfoot>")[0]
        assert "Somebody 2023" in foot
        assert "published, not ranked" in foot
        assert "0.999" in foot
    assert "The labels were among the inputs." in (out / "datasets/alpha-set.html").read_text()
    assert "Somebody" not in (out / "data/leaderboard.csv").read_text()


def test_a_card_that_cites_a_metric_that_the_task_does_not_have_is_refused(board, tmp_path):
    card = board.datasets_dir / "alpha-set" / "dataset.toml"
    card.write_text(card.read_text() + CITED.replace("f1 =", "f2 ="))
    with pytest.raises(CardError, match=r"dataset\.toml: field 'cited\.values' names 'f2'.* its metrics: "):
        build(board, tmp_path / "out")
