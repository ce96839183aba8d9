"""Labelled equiatomic alloys: does this set of elements form one solid solution (High) or not (Low)?

A table of one's own, in the first file of its card: `set_name` (symbols joined by `|`), `label` (`High` or `Low`), and
optional `length` (number of elements), columns that start with `margin_kj_mol` (free energy above the competing phases,
kJ/mol; High is 0 or less) and `fold_<name>` (whole numbers, a split of one's own). The other builders read published
tables. There are no structures: `inputs` hold the `elements`, sorted; `target["high"]` is 1 or 0.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from matdisc.cards import DatasetCard
from matdisc.datasets.csv_rows import Row, read_rows
from matdisc.datasets.load import fold_of
from matdisc.elements import SYMBOLS
from matdisc.errors import DataError
from matdisc.schema import Dataset, Sample

MARGIN = "margin_kj_mol"
NEAR = {"within_0.5": 0.5, "within_1": 1.0}
"""Flags of alloys whose margin is at most so many kJ/mol away from 0, where the label hangs on details."""
EXPERIMENTAL_ELEMENTS = "Ag Al As Au Co Cr Cu Fe Hf Ir Mn Mo Nb Ni Os Pd Pt Re Rh Ru Si Ta Tc Ti V W Zr"
"""Elements of the experimental set: those that the expert tables know."""
FORMULA, MICROSTRUCTURE = "FORMULA", "PROPERTY: Microstructure"
ONE_PHASE = frozenset({"BCC", "FCC", "HCP"})


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a table keeps label and margin, and how it spells them."""

    label: str
    high: str
    low: str
    margin: str | None = None


CANONICAL = Layout("label", "High", "Low", MARGIN)
DEMO = Layout("Label", "High", "Low")
QUATERNARY = Layout("y", "1", "0", "margin_dft_0.9Tm")


@dataclass(frozen=True, slots=True)
class Experiments:
    """Records of as-cast and annealed alloys reduced to one label per alloy, and the alloys without a majority."""

    alloys: tuple[Sample, ...]
    ties: tuple[str, ...]


