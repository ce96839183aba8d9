"""Labelled frames: structures with energies, forces, charges, dipoles and virials, in one `.npz` file.

Only what cannot be derived is stored; neighbour lists are made anew. The arrays, for F frames of A atoms in all:

    frame_ptr            (F+1,)       atoms of frame f are frame_ptr[f]:frame_ptr[f+1]
    numbers, molecule    (A,)         atomic numbers; which molecule of its frame an atom belongs to
    positions, forces    (A, 3)       Å, eV/Å
    charges              (A,)         e; nan where absent
    energy, total_charge (F,)         eV, no baseline taken off; e
    dipole, virial       (F, 3), (F, 3, 3)   e Å about the coordinate origin, eV; nan where absent
    cell, pbc            (F, 3, 3), (F, 3)   Å; zeros without periodicity
    system, trajectory   (F,)         split by these, never by frame: frames of a trajectory are nearly copies

The virial is `-dE/d(strain)`, so ASE's stress times minus the volume.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from matdisc import formats
from matdisc.atomic import write_atomic
from matdisc.errors import DataError
from matdisc.models.get.inputs import labels_of, unread_fields

if TYPE_CHECKING:
    from ase import Atoms

Array = NDArray[Any]
_ATOM_ARRAYS = {"numbers": (), "molecule": (), "positions": (3,), "forces": (3,), "charges": ()}
_FRAME_ARRAYS = {
    "energy": (), "total_charge": (), "dipole": (3,), "virial": (3, 3), "cell": (3, 3), "pbc": (3,),
    "system": (), "trajectory": (),
}  # fmt: skip
_TYPES = {"numbers": np.int16, "molecule": np.int32, "trajectory": np.int64, "pbc": np.bool_, "frame_ptr": np.int64}
_FINITE = ("positions", "forces", "energy", "total_charge", "cell")


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Labelled frames, one array each; shapes and units as in the module's table."""

    frame_ptr: Array
    numbers: Array
    molecule: Array
    positions: Array
    forces: Array
    charges: Array
    energy: Array
    total_charge: Array
    dipole: Array
    virial: Array
    cell: Array
    pbc: Array
    system: Array
    trajectory: Array

    def __len__(self) -> int:
        return len(self.energy)

    def atoms_of(self, frame: int) -> slice:
        """Return which rows of the atom arrays belong to a frame."""
        return slice(int(self.frame_ptr[frame]), int(self.frame_ptr[frame + 1]))

    @property
    def n_atoms(self) -> Array:
        """Atoms of each frame, shape (F,)."""
        return np.diff(self.frame_ptr)

    def take(self, frames: Sequence[int] | Array) -> Frames:
        """Return some of the frames, in the order asked for; indices or a mask of shape (F,)."""
        index = np.arange(len(self))[np.asarray(frames, dtype=bool if np.asarray(frames).dtype == bool else int)]
        counts = self.n_atoms[index]
        ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = np.repeat(self.frame_ptr[index] - ptr[:-1], counts) + np.arange(ptr[-1])
        arrays = {name: getattr(self, name)[rows] for name in _ATOM_ARRAYS}
        arrays |= {name: getattr(self, name)[index] for name in _FRAME_ARRAYS}
        return Frames(frame_ptr=ptr, **arrays)


def checked(frames: Frames, source: str = "frames") -> Frames:
    """Return frames with the right types, if shapes fit and labels are finite.

    Charges, dipoles and virials may be nan, but for a whole frame only: nan means absent.

    Raises:
        DataError: Naming the source, the frame and the array.
    """
    typed = {
        f.name: np.asarray(getattr(frames, f.name), _TYPES.get(f.name, None if f.name == "system" else np.float64))
        for f in fields(Frames)
    }
    found = Frames(**typed)
    ptr = found.frame_ptr
    if ptr.ndim != 1 or not len(ptr) or ptr[0] != 0 or (np.diff(ptr) < 1).any():
        raise DataError(f"{source}: 'frame_ptr' must start at 0 and grow by the atoms of each frame; write it anew")
    for names, n in ((_ATOM_ARRAYS, int(ptr[-1])), (_FRAME_ARRAYS, len(ptr) - 1)):
        for name, rest in names.items():
            if np.shape(typed[name]) != (n, *rest):
                raise DataError(f"{source}: '{name}' has shape {np.shape(typed[name])} and not {(n, *rest)}")
    for name in _FINITE:
        if not np.isfinite(typed[name]).all():
            raise DataError(f"{source}: frame {_first_bad(found, name)}: '{name}' is not finite; remove the frame")
    for name in ("charges", "dipole", "virial"):
        _all_or_none(found, name, source)
    return found


