"""The first page: one matrix of models by tables, small, ordered, and readable without a script."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from site_boards import HOSTILE, make_board, model_card, place, result, value, write
from site_html import Page

from matdisc.errors import CardError
from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.content import read_content
from matdisc.leaderboard.site.filters import first_sentence
from matdisc.leaderboard.site.history import History
from matdisc.leaderboard.site.pages import lists, overview
from matdisc.leaderboard.site.settings import Settings
from matdisc.leaderboard.site.site import ASSETS, environment, make_site, set_up
from matdisc.leaderboard.site.tables.board import make_tables
from matdisc.leaderboard.site.tables.matrix import beaten, make_matrix
from matdisc.leaderboard.site.tables.ranks import Rank

FIRST_VIEW = 120_000
"""Bytes of the first page with all that it loads, for a board of 50 models."""


def matrix_of(board):
    return make_matrix(make_tables(read_content(board), ["discovery", "polymorphs"], []))


def rows_of(matrix):
    return {row.card.key: row for row in matrix.rows}


def bodies(path):
    """The rows of the matrix as lists of their cells' text, the name first; None where a cell is empty."""
    body = re.search(r"<tbody>(.*?)</tbody>", path.read_text(), re.DOTALL).group(1)
    rows = [re.split(r"<t[dh][^>]*>", row)[1:] for row in body.split("<tr")[1:]]
    return [[re.sub(r"<[^>]+>", " ", cell).split() or None for cell in row] for row in rows]


def first_page(board):
    """The text of the first page alone: building all others would take longer."""
    content = read_content(board)
    return overview.pages(make_site(content, Settings(), datetime(2026, 1, 1, tzinfo=UTC), History()))["index.html"]


def many_models(root, n, sets=("alpha-set",)):
    """A board of `n` models with rows for two tasks on each set."""
    board = make_board(root, results=False)
    for i in range(n):
        key = f"model-{i:04d}"
        write(root / "models" / key / "model.toml", model_card(key, f"Model {i}", "1", False))
        for task in ("discovery", "polymorphs"):
            for dataset in sets:
                place(board, result(key, f1=0.3 + i / (2 * n), mae=0.1, task=task, dataset=dataset))
    return board


def test_a_model_has_one_row_and_a_cell_for_every_table(site):
    rows = bodies(site / "index.html")
    assert [len(row) for row in rows] == [1 + 2] * len(rows)
    assert [" ".join(row[0]) for row in rows].count("GraphNet 0.3.0") == 1


def test_a_cell_is_the_headline_value_with_its_places_and_an_unanswered_one_is_empty(site):
    rows = {" ".join(row[0]): row[1:] for row in bodies(site / "index.html")}
    assert rows["GraphNet 0.3.0"] == [["0.912", "1–2"], None]
    assert rows["Composition RF 1"] == [None, ["0.850", "1"]]


def test_tables_stand_below_the_heading_of_their_task_and_lead_to_its_page(site):
    page = Page(site / "index.html")
    groups = [a for a in page.all("th") if a.get("scope") == "colgroup"]
    assert [a["colspan"] for a in groups] == ["1", "1"]
    heads = [a["data-key"] for a in page.all("th") if a.get("data-key")]
    assert heads == ["name", "discovery--alpha-set", "polymorphs--beta-set"]
    assert "tasks/discovery.html#s-discovery--alpha-set" in [a["href"] for a in page.all("a")]


def test_the_first_words_are_the_verdict_and_the_numbers_follow_at_once(site):
    page = Page(site / "index.html")
    tags = [tag for tag, _ in page.tags]
    assert tags.index("h1") < tags.index("table")
    assert not [tag for tag in tags[tags.index("h1") : tags.index("table")] if tag in ("h2", "section", "dl", "svg")]
    assert "GraphNet 0.3.0 and MeshNet 2 cannot be told apart" in page.words


def test_what_is_not_told_apart_from_the_best_is_marked_in_bold(board):
    rows = rows_of(matrix_of(board))
    first = [key for key, row in rows.items() if row.cells[0] is not None and row.cells[0].first]
    assert sorted(first) == ["graphnet-0.3.0", "meshnet-2"]


def test_a_reference_is_never_marked_nor_shaded_and_stands_at_the_end(board):
    rows = matrix_of(board).rows
    references = [row.card.reference_row for row in rows]
    assert references == sorted(references)
    cells = [cell for row in rows if row.card.reference_row for cell in row.cells if cell is not None]
    assert cells
    assert not any(cell.first or cell.places or cell.heat is not None for cell in cells)