def build(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return the alloys of a table in the canonical layout, the first file of the card.

    Raises:
        DataError: If a row cannot be read, an alloy occurs twice, or all alloys have one label.
    """
    return _dataset(card, read_alloys(files[card.files[0].name], CANONICAL))


def build_demo(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return the binaries and ternaries of the demonstration set of Nat. Comput. Sci. 2021.

    Raises: As `build`.
    """
    return _dataset(card, read_alloys(files[card.files[0].name], DEMO))


def build_quaternary(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return quaternaries with labels from the hull of published DFT tables.

    Raises: As `build`.
    """
    return _dataset(card, read_alloys(files[card.files[0].name], QUATERNARY))


def build_experimental(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return experimental alloys as samples, and all computed labels of other alloys as the train part.

    The card's files are the records, the quaternaries and the demonstration set, in this order. Alloys without a
    majority are left out (`experiments` names them). An alloy that is tested is taken from the train part.

    Raises: As `build`.
    """
    records, quaternaries, demo = (files[file.name] for file in card.files)
    tested = experiments(records).alloys
    ids = {sample.material_id for sample in tested}
    computed = (*read_alloys(quaternaries, QUATERNARY), *read_alloys(demo, DEMO))
    dataset = _dataset(card, tested)
    return replace(dataset, train=tuple(sample for sample in computed if sample.material_id not in ids))


def read_alloys(path: Path, layout: Layout) -> tuple[Sample, ...]:
    """Return the alloys of a table as samples without fold, in the order of its rows.

    Raises:
        DataError: If a row names no element, an element twice or fewer than two, its label or a number cannot be read
            or contradicts another field, or an alloy occurs twice, with one label or with two.
    """
    rows = read_rows(path, ("set_name", layout.label))
    samples = tuple(_sample(row, layout) for row in rows)
    _once(rows, samples, layout)
    return samples


def experiments(path: Path) -> Experiments:
    """Return the equiatomic alloys of the MPEA records (Borg et al., Sci. Data 7, 430 (2020)), alphabetically.

    High if more than half of an alloy's records with a microstructure read FCC, BCC or HCP alone, Low if fewer, a tie
    if half. Flags: `few_records` (one or two), `mixed_records` (they disagree).

    Raises:
        DataError: If the file is no such table, or a formula cannot be read.
    """
    known = set(EXPERIMENTAL_ELEMENTS.split())
    records: dict[str, list[bool]] = defaultdict(list)
    for row in read_rows(path, (FORMULA, MICROSTRUCTURE)):
        amounts = _amounts(row)
        found = row.values[MICROSTRUCTURE].strip()
        if found and len(set(amounts.values())) == 1 and set(amounts) <= known:
            records["|".join(sorted(amounts))].append(found in ONE_PHASE)
    ties = tuple(sorted(name for name, seen in records.items() if 2 * sum(seen) == len(seen)))
    alloys = []
    for name, seen in sorted(records.items()):
        flags = (*(("few_records",) if len(seen) < 3 else ()), *(("mixed_records",) if len(set(seen)) == 2 else ()))
        target = {"high": float(2 * sum(seen) > len(seen))}
        if name not in ties:
            alloys.append(Sample(name, {"elements": tuple(name.split("|"))}, target, group=name, flags=flags))
    return Experiments(tuple(alloys), ties)


def set_name(elements: Iterable[str]) -> str:
    """Return the id of an alloy: its symbols, sorted and joined by `|`."""
    return "|".join(sorted(elements))


def _dataset(card: DatasetCard, alloys: Sequence[Sample]) -> Dataset:
    labels = {sample.target["high"] for sample in alloys}
    if len(labels) == 1:
        only = "High" if labels == {1.0} else "Low"
        raise DataError(
            f"dataset {card.key!r}, file {card.files[0].name}: every alloy is {only}, so nothing can be told apart; "
            "add alloys of the other label"
        )
    folds = card.split.n_folds
    return Dataset(card.key, tuple(replace(sample, fold=fold_of(sample.group, folds)) for sample in alloys))


def _sample(row: Row, layout: Layout) -> Sample:
    elements = _elements(row)
    high = {layout.high: True, layout.low: False}.get(row.text(layout.label))
    if high is None:
        raise row.error(layout.label, f"is neither {layout.high} nor {layout.low}")
    length = row.optional("length")
    if length is not None and length != len(elements):
        raise row.error("length", f"is not the number of elements in {row.text('set_name')!r}")
    name = set_name(elements)
    margins = _margins(row, layout)
    near = margins.get(MARGIN)
    if near is not None and (near <= 0) != high:
        raise row.error(layout.margin or MARGIN, f"contradicts the label {row.text(layout.label)}: High is 0 or less")
    flags = tuple(flag for flag, limit in NEAR.items() if near is not None and abs(near) <= limit)
    folds = {key.removeprefix("fold_"): _whole(row, key) for key in row.values if key.startswith("fold_")}
    inputs = {"elements": elements, **({"folds": folds} if folds else {})}
    return Sample(name, inputs, {"high": float(high), **margins}, group=name, flags=flags)


def _elements(row: Row) -> tuple[str, ...]:
    symbols = row.text("set_name").split("|")
    unknown = [symbol for symbol in symbols if symbol not in SYMBOLS]
    if unknown:
        raise row.error("set_name", f"has {unknown[0]!r}, which is no element; write it like Co|Cr|Fe|Ni")
    if len(set(symbols)) < len(symbols):
        raise row.error("set_name", "names an element twice; name each once")
    if len(symbols) < 2:
        raise row.error("set_name", "is no alloy; name at least two elements")
    return tuple(sorted(symbols))


def _margins(row: Row, layout: Layout) -> dict[str, float]:
    if layout.margin is None:
        return {}
    names = {key: key for key in row.values if key.startswith(MARGIN)}
    if layout.margin in row.values:
        names[layout.margin] = MARGIN
    found = {target: row.optional(key) for key, target in names.items()}
    return {target: value for target, value in found.items() if value is not None}


def _whole(row: Row, field: str) -> int:
    value = row.number(field)
    if value != int(value):
        raise row.error(field, "is not a whole number; number the folds 0, 1, 2, ...")
    return int(value)


def _once(rows: Sequence[Row], samples: Sequence[Sample], layout: Layout) -> None:
    seen: dict[str, tuple[int, float]] = {}
    for row, sample in zip(rows, samples, strict=True):
        line, high = seen.setdefault(sample.material_id, (row.line, sample.target["high"]))
        if line == row.line:
            continue
        if high != sample.target["high"]:
            raise row.error(layout.label, f"contradicts line {line}, where the same elements have the other label")
        raise row.error("set_name", f"has the same elements as line {line}; keep one of the two rows")


def _amounts(row: Row) -> dict[str, float]:
    amounts: dict[str, float] = {}
    for part in row.text(FORMULA).split():
        match = re.fullmatch(r"([A-Z][a-z]?)(\d*\.?\d*)", part)
        if match is None or match[1] not in SYMBOLS:
            raise row.error(FORMULA, f"cannot be read: {part!r} is no element and its amount")
        amounts[match[1]] = amounts.get(match[1], 0.0) + float(match[2] or 1)
    return amounts