def _first_bad(frames: Frames, name: str) -> int:
    bad = ~np.isfinite(getattr(frames, name))
    row = int(np.argwhere(bad)[0, 0])
    return row if name in _FRAME_ARRAYS else int(np.searchsorted(frames.frame_ptr, row, side="right") - 1)


def _all_or_none(frames: Frames, name: str, source: str) -> None:
    values = getattr(frames, name)
    absent = np.isnan(values).reshape(len(values), -1)
    if np.isinf(values).any():
        raise DataError(f"{source}: frame {_first_bad(frames, name)}: '{name}' is infinite; remove the frame")
    counts = absent.sum(axis=1)
    if name in _ATOM_ARRAYS:
        counts = np.add.reduceat(counts, frames.frame_ptr[:-1]) if len(frames) else counts
        full = frames.n_atoms
    else:
        full = np.full(len(frames), absent.shape[1])
    partly = np.flatnonzero((counts > 0) & (counts < full))
    if len(partly):
        raise DataError(f"{source}: frame {partly[0]}: '{name}' is nan in part; give all of it or none")


def read_frames(path: Path | str) -> Frames:
    """Read frames; no pickle is ever loaded.

    Raises:
        DataError: If the file is missing or damaged, lacks an array, or holds labels that are not finite.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; make labels with: matdisc labels CONFIG --out DIR") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as err:
        raise DataError(f"{path} is no file of frames (.npz without pickled objects): {err}") from None
    names = {f.name for f in fields(Frames)}
    if missing := sorted(names - arrays.keys()):
        raise DataError(f"{path} lacks the array {missing[0]!r}; write it with matdisc.models.get.frames.write_frames")
    return checked(Frames(**{name: arrays[name] for name in names}), str(path))


def write_frames(path: Path | str, frames: Frames) -> str:
    """Write frames whole or not at all, and return the sha256 of the file; equal frames give equal bytes."""
    frames = checked(frames, str(path))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{f.name: getattr(frames, f.name) for f in fields(Frames)})
    write_atomic(Path(path), buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def join(parts: Sequence[Frames]) -> Frames:
    """Return the frames of several sets one after the other; trajectories keep their numbers.

    Raises:
        ValueError: If there is no part.
    """
    if not parts:
        raise ValueError("nothing to join")
    counts = np.concatenate([part.n_atoms for part in parts])
    names = (*_ATOM_ARRAYS, *_FRAME_ARRAYS)
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Frames(frame_ptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), **arrays)


def split(
    frames: Frames, *, fractions: Sequence[float], seed: int, by: Literal["trajectory", "system"] = "trajectory"
) -> list[Frames]:
    """Split into parts without tearing a trajectory (or a system) apart.

    Groups are drawn in random order; each goes to the part that is furthest below its share of the frames.

    Args:
        frames: What to split.
        fractions: Share of the frames of each part; they add up to 1.
        seed: Which draw.
        by: "trajectory" measures interpolation, "system" generalisation to other compositions.

    Raises:
        ValueError: If the fractions are not positive or do not add up to 1.
        DataError: If there are fewer groups than parts.
    """
    shares = np.asarray(fractions, float)
    if (shares <= 0).any() or abs(shares.sum() - 1) > 1e-9:
        raise ValueError(f"fractions must be positive and add up to 1, not {list(fractions)}")
    trajectory = frames.trajectory if by == "trajectory" else np.zeros(len(frames), int)
    keys = list(zip(frames.system.tolist(), trajectory.tolist(), strict=True))
    groups = sorted(set(keys))
    if len(groups) < len(shares):
        raise DataError(
            f"{len(groups)} {by} group(s) cannot be split into {len(shares)} parts; label more of them, "
            "or name them in a file's info['system'] and info['trajectory']"
        )
    index: dict[tuple[str, int], list[int]] = {group: [] for group in groups}
    for i, key in enumerate(keys):
        index[key].append(i)
    parts: list[list[int]] = [[] for _ in shares]
    order = np.random.default_rng(seed).permutation(len(groups))
    for left, g in zip(range(len(groups), 0, -1), order, strict=True):
        sizes = np.array([len(part) for part in parts])
        missing = shares * len(frames) - sizes
        if left <= (sizes == 0).sum():  # the last groups go to parts that have none
            missing[sizes > 0] = -np.inf
        parts[int(np.argmax(missing))] += index[groups[int(g)]]
    return [frames.take(sorted(part)) for part in parts]


def from_atoms(
    structures: Sequence[Atoms], source: str = "structures", say: Callable[[str], None] = formats.to_stderr
) -> Frames:
    """Return a user's structures as frames.

    Energy and forces are required; other labels are taken where they mean something (`inputs.labels_of`); so are
    charge and molecules (`matdisc.formats`), `info["system"]` (default: the formula) and `info["trajectory"]` (0).

    Args:
        structures: With their labels.
        source: What messages name.
        say: Told once what is left out, and which fields are not read.

    Raises:
        DataError: If a label is missing or not finite, a field none of its kind, or a frame (from 0) disordered.
    """
    if not structures:
        raise DataError(f"{source} holds no structures; give at least one frame with energy and forces")
    notes, names, rows = formats.Notes(), dict[str, None](), []
    for i, atoms in enumerate(structures):
        known = formats.checked(atoms, f"{source}: frame {i}", note=notes)
        names |= dict.fromkeys(unread_fields(known))
        rows.append(_frame(known, f"{source}: frame {i}", notes))
    notes.tell(source, say)
    if names:
        say(f"{source}: fields that are not read: {', '.join(list(names)[:12])}")
    return checked(join(rows), source)


def _frame(atoms: Atoms, where: str, note: formats.Note) -> Frames:
    n, labels = len(atoms), labels_of(atoms, where, note)
    trajectory = formats.number(atoms.info.get("trajectory", 0), where, "trajectory", whole=True)
    return Frames(
        frame_ptr=np.array([0, n]),
        numbers=atoms.numbers,
        molecule=atoms.arrays.get("molecule", np.zeros(n)),
        positions=atoms.positions,
        forces=labels["forces"],
        charges=labels["charges"],
        energy=labels["energy"].reshape(1),
        total_charge=np.array([formats.total_charge(atoms, where)]),
        dipole=labels["dipole"].reshape(1, 3),
        virial=labels["virial"].reshape(1, 3, 3),
        cell=np.array(atoms.cell)[None],
        pbc=np.array(atoms.pbc)[None],
        system=np.array([str(atoms.info.get("system", atoms.get_chemical_formula()))]),
        trajectory=np.array([int(trajectory)]),
    )


def to_atoms(frames: Frames, frame: int) -> Atoms:
    """Return one frame with its labels: info["charge"], ["system"] and ["trajectory"], arrays["molecule"], and a
    calculator that holds what is known of energy, forces, stress (periodic frames), charges and dipole."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    rows = frames.atoms_of(frame)
    atoms = Atoms(frames.numbers[rows], frames.positions[rows], cell=frames.cell[frame], pbc=frames.pbc[frame])
    atoms.info |= {
        "charge": float(frames.total_charge[frame]),
        "system": str(frames.system[frame]),
        "trajectory": int(frames.trajectory[frame]),
    }
    atoms.set_array("molecule", frames.molecule[rows])
    known = {"energy": float(frames.energy[frame]), "forces": frames.forces[rows].copy()}
    for name, value in (("charges", frames.charges[rows]), ("dipole", frames.dipole[frame])):
        if not np.isnan(value).any():
            known[name] = value.copy()
    virial = frames.virial[frame]
    if not np.isnan(virial).any():
        if atoms.pbc.all():
            known["stress"] = -virial.ravel()[[0, 4, 8, 5, 2, 1]] / atoms.cell.volume
        else:
            atoms.info["virial"] = virial.copy()
    atoms.calc = SinglePointCalculator(atoms, **known)
    return atoms
