"""Predictors of the task `alloys` for model cards: evidence from each source and fused, the null, and plain models.

A sample has `inputs["elements"]`, a tuple of symbols, and `target["high"]`, 1 for one solid solution. An answer has
`p_high`, the interval `belief` and `plausibility`, and `conflict`. Probability models have an interval of width 0;
who has no evidence answers 0.5 with the interval 0 to 1.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats
from matdisc.errors import DataError
from matdisc.models.evidence.descriptors import descriptors, one_hot, rule_table
from matdisc.models.evidence.groups import Alloy, alphabet
from matdisc.models.evidence.inference import Version
from matdisc.models.evidence.masses import Rule
from matdisc.models.evidence.model import Beliefs, EvidenceModel
from matdisc.models.evidence.settings import ALPHAS, Settings
from matdisc.models.evidence.sources import Fusion, PairTable, constant_table
from matdisc.models.evidence.tables import read_tables
from matdisc.models.load import Predictor, Question
from matdisc.schema import Sample, Values

Features = Literal["descriptors", "one-hot"]
Source = Literal["data", "rules", "table", "data+rules", "data+table", "data+rules+table"]
ABSTENTION: Values = {"p_high": 0.5, "belief": 0.0, "plausibility": 1.0, "conflict": 0.0}


def prior() -> Predictor:
    """Return a predictor that answers with the share of High in the train part, and abstains without one."""

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Values]:
        return _class_rate(train, test)

    return answers


def always_high() -> Predictor:
    """Return a predictor that calls every alloy High."""

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Values]:
        return [_certain(1.0) for _ in test]

    return answers


def constant_similarity(similar: float = 0.1) -> Predictor:
    """Return the null: each element is as similar to every other, so neighbours are counted and nothing is known."""

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Values]:
        elements = alphabet(_alloys(train), _alloys(test))
        return _evidence(Settings(use_data=False, knowledge=(constant_table(elements, similar),)), train, test)

    return answers


def permuted(table: str = "", seeds: str = "0,1,2") -> Predictor:
    """Return a table whose elements have been renamed at random, the mean over seeds: its form without its content.

    Args:
        table: File of a table, as for `evidence`; empty: our own rules.
        seeds: Whole numbers separated by commas.
    """
    tables = read_tables(table_path(table)) if table else (rule_table(),)

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Values]:
        runs = []
        for seed in seeds.split(","):
            shuffled = tuple(t.permuted(int(seed)) for t in tables)
            runs.append(_evidence(Settings(use_data=False, knowledge=shuffled), train, test))
        return [
            {name: float(np.mean([a[name] for a in same])) for name in ABSTENTION} for same in zip(*runs, strict=True)
        ]

    return answers


def evidence(source: Source = "data", table: str = "", **more: Any) -> Predictor:
    """Return an evidence model.

    Args:
        source, table, more: As `evidence_settings`.

    Raises:
        DataError, ValueError: As `evidence_settings`.
    """
    settings = evidence_settings(source, table, **more)

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Values]:
        return _evidence(settings, train, test)

    return answers


def evidence_settings(
    source: Source = "data",
    table: str = "",
    sha256: str = "",
    version: Version = "v1",
    rule: Rule = "dempster",
    expert_rule: Rule = "cautious",
    alpha: float = 0.0,
    order: int = 0,
    seed: int = 0,
) -> Settings:
    """Return the settings of an evidence model from the options of its card.

    Args:
        source: Sources of substitutability, joined by `+`: the labelled alloys, our own rules, a table from a file.
        table: Its path, absolute or below the folder that MATDISC_MIRROR names, or the name of a table in this package.
        sha256: Hash that it has to have, so that a card names its content too; empty: any.
        version, rule, expert_rule: As in `matdisc.models.evidence.settings.Settings`.
        alpha, order: Strength of a pair of alloys and largest exchanged group; 0 lets cross-validation choose.
        seed: Of that.

    Raises:
        DataError: If the table is missing, malformed or another one than `sha256` says.
        ValueError: If there is no such source, version or rule.
    """
    sources = source.split("+")
    if not sources or not set(sources) <= {"data", "rules", "table"}:
        raise ValueError(f"source is {source!r}; join 'data', 'rules', 'table' by '+'")
    knowledge: tuple[PairTable, ...] = (rule_table(),) if "rules" in sources else ()
    if "table" in sources:
        knowledge += read_tables(_as_stated(table_path(table), sha256))
    return Settings(
        alphas=(alpha,) if alpha else ALPHAS,
        orders=(order,) if order else (1, 2),
        version=version,
        rule=rule,
        fusion=Fusion(expert_rule=expert_rule),
        use_data="data" in sources,
        knowledge=knowledge,
        seed=seed,
    )


def logistic_regression(features: Features = "descriptors", seed: int = 0) -> Predictor:
    """Return logistic regression (C = 1) on standardised features; unknown properties take the train part's mean."""

    def model() -> Any:
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=2000, random_state=seed))

    return _classifier(model, features)


