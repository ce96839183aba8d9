"""What training data shares with a test set, and every metric with and without it. Unknown is never shown as clean."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Bools
from matdisc.board import Board
from matdisc.cards import DatasetCard, ModelCard
from matdisc.columns import delimiter, headers
from matdisc.datasets import load
from matdisc.datasets.leakage.declarations import Declaration, declaration_of, read_declaration
from matdisc.datasets.leakage.features import forbidden_columns, lookup_test
from matdisc.datasets.leakage.overlap import find_overlap, overlap_from_cards, overlap_mask, unknown_mask
from matdisc.errors import DataError
from matdisc.leaderboard.submission import AlignedSubmission
from matdisc.scoring.base import Bootstrap, headline_mask

MAX_LOOKUP_ROWS = 20_000
"""Larger sets are not put to the lookup test: parsing every formula would cost more than all the scoring."""


def leakage_report(
    board: Board, checked: AlignedSubmission, model: ModelCard | None, training: Path | None, bootstrap: Bootstrap
) -> dict[str, Any] | None:
    """Return what is known about training overlap: from the cards alone, or in full from a declaration.

    A declaration is a file, or a dataset of this board that the model's card names among its training sets. With one:
    counts by strongest level, in words what the declaration can show, and the metrics of the materials that share at
    least their formula with it (`with_overlap`), of those that surely do not (`without_overlap`), and the number for
    which it cannot tell (`n_unknown`).

    Raises:
        DataError: If the declaration cannot be read, or the dataset holds labels without structures.
    """
    report: dict[str, Any] = {}
    if model is not None and not model.reference_row:
        declared = overlap_from_cards(model, checked.card)
        report |= {"declared": declared.degree, "notes": list(declared.notes)}
    if checked.task.scoring.by_fold:
        if training is not None:
            raise DataError(
                f"{training}: the alloys task says for each answer what may be learnt from; leave the declaration out"
            )
        return report or None
    declaration, digest = _declaration(board, model, training)
    if declaration is not None:
        dataset = load(board, checked.card.key)
        dataset = checked.task.scoring.references(checked.card, dataset)
        overlap = find_overlap(dataset, declaration)
        shared, unknown = overlap_mask(overlap), unknown_mask(overlap)
        keep = headline_mask(checked.card, checked.truth)
        report |= {
            "declaration": declaration.source,
            "declaration_sha256": digest,
            "level_counts": dict(overlap.counts),
            "certainty": overlap.certainty,
            "n_unknown": int((unknown & keep).sum()),
            "with_overlap": _metrics(checked, shared & keep, bootstrap),
            "without_overlap": _metrics(checked, ~shared & ~unknown & keep, bootstrap),
        }
    return report or None


def _declaration(board: Board, model: ModelCard | None, training: Path | None) -> tuple[Declaration | None, str | None]:
    """The declared training data and its hash: a file, else the first training set on the card that this board has."""
    if training is not None:
        return read_declaration(training), hashlib.sha256(training.read_bytes()).hexdigest()
    for name in model.training_sets if model else ():
        if name in board.dataset_keys():
            dataset = load(board, name)
            return declaration_of(dataset), dataset.sha256
    return None, None


def leaky_inputs(checked: AlignedSubmission, model: ModelCard | None) -> list[str]:
    """Return a flag if tabular predictions are a true label plus a constant for each formula.

    Potentials are not put to the test: they see structures, and one that made the labels would fail it rightly.
    """
    truth = checked.truth
    tabular = model is None or (model.kind == "predictor" and not model.reference_row)
    for found in checked.task.scoring.lookups(truth, checked.answers) if tabular else ():
        if truth.formulas is None or len(found.labels) > MAX_LOOKUP_ROWS or not np.isfinite(found.labels).all():
            continue
        formulas = truth.formulas if found.rows is None else truth.formulas.take(found.rows)
        test = lookup_test(formulas.to_pylist(), found.labels, found.values)
        if test.verdict == "leaky inputs":
            return [
                f"leaky inputs: prediction minus true {found.name} is one constant for each of {test.n_constant} "
                f"formulas with several entries, so the {found.name} was looked up and not predicted"
            ]
    return []


def forbidden_inputs(table: Path, card: DatasetCard) -> list[str]:
    """Return, in words, the columns of a feature table (text, first line only) that no model may see.

    Commas, semicolons, tabs or bars separate the names, whichever makes several of them.

    Raises:
        DataError: If the file cannot be read, or its names may be told apart in two ways.
    """
    try:
        with (
            gzip.open(table, "rt", encoding="utf-8-sig")
            if table.suffix.lower() == ".gz"
            else table.open(encoding="utf-8-sig") as file
        ):
            names = headers(file.readline(1_000_000))
    except (OSError, EOFError, ValueError, zlib.error) as err:
        raise DataError(f"{table}: cannot be read as a table ({err}); give a .csv or .csv.gz file") from err
    try:
        header = names[delimiter(names)]
    except ValueError as err:
        raise DataError(f"{table}, line 1: {err}") from None
    return [f"{column.name}: {column.why}" for column in forbidden_columns(header, card)]


def _metrics(checked: AlignedSubmission, keep: Bools, bootstrap: Bootstrap) -> dict[str, Any] | None:
    if not keep.any():
        return None
    return checked.task.scoring.part(checked.card, checked.truth, checked.answers, keep, bootstrap)
