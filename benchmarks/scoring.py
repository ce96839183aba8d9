"""What scoring costs at full size: one submission against the published procedure, twenty ranked, start-up, growth.

The labels are invented (the mirror's synthetic table, or random numbers without a mirror): nothing here is a score.
"""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.csv

from benchmarks import published
from benchmarks.report import ratio
from matdisc.board import Board, init_board
from matdisc.datasets import load_truth
from matdisc.leaderboard.ranking import rank
from matdisc.leaderboard.submission import load_submission
from matdisc.metrics.screening import precision_at_k
from matdisc.predictions import read
from matdisc.scoring.align import align
from matdisc.scoring.base import DEFAULT_BOOTSTRAP, Bootstrap
from matdisc.scoring.stability import hull_scoring
from matdisc.tasks import TASKS

N = 256_963
MODELS = ("chgnet-0.3.0", "sevennet-0", "mace-mp-0", "megnet", "bowsr")
SYMBOLS = "Li Na K Mg Ca Al Ti V Cr Mn Fe Co Ni Cu Zn Zr Nb O S F Cl N P Si Ge Sn La Ce Y Pd"


def measure(folder: Path) -> None:
    """Print every line of this group."""
    os.environ.setdefault("MATDISC_CACHE", str(folder / "cache"))
    board, truth_file, files = prepare(folder)
    load_truth(board, "wbm")
    load_truth(board, "wbm")
    one_submission(board, truth_file, files[0])
    other_order(board, files)
    everything(board, files[0])
    twenty(folder, board, files)
    start_up()
    growth(folder)


def prepare(folder: Path) -> tuple[Board, Path, list[Path]]:
    """Make a board whose `wbm` has invented labels with formulas, and find or make prediction files of full size."""
    board = init_board(folder / "wbm-board")
    mirror = os.environ.get("MATDISC_MIRROR")
    rng = np.random.default_rng(0)
    if mirror:
        truth = pd.read_csv(Path(mirror) / "wbm" / "synthetic-truth.csv.gz")
        files = [Path(mirror) / "wbm" / f"{name}.csv.gz" for name in MODELS]
    else:
        truth = pd.DataFrame({"material_id": [f"wbm-{1 + i % 5}-{i}" for i in range(N)]})
        truth[published.E_FORM] = rng.normal(-0.5, 1.0, N).round(6)
        truth[published.E_HULL] = rng.normal(0.12, 0.18, N).round(6)
        truth["unique_prototype"] = rng.random(N) < 0.84
        files = [_write(folder / f"m{i}.csv.gz", truth, rng) for i in range(5)]
    symbols = np.array(SYMBOLS.split())
    picks = symbols[rng.integers(0, len(symbols), (len(truth), 3))]
    truth["formula"] = ["".join(row) for row in picks]
    path = board.datasets_dir / "wbm" / "invented.csv.gz"
    truth.to_csv(path, index=False, compression={"method": "gzip", "compresslevel": 1})
    import hashlib

    card = board.datasets_dir / "wbm" / "dataset.toml"
    text = card.read_text(encoding="utf-8")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = f'[[files]]\nname = "invented.csv.gz"\nsha256 = "{digest}"\nlicence = "invented numbers"\n'
    card.write_text(text[: text.index("[[files]]")] + entry, encoding="utf-8")
    print(f"files: {'the mirror, labels synthetic' if mirror else 'random numbers'}; {len(truth):,} rows")
    return board, path, files


def one_submission(board: Board, truth_file: Path, file: Path) -> None:
    """Read, align and score three subsets, all point metrics: CPU of the published procedure over ours."""
    truth = pd.read_csv(truth_file).drop(columns="formula").set_index("material_id")
    theirs = _cpu(lambda: published.run(truth, file), repeat=3)
    prepared = load_truth(board, "wbm")
    card = board.dataset("wbm")
    task = TASKS["discovery"]

    def ours() -> None:
        answers = align(task.scoring.read(file), prepared, task.scoring, surplus="report")
        task.scoring.score(card, prepared, answers, Bootstrap(replicates=0))
        verdicts = hull_scoring(task.scoring).judge(prepared, answers.column, answers.values, 0.0)
        keep = prepared.flags["unique_prototype"]
        precision_at_k(verdicts.stable[keep], verdicts.e_pred[keep], [10_000])

    def two_subsets() -> None:
        answers = align(task.scoring.read(file), prepared, task.scoring, surplus="report")
        task.scoring.score(card, prepared, answers, Bootstrap(replicates=0))

    def floor() -> None:  # what nobody who reads the file can save: to inflate it and to read its two columns
        pyarrow.csv.read_csv(io.BytesIO(gzip.decompress(file.read_bytes())), pyarrow.csv.ReadOptions(use_threads=False))

    ratio("published procedure / ours: full, unique, top 10k", theirs, _cpu(ours, repeat=5))
    ratio("published procedure / ours without the top 10k", theirs, _cpu(two_subsets, repeat=5))
    least = _cpu(floor, repeat=5)
    ratio("ours without the top 10k / opening and reading alone", _cpu(two_subsets, repeat=5), least, better="lower")
    compat = _cpu(lambda: _compat(board, file), repeat=3)
    ratio("published procedure / our --compat, all three subsets", theirs, compat)


