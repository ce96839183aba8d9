"""A set of one's own: labels in CSV, structures in JSON lines."""

import gzip
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matdisc.board import Board, shipped_board
from matdisc.cards import Split, Subset
from matdisc.datasets.leakage.declarations import read_declaration
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
    with pytest.raises(DataError, match=r"names no file 'structures\.\*'"):
        build(card(), {"labels.csv": tmp_path / "labels.csv"})


STARS = {name: NACL[name] for name in ("cell", "symbols", "positions")}


def test_structures_may_be_nested_as_they_are_written_for_submitters(tmp_path):
    nested = {"material_id": "m1", "structure": STARS, "temperature": 300}
    assert build(card(), files(tmp_path, structures=(nested, KCL))) == build(card(), files(tmp_path))


def test_structures_written_for_submitters_are_read_as_training_data(tmp_path):
    plain, packed = tmp_path / "starts.jsonl", tmp_path / "starts.jsonl.gz"
    plain.write_text(json.dumps({"material_id": "m1", "structure": STARS}) + "\n\n", encoding="utf-8-sig")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        found = read_declaration(path)
        assert (dict(found.ids), found.crystals["m1"].symbols) == ({"m1": "ClNa"}, ("Na", "Cl"))


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_marks_blanks_and_separators_of_spreadsheets_change_nothing(tmp_path, between):
    plain = build(card(), files(tmp_path))
    labels = "\ufeff" + LABELS.replace("material_id", " material_id ").replace(",", f" {between}")
    table = files(tmp_path, labels)
    table["structures.jsonl"].write_text("\ufeff" + table["structures.jsonl"].read_text(), encoding="utf-8")
    assert build(card(), table) == plain
    declared = tmp_path / "ids.csv"
    declared.write_text(f"\ufeffmaterial_id{between}note\nm1{between}x\n", encoding="utf-8")
    assert set(read_declaration(declared).ids) == {"m1"}


def test_a_header_that_may_be_read_in_two_ways_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"labels.csv, line 1: columns may be separated by commas or by semicolons"):
        build(card(), files(tmp_path, "material_id,x;material_id\nm1,1\n"))


def moved(positions, cell=CELL, symbols=("K", "Cl")):
    return {"material_id": "m2", "cell": cell, "symbols": list(symbols), "positions": positions}


SKEWED = [[4.0, 0, 0], [0, 4.0, 0], [40.3, 0, 4.0]]


@pytest.mark.parametrize(
    ("structure", "words"),
    [
        (moved([[0, 0, 0], [0, 0, 0]]), r"site 1 \(K\) and site 2 \(Cl\) are 0 Å apart.*one atom a site$"),
        (moved([[0, 0, 0], [2, 2, 2]]), "are 0 Å apart.*they look Cartesian: coordinates in Å wrap onto each other"),
        (moved([[0, 0, 0.02], [0, 0, 0.98]]), "are 0.16 Å apart, periodic images included"),
        (moved([[0, 0, 0], [0.12, 0, 0]]), "are 0.48 Å apart"),
        (moved([[0, 0, 0]] * 3 + [[0.5] * 3], symbols=("K", "O", "F", "Cl")), r"site 1 \(K\) and site 2 \(O\)"),
        (moved([[0, 0, 0]], [[0.4, 0, 0], [0, 9, 0], [0, 0, 9]], ["K"]), r"site 1 \(K\) and its own periodic image"),
        (moved([[0, 0, 0], [0, 0, 0.999]], SKEWED), "are 0.0405 Å apart"),
    ],
)
def test_two_atoms_on_one_site_are_refused_with_both_sites(tmp_path, structure, words):
    with pytest.raises(DataError, match=rf"structures.jsonl, line 2: field 'positions': .*{words}"):
        build(card(), files(tmp_path, structures=(NACL, structure)))


@pytest.mark.parametrize(
    "structure",
    [
        moved([[0, 0, 0], [0.126, 0, 0]]),
        moved([[3, -2, 0], [2.5, 7.5, 0.5]]),
        moved([[0, 0, 0]], [[0.6, 0, 0], [0, 9, 0], [0, 0, 9]], ["K"]),
        moved([[0, 0, 0], [0.5, 0.5, 0.5]], SKEWED),
    ],
)
def test_atoms_that_are_merely_close_far_away_or_in_odd_cells_are_taken(tmp_path, structure):
    assert len(build(card(), files(tmp_path, structures=(NACL, structure))).samples) == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"material_id": "m2", "symbols": ["K"], "symbols": ["Na"]}', "names key 'symbols' twice; keep one"),
        ("[" * 100_000, "nested too deeply"),
        (
            json.dumps({"material_id": "m2", "structure": STARS, "cell": CELL}),
            "beside 'structure'; keep one of the two",
        ),
        (json.dumps({"material_id": "m2", "structure": {}}), "field 'symbols' is not a list"),
        (json.dumps(moved([[10**400, 0, 0], [0, 0, 0]])), "field 'positions' holds a number that is too large"),
        (json.dumps({"material_id": "m2"}), "field 'symbols' is not a list"),
    ],
)
def test_lines_that_say_two_things_or_too_much_are_refused(tmp_path, line, words):
    with pytest.raises(DataError, match=rf"structures.jsonl, line 2: .*{words}"):
        build(card(), files(tmp_path, structures=(NACL, line)))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=120), st.sampled_from(["labels.csv", "structures.jsonl"]))
def test_any_bytes_give_samples_or_a_reason(tmp_path_factory, data, name):
    table = files(tmp_path_factory.getbasetemp())
    table[name].write_bytes(data)
    with suppress(DataError):
        assert build(card(), table).samples
