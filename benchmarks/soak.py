"""`python -m benchmarks soak`: a run that is shot at, and what it has lost at the end (nothing).

A Ray cluster of several simulated nodes on this machine answers about invented crystals with a potential that notes
every evaluation in a file. At random moments a worker process, the Ray daemon of a node, or the driver gets kill -9;
a dead node is replaced, a dead driver is started again at once by the same command.

The workers of a dead driver or node work on for a moment, beside those that take over. So each kill has lost workers,
to whom nobody listens any more. In flight was what they have begun, before the kill or after it, and what was not on
disk when it struck: each kill may cost one more evaluation of each such material, and none of any other.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.invented import SET, add_model, make_board, material_with_volume
from matdisc.board import Board
from matdisc.tasks import TASKS

VICTIMS = ("worker", "node", "driver")
SECONDS = 0.03
"""What one material takes."""
MATERIALS_PER_KILL = 150
BETWEEN = (10, 120)
"""Answers that have to come between two kills: a random number in this range. So small that much is left to ask when a
shot falls: in the end idle workers are given the materials of silent ones as well, which no kill explains."""
STORE_BYTES = 80 * 2**20
PATIENCE = 180.0


@dataclass(frozen=True)
class Shot:
    """A kill as it happened.

    Attributes:
        seconds: When, since the start.
        victim: Whom it struck.
        answered: Materials on disk just before.
        workers: Process ids of the workers to whom nobody listens any more.
        lines: Lines of the record just after.
    """

    seconds: float
    victim: str
    answered: frozenset[str]
    workers: frozenset[int]
    lines: int


@dataclass(frozen=True)
class Kill:
    """One kill: when (seconds since the start), whom, and what it cost.

    Attributes:
        answered: Materials on disk when it struck.
        in_flight: Materials that lost workers have begun, before it or after, and that were not on disk.
        repeated: Evaluations, one of each of those at most, that were begun again for it.
    """

    seconds: float
    victim: str
    answered: int
    in_flight: int
    repeated: int


@dataclass(frozen=True)
class Report:
    """What a soak found; all is well if `wrong` is empty."""

    seed: int
    materials: int
    seconds: float
    evaluations: int
    kills: tuple[Kill, ...]
    wrong: tuple[str, ...]


def main(arguments: Sequence[str]) -> int:
    """Run a soak and print its table; 1 if something was lost, doubled or changed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--nodes", type=int, default=2, help="simulated nodes of one core each")
    parser.add_argument("--json", type=Path, help="also write the report here")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        report = soak(Path(folder), given.kills, given.seed, given.nodes)
    print(f"{'kill':>4} {'seconds':>8} {'victim':8} {'answered':>8} {'in flight':>9} {'repeated':>8}")
    for number, kill in enumerate(report.kills, start=1):
        print(f"{number:4} {kill.seconds:8.1f} {kill.victim:8} {kill.answered:8} {kill.in_flight:9} {kill.repeated:8}")
    repeated, in_flight = sum(k.repeated for k in report.kills), sum(k.in_flight for k in report.kills)
    print(f"{report.materials} materials in {report.seconds:.0f} s: {report.evaluations} evaluations, ", end="")
    print(f"{repeated} repeated of {in_flight} in flight; ", end="")
    print("; ".join(report.wrong) or "none lost, none answered twice, all values as undisturbed")
    if given.json:
        given.json.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    return 1 if report.wrong else 0


