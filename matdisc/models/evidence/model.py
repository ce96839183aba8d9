"""The evidence model: sources, fusion, inference; NumPy alone. `estimator` gives it scikit-learn's interface.

Fitting chooses the strength and order of the data source and estimates how far each source can be trusted, all inside
the training alloys. Judging uses the training alloys as hosts and never sees a label of a candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Bools, Floats, Ints
from matdisc.errors import DataError
from matdisc.models.evidence.groups import Alloy, Groups, alphabet, parse_alloy
from matdisc.models.evidence.inference import (
    by_pieces,
    by_products,
    combine_products,
    count_pieces,
    queries_of,
    speaking_keys,
)
from matdisc.models.evidence.masses import Combined
from matdisc.models.evidence.selection import choose
from matdisc.models.evidence.settings import FROM_PRODUCTS, Settings
from matdisc.models.evidence.sources import fuse, table_masses
from matdisc.models.evidence.substitution import count_pairs, hosts_of
from matdisc.models.evidence.view import View, masses_of


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What is known about candidates; arrays of shape (n_candidates,).

    Attributes:
        masses: (High, Low, not known), shape (n_candidates, 3).
        conflict: Of the pieces behind each, in [0, 1].
        n_pieces: How many pieces of evidence spoke.
    """

    masses: Floats
    conflict: Floats
    n_pieces: Ints

    @property
    def belief(self) -> Floats:
        """Lower end of the interval of the probability of High."""
        return self.masses[:, 0]

    @property
    def plausibility(self) -> Floats:
        """Upper end of that interval."""
        return np.maximum(1.0 - self.masses[:, 1], self.belief)

    @property
    def ignorance(self) -> Floats:
        """Width of the interval."""
        return self.masses[:, 2]

    @property
    def p_high(self) -> Floats:
        """Pignistic probability of High: belief and half of the ignorance."""
        return np.clip(self.masses[:, 0] + self.masses[:, 2] / 2, self.belief, self.plausibility)

    @property
    def abstain(self) -> Bools:
        """Where no evidence speaks; p_high is then 0.5."""
        return self.n_pieces == 0


class EvidenceModel:
    """Predicts High or Low of alloys by evidence from labelled alloys and knowledge of element pairs."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    def fit(self, alloys: Sequence[Any], high: ArrayLike, weights: ArrayLike | None = None) -> EvidenceModel:
        """Learn from labelled alloys.

        Args:
            alloys: Collections of symbols, or strings like `Fe|Ni`.
            high: Whether each is High, shape (n_alloys,); one class is enough.
            weights: Of each alloy in the data source, at least 0; alpha w_i w_j has to be at most 1.

        Raises:
            DataError: If there is no alloy, an alloy occurs twice, or names an unknown element.
            TotalConflict: If alpha is 1 and the labelled alloys contradict each other.
        """
        self.alloys = [parse_alloy(a) for a in alloys]
        self.high = np.asarray(high, bool)
        if not self.alloys or self.high.shape != (len(self.alloys),):
            raise DataError(
                f"{len(self.alloys)} alloys and {self.high.size} labels; give one label an alloy, at least one"
            )
        self.weights = None if weights is None else np.asarray(weights, float)
        if self.weights is not None and self.weights.shape != self.high.shape:
            raise DataError(f"{self.weights.size} weights for {len(self.alloys)} alloys; give one an alloy")
        self._view = self._seen_in(alphabet(self.alloys))
        self.majority = bool(2 * self.high.sum() > len(self.high))
        self.alpha, self.order, self.reliabilities = choose(self.settings, self._view, self.weights)
        self._similarity: tuple[View, Combined] | None = None
        self.similarity(self._view)
        return self

    def predict(self, alloys: Sequence[Any]) -> Beliefs:
        """Return what is known about alloys; the answer to one does not depend on which others are asked about.

        Raises:
            DataError: If an alloy names an unknown element, or there are more than 64 elements in all.
        """
        asked = [parse_alloy(a) for a in alloys]
        view = self.view(asked)
        keys = speaking_keys(view.groups, self.similarity(view).masses, self.order)
        queries = queries_of(view.hosts, view.groups.splits(view.groups.encode(asked)), len(asked))
        version, rule = self.settings.version, self.settings.rule
        if rule not in FROM_PRODUCTS:
            combined, n_pieces = by_pieces(view.hosts, keys, queries, version, self.alpha, rule)
            return Beliefs(combined.masses, combined.conflict, n_pieces)
        logs = by_products(view.hosts, keys[..., None], queries, version, np.array([self.alpha]))
        combined = combine_products(logs, 0, rule)
        return Beliefs(combined.masses, combined.conflict, count_pieces(view.hosts, keys, queries, version))

    def view(self, asked: Sequence[Alloy] = ()) -> View:
        """Return the training alloys in an alphabet that has the elements of `asked` too."""
        # Further elements follow in alphabetical order whenever they come, so that sums keep their order.
        elements = alphabet(self.alloys, [frozenset(self._view.groups.elements), *asked])
        if len(elements) > len(self._view.groups.elements):
            self._view = self._seen_in(elements)
        return self._view

    def similarity(self, view: View) -> Combined:
        """Return the fused masses (similar, dissimilar, not known) of each key and their conflict."""
        if self._similarity is None or self._similarity[0] is not view:
            data = None if view.counts is None else masses_of(view, self.alpha, self.weights).masses
            fused = fuse(view.groups, data, view.table_masses, self.reliabilities, self.settings.fusion)
            self._similarity = (view, fused)
        return self._similarity[1]

    def _seen_in(self, elements: tuple[str, ...]) -> View:
        groups = Groups(elements, max(self.settings.orders))
        hosts = hosts_of(groups, self.alloys, self.high)
        counts = count_pairs(groups, hosts) if self.settings.use_data else None
        return View(groups, hosts, counts, table_masses(groups, self.settings.knowledge, self.settings.fusion))
