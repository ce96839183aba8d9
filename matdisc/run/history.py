"""What runs there have been on a board, what became of them, and how to go on with one."""

from __future__ import annotations

import fcntl
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from matdisc.board import Board
from matdisc.errors import RunError
from matdisc.run.engine.record import FAILURES, parse_line
from matdisc.run.engine.usage import add_up, total

State = Literal["running", "stopped", "done"]


@dataclass(frozen=True)
class PastRun:
    """One run as its record tells it.

    Attributes:
        name: `task/dataset/entry`, as commands take it.
        call: What it was started with: task, dataset, model, protocol, limit, workers, timeout, memory, env, and
            `materials`, how many it is to ask about.
        state: `running` while a process holds its record, `done` if every material has an answer.
        statuses: Answers by status.
        troubles: Errors and how often each came, most frequent first.
        slowest: The materials that took longest: seconds and id.
        cost: What it used so far, as usage.total gives it.
        age: Seconds since its last answer.
    """

    name: str
    record: Path
    call: Mapping[str, Any]
    state: State
    statuses: Counter[str]
    troubles: Counter[str]
    slowest: tuple[tuple[float, str], ...]
    cost: Mapping[str, Any]
    age: float


def past_runs(board: Board) -> list[PastRun]:
    """Return the runs of a board, by name."""
    return [read_run(board, name) for name in sorted(_names(board))]


def read_run(board: Board, name: str) -> PastRun:
    """Return one run.

    Raises:
        RunError: If there is none of that name, or its record is damaged.
    """
    if name not in set(_names(board)):
        known = ", ".join(sorted(_names(board))[:8]) or "none yet"
        raise RunError(f"no run {name!r} on this board; runs: {known}")
    folder = board.runs_dir / name
    record = folder / "records.jsonl"
    try:
        call = json.loads((folder / "call.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise RunError(f"{folder / 'call.json'}: cannot be read ({err}); start the run again by its command") from err
    statuses: Counter[str] = Counter()
    troubles: Counter[str] = Counter()
    seconds: list[tuple[float, str]] = []
    usages: dict[str, Any] = {}
    answers: dict[str, dict[str, Any]] = {}
    for content in _lines(record):
        if "usage" in content:
            add_up(usages, content["usage"])
        elif answers.get(content["material_id"], {"status": "failed"})["status"] in FAILURES:
            answers[content["material_id"]] = content  # a failure may have been asked again
    for content in answers.values():
        statuses[content["status"]] += 1
        if content["error"]:
            troubles[content["error"]] += 1
        if content["seconds"] is not None:
            seconds.append((content["seconds"], content["material_id"]))
    state: State = "running" if _held(record) else "done" if statuses.total() >= call["materials"] else "stopped"
    age = max(0.0, time.time() - record.stat().st_mtime)  # clocks of two machines differ
    slowest = tuple(sorted(seconds, reverse=True)[:5])
    return PastRun(name, record, call, state, statuses, troubles, slowest, total(usages.values()), age)


def _names(board: Board) -> Iterator[str]:
    for path in board.runs_dir.glob("*/*/*/records.jsonl"):
        if (path.parent / "call.json").exists():
            yield "/".join(path.parent.parts[-3:])


def _lines(record: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole lines of a record after its first; a last line cut off is left out."""
    with record.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if number == 1 or not line.endswith(b"\n"):
                continue
            yield parse_line(record, line, number)


def _held(record: Path) -> bool:
    """Whether a process has the record open for writing."""
    with record.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks: no run can be at work there
            return False
        fcntl.flock(file, fcntl.LOCK_UN)
        return False
