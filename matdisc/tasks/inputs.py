"""What a submitter needs to answer a task elsewhere: the structures that are asked about, and nothing else."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.datasets import load
from matdisc.errors import CardError
from matdisc.formats.atoms import to_atoms
from matdisc.formats.crystal_json import to_json
from matdisc.formats.entries import Entry
from matdisc.formats.write import holds_values, write_entries
from matdisc.schema import Sample
from matdisc.tasks import get_task

LINES = (".jsonl", ".jsonl.gz")
PROTOCOL = (
    "dynamics", "molecule", "electrolytes", "counts", "temperature", "start_density", "properties", "distances",
)  # fmt: skip
"""Inputs that say what is to be done with a structure, where a task measures."""


def write_inputs(board: Board, dataset_key: str, task_key: str, out: Path) -> int:
    """Write id and structure of every material that a task asks about, and return their number.

    As JSON lines each is an object with `material_id` and `structure` (`cell` rows in Å, `symbols`, fractional
    `positions`), as a predictions file may hold them; of alloys `elements` instead, and where a task measures also what
    is to be done. Other formats are those of `matdisc.formats.write`. The same dataset gives the same bytes, but for
    databases.

    Raises:
        CardError: If the dataset does not have the task, or the format of `out` would lose something.
        DataError: If the dataset cannot be read, or `out` is of no format.
    """
    task, card = get_task(task_key), board.dataset(dataset_key)
    if task_key not in card.tasks:
        raise CardError(f"dataset {dataset_key!r} has no task {task_key!r}; its tasks: {', '.join(card.tasks)}")
    lines = out.name.lower().endswith(LINES)
    keeps = lines or holds_values(out)  # which also refuses a name of no format, before anything is loaded
    samples = task.prepare(card, load(board, dataset_key)).samples
    if lines:
        _write_lines(out, samples)
        return len(samples)
    for sample in samples:
        _refuse_loss(sample, out, keeps)
    return write_entries(out, (Entry(s.material_id, to_atoms(s.crystal), _protocol(s), s.material_id) for s in samples))


def _write_lines(out: Path, samples: Sequence[Sample]) -> None:
    lines = [json.dumps({"material_id": s.material_id, **_shown(s)}, separators=(",", ":")) for s in samples]
    data = ("\n".join(lines) + "\n").encode()
    write_atomic(out, gzip.compress(data, mtime=0) if out.suffix.lower() == ".gz" else data)


def _refuse_loss(sample: Sample, out: Path, keeps: bool) -> None:
    if "crystal" not in sample.inputs:
        raise CardError(
            f"{out}: the materials of this task have no structures; write .jsonl, which names their elements"
        )
    if not keeps and (lost := _protocol(sample)):
        raise CardError(
            f"{out}: this format would lose what is to be done with each structure ({', '.join(lost)}); write .jsonl, "
            ".extxyz, .json or .db"
        )


def _shown(sample: Sample) -> dict[str, Any]:
    if "crystal" in sample.inputs:
        return {"structure": json.loads(to_json(sample.crystal)), **_protocol(sample)}
    if "composition" in sample.inputs:
        return {name: sample.inputs[name] for name in ("compound", "composition", "sites") if name in sample.inputs}
    return {"elements": list(sample.inputs["elements"])}


def _protocol(sample: Sample) -> dict[str, Any]:
    return {name: sample.inputs[name] for name in PROTOCOL if name in sample.inputs}
