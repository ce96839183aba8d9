"""The page about Python says what happens: its code runs, and prints what stands below it."""

import contextlib
import io
import re
from pathlib import Path

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from matdisc.api.atoms import write_structures
from matdisc.board import init_board

PAGE = Path(__file__).parent.parent.parent / "docs" / "guides" / "python.md"
BLOCK = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)


@pytest.fixture
def folder_of_a_reader(tmp_path, monkeypatch):
    """A folder with a board and labelled frames, as the page takes them for granted."""
    frames = []
    for number in range(6):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=number)
        atoms.info["group"] = f"draw-{number}"
        atoms.calc = EMT()
        atoms.get_forces()
        frames.append(atoms)
    write_structures(tmp_path / "frames.extxyz", frames)
    init_board(tmp_path / "my-board")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.ray
def test_the_code_of_the_page_runs_and_prints_what_stands_there(folder_of_a_reader, ray_session):
    known, printed = {}, ""
    for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "text":
            assert printed == text
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(text, str(PAGE), "exec"), known)
        printed = out.getvalue()
    assert (folder_of_a_reader / "parity.png").stat().st_size > 1000
    assert known["fast"].coverage == known["kept"].coverage