def soak(folder: Path, kills: int, seed: int, nodes: int = 2) -> Report:
    """Shoot `kills` times at a run in `folder`; with three kills or more, each kind of victim falls."""
    luck = random.Random(seed)
    victims = [VICTIMS[i % 3] for i in range(kills)]
    luck.shuffle(victims)
    board = make_board(folder / "board", MATERIALS_PER_KILL * kills)
    log = folder / "evaluations.log"
    log.touch()
    add_model(board, "shot-at", "matdisc.testing:counted", {"seconds": SECONDS, "log": str(log)})
    add_model(board, "calm", "matdisc.testing:counted")
    _predict(board, "calm", "--workers", "0", output=folder / "calm.txt").wait()
    calm = _rows(board, "calm")
    started = time.monotonic()
    with _Cluster(nodes) as cluster:
        run = _Run(board, cluster, folder, log, started)
        for victim in victims:
            run.wait_for(run.answered() + luck.randint(*BETWEEN))
            run.kill(victim, luck)
        run.finish()
        seconds = time.monotonic() - started
    return _report(run, calm, seed, seconds)


class _Cluster:
    """Simulated nodes, of which one can be killed and replaced."""

    def __init__(self, nodes: int) -> None:
        os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}
        from ray.cluster_utils import Cluster

        self._n = nodes
        self._cluster: Any = Cluster(True, head_node_args={"num_cpus": 0, "include_dashboard": False, **_STORE})
        self.nodes: list[Any] = []

    def __enter__(self) -> _Cluster:
        for _ in range(self._n):
            self.add()
        return self

    def __exit__(self, *about: object) -> None:
        self._cluster.shutdown()

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add(self) -> None:
        self.nodes.append(self._cluster.add_node(wait=False, num_cpus=1, **_STORE))

    def kill(self, node: Any) -> None:
        """Kill the node's daemon at once; then clear away what else belongs to it."""
        self.nodes.remove(node)
        os.kill(_daemon(node), signal.SIGKILL)
        self._cluster.remove_node(node, allow_graceful=False)

    def processes(self, nodes: Iterable[Any], named: str = "") -> list[int]:
        """Process ids of what the daemons of nodes have started, with `named` in the command."""
        daemons = {_daemon(node) for node in nodes}
        return [pid for pid, parent, command in _processes() if parent in daemons and named in command]

    def workers(self) -> list[int]:
        """Process ids of workers that are asking a model."""
        return self.processes(self.nodes, "answer_unit")


_STORE = {"object_store_memory": STORE_BYTES}


