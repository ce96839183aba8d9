"""What a ranking has to draw of all rows of a table together, and the words that lead to it from the first page."""

from __future__ import annotations

from dataclasses import dataclass

from matdisc.leaderboard.schema.ranking import BoardRanking
from matdisc.leaderboard.site.charts.figures import TextSheet, measured_plots, text_sheets
from matdisc.leaderboard.site.charts.svg import Plot

LEADS = {
    "published-held": "published values against these intervals",
    "near-hull": "false positives of every model",
    "agreement": "our runs against the published runs",
}
"""Words of a link to a table, by its key; tables that only go with one of these have none."""


@dataclass(frozen=True, slots=True)
class AllRows:
    """The first table, the figures, and the other tables, in the order of the file."""

    first: TextSheet | None
    plots: tuple[Plot, ...]
    rest: tuple[TextSheet, ...]

    @property
    def leads(self) -> list[tuple[str, str]]:
        """Key and words of the other tables that the first page links to."""
        keys = {sheet.key for sheet in self.rest}
        return [(key, words) for key, words in LEADS.items() if key in keys]


def all_rows(ranking: BoardRanking | None) -> AllRows | None:
    """Return what a ranking has to draw; None if that is nothing."""
    if ranking is None or not (ranking.figures or ranking.tables):
        return None
    sheets = text_sheets(ranking.tables)
    return AllRows(sheets[0] if sheets else None, tuple(measured_plots(ranking.figures)), tuple(sheets[1:]))
