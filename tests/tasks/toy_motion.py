"""Toy potentials with known motion, and a small protocol to run them."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from matdisc.cards import Dynamics


def rule(**changes):
    """A protocol of some hundred steps."""
    base = {
        "temperature": 300.0, "start_temperature": 600.0, "timestep": 4.0, "timesteps": (1.0, 2.0, 4.0),
        "equilibration_ps": 0.4, "sampled_ps": 1.2, "conserved_ps": 0.12, "friction": 0.02, "thermostat_fs": 100.0,
        "rdf_max": 6.0, "rdf_bins": 12, "spectrum_max": 16.0, "spectrum_bins": 16, "seed": 0, "note": "toy",
    }  # fmt: skip
    return Dynamics.model_validate(base | changes)


def lattice(n=2, a=3.6):
    """Copper on a simple cubic lattice of n^3 atoms."""
    places = np.array(list(np.ndindex(n, n, n)), float)
    return Atoms(f"Cu{n**3}", positions=a * places, cell=[n * a] * 3, pbc=True)


class Springs(Calculator):
    """Every atom on a spring of its own, `stiffness` eV/Å^2; `twist` adds a force across the displacement, which is the
    gradient of nothing."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, sites, stiffness=3.0, twist=0.0):
        super().__init__()
        self.sites, self.stiffness, self.twist = np.array(sites), stiffness, twist

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        moved = atoms.positions - self.sites
        forces = -self.stiffness * moved + self.twist * np.cross([0.0, 0.0, 1.0], moved)
        self.results = {"energy": 0.5 * self.stiffness * float((moved**2).sum()), "forces": forces}
