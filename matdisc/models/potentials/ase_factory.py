"""Any calculator that can be made by calling something with plain values: `ase.calculators.lj:LennardJones`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from matdisc.errors import CardError, ExtraError

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

NEEDED = ("energy", "forces", "stress")


def load(factory: str, **options: str | int | float | bool) -> Calculator:
    """Return the ASE calculator that a class or function makes: eV, eV/Å, eV/Å^3.

    On a card: `options = { factory = "ase.calculators.lj:LennardJones", sigma = 2.3, epsilon = 0.2, rc = 7.0 }`.

    Args:
        factory: `module:callable`, of ASE, of another package, or of your own code that is on the Python path.
        options: What it is called with.

    Raises:
        ExtraError: If the module is not installed.
        CardError: If there is no such callable, it cannot be called so, or what it returns is no ASE calculator of
            energy, forces and stress.
    """
    try:
        found = _callable(factory)(**options)
    except TypeError as err:
        given = ", ".join(options) or "no options"
        raise CardError(f"option 'factory' is {factory!r}, which cannot be called with {given}: {err}") from err
    properties = getattr(found, "implemented_properties", None)
    if properties is None or not hasattr(found, "get_property"):
        raise CardError(f"option 'factory' is {factory!r}, which makes a {type(found).__name__} and no ASE calculator")
    missing = [name for name in NEEDED if name not in properties]
    if missing:
        raise CardError(
            f"option 'factory' is {factory!r}, whose calculator lacks {', '.join(missing)}; "
            "matdisc relaxes cells and needs energy, forces and stress"
        )
    calculator: Calculator = found
    return calculator


def _callable(factory: str) -> Any:
    module, _, name = factory.partition(":")
    try:
        found = getattr(import_module(module), name, None)
    except ModuleNotFoundError as err:
        raise ExtraError(
            f"option 'factory' is {factory!r}, but there is no module {err.name!r} here; install its package, or put "
            "your own module on PYTHONPATH"
        ) from err
    except ValueError as err:
        raise CardError(f"option 'factory' is {factory!r}; it has to be 'module:callable'") from err
    if not callable(found):
        raise CardError(f"option 'factory' is {factory!r}, but {module!r} has nothing to call by the name {name!r}")
    return found
