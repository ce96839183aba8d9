"""Pages of models, which are short, and of results, which hold the evidence down to single materials."""

import json

import pytest
from site_boards import HOSTILE, SHA, make_board, place, result, value, write
from site_html import Page

from matdisc.leaderboard.bibtex import bibtex
from matdisc.leaderboard.schema.materials import Materials
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.paths import result_path, safe_name
from matdisc.leaderboard.site.worst import outcomes_of, worst_of

ROW = "meshnet-2"
CUBE = {"cell": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "symbols": ["Cs", "I"], "positions": [[0, 0, 0], [0.5, 0.5, 0.5]]}


def materials(**changes):
    """Six materials at a threshold of 0.05: two TP, one FN, one FP, one TN, one without an answer."""
    found = {
        "schema": "matdisc.materials/1", "task": "discovery", "dataset": "alpha-set", "of": 6, "fair": 6,
        "ids": ["m1", "m2", "m3", "m4", "m5", "m6"], "formulas": ["CsI", "NaCl", "KBr", "LiF", "RbI", None],
        "what": {"label": "Energy above hull", "unit": "eV/atom"}, "error": {"label": "Error", "unit": "eV/atom"},
        "signed": True, "truth": [0.0, 0.01, 0.02, 0.2, 0.3, 0.1],
        "entries": {ROW: {"value": [0.0, 0.04, 0.12, 0.0, 0.4, None], "error": [0.0, 0.03, 0.1, -0.2, 0.1, None],
                          "right": "11001-", "sha256": "c" * 64}},
        "structures": {"m4": CUBE},
    }  # fmt: skip
    return found | changes


