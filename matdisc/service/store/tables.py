"""The tables of the service. Times are seconds since 1970 by the database's clock (`database.now`)."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from matdisc.service.states import State

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
ID = String(40)
BIG = BigInteger().with_variant(Integer, "sqlite")

teams = Table(
    "teams",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("created", Float, nullable=False),
)
"""Who submits; quotas and rows belong to a team."""

tokens = Table(
    "tokens",
    metadata,
    Column("id", ID, primary_key=True),
    Column("secret_sha256", String(64), nullable=False),
    Column("team_id", ID, ForeignKey("teams.id"), nullable=False, index=True),
    Column("person", String(80), nullable=False),
    Column("orcid", String(19)),
    Column("role", String(20), nullable=False),  # submitter | maintainer
    Column("scopes", String(80), nullable=False),  # space-separated: submit read publish admin
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("revoked", Float),
    Column("used", Float),
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("team_id", ID, ForeignKey("teams.id"), nullable=False, index=True),
    Column("token_id", ID, ForeignKey("tokens.id"), nullable=False),
    Column("idempotency_key", String(200)),
    Column("request_sha256", String(64), nullable=False),  # digest of all that the request said
    Column("task", String(80), nullable=False),
    Column("dataset", String(80), nullable=False),
    Column("kind", String(20), nullable=False),  # predictions | model
    Column("model", String(80), nullable=False),  # key of the card
    Column("card", Text, nullable=False),  # TOML of the model's card
    Column("file_sha256", String(64)),  # blob of the predictions file; empty for a model until it has run
    Column("file_suffix", String(20)),
    Column("file_bytes", BIG, nullable=False, default=0),
    Column("private", Boolean, nullable=False, default=False),  # never published
    Column("embargo_until", Float),
    Column("webhook", String(500)),
    Column("state", String(20), nullable=False, default=State.RECEIVED.value),
    Column("reason", Text),  # why it was rejected, failed, ..., in words
    Column("progress", JSON),  # {"done": 3, "total": 10, "text": "..."} of the attempt at work
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("validated", Float),  # since when it counts for the quota
    Column("finished", Float),
    Column("not_before", Float, nullable=False, default=0.0),
    Column("cancel_requested", Boolean, nullable=False, default=False),
    Column("attempt", Integer, nullable=False, default=0),  # number of the latest attempt
    Column("lease_worker", ID),
    Column("lease_until", Float),
    Column("result_key", String(64)),
    Column("cached", Boolean, nullable=False, default=False),  # whether the result was there before
    Column("review", String(20), nullable=False, default="none"),  # none | pending | approved | declined
    Column("published", Float),
    Column("withdraw_requested", Boolean, nullable=False, default=False),
    UniqueConstraint("token_id", "idempotency_key"),
    CheckConstraint("state IN ({})".format(", ".join(f"'{s}'" for s in State)), name="state"),
    Index("ix_submissions_queue", "state", "not_before", "created"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("submission_id", ID, ForeignKey("submissions.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("worker", ID, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("outcome", String(20)),  # a final state, or: lost (lease ran out), crashed, released (worker left)
    Column("reason", Text),
)

results = Table(
    "results",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("task", String(80), nullable=False),
    Column("dataset", String(80), nullable=False),
    Column("predictions_sha256", String(64), nullable=False, index=True),
    Column("labels_sha256", String(64)),
    Column("evaluator", String(40), nullable=False),
    Column("content", JSON, nullable=False),  # schema matdisc.result/2, unabridged: never leaves without release()
    Column("details_sha256", String(64)),  # blob: schema matdisc.details/2
    Column("report_sha256", String(64)),  # blob: one HTML page; only where labels are public
    Column("fingerprint", JSON),  # values of some materials, to find near-duplicates
    Column("created", Float, nullable=False),
    Index("ix_results_place", "task", "dataset"),
)
"""Evaluations, by predictions, card, labels and evaluator; a repeat finds its row here."""

events = Table(
    "events",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("submission_id", ID, ForeignKey("submissions.id"), nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("state", String(20), nullable=False),
    Column("text", Text),
)
"""What happened to a submission; `text` may be read by its team."""

audit = Table(
    "audit",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("who", String(120), nullable=False),  # token id, or `worker ...`, or `command line`
    Column("action", String(40), nullable=False),
    Column("subject", String(120), nullable=False),
    Column("detail", Text),
)

workers = Table(
    "workers",
    metadata,
    Column("id", ID, primary_key=True),
    Column("host", String(120), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", Float, nullable=False),
    Column("heartbeat", Float, nullable=False),
    Column("ended", Float),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("submission_id", ID, ForeignKey("submissions.id"), nullable=False),
    Column("state", String(20), nullable=False),
    Column("created", Float, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("ended", Float),
    Column("reason", Text),
)
"""Webhook calls to be made; one for each final state of a submission that has a webhook."""

locks = Table(
    "locks", metadata, Column("name", String(40), primary_key=True), Column("holder", ID), Column("until", Float)
)
"""Named leases: `board` is held by the worker that writes to the board."""