def _compat(board: Board, file: Path) -> Any:
    from matdisc.leaderboard.results import compat_file

    return compat_file(board, file, "discovery", "wbm")


def other_order(board: Board, files: list[Path]) -> None:
    """Reading and aligning each file, whatever its order, in seconds of CPU."""
    for file in files:
        cpu = _cpu(lambda file=file: load_submission(board, file, "discovery", "wbm"), repeat=3)
        print(f"  read and align {file.name:42s} {cpu:8.3f} s")


def everything(board: Board, file: Path) -> None:
    """All point metrics, 1,000 bootstrap replicates, all curves and slices, in CPU seconds in all."""
    card, task = board.dataset("wbm"), TASKS["discovery"]

    def work() -> None:
        checked = load_submission(board, file, "discovery", "wbm")
        scoring = task.scoring
        scoring.score(card, checked.truth, checked.answers, DEFAULT_BOOTSTRAP)
        scoring.artifacts(card, checked.truth, checked.answers, None, DEFAULT_BOOTSTRAP)

    print(f"{'with 1,000 replicates, all curves and slices':55s} {_cpu(work, repeat=2):8.3f} s")


def twenty(folder: Path, board: Board, files: list[Path]) -> None:
    """Twenty submissions scored and ranked with paired statistics, in a process of its own: time and peak memory."""
    for i in range(20):
        key = f"m{i}"
        (board.models_dir / key).mkdir()
        card = (board.models_dir / "composition-rf" / "model.toml").read_text(encoding="utf-8")
        (board.models_dir / key / "model.toml").write_text(card.replace('key = "composition-rf"', f'key = "{key}"'))
        target = board.predictions_dir / "discovery" / "wbm" / f"{key}.csv.gz"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files[i % len(files)].read_bytes())
    code = (
        "import sys, time, resource\nfrom pathlib import Path\nfrom matdisc.board import Board\n"
        "from matdisc.leaderboard.results import rescore\nfrom matdisc.leaderboard.ranking import write_ranking\n"
        "t = time.process_time()\nb = Board(Path(sys.argv[1]))\nrescore(b)\nwrite_ranking(b, 'discovery', 'wbm')\n"
        "print(time.process_time() - t, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(board.root)], capture_output=True, text=True, check=True)
    cpu, memory = map(float, done.stdout.split())
    print(f"{'20 submissions scored, detailed and ranked':55s} {cpu:8.1f} s, peak memory {memory:.0f} MiB")
    ranked = _cpu(lambda: rank(board, "discovery", "wbm"))
    print(f"{'  of which the paired ranking':55s} {ranked:8.1f} s")


def start_up() -> None:
    """From process start to the first work of `matdisc score`: wall time of a refused file, and of bare Python."""
    command = [sys.executable, "-m", "matdisc", "score", "none.csv", "-t", "discovery", "-d", "emt-alloys"]
    ours = min(_wall(command) for _ in range(5))
    bare = min(_wall([sys.executable, "-c", "pass"]) for _ in range(5))
    print(f"{'matdisc score, start to first work':55s} {ours:8.3f} s (Python alone {bare:.3f} s)")


def growth(folder: Path) -> None:
    """CPU seconds a million rows for 1e3 to 1e6 rows: flat means linear."""
    from matdisc.metrics import stability_metrics

    rng = np.random.default_rng(0)
    for n in (1_000, 10_000, 100_000, 1_000_000):
        path = folder / f"grow{n}.csv"
        values = rng.normal(size=n).round(4)
        path.write_text("material_id,e_form_per_atom\n" + "".join(f"m-{i},{v}\n" for i, v in enumerate(values)))
        cpu = _cpu(lambda path=path: read(path, ("e_form_per_atom",)), repeat=3)
        true = rng.normal(size=n)
        scored = _cpu(lambda true=true, values=values: stability_metrics(true, values), repeat=3)
        print(f"  {n:>9,} rows: read {1e6 * cpu / n:6.3f} s, metrics {1e6 * scored / n:6.3f} s a million rows")


def _write(path: Path, truth: pd.DataFrame, rng: np.random.Generator) -> Path:
    values = (truth[published.E_FORM] + rng.normal(0, 0.06, len(truth))).round(4)
    order = rng.permutation(len(truth))
    text = (
        pd.DataFrame({"material_id": truth["material_id"], "e_form_per_atom": values}).iloc[order].to_csv(index=False)
    )
    path.write_bytes(gzip.compress(text.encode()))
    return path


def _cpu(call: Callable[[], object], repeat: int = 1) -> float:
    times = []
    for _ in range(repeat):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return min(times)


def _wall(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=False)
    return time.perf_counter() - started
