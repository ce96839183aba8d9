"""`python -m benchmarks service-soak`: a submission service that is shot at, and what it has lost at the end (nothing).

Clients submit predictions with the Python client while API, worker and Ray processes get kill -9 at random. Some files
are repeats, some cannot be scored. At the end each submission has to rest in one final state, with the numbers that
`matdisc score` gives for its file, and the quota counts what was evaluated.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import requests

from matdisc.board import Board, init_board

ROWS = 256_963
LARGE_CARD = """
key = "large"
title = "Invented labels"
summary = "As many rows as WBM has; no physics."
licence = "MIT"
citation = ["None."]
level_of_theory = "none"
tasks = ["discovery"]
builder = "matdisc.datasets.wbm:build"
n_samples = {n}
[split]
kind = "folds"
by = "chemical system"
[columns]
material_id = {{ role = "id", unit = "text", help = "A number." }}
e_form_per_atom = {{ role = "target", unit = "eV/atom", help = "Invented." }}
e_above_hull = {{ role = "target", unit = "eV/atom", help = "Invented." }}
[[files]]
name = "labels.csv"
sha256 = "{sha256}"
licence = "MIT"
"""
VICTIMS = ("api", "worker", "ray")
BETWEEN = (2.0, 6.0)
"""Seconds between two kills: a random number in this range, from when the service answers again."""
PATIENCE = 1800.0
CARD = """
key = "{key}"
name = "Noise {key}"
version = "1"
kind = "predictor"
summary = "Labels with noise, for a soak test."
gives = ["formation energy"]
[licence]
code = "MIT"
[[authors]]
name = "Nobody"
"""
SETTINGS = """
[quota]
running = 4
queued = 10000
scored = 10000
stored_mib = 100000
requests_per_minute = 1000000
[work]
crashes = 50
lost = 200
backoff_seconds = 0.5
"""


@dataclass
class Kill:
    """One kill: when (seconds since the start), whom, and how long until API and worker were well again."""

    seconds: float
    victim: str
    recovery: float = float("nan")


@dataclass
class Report:
    """What a soak found; all is well if `wrong` is empty."""

    submissions: int
    seconds: float = 0.0
    states: dict[str, int] = field(default_factory=dict)
    attempts: int = 0
    kills: list[Kill] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def main(arguments: Sequence[str]) -> int:
    """Run a soak and print its table; 1 if something was lost, doubled or changed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks service-soak", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--submissions", type=int, default=200)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--kills", type=int, default=1000, help="at most so many")
    parser.add_argument("--dataset", default="wbm-sample", help="wbm-sample, or `large`: 256,963 invented rows")
    parser.add_argument("--database", help="a URL of PostgreSQL; default: SQLite")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the report here")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        report = soak(
            Path(folder), given.submissions, given.clients, given.kills, given.dataset, given.seed, given.database
        )
    times = [kill.recovery for kill in report.kills]
    for victim in VICTIMS:
        own = [kill.recovery for kill in report.kills if kill.victim == victim]
        if own:
            print(f"{len(own):4} kills of {victim:6} recovery: median {np.median(own):.1f} s, longest {max(own):.1f} s")
    print(f"{report.submissions} submissions in {report.seconds:.0f} s, {report.attempts} attempts, {len(times)} kills")
    print(", ".join(f"{n} {state}" for state, n in sorted(report.states.items())))
    print("; ".join(report.wrong) or "each in one final state, numbers as `matdisc score` gives them, no quota lost")
    if given.json:
        given.json.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    return 1 if report.wrong else 0


def soak(
    folder: Path, n: int, clients: int, kills: int, dataset: str, seed: int, database: str | None = None
) -> Report:
    """Submit `n` files by `clients` threads to a service in `folder` that is shot at; see the module."""
    luck = random.Random(seed)
    board = init_board(folder / "board")
    (board.root / "service").mkdir()
    (board.root / "service" / "service.toml").write_text(SETTINGS, encoding="utf-8")
    if dataset == "large":
        _add_large_set(board)
    files = _files(board, folder, dataset, n)
    expected = {path: _expected(board, path, dataset) for path in set(files)}
    tokens = [token_for(board, f"Team {i}", database) for i in range(4)]
    report = Report(n)
    started = time.monotonic()
    with _Service(board, folder, database) as service:
        service.wait_until_well()
        done = threading.Event()
        shooter = threading.Thread(target=_shoot, args=(service, luck, kills, report, started, done))
        shooter.start()
        try:
            with ThreadPoolExecutor(clients) as pool:
                jobs = [(service.url, tokens[i % len(tokens)], dataset, path, i) for i, path in enumerate(files)]
                ids = list(pool.map(_submit_and_wait, jobs))
        finally:
            done.set()
            shooter.join()
        service.wait_until_well()
        report.seconds = round(time.monotonic() - started, 1)
        _judge(service.url, tokens, ids, files, expected, dataset, report)
    return report


