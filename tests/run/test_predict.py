"""Runs in this process: every material ends with a name, nothing is asked twice, no label reaches a model."""

import sys

import pytest

from matdisc.cli import main
from matdisc.datasets import load
from matdisc.errors import CardError, RunError
from matdisc.run import entry_key, predict
from matdisc.run.predict import provenance_path
from matdisc.tasks import TASKS

SET = "emt-alloys"


def rows_of(run, task="discovery"):
    return {p.material_id: p for p in TASKS[task].scoring.read(run.out).rows}


def test_the_potential_that_made_the_labels_reproduces_them(board):
    run = predict(board, "emt", "discovery", SET, limit=25, workers=0)
    truth = {s.material_id: s.target["e_form_per_atom"] for s in load(board, SET).samples[:25]}
    found = rows_of(run)
    assert list(found) == list(truth)
    assert run.counts == {"ok": 25}
    for key, e_form in truth.items():
        assert found[key].values["e_form_per_atom"] == pytest.approx(e_form, abs=1e-8)


def test_the_same_command_again_asks_nothing(board):
    first = predict(board, "emt", "discovery", SET, limit=5, workers=0)
    before = first.out.read_bytes()
    again = predict(board, "emt", "discovery", SET, limit=5, workers=0)
    assert (again.computed, again.reused) == (0, 5)
    assert again.out.read_bytes() == before
    more = predict(board, "emt", "discovery", SET, limit=7, workers=0)
    assert (more.computed, more.reused) == (2, 5)


@pytest.mark.parametrize(
    ("how", "said"),
    [("raise", "RuntimeError: this potential does not like you"), ("nan", "not finite"), ("shape", "")],
)
def test_a_material_that_breaks_a_potential_costs_that_material_alone(board, add_toy, how, said):
    key = add_toy("broken", "misbehaving", how=how, symbol="Au")
    run = predict(board, key, "discovery", SET, limit=40, workers=0, protocol="relax")
    found = rows_of(run)
    gold = {s.material_id for s in load(board, SET).samples[:40] if "Au" in s.crystal.symbols}
    assert 0 < len(gold) < 40
    assert {k for k, p in found.items() if p.status == "failed"} == gold
    assert all(said in found[key].error for key in gold)


@pytest.mark.slow
def test_a_material_that_hangs_is_timed_out_and_the_next_is_asked(board, add_toy):
    key = add_toy("sleepy", "misbehaving", how="sleep", symbol="Au")
    run = predict(board, key, "discovery", SET, limit=12, workers=0, timeout=0.5)
    gold = {s.material_id for s in load(board, SET).samples[:12] if "Au" in s.crystal.symbols}
    found = rows_of(run)
    assert gold
    assert {k for k, p in found.items() if p.status == "timed_out"} == gold
    assert all("0.5 s" in found[key].error for key in gold)


def test_an_element_that_a_card_does_not_list_is_a_declared_answer(board):
    run = predict(board, "emt", "polymorphs", "elements", workers=0)
    statuses = {p.material_id.split("-")[0]: p.status for p in rows_of(run, "polymorphs").values()}
    assert statuses["Cu"] == "ok"
    assert statuses["Fe"] == "unsupported"
    assert "Fe" in rows_of(run, "polymorphs")["Fe-bcc"].error


def test_no_label_and_no_sibling_reaches_a_predictor(board, add_toy):
    key = add_toy("peeking", "peeking", kind="predictor")
    for task, dataset in (("discovery", SET), ("polymorphs", "elements"), ("polymorphs", "octet-binaries")):
        run = predict(board, key, task, dataset, workers=0)
        assert set(run.counts) == {"ok"}, next(iter(rows_of(run, task).values())).error


def test_permuted_labels_of_scored_materials_change_no_answer(board, monkeypatch):
    from dataclasses import replace

    honest = rows_of(predict(board, "composition-rf", "discovery", SET, workers=0))
    dataset = load(board, SET)
    turned = [replace(s, target=t.target) for s, t in zip(dataset.samples, dataset.samples[::-1], strict=True)]
    monkeypatch.setattr("matdisc.run.inputs.load", lambda *a: replace(dataset, samples=tuple(turned)))
    again = rows_of(predict(board, "composition-rf", "discovery", SET, workers=0, restart=True))
    assert {k: p.values for k, p in honest.items()} == {k: p.values for k, p in again.items()}


def test_own_runs_say_where_they_come_from(board):
    import json

    run = predict(board, "emt", "discovery", SET, limit=2, workers=0, protocol="single-point")
    said = json.loads(provenance_path(run.out).read_text())
    assert said["entry"] == run.entry == "emt+single-point"
    assert said["protocol"] == "single-point"
    assert said["dataset_sha256"] == board.dataset(SET).sha256


