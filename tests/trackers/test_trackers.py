"""Results at experiment trackers: what is logged, once, and that a tracker in trouble costs a warning alone."""

import json
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import matdisc
from matdisc.cli import main
from matdisc.datasets.load import load_any
from matdisc.errors import ExtraError, TrackerError, UnknownName
from matdisc.trackers import TrackedResult, send

RESULT = {
    "entry": "emt", "model": "emt", "task": "discovery", "dataset": "toy", "origin": "run", "flags": ["Few.", "Old."],
    "protocol": {"key": "relax", "help": "All."},
    "metrics": {"f1": {"value": 0.5, "low": 0.25, "high": 0.75}, "n": {"value": 4}, "daf": {"value": None}},
    "coverage": {"answered": 3, "expected": 4},
    "cost": {"cpu_hours": 0.5, "machines": [{"packages": {"ase": "3.29.0"}}]},
    "provenance": {"matdisc": "0.1.0", "dataset_sha256": "ab", "predictions_sha256": "cd"},
}  # fmt: skip
NOTEBOOK = """
from pathlib import Path

def log(result):
    with result.files() as files:
        names = ' '.join(path.name for path in files)
    with open({book!r}, 'a') as book:
        book.write(f'{{result.name}}: {{result.metrics["f1"]}} ({{names}})\\n')
    print('written to standard output')
    return 'page 1'

def burnt(result):
    raise OSError('the notebook\\nis burnt')

def unfinished(result):
    import paper_that_nobody_has
"""


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Install a package with three trackers, and return the file that the good one writes."""
    about = tmp_path / "notebook-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: notebook\nVersion: 1.0\n")
    points = "".join(f"{name} = paper_notebook:{name}\n" for name in ("log", "burnt", "unfinished"))
    (about / "entry_points.txt").write_text(f"[matdisc.trackers]\n{points}")
    (tmp_path / "paper_notebook.py").write_text(NOTEBOOK.format(book=str(tmp_path / "book")))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "book"
    sys.modules.pop("paper_notebook", None)


@pytest.fixture
def perfect(board, tmp_path):
    """A predictions file for EMT's own alloys, and how it is asked for."""
    file = tmp_path / "mine.csv"
    answers = ((s.material_id, s.target["e_form_per_atom"]) for s in load_any(board, "emt-alloys").samples)
    file.write_text("material_id,e_form_per_atom\n" + "".join(f"{name},{value}\n" for name, value in answers))
    return file


@pytest.fixture
def score(board, perfect, capsys, monkeypatch):
    """Return a function that scores the file with trackers, and returns exit code, output and messages."""

    def run(*trackers):
        options = [word for name in trackers for word in ("--tracker", name)]
        asked = ["score", str(perfect), "-t", "discovery", "-d", "emt-alloys", "--json", "--board", str(board.root)]
        monkeypatch.setattr("sys.argv", ["matdisc", *asked, *options])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, *capsys.readouterr()

    return run


def test_a_tracker_gets_names_values_and_the_ends_of_intervals_and_nothing_undefined():
    result = TrackedResult(RESULT)
    assert result.name == "emt on toy (discovery)"
    assert result.params == {
        "model": "emt", "entry": "emt", "task": "discovery", "dataset": "toy", "origin": "run", "protocol": "relax",
        "matdisc": "0.1.0", "dataset_sha256": "ab", "predictions_sha256": "cd", "version.ase": "3.29.0",
    }  # fmt: skip
    assert result.metrics == {
        "f1": 0.5, "f1.low": 0.25, "f1.high": 0.75, "n": 4, "coverage.answered": 3, "coverage.expected": 4,
        "cost.cpu_hours": 0.5,
    }  # fmt: skip
    assert result.tags == {"matdisc.result": result.sha256, "matdisc.flags": "Few.; Old."}


def test_equal_results_have_one_hash_and_others_have_another():
    assert TrackedResult(dict(reversed(RESULT.items()))).sha256 == TrackedResult(RESULT).sha256
    assert TrackedResult(RESULT | {"entry": "other"}).sha256 != TrackedResult(RESULT).sha256


def test_a_result_goes_to_the_tracker_of_another_package(score, book):
    code, printed, said = score("log", "log")
    assert code == 0
    assert json.loads(printed)["metrics"]["f1"]["value"] == 1.0
    assert book.read_text() == "predictions on emt-alloys (discovery): 1.0 (result.json mine.csv)\n"
    assert "log: page 1" in said


def test_a_tracker_that_fails_costs_a_warning_and_neither_the_result_nor_the_others(score, book):
    code, printed, said = score("burnt", "log", "unfinished")
    assert code == 0
    assert json.loads(printed)["metrics"]["f1"]["value"] == 1.0
    assert book.exists()
    assert "warning: tracker 'burnt' did not take the result" in said
    assert "OSError: the notebook is burnt; look after the tracker" in said
    assert "warning: tracker 'unfinished' needs the package 'paper_that_nobody_has'" in said


def test_a_tracker_that_nobody_brings_is_an_error_before_anything_is_scored(score, book):
    code, printed, said = score("mflow")
    assert (code, printed) == (2, "")
    assert "tracker 'mflow' is brought by no installed package; did you mean mlflow" in said


