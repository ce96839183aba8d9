"""Moving atoms step by step, watched and observed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matdisc.errors import MatdiscError, RunError
from matdisc.physics.evaluation import Evaluation, Steps
from matdisc.physics.md.conditions import Conditions
from matdisc.physics.md.observers import Observer
from matdisc.physics.md.state import Reason, Simulated, State, Stop
from matdisc.physics.md.trajectory import Trajectory
from matdisc.physics.md.watchdog import Watch, Watchdog
from matdisc.physics.together import TimedOut

if TYPE_CHECKING:
    from ase import Atoms


def simulate(
    atoms: Atoms,
    conditions: Conditions,
    steps: int,
    *,
    seed: int,
    observers: Sequence[Observer] = (),
    watchdog: Watchdog | None = None,
    start: State | None = None,
) -> Steps[Simulated]:
    """Move atoms by so many steps, one evaluation each, and return the last state and why it ended early, if it did.

    A trajectory in parts, each started from the last `state` under the same conditions, is the same to the last bit as
    one in one part, if the potential gives equal answers to equal structures. Give the same `atoms` to all parts.

    The structure that is yielded is one and the same object, changed from step to step and never wrapped.

    Args:
        atoms: The start. Velocities that it has are kept; else they are drawn for the temperature.
        conditions: How atoms move.
        steps: Steps of this call.
        seed: Of all randomness: first velocities, noise. A state that goes on has its own.
        observers: Who sees frames: step 0 of a trajectory, and every so many steps.
        watchdog: What ends it early. Without one only energies that are not finite or missing do, and atoms that move
            by more than 2 Å in a step.
        start: Where to go on. `State.anew` makes one for other conditions: it gives positions, velocities and cell.

    Raises:
        RunError: If the start explodes, has constraints, or the ensemble needs what structure or potential lack.
        Exception: What the potential raises of the start; later it ends the trajectory with `no answer`.
    """
    path = Trajectory(atoms, conditions, seed, start)
    watch = Watch(watchdog, atoms, conditions.temperature, path.motion.dof) if watchdog else None
    if start is None or not start.ensemble:
        try:
            path.accept((yield path.atoms) if start is None else _known(start))
        except ArithmeticError as err:
            raise RunError(
                f"exploding start: {err}; relax the structure first, and check its lengths and cell"
            ) from err
        path.refuse_bad_start()
        path.reference = path.conserved()
        _show(path, observers)
    for done in range(steps):
        before = path.state()
        path.advance()
        if fast := path.runaway():
            return Simulated(before, done, Stop("temperature", path.time(), fast))
        try:
            path.accept((yield path.atoms))
        except (MatdiscError, MemoryError, TimedOut):
            raise
        except Exception as err:
            reason: Reason = "not finite" if isinstance(err, ArithmeticError) else "no answer"
            return Simulated(before, done, Stop(reason, path.time(), f"{type(err).__name__}: {err}"))
        path.finish()
        stop = None
        if watch and path.step % watch.watchdog.every == 0:
            stop, path.hot = watch.check(path.frame(), path.reference, path.hot)
        _show(path, observers)
        if stop:
            return Simulated(path.state(), done + 1, stop)
    return Simulated(path.state(), steps, None)


def _known(start: State) -> Evaluation:
    return Evaluation(start.potential, start.forces, start.stress)


def _show(path: Trajectory, observers: Sequence[Observer]) -> None:
    due = [observer for observer in observers if path.step % observer.every == 0]
    if due:
        frame = path.frame()
        for observer in due:
            observer.see(frame)
