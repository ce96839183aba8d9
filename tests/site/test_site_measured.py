"""Figures and tables of measuring tasks: drawn as they are told, or refused."""

import pytest
from pydantic import ValidationError

from matdisc.leaderboard.site.figures import DrawnFigure, MeasuredDetails, ToldSheet
from matdisc.leaderboard.site.measured import measured_plots, text_sheets
from matdisc.tasks.figures import Figure, Line, Sheet, shown


def figure(lines, **options):
    told = shown([Figure("k", "Title", "x, fs", "y, eV", lines, **options)], [])
    return DrawnFigure.model_validate(told["figures"][0])


def test_a_curve_is_drawn_from_its_first_to_its_last_point():
    (plot,) = measured_plots([figure([Line("a", [0.0, 1.0, 2.0], [0.0, 1.0, 4.0])])])
    assert plot.x.low == 0
    assert plot.x.high == 2
    assert plot.y.low == 0
    assert plot.y.high == pytest.approx(4.2)
    assert plot.legend == ()
    assert plot.sheet.head == ("x, fs", "a")


def test_logarithmic_curves_of_a_power_law_are_straight():
    lines = [Line("law", [1.0, 2.0, 4.0], [1e-3, 4e-3, 16e-3]), Line("none", [1.0, 2.0, 4.0], [None, 0.0, -1.0])]
    (plot,) = measured_plots([figure(lines, x_log=True, y_log=True)])
    points = [tuple(map(float, p.split())) for p in plot.shapes[0].d[1:].replace("h0", "").split("L")]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert (x1 - x0, y1 - y0) == pytest.approx((x2 - x1, y2 - y1), abs=0.2)
    assert len(plot.shapes) == 1  # nothing that has no logarithm is drawn
    assert plot.y.label.startswith("log₁₀ of")


def test_several_curves_have_a_legend_and_curves_on_other_points_a_common_table():
    lines = [Line("a", [0.0, 1.0], [1.0, 2.0]), Line("b", [0.0, 0.5, 1.0], [1.0, 1.0, 1.0])]
    (plot,) = measured_plots([figure(lines, base=0.5)])
    assert [key.text for key in plot.legend] == ["a", "b"]
    assert plot.sheet.head == ("x, fs", "a", "b")
    assert len(plot.sheet.rows) == 25
    assert plot.shapes[0].css == "floor"


def test_a_figure_without_a_point_is_left_out():
    assert measured_plots([figure([Line("a", [1.0], [None])])]) == []


def test_a_table_prints_numbers_and_dashes():
    told = shown([], [Sheet("k", "Title", ("name", "x"), [("one", -0.5), ("two", None)])])["sheets"]
    (sheet,) = text_sheets([ToldSheet.model_validate(told[0])])
    assert sheet.rows == (("one", "−0.5"), ("two", "–"))


def test_a_table_with_a_row_of_another_length_is_refused():
    with pytest.raises(ValidationError, match="every row needs 2 cells"):
        MeasuredDetails(sheets=({"key": "k", "title": "t", "head": ("a", "b"), "rows": (("one",),)},))
