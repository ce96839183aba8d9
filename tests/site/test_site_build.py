"""Building: same input, same bytes; an error leaves the previous site; the data files hold what they say."""

import csv
import errno
import json

import pytest
from site_boards import place, result, write

from matdisc.board import Board
from matdisc.errors import CardError, DataError
from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.publish import build_time


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_board_gives_the_same_bytes(board, tmp_path):
    assert contents(build(board, tmp_path / "a")) == contents(build(board, tmp_path / "b"))


def test_the_site_goes_to_the_boards_own_folder_and_leaves_nothing_beside_it(board):
    for _ in range(2):
        assert build(board) == board.root / "leaderboard" / "_site"
    assert sorted(p.name for p in (board.root / "leaderboard").iterdir()) == ["_site", "results"]


def test_a_damaged_result_leaves_the_previous_site_as_it_was(board):
    site = build(board)
    before = contents(site)
    broken = place(board, result("meshnet-2", f1=0.9, mae=0.1))
    broken.write_text(broken.read_text().replace('"value": 0.9,', '"value": NaN,'))
    with pytest.raises(DataError, match=r"meshnet-2\.json.*finite"):
        build(board)
    assert contents(site) == before
    assert sorted(p.name for p in site.parent.iterdir()) == ["_site", "results"]


def test_a_failing_write_leaves_the_previous_site_as_it_was(board, monkeypatch):
    site = build(board)
    before = contents(site)
    monkeypatch.setattr("matdisc.leaderboard.site.publish._write", lambda folder, pages: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build(board)
    assert contents(site) == before
    assert [p.name for p in site.parent.iterdir() if p.name.startswith(".")] == []


def test_a_folder_that_holds_something_else_is_not_replaced(board, tmp_path):
    write(tmp_path / "precious" / "thesis.tex", "years of work")
    with pytest.raises(DataError, match="holds no site"):
        build(board, tmp_path / "precious")
    assert (tmp_path / "precious" / "thesis.tex").read_text() == "years of work"


def test_a_result_without_card_is_refused_by_name(board):
    stray = place(board, result("graphnet-0.3.0", f1=0.9, mae=0.1) | {"model": "nobody", "entry": "nobody"})
    with pytest.raises(DataError, match=rf"{stray.name}.*'nobody', which has no card"):
        build(board)


def test_a_misplaced_result_is_refused(board):
    content = result("graphnet-0.3.0", f1=0.9, mae=0.1)
    path = place(board, content)
    path.rename(path.with_name("meshnet-2.json"))
    with pytest.raises(DataError, match="move it there"):
        build(board)


def test_an_unknown_setting_is_named(board):
    write(board.root / "leaderboard" / "site.toml", 'tittle = "x"\n')
    with pytest.raises(CardError, match=r"site\.toml: field 'tittle'"):
        build(board)


@pytest.mark.parametrize(
    ("address", "begins"),
    [
        ("https://lab.github.io/board/", "/board/"),
        ("https://lab.github.io/board", "/board/"),
        ("https://board.example.org", "/"),
        ("http://localhost:8000/a/b/", "/a/b/"),
    ],
)
def test_the_page_of_what_is_not_there_has_links_from_where_the_site_is_published(board, address, begins):
    plain = contents(build(board))
    write(board.root / "leaderboard" / "site.toml", f'base_url = "{address}"\n')
    published = contents(build(board))
    page = published["404.html"].decode()
    assert f'<link rel="stylesheet" href="{begins}assets/site.css">' in page
    assert f'<a href="{begins}index.html">board</a>' in page
    changed = {name for name in plain if plain[name] != published[name]}
    described = {f"data/croissant/{key}.json" for key in board.dataset_keys()}  # these have the page of a data set
    described |= {f"datasets/{key}.html" for key in board.dataset_keys()}
    assert changed - described == {"404.html", "feed.xml"}


@pytest.mark.parametrize(
    "address", ["lab.github.io/board", "ftp://x/", "https://x//evil.org/", "https://x/?a", "https://x/'", "", "/board/"]
)
def test_an_address_that_is_none_is_refused_with_an_example(board, address):
    write(board.root / "leaderboard" / "site.toml", f'base_url = "{address}"\n')
    with pytest.raises(CardError, match=r"site\.toml: field 'base_url'.*as in 'https://lab\.github\.io/board/'"):
        build(board)


def test_a_full_disk_leaves_the_previous_site_and_names_the_folder(board, monkeypatch):
    site = build(board)
    before = contents(site)

    def full(path, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OSError, match="No space left") as met:
        build(board)
    assert met.value.filename == str(site)
    assert contents(site) == before
    assert [p.name for p in site.parent.iterdir() if p.name.startswith(".")] == []


def test_title_and_columns_come_from_the_settings(board):
    write(board.root / "leaderboard" / "site.toml", 'title = "Our board"\nheadline_metrics = ["recall"]\n')
    page = (build(board) / "datasets" / "alpha-set.html").read_text()
    assert "Our board" in page
    assert 'class="num extra" data-key="f1"' in page
    assert 'class="num" data-key="recall"' in page


def test_a_result_of_another_version_of_the_dataset_is_marked_stale(board):
    content = result("lattice-gp", f1=0.64, mae=0.112)
    content["provenance"]["dataset_sha256"] = "e" * 64
    place(board, content)
    assert "stale: computed on another version" in (build(board) / "models" / "lattice-gp.html").read_text()


def test_a_board_without_any_card_still_gives_a_site(tmp_path):
    site = build(Board(tmp_path / "bare"))
    assert "No results yet" in (site / "index.html").read_text()


@pytest.mark.slow
def test_a_thousand_rows_build_with_a_short_chart(board):
    for i in range(1000):
        place(board, result("meshnet-2", f1=0.3 + i / 2000, mae=0.1 + i / 9000, entry=f"meshnet-2+v{i}"))
    page = (build(board) / "datasets" / "alpha-set.html").read_text()
    assert page.count('class="name" data-v=') > 1000
    assert "more in the table" in page


def test_csv_guards_formulas_and_leaves_numbers_alone(board):
    content = result("meshnet-2", f1=0.9, mae=0.1, flags=["=HYPERLINK(1)"])
    content["metrics"]["r2"] = {"value": -0.5, "low": None, "high": None}
    place(board, content)
    with (build(board) / "data" / "leaderboard.csv").open(newline="") as file:
        rows = {row["entry"]: row for row in csv.DictReader(file) if row["task"] == "discovery"}
    assert rows["meshnet-2"]["flags"] == "'=HYPERLINK(1)"
    assert rows["meshnet-2"]["r2"] == "-0.5"
    assert rows["composition-rf"]["f1"] == ""


def test_json_holds_all_rows_with_ranks_and_null_for_undefined(board):
    data = json.loads((build(board) / "data" / "leaderboard.json").read_text())
    rows = {row["entry"]: row for row in data["results"] if row["task"] == "discovery"}
    assert data["schema"] == "matdisc.leaderboard/1"
    assert len(data["results"]) == 10
    assert rows["meshnet-2"]["rank"] == {"best": 1, "worst": 2}
    assert rows["dummy-mean"]["rank"] is None
    assert rows["composition-rf"]["metrics"]["f1"]["value"] is None
    assert data["build"]["created"] == "2026-09-21T14:13:20Z"


def test_the_build_record_names_every_dataset_hash(board):
    record = json.loads((build(board) / "build.json").read_text())
    assert record["datasets"] == {"alpha-set": "a" * 64, "beta-set": "b" * 64}


def test_a_wrong_build_time_is_refused(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(DataError, match="seconds since 1970"):
        build_time()
