"""Loading what a card names, with errors that say what to install."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from matdisc.cards import ModelCard
from matdisc.errors import CardError, ExtraError
from matdisc.models.weights import checkpoint
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
"""`(train, asked, question)` to one answer for each asked sample; `train` has targets, `asked` has none."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def load_potential(card: ModelCard) -> Calculator:
    """Return the ASE calculator of a potential: eV, eV/Å, eV/Å^3.

    Raises:
        CardError: If the card has no loader, or the loader does not exist.
        ExtraError: If its package is not installed.
        DataError: If its weights cannot be had, or are not those of the card.
    """
    one_thread()
    loader = _loader(card)
    return loader(**_options(card), **_accelerator(card))


def load_predictor(card: ModelCard) -> Predictor:
    """Return the function that answers for a predictor; errors as for a potential."""
    one_thread()
    predictor: Predictor = _loader(card)(**_options(card))
    return predictor


def model_hash(model: ModelCard) -> str:
    """Return the hash of what makes a model's answers: loader, options, version, elements, energy scale."""
    made_of = model.model_dump(include={"key", "version", "kind", "loader", "options", "elements", "energy_scale"})
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


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
        found: Callable[..., Any] = getattr(import_module(module), name)
    except (ImportError, AttributeError) as err:
        raise CardError(
            f"model {card.key!r}: field 'loader' is {card.loader!r}, which cannot be loaded: {err}"
        ) from err
    return found


def _options(card: ModelCard) -> dict[str, Any]:
    """What the loader is called with: the card's options, and where the checkpoint lies if there is one."""
    found = checkpoint(card)
    return dict(card.options) if found is None else {**card.options, "file": str(found)}


def _accelerator(card: ModelCard) -> dict[str, str]:
    """The option `device` for a card that asks for a GPU, in a process that has one and is not told otherwise."""
    if not card.gpus or "device" in card.options:
        return {}
    import torch

    return {"device": "cuda"} if torch.cuda.is_available() else {}


def _packages(card: ModelCard) -> list[str]:
    """Import names that the card gives, or those of its requirements: the distribution's name up to its version."""
    if card.packages:
        return list(card.packages)
    names = []
    for requirement in card.requirements:
        name = requirement
        for mark in "[<>=!~; @":
            name = name.split(mark)[0]
        names.append(name.strip().replace("-", "_"))
    return names
