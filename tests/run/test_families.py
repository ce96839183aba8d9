"""Training a family by itself and on a board: folds, members, what is kept, what is refused, killed and taken up."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from matdisc.cli.train import app
from matdisc.datasets.load import load
from matdisc.datasets.splits import folds, split_hash
from matdisc.errors import CardError, DataError
from matdisc.models.families import saved
from matdisc.models.families.family import TARGET
from matdisc.models.load import Question
from matdisc.run.families import train

TOY = '''
import itertools, json, os, time
from pathlib import Path
import numpy as np
from matdisc.datasets.load import fold_of
from matdisc.models.families.family import predictor
from matdisc.schema import Crystal, Dataset, Sample

CUBE = ((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0))

def load(members=1, seed=0, epochs=0, trained_on=None):
    return predictor("toy", fit if not epochs else lambda t: slow(t, epochs), members=members, seed=seed, epochs=epochs)

def fit(training):
    """Least squares on compositions; each seed learns from labels that are off by a constant."""
    symbols = sorted({s for c in training.crystals for s in c.symbols})
    def rows(crystals):
        return np.array([[c.symbols.count(s) / len(c.symbols) for s in symbols] for c in crystals])
    w, *_ = np.linalg.lstsq(rows(training.crystals), training.energies + 0.01 * training.seed, rcond=None)
    return lambda crystals: rows(crystals) @ w

def slow(training, epochs):
    """A network that takes its time: 0.1 s an epoch, a checkpoint each."""
    import torch
    from matdisc.models.families.neural import Recipe, predict, train
    torch.manual_seed(training.seed)
    net = torch.nn.Sequential(torch.nn.Linear(94, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1), torch.nn.Flatten(0))
    from ase.data import atomic_numbers
    def table(crystals):
        t = torch.zeros(len(crystals), 94)
        for i, c in enumerate(crystals):
            for s in c.symbols:
                t[i, atomic_numbers[s] - 1] += 1 / len(c.symbols)
        return t
    x = table(training.crystals)
    def collate(places):
        time.sleep(float(os.environ.get("TOY_PAUSE", "0")))
        return x[places]
    scale = train(net, collate, training.energies, [c.chemical_system for c in training.crystals],
                  Recipe(epochs=epochs, every=1, batch=64), training.seed, training.folder)
    def model(crystals):
        y = table(crystals)
        return predict(net, lambda places: y[places], len(crystals), scale)
    return model

def build(card, files):
    """Compounds of metals and halogens, none of them in fold 0; energies add up over atoms, so that least squares is
    exact. All are stable."""
    metals, halogens = ("Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr"), ("F", "Cl", "Br", "I")
    worth = dict(zip((*metals, *halogens), np.linspace(-3, -1, 12)))
    samples = []
    for i, (a, x) in enumerate(itertools.product(metals, halogens)):
        c = Crystal((a, x), ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)), CUBE)
        group = c.chemical_system
        inputs = {"crystal": c, "compound": c.formula, "elements": tuple(c.composition), "prototype": f"AB, {i % 7}"}
        target = {"e_form_per_atom": float(worth[a] + worth[x]) / 2, "e_above_hull": 0.0}
        samples.append(Sample(c.formula, inputs, target, group, fold_of(group, 5)))
    return Dataset(card.key, tuple(samples))
'''
DATASET = """
key = "toy-salts"
title = "Salts"
summary = "Salts whose energies add up over atoms."
licence = "MIT"
citation = ["Nobody."]
level_of_theory = "toy"
tasks = ["discovery", "learning"]
builder = "toy_family:build"
n_samples = 32
on_request = true
columns = {}
[[files]]
name = "none.csv"
licence = "MIT"
sha256 = "fcf33dfbe13c2354bf0e1b063f9fb422747a46cee00b7420bceff2b81457b345"
[split]
kind = "folds"
by = "chemical system"
n_folds = 5
"""
PROTOCOLS = ("grouped-5", "grouped-5-tenth", "prototypes-5", "elements-5")


@pytest.fixture
def salts(board, tmp_path, monkeypatch):
    """A board with the toy dataset and family: `toy`, `toy-off` with a larger error, and `toy-slow`, a network."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "toy_family.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path / "code")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "code"))
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "cache"))
    for key, options in (("toy", "members = 2"), ("toy-off", "seed = 9"), ("toy-slow", "epochs = 30")):
        (board.models_dir / key).mkdir()
        (board.models_dir / key / "model.toml").write_text(
            f'key = "{key}"\nname = "{key}"\nversion = "1"\nkind = "predictor"\nsummary = "For tests."\n'
            f'gives = ["formation energy"]\nloader = "toy_family:load"\noptions = {{ {options} }}\n'
            '[licence]\ncode = "MIT"\n[[authors]]\nname = "Nobody"\n'
        )
    folder = board.datasets_dir / "toy-salts"
    folder.mkdir()
    (folder / "none.csv").write_text("none\n")
    (folder / "dataset.toml").write_text(DATASET.replace(', "learning"', ""))
    dataset = load(board, "toy-salts")
    hashes = "".join(f'{name} = "{split_hash(dataset, name)}"\n' for name in PROTOCOLS)
    (folder / "dataset.toml").write_text(DATASET + f"[splits]\n{hashes}")
    return board


