"""Tables of alloys: what is read, what is refused, and what the shipped and public sets hold."""

import csv
import os
from pathlib import Path

import pytest

from matdisc.cards import DatasetCard, read_card
from matdisc.datasets import load
from matdisc.datasets.alloys import CANONICAL, DEMO, QUATERNARY, build, experiments, read_alloys, set_name
from matdisc.datasets.leakage.declarations import declaration_of
from matdisc.datasets.leakage.overlap import find_overlap
from matdisc.datasets.load import load_truth
from matdisc.datasets.splits import checked_folds
from matdisc.errors import CardError, DataError
from matdisc.schema import Dataset

MIRROR = os.environ.get("MATDISC_MIRROR")
mirror = pytest.mark.mirror
needs_mirror = pytest.mark.skipif(not MIRROR, reason="set MATDISC_MIRROR to a mirror of the public files")


def table(tmp_path, *rows, header="set_name,label"):
    path = tmp_path / "alloys.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def read(tmp_path, *rows, header="set_name,label", layout=CANONICAL):
    return read_alloys(table(tmp_path, *rows, header=header), layout)


@pytest.fixture
def card(board):
    return board.dataset("synthetic-miedema")


def test_an_alloy_is_its_sorted_elements(tmp_path):
    (sample,) = read(tmp_path, "Ni|Co|Fe,High")
    assert sample.material_id == sample.group == "Co|Fe|Ni" == set_name(["Ni", "Fe", "Co"])
    assert sample.inputs == {"elements": ("Co", "Fe", "Ni")}
    assert sample.target == {"high": 1.0}
    assert sample.flags == ()


def test_margins_are_targets_and_near_ones_are_flagged(tmp_path):
    header = "set_name,label,margin_kj_mol,margin_kj_mol_0.5Tm"
    far, near, nearer = read(tmp_path, "Ag|Al,Low,1.5,2", "Co|Fe,High,-0.7,0.1", "Co|Ni,High,0,", header=header)
    assert far.target == {"high": 0.0, "margin_kj_mol": 1.5, "margin_kj_mol_0.5Tm": 2.0}
    assert nearer.target == {"high": 1.0, "margin_kj_mol": 0.0}
    assert [far.flags, near.flags, nearer.flags] == [(), ("within_1",), ("within_0.5", "within_1")]


def test_a_split_of_ones_own_is_kept_apart_from_the_answer(tmp_path):
    (sample,) = read(tmp_path, "Co|Fe,High,3", header="set_name,label,fold_paper")
    assert sample.inputs["folds"] == {"paper": 3}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("Co|Xx,High,2", r"line 2: field 'set_name' \(value 'Co.Xx'\) has 'Xx', which is no element"),
        ("Co|Co,High,2", "names an element twice"),
        ("Co,High,1", "at least two elements"),
        ("Co|Fe,high,2", "field 'label' .* is neither High nor Low"),
        ("Co|Fe,,2", "field 'label' .* is empty"),
        ("Co|Fe,High,3", "field 'length' .* is not the number of elements"),
    ],
)
def test_a_row_that_cannot_be_is_named(tmp_path, row, words):
    with pytest.raises(DataError, match=words):
        read(tmp_path, row, header="set_name,label,length")


@pytest.mark.parametrize("row", ["Co|Fe,High,0.2", "Co|Fe,Low,-0.2", "Co|Fe,Low,0"])
def test_a_margin_that_contradicts_its_label_is_refused(tmp_path, row):
    with pytest.raises(DataError, match="contradicts the label"):
        read(tmp_path, row, header="set_name,label,margin_kj_mol")


def test_a_fold_is_a_whole_number(tmp_path):
    with pytest.raises(DataError, match=r"field 'fold_a' .* whole number"):
        read(tmp_path, "Co|Fe,High,0.5", header="set_name,label,fold_a")


def test_the_same_alloy_twice_names_both_lines(tmp_path):
    with pytest.raises(DataError, match=r"line 4: field 'set_name' .* same elements as line 2; keep one"):
        read(tmp_path, "Co|Fe,High", "Co|Ni,Low", "Fe|Co,High")


def test_the_same_alloy_with_opposite_labels_is_a_contradiction(tmp_path):
    with pytest.raises(DataError, match=r"line 3: field 'label' .* contradicts line 2"):
        read(tmp_path, "Co|Fe,High", "Fe|Co,Low")


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(DataError, match="no column 'label'"):
        read(tmp_path, "Co|Fe", header="set_name")


@pytest.mark.parametrize("label", ["High", "Low"])
def test_a_set_of_one_class_is_refused(tmp_path, card, label):
    path = table(tmp_path, f"Co|Fe,{label}", f"Co|Ni,{label}")
    with pytest.raises(DataError, match=f"every alloy is {label}"):
        build(card, {"alloys.csv": path})


def test_published_tables_are_read_by_their_own_spelling(tmp_path):
    (demo,) = read(tmp_path, "Ag|Au,Low,2", header="set_name,Label,length", layout=DEMO)
    assert demo.target == {"high": 0.0}
    (computed,) = read(tmp_path, "Ag|Au,-1.25,1", header="set_name,margin_dft_0.9Tm,y", layout=QUATERNARY)
    assert computed.target == {"high": 1.0, "margin_kj_mol": -1.25}


def records(tmp_path, *rows):
    path = tmp_path / "records.csv"
    path.write_text("\n".join(["FORMULA,PROPERTY: Microstructure", *rows]) + "\n", encoding="utf-8")
    return experiments(path)


