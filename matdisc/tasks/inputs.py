"""What a submitter needs to answer a task elsewhere: the structures that are asked about, and nothing else."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.datasets import load
from matdisc.errors import CardError
from matdisc.formats.crystal_json import to_json
from matdisc.schema import Sample
from matdisc.tasks import get_task

SUFFIXES = (".jsonl", ".jsonl.gz")
PROTOCOL = ("dynamics", "molecule", "electrolytes", "counts", "temperature", "start_density")
"""Inputs that say what is to be done with a structure, where a task measures."""


def write_inputs(board: Board, dataset_key: str, task_key: str, out: Path) -> int:
    """Write id and structure of every material that a task asks about, and return their number.

    Each line is an object with `material_id` and `structure` (`cell` rows in Å, `symbols`, fractional `positions`), as
    a predictions file may hold them; of alloys `elements` instead, and where a task measures also what is to be done.
    The same dataset gives the same bytes.

    Raises:
        CardError: If the dataset does not have the task, or `out` has another suffix.
        DataError: If the dataset holds no structures.
    """
    if not out.name.endswith(SUFFIXES):
        raise CardError(f"{out}: structures are written as {' or '.join(SUFFIXES)}; change the name")
    task, card = get_task(task_key), board.dataset(dataset_key)
    if task_key not in card.tasks:
        raise CardError(f"dataset {dataset_key!r} has no task {task_key!r}; its tasks: {', '.join(card.tasks)}")
    samples = task.prepare(card, load(board, dataset_key)).samples
    lines = [json.dumps({"material_id": s.material_id, **_shown(s)}, separators=(",", ":")) for s in samples]
    data = ("\n".join(lines) + "\n").encode()
    write_atomic(out, gzip.compress(data, mtime=0) if out.suffix == ".gz" else data)
    return len(samples)


def _shown(sample: Sample) -> dict[str, Any]:
    if "crystal" in sample.inputs:
        more = {name: sample.inputs[name] for name in PROTOCOL if name in sample.inputs}
        return {"structure": json.loads(to_json(sample.crystal)), **more}
    return {"elements": list(sample.inputs["elements"])}
