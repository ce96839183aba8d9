"""The renderer: every form of figure becomes paths, a legend, words and a table; several models share one drawing."""

import pytest
from pydantic import ValidationError

from matdisc.leaderboard.site.charts.figures import draw, overlay
from matdisc.leaderboard.site.charts.svg import curve, x_axis, y_axis
from matdisc.leaderboard.site.tables.format import cell_text, numeric_columns, printed
from matdisc.scoring.figures import Artifacts, Bars, Density, Figure, Line


def figure(lines, **options):
    made = Artifacts(figures=[Figure("k", "Title", "x, fs", "y, eV", lines, **options)])
    return Artifacts.model_validate_json(made.model_dump_json()).figures[0]


def test_a_curve_is_drawn_from_its_first_to_its_last_point():
    (plot,) = draw([figure([Line("a", [0.0, 1.0, 2.0], [0.0, 1.0, 4.0])])])
    assert plot.x.low == 0
    assert plot.x.high == 2
    assert plot.y.low == 0
    assert plot.y.high == pytest.approx(4.2)
    assert plot.legend == ()
    assert plot.data.head == ("x, fs", "a")


def test_logarithmic_curves_of_a_power_law_are_straight():
    lines = [Line("law", [1.0, 2.0, 4.0], [1e-3, 4e-3, 16e-3]), Line("none", [1.0, 2.0, 4.0], [None, 0.0, -1.0])]
    (plot,) = draw([figure(lines, x_log=True, y_log=True)])
    points = [tuple(map(float, p.split())) for p in plot.shapes[0].d[1:].replace("h0", "").split("L")]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert (x1 - x0, y1 - y0) == pytest.approx((x2 - x1, y2 - y1), abs=0.2)
    assert len(plot.shapes) == 1  # nothing that has no logarithm is drawn
    assert plot.y.label.startswith("log₁₀ of")


def test_several_curves_have_a_legend_and_curves_on_other_points_a_common_table():
    lines = [Line("a", [0.0, 1.0], [1.0, 2.0]), Line("b", [0.0, 0.5, 1.0], [1.0, 1.0, 1.0])]
    (plot,) = draw([figure(lines, base=0.5)])
    assert [key.text for key in plot.legend] == ["a", "b"]
    assert plot.data.head == ("x, fs", "a", "b")
    assert len(plot.data.rows) == 25
    assert plot.shapes[0].css == "floor"


def test_lines_with_labels_are_points_with_titles_and_bars_and_a_marker_for_each_series():
    one = Line("a", [1.0, 2.0], [3.0, 4.0], ["first", "second"], [0.5, 1.5], [1.5, 2.5], [2.0, 3.0], [4.0, 5.0])
    (plot,) = draw([figure([one, Line("b", [9.0], [6.0], ["third"])])])
    assert [shape.css for shape in plot.shapes] == ["error-bar s0", "point s0", "point s0", "point s1"]
    assert [shape.title for shape in plot.shapes[1:]] == ["first: 1, 3", "second: 2, 4", "third: 9, 6"]
    assert plot.shapes[0].d.count("H") == plot.shapes[0].d.count("V") == 2
    outlines = [shape.d.partition("m")[2] for shape in plot.shapes[1:]]
    assert outlines[0] == outlines[1] != outlines[2]
    assert [(key.css, key.marker.css) for key in plot.legend] == [("", "point s0"), ("", "point s1")]


def test_axes_around_points_hold_the_ends_of_their_intervals():
    (plot,) = draw([figure([Line("a", [2.0], [3.0], ["one"], [1.0], [3.0], [2.0], [4.0])])])
    assert (plot.x.low, plot.x.high, plot.y.low, plot.y.high) == pytest.approx((0.9, 3.1, 1.9, 4.1))


def test_the_data_of_points_have_their_names_first_and_intervals_as_text():
    (plot,) = draw([figure([Line("a", [2.0, 5.0], [3.0, 4.0], ["one", "two"], [1.0, None], [3.0, 6.0])])])
    assert plot.data.head == ("name", "series", "x, fs", "y, eV")
    assert plot.data.rows == (("one", "a", "2 (1–3)", 3.0), ("two", "a", 5.0, 4.0))
    assert numeric_columns(plot.data.rows) == (False, False, True, True)


