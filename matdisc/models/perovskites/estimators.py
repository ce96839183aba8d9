"""scikit-learn's estimators of each family, in two settings that the training part chooses from; one thread each."""

from __future__ import annotations

from typing import Any

import numpy as np

from matdisc.arrays import Floats

FAMILIES = ("svm", "forest", "extra-trees", "boosting", "histogram-boosting", "neighbours", "constant")


def regressor(family: str, setting: int, seed: int) -> Any:
    """Return what a family learns numbers with, in setting 0 or 1."""
    from sklearn import dummy, ensemble, neighbors, svm

    leaf = (1, 4)[setting]
    found = {
        "svm": svm.SVR(C=(5.0, 20.0)[setting], epsilon=0.1, gamma=0.007),
        "forest": ensemble.RandomForestRegressor(50, max_features=0.12, min_samples_leaf=leaf),
        "extra-trees": ensemble.ExtraTreesRegressor(50, max_features=0.12, min_samples_leaf=leaf),
        "boosting": ensemble.GradientBoostingRegressor(max_depth=(4, 7)[setting], max_features=0.1, subsample=0.5),
        "histogram-boosting": ensemble.HistGradientBoostingRegressor(
            learning_rate=0.15, max_leaf_nodes=(15, 31)[setting], min_samples_leaf=10, max_bins=31, max_features=0.3
        ),
        "neighbours": neighbors.KNeighborsRegressor((4, 10)[setting], weights="distance"),
        "constant": dummy.DummyRegressor(strategy="median"),
    }[family]
    return _seeded(found, seed)


def probabilities(
    family: str, setting: int, seed: int, inputs: Floats, shares: Floats, weights: Floats, asked: Floats
) -> Floats:
    """Return probabilities of classes by a family, shape (n_asked, n_classes).

    What averages learns the shares themselves: means of shares are shares. Boosting sees each compound with each
    of its classes. Support vectors see it with its most frequent class; the softmax of their decision values is
    calibrated by nothing, and a class that is nowhere the most frequent one gets 0.

    Args:
        inputs: Features of the compounds to learn from, shape (n, n_features).
        shares: Share of each class, shape (n, n_classes).
        weights: Rows of each compound, shape (n,).
        asked: Features of the compounds to answer for.
    """
    from sklearn import dummy, ensemble, neighbors, svm

    if family == "svm":
        machine = svm.SVC(C=(2.0, 5.0)[setting], gamma=0.007)
        return _by_majority(machine, inputs, shares, weights, asked)
    if family in ("boosting", "histogram-boosting"):
        compounds, classes = np.nonzero(shares)
        pairs = (shares * weights[:, None])[compounds, classes]
        if family == "boosting":
            trees = ensemble.GradientBoostingClassifier(
                n_estimators=25, learning_rate=0.3, max_depth=4, max_features=0.1, subsample=0.5
            )
            found = fit(_seeded(trees, seed), inputs[compounds], classes, pairs)
        else:
            histograms = ensemble.HistGradientBoostingClassifier(
                max_iter=20, learning_rate=0.3, max_leaf_nodes=8, max_bins=31, max_features=0.3, early_stopping=False
            )
            rows = np.repeat(np.arange(len(pairs)), np.rint(pairs).astype(int))
            found = _seeded(histograms, seed).fit(inputs[compounds[rows]], classes[rows])
        return np.asarray(found.predict_proba(asked))
    averaging = {
        "neighbours": neighbors.KNeighborsRegressor((10, 20)[setting], weights="distance"),
        "constant": dummy.DummyRegressor(strategy="mean"),
    }.get(family) or regressor(family, setting, seed)
    return np.asarray(fit(averaging, inputs, shares, weights).predict(asked)).reshape(len(asked), -1)


def fit(estimator: Any, inputs: Floats, labels: Any, weights: Floats) -> Any:
    """Return the estimator, fitted; with weights of mean 1 where it knows any.

    Histogram boosting gets none: its weighted quantiles take longer than all the rest.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.utils.validation import has_fit_parameter

    if isinstance(estimator, HistGradientBoostingRegressor) or not has_fit_parameter(estimator, "sample_weight"):
        return estimator.fit(inputs, labels)
    return estimator.fit(inputs, labels, sample_weight=weights / weights.mean())


def _by_majority(machine: Any, inputs: Floats, shares: Floats, weights: Floats, asked: Floats) -> Floats:
    from scipy.special import softmax

    labels = shares.argmax(axis=1)
    known = np.unique(labels)
    found = np.zeros((len(asked), shares.shape[1]))
    if len(known) == 1:
        found[:, known] = 1.0
        return found
    values = fit(machine, inputs, labels, weights).decision_function(asked)
    values = np.column_stack([-values / 2, values / 2]) if values.ndim == 1 else values
    found[:, known] = softmax(values, axis=1)
    return found


def _seeded(estimator: Any, seed: int) -> Any:
    return estimator.set_params(random_state=seed) if "random_state" in estimator.get_params() else estimator
