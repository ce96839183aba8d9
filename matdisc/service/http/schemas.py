"""What the API answers with, as its OpenAPI document describes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from matdisc.service.http.intake import FILE, TEXTS
from matdisc.service.http.problems import MEDIA_TYPE
from matdisc.service.states import State
from matdisc.service.store.rows import Submission
from matdisc.service.store.submissions import Attempt

ID = r"^[A-Za-z0-9_-]{1,40}$"
KEY = r"^[\x20-\x7e]{1,200}$"
WORD = r"^[a-z0-9][a-z0-9._-]{0,79}$"


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProblemDocument(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    field: str | None = None
    request_id: str


class Progress(BaseModel):
    done: int
    total: int
    text: str = ""


class LinksOfSubmission(_Answer):
    self: str
    events: str
    result: str
    report: str
    page: str


class SubmissionAnswer(_Answer):
    """A submission as its team sees it; times are of ISO 8601, in UTC."""

    id: str
    state: State
    reason: str | None
    task: str
    dataset: str
    kind: Literal["predictions", "model"]
    model: str
    team: str
    created: str
    updated: str
    finished: str | None
    attempt: int
    progress: Progress | None
    cached: bool
    private: bool
    embargo_until: str | None
    review: str
    published: str | None
    position: int | None
    predictions_sha256: str | None
    cancel_requested: bool
    withdraw_requested: bool
    links: LinksOfSubmission


class Submissions(_Answer):
    submissions: list[SubmissionAnswer]
    next: str | None


class AttemptAnswer(_Answer):
    number: int
    worker: str
    started: str
    ended: str | None
    outcome: str | None
    reason: str | None


class Attempts(_Answer):
    attempts: list[AttemptAnswer]


class Embargo(_Answer):
    """Until when a result stays unpublished; null for no embargo."""

    until: str | None = Field(max_length=40)


class Review(_Answer):
    decision: Literal["approved", "declined"]
    reason: str = Field(default="", max_length=2000)


class UsageAnswer(_Answer):
    running: int
    queued: int
    stored_bytes: int
    limits: dict[str, int]
    scored: int | None = None
    next_free: str | None = None


class Me(_Answer):
    team: str
    person: str
    orcid: str | None
    role: str
    scopes: list[str]
    expires: str | None
    usage: UsageAnswer


class DatasetAnswer(_Answer):
    """What can be submitted to; `columns` of the answer, the main one first."""

    task: str
    dataset: str
    title: str
    n_samples: int
    private: bool
    columns: list[dict[str, Any]]
    open: bool


class Datasets(_Answer):
    datasets: list[DatasetAnswer]
    models: list[str]


class Leaderboard(_Answer):
    task: str
    dataset: str
    headline: str | None
    better: str | None
    rows: list[dict[str, Any]]


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Why the request was refused",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }
}
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["task", "dataset"],
                    "additionalProperties": False,
                    "properties": {
                        **{name: {"type": "string", "maxLength": size} for name, size in TEXTS.items()},
                        FILE: {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}


def iso(time: float | None) -> str | None:
    """Return seconds since 1970 as text."""
    if time is None:
        return None
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp(time: float) -> str:
    """As `iso`, of a time that is there."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown(submission: Submission, position: int | None = None) -> dict[str, Any]:
    """Return a submission as JSON-ready data."""
    here = f"/v1/submissions/{submission.id}"
    same = ("id", "reason", "task", "dataset", "kind", "model", "team", "attempt", "progress", "cached", "private",
            "review", "cancel_requested", "withdraw_requested")  # fmt: skip
    times = ("created", "updated", "finished", "embargo_until", "published")
    return {
        **{name: getattr(submission, name) for name in same},
        **{name: iso(getattr(submission, name)) for name in times},
        "state": submission.state.value,
        "position": position,
        "predictions_sha256": submission.file_sha256,
        "links": {
            "self": here,
            "events": f"{here}/events",
            "result": f"{here}/result",
            "report": f"{here}/report",
            "page": f"/submissions/{submission.id}",
        },
    }


def shown_attempt(attempt: Attempt) -> dict[str, Any]:
    """Return an attempt as JSON-ready data."""
    return {
        "number": attempt.number,
        "worker": attempt.worker,
        "started": stamp(attempt.started),
        "ended": iso(attempt.ended),
        "outcome": attempt.outcome,
        "reason": attempt.reason,
    }
