"""What an evidence model knows is written for reading: of the training part only, and of evidence models only."""

import json

import pytest

from matdisc.board import init_board
from matdisc.datasets.load import load
from matdisc.datasets.splits import folds, pool
from matdisc.errors import CardError
from matdisc.leaderboard.schema.evidence import EvidenceMap
from matdisc.leaderboard.schema.read import read_files
from matdisc.run.evidence_map import write_evidence_map

SET = "synthetic-miedema"


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return init_board(tmp_path_factory.mktemp("evidence") / "board")


def test_a_model_without_evidence_has_no_map(board):
    with pytest.raises(CardError, match=r"alloys-forest/model\.toml: field 'loader'"):
        write_evidence_map(board, "alloys-forest", SET)


def test_a_dataset_without_protocols_has_no_map(board):
    with pytest.raises(CardError, match=r"elements/dataset\.toml: has no table \[splits\]"):
        write_evidence_map(board, "evidence-rules", "elements")


@pytest.mark.slow
def test_the_map_is_symmetric_and_its_alloys_are_of_the_test_part(board):
    path = write_evidence_map(board, "evidence-data", SET, limit=3)
    assert path.read_text() == write_evidence_map(board, "evidence-data", SET, limit=3).read_text()
    (found, _), = read_files(board.evidence_dir, EvidenceMap)  # fmt: skip
    n = len(found.elements)
    assert (n, found.n_train, len(found.alloys)) == (25, 1265, 3)
    assert all(found.similar[i][j] == found.similar[j][i] for i in range(n) for j in range(i))
    assert all(found.similar[i][j] + found.dissimilar[i][j] <= 1 for i in range(n) for j in range(i))
    dataset = load(board, SET)
    names = [sample.material_id for sample in pool(dataset)]
    first = next(iter(folds(dataset, found.protocol)))
    test = {names[i] for i in first.test}
    assert {alloy.alloy for alloy in found.alloys} <= test
    assert not {step.alloy for alloy in found.alloys for step in alloy.steps} & test


@pytest.mark.slow
def test_no_alloys_are_explained_if_none_are_asked_for(board):
    assert json.loads(write_evidence_map(board, "evidence-rules", SET, limit=0).read_text())["alloys"] == []
