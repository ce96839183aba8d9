"""Properties of liquids from finished runs of `matdisc md`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.errors import DataError, RunError
from matdisc.metrics.block_averaging import Estimate
from matdisc.physics.md.state import from_bytes
from matdisc.physics.molecules.species import built_in
from matdisc.run.md.files import CHECKPOINT, SETTINGS, THERMO, TRAJECTORY, read_thermo
from matdisc.tasks.electrolytes.properties import DROPPED, Replica, properties
from matdisc.tasks.electrolytes.simulation import Centres
from matdisc.units import BAR

FREE = ("nve", "nose-hoover")
"""Ensembles at constant volume that leave the motion as it is, or nearly."""


@dataclass(frozen=True, slots=True)
class Liquid:
    """What the runs of one liquid tell.

    Attributes:
        found: Properties by name, defined or with a reason.
        simulated_ps: Of every replica, the shortest time at constant pressure and the shortest at constant volume, less
            the third that is dropped.
        stops: Why replicas ended early; empty if all reached their end.
    """

    found: Mapping[str, Estimate]
    simulated_ps: float
    stops: tuple[str, ...]


@dataclass(slots=True)
class _Gathered:
    densities: list[Floats] = field(default_factory=list)
    replicas: list[Replica] = field(default_factory=list)
    moved_ps: list[float] = field(default_factory=list)
    held_ps: list[float] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)


def analyse(folders: Sequence[Path]) -> Liquid:
    """Return the properties of one liquid from folders of `matdisc md`: densities of those at constant pressure, motion
    of those at constant volume.

    Raises:
        RunError: If a folder holds no simulation, one under another thermostat, several temperatures, or molecules that
            are unknown.
        DataError: If a file is damaged.
    """
    gathered = _Gathered()
    for folder in folders:
        settings = _settings(folder)
        for part in _replica_folders(folder, settings):
            stop = _stop(part / CHECKPOINT)
            if stop:
                gathered.stops.append(f"{part}: {stop}")
            elif settings["ensemble"] == "npt":
                thermo = read_thermo(part / THERMO)
                gathered.densities.append(thermo["density_g_cm3"])
                gathered.held_ps.append(_lasted(thermo))
            else:
                gathered.replicas.append(_motion(part, settings))
                gathered.moved_ps.append(_lasted(read_thermo(part / THERMO)))
    if gathered.stops:
        return Liquid({}, _shortest(gathered), tuple(gathered.stops))
    known = built_in()
    charges = {name: known[name].charge for replica in gathered.replicas for name in replica.species}
    return Liquid(properties(gathered.densities, gathered.replicas, charges), _shortest(gathered), ())


def _shortest(gathered: _Gathered) -> float:
    return sum(min(times, default=0.0) for times in (gathered.held_ps, gathered.moved_ps))


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / SETTINGS
    try:
        settings: dict[str, Any] = json.loads(path.read_bytes())
        ensemble = settings["ensemble"]
        temperatures = settings["temperatures"]
    except FileNotFoundError:
        raise RunError(f"{folder}: holds no simulation; give the folder that `matdisc md --out` was given") from None
    except (ValueError, KeyError, TypeError) as err:
        raise DataError(f"{path}: damaged ({type(err).__name__}: {err})") from err
    if ensemble not in ("npt", *FREE):
        raise RunError(
            f"{folder}: ensemble {ensemble!r} changes how molecules move; take npt for the density, nose-hoover or nve "
            "for motion"
        )
    if len(temperatures) != 1:
        raise RunError(f"{folder}: {len(temperatures)} temperatures; run and analyse each in a folder of its own")
    return settings


def _replica_folders(folder: Path, settings: Mapping[str, Any]) -> list[Path]:
    found = sorted(path.parent for path in folder.glob(f"*/{CHECKPOINT}"))
    if len(found) != settings["replicas"]:
        raise RunError(f"{folder}: {len(found)} of {settings['replicas']} replicas have begun; finish the run first")
    return found


def _stop(path: Path) -> str:
    stop = from_bytes(path.read_bytes(), str(path))[1]["stop"]
    return f"{stop['reason']} at {stop['time_fs']:g} fs: {stop['detail']}" if stop else ""


def _lasted(thermo: Mapping[str, Floats]) -> float:
    times = thermo["time_fs"]
    return float(times[-1] - times[0]) / 1000 * (1 - DROPPED) if len(times) else 0.0


def _motion(folder: Path, settings: Mapping[str, Any]) -> Replica:
    thermo = read_thermo(folder / THERMO)
    frames = _frames(folder / TRAJECTORY)
    first = next(frames)
    species, molecule = molecules(first.get_chemical_symbols(), str(folder / TRAJECTORY))
    centres = Centres(1, molecule, first.get_masses())
    rows = [centres.of(first.positions), *(centres.of(frame.positions) for frame in frames)]
    tensor = np.stack([thermo[f"pressure_{axes}_bar"] for axes in ("xx", "xy", "xz", "yy", "yz", "zz")], axis=1) * BAR
    temperature = settings["temperatures"][0]
    return Replica(
        np.array(rows), centres.masses, species, settings["every"] * settings["timestep"],
        tensor[:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(-1, 3, 3), settings["thermo_every"] * settings["timestep"],
        float(first.get_volume()), float(np.mean(thermo["temperature_K"])) if temperature is None else temperature,
    )  # fmt: skip


def _frames(path: Path) -> Iterator[Any]:
    from ase.io import iread

    try:
        yield from iread(path, index=":", format="extxyz")
    except FileNotFoundError:
        raise RunError(f"{path}: there is no trajectory; run `matdisc md` to its end") from None
    except Exception as err:  # ASE's readers raise what they like
        raise DataError(f"{path}: damaged ({type(err).__name__}: {err})") from err


def molecules(symbols: Sequence[str], source: str) -> tuple[tuple[str, ...], list[int]]:
    """Return the species of each molecule and the molecule of each atom, from the order in which boxes are packed.

    Args:
        symbols: Of all atoms, molecule by molecule, each in the order of its species.
        source: What an error names.

    Raises:
        RunError: If the order fits no known species.
    """
    known = sorted(built_in().items(), key=lambda item: -len(item[1]))
    species: list[str] = []
    ids: list[int] = []
    while len(ids) < len(symbols):
        at = len(ids)
        name = next((n for n, one in known if tuple(symbols[at : at + len(one)]) == one.symbols), None)
        if name is None:
            raise RunError(
                f"{source}: atom {at + 1} ({symbols[at]}) begins no known molecule; make boxes with `matdisc md MODEL "
                f"box:EC=10`, known are {', '.join(sorted(n for n, _ in known))}"
            )
        ids += [len(species)] * len(dict(known)[name])
        species.append(name)
    return tuple(species), ids
