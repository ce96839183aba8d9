"""Reference vibrations of crystals: full spectra of 103, heat capacities of 1,170 binaries, last peaks of 1,265.

Traps of the files: heat capacities of the binaries are per mole of cells and not of atoms; the last peaks are in 1/cm,
of another functional, and split by long-range fields.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.cards import DatasetCard
from matdisc.datasets.load import fold_of
from matdisc.errors import DataError
from matdisc.formats.atoms import to_crystal
from matdisc.physics.conductivity import flat_modes
from matdisc.physics.phonons.spectrum import IMAGINARY, SLICES, Spectrum
from matdisc.physics.phonons.thermal import TEMPERATURE, thermal_properties
from matdisc.schema import Arrays, Crystal, Dataset, Sample

PROTOTYPES = {225: "rocksalt", 216: "zincblende", 186: "wurtzite"}
"""By space group of kappa-103."""
KAPPA_DISPLACEMENT = 0.03
"""Å; the displacement behind published runs on kappa-103."""
SMALL = 8
"""Most atoms of a cell that is called small."""
INVERSE_CM = 0.0299792458
"""One 1/cm in THz."""
MAX_BYTES = 256 * 2**20


def kappa_103(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return 103 rocksalts, zincblendes and wurtzites with spectra on the mesh of the reference.

    A crystal prescribes `supercell`, `mesh` and `displacement`.

    Raises:
        DataError: If a file is damaged, or the two do not fit.
    """
    return _kappa(card, files, _of_spectrum)


