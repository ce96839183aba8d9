"""Model and dataset cards: TOML written by people, checked field by field.

A card that says something unknown or impossible is refused with its file, field, value and remedy.
"""

from matdisc.cards.base import UNKNOWN_HASH, EnergyScale, HttpsUrl, Key, Name, Strict, TaskKey, Text, Unit, is_key
from matdisc.cards.dataset import (
    Cited,
    Column,
    DataFile,
    DatasetCard,
    Overlap,
    Population,
    Relaxation,
    Split,
    Stability,
    Subset,
)
from matdisc.cards.model import Links, ModelCard, ModelLicence, Person, Weights, WeightsPart, model_hash
from matdisc.cards.read import read_card
from matdisc.cards.simulation import Dynamics, Electrolytes
from matdisc.elements import ELEMENTS, SYMBOLS

__all__ = [
    "ELEMENTS",
    "SYMBOLS",
    "UNKNOWN_HASH",
    "Cited",
    "Column",
    "DataFile",
    "DatasetCard",
    "Dynamics",
    "Electrolytes",
    "EnergyScale",
    "HttpsUrl",
    "Key",
    "Links",
    "ModelCard",
    "ModelLicence",
    "Name",
    "Overlap",
    "Person",
    "Population",
    "Relaxation",
    "Split",
    "Stability",
    "Strict",
    "Subset",
    "TaskKey",
    "Text",
    "Unit",
    "Weights",
    "WeightsPart",
    "is_key",
    "model_hash",
    "read_card",
]  # fmt: skip
