"""`matdisc export`: what is written where, and what is refused."""

import json

import pytest

from matdisc.cli import main


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1769644800")

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["matdisc", "export", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, *capsys.readouterr()

    return run


def test_a_dataset_is_printed_with_the_day_of_the_build_and_the_same_bytes_each_time(run, board):
    code, first, _ = run("croissant", "emt-alloys", "--board", board.root)
    assert code == 0
    assert json.loads(first)["datePublished"] == "2026-01-29"
    assert run("croissant", "emt-alloys", "--board", board.root)[1] == first


def test_all_datasets_go_beside_their_cards(run, board):
    assert run("croissant", "--out", board.datasets_dir, "--board", board.root)[0] == 0
    for key in board.dataset_keys():
        found = json.loads((board.datasets_dir / key / "croissant.json").read_text(encoding="utf-8"))
        assert found["alternateName"] == key
    assert board.dataset("emt-alloys").key == "emt-alloys"


def test_all_datasets_need_a_folder(run, board):
    code, _, said = run("croissant", "--board", board.root)
    assert (code, "name a folder with --out" in said) == (2, True)


def test_a_file_that_is_not_what_the_card_says_is_exported_nowhere(run, board, tmp_path):
    table = board.datasets_dir / "emt-alloys" / "minima.csv"
    table.write_text(table.read_text() + "x\n")
    for words in (["hugging-face", "--dataset", "emt-alloys"], ["croissant", "emt-alloys"]):
        code, _, said = run(*words, "--out", tmp_path / "out", "--board", board.root)
        assert (code, "the card says" in said) == (2, True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["https://lab.example/{name}/", "files/{", "{key}/{}"])
def test_an_unknown_placeholder_of_an_address_is_refused(run, board, place):
    code, _, said = run("croissant", "emt-alloys", "--files-at", place, "--board", board.root)
    assert (code, "its only placeholder is {key}" in said) == (2, True)


@pytest.mark.parametrize(
    ("place", "address"),
    [
        ("https://lab.example/{key}", "https://lab.example/emt-alloys/minima.csv"),
        ("https://lab.example/?file=", "https://lab.example/?file=minima.csv"),
        ("", "minima.csv"),
    ],
)
def test_a_folder_of_files_needs_no_slash(run, board, place, address):
    _, text, _ = run("croissant", "emt-alloys", "--files-at", place, "--board", board.root)
    assert address in [one["contentUrl"] for one in json.loads(text)["distribution"]]


def test_a_board_without_datasets_has_nothing_to_describe(run, tmp_path):
    for folder in ("models", "datasets"):
        (tmp_path / folder).mkdir()
    code, _, said = run("croissant", "--out", tmp_path / "out", "--board", tmp_path)
    assert (code, "has no datasets" in said) == (2, True)


def test_a_dataset_of_the_hub_has_its_card_benchmark_and_tables(run, board, tmp_path):
    out = tmp_path / "hub"
    for _ in range(2):  # what it wrote itself it may write anew
        assert run("hugging-face", "--dataset", "emt-alloys", "--out", out, "--board", board.root)[0] == 0
    assert {path.name for path in out.iterdir()} == {"README.md", "eval.yaml", "crystals.csv", "minima.csv"}
    assert (out / "minima.csv").read_bytes() == (board.datasets_dir / "emt-alloys" / "minima.csv").read_bytes()


@pytest.mark.parametrize(("key", "noted"), [("wbm", True), ("emt-alloys", False)])
def test_a_note_says_where_the_hub_gets_no_table(run, board, tmp_path, key, noted):
    code, _, said = run("hugging-face", "--dataset", key, "--out", tmp_path / "hub", "--board", board.root)
    assert (code, "no table lies beside the card" in said) == (0, noted)


def test_a_readme_of_somebody_else_is_not_overwritten(run, board, tmp_path):
    (tmp_path / "README.md").write_text("Precious.")
    code, _, said = run("hugging-face", "--dataset", "emt-alloys", "--out", tmp_path, "--board", board.root)
    assert (code, "written by somebody else" in said) == (2, True)
    assert (tmp_path / "README.md").read_text() == "Precious."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--model KEY or --dataset KEY"),
        (["--model", "emt", "--dataset", "emt-alloys"], "--model KEY or --dataset KEY"),
        (["--model", "emt"], "give --namespace"),
        (["--model", "nobody", "--namespace", "lab"], "model 'nobody' is not on the board"),
    ],
)
def test_what_the_hub_cannot_have_is_refused(run, board, tmp_path, arguments, said):
    code, _, error = run("hugging-face", *arguments, "--out", tmp_path / "hub", "--board", board.root)
    assert (code, said in error) == (2, True)
    assert not (tmp_path / "hub").exists()


def test_a_model_without_results_is_a_card_alone(run, board, tmp_path):
    out = tmp_path / "hub"
    assert run("hugging-face", "--model", "emt", "--namespace", "lab", "--out", out, "--board", board.root)[0] == 0
    assert [path.name for path in out.iterdir()] == ["README.md"]


def test_a_schema_is_printed_and_all_are_written(run, tmp_path):
    listed = run("schema")[1].split()
    assert "predictions-discovery" in listed
    assert run("schema", "--out", tmp_path)[0] == 0
    assert {path.stem for path in tmp_path.iterdir()} == set(listed)
    assert run("schema", "model-card")[1] == (tmp_path / "model-card.json").read_text(encoding="utf-8")
