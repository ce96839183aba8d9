"""What a per-material table can tell: hand-counted tables, simulated ones with known truth, and files of every kind."""

import json

import numpy as np
import pytest
from scipy import stats

from matdisc.cli.app import _run
from matdisc.errors import DataError
from matdisc.formats.value_table import ValueTable, read_value_table
from matdisc.leaderboard.resolution import resolution_of, without_gaps
from matdisc.leaderboard.resolution_text import findings
from matdisc.leaderboard.schema.read import read_file
from matdisc.leaderboard.schema.resolution import About, Missing, TableResolution
from matdisc.metrics.resolution import group_codes, leverage, materials_needed, resolve

WIDE = "material_id,formula,a,b,c\nm1,NaCl,1,2,9\nm2,KCl,2,3,9\nm3,MgO,3,4,9\nm4,CaO,2,3,9\n"
LONG = "model,material,value\n" + "".join(
    f"{model},m{i + 1},{value}\n"
    for model, values in {"a": (1, 2, 3, 2), "b": (2, 3, 4, 3), "c": (9, 9, 9, 9)}.items()
    for i, value in enumerate(values)
)
ANALYSIS = [
    {"_base": {"material_ids": ["m1", "m2", "m3", "m4"], "formulas": ["NaCl", "NaCl", "MgO", "CaO"]}},
    {"key": "a", "label": "Model A", "srme": [1, 2, 3, 2]},
    {"key": "b", "label": "Model B", "srme": [2, 3, 4, 3]},
    {"key": "c", "label": "Model C", "srme": [9, 9, 9, 9]},
]


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path: `write("t.csv", text)`."""

    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture
def rank(monkeypatch, capsys):
    """Run `matdisc rank` and return its exit code and what it printed."""

    def run(*words):
        monkeypatch.setattr("sys.argv", ["matdisc", "rank", *map(str, words)])
        code = _run() or 0
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def table_of(found, **options):
    return resolution_of(*found, About(key="t", title="T", value="error"), better="lower", **options)


# Numbers counted by hand


def test_an_equal_shift_of_every_material_is_certain_and_noise_alone_is_not():
    steady = np.array([1.0, 2, 3, 2, 1, 2, 3, 2])
    found = resolve(np.column_stack([steady, steady + 1, steady + 1]), higher_is_better=False)
    assert found.value.tolist() == [2, 3, 3]
    assert found.ranking.rank.tolist() == [1, 2, 2]
    assert found.ranking.first.tolist() == [1, 0, 0]
    assert found.neighbours.difference[0].value == -1
    assert found.neighbours.difference[0].p_value < 0.01
    assert found.neighbours.difference[1].p_value == 1
    assert found.neighbours.needed == (2, None)  # a difference without noise needs two materials, none needs no end


def test_four_times_the_materials_halve_the_detectable_difference():
    assert materials_needed(103, detectable=0.2, difference=0.1) == 412
    assert materials_needed(103, detectable=0.2, difference=-0.1) == 412
    assert materials_needed(100, detectable=0.05, difference=0.1) == 25
    assert materials_needed(100, detectable=1.0, difference=0.1) == 10_000
    assert materials_needed(100, detectable=1.01, difference=0.1) is None  # more than 100 times as many
    assert materials_needed(100, detectable=1.0, difference=0) is None
    assert materials_needed(100, detectable=float("nan"), difference=1) is None


def test_leverage_names_the_material_whose_absence_moves_the_mean_most():
    found = leverage([[0.0, 1], [0, 1], [0, 1], [8, 1]], higher_is_better=False)
    assert found.material[0] == 3
    assert found.change.tolist() == [-2, 0]
    assert found.first.tolist() == [1, 1, 1, 0]  # the second model leads only while the fourth material is there


@pytest.mark.parametrize("n", [2, 3, 4, 5, 8])
def test_leverage_of_medians_is_that_of_medians_taken_anew(n):
    values = np.random.default_rng(n).integers(0, 9, (n, 3)).astype(float)
    anew = np.array([np.median(np.delete(values, i, axis=0), axis=0) for i in range(n)]) - np.median(values, axis=0)
    found = leverage(values, higher_is_better=False, statistic="median")
    assert np.abs(found.change).tolist() == np.abs(anew).max(axis=0).tolist()


def test_medians_of_resamples_are_those_of_numpy():
    values = np.random.default_rng(0).normal(size=(9, 2))
    found = resolve(values, higher_is_better=False, statistic="median", replicates=200, seed=3)
    drawn = np.random.default_rng(3).multinomial(9, np.full(9, 1 / 9), size=200)
    by_hand = np.array([np.median(np.repeat(values, times, axis=0), axis=0) for times in drawn])
    assert found.value.tolist() == np.median(values, axis=0).tolist()
    assert np.allclose(found.low, np.percentile(by_hand, 2.5, axis=0))
    assert np.allclose(found.high, np.percentile(by_hand, 97.5, axis=0))


def test_more_groups_than_blocks_are_dealt_evenly():
    codes, n_groups = group_codes(np.arange(10_000), 10_000)
    assert n_groups == 10_000
    assert set(np.bincount(codes)) == {2, 3}
    assert len(np.bincount(codes)) == 4096


def test_a_group_that_is_one_material_many_times_counts_once():
    noise = np.random.default_rng(0).normal(size=(40, 2))
    once = resolve(noise, higher_is_better=False)
    many = resolve(np.repeat(noise, 5, axis=0), np.repeat(np.arange(40), 5), higher_is_better=False)
    assert np.allclose(many.low, once.low)
    assert np.allclose(many.neighbours.difference[0].p_value, once.neighbours.difference[0].p_value)
    assert many.neighbours.needed[0] == pytest.approx(5 * once.neighbours.needed[0], rel=0.02)


# Simulated tables whose truth is known


def simulated(rng, n, means, shared=1.0, own=1.0):
    """Errors that all models share on a material, and errors of their own."""
    return np.asarray(means) + shared * rng.normal(size=(n, 1)) + own * rng.normal(size=(n, len(means)))


def test_rank_intervals_hold_the_true_rank():
    rng, means = np.random.default_rng(1), np.array([0, 0.15, 0.3, 0.9, 1.0])
    held = []
    for _ in range(200):
        ranking = resolve(simulated(rng, 80, means), higher_is_better=False, replicates=400).ranking
        held.append((ranking.low <= np.arange(1, 6)) & (ranking.high >= np.arange(1, 6)))
    assert np.mean(held, axis=0).min() > 0.93
    assert np.mean([row.all() for row in held]) > 0.85  # each interval is for one model by itself


def test_equal_models_are_told_apart_in_at_most_five_per_cent_of_tables():
    rng = np.random.default_rng(2)
    wrong = [
        (resolve(simulated(rng, 80, np.zeros(4)), higher_is_better=False, replicates=400).ranking.tie_group > 1).any()
        for _ in range(400)
    ]
    assert np.mean(wrong) < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)


def test_pairs_see_what_single_intervals_do_not_where_errors_are_shared():
    found = resolve(simulated(np.random.default_rng(3), 100, [0, 0.5], shared=3.0), higher_is_better=False)
    assert found.high[0] > found.low[1]  # intervals overlap
    assert found.neighbours.difference[0].p_value < 0.01
    unpaired = np.sqrt(((found.high - found.low) ** 2).sum()) / (2 * stats.norm.ppf(0.975))
    paired = found.neighbours.difference[0].detectable / (stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
    assert paired == pytest.approx(np.sqrt(2 / 100), rel=0.2)
    assert unpaired == pytest.approx(np.sqrt(2 * (9 + 1) / 100), rel=0.2)


def test_as_many_materials_as_are_needed_show_the_difference_in_four_of_five_tables():
    rng, means = np.random.default_rng(4), [0, 0.4]
    needed = materials_needed(50, detectable=(1.95996 + 0.84162) * np.sqrt(2 / 50), difference=0.4)
    assert needed == 99  # (2.8016 / 0.4)^2 x 2
    shown = [
        resolve(simulated(rng, needed, means), higher_is_better=False, replicates=400).neighbours.difference[0].p_value
        <= 0.05
        for _ in range(500)
    ]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.055)
    guessed = [
        resolve(simulated(rng, 400, means), higher_is_better=False, replicates=400).neighbours.needed[0]
        for _ in range(30)
    ]
    assert np.median(guessed) == pytest.approx(99, rel=0.25)


def test_one_p_value_and_interval_agree_with_independent_codes():
    values = simulated(np.random.default_rng(5), 60, [0, 0.35])
    difference = values[:, 0] - values[:, 1]
    found = resolve(values, higher_is_better=False, replicates=20_000).neighbours.difference[0]
    flips = stats.permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=20_000, random_state=0
    ).pvalue
    theirs = stats.bootstrap(
        (difference,), np.mean, method="percentile", n_resamples=20_000, random_state=0
    ).confidence_interval
    assert 0.001 < flips < 0.2
    assert found.p_value == pytest.approx(flips, rel=0.25)
    assert found.low == pytest.approx(theirs.low, abs=0.01)
    assert found.high == pytest.approx(theirs.high, abs=0.01)


# Files


@pytest.mark.parametrize("kind", ["wide.csv", "wide.tsv", "long.csv", "t.jsonl", "t.json", "t.parquet", "kappa.jsonl"])
def test_the_same_table_is_read_from_every_layout(write, tmp_path, kind):
    import pandas as pd

    rows = [dict(zip(("material_id", "formula", "a", "b", "c"), line.split(","), strict=True)) for line in WIDE.split()]
    rows = [{k: v if k in ("material_id", "formula") else float(v) for k, v in row.items()} for row in rows[1:]]
    text = {
        "wide.csv": WIDE,
        "wide.tsv": WIDE.replace(",", "\t"),
        "long.csv": LONG,
        "t.jsonl": "\n".join(map(json.dumps, rows)),
        "t.json": json.dumps(rows),
        "kappa.jsonl": "\n".join(map(json.dumps, ANALYSIS)),
    }
    if kind == "t.parquet":
        pd.DataFrame(rows).to_parquet(tmp_path / kind)
    else:
        write(kind, text[kind])
    table = read_value_table(tmp_path / kind)
    assert table.materials == ("m1", "m2", "m3", "m4")
    assert table.models == ("a", "b", "c")
    assert table.values.tolist() == [[1, 2, 9], [2, 3, 9], [3, 4, 9], [2, 3, 9]]


def test_columns_of_words_are_no_models_and_may_be_groups(write):
    path = write("t.csv", WIDE)
    assert read_value_table(path).left_out == ("formula",)
    assert read_value_table(path, group="formula").groups == ("NaCl", "KCl", "MgO", "CaO")
    assert read_value_table(path, leave_out=["c"]).models == ("a", "b")
    assert read_value_table(write("k.jsonl", "\n".join(map(json.dumps, ANALYSIS))), group="formulas").groups == (
        "NaCl", "NaCl", "MgO", "CaO",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no rows"),
        ("id,a,b\n", "has no rows"),
        ("id,a,b\nm1,1,x\nm2,1,2\n", "row 1: 'b' is 'x', which is no finite number"),
        ("id,a,b\nm1,1,2\nm2,inf,2\n", "row 2: 'a' is 'inf', which is no finite number"),
        ("id,a,b\nm1,1,2\nm1,1,2\n", "the material 'm1' comes twice"),
        ("id,a,a\nm1,1,2\n", "the column 'a' comes twice"),
        ("id,a,b\nm1,1\n", "row 1: 2 cells where the header names 3"),
        ("id,model,value\nm1,x,1\nm1,x,2\n", "the pair 'm1 / x' comes twice"),
        ("id,model,error\nm1,x,1\n", "name the numbers with --value: error"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(write, text, said):
    with pytest.raises(DataError, match=said.replace("(", r"\(")):
        read_value_table(write("t.csv", text))


def test_a_missing_file_and_lines_that_are_no_objects_are_named(write, tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        read_value_table(tmp_path / "none.csv")
    with pytest.raises(DataError, match="line 2: is no JSON"):
        read_value_table(write("t.jsonl", '{"id": "m1", "a": 1}\n{'))
    with pytest.raises(DataError, match="line 1: is list"):
        read_value_table(write("t.jsonl", "[1, 2]\n"))
    with pytest.raises(DataError, match="not readable as Parquet"):
        read_value_table(write("t.parquet", "PAR1 or not"))
    with pytest.raises(DataError, match=r"call it \.csv"):
        read_value_table(write("t.xlsx", "x"))
    with pytest.raises(DataError, match="line 2: has no field 'w1' of 4 numbers; fields: srme"):
        read_value_table(write("k.jsonl", "\n".join(map(json.dumps, ANALYSIS))), value="w1")
    with pytest.raises(DataError, match="'_base' has no list 'material_ids'"):
        read_value_table(write("k.jsonl", '{"_base": {"material_ids": 4}}\n'))


GAPS = "id,a,b,c\nm1,1,2,5\nm2,2,,5\nm3,3,4,6\n"


def test_an_empty_cell_has_to_be_given_a_meaning(write):
    path = write("t.csv", GAPS)
    table = read_value_table(path)
    with pytest.raises(DataError, match=r"1 of 9 cells are empty \(b 1\); say what that means"):
        without_gaps(table, path, better="lower")
    full, missing = without_gaps(table, path, better="lower", rule="worst")
    assert (full.values[1].tolist(), missing.worst) == ([2, 6, 5], 6)
    assert without_gaps(table, path, better="higher", rule="worst")[0].values[1, 1] == 1
    assert without_gaps(table, path, better="lower", rule="worst", worst=9.0)[0].values[1, 1] == 9
    full, missing = without_gaps(table, path, better="lower", rule="common")
    assert (full.materials, missing.materials_left_out) == (("m1", "m3"), 1)
    full, missing = without_gaps(table, path, better="lower", rule="drop")
    assert (full.models, missing.models_left_out) == (("a", "c"), ("b",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,a\nm1,1\nm2,2\n", "two models or more, and 1 model can be read"),
        ("id,a,b\nm1,1,2\n", "1 material can tell nothing"),
    ],
)
def test_one_model_or_one_material_can_tell_nothing(write, text, said):
    path = write("t.csv", text)
    with pytest.raises(DataError, match=said):
        without_gaps(read_value_table(path), path, better="lower")


# The command


def test_the_command_prints_the_order_and_writes_what_it_found(rank, write, tmp_path):
    path, out = write("t.csv", WIDE), tmp_path / "t.json"
    code, said = rank(path, "--out", out)
    assert code == 0
    assert "mean value of 3 models on 4 materials, lower is better" in said
    assert "columns left out: formula" in said
    assert "Of 2 neighbouring pairs, 2 can be told apart" in said
    assert "4 materials are few" in said
    found, _ = read_file(out, TableResolution)
    assert found.models == ("a", "b", "c")
    assert found.ranked.value == (2, 3, 9)
    assert found.neighbours.difference == (-1, -6)
    assert found.key == "t"


def test_equal_models_are_all_first_and_no_number_of_materials_tells_them_apart(rank, write):
    code, said = rank(write("t.csv", "id,a,b\nm1,1,1\nm2,2,2\nm3,5,5\n"))
    assert code == 0
    assert "0 can be told apart" in said
    assert "stays first in 50 % of resamples; 1 other cannot be told from it." in said
    assert "> 300" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--group", "colour"], "has no column 'colour'"),
        (["--worst", "2"], "give --missing worst with it"),
        (["--missing", "worst", "--worst", "nan"], "give a finite number"),
        (["--source", "ftp://x"], "--source is 'ftp://x'"),
        (["--key", "a/b"], "--key is 'a/b'"),
        (["--board", "nowhere"], "no board here"),
        (["--value", "a"], "leave --value out"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_written(rank, write, tmp_path, words, said):
    out = tmp_path / "t.json"
    code, printed = rank(write("t.csv", WIDE), *words, "--out", out)
    assert code == 2
    assert said in printed
    assert not out.exists()


def test_a_table_goes_to_the_board_with_its_source(rank, write, tmp_path):
    for folder in ("models", "datasets"):
        (tmp_path / "board" / folder).mkdir(parents=True)
    words = ["--key", "mine", "--title", "My table", "--label", "error", "--unit", "eV", "--published", "2026-07-16"]
    code, _ = rank(write("t.csv", WIDE), "--board", tmp_path / "board", *words, "--source", "https://example.org/t.csv")
    assert code == 0
    found, _ = read_file(tmp_path / "board/leaderboard/resolution/mine.json", TableResolution)
    assert (found.title, found.value, found.unit, str(found.published)) == ("My table", "error", "eV", "2026-07-16")
    assert found.source == "https://example.org/t.csv"


def test_findings_name_what_the_first_pair_could_not_show():
    found = resolve(simulated(np.random.default_rng(6), 200, [0, 0.02]), higher_is_better=False)
    values = simulated(np.random.default_rng(6), 200, [0, 0.02])
    table = ValueTable(tuple(map(str, range(200))), ("a", "b"), values)
    said = findings(table_of((table, Missing())))
    least = found.neighbours.difference[0].detectable
    assert least == pytest.approx(2.8 * np.sqrt(2 / 200), rel=0.15)
    assert f"Between the first two a difference below {least:.2g} would mostly go unseen." in said


def test_findings_count_what_the_table_holds(write):
    path = write("t.csv", WIDE)
    found = table_of(without_gaps(read_value_table(path), path, better="lower"))
    assert findings(found) == [
        "Of 2 neighbouring pairs, 2 can be told apart when each is taken alone at 5 %, and 2 after the correction for "
        "all 3 pairs.",
        "a is first, and stays first in 100 % of resamples.",
    ]
