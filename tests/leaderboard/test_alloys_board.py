"""Alloys on the board: asked, scored, ranked, compared with the null, submitted, and no test label ever used."""

import gzip
import hashlib
import json
from itertools import combinations

import pytest
from typer.testing import CliRunner

from matdisc import predictions
from matdisc.cards import DatasetCard, read_card
from matdisc.cli.app import app
from matdisc.datasets.load import builder, content_hash, load
from matdisc.datasets.splits import folds, read_folds, split_hash
from matdisc.errors import DataError, SubmissionError
from matdisc.leaderboard import site
from matdisc.leaderboard.compare import compare
from matdisc.leaderboard.markdown import alloy_tables
from matdisc.leaderboard.ranking import rank, write_ranking
from matdisc.leaderboard.results import publish, rescore, score_file
from matdisc.leaderboard.submit import submit
from matdisc.metrics.belief import METRICS
from matdisc.run import predict
from matdisc.run.evaluate import steps
from matdisc.run.evidence_map import explain_alloy, refresh_evidence_maps
from matdisc.tasks.inputs import write_inputs

SET = "toy-alloys"
ELEMENTS = ("Ag", "Al", "Co", "Cr", "Fe", "Ni")
NOBLE = {"Ag", "Al"}
CARD = """
key = "toy-alloys"
title = "Toy alloys"
summary = "High unless noble and other metals mix."
licence = "MIT"
citation = ["None."]
level_of_theory = "invented"
tasks = ["alloys"]
builder = "matdisc.datasets.alloys:build"
n_samples = 35
{sha256}
[split]
kind = "folds"
by = "chemical system"
[splits]
{splits}
[columns]
set_name = {{ role = "id", unit = "text", help = "Elements." }}
label = {{ role = "target", unit = "text", help = "High or Low." }}
[[files]]
name = "alloys.csv"
sha256 = "{file}"
licence = "MIT"
"""
OUTSIDER = """
key = "outsider"
name = "Outsider"
version = "2"
kind = "predictor"
summary = "Somebody else's model."
gives = ["phase"]
[licence]
code = "MIT"
[[authors]]
name = "Somebody Else"
"""


def rows():
    sets = [s for m in (2, 3) for s in combinations(ELEMENTS, m)]
    return {"|".join(s): "High" if set(s) <= NOBLE or not set(s) & NOBLE else "Low" for s in sets}


def add_set(board, labels, names=("kfold-5x3", "loeo")):
    """Write the toy dataset with these labels and protocols."""
    folder = board.datasets_dir / SET
    folder.mkdir(exist_ok=True)
    lines = [f"{name},{label},{i % 3}" for i, (name, label) in enumerate(labels.items())]
    text = "\n".join(["set_name,label,fold_third", *lines]) + "\n"
    (folder / "alloys.csv").write_text(text)
    file = hashlib.sha256(text.encode()).hexdigest()
    splits, sha256 = dict.fromkeys(names, "0" * 64), ""
    for _ in range(2):  # the first card has hashes that are mended in the second
        told = "\n".join(f'{name} = "{value}"' for name, value in splits.items())
        (folder / "dataset.toml").write_text(CARD.format(sha256=sha256, splits=told, file=file))
        card = read_card(folder / "dataset.toml", DatasetCard)
        built = builder(card)(card, {"alloys.csv": folder / "alloys.csv"})
        splits = {name: split_hash(built, name) for name in names}
        sha256 = f'sha256 = "{content_hash(built)}"'


@pytest.fixture
def toy(board):
    add_set(board, rows())
    return board


@pytest.fixture
def run(toy):
    def run(model):
        made = predict(toy, model, "alloys", SET, workers=0)
        return publish(toy, made.out, "alloys", SET, made.entry)

    return run


