"""The predictions file: what is read, what is refused, and that writing is whole and repeatable."""

import gzip
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matdisc import predictions, tables
from matdisc.errors import SubmissionError
from matdisc.schema import Prediction

COLUMNS = ("e_form_per_atom", "p_stable")


@pytest.fixture
def write(tmp_path):
    def write(content, name="p.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_a_minimal_file_is_read(write):
    found = predictions.read(write("material_id,e_form_per_atom\na,-1.5\nb,\n"), COLUMNS)
    assert found.column == "e_form_per_atom"
    assert [(p.material_id, dict(p.values), p.status) for p in found.rows] == [
        ("a", {"e_form_per_atom": -1.5}, "ok"),
        ("b", {}, "failed"),
    ]


def test_nan_and_infinities_are_read_as_they_are(write):
    found = predictions.read(write("material_id,e_form_per_atom\na,nan\nb,-inf\nc,1e22\n"), COLUMNS)
    assert [p.values["e_form_per_atom"] for p in found.rows][1:] == [float("-inf"), 1e22]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no column 'material_id'"),
        ("material_id,e_form_per_atom\n", "no rows"),
        ("id,e_form_per_atom\na,1\n", "no column 'material_id'"),
        ("material_id,e_hull\na,1\n", "no column 'e_form_per_atom' or 'p_stable'"),
        ("material_id,e_form_per_atom,p_stable\na,1,1\n", "both"),
        ("material_id,e_form_per_atom,shoe_size\na,1,43\n", "'shoe_size' is not known; allowed"),
        ("material_id,e_form_per_atom,e_form_per_atom\na,1,2\n", "occurs twice"),
        ("material_id,e_form_per_atom\na,1,2\n", "line 2: 3 cells where the header names 2"),
        ("material_id,e_form_per_atom\na,minus one\n", "line 2: 'e_form_per_atom' is 'minus one'"),
        ("material_id,e_form_per_atom\na,1_000\n", "1_000"),
        ("material_id,e_form_per_atom\n,1\n", "line 2: 'material_id' is ''"),
        ("material_id,e_form_per_atom,status\na,1,great\n", "'status' is 'great'; allowed: ok"),
        ("material_id,e_form_per_atom,status\na,1,failed\n", "'failed' and still gives"),
        ("material_id,e_form_per_atom,status\na,,ok\n", "'ok' and gives no"),
        (b"\xff\xfe\x00bad", "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_scored_is_refused_in_words(write, content, said):
    path = write(content)
    with pytest.raises(SubmissionError) as caught:
        predictions.read(path, COLUMNS)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["p.pkl", "p.zip", "p.csv.bz2", "p.h5", "p"])
def test_other_kinds_of_files_are_never_opened(write, name):
    with pytest.raises(SubmissionError, match="unknown kind of file"):
        predictions.read(write("anything", name), COLUMNS)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SubmissionError, match="no such file"):
        predictions.read(tmp_path / "p.csv", COLUMNS)


def test_truncated_and_false_gzip_are_refused(write):
    whole = gzip.compress(b"material_id,e_form_per_atom\n" + b"a,1\n" * 1000)
    for data in (whole[:-20], b"no gzip at all"):
        with pytest.raises(SubmissionError, match="damaged or cut off"):
            predictions.read(write(data, "p.csv.gz"), COLUMNS)


def test_a_gzip_bomb_is_counted_while_it_inflates(write, monkeypatch):
    monkeypatch.setattr(tables, "MAX_BYTES", 10_000)
    path = write(gzip.compress(b"material_id,e_form_per_atom\n" + b"\n" * 1_000_000), "p.csv.gz")
    assert path.stat().st_size < 10_000
    with pytest.raises(SubmissionError, match="inflates to more than"):
        predictions.read(path, COLUMNS)


def test_json_lines_say_the_same_as_csv(write):
    path = write('{"material_id": "a", "p_stable": 1}\n{"material_id": "b", "p_stable": null}\n', "p.jsonl")
    rows = predictions.read(path, COLUMNS).rows
    assert rows == predictions.read(write("material_id,p_stable\na,1\nb,\n"), COLUMNS).rows


@pytest.mark.parametrize(
    "line", ["[1]", "{", '{"material_id": "b", "p_stable": true}', '{"material_id": 3, "p_stable": 1}']
)
def test_json_lines_that_are_no_rows_are_refused(write, line):
    with pytest.raises(SubmissionError, match="line 2"):
        predictions.read(write('{"material_id": "a", "p_stable": 1}\n' + line + "\n", "p.jsonl"), COLUMNS)


