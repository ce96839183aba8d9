"""A report: one file with figures, tables and provenance, which leans on nothing beside it."""

import re

import pytest
from typer.testing import CliRunner

from matdisc import predictions
from matdisc.cli.app import app
from matdisc.datasets import load
from matdisc.errors import CardError
from matdisc.leaderboard.report import report
from matdisc.schema import Prediction

SET = ("discovery", "emt-alloys")


@pytest.fixture
def answers(board, tmp_path):
    """Write formation energies that are off by a shift for every other alloy: `answers("name", 0.1)`."""

    def write(name, shift):
        samples = load(board, SET[1]).samples
        rows = [
            Prediction(s.material_id, {"e_form_per_atom": s.target["e_form_per_atom"] + shift * (i % 2)})
            for i, s in enumerate(samples)
        ]
        path = tmp_path / f"{name}.csv"
        predictions.write(path, rows, ["e_form_per_atom"])
        return path

    return write


@pytest.fixture
def page(board, answers, tmp_path):
    files = [str(answers("exact", 0.0)), str(answers("shifted", 0.15))]
    return report(board, *SET, files, tmp_path / "report.html").read_text(encoding="utf-8")


def test_every_link_of_a_report_leads_to_a_place_in_it_or_to_the_web(page):
    ids = re.findall(r'\bid="([^"]*)"', page)
    links = re.findall(r'href="([^"]*)"', page)
    assert links
    assert len(ids) == len(set(ids))
    assert [x for x in links if not x.startswith("https://") and x.removeprefix("#") not in ids] == []


def test_a_report_loads_no_other_file(page):
    assert not re.search(r"<(link|img|iframe|script[^>]*\bsrc)|url\((?!#)|@import", page)


def test_a_report_shows_each_row_with_its_metrics_the_difference_and_the_hashes(page, board):
    for heading in (">exact<", ">shifted<", "Which differences are real", "Curves together"):
        assert heading in page
    assert board.dataset(SET[1]).sha256 in page
    assert len(set(re.findall(r"\b[0-9a-f]{64}\b", page))) == 3  # two files and the data set


def test_a_report_of_one_file_compares_nothing(board, answers, tmp_path):
    page = report(board, *SET, [str(answers("alone", 0.0))], tmp_path / "one.html").read_text(encoding="utf-8")
    assert ">alone<" in page
    assert "Which differences are real" not in page


def test_the_command_writes_a_report_of_a_file_and_says_where_it_is(board, answers, tmp_path):
    out = tmp_path / "mail.html"
    command = ["report", str(answers("mine", 0.1)), "-t", SET[0], "-d", SET[1], "-o", str(out), "-b", str(board.root)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert str(out) in done.output
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_report_names_what_it_cannot_be_made_of(board, answers, tmp_path):
    file, out = str(answers("twice", 0.0)), tmp_path / "r.html"
    for rows, said in [
        (["nobody"], "'nobody' is no row of discovery on emt-alloys and no file"),
        ([file, file], "two rows are called 'twice'"),
        ([], "the board has no row of discovery on emt-alloys"),
    ]:
        with pytest.raises(CardError, match=said):
            report(board, *SET, rows, out)
    with pytest.raises(CardError, match=r"written as \.html"):
        report(board, *SET, [file], tmp_path / "r.pdf")
    assert not out.exists()
