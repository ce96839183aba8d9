"""The frozen boxes of the dynamics sets: what ships, and what a damaged file says."""

import numpy as np
import pytest

from matdisc.board import Board, shipped_board
from matdisc.datasets import load
from matdisc.datasets.dynamics import build
from matdisc.datasets.verify import verify
from matdisc.errors import DataError
from matdisc.physics.md.watchdog import bonds_of
from matdisc.run.evaluate import steps
from matdisc.tasks.dynamics.simulation import box_atoms

BOARD = Board(shipped_board())
SETS = ("dynamics-metals", "dynamics-perovskites", "dynamics-electrolytes")


@pytest.mark.parametrize("key", SETS)
def test_the_shipped_boxes_are_those_of_the_card(key):
    assert all(check.ok for check in verify(BOARD, key))


def test_the_metals_are_at_the_minimum_of_the_potential_behind_the_reference():
    from ase.calculators.emt import EMT

    for sample in load(BOARD, "dynamics-metals").samples:
        atoms = box_atoms(sample)
        atoms.calc = EMT()
        assert np.abs(atoms.get_forces()).max() < 1e-3
        assert 24 <= len(atoms) <= 36


def test_the_molecules_of_the_electrolytes_are_whole_and_neutral_in_sum():
    for sample in load(BOARD, "dynamics-electrolytes").samples:
        atoms = box_atoms(sample)
        bonds, molecule = bonds_of(atoms), atoms.get_array("molecule")
        assert (molecule[bonds.first] == molecule[bonds.second]).all()
        assert atoms.info["charge"] == 0
        assert len(bonds.first) >= len(atoms) - len(set(molecule))


def test_a_reference_of_other_boxes_is_refused(board):
    path = board.datasets_dir / "dynamics-metals" / "reference.csv"
    card = board.dataset("dynamics-metals")

    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    files = {file.name: path.parent / file.name for file in card.files}
    with pytest.raises(DataError, match="are not those of reference"):
        build(card, files)


def test_what_is_on_request_is_evaluated_only_by_name():
    plan, _ = steps(BOARD, ["emt"], ["dynamics"], None, None)
    assert {step.dataset for step in plan} == {"dynamics-metals"}
    plan, left_out = steps(BOARD, ["emt", "chgnet-0.3.0"], ["dynamics"], ["dynamics-perovskites"], None)
    assert [step.model for step in plan] == ["chgnet-0.3.0"]
    assert any("emt" in line and "supports none" in line for line in left_out)
