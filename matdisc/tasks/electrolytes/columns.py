"""The columns of a predictions file of the electrolytes task."""

from __future__ import annotations

from collections.abc import Mapping

from matdisc.metrics.block_averaging import Estimate
from matdisc.scoring.base import AnswerColumn
from matdisc.tasks.electrolytes.properties import plain

SPECIES = ("EC", "PC", "DMC", "EMC", "DEC", "Li+", "PF6-", "FSI-", "TFSI-")
"""Species whose diffusion coefficients have columns."""
SHARED = (
    "density", "viscosity", "conductivity", "conductivity_ideal", "transference", "transference_ideal", "ionicity",
    "finite_size",
)  # fmt: skip
PROPERTIES = (*SHARED, *(f"diffusion_{plain(name)}" for name in SPECIES))
UNITS = {
    "density": "g/cm³", "viscosity": "mPa s", "conductivity": "mS/cm", "conductivity_ideal": "mS/cm",
    "transference": "", "transference_ideal": "", "ionicity": "", "finite_size": "m²/s",
}  # fmt: skip
"""As printed; diffusion coefficients are in m²/s."""


def unit_of(name: str) -> str:
    """Return the unit of a property, as printed."""
    return UNITS.get(name, "m²/s")


def answer_columns() -> tuple[AnswerColumn, ...]:
    """Return the columns of a predictions file: how it went, whether fitted, then properties with their errors."""
    properties = [
        column
        for name in PROPERTIES
        for column in (
            AnswerColumn(name, name.replace("_", " "), unit_of(name)),
            AnswerColumn(f"{name}_error", "its standard error", unit_of(name)),
        )
    ]
    return (
        AnswerColumn("simulated_ps", "simulated time that properties come from", "ps", 0.0, 1e9),
        AnswerColumn("completed", "1 if every replica reached its end"),
        AnswerColumn("stop", "reason of an early end, 0 for none"),
        AnswerColumn("aligned", "1 if the model was fitted to the density of this liquid"),
        *properties,
    )


def as_columns(found: Mapping[str, Estimate]) -> dict[str, float]:
    """Return the properties that are defined and have columns, each with its error."""
    values: dict[str, float] = {}
    for name in PROPERTIES:
        if name in found and found[name].defined:
            values |= {name: found[name].value, f"{name}_error": found[name].error}
    return values
