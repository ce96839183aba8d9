"""Settings of a service: `service.toml` in its folder, with the environment above it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from matdisc.cards.base import explain
from matdisc.errors import ServiceError

SETTINGS = "service.toml"
DATABASE, BLOBS = "MATDISC_DB", "MATDISC_BLOBS"
MIB = 2**20


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0)]


class Uploads(_Part):
    """Limits of a request; sizes in MiB, `expanded_mib` after unpacking, `ratio` of the two."""

    mib: Positive = 64
    expanded_mib: Positive = 512
    ratio: Positive = 200
    seconds: Seconds = 300.0


class Quota(_Part):
    """Limits of a team. `scored` counts evaluations on one data set in `period_days`; `requests_per_minute` one token's
    or one address's calls."""

    running: Positive = 2
    queued: Positive = 10
    scored: Positive = 5
    period_days: Positive = 30
    stored_mib: Positive = 1024
    requests_per_minute: Positive = 600


class Guards(_Part):
    """What keeps private labels private, and a board from being overfitted.

    They hold for the data sets in `private`: metrics are rounded to `digits` decimals, files that answer less than
    `min_coverage` of the materials and data sets of fewer than `min_size` are refused, no row or figure leaves, and a
    result that is no better than the team's best by one standard error shows that best. `holdout` names, by data set,
    the subset of its card that is scored for nobody before publication.
    """

    private: tuple[str, ...] = ()
    digits: Annotated[int, Field(ge=1, le=8)] = 3
    min_coverage: Share = 0.95
    min_size: Annotated[int, Field(ge=0)] = 1000
    duplicate_spearman: Share = 0.9999
    holdout: dict[str, str] = Field(default_factory=dict)


class Work(_Part):
    """How workers work: seconds of a lease, its renewal and an evaluation; attempts until a submission is parked."""

    lease_seconds: Seconds = 20.0
    heartbeat_seconds: Seconds = 5.0
    evaluation_seconds: Seconds = 900.0
    model_seconds: Seconds = 86400.0
    memory_gib: Annotated[float, Field(gt=0)] = 4.0
    crashes: Positive = 3
    lost: Positive = 10
    backoff_seconds: Seconds = 2.0


class Web(_Part):
    """The API's own: where it is reached from outside (for links and webhooks), and what it lets be embedded."""

    public_url: str = "http://127.0.0.1:8000"
    anonymous_read: bool = True
    webhooks_to: tuple[str, ...] = ()
    """Hosts that a webhook may call although they are inside; others have to be public."""


class Settings(_Part):
    """All settings. `models` are the keys of cards that the service runs itself when a submission asks for it."""

    home: Path
    board: Path
    database: str
    blobs: str
    moderation: bool = False
    models: tuple[str, ...] = ()
    uploads: Uploads = Uploads()
    quota: Quota = Quota()
    guards: Guards = Guards()
    work: Work = Work()
    web: Web = Web()


def load_settings(board: Path, home: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of the service whose folder is `home` (default: `service` in the board's folder).

    Without `service.toml` the defaults hold: SQLite and files in that folder. MATDISC_DB and MATDISC_BLOBS, URLs of a
    database and of a file store, stand above the file.

    Raises:
        ServiceError: If the file says something impossible; in words that name field, value and remedy.
    """
    home = home or board / "service"
    path = home / SETTINGS
    said: dict[str, Any] = {}
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except (ValueError, OSError) as err:
        raise ServiceError(f"{path}: cannot be read ({err}); correct it, or remove it for the defaults") from err
    defaults = {"database": f"sqlite:///{home.absolute() / 'service.db'}", "blobs": str(home.absolute() / "blobs")}
    given = {
        key: environment[name] for key, name in (("database", DATABASE), ("blobs", BLOBS)) if environment.get(name)
    }
    content = {**defaults, **said, **given, "home": home, "board": board}
    try:
        return Settings.model_validate(content)
    except ValidationError as err:
        raise ServiceError(explain(path, content, err, Settings, "it is needed")) from None
