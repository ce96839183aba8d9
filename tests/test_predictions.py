"""The predictions file: what is read, what is refused, and that writing is whole and repeatable."""

import csv
import gzip
import io
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matdisc.columns import MAX_COLUMNS, NO_PREDICTION, NO_PREDICTION_LAST, choose, is_label, slip_of
from matdisc.errors import SubmissionError
from matdisc.predictions import file, parse
from matdisc.schema import Prediction

COLUMNS = ("e_form_per_atom", "p_stable")
SET = "emt-alloys"


@pytest.fixture
def write(tmp_path):
    def write(content, name="p.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_a_minimal_file_is_read(write):
    found = file.read(write("material_id,e_form_per_atom\na,-1.5\nb,\n"), COLUMNS)
    assert found.column == "e_form_per_atom"
    assert [(p.material_id, dict(p.values), p.status) for p in found.rows] == [
        ("a", {"e_form_per_atom": -1.5}, "ok"),
        ("b", {}, "failed"),
    ]


def test_nan_and_infinities_are_read_as_they_are(write):
    found = file.read(write("material_id,e_form_per_atom\na,nan\nb,-inf\nc,1e22\n"), COLUMNS)
    assert [p.values["e_form_per_atom"] for p in found.rows][1:] == [float("-inf"), 1e22]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no column 'material_id'"),
        ("material_id,e_form_per_atom\n", "no rows"),
        ("id,e_form_per_atom\na,1\n", "no column 'material_id'"),
        ("material_id,e_hull\na,1\n", "no column 'e_form_per_atom' or 'p_stable'"),
        ("material_id,e_form_per_atom,p_stable\na,1,1\n", "both"),
        ("material_id,e_form_per_atom,e_form_per_atom\na,1,2\n", "occurs twice"),
        ("material_id,e_form_per_atom\na,1,2\n", "line 2: 3 cells where the header names 2"),
        ("material_id,e_form_per_atom\na,minus one\n", "line 2: 'e_form_per_atom' is 'minus one'"),
        ("material_id,e_form_per_atom\na,1_000\n", "1_000"),
        ("material_id,e_form_per_atom\n,1\n", "row 1: 'material_id' is ''"),
        ("material_id,e_form_per_atom\n  ,1\n", "row 1: 'material_id' is ''"),
        ("material_id,e_form_per_atom\na,0,5\n", "3 cells where the header names 2; write decimal points"),
        ('material_id,e_form_per_atom\na,"0,5"\n', "line 2: 'e_form_per_atom' is '0,5', which has a decimal comma"),
        ("material_id;e_form_per_atom\na;-1,5e-3\n", "has a decimal comma; write -1.5e-3"),
        (
            "material_id,p_stable\na,50.6%\n",
            "line 2: 'p_stable' is '50.6%', which is no plain number; divide it by 100",
        ),
        ("material_id,e_form_per_atom,status\na,1,great\n", "'status' is 'great'; allowed: ok"),
        ("material_id,e_form_per_atom,status\na,1,failed\n", "'failed' and still gives"),
        ("material_id,e_form_per_atom,status\na,,ok\n", "'ok' and gives no"),
        (b"\xff\xfe\x00bad", "is UTF-16 text; save it as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_scored_is_refused_in_words(write, content, said):
    path = write(content)
    with pytest.raises(SubmissionError) as caught:
        file.read(path, COLUMNS)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["p.pkl", "p.zip", "p.csv.bz2", "p.h5", "p", "p.xlsx", "p.json.bz2"])
def test_other_kinds_of_files_are_never_opened(write, name):
    with pytest.raises(SubmissionError, match="unknown kind of file"):
        file.read(write("anything", name), COLUMNS)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SubmissionError, match="no such file"):
        file.read(tmp_path / "p.csv", COLUMNS)


def test_truncated_and_false_gzip_are_refused(write):
    whole = gzip.compress(b"material_id,e_form_per_atom\n" + b"a,1\n" * 1000)
    for data in (whole[:-20], b"no gzip at all"):
        with pytest.raises(SubmissionError, match="damaged or cut off"):
            file.read(write(data, "p.csv.gz"), COLUMNS)


def test_a_gzip_bomb_is_counted_while_it_inflates(write, monkeypatch):
    monkeypatch.setattr(parse, "MAX_BYTES", 10_000)
    path = write(gzip.compress(b"material_id,e_form_per_atom\n" + b"\n" * 1_000_000), "p.csv.gz")
    assert path.stat().st_size < 10_000
    with pytest.raises(SubmissionError, match="inflates to more than"):
        file.read(path, COLUMNS)


def test_json_lines_say_the_same_as_csv(write):
    path = write('{"material_id": "a", "p_stable": 1}\n{"material_id": "b", "p_stable": null}\n', "p.jsonl")
    rows = file.read(path, COLUMNS).rows
    assert rows == file.read(write("material_id,p_stable\na,1\nb,\n"), COLUMNS).rows


