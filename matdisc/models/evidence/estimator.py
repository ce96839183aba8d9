"""The evidence model with scikit-learn's interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from matdisc.errors import DataError
from matdisc.models.evidence.explain import Explanation, explain
from matdisc.models.evidence.inference import Version
from matdisc.models.evidence.masses import Rule
from matdisc.models.evidence.model import Beliefs, EvidenceModel
from matdisc.models.evidence.settings import ALPHAS, Settings
from matdisc.models.evidence.sources import DATA_SHARE, Fusion, PairTable


class EvidenceClassifier(ClassifierMixin, BaseEstimator):
    """Predicts single-phase alloys by evidence; labels are "High" and "Low", or 1 and 0, or True and False.

    Args:
        alpha: Strength of one pair of alloys in [0, 1]; a sequence, or None for the default grid, is chosen from by
            inner cross-validation with the Brier score.
        order: Largest exchanged group, 1 or 2; None chooses likewise.
        version: Inference `v1`, or `v2` for the data source alone.
        rule, fusion_rule, expert_rule: Combination of the pieces about an alloy, of data with tables, and among tables.
        data_share: Weight of the data source beside tables.
        use_data: Whether labelled alloys are a source of substitutability; they always are hosts.
        knowledge: PairTable objects.
        reliability: Whether several sources are discounted by what each is worth inside the training part.
        folds: Of the inner cross-validation.
        seed: Of its folds.

    Attributes:
        classes_: Labels in scikit-learn's order, e.g. ["High", "Low"] or [0, 1]; both, even if one was seen.
        alpha_, order_: What was chosen.
        reliabilities_: Of each source, the data first.
        majority_: The label that abstentions get.
    """

    def __init__(
        self,
        *,
        alpha: float | Sequence[float] | None = None,
        order: int | None = None,
        version: Version = "v1",
        rule: Rule = "dempster",
        fusion_rule: Rule = "dempster",
        expert_rule: Rule = "cautious",
        data_share: float = DATA_SHARE,
        use_data: bool = True,
        knowledge: Sequence[PairTable] = (),
        reliability: bool = True,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.alpha = alpha
        self.order = order
        self.version = version
        self.rule = rule
        self.fusion_rule = fusion_rule
        self.expert_rule = expert_rule
        self.data_share = data_share
        self.use_data = use_data
        self.knowledge = knowledge
        self.reliability = reliability
        self.folds = folds
        self.seed = seed

    def fit(self, X: Sequence[Any], y: ArrayLike, sample_weight: ArrayLike | None = None) -> EvidenceClassifier:
        """Learn from alloys (sets of symbols, or `Fe|Ni`) and labels; weights multiply in the data source.

        Raises:
            DataError: If a label is neither High nor Low, an alloy occurs twice, or names an unknown element.
            TotalConflict: If alpha is 1 and the training alloys contradict each other.
        """
        self.classes_, high = read_labels(y)
        self.model_ = EvidenceModel(self._settings()).fit(X, high, sample_weight)
        self.alpha_, self.order_ = self.model_.alpha, self.model_.order
        self.reliabilities_ = self.model_.reliabilities
        self.majority_ = self._label(np.array([self.model_.majority]))[0]
        return self

    def predict_belief(self, X: Sequence[Any]) -> Beliefs:
        """Return belief, plausibility, conflict, abstention and number of pieces, arrays of shape (n_alloys,)."""
        check_is_fitted(self)
        return self.model_.predict(X)

    def predict_proba(self, X: Sequence[Any]) -> NDArray[np.float64]:
        """Return pignistic probabilities in the order of `classes_`, shape (n_alloys, 2); 0.5 without evidence."""
        p_high = self.predict_belief(X).p_high
        columns = {True: p_high, False: 1.0 - p_high}
        return np.stack([columns[_is_high(label)] for label in self.classes_], axis=1)

    def predict(self, X: Sequence[Any]) -> NDArray[Any]:
        """Return labels; abstentions and exact ties get `majority_`, and `predict_belief` says which abstained."""
        p_high = self.predict_belief(X).p_high
        return self._label(np.where(p_high == 0.5, self.model_.majority, p_high > 0.5))

    def explain(self, alloy: Any, limit: int = 10) -> Explanation:
        """Return the answer about an alloy and its strongest pieces, with `text()` and `graph()`."""
        check_is_fitted(self)
        return explain(self.model_, alloy, limit)

    def _label(self, high: NDArray[np.bool_]) -> NDArray[Any]:
        place = {_is_high(label): i for i, label in enumerate(self.classes_)}
        return self.classes_[np.where(high, place[True], place[False])]

    def _settings(self) -> Settings:
        alpha = ALPHAS if self.alpha is None else self.alpha
        return Settings(
            alphas=(float(alpha),) if isinstance(alpha, int | float) else tuple(float(a) for a in alpha),
            orders=(1, 2) if self.order is None else (self.order,),
            version=self.version,
            rule=self.rule,
            fusion=Fusion(self.fusion_rule, self.expert_rule, self.data_share),
            use_data=self.use_data,
            knowledge=tuple(self.knowledge),
            reliability=self.reliability,
            folds=self.folds,
            seed=self.seed,
        )


def read_labels(y: ArrayLike) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return both classes in scikit-learn's order, and which labels are High.

    Raises:
        DataError: If a label is neither.
    """
    labels = np.asarray(y)
    classes = np.array(["High", "Low"]) if labels.dtype.kind in "UO" else np.array([0, 1]).astype(labels.dtype)
    strange = [label for label in np.unique(labels) if label not in classes]
    if strange or labels.ndim != 1:
        shown = repr(strange[0]) if strange else f"an array of shape {labels.shape}"
        raise DataError(f"label {shown}: give one label an alloy, 'High' or 'Low', or 1 or 0")
    return classes, np.array([_is_high(label) for label in labels], bool)


def _is_high(label: Any) -> bool:
    return label == "High" if isinstance(label, str) else bool(label)
