"""What is done with a liquid: its replicas side by side, and properties from all of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matdisc.cards import Electrolytes
from matdisc.metrics.block_averaging import MIN_REPLICAS, Estimate
from matdisc.physics.evaluation import Steps, side_by_side
from matdisc.tasks.dynamics.simulation import STOPS
from matdisc.tasks.electrolytes.columns import as_columns, unit_of
from matdisc.tasks.electrolytes.pace import Pace
from matdisc.tasks.electrolytes.parts import Parts
from matdisc.tasks.electrolytes.properties import properties
from matdisc.tasks.electrolytes.simulation import ReplicaRun, steps_done, total_steps
from matdisc.tasks.seeds import seed_of
from matdisc.units import GRAMS_PER_CM3


def liquid_steps(
    name: str, inputs: Mapping[str, Any], folder: Path | None = None, *, cutoff: float | None = None
) -> Steps[tuple[dict[str, float], int]]:
    """Run all replicas of a liquid side by side; return its values, only those that are defined, and its steps.

    `simulated_ps` is what properties come from, of each replica: time at constant pressure and at constant volume, less
    the third that is dropped. A replica that the watchdog ends ends the liquid, with `completed` 0, the reason as
    `stop` (its place in STOPS), and no properties; then it is what that one had reached.

    Args:
        name: Of the liquid.
        inputs: Of its sample.
        folder: Where replicas keep what they have, about every half minute, and from where they go on. It has to be of
            this liquid under this potential and no other. None keeps all in memory.
        cutoff: How far the potential looks, Å; a user is told of boxes that are narrower than twice that.
    """
    from matdisc.physics.molecules.species import species

    rule = Electrolytes.model_validate(dict(inputs["electrolytes"]) | {"note": "of the card"})
    ps = rule.timestep / 1000
    kept = [Parts(folder / f"replica-{i}" if folder else None) for i in range(max(rule.replicas, MIN_REPLICAS))]
    done = [ps * steps_done(inputs, rule, parts) for parts in kept]
    pace = Pace(name, ps * total_steps(inputs, rule), done, folder)
    edge = box_edge(inputs["counts"], float(inputs["start_density"]))
    if cutoff is not None and edge < 2 * cutoff:
        pace.say(
            f"its box is {edge:.1f} Å wide, less than twice the potential's cutoff of {cutoff:g} Å: molecules see "
            "themselves, which no error bar shows; ask for a set of larger boxes"
        )
    runs = [ReplicaRun(inputs, rule, seed_of(rule.seed, name, i), kept[i], pace, i) for i in range(len(kept))]
    ran = yield from side_by_side([one.steps() for one in runs])
    steps = sum(one.steps for one in ran)
    if stops := [(one.steps, i, one.stop) for i, one in enumerate(ran) if one.stop]:
        _, i, stop = min(stops)
        pace.end(f"ended early, no properties: replica {i}: {stop.reason} at {stop.time_fs:g} fs: {stop.detail}")
        code = float(STOPS.index(stop.reason))
        return {"simulated_ps": ran[i].simulated_ps, "completed": 0.0, "stop": code}, steps
    charges = {each: species(each).charge for each in inputs["counts"]}
    ended = {"simulated_ps": min(one.simulated_ps for one in ran), "completed": 1.0, "stop": 0.0}
    densities = [one.density for one in ran if one.density is not None]
    motions = [one.motion for one in ran if one.motion is not None]
    found = properties(densities, motions, charges)
    pace.end(_in_words(found))
    return ended | as_columns(found), steps


def box_edge(counts: Mapping[str, int], density: float) -> float:
    """Return the edge of the cubic box that holds so many molecules of each species at a density (g/cm^3), Å."""
    from matdisc.physics.molecules.species import species

    return float((sum(n * species(name).mass for name, n in counts.items()) * GRAMS_PER_CM3 / density) ** (1 / 3))


def _in_words(found: Mapping[str, Estimate]) -> str:
    """What was found, and why the rest was not, as in `density 1.32 ± 0.01 g/cm³; too short: viscosity`."""
    said = [
        f"{name} {one.value:.4g} ± {one.error:.2g} {unit_of(name)}".rstrip()
        for name, one in found.items() if one.defined
    ]  # fmt: skip
    for reason in dict.fromkeys(one.reason for one in found.values() if one.reason):
        said.append(f"{reason}: {', '.join(name for name, one in found.items() if one.reason == reason)}")
    return "; ".join(said)
