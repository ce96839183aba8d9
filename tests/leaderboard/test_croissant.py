"""Datasets as Croissant: the format's own reader takes every card, finds the tables and reads their rows."""

import json
import warnings
from functools import cache
from pathlib import Path

import pytest

from matdisc.board import Board
from matdisc.canonical import canonical_json
from matdisc.leaderboard.export.croissant import Publication, croissant
from matdisc.leaderboard.export.licences import hub_licence, spdx_ids
from matdisc.leaderboard.export.tables import kind_of, tables_beside

ROOT = Path(__file__).parents[2]
HERE = Publication("A group", "2026-01-29")


@cache
def reader():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it imports is older than Python
        import mlcroissant
    return mlcroissant


def described(board, key, about=HERE):
    card = board.dataset(key)
    return croissant(card, tables_beside(board.datasets_dir / key, card), about)


def read(path):
    """The description as its own reader has it; an error raises, a warning is in `issues`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return reader().Dataset(str(path))


@pytest.mark.parametrize("key", Board(ROOT).dataset_keys())
def test_the_formats_own_reader_has_nothing_to_say_against_a_card(key, tmp_path):
    path = tmp_path / "croissant.json"
    path.write_text(canonical_json(described(Board(ROOT), key)), encoding="utf-8")
    found = read(path).metadata
    assert (found.ctx.issues.errors, found.ctx.issues.warnings) == (set(), set())
    assert found.ctx.is_v1_1()


def test_a_description_that_names_no_format_of_a_file_is_refused_by_that_reader(tmp_path):
    content = described(Board(ROOT), "emt-alloys")
    del content["distribution"][0]["encodingFormat"]
    path = tmp_path / "croissant.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(reader().ValidationError, match="encodingFormat"):
        read(path)


@pytest.mark.parametrize(
    ("key", "table", "n", "cells"),
    [
        ("emt-alloys", "minima", 221, {"material_id": b"AgAu-cscl", "drop_ev_per_atom": 0.0, "minimum": True}),
        ("wbm-crystals", "labels", 1000, {"e_form_per_atom": -0.291504, "e_above_hull": None, "hull_known": False}),
    ],
)
def test_a_description_beside_the_files_reads_their_rows(board, key, table, n, cells):
    path = board.datasets_dir / key / "croissant.json"
    path.write_text(canonical_json(described(board, key)), encoding="utf-8")
    rows = list(read(path).records(table))
    assert len(rows) == n
    assert {name: rows[0][f"{table}/{name}"] for name in cells} == cells


def test_files_have_addresses_hashes_and_sizes():
    about = Publication("A group", "2026-01-29", "https://lab.example/board", "https://lab.example/files/{key}/")
    found = described(Board(ROOT), "mp-abc3-cubic", about)
    card = Board(ROOT).dataset("mp-abc3-cubic")
    files = {file["name"]: file for file in found["distribution"]}
    assert list(files) == [file.name for file in card.files]
    for file in card.files:
        assert files[file.name]["sha256"] == file.sha256
        assert files[file.name]["contentSize"] == f"{file.bytes} B"
        address = file.url or f"https://lab.example/files/mp-abc3-cubic/{file.name}"
        assert files[file.name]["contentUrl"] == address
    assert found["url"] == "https://lab.example/board/datasets/mp-abc3-cubic.html"
    assert found["version"] == f"1.0.0+{card.sha256[:12]}"


def test_a_file_that_nobody_can_fetch_is_named_in_words_and_not_listed():
    found = described(Board(ROOT), "wbm-sample", Publication("A group", "2026-01-29", files_at=None))
    assert (found["distribution"], found["recordSet"]) == ([], [])
    assert "Files without a public address: wbm-sample-1000.csv, published.csv." in found["description"]


def test_a_column_has_its_meaning_unit_and_role_from_the_card():
    fields = described(Board(ROOT), "wbm-crystals")["recordSet"][0]["field"]
    said = {field["name"]: field["description"] for field in fields}
    assert said["e_form_per_atom"] == (
        "Formation energy with MP2020 corrections. Unit: eV/atom. Role: the answer, hidden from models."
    )


def test_a_licence_counts_where_it_is_named_outright():
    assert spdx_ids("CC-BY-4.0 (Materials Project), BSD-3-Clause (repository)") == ["CC-BY-4.0", "BSD-3-Clause"]
    assert spdx_ids("not stated (phononDB, through a GPL-3.0 repository): fetched by its hash") == []
    assert spdx_ids("derived from MIT-licensed tables") == []


def test_a_licence_that_the_hub_does_not_know_keeps_its_name():
    assert hub_licence("MIT (repository)") == {"license": "mit"}
    assert hub_licence("LGPL-2.1-or-later") == {"license": "lgpl-2.1"}
    assert hub_licence("ASL (academic use)") == {"license": "other", "license_name": "asl-academic-use"}


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-2"], "Integer"), (["1", ""], "Float"), (["1e-3", "nan"], "Float"), (["true", "false"], "Boolean"),
        (["true", ""], "Text"), (["1", "one"], "Text"), (["", ""], "Text"),
    ],
)  # fmt: skip
def test_a_column_has_the_type_that_all_its_cells_have(cells, kind):
    assert kind_of(cells) == kind


@pytest.mark.parametrize("content", [b"", b"a,b\n1\n", b"a,a\n1,2\n", b"a\n\xff\n", b"a\n" + b"1" * 200_000])
def test_what_is_no_table_is_not_described(tmp_path, content):
    card = Board(ROOT).dataset("wbm-sample")
    (tmp_path / "wbm-sample-1000.csv").write_bytes(content)
    assert tables_beside(tmp_path, card) == {}
