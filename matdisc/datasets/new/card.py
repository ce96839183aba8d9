"""The content of a new data set's card: what was found, and how it was derived."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matdisc.datasets.new.derived import Derived
from matdisc.datasets.new.labels import Labels
from matdisc.datasets.new.names import Kind
from matdisc.datasets.new.options import NewOptions
from matdisc.errors import DataError
from matdisc.formats.entries import Entry

STARTS = {"scale": 1.03, "rattle": 0.05, "seed": 0}
"""How start structures of the relaxation task are made from relaxed ones."""


def card_content(
    key: str, files: Sequence[Path], entries: Sequence[Entry], labels: Labels, derived: Derived, options: NewOptions
) -> dict[str, Any]:
    """Return the content of a card, without its files and hashes.

    Raises:
        DataError: If nothing can be asked of the structures.
    """
    tasks = _tasks(labels, derived, options)
    if not tasks:
        raise DataError(
            "no task can be asked: give formation energies (or total energies and --references), energies and forces, "
            "or say that the structures are relaxed (--relaxed)"
        )
    names = ", ".join(path.name for path in files)
    n_elements = len({number for entry in entries for number in entry.atoms.numbers})
    content: dict[str, Any] = {
        "key": key,
        "title": options.title or key,
        "summary": f"{len(entries):,} structures of {n_elements} elements, from {names[:400]}.",
        "licence": options.licence,
        "citation": [options.citation or "Own data."],
        "level_of_theory": options.level_of_theory or "not stated",
        "tasks": tasks,
        "builder": "matdisc.datasets.table:build",
        "n_samples": 1,
        "sha256": "",
    }
    if derived.scale:
        content["energy_scale"] = derived.scale
    if derived.notes:
        content["notes"] = derived.notes
    by = "group" if "group" in labels else "chemical system"
    content["split"] = {"kind": "folds", "by": by, "n_folds": options.n_folds}
    content["stability"] = {"threshold": float(options.threshold)}
    if "relaxation" in tasks:
        content["relaxation"] = STARTS | {
            "n_samples": 1,
            "sha256": "",
            "note": "References are the structures as they were given, said to be relaxed.",
        }
    content["columns"] = _columns(labels, derived)
    return content


def _tasks(labels: Labels, derived: Derived, options: NewOptions) -> list[str]:
    tasks = []
    if derived.e_form is not None:
        tasks.append("discovery")
    if options.polymorphs:
        if derived.stable is None:
            raise DataError("--polymorphs needs a field 'stable': which structure of each formula is the stable one")
        tasks.append("polymorphs")
    if options.relaxed:
        tasks.append("relaxation")
    if "energy" in labels and "forces" in labels:
        tasks.append("static")
    return tasks


def _columns(labels: Labels, derived: Derived) -> dict[str, dict[str, str]]:
    columns = {
        "material_id": ("id", "text", "Name of the structure."),
        "symbols": ("input", "text", "Elements of the atoms in the cell."),
        "positions": ("input", "1", "Fractional coordinates of the atoms."),
        "cell": ("input", "Å", "Lattice vectors as rows."),
    }
    if "energy" in labels:
        columns["energy"] = ("target", "eV", f"Total energy per cell{_found(labels, 'energy')}.")
    if "forces" in labels:
        columns["forces"] = ("target", "eV/Å", f"Forces, x y z of each atom in turn{_found(labels, 'forces')}.")
    if "stress" in labels:
        columns["stress"] = ("target", "eV/Å^3", f"Stress, xx yy zz yz xz xy{_found(labels, 'stress')}.")
    if derived.e_form is not None:
        columns["e_form_per_atom"] = ("target", "eV/atom", f"Formation energy{_found(labels, 'e_form_per_atom')}.")
    if derived.e_above_hull is not None:
        columns["e_above_hull"] = ("target", "eV/atom", f"Distance to the hull{_found(labels, 'e_above_hull')}.")
    if derived.stable is not None:
        columns["stable"] = ("target", "bool", f"Whether it is stable{_found(labels, 'stable')}.")
    if derived.corrections:
        columns["correction_ev_per_cell"] = ("forbidden", "eV", "MP2020 correction within the formation energy.")
    return {name: {"role": role, "unit": unit, "help": text} for name, (role, unit, text) in columns.items()}


def _found(labels: Labels, kind: Kind) -> str:
    label = labels.get(kind)
    if label is None:
        return ", derived"
    return f", from {label.name!r}" + (f" in {label.unit}" if label.unit else "")
