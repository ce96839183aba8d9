"""Loading what a card names, with errors that say what to install."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from matdisc.cards import ModelCard
from matdisc.errors import CardError, ExtraError, MatdiscError, RunError
from matdisc.models.devices import device_option, round_products, rounds_products
from matdisc.models.weights import checkpoint
from matdisc.predictions import one_line
from matdisc.schema import Crystal, Sample, Unsupported, Values

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


@dataclass(frozen=True, slots=True)
class Question:
    """What a predictor is asked: the task's key, and the hull distance (eV/atom) that still counts as stable."""

    task: str
    threshold: float


Answer = Values | Mapping[str, Crystal] | Unsupported
"""Values by name; or, where a structure is asked for, a Crystal under the name `structure`; or a refusal."""
Predictor = Callable[[Sequence[Sample], Sequence[Sample], Question], Sequence[Answer]]
"""`(train, test, question)` to one answer for each test sample; `train` has targets, `test` has none."""


@dataclass(frozen=True, slots=True)
class Factory:
    """What makes the calculator of a card without loader: handed over from Python, in no file.

    Attributes:
        token: Another one for each run, by which a worker knows what it has loaded.
        make: Returns the calculator.
    """

    token: str
    make: Callable[[], Any] = field(compare=False)


THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def load_potential(card: ModelCard, factory: Factory | None = None) -> Calculator:
    """Return the ASE calculator of a potential: eV, eV/Å, eV/Å^3.

    It comes from the card's loader, with one thread; or from a factory, which has the threads that its process has.

    Raises:
        CardError: If the card has no loader, or the loader does not exist or returns no calculator.
        ExtraError: If its package is not installed.
        DataError: If its weights cannot be had, or are not those of the card.
        RunError: If the loader fails in any other way.
    """
    calculator: Calculator
    if factory is None:
        one_thread()
        calculator = _made(card)
    else:
        calculator = _guarded(card, factory.make)
    if said := _guarded(card, lambda: no_calculator(calculator)):
        raise CardError(f"model {card.key!r}: {_source(card)} returns {said}; a potential's returns one")
    return calculator


def load_predictor(card: ModelCard) -> Predictor:
    """Return the function that answers for a predictor; errors as for a potential."""
    one_thread()
    predictor: Predictor = _made(card)
    if not callable(predictor) or isinstance(predictor, type):
        raise CardError(
            f"model {card.key!r}: its loader {card.loader!r} returns {_kind(predictor)} and no function; a predictor's "
            "returns a function of (train, test, question)"
        )
    return predictor


def is_ours(card: ModelCard) -> bool:
    """Whether a model comes from a loader of this package that takes no calculator of somebody else's."""
    return card.loader is not None and card.loader.startswith("matdisc.") and "factory" not in card.options


def installed(card: ModelCard) -> bool:
    """Whether the packages that the card requires are importable here; nothing is imported."""
    return card.loader is not None and all(find_spec(name) is not None for name in _packages(card))


def one_thread() -> None:
    """Hold this process to one thread: parallelism comes from processes, and two threads slow small crystals down."""
    for name in THREAD_VARIABLES:
        os.environ[name] = "1"
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)


def _loader(card: ModelCard) -> Callable[..., Any]:
    if card.loader is None:
        raise CardError(
            f"model {card.key!r} has no 'loader' on its card, so it cannot be run here; "
            "score its predictions file instead"
        )
    missing = [name for name in _packages(card) if find_spec(name) is None]
    if missing:
        extra = f"'matdisc[{card.extra}]'" if card.extra else " ".join(repr(r) for r in card.requirements)
        raise ExtraError(
            f"model {card.key!r} needs the package {missing[0]!r}, which is not installed; run: pip install {extra}"
        )
    module, _, name = card.loader.partition(":")
    try:
        found: Callable[..., Any] = getattr(_guarded(card, lambda: import_module(module)), name)
    except AttributeError as err:
        raise CardError(
            f"model {card.key!r}: field 'loader' is {card.loader!r}, which cannot be loaded: {err}"
        ) from err
    if not callable(found):
        raise CardError(f"model {card.key!r}: field 'loader' is {card.loader!r}, which cannot be called")
    return found


def _made(card: ModelCard) -> Any:
    """Return what the card's loader returns, whatever that is; it may not lower the precision beyond the card's."""
    loader = _loader(card)
    round_products("float32")
    made = _guarded(card, lambda: loader(**{**_options(card), **device_option(card, loader)}))
    if card.precision == "float32" and rounds_products():
        round_products("float32")
        raise CardError(
            f"model {card.key!r}: its loader {card.loader!r} makes torch round products of float32; mend it, or its "
            "'options', or say precision = \"tf32\" on the card"
        )
    round_products(card.precision)
    return made


def _guarded(card: ModelCard, step: Callable[[], Any]) -> Any:
    """Do a step of loading in which foreign code runs: whatever it raises becomes one error of the model."""
    try:
        return step()
    except KeyboardInterrupt:
        raise
    except MatdiscError as err:
        if repr(card.key) in str(err):
            raise
        raise type(err)(f"model {card.key!r}: {err}") from err
    except ModuleNotFoundError as err:
        if err.name and card.loader and f"{card.loader.partition(':')[0]}.".startswith(f"{err.name}."):
            raise CardError(
                f"model {card.key!r}: field 'loader' is {card.loader!r}, which cannot be loaded: {err}; correct it, or "
                "put its folder on PYTHONPATH"
            ) from err
        remedy = "" if card.loader else " where it is called; install it there, or put its folder on PYTHONPATH"
        raise ExtraError(
            f"model {card.key!r}: {_source(card)} needs the package {err.name!r}, which is not installed{remedy}"
        ) from err
    except BaseException as err:  # packages raise whatever they like; one that wants to exit does not end the run
        said = one_line(f"{type(err).__name__}: {err}", 500)
        remedy = "mend it, or its 'options' on the card" if card.loader else "mend it"
        raise RunError(f"model {card.key!r} cannot be loaded: {_source(card)} raised {said}; {remedy}") from err


def _source(card: ModelCard) -> str:
    return f"its loader {card.loader!r}" if card.loader else "the function that makes it"


def no_calculator(found: Any) -> str:
    """Return what is wrong with something that should be an ASE calculator of energy and forces."""
    properties = getattr(found, "implemented_properties", None)
    asked_by = ("get_property", "get_potential_energy")
    if isinstance(found, type) or properties is None or not any(hasattr(found, name) for name in asked_by):
        return f"{_kind(found)} and no ASE calculator"
    missing = [name for name in ("energy", "forces") if name not in properties]
    return f"a calculator without {' and '.join(missing)}" if missing else ""


def _kind(found: Any) -> str:
    if isinstance(found, type):
        return f"the class {found.__name__}, which nobody has called,"
    return "None" if found is None else f"a {type(found).__name__}"


def _options(card: ModelCard) -> dict[str, Any]:
    """What the loader is called with: the card's options, and where the checkpoint lies if there is one."""
    found = checkpoint(card)
    return dict(card.options) if found is None else {**card.options, "file": str(found)}


def _packages(card: ModelCard) -> tuple[str, ...]:
    """Import names that the card gives, or those that the distributions it requires suggest."""
    return card.packages or tuple(name.replace("-", "_") for name in card.distributions)