def test_one_file_holds_every_answer_of_every_protocol(toy, run):
    result = run("evidence-data")
    path = toy.predictions_dir / "alloys" / SET / "evidence-data.csv.gz"
    header, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    assert header.startswith("material_id,p_high,belief,plausibility,conflict,")
    assert len(lines) == 3 * 35 + 6 * 15  # three times each alloy, and six elements that 15 alloys hold
    assert result["n"] == 3 * 35
    assert result["n_groups"] == 35
    assert [part["name"] for part in result["secondary"]] == ["loeo"]
    assert set(result["metrics"]) == set(METRICS) - {"daf_max"}
    assert result["metrics"]["brier"]["low"] < result["metrics"]["brier"]["value"] < result["metrics"]["brier"]["high"]


def test_evidence_from_data_has_no_opinion_about_an_element_left_out(run):
    (loeo,) = run("evidence-data")["secondary"]
    assert loeo["metrics"]["coverage"]["value"] == 0
    assert loeo["metrics"]["interval_width"]["value"] == 1


def test_answering_the_class_rate_scores_as_the_dummy_does(run):
    result = run("alloys-prior")
    for key, value in result["baseline"].items():
        if key in result["metrics"] and not key.startswith("conflict"):
            assert result["metrics"][key]["value"] == pytest.approx(value), key


def test_rows_are_compared_with_the_null_in_pairs(toy, run):
    run("alloys-constant")
    run("evidence-data")
    made, control = (
        json.loads((toy.details_dir / "alloys" / SET / f"{name}.json").read_text())["tables"]
        for name in ("evidence-data", "alloys-constant")
    )
    first, other = made[0], control[0]
    assert first["key"] == other["key"] == "metrics"
    assert not any(head.startswith("Difference") for head in other["head"])
    assert first["head"][3].startswith("Difference to ")
    (row,) = (row for row in first["rows"] if row[0] == "Brier")
    (base,) = (row for row in other["rows"] if row[0] == "Brier")
    mine, theirs = (float(cells[1].split()[0]) for cells in (row, base))
    difference = float(row[3].split()[0].strip("+*").replace("−", "-"))
    assert difference == pytest.approx(mine - theirs, abs=0.0011)  # three decimals each
    (elements,) = (table for table in made if table["layout"] == "periodic")
    assert [cells[0] for cells in elements["rows"]] == list(ELEMENTS)


def test_the_null_comes_first_so_that_all_others_can_be_compared_with_it(toy):
    plan, _ = steps(toy, ["evidence-data"], ["alloys"], [SET], None)
    assert plan[0].model == "alloys-constant"
    assert plan[-1].model == "evidence-data"


def test_models_of_alloys_are_asked_about_nothing_else(toy):
    plan, _ = steps(toy, None, None, None, None)
    alloys = {step.model for step in plan if step.task == "alloys"}
    assert {"evidence-data", "alloys-forest", "alloys-prior"} <= alloys
    assert not alloys & {step.model for step in plan if step.task != "alloys"}


@pytest.mark.parametrize("model", ["evidence-data", "evidence-fused", "alloys-logistic", "alloys-constant"])
def test_labels_of_tested_alloys_change_no_prediction_bit_for_bit(board, model):
    labels = rows()
    add_set(board, labels, ["given-third"])
    before = answers_of(predict(board, model, "alloys", SET, workers=0))
    other = {"High": "Low", "Low": "High"}
    turned = {name: v if i % 3 else other[v] for i, (name, v) in enumerate(labels.items())}
    add_set(board, turned, ["given-third"])
    after = answers_of(predict(board, model, "alloys", SET, workers=0, restart=True))
    mine = [name for name in before if name.endswith("@given-third/0")]
    assert len(mine) == 12
    assert [before[name] for name in mine] == [after[name] for name in mine]
    assert before != after  # the other folds have learnt from them


def answers_of(run):
    lines = gzip.decompress(run.out.read_bytes()).decode().splitlines()[1:]
    return {line.split(",")[0]: line.split(",")[1:6] for line in lines}


