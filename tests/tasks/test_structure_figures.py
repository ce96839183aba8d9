"""What is drawn of relaxed structures: every material in its place, counted by hand."""

import numpy as np

from matdisc.board import Board, shipped_board
from matdisc.datasets.prototypes import perovskite
from matdisc.datasets.truth import truth_of
from matdisc.metrics.structures import Compared, structure_terms
from matdisc.schema import Dataset, Sample
from matdisc.scoring.details import structure_artifacts
from matdisc.scoring.totals import Judged

CARD = Board(shipped_board()).dataset("mp-abc3-cubic")
TITANATES = [Sample(f"{a}TiO3-{i}", {"crystal": perovskite(a, "Ti", "O", 3.9), "formula": f"{a}TiO3"}, {}, str(i))
             for i, a in enumerate(("Ba", "Ba", "Ba", "Ba", "Ba", "Sr"))]  # fmt: skip


def compared(rmsd, volume, answered):
    n = len(rmsd)
    none, groups = np.full(n, np.nan), np.full((n, 3, 2), 221)
    return Compared(np.array(answered), none, np.array(rmsd), np.array(volume), np.zeros(n), none, none, groups, groups)


def test_every_relaxed_structure_is_drawn_where_it_belongs():
    truth = truth_of(Dataset("titanates", tuple(TITANATES), sha256="d" * 64))
    nan = np.nan
    found = compared(
        [0.0, 0.012, 0.05, nan, nan, 0.4], [0.0, 0.004, -0.021, 0.5, nan, 0.004], [True, True, True, True, False, True]
    )
    made = structure_artifacts(CARD, truth, Judged(structure_terms(found), found.answered, 0.0, compared=found))
    rmsd, volume = made.figures
    share = dict(zip(rmsd.lines[0].x, rmsd.lines[0].y, strict=True))
    assert (share[0.0], share[0.01], share[0.015], share[0.05], share[0.3]) == (0.166667, 0.166667, 0.333333, 0.5, 0.5)
    assert rmsd.overlay
    (bars,) = volume.bars
    assert sum(bars.heights) == 4
    assert bars.heights[bars.edges.index(-3.0)] == 1  # −2.1 % lies from −3 to −2 %
    assert bars.heights[bars.edges.index(0.0)] == 3
    assert volume.note == "right of 0: too large; 1 beyond the ends"
    assert [table.key for table in made.tables] == ["slice-element"]  # one number of elements, one class of anions
    (elements,) = made.tables
    assert elements.head[:3] == ("Element", "Volume error, %", "Materials")
    assert [row[0] for row in elements.rows] == ["Ba", "O", "Ti"]  # Sr is in one material only
    assert [row[2] for row in elements.rows] == [5, 6, 6]
