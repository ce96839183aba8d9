"""Submissions: all of card, file and result are added, or nothing is."""

import shutil

import pytest

from matdisc import predictions
from matdisc.board import Board
from matdisc.datasets import load
from matdisc.errors import MatdiscError, SubmissionError
from matdisc.leaderboard.accept import accept
from matdisc.leaderboard.submit import submit
from matdisc.schema import Prediction

SET = "emt-alloys"
CARD = """
key = "outsider"
name = "Outsider"
version = "2"
kind = "predictor"
summary = "Somebody else's model."
gives = ["formation energy"]
[licence]
code = "MIT"
[[authors]]
name = "Somebody Else"
"""


@pytest.fixture
def card(tmp_path):
    path = tmp_path / "card.toml"
    path.write_text(CARD)
    return path


@pytest.fixture
def file(board, tmp_path):
    rows = [Prediction(s.material_id, dict(s.target)) for s in load(board, SET).samples]
    predictions.write(tmp_path / "p.csv.gz", rows, ["e_form_per_atom"])
    return tmp_path / "p.csv.gz"


def everything(board):
    return {p: p.read_bytes() for p in sorted(board.root.rglob("*")) if p.is_file()}


def test_a_submission_adds_card_file_and_result(board, card, file):
    accepted = submit(board, file, card, "discovery", SET)
    assert board.model("outsider").name == "Outsider"
    assert accepted.predictions.read_bytes() == file.read_bytes()
    assert accepted.result["metrics"]["f1"]["value"] == 1.0
    assert accepted.result["origin"] == "submission"


def test_a_kind_of_file_that_a_board_does_not_keep_is_refused_before_anything_is_added(board, card, file, tmp_path):
    import gzip

    (tmp_path / "p.tsv").write_bytes(gzip.decompress(file.read_bytes()).replace(b",", b"\t"))
    before = everything(board)
    with pytest.raises(SubmissionError, match=r"p\.tsv: a board keeps predictions as \.csv"):
        submit(board, tmp_path / "p.tsv", card, "discovery", SET)
    assert everything(board) == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('version = "2"', 'version = "2"\nloader = "os:system"\noptions = { command = "true" }', "never code"),
        ('version = "2"', 'version = "2"\nreference_row = true', "reference_row"),
        ('gives = ["formation energy"]', 'gives = ["phase"]', "asks for formation energy or stability"),
        ('key = "outsider"', 'key = "../../outside"', "'key'"),
        ('key = "outsider"', 'key = "emt"', "another card for 'emt'"),
        ('name = "Outsider"', 'name = "</script><script>"', "'name'"),
    ],
)
def test_a_refused_card_leaves_the_board_untouched(board, card, file, old, new, said):
    before = everything(board)
    card.write_text(CARD.replace(old, new))
    with pytest.raises(MatdiscError, match=said):
        submit(board, file, card, "discovery", SET)
    assert everything(board) == before


def test_a_refused_file_leaves_the_board_untouched(board, card, file):
    before = everything(board)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(SubmissionError, match="damaged or cut off"):
        submit(board, file, card, "discovery", SET)
    assert everything(board) == before


def test_a_second_submission_needs_to_be_asked_for(board, card, file):
    submit(board, file, card, "discovery", SET)
    with pytest.raises(SubmissionError, match="--replace"):
        submit(board, file, card, "discovery", SET)
    rows = predictions.read(file, ("e_form_per_atom",)).rows
    plain = file.with_name("again.csv")
    predictions.write(plain, rows[:-1], ["e_form_per_atom"])
    accepted = submit(board, plain, card, "discovery", SET, replace=True)
    stored = sorted(p.name for p in accepted.predictions.parent.iterdir())
    assert stored == ["outsider.csv"]


@pytest.fixture
def proposed(board, card, file, tmp_path):
    """A pull request: a copy of the board with one submission more."""
    other = Board(tmp_path / "proposed")
    shutil.copytree(board.root, other.root)
    submit(other, file, card, "discovery", SET)
    return other


def test_a_pull_request_is_scored_with_the_board_s_own_code(board, proposed):
    (line,) = accept(board, proposed)
    assert "outsider" in line
    assert (board.results_dir / "discovery" / SET / "outsider.json").exists()
    assert accept(board, proposed) == []


def test_a_pull_request_with_other_numbers_is_refused(board, proposed):
    path = proposed.results_dir / "discovery" / SET / "outsider.json"
    path.write_text(path.read_text().replace('"value": 0.0', '"value": 0.001', 1))
    with pytest.raises(SubmissionError, match="other numbers"):
        accept(board, proposed)


def test_a_result_without_predictions_is_refused(board, proposed):
    path = proposed.results_dir / "discovery" / SET / "outsider.json"
    path.rename(path.with_name("invented.json"))
    with pytest.raises(SubmissionError, match="never written by hand"):
        accept(board, proposed)


def test_a_pull_request_may_not_bring_code_or_links(board, proposed, tmp_path):
    path = proposed.models_dir / "outsider" / "model.toml"
    good = path.read_text()
    path.write_text(good.replace('version = "2"', 'version = "2"\nloader = "os:system"'))
    with pytest.raises(MatdiscError, match="never code"):
        accept(board, proposed)
    path.unlink()
    path.symlink_to(tmp_path / "card.toml")
    with pytest.raises(SubmissionError, match="is a link"):
        accept(board, proposed)


def test_a_pull_request_may_not_link_a_whole_folder(board, proposed, tmp_path):
    (proposed.root / "models").rename(tmp_path / "elsewhere")
    (proposed.root / "models").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SubmissionError, match="is a link"):
        accept(board, proposed)


def test_a_pull_request_may_not_invent_a_protocol(board, proposed):
    path = proposed.predictions_dir / "discovery" / SET / "outsider.csv.gz"
    path.rename(path.with_name("emt+magic.csv.gz"))
    with pytest.raises(SubmissionError, match="'magic' is no protocol; known: single-point, relax"):
        accept(board, proposed)
