"""What a graph equivariant transformer is made of: sizes, radii, switches, elements and the level of its labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from matdisc.elements import ELEMENTS
from matdisc.errors import CardError

SYMBOLS = ("X", *ELEMENTS.split())
"""Symbol of each atomic number."""
MAX_NUMBER = 86
"""Highest atomic number that the embedding has a row for."""

HEADS = ("energy", "charge", "electronegativity", "hardness")
"""What the network says of an atom, a head for each."""

_POSITIVE_WHOLE = ("features", "heads", "radial", "layers")
_TABLES = ("baseline", "dispersion_c6")
_BY_ELEMENT = ("elements", *_TABLES)
_POSITIVE = ("cutoff", "coulomb_radius", "coulomb_beta", "ewald_accuracy")


@dataclass(frozen=True, slots=True)
class Settings:
    """Sizes, radii and switches of one model.

    Attributes:
        features: Width of node features, a multiple of `heads`.
        heads: Attention heads.
        radial: Radial functions of an edge.
        layers: Message passing layers, at least 2.
        cutoff: Where edges end, Å.
        coulomb_radius: Below about this distance the Coulomb interaction levels off, Å.
        coulomb_beta: How sharply it does.
        dispersion: Whether a dispersion energy is part of the model, while it learns and after. It wants `elements`.
        dispersion_c6: C6 of each element, eV Å^6; needed if `dispersion` (docs/explanation/get.md).
        dispersion_a1: Parameter a1 of D3(CSO) of the density functional of the labels; 0.86 is that of B3LYP.
        conservative: Whether forces are minus the whole gradient of the energy; if not, the part that moving atoms
            have through their charges is left out, as in the paper.
        elements: Atomic numbers that the model was trained on; empty for any.
        baseline: Energy of an atom of each element, eV, added to what the network says.
        level_of_theory: Method of the labels.
        charges_scheme: What kind of charges were learnt, such as Mulliken.
        ewald_accuracy: Relative size of what the Ewald sums leave out.

    Raises:
        CardError: If a value is impossible; the field is named.
    """

    features: int = 64
    heads: int = 16
    radial: int = 32
    layers: int = 3
    cutoff: float = 5.0
    coulomb_radius: float = 2.2
    coulomb_beta: float = 18.7
    dispersion: bool = False
    dispersion_c6: Mapping[int, float] = field(default_factory=dict)
    dispersion_a1: float = 0.86
    conservative: bool = True
    elements: tuple[int, ...] = ()
    baseline: Mapping[int, float] = field(default_factory=dict)
    level_of_theory: str = ""
    charges_scheme: str = ""
    ewald_accuracy: float = 1e-6

    def __post_init__(self) -> None:
        for name in _POSITIVE_WHOLE:
            value = getattr(self, name)
            _demand(isinstance(value, int) and not isinstance(value, bool) and value > 0, name, value, "1 or more")
        for name in _POSITIVE:
            value = getattr(self, name)
            fine = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e6
            _demand(fine, name, value, "a positive number")
        _demand(self.layers >= 2, "layers", self.layers, "2 or more")
        _demand(self.features % self.heads == 0, "features", self.features, f"a multiple of heads ({self.heads})")
        _demand(self.ewald_accuracy < 0.1, "ewald_accuracy", self.ewald_accuracy, "below 0.1")
        for name in ("dispersion", "conservative"):
            _demand(isinstance(getattr(self, name), bool), name, getattr(self, name), "true or false")
        for name in _BY_ELEMENT:
            for number in getattr(self, name):
                _demand(number in range(1, MAX_NUMBER + 1), name, number, f"elements up to {SYMBOLS[MAX_NUMBER]}")
        if self.dispersion:
            self._demand_coefficients()

    def _demand_coefficients(self) -> None:
        _demand(bool(self.elements), "elements", self.elements, "a list of elements where 'dispersion' is true")
        missing = [SYMBOLS[number] for number in self.elements if not self.dispersion_c6.get(number, 0) > 0]
        if missing:
            raise CardError(
                f"'dispersion' is true, but 'dispersion_c6' has no positive number for {', '.join(missing)}; give C6 "
                "in eV Å^6 for each of 'elements' (docs/explanation/get.md), or set dispersion = false"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, elements by symbol; `settings_of` reads them back."""
        tables = {
            name: {SYMBOLS[number]: float(value) for number, value in sorted(getattr(self, name).items())}
            for name in _TABLES
        }
        return asdict(self) | tables | {"elements": [SYMBOLS[number] for number in self.elements]}

    def to_toml(self, table: str = "settings") -> str:
        """Return the settings as TOML text: `[table]` and a table of its own for what is given by element."""
        content = self.to_dict()
        tables = {name: content.pop(name) for name in _TABLES}
        lines = [f"[{table}]", *_lines(content)]
        for name, values in tables.items():
            if values:
                lines += ["", f"[{table}.{name}]", *_lines(values)]
        return "\n".join(lines) + "\n"


def settings_of(content: Mapping[str, Any], where: str = "settings") -> Settings:
    """Return the settings that a TOML table holds; missing fields have their defaults.

    Args:
        content: The table; elements by symbol.
        where: What messages call it, such as the file.

    Raises:
        CardError: If a field is unknown or its value is impossible.
    """
    known = {one.name for one in fields(Settings)}
    if unknown := sorted(set(content) - known):
        raise CardError(f"{where}: {unknown[0]!r} is no field; known are {', '.join(sorted(known))}")
    values = dict(content)
    if "elements" in values:
        values["elements"] = tuple(_number(symbol, "elements", where) for symbol in values["elements"])
    for name in (name for name in _TABLES if name in values):
        values[name] = {_number(symbol, name, where): float(value) for symbol, value in values[name].items()}
    try:
        return Settings(**values)
    except CardError as err:
        raise CardError(f"{where}: {err}") from None


def _lines(content: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in content.items()]


def _number(symbol: Any, name: str, where: str) -> int:
    if symbol not in SYMBOLS[1:]:
        raise CardError(f"{where}: {name!r} names {symbol!r}, which is no element; give symbols such as 'Li'")
    return SYMBOLS.index(symbol)


def _demand(fine: bool, name: str, value: Any, wanted: str) -> None:
    if not fine:
        raise CardError(f"{name!r} is {value!r} and has to be {wanted}")