@pytest.mark.parametrize(
    "line", ["[1]", "{", '{"material_id": "b", "p_stable": true}', '{"material_id": 3, "p_stable": 1}']
)
def test_json_lines_that_are_no_rows_are_refused(write, line):
    with pytest.raises(SubmissionError, match="line 2"):
        file.read(write('{"material_id": "a", "p_stable": 1}\n' + line + "\n", "p.jsonl"), COLUMNS)


ANSWERS = [
    Prediction("a", {"e_form_per_atom": 0.1 + 0.2}, "ok", "", 1.5, 7),
    Prediction("b", {}, "timed_out", "no answer within 3 s", 3.0, None),
    Prediction("<img onerror=x>", {"e_form_per_atom": -1e-300}, "unconverged", "=2+2\nnext", None, None),
]


@pytest.mark.parametrize("name", ["out.csv", "deep/out.csv.gz"])
def test_what_is_written_is_read_back_to_the_last_digit(tmp_path, name):
    path = tmp_path / name
    digest = file.write(path, ANSWERS, ["e_form_per_atom"])
    found = file.read(path, COLUMNS)
    assert found.sha256 == digest
    assert [p.values for p in found.rows] == [p.values for p in ANSWERS]
    assert [p.status for p in found.rows] == [p.status for p in ANSWERS]
    assert found.rows[2].error == "'=2+2 next"


def test_the_same_answers_give_the_same_bytes(tmp_path):
    one = file.write(tmp_path / "one.csv.gz", ANSWERS, ["e_form_per_atom"])
    assert one == file.write(tmp_path / "two.csv.gz", ANSWERS, ["e_form_per_atom"])


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")

    def answers():
        yield ANSWERS[0]
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError):
        file.write(path, answers(), ["e_form_per_atom"])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.sampled_from(["p.csv", "p.csv.gz", "p.jsonl", "p.json", "p.tsv", "p.parquet"]))
def test_no_bytes_whatever_give_anything_but_rows_or_a_refusal(tmp_path_factory, data, name):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    with suppress(SubmissionError):
        assert file.read(path, COLUMNS).rows


def parquet(path, names=None, **columns):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(list(columns.values()), names=names) if names else pa.table(columns)
    pq.write_table(table, path)
    return path


def test_parquet_says_the_same_as_csv(tmp_path, write):
    path = parquet(tmp_path / "p.parquet", material_id=["a", "b"], e_form_per_atom=[-1.5, None], seconds=[1, 2])
    rows = file.read(path, COLUMNS).rows
    assert rows == file.read(write("material_id,e_form_per_atom,seconds\na,-1.5,1\nb,,2\n"), COLUMNS).rows


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"material_id": ["a"], "e_form_per_atom": ["-1"]},
            "row 1: 'e_form_per_atom' is '-1', which is text; write it as a number",
        ),
        ({"material_id": [1], "e_form_per_atom": [1.0]}, "ids are text"),
        ({"material_id": ["a", None], "e_form_per_atom": [1.0, 2.0]}, "row 2: 'material_id' is ''"),
        ({"id": ["a"]}, "no column 'material_id'"),
    ],
)
def test_parquet_of_the_wrong_kind_is_refused(tmp_path, columns, said):
    with pytest.raises(SubmissionError) as caught:
        file.read(parquet(tmp_path / "p.parquet", **columns), COLUMNS)
    assert said in str(caught.value)


def test_damaged_parquet_is_refused(tmp_path):
    path = parquet(tmp_path / "p.parquet", material_id=["a"] * 100, e_form_per_atom=[1.0] * 100)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SubmissionError, match="not readable as Parquet"):
        file.read(path, COLUMNS)


def test_a_longer_name_of_the_energy_column_is_accepted_if_it_is_the_only_one(write):
    found = file.read(write("material_id,e_form_per_atom_chgnet\na,1\n"), COLUMNS)
    assert (found.column, found.values.tolist()) == ("e_form_per_atom", [1.0])
    with pytest.raises(SubmissionError, match="both 'e_form_per_atom_a' and 'e_form_per_atom_b'"):
        file.read(write("material_id,e_form_per_atom_a,e_form_per_atom_b\na,1,1\n"), COLUMNS)


def test_quoted_ids_and_windows_line_ends_are_read(write):
    found = file.read(write('material_id,p_stable\r\n"a,1",1\r\n"b ""x""",0\r\n'), COLUMNS)
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
    values = {key: value for key, value in values.items() if key and key.strip(parse.BLANKS) == key}
    path = tmp_path_factory.getbasetemp() / "way.csv"
    rows = [Prediction(key, {"p_stable": value}) for key, value in values.items()]
    if rows:
        file.write(path, rows, ["p_stable"])
        found = file.read(path, COLUMNS)
        assert dict(zip(found.material_ids.to_pylist(), map(repr, found.values.tolist()), strict=True)) == {
            key: repr(value) for key, value in values.items()
        }


MIXED = {"formula": ["Na Cl", "two\nlines"], "structure": [{"sites": [1]}, None], "mace_energy": [-3.0, -4.0]}


