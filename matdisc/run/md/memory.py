"""How much memory a simulation will take, roughly, before it starts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matdisc.errors import RunError
from matdisc.physics.md.watchdog import Fence
from matdisc.run.engine.memory import GIB
from matdisc.run.md.job import Dynamics

if TYPE_CHECKING:
    from ase import Atoms

LIQUID = 0.1
"""Atoms per Å^3 where there is no cell; metals and liquids have about so many."""
USUAL_CUTOFF = 6.0
"""Å, where a card gives none."""
NEIGHBOUR_BYTES = (200, 200)
NETWORK_BYTES = (1000, 35_000)
"""Memory per neighbour within the cutoff, least and most: of pair potentials (EMT), of networks (GET to CHGNet)."""
LOADED_GIB = (0.25, 0.5)
"""What a process holds with such a model loaded."""
TEXT_BYTES = 150
"""Of three numbers of an atom, from their text to the file; the line before them takes about as much as six atoms."""


@dataclass(frozen=True)
class Memory:
    """What a replica will take, roughly, GiB: at `least`, and with a large network up to `most`; of it `text` for the
    frames that wait for a checkpoint. `neighbours` are those of an atom.
    """

    least: float
    most: float
    text: float
    neighbours: float


def expected_memory(job: Dynamics, atoms: Atoms) -> Memory:
    """Return roughly what a replica will take, from its atoms and their neighbours within the cutoff of the card."""
    network = bool(job.model.requirements or job.model.extra)
    reach, n = job.model.cutoff or USUAL_CUTOFF, len(atoms)
    density = n / float(atoms.get_volume()) if np.all(atoms.pbc) else LIQUID
    neighbours = density * 4 / 3 * math.pi * reach**3
    least, most = (n * neighbours * size / GIB for size in (NETWORK_BYTES if network else NEIGHBOUR_BYTES))
    waiting = min(job.steps, job.checkpoint_every)
    numbers = (n * (1 + job.velocities) + 6) * waiting / job.every + 5 * waiting / job.thermo_every
    text = TEXT_BYTES * numbers / GIB
    base = LOADED_GIB[network] + text
    return Memory(base + least, base + most, text, neighbours)


def fitting(job: Dynamics, atoms: Atoms, wanted: int, say: Callable[[str], None]) -> int:
    """Return how many replicas, at most `wanted`, one process moves together within its memory, and say if fewer."""
    if job.memory_gib is None or wanted <= 1:
        return wanted
    loaded = LOADED_GIB[bool(job.model.requirements or job.model.extra)]
    each = expected_memory(job, atoms).most - loaded
    found = max(1, min(wanted, int((job.memory_gib - loaded) / each)))
    if found < wanted:
        say(f"{job.memory_gib:.3g} GiB of memory suffice for {found} of {wanted} replicas together")
    return found


def refuse_too_large(job: Dynamics, atoms: Atoms, say: Callable[[str], None]) -> None:
    """Say how many atoms there are and what memory they will take; raise RunError if a start is impossible so."""
    if why := Fence(atoms).impossible():
        raise RunError(f"impossible start: {why}; check the cell, and that its lengths are in Å")
    n, expected, limit = len(atoms), expected_memory(job, atoms), job.memory_gib
    large = f" (a large network: {expected.most:.2g} GiB)" if expected.most > 1.5 * expected.least else ""
    takes = f"{n:,} atom{'s' * (n > 1)}: a replica takes about {expected.least:.2g} GiB of memory{large}"
    if limit is None or expected.least <= limit:
        say(takes if limit is None else f"{takes}; it may take {limit:.3g} GiB")
        return
    remedy = "fewer atoms (--supercell), or a greater --memory"
    if expected.text > 0.5 * expected.least:
        remedy = "frames less often (--every), or a smaller --checkpoint-every: frames wait for the next checkpoint"
    neighbours = f"with {expected.neighbours:.0f} neighbours of each atom"
    raise RunError(f"{takes}, {neighbours}, and it may take {limit:.3g} GiB; give {remedy}")