def test_named_places_are_the_ticks_and_series_stand_beside_each_other():
    lines = [Line(name, [1, 2], [0.5, 0.25], y_low=[0.4, 0.2], y_high=[0.6, 0.3]) for name in "ab"]
    (plot,) = draw([figure(lines, x_names=["near", "far"])])
    assert (plot.x.low, plot.x.high) == (0.5, 2.5)
    assert [tick.text for tick in plot.x.ticks] == ["near", "far"]
    assert [tick.x for tick in plot.x.ticks] == [plot.x(1), plot.x(2)]
    assert [shape.css for shape in plot.shapes if "line" in shape.css] == ["line s0", "line s1"]
    starts = [float(shape.d[1:].split()[0]) for shape in plot.shapes if "line" in shape.css]
    assert starts[0] < plot.x(1) < starts[1]
    assert plot.shapes[-1].title == "b: far, 0.25"
    assert plot.data.rows == (("near", "0.5 (0.4–0.6)", "0.5 (0.4–0.6)"), ("far", "0.25 (0.2–0.3)", "0.25 (0.2–0.3)"))


def test_columns_of_words_are_no_numbers():
    rows = (("a", "universal potential", "0.5 (0.4–0.6)", "17 of 20", ""), ("b", "Ca3N4", "−0.1", "–", "–"))
    assert numeric_columns(rows) == (False, False, True, True, True)


def test_a_figure_without_a_point_is_left_out():
    assert draw([figure([Line("a", [1.0], [None])])]) == []


def test_a_table_prints_numbers_and_dashes():
    assert [cell_text(cell) for cell in ("one", -0.5, None, 1367, 0.123456)] == ["one", "−0.5", "–", "1,367", "0.1235"]


def test_numbers_of_one_column_have_the_same_decimals_unless_some_are_tiny():
    rows = [("a", 119.0, 0.5, 7.083, 1e-5), ("b", 1320.0, 0.71429, 12.0, 0.5), ("c", None, None, None, None)]
    assert printed(rows) == [
        ("a", "119", "0.500", "7.08", "1e−05"), ("b", "1,320", "0.714", "12.00", "0.5"), ("c", "–", "–", "–", "–"),
    ]  # fmt: skip


def test_a_large_number_of_a_column_takes_no_digit_from_a_small_one():
    rows = [("Materials", 1367.0), ("Brier score", 0.738844), ("Log loss", 26.6306)]
    assert [value for _, value in printed(rows)] == ["1,367", "0.7388", "26.63"]


def test_a_table_with_a_row_of_another_length_is_refused():
    with pytest.raises(ValidationError, match="every row needs 2 cells"):
        Artifacts(tables=({"key": "k", "title": "t", "head": ("a", "b"), "rows": (("one",),)},))


def test_a_curve_breaks_where_a_number_is_missing():
    shape = curve("s0", [0, 0.5, 0.6, 1], [0, None, 1, 1], x_axis("", 0, 1), y_axis("", 0, 1))
    assert shape.d.count("M") == 2


def test_thinned_tables_keep_both_ends():
    (plot,) = draw([figure([Line("a", list(range(101)), list(range(101)))])])
    assert len(plot.data.rows) == 25
    assert (plot.data.rows[0][1], plot.data.rows[-1][1], plot.n_rows) == (0, 100, 101)


def test_the_axes_hold_a_reference_line():
    (plot,) = draw([figure([Line("", [0.4], [0.5])], reference=(0, 0, 1, 1))])
    assert (plot.x.low, plot.x.high, plot.y.high) == (0, 1, 1)
    assert plot.shapes[0].d == f"M{plot.x(0):g} {plot.y(0):g}L{plot.x(1):g} {plot.y(1):g}"


