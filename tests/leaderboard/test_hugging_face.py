"""Repositories for the Hub: what stands in them is what cards and results say, in the forms that the Hub reads."""

from pathlib import Path

import pytest
import yaml

from matdisc.board import Board
from matdisc.errors import CardError
from matdisc.leaderboard.export.hugging_face import check_namespace, dataset_files, model_files
from matdisc.leaderboard.schema.result import Result

BOARD = Board(Path(__file__).parents[2])
EMT = BOARD.model("emt")


def result(entry="emt", f1=0.5, **more):
    metrics = {"f1": {"value": f1, "low": 0.25, "high": 0.75}}
    content = {"entry": entry, "model": "emt", "task": "discovery", "dataset": "emt-alloys", "n": 221} | more
    return Result.model_validate({"metrics": metrics, **content})


def front_matter(readme):
    return yaml.safe_load(readme.split("---\n")[1])


def files(*results):
    return model_files(EMT, results, {"emt-alloys": "Ordered alloys"}, "my-group")


def test_each_result_is_a_file_and_a_row_of_the_card():
    found = files(result(), result("emt+single-point", 0.25))
    assert list(found)[1:] == [
        ".eval_results/discovery--emt-alloys.yaml",
        ".eval_results/discovery--emt-alloys--single-point.yaml",
    ]
    assert yaml.safe_load(found[".eval_results/discovery--emt-alloys--single-point.yaml"]) == [
        {
            "dataset": {"id": "my-group/emt-alloys", "task_id": "discovery"},
            "value": 0.25,
            "evaluation_framework": "matdisc",
            "notes": "F1 (higher is better); single-point",
        }
    ]
    index = front_matter(found["README.md"])["model-index"][0]["results"]
    assert [row["metrics"][0]["value"] for row in index] == [0.5, 0.25]
    assert "| Discovery | Ordered alloys | single-point | F1 | 0.250 | 0.250–0.750 | 221 |" in found["README.md"]


def test_an_undefined_value_is_no_result():
    assert list(files(result(f1=None))) == ["README.md"]
    assert "model-index" not in front_matter(files(result(f1=None))["README.md"])


def test_the_first_table_of_a_dataset_is_the_configuration_that_its_benchmark_names():
    found = dataset_files(BOARD.dataset("emt-alloys"))
    head = front_matter(found["README.md"])
    assert (head["license"], head["size_categories"]) == ("mit", ["n<1K"])
    assert head["configs"][0] == {
        "config_name": "default",
        "data_files": [{"split": "test", "path": "crystals.csv"}],
    }
    benchmark = yaml.safe_load(found["eval.yaml"])
    assert benchmark["tasks"][0] == {"id": "discovery", "config": "default", "split": "test"}
    assert benchmark["evaluation_framework"] == "matdisc"


@pytest.mark.parametrize("namespace", ["", "a/b", "-lab", "lab-", "x" * 41, "a b"])
def test_a_name_that_no_account_can_have_is_refused(namespace):
    with pytest.raises(CardError, match="--namespace"):
        check_namespace(namespace)


def test_the_hubs_own_library_reads_all_of_it():
    hub = pytest.importorskip(
        "huggingface_hub", reason="huggingface_hub is no requirement of matdisc", minversion="1.5"
    )
    found = files(result(), result("emt+single-point", 0.25))
    model = hub.ModelCard(found["README.md"])
    assert {(row.dataset_type, row.metric_value) for row in model.data.eval_results} == {
        ("my-group/emt-alloys", 0.5),
        ("my-group/emt-alloys", 0.25),
    }
    for path, text in found.items():
        if path.startswith(".eval_results/"):
            (entry,) = hub.parse_eval_result_entries(yaml.safe_load(text))
            assert (entry.dataset_id, entry.task_id) == ("my-group/emt-alloys", "discovery")
    assert hub.DatasetCard(dataset_files(BOARD.dataset("emt-alloys"))["README.md"]).data.license == "mit"