def test_the_share_beaten_is_taken_from_the_middle_of_the_places():
    assert beaten(Rank(1, 1), 5) == 1.0
    assert beaten(Rank(5, 5), 5) == 0.0
    assert beaten(Rank(1, 2), 5) == 0.875
    assert beaten(None, 5) == 0.0
    assert beaten(Rank(1, 1), 1) == 0.0


def test_rows_stand_by_the_sum_of_the_shares_that_they_beat(tmp_path):
    """Two tables of three: first and last make 1 + 0, second in both 1/2 + 1/2, last alone 0; ties go by name."""
    board = make_board(tmp_path / "board", results=False)
    for dataset, values in (("alpha-set", (0.9, 0.5, 0.7)), ("beta-set", (0.1, 0.5, 0.9))):
        for model, f1 in zip(("graphnet-0.3.0", "meshnet-2", "lattice-gp"), values, strict=True):
            place(board, result(model, f1=f1, mae=0.1, dataset=dataset))
    place(board, result("composition-rf", f1=0.05, mae=0.1, dataset="beta-set"))
    rows = matrix_of(board).rows
    assert [(row.card.key, round(row.points, 3)) for row in rows] == [
        ("lattice-gp", 0.5 + 1.0),
        ("graphnet-0.3.0", 1.333),
        ("meshnet-2", 0.667),
        ("composition-rf", 0.0),
    ]


def test_a_data_set_that_a_model_helped_to_make_wins_it_nothing(tmp_path):
    board = make_board(tmp_path / "board", results=False)
    place(board, result("graphnet-0.3.0", f1=0.9, mae=0.1))
    place(board, result("meshnet-2", f1=0.5, mae=0.1))
    card = board.models_dir / "graphnet-0.3.0" / "model.toml"
    assert rows_of(matrix_of(board))["graphnet-0.3.0"].points == 1.0
    helped = card.read_text().replace("[links]", 'used_in_construction_of = ["alpha-set"]\n[links]')
    card.write_text(helped, encoding="utf-8")
    assert rows_of(matrix_of(board))["graphnet-0.3.0"].points == 0.0


def test_a_model_is_shown_by_its_own_run_and_else_by_its_best_variant_which_is_marked(tmp_path):
    board = make_board(tmp_path / "board", results=False)
    place(board, result("graphnet-0.3.0", f1=0.6, mae=0.1))
    place(board, result("graphnet-0.3.0", f1=0.9, mae=0.1, entry="graphnet-0.3.0+better"))
    place(board, result("meshnet-2", f1=0.7, mae=0.1, entry="meshnet-2+one"))
    place(board, result("meshnet-2", f1=0.8, mae=0.1, entry="meshnet-2+two"))
    rows = rows_of(matrix_of(board))
    assert (rows["graphnet-0.3.0"].cells[0].text, rows["graphnet-0.3.0"].cells[0].variant) == ("0.600", False)
    assert (rows["meshnet-2"].cells[0].text, rows["meshnet-2"].cells[0].variant) == ("0.800", True)
    page = build(board) / "index.html"
    assert ["0.800", "2°"] in [row[1] for row in bodies(page)]
    assert "°: no run of the model itself" in Page(page).words


def test_exact_numbers_are_carried_only_where_the_printed_one_would_sort_wrongly(tmp_path):
    board = make_board(tmp_path / "board", results=False)
    for model, error in (("graphnet-0.3.0", 0.0123), ("meshnet-2", 1234.5)):
        content = result(model, f1=0.5, mae=0.1, task="relaxation")
        content["metrics"]["rmsd"] = value(error, 0.001)
        place(board, content)
    cells = {key: row.cells[0] for key, row in rows_of(matrix_of(board)).items()}
    assert (cells["graphnet-0.3.0"].text, cells["graphnet-0.3.0"].exact) == ("0.0123", None)
    assert (cells["meshnet-2"].text, cells["meshnet-2"].exact) == ("1,234.5000", "1234.5")


def test_hostile_names_stay_text(board):
    tables = make_tables(read_content(board), [], [])
    names = (HOSTILE, "\u05e9\u05dc\u05d5\u05dd " * 20, "x" * 200)
    matrix = make_matrix(tables)
    rows = [replace(row, name=name) for row, name in zip(matrix.rows, names, strict=False)]
    env = environment()
    set_up(env, Settings(), tables, datetime(2026, 1, 1, tzinfo=UTC))
    text = str(env.get_template("_overview.html").module.matrix_table(replace(matrix, rows=tuple(rows))))
    assert "<img" not in text
    assert "<script" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "x" * 200 in text


