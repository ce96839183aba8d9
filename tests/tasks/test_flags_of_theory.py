"""A row says when its labels come from another level of theory, and how much that matters to the task."""

from __future__ import annotations

import pytest

from matdisc.board import Board, shipped_board
from matdisc.scoring.flags import flags
from matdisc.tasks import TASKS


def _theory_flags(model: str, task: str, dataset: str) -> list[str]:
    board = Board(shipped_board())
    found = flags(board.model(model), board.dataset(dataset), TASKS[task].scoring)
    return [flag.partition(":")[0] for flag in found if flag.startswith(("level of theory", "same functional"))]


@pytest.mark.parametrize(
    ("model", "task", "dataset", "said"),
    [
        ("chgnet-0.3.0", "eos", "dcdft", ["same functional, other set-up"]),
        ("chgnet-r2scan", "eos", "dcdft", ["level of theory differs"]),
        ("chgnet-0.3.0", "phonons", "matbench-phonons", ["level of theory differs"]),
        ("chgnet-0.3.0", "phonons", "kappa-103", ["same functional, other set-up"]),
        ("chgnet-r2scan", "discovery", "mp-abc3-cubic", ["level of theory differs"]),
    ],
)
def test_only_another_functional_questions_a_curve_or_a_frequency(model, task, dataset, said):
    assert _theory_flags(model, task, dataset) == said


def test_distances_to_a_hull_are_questioned_by_corrections_too():
    assert _theory_flags("chgnet-matpes-pbe", "discovery", "mp-abc3-cubic") == ["level of theory differs"]
