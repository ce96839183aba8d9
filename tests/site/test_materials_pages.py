"""Pages of single materials, and the data of the page that compares models: hand-counted, hostile, private."""

import json
import re

import pytest
from site_boards import HOSTILE, make_board
from site_details import add_details
from site_html import Page
from site_materials import IDS, VALUES, add_materials, materials

from matdisc.errors import DataError
from matdisc.leaderboard.schema.materials import Materials
from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.compare_data import MOST_NUMBERS, compare_data
from matdisc.leaderboard.site.content import read_content
from matdisc.leaderboard.site.material_paths import material_paths, stems
from matdisc.leaderboard.site.tables.board import make_tables

ROW = re.compile(r'models/([a-z0-9.-]+)\.html">.*?<td class="num">(.*?)</td><td class="num">(.*?)</td>')
SAFE = re.compile(r"materials/alpha-set/[a-z0-9_~-]+\.html", re.IGNORECASE)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    root = tmp_path_factory.mktemp("materials")
    return build(add_materials(add_details(make_board(root / "board"))), root / "out")


def paths():
    return material_paths({("discovery", "alpha-set"): Materials.model_validate(materials())})


def page_of(site, name):
    return Page(site / paths()["alpha-set", name])


def words(page):
    return " ".join(text for _, text in page.text)


def data_of(site):
    text = (site / "compare" / "data" / "discovery--alpha-set.js").read_text(encoding="utf-8")
    return json.loads(re.fullmatch(r"window\.matdiscCompare = (\{.*\});\n", text, re.DOTALL)[1])


HARD_NAMES = [
    "a", "A", "../../etc/passwd", "..", ".", "", "con", "index", "a/b", "a\\b", "a b", "a%2Fb", "x" * 300, HOSTILE,
    "a-b~0123456789abcdef", "Ä", "ä", "\ud800", "name.html", "_hidden", "-x",
]  # fmt: skip


def test_no_two_names_share_a_path_and_every_path_is_plain():
    found = stems(HARD_NAMES)
    assert list(found) == HARD_NAMES
    assert len({stem.casefold() for stem in found.values()}) == len(HARD_NAMES)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9_~-]{0,79}", stem) for stem in found.values())
    assert "index" not in found.values()


def test_a_plain_name_is_its_own_path():
    assert stems(["NaCl", "mp-149"]) == {"NaCl": "NaCl", "mp-149": "mp-149"}


def test_every_material_of_a_small_set_has_a_page(told):
    assert set(paths()) == {("alpha-set", name) for name in IDS}
    assert all(SAFE.fullmatch(path) and (told / path).is_file() for path in paths().values())
    assert {str(path.relative_to(told)) for path in (told / "materials").rglob("*.html")} == {
        *paths().values(), "materials/alpha-set/index.html"
    }  # fmt: skip


def test_materials_of_a_large_set_have_no_pages():
    large = Materials.model_validate(materials() | {"of": 151})
    assert material_paths({("discovery", "alpha-set"): large}) == {}


def test_the_answers_stand_the_best_first_with_their_errors(told):
    page = page_of(told, "NaCl")
    assert page.problems == []
    rows = ROW.findall(page.path.read_text(encoding="utf-8"))
    assert [row[0] for row in rows] == ["lattice-gp", "meshnet-2", "graphnet-0.3.0"]
    assert [float(row[2]) for row in rows[:2]] == [0.0, 0.2]
    assert rows[2][1:] == ("–", "–")
    assert "0.3" in words(page)


def test_a_page_shows_the_structure_where_there_is_one(told):
    assert "svg" in {tag for tag, attributes in page_of(told, "NaCl").tags if attributes.get("class") == "crystal"}
    assert not [tag for tag, attributes in page_of(told, "Al2O3").tags if attributes.get("class") == "crystal"]


def test_the_list_begins_with_the_hardest(told):
    """Median errors: 0.02 of Al2O3, 0 of al2o3, 0.02 of the hostile one, 0.1 of NaCl, which two answer."""
    text = (told / "materials" / "alpha-set" / "index.html").read_text(encoding="utf-8")
    hrefs = re.findall(r'<tr><th scope="row"><a href="\.\./\.\./(materials/alpha-set/[^"]+)"', text)
    known = {path: name for (_, name), path in paths().items()}
    assert [known[hrefs[0]], known[hrefs[-1]]] == ["NaCl", "al2o3"]
    assert "a10" in text


