"""Published rows on the sample of WBM, and a force field on real WBM crystals: what both cost."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from benchmarks.report import ratio
from matdisc.board import Board, init_board
from matdisc.leaderboard.ranking import write_ranking
from matdisc.leaderboard.results import publish_new
from matdisc.leaderboard.submission import load_submission
from matdisc.metrics.matbench_discovery import matbench_discovery
from matdisc.run import predict

ASKED_SCORING, ASKED_CRYSTALS = 5.0, 180.0
"""Seconds of processor time for all rows, and of wall-clock time on two free cores for CHGNet on all crystals."""


def measure(folder: Path) -> None:
    """Print every line of this group."""
    board = init_board(folder / "wbm-sample-board")
    scoring(board)
    crystals(board)


def scoring(board: Board) -> None:
    """All published rows: read, aligned, scored with 1,000 resamples, detailed, ranked with paired tests."""
    files = sorted((board.predictions_dir / "discovery" / "wbm-sample").glob("*.csv.gz"))
    start = time.process_time()
    publish_new(board, "discovery", "wbm-sample")
    scored = time.process_time() - start
    write_ranking(board, "discovery", "wbm-sample")
    both = time.process_time() - start
    start = time.process_time()
    for file in files:
        checked = load_submission(board, file, "discovery", "wbm-sample")
        truth = checked.truth
        p = checked.answers.values
        matbench_discovery(truth.target("e_form_per_atom"), truth.target("e_above_hull"), p, np.ones(len(p), bool))
    plain = time.process_time() - start
    ratio(
        f"{len(files)} rows of wbm-sample: all / read, checked, no interval", both, plain, better="lower",
        after=f"; of processor time, {scored:.2f} s without the ranking (asked for all {ASKED_SCORING:g})",
    )  # fmt: skip


def crystals(board: Board) -> None:
    """CHGNet 0.3.0 on all of wbm-crystals by the engine, on every core, against the asked three minutes."""
    start = time.perf_counter()
    run = predict(board, "chgnet-0.3.0", "discovery", "wbm-crystals", restart=True)
    seconds = time.perf_counter() - start
    share = seconds / ASKED_CRYSTALS
    found = f"{seconds:.0f} s, {share:.2f} of the asked {ASKED_CRYSTALS:g} s"
    print(f"CHGNet 0.3.0 on {run.computed:,} WBM crystals: {found}")
