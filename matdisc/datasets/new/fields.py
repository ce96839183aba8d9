"""Everything that is said of structures, by name: in their own files and in a table beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matdisc.datasets.csv_rows import Row, read_rows, unique
from matdisc.datasets.new.names import meaning
from matdisc.datasets.new.options import NewOptions
from matdisc.errors import DataError
from matdisc.formats import plain
from matdisc.formats.entries import Entry
from matdisc.formats.fields import ID_KEYS

_IDS = {plain(name) for name in ID_KEYS}


def fields_of(entries: Sequence[Entry], options: NewOptions, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return what is said of each structure.

    Raises:
        DataError: If the table of labels lacks a structure, or contradicts it.
    """
    return _with_table([_fields(entry) for entry in entries], entries, options, say)


def _fields(entry: Entry) -> dict[str, Any]:
    """Everything that is said of a structure, by name; results of its calculator go first."""
    results = entry.atoms.calc.results if entry.atoms.calc else {}
    data = entry.values.get("data")
    found = {**(data if isinstance(data, Mapping) else {}), **entry.values, **entry.atoms.arrays}
    known = {name: results[name] for name in ("energy", "forces", "stress") if results.get(name) is not None}
    return found | known


def label_rows(path: Path, options: NewOptions) -> dict[str, Row]:
    """Return the rows of the table of labels by id.

    Raises:
        DataError: If it is no table, or has no column of ids, or one occurs twice.
    """
    rows = read_rows(path, ())
    names = rows[0].values
    known = options.id if options.id in names else next((n for n in names if plain(n) in _IDS), None)
    if known is None:
        raise DataError(f"{path}, line 1: no column 'material_id'; name the column of ids with --id")
    unique(rows, known)
    return {row.text(known): row for row in rows}


def _with_table(
    fields: list[dict[str, Any]], entries: Sequence[Entry], options: NewOptions, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Add the columns of the table of labels, by id."""
    if options.labels is None:
        return fields
    by_id = label_rows(options.labels, options)
    without = [entry for entry in entries if entry.material_id not in by_id]
    if without:
        raise DataError(
            f"{options.labels}: has no row for {len(without)} of {len(entries)} structures, e.g. "
            f"{without[0].material_id!r} ({without[0].where}); add them, or leave the structures out (--labelled-only)"
        )
    names_of_all = {entry.material_id for entry in entries}
    surplus = [material_id for material_id in by_id if material_id not in names_of_all]
    if surplus:
        say(f"{options.labels}: {len(surplus):,} rows have no structure and are left out, e.g. {surplus[0]!r}")
    joined = []
    for one, entry in zip(fields, entries, strict=True):
        row = {name: text for name, text in by_id[entry.material_id].values.items() if text.strip()}
        for name in row.keys() & one.keys():
            if str(one[name]) != row[name] and meaning(name):
                raise DataError(
                    f"{entry.where}: field {name!r} is {str(one[name])[:40]!r} here and {row[name]!r} in "
                    f"{options.labels}; rename the one that is not meant"
                )
        joined.append(one | row)
    return joined
