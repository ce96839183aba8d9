"""The submission service: how soon it answers 50 clients, its memory, and how long a large file takes to be taken."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import requests

from benchmarks.service_soak import CARD, SETTINGS, free_port, token_for
from matdisc.board import init_board

CLIENTS = 50
ROWS = 256_963


def measure(folder: Path) -> None:
    """Start `matdisc api` alone on a fresh board, and ask it."""
    board = init_board(folder / "service-board")
    (board.root / "service").mkdir()
    (board.root / "service" / "service.toml").write_text(SETTINGS, encoding="utf-8")
    token, port = token_for(board, "Team", None), free_port()
    command = [sys.executable, "-m", "matdisc", "api", "--board", str(board.root), "--port", str(port)]
    with (folder / "api.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url)
            headers = {"Authorization": f"Bearer {token}"}
            place = _upload(url, headers, _large_file(folder))
            for pause, what in ((1.0, "each once a second"), (0.0, "as fast as they can")):
                times = _ask(place, headers, pause, seconds=10.0)
                p50, p99 = np.percentile(times, [50, 99]) * 1e3
                rate = len(times) / 10.0
                print(
                    f"status, {CLIENTS} clients {what}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, {rate:.0f} answers a second"
                )
            status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            for field, what in (("VmRSS", "now"), ("VmHWM", "at most")):
                kib = int(next(line for line in status if line.startswith(field)).split()[1])
                print(f"memory of the API {what}: {kib / 1024:.0f} MiB")
        finally:
            process.terminate()


def _large_file(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    path = folder / "large.csv"
    rows = [f"wbm-{i % 5 + 1}-{i},{x:.5f}" for i, x in enumerate(rng.normal(-0.5, 1.0, ROWS))]
    path.write_text("\n".join(["material_id,e_form_per_atom", *rows]) + "\n")
    subprocess.run(["gzip", "-kf", str(path)], check=True)
    return path


def _upload(url: str, headers: dict[str, str], path: Path) -> str:
    """Send the file plain and packed, three times each; return the place of the last submission."""
    fields = {"task": "discovery", "dataset": "wbm-sample", "card": CARD.format(key="large")}
    place = ""
    for file in (path, Path(f"{path}.gz")):
        times = []
        for _ in range(3):
            started = time.perf_counter()
            with file.open("rb") as opened:
                sent = requests.post(
                    f"{url}/v1/submissions", data=fields, files={"predictions": opened}, headers=headers, timeout=60
                )
            times.append(time.perf_counter() - started)
            sent.raise_for_status()
            place = f"{url}/v1/submissions/{sent.json()['id']}"
        size = file.stat().st_size / 2**20
        print(f"{ROWS:,} rows, {file.suffix} of {size:.1f} MiB: taken in {min(times):.2f} to {max(times):.2f} s")
    return place


def _ask(place: str, headers: dict[str, str], pause: float, seconds: float) -> Sequence[float]:
    barrier = threading.Barrier(CLIENTS)

    def client(number: int) -> list[float]:
        times: list[float] = []
        with requests.Session() as session:
            session.headers.update(headers)
            session.get(place, timeout=30).raise_for_status()
            barrier.wait()
            time.sleep(pause * number / CLIENTS)
            end = time.perf_counter() + seconds
            while (started := time.perf_counter()) < end:
                session.get(place, timeout=30).raise_for_status()
                times.append(time.perf_counter() - started)
                time.sleep(max(0.0, pause - times[-1]))
        return times

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [t for times in pool.map(client, range(CLIENTS)) for t in times]


def _wait(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/healthz", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise RuntimeError("the API does not answer")
