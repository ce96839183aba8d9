"""Figures of a result, drawn with matplotlib: curves, points, bars and densities, whatever the task."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.errors import ExtraError
from matdisc.scoring.figures import Bars, Density, Figure, Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

SIZE = (5.2, 3.9)
"""Inches of one figure."""
COLOURS = {"tp": "#2a7f62", "fp": "#d1495b", "tn": "#8d99ae", "fn": "#edae49"}


def draw(figures: Sequence[Figure], *, title: str = "") -> Drawing:
    """Return figures side by side, at most two in a row, as one figure of matplotlib.

    Raises:
        ExtraError: If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas
    except ImportError as err:
        raise ExtraError(
            "drawing needs the package 'matplotlib', which is not installed; run: pip install 'matdisc[plot]'"
        ) from err

    class Notebook(Canvas):
        """A figure that a notebook shows whether or not pyplot was imported."""

        def _repr_png_(self) -> bytes:
            data = io.BytesIO()
            self.savefig(data, format="png", dpi=110)
            return data.getvalue()

    columns = min(2, len(figures))
    rows = math.ceil(len(figures) / columns)
    drawing = Notebook(figsize=(SIZE[0] * columns, SIZE[1] * rows + 0.4), layout="constrained")
    FigureCanvasAgg(drawing)
    for place, figure in enumerate(figures, start=1):
        _draw_one(drawing.add_subplot(rows, columns, place), figure)
    if title:
        drawing.suptitle(title, fontsize="medium")
    return drawing


def _draw_one(axes: Axes, figure: Figure) -> None:
    heading = f"{figure.section}: {figure.title}" if figure.section else figure.title
    axes.set(title=heading, xlabel=figure.x_label, ylabel=figure.y_label)
    axes.title.set_fontsize("medium")
    if figure.density is not None:
        _density(axes, figure.density)
    _bars(axes, figure.bars)
    for line in figure.lines:
        _line(axes, line)
    if figure.reference is not None:
        x0, y0, x1, y1 = figure.reference
        axes.plot([x0, x1], [y0, y1], "--", color="0.4", linewidth=0.8)
    if figure.base is not None:
        axes.axhline(figure.base, color="0.6", linewidth=0.8)
    if figure.x_log:
        axes.set_xscale("log")
    if figure.y_log:
        axes.set_yscale("log")
    if figure.x_names:
        axes.set_xticks(range(1, len(figure.x_names) + 1), figure.x_names, rotation=45, ha="right", fontsize="small")
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize="small", frameon=False)


def _line(axes: Axes, line: Line) -> None:
    """Draw a curve; with names of its points, points; with ends of intervals, their bars."""
    x, y = _numbers(line.x), _numbers(line.y)
    style = "o" if len(line.labels) else "-"
    (drawn,) = axes.plot(x, y, style, markersize=4, linewidth=1.4, label=line.name or None)
    for name, values in (("xerr", (x, line.x_low, line.x_high)), ("yerr", (y, line.y_low, line.y_high))):
        middle, low, high = values
        if len(low) and len(high):
            ends = np.clip(np.array([middle - _numbers(low), _numbers(high) - middle]), 0, None)
            axes.errorbar(x, y, fmt="none", ecolor=drawn.get_color(), elinewidth=0.8, **{name: ends})


def _bars(axes: Axes, bars: Sequence[Bars]) -> None:
    """Draw bars, stacked in order."""
    bottom: Any = 0.0
    for one in bars:
        edges, heights = _numbers(one.edges), np.nan_to_num(_numbers(one.heights))
        axes.bar(
            edges[:-1], heights, np.diff(edges), bottom=bottom, align="edge", color=COLOURS.get(one.role),
            label=one.name or None,
        )  # fmt: skip
        bottom = bottom + heights
    if len(bars):
        axes.set_ylim(0, 1.05 * max(1.0, float(np.max(bottom))))


def _density(axes: Axes, density: Density) -> None:
    """Draw counts on a grid, none of them white."""
    from matplotlib.colors import LogNorm, Normalize

    counts = np.asarray(density.count, float)
    most = max(2.0, float(counts.max(initial=0)))
    norm = LogNorm(1, most) if most > 10 else Normalize(0, most)
    shown = np.where(counts > 0, counts, np.nan)
    grid = axes.pcolormesh(_numbers(density.x_edges), _numbers(density.y_edges), shown, cmap="viridis", norm=norm)
    axes.figure.colorbar(grid, ax=axes, label="count")


def _numbers(values: Any) -> Any:
    return np.array([math.nan if value is None else value for value in values], float)
