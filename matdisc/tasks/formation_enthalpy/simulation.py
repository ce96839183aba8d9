"""What is done for an enthalpy of formation: compound and elements are relaxed with the same potential."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matdisc.datasets.formation_enthalpy import ENTHALPY
from matdisc.physics.evaluation import Steps
from matdisc.physics.formation import formation_energy_per_atom
from matdisc.physics.relaxation.relax import relaxation
from matdisc.schema import Sample
from matdisc.tasks.task import Outcome, Reference

if TYPE_CHECKING:
    from matdisc.protocols import Protocol


def simulate(sample: Sample, protocol: Protocol, reference: Reference, correction: float) -> Steps[Outcome]:
    """Find the formation enthalpy of a sample, eV/atom, as the energy at 0 K without vibrations."""
    composition = sample.crystal.composition
    energies = {}
    for symbol in composition:
        energies[symbol] = yield from reference(symbol)
    end = yield from relaxation(sample.crystal, protocol)
    enthalpy = formation_energy_per_atom(end.energy, composition, energies.__getitem__, correction)
    return Outcome({ENTHALPY: enthalpy}, end.converged, end.steps)
