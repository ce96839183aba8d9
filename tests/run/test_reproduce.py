"""`matdisc reproduce`: a row run again, compared material by material and metric by metric."""

import json
import shutil
from importlib.metadata import version

import pandas as pd
import pytest

from matdisc.cli import main
from matdisc.datasets import load
from matdisc.errors import RunError
from matdisc.leaderboard.results import publish
from matdisc.run import predict
from matdisc.run.conditions import pinned_card
from matdisc.run.reproduce import drawn
from matdisc.version import __version__

MODEL, TASK, SET = "dummy-mean", "discovery", "emt-alloys"
PLACE = f"{TASK}/{SET}/{MODEL}"


@pytest.fixture
def row(board):
    """A row of the mean on the alloys of EMT: its predictions file."""
    run = predict(board, MODEL, TASK, SET, workers=0)
    publish(board, run.out, TASK, SET, MODEL)
    return run.out


@pytest.fixture
def command(board, capsys, monkeypatch):
    """Run the command on the board and return its exit code, and what it prints to both streams."""

    def call(*words):
        monkeypatch.setattr("sys.argv", ["matdisc", "reproduce", *words, "--workers", "0", "--board", str(board.root)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def again(command):
    """Run the command and return its exit code, and what it prints as data, or its error."""

    def call(*words):
        code, out, err = command(*words, "--json")
        return code, json.loads(out) if out else err

    return call


def test_a_row_that_is_run_again_here_is_the_same_within_float_noise(row, again, board):
    before = row.read_bytes()
    code, said = again(MODEL)
    assert (code, said["verdict"], said["asked"], said["materials"]) == (0, "float noise", 221, 221)
    assert said["moved"] == []
    mae = next(metric for metric in said["metrics"] if metric["key"] == "mae")
    assert mae["difference"] == 0
    assert mae["low"] < 0 < mae["high"]
    assert row.read_bytes() == before
    assert said == json.loads((board.runs_dir / "reproduced" / PLACE / "reproduction.json").read_text())


def test_every_condition_is_the_same_on_the_same_machine(row, again):
    _, said = again(MODEL, "--sample", "5")
    rows = {one["name"]: one for one in said["conditions"]}
    assert {"model card", "dataset", "matdisc", "commit", "hardware", "ase", "numpy"} <= rows.keys()
    assert all(one["row"] == one["here"] for one in rows.values())
    assert rows["ase"]["here"] == version("ase")


def test_a_material_that_moved_is_named_and_the_metric_leaves_its_interval_if_many_did(row, again, board):
    content = pd.read_csv(row)
    column = "e_form_per_atom"
    content.loc[7, column] += 0.05
    content.to_csv(row, index=False)
    publish(board, row, TASK, SET, MODEL)
    code, said = again(MODEL)
    assert (code, said["verdict"]) == (0, "within the interval")
    assert [one["material_id"] for one in said["moved"]] == [content.material_id[7]]
    assert said["moved"][0]["apart"] == pytest.approx(0.05)
    content[column] += 0.5
    content.to_csv(row, index=False)
    publish(board, row, TASK, SET, MODEL)
    code, said = again(MODEL)
    assert (code, said["verdict"], len(said["moved"])) == (1, "beyond the interval", 221)


def test_a_rerun_that_is_stopped_says_that_it_goes_on(row, command, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("matdisc.run.reproduce.run_resumable", stop)
    code, _, said = command(MODEL)
    assert code == 130
    assert "the same command goes on" in said


def test_a_larger_sample_asks_only_about_what_is_new(row, again, board):
    again(MODEL, "--sample", "5")
    record = board.runs_dir / "reproduced" / PLACE / "records.jsonl"
    first = record.read_bytes()
    again(MODEL, "--sample", "10")
    assert record.read_bytes().startswith(first)


def test_the_words_end_with_a_verdict(row, command):
    code, out, _ = command(MODEL, "-n", "5")
    assert code == 0
    assert out.splitlines()[-1] == "verdict: the same: every answer agrees within float noise"


def test_samples_are_whole_groups_and_of_few_folds_for_what_learns(board):
    samples = load(board, "elements").samples
    some = drawn(samples, 12, 0)
    assert len(some) == 15  # five candidates of each element
    assert {s.group for s in samples if s in some} == {s.group for s in some}
    assert drawn(samples, 12, 0) == some != drawn(samples, 12, 1)
    assert len({s.fold for s in drawn(samples, 12, 0, by_fold=True)}) == 1
    assert drawn(samples, None, 0) == samples


def test_a_row_that_came_as_a_file_cannot_be_run_again(row, again):
    row.rename(row.with_name(f"{MODEL}+mine.csv.gz"))
    code, said = again(f"{MODEL}+mine")
    assert code == 2
    assert "was submitted as a file" in said


def test_an_unknown_row_or_several_tables_are_said_with_the_remedy(row, again, board):
    code, said = again("dummy-men")
    assert code == 2
    assert f"did you mean {MODEL}?" in said
    assert again(MODEL, "-t", "discover")[1].startswith("error: task 'discover' does not exist")
    assert again(MODEL, "-d", "emt-alloy")[1].startswith("error: dataset 'emt-alloy' is not on the board")
    other = board.predictions_dir / "discovery" / "mp-abc3-cubic"
    other.mkdir(parents=True)
    shutil.copy(row, other)
    code, said = again(MODEL)
    assert code == 2
    assert "-t discovery -d emt-alloys; -t discovery -d mp-abc3-cubic" in said


def test_two_files_of_one_row_are_both_named(row, again):
    twin = row.with_name(f"{MODEL}.csv")
    pd.read_csv(row).to_csv(twin, index=False)
    code, said = again(MODEL)
    assert code == 2
    assert f"{twin} and {row} are both of the row '{MODEL}'" in said


def changed(path, change):
    """Write a JSON file anew, as `change` leaves its content."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda run: run.update(lock=["numpy"]), "field 'lock'"),
        (lambda run: run.update(lock={"numpy": 3}), "field 'lock.numpy'"),
        (lambda run: run.update(cost=5), "field 'cost'"),
        (lambda run: run["cost"].update(machines=["here"]), "field 'cost.machines.0'"),
        (lambda run: run.update(matdisc=[1]), "field 'matdisc'"),
        (lambda run: run.pop("model_sha256"), "field 'model_sha256' is missing"),
    ],
)
def test_a_damaged_record_of_a_run_is_named_with_field_and_remedy(row, again, change, field):
    beside = row.with_name(f"{MODEL}.run.json")
    changed(beside, change)
    code, said = again(MODEL, "-n", "5")
    assert code == 2
    assert said.startswith(f"error: {beside}: {field}")
    assert "run the model again" in said


def test_a_record_of_a_run_that_is_no_json_is_named(row, again):
    row.with_name(f"{MODEL}.run.json").write_text("{")
    code, said = again(MODEL, "-n", "5")
    assert code == 2
    assert f"{MODEL}.run.json: cannot be read" in said


def test_a_machine_that_says_little_is_unknown_hardware(row, again):
    changed(row.with_name(f"{MODEL}.run.json"), lambda run: run["cost"].update(machines=[{}]))
    code, said = again(MODEL, "-n", "5")
    assert code == 0
    assert next(one["row"] for one in said["conditions"] if one["name"] == "hardware") is None


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "matdisc.result/2", "metrics": 3}'])
def test_a_damaged_result_is_named_before_anything_is_run(row, again, board, text):
    (board.results_dir / TASK / SET / f"{MODEL}.json").write_text(text)
    code, said = again(MODEL, "-n", "5")
    assert code == 2
    assert f"{MODEL}.json: " in said
    assert "matdisc rescore" in said
    assert not (board.runs_dir / "reproduced").exists()


def test_the_interval_is_of_the_file_that_lies_there_and_not_of_an_older_one(row, again, board):
    old = json.loads((board.results_dir / TASK / SET / f"{MODEL}.json").read_text())["metrics"]["mae"]
    content = pd.read_csv(row)
    content["e_form_per_atom"] += 1
    content.to_csv(row, index=False)
    _, said = again(MODEL)
    mae = next(one for one in said["metrics"] if one["key"] == "mae")
    assert mae["row"] > old["high"]
    assert mae["verdict"] == "beyond the interval"


def test_a_row_without_an_answer_to_the_sample_is_named_before_anything_is_run(row, again, board):
    asked = {s.material_id for s in drawn(load(board, SET).samples, 5, 0)}
    content = pd.read_csv(row)
    content[~content.material_id.isin(asked)].to_csv(row, index=False)
    code, said = again(MODEL, "-n", "5")
    assert code == 2
    assert f"has none of the {len(asked)} materials drawn" in said
    assert not (board.runs_dir / "reproduced").exists()


@pytest.mark.parametrize("content", [b"\xff", b"numpy==1.0\nhello\n"])
def test_a_damaged_lock_is_named_with_the_remedy(row, again, board, content):
    again(MODEL, "-n", "5")
    (board.runs_dir / "reproduced" / PLACE / "packages.txt").write_bytes(content)
    code, said = again(MODEL, "-n", "5")
    assert code == 2
    assert "packages.txt" in said
    assert "remove" in said


def test_the_provenance_of_a_run_has_its_lock_commit_hashes_and_hardware(row, board):
    said = json.loads(row.with_name(f"{MODEL}.run.json").read_text())
    assert said["matdisc"] == __version__
    assert said["lock"]["ase"] == version("ase")
    assert {"numpy", "scipy", "pymatgen", "ray"} <= said["lock"].keys()
    assert said["cost"]["machines"][0]["cpu"]
    result = json.loads((board.results_dir / TASK / SET / f"{MODEL}.json").read_text())
    run = result["provenance"]["run"]
    assert run["lock"] == said["lock"]
    assert run["model_sha256"] == said["model_sha256"]
    assert "commit" in run


def test_a_run_that_computes_nothing_keeps_the_lock_of_its_answers(row, board):
    lock = board.runs_dir / PLACE / "packages.txt"
    lock.write_text("ase==0.1\n")
    predict(board, MODEL, TASK, SET, workers=0)
    assert json.loads(row.with_name(f"{MODEL}.run.json").read_text())["lock"] == {"ase": "0.1"}


def test_an_isolated_rerun_requires_what_the_row_had_where_it_differs_here(board):
    card = board.model("chgnet-0.3.0")
    lock = {"chgnet": "0.4.0", "ase": "3.0", "numpy": version("numpy"), "torch": "2.0.0+cpu", "ray": "1.0"}
    pinned = pinned_card(card, lock)
    assert set(pinned.requirements) == {"chgnet==0.4.0", "ase==3.0", "torch==2.0.0"}
    assert pinned_card(card, {}).requirements == card.requirements


@pytest.mark.parametrize("lock", [{"a b": "1.0"}, {"numpy": "--pre"}])
def test_a_lock_that_names_no_package_or_version_is_said(board, lock):
    with pytest.raises(RunError, match="mend `lock`"):
        pinned_card(board.model("chgnet-0.3.0"), lock)
