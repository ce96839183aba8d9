"""CHGNet's thermal conductivity of lead telluride, the first crystal of `kappa-103`, against a published run.

`python -m benchmarks conductivity` takes five minutes, of which phono3py's phonon interaction is four: too long for a
test. phono3py 3.30.0 is installed into an environment of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

MODEL, SET = "chgnet-0.3.0", "kappa-103-conductivity"
PUBLISHED = {"W/m/K": 0.1892, "SRME": 1.4379}
"""Conductivity at 300 K and symmetric relative mean error of modes (Matbench Discovery)."""


def main(arguments: Sequence[str]) -> int:
    """Print what is found, what is published and their ratio; return 0 where they agree within 1 %."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder))
    for unit, published in PUBLISHED.items():
        print(
            f"PbTe, {MODEL}, {unit}: {found[unit]:.5g} here, {published:.5g} published, "
            f"ratio {found[unit] / published:.4f}"
        )
    return 0 if all(abs(found[unit] / published - 1) < 0.01 for unit, published in PUBLISHED.items()) else 1


def measure(folder: Path) -> dict[str, float]:
    """Return what one worker finds, by unit."""
    from matdisc.board import init_board
    from matdisc.datasets import load_truth
    from matdisc.run.predict import predict
    from matdisc.scoring.align import align
    from matdisc.tasks.thermal_conductivity.task import THERMAL_CONDUCTIVITY as TASK
    from matdisc.tasks.thermal_conductivity.terms import mode_errors

    board = init_board(folder / "board")
    run = predict(board, MODEL, TASK.key, SET, limit=1, workers=1, env="isolated", timeout=3000)
    truth = load_truth(board, SET)
    answers = align(TASK.scoring.read(run.out), truth, TASK.scoring)
    return {"W/m/K": float(answers.values[0]), "SRME": float(mode_errors(truth, answers)[0])}
