"""The figures of a result, drawn with matplotlib."""

import sys

import pytest

import matdisc
from matdisc.api.plot import draw
from matdisc.errors import ExtraError, UnknownName
from matdisc.scoring.figures import Bars, Density, Figure, Line


@pytest.fixture
def result(folder):
    return matdisc.score({"ag": 0.0, "au": 0.1, "cu": 0.3, "pd": 0.4}, "discovery", folder)


def axes_of(**drawn):
    return draw([Figure("k", "T", "x", "y", **drawn)]).axes


def test_a_result_draws_all_its_figures_or_those_that_are_named(result):
    assert {"roc", "parity"} <= set(result.figures)
    assert len(result.plot("roc", "precision-recall").axes) == 2
    assert {axes.get_title() for axes in result.plot().axes} >= {"ROC"}
    assert result.plot("roc")._repr_png_().startswith(b"\x89PNG")


def test_an_unknown_figure_is_refused_with_the_known_ones(result):
    with pytest.raises(UnknownName, match="known: roc"):
        result.plot("rok")


def test_without_matplotlib_the_command_that_installs_it_is_named(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ExtraError, match=r"pip install 'matdisc\[plot\]'"):
        result.plot("roc")


def test_a_curve_is_a_line_with_gaps_where_it_is_undefined():
    (axes,) = axes_of(lines=[Line("a", (0, 1, 2), (1.0, None, 3.0))], x_log=False)
    drawn = axes.get_lines()[0]
    assert drawn.get_linestyle() == "-"
    assert list(drawn.get_xdata()) == [0, 1, 2]
    assert drawn.get_ydata()[1] != drawn.get_ydata()[1]


def test_named_points_are_points_with_the_ends_of_their_intervals():
    (axes,) = axes_of(lines=[Line("a", (1, 2), (1.0, 2.0), ("p", "q"), y_low=(0.5, 1.5), y_high=(2.0, 2.5))])
    assert axes.get_lines()[0].get_marker() == "o"
    (ends,) = axes.collections
    assert [segment[:, 1].tolist() for segment in ends.get_segments()] == [[0.5, 2.0], [1.5, 2.5]]


def test_bars_stand_on_each_other():
    (axes,) = axes_of(bars=[Bars("low", (0, 1, 2), (1, 2)), Bars("high", (0, 1, 2), (3, 4))])
    assert [bar.get_y() + bar.get_height() for bar in axes.patches] == [1, 2, 4, 6]


def test_a_density_leaves_empty_places_blank():
    axes, bar = axes_of(density=Density((0, 1, 2), (0, 1), ((0, 5),)))
    values = axes.collections[0].get_array()
    assert values.mask.ravel().tolist() == [True, False]
    assert bar.get_ylabel() == "count"


def test_logarithms_names_and_references_are_drawn():
    figure = {"lines": [Line("a", (1, 2), (1.0, 10.0))], "reference": (1, 1, 2, 10), "base": 5.0}
    (axes,) = axes_of(**figure, y_log=True, x_names=("Cu", "Ag"))
    assert axes.get_yscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Cu", "Ag"]
    assert len(axes.get_lines()) == 3
