"""What alloys cost: one small fold, all ten-percent seeds on quaternaries, screening, intervals, and scoring a file.

The quaternaries and their labels come from the mirror, the table of five experts too; without a mirror both are
invented, with equal sizes, and no file is scored. Nothing here is a score.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.report import ratio
from matdisc.board import init_board
from matdisc.metrics.belief import answers
from matdisc.metrics.belief_bootstrap import resample
from matdisc.models.evidence import EvidenceModel, PairTable, Settings
from matdisc.models.evidence.descriptors import rule_table
from matdisc.models.evidence.groups import Alloy, parse_alloy
from matdisc.models.evidence.tables import read_tables
from matdisc.predictions import write_rows
from matdisc.scoring import folds
from matdisc.scoring.align import align
from matdisc.scoring.base import Bootstrap
from matdisc.tasks import TASKS

METALS_10 = "Ag Au Co Cr Cu Fe Mo Ni Pd Pt"
METALS_24 = "Ag Al Au Co Cr Cu Fe Hf Ir Mn Mo Nb Ni Os Pd Pt Re Rh Ru Ta Ti V W Zr"
METALS_25 = METALS_24 + " Sc"
SEEDS = 10
SHARE = 0.1
Labelled = tuple[list[Alloy], np.ndarray]


def measure(folder: Path) -> None:
    """Print every line of this group."""
    rule_table()  # imports and elemental data are paid before
    one_fold()
    ten_percent_seeds()
    screening()
    intervals()
    one_file(folder)


def one_fold() -> None:
    """One of five folds of 102 binaries and ternaries of ten metals, strength and order chosen inside."""
    alloys, high = demo()
    test = np.random.default_rng(0).permutation(len(alloys)) % 5 == 0
    train = [a for a, t in zip(alloys, test, strict=True) if not t]
    asked = [a for a, t in zip(alloys, test, strict=True) if t]
    seconds = _cpu(lambda: EvidenceModel().fit(train, high[~test]).predict(asked), repeat=5)
    print(f"{'alloys: fit and predict one fold of 102':55s} {seconds:.4f} s CPU (at most 0.05)")


def ten_percent_seeds() -> None:
    """Ten random tenths of the quaternaries, each with data, rules and the experts' table, on two processes."""
    started = time.perf_counter()
    with get_context("fork").Pool(2) as pool:
        cpu = sum(pool.map(one_seed, range(SEEDS), chunksize=1))
    seconds = time.perf_counter() - started
    title = "alloys: ten seeds on 10,626 quaternaries, three sources"
    print(f"{title:55s} {seconds:.1f} s on 2 cores (at most 30), {cpu:.1f} s CPU")


def one_seed(seed: int) -> float:
    """Fit on a tenth of the quaternaries and judge the rest; return the seconds of CPU that it took."""
    started = time.process_time()
    alloys, high = quaternaries()
    chosen = np.random.default_rng(seed).permutation(len(alloys)) < SHARE * len(alloys)
    train = [a for a, c in zip(alloys, chosen, strict=True) if c]
    asked = [a for a, c in zip(alloys, chosen, strict=True) if not c]
    model = EvidenceModel(Settings(knowledge=(rule_table(), *experts()), seed=seed)).fit(train, high[chosen])
    model.predict(asked)
    return time.process_time() - started


def screening() -> None:
    """Unseen quaternaries of 25 metals, symbols in and masses out, judged by a tenth of those of 24."""
    alloys, high = quaternaries()
    chosen = np.random.default_rng(0).permutation(len(alloys)) < SHARE * len(alloys)
    model = EvidenceModel(Settings(knowledge=(rule_table(),)))
    model.fit([a for a, c in zip(alloys, chosen, strict=True) if c], high[chosen])
    known = set(model.alloys)
    unseen = [a for a in map(frozenset, combinations(METALS_25.split(), 4)) if a not in known]
    seconds = _cpu(lambda: model.predict(unseen), repeat=5)
    rate = len(unseen) / seconds
    print(f"{'alloys: screening unseen quaternaries of 25 metals':55s} {rate:,.0f} a second (at least 20,000)")


