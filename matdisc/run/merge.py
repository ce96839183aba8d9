"""Parts of a run joined to the predictions file that one run would have written; nothing may be missing or doubled."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matdisc import predictions
from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.datasets import load
from matdisc.datasets.fetch import file_hash
from matdisc.errors import RunError
from matdisc.predictions import STRUCTURE
from matdisc.run.engine.record import SCHEMA, write_call
from matdisc.run.lock import joined_locks, write_lock
from matdisc.run.predict import no_answer, provenance_path, write_provenance
from matdisc.run.shards import Shard, parsed_shard
from matdisc.schema import STATUSES, Prediction, Sample, Status
from matdisc.tasks import get_task

SAME = ("task", "dataset", "dataset_sha256", "entry", "model", "model_sha256", "protocol", "limit", "matdisc")
"""What the parts of one run have in common."""
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """The predictions file of one part, what was written beside it, and its rows by material."""

    path: Path
    shard: Shard
    said: Mapping[str, Any]
    rows: Mapping[str, Row]


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of the parts: the row's name, its predictions file, answers by status, versions of packages.

    `trouble` says in words that there is no answer at all; then nothing was written.
    """

    entry: str
    out: Path
    counts: Counter[str]
    versions: Mapping[str, tuple[str, ...]]
    trouble: str = ""


def parts_on_board(board: Board, task: str, dataset: str, entry: str) -> list[Path]:
    """Return the predictions files of the parts of a row's run, as `predict` has left them.

    Raises:
        RunError: If there are none, or the materials were divided in more than one way.
    """
    folder = board.runs_dir / task / dataset
    found = sorted(folder.glob(f"{entry}.shard-*-of-*/{entry}.shard-*-of-*.csv.gz"))
    if not found:
        raise RunError(f"{folder}: no part of {entry!r} is done; run them with --shard, or name the files")
    ways = Counter(path.parent.name.rpartition("-of-")[2] for path in found)
    if len(ways) > 1:
        said = ", ".join(f"{n} of {total}" for total, n in sorted(ways.items(), key=lambda way: int(way[0])))
        raise RunError(f"{folder}: {entry!r} was divided in several ways ({said}); name the files that belong together")
    return found


def merge(board: Board, files: Sequence[Path], *, out: Path | None = None) -> Merged:
    """Join the parts of a run to the predictions file that one run would have written, byte for byte.

    Args:
        board: Where the dataset is.
        files: Predictions files of all parts, each with its `.run.json` beside it.
        out: Where the joined file goes; default: as for the run as a whole.

    Raises:
        RunError: If a part is missing, doubled or changed, the parts are of different runs, or a material is missing,
            doubled or none of the dataset's; the message names it.
    """
    if out is not None and not out.name.endswith((".csv", ".csv.gz")):
        raise RunError(f"{out}: a predictions file is written as .csv or .csv.gz; change the name")
    parts = sorted((_part(path) for path in files), key=lambda part: part.shard.number)
    if not parts:
        raise RunError("no parts are named; name their predictions files")
    said = _common(parts)
    _refuse_wrong_parts(parts)
    card = board.dataset(said["dataset"])
    task = get_task(said["task"])
    dataset = task.prepare(card, load(board, card.key))
    if dataset.sha256 != said["dataset_sha256"]:
        raise RunError(f"dataset {card.key!r} has changed since the parts were run; run them again on this board")
    samples = dataset.samples[: said["limit"]]
    _refuse_wrong_materials(parts, samples)
    rows = {key: row for part in parts for key, row in part.rows.items()}
    ordered = [rows[s.material_id] for s in samples]
    trouble = no_answer([Prediction(r["material_id"], status=_status(r), error=r["error"]) for r in ordered])
    counts = Counter(row["status"] for row in ordered)
    folder = board.runs_dir / said["task"] / said["dataset"] / said["entry"]
    if out is None and len(samples) == len(dataset.samples):
        out = board.predictions_dir / said["task"] / said["dataset"] / f"{said['entry']}.csv.gz"
    out = out or folder / "partial.csv.gz"
    if not trouble:
        header = _columns([column.name for column in task.columns], ordered)
        digest = predictions.write_rows(out, header, ([row.get(name, "") for name in header] for row in ordered))
        settings = {key: said[key] for key in SAME if key not in ("entry", "limit", "matdisc")}
        lock = joined_locks([part.said.get("lock") or {} for part in parts])
        write_provenance(out, digest, settings, said["entry"], _cost(parts), lock)
        if _join_records(board, parts, settings, folder):
            write_lock(folder, lock)
    return Merged(said["entry"], out, counts, _versions(parts), trouble)


def _part(path: Path) -> Part:
    beside = provenance_path(path)
    try:
        said = json.loads(beside.read_text(encoding="utf-8"))
        shard = parsed_shard(said["shard"])
        missing = [key for key in (*SAME, "predictions_sha256", "cost") if key not in said]
    except (OSError, ValueError, KeyError, TypeError, RunError) as err:
        raise RunError(f"{path}: no part of a run (its {beside.name} says no shard); run it with --shard") from err
    if missing:
        raise RunError(f"{beside}: lacks {missing[0]!r}; run that part again")
    try:
        digest = file_hash(path)
    except OSError as err:
        raise RunError(f"{path}: cannot be read ({err.strerror}); run that part again") from err
    if digest != said["predictions_sha256"]:
        raise RunError(f"{path}: was changed after the run wrote it; give the same --shard command again")
    rows: dict[str, Row] = {}
    for row in _rows(path):
        if row["material_id"] in rows:
            raise RunError(f"{path}: material {row['material_id']!r} is there twice; run that part again")
        rows[row["material_id"]] = row
    return Part(path, shard, said, rows)


