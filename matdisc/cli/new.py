"""`matdisc datasets new`: a data set folder from labelled structures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from matdisc.board import open_board
from matdisc.cli.common import HERE, BoardOption
from matdisc.units import EnergyScale

STRESS_UNITS = ("eV/Å^3", "GPa", "kbar")


def _field(what: str) -> Any:
    return typer.Option(
        help=f"Name of the field with {what}, where another one than is known; none: leave them out.", metavar="NAME"
    )


Named = str | None
StressSign = Literal["tension", "pressure"]
Corrections = Literal["mp2020"]


def new_dataset(
    key: Annotated[str, typer.Argument(help="Key of the data set: the folder's name.")],
    files: Annotated[
        list[Path], typer.Argument(help="Labelled structures: files or folders (docs/reference/formats.md).")
    ],
    energy: Annotated[Named, _field("total energies")] = None,
    forces: Annotated[Named, _field("forces")] = None,
    stress: Annotated[Named, _field("stresses")] = None,
    formation_energy: Annotated[Named, _field("formation energies, eV/atom")] = None,
    hull_distance: Annotated[Named, _field("distances to the hull, eV/atom")] = None,
    stable: Annotated[Named, _field("true or false: stable")] = None,
    group: Annotated[Named, _field("what belongs together, such as a trajectory")] = None,
    id_field: Annotated[Named, typer.Option("--id", help="Name of the field with the ids.", metavar="NAME")] = None,
    labels: Annotated[Path | None, typer.Option(help="Table (CSV) of labels, joined by id.")] = None,
    labelled_only: Annotated[
        bool, typer.Option("--labelled-only", help="Leave out structures without a row in that table.")
    ] = False,
    energy_unit: Annotated[
        Named, typer.Option(help="Of total energies: eV, meV, Ha, Ry, kcal/mol or kJ/mol; with /atom if per atom.")
    ] = None,
    stress_unit: Annotated[Named, typer.Option(help=f"Of stresses: {', '.join(STRESS_UNITS[:-1])} or kbar.")] = None,
    stress_sign: Annotated[
        StressSign, typer.Option(help="tension: positive pulls, as in ASE; pressure: positive presses, as VASP prints.")
    ] = "tension",
    references: Annotated[
        Path | None, typer.Option(help="Energies of the elements: CSV (element, energy_per_atom) or pymatgen entries.")
    ] = None,
    elements: Annotated[
        Path | None, typer.Option(help="A structure of each element, for potentials to find energies of their own.")
    ] = None,
    hull: Annotated[
        Path | None, typer.Option(help="pymatgen entries (JSON) that hull distances are taken against.")
    ] = None,
    own_hull: Annotated[bool, typer.Option("--own-hull", help="Take hull distances against the set itself.")] = False,
    corrections: Annotated[
        Corrections | None, typer.Option(help="mp2020: formation energies hold, or shall get, MP2020 corrections.")
    ] = None,
    any_anion: Annotated[
        bool, typer.Option("--any-anion", help="Correct anions whatever their oxidation state, as in WBM.")
    ] = False,
    energy_scale: Annotated[
        EnergyScale | None, typer.Option(help="Scale of the labels (docs/guides/own-data.md).")
    ] = None,
    relaxed: Annotated[bool, typer.Option("--relaxed", help="The structures are relaxed: ask to find them.")] = False,
    polymorphs: Annotated[
        bool, typer.Option("--polymorphs", help="Ask which structure of each formula is the stable one.")
    ] = False,
    threshold: Annotated[float, typer.Option(help="eV/atom above the hull that still count as stable.")] = 0.0,
    folds: Annotated[int, typer.Option(help="Folds for learned predictors.")] = 5,
    title: Annotated[Named, typer.Option(help="Title on the card; default: the key.")] = None,
    licence: Annotated[str, typer.Option(help="Licence on the card.")] = "licence not stated",
    citation: Annotated[Named, typer.Option(help="Whom to cite.")] = None,
    level_of_theory: Annotated[Named, typer.Option(help="How labels were computed, as PBE.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a data set of this key.")] = False,
    board: BoardOption = HERE,
) -> None:
    """Make a data set of your own from labelled structures: card, labels and hashes.

    Finds energies, forces, stresses, formation energies and hull distances under the names that others use, says what
    it took in which unit, and refuses what it would have to guess (docs/guides/own-data.md).

    Example: matdisc datasets new my-set frames.extxyz --own-hull
    """
    from matdisc.datasets.new import NewOptions, make

    options = NewOptions(
        energy=energy, forces=forces, stress=stress, formation_energy=formation_energy, hull_distance=hull_distance,
        stable=stable, group=group, id=id_field, labels=labels, labelled_only=labelled_only,
        energy_unit=energy_unit, stress_unit=stress_unit,
        stress_sign=stress_sign, references=references, elements=elements, hull=hull, own_hull=own_hull,
        corrections=corrections, any_anion=any_anion, energy_scale=energy_scale, relaxed=relaxed, polymorphs=polymorphs,
        threshold=threshold, n_folds=folds, title=title, licence=licence, citation=citation,
        level_of_theory=level_of_theory, replace=replace,
    )  # fmt: skip
    make(open_board(board), key, files, options, typer.echo)
    elsewhere = "" if board == HERE else f" --board {board}"
    typer.echo(f"next: matdisc evaluate MODEL --dataset {key}{elsewhere}")