def as_file(path, columns, names=None):
    """Write columns as the path's suffix says, structures as text in CSV; `names` may repeat or be empty."""
    names = names or list(columns)
    rows = list(zip(*columns.values(), strict=True))
    if path.suffix == ".parquet":
        return parquet(path, names, **{f"column_{i}": list(values) for i, values in enumerate(columns.values())})
    if ".jsonl" in path.suffixes:
        text = "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows)
    else:
        file = io.StringIO()
        csv.writer(file).writerows([names, *rows])
        text = file.getvalue()
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz", "p.jsonl", "p.jsonl.gz", "p.parquet"])
def test_columns_that_are_not_known_are_ignored_and_named_in_order(tmp_path, name):
    columns = {
        "": [0, 1],
        "material_id": ["a", "b"],
        **MIXED,
        "e_form_per_atom_mace": [-1.5, None],
        "p_high": ["x", ""],
    }
    found = file.read(as_file(tmp_path / name, columns), COLUMNS)
    assert found.ignored == ("(unnamed)", "formula", "structure", "mace_energy", "p_high")
    assert (found.column, found.column_name) == ("e_form_per_atom", "e_form_per_atom_mace")
    assert [dict(p.values) for p in found.rows] == [{"e_form_per_atom": -1.5}, {}]


PUBLISHED = [
    ("material_id", "e_form_per_atom_mace", "mace_energy"),
    ("material_id", "orb_energy", "e_form_per_atom_orb"),
    ("", "material_id", "e_form_per_atom_chgnet", "chgnet_energy"),
    ("material_id", "formula", "e_gnome_after_relax", "e_form_per_atom_gnome"),
    ("material_id", "e_form_per_atom_bowsr_megnet", "energy_bowsr_megnet", "structure_bowsr_megnet"),
    ("Unnamed: 0", "material_id", "e_form_per_atom_megnet"),
    ("material_id", "e_form_per_atom_alignn", "__index_level_0__"),
    ("material_id", "e_form_per_atom_pred_ens", "e_form_per_atom_ale_ens", "e_form_per_atom_epi_std_ens"),
    ("material_id", "e_form_per_atom", "e_form_per_atom_std", "E_hull", "e_form_per_atom_DFT"),
    ("material_id", "p_stable", "p_stable_std", "e_form_per_atom_true", "e_form_per_atom_uncorrected_mace"),
]


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl", "p.parquet"])
@pytest.mark.parametrize("header", PUBLISHED, ids=lambda header: header[-1])
def test_files_of_published_models_are_read_as_they_are(tmp_path, header, name):
    answer = next(c for c in header if c in COLUMNS or (c.startswith("e_form") and not is_label(c, COLUMNS[0])))
    cells = {column: ["no", "number"] for column in header} | {"material_id": ["a", "b"], answer: [0.5, 0.25]}
    found = file.read(as_file(tmp_path / name, cells), COLUMNS)
    assert (found.column_name, found.values.tolist()) == (answer, [0.5, 0.25])
    assert found.ignored == tuple(c or "(unnamed)" for c in header if c not in ("material_id", answer))


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_ignored_names_may_repeat_and_be_many(tmp_path, name):
    names = ["material_id", "p_stable", "x", "x", "", ""] + [f"x{i}" for i in range(30)]
    columns = {str(i): [column] for i, column in enumerate(["a", 1.0, *["text"] * 34])}
    found = file.read(as_file(tmp_path / name, columns, names), COLUMNS)
    assert found.ignored == ("x", "x", "(unnamed)", "(unnamed)", *names[6:])
    assert found.values.tolist() == [1.0]


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl", "p.parquet"])
@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("uncertanty", "uncertainty"),
        ("Statuss", "status"),
        ("second", "seconds"),
        ("errors", "error"),
        ("Material_ID", "material_id"),
        ("e_from_per_atom", "e_form_per_atom"),
        ("E_form_per_atoms", "e_form_per_atom"),
        ("p_stabel", "p_stable"),
        ("uncertainty.", "uncertainty"),
    ],
)
@pytest.mark.parametrize("beside", ["e_form_per_atom", "formula"])
def test_a_name_that_is_almost_a_known_one_is_refused(tmp_path, slip, meant, beside, name):
    path = as_file(tmp_path / name, {"material_id": ["a"], beside: [1.0], slip: [2.0]})
    with pytest.raises(SubmissionError) as caught:
        file.read(path, COLUMNS)
    assert str(caught.value) == f"{path}: column {slip!r} looks like {meant!r}; rename or remove it"


@pytest.mark.parametrize(
    "suffix", [*sorted(NO_PREDICTION_LAST), "mace_std", "ale_ens", "epi_std_ens", "DFT", "err-label"]
)
def test_an_uncertainty_or_a_label_is_never_the_answer(write, suffix):
    name = f"e_form_per_atom_{suffix}"
    said = (
        f"has no column 'e_form_per_atom'; '{name}' looks like an uncertainty or a label, not a prediction: rename it"
    )
    with pytest.raises(SubmissionError, match=said):
        file.read(write(f"material_id,{name}\na,1\n"), COLUMNS)
    for answer in ("e_form_per_atom", "e_form_per_atom_mace"):
        found = file.read(write(f"material_id,{name},{answer}\na,unread,1\n"), COLUMNS)
        assert (found.column_name, found.values.tolist(), found.ignored) == (answer, [1.0], (name,))