def test_the_lowest_brier_score_leads_the_board(toy, run):
    found = {model: run(model)["metrics"]["brier"]["value"] for model in ("alloys-logistic", "evidence-rules")}
    ranking = rank(toy, "alloys", SET)
    assert set(ranking["metrics"]) == {"brier", "macro_f1"}
    told = dict(zip(ranking["entries"], ranking["metrics"]["brier"]["rank"], strict=True))
    assert told[min(found, key=found.get)] == 1
    assert ranking["metrics"]["brier"]["value"] == pytest.approx([found[e] for e in ranking["entries"]], rel=1e-5)


@pytest.mark.slow
def test_a_board_with_alloys_scores_again_to_the_same_and_builds_its_site(toy, run):
    run("alloys-constant")
    run("evidence-data")
    assert [happened for _, happened in rescore(toy)] == ["same", "same"]
    write_ranking(toy, "alloys", SET)
    page = (site.build(toy) / "tasks" / "alloys.html").read_text()
    assert "Brier" in page
    assert "evidence-data" in page


@pytest.fixture
def submission(toy, tmp_path):
    asked = tmp_path / "asked.jsonl"
    write_inputs(toy, SET, "alloys", asked)
    lines = [json.loads(line) for line in asked.read_text().splitlines()]
    file, card = tmp_path / "mine.csv", tmp_path / "model.toml"
    body = [f"{line['material_id']},{0.9 if not set(line['elements']) & NOBLE else 0.2}" for line in lines]
    file.write_text("\n".join(["material_id,p_high", *body]) + "\n")
    card.write_text(OUTSIDER)
    return file, card


def test_an_outsider_can_answer_from_what_is_written_out(toy, submission):
    accepted = submit(toy, *submission, "alloys", SET)
    assert accepted.result["metrics"]["roc_auc"]["value"] > 0.9
    assert accepted.result["coverage"]["absent"] == accepted.result["coverage"]["abstained"] == 0


def test_a_file_without_its_headline_protocol_has_no_score_there(toy, submission):
    file, _ = submission
    header, *lines = file.read_text().splitlines()
    file.write_text("\n".join([header, *(line for line in lines if "@loeo/" in line)]) + "\n")
    result = score_file(toy, file, "alloys", SET)
    assert result["metrics"]["brier"]["value"] is None
    assert result["secondary"][0]["metrics"]["brier"]["value"] is not None
    assert result["coverage"]["absent"] == 3 * 35


def test_a_file_does_not_differ_from_itself(toy, submission):
    found = compare(toy, str(submission[0]), str(submission[0]), "alloys", SET)
    assert found["differences"].keys() == {"brier", "macro_f1"}
    assert {difference["value"] for difference in found["differences"].values()} == {0.0}


def test_what_does_not_fit_folds_is_said_plainly(toy, run, submission, tmp_path):
    file, _ = submission
    declared = tmp_path / "training.csv"
    declared.write_text("formula\nCoNi\n")
    with pytest.raises(DataError, match="what may be learnt from"):
        score_file(toy, file, "alloys", SET, training=declared)


