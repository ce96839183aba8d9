"""A potential asked how metals mix: cells, records, tables, and errors in words."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from matdisc.board import shipped_board
from matdisc.cards import ModelCard, read_card
from matdisc.errors import CardError, DataError, RunError
from matdisc.models.evidence import predictors
from matdisc.models.evidence.tables import read_tables
from matdisc.physics.alloys.mixing import ARRANGEMENTS, LATTICES
from matdisc.physics.alloys.tables import energies_from
from matdisc.run.engine.resumable import RunOptions
from matdisc.run.mixing.driver import ALL_METALS, Mixing, cells, mix
from matdisc.run.mixing.table import agreement, write_table
from matdisc.units import KJ_PER_MOL

HERE = RunOptions(workers=0)
THREE = ("Ag", "Cu", "Ni")
MIRROR = os.environ.get("MATDISC_MIRROR")
EMBEDDED = predictors.table_path("pairs-chgnet-0.3.0.csv")


def test_each_pair_has_ten_cells_of_the_parts_that_its_name_says():
    found = {s.material_id: s.crystal for s in cells(THREE)}
    assert len(found) == 3 * len(LATTICES) + 3 * len(ARRANGEMENTS)
    assert found["Ag3Cu-L1_2"].composition == {"Ag": 3, "Cu": 1}
    assert found["AgCu3-D0_3"].composition == {"Ag": 1, "Cu": 3}
    assert found["CuNi-B32"].composition == {"Cu": 2, "Ni": 2}
    assert found["AgCu-B19"].composition == {"Ag": 2, "Cu": 2}
    assert found["Ag3Cu-D0_19"].composition == {"Ag": 6, "Cu": 2}
    assert found["AgCu3-D0_19"].composition == {"Ag": 2, "Cu": 6}
    for name, crystal in found.items():
        share = sum(7.11 if el == "Cu" else 10.27 if el == "Ag" else 6.59 for el in crystal.symbols)
        assert abs(np.linalg.det(crystal.cell)) == pytest.approx(share / 0.602214, rel=0.01), name


def test_more_elements_ask_for_the_new_cells_alone(board):
    first = mix(board, "emt", THREE, options=HERE, protocol="single-point")
    assert first.counts == {"ok": 39}
    more = mix(board, "emt", (*THREE, "Pd"), options=HERE, protocol="single-point")
    assert (more.reused, more.counts.total()) == (39, 72)
    assert [more.elements.index(el) for el in THREE] == [0, 1, 2]
    cubic = mix(board, "emt", THREE, options=HERE, protocol="single-point", lattices=("FCC", "BCC"))
    assert (cubic.lattices, cubic.reused, cubic.counts.total()) == (("BCC", "FCC"), 27, 27)
    np.testing.assert_array_equal(cubic.enthalpies, first.enthalpies[:2])
    np.testing.assert_array_equal(more.enthalpies[:, :3, :3], first.enthalpies)


def test_silver_and_nickel_do_not_mix_by_the_potential(board):
    found = mix(board, "emt", THREE, options=HERE)
    ag, cu, ni = range(3)
    fcc = found.enthalpies[LATTICES.index("FCC")]
    assert fcc[ag, ni] > fcc[ag, cu] > 0
    assert found.similar[cu, ni] > found.similar[ag, ni]


def test_elements_that_the_potential_does_not_know_are_not_answered(board, tmp_path):
    found = mix(board, "emt", (*THREE, "W"), options=HERE, protocol="single-point")
    assert found.counts == {"ok": 39, "unsupported": 33}
    write_table(found, tmp_path / "pairs.csv")
    (table,) = read_tables(tmp_path / "pairs.csv")
    assert table.elements == THREE


def test_a_table_is_read_back_and_says_where_it_comes_from(board, tmp_path):
    found = mix(board, "emt", THREE, options=HERE, protocol="single-point")
    digest = write_table(found, tmp_path / "pairs.csv")
    (table,) = read_tables(tmp_path / "pairs.csv")
    assert table.name == "mixing by emt"
    s, d = table.pairs["Ag", "Cu"]
    assert s == pytest.approx(found.similar[0, 1], abs=1e-4)
    assert s + d == pytest.approx(1)
    said = json.loads((tmp_path / "pairs.json").read_text())
    assert said["table_sha256"] == digest == hashlib.sha256((tmp_path / "pairs.csv").read_bytes()).hexdigest()
    assert (said["model"], said["protocol"], said["elements"]) == ("emt", "single-point", list(THREE))
    assert said["lattices"] == list(LATTICES)


@pytest.mark.parametrize(
    ("model", "elements", "error", "said"),
    [
        ("dummy-mean", THREE, CardError, "needs? a potential"),
        ("emt", ("Cu", "Ni"), RunError, "at least three"),
        ("emt", ("Cu", "Ni", "Qq"), RunError, "'Qq' is no element"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(board, model, elements, error, said):
    with pytest.raises(error, match=said):
        mix(board, model, elements, options=HERE)
    assert not board.runs_dir.exists()


def test_a_lattice_that_is_none_is_refused_in_words(board):
    with pytest.raises(RunError, match="'--lattices': 'SC' is none; give some of BCC, FCC, HCP"):
        mix(board, "emt", THREE, options=HERE, lattices=("FCC", "SC"))


@pytest.mark.slow
def test_the_command_prints_where_the_table_is(board, tmp_path):
    words = ["mix", "emt", "-e", "Cu,Ni Ag", "-w", "0", "-o", str(tmp_path / "t.csv"), "--board", str(board.root)]
    without = {name: value for name, value in os.environ.items() if name != "MATDISC_MIRROR"}
    done = subprocess.run([sys.executable, "-m", "matdisc", *words], capture_output=True, text=True, env=without)
    assert done.returncode == 0, done.stderr
    assert "39 ok" in done.stdout
    assert "most alike: Cu Ni" in done.stdout
    assert "no comparison" in done.stdout
    assert len(read_tables(tmp_path / "t.csv")) == 1


def test_the_embedded_table_is_the_one_that_its_origin_and_the_cards_name():
    digest = hashlib.sha256(EMBEDDED.read_bytes()).hexdigest()
    said = json.loads(EMBEDDED.with_suffix(".json").read_text())
    assert said["table_sha256"] == digest
    assert tuple(said["elements"]) == ALL_METALS
    for key in ("evidence-chgnet", "evidence-data-chgnet"):
        assert read_card(shipped_board() / "models" / key / "model.toml", ModelCard).options["sha256"] == digest


def test_another_table_than_the_card_says_is_refused():
    with pytest.raises(DataError, match="sha256"):
        predictors.evidence("table", EMBEDDED.name, sha256="0" * 64)


def test_twins_of_the_periodic_table_are_alike_in_the_embedded_table():
    (table,) = read_tables(EMBEDDED)
    assert len(table.pairs) == 300
    for twins in (("Nb", "Ta"), ("Hf", "Zr"), ("Co", "Fe"), ("Mo", "W")):
        assert table.pairs[twins][0] > 0.8
    for strangers in (("Pt", "Zr"), ("Ag", "Hf"), ("Al", "W")):
        assert table.pairs[strangers][0] < 0.5


@pytest.mark.slow
def test_the_embedded_table_can_be_computed_again(board):
    pytest.importorskip("chgnet", reason="needs the package chgnet (matdisc[chgnet])")
    found = mix(board, "chgnet-0.3.0", ("Co", "Cr", "Fe", "Ni"), options=HERE, lattices=("BCC", "FCC"))
    with EMBEDDED.open(newline="") as file:
        rows = {(r["element_1"], r["element_2"]): r for r in csv.DictReader(file)}
    for (i, a), (j, b) in ((p, q) for p in enumerate(found.elements) for q in enumerate(found.elements) if p < q):
        for lattice, column in enumerate(("dh_bcc_ev", "dh_fcc_ev")):
            assert found.enthalpies[lattice, i, j] == pytest.approx(float(rows[a, b][column]), abs=2e-3)


@pytest.mark.mirror
@pytest.mark.skipif(not MIRROR, reason="set MATDISC_MIRROR to a mirror of the public files")
def test_published_interactions_agree_with_themselves():
    from collections import Counter

    folder, names = Path(MIRROR) / "alloys", ("Ag", "Cu", "Ni", "Tc")
    own = np.zeros((3, 4, 4))
    own[:, :3, :3] = energies_from(folder, names[:3]).omegas / KJ_PER_MOL / 4
    found = Mixing(names, LATTICES, own, own[0], own[0], (), Counter(), 0, {}, folder, {})
    for row in agreement(found, folder):
        assert row.n == 3
        assert row.mae == pytest.approx(0, abs=1e-12)
        assert row.pearson == pytest.approx(1)
