"""Liquid electrolytes: what is in them, and what experiments say of them.

Two tables: `systems.csv` with composition and temperature, `experiment.csv` with one measured value a row and its
source. The box that models are asked about is packed anew for every replica; the structure of a sample is the same
molecules set apart on a grid, which tells everyone what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil, inf
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.cards import DatasetCard
from matdisc.datasets.csv_rows import Row, read_rows, unique
from matdisc.datasets.load import fold_of
from matdisc.errors import DataError
from matdisc.schema import Crystal, Dataset, Sample

UNITS = {"density": "g/cm^3", "viscosity": "mPa s", "conductivity": "mS/cm", "transference": "1", "diffusion": "m^2/s"}
"""Quantities of the experimental table; `diffusion_EC` and so on are diffusion coefficients of one species."""
SYSTEMS = ("material_id", "temperature", "composition", "start_density", "group")
PROPERTIES = ("all", "density")
"""What the optional column `properties` of systems.csv may ask for; nothing else is compared then."""
VALUES = ("material_id", "quantity", "value", "uncertainty", "unit", "temperature", "source", "checked")
NEUTRAL = 1e-6
"""Share of its moles that the charge of a composition may be."""
SPACING = 8.0
"""Å between the molecules of the grid: farther than any of them reaches."""


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return one sample for each system. `electrolytes` in its inputs is what will be done with it.

    Targets are `density` and so on, with `density_uncertainty` where the source gives one.

    Raises:
        DataError: If a table is damaged, names an unknown system, species or unit, or the temperatures differ.
    """
    rule = card.electrolytes
    if rule is None:
        raise DataError(f"dataset {card.key!r}: no table 'electrolytes' on its card; add it")
    rows = read_rows(files["systems.csv"], SYSTEMS)
    unique(rows, "material_id")
    targets = read_experiment(files["experiment.csv"], {row.text("material_id"): row for row in rows})
    settings = rule.model_dump(mode="json", exclude={"note"}, exclude_none=True)
    samples = []
    for row in rows:
        name, group = row.text("material_id"), row.text("group")
        counts = counts_of(row, rule.n_atoms)
        inputs: dict[str, Any] = {
            "crystal": grid(counts),
            "counts": counts,
            "temperature": row.number("temperature"),
            "start_density": row.number("start_density"),
            "electrolytes": settings,
        }
        target = targets.get(name, {})
        if properties_of(row) == "density":
            inputs["properties"] = "density"
            target = {key: value for key, value in target.items() if key.startswith("density")}
        samples.append(Sample(name, inputs, target, group, fold_of(group, card.split.n_folds)))
    return Dataset(key=card.key, samples=tuple(samples))


def read_experiment(path: Path, systems: Mapping[str, Row]) -> dict[str, dict[str, float]]:
    """Return the measured values of each system by quantity, with their uncertainties where known.

    Raises:
        DataError: If a row repeats another, or its system, quantity, unit or temperature is wrong.
    """
    found: dict[str, dict[str, float]] = {}
    for row in read_rows(path, VALUES):
        name, quantity = row.text("material_id"), row.text("quantity")
        if name not in systems:
            continue  # one table serves several datasets
        if row.text("unit") != UNITS.get(quantity.partition("_")[0]):
            raise row.error("unit", f"is not the unit of {quantity!r}; the units are {UNITS}")
        if abs(row.number("temperature") - systems[name].number("temperature")) > 0.5:
            raise row.error("temperature", f"is not that of {name!r} in systems.csv; name another system")
        values = found.setdefault(name, {})
        if quantity in values:
            raise row.error("quantity", f"is given twice for {name!r}; keep one")
        row.text("source")
        values[quantity] = row.number("value")
        if (uncertainty := row.optional("uncertainty")) is not None:
            values[f"{quantity}_uncertainty"] = uncertainty
    return found


def counts_of(row: Row, n_atoms: int) -> dict[str, int]:
    """Return how many of each species a box of at least `n_atoms` atoms holds.

    A composition such as `Li+:1 PF6-:1 EC:3.57 EMC:7.05` gives moles; the smallest multiple of the first species that
    is large enough counts, others are rounded and never left out.

    Raises:
        DataError: If it cannot be read, names a species that nobody knows, or is not neutral.
    """
    from matdisc.physics.molecules.species import species

    moles = _moles(row)
    charge = sum(amount * species(name).charge for name, amount in moles.items())
    if abs(charge) > NEUTRAL * sum(moles.values()):
        raise row.error("composition", f"is not neutral, its charges add up to {charge:+g} e; add counter-ions")
    first = next(iter(moles.values()))
    ratio = {name: amount / first for name, amount in moles.items()}
    atoms = sum(len(species(name)) * share for name, share in ratio.items())
    units = max(1, ceil(n_atoms / atoms - 1e-9))
    counts = {name: max(1, round(units * share)) for name, share in ratio.items()}
    if charge := sum(n * species(name).charge for name, n in counts.items()):
        raise row.error(
            "composition", f"is rounded to a box of {counts} with {charge:+d} e; ask for more atoms, or whole numbers"
        )
    return counts


def properties_of(row: Row) -> str:
    """Return what is asked of a system: `all`, also where the table does not say, or `density`.

    Raises:
        DataError: If it is something else.
    """
    asked = (row.values.get("properties") or "all").strip()
    if asked not in PROPERTIES:
        raise row.error("properties", f"is unknown; give one of {', '.join(PROPERTIES)}")
    return asked


def _moles(row: Row) -> dict[str, float]:
    from matdisc.physics.molecules.species import built_in

    moles: dict[str, float] = {}
    for part in row.text("composition").split():
        name, _, amount = part.rpartition(":")
        try:
            moles[name] = float(amount)
        except ValueError:
            raise row.error("composition", "cannot be read; write it like 'Li+:1 PF6-:1 EC:4 EMC:7'") from None
        if name not in built_in():
            raise row.error("composition", f"names {name!r}, which is unknown; known are {', '.join(built_in())}")
        if not 0 < moles[name] < inf:
            raise row.error("composition", "needs positive amounts, as in 'EC:1'")
    return moles


def grid(counts: Mapping[str, int]) -> Crystal:
    """Return the molecules of a box apart from each other on a cubic grid, all turned the same way."""
    from matdisc.physics.molecules.species import species

    molecules = [species(name) for name in ordered(counts)]
    edge = ceil(len(molecules) ** (1 / 3) - 1e-9)
    length = edge * SPACING
    places = [np.array(index) for index in np.ndindex(edge, edge, edge)][: len(molecules)]
    positions = np.concatenate([m.positions + at * SPACING for m, at in zip(molecules, places, strict=True)])
    return Crystal(
        tuple(symbol for m in molecules for symbol in m.symbols),
        tuple(tuple(row) for row in (positions / length).tolist()),
        ((length, 0.0, 0.0), (0.0, length, 0.0), (0.0, 0.0, length)),
    )


def ordered(counts: Mapping[str, int]) -> Iterable[str]:
    """Return the species of a box, molecule by molecule."""
    return [name for name, n in counts.items() for _ in range(n)]