def test_a_hostile_name_is_text(told):
    page = page_of(told, HOSTILE)
    assert page.problems == []
    assert not [tag for tag, attributes in page.tags if "onerror" in attributes]
    assert "<script>alert" not in page.path.read_text(encoding="utf-8")
    script = (told / "compare" / "data" / "discovery--alpha-set.js").read_text(encoding="utf-8")
    assert not set("<>&\u2028") & set(script)
    assert HOSTILE in data_of(told)["answers"]["ids"]


def test_the_data_of_a_table_has_rows_p_values_and_answers(told):
    data = data_of(told)
    assert [row["entry"] for row in data["models"]][:3] == [
        "graphnet-0.3.0",
        "meshnet-2",
        "graphnet-0.3.0+single-point",
    ]
    assert "dummy-all-stable" not in {row["entry"] for row in data["models"]}
    assert data["p"][1] == [0.31]
    assert data["detectable"] == 0.0435
    assert {entry: row["value"] for entry, row in data["answers"]["rows"].items()} == {
        entry: list(values) for entry, values in VALUES.items()
    }
    assert data["answers"]["rows"]["meshnet-2"]["right"] == "0101"


def test_answers_without_labels_are_compared_by_their_errors(board):
    content = materials()
    content["truth"] = None
    add_materials(board, content)
    read = read_content(board)
    table = next(t for t in make_tables(read, [], []) if t.id == "discovery--alpha-set")
    answers = compare_data(table, read.materials["discovery", "alpha-set"], {})["answers"]
    assert answers["rows"]["meshnet-2"]["error"] == [0.06, 0, 0, 0.2]
    assert (answers["what"], answers["pages"]) == (None, None)


def test_a_script_holds_a_sample_of_a_large_table(board):
    n = MOST_NUMBERS // 3 + 100
    content = materials() | {"ids": [f"m{i}" for i in range(n)], "formulas": None, "of": n, "fair": n, "structures": {}}
    content["truth"] = [0.0] * n
    for row in content["entries"].values():
        row |= {"value": [0.1] * n, "error": [0.1] * n, "right": "1" * n}
    add_materials(board, content)
    read = read_content(board)
    table = next(t for t in make_tables(read, [], []) if t.id == "discovery--alpha-set")
    answers = compare_data(table, read.materials["discovery", "alpha-set"], {})["answers"]
    assert len(answers["ids"]) == answers["fair"] == MOST_NUMBERS // 3
    assert answers["of"] == n


def test_nothing_is_told_of_single_materials_of_withheld_sets(board, tmp_path):
    add_materials(board)
    site = build(board, tmp_path / "out", withheld={"alpha-set"})
    assert not (site / "materials").exists()
    assert not (site / "data" / "materials").exists()
    assert data_of(site)["answers"] is None
    assert not [path for path in site.rglob("*") if path.is_file() and "NaCl" in path.read_text(encoding="utf-8")]


def test_rows_of_older_predictions_are_shown_nowhere(board, tmp_path):
    add_materials(board, materials("0" * 64))
    site = build(board, tmp_path / "out")
    assert not (site / "materials").exists()
    assert json.loads((site / "data" / "materials" / "discovery" / "alpha-set.json").read_text())["entries"] == {}


def test_without_a_file_models_are_compared_by_their_scores(board, tmp_path):
    site = build(board, tmp_path / "out")
    assert data_of(site)["answers"] is None
    assert Page(site / "compare" / "index.html").problems == []


def test_a_board_without_results_has_no_page_to_compare(empty_site):
    assert not (empty_site / "compare").exists()


def test_a_misplaced_file_is_named(board):
    add_materials(board, materials())
    path = board.materials_dir / "discovery" / "alpha-set.json"
    path.rename(path.with_name("beta-set.json"))
    with pytest.raises(DataError, match=r"beta-set\.json: is about discovery/alpha-set"):
        read_content(board)
