"""From labelled structures to a data set with a card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from matdisc.board import Board
from matdisc.cards import DatasetCard
from matdisc.cards.base import is_key
from matdisc.datasets.new.card import card_content
from matdisc.datasets.new.checks import check
from matdisc.datasets.new.derived import Derived
from matdisc.datasets.new.energies import derive
from matdisc.datasets.new.fields import label_rows
from matdisc.datasets.new.folder import (
    ELEMENTS,
    STRUCTURES,
    corrections_file,
    references_file,
    structures_file,
    table,
    write_folder,
)
from matdisc.datasets.new.labels import Labels, find
from matdisc.datasets.new.options import NewOptions
from matdisc.errors import CardError, DataError
from matdisc.formats import Notes
from matdisc.formats.entries import Entry, read_entries

Say = Callable[[str], None]


def make(board: Board, key: str, files: Sequence[Path], options: NewOptions, say: Say) -> DatasetCard:
    """Make the folder of a data set on a board from labelled structures, and return its card.

    Args:
        board: Its `datasets` folder takes the new one.
        key: Of the data set.
        files: Structures in any format that `matdisc.formats` reads, or folders of them.
        options: What is said of them.
        say: Told what was found, under which name, in which unit, for how many structures, and what is on the card.

    Raises:
        CardError: If the key is no key, or what was said does not fit on a card.
        DataError: If a file cannot be read, a label is wrong or would have to be guessed, or the folder is there.
            Nothing is written then.
    """
    if not is_key(key):
        raise CardError(
            f"{key!r} cannot be the key of a data set; use lower-case letters, digits, dot, dash and underscore"
        )
    if (board.datasets_dir / key).exists() and not options.replace:
        raise DataError(f"{board.datasets_dir / key}: is there already; choose another key, or replace it (--replace)")
    notes = Notes()
    entries = _named(read_entries(files, note=notes), options)
    notes.tell(", ".join(path.name for path in files), say)
    say(f"{len(entries):,} structures")
    entries = _with_labels(entries, options, say)
    labels = find(entries, options, say)
    check(entries, labels, options, say)
    derived = derive(entries, labels, options, say)
    content = card_content(key, files, entries, labels, derived, options)
    parts = {
        "labels.csv": _labels_file(entries, labels, derived),
        STRUCTURES: structures_file(entries, _results(labels, entries)),
    }
    if derived.corrections:
        parts["corrections.csv"] = corrections_file(derived.corrections)
    if derived.references:
        parts["references.csv"] = references_file(derived.references)
    if derived.elements:
        parts[ELEMENTS] = structures_file(derived.elements, [{}] * len(derived.elements))
    card = write_folder(board, key, content, parts, replace=options.replace)
    say(f"{board.datasets_dir / key}: {card.n_samples:,} materials, tasks: {', '.join(card.tasks)}")
    return card


def _with_labels(entries: list[Entry], options: NewOptions, say: Say) -> list[Entry]:
    """Leave out structures without a row in the table of labels, if that is wanted."""
    if options.labels is None or not options.labelled_only:
        return entries
    known = label_rows(options.labels, options)
    kept = [entry for entry in entries if entry.material_id in known]
    say(f"{len(entries) - len(kept):,} structures have no row in {options.labels} and are left out")
    return kept


def _named(entries: list[Entry], options: NewOptions) -> list[Entry]:
    """Let structures go by the field that was named; refuse names that occur twice or cannot stand in a table."""
    if options.id:
        without = [entry for entry in entries if str(entry.values.get(options.id, "")).strip() == ""]
        if without and options.labels is None:
            raise DataError(f"{without[0].where}: has no field {options.id!r}, which --id names; add it")
        entries = [
            replace(entry, material_id=str(entry.values.get(options.id, entry.material_id)).strip())
            for entry in entries
        ]
    names = Counter(entry.material_id for entry in entries)
    twice = [entry for entry in entries if names[entry.material_id] > 1]
    if twice:
        raise DataError(
            f"{twice[1].where}: {twice[1].material_id!r} is also the name of {twice[0].where}; give each structure a "
            "name of its own"
        )
    return entries


def _results(labels: Labels, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Energy (eV per cell), forces and stress of each structure, as far as they are known."""
    found: list[dict[str, Any]] = [{} for _ in entries]
    for kind in ("energy", "forces", "stress"):
        label = labels.get(kind)
        for one, value in zip(found, label.values if label else [None] * len(entries), strict=True):
            if value is not None:
                one[kind] = value
    return found


def _labels_file(entries: Sequence[Entry], labels: Labels, derived: Derived) -> bytes:
    columns: dict[str, list[str]] = {"material_id": [entry.material_id for entry in entries]}
    if "group" in labels:
        columns["group"] = [value or "" for value in labels["group"].values]
    if derived.e_form is not None:
        columns["e_form_per_atom"] = [f"{value:.8f}" for value in derived.e_form]
        distances = derived.e_above_hull or [None] * len(entries)
        columns["e_above_hull"] = ["" if value is None else f"{value:.8f}" for value in distances]
    if derived.stable is not None:
        columns["stable"] = [str(value).lower() for value in derived.stable]
    return table(tuple(columns), zip(*columns.values(), strict=True))