def test_the_words_of_uncertainties_and_labels_are_these():
    words = "std stdev sigma var variance unc uncertainty uncertainties error errors residual epi ale"
    labels = "true truth actual ref reference dft target uncorrected"
    last = "err mae rmse ci lower upper min max diff count label labels gt expt raw"
    assert {*words.split(), *labels.split()} == NO_PREDICTION
    assert {*NO_PREDICTION, *last.split()} == NO_PREDICTION_LAST


@pytest.mark.parametrize("suffix", ["pbe", "wbm", "mp2020_corrected", "WBM"])
def test_the_name_of_a_label_is_none_within_the_name_of_a_model(write, suffix):
    with pytest.raises(SubmissionError, match="looks like an uncertainty or a label"):
        file.read(write(f"material_id,e_form_per_atom_{suffix}\na,1\n"), COLUMNS)
    assert file.read(write(f"material_id,e_form_per_atom_m3gnet_{suffix}\na,1\n"), COLUMNS).values.tolist() == [1.0]


@pytest.mark.parametrize(
    "name", ["e_form_per_atom_meV", "e_form_per_atom (kJ/mol)", "E_form_per_atom_chgnet [kcal/mol]"]
)
def test_a_name_in_another_unit_is_no_answer(write, name):
    with pytest.raises(SubmissionError, match="is in another unit: give eV/atom"):
        file.read(write(f"material_id,{name}\na,1\n"), COLUMNS)
    assert file.read(write(f"material_id,{name},e_form_per_atom\na,1000,1\n"), COLUMNS).values.tolist() == [1.0]


def test_energies_of_atoms_are_not_read_as_those_of_cells(write):
    with pytest.raises(SubmissionError, match="'energy_per_atom' is an energy per atom; give 'energy'"):
        file.read(write("material_id,energy_per_atom\na,1\n"), ("energy",))
    named = write("material_id,e_form_per_atom (eV per atom)\na,1\n")
    assert file.read(named, COLUMNS).values.tolist() == [1.0]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("0.05 eV", "'0.05 eV', which is no plain number; leave out the unit"),
        ("\u22120.04", "which has another sign than '-'; write -0.04"),
        ('"1,091.6"', "'1,091.6', which has commas between digits; write 1091.6"),
        ("NA", "'NA', which is no number; leave it empty if there is none"),
    ],
)
def test_a_cell_that_is_almost_a_number_is_refused_with_what_to_write(write, cell, said):
    with pytest.raises(SubmissionError, match=said):
        file.read(write(f"material_id,e_form_per_atom\na,{cell}\n"), COLUMNS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PAR1....", "is a Parquet file; rename it to .parquet"),
        (b"BZh91AY&SY", "is bzip2 data; unpack it"),
        (b"\xfd7zXZ\0", "is xz data; unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1", "is a spreadsheet; save it as CSV"),
        ("material_id,p_stable\na,1\n".encode("utf-16-le"), "UTF-16 text without its mark; save it as UTF-8"),
        ("material_id,p_stable\na,1\n".encode("utf-16-be"), "UTF-16 text without its mark; save it as UTF-8"),
        (b"\n\nmaterial_id,p_stable\na,1\n", "line 1: is ''; begin the file with the names of the columns"),
        (b"# mine\nmaterial_id,p_stable\na,1\n", "line 1: is '# mine'; begin the file with the names of the columns"),
        (b"sep=;\r\nmaterial_id;p_stable\r\na;1\r\n", "line 1: is 'sep=;'; begin the file"),
    ],
)
def test_a_file_that_does_not_begin_with_names_is_told_what_it_is(write, content, said):
    with pytest.raises(SubmissionError, match=said):
        file.read(write(content), COLUMNS)


@pytest.mark.parametrize(("suffix", "better"), [(".pq", ".parquet"), (".ndjson", ".jsonl"), (".txt", ".csv or .tsv")])
def test_another_suffix_of_a_known_format_is_told_the_right_one(tmp_path, suffix, better):
    (tmp_path / f"p{suffix}").write_text("x")
    with pytest.raises(SubmissionError, match=f"unknown kind of file; rename it to {better}"):
        file.read(tmp_path / f"p{suffix}", COLUMNS)


@pytest.mark.parametrize("index", [None, "material_id"])
def test_the_split_orientation_of_pandas_is_read(tmp_path, index):
    import pandas as pd

    table = pd.DataFrame({"material_id": ["a", "b"], "p_stable": [0.5, None]})
    table = table if index is None else table.set_index(index)
    table.to_json(tmp_path / "p.json", orient="split")
    found = file.read(tmp_path / "p.json", COLUMNS)
    assert (found.material_ids.to_pylist(), list(map(str, found.values))) == (["a", "b"], ["0.5", "nan"])


def test_a_split_table_whose_rows_have_other_lengths_is_refused(write):
    document = {"columns": ["material_id", "p_stable"], "index": [0], "data": [["a"]]}
    with pytest.raises(SubmissionError, match="has rows of different lengths; give a list of objects"):
        file.read(write(json.dumps(document), "p.json"), COLUMNS)


