"""What a board can tell: counts from its rankings, tables from elsewhere, and names that stay text."""

import pytest
from site_boards import HOSTILE, make_board
from site_details import add_details, ranking, write_ranking
from site_html import Page

from matdisc.errors import DataError
from matdisc.formats.value_table import ValueTable
from matdisc.leaderboard.resolution import resolution_of, write_resolution
from matdisc.leaderboard.schema.resolution import About, Missing
from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.charts.places import places
from matdisc.leaderboard.site.content import read_content
from matdisc.leaderboard.site.tables.board import make_tables
from matdisc.leaderboard.site.tables.resolution import board_findings, powers

ERRORS = [[1, 2, 9], [2, 3, 8], [3, 5, 9], [2, 3, 7], [1, 2, 9], [2, 1, 8], [3, 4, 9], [2, 3, 9]]


def elsewhere(key="mine", models=("First", "Second", HOSTILE), **more):
    """A table of eight materials and three models."""
    import numpy as np

    table = ValueTable(tuple(f"m{i}" for i in range(8)), models, np.array(ERRORS, float))
    told = About(key=key, title="A table from elsewhere", value="error", **more)
    return resolution_of(table, Missing(), told, better="lower")


@pytest.fixture
def ranked(board):
    """A board with the ranking of one table: five rows, of which the first two are tied."""
    return add_details(board)


@pytest.fixture
def make_page(tmp_path):
    """Build a board's site and return its page."""

    def make(board):
        return Page(build(board, tmp_path / "site") / "resolution.html")

    return make


def found_on(board):
    content = read_content(board)
    return powers(make_tables(content, (), ()))


def test_neighbours_and_first_places_are_counted_from_the_ranking(ranked):
    (power,) = found_on(ranked)
    assert (power.materials, power.rows, power.apart) == (1367, 5, 3)
    assert power.leader.startswith("GraphNet")
    assert power.stays == 0.8
    assert power.detectable == 0.0435
    assert power.needed == "≈ 32,000"  # 1367 (0.0435 / 0.009)^2 = 31,934
    assert board_findings([power]) == [
        "Of 4 neighbouring pairs of rows in one table, 3 are told apart.",
        "First place is as good as sure (first in 95 % of resamples) in 0 of 1, and more likely wrong than right in 0.",
    ]


def test_what_is_told_apart_needs_no_more_materials_and_what_is_equal_never_enough(ranked):
    content = ranking()
    content["metrics"]["f1"]["p_values"][0][1] = 0.01
    write_ranking(ranked, content)
    assert found_on(ranked)[0].needed == "told apart"
    content["metrics"]["f1"]["p_values"][0][1] = None
    content["metrics"]["f1"]["detectable"] = None
    write_ranking(ranked, content)
    assert (found_on(ranked)[0].needed, found_on(ranked)[0].stays) == ("–", None)
    content["metrics"]["f1"]["detectable"] = 0.2
    write_ranking(ranked, content)
    assert found_on(ranked)[0].needed == "> 136,700"


def test_the_page_prints_both_tables(ranked, make_page):
    write_resolution(ranked.resolution_dir / "mine.json", elsewhere(source="https://example.org/t.csv", licence="MIT"))
    page = make_page(ranked)
    assert page.problems == []
    assert "3 of 4" in page.words
    assert "Of 2 neighbouring pairs, 2 can be told apart when each is taken alone at 5 %" in page.words
    assert len([a for tag, a in page.tags if tag == "caption"]) == 2
    assert {"href": "https://example.org/t.csv", "rel": "noopener nofollow"} in page.all("a")
    assert (page.path.parent / "data/resolution/mine.json").is_file()


def test_names_that_try_to_be_markup_stay_text(board, make_page):
    write_resolution(board.resolution_dir / "mine.json", elsewhere(unit="<i>eV</i>"))
    page = make_page(board)
    assert page.problems == []
    assert HOSTILE.split()[0] in page.words
    assert "<i>eV</i>" in page.words
    assert not page.all("img")


def test_a_board_without_rankings_and_tables_has_no_such_page(tmp_path):
    folder = build(make_board(tmp_path / "board", results=False), tmp_path / "site")
    assert not (folder / "resolution.html").exists()


def test_a_row_of_a_table_from_elsewhere_says_where_it_may_stand():
    from matdisc.leaderboard.site.pages.resolution import section

    lines = section(elsewhere()).lines
    assert [line.rank for line in lines] == ["1", "2", "3"]
    assert [line.apart for line in lines] == ["yes", "yes", ""]
    assert lines[0].value == "2.00"
    assert lines[0].difference == "0.875"  # 16 / 8 against 23 / 8
    assert lines[2].needed == ""


def test_the_drawing_spans_all_places():
    drawn = places(rank=1, low=1, high=5, n=5)
    assert (drawn.start, drawn.dot, drawn.stop) == (5, 5, 175)
    assert places(rank=3, low=2, high=4, n=5).dot == 90


def test_a_damaged_file_is_named_with_what_to_do(board):
    path = board.resolution_dir / "mine.json"
    write_resolution(path, elsewhere())
    path.write_text(path.read_text().replace("resolution/1", "resolution/9"))
    with pytest.raises(DataError, match=r"mine\.json: field 'schema' is 'matdisc.resolution/9'.*matdisc rank"):
        read_content(board)