def random_forest(features: Features = "descriptors", trees: int = 300, seed: int = 0) -> Predictor:
    """Return a random forest (Breiman, Mach. Learn. 45, 5 (2001)) with scikit-learn's defaults."""

    def model() -> Any:
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(trees, random_state=seed, n_jobs=1)

    return _classifier(model, features)


def gradient_boosting(features: Features = "descriptors", seed: int = 0) -> Predictor:
    """Return boosted trees on histograms with scikit-learn's defaults."""

    def model() -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(random_state=seed)

    return _classifier(model, features)


def table_path(given: str) -> Path:
    """Return where a table lies: in this package, at an absolute path, or below the folder that MATDISC_MIRROR names.

    Raises:
        DataError: If it is none of these.
    """
    embedded = Path(__file__).with_name(given) if given and Path(given).name == given else None
    if embedded is not None and embedded.suffix == ".csv" and embedded.is_file():
        return embedded
    path, mirror = Path(given).expanduser(), os.environ.get("MATDISC_MIRROR")
    if not path.is_absolute() and mirror and not path.is_file():
        path = Path(mirror).expanduser() / path
    if not given or not path.is_file():
        raise DataError(
            f"option 'table' is {given!r}, and no such file is here; give the path of a table of element pairs, "
            "or set MATDISC_MIRROR to the folder that it lies below"
        )
    return path


def _as_stated(path: Path, sha256: str) -> Path:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 and found != sha256:
        raise DataError(f"{path}: option 'sha256' is {sha256}, the file has {found}; name another file or its hash")
    return path


def _evidence(settings: Settings, train: Sequence[Sample], test: Sequence[Sample]) -> list[Values]:
    if not train:
        return [ABSTENTION for _ in test]
    model = EvidenceModel(settings).fit(_alloys(train), _labels(train))
    return _values(model.predict(_alloys(test)))


def _values(beliefs: Beliefs) -> list[Values]:
    columns = {
        "p_high": beliefs.p_high,
        "belief": beliefs.belief,
        "plausibility": beliefs.plausibility,
        "conflict": beliefs.conflict,
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*(c.tolist() for c in columns.values()), strict=True)]


def _classifier(model: Any, features: Features) -> Predictor:
    if features not in ("descriptors", "one-hot"):
        raise ValueError(f"features is {features!r}; allowed: descriptors, one-hot")

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Values]:
        labels = _labels(train)
        if not train or labels.all() or not labels.any():
            return _class_rate(train, test)
        elements = alphabet(_alloys(train))
        fitted = model().fit(_matrix(train, features, elements), labels)
        p_high = fitted.predict_proba(_matrix(test, features, elements))[:, 1] if test else []
        return [_certain(float(p)) for p in p_high]

    return answers


def _class_rate(train: Sequence[Sample], test: Sequence[Sample]) -> list[Values]:
    if not train:
        return [ABSTENTION for _ in test]
    rate = float(np.mean(_labels(train)))
    return [_certain(rate) for _ in test]


def _matrix(samples: Sequence[Sample], features: Features, elements: Sequence[str]) -> Floats:
    return one_hot(_alloys(samples), elements) if features == "one-hot" else descriptors(_alloys(samples))


def _alloys(samples: Sequence[Sample]) -> list[Alloy]:
    return [frozenset(s.inputs["elements"]) for s in samples]


def _labels(samples: Sequence[Sample]) -> NDArray[np.bool_]:
    return np.array([s.target["high"] > 0.5 for s in samples], bool)


def _certain(p_high: float) -> Values:
    return {"p_high": p_high, "belief": p_high, "plausibility": p_high, "conflict": 0.0}
