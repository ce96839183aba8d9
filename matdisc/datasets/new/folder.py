"""The folder of a new data set: structures, labels and a card with true hashes, written whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matdisc.atomic import naming
from matdisc.board import Board
from matdisc.cards import UNKNOWN_HASH, DatasetCard, read_card
from matdisc.datasets.corrections import COLUMNS as CORRECTIONS
from matdisc.datasets.fetch import file_hash
from matdisc.datasets.load import built_hash
from matdisc.datasets.new.toml import toml
from matdisc.datasets.relaxation_starts import relaxation_starts
from matdisc.datasets.table import build
from matdisc.errors import DataError
from matdisc.formats.entries import Entry
from matdisc.schema import Dataset

STRUCTURES = "structures.extxyz.gz"
ELEMENTS = "elements.extxyz.gz"
PLACEHOLDER = {"n_samples": 1, "sha256": UNKNOWN_HASH}


def write_folder(
    board: Board, key: str, content: dict[str, Any], files: Mapping[str, bytes], *, replace: bool
) -> DatasetCard:
    """Write the files and the card of a data set, with its hashes, and return the card.

    Args:
        board: Where the folder goes.
        key: Its name.
        content: Of the card, without files and hashes; where it has the table `relaxation`, without its hash as well.
        files: By name.
        replace: Whether a folder that is there gives way.

    Raises:
        CardError: If the card breaks a rule.
        DataError: If the folder is there, or what was written cannot be read back.
    """
    target = board.datasets_dir / key
    if target.exists() and not replace:
        raise DataError(f"{target}: is there already; choose another key, or replace it (--replace)")
    with naming(target):
        board.datasets_dir.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=board.root, prefix=".new-"))
    try:
        with naming(target):
            part.chmod(0o755)
            for name, data in files.items():
                (part / name).write_bytes(data)
            (part / "dataset.toml").write_text(toml(_measured(part, content, files)), encoding="utf-8")
        card = read_card(part / "dataset.toml", DatasetCard, any_folder=True)
        with naming(target):
            _put(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return card


def _put(part: Path, target: Path) -> None:
    """Let a folder take its place; the one that was there goes last."""
    if not target.exists():
        part.rename(target)
        return
    old = part.with_name(f"{part.name}.old-{os.getpid()}")
    target.rename(old)
    try:
        part.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old)


def _measured(part: Path, content: dict[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the content of the card with what follows from its files."""
    named = [
        {"name": name, "sha256": file_hash(part / name), "bytes": len(data), "licence": content["licence"]}
        for name, data in files.items()
    ]
    content = content | {"files": named} | PLACEHOLDER
    if "relaxation" in content:
        content["relaxation"] = content["relaxation"] | PLACEHOLDER
    path = part / "dataset.toml"
    path.write_text(toml(content), encoding="utf-8")
    card = read_card(path, DatasetCard, any_folder=True)
    built: Dataset = build(card, {name: part / name for name in files})
    content |= {"n_samples": len(built), "sha256": built_hash(built)}
    if "relaxation" in content:
        asked = relaxation_starts(card, built, verify=False)
        content["relaxation"] |= {"n_samples": len(asked), "sha256": asked.sha256}
    return content


def structures_file(entries: Sequence[Entry], results: Sequence[Mapping[str, Any]]) -> bytes:
    """Return structures as packed extended XYZ: name, atoms, and results as ASE keeps them, nothing else."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io import write

    images = []
    for entry, known in zip(entries, results, strict=True):
        given = entry.atoms
        atoms = Atoms(given.numbers, positions=given.positions, cell=given.cell, pbc=True)
        atoms.info["material_id"] = entry.material_id
        if known:
            atoms.calc = SinglePointCalculator(atoms, **known)
        images.append(atoms)
    text = io.StringIO()
    write(text, images, format="extxyz")
    return packed(text.getvalue())


def packed(text: str) -> bytes:
    """Return a text as gzip data that depend on nothing but the text."""
    out = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=0) as file:
        file.write(text.encode())
    return out.getvalue()


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a CSV table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def corrections_file(corrections: Mapping[str, float]) -> bytes:
    """Return the table of corrections, eV per cell."""
    return table(CORRECTIONS, ((material_id, f"{value:.6f}") for material_id, value in corrections.items()))


def references_file(references: Mapping[str, float]) -> bytes:
    """Return the table of elemental energies, eV/atom."""
    return table(("element", "energy_per_atom"), ((el, f"{references[el]:.8f}") for el in sorted(references)))