def test_from_python_a_tracker_is_a_name_or_a_function_and_its_errors_are_raised(perfect, book, board):
    result = matdisc.score(perfect, "discovery", "emt-alloys", board=board.root)
    assert (
        matdisc.track(result, lambda given: f"{given.metrics['f1']} of {given.predictions.name}") == "1.0 of mine.csv"
    )
    with pytest.raises(TrackerError, match="the notebook is burnt"):
        matdisc.track(result, "burnt")
    with pytest.raises(UnknownName, match="known: "):
        matdisc.track(result, "xyz")


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_tracker_of_ours_whose_package_is_missing_says_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ExtraError, match=rf"needs the package '{name}'.*pip install 'matdisc\[{name}\]'"):
        send(TrackedResult(RESULT), name)


@pytest.mark.slow
def test_every_run_of_an_evaluation_goes_to_the_tracker(board, book, monkeypatch, capsys):
    asked = ["evaluate", "emt", "-t", "polymorphs", "-d", "elements", "-w", "0", "--no-site", "--tracker", "log"]
    monkeypatch.setattr("sys.argv", ["matdisc", *asked, "--tracker", "burnt", "--board", str(board.root)])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    said = capsys.readouterr().err
    assert "emt on elements (polymorphs)" in book.read_text()
    assert "(result.json emt.csv.gz)" in book.read_text()
    assert said.count("log: page 1") == len(book.read_text().splitlines()) > 1
    assert said.count("is burnt") == 1


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """A real MLflow, whose store is a data base file and a folder here."""
    module = pytest.importorskip("mlflow")
    address = f"sqlite:///{tmp_path / 'runs.db'}"
    for name, value in (("MLFLOW_TRACKING_URI", address), ("MLFLOW_DISABLE_TELEMETRY", "true"), ("DO_NOT_TRACK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    monkeypatch.chdir(tmp_path)  # artifacts go to ./mlruns
    return module.MlflowClient(address)


def runs(client) -> list:
    return client.search_runs([client.get_experiment_by_name("matdisc").experiment_id])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of MLflow and its data base
def test_mlflow_has_a_result_once_with_values_parameters_tags_and_files(mlflow, tmp_path):
    (tmp_path / "emt.csv").write_text("material_id\n")
    result = TrackedResult(RESULT, tmp_path / "emt.csv")
    broken = TrackedResult(RESULT | {"entry": "other"}, tmp_path / "missing.csv")
    with pytest.raises(TrackerError, match=r"missing\.csv"):
        send(broken, "mlflow")
    first, again = send(result, "mlflow"), send(result, "mlflow")
    assert again == f"{first}, as before"
    done, failed = runs(mlflow)
    assert (done.info.status, failed.info.status) == ("FINISHED", "FAILED")
    assert done.info.run_id in first
    assert done.info.run_name == "emt on toy (discovery)"
    assert done.data.metrics == result.metrics
    assert done.data.params == result.params
    assert done.data.tags.items() >= result.tags.items()
    assert "matdisc.result" not in failed.data.tags
    kept = {file.path: file.file_size for file in mlflow.list_artifacts(done.info.run_id)}
    assert kept.keys() == {"emt.csv", "result.json"}
    assert json.loads((tmp_path / "mlruns").glob(f"*/{done.info.run_id}/artifacts/result.json").__next__().read_text())


class FakeWandb(ModuleType):
    """Stands in for Weights & Biases, which takes 140 MB: the calls that are made of it, with its own signatures."""

    def __init__(self, mode: str, *, key: bool) -> None:
        super().__init__("wandb")
        self.mode, self.key, self.calls = mode, key, []

    def setup(self):
        return SimpleNamespace(settings=SimpleNamespace(mode=self.mode))

    def login(self, *, prompt: bool) -> bool:
        assert not prompt
        return self.key

    def Settings(self, *, silent: bool):
        return {"silent": silent}

    def Artifact(self, name: str, type: str):
        return FakeArtifact(name, type, [])

    def init(self, **given):
        self.calls.append(given)
        return FakeRun(given["id"], self.calls)


@dataclass
class FakeArtifact:
    name: str
    type: str
    files: list[str]

    def add_file(self, path: str) -> None:
        self.files.append(Path(path).name)


class FakeRun(AbstractContextManager):
    url, dir = "https://wandb.example/run", "wandb/run"

    def __init__(self, id: str, calls: list) -> None:
        self.id, self.summary, self.calls = id, {}, calls

    def log_artifact(self, artifact: FakeArtifact) -> None:
        self.calls.append(artifact)

    def __exit__(self, *why) -> None:
        self.calls.append(self.summary)


def test_weights_and_biases_get_a_run_whose_id_is_the_results_hash(monkeypatch, tmp_path):
    wandb = FakeWandb("online", key=True)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    (tmp_path / "emt.csv").write_text("material_id\n")
    result = TrackedResult(RESULT, tmp_path / "emt.csv")
    assert send(result, "wandb") == f"run {result.sha256[:32]} at https://wandb.example/run"
    asked, files, summary = wandb.calls
    assert (asked["id"], asked["resume"], asked["project"]) == (result.sha256[:32], "allow", "matdisc")
    assert asked["config"] == result.params
    assert files.files == ["result.json", "emt.csv"]
    assert summary == result.metrics


def test_weights_and_biases_ask_nobody_for_a_key_and_need_none_offline(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", FakeWandb("online", key=False))
    with pytest.raises(TrackerError, match="run `wandb login`, or set WANDB_MODE=offline"):
        send(TrackedResult(RESULT), "wandb")
    monkeypatch.setitem(sys.modules, "wandb", FakeWandb("offline", key=False))
    assert send(TrackedResult(RESULT), "wandb").startswith("run ")
