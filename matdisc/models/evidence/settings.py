"""Settings of the evidence model."""

from __future__ import annotations

from dataclasses import dataclass, field

from matdisc.models.evidence.groups import LARGEST_ORDER
from matdisc.models.evidence.inference import (
    Version,
)
from matdisc.models.evidence.masses import RULES, Rule
from matdisc.models.evidence.sources import Fusion, PairTable

ALPHAS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2)


FROM_PRODUCTS = ("dempster", "yager", "dubois-prade")
"""Rules of inference that need no list of pieces."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an evidence model is made of.

    Attributes:
        alphas: Strengths of one pair of alloys to choose from, in [0, 1].
        orders: Largest exchanged groups to choose from, 1 or 2.
        version: Inference `v1`, or `v2` for the data source alone.
        rule: Combination of the pieces about a candidate.
        fusion: Combination of sources.
        use_data: Whether labelled alloys speak about substitutability.
        knowledge: Tables that do.
        reliability: Whether sources are discounted by what they are worth inside the training part; only where there
            are at least two.
        folds, reliability_folds: Of the cross-validations that choose, and that estimate reliabilities.
        seed: Of both.
    """

    alphas: tuple[float, ...] = ALPHAS
    orders: tuple[int, ...] = (1, 2)
    version: Version = "v1"
    rule: Rule = "dempster"
    fusion: Fusion = field(default_factory=Fusion)
    use_data: bool = True
    knowledge: tuple[PairTable, ...] = ()
    reliability: bool = True
    folds: int = 5
    reliability_folds: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.use_data and not self.knowledge:
            raise ValueError("a model needs a source of evidence: use_data, or a table in 'knowledge'")
        if self.version not in ("v1", "v2") or (self.version == "v2" and self.knowledge):
            raise ValueError(f"version is {self.version!r}: use 'v1', or 'v2' with the data source alone")
        if self.rule not in RULES or self.fusion.rule not in RULES or self.fusion.expert_rule not in RULES:
            raise ValueError(f"rules of combination are {', '.join(RULES)}")
        if not self.alphas or not all(0 <= a <= 1 for a in self.alphas):
            raise ValueError(f"alpha is {self.alphas}; strengths have to lie in [0, 1]")
        if not self.orders or not set(self.orders) <= set(range(1, LARGEST_ORDER + 1)):
            raise ValueError(f"order is {self.orders}; exchanged groups have at most 1 or {LARGEST_ORDER} elements")
        if self.folds < 2 or self.reliability_folds < 2:
            raise ValueError("cross-validation needs at least 2 folds")

    @property
    def n_sources(self) -> int:
        """The data, if used, and each table."""
        return int(self.use_data) + len(self.knowledge)
