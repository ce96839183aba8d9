"""A thousand workers that nobody has: the driver's own code under a clock of its own, with costs measured here.

`python -m benchmarks thousand-workers` relaxes the 256,963 crystals of WBM, by their real numbers of atoms, with
simulated workers. Units come from the real Schedule. What Schedule and record cost the driver is measured while they do
their work, what Ray costs it beforehand with two workers. Efficiency is the share of the workers' time, from the first
unit to the last answer, that goes into the model.
"""

from __future__ import annotations

import argparse
import heapq
import os
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from matdisc.run.engine.backends import BATCHES_PER_SECOND
from matdisc.run.engine.record import Record
from matdisc.run.engine.schedule import InFlight, Schedule
from matdisc.run.engine.usage import Usage
from matdisc.run.engine.worker import FLUSH_SECONDS, Batch
from matdisc.schema import Crystal, Prediction, Sample

WBM = {
    2: 1596, 3: 6040, 4: 45937, 5: 18332, 6: 35209, 7: 8691, 8: 38918, 9: 21670, 10: 32982, 11: 9097, 12: 36499, 15: 22,
    16: 429, 20: 837, 24: 60, 25: 1, 30: 164, 32: 126, 40: 195, 45: 2, 48: 91, 60: 31, 64: 11, 70: 5, 80: 11, 90: 3,
    100: 4,
}  # fmt: skip
"""How many materials of the WBM set have how many atoms."""
MODELS = {"CHGNet": 1.0e-3, "SevenNet-0": 9.5e-3}
"""Seconds of one atom in one evaluation, one thread: docs/results/scale.md."""
EVALUATIONS, SPREAD, MOST = 60.0, 0.5, 500
"""Evaluations a material: their mean, the standard deviation of their logarithm (assumed), and the most there are."""
AROUND_MATERIAL, AROUND_UNIT = 0.8e-3, 3e-3
"""Seconds of a worker beside the model, for each material and for each unit: assumed, measured by nothing here."""
LOOK, LOOK_EACH = 0.23e-3, 2.4e-6
"""Seconds of a look at what is ready, and more of them for each task in flight: docs/results/scale.md."""
START = 20.0
"""Seconds before the first unit: the set is read while workers start and load the model."""


@dataclass(frozen=True)
class Costs:
    """What the driver's Ray calls and its disk take, seconds: a unit handed out, a batch fetched, an fsync."""

    unit: float
    batch: float
    fsync: float


@dataclass
class Message:
    """What a worker sends at a time: answers of a unit and the seconds they took, or its end."""

    answers: list[Prediction] = field(default_factory=list)
    seconds: float = 0.0
    end: bool = False


@dataclass(frozen=True)
class Outcome:
    """Seconds: from the first unit to the last answer, of all workers in the model, of the driver at work; units.

    `queued_until` is when the last material was handed out.
    """

    makespan: float
    useful: float
    driver: float
    units: int
    queued_until: float


