"""What lies beside a predictions file of our own: how it was made, and what that cost."""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict, Field

from matdisc.leaderboard.schema.read import BoardFile
from matdisc.scoring.record import Record

RUN_SCHEMA = "matdisc.run/2"


class Machine(Record):
    """Hardware and main packages of a worker; older records lack some of it."""

    cpu: str | None = None
    gpu: str | None = None
    platform: str | None = None
    python: str | None = None
    packages: dict[str, str] = Field(default_factory=dict)


class RunCost(Record):
    """What all workers used: processor time and wall-clock time in seconds, and the largest memory of one in MiB."""

    cpu_seconds: float
    peak_mib: float
    workers: int
    materials: int
    failed: int
    machines: tuple[Machine, ...]


class RunRecord(BoardFile):
    """What lies beside a predictions file of our own as `.run.json`: how it was made, and what that cost.

    `commit` is that of the package, `lock` the versions of all packages; older records lack both.
    """

    model_config = ConfigDict(extra="allow")
    SCHEMA: ClassVar[str] = RUN_SCHEMA
    ADVICE: ClassVar[str] = "restore it, or remove it and run the model again with `matdisc predict`"

    entry: str
    task: str
    dataset: str
    dataset_sha256: str
    model: str
    model_sha256: str
    protocol: str | None
    predictions_sha256: str
    matdisc: str
    commit: str | None = None
    lock: dict[str, str] | None = None
    cost: RunCost