def train_here(board, key="toy", **more):
    return train(board, key, "toy-salts", workers=0, **more)


def test_a_fold_learns_from_its_training_part_and_tells_the_error_of_the_ensemble(salts):
    """Labels of the second member are off by 0.01 eV/atom, so the mean of both is off by half of it."""
    (found,) = train_here(salts, fold="grouped-5/1")
    fold = next(fold for fold in folds(load(salts, "toy-salts"), "grouped-5") if fold.name == "1")
    assert (found.fold, found.n_learnt, found.n_tested) == ("grouped-5/1", len(fold.train), len(fold.test))
    assert found.n_answered == found.n_tested
    assert found.mae == pytest.approx(0.005)


def test_a_protocol_is_all_its_folds_and_the_whole_dataset_has_no_test(salts):
    assert [one.fold for one in train_here(salts, fold="prototypes-5")] == [
        f"prototypes-5/{fold.name}" for fold in folds(load(salts, "toy-salts"), "prototypes-5")
    ]
    (whole,) = train_here(salts)
    assert (whole.fold, whole.n_learnt, whole.n_tested) == ("all", 32, 0)
    assert np.isnan(whole.mae)


def test_elements_that_were_never_seen_are_not_answered(salts):
    for one in train_here(salts, fold="elements-5"):
        assert one.n_answered == 0
        assert np.isnan(one.mae)


def test_seed_and_number_of_members_are_the_users(salts):
    (found,) = train_here(salts, fold="grouped-5/1", members=1, seed=7)
    assert found.mae == pytest.approx(0.07)


def test_a_folder_predicts_again_what_it_predicted_without_its_dataset(salts, tmp_path):
    (found,) = train_here(salts, fold="grouped-5/2", out=tmp_path / "out")
    assert found.folder == tmp_path / "out" / "grouped-5" / "2"
    dataset = load(salts, "toy-salts")
    fold = next(fold for fold in folds(dataset, "grouped-5") if fold.name == "2")
    tested = [dataset.samples[i] for i in fold.test]
    answers = saved.load(str(found.folder))([], [s.without_target() for s in tested], Question("discovery", 0.0))
    errors = [abs(answer[TARGET] - s.target[TARGET]) for answer, s in zip(answers, tested, strict=True)]
    assert np.mean(errors) == pytest.approx(found.mae)
    about = json.loads((found.folder / "family.json").read_text())
    assert (about["model"], about["dataset"], about["fold"]) == ("toy", "toy-salts", "grouped-5/2")
    assert about["n_learnt"] == found.n_learnt


@pytest.mark.parametrize("harm", ["rows", "about", "nothing"])
def test_a_damaged_folder_is_named(salts, tmp_path, harm):
    (found,) = train_here(salts, fold="grouped-5/1", out=tmp_path / "out")
    if harm == "rows":
        rows = json.loads(gzip.decompress((found.folder / "rows.json.gz").read_bytes()))
        rows[0][1] += 1.0
        (found.folder / "rows.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode()))
    elif harm == "about":
        (found.folder / "family.json").write_text("{")
    where = tmp_path / "elsewhere" if harm == "nothing" else found.folder
    with pytest.raises(DataError, match=str(where)):
        saved.load(str(where))


@pytest.mark.parametrize(
    ("fold", "words"),
    [
        ("grouped-5-tenth", r"a family needs 10 crystals .* grouped-5-tenth/1 \(\d\)"),
        ("grouped-6", "no protocol 'grouped-6'; known: grouped-5, "),
        ("grouped-5/7", "'grouped-5' has no fold '7'; known: 1, 2, 3, 4"),
        ("held-out", "no protocol 'held-out'"),
    ],
)
def test_folds_that_cannot_be_trained_on_are_refused(salts, fold, words):
    with pytest.raises(DataError, match=words):
        train_here(salts, fold=fold)


def test_an_unknown_family_names_the_known_ones(salts):
    (salts.models_dir / "toy-in-place").mkdir()
    card = (salts.models_dir / "toy" / "model.toml").read_text().replace('key = "toy"', 'key = "toy-in-place"')
    card = card.replace("toy_family:load", "matdisc.models.families.toy:load")
    (salts.models_dir / "toy-in-place" / "model.toml").write_text(card)
    with pytest.raises(CardError, match=r"'cgnn' is no family; known: .*toy-in-place"):
        train_here(salts, "cgnn")


@pytest.mark.parametrize("key", ["emt", "dummy-mean"])
def test_a_model_that_learns_nothing_here_is_no_family(salts, key):
    with pytest.raises(CardError, match=f"model '{key}' is no family"):
        train_here(salts, key)


def test_rows_without_structures_are_refused(salts):
    with pytest.raises(DataError, match="rows without structures"):
        train(salts, "toy", "synthetic-miedema", workers=0)


def test_the_command_prints_a_line_a_fold_and_where_the_model_lies(salts, tmp_path):
    call = ["toy", "--dataset", "toy-salts", "--fold", "grouped-5", "--board", str(salts.root), "--workers", "0"]
    done = CliRunner().invoke(app, [*call, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert [line.split()[0] for line in done.stdout.splitlines() if "grouped-5/" in line.split()[0]] == [
        f"grouped-5/{i}" for i in range(1, 5)
    ]
    assert done.stdout.count("0.0050") == 4
    assert done.stdout.count("model:") == 4


def test_evaluation_finds_in_the_cache_what_was_trained_before(salts, tmp_path):
    from matdisc.run import predict

    train_here(salts, fold="grouped-5")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / "trained").rglob("*.json")}
    assert len(before) == 2 * 4
    predict(salts, "toy", "discovery", "toy-salts", workers=0)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / "trained").rglob("*.json")} == before


