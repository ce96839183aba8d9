"""The heat map of element pairs and the graph of an alloy: drawn from a file of their own that no score depends on."""

import json

import pytest
from site_beliefs import KEY, add_alloys, evidence_file, evidence_path, fitting_evidence
from site_boards import HOSTILE, make_board, write
from site_html import Page

from matdisc.errors import DataError
from matdisc.leaderboard.schema.evidence import EvidenceMap
from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.charts.evidence_graph import evidence_graph
from matdisc.leaderboard.site.charts.pair_map import pair_map


@pytest.fixture(scope="module")
def evidence_site(tmp_path_factory):
    root = tmp_path_factory.mktemp("evidence")
    board = add_alloys(make_board(root / "board", results=False))
    write(evidence_path(board, "evidence-x"), json.dumps(fitting_evidence(board)))
    write(evidence_path(board, "silent-x"), json.dumps(evidence_file("silent-x")))
    write(evidence_path(board, "nobody"), json.dumps(evidence_file("nobody")))
    return build(board, root / "out")


def read(**change):
    return EvidenceMap.model_validate(evidence_file() | change)


def test_similar_pairs_are_blue_dissimilar_ones_amber_and_unknown_ones_blank():
    plot = pair_map(read())
    cells = {shape.css: shape.d.count("M") for shape in plot.shapes}
    assert cells == {"d8": 1, "w8": 1, "g8": 2}
    assert plot.data.rows[0] == ("Fe–Co", 0.4, 0.1, 0.02)
    assert plot.n_rows == 3


def test_elements_of_a_map_stand_by_group():
    plot = pair_map(read(elements=["Cu", "Ti", "Hf"]))
    assert [tick.text for tick in plot.x.ticks] == ["Ti", "Hf", "Cu"]


def test_a_model_that_knows_no_pair_has_no_map():
    nothing = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert pair_map(read(similar=nothing, dissimilar=[[0] * 3] * 3)) is None
    assert pair_map(read(elements=[], similar=[], dissimilar=[], conflict=[])) is None


def test_a_graph_shows_who_speaks_through_which_exchange_and_leaves_pairs_to_the_table():
    drawing = evidence_graph(read().alloys[0], 0)
    assert [dot.text for dot in drawing.dots] == ["Co Fe", HOSTILE, "Fe → Ni", "Co Ni"]
    assert [shape.css for shape in drawing.edges] == ["edge e4 high", "edge e4 leads", "edge e1 table"]
    assert "1 of 5 pieces of evidence are drawn; it is Low" in drawing.note
    assert "p 0.700, interval 0.400 to 1.000, conflict 0.000;" in drawing.note
    assert drawing.data.rows == (("Co Fe", "High", "Fe → Ni", 0.4, 0.0, 0.4, 0.1, 3, 1),)


def test_exchanges_stand_beside_those_who_speak_through_them():
    alloy = evidence_file()["alloys"][0]
    names = ["Cr|Ni", "Co|Fe", "Al|Co"]
    exchanges = ["Al -> Ni", "Cr -> Co", "Fe -> Ni"]
    spoken = dict(zip(names, ("Cr -> Co", "Fe -> Ni", "Al -> Ni"), strict=True))
    nodes = [{"id": f"alloy:{name}", "kind": "alloy", "label": name, "high": True} for name in names]
    nodes += [{"id": f"exchange:{name}", "kind": "exchange", "label": name} for name in exchanges]
    edges = [
        {"source": f"alloy:{name}", "target": f"exchange:{exchange}", "kind": "speaks", "weight": 0.1}
        for name, exchange in spoken.items()
    ]
    alloy["graph"] = {"nodes": nodes, "edges": edges}
    (explained,) = read(alloys=[alloy]).alloys
    texts = [dot.text for dot in evidence_graph(explained, 0).dots]
    assert texts == ["Cr Ni", "Co Fe", "Al Co", "Cr → Co", "Fe → Ni", "Al → Ni"]


def test_the_page_of_a_result_draws_map_and_graph_with_their_data(evidence_site):
    page = Page(evidence_site / f"models/evidence-x/alloys--{KEY}.html")
    assert not page.problems
    assert not page.all("img")
    assert len(set(page.ids)) == len(page.ids)
    labels = [a["aria-label"] for a in page.all("svg") if a.get("role") == "img"]
    assert any(label.startswith("Heat map of similar against dissimilar mass of 3 pairs") for label in labels)
    assert "Evidence about Co|Ni: Co|Fe is High, Fe -> Ni." in labels
    assert page.words.count("Show data") == len(labels)
    assert f"../../data/evidence/{KEY}/evidence-x.json" in [a["href"] for a in page.all("a")]
    assert (evidence_site / "data" / "evidence" / KEY / "evidence-x.json").is_file()


def test_without_a_file_of_evidence_the_page_says_nothing_of_it(evidence_site):
    assert "What the evidence says" not in Page(evidence_site / f"models/forest-x/alloys--{KEY}.html").words
    assert not (evidence_site / "data" / "evidence" / KEY / "nobody.json").exists()


def test_evidence_of_another_model_card_is_not_drawn_but_named(evidence_site):
    page = Page(evidence_site / f"models/silent-x/alloys--{KEY}.html")
    assert f"matdisc alloys map silent-x {KEY}" in page.words
    assert not any(a.get("aria-label", "").startswith("Heat map of similar") for a in page.all("svg"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "matdisc.evidence/9"}, "schema"),
        ({"entry": "forest-x"}, "move it there or write it anew with `matdisc alloys map`"),
        ({"similar": [[1, 0]]}, "'similar' needs 3 rows of 3 numbers"),
        ({"n_train": None}, "n_train"),
    ],
)
def test_a_broken_file_of_evidence_is_refused_by_name(tmp_path, change, message):
    board = add_alloys(make_board(tmp_path / "board", results=False))
    write(evidence_path(board, "evidence-x"), json.dumps(evidence_file() | change))
    with pytest.raises(DataError, match=rf"evidence-x\.json.*{message}"):
        build(board)


def test_an_edge_to_nowhere_is_refused():
    broken = evidence_file()
    broken["alloys"][0]["graph"]["edges"][0]["target"] = "exchange:gone"
    with pytest.raises(ValueError, match="one of them is no node"):
        EvidenceMap.model_validate(broken)