def test_one_model_gives_one_row_without_shade(tmp_path):
    board = make_board(tmp_path / "board", results=False)
    place(board, result("meshnet-2", f1=0.9, mae=0.1))
    (row,) = bodies(build(board) / "index.html")
    assert row == [["MeshNet", "2"], ["0.900", "1"]]
    assert "1 model by 1 table" in Page(board.site_dir / "index.html").words


def test_without_results_there_is_no_matrix_and_no_list_of_tasks(empty_site):
    page = Page(empty_site / "index.html")
    assert not page.all("table")
    assert "Nothing has been scored yet" in Page(empty_site / "tasks" / "index.html").words


def test_the_first_view_of_fifty_models_by_thirty_tables_is_small_and_loads_little(tmp_path):
    """Two tables are read and stand for thirty; three of five models have a row in each."""
    content = read_content(many_models(tmp_path / "board", 50))
    site = make_site(content, Settings(), datetime(2026, 1, 1, tzinfo=UTC), History())
    tables = [
        replace(
            table,
            dataset=table.dataset.model_copy(update={"key": f"made-up-set-{i}"}),
            rows=tuple(row for j, row in enumerate(table.rows) if (i + j) % 5 < 3),
        )
        for table in site.tables
        for i in range(15)
    ]
    text = overview.pages(replace(site, tables=tuple(tables)))["index.html"]
    loaded = re.findall(r'<link rel="(?:icon|stylesheet)" href="assets/([^"]+)"', text)
    loaded += re.findall(r'<script defer src="assets/([^"]+)"', text)
    assert text.count("</i>") == 30 * 30
    assert len(loaded) + 1 <= 5
    sizes = {name: (ASSETS / name).stat().st_size for name in loaded} | {"index.html": len(text.encode())}
    assert sum(sizes.values()) <= FIRST_VIEW, sizes


def test_the_first_hundred_of_three_hundred_models_are_shown_and_the_rest_is_in_the_page(tmp_path):
    text = first_page(many_models(tmp_path / "board", 300))
    assert text.count('<tr class="more"') == 200
    assert text.count("<tr data-m=") == 100
    assert "Show all 300 rows" in text


def test_the_facts_of_the_first_page_name_its_columns(site):
    page = (site / "index.html").read_text()
    facts = json.loads(re.search(r'id="facts">(.*?)</script>', page, re.DOTALL).group(1))
    assert facts["metrics"]["overview"]["discovery--alpha-set"] == {
        "label": "F1", "better": "higher", "task": "discovery", "set": "alpha-set", "lo": 0.0, "hi": 1.0,
    }  # fmt: skip
    assert set(re.findall(r"data-m=([a-z0-9._-]+)", page)) <= set(facts["models"])


def test_every_page_links_to_those_that_there_are(site):
    page = (site / "tasks" / "discovery.html").read_text()
    links = re.search(r'<nav aria-label="Site">(.*?)</nav>', page, re.DOTALL).group(1)
    assert '<a href="../tasks/index.html" aria-current="true">Tasks</a>' in links
    assert '<a href="../index.html">Board</a>' in links
    assert "published/" not in links


def test_the_lists_name_tasks_data_sets_and_models(site):
    assert "Composition RF 1" in Page(site / "tasks" / "index.html").words
    assert "GraphNet 0.3.0 and 1 other" in Page(site / "datasets" / "index.html").words
    assert "412,525" in Page(site / "models" / "index.html").words


def test_a_card_that_would_take_the_place_of_a_list_is_refused(board):
    write(board.models_dir / "index" / "model.toml", model_card("index", "Index", "1", False))
    site = make_site(read_content(board), Settings(), datetime(2026, 1, 1, tzinfo=UTC), History())
    with pytest.raises(CardError, match=r"field 'key' is 'index'.*choose another key"):
        lists.pages(site)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One. Two. Three.", "One."),
        ("Which of five? For 51 elements, one.", "Which of five?"),
        ("At 0.05 eV/atom, i.e. near the hull.", "At 0.05 eV/atom, i.e. near the hull."),
    ],
)
def test_a_data_set_is_introduced_by_its_first_sentence(text, first):
    assert first_sentence(text) == first