def one_result(**changes):
    counts = {key: value(n, None) for key, n in (("tp", 2), ("fn", 1), ("fp", 1), ("tn", 1))}
    made = result(ROW, f1=0.9, mae=0.1)
    return made | {"metrics": made["metrics"] | counts} | changes


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A site whose first table has a file of materials."""
    root = tmp_path_factory.mktemp("materials")
    board = make_board(root / "board")
    place(board, one_result(flags=["training overlap likely: trained on MPtrj"]))
    place(board, result(ROW, f1=0.9, mae=0.1, task="polymorphs", dataset="beta-set",
                        flags=["training overlap likely: trained on MPtrj"]))  # fmt: skip
    write(board.materials_dir / "discovery" / "alpha-set.json", json.dumps(materials()))
    return build(board, root / "out")


def test_a_result_has_a_page_of_its_own_that_its_model_links_to(pages):
    links = {a["href"] for a in Page(pages / f"models/{ROW}.html").all("a")}
    assert f"../models/{ROW}/discovery--alpha-set.html" in links
    page = Page(pages / f"models/{ROW}/discovery--alpha-set.html")
    assert f"../../models/{ROW}.html" in {a["href"] for a in page.all("a")}
    assert ("dd", "0.900") in page.text


def test_old_links_to_a_result_on_the_page_of_its_model_still_lead_to_its_row(pages):
    assert f"r-discovery-alpha-set-{ROW}" in Page(pages / f"models/{ROW}.html").ids


def test_the_worst_materials_come_first_with_numbers_formula_and_picture(pages):
    page = Page(pages / f"models/{ROW}/discovery--alpha-set.html")
    table = page.words.partition("The worst 4 materials")[2]
    places = [table.index(name) for name in ("LiF m4", "KBr m3", "RbI m5", "NaCl m2")]
    assert places == sorted(places)
    assert "0.20 0.00 −0.20" in table or "0.200 0.000 −0.200" in table
    assert "m1" not in table  # it has no error
    assert "m6" not in table  # nor an answer
    (picture,) = [a for a in page.all("svg") if a.get("class") == "crystal"]
    assert picture["aria-label"] == "CsI, 2 atoms in the unit cell"


def test_materials_with_pages_are_linked(pages):
    links = {a["href"] for a in Page(pages / f"models/{ROW}/discovery--alpha-set.html").all("a")}
    assert "../../materials/alpha-set/m4.html" in links
    assert (pages / "materials/alpha-set/m4.html").is_file()


def test_errors_by_outcome_are_means_over_each_kind_of_call():
    found = outcomes_of(Result.model_validate(one_result()), Materials.model_validate(materials()), "stable")
    assert [(one.key, one.count, one.n, one.mean, one.size) for one in found] == [
        ("TP", "2", 2, "0.015", "0.015"),
        ("FN", "1", 1, "0.100", "0.100"),
        ("FP", "1", 1, "−0.200", "0.200"),
        ("TN", "1", 1, "0.100", "0.100"),
    ]
    assert found[1].words == "stable, not called so"


def test_of_a_sampled_set_only_the_sample_speaks_for_each_outcome():
    """What follows the sample was chosen for being bad."""
    told = Materials.model_validate(materials(of=900, fair=3))
    found = {one.key: (one.n, one.size) for one in outcomes_of(Result.model_validate(one_result()), told, "stable")}
    assert found == {"TP": (2, "0.015"), "FN": (1, "0.100"), "FP": (0, "–"), "TN": (0, "–")}


@pytest.mark.parametrize("changes", [{"truth": None}, {"entries": {}}])
def test_without_labels_or_the_row_there_are_no_outcomes(changes):
    told = Materials.model_validate(materials(**changes))
    assert outcomes_of(Result.model_validate(one_result()), told, "stable") == ()


def test_without_calls_there_are_no_outcomes_and_without_errors_no_worst():
    row = materials()["entries"][ROW]
    uncalled = Materials.model_validate(materials(entries={ROW: row | {"right": None}}))
    assert outcomes_of(Result.model_validate(one_result()), uncalled, "stable") == ()
    silent = Materials.model_validate(materials(entries={ROW: row | {"error": [None] * 6}}))
    assert worst_of(silent, ROW, lambda name: None, {}) is None


def test_at_most_twenty_are_listed():
    n = 30
    ids = [f"m{i}" for i in range(n)]
    row = {"error": [i / 100 for i in range(n)], "sha256": ""}
    told = materials(of=n, fair=n, ids=ids, formulas=None, truth=None, entries={ROW: row}, structures={}, what=None)
    found = worst_of(Materials.model_validate(told), ROW, lambda name: None, {})
    assert [one.id for one in found.rows] == [f"m{i}" for i in range(29, 9, -1)]
    assert (found.has_pictures, found.has_truth, found.has_answers) == (False, False, False)


def test_hostile_names_of_materials_stay_text(board):
    told = materials(ids=[HOSTILE, *materials()["ids"][1:]], formulas=None)
    row = told["entries"][ROW]
    told["entries"] = {ROW: row | {"error": [9.0, *row["error"][1:]]}}
    write(board.materials_dir / "discovery" / "alpha-set.json", json.dumps(told))
    page = Page(build(board) / f"models/{ROW}/discovery--alpha-set.html")
    assert page.problems == []
    assert not page.all("img")


def test_a_flag_of_several_results_stands_once_with_all_of_them(pages):
    page = Page(pages / f"models/{ROW}.html")
    assert page.words.count("training overlap likely: trained on MPtrj") == 1
    after = page.words.partition("training overlap likely: trained on MPtrj")[2]
    assert "Discovery alpha-set" in after
    assert "Polymorphs beta-set" in after


def test_the_cost_of_all_tasks_stands_in_one_table(pages):
    words = Page(pages / f"models/{ROW}.html").words.partition("Cost ")[2]
    assert words.count("0.38 – – 7 of 1,367") == 2


def test_a_page_of_a_model_is_light_and_has_no_charts(full_site):
    path = full_site / "models/graphnet-0.3.0.html"
    assert path.stat().st_size < 20_000
    assert not Page(path).all("figure")
    assert Page(full_site / "models/graphnet-0.3.0/discovery--alpha-set.html").all("figure")


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ("a-1", "models/a-1/discovery--alpha-set.html"),
        ("a-1+relax-fast", "models/a-1/discovery--alpha-set~relax-fast.html"),
    ],
)
def test_the_path_of_a_result_says_what_it_is_of(entry, path):
    made = result("a-1", f1=0.9, mae=0.1, entry=entry)
    assert result_path(Result.model_validate(made)) == path


def test_names_that_need_escaping_get_a_hash_and_no_two_are_alike():
    names = ["v1", "v 1", "v#1", "v/1", "v-1", "ü", "x" * 300, "x" * 299, "../..", "a?b=%2F"]
    safe = [safe_name(name) for name in names]
    assert len(set(safe)) == len(names)
    for one in safe:
        assert one.isascii()
        assert not set(one) & set("/?#% ~")
        assert len(one) <= 80


def test_bibtex_has_the_year_and_the_doi_of_the_citation_and_nothing_that_tex_reads(board):
    card = board.model(ROW).model_copy(
        update={"citation": "A & B, 50% of {x}_1, Nat. 5, 1031 (2023), doi:10.1038/s42256-023-00716-3."}
    )
    entry = bibtex(card)
    assert entry.startswith("@misc{meshnet-2,\n  title = {{MeshNet 2}},\n  author = {{Ada Example}},\n")
    assert "  year = {2023},\n  doi = {10.1038/s42256-023-00716-3},\n" in entry
    assert r"A \& B, 50\% of \textbraceleft{}x\textbraceright{}\_1" in entry
    assert "url = {https://example.org/paper}" in entry


def test_without_a_year_in_brackets_none_is_made_up(board):
    card = board.model(ROW).model_copy(update={"citation": "In preparation, arXiv:2023.01234"})
    assert "year" not in bibtex(card)


def test_the_hashes_of_what_was_scored_stand_beside_every_result(pages):
    page = Page(pages / f"models/{ROW}.html")
    assert "c" * 12 in page.words
    assert SHA["alpha-set"] in Page(pages / f"models/{ROW}/discovery--alpha-set.html").words
