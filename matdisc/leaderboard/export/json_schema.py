"""JSON Schema (2020-12) of what boards hold: cards, results, rankings, records of runs, and predictions of each task.

The schemas follow from the models that check these files, which know more rules than a schema can say.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel

from matdisc.cards import DatasetCard, ModelCard
from matdisc.errors import CardError
from matdisc.leaderboard.schema.ranking import BoardRanking
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.schema.run import RunRecord
from matdisc.schema import STATUSES
from matdisc.scoring.base import AnswerColumn
from matdisc.tasks import get_task, task_keys
from matdisc.tasks.task import Task

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PREDICTIONS = "predictions-"


MODELS: dict[str, tuple[type[BaseModel], str]] = {
    "model-card": (ModelCard, ""),
    "dataset-card": (DatasetCard, ""),
    "result": (Result, Result.SCHEMA),
    "ranking": (BoardRanking, BoardRanking.SCHEMA),
    "run": (RunRecord, RunRecord.SCHEMA),
}
"""The model that a schema follows from, and what such a file says in its field `schema`, if it has one."""


def schema_names() -> tuple[str, ...]:
    """Return the names of all schemas."""
    return (*MODELS, *(PREDICTIONS + key for key in task_keys()))


def json_schema(name: str) -> dict[str, Any]:
    """Return a schema by its name.

    Raises:
        CardError: If there is none of that name.
    """
    if name.startswith(PREDICTIONS):
        return _row(get_task(name.removeprefix(PREDICTIONS)))
    if name not in MODELS:
        raise CardError(f"schema {name!r} does not exist; schemas: {', '.join(schema_names())}")
    model, said = MODELS[name]
    found = {"$schema": DIALECT, **model.model_json_schema()}
    if said:
        found["properties"]["schema"] = {"const": said}
        found["required"] = ["schema", *found["required"]]
    return found


def _row(task: Task) -> dict[str, Any]:
    """Return the schema of one row of a predictions file, as it stands in JSON lines."""
    number = {"type": ["number", "null"]}
    structure = {"structure": {"type": ["object", "string", "null"], "description": "The crystal that is answered."}}
    return {
        "$schema": DIALECT,
        "title": f"A row of a predictions file of the task {task.key}",
        "description": f"{task.question} A row without a value counts as no answer, and so does one with a value that "
        "nobody can mean; other columns are ignored.",
        "type": "object",
        "properties": {
            "material_id": {"type": "string", "minLength": 1},
            **{column.name: _column(column) for column in task.columns},
            **(structure if "structure" in task.answers else {}),
            "uncertainty": {**number, "minimum": 0, "description": "One standard deviation of the main column."},
            "status": {"enum": [*STATUSES, "", None]},
            "error": {"type": ["string", "null"], "description": "Why there is no value."},
            "seconds": {**number, "minimum": 0, "unit": "s"},
            "steps": {"type": ["integer", "null"], "minimum": 0},
        },
        "required": ["material_id"],
    }


def _column(column: AnswerColumn) -> dict[str, Any]:
    ends = {"minimum": column.low, "maximum": column.high}
    bounds = {name: end for name, end in ends.items() if math.isfinite(end)}
    unit = {"unit": column.unit} if column.unit else {}
    if not column.shape:
        return {"type": ["number", "null"], "description": column.help, **unit, **bounds}
    shape = " x ".join(map(str, column.shape))
    text = f"{column.help.removesuffix('.')}. Shape: {shape}; flat, or in lists of lists."
    return {"type": ["array", "null"], "description": text, **unit}
