"""What a run will take, from what its answers have taken: seconds an atom, by size, times the atoms that are open.

Costs are taken as proportional to the number of atoms, as by the schedule, but within a class of size alone: classes
are divided at the quartiles of the materials' atoms, since large crystals may cost more an atom than small ones.
"""

from __future__ import annotations

import hashlib
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import Any, NamedTuple

from matdisc.progress import duration
from matdisc.run.engine.schedule import atoms_of
from matdisc.run.engine.usage import Usage, total
from matdisc.schema import Prediction, Sample

MOST_TIMED = 60
"""Materials that a dry run times at most."""
DRY_SECONDS = 25.0
"""Seconds of asking after which a dry run ends, ..."""
LEAST_TIMED = 2
"""... once so many are answered: from fewer nothing can be said of their spread. So many make a class, too."""
RESAMPLES = 2000
MOST_DRAWN = 400
"""Materials that are drawn for a resample at most; the spread of fewer draws is scaled to that of all."""
LEVEL = 0.9
PLACES = (1, 10, 100)
"""Numbers of workers that a forecast names beside the one that was asked for."""


class Interval(NamedTuple):
    """A value, and between which it lies in 90 % of resamples; both ends are None where too little was timed."""

    value: float
    low: float | None
    high: float | None

    def scaled(self, factor: float, offset: float = 0.0, least: float = 0.0) -> Interval:
        """Return offset + factor x, at least `least`, of value and ends."""
        return Interval(*(None if x is None else max(least, offset + factor * x) for x in self))  # type: ignore[arg-type]


