"""Details: the figures and tables of one result."""

from __future__ import annotations

from typing import ClassVar

from matdisc.leaderboard.schema.read import BoardFile
from matdisc.scoring.figures import Artifacts

DETAILS_SCHEMA = "matdisc.details/2"


class Details(Artifacts, BoardFile):
    """What stands beside the metrics of one result, over the headline subset."""

    SCHEMA: ClassVar[str] = DETAILS_SCHEMA

    entry: str
    task: str
    dataset: str
    subset: str | None = None
    n: int | None = None
