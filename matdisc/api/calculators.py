"""Calculators that are handed over in Python, as models with a card that no folder holds."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from matdisc.api.workplace import key_of
from matdisc.cards import ModelCard
from matdisc.cards.base import EnergyScale
from matdisc.cards.model import ModelLicence, Person
from matdisc.errors import CardError, RunError
from matdisc.models.load import Factory, no_calculator
from matdisc.predictions import one_line
from matdisc.run.engine.pickles import sendable
from matdisc.tasks.fit import OF_POTENTIALS

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

VERSION = "in Python"
"""Stands behind the name on the site."""
SUMMARY = "Calculator {kind}, handed over in Python; nobody wrote this card."


@dataclass(frozen=True, slots=True)
class GivenModel:
    """A calculator's card and what makes it."""

    card: ModelCard
    factory: Factory


def model_of(
    calculator: Calculator | Callable[[], Calculator],
    *,
    name: str | None = None,
    energy_scale: EnergyScale = "own",
    level_of_theory: str = "unknown",
    elements: Sequence[str] = (),
) -> GivenModel:
    """Return a calculator, or what makes one, as a model.

    Args:
        calculator: An ASE calculator (eV, eV/Å, eV/Å^3), or a function or class that is called without arguments.
        name: Of the model; default: that of the function or class, with `my` before it.
        energy_scale, level_of_theory, elements: As on a model's card.

    Raises:
        CardError: If it is, or makes, no calculator of energies and forces.
    """
    if isinstance(elements, str):
        raise CardError(f"elements is {elements!r}; give a list of symbols, such as ['Cu', 'Au']")
    made, make = _first(calculator)
    if said := no_calculator(made):
        raise CardError(f"the calculator is {said}; give an ASE calculator of energy and forces, or what makes one")
    name = name or f"my {_name(calculator, made)}"
    kind = type(made)
    card = card_of(
        name,
        kind="potential",
        summary=SUMMARY.format(kind=f"{kind.__module__}.{kind.__qualname__}"),
        gives=tuple(one for one in OF_POTENTIALS if one in made.implemented_properties),
        protocol="relax",
        level_of_theory=level_of_theory,
        energy_scale=energy_scale,
        elements=tuple(elements),
        options={"parameters": _fingerprint(made)},
    )
    return GivenModel(card, Factory(uuid.uuid4().hex, make))


def card_of(name: str, **fields: Any) -> ModelCard:
    """Return the card of a model of which little more than its name is known.

    Raises:
        CardError: If a field cannot be what it is said to be; the first one is named.
    """
    authors, licence = (Person(name="not given"),), ModelLicence(code="not given")
    try:
        return ModelCard(
            key=key_of(name), name=printable(name), version=VERSION, authors=authors, licence=licence, **fields
        )
    except ValidationError as err:
        problem = err.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        value = f"{where} is {problem['input']!r}: " if where else ""
        raise CardError(f"model {name!r}: {value}{problem['msg'].removeprefix('Value error, ')}") from err


def printable(name: str) -> str:
    """Return a name in letters that a card allows."""
    return "".join(letter if letter.isalnum() or letter in "_ .+-()/&,:" else " " for letter in name)[:120].strip()


def for_workers(model: GivenModel, workers: int | None, say: Callable[[str], None]) -> tuple[Factory, int | None]:
    """Return what makes the calculator, and in how many workers: in none, with a sentence, if it cannot be sent."""
    if workers == 0:
        return model.factory, 0
    try:
        return Factory(model.factory.token, sendable(model.factory.make)), workers
    except RunError as err:
        say(
            f"{model.card.name} cannot be sent to worker processes ({err}), so it is asked in this process; "
            "give a function that makes the calculator to use workers"
        )
        return model.factory, 0


def _first(calculator: Any) -> tuple[Any, Callable[[], Any]]:
    """Return a calculator, and a function that returns one: the same, or what was given."""
    makes = isinstance(calculator, type) or (
        callable(calculator) and getattr(calculator, "implemented_properties", None) is None
    )
    if not makes:
        return calculator, lambda: calculator
    try:
        return calculator(), calculator
    except Exception as err:  # code of others raises whatever it likes
        raise CardError(
            f"the calculator cannot be made: {_name(calculator, calculator)} called without arguments raised "
            f"{one_line(f'{type(err).__name__}: {err}')}"
        ) from err


def _name(given: Any, made: Any) -> str:
    named = getattr(given, "__name__", "<lambda>")
    return type(made).__name__ if named == "<lambda>" else str(named)


def _fingerprint(calculator: Any) -> str:
    """Return a hash of a calculator's class and parameters; of what is no plain value, of its type alone."""
    kind = type(calculator)
    parameters = getattr(calculator, "parameters", None)
    said = [kind.__module__, kind.__qualname__, _said(dict(parameters) if parameters else {})]
    return hashlib.sha256("|".join(said).encode()).hexdigest()[:12]


def _said(value: Any) -> str:
    if value is None or isinstance(value, str | int | float | bool):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_said(item)}" for key, item in sorted(value.items(), key=str)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_said, value)) + "]"
    if hasattr(value, "tobytes") and hasattr(value, "shape"):
        return f"{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}"
    return type(value).__qualname__