ANSWERS = [
    Prediction("a", {"e_form_per_atom": 0.1 + 0.2}, "ok", "", 1.5, 7),
    Prediction("b", {}, "timed_out", "no answer within 3 s", 3.0, None),
    Prediction("<img onerror=x>", {"e_form_per_atom": -1e-300}, "unconverged", "=2+2\nnext", None, None),
]


@pytest.mark.parametrize("name", ["out.csv", "deep/out.csv.gz"])
def test_what_is_written_is_read_back_to_the_last_digit(tmp_path, name):
    path = tmp_path / name
    digest = predictions.write(path, ANSWERS, ["e_form_per_atom"])
    found = predictions.read(path, COLUMNS)
    assert found.sha256 == digest
    assert [p.values for p in found.rows] == [p.values for p in ANSWERS]
    assert [p.status for p in found.rows] == [p.status for p in ANSWERS]
    assert found.rows[2].error == "'=2+2 next"


def test_the_same_answers_give_the_same_bytes(tmp_path):
    one = predictions.write(tmp_path / "one.csv.gz", ANSWERS, ["e_form_per_atom"])
    assert one == predictions.write(tmp_path / "two.csv.gz", ANSWERS, ["e_form_per_atom"])


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")

    def answers():
        yield ANSWERS[0]
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError):
        predictions.write(path, answers(), ["e_form_per_atom"])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.sampled_from(["p.csv", "p.csv.gz", "p.jsonl"]))
def test_no_bytes_whatever_give_anything_but_rows_or_a_refusal(tmp_path_factory, data, name):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    with suppress(SubmissionError):
        assert predictions.read(path, COLUMNS).rows


def parquet(path, **columns):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_says_the_same_as_csv(tmp_path, write):
    path = parquet(tmp_path / "p.parquet", material_id=["a", "b"], e_form_per_atom=[-1.5, None], seconds=[1, 2])
    rows = predictions.read(path, COLUMNS).rows
    assert rows == predictions.read(write("material_id,e_form_per_atom,seconds\na,-1.5,1\nb,,2\n"), COLUMNS).rows


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"material_id": ["a"], "e_form_per_atom": ["-1"]}, "line 2: 'e_form_per_atom' is '-1', which is no number"),
        ({"material_id": [1], "e_form_per_atom": [1.0]}, "ids are text"),
        ({"material_id": ["a", None], "e_form_per_atom": [1.0, 2.0]}, "line 3: 'material_id' is ''"),
        ({"id": ["a"]}, "no column 'material_id'"),
    ],
)
def test_parquet_of_the_wrong_kind_is_refused(tmp_path, columns, said):
    with pytest.raises(SubmissionError) as caught:
        predictions.read(parquet(tmp_path / "p.parquet", **columns), COLUMNS)
    assert said in str(caught.value)


def test_damaged_parquet_is_refused(tmp_path):
    path = parquet(tmp_path / "p.parquet", material_id=["a"] * 100, e_form_per_atom=[1.0] * 100)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SubmissionError, match="not readable as Parquet"):
        predictions.read(path, COLUMNS)


def test_a_longer_name_of_the_energy_column_is_accepted_if_it_is_the_only_one(write):
    found = predictions.read(write("material_id,e_form_per_atom_chgnet\na,1\n"), COLUMNS)
    assert (found.column, found.values.tolist()) == ("e_form_per_atom", [1.0])
    with pytest.raises(SubmissionError, match="both 'e_form_per_atom_a' and 'e_form_per_atom_b'"):
        predictions.read(write("material_id,e_form_per_atom_a,e_form_per_atom_b\na,1,1\n"), COLUMNS)


def test_quoted_ids_and_windows_line_ends_are_read(write):
    found = predictions.read(write('material_id,p_stable\r\n"a,1",1\r\n"b ""x""",0\r\n'), COLUMNS)
    assert found.material_ids.to_pylist() == ["a,1", 'b "x"']


@settings(deadline=None, max_examples=100)
@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=20),
        st.floats(),
        min_size=1,
    )
)
def test_any_ids_and_numbers_survive_the_way_through_a_file(tmp_path_factory, values):
    values = {key: value for key, value in values.items() if key.strip()}
    path = tmp_path_factory.getbasetemp() / "way.csv"
    rows = [Prediction(key, {"p_stable": value}) for key, value in values.items()]
    if rows:
        predictions.write(path, rows, ["p_stable"])
        found = predictions.read(path, COLUMNS)
        assert dict(zip(found.material_ids.to_pylist(), map(repr, found.values.tolist()), strict=True)) == {
            key: repr(value) for key, value in values.items()
        }