@pytest.mark.parametrize("line", [{"base": 100.0}, {"reference": (1.0, 100.0, 4.0, 100.0)}])
def test_a_line_for_comparison_stands_at_its_logarithm_where_the_axis_is_logarithmic(line):
    (plot,) = draw([figure([Line("a", [1.0, 4.0], [10.0, 1000.0])], y_log=True, **line)])
    assert plot.shapes[0].css == "floor"
    heights = [float(end.split()[1]) for end in plot.shapes[0].d[1:].split("L")]
    assert heights == [plot.y(2)] * 2
    assert (plot.y.low, plot.y.high) == pytest.approx((0.9, 3.1))


@pytest.mark.parametrize("line", [{"base": 0.0}, {"reference": (1.0, 0.0, 4.0, 100.0)}])
def test_a_line_for_comparison_without_a_logarithm_is_left_out(line):
    (plot,) = draw([figure([Line("a", [1.0, 4.0], [10.0, 1000.0])], y_log=True, **line)])
    assert [shape.css for shape in plot.shapes] == ["line s0"]


def test_bars_are_stacked_in_order_and_wrong_ones_hatched():
    bars = [Bars("right", [0, 1, 2], [3, 0], "tp"), Bars("wrong", [0, 1, 2], [1, 2], "fp")]
    (plot,) = draw([figure([], bars=bars)])
    assert [(shape.css, shape.hatched, shape.d.count("M")) for shape in plot.shapes] == [
        ("k-tp", False, 1), ("k-fp", True, 2),
    ]  # fmt: skip
    assert plot.y.high == 4
    assert plot.shapes[1].d.startswith(f"M{plot.x(0):g} {plot.y(3):g}H{plot.x(1):g}V{plot.y(4):g}")
    assert plot.data.rows == ((0.0, 3, 1), (1.0, 0, 2))
    assert "3 right, 3 wrong" in plot.label


def test_the_fullest_cell_of_a_density_is_darkest_and_empty_ones_are_blank():
    (plot,) = draw([figure([], density=Density([0, 1, 2], [0, 1, 2], [[1, 0], [7, 50]]))])
    assert {shape.css: shape.d.count("M") for shape in plot.shapes} == {"d1": 1, "d4": 1, "d8": 1}
    assert plot.shapes[-1].d.startswith(f"M{plot.x(1):g} {plot.y(1):g}")
    assert plot.data.rows[0] == (1.0, 1.0, 50)


def test_nothing_is_drawn_of_empty_bars_and_densities():
    assert draw([figure([], bars=[Bars("", [0, 1], [0])]), figure([], density=Density([0, 1], [0, 1], [[0]]))]) == []


def test_first_lines_of_the_best_six_are_laid_over_each_other_under_their_models_names():
    both = figure([Line("precision", [1.0], [0.5]), Line("recall", [1.0], [0.1])], overlay=True, note="AUC 1; log")
    other = figure([Line("precision", [1.0], [0.4])], overlay=True, note="AUC 2; log")
    alone = figure([Line("", [1.0], [0.4])])
    (one,) = overlay([("best", [both]), *((f"m{i}", [other]) for i in range(7)), ("none", [alone])])
    assert [line.name for line in one.lines] == ["best", "m0", "m1", "m2", "m3", "m4"]
    assert one.lines[0].y == (0.5,)
    assert one.note == "drawn: precision; log"


def test_figures_of_other_sections_are_not_laid_over_each_other():
    a, b = (figure([Line("AUC 1", [1.0], [0.4])], overlay=True, section=section) for section in "ab")
    found = overlay([("one", [a, b]), ("two", [b])])
    assert [[line.name for line in one.lines] for one in found] == [["one (AUC 1)"], ["one (AUC 1)", "two (AUC 1)"]]


def test_ticks_of_a_logarithmic_axis_bear_the_decimals_they_need():
    ticks = x_axis("", 0.02, 2, log=True).ticks
    assert [tick.text for tick in ticks] == [
        "0.02",
        "0.05",
        "0.1",
        "0.2",
        "0.5",
        "1",
        "2",
    ]