def _rows(path: Path) -> list[Row]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    usual = csv.field_size_limit(sys.maxsize)  # a cell may hold a structure
    try:
        return list(csv.DictReader(io.StringIO(text, newline="")))
    finally:
        csv.field_size_limit(usual)


def _common(parts: Sequence[Part]) -> Mapping[str, Any]:
    """Return what all parts say alike.

    Raises:
        RunError: If two parts differ; both are named, with what each says.
    """
    first = parts[0]
    for part in parts[1:]:
        for key in SAME:
            if part.said[key] != first.said[key]:
                raise RunError(
                    f"{first.path} and {part.path} are of different runs: {key} is {first.said[key]!r} and "
                    f"{part.said[key]!r}; run one of them again"
                )
        if part.shard.total != first.shard.total:
            raise RunError(f"{first.path} is part {first.shard} and {part.path} part {part.shard}; divide in one way")
    return first.said


def _refuse_wrong_parts(parts: Sequence[Part]) -> None:
    total = parts[0].shard.total
    times = Counter(part.shard.number for part in parts)
    doubled = [part.path for part in parts if times[part.shard.number] > 1]
    if doubled:
        raise RunError(f"{doubled[0]} and {doubled[1]} are the same part; name one of them")
    missing = [f"{number}/{total}" for number in range(1, total + 1) if number not in times]
    if missing:
        more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
        raise RunError(
            f"{len(missing)} of {total} parts are missing: {', '.join(missing[:8])}{more}; "
            f"run each with --shard, e.g. --shard {missing[0]}"
        )


def _refuse_wrong_materials(parts: Sequence[Part], samples: Sequence[Sample]) -> None:
    for part in parts:
        wanted = {s.material_id for s in part.shard.part(samples)}
        for what, ids in (("lacks", wanted - part.rows.keys()), ("has no business with", part.rows.keys() - wanted)):
            if ids:
                raise RunError(
                    f"{part.path}: {what} {len(ids)} materials, e.g. {min(ids)!r}; give the command with "
                    f"--shard {part.shard} --restart again"
                )


def _columns(names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Return the columns that one run would have written: of values those that a row has, of structures likewise."""
    used = {name for row in rows for name, cell in row.items() if cell}
    values = [name for name in names if name in used and name != STRUCTURE] or list(names[:1])
    structure = [STRUCTURE] if STRUCTURE in used or STRUCTURE in values else []
    return ["material_id", *(name for name in values if name != STRUCTURE), *structure, *predictions.WRITTEN_COLUMNS]


def _status(row: Row) -> Status:
    return next(status for status in STATUSES if status == row["status"])


def _cost(parts: Sequence[Part]) -> dict[str, Any]:
    costs = [part.said["cost"] for part in parts]
    machines: list[Any] = []
    for machine in (machine for cost in costs for machine in cost["machines"]):
        if machine not in machines:
            machines.append(machine)
    summed = {
        key: round(sum(cost[key] for cost in costs), 3)
        for key in ("cpu_seconds", "worker_seconds", "load_seconds", "workers", "materials", "failed")
    }
    return summed | {"peak_mib": max(cost["peak_mib"] for cost in costs), "machines": machines}


def _versions(parts: Sequence[Part]) -> dict[str, tuple[str, ...]]:
    """Return all versions of each package that any part was run with."""
    found: dict[str, set[str]] = {"matdisc": {part.said["matdisc"] for part in parts}}
    for machine in (machine for part in parts for machine in part.said["cost"]["machines"]):
        for name, number in machine.get("packages", {}).items():
            found.setdefault(name, set()).add(number)
    return {name: tuple(sorted(numbers)) for name, numbers in found.items()}


def _join_records(board: Board, parts: Sequence[Part], settings: Mapping[str, Any], folder: Path) -> bool:
    """Make the record of the run as a whole from those of its parts, so that nothing of it is asked again.

    Where one exists, or a part's record lies elsewhere, nothing is made. Returns whether it was made.
    """
    records = [folder.with_name(part.shard.of(folder.name)) / "records.jsonl" for part in parts]
    whole = folder / "records.jsonl"
    if whole.exists() or not all(record.is_file() for record in records):
        return False
    lines = [json.dumps({"schema": SCHEMA, **settings}, allow_nan=False, ensure_ascii=False).encode() + b"\n"]
    for record in records:
        lines += record.read_bytes().splitlines(keepends=True)[1:]
    write_atomic(whole, b"".join(lines))
    call = json.loads((records[0].parent / "call.json").read_text(encoding="utf-8"))
    n = sum(len(part.rows) for part in parts)
    write_call(folder, {key: value for key, value in call.items() if key != "shard"} | {"materials": n})
    return True
