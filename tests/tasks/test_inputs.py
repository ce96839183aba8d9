"""What a task asks is written in the formats of the field, and refused where a format would lose part of it."""

import pytest

from matdisc.board import Board, shipped_board
from matdisc.errors import CardError, DataError
from matdisc.formats.entries import read_entries
from matdisc.tasks.inputs import write_inputs

BOARD = Board(shipped_board())


def test_starts_are_the_same_in_every_format(tmp_path):
    found = []
    for name in ("a.jsonl", "a.extxyz.gz", "a.cif", "a.csv", "a.json", "a.db", "a"):
        assert write_inputs(BOARD, "emt-alloys", "relaxation", tmp_path / name) == 174
        found.append({entry.material_id: entry for entry in read_entries([tmp_path / name])})
    for entries in found:
        assert entries.keys() == found[0].keys()
        for key, entry in entries.items():
            assert entry.atoms.calc is None
            assert str(entry.atoms.symbols) == str(found[0][key].atoms.symbols)
            assert entry.atoms.get_volume() == pytest.approx(found[0][key].atoms.get_volume(), rel=1e-9)


def test_what_is_to_be_done_is_written_where_the_format_holds_it(tmp_path):
    for name in ("m.jsonl", "m.extxyz", "m.json", "m.db"):
        write_inputs(BOARD, "dynamics-metals", "dynamics", tmp_path / name)
        (first, *_) = read_entries([tmp_path / name])
        assert first.values["dynamics"]["timesteps"] == [2.0, 4.0, 8.0]
    with pytest.raises(CardError, match=r"lose what is to be done with each structure \(dynamics\); write \.jsonl"):
        write_inputs(BOARD, "dynamics-metals", "dynamics", tmp_path / "m.cif")
    assert not (tmp_path / "m.cif").exists()


def test_alloys_have_no_structures_and_unknown_formats_are_named(tmp_path):
    with pytest.raises(CardError, match="have no structures; write"):
        write_inputs(BOARD, "synthetic-miedema", "alloys", tmp_path / "a.extxyz")
    with pytest.raises(DataError, match="not written as"):
        write_inputs(BOARD, "emt-alloys", "relaxation", tmp_path / "a.pdb")
    assert not list(tmp_path.iterdir())
