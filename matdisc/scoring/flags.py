"""What readers have to know about a row."""

from __future__ import annotations

from matdisc.cards import DatasetCard, ModelCard
from matdisc.scoring.base import Scoring, theory_differs


def flags(model: ModelCard | None, card: DatasetCard, scoring: Scoring) -> list[str]:
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
    if model.aligned_densities and any(column.name == "aligned" for column in scoring.columns):
        found.append(f"aligned: fitted to the density of {', '.join(model.aligned_densities)}, which are shown apart")
    if (model.energy_scale, card.energy_scale) == ("pbe_raw", "mp2020_corrected") and scoring.hull:
        found.append("corrections: MP2020 corrections were added to the uncorrected energies of this model")
    elif scoring.theory_matters(card) and theory_differs(model, card):
        what = "level of theory differs"
        if not scoring.hull and _functional(model.level_of_theory) == _functional(card.level_of_theory):
            what = "same functional, other set-up"  # corrections of energies move no curve, force or frequency
        found.append(f"{what}: model {model.level_of_theory}; labels {card.level_of_theory}")
    return found


def _functional(theory: str | None) -> str:
    """The word that a level of theory begins with on a card, such as PBE, PBEsol or r2SCAN."""
    return (theory or "").partition(" ")[0].rstrip(",;:")
