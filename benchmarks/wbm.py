"""Published rows on the sample of WBM, and a force field on real WBM crystals: what both cost."""

from __future__ import annotations

import json
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from pandas import read_csv

from benchmarks.report import ratio
from matdisc.board import Board, init_board
from matdisc.leaderboard.ranking import write_ranking
from matdisc.leaderboard.results import publish_new
from matdisc.leaderboard.submission import load_submission
from matdisc.metrics.matbench_discovery import matbench_discovery
from matdisc.run import predict
from matdisc.run.predict import provenance_path

ASKED_SCORING, ASKED_CRYSTALS = 5.0, 180.0
"""Seconds of processor time for all rows, and of wall-clock time on two free cores for CHGNet on all crystals."""


def measure(folder: Path) -> None:
    """Print every line of this group."""
    board = init_board(folder / "wbm-sample-board")
    scoring(board)
    arithmetic(board)
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


def arithmetic(board: Board, limit: int = 150) -> None:
    """Processor time of relaxations, over what the network's passes take alone, graphs made before.

    Each crystal counts as often as it was evaluated, with its share of the pass that holds its start.
    """
    import torch

    from matdisc.datasets import load
    from matdisc.formats.atoms import to_atoms
    from matdisc.models.potentials.chgnet import BATCH_ATOMS
    from matdisc.models.potentials.chgnet_forward import Network
    from matdisc.models.potentials.chgnet_graph import graph_of
    from matdisc.models.potentials.chgnet_package import network_class

    run = predict(board, "chgnet-0.3.0", "discovery", "wbm-crystals", limit=limit, workers=0, restart=True)
    cost = json.loads(provenance_path(run.out).read_text(encoding="utf-8"))["cost"]
    table = read_csv(run.out)
    evaluations = dict(zip(table["material_id"], table["steps"] + 1, strict=True))
    with redirect_stdout(StringIO()):  # chgnet greets there
        network = Network(network_class().load(model_name="0.3.0", use_device="cpu", verbose=False))
    parts: list[list[tuple[str, Any]]] = [[]]
    for sample in load(board, "wbm-crystals").samples[:limit]:
        parts[-1].append((sample.material_id, to_atoms(sample.crystal)))
        if sum(len(atoms) for _, atoms in parts[-1]) >= BATCH_ATOMS:
            parts.append([])
    alone = 0.0
    for part in filter(None, parts):
        graph = graph_of([atoms for _, atoms in part], *network.cutoffs, device="cpu")
        seconds = []
        for _ in range(3):
            start = time.process_time()
            torch.autograd.grad(network.energies(graph).sum(), graph.vectors)
            seconds.append(time.process_time() - start)
        per_atom = min(seconds) / sum(len(atoms) for _, atoms in part)
        alone += sum(evaluations[key] * len(atoms) * per_atom for key, atoms in part)
    what = f"CHGNet 0.3.0 on {limit} WBM crystals, {sum(evaluations.values()):.0f} evaluations: all / the network alone"
    ratio(what, cost["cpu_seconds"] - cost["load_seconds"], alone, better="lower", after="; of processor time")
