"""Moving atoms step by step, watched and observed."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from matdisc.errors import MatdiscError, RunError
from matdisc.physics.drivers import TimedOut
from matdisc.physics.evaluation import Evaluation, Steps
from matdisc.physics.md.conditions import Conditions
from matdisc.physics.md.observers import Observer
from matdisc.physics.md.state import Reason, SimulationResult, State, Stop
from matdisc.physics.md.trajectory import RUNAWAY, Trajectory
from matdisc.physics.md.watchdog import Fence, Watch, Watchdog

if TYPE_CHECKING:
    from ase import Atoms

NO_MEMORY = ("out of memory", "allocate memory", "unable to allocate")
"""How packages say that there is no memory, in errors of many types."""
NO_ROOM = (errno.ENOMEM, errno.EAGAIN, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EROFS, errno.EIO)
"""What the system says when the machine is at its end."""


def simulate(
    atoms: Atoms,
    conditions: Conditions,
    steps: int,
    *,
    seed: int,
    observers: Sequence[Observer] = (),
    watchdog: Watchdog | None = None,
    start: State | None = None,
) -> Steps[SimulationResult]:
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
        watchdog: What ends it early. Without one only energies that are not finite or missing do, atoms that move
            by more than 2 Å in a step, and cells and thermostats that run away (see Fence), before the potential is
            asked about them.
        start: Where to go on. `State.anew` makes one for other conditions: it gives positions, velocities and cell.

    Raises:
        RunError: If the start explodes, has constraints or an impossible cell, or the ensemble needs what structure or
            potential lack.
        MemoryError, OSError: If the machine has no memory or room for the potential.
        Exception: What else the potential raises of the start; later it ends the trajectory with `no answer`.
    """
    path = Trajectory(atoms, conditions, seed, start)
    fence = Fence(atoms)
    watch = Watch(watchdog, atoms, conditions.temperature, path.motion.dof) if watchdog else None
    if start is None or not start.ensemble:
        if why := fence.impossible(path.motion.volume if path.periodic else None):
            raise RunError(f"impossible start: {why}; check the cell, and that its lengths are in Å")
        try:
            path.accept((yield path.atoms) if start is None else _known(start))
        except ArithmeticError as err:
            raise RunError(
                f"exploding start: {err}; relax the structure first, and check its lengths and cell"
            ) from err
        except Exception as err:
            _pass_on(err)
            raise
        path.refuse_bad_start()
        path.reference = path.conserved()
        _show(path, observers)
    for done in range(steps):
        before = path.state()
        time = (before.step + 1) * conditions.timestep
        if lost := _advanced(path, before, fence):
            return SimulationResult(before, done, Stop(lost[0], time, lost[1]))
        try:
            path.accept((yield path.atoms))
        except (MatdiscError, TimedOut):
            raise
        except Exception as err:
            _pass_on(err)
            reason: Reason = "not finite" if isinstance(err, ArithmeticError) else "no answer"
            return SimulationResult(before, done, Stop(reason, time, f"{type(err).__name__}: {err}"))
        if overflow := _overflow(path.finish, path):
            return SimulationResult(before, done, Stop("runaway", time, overflow))
        stop = None
        if watch and path.step % watch.watchdog.every == 0:
            stop, path.hot = watch.check(path.frame(), path.reference, path.hot)
        _show(path, observers)
        if stop:
            return SimulationResult(path.state(), done + 1, stop)
    return SimulationResult(path.state(), steps, None)


def _advanced(path: Trajectory, before: State, fence: Fence) -> tuple[Reason, str] | None:
    """Move to the next structure, and return why no potential should be asked about it, if none should."""
    c, n = path.conditions, path.step + 1
    if overflow := _overflow(path.advance, path):
        return "runaway", overflow
    if c.ensemble == "npt" and (lost := fence.lost(path.motion.volume)):
        return "runaway", f"{lost} in {n} step{'s' * (n > 1)}: {c.tight() or c.doubtful()}"
    if fast := path.runaway() or _jump(path, before):
        return "temperature", f"{fast}: {c.tight()}" if c.tight() else fast
    if spread := fence.spread(path.motion.positions):
        return "runaway", spread
    return None


def _jump(path: Trajectory, before: State) -> str:
    """Return in words that an atom was moved too far though it is slow by now, as friction can make it; empty if none
    was.
    """
    if path.conditions.ensemble == "npt":  # which moves atoms with the cell
        return ""
    moved = np.abs(path.motion.positions - before.positions).max(axis=1)
    worst = int(np.argmax(moved))
    if moved[worst] <= RUNAWAY:
        return ""
    return f"atom {worst} ({path.atoms.symbols[worst]}) moves {moved[worst]:.3g} Å in one step"


def _overflow(part: Callable[[], None], path: Trajectory) -> str:
    """Do a part of a step, and return in words what left the range of numbers; empty if nothing did.

    Only thermostats and cell hold exponentials; the potential has no part in it.
    """
    m, c = path.motion, path.conditions
    try:
        with np.errstate(all="ignore"):
            part()
            held = path.conserved()  # thermostats enter it squared, and overflow there first
        if math.isfinite(m.kinetic) and math.isfinite(m.strain_rate) and math.isfinite(held):
            return ""
    except ArithmeticError:
        pass
    what = {"npt": "thermostat or cell", "nose-hoover": "the thermostat"}.get(c.ensemble, "the velocities")
    return f"{what} left the range of numbers: {c.tight() or c.doubtful()}"


def _pass_on(err: Exception) -> None:
    """Raise an error that says nothing of the structure: no memory, whatever a package calls that, threads or room."""
    said = str(err).lower()
    no_room = isinstance(err, OSError) and err.errno in NO_ROOM
    if isinstance(err, MemoryError) or no_room or "start new thread" in said:
        raise err
    if any(words in said for words in NO_MEMORY):
        raise MemoryError(str(err)).with_traceback(err.__traceback__) from err


def _known(start: State) -> Evaluation:
    return Evaluation(start.potential, start.forces, start.stress)


def _show(path: Trajectory, observers: Sequence[Observer]) -> None:
    due = [observer for observer in observers if path.step % observer.every == 0]
    if due:
        frame = path.frame()
        for observer in due:
            observer.see(frame)
