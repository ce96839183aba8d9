"""What dynamics starts from: a model of the board or a trained folder, and a structure from a file or a packed box."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matdisc import formats
from matdisc.board import open_board
from matdisc.cards import ModelCard, ModelLicence, Person
from matdisc.errors import CardError, DataError, RunError
from matdisc.formats.entries import read_entries
from matdisc.formats.packed import unpacked_name

if TYPE_CHECKING:
    from ase import Atoms

BOX = "box:"
WEIGHTS, DESCRIPTION = "weights.safetensors", "model.toml"
NO_CHARGE = "matdisc.models.potentials."
"""Loaders of potentials that know no total charge, but for `ase_factory`, which loads whatever there is."""
ODD_MASS = 20.0
"""A mass that differs from the element's by more than this factor is remarked upon."""
LONGEST = 10.0
"""Å between an atom and its nearest neighbour; a structure that is nowhere denser has other units, or is no matter."""


def model_of(name: str, board: Path) -> ModelCard:
    """Return the card of a potential: a key of the board, or a folder that `matdisc train get` has written.

    Raises:
        CardError: If there is neither, or the model is no potential.
    """
    folder = Path(name)
    if (folder / WEIGHTS).is_file():
        return _trained(folder)
    if folder.is_dir() and ("/" in name or not (board / "models" / name).is_dir()):
        raise CardError(f"{folder}: this folder has no {WEIGHTS}, so it is no trained model; a key has no slash")
    model = open_board(board).model(name)
    if model.kind != "potential":
        raise CardError(f"model {name!r} is a predictor; dynamics needs a potential")
    return model


