"""Who may have a row of a name on the board: the first team that asks, unless the board has that model itself."""

from __future__ import annotations

from sqlalchemy import select

from matdisc.board import Board
from matdisc.service.states import State
from matdisc.service.store.database import Store
from matdisc.service.store.rows import Submission
from matdisc.service.store.tables import submissions


def clash(store: Store, board: Board, submission: Submission) -> str:
    """Return in words why a submission cannot have its row on the board; empty if it can, or will have none."""
    if submission.private:
        return ""
    key = submission.model
    if submission.kind == "model":
        row = board.results_dir / submission.task / submission.dataset / f"{key}.json"
        owner = _owner(store, submission, "model")
        if row.exists() and owner is None:
            return (
                f"the board has a row of {key!r} for {submission.task} on {submission.dataset} already; "
                "submit with private = true to have it run for yourself alone"
            )
        return "" if owner in (None, submission.team_id) else f"{key!r} is run here for another team already"
    owner = _owner(store, submission, "predictions")
    if owner not in (None, submission.team_id):
        return f"your card: field 'key' is {key!r}, which is the key of another team's model; choose another key"
    if _is_foreign(store, board, submission):
        return f"your card: field 'key' is {key!r}, which is a model of the board's own; choose another key"
    return ""


def _is_foreign(store: Store, board: Board, submission: Submission) -> bool:
    """Whether the board has a card of this key that no submission has brought."""
    card = board.models_dir / submission.model / "model.toml"
    if not card.exists():
        return False
    rows = submissions.c
    brought = select(rows.state, rows.card).where(rows.kind == "predictions", rows.model == submission.model)
    brought = brought.where(rows.state.in_((State.SUCCEEDED, State.PUBLISHED)), ~rows.private)
    with store.read() as connection:
        known = connection.execute(brought).all()
    on_board = card.read_text(encoding="utf-8")
    # a publication may be under way, or was killed half-way: its card is there, and its state is still the old one
    return not any(row.state == State.PUBLISHED or row.card == on_board for row in known)


def _owner(store: Store, submission: Submission, kind: str) -> str | None:
    """Return the team whose result of this key is on the board, else came first of those about to be; None if none is.

    A model that the service runs may have a row of another team on each data set.
    """
    rows = submissions.c
    query = select(rows.team_id).where(rows.kind == kind, rows.model == submission.model, ~rows.private)
    query = query.where(rows.state.in_((State.SUCCEEDED, State.PUBLISHED)), rows.review != "declined")
    if kind == "model":
        query = query.where(rows.task == submission.task, rows.dataset == submission.dataset)
    first = (rows.state != State.PUBLISHED, rows.created, rows.id)
    with store.read() as connection:
        found = connection.execute(query.order_by(*first).limit(1)).scalar()
    return None if found is None else str(found)
