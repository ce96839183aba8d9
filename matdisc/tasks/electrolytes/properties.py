"""Properties of a liquid from replicas of its dynamics, each with its error or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matdisc.arrays import Floats
from matdisc.errors import RunError
from matdisc.metrics.block_averaging import Estimate, block_average, over_replicas, undefined
from matdisc.metrics.transport import (
    MILLIPASCAL_SECONDS,
    MILLISIEMENS_PER_CM,
    SQUARE_METRES_PER_SECOND,
    diffusion,
    einstein_conductivity,
    ideal_transference,
    nernst_einstein,
    onsager_transference,
    viscosity,
    without_drift,
    yeh_hummer,
)

SHORTEST_PRESSURE_FS = 10_000.0
"""Time of a replica that a viscosity takes at least: vibrations die within a fraction of a picosecond, and in
a shorter run their decay passes for the liquid's own."""
DROPPED = 1 / 3
"""First part of every run that counts as equilibration."""
DRIFTING = 0.05
"""A common drift by a larger share of the density is none of noise, however few the replicas."""


@dataclass(frozen=True, slots=True, eq=False)
class Replica:
    """What is kept of one replica at constant volume.

    Attributes:
        centres: Centres of mass of the molecules, unwrapped, Å, shape (n_frames, n_molecules, 3).
        masses: Of the molecules, shape (n_molecules,).
        species: Of the molecules.
        frame_fs: Time between frames.
        pressure: Full pressure tensor, eV/Å^3, shape (n, 3, 3); nan without a stress.
        pressure_fs: Time between pressures.
        volume: Of the box, Å^3.
        temperature: K.
    """

    centres: Floats
    masses: Floats
    species: tuple[str, ...]
    frame_fs: float
    pressure: Floats
    pressure_fs: float
    volume: float
    temperature: float


def properties(
    densities: Sequence[Floats], replicas: Sequence[Replica], charges: Mapping[str, int]
) -> dict[str, Estimate]:
    """Return every property of a liquid by name, in the units of predictions files.

    `density` (g/cm^3), `viscosity` (mPa s), `finite_size` (m^2/s: what a cubic box takes off every diffusion
    coefficient), `diffusion_EC` and so on for each species (m^2/s, in the box as it is), and with ions `conductivity`
    (mS/cm, all correlations), `conductivity_ideal` (Nernst and Einstein), `transference` and `transference_ideal` of
    the cation, and `ionicity`.

    Args:
        densities: Of each replica at constant pressure, g/cm^3, shape (n,); see `density`.
        replicas: Of the same liquid at constant volume; fewer than three give reasons and no numbers, none nothing.
        charges: Formal charge of each species, e.

    Raises:
        RunError: If replicas at constant volume are not of one kind.
    """
    found = {"density": density(densities)}
    if not replicas:
        return found
    _refuse_unlike(replicas)
    moving = [_kept(without_drift(replica.centres, replica.masses)) for replica in replicas]
    frame_fs, temperature = replicas[0].frame_fs, replicas[0].temperature
    volume = float(np.mean([replica.volume for replica in replicas]))
    found["viscosity"] = _viscosity(replicas, volume, temperature)
    found["finite_size"] = _finite_size(found["viscosity"], volume, temperature)
    species = np.array(replicas[0].species)
    paths = {name: [positions[:, species == name] for positions in moving] for name in dict.fromkeys(species.tolist())}
    coefficients = {name: diffusion(positions, frame_fs) for name, positions in paths.items()}
    for name, coefficient in coefficients.items():
        found[f"diffusion_{plain(name)}"] = coefficient.scaled(SQUARE_METRES_PER_SECOND)
    ions = {name: charges[name] for name in paths if charges[name]}
    if ions:
        counts = {name: int((species == name).sum()) for name in ions}
        runs = [{name: paths[name][i] for name in ions} for i in range(len(replicas))]
        ideal = nernst_einstein(counts, ions, coefficients, volume=volume, temperature=temperature)
        found |= _conduction(runs, ions, coefficients, ideal, frame_fs, volume, temperature)
    return found


