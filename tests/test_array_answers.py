"""Answers that are arrays: lists of numbers in the cells of a predictions file and in records."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matdisc.datasets.load import content_hash
from matdisc.datasets.truth import truth_of
from matdisc.errors import SubmissionError
from matdisc.predictions import file, parse
from matdisc.run.engine.record import Record
from matdisc.schema import Crystal, Dataset, Prediction, Sample
from matdisc.scoring.align import align
from matdisc.scoring.base import AnswerColumn
from matdisc.scoring.measured import MeasuredScoring

COLUMNS, ARRAYS = ("energy", "gap"), ("forces", "stress")
PAIR = Crystal(("Cu", "Au"), ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)), ((3.0, 0, 0), (0, 3.0, 0), (0, 0, 3.0)))
SCORING = MeasuredScoring(
    columns=(
        AnswerColumn("energy", "total energy", "eV"),
        AnswerColumn("forces", "x, y, z of each atom in turn", "eV/Å", -100.0, 100.0, ("atoms", 3)),
        AnswerColumn("stress", "xx yy zz yz xz xy", "eV/Å^3", shape=(6,)),
    ),
    metrics=(), ranked=(), baseline_text="", baseline_label="", one_answer=True, terms=lambda *_: {},
)  # fmt: skip


def dataset(*names):
    samples = [Sample(n, {"crystal": PAIR}, {"energy": 1.0}, n, arrays={"forces": (0.0,) * 6}) for n in names]
    return Dataset("pairs", tuple(samples))


def read(path):
    return file.read(path, COLUMNS, multi_column=True, arrays=ARRAYS)


def aligned(path, *names):
    return align(SCORING.read(path), truth_of(dataset(*names)), SCORING)


def written(tmp_path, text, name="p.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def table(tmp_path, cell):
    return written(tmp_path, f'material_id,energy,forces\na,1,"{cell}"\n')


def test_what_is_written_is_read_back_with_ten_digits(tmp_path):
    rows = (
        Prediction("a", {"energy": 1.0}, arrays={"forces": (1 / 3, -2.0, 0.0), "stress": (0.0,) * 6}),
        Prediction("b", {"energy": 2.0}),
        Prediction("c", status="failed", error="no"),
    )
    file.write(tmp_path / "p.csv.gz", rows, ["energy", "forces", "stress"])
    found = read(tmp_path / "p.csv.gz").rows
    assert found[0].arrays == {"forces": (0.3333333333, -2.0, 0.0), "stress": (0.0,) * 6}
    assert found[1].arrays == {}
    assert found[2].status == "failed"


@pytest.mark.parametrize("cell", [[0.5, 1.0, -2.0], [[0.5, 1.0, -2.0]], "[0.5, 1e0, -2]"])
def test_json_lines_hold_lists_or_their_text(tmp_path, cell):
    path = written(tmp_path, json.dumps({"material_id": "a", "energy": 1, "forces": cell}) + "\n", "p.jsonl")
    assert read(path).arrays["forces"][0].tolist() == [0.5, 1.0, -2.0]


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.float64(), 3)])
def test_parquet_holds_lists_of_any_kind(tmp_path, kind):
    forces = pa.array([[0.5, 1.0, -2.0], None], kind)
    pq.write_table(
        pa.table({"material_id": ["a", "b"], "energy": [1.0, 2.0], "forces": forces}), tmp_path / "p.parquet"
    )
    found = read(tmp_path / "p.parquet").arrays["forces"]
    assert found[0].tolist() == [0.5, 1.0, -2.0]
    assert found[1] is None


def test_parquet_with_lists_of_text_is_refused(tmp_path):
    pq.write_table(pa.table({"material_id": ["a"], "energy": [1.0], "forces": [["1.0"]]}), tmp_path / "p.parquet")
    with pytest.raises(SubmissionError, match=r"'forces' holds large_list.*give a list of numbers"):
        read(tmp_path / "p.parquet")


@pytest.mark.parametrize(
    "cell", ["0.1 0.2", "[0.1, x]", "[true]", "['1']", '[""1""]', "[[1],[2,3]]", "[[[1]]]", "{}", "[1,"]
)
def test_what_is_no_list_of_numbers_is_refused_with_its_row_and_the_remedy(tmp_path, cell):
    with pytest.raises(SubmissionError, match=r"p\.csv, row 1: 'forces' is .*"):
        read(table(tmp_path, cell))


def test_a_list_that_is_too_long_is_not_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(parse, "MAX_LIST", 10)
    with pytest.raises(SubmissionError, match="row 1: 'forces' has more than 10 characters"):
        read(table(tmp_path, "[1,2,3,4,5,6]"))


def test_an_array_of_the_wrong_length_is_refused_with_what_the_material_asks_for(tmp_path):
    said = r"row 1: 'forces' of a has 3 numbers; that material has 2 atoms, so give 6 \(x, y, z of each atom in turn\)"
    with pytest.raises(SubmissionError, match=said):
        aligned(table(tmp_path, "[1,2,3]"), "a")


@pytest.mark.parametrize(("number", "kind"), [("NaN", "non_finite"), ("null", "non_finite"), ("101", "absurd")])
def test_an_answer_with_an_array_that_nobody_can_mean_is_counted_and_not_used(tmp_path, number, kind):
    found = aligned(table(tmp_path, f"[1,2,3,4,5,{number}]"), "a")
    assert found.coverage[kind] == 1
    assert found.coverage["answered"] == 0
    assert np.isnan(found.values[0])
    assert found.array("forces") == (None,)


def test_arrays_follow_their_materials_into_the_order_of_the_dataset(tmp_path):
    path = written(tmp_path, 'material_id,energy,forces\nb,2,"[1,1,1,1,1,1]"\na,1,\n')
    found = aligned(path, "a", "b", "c")
    assert found.array("forces")[0] is None
    assert found.array("forces")[2] is None
    assert found.array("forces")[1].tolist() == [1.0] * 6
    assert found.array("stress") == (None, None, None)
    assert found.coverage["answered"] == 2
    assert found.coverage["absent"] == 1


def test_a_record_keeps_arrays_to_the_last_bit(tmp_path):
    answer = Prediction("a", {"energy": 1.0}, arrays={"forces": (1 / 3, 0.1, -2.0)})
    with Record(tmp_path / "r.jsonl", {}) as record:
        record.add([answer])
    with Record(tmp_path / "r.jsonl", {}) as record:
        assert record.done["a"] == answer


def test_models_see_no_arrays_of_labels():
    assert dataset("a").samples[0].arrays
    assert not dataset("a").samples[0].without_target().arrays


def test_labels_that_are_arrays_change_the_hash_of_a_dataset():
    bare = Dataset("pairs", (Sample("a", {"crystal": PAIR}, {"energy": 1.0}, "a"),))
    assert content_hash(dataset("a")) != content_hash(bare)
    assert truth_of(dataset("a")).array("forces")[0].tolist() == [0.0] * 6
    assert truth_of(bare).array("forces") == (None,)
