"""Predictions as tables: from what Python code holds to a predictions file, and from a result to a DataFrame."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.api.atoms import ID, is_structure, name_of, write_structures
from matdisc.errors import SubmissionError
from matdisc.leaderboard.submission import AlignedSubmission
from matdisc.scoring.measured import MeasuredScoring
from matdisc.scoring.totals import TotalsScoring
from matdisc.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd


def predictions_frame(checked: AlignedSubmission) -> pd.DataFrame:
    """Return one row a material, in the data set's order, indexed by `material_id`.

    Columns: `formula` where it is known; the `prediction`, where it is a number, with `label` and `error` (prediction
    minus label) where the data set has a label of that very quantity; further numbers of the file by their names;
    every label as `label:<name>`; the mean absolute error of forces and stress as `mae:<name>`; where structures, or
    measured quantities, are the answer, what is found of each material. nan where there is none.
    """
    import pandas as pd

    truth, answers = checked.truth, checked.answers
    columns: dict[str, Any] = {}
    if truth.formulas is not None:
        columns["formula"] = truth.formulas.to_pylist()
    if not answers.structures:
        columns["prediction"] = answers.values
        label = truth.target(answers.column)
        if np.isfinite(label).any():
            columns |= {"label": label, "error": answers.values - label}
    columns |= {name: np.asarray(values) for name, values in answers.reported.items()}
    columns |= {f"label:{name}": values for name, values in truth.targets.items()}
    columns |= _of_each(checked) | _array_errors(checked)
    if answers.uncertainty is not None:
        columns["uncertainty"] = answers.uncertainty
    return pd.DataFrame(columns, index=pd.Index(truth.material_ids.to_pylist(), name=ID))


def _of_each(checked: AlignedSubmission) -> dict[str, Any]:
    """Return what a scoring finds for each single material, where that is more than an error."""
    scoring = checked.task.scoring
    if isinstance(scoring, MeasuredScoring):
        return dict(scoring.all_terms(checked.card, checked.truth, checked.answers))
    if not isinstance(scoring, TotalsScoring) or not checked.answers.structures:
        return {}
    compared = scoring.rows(checked.card, checked.truth, checked.answers).compared
    if compared is None:
        return {}
    found = {field.name: getattr(compared, field.name) for field in dataclasses.fields(compared)}
    return {name: values for name, values in found.items() if np.shape(values) == (len(checked.truth),)}


def _array_errors(checked: AlignedSubmission) -> dict[str, Any]:
    """Return the mean absolute error of each material's forces and stress, by `mae:<name>`; nan where there is none."""
    truth, answers = checked.truth.arrays, checked.answers.arrays
    return {
        f"mae:{name}": [
            np.nan if a is None or b is None else float(np.abs(np.subtract(a, b)).mean())
            for a, b in zip(answers[name], truth[name], strict=True)
        ]
        for name in answers
        if name in truth
    }


def written(given: Any, task: Task, folder: Path) -> tuple[Path, str]:
    """Write predictions that Python code holds as a predictions file; return it, and what to call it in messages.

    Args:
        given: A DataFrame or Series whose index or column `material_id` names the materials; a mapping of ids to
            numbers or structures; a mapping of columns; or a list of structures that bear their ids.
        task: What they answer.
        folder: Where the file goes.

    Raises:
        SubmissionError: If materials are not named, or it is something else.
    """
    import pandas as pd

    if isinstance(given, pd.Series):
        return _table(_named(given.to_frame(given.name or task.columns[0].name)), folder), "the Series"
    if isinstance(given, pd.DataFrame):
        return _table(_named(given), folder), "the DataFrame"
    if isinstance(given, Mapping):
        return _of_mapping(given, task, folder), "the dict"
    if isinstance(given, Sequence) and given and all(map(is_structure, given)):
        return _listed(given, folder), "the list"
    raise SubmissionError(
        f"predictions are a {type(given).__name__}; give a path, a DataFrame, a Series, a dict of ids to numbers, or "
        "structures that bear their ids"
    )


def _of_mapping(given: Mapping[Any, Any], task: Task, folder: Path) -> Path:
    import pandas as pd

    values = list(given.values())
    if values and all(map(is_structure, values)):
        return _structures(given, folder)
    if ID in given:
        try:
            return _table(pd.DataFrame(dict(given)), folder)
        except ValueError as err:  # columns of different lengths, or single numbers
            raise SubmissionError(f"the dict: is no table ({err}); give columns of one length") from err
    if any(isinstance(value, Mapping | list | tuple | np.ndarray | pd.Series) for value in values):
        raise SubmissionError(
            f"the dict: its values are no numbers; give a number for each id, or columns with {ID!r} among them"
        )
    if not values:
        raise SubmissionError("the dict: is empty; give a number for each id")
    return _table(pd.DataFrame({ID: list(given), task.columns[0].name: values}), folder)


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with a column of ids, taken from its index where it has none."""
    import pandas as pd

    if any(str(column).strip().lower() == ID for column in frame.columns):
        return frame
    if isinstance(frame.index, pd.RangeIndex) and frame.index.name is None:
        raise SubmissionError(f"the DataFrame: has no column {ID!r}, and its index counts rows; name the materials")
    if frame.index.nlevels > 1:
        raise SubmissionError(f"the DataFrame: its index has {frame.index.nlevels} levels; give a column {ID!r}")
    return frame.rename_axis(ID).reset_index()


def _table(frame: pd.DataFrame, folder: Path) -> Path:
    path = folder / "predictions.csv"
    cells = {name: [_cell(value) for value in column] for name, column in frame.items() if column.dtype == object}
    frame.assign(**cells).to_csv(path, index=False)
    return path


def _cell(value: Any) -> Any:
    """Return an array as the lists of it, which a table writes as JSON."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def _listed(given: Sequence[Any], folder: Path) -> Path:
    path = folder / "predictions.extxyz"
    write_structures(path, given, [_id(one, i) for i, one in enumerate(given)])
    return path


def _structures(given: Mapping[Any, Any], folder: Path) -> Path:
    path = folder / "predictions.extxyz"
    write_structures(path, list(given.values()), [str(key) for key in given])
    return path


def _id(structure: Any, place: int) -> str:
    if (name := name_of(structure)) is None:
        raise SubmissionError(
            f"the list: structure {place} has no {ID!r} (ASE: atoms.info, pymatgen: structure.properties); add it, or "
            "give a dict of ids to structures"
        )
    return name
