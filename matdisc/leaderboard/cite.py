"""Everything that rows of a board rest on, as a BibTeX file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Any

from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.leaderboard.bibtex import Work, entry, key_of, model_work, works
from matdisc.leaderboard.cost import packages_of
from matdisc.leaderboard.results import run_provenance, tables_of
from matdisc.leaderboard.sources import OTHERS, SOFTWARE, TRAINING
from matdisc.tasks import get_task
from matdisc.tasks.task import Task
from matdisc.version import __version__

MATDISC = Work(
    author="{The matdisc developers}", title="matdisc: the referee for models that promise to find new stable materials"
)


@dataclass(frozen=True, slots=True)
class Row:
    """What is to be cited for a row: `run` is what made its predictions, as its provenance tells it."""

    model: ModelCard | None
    task: Task
    dataset: DatasetCard
    run: Mapping[str, Any]


@dataclass
class _Cited:
    """A work, its key if it has to have one, and the things that it is cited for, in words."""

    work: Work
    key: str
    uses: list[str]


def rows_of(board: Board, name: str, task: str | None = None, dataset: str | None = None) -> list[Row]:
    """Return a row of the board in all of its tables, or in those of one task or data set.

    Raises:
        CardError: If there is no such task, data set or row.
    """
    rows = tables_of(board, name, task, dataset)
    key = name.split("+")[0]
    model = board.model(key) if key in board.model_keys() else None
    return [
        Row(model, get_task(t), board.dataset(d), run_provenance(path, sha256(path.read_bytes()).hexdigest()) or {})
        for t, d, path in rows
    ]


def citations(board: Board, rows: Iterable[Row]) -> str:
    """Return a BibTeX file of what rows rest on: matdisc, models, training data, data sets, tasks and packages.

    Each work has one entry, under a line that says what it is cited for; what has no publication is named in a line of
    its own. BibTeX skips both kinds of lines.
    Training data is looked for in `sources.TRAINING` and among the data sets of the board.
    """
    cited: list[_Cited] = []
    without: list[str] = []
    for row in rows:
        for use, key, work in _works(board, row):
            if work is None or not (work.known or key):
                without.append(use + (f": {work.title}" if work else ""))
                continue
            work = _completed(work)
            same = next((other for other in cited if other.work.same(work)), None)
            if same is None:
                cited.append(_Cited(work, key, [use]))
            else:
                same.work, same.uses = same.work.filled(work), list(dict.fromkeys([*same.uses, use]))
    entries = [
        f"% {_comment('; '.join(one.uses))}\n{entry(key, one.work)}"
        for one, key in zip(cited, _keys(cited), strict=True)
    ]
    rest = [f"% no publication is known of: {_comment(line)}" for line in dict.fromkeys(without)]
    return "\n\n".join([*entries, *(["\n".join(rest)] if rest else [])]) + "\n"


def _works(board: Board, row: Row) -> Iterator[tuple[str, str, Work | None]]:
    """Yield use, key (empty: any) and work of all that a row rests on; None where no publication is known."""
    version = str(row.run.get("matdisc", __version__))
    yield f"matdisc {version}", "matdisc", replace(MATDISC, note=f"Version {version}")
    model = row.model
    if model is not None and not model.citation:
        yield f"model {model.key}", "", None
    elif model is not None:
        yield f"model {model.key}", model.key, model_work(model)
        yield from ((f"model {model.key}", "", work) for work in works(model.citation or "")[1:])
    for name in model.training_sets if model else ():
        own = board.dataset(name).citation if name in board.dataset_keys() else ()
        yield from _all(f"training data {name}", [TRAINING[name]] if name in TRAINING else own)
    yield from _all(f"data set {row.dataset.key}", row.dataset.citation)
    if row.task.citations:
        yield from _all(f"task {row.task.key}", row.task.citations)
    lock = {name: number for name, number in (row.run.get("lock") or {}).items() if name in SOFTWARE}
    for package, number in {**packages_of(row.run.get("cost")), **lock}.items():
        yield from _all(f"{package} {number}", [SOFTWARE[package]] if package in SOFTWARE else ())


def _all(use: str, texts: Iterable[str]) -> Iterator[tuple[str, str, Work | None]]:
    found = [work for text in texts for work in works(text)]
    yield from ((use, "", work) for work in found)
    if not found:
        yield use, "", None


@cache
def _well_known() -> tuple[Work, ...]:
    return tuple(work for text in (*OTHERS, *SOFTWARE.values(), *TRAINING.values()) for work in works(text))


def _completed(work: Work) -> Work:
    """Return a work with what is known of it here: texts of cards often lack the title, or give surnames only."""
    known = next((other for other in _well_known() if (work.doi or work.eprint) and other.same(work)), work)
    return replace(known.filled(work), note=work.note, url=work.url)


def _keys(cited: Iterable[_Cited]) -> list[str]:
    """Return a key for each work; where a key is taken, letters follow it."""
    taken: dict[str, None] = {}
    for one in cited:
        key = one.key or key_of(one.work)
        free = (key + letter for letter in ("", *"abcdefghijklmnopqrstuvwxyz"))
        taken[next(name for name in free if name not in taken)] = None
    return list(taken)


def _comment(text: str) -> str:
    """Text that no reader of BibTeX takes for an entry, on one line."""
    return " ".join(text.replace("@", "(at)").split())