class Outlook:
    """Keeps count of what answers have cost and what is open; time is read from a clock that never goes back.

    Attributes:
        cpu_seconds: Processor time of all workers, of earlier parts of the run as well.
        answered: Materials that were answered since this was made.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        done: Mapping[str, Prediction],
        usages: Mapping[str, Mapping[str, Any]],
        workers: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start from a record.

        Args:
            samples: All materials that are to have an answer.
            done, usages: What the record holds.
            workers: How many work; 0 for this process, None if nobody knows.
            clock: What time is read from, seconds.
        """
        self._atoms = {s.material_id: atoms_of(s) for s in samples}
        self._edges = edges(self._atoms.values())
        classes = range(len(self._edges) + 1)
        self._open = [0 for _ in classes]
        self._count, self._timed = [0 for _ in classes], [(0, 0.0) for _ in classes]
        for atoms in self._atoms.values():
            self._open[bisect_right(self._edges, atoms)] += atoms
        self._n_open, self._seconds = len(self._atoms), 0.0
        self._note_answers(done.values())
        used = total(usages.values())
        self.cpu_seconds, self._wall, self._load = (
            float(used[name]) for name in ("cpu_seconds", "worker_seconds", "load_seconds")
        )
        self._workers = None if workers is None else max(1, workers)
        self._clock, self._since = clock, None
        self.answered, self._before = 0, self._seconds

    _since: float | None

    def note(self, answers: Sequence[Prediction], usages: Iterable[Usage]) -> None:
        """Take in what has arrived."""
        loaded = bool(answers)
        for usage in usages:
            self.cpu_seconds += usage.cpu_seconds
            self._wall += usage.wall_seconds
            self._load += usage.load_seconds
            loaded |= usage.load_seconds > 0
        self._note_answers(answers)
        self.answered += len(answers)
        if loaded and self._since is None:
            self._since = self._clock()

    @property
    def asking(self) -> float:
        """Seconds since the first worker had its model."""
        return 0.0 if self._since is None else max(0.0, self._clock() - self._since)

    @property
    def work_left(self) -> float:
        """Seconds that one worker would need for what is open; 0 while nothing was timed."""
        return sum(rate * atoms for rate, atoms in zip(self._rates(), self._open, strict=True)) * self.overhead

    @property
    def overhead(self) -> float:
        """Seconds of a worker at work for each second that a material has taken; 1 if unknown."""
        at_work = self._wall - self._load
        return at_work / self._seconds if self._seconds > 0 and at_work > 0 else 1.0

    @property
    def cpu_share(self) -> float:
        """Processor seconds of a worker for each second of its life; 1 if unknown."""
        return self.cpu_seconds / self._wall if self._wall > 0 else 1.0

    def ahead(self) -> str:
        """Say in words the time left and the processor time in all; empty where nothing is open or was timed."""
        if not self._n_open or not sum(self._count):
            return ""
        workers = self._workers
        if workers is None:  # as many as seconds of materials have passed in each second
            workers = round((self._seconds - self._before) / self.asking) if self.asking > 0 else 1
        left = self.work_left / max(1, min(workers, self._n_open))
        hours = (self.cpu_seconds + self.work_left * self.cpu_share) / 3600
        return f"about {duration(left)} left, {hours:.2g} CPU hours in all"

    def forecast(self, done: Mapping[str, Prediction], usages: Mapping[str, Mapping[str, Any]]) -> Forecast:
        """Return what the rest will take, with an interval by resampling what was timed in each class of size."""
        pairs: list[list[tuple[int, float]]] = [[] for _ in self._open]
        for p in done.values():
            if p.seconds is not None and (atoms := self._atoms.get(p.material_id)):
                pairs[bisect_right(self._edges, atoms)].append((atoms, p.seconds))
        still = [atoms for key, atoms in self._atoms.items() if key not in done]
        counts = [0] * len(pairs)
        for atoms in still:
            counts[bisect_right(self._edges, atoms)] += 1
        low, high = resampled(pairs, self._open, counts)
        loads = [one["load_seconds"] for one in usages.values() if one["load_seconds"] > 0]
        longest = self._rates()[bisect_right(self._edges, max(still))] * max(still) if still else 0.0
        factor = self.overhead
        return Forecast(
            materials=len(self._atoms),
            timed=sum(map(len, pairs)),
            classes=sum(1 for one in pairs if one),
            open=self._n_open,
            spent=self.cpu_seconds,
            work=Interval(
                self.work_left, None if low is None else low * factor, None if high is None else high * factor
            ),
            cpu_share=self.cpu_share,
            load=sum(loads) / len(loads) if loads else 0.0,
            parts=self._n_open,
            longest=longest * factor,
            peak_mib=max((one["peak_mib"] for one in usages.values()), default=0.0),
        )

    def _note_answers(self, answers: Iterable[Prediction]) -> None:
        for p in answers:
            self._seconds += p.seconds or 0.0
            atoms = self._atoms.get(p.material_id)
            if atoms is None:
                continue
            k = bisect_right(self._edges, atoms)
            self._open[k] -= atoms
            self._n_open -= 1
            if p.seconds is not None:
                self._count[k] += 1
                self._timed[k] = (self._timed[k][0] + atoms, self._timed[k][1] + p.seconds)

    def _rates(self) -> list[float]:
        """Seconds an atom in each class; of all together where a class has hardly been timed."""
        atoms, seconds = (sum(column) for column in zip(*self._timed, strict=True))
        whole = seconds / atoms if atoms else 0.0
        return [own[1] / own[0] if n >= LEAST_TIMED else whole for n, own in zip(self._count, self._timed, strict=True)]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run will take.

    Attributes:
        materials, timed, open: How many there are in all, were timed, and have no answer.
        classes: Classes of size that were timed.
        spent: Processor seconds so far.
        work: Seconds that one worker needs for what is open.
        cpu_share: Processor seconds for each of these.
        load: Seconds that a worker takes to load the model.
        parts: In how many parts the open ones can be handed out at most.
        longest: Seconds of the largest of these.
        peak_mib: Largest memory of a worker so far, MiB.
    """

    materials: int
    timed: int
    classes: int
    open: int
    spent: float
    work: Interval
    cpu_share: float
    load: float
    parts: int
    longest: float
    peak_mib: float

    @property
    def cpu_hours(self) -> Interval:
        """Processor hours of the whole run."""
        return self.work.scaled(self.cpu_share / 3600, self.spent / 3600)

    def wall(self, workers: int) -> Interval:
        """Seconds of wall-clock time for what is open with so many workers: loading, and at least the longest one."""
        if not self.open:
            return Interval(0.0, 0.0, 0.0)
        return self.work.scaled(1 / max(1, min(workers, self.parts)), least=self.longest).scaled(1.0, self.load)

    def cost(self, price: float, workers: int) -> Interval:
        """Price of the core hours that workers hold their cores for what is open, at `price` an hour."""
        return self.work.scaled(price / 3600, price / 3600 * self.load * max(1, min(workers, self.parts)))


def edges(atoms: Iterable[int]) -> list[int]:
    """Return the quartiles of the numbers of atoms, each once; a class begins at each."""
    ordered = sorted(atoms)
    return sorted({ordered[len(ordered) * k // 4] for k in (1, 2, 3)}) if ordered else []


def to_time(samples: Sequence[Sample], most: int) -> list[Sample]:
    """Return materials of all sizes in the order in which a dry run asks them, always the same ones.

    Of each class of size they are a sample that has to do with their names alone; the smallest ones, the largest ones
    and those between take turns.
    """
    limits = edges(map(atoms_of, samples))
    classes: list[list[Sample]] = [[] for _ in range(len(limits) + 1)]
    for sample in samples:
        classes[bisect_right(limits, atoms_of(sample))].append(sample)
    some = [sorted(one, key=_shuffled)[:most] for one in classes if one]
    turns = chain.from_iterable(zip_longest(*(some if len(some) < 2 else [some[0], some[-1], *some[1:-1]])))
    return list(islice((sample for sample in turns if sample is not None), most))


def one_unit(samples: Sequence[Sample]) -> list[Sample]:
    """Return the materials of the first fold: what a predictor is asked at once, after it has learnt."""
    return [sample for sample in samples if sample.fold == samples[0].fold]


def resampled(
    timed: Sequence[Sequence[tuple[int, float]]], open_atoms: Sequence[int], open_materials: Sequence[int]
) -> tuple[float | None, float | None]:
    """Return the ends of the 90 % interval of the seconds that are open; None if fewer than two were timed.

    In each class of size, n - 1 of its n timed materials are drawn with replacement, which gives the variance of a
    ratio without bias; it is widened as Student's distribution is for so few, and for the open ones, which are a finite
    number too. In simulated runs with lognormal costs (12 to 60 of 500 timed) 82 to 93 % of intervals held the truth.

    Args:
        timed: Atoms and seconds of the materials of each class.
        open_atoms, open_materials: How many atoms and materials of each class are open.
    """
    import numpy as np
    from scipy.stats import norm, t

    pooled = [pair for one in timed for pair in one]
    if len(pooled) < LEAST_TIMED:
        return None, None
    rng, sums = np.random.default_rng(0), np.zeros(RESAMPLES)
    for own, atoms, materials in zip(timed, open_atoms, open_materials, strict=True):
        pairs = np.array(own if len(own) >= LEAST_TIMED else pooled)
        n = len(pairs)
        draws = min(n - 1, MOST_DRAWN)
        drawn = pairs[rng.integers(0, n, (RESAMPLES, draws))].sum(axis=1)
        ratio, point = drawn[:, 1] / drawn[:, 0], pairs[:, 1].sum() / pairs[:, 0].sum()
        wider = (
            t.ppf((1 + LEVEL) / 2, n - 1)
            / norm.ppf((1 + LEVEL) / 2)
            * np.sqrt(draws / (n - 1) * (1 + n / max(1, materials)))
        )
        sums += atoms * (point + (ratio - point) * wider)
    low, high = np.quantile(sums, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return max(0.0, float(low)), max(0.0, float(high))


def forecast_lines(found: Forecast, workers: int | None, price: float | None) -> Iterator[str]:
    """Yield a forecast in words: processor time, wall-clock time, memory, cost, and how it was reckoned."""
    here = (workers,) if workers else ()
    yield f"CPU hours of the whole run: {_said(found.cpu_hours, lambda x: f'{x:.2g}')}, {found.spent / 3600:.2g} spent"
    places = sorted({*PLACES, *here})
    times = (f"{_said(found.wall(n), duration)} with {n} worker{'s' * (n > 1)}" for n in places)
    yield "wall-clock time for what is open: " + "; ".join(times)
    yield f"memory of a worker: {found.peak_mib / 1024:.2f} GiB at the most so far"
    if price is not None:
        cost = found.cost(price, workers or 1)
        yield f"cost of what is open: {_said(cost, lambda x: f'{x:.2g}')} at {price:g} a core hour"
    yield (
        f"reckoned from {found.timed} timed materials in {found.classes} class{'es' * (found.classes > 1)} of size: "
        f"seconds an atom, times the atoms that are open; loading the model {found.load:.1f} s a worker"
    )
    if found.work.low is not None:
        yield "in brackets: 90 % of resamples of what was timed"


def _said(interval: Interval, words: Callable[[float], str]) -> str:
    if interval.low is None or interval.high is None:
        return words(interval.value)
    return f"{words(interval.value)} ({words(interval.low)} to {words(interval.high)})"


def _shuffled(sample: Sample) -> bytes:
    return hashlib.sha256(sample.material_id.encode()).digest()