class _Service:
    """`matdisc up` as a child process, and its processes by what they are."""

    def __init__(self, board: Board, folder: Path, database: str | None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._output = folder / "service.log"
        self._environment = os.environ | ({"MATDISC_DB": database} if database else {})
        self._command = [sys.executable, "-m", "matdisc", "up", "--board", str(board.root), "--port", str(self.port)]
        self.killed_at = 0.0

    def __enter__(self) -> _Service:
        with self._output.open("ab") as file:
            self.process = subprocess.Popen(
                self._command, stdout=file, stderr=subprocess.STDOUT, env=self._environment, start_new_session=True
            )
        return self

    def __exit__(self, *about: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)

    def wait_until_well(self) -> float:
        """Wait until API and a worker that started after the last kill are there; return the seconds since that."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the service has ended:\n{self._output.read_text()[-3000:]}")
            try:
                if requests.get(f"{self.url}/readyz", timeout=5).status_code == 200 and self.pids("worker"):
                    return time.monotonic() - self.killed_at
            except requests.RequestException:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"the service does not come back:\n{self._output.read_text()[-3000:]}")

    def pids(self, what: str) -> list[int]:
        """Process ids of the API, of the worker, or of Ray's processes below the worker."""
        everything = list(_processes())
        children = {pid: command for pid, parent, command in everything if parent == self.process.pid}
        if what != "ray":
            return [pid for pid, command in children.items() if f"\0{what}\0" in f"{command}\0"]
        found, below = [], set(self.pids("worker"))
        while below:
            below = {pid for pid, parent, _ in everything if parent in below}
            found += below
        return found

    def kill(self, what: str, luck: random.Random) -> bool:
        """Kill -9 one such process; False if there is none now."""
        found = self.pids(what)
        if not found:
            return False
        try:
            os.kill(luck.choice(sorted(found)), signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.killed_at = time.monotonic()
        return True


def _shoot(
    service: _Service, luck: random.Random, kills: int, report: Report, started: float, done: threading.Event
) -> None:
    while len(report.kills) < kills and not done.wait(luck.uniform(*BETWEEN)):
        victim = luck.choice(VICTIMS)
        if service.kill(victim, luck):
            kill = Kill(round(time.monotonic() - started, 1), victim)
            report.kills.append(kill)
            time.sleep(0.3)  # lest the dead one still counts as well
            kill.recovery = round(service.wait_until_well(), 2)


def _add_large_set(board: Board) -> None:
    """Add a data set of invented labels that is as large as WBM."""
    rng = np.random.default_rng(1)
    elements = [
        "H",
        "Li",
        "C",
        "N",
        "O",
        "F",
        "Na",
        "Mg",
        "Al",
        "Si",
        "P",
        "S",
        "Cl",
        "K",
        "Ca",
        "Ti",
        "V",
        "Cr",
        "Mn",
        "Fe",
        "Co",
        "Ni",
        "Cu",
        "Zn",
    ]
    pairs = rng.integers(0, len(elements), (ROWS, 2))
    formation, above = rng.normal(-0.5, 1.0, ROWS), rng.normal(0.15, 0.15, ROWS)
    rows = [
        f"large-{i},{elements[a]}{elements[b]}2,{e:.5f},{h:.5f}"
        for i, ((a, b), e, h) in enumerate(zip(pairs.tolist(), formation, above, strict=True))
    ]
    head = "material_id,formula,e_form_per_atom_mp2020_corrected,e_above_hull_mp2020_corrected_ppd_mp"
    data = ("\n".join([head, *rows]) + "\n").encode()
    folder = board.datasets_dir / "large"
    folder.mkdir()
    (folder / "labels.csv").write_bytes(data)
    card = LARGE_CARD.format(n=ROWS, sha256=hashlib.sha256(data).hexdigest())
    (folder / "dataset.toml").write_text(card, encoding="utf-8")


def _files(board: Board, folder: Path, dataset: str, n: int) -> list[Path]:
    """Write predictions files: labels with noise, each tenth a repeat, and each twentieth without its values."""
    import pandas as pd

    from matdisc.tasks import get_task

    truth = get_task("discovery").scoring.truth(board, board.dataset(dataset))
    rng = np.random.default_rng(0)
    values = np.nan_to_num(np.asarray(truth.targets["e_form_per_atom"]))
    files: list[Path] = []
    for i in range(n):
        if i % 10 == 9:
            files.append(files[-5])
            continue
        noisy = values + rng.normal(0, 0.03 + 0.001 * (i % 50), len(values))
        table = pd.DataFrame({"material_id": truth.material_ids.to_pylist(), "e_form_per_atom": noisy.round(5)})
        if i % 20 == 7:
            table = table.rename(columns={"e_form_per_atom": "something_else"})
        path = folder / f"file-{i}.csv.gz"
        table.to_csv(path, index=False, compression={"method": "gzip", "compresslevel": 1})
        files.append(path)
    return files


def _expected(board: Board, path: Path, dataset: str) -> dict[str, Any] | None:
    """The metrics that `matdisc score` gives; None if it refuses the file."""
    from matdisc.errors import SubmissionError
    from matdisc.leaderboard.results import score_file

    try:
        return score_file(board, path, "discovery", dataset)["metrics"]
    except SubmissionError:
        return None


def free_port() -> int:
    """Return a port of this machine that nobody has now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def token_for(board: Board, team: str, database: str | None) -> str:
    """Return the secret of a new token."""
    from matdisc.service.settings import load_settings
    from matdisc.service.store.accounts import create_token
    from matdisc.service.store.database import open_store

    store = open_store(database or load_settings(board.root).database)
    try:
        return create_token(store, team=team, person="Nobody")[1]
    finally:
        store.close()


def _submit_and_wait(job: tuple[str, str, str, Path, int]) -> str:
    """Submit with a key that stays the same, whatever dies meanwhile, and wait for a final state."""
    url, token, dataset, path, i = job
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"soak-{i}"}
    fields = {"task": "discovery", "dataset": dataset, "card": CARD.format(key=f"noise-{i}"), "private": "true"}

    def send() -> requests.Response:
        with path.open("rb") as file:
            return requests.post(
                f"{url}/v1/submissions", data=fields, files={"predictions": file}, headers=headers, timeout=60
            )

    made = _insist(send)
    if made.status_code not in (200, 202):
        raise RuntimeError(f"not accepted: {made.status_code} {made.text[:300]}")
    place = f"{url}/v1/submissions/{made.json()['id']}"
    while True:
        state = _insist(lambda: requests.get(place, headers=headers, timeout=60)).json()["state"]
        if state in ("rejected", "succeeded", "failed", "cancelled", "timed_out"):
            return str(made.json()["id"])
        time.sleep(0.5)


def _insist(call: Any) -> requests.Response:
    """Call until there is an answer that is no fault of the service's."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            answer: requests.Response = call()
            if answer.status_code < 500 and answer.status_code != 429:
                return answer
        except requests.RequestException:
            pass
        time.sleep(0.2)
    raise RuntimeError("the service does not answer")


def _judge(
    url: str, tokens: list[str], ids: list[str], files: list[Path], expected: dict[Path, Any], dataset: str,
    report: Report,
) -> None:  # fmt: skip
    problems: Counter[str] = Counter()
    states: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    if len(set(ids)) != len(ids):
        problems["submissions share an id"] += len(ids) - len(set(ids))
    for i, (submission, path) in enumerate(zip(ids, files, strict=True)):
        token = tokens[i % len(tokens)]
        headers = {"Authorization": f"Bearer {token}"}
        place = f"{url}/v1/submissions/{submission}"
        content = requests.get(place, headers=headers, timeout=60).json()
        state = content["state"]
        states[state + (" (cached)" if content["cached"] else "")] += 1
        attempts = requests.get(f"{place}/attempts", headers=headers, timeout=60).json()["attempts"]
        report.attempts += len(attempts)
        problems["attempts at the same time"] += sum(
            a["ended"] is None or a["ended"] > b["started"] for a, b in pairwise(attempts)
        )
        problems["other end than expected"] += state != ("rejected" if expected[path] is None else "succeeded")
        counted[token] += state == "succeeded" and not content["cached"]
        if state == "succeeded":
            result = requests.get(f"{place}/result", headers=headers, timeout=60).json()
            problems["numbers unlike those of `matdisc score`"] += result["metrics"] != expected[path]
        ends = [
            e for e in _events(place, headers) if e in ("rejected", "succeeded", "failed", "cancelled", "timed_out")
        ]
        problems["submissions without exactly one end"] += len(ends) != 1
    for token in tokens:
        said = requests.get(f"{url}/v1/me?dataset={dataset}", headers={"Authorization": f"Bearer {token}"}, timeout=60)
        problems["quotas that count otherwise"] += said.json()["usage"]["scored"] != counted[token]
    report.states = dict(states)
    report.wrong = [f"{n} {what}" for what, n in problems.items() if n]
    slow = [kill.recovery for kill in report.kills if not kill.recovery < 30]
    report.wrong += [f"{len(slow)} recoveries of 30 s or more"] if slow else []


def _events(place: str, headers: dict[str, str]) -> list[str]:
    """States of all events; the stream ends by itself, because the submission has."""
    states = []
    with requests.get(f"{place}/events", headers=headers, stream=True, timeout=60) as stream:
        kind = ""
        for line in stream.iter_lines(decode_unicode=True):
            kind = line[6:].strip() if line.startswith("event:") else kind
            if line.startswith("data:") and kind == "state":
                states.append(json.loads(line[5:])["state"])
    return states


def _processes() -> Iterator[tuple[int, int, str]]:
    """Yield process id, parent's id and command of every process of this machine."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            yield int(path.name), parent, (path / "cmdline").read_text()
        except OSError:  # it has ended meanwhile
            continue