class _Run:
    """The driver process and what is on disk."""

    def __init__(self, board: Board, cluster: _Cluster, folder: Path, log: Path, started: float) -> None:
        self.board, self.cluster, self.log, self._started = board, cluster, log, started
        self._output = folder / "shot-at.txt"
        self.record = board.runs_dir / "discovery" / SET / "shot-at" / "records.jsonl"
        self.shots: list[Shot] = []
        self._start()

    def _start(self) -> None:
        self._driver = _predict(self.board, "shot-at", "--address", self.cluster.address, output=self._output)

    def answered(self) -> int:
        return len(self.answers())

    def answers(self) -> list[str]:
        """Material ids on disk, in order."""
        return [json.loads(line)["material_id"] for line in self.lines() if line.startswith(b'{"material_id"')]

    def heard(self, since: int) -> set[int]:
        """Process ids of the workers whose words are in the record from a line on."""
        usages = [json.loads(line)["usage"] for line in self.lines()[since:] if line.startswith(b'{"usage"')]
        return {int(usage["worker"].rpartition(":")[2]) for usage in usages}

    def begun(self) -> list[tuple[str, int]]:
        """Material and worker's process id of each evaluation that was begun."""
        starts = [line.split() for line in self.log.read_text().splitlines() if line.startswith("start ")]
        return [(material_with_volume(-float(energy)), int(worker)) for _, energy, worker in starts]

    def lines(self) -> list[bytes]:
        """Whole lines of the record after the first; one that is being written does not count."""
        return self.record.read_bytes().split(b"\n")[1:-1] if self.record.exists() else []

    def wait_for(self, answers: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.answered() < answers:
            if self._driver.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the run stands still or has ended:\n{self._output.read_text()[-3000:]}")
            time.sleep(0.05)

    def kill(self, victim: str, luck: random.Random) -> None:
        workers = self.cluster.workers()
        while victim == "worker" and not workers:  # between two chunks
            time.sleep(0.01)
            workers = self.cluster.workers()
        when, answered = time.monotonic() - self._started, frozenset(self.answers())
        if victim == "worker":
            lost = [luck.choice(workers)]
            os.kill(lost[0], signal.SIGKILL)
        elif victim == "node":
            node = luck.choice(self.cluster.nodes)
            lost = self.cluster.processes([node])
            self.cluster.kill(node)
            self.cluster.add()
        else:
            lost = self.cluster.processes(self.cluster.nodes)  # also those that have yet to name themselves
            self._driver.kill()
            self._driver.wait()
        self.shots.append(Shot(round(when, 1), victim, answered, frozenset(lost), len(self.lines())))
        if victim == "driver":
            self._start()

    def finish(self) -> None:
        if self._driver.wait(timeout=600) != 0:
            raise RuntimeError(f"the run failed:\n{self._output.read_text()[-3000:]}")


def _report(run: _Run, calm: Sequence[Row], seed: int, seconds: float) -> Report:
    begun = run.begun()
    times = Counter(material for material, _ in begun)
    kills, unexplained = _kills(run.shots, begun, times - Counter(set(times)))
    shot_at, answers = _rows(run.board, "shot-at"), Counter(run.answers())
    findings = {
        "materials lost": len(set(answers) ^ {row[0] for row in calm}),
        "materials twice in the record": sum(n > 1 for n in answers.values()),
        "rows too many or too few in the predictions file": abs(len(shot_at) - len(calm)),
        "values unlike the undisturbed run": sum(a != b for a, b in zip(shot_at, calm, strict=False)),
        "evaluations repeated of what no kill had in flight": unexplained.total(),
        "workers of a dead driver heard by the next": sum(
            len(run.heard(since=shot.lines) & shot.workers) for shot in run.shots if shot.victim == "driver"
        ),
    }
    wrong = tuple(f"{n} {what}" for what, n in findings.items() if n)
    return Report(seed, len(calm), round(seconds, 1), len(begun), tuple(kills), wrong)


def _kills(
    shots: Sequence[Shot], begun: Sequence[tuple[str, int]], repeats: Counter[str]
) -> tuple[list[Kill], Counter[str]]:
    """Return what each kill has cost, and the repeats that none explains: each takes one of what it had in flight."""
    kills = []
    for shot in shots:
        in_flight = {material for material, worker in begun if worker in shot.workers} - shot.answered
        repeated = in_flight & repeats.keys()
        repeats = repeats - Counter(repeated)
        kills.append(Kill(shot.seconds, shot.victim, len(shot.answered), len(in_flight), len(repeated)))
    return kills, repeats


Row = tuple[str, str, tuple[tuple[str, float], ...]]
"""Material, status and values."""


def _rows(board: Board, model: str) -> list[Row]:
    """What a run left in its predictions file, in the order of the file."""
    path = board.predictions_dir / "discovery" / SET / f"{model}.csv.gz"
    found = TASKS["discovery"].scoring.read(path).rows
    return [(p.material_id, p.status, tuple(p.values.items())) for p in found]


def _predict(board: Board, model: str, *options: str, output: Path) -> subprocess.Popen[bytes]:
    """Start the command that a user would give, its words going to `output`."""
    command = [sys.executable, "-m", "matdisc", "predict", model, "discovery", "-d", SET, "--board", str(board.root)]
    with output.open("ab") as file:
        return subprocess.Popen([*command, *options], stdout=file, stderr=subprocess.STDOUT)


def _daemon(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


def _processes() -> Iterator[tuple[int, int, str]]:
    """Yield process id, parent's id and command of every process of this machine."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            yield int(path.name), parent, (path / "cmdline").read_text()
        except OSError:  # it has ended meanwhile
            continue
