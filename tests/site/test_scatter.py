"""One quantity against another: the front, what has no place and why, names that find room, and the page."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from site_boards import HOSTILE, make_board, model_card, place, result, write
from site_html import Page

from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.charts.scatter import front, make_scatter, not_beaten, place_names, series_names
from matdisc.leaderboard.site.tables.fields import Field, Point
from matdisc.scoring.record import Value

FIVE = [(1.0, 1.0), (2.0, 3.0), (3.0, 2.0), (4.0, 5.0), (5.0, 4.0)]
COST = Field("t.cost", "Cost", "s", "lower", 2, False, None, {})
SCORE = Field("t.score", "Score", None, "higher", 2, False, None, {})


def point(name, x, y, *, reference=False):
    return Point("key", name, reference, Value(value=x), Value(value=y))


def drawn(found, x=COST, y=SCORE):
    return make_scatter(x, y, found, ["one"] * len(found))


@pytest.mark.parametrize(
    ("better", "places"),
    [
        (("lower", "higher"), [0, 1, 3]),  # (1, 1), (2, 3), (4, 5): dearer and better from step to step
        (("higher", "higher"), [4, 3]),  # (5, 4), (4, 5)
        (("lower", "lower"), [0]),  # (1, 1) is the best in both
        (("higher", "lower"), [4, 2, 0]),  # (5, 4), (3, 2), (1, 1)
    ],
)
def test_the_front_of_five_points_follows_the_good_directions(better, places):
    assert front(FIVE, better) == places


def test_equal_points_are_on_the_front_together_and_an_equal_x_with_a_worse_y_is_not():
    assert front([(1.0, 2.0), (1.0, 2.0), (1.0, 1.0)], ("lower", "higher")) == [0, 1]


def test_a_point_whose_interval_reaches_the_front_may_be_on_it():
    exact = Value(value=1.0)
    scores = [
        Value(value=5.0, low=4.0, high=6.0),
        Value(value=3.0, low=2.0, high=4.5),
        Value(value=1.0, low=0.0, high=2.0),
    ]
    assert not_beaten([(exact, score) for score in scores], ("lower", "higher")) == [0, 1]


def test_points_on_the_front_are_never_beaten():
    spans = [(Value(value=x), Value(value=y, low=y - 0.1, high=y + 0.1)) for x, y in FIVE]
    assert set(front(FIVE, ("lower", "higher"))) <= set(not_beaten(spans, ("lower", "higher")))


def test_references_are_hollow_and_take_no_part_in_the_front():
    picture = drawn([point("cheap dummy", 0.1, 1.0, reference=True), point("model", 1.0, 2.0)])
    assert [shown.name for shown in picture.shown] == ["model", "cheap dummy"]
    assert picture.on_front == {0}
    assert [shape.css for shape in picture.plot.shapes] == ["pareto", "point s0", "point hollow s0"]


def test_without_a_good_direction_there_is_no_front():
    picture = drawn([point("a", 1.0, 1.0), point("b", 2.0, 2.0)], x=replace(COST, better=None))
    assert picture.on_front == frozenset()
    assert picture.note == "2 points."


def test_what_a_logarithmic_axis_cannot_show_is_said():
    picture = drawn([point("a", 1.0, 1.0), point("free", 0.0, 2.0), point("odd", -1.0, 3.0)], x=replace(COST, log=True))
    assert [(left.name, why) for left, why in picture.left_out] == [
        ("free", "Cost is 0.00, which has no place on a logarithmic axis"),
        ("odd", "Cost is −1, which has no place on a logarithmic axis"),
    ]


def test_undefined_points_are_named_with_what_they_lack():
    picture = drawn([point("a", 1.0, 1.0), point("b", None, 1.0), point("c", 1.0, None)])
    assert [(left.name, why) for left, why in picture.left_out] == [
        ("b", "Cost is undefined"),
        ("c", "Score is undefined"),
    ]
    assert drawn([point("b", None, 1.0)]) is None


def test_the_front_is_drawn_as_steps_from_the_cheapest_to_the_best():
    picture = drawn([point("a", 1.0, 1.0), point("b", 2.0, 3.0)])
    x, y = picture.plot.x, picture.plot.y
    assert picture.plot.shapes[0].d == f"M{x(1):g} 426V{y(1):g}H{x(2):g}V{y(3):g}H746"


def test_names_stand_apart_and_within_the_frame():
    places = [(100.0 + 3 * i, 200.0) for i in range(30)]
    labels = place_names([(f"a model called {i}", at) for i, at in enumerate(places)], places)
    assert 1 < len(labels) < 30
    boxes = sorted((label.y, label.x, label.x + 6.6 * len(label.text)) for label in labels)
    assert all(a[0] != b[0] or a[2] <= b[1] for a, b in pairwise(boxes))


def test_of_many_kinds_the_most_frequent_have_a_colour_of_their_own():
    kinds = [f"kind {i}" for i in range(10) for _ in range(10 - i)]
    assert series_names(kinds) == [f"kind {i}" for i in range(7)] + ["other"]
    assert series_names([*kinds, None]) == [f"kind {i}" for i in range(6)] + ["other", "not stated"]


def test_numbers_that_span_powers_of_ten_have_three_digits():
    assert [replace(COST, log=True).show(v) for v in (1234567.0, 0.000012345, 0.0)] == [
        "1,230,000",
        "0.0000123",
        "0.00",
    ]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The site of a board where five rows have a cost, one of them without an F1, and a name is hostile."""
    root = tmp_path_factory.mktemp("scatter")
    board = make_board(root / "board")
    for i, (key, speed) in enumerate({"graphnet-0.3.0": 360, "meshnet-2": 3600, "lattice-gp": 36000}.items()):
        row = result(key, f1=0.9 - i / 10, mae=0.03 * (i + 1))
        place(board, row | {"cost": {"crystals_per_cpu_hour": speed, "peak_mib": 512.0}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matdisc.leaderboard.site.pages.scatter.TELLING", 3)
        return build(board, root / "out")


def read_data(site):
    text = (site / "data" / "scatter.js").read_text(encoding="utf-8")
    return json.loads(re.fullmatch(r"window\.matdiscScatter = (.*);\n", text, re.DOTALL)[1])


def test_the_first_picture_is_accuracy_against_cost(pages):
    page = Page(pages / "scatter.html")
    assert page.problems == []
    assert read_data(pages)["start"] == {
        "x": "discovery--alpha-set.cpu_seconds", "y": "discovery--alpha-set.f1", "c": "kind",
    }  # fmt: skip
    assert "F1 against CPU time" in page.words
    (svg,) = [tag for tag in page.all("svg") if tag.get("role") == "img"]
    assert svg["aria-label"] == "F1 · discovery, alpha-set against CPU time, s/material · discovery, alpha-set"
    assert sum((path.get("class") or "").startswith("point s") for path in page.all("path")) == 3


def test_where_fewer_than_eight_rows_have_a_cost_the_first_picture_is_accuracy_against_parameters(tmp_path):
    board = make_board(tmp_path / "board")
    for key, speed in {"graphnet-0.3.0": 360, "meshnet-2": 3600, "lattice-gp": 36000}.items():
        place(board, result(key, f1=0.9, mae=0.03) | {"cost": {"crystals_per_cpu_hour": speed}})
    start = read_data(build(board, tmp_path / "out"))["start"]
    assert (start["x"], start["y"]) == ("model.params", "discovery--alpha-set.f1")


def test_the_table_below_holds_every_point_with_its_interval_and_place(pages):
    page = Page(pages / "scatter.html")
    numbers = [text for tag, text in page.text if tag == "td"]
    assert numbers[:3] == ["0.900", "10", "on it"]
    assert [text for tag, text in page.text if tag == "td"][3:6] == ["0.800", "1", "on it"]
    assert "3 points. On the front: Lattice GP 2026.1, MeshNet 2, GraphNet 0.3.0." in page.words


def test_rows_without_a_measured_cost_are_counted_and_named(pages):
    page = Page(pages / "scatter.html")
    left = [text for tag, text in page.text if tag == "li" and "undefined" in text]
    assert len(left) == 3
    assert "Composition RF 1: CPU time is undefined" in left
    assert "3 without a place in the picture" in page.words


def test_presets_are_pairs_that_three_rows_share(pages):
    links = [a for a in Page(pages / "scatter.html").all("a") if "data-x" in a]
    assert [(a["data-x"], a["data-y"]) for a in links] == [
        ("discovery--alpha-set.cpu_seconds", "discovery--alpha-set.f1"),
        ("model.params", "discovery--alpha-set.f1"),
        ("discovery--alpha-set.mae", "discovery--alpha-set.f1"),
    ]


def test_the_data_have_every_row_in_order_and_undefined_as_null(pages):
    data = read_data(pages)
    first = data["tables"][0]
    fields = {field["key"].rpartition(".")[2]: field for field in first["fields"]}
    assert [row[0] for row in first["rows"]][:3] == ["graphnet-0.3.0", "meshnet-2", "graphnet-0.3.0+single-point"]
    assert fields["cpu_seconds"]["v"][:3] == [10, 1, None]
    assert fields["f1"]["lo"][0] == 0.883
    assert fields["coverage"]["v"][0] == 99.51  # shares in per cent, as they are printed
    assert all(len(field["v"]) == len(first["rows"]) for field in first["fields"])


def test_a_board_with_too_few_rows_has_no_such_page(tmp_path):
    site = build(make_board(tmp_path / "board", results=False), tmp_path / "out")
    assert not (site / "scatter.html").exists()
    assert not (site / "data" / "scatter.js").exists()


def test_hostile_names_stay_text_in_page_and_data(tmp_path):
    board = make_board(tmp_path / "board")
    card = model_card("meshnet-2", "MeshNet", "2", False).replace('"MPtrj"', json.dumps("A & B, (C)"))
    write(board.root / "models" / "meshnet-2" / "model.toml", card)
    row = result("meshnet-2", f1=0.9, mae=0.03, entry="meshnet-2+a")
    place(board, row | {"cost": {"crystals_per_cpu_hour": 10}})
    site = build(board, tmp_path / "out")
    script = (site / "data" / "scatter.js").read_text(encoding="utf-8")
    assert not set("<>&\u2028\u2029") & set(script)
    assert HOSTILE not in (site / "scatter.html").read_text(encoding="utf-8")
    assert any(kind["key"] == "train.A & B, (C)" for kind in read_data(site)["kinds"])


def test_a_metric_without_intervals_writes_none(pages):
    data = read_data(pages)
    tp = next(field for field in data["tables"][0]["fields"] if field["key"].endswith(".tp"))
    assert "lo" not in tp
    assert "hi" not in tp
