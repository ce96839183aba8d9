"""Results by what they are computed from, so that nothing is evaluated twice."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from matdisc.service.states import State
from matdisc.service.store.database import Store, now
from matdisc.service.store.rows import Submission, chosen
from matdisc.service.store.tables import results, submissions


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A result, unabridged; see the columns of `tables.results`."""

    key: str
    task: str
    dataset: str
    predictions_sha256: str
    labels_sha256: str | None
    evaluator: str
    content: dict[str, Any]
    details_sha256: str | None = None
    report_sha256: str | None = None
    fingerprint: dict[str, Any] | None = None
    created: float = 0.0


def result_key(*parts: str) -> str:
    """Return the key of a result that is computed from these parts alone."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part};".encode())
    return digest.hexdigest()


def get_result(store: Store, key: str) -> Evaluated | None:
    """Return a result; None if there is none of this key."""
    with store.read() as connection:
        row = connection.execute(select(results).where(results.c.key == key)).one_or_none()
        return None if row is None else Evaluated(**row._mapping)


def put_result(store: Store, result: Evaluated) -> None:
    """Keep a result; one that is there stays as it is."""
    with store.begin() as connection:
        insert = _insert(store.kind).values(asdict(result) | {"created": now(connection)})
        connection.execute(insert.on_conflict_do_nothing(index_elements=["key"]))


def finished(
    store: Store, task: str, dataset: str, *, team_id: str | None = None, not_team: str | None = None
) -> list[tuple[Submission, Evaluated]]:
    """Return the submissions of a table that have a result, the oldest first."""
    query = chosen().add_columns(*results.c).join(results, results.c.key == submissions.c.result_key)
    query = query.where(submissions.c.task == task, submissions.c.dataset == dataset)
    query = query.where(submissions.c.state.in_((State.SUCCEEDED, State.PUBLISHED, State.WITHDRAWN)))
    if team_id is not None:
        query = query.where(submissions.c.team_id == team_id)
    if not_team is not None:
        query = query.where(submissions.c.team_id != not_team)
    n = len(submissions.c) + 1
    with store.read() as connection:
        rows = connection.execute(query.order_by(submissions.c.created)).all()
    names = [column.name for column in results.c]
    return [(_submission(row[:n]), Evaluated(**dict(zip(names, row[n:], strict=True)))) for row in rows]


def _submission(values: Any) -> Submission:
    names = [*(column.name for column in submissions.c), "team"]
    fields = dict(zip(names, values, strict=True))
    return Submission(**fields | {"state": State(fields["state"])})


def _insert(kind: str) -> Any:
    from sqlalchemy.dialects import postgresql, sqlite

    return (postgresql if kind == "postgresql" else sqlite).insert(results)