@pytest.mark.parametrize("second", ["e_form_per_atom_b", "e_form_per_atom_label_free", "e_form_per_atom", "p_stable"])
def test_two_answers_are_refused_by_name(write, second):
    with pytest.raises(SubmissionError, match=f"both 'e_form_per_atom_a' and '{second}'; keep the one"):
        file.read(write(f"material_id,e_form_per_atom_a,{second}\na,1,1\n"), COLUMNS)


def test_columns_of_other_tasks_are_no_slips():
    from matdisc.tasks import TASKS

    names = {task.key: tuple(column.name for column in task.columns) for task in TASKS.values()}
    columns = {"structure", *(name for of_task in names.values() for name in of_task)}
    for task in TASKS.values():
        known = ("material_id", *names[task.key], *file.OPTIONAL_COLUMNS)
        answers = ("structure",) if task.key == "relaxation" else names[task.key][:1]
        others = sorted(columns - {*known, *answers})
        choice = choose("p", ["material_id", answers[0], *others], answers, (*known, *answers))
        assert choice.kept == {"material_id": "material_id", answers[0]: answers[0]}
        assert (choice.answer, choice.ignored, choice.notes) == (answers[0], tuple(others), ())


def test_a_structure_beside_energies_is_read_where_it_is_asked_for(write):
    path = write("material_id,energy_per_atom,structure,energy_per_atom_std\na,1,,x\n")
    found = file.read(path, ("energy_per_atom", "fmax"), structures=True)
    assert (found.column_name, found.ignored) == ("structure", ("energy_per_atom_std",))
    assert found.reported["energy_per_atom"].tolist() == [1.0]


def test_what_stands_in_ignored_columns_need_not_even_be_utf_8(write):
    content = b"material_id,formula,p_stable\na,\xff\xfe,1\n"
    assert file.read(write(content), COLUMNS).values.tolist() == [1.0]
    with pytest.raises(SubmissionError, match="line 3: 'p_stable' is 'half'"):
        file.read(write(content + b"b,\xff,half\n"), COLUMNS)
    with pytest.raises(SubmissionError, match="line 3: 'material_id' is not UTF-8"):
        file.read(write(content + b"\xff,x,1\n"), COLUMNS)
    with pytest.raises(SubmissionError, match="not UTF-8 text"):
        file.read(write(b"material_id,p_stable,\xe5ngstr\xf6m\na,1,1\n"), COLUMNS)


def test_an_ignored_text_of_any_length_does_not_hide_the_fault(write):
    long = "x" * 200_000
    assert file.read(write(f"material_id,cif,p_stable\na,{long},1\n"), COLUMNS).ignored == ("cif",)
    with pytest.raises(SubmissionError, match=r"not readable as CSV.*half"):
        file.read(write(f"material_id,cif,p_stable\na,{long},1\nb,x,half\n"), COLUMNS)


def test_fields_of_any_row_count_in_json_lines(write):
    lines = [
        '{"material_id": "a"}',
        '{"p_stable": 1, "material_id": "b", "tags": [{}]}',
        '{"material_id": "c", "x": {}}',
    ]
    found = file.read(write("\n".join(lines), "p.jsonl"), COLUMNS)
    assert (found.given.tolist(), found.ignored) == ([False, True, False], ("tags", "x"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"material_id": "a", "p_stable": 1, "p_stable": 0}', "line 1: names key 'p_stable' twice; keep one"),
        ('{"material_id": "a", "p_stable": 1, "x": 1, "x": 1}', "line 1: names key 'x' twice; keep one"),
        ('{"p_stable": 1, "x": 1}\n{"material_id": "a"}', "line 1: 'material_id' is 'None', which is not text"),
        ('{"material_id": "\\ud800", "p_stable": 1}', "which is not text"),
    ],
)
def test_json_objects_that_say_two_things_or_nothing_are_refused(write, line, said):
    with pytest.raises(SubmissionError) as caught:
        file.read(write(line, "p.jsonl"), COLUMNS)
    assert said in str(caught.value)


def test_json_lines_end_at_line_feeds_only(write):
    rows = [{"material_id": "a\u2028b\x85", "p_stable": 1}, {"material_id": "c", "p_stable": 0}]
    text = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    assert file.read(write(text, "p.jsonl"), COLUMNS).material_ids.to_pylist() == ["a\u2028b\x85", "c"]


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view", "dictionary"])
def test_texts_in_parquet_are_read_however_they_are_encoded(tmp_path, kind):
    import pyarrow as pa

    def texts(*values):
        plain = pa.array(values, pa.string())
        return plain.dictionary_encode() if kind == "dictionary" else plain.cast(getattr(pa, kind)())

    columns = {
        "material_id": texts("a", "b"),
        "status": texts("ok", None),
        "error": texts(None, "why"),
        "x": texts("", ""),
    }
    found = file.read(parquet(tmp_path / "p.parquet", p_stable=[1.0, None], **columns), COLUMNS)
    assert [(p.material_id, p.status, p.error) for p in found.rows] == [("a", "ok", ""), ("b", "failed", "why")]


