"""A set of one's own: labels in CSV, structures in JSON lines."""

import json

import pytest

from matdisc.board import Board, shipped_board
from matdisc.cards import Split, Subset
from matdisc.datasets.load import fold_of
from matdisc.datasets.table import build
from matdisc.errors import DataError

CELL = [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]]
NACL = {"material_id": "m1", "cell": CELL, "symbols": ["Na", "Cl"], "positions": [[0, 0, 0], [0.5, 0.5, 0.5]]}
KCL = {**NACL, "material_id": "m2", "symbols": ["K", "Cl"]}
LABELS = "material_id,e_form_per_atom,e_above_hull\nm1,-2.0,0.0\nm2,-2.1,0.3\n"


def card(**changes):
    folds = Split(kind="folds", by="chemical system")
    plain = {"split": folds, "subsets": ()}
    return Board(shipped_board()).dataset("mp-abc3-cubic").model_copy(update=plain | changes)


def files(tmp_path, labels=LABELS, structures=(NACL, KCL), references=None):
    (tmp_path / "labels.csv").write_text(labels, encoding="utf-8")
    lines = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in structures)
    (tmp_path / "structures.jsonl").write_text(lines + "\n", encoding="utf-8")
    names = ["labels.csv", "structures.jsonl"]
    if references is not None:
        (tmp_path / "references.csv").write_text(references, encoding="utf-8")
        names.append("references.csv")
    return {name: tmp_path / name for name in names}


def test_a_labelled_table_becomes_samples(tmp_path):
    dataset = build(card(), files(tmp_path, references="element,energy_per_atom\nNa,-1.3\n"))
    first = dataset.samples[0]
    assert (first.material_id, first.group, first.fold) == ("m1", "Cl-Na", fold_of("Cl-Na", 5))
    assert first.target == {"e_form_per_atom": -2.0, "e_above_hull": 0.0}
    assert first.inputs["compound"] == "ClNa"
    assert set(first.inputs) == {"crystal", "compound"}
    assert dataset.references == {"Na": -1.3}


def test_a_distance_to_the_hull_may_be_unknown(tmp_path):
    first, second = build(card(), files(tmp_path, LABELS.replace("0.3", ""))).samples
    assert first.target == {"e_form_per_atom": -2.0, "e_above_hull": 0.0}
    assert second.target == {"e_form_per_atom": -2.1}


def test_corrections_are_taken_and_none_may_be_missing(tmp_path):
    named = files(tmp_path) | {"corrections.csv": tmp_path / "corrections.csv"}
    named["corrections.csv"].write_text("material_id,correction_ev_per_cell\nm1,-0.5\nm2,0\n", encoding="utf-8")
    assert build(card(), named).corrections == {"m1": -0.5, "m2": 0.0}
    named["corrections.csv"].write_text("material_id,correction_ev_per_cell\nm1,-0.5\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"corrections.csv: no correction for 1 materials, e\.g\. 'm2'"):
        build(card(), named)


def test_optional_columns_are_taken(tmp_path):
    labels = "material_id,stable,group,compound,prototype,odd\nm1,1,salts,NaCl,cscl,true\nm2,0,salts,KCl,cscl,false\n"
    odd = card(subsets=(Subset(name="Odd ones", flag="odd", keep="with"),))
    first, second = build(odd, files(tmp_path, labels)).samples
    assert (first.target, second.target) == ({"stable": 1.0}, {"stable": 0.0})
    assert (first.group, first.inputs["compound"], first.inputs["prototype"]) == ("salts", "NaCl", "cscl")
    assert (first.flags, second.flags) == (("odd",), ())


def test_a_holdout_scores_its_folds_and_trains_on_the_others(tmp_path):
    scored = fold_of("Cl-Na", 5)
    assert scored != fold_of("Cl-K", 5)
    split = Split(kind="holdout", by="chemical system", held_out_folds=(scored,))
    dataset = build(card(split=split), files(tmp_path))
    assert [s.material_id for s in dataset.samples] == ["m1"]
    assert [s.material_id for s in dataset.train] == ["m2"]


def test_permuted_labels_change_no_input(tmp_path):
    before = build(card(), files(tmp_path)).samples
    after = build(card(), files(tmp_path, LABELS.replace("-2.0,0.0", "-9.0,0.9"))).samples
    assert [s.without_target() for s in before] == [s.without_target() for s in after]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (LABELS + "m1,-2,0\n", "line 4: field 'material_id' .value 'm1'. stands in line 2"),
        (LABELS.replace("0.3", "nan"), "line 3: field 'e_above_hull' .value 'nan'. is not finite"),
        (LABELS.replace("-2.1", ""), "line 3: field 'e_form_per_atom' .value ''. is empty"),
        (LABELS.replace("0.3", "low"), "line 3: field 'e_above_hull' .value 'low'. is not a number"),
        (LABELS + "m3,-2,0\n", "line 4: field 'material_id' .value 'm3'. has no structure"),
        ("material_id,e_form_per_atom\nm1,-2\n", "line 1: no column 'e_above_hull'"),
        ("name,e_form_per_atom\nm1,-2\n", "line 1: no column 'material_id'"),
        ("material_id,stable\n", "no rows"),
        ("material_id,stable\nm1,maybe\n", "field 'stable' .value 'maybe'. is neither true nor false"),
        ("material_id,stable\nm1,1,2\n", "line 2: not 2 fields"),
        ("material_id,stable,stable\nm1,1,1\n", "a column name occurs twice"),
    ],
)
def test_a_wrong_label_is_named_with_file_line_and_field(tmp_path, labels, words):
    with pytest.raises(DataError, match=f"labels.csv.*{words}"):
        build(card(), files(tmp_path, labels))


@pytest.mark.parametrize(
    ("structure", "words"),
    [
        ("{", "line 2: not a JSON object"),
        ("[1]", "line 2: field 'material_id'"),
        (NACL, "line 2: field 'material_id' .value 'm1'. occurs twice"),
        ({**KCL, "symbols": ["K", "Xx"]}, "line 2: field 'symbols' .value 'Xx'. is no element"),
        ({**KCL, "symbols": []}, "line 2: field 'symbols'"),
        ({**KCL, "positions": [[0, 0, 0]]}, "line 2: field 'positions'.*2 rows of three"),
        ({**KCL, "cell": [[1, 0, 0], [2, 0, 0], [0, 0, 1]]}, "line 2: field 'cell'.*flat"),
        ({**KCL, "cell": [[1, 0, 0], [0, None, 0], [0, 0, 1]]}, "line 2: field 'cell'"),
        (
            '{"material_id": "m2", "symbols": ["K"], "positions": [[0,0,0]], "cell": [[NaN,0,0],[0,1,0],[0,0,1]]}',
            "'cell'",
        ),
    ],
)
def test_a_wrong_structure_is_named_with_file_line_and_field(tmp_path, structure, words):
    with pytest.raises(DataError, match=rf"structures.jsonl, .*{words}"):
        build(card(), files(tmp_path, structures=(NACL, structure)))


def test_a_reference_of_no_element_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"references.csv, line 2: field 'element' .value 'Xx'. is no element"):
        build(card(), files(tmp_path, references="element,energy_per_atom\nXx,-1\n"))


def test_a_missing_file_on_the_card_is_told(tmp_path):
    with pytest.raises(DataError, match=r"names no file 'structures.jsonl'"):
        build(card(), {"labels.csv": tmp_path / "labels.csv"})
