"""What every part of a JSON file shares: finite numbers, arrays of one length, a value with its interval."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

Number = float | None
Numbers = tuple[Number, ...]
Counts = tuple[int, ...]


class Part(BaseModel):
    """Frozen, finite numbers only; fields of a later version are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Columns(Part):
    """Arrays of one length."""

    @model_validator(mode="after")
    def _equal_lengths(self) -> Self:
        found = {name: len(column) for name, column in self if isinstance(column, tuple)}
        if len(set(found.values())) > 1:
            raise ValueError(f"arrays of equal length are needed, not {found}")
        return self


class Value(Part):
    """A number and its 95 % interval; None is "undefined"."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