@pytest.mark.parametrize("name", ["p.CSV", "P.Csv.GZ", "p.JSONL", "p.Parquet", "p.jsonl.csv"])
def test_the_suffix_may_be_in_capitals_and_only_the_last_one_counts(tmp_path, name):
    plain = as_file(tmp_path / name.lower().replace("jsonl.csv", "csv"), {"material_id": ["a"], "p_stable": [1.0]})
    found = file.read(plain.rename(tmp_path / name), COLUMNS)
    assert found.values.tolist() == [1.0]


@pytest.mark.parametrize(
    ("name", "start", "said"),
    [
        ("p.csv", b"\x1f\x8b", "is gzip data; rename it to .csv.gz"),
        ("p.JSONL", b"\x1f\x8b", "is gzip data; rename it to .jsonl.gz"),
        ("p.parquet", b"\x1f\x8b", "is gzip data; unpack it"),
        ("p.csv", b"PK\x03\x04", "is a zip archive; give the plain file"),
        ("p.csv.gz", b"PK\x03\x04", "is a zip archive; give the plain file"),
    ],
)
def test_a_packed_file_under_a_plain_name_is_refused(write, name, start, said):
    with pytest.raises(SubmissionError, match=said):
        file.read(write(start + bytes(20), name), COLUMNS)


def test_check_says_which_column_it_reads_and_which_it_does_not(board, write):
    from typer.testing import CliRunner

    from matdisc.cli import app
    from matdisc.datasets import load

    rows = "".join(
        f"{i},{s.material_id},{s.target['e_form_per_atom']}\n" for i, s in enumerate(load(board, SET).samples)
    )
    file = write(",material_id,e_form_per_atom_mace\n" + rows)
    words = ["check", str(file), "-t", "discovery", "-d", SET, "--board", str(board.root)]
    said = CliRunner().invoke(app, words).output
    assert "column e_form_per_atom_mace, read as e_form_per_atom" in said
    assert "ignored columns: (unnamed)\n" in said
    report = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    named = [report[key] for key in ("column", "column_name", "ignored_columns")]
    assert named == ["e_form_per_atom", "e_form_per_atom_mace", ["(unnamed)"]]


def test_only_what_is_kept_of_a_parquet_file_has_to_fit(tmp_path, monkeypatch):
    path = parquet(tmp_path / "p.parquet", material_id=["a"], p_stable=[1.0], cif=["x" * 50_000])
    monkeypatch.setattr(parse, "MAX_BYTES", 10_000)
    assert parse.parse(path, path.read_bytes(), COLUMNS, ("material_id", *COLUMNS))[0].num_rows == 1
    with pytest.raises(SubmissionError, match="inflates to more than"):
        parse.parse(path, path.read_bytes(), COLUMNS, ("material_id", "cif", *COLUMNS))


@pytest.mark.parametrize("kind", ["string", "dictionary"])
def test_a_parquet_bomb_is_counted_while_it_inflates(tmp_path, monkeypatch, kind):
    import pyarrow as pa

    error = pa.array(["x" * 10_000] * 10_000)
    error = error.dictionary_encode() if kind == "dictionary" else error
    path = parquet(tmp_path / "p.parquet", material_id=["a"] * 10_000, p_stable=[1.0] * 10_000, error=error)
    monkeypatch.setattr(parse, "MAX_BYTES", 10_000_000)
    assert path.stat().st_size < 100_000
    with pytest.raises(SubmissionError, match="inflates to more than"):
        file.read(path, COLUMNS)


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_rows_of_parquet_keep_their_order_over_any_portions(tmp_path, monkeypatch, batch):
    monkeypatch.setattr(parse, "PARQUET_ROWS", batch)
    path = parquet(tmp_path / "p.parquet", x=[[1]] * 5, p_stable=[0.0, 0.1, None, 0.3, 0.4], material_id=list("abcde"))
    found = file.read(path, COLUMNS)
    assert [(p.material_id, p.values.get("p_stable")) for p in found.rows] == list(
        zip("abcde", [0.0, 0.1, None, 0.3, 0.4], strict=True)
    )


def test_a_file_of_very_many_columns_is_refused(write):
    header = ",".join(["material_id", "p_stable", *(f"x{i}" for i in range(MAX_COLUMNS))])
    with pytest.raises(SubmissionError, match="more than 10,000 columns"):
        file.read(write(header + "\n"), COLUMNS)