def kappa_103_conductivity(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return the same crystals with thermal conductivities at 300 K, W/m/K; each prescribes `supercell_third` as well.

    Raises:
        DataError: If a file is damaged, or the two do not fit.
    """
    return _kappa(card, files, _of_conductivity)


def _kappa(card: DatasetCard, files: Mapping[str, Path], sample_of: Callable[..., Sample]) -> Dataset:
    from ase.io import read

    structures, spectra = (files[file.name] for file in card.files)
    content = _content(spectra)
    try:
        places = {name: place for place, name in content["mp_id"].items()}
        found: Any = read(structures, index=":", format="extxyz")
        samples = [sample_of(card, atoms, content, places[str(atoms.info["mp_id"])]) for atoms in found]
    except (KeyError, ValueError, TypeError, OSError, AttributeError) as err:
        raise _damaged(structures, err) from err
    return Dataset(key=card.key, samples=tuple(samples))


def _of_conductivity(card: DatasetCard, atoms: Any, content: Mapping[str, Any], place: str) -> Sample:
    sample = _of_spectrum(card, atoms, content, place)
    weights = np.array(content["weights"][place], float)
    modes = np.array(content["mode_kappa_TOT_ave"][place][0], float) / weights.sum()
    total = float(content["kappa_TOT_ave"][place][0])
    if abs(modes.sum() - total) > 1e-6 * total:
        raise ValueError(f"the modes of {atoms.info['mp_id']} do not add up to its conductivity")
    third = [int(n) for n in np.diag(atoms.info["fc3_supercell"])]
    return replace(
        sample,
        inputs={**sample.inputs, "supercell_third": third},
        target={"conductivity": total},
        arrays={"mode_conductivity": flat_modes(modes)},
    )


def _of_spectrum(card: DatasetCard, atoms: Any, content: Mapping[str, Any], place: str) -> Sample:
    spectrum = Spectrum(np.array(content["frequencies"][place], float), np.array(content["weights"][place], float))
    thermal = thermal_properties(spectrum, TEMPERATURE)
    mesh = [int(n) for n in atoms.info["q_mesh"]]
    if spectrum.weights.sum() != np.prod(mesh) or spectrum.frequencies.shape != (len(spectrum.weights), _bands(atoms)):
        raise ValueError(f"the spectrum of {atoms.info['mp_id']} is none of its mesh")
    prototype = PROTOTYPES[int(atoms.info["symm.no"])]
    target = {
        "max_frequency": float(spectrum.frequencies.max()),
        "mean_frequency": spectrum.mean,
        "last_peak": spectrum.last_peak,
        "heat_capacity": thermal.heat_capacity,
        "entropy": thermal.entropy,
        "free_energy": thermal.free_energy,
        "imaginary": float(spectrum.frequencies.min() < IMAGINARY),
    }
    inputs = {
        "prototype": prototype,
        "supercell": [int(n) for n in np.diag(atoms.info["fc2_supercell"])],
        "mesh": mesh,
        "displacement": KAPPA_DISPLACEMENT,
    }
    arrays = {"spectrum": tuple(spectrum.slice_means(SLICES).tolist())}
    return _sample(card, str(atoms.info["mp_id"]), to_crystal(atoms), target, inputs, arrays, (prototype,))


def _bands(atoms: Any) -> int:
    """Return the bands of the primitive cell: the file's cubic cells are four of it."""
    return 3 * len(atoms) // (1 if atoms.info["symm.no"] == 186 else 4)


def mp_binaries_heat(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return 1,170 binaries with the heat capacity at 300 K, J/mol/K of atoms; the file has it of cells.

    Raises:
        DataError: If the file is damaged.
    """
    path = files[card.files[0].name]
    try:
        samples = []
        for row in _content(path):
            crystal = _crystal(row["structure"])
            heat = float(row["heat_capacity"]) / len(crystal.symbols)
            samples.append(_sample(card, str(row["mp_id"]), crystal, {"heat_capacity": heat}, {}, flags=_size(crystal)))
    except (KeyError, ValueError, TypeError, IndexError) as err:
        raise _damaged(path, err) from err
    return Dataset(key=card.key, samples=tuple(samples))


def matbench_phonons(card: DatasetCard, files: Mapping[str, Path]) -> Dataset:
    """Return 1,265 crystals with the last peak of the density of states, THz; the file has 1/cm.

    Raises:
        DataError: If the file is damaged.
    """
    path = files[card.files[0].name]
    try:
        content = _content(path)
        samples = []
        for place, (structure, peak) in zip(content["index"], content["data"], strict=True):
            crystal, target = _crystal(structure), {"last_peak": INVERSE_CM * float(peak)}
            samples.append(_sample(card, f"mb-phonons-{place:04d}", crystal, target, {}, flags=_size(crystal)))
    except (KeyError, ValueError, TypeError, IndexError) as err:
        raise _damaged(path, err) from err
    return Dataset(key=card.key, samples=tuple(samples))


def _size(crystal: Crystal) -> tuple[str, ...]:
    return ("small",) if len(crystal.symbols) <= SMALL else ()


def _sample(
    card: DatasetCard,
    name: str,
    crystal: Crystal,
    target: Mapping[str, float],
    inputs: Mapping[str, Any],
    arrays: Arrays | None = None,
    flags: tuple[str, ...] = (),
) -> Sample:
    group = crystal.chemical_system
    fold = fold_of(group, card.split.n_folds)
    return Sample(name, {"crystal": crystal, **inputs}, target, group, fold, flags, arrays or {})


def _content(path: Path) -> Any:
    try:
        with gzip.open(path, "rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise ValueError("it is far larger than it should be")
        return json.loads(text)
    except (OSError, EOFError, ValueError) as err:
        raise _damaged(path, err) from err


def _crystal(structure: Mapping[str, Any]) -> Crystal:
    """Return the crystal of a structure as pymatgen writes it."""
    sites = structure["sites"]
    species = [site["species"] for site in sites]
    if any(len(one) != 1 or one[0]["occu"] != 1 for one in species):
        raise ValueError("a site is not fully occupied by one element")
    return Crystal(
        tuple(str(one[0]["element"]) for one in species),
        tuple(_vector(site["abc"]) for site in sites),
        tuple(_vector(row) for row in structure["lattice"]["matrix"]),  # type: ignore[arg-type]  # three rows
    )


def _vector(numbers: Any) -> tuple[float, float, float]:
    x, y, z = (float(number) for number in numbers)
    return x, y, z


def _damaged(path: Path, err: BaseException) -> DataError:
    return DataError(f"{path}: is not the file that its card describes ({type(err).__name__}: {err}); fetch it again")