def test_the_card_s_own_protocol_needs_no_suffix(board):
    card = board.model("chgnet-0.3.0")
    assert entry_key(card, None) == entry_key(card, "relax") == "chgnet-0.3.0"
    assert entry_key(card, "single-point") == "chgnet-0.3.0+single-point"


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("emtt", "discovery", SET), CardError, "did you mean emt"),
        (("emt", "alchemy", SET), CardError, "tasks: discovery, polymorphs"),
        (("emt", "polymorphs", SET), CardError, "has no task 'polymorphs'"),
        (("emt", "discovery", "nowhere"), CardError, "not on the board"),
        pytest.param(("emt", "discovery", "mp-abc3-cubic"), RunError, "own scale", marks=pytest.mark.mirror),
        (("dummy-mean", "discovery", SET, "relax"), CardError, "has no protocol"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(board, arguments, error, said):
    *keys, protocol = arguments if len(arguments) == 4 else (*arguments, None)
    with pytest.raises(error, match=said):
        predict(board, *keys, protocol=protocol, workers=0)
    assert not board.runs_dir.exists()


def test_an_output_of_another_kind_is_refused(board, tmp_path):
    with pytest.raises(RunError, match=r"\.csv or \.csv\.gz"):
        predict(board, "emt", "discovery", SET, limit=2, workers=0, out=tmp_path / "x.parquet")


def hopeless(**options):
    """A loader of EMT that breaks on everything but what it is told to spare."""
    from ase.calculators.emt import EMT

    class Hopeless(EMT):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            if options.get("spared") not in self.atoms.get_chemical_symbols():
                raise ValueError("bad weather")

    return Hopeless()


def answers_nothing(**options):
    def answers(train, asked, question):
        sys.exit("no more")

    return answers


def change_loader(board, key, loader):
    path = board.models_dir / key / "model.toml"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(f'loader = "{__name__}:{loader}"\n' if x.startswith("loader") else x for x in lines))


@pytest.mark.parametrize(
    ("key", "loader", "said"),
    [("emt", "hopeless", "ValueError: bad weather"), ("dummy-mean", "answers_nothing", "SystemExit: no more")],
)
def test_a_run_without_a_single_answer_replaces_nothing(board, tmp_path, key, loader, said):
    protocol = "single-point" if key == "emt" else None
    good = predict(board, key, "discovery", SET, workers=0, protocol=protocol)
    before = good.out.read_bytes(), provenance_path(good.out).read_bytes()
    change_loader(board, key, loader)
    for out in (None, tmp_path / "mine.csv"):
        bad = predict(board, key, "discovery", SET, workers=0, protocol=protocol, restart=True, out=out)
        n = len(load(board, SET).samples)
        assert bad.counts == {"failed": n}
        assert bad.trouble == f"all {n} materials failed, each with: {said}"
        assert bad.out.parent == bad.record.parent
        assert {p.error for p in rows_of(bad).values()} == {said}
    assert (good.out.read_bytes(), provenance_path(good.out).read_bytes()) == before
    assert not (tmp_path / "mine.csv").exists()


def test_one_answer_makes_a_run(board):
    change_loader(board, "emt", "hopeless")
    path = board.models_dir / "emt" / "model.toml"
    path.write_text(path.read_text().replace("protocol", 'options = { spared = "Pt" }\nprotocol'))
    run = predict(board, "emt", "discovery", SET, workers=0, protocol="single-point")
    assert run.counts["ok"] > 0 < run.counts["failed"]
    assert run.trouble == ""
    assert run.out.parent == board.predictions_dir / "discovery" / SET


def test_a_model_that_supports_nothing_has_not_failed(board):
    path = board.models_dir / "emt" / "model.toml"
    path.write_text(path.read_text().replace("elements", 'elements = ["Fe"]\n_').replace('\n_ = ["Al"', "\n#"))
    run = predict(board, "emt", "discovery", SET, limit=3, workers=0)
    assert (run.counts, run.trouble) == ({"unsupported": 3}, "")


def ended(monkeypatch, board, *arguments):
    monkeypatch.setattr(sys, "argv", ["matdisc", *arguments, "--board", str(board.root)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def test_the_exit_code_tells_whether_there_is_an_answer(board, monkeypatch, capsys):
    asked = ("-d", SET, "-w", "0", "--protocol", "single-point")
    assert ended(monkeypatch, board, "predict", "emt", "discovery", *asked, "--limit", "3") == 0
    (board.models_dir / "a-bad").mkdir()
    card = (board.models_dir / "emt" / "model.toml").read_text().replace('key = "emt"', 'key = "a-bad"')
    (board.models_dir / "a-bad" / "model.toml").write_text(card)
    change_loader(board, "a-bad", "hopeless")
    assert ended(monkeypatch, board, "predict", "a-bad", "discovery", *asked, "--limit", "3") == 1
    assert "error: all 3 materials failed, each with: ValueError: bad weather" in capsys.readouterr().err
    assert ended(monkeypatch, board, "evaluate", "a-bad", "emt", "-t", "discovery", "--no-site", *asked) == 1
    said = capsys.readouterr().err
    assert "not published: a-bad+single-point on emt-alloys (discovery): all" in said
    assert "error: 1 of 5 runs gave no answer at all" in said
    assert (board.results_dir / "discovery" / SET / "emt+single-point.json").exists()
    assert not list(board.root.glob("leaderboard/**/a-bad*"))


def test_what_ran_out_of_time_is_asked_again_when_there_is_more_of_it(board, add_toy):
    key = add_toy("slow", "slow_emt", seconds=0.2)
    short = predict(board, key, "discovery", SET, limit=2, workers=0, timeout=0.05)
    assert short.counts == {"timed_out": 2}
    same = predict(board, key, "discovery", SET, limit=2, workers=0, timeout=0.05)
    less = predict(board, key, "discovery", SET, limit=2, workers=0, timeout=0.01)
    assert (same.computed, less.computed) == (0, 0)
    more = predict(board, key, "discovery", SET, limit=2, workers=0, timeout=60.0)
    assert (more.computed, more.counts) == (2, {"ok": 2})
    again = predict(board, key, "discovery", SET, limit=2, workers=0, timeout=0.05)
    assert (again.computed, again.counts) == (0, {"ok": 2})
