"""Small labelled sets for tests of training: water-like clusters whose labels come from a springs-and-charges toy."""

from __future__ import annotations

import numpy as np

from matdisc.models.get.frames import Frames, from_atoms

CHARGES = {8: -0.6, 1: 0.3}
KE = 14.399645


def water() -> np.ndarray:
    """Positions of O, H, H, Å."""
    return np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])


def toy_energy_and_forces(positions: np.ndarray) -> tuple[float, np.ndarray]:
    """Springs O-H (and H-H) in each water, screened charges and soft repulsion between waters; eV, eV/Å."""
    n = len(positions)
    kinds = np.tile([8, 1, 1], n // 3)
    rest = {(8, 1): (0.96, 20.0), (1, 1): (1.52, 5.0)}
    energy, forces = -5.0 * (kinds == 8).sum() - 1.0 * (kinds == 1).sum(), np.zeros_like(positions)
    for i in range(n):
        for j in range(i):
            d = positions[i] - positions[j]
            r = float(np.linalg.norm(d))
            if i // 3 == j // 3:
                r0, k = rest[tuple(sorted((kinds[i], kinds[j]), reverse=True))]
                e, slope = 0.5 * k * (r - r0) ** 2, k * (r - r0)
            else:
                qq = KE * CHARGES[kinds[i]] * CHARGES[kinds[j]]
                e = qq / r + 40 * np.exp(-3 * r)
                slope = -qq / r**2 - 120 * np.exp(-3 * r)
            energy += e
            forces[i] -= slope * d / r
            forces[j] += slope * d / r
    return energy, forces


def toy_frames(n_frames: int, *, seed: int = 0, waters: tuple[int, ...] = (1, 2), rattle: float = 0.08) -> Frames:
    """Return labelled clusters of one or two waters, several trajectories of each system."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    rng = np.random.default_rng(seed)
    made = []
    for frame in range(n_frames):
        n = waters[frame % len(waters)]
        parts = [water() + np.array([3.0 * m, 0.2 * m, 0.0]) for m in range(n)]
        positions = np.concatenate(parts) + rng.normal(0, rattle, (3 * n, 3))
        energy, forces = toy_energy_and_forces(positions)
        atoms = Atoms("OHH" * n, positions)
        atoms.info |= {"system": f"{n} water", "trajectory": frame // 4}
        atoms.set_array("molecule", np.repeat(np.arange(n), 3))
        charges = np.array([CHARGES[z] for z in atoms.numbers])
        virial = sum(np.outer(x, f) for x, f in zip(positions, forces, strict=True))
        atoms.info["virial"] = np.asarray(virial)
        atoms.calc = SinglePointCalculator(
            atoms, energy=energy, forces=forces, charges=charges, dipole=charges @ positions
        )
        made.append(atoms)
    return from_atoms(made)