def _trained(folder: Path) -> ModelCard:
    path = folder / DESCRIPTION
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        settings, sha256 = content["settings"], str(content["weights"]["sha256"])
        elements = tuple(settings.get("elements", ()))
    except FileNotFoundError:
        raise CardError(f"{path}: there is no such file; it belongs beside {WEIGHTS}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as err:
        raise CardError(f"{path}: cannot be read ({type(err).__name__}: {err}); train the model again") from err
    return ModelCard(
        key="trained",
        name=folder.name or "trained",
        version=sha256[:12],
        kind="potential",
        summary="A model trained here.",
        authors=(Person(name="its trainer"),),
        licence=ModelLicence(code="MIT"),
        gives=("energy", "forces", "stress"),
        loader="matdisc.models.get.calculator:load",
        options={"folder": str(folder.absolute())},
        packages=("torch", "safetensors"),
        extra="ml",
        protocol="single-point",
        level_of_theory=settings.get("level_of_theory") or "not said",
        energy_scale="own",
        elements=elements,
    )


def structure_of(
    text: str,
    *,
    supercell: Sequence[int] = (1, 1, 1),
    density: float | None = None,
    seed: int = 0,
    keep_velocities: bool = False,
    model: ModelCard | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Atoms:
    """Return the start structure: a file that ASE or pymatgen writes (its last image), or a box, `box:EC=8,Li+=1`.

    Charge, multiplicity, masses and molecules are read under the names that others use (matdisc.formats).

    Args:
        text: Path, or species and their numbers.
        supercell: Repetitions of a periodic structure along its lattice vectors.
        density: Of a box, g/cm^3.
        seed: Of the packing.
        keep_velocities: Whether velocities of a file are kept.
        model: What will be asked about it, to say what of the structure it does not know.
        say: Told what is left out or has no effect.

    Raises:
        RunError: If the structure cannot be read, is empty, disordered, has impossible positions, masses or a charge
            that is no number of electrons, or none of the velocities that are to be kept.
        DataError: If a box cannot be packed, or is not neutral.
    """
    if text.startswith(BOX):
        atoms = _box(text, density, seed)
    elif density is not None:
        raise RunError(f"option '--density' is for boxes, as in box:EC=8,DMC=4; the structure is {text!r}")
    else:
        atoms = _read(text, model, say)
    if min(supercell) < 1:
        raise RunError(
            f"option '--supercell' is {','.join(map(str, supercell))}; give three numbers from 1, as in 2,2,2"
        )
    _refuse_impossible(text, atoms)
    if keep_velocities:
        _refuse_no_velocities(text, atoms)
    elif atoms.has("momenta"):
        del atoms.arrays["momenta"]
    if tuple(supercell) != (1, 1, 1):
        atoms = _repeated(atoms, supercell)
    if len(atoms.constraints):
        say("the constraints of the structure are left out: all atoms move")
        atoms.set_constraint()
    return atoms


def _box(text: str, density: float | None, seed: int) -> Atoms:
    from matdisc.physics.molecules.packing import liquid

    counts: dict[str, int] = {}
    for item in text[len(BOX) :].split(","):
        name, _, number = map(str.strip, item.partition("="))
        species = _ION.get(name, name)
        if not name or not number.isdigit() or int(number) < 1:
            raise RunError(
                f"structure {text!r}: {item!r} is not SPECIES=NUMBER; write it as in box:EC=8,DMC=4,Li+=1,PF6-=1"
            )
        if species in counts:
            raise RunError(f"structure {text!r}: {species!r} is named twice; write it once, with the sum")
        counts[species] = int(number)
    return liquid(counts, 1.2 if density is None else density, seed=seed)


_ION = {"Li": "Li+", "PF6": "PF6-", "FSI": "FSI-", "TFSI": "TFSI-"}
"""Ions may be written without their charge."""


def _read(text: str, model: ModelCard | None, say: Callable[[str], None]) -> Atoms:
    path = Path(text)
    if not path.is_file():
        raise RunError(
            f"structure {text!r}: there is no such file; give a structure file, or a box as in box:EC=8,DMC=4"
        )
    loader = (model.loader if model else None) or ""
    knows_charge = not loader.startswith(NO_CHARGE) or loader.startswith(f"{NO_CHARGE}ase_factory")
    notes = formats.Notes()
    try:
        found = _last(path, notes)
        found = formats.checked(found, f"structure {text!r}", knows_charge=knows_charge, note=notes)
        masses = formats.checked_masses(found, f"structure {text!r}")
    except DataError as err:
        raise RunError(str(err)) from err
    notes.tell(text, say)
    _remark_on(masses, found, say)
    found.calc = None
    return found


def _last(path: Path, note: formats.Note) -> Atoms:
    """The last image of a file that ASE reads, or the only structure of another."""
    if not unpacked_name(path).endswith((".json", ".jsonl", ".csv")):
        return formats.read_structures(path, last=True, note=note)[0]
    entries = read_entries([path])
    if len(entries) > 1:
        raise DataError(f"{path}: holds {len(entries):,} structures; dynamics starts from one, so give a file of one")
    return entries[0].atoms


def _remark_on(masses: np.ndarray, atoms: Atoms, say: Callable[[str], None]) -> None:
    from ase.data import atomic_masses

    factors = masses / atomic_masses[atoms.numbers]
    worst = int(np.argmax(np.abs(np.log(factors))))
    if not 1 / ODD_MASS < factors[worst] < ODD_MASS:
        say(
            f"the mass of atom {worst} ({atoms.symbols[worst]}) is {masses[worst]:g} u, {factors[worst]:.3g} times "
            "that of the element; masses are in u"
        )


def _repeated(atoms: Atoms, supercell: Sequence[int]) -> Atoms:
    if not np.all(atoms.pbc):
        raise RunError("option '--supercell' needs a structure that is periodic in three directions")
    if atoms.info.get("multiplicity", 1) != 1:
        raise RunError(
            f"option '--supercell': the structure has multiplicity {atoms.info['multiplicity']}, and nobody knows that "
            "of its copies; repeat the structure yourself and give theirs"
        )
    molecules = int(atoms.get_array("molecule").max()) + 1 if atoms.has("molecule") else 0
    found = atoms.repeat(tuple(supercell))
    copies = math.prod(supercell)
    if molecules:  # a copy is another molecule
        found.arrays["molecule"] = found.arrays["molecule"] + molecules * np.repeat(np.arange(copies), len(atoms))
    if "charge" in found.info:
        found.info["charge"] = copies * found.info["charge"]
    return found


def _refuse_no_velocities(text: str, atoms: Atoms) -> None:
    """Raise RunError unless a structure has velocities that can be kept."""
    momenta = atoms.arrays.get("momenta")
    if momenta is None:
        there = [name for name in atoms.arrays if formats.plain(name) in ("velocities", "velocity", "vel", "velo")]
        named = f", and {there[0]!r} may have any unit" if there else ""
        raise RunError(
            f"option '--keep-velocities': structure {text!r} has none (ASE's 'momenta'; matdisc md writes them with "
            f"--velocities){named}; leave the option out to draw them"
        )
    try:
        momenta = formats.numbers(momenta, f"structure {text!r}", "momenta", (len(atoms), 3))
    except DataError as err:
        raise RunError(str(err)) from err
    if not np.isfinite(momenta).all():
        raise RunError(f"structure {text!r}: a momentum is not a finite number")
    if not momenta.any():
        raise RunError(
            f"option '--keep-velocities': all velocities of structure {text!r} are zero; leave the option out to draw "
            "them"
        )


def _refuse_impossible(text: str, atoms: Atoms) -> None:
    flat = abs(np.linalg.det(atoms.cell.complete())) < 1e-6 or (atoms.cell.lengths()[atoms.pbc] < 1e-3).any()
    if np.any(atoms.pbc) and flat:
        raise RunError(f"structure {text!r}: it is periodic, but its cell has no volume; give it a cell, or pbc F F F")
    charge = atoms.info.get("charge", 0)
    if not float(charge).is_integer():
        raise RunError(f"structure {text!r}: the total charge is {charge}; it must be a whole number of e")
    if len(atoms) > 1:
        from scipy.spatial import cKDTree

        nearest = cKDTree(atoms.positions).query(atoms.positions, k=2)[0][:, 1]
        if nearest.min() > LONGEST and not np.any(atoms.pbc):
            raise RunError(
                f"structure {text!r}: no two atoms are closer than {nearest.min():.3g} Å; check that it is in Å"
            )