def main(arguments: Sequence[str]) -> int:
    """Measure the parts, simulate each model, and print where the workers' time goes."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks thousand-workers", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--elastic", action="store_true", help="a quarter more tasks wait at Ray, as without --workers")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        costs = measured_costs(Path(folder))
        print(f"the driver's costs: {1e3 * costs.unit:.2f} ms a unit, {1e3 * costs.batch:.2f} ms a batch, "
              f"{1e3 * costs.fsync:.2f} ms an fsync")  # fmt: skip
        for model, seconds in MODELS.items():
            found = simulate(given.workers, seconds, costs, Path(folder) / model, elastic=given.elastic)
            whole = given.workers * found.makespan
            material = sum(WBM.values()) * AROUND_MATERIAL / whole
            ends = given.workers * (found.makespan - found.queued_until) / whole
            print(
                f"{model}, {given.workers} workers: {found.makespan:.0f} s, efficiency {found.useful / whole:.1%} "
                f"({found.useful / given.workers / (found.makespan + START):.1%} with {START:.0f} s of start); "
                f"around materials {material:.1%}, other waiting {1 - found.useful / whole - material:.1%}; the last "
                f"material is handed out {found.makespan - found.queued_until:.1f} s ({ends:.1%}) before the end; "
                f"driver at work {found.driver / found.makespan:.0%}, {found.units} units",
                flush=True,
            )
    return 0


def simulate(workers: int, atom_seconds: float, costs: Costs, folder: Path, *, elastic: bool = False) -> Outcome:
    """Run all materials of WBM on simulated workers."""
    samples, seconds = materials(atom_seconds)
    size = workers + 1 + workers // 4 if elastic else workers
    flush = max(FLUSH_SECONDS, size / BATCHES_PER_SECOND)
    schedule, useful, units, queued_until, driver = Schedule(samples), 0.0, 0, 0.0, 0.0
    now = 0.0
    free, at_ray = [0.0] * workers, deque[tuple[float, InFlight]]()
    flight: dict[int, tuple[InFlight, deque[tuple[float, Message]]]] = {}
    coming: list[tuple[float, int]] = []
    usage = Usage("simulated", 0.0, 0.0)

    def begin(number: int, in_flight: InFlight, at: float) -> None:
        messages = deque(_messages(in_flight, seconds, at + AROUND_UNIT, flush))
        flight[number] = in_flight, messages
        heapq.heappush(coming, (messages[0][0], number))

    with Record(folder / "records.jsonl", {"simulated": True}) as record:
        while True:
            clock = time.thread_time()
            busy = 0.0
            while len(flight) + len(at_ray) < size:
                unit = schedule.next(size) or schedule.copy_of_straggler([u for u, _ in flight.values()], now)
                if unit is None:
                    break
                units += 1
                busy += costs.unit
                if schedule.waiting:
                    queued_until = now
                at_ray.append((now + busy, unit))
            while at_ray and free:
                sent, unit = at_ray.popleft()
                begin(units * 2**20 + len(at_ray), unit, max(sent, heapq.heappop(free)))
            if not flight:
                break
            busy += time.thread_time() - clock
            now = max(now + busy, coming[0][0])
            clock = time.thread_time()
            ready = []
            while coming and coming[0][0] <= now:
                ready.append(heapq.heappop(coming)[1])
            busy_now = 2 * (LOOK + LOOK_EACH * len(flight)) + costs.batch * len(ready)
            fresh: list[Prediction] = []
            for number in ready:
                in_flight, messages = flight[number]
                sent, message = messages.popleft()
                if message.end:
                    del flight[number]
                    heapq.heappush(free, sent)
                    continue
                fresh += schedule.answered(in_flight, message.answers, message.seconds, now)
                heapq.heappush(coming, (max(messages[0][0], now), number))
            record.add(fresh, [usage] * len(ready))
            useful += sum(seconds[p.material_id] - AROUND_MATERIAL for p in fresh)
            done = not schedule.waiting and not any(schedule.unfinished(u) for u, _ in flight.values())
            busy_now += time.thread_time() - clock + (costs.fsync if fresh else 0.0)
            now += busy_now
            driver += busy + busy_now
            if done and not at_ray:
                break
    return Outcome(now, useful, driver, units, queued_until)


def _messages(
    in_flight: InFlight, seconds: dict[str, float], at: float, flush: float
) -> Iterator[tuple[float, Message]]:
    """Yield when a worker says what of a unit that it begins at a time."""
    yield at, Message()
    yield at, Message()
    answers: list[Prediction] = []
    last = began = at
    for sample in in_flight.unit.samples:
        at += seconds[sample.material_id]
        answers.append(replace(ANSWER, material_id=sample.material_id))
        if at - last > flush:
            yield at, Message(answers, at - began)
            answers, last, began = [], at, at
    yield at, Message(answers, at - began)
    yield at, Message(end=True)


ANSWER = Prediction("", {"e_form": -1.234567, "energy_per_atom": -5.678901, "volume": 12.345678}, "ok", "", 0.5, 60)


def materials(atom_seconds: float) -> tuple[list[Sample], dict[str, float]]:
    """Return all materials, and the seconds that a worker takes for each."""
    luck = np.random.default_rng(0)
    n = sum(WBM.values())
    draws = np.minimum(MOST, EVALUATIONS * luck.lognormal(-(SPREAD**2) / 2, SPREAD, n))
    sizes = np.repeat(list(WBM), list(WBM.values()))
    cell = ((9.0, 0.0, 0.0), (0.0, 9.0, 0.0), (0.0, 0.0, 9.0))
    crystals = {k: Crystal(("H",) * k, ((0.0, 0.0, 0.0),) * k, cell) for k in WBM}
    samples = [Sample(f"wbm-{i}", {"crystal": crystals[int(k)]}, {}, "") for i, k in enumerate(sizes)]
    cost = sizes * atom_seconds * draws + AROUND_MATERIAL
    return samples, {sample.material_id: float(c) for sample, c in zip(samples, cost, strict=True)}


def measured_costs(folder: Path) -> Costs:
    """Measure what Ray and the disk cost the driver: processor time of units of 1 and of 11 batches, and an fsync."""
    from matdisc.run.engine.cluster import ray_cluster

    with ray_cluster(2):
        _driver_seconds(1, 50)
        one, eleven = _driver_seconds(1, 300), _driver_seconds(11, 100)
    batch = (eleven - one) / 10
    with (folder / "fsync").open("ab", buffering=0) as file:
        times = []
        for _ in range(200):
            file.write(b"x" * 4096)
            started = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    return Costs(max(0.0, one - batch), batch, float(np.median(times)))


def _driver_seconds(batches: int, units: int) -> float:
    """Return the driver's processor seconds for one unit of so many batches of 5 answers."""
    from matdisc.run.engine.pool import TaskPool

    todo: list[int] = list(range(units))
    pool: TaskPool[int, Batch] = TaskPool(_batches, lambda item: (batches,), 2, what="a unit without work")
    started = time.process_time()
    for _ in pool.arrivals(lambda: todo.pop() if todo else None):
        pass
    return (time.process_time() - started) / units


def _batches(n: int) -> Iterator[Batch]:
    answers: Sequence[Prediction] = [replace(ANSWER, material_id=str(i)) for i in range(5)]
    yield from (Batch(tuple(answers), Usage("worker", 0.0, 0.0)) for _ in range(n))
