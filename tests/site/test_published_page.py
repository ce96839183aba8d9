"""The pages of published rows: marked, complete without a script, and apart from everything that was scored."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from site_boards import make_board
from site_population import add_population

from matdisc.errors import DataError
from matdisc.leaderboard.published.files import write_published
from matdisc.leaderboard.published.matbench_discovery import read_folder
from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.tables.published import closeness, discovery_tables, other_tables

sys.path.insert(0, str(Path(__file__).parents[1] / "leaderboard"))
from matbench_cards import card, discovery, write_cards

MIRROR = Path(os.environ.get("MATDISC_MIRROR", "/nowhere")) / "matbench-discovery-models"
PAGE, BEYOND = "published/matbench-discovery.html", "published/matbench-discovery-beyond.html"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return read_folder(write_cards(tmp_path_factory.mktemp("cards") / "cards"), date="2026-07-16").published


@pytest.fixture(scope="module")
def pages(tmp_path_factory, found) -> Path:
    """The site of a board that holds published rows and nothing else."""
    root = tmp_path_factory.mktemp("published")
    write_published(root / "board", found)
    from matdisc.board import open_board

    return build(open_board(root / "board"), root / "out")


def table(text: str, key: str) -> list[list[str]]:
    """Return the rows of a table as printed, without markup."""
    inside = re.search(rf'<table class="board given" id="{key}">.*?<tbody>(.*?)</tbody>', text, re.S)
    assert inside
    rows = re.findall(r"<tr data-m=(\S+?)[ >].*?(?=<tr|\Z)", inside.group(1), re.S)
    cells = [re.findall(r"<td[^>]*>([^<]*)", part) for part in inside.group(1).split("<tr")[1:]]
    return [[key, *row] for key, row in zip(rows, cells, strict=True)]


def test_a_board_of_published_rows_alone_has_a_readable_site(pages):
    assert (pages / "index.html").is_file()
    text = (pages / PAGE).read_text(encoding="utf-8")
    assert "Published by others, not scored here" in text
    assert "3 models as published: no intervals, no ties" in text
    assert "as of <strong>2026-07-16</strong>" in text
    assert "<li>MIT</li>" in text


def test_all_three_subsets_stand_in_the_page_best_f1_first(pages):
    text = (pages / PAGE).read_text(encoding="utf-8")
    assert [row[:4] for row in table(text, "full_test_set")] == [
        ["mace-mp-0", "0.800", "4.000", "0.800"],
        ["hostile", "0.750", "3.750", "0.750"],
        ["sevennet-0", "0.750", "3.750", "0.750"],
    ]
    assert table(text, "unique_prototypes")[0][:3] == ["mace-mp-0", "0.800", "4.444"]
    assert len(table(text, "most_stable_10k")) == 3


def test_the_first_table_says_what_a_model_is_and_where_its_row_comes_from(pages):
    text = (pages / PAGE).read_text(encoding="utf-8")
    first = table(text, "unique_prototypes")
    assert first[0][-3:] == ["4.69", "MPtrj", ""]
    assert first[1][-3:] == ["–", "Big", ""]
    assert (
        '<a href="https://github.com/janosh/matbench-discovery/pull/1" rel="noopener nofollow">2026-01-02</a>' in text
    )


def test_rows_by_an_older_convention_stand_apart(found):
    geometry = next(table for table in other_tables(found) if table.id == "geometry")
    assert [line.row.key for line in geometry.lines] == ["mace-mp-0"]
    assert [line.row.key for line in geometry.apart] == ["sevennet-0"]
    assert geometry.apart[0].cells[0] == ("0.0193", None)


def test_parts_without_numbers_have_no_table(found):
    assert [table.id for table in other_tables(found)] == ["kappa-103", "geometry", "diatomics"]


def test_a_table_has_the_models_that_have_a_number_there(pages):
    text = (pages / BEYOND).read_text(encoding="utf-8")
    assert "1 of 3 models by κ SRME." in text
    assert [row[:3] for row in table(text, "kappa-103")] == [["mace-mp-0", "0.6823", "2.91"]]


def test_hostile_names_are_text(pages):
    for path in (PAGE, BEYOND, "index.html"):
        assert "<img" not in (pages / path).read_text(encoding="utf-8")
    assert "&lt;img src=x onerror=alert(1)&gt;" in (pages / PAGE).read_text(encoding="utf-8")


def test_scripts_learn_what_filters_need(pages):
    text = (pages / PAGE).read_text(encoding="utf-8")
    block = json.loads(re.search(r'id="facts">(.*?)</script>', text, re.S).group(1))
    assert block["models"]["mace-mp-0"] == {
        "name": "MACE-MP-0 1.10", "kind": "potential", "approach": "universal potential", "train": ["MPtrj"],
        "open": "code and weights", "targets": ["energy", "forces", "stress"], "licence": "MIT", "params": 4688656,
        "url": "https://example.org/paper", "cite": "Ada Example et al., MACE-MP-0, https://example.org/paper",
    }  # fmt: skip
    assert block["metrics"]["full_test_set"]["f1"] == {
        "label": "F1", "better": "higher", "task": "published", "set": "discovery/full_test_set"
    }  # fmt: skip


def test_published_rows_take_no_part_in_what_is_scored(tmp_path, found, board):
    before = build(board, tmp_path / "before")
    write_published(board.root, found)
    after = build(board, tmp_path / "after")
    for name in ("data/leaderboard.csv", "data/leaderboard.json", "tasks/discovery.html"):
        assert strip(after / name) == strip(before / name)
    assert json.loads((after / "data/published/matbench-discovery.json").read_text())["key"] == "matbench-discovery"


def strip(path: Path) -> str:
    return re.sub(r'<a href="[./]*published/[^>]*>[^<]*</a>\n', "", path.read_text(encoding="utf-8"))


def test_a_model_with_a_page_here_is_linked_under_its_own_name_or_ours(tmp_path, found, board):
    shutil.copytree(board.models_dir / "meshnet-2", board.models_dir / "mace-mp-0-medium")
    text = (board.models_dir / "meshnet-2" / "model.toml").read_text(encoding="utf-8")
    path = board.models_dir / "mace-mp-0-medium" / "model.toml"
    path.write_text(text.replace('key = "meshnet-2"', 'key = "mace-mp-0-medium"'), encoding="utf-8")
    write_published(board.root, found)
    page = (build(board, tmp_path / "out") / PAGE).read_text(encoding="utf-8")
    assert page.count("on this board</a>") == 1
    assert 'href="../models/mace-mp-0-medium.html">on this board' in page


def test_neighbours_nearer_than_the_last_digit_are_counted(found):
    close = closeness(found, [])
    assert (close.pairs, close.last_digit, close.undetectable) == (2, 1, None)
    assert closeness(found.model_copy(update={"rows": found.rows[:1]}), []) is None


def test_a_random_sample_of_the_same_materials_gives_a_yardstick(tmp_path, found):
    board = add_population(make_board(tmp_path / "board"))
    from matdisc.leaderboard.site.content import read_content
    from matdisc.leaderboard.site.tables.board import make_tables

    tables = make_tables(read_content(board), [], [])
    size = next(t.dataset.population.size for t in tables if t.dataset.population)
    sizes = found.population.model_copy(update={"n": size})
    close = closeness(found.model_copy(update={"population": sizes}), tables)
    sample = next(t for t in tables if t.dataset.population)
    assert close.detectable == sample.detectable
    assert close.in_all == sample.detectable_in_all
    assert close.undetectable == (1 if close.in_all <= 0.05 else 2)
    assert closeness(found, tables).undetectable is None


def test_a_row_that_contradicts_itself_is_marked_and_explained(tmp_path):
    folder = write_cards(tmp_path / "cards")
    (folder / "mace-mp-0.yml").write_text(card("mace-mp-0", "M", discovery(16, 4, 4, F1=0.9)), encoding="utf-8")
    write_published(tmp_path / "board", read_folder(folder).published)
    from matdisc.board import Board

    text = (build(Board(tmp_path / "board"), tmp_path / "out") / PAGE).read_text(encoding="utf-8")
    assert text.count("contradicts itself</a>") == 3
    assert "F1 is 0.9, and the counts give 0.8000" in text


def test_a_damaged_file_is_named_with_the_remedy(tmp_path, found):
    path = write_published(tmp_path / "board", found)
    path.write_text(path.read_text(encoding="utf-8").replace('"rows"', '"lines"'), encoding="utf-8")
    from matdisc.board import Board

    with pytest.raises(DataError, match=r"field 'rows' is missing.*matdisc import"):
        build(Board(tmp_path / "board"), tmp_path / "out")


def test_discovery_has_a_shade_for_each_metric_with_a_better_end(found):
    first = discovery_tables(found)[0]
    assert [heat for _, heat in first.lines[0].cells][:2] == [10, 10]


@pytest.mark.skipif(not MIRROR.is_dir(), reason="the published cards are not in this mirror")
def test_all_62_published_models_fit_into_pages_of_120_kb(tmp_path):
    from matdisc.board import Board

    write_published(tmp_path / "board", read_folder(MIRROR).published)
    out = build(Board(tmp_path / "board"), tmp_path / "out")
    assert len(table((out / PAGE).read_text(encoding="utf-8"), "unique_prototypes")) == 62
    assert max((out / path).stat().st_size for path in (PAGE, BEYOND)) < 120_000