def test_a_board_trains_a_family_scores_and_compares_it(salts):
    """A tenth of 32 crystals is too little to learn from, and unseen elements have no answer. All crystals are stable,
    and all are predicted 5 meV/atom above the hull, so that none is called stable: F1 is undefined."""
    from matdisc.leaderboard.ranking import rank
    from matdisc.leaderboard.results import publish_new
    from matdisc.run import predict

    for key in ("toy", "toy-off"):
        for task in ("learning", "discovery"):
            predict(salts, key, task, "toy-salts", workers=0)
    for task in ("learning", "discovery"):
        publish_new(salts, task, "toy-salts")
    result = json.loads((salts.results_dir / "learning" / "toy-salts" / "toy.json").read_text())
    parts = {part["name"]: part["metrics"]["e_form_mae"]["value"] for part in result["secondary"]}
    assert result["metrics"]["e_form_mae"]["value"] == pytest.approx(0.005)
    assert parts["grouped-5-tenth"] is None
    assert parts["elements-5"] is None
    file = salts.predictions_dir / "learning" / "toy-salts" / "toy.csv.gz"
    with gzip.open(file, "rt") as stream:
        errors = {row["error"] for row in csv.DictReader(stream) if "grouped-5-tenth" in row["material_id"]}
    assert all("labelled crystals in the training part" in error for error in errors)
    (table, *_) = rank(salts, "learning", "toy-salts")["tables"]
    assert [row[0] for row in table["rows"]] == ["toy 1", "toy-off 1"]
    stability = json.loads((salts.results_dir / "discovery" / "toy-salts" / "toy.json").read_text())["metrics"]
    assert stability["mae"]["value"] == pytest.approx(0.005)
    assert stability["recall"]["value"] == 0.0
    assert stability["f1"]["value"] is None


def command(salts, *more, **environment):
    call = [sys.executable, "-m", "matdisc", "train", "toy-slow", "--dataset", "toy-salts", "--fold", "grouped-5/1"]
    call += ["--board", str(salts.root), "--workers", "0", *more]
    return subprocess.Popen(
        call, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=hear_interrupts,
    )  # fmt: skip


def hear_interrupts():
    """A test run in the background ignores Ctrl-C, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


SIDE_BY_SIDE = """
import json, sys
from pathlib import Path
from matdisc.board import Board
from matdisc.run.families import train

found = train(Board(Path(sys.argv[1])), "toy", "toy-salts", fold="grouped-5", workers=2)
print(json.dumps([[one.fold, one.mae] for one in found]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_training_that_was_stopped_ends_with_the_same_weights(salts, tmp_path, how):
    import torch

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert command(salts, "--out", str(whole)).wait(300) == 0
    run = command(salts, "--out", str(stopped), TOY_PAUSE="0.1")
    checkpoint = stopped / "grouped-5" / "1" / "seed-0" / "checkpoint.pt"
    deadline = time.monotonic() + 200
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    run.send_signal(how)
    _, said = run.communicate(timeout=100)
    assert run.returncode == (130 if how == signal.SIGINT else -how)
    if how == signal.SIGINT:
        assert "the same command goes on" in said.decode()
    assert checkpoint.exists()
    assert command(salts, "--out", str(stopped)).wait(300) == 0
    assert not checkpoint.exists()
    place = Path("grouped-5", "1", "seed-0", "weights.pt")
    first, second = (torch.load(folder / place, weights_only=True) for folder in (whole, stopped))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_folds_and_members_are_trained_side_by_side_with_the_same_values(salts):
    here = train_here(salts, fold="grouped-5")
    call = [sys.executable, "-c", SIDE_BY_SIDE, str(salts.root)]  # workers of a cluster that runs know no toy
    done = subprocess.run(call, capture_output=True, text=True, check=True, timeout=300)
    assert json.loads(done.stdout.splitlines()[-1]) == [[one.fold, one.mae] for one in here]
