"""Elements: five candidates from one radius."""

import csv
import io

import pytest

from matdisc.board import Board, shipped_board
from matdisc.datasets.elements import CANDIDATES, build, close_packed_radius, start_edge
from matdisc.datasets.load import load
from matdisc.errors import DataError

BOARD = Board(shipped_board())
HEADER = "element,ase_structure,structure,a_angstrom,c_angstrom,used,reason,source_1,source_2\n"


def built(tmp_path, *rows):
    path = tmp_path / "ground_states.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return build(BOARD.dataset("elements"), {"ground_states.csv": path}).samples


def test_every_used_element_has_five_candidates_and_one_answer():
    by_element = {}
    for sample in load(BOARD, "elements").samples:
        by_element.setdefault(sample.group, []).append(sample)
    for element, samples in by_element.items():
        assert [s.material_id for s in samples] == [f"{element}-{c}" for c in CANDIDATES]
        assert sum(s.target["stable"] for s in samples) == 1
        assert len({s.fold for s in samples}) == 1


def test_the_shipped_table_asks_about_its_used_rows_and_no_others():
    text = (BOARD.datasets_dir / "elements" / "ground_states.csv").read_text(encoding="utf-8")
    used = [row["element"] for row in csv.DictReader(io.StringIO(text)) if row["used"] == "true"]
    assert [s.group for s in load(BOARD, "elements").samples[::5]] == used


def test_an_unused_row_gives_no_sample(tmp_path):
    samples = built(tmp_path, "Cu,fcc,fcc,3.6149,,true,,a,b", "Ne,fcc,fcc,4.46,,false,noble,a,b")
    assert {s.group for s in samples} == {"Cu"}


def test_the_observed_structure_starts_at_its_observed_edge():
    for structure, a in (("fcc", 3.6149), ("bcc", 2.8665), ("diamond", 5.4309), ("sc", 3.35)):
        assert start_edge(structure, close_packed_radius(structure, a)) == pytest.approx(a)


def test_the_geometry_does_not_tell_which_candidate_was_observed(tmp_path):
    radius = 1.3
    inputs = []
    for structure in ("fcc", "bcc", "diamond", "sc"):
        edge = repr(start_edge(structure, radius))
        samples = built(tmp_path, f"Cu,fcc,{structure},{edge},,true,,a,b")
        assert [s.inputs["prototype"] for s in samples if s.target["stable"]] == [structure]
        inputs.append([coordinate for s in samples for vector in s.crystal.cell for coordinate in vector])
    assert all(other == pytest.approx(inputs[0], abs=1e-9) for other in inputs)


def test_neighbours_of_an_eightfold_atom_are_three_percent_closer():
    radius = close_packed_radius("fcc", 4.0)
    assert start_edge("bcc", radius) * 3**0.5 / 2 == pytest.approx(0.97 * 4.0 / 2**0.5)


def test_a_model_sees_no_answer():
    for sample in load(BOARD, "elements").samples:
        assert set(sample.inputs) == {"crystal", "compound", "prototype"}
        assert sample.without_target().target == {}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("Cu,fcc,dhcp,3.6,,true,,a,b", "line 2: field 'structure' .value 'dhcp'. is none of fcc"),
        ("Cu,fcc,fcc,nan,,true,,a,b", "line 2: field 'a_angstrom' .value 'nan'. is not finite"),
        ("Cu,fcc,fcc,wide,,true,,a,b", "field 'a_angstrom' .value 'wide'. is not a number"),
        ("Cu,fcc,fcc,3.6,,perhaps,,a,b", "field 'used'"),
        ("Cu,fcc,fcc,3.6,5.9,true,,a,b", "field 'c_angstrom'"),
        ("Cu,fcc,fcc,3.6,,true,,a", "line 2: not 9 fields"),
    ],
)
def test_a_damaged_row_is_named(tmp_path, row, words):
    with pytest.raises(DataError, match=words):
        built(tmp_path, row)


def test_an_element_named_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"line 3: field 'element'.*line 2 already"):
        built(tmp_path, "Cu,fcc,fcc,3.6,,true,,a,b", "Cu,fcc,bcc,2.9,,true,,a,b")
