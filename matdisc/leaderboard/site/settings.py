"""What the owner of a board may say about its site: `leaderboard/site.toml`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, field_validator

from matdisc.cards import HttpsUrl, Key, Name, Strict, TaskKey, Text
from matdisc.cards.read import checked, read_toml
from matdisc.errors import CardError
from matdisc.leaderboard.site.tables.format import METRICS
from matdisc.tasks import TASKS, task_keys
from matdisc.tasks.task import Task

Title = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
ADDRESS = r"^https?://[A-Za-z0-9.:-]{1,250}(/[A-Za-z0-9._~%-]{1,100}){0,20}/?$"


def _known(key: str) -> str:
    if key not in TASKS:
        raise ValueError(f"{key!r} is no task; tasks: {', '.join(task_keys())}")
    return key


KnownTask = Annotated[TaskKey, AfterValidator(_known)]


class Headline(Strict):
    """The task and dataset whose standing is the first sentence of the board."""

    task: KnownTask
    dataset: Key


class Settings(Strict):
    """Title, tagline and default views; every field has a default.

    `headline_metrics` are shown at first in the tables of the tasks that have any of them; elsewhere, and where it is
    empty, each task's own choice is. `base_url` is the address that the site is published at, as in
    `https://lab.github.io/board/`: hosts show 404.html in the place of pages at any depth, so its links begin there.
    Without it they begin at the root of the host. `service` is the address of the board's submission service. Tasks
    that `task_order` does not name follow in the order of `matdisc tasks`.
    """

    title: Title = "matdisc leaderboard"
    tagline: Text = "The referee for models that promise to find new stable materials."
    publisher: Name | None = None
    repository: HttpsUrl | None = None
    base_url: str | None = None
    service: HttpsUrl | None = None
    task_order: tuple[KnownTask, ...] = ()
    dataset_order: tuple[Key, ...] = ()
    headline_metrics: tuple[str, ...] = ()
    chart_rows: Annotated[int, Field(ge=3, le=60)] = 24
    headline: Headline | None = None

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is not None and not re.match(ADDRESS, url):
            raise ValueError(f"{url!r} is no address of a site; give it whole, as in 'https://lab.github.io/board/'")
        return url

    @property
    def base_path(self) -> str:
        """Where the site begins on its host: `/`, or the path of `base_url`, such as `/board/`."""
        return urlsplit(self.base_url or "").path.rstrip("/") + "/"

    @field_validator("headline_metrics")
    @classmethod
    def _metrics_exist(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [key for key in keys if key not in METRICS]
        if unknown:
            raise ValueError(f"no metric is called {', '.join(unknown)}; known: {', '.join(METRICS)}")
        return keys


def shown_first(settings: Settings, task: Task) -> frozenset[str]:
    """Return the keys of the metrics that the tables of a task show before all are asked for."""
    chosen = {metric.key for metric in task.metrics} & set(settings.headline_metrics)
    if chosen - {"coverage", "daf"}:
        return frozenset(chosen)
    return frozenset(metric.key for metric in task.metrics if metric.main)


def published_at(settings: Settings, base_url: str | None) -> Settings:
    """Return the settings with another `base_url`; None leaves them as they are.

    Raises:
        CardError: If it is no address.
    """
    if base_url is None:
        return settings
    try:
        return Settings.model_validate({**settings.model_dump(), "base_url": base_url})
    except ValidationError as err:
        raise CardError(f"--base-url {err.errors()[0]['msg'].removeprefix('Value error, ')}") from err


def read_settings(path: Path) -> Settings:
    """Return the checked settings at `path`; a board without the file gets the defaults.

    Raises:
        CardError: If the file is no TOML or breaks a rule; every broken field is named.
    """
    if not path.exists():
        return Settings()
    return checked(
        path, read_toml(path, CardError, "no such file"), Settings, CardError, "matdisc/leaderboard/site/settings.py"
    )
