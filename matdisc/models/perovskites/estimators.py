"""scikit-learn's estimators of each family, in two settings that the training part chooses from; one thread each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from matdisc.arrays import Floats

Made = Callable[[int, int], Any]
"""Setting (0 or 1) and seed to an estimator."""
Classified = Callable[[Any, Floats, Floats, Floats, Floats], Floats]
"""(estimator, inputs, shares of the classes, weights, inputs that are asked about) to probabilities."""


def fit(estimator: Any, inputs: Floats, labels: Any, weights: Floats) -> Any:
    """Return the estimator, fitted; with weights of mean 1 where it knows any."""
    from sklearn.utils.validation import has_fit_parameter

    weighted = {"sample_weight": weights / weights.mean()} if has_fit_parameter(estimator, "sample_weight") else {}
    return estimator.fit(inputs, labels, **weighted)


def by_shares(estimator: Any, inputs: Floats, shares: Floats, weights: Floats, asked: Floats) -> Floats:
    """Means of shares are shares: a regressor that averages, fitted to all classes at once, gives probabilities."""
    return np.asarray(fit(estimator, inputs, shares, weights).predict(asked)).reshape(len(asked), -1)


def by_pairs(estimator: Any, inputs: Floats, shares: Floats, weights: Floats, asked: Floats) -> Floats:
    """Probabilities of a classifier that sees each compound once with each of its classes."""
    compounds, classes = np.nonzero(shares)
    found = fit(estimator, inputs[compounds], classes, (shares * weights[:, None])[compounds, classes])
    return np.asarray(found.predict_proba(asked))


def by_majority(estimator: Any, inputs: Floats, shares: Floats, weights: Floats, asked: Floats) -> Floats:
    """Softmax of the decision values of a machine that sees each compound with its most frequent class.

    Nothing has calibrated them. A class that is nowhere the most frequent one gets 0.
    """
    from scipy.special import softmax

    labels = shares.argmax(axis=1)
    known = np.unique(labels)
    found = np.zeros((len(asked), shares.shape[1]))
    if len(known) == 1:
        found[:, known] = 1.0
        return found
    values = fit(estimator, inputs, labels, weights).decision_function(asked)
    values = np.column_stack([-values / 2, values / 2]) if values.ndim == 1 else values
    found[:, known] = softmax(values, axis=1)
    return found


def _svr(setting: int, seed: int) -> Any:
    from sklearn.svm import SVR

    return SVR(C=(5.0, 20.0)[setting], epsilon=0.1, gamma=0.007)


def _svc(setting: int, seed: int) -> Any:
    from sklearn.svm import SVC

    return SVC(C=(2.0, 5.0)[setting], gamma=0.007)


def _forest(setting: int, seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(50, max_features=0.12, min_samples_leaf=(1, 4)[setting], random_state=seed, n_jobs=1)


def _extra(setting: int, seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesRegressor

    return ExtraTreesRegressor(50, max_features=0.12, min_samples_leaf=(1, 4)[setting], random_state=seed, n_jobs=1)


def _boosting(setting: int, seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    depth = (4, 7)[setting]
    return GradientBoostingRegressor(
        n_estimators=100, max_depth=depth, max_features=0.1, subsample=0.5, random_state=seed
    )


def _boosting_classes(setting: int, seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(
        n_estimators=25, max_depth=4, max_features=0.1, subsample=0.5, learning_rate=0.3, random_state=seed
    )


def _histograms(setting: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    leaves = (15, 31)[setting]
    return HistGradientBoostingRegressor(
        max_iter=60, learning_rate=0.2, max_leaf_nodes=leaves, max_bins=31, max_features=0.3, random_state=seed
    )


def _histograms_classes(setting: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=20, learning_rate=0.3, max_leaf_nodes=8, max_bins=31, max_features=0.3, random_state=seed
    )


def _neighbours(setting: int, seed: int) -> Any:
    from sklearn.neighbors import KNeighborsRegressor

    return KNeighborsRegressor((4, 10)[setting], weights="distance")


def _neighbours_of_classes(setting: int, seed: int) -> Any:
    from sklearn.neighbors import KNeighborsRegressor

    return KNeighborsRegressor((10, 20)[setting], weights="distance")


def _mean(setting: int, seed: int) -> Any:
    from sklearn.dummy import DummyRegressor

    return DummyRegressor(strategy="mean")


def _constant(setting: int, seed: int) -> Any:
    from sklearn.dummy import DummyRegressor

    return DummyRegressor(strategy="median")


FAMILIES: dict[str, tuple[Made, Made, Classified]] = {
    "svm": (_svr, _svc, by_majority),
    "forest": (_forest, _forest, by_shares),
    "extra-trees": (_extra, _extra, by_shares),
    "boosting": (_boosting, _boosting_classes, by_pairs),
    "histogram-boosting": (_histograms, _histograms_classes, by_pairs),
    "neighbours": (_neighbours, _neighbours_of_classes, by_shares),
    "constant": (_constant, _mean, by_shares),
}
"""What a family learns numbers with, what it learns classes with, and how."""
