"""mlearn: unit, sign and order of its stresses follow from its own energies, and what of it is wrong is left out."""

import csv
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from matdisc.board import Board, shipped_board
from matdisc.datasets import load
from matdisc.datasets.fetch import dataset_files
from matdisc.datasets.mlearn import ase_stress, build
from matdisc.errors import DataError
from matdisc.units import GIGAPASCALS

MIRROR = os.environ.get("MATDISC_MIRROR")
mirror = pytest.mark.mirror
needs_mirror = pytest.mark.skipif(not MIRROR, reason="set MATDISC_MIRROR to a mirror of the public files")
ENTRY = {0: (0, 0), 1: (1, 1), 2: (2, 2), 3: (1, 2), 4: (0, 2), 5: (1, 0)}
"""The entry of the cell that is strained in a series, by the place of its stress in ASE's order."""


@pytest.fixture(scope="module")
def frames():
    if not MIRROR:
        pytest.skip("set MATDISC_MIRROR to a mirror of the public files")
    return load(Board(shipped_board()), "mlearn").samples


def series(frames, element, entry):
    """Strain, energy and stress times volume of perfect cells that differ from the cube in one entry alone."""
    perfect = [
        s for s in frames
        if s.material_id.startswith(f"{element}-") and len(s.crystal.symbols) == 108 and "stress" in s.arrays
        and np.abs(s.arrays["forces"]).max() < 0.01
    ]  # fmt: skip
    edge = np.median([s.crystal.cell[0][0] for s in perfect])
    rows = []
    for s in perfect:
        strain = np.array(s.crystal.cell) / edge - np.eye(3)
        along, strain[entry] = strain[entry], 0
        if np.abs(strain).max() < 1e-3:
            stretched = 1 + along if entry[0] == entry[1] else 1
            volume = np.linalg.det(s.crystal.cell) / stretched
            rows.append((along, s.target["energy"], volume * np.array(s.arrays["stress"])))
    rows.sort(key=lambda row: row[0])
    return (np.array(column) for column in zip(*rows, strict=True))


@pytest.mark.slow
@mirror
@needs_mirror
@pytest.mark.parametrize("element", ["Cu", "Ni"])
@pytest.mark.parametrize("place", ENTRY)
def test_energies_rise_along_a_strain_by_the_work_of_that_component_of_the_stress(frames, element, place):
    strain, energy, work = series(frames, element, ENTRY[place])
    step = np.diff(strain)
    near = step < 0.025
    done = ((work[1:] + work[:-1]) / 2 * step[:, None])[near]
    rise = np.diff(energy)[near]
    assert near.sum() >= 6
    slope = done[:, place] @ rise / (done[:, place] @ done[:, place])
    assert slope == pytest.approx(1.0, abs=0.12)  # kbar for GPa, or another sign, would be 10 or -1
    assert np.corrcoef(done[:, place], rise)[0, 1] > 0.995
    others = [i for i in (3, 4, 5) if i != place]
    assert np.abs(done[:, others]).max() < 0.2 * np.abs(done[:, place]).max()


@pytest.mark.slow
@mirror
@needs_mirror
def test_stresses_of_test_frames_are_copies_in_the_file_and_are_left_out(frames):
    board = Board(shipped_board())
    path = dataset_files(board, board.dataset("mlearn"))["mlearn.json.zip"]
    raw = {row["jid"]: row["stresses"] for row in json.loads(zipfile.ZipFile(path).read("mlearn.json"))}
    tested = [s for s in frames if "test" in s.flags]
    assert len(tested) == 164
    first = {}
    for s in tested:
        element, number = s.material_id.split("-")
        first.setdefault(element, int(number))
        copied = raw[f"{element}-{int(number) - first[element] + 1}"]
        assert raw[s.material_id] == copied
        assert "stress" not in s.arrays
    assert all("stress" in s.arrays for s in frames if "test" not in s.flags)


@pytest.mark.slow
@mirror
@needs_mirror
def test_the_parts_are_those_of_the_authors(frames):
    with (Path(MIRROR) / "mlearn" / "mlearn-splits.csv").open(encoding="utf-8") as file:
        split = {row["jid"]: row["split"] for row in csv.DictReader(file)}
    assert {s.material_id: "test" if "test" in s.flags else "train" for s in frames} == split


@pytest.mark.slow
@mirror
@needs_mirror
def test_forces_of_every_frame_add_up_to_nothing(frames):
    assert max(np.abs(np.reshape(s.arrays["forces"], (-1, 3)).sum(axis=0)).max() for s in frames) < 1e-6


def test_a_stress_in_kbar_under_compression_becomes_a_negative_one_of_ase():
    found = ase_stress(np.array([1602.176634, 2.0, 3.0, 40.0, 50.0, 60.0]))
    assert found[0] == pytest.approx(-1.0)
    assert (-10 * GIGAPASCALS * found[3:]).tolist() == pytest.approx([60.0, 50.0, 40.0])  # yz xz xy from xy xz yz


def test_a_file_that_is_no_such_archive_is_refused(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no")
    card = Board(shipped_board()).dataset("mlearn")
    with pytest.raises(DataError, match=r"is no archive with mlearn\.json"):
        build(card, {"mlearn.json.zip": tmp_path / "x.zip"})
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("mlearn.json", json.dumps([{"jid": "Li-1", "atoms": {"cartesian": False}}]))
    with pytest.raises(DataError, match="frame 'Li-1' is damaged"):
        build(card, {"mlearn.json.zip": tmp_path / "y.zip"})
