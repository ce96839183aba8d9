"""Asking a model about a data set and scoring its answers, from Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from numbers import Real
from typing import TYPE_CHECKING

from matdisc.api.calculators import GivenModel, for_workers, model_of
from matdisc.api.datasets import DatasetLike, locate
from matdisc.api.evaluation import Evaluation
from matdisc.api.save import keep, refuse_other_model
from matdisc.api.workplace import BoardLike, board_of, cards_of, python_words
from matdisc.board import Board
from matdisc.cards import ModelCard
from matdisc.cards.base import EnergyScale
from matdisc.errors import CardError, RunError, SubmissionError
from matdisc.leaderboard.results import result_of
from matdisc.leaderboard.submission import load_submission
from matdisc.models.load import THREAD_VARIABLES, Factory
from matdisc.progress import news, progress_line
from matdisc.protocols import PROTOCOLS
from matdisc.run.engine.limits import lift_memory_limit
from matdisc.run.predict import Run, predict

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


def evaluate(
    calculator: Calculator | Callable[[], Calculator] | str,
    task: str | None = None,
    dataset: DatasetLike = "elements",
    *,
    board: BoardLike = None,
    name: str | None = None,
    energy_scale: EnergyScale | None = None,
    level_of_theory: str | None = None,
    elements: Sequence[str] = (),
    protocol: str | None = None,
    workers: int | None = 0,
    limit: int | None = None,
    timeout: float | None = 600.0,
    memory: float | None = None,
    restart: bool = False,
    progress: bool = True,
) -> Evaluation:
    """Ask a calculator about every material of a data set, score its answers and return the result.

    It is what `matdisc evaluate` does. With a board answers go to its records as they come, so that the same call goes
    on after a crash, and predictions and result stay there. A calculator counts as the same if its name, class and
    parameters are; one that was trained further needs `restart` or another name.

    Args:
        calculator: An ASE calculator (eV, eV/Å, eV/Å^3); a function without arguments that makes one, which worker
            processes need where the calculator cannot be pickled; or the key of a model card.
        task: What is asked; default: the first task of the data set.
        dataset: Key of a data set, folder of one, file or files of labelled structures (any format that
            `matdisc datasets new` reads), a list of ASE atoms with their results, or what `load_dataset` returned.
        board: A board or its folder; default: the cards that come with the package, and nothing is kept.
        name: Of the model; default: `my` and the calculator's class.
        energy_scale: What total energies mean: `own` (default; formation energies are taken against the model's own
            elements), `mp2020_corrected` or `pbe_raw`.
        level_of_theory: Of the calculator, as data set cards write it.
        elements: That the calculator knows, if not all: others count as unsupported and not as failed.
        protocol: `relax` (default), `relax-fast` or `single-point`.
        workers: Worker processes; 0 for this process, None for one on each core.
        limit: Only the first so many materials, for a try; the others count as unanswered, and nothing is kept.
        timeout: Seconds that one material may take.
        memory: GiB that one worker may hold.
        restart: Whether to set answers aside that are on the board, and ask anew.
        progress: Whether to say on standard error how far it is.

    Raises:
        MatdiscError: If calculator, task and data set do not fit, or something is in the way; in one line.
    """
    say = news if progress else _silent
    with python_words():
        _refuse_odd(protocol, workers, limit, timeout)
        chosen = board_of(board)
        model, factory, workers = _model(
            calculator, chosen, workers, name=name, energy_scale=energy_scale, level_of_theory=level_of_theory,
            elements=elements,
        )  # fmt: skip
        place, key = locate(dataset, chosen, say=say)
        task = task or place.dataset(key).tasks[0]
        if chosen and factory:
            refuse_other_model(chosen, model)
        shown = progress_line(f"{model.key} {task} {key}") if progress else nullcontext(None)
        with _limits_lifted(), shown as report:
            run = predict(
                place, model, task, key, factory=factory, protocol=protocol, workers=workers, limit=limit,
                timeout=timeout, memory=memory, restart=restart, progress=report, say=say,
            )  # fmt: skip
        return _scored(run, place, model, task, key, chosen)


def _refuse_odd(protocol: str | None, workers: int | None, limit: int | None, timeout: float | None) -> None:
    """Raise RunError if an argument has no meaning."""
    if protocol is not None and protocol not in PROTOCOLS:
        raise RunError(f"protocol is {protocol!r}; known: {', '.join(PROTOCOLS)}")
    given = {"workers": workers, "limit": limit, "timeout": timeout}
    odd = next((key for key, value in given.items() if not isinstance(value, Real | None)), None)
    if odd:
        raise RunError(f"{odd} is {given[odd]!r}; give a number, or None")
    if workers is not None and workers < 0:
        raise RunError(f"workers is {workers}; give 0 for this process, a number of processes, or None for all cores")
    if limit is not None and limit < 1:
        raise RunError(f"limit is {limit}; give a number of materials, or None for all")
    if timeout is not None and timeout <= 0:
        raise RunError(f"timeout is {timeout}; give seconds, or None for no limit")


def _scored(run: Run, place: Board, model: ModelCard, task: str, key: str, board: Board | None) -> Evaluation:
    """Return the result of a run, which is kept where it is of the whole data set and there is a board."""
    if run.trouble:
        raise RunError(f"{run.entry} on {key} ({task}): {run.trouble}")
    if run.reused:
        news(f"{run.reused:,} answers were on the board already ({run.record}); restart=True asks anew")
    try:
        checked = load_submission(place, run.out, task, key)
    except SubmissionError as err:
        raise SubmissionError(str(err).replace(str(run.out), f"the answers of {run.entry}")) from None
    content = result_of(place, checked, entry=run.entry, model=model)
    if board and run.out.is_relative_to(board.predictions_dir):
        keep(board, content, checked, model)
    return Evaluation(content, checked, place, model)


def _model(
    calculator: Calculator | Callable[[], Calculator] | str,
    board: Board | None,
    workers: int | None,
    *,
    name: str | None,
    energy_scale: EnergyScale | None,
    level_of_theory: str | None,
    elements: Sequence[str],
) -> tuple[ModelCard, Factory | None, int | None]:
    """Return the card of what was given, what makes its calculator, and how many workers it can have."""
    if not isinstance(calculator, str):
        given: GivenModel = model_of(
            calculator,
            name=name,
            energy_scale=energy_scale or "own",
            level_of_theory=level_of_theory or "unknown",
            elements=elements,
        )
        return given.card, *for_workers(given, workers, news)
    said = {"name": name, "energy_scale": energy_scale, "level_of_theory": level_of_theory, "elements": elements}
    surplus = [key for key, value in said.items() if value]
    if surplus:
        raise CardError(f"{surplus[0]!r} is said on the card of model {calculator!r}; leave it out")
    return cards_of(board).model(calculator), None, workers


@contextmanager
def _limits_lifted() -> Iterator[None]:
    """Give this process back its threads, which models from cards and the start of workers hold to one, and memory."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    threads = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None
    try:
        yield
    finally:
        lift_memory_limit()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if threads:
            sys.modules["torch"].set_num_threads(threads)


def _silent(line: str) -> None:
    return None