STRANGE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
KNOWN = ("material_id", *COLUMNS, *file.OPTIONAL_COLUMNS)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(STRANGE, STRANGE, st.integers(0, 3)), max_size=6), st.sampled_from(["csv", "jsonl", "parquet"])
)
def test_columns_that_are_not_known_change_no_value(tmp_path_factory, strange, suffix):
    strange = [(n, cell, i) for n, cell, i in strange if n not in KNOWN and not slip_of(n, KNOWN)]
    if suffix == "jsonl":
        strange = list({n: (n, cell, i) for n, cell, i in strange}.values())
    columns = [("material_id", ["a", "b"]), ("e_form_per_atom_x", [0.1, None]), ("uncertainty", [0.2, 0.3])]
    folder = tmp_path_factory.getbasetemp()
    plain = file.read(as_file(folder / f"plain.{suffix}", dict(columns)), COLUMNS)
    for n, cell, i in strange:
        columns.insert(i, (n, [cell, None]))
    values = {str(i): cells for i, (_, cells) in enumerate(columns)}
    found = file.read(as_file(folder / f"more.{suffix}", values, [n for n, _ in columns]), COLUMNS)
    assert found.rows == plain.rows
    assert found.uncertainty.tolist() == plain.uncertainty.tolist()
    assert found.ignored == tuple(
        n if n.strip() else "(unnamed)" for n, _ in columns if n not in (*KNOWN, "e_form_per_atom_x")
    )


HEADERS = {
    "Material_ID": ["column 'Material_ID' is read as 'material_id'"],
    " material_id ": ["column ' material_id ' is read as 'material_id'"],
    "": ["no column is called 'material_id'; the ids are taken from the table's index"],
    "Unnamed: 0": ["no column is called 'material_id'; the ids are taken from the table's index"],
}


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl", "p.json", "p.parquet"])
@pytest.mark.parametrize("ids", HEADERS)
@pytest.mark.parametrize("answer", ["E_form_per_atom", " e_form_per_atom\t", "E_FORM_PER_ATOM_MACE"])
def test_names_are_read_without_case_and_blanks_and_the_reader_says_so(tmp_path, ids, answer, name):
    columns = {ids: ["a", "b"], answer: [0.5, None], "Status": ["ok", "failed"], "X": ["", ""]}
    path = as_file(tmp_path / name, columns)
    if name == "p.json":
        path.write_text(
            json.dumps([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])
        )
    found = file.read(path, COLUMNS)
    assert [(p.material_id, dict(p.values), p.status) for p in found.rows] == [
        ("a", {"e_form_per_atom": 0.5}, "ok"),
        ("b", {}, "failed"),
    ]
    assert (found.column, found.column_name, found.ignored) == ("e_form_per_atom", answer, ("X",))
    assert sorted(found.notes) == sorted(["column 'Status' is read as 'status'", *HEADERS[ids]])


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("MATERIAL_ID,material_id,p_stable", "column 'MATERIAL_ID' looks like 'material_id'"),
        ("Material_ID,MATERIAL_ID,p_stable", "column 'MATERIAL_ID' looks like 'material_id'"),
        ("material_id,P_stable,p_stable", "column 'P_stable' looks like 'p_stable'"),
        ("material_id,P_stable,E_form_per_atom", "gives both 'P_stable' and 'E_form_per_atom'"),
        ("p_stable,", "has no column 'material_id'"),
        (",Unnamed: 0,p_stable", "has no column 'material_id'"),
        ("material_id;x,material_id", "may be separated by commas or by semicolons"),
        ("material_id|x\tmaterial_id", "may be separated by tabs or by bars"),
        ("id;hull", "has no column 'material_id' (columns: id, hull)"),
    ],
)
def test_two_readings_of_a_header_are_refused(write, header, said):
    with pytest.raises(SubmissionError) as caught:
        file.read(write(header + "\n"), COLUMNS)
    assert said in str(caught.value)