def test_a_file_without_probabilities_is_refused(toy, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("material_id,belief\nAg|Al@loeo/Ag,0.5\n")
    with pytest.raises(SubmissionError, match="no column 'p_high'"):
        predictions.read(path, ("p_high", "belief", "plausibility", "conflict"), multi_column=True)


def test_hidden_labels_do_not_reach_a_model(toy, monkeypatch):
    seen = []

    def spying(train, asked, question):
        seen.extend(sample.target for sample in asked)
        return [{"p_high": 0.5} for _ in asked]

    monkeypatch.setattr("matdisc.models.evidence.predictors.prior", lambda: spying)
    predict(toy, "alloys-prior", "alloys", SET, workers=0)
    assert seen
    assert not any(seen)


@pytest.mark.slow
def test_an_evaluation_writes_the_evidence_of_its_rows_and_only_what_no_longer_fits(toy):
    command = ["evaluate", "evidence-rules", "alloys-prior", "-d", SET, "--workers", "0", "--board", str(toy.root)]
    path = toy.evidence_dir / SET / "evidence-rules.json"
    assert f"evidence: {path}" in CliRunner().invoke(app, command, catch_exceptions=False).output
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert "evidence:" not in CliRunner().invoke(app, command, catch_exceptions=False).output
    page = (toy.site_dir / "models" / "evidence-rules" / f"alloys--{SET}.html").read_text()
    assert "Which elements replace each other" in page


@pytest.mark.parametrize("change", ["model", "labels", "damage"])
def test_evidence_of_another_model_or_other_alloys_is_made_anew(toy, change):
    rows_of = [("evidence-rules", SET), ("alloys-prior", SET)]
    (path,) = refresh_evidence_maps(toy, rows_of)
    assert refresh_evidence_maps(toy, rows_of) == []
    before = path.read_text()
    if change == "model":
        card = toy.models_dir / "evidence-rules" / "model.toml"
        card.write_text(card.read_text().replace('version = "1"', 'version = "2"'))
    elif change == "labels":
        add_set(toy, {name: "Low" if name == "Ag|Al" else label for name, label in rows().items()})
    else:
        path.write_text(before[:-20])
    assert refresh_evidence_maps(toy, rows_of) == [path]
    assert (path.read_text() == before) == (change == "damage")


@pytest.mark.slow
def test_all_scores_stand_in_one_text_with_the_best_first_and_differences_to_the_null(toy, run):
    for model in ("alloys-constant", "evidence-data"):
        run(model)
    text = alloy_tables(toy)
    parts = text.split("## ")
    assert [part.splitlines()[0] for part in parts[1:]] == ["Brier scores", f"{SET}, kfold-5x3", f"{SET}, loeo"]
    rows_of = {line.split(" | ")[0][2:]: line.split(" | ") for line in parts[2].splitlines() if line.startswith("| ")}
    result = json.loads((toy.results_dir / "alloys" / SET / "evidence-data.json").read_text())
    brier = result["metrics"]["brier"]
    assert rows_of["evidence-data"][2].startswith(f"{brier['value']:.3f} (")
    assert rows_of["alloys-constant"][-2:] == ["", " |"]
    scores = [float(cells[2].split()[0]) for name, cells in rows_of.items() if name not in ("row", "---")]
    assert scores == sorted(scores)
    with pytest.raises(DataError, match="no results on dataset 'synthetic-miedema'"):
        alloy_tables(toy, ["synthetic-miedema"])


def test_an_alloy_is_explained_without_its_own_label(toy, tmp_path):
    before = explain_alloy(toy, "evidence-data", SET, "Fe|Co")
    add_set(toy, rows() | {"Co|Fe": "Low"})
    assert explain_alloy(toy, "evidence-data", SET, "Co|Fe") == before
    assert before.n_pieces
    add_set(toy, rows() | {"Co|Ni": "Low"})
    assert explain_alloy(toy, "evidence-data", SET, "Co|Fe") != before
    command = ["alloys", "explain", "evidence-rules", SET, "Fe-Co", "--board", str(toy.root)]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "graph.json")], catch_exceptions=False)
    assert done.output.startswith("Co|Fe: p_high ")
    assert {"nodes", "edges"} == json.loads((tmp_path / "graph.json").read_text()).keys()


def test_folds_are_written_for_other_programs(toy, tmp_path):
    command = ["alloys", "folds", SET, "--out", str(tmp_path), "--board", str(toy.root)]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert f"{SET}-loeo.json.gz: 6 folds, sha256 {toy.dataset(SET).splits['loeo']}" in done.output
    dataset = load(toy, SET)
    read = read_folds(tmp_path / f"{SET}-loeo.json.gz", dataset)
    assert [fold.train.tolist() for fold in read] == [fold.train.tolist() for fold in folds(dataset, "loeo")]
