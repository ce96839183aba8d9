"""What every part of a JSON file of the board shares: finite numbers, arrays of one length, values with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

DIGITS = 6
"""Significant digits of numbers that are drawn or printed."""


def rounded(values: Any) -> Any:
    """Return an array or a sequence of numbers as a list with six digits; nan and inf become None."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, Sequence) or isinstance(values, str):
        return values
    return [_number(value) for value in values]


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, float):
        return value
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None


def plain(value: Any) -> Any:
    """Return arrays as lists of JSON numbers with six digits, nan and inf as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "iub":
            return value.tolist()
        return [None if not np.isfinite(x) else float(f"{x:.6g}") for x in value.tolist()]
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


Number = float | None
if TYPE_CHECKING:
    Numbers = Any  # sequences and arrays alike
    Counts = Any
else:
    Numbers = Annotated[tuple[Number, ...], BeforeValidator(rounded)]
    """Numbers of a curve, a tuple; None is undefined. Arrays are taken, and nan becomes None."""
    Counts = Annotated[tuple[int, ...], BeforeValidator(rounded)]


CONFIG = ConfigDict(extra="ignore", allow_inf_nan=False)
"""Finite numbers only; fields of a later version are passed over."""


class Record(BaseModel):
    """Frozen, finite numbers only; fields of a later version are passed over."""

    model_config = ConfigDict(frozen=True, **CONFIG)


class Columns(Record):
    """Arrays of one length."""

    @model_validator(mode="after")
    def _equal_lengths(self) -> Self:
        equal_lengths(*(column for _, column in self if isinstance(column, tuple)))
        return self


def equal_lengths(*columns: Sized) -> None:
    """Raise ValueError if columns differ in length."""
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise ValueError(f"arrays of equal length are needed, not {lengths}")


class Value(Record):
    """A number and its 95 % interval; None is undefined."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
