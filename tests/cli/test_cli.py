"""The command line as a user meets it: exit codes, words, and nothing half-written."""

import json
from typing import NamedTuple

import pytest

from matdisc.cli import main


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(board, capsys, monkeypatch):
    """Call the command line in this process: a new one would read its imports for a second."""

    def run(*arguments, ok=True, home=True):
        where = ["--board", str(board.root)] if home else []
        monkeypatch.setattr("sys.argv", ["matdisc", *arguments, *where])
        with pytest.raises(SystemExit) as end:
            main()
        done = Done(end.value.code or 0, *capsys.readouterr())
        assert "Traceback" not in done.stderr, done.stderr
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done

    return run


@pytest.mark.slow
def test_a_new_user_gets_from_an_empty_folder_to_a_site(tmp_path, run):
    root = str(tmp_path / "mine")
    run("init", root, home=False)
    # Single points: to relax 174 structures takes half a minute.
    done = run("evaluate", "emt", "-d", "emt-alloys", "--protocol", "single-point", "-w", "0", "-b", root, home=False)
    led = [line.split(":")[0] for line in done.stdout.splitlines() if "leaders by" in line]
    assert led == ["discovery", "relaxation"]
    assert "emt" in done.stdout
    assert (tmp_path / "mine" / "leaderboard" / "_site" / "index.html").exists()


def test_predict_check_and_score_fit_together(run, board):
    done = run("predict", "emt", "discovery", "-d", "emt-alloys", "-w", "0")
    file = done.stdout.split("predictions: ")[1].strip()
    assert "can be scored" in run("check", file, "-t", "discovery", "-d", "emt-alloys").stdout
    result = json.loads(run("score", file, "-t", "discovery", "-d", "emt-alloys", "--json").stdout)
    assert result["metrics"]["f1"]["value"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict", "nobody", "discovery", "-d", "emt-alloys"], "model 'nobody' is not on the board"),
        (["predict", "emt", "alchemy", "-d", "emt-alloys"], "task 'alchemy' does not exist"),
        (["predict", "emt", "discovery", "-d", "nowhere"], "dataset 'nowhere' is not on the board"),
        (["predict", "emt", "discovery", "-d", "emt-alloys", "--protocol", "prayer"], "'prayer' is no protocol"),
        (["predict", "emt", "discovery", "-d", "emt-alloys", "-w", "-1"], "Invalid value for '--workers'"),
        (["check", "none.csv", "-t", "discovery", "-d", "emt-alloys"], "none.csv: no such file"),
        (["evaluate", "-t", "alchemy"], "task 'alchemy' does not exist"),
        (["models", "show", "nobody"], "not on the board"),
    ],
)
def test_a_user_s_error_ends_with_code_two_and_a_sentence(run, board, arguments, said):
    done = run(*arguments, ok=False)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert not board.runs_dir.exists()


def test_a_name_with_html_in_it_is_counted_as_an_unknown_id(run, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text('material_id,e_form_per_atom\n"<script>alert(1)</script>",-1\n')
    done = run("score", str(path), "-t", "discovery", "-d", "emt-alloys", ok=False)
    assert done.returncode == 2
    assert "1 material ids are not among the" in done.stderr


def test_a_folder_without_a_board_is_explained(run, tmp_path):
    done = run("models", "list", "--board", str(tmp_path), home=False, ok=False)
    assert (done.returncode, "matdisc init" in done.stderr) == (2, True)


def test_every_embedded_dataset_verifies(run):
    done = run("datasets", "verify", "elements", "octet-binaries", "emt-alloys")
    assert "WRONG" not in done.stdout


@pytest.mark.slow
def test_a_tampered_table_is_found(run, board):
    path = board.datasets_dir / "emt-alloys" / "crystals.csv"
    path.write_bytes(path.read_bytes().replace(b"-0.1", b"-0.2", 1))
    done = run("datasets", "verify", "emt-alloys", ok=False)
    assert done.returncode == 1
    assert "WRONG" in done.stdout
    assert "sha256" in run("predict", "emt", "discovery", "-d", "emt-alloys", "-w", "0", ok=False).stderr


def test_cards_are_checked_one_by_one(run, board):
    path = board.models_dir / "emt" / "model.toml"
    path.write_text(path.read_text().replace('protocol = "relax"', 'protocol = "guess"'))
    done = run("models", "check", ok=False)
    assert done.returncode == 2
    assert "field 'protocol' is 'guess'; allowed: 'relax', 'relax-fast' or 'single-point'" in done.stderr
    assert "model chgnet-0.3.0: fine" in done.stdout


@pytest.mark.parametrize(
    "command", ["predict", "evaluate", "check", "score", "submit", "rescore", "accept", "init", "compare"]
)
def test_every_help_text_has_an_example(run, command):
    assert "Example: matdisc" in " ".join(run(command, "--help", home=False).stdout.split())


@pytest.mark.slow
def test_two_models_are_compared_with_a_verdict(run):
    asked = ("-d", "emt-alloys", "-w", "0", "--no-site")
    run("evaluate", "emt", "composition-rf", "-t", "discovery", *asked)
    run("evaluate", "emt", "-t", "relaxation", "--protocol", "single-point", *asked)  # relaxing takes half a minute
    done = run("compare", "emt", "composition-rf", "-d", "emt-alloys")
    assert "verdict: the difference in F1 is real at the 5 % level; emt is ahead" in done.stdout
    found = json.loads(run("compare", "emt", "composition-rf", "--json").stdout)
    assert [c["dataset"] for c in found] == ["emt-alloys"]
    assert run("rescore", "--check").stdout.count(": same") == 7


@pytest.mark.slow
def test_the_published_procedure_is_for_wbm(run, board):
    file = run("predict", "emt", "discovery", "-d", "emt-alloys", "-w", "0").stdout.split("predictions: ")[1].strip()
    done = run("score", file, "-t", "discovery", "-d", "emt-alloys", "--compat", "matbench-discovery", ok=False)
    assert (done.returncode, "is none of WBM" in done.stderr) == (2, True)
    assert "known: matbench-discovery" in " ".join(
        run("score", file, "-t", "discovery", "-d", "emt-alloys", "--compat", "x", ok=False).stderr.split()
    )


@pytest.mark.slow
def test_input_columns_that_hold_labels_are_named_with_code_one(run, board, tmp_path):
    file = run("predict", "emt", "discovery", "-d", "emt-alloys", "-w", "0").stdout.split("predictions: ")[1].strip()
    table = tmp_path / "features.csv"
    table.write_text("material_id,mean_radius,e_above_hull\n")
    done = run("check", file, "-t", "discovery", "-d", "emt-alloys", "--features", str(table), ok=False)
    assert done.returncode == 1
    assert "forbidden input: e_above_hull" in done.stdout


@pytest.mark.slow
def test_a_relaxation_goes_from_starts_to_a_score(run, tmp_path):
    starts = tmp_path / "starts.jsonl"
    assert "61 structures" in run("datasets", "structures", "octet-binaries", "--out", str(starts)).stdout
    where = (str(starts), "--task", "relaxation", "--dataset", "octet-binaries")
    assert "answered: 61 of 61" in run("check", *where).stdout
    assert "rmsd" in run("score", *where).stdout
    assert "symprec 1e-2" in run("score", *where, "--compat", "matbench-discovery").stdout
