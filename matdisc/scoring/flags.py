"""What readers have to know about a row."""

from __future__ import annotations

from matdisc.cards import DatasetCard, ModelCard
from matdisc.tasks.task import Task


def flags(model: ModelCard | None, card: DatasetCard, task: Task) -> list[str]:
    """Return what a reader has to know before trusting a row, one plain sentence each."""
    found: list[str] = []
    if model is None or model.reference_row:
        return found
    for overlap in card.known_overlaps:
        if overlap.training_set in model.training_sets:
            found.append(f"training overlap {overlap.degree}: trained on {overlap.training_set}; {overlap.note}")
    if not model.training_sets and model.kind == "potential" and model.energy_scale != "own":
        found.append("training data unknown: overlap with this set cannot be excluded")
    if card.key in model.used_in_construction_of:
        found.append("used in construction: this model helped to decide the structures of this set")
    if model.aligned_densities and "aligned" in task.value_columns:
        found.append(f"aligned: fitted to the density of {', '.join(model.aligned_densities)}, which are shown apart")
    theory = model.level_of_theory
    compared = card.dynamics is not None and card.dynamics.reference is not None if task.measured else task.structures
    if (model.energy_scale, card.energy_scale) == ("pbe_raw", "mp2020_corrected") and task.needs_references:
        found.append("corrections: MP2020 corrections were added to the uncorrected energies of this model")
    elif (task.needs_references or compared) and theory and theory != card.level_of_theory:
        found.append(f"level of theory differs: model {theory}; labels {card.level_of_theory}")
    return found