def _refuse_unlike(replicas: Sequence[Replica]) -> None:
    """Replicas may differ in length, of which the shortest counts, and in volume; in nothing else."""
    kinds = {
        "molecules": lambda one: " ".join(one.species),
        "a time between frames (fs)": lambda one: one.frame_fs,
        "a time between pressures (fs)": lambda one: one.pressure_fs,
        "a temperature (K)": lambda one: one.temperature,
    }
    for what, kind in kinds.items():
        first, other = kind(replicas[0]), next((kind(o) for o in replicas if kind(o) != kind(replicas[0])), None)
        if other is not None:
            raise RunError(f"replicas of one liquid have {what} of {first} and of {other}; analyse each kind by itself")


def plain(species: str) -> str:
    """Return the name of a species without the signs of its charge: `PF6-` is `PF6`."""
    return species.rstrip("+-")


def density(series: Sequence[Floats]) -> Estimate:
    """Return the mean density over replicas, g/cm^3.

    The first third of each is dropped. The error is the largest of four: the scatter of the replicas, their block
    errors where blocks find a plateau, half of what is left of a common drift between the halves of the runs, and what
    the halves of each replica make of it as independent ones. A common drift that Student's t tells from 0 (95 %), or
    above 5 %, makes it "still drifting".

    Args:
        series: Of each replica, the density at equal intervals, shape (n,).
    """
    kept = [_kept(np.asarray(one, float)) for one in series]
    if any(len(one) < 16 for one in kept):
        return undefined("too short")
    mean = over_replicas([one.mean() for one in kept])
    drifts = [one[len(one) // 2 :].mean() - one[: len(one) // 2].mean() for one in kept]
    drift = over_replicas(drifts)
    if mean.reason or drift.reason:
        return mean if mean.reason else drift
    if abs(drift.value) > min(_student(len(kept)) * drift.error, DRIFTING * mean.value):
        return undefined("still drifting")
    blocks = [block_average(one) for one in kept]
    within = math.sqrt(sum(block.error**2 for block in blocks)) / len(blocks)
    halves = float(np.linalg.norm(drifts)) / (2 * len(drifts))
    within = within if math.isfinite(within) else 0.0
    return Estimate(mean.value, max(mean.error, abs(drift.value) / 2, halves, within))


def _student(replicas: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, replicas - 1))


def _kept(series: Floats) -> Floats:
    return series[math.ceil(len(series) * DROPPED) :]


def _viscosity(replicas: Sequence[Replica], volume: float, temperature: float) -> Estimate:
    tensors = [_kept(replica.pressure) for replica in replicas]
    if not all(np.isfinite(tensor).all() for tensor in tensors):
        return undefined("the potential has no stress")
    if min(len(tensor) for tensor in tensors) * replicas[0].pressure_fs < SHORTEST_PRESSURE_FS:
        return undefined("too short")
    return viscosity(tensors, replicas[0].pressure_fs, volume, temperature).scaled(MILLIPASCAL_SECONDS)


def _finite_size(eta: Estimate, volume: float, temperature: float) -> Estimate:
    if not eta.defined or eta.value <= 0:
        return undefined(eta.reason or "the viscosity is not positive")
    value = yeh_hummer(temperature, eta.value / MILLIPASCAL_SECONDS, volume ** (1 / 3)) * SQUARE_METRES_PER_SECOND
    return Estimate(value, value * eta.error / eta.value)


def _conduction(
    runs: Sequence[Mapping[str, Floats]],
    ions: Mapping[str, int],
    coefficients: Mapping[str, Estimate],
    ideal: Estimate,
    frame_fs: float,
    volume: float,
    temperature: float,
) -> dict[str, Estimate]:
    whole = einstein_conductivity(runs, ions, dt_fs=frame_fs, volume=volume, temperature=temperature)
    cation = next(name for name, z in ions.items() if z > 0)
    anion = next(name for name, z in ions.items() if z < 0)
    return {
        "conductivity": whole.scaled(MILLISIEMENS_PER_CM),
        "conductivity_ideal": ideal.scaled(MILLISIEMENS_PER_CM),
        "transference": onsager_transference(runs, ions, cation, dt_fs=frame_fs),
        "transference_ideal": ideal_transference(coefficients[cation], coefficients[anion]),
        "ionicity": _ratio(whole, ideal),
    }


def _ratio(first: Estimate, second: Estimate) -> Estimate:
    """Ratio of two estimates, their errors added as if independent."""
    if first.reason or second.reason:
        return undefined(first.reason or second.reason)
    value = first.value / second.value
    return Estimate(value, math.hypot(first.error / second.value, value * second.error / second.value))