def intervals() -> None:
    """Metrics of ten folds of 11,385 answers with 200 resamples: what the headline of a big alloys row costs."""
    rng = np.random.default_rng(0)
    names = [f"{i:05d}" for i in range(12_650)]
    folds = []
    for _ in range(SEEDS):
        place = np.sort(rng.choice(len(names), 11_385, replace=False))
        p = rng.random(len(place))
        named = [names[i] for i in place]
        low, up, conflict = p * rng.random(len(p)), p + (1 - p) * rng.random(len(p)), rng.random(len(p))
        folds.append(answers(named, rng.random(len(p)) < p, p, majority_high=False, belief=low, plausibility=up,
                             conflict=conflict))  # fmt: skip
    seconds = _cpu(lambda: resample(folds, replicates=200), repeat=2)
    print(f"{'alloys: 113,850 fold answers, 200 resamples':55s} {seconds:.2f} s CPU (at most 1.5)")


def one_file(folder: Path) -> None:
    """A file of all fold answers of synthetic-miedema aligned and scored, over reading it twice; invented answers."""
    if not os.environ.get("MATDISC_MIRROR"):
        print("alloys: a file of fold answers is not scored without a mirror")
        return
    board = init_board(folder / "alloys-board")
    card, scoring = board.dataset("synthetic-miedema"), TASKS["alloys"].scoring
    truth = scoring.truth(board, card)
    p, low, up, conflict = np.random.default_rng(0).random((4, len(truth)))
    columns = np.stack([p, p * low, p + (1 - p) * up, conflict], axis=1).tolist()
    ids = truth.material_ids.to_pylist()
    rows = ([name, *map(repr, numbers), "ok"] for name, numbers in zip(ids, columns, strict=True))
    path = folder / "fold-answers.csv.gz"
    write_rows(path, ["material_id", "p_high", "belief", "plausibility", "conflict", "status"], rows)
    submission = scoring.read(path)

    def score(replicates: int) -> None:
        folds._kept.cache_clear()  # resamples of the same file are kept
        scoring.score(card, truth, align(submission, truth, scoring), Bootstrap(replicates=replicates))

    score(0)  # what follows from the labels alone is paid once for all rows of a board
    twice = 2 * _cpu(lambda: scoring.read(path), repeat=7)
    for replicates, what in ((0, "values alone"), (scoring.replicates, f"{scoring.replicates} resamples")):
        seconds = _cpu(lambda n=replicates: score(n), repeat=5)  # type: ignore[misc]
        ratio(f"alloys: {len(truth):,} fold answers, {what} / reading twice", seconds, twice, better="lower")


def demo() -> Labelled:
    """102 alloys like the published small set: 34 binaries and 68 ternaries of ten metals, labels at random."""
    rng = np.random.default_rng(0)
    metals = METALS_10.split()
    chosen = []
    for length, n in ((2, 34), (3, 68)):
        every = list(combinations(metals, length))
        chosen += [frozenset(every[i]) for i in rng.permutation(len(every))[:n]]
    return chosen, rng.random(len(chosen)) < 0.55


def quaternaries() -> Labelled:
    """All quaternaries of 24 metals, from the mirror or with labels at random."""
    mirror = os.environ.get("MATDISC_MIRROR")
    if mirror:
        with (Path(mirror) / "alloys" / "quaternary24_dft.csv").open(encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        return [parse_alloy(row["set_name"]) for row in rows], np.array([row["y"] == "1" for row in rows])
    every = [frozenset(c) for c in combinations(METALS_24.split(), 4)]
    return every, np.random.default_rng(0).random(len(every)) < 0.35


def experts() -> tuple[PairTable, ...]:
    """Five tables that depend on each other: the mirror's, or our rules and four permutations."""
    mirror = os.environ.get("MATDISC_MIRROR")
    if mirror:
        return read_tables(Path(mirror) / "alloys" / "llm_element_substitutability.csv")
    return (rule_table(), *(rule_table().permuted(seed) for seed in range(4)))


def _cpu(call: Callable[[], object], repeat: int) -> float:
    times = []
    for _ in range(repeat):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return min(times)
