"""Octet binaries: four candidates from one distance."""

import pytest

from matdisc.board import Board, shipped_board
from matdisc.datasets.load import load
from matdisc.datasets.octet import CANDIDATES, build, sixfold_distance, start_edge
from matdisc.errors import DataError

BOARD = Board(shipped_board())
HEADER = "formula,cation,anion,structure,a_angstrom,c_angstrom,used,reason,source_1,source_2\n"


def built(tmp_path, *rows):
    path = tmp_path / "compounds.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return build(BOARD.dataset("octet-binaries"), {"compounds.csv": path}).samples


def test_every_used_compound_has_four_candidates_and_one_answer():
    samples = load(BOARD, "octet-binaries").samples
    for first in range(0, len(samples), 4):
        four = samples[first : first + 4]
        assert [s.material_id for s in four] == [f"{four[0].group}-{c}" for c in CANDIDATES]
        assert sum(s.target["stable"] for s in four) == 1


def test_rock_salt_starts_at_its_observed_edge(tmp_path):
    samples = built(tmp_path, "NaCl,Na,Cl,rocksalt,5.64,,true,,a,b")
    assert samples[0].material_id == "NaCl-rocksalt"
    assert samples[0].crystal.cell[0] == pytest.approx((0.0, 2.82, 2.82))
    assert samples[0].crystal.symbols == ("Na", "Cl")


def test_distances_grow_with_coordination():
    by_hand = {"rocksalt": 5.0, "cscl": 2 * 2.5 * 1.03 / 3**0.5, "zincblende": 4 * 2.5 * 0.95 / 3**0.5}
    for candidate, edge in by_hand.items():
        assert start_edge(candidate, 2.5) == pytest.approx(edge)


def test_the_geometry_does_not_tell_which_candidate_was_observed(tmp_path):
    inputs = []
    for structure in CANDIDATES:
        a = start_edge(structure, 2.5)
        c = repr(a * (8 / 3) ** 0.5) if structure == "wurtzite" else ""
        samples = built(tmp_path, f"ZnS,Zn,S,{structure},{a!r},{c},true,,a,b")
        assert [s.inputs["prototype"] for s in samples if s.target["stable"]] == [structure]
        inputs.append([coordinate for s in samples for vector in s.crystal.cell for coordinate in vector])
    assert all(other == pytest.approx(inputs[0], abs=1e-9) for other in inputs)


def test_a_wurtzite_counts_by_its_volume():
    ideal = sixfold_distance("wurtzite", 3.2, 3.2 * (8 / 3) ** 0.5)
    assert sixfold_distance("wurtzite", 3.2 * 1.01, 3.2 * (8 / 3) ** 0.5 / 1.01**2) == pytest.approx(ideal)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("ZnS,Zn,S,wurtzite,3.8,,true,,a,b", "field 'c_angstrom'.*needs edge c"),
        ("ZnS,Zn,S,cscl,3.8,6.2,true,,a,b", "field 'c_angstrom'.*no edge c"),
        ("ZnS,Zn,S,nickeline,3.8,6.2,true,,a,b", "field 'structure' .value 'nickeline'"),
        ("ZnS,Zn,,rocksalt,3.8,,true,,a,b", "field 'anion'.*is empty"),
    ],
)
def test_a_damaged_row_is_named(tmp_path, row, words):
    with pytest.raises(DataError, match=words):
        built(tmp_path, row)