def test_records_vote_and_a_draw_is_a_tie(tmp_path):
    found = records(
        tmp_path,
        "Co1 Fe1 Ni1,FCC", "Ni1 Co1 Fe1,FCC", "Co1 Fe1 Ni1,FCC+Sec.", "Co1 Fe1 Ni1,",
        "Al1 Ni1,FCC", "Al1 Ni1,FCC+BCC", "Al0.5 Co0.5,B2", "Al0.5 Fe1,BCC", "Fe1 Mg1,BCC",
    )  # fmt: skip
    assert found.ties == ("Al|Ni",)
    assert [(s.material_id, s.target["high"], s.flags) for s in found.alloys] == [
        ("Al|Co", 0.0, ("few_records",)),
        ("Co|Fe|Ni", 1.0, ("mixed_records",)),
    ]


def test_a_formula_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match="'Qq1' is no element"):
        records(tmp_path, "Qq1 Fe1,FCC")


def test_the_task_alloys_needs_a_protocol(board):
    path = board.datasets_dir / "synthetic-miedema" / "dataset.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[splits]\n", "[unknown]\n"), encoding="utf-8")
    with pytest.raises(CardError, match="'unknown'"):
        read_card(path, DatasetCard)
    start, end = text.index("[splits]"), text.index("[columns]")
    path.write_text(text[:start] + text[end:], encoding="utf-8")
    with pytest.raises(CardError, match="need each other"):
        read_card(path, DatasetCard)


@pytest.mark.slow
def test_the_shipped_set_holds_all_quaternaries_of_its_metals(board):
    dataset = load(board, "synthetic-miedema")
    assert len(dataset) == 25 * 24 * 23 * 22 // 24 == 12650
    assert len({el for s in dataset.samples for el in s.inputs["elements"]}) == 25
    assert sum(s.target["high"] for s in dataset.samples) == 5576
    assert all(set(s.inputs) == {"elements"} for s in dataset.samples)


def test_labels_without_structures_reach_the_scorer(board):
    truth = load_truth(board, "synthetic-miedema")
    assert (len(truth), truth.n_groups, truth.crystals, truth.formulas) == (12650, 12650, None, None)
    assert truth.target("high").sum() == 5576
    assert truth.flags["within_1"].sum() > truth.flags["within_0.5"].sum() > 0


def test_a_model_trained_on_alloys_overlaps_by_their_ids(tmp_path, board):
    trained = Dataset("trained", read(tmp_path, "Co|Fe,High", "Co|Ni,Low"))
    asked = Dataset("asked", read(tmp_path, "Fe|Co,High", "Co|Cr,Low"))
    found = find_overlap(asked, declaration_of(trained))
    assert list(found.levels) == ["same id", "unknown"]


@pytest.mark.slow
def test_the_shipped_table_is_what_its_script_makes(board):
    from matdisc.generate.miedema_alloys import rows
    from matdisc.physics.alloys.miedema import METALS

    path = board.datasets_dir / "synthetic-miedema" / "alloys.csv"
    with path.open(newline="", encoding="utf-8") as file:
        shipped = list(csv.reader(file))[1:]
    made = rows(list(METALS), 4)
    assert [row[:2] for row in shipped] == [list(row[:2]) for row in made]
    for column in (3, 4, 5):
        assert [float(row[column]) for row in shipped] == pytest.approx([float(row[column]) for row in made], abs=2e-4)


SETS = [("alloys-demo", 102, 56), ("quaternary24-dft", 10626, 3708), ("alloys-experimental", 117, 62)]


@mirror
@needs_mirror
@pytest.mark.parametrize(("key", "n", "n_high"), SETS)
def test_public_sets_have_the_documented_counts(board, key, n, n_high):
    dataset = load(board, key)
    assert len(dataset) == n
    assert sum(s.target["high"] for s in dataset.samples) == n_high


@pytest.mark.slow
def test_folds_of_the_shipped_set_are_those_of_its_card(board):
    dataset = load(board, "synthetic-miedema")
    for protocol, sha256 in board.dataset("synthetic-miedema").splits.items():
        assert checked_folds(dataset, protocol, sha256)


@pytest.mark.slow
@mirror
@needs_mirror
@pytest.mark.parametrize("key", ["alloys-demo", "quaternary24-dft", "alloys-experimental"])
def test_folds_are_those_of_the_cards(board, key):
    dataset, card = load(board, key), board.dataset(key)
    for protocol, sha256 in card.splits.items():
        assert checked_folds(dataset, protocol, sha256)


@mirror
@needs_mirror
def test_experimental_labels_equal_the_derived_table():
    folder = Path(MIRROR) / "alloys"
    found = experiments(folder / "MPEA_dataset.csv")
    with (folder / "exp_mpea_equiatomic.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert found.ties == tuple(sorted(row["set_name"] for row in rows if row["Label"] == "tie"))
    assert len(found.ties) == 2
    labels = {row["set_name"]: float(row["Label"] == "High") for row in rows if row["Label"] != "tie"}
    assert {s.material_id: s.target["high"] for s in found.alloys} == labels
    assert sum("few_records" in s.flags for s in found.alloys) == sum(
        int(row["n_records"]) < 3 for row in rows if row["Label"] != "tie"
    )


@mirror
@needs_mirror
def test_no_tested_alloy_is_learned_from(board):
    dataset = load(board, "alloys-experimental")
    assert not {s.material_id for s in dataset.samples} & {s.material_id for s in dataset.train}
    assert len(dataset.train) == 10626 + 102 - 42


@mirror
@needs_mirror
def test_a_set_of_high_alloys_only_is_refused(card):
    path = Path(MIRROR) / "alloys" / "HEA_data.ASMI16.csv"
    from matdisc.datasets.alloys import build_demo

    with pytest.raises(DataError, match="every alloy is High"):
        build_demo(card, {"alloys.csv": path})
