"""Molecular dynamics with any potential: ensembles, observers, a watchdog, and states that continue bit for bit.

Everything is a generator that yields a structure and receives its evaluation (matdisc.physics.evaluation), so that one
trajectory may be driven alone and many together. Units: eV, Å, fs, K; pressures are given in bar.
"""

from matdisc.physics.md.conditions import Conditions
from matdisc.physics.md.observers import Observer, Recorder
from matdisc.physics.md.simulation import simulate
from matdisc.physics.md.state import Frame, SimulationResult, State, Stop
from matdisc.physics.md.velocities import thermal_velocities
from matdisc.physics.md.watchdog import Watchdog

__all__ = [
    "Conditions",
    "Frame",
    "Observer",
    "Recorder",
    "SimulationResult",
    "State",
    "Stop",
    "Watchdog",
    "simulate",
    "thermal_velocities",
]