@pytest.mark.parametrize(("between", "words"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
@pytest.mark.parametrize("name", ["p.csv", "p.tsv"])
def test_columns_may_be_separated_as_spreadsheets_do(write, between, words, name):
    text = "\ufeff" + between.join(["material_id", "e_form_per_atom", "error"]) + "\r\n"
    text += between.join(["a", " 0.5 ", "x, y"]) + "\r\n" + between.join(["b", "  ", ""]) + "\r\n"
    found = file.read(write(text, name), COLUMNS)
    assert [(p.material_id, p.values.get("e_form_per_atom"), p.error) for p in found.rows] == [
        ("a", 0.5, "x, y"),
        ("b", None, ""),
    ]
    assert found.notes == (f"columns are separated by {words}",)


FRAME = {"material_id": ["a", "b"], "e_form_per_atom": [0.5, None], "formula": ["X", "Y"]}
ROWS = [dict(zip(FRAME, row, strict=True)) for row in zip(*FRAME.values(), strict=True)]
BARE = {"e_form_per_atom": {"a": 0.5, "b": None}, "formula": {"a": "X", "b": "Y"}}
ORIENTATIONS = {
    "records": ROWS,
    "table": {"schema": {"fields": []}, "data": ROWS},
    "lists": FRAME,
    "columns": {name: dict(zip("01", column, strict=True)) for name, column in FRAME.items()},
    "index": dict(zip("01", ROWS, strict=True)),
    "columns, ids as index": BARE,
    "index, ids as index": {key: {name: column[key] for name, column in BARE.items()} for key in "ab"},
}


@pytest.mark.parametrize("name", ["p.json", "p.json.gz"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_tables_are_read_from_json_in_any_orientation_of_pandas(tmp_path, orientation, name):
    data = b"\xef\xbb\xbf" + json.dumps(ORIENTATIONS[orientation], indent=1).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    found = file.read(tmp_path / name, COLUMNS)
    assert found.material_ids.to_pylist() == ["a", "b"]
    assert [p.values.get("e_form_per_atom") for p in found.rows] == [0.5, None]
    assert len(found.notes) == ("ids as index" in orientation)


def test_lines_of_json_are_read_under_the_name_of_a_document(write):
    lines = '{"material_id": "a", "p_stable": 1}\n{"material_id": "b", "p_stable": 0}\n'
    assert file.read(write(lines, "p.json"), COLUMNS).values.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("name", "document", "said"),
    [
        ("p.json", {"a": 0.5, "b": 1.0}, "is no table; give a list of objects"),
        ("p.json", ["a"], "row 1 is str, has to be an object"),
        ("p.json", {"material_id": ["a"], "p_stable": [1, 0]}, "columns of different lengths"),
        ("p.json", {"p_stable": {"status": 1}}, "names known columns both as columns and in rows"),
        ("p.json", {"x": {"y": 1}}, "names known columns neither as a column nor in a row"),
        ("p.json", [{"material_id": "a", "p_stable": "1"}], "row 1: 'p_stable' is '1', which is not a number"),
        ("p.json", [], "has no column 'material_id'"),
        ("p.json", None, "is no table"),
        ("p.jsonl", [{"material_id": "a", "p_stable": 1}], "line 1: is list, has to be an object; call a file that is"),
    ],
)
def test_documents_that_are_no_table_are_refused(write, name, document, said):
    with pytest.raises(SubmissionError) as caught:
        file.read(write(json.dumps(document), name), COLUMNS)
    assert said in str(caught.value)


def test_a_material_named_twice_and_a_large_document_are_refused(write, monkeypatch):
    twice = '{"a": {"p_stable": 1}, "a": {"p_stable": 0}}'
    with pytest.raises(SubmissionError, match="names key 'a' twice; keep one"):
        file.read(write(twice, "p.json"), COLUMNS)
    monkeypatch.setattr(parse, "MAX_DOCUMENT", 40)
    with pytest.raises(SubmissionError, match=r"larger than 0 MiB; write it as lines of JSON, \.jsonl"):
        file.read(write(twice, "p.json"), COLUMNS)


def test_the_index_that_pandas_writes_into_parquet_holds_the_ids_if_no_column_does(tmp_path):
    index = {"p_stable": [1.0, 0.0], "__index_level_0__": ["a", "b"]}
    found = file.read(parquet(tmp_path / "p.parquet", **index), COLUMNS)
    assert (found.material_ids.to_pylist(), found.ignored) == (["a", "b"], ())
    both = index | {"material_id": ["c", "d"]}
    found = file.read(parquet(tmp_path / "p.parquet", **both), COLUMNS)
    assert (found.material_ids.to_pylist(), found.ignored) == (["c", "d"], ("__index_level_0__",))
    counted = index | {"__index_level_0__": [0, 1]}
    with pytest.raises(SubmissionError, match="'__index_level_0__' holds int64; ids are text"):
        file.read(parquet(tmp_path / "p.parquet", **counted), COLUMNS)


def test_numbers_in_parquet_may_be_categories_or_decimals(tmp_path):
    from decimal import Decimal

    import pyarrow as pa

    for column in (pa.array([0.5, 0.25]).dictionary_encode(), pa.array([Decimal("0.50"), Decimal("0.25")])):
        path = parquet(tmp_path / "p.parquet", material_id=["a", "b"], p_stable=column)
        assert file.read(path, COLUMNS).values.tolist() == [0.5, 0.25]


def test_blanks_around_ids_and_words_do_not_count(write):
    found = file.read(write("material_id,p_stable,status\n a\u00a0,1, ok \n"), COLUMNS)
    assert [(p.material_id, p.status) for p in found.rows] == [("a", "ok")]


CELLS = st.sampled_from(["a", "b", "", " ", "0.5", "0,5", "nan", '"', "é", "ok", "1e999", "material_id", "{", "[1]"])
NAMES = st.sampled_from(
    ["material_id", "Material_ID", "e_form_per_atom", "p_stable ", "", "Unnamed: 0", "status", "x;y"]
)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(NAMES, min_size=1, max_size=4),
    st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=3),
    st.sampled_from([",", ";", "\t", "|", ", "]),
    st.sampled_from(["csv", "tsv", "json", "index", "jsonl"]),
)
def test_any_table_in_any_layout_gives_rows_or_a_reason(tmp_path_factory, names, cells, between, layout):
    lines = [between.join(row) for row in [names, *cells]]
    if layout in ("json", "jsonl", "index"):
        rows = [dict(zip(names, row, strict=False)) for row in cells]
        document = rows if layout == "json" else {str(i): row for i, row in enumerate(rows)}
        lines = [json.dumps(row) for row in rows] if layout == "jsonl" else [json.dumps(document)]
    path = tmp_path_factory.getbasetemp() / f"any.{'json' if layout == 'index' else layout}"
    path.write_text("\n".join(lines), encoding="utf-8")
    with suppress(SubmissionError):
        found = file.read(path, COLUMNS)
        assert len(found) == len(found.rows) > 0
