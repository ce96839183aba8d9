"""A liquid for tests: springs within molecules, soft spheres between them, and runs of a few frames."""

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from matdisc.physics.molecules.species import species


class Toy(Calculator):
    """Springs between all atoms of a molecule; atoms of different molecules repel when close and attract a little."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012

    def __init__(self, name, *, spring=20.0, well=0.06, reach=4.3):
        super().__init__()
        body = species(name).positions
        self.rest = np.linalg.norm(body[:, None] - body[None], axis=-1)
        self.spring, self.well, self.reach = spring, well, reach

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        ids, n, edge = atoms.arrays["molecule"], len(self.rest), atoms.cell.lengths()
        vector = atoms.positions[:, None] - atoms.positions[None]
        same = ids[:, None] == ids[None]
        vector = np.where(same[..., None], vector, vector - edge * np.round(vector / edge))
        distance = np.linalg.norm(vector, axis=-1)
        np.fill_diagonal(distance, 1.0)
        stretch = np.where(same, distance - np.tile(self.rest, (len(ids) // n,) * 2), 0.0)
        np.fill_diagonal(stretch, 0.0)
        near = (distance < self.reach) & ~same
        fall = np.exp(-2 * (distance - 2.6))
        morse, steep = self.well * (fall**2 - 2 * fall), self.well * 4 * (fall - fall**2)
        fade = (1 + np.cos(np.pi * distance / self.reach)) / 2
        fading = -np.pi / self.reach * np.sin(np.pi * distance / self.reach) / 2
        slope = self.spring * stretch + np.where(near, steep * fade + morse * fading, 0.0)
        pairs = (slope / distance)[..., None] * vector
        self.results = {
            "energy": float((self.spring * stretch**2 / 2 + np.where(near, morse * fade, 0.0)).sum() / 2),
            "forces": -pairs.sum(axis=1),
            "stress": full_3x3_to_voigt_6_stress(np.einsum("ija,ijb->ab", pairs, vector) / 2 / atoms.get_volume()),
        }


def rule(**other):
    settings = {
        "timestep": 1.0, "equilibration_ps": 0.01, "density_ps": 0.05, "sampled_ps": 0.06, "thermostat_fs": 50.0,
        "barostat_fs": 200.0, "replicas": 3, "n_atoms": 60, "seed": 0,
    }  # fmt: skip
    return settings | other


def inputs(**other):
    return {"counts": {"EC": 6}, "temperature": 313.15, "start_density": 1.2, "electrolytes": rule(**other)}
