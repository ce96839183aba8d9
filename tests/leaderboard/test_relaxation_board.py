"""Relaxations on the board: scored, ranked with the lowest RMSD first, compared, submitted, and shown."""

import gzip
import json
import re

import numpy as np
import pytest

from matdisc import predictions
from matdisc.datasets import load
from matdisc.datasets.relaxation_starts import perturbed, relaxation_starts
from matdisc.errors import CardError, DataError, SubmissionError
from matdisc.formats.crystal_json import from_json, to_json
from matdisc.leaderboard import site
from matdisc.leaderboard.compare import compare
from matdisc.leaderboard.ranking import rank, write_ranking
from matdisc.leaderboard.results import compat_file, publish, rescore, score_file
from matdisc.leaderboard.submit import submit
from matdisc.run import predict
from matdisc.schema import Prediction
from matdisc.tasks.inputs import write_inputs

SET = "octet-binaries"
CARD = """
key = "{key}"
name = "Outsider {key}"
version = "2"
kind = "potential"
summary = "Somebody else's model."
gives = ["energy", "forces", "stress"]
protocol = "relax"
level_of_theory = "PBE"
energy_scale = "pbe_raw"
[licence]
code = "MIT"
[[authors]]
name = "Somebody Else"
"""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path_factory.getbasetemp() / "compared-once"))


@pytest.fixture
def asked(board):
    return relaxation_starts(board.dataset(SET), load(board, SET))


@pytest.fixture
def outsider(board, asked, tmp_path):
    """Submit references that are off by a scale and a rattle: `outsider("name", scale, rattle)`."""

    def add(key, scale, rattle, drop=0, **options):
        rows = [
            Prediction(name, {"fmax": 0.02}, structure=perturbed(c, scale=scale, rattle=rattle, seed=7, name=name))
            for name, c in list(asked.relaxed.items())[drop:]
        ]
        predictions.write(tmp_path / f"{key}.csv.gz", rows, ["fmax"])
        (tmp_path / f"{key}.toml").write_text(CARD.format(key=key))
        return submit(board, tmp_path / f"{key}.csv.gz", tmp_path / f"{key}.toml", "relaxation", SET, **options).result

    return add


@pytest.mark.slow
def test_a_row_that_is_nearer_to_the_reference_ranks_first(board, outsider):
    near, far = outsider("near", 1.01, 0.01), outsider("far", 0.98, 0.04)
    assert near["metrics"]["rmsd"]["value"] < far["metrics"]["rmsd"]["value"] < far["baseline"]["rmsd"]
    assert near["metrics"]["volume_error"]["value"] == pytest.approx(100 * (1.01**3 - 1))
    assert near["metrics"]["rmsd"]["low"] < near["metrics"]["rmsd"]["value"] < near["metrics"]["rmsd"]["high"]
    found = rank(board, "relaxation", SET)
    ranks = dict(zip(found["entries"], found["metrics"]["rmsd"]["rank"], strict=True))
    assert ranks == {"near": 1, "far": 2}
    assert found["metrics"]["symmetry_match_loose"]["rank"] != []


@pytest.mark.slow
def test_two_relaxations_are_compared_by_pairs(board, outsider):
    outsider("near", 1.01, 0.01)
    outsider("far", 0.98, 0.04)
    found = compare(board, "near", "far", "relaxation", SET)
    assert found["differences"]["rmsd"]["value"] < 0
    assert found["differences"]["rmsd"]["p_value"] < 0.05
    assert found["flips"]["lost"] + found["flips"]["gained"] == sum(
        found["mcnemar"][key] for key in ("only_first", "only_second")
    )
    assert "e_above_hull" not in found["flips"]


def test_leaving_out_a_material_costs_an_rmsd_of_one(outsider):
    whole, part = outsider("near", 1.0, 0.0), outsider("near", 1.0, 0.0, drop=6, replace=True)
    assert whole["metrics"]["rmsd"]["value"] == 0
    assert part["metrics"]["rmsd"]["value"] == pytest.approx(6 / 61)
    assert part["bounds"]["complete_case"]["rmsd"] == 0
    assert part["metrics"]["symmetry_match"]["value"] == pytest.approx(55 / 61)
    assert part["coverage"]["absent"] == 6


def test_by_the_other_boards_rules_missing_materials_cost_nothing(board, outsider, tmp_path):
    part = outsider("near", 1.0, 0.0, drop=6)
    compat = compat_file(board, tmp_path / "near.csv.gz", "relaxation", SET)
    assert compat["symprec 1e-2"]["rmsd"] == 0 < part["metrics"]["rmsd"]["value"]
    assert compat["symprec 1e-5"]["symmetry_match"] == 1 > part["metrics"]["symmetry_match_tight"]["value"]
    assert compat["symprec 1e-2"]["n_structures"] == 55


def test_the_dummy_row_scores_the_trivial_values(board):
    run = predict(board, "dummy-unrelaxed", "relaxation", SET, workers=0)
    result = publish(board, run.out, "relaxation", SET, run.entry)
    for key, value in result["baseline"].items():
        assert result["metrics"][key]["value"] == pytest.approx(value), key
    assert result["metrics"]["converged"]["value"] is None
    assert result["provenance"]["dataset_sha256"] == board.dataset(SET).relaxation.sha256
    assert [happened for _, happened in rescore(board, write=False)] == ["same"]


def test_levels_of_theory_that_differ_are_flagged(outsider):
    assert "level of theory differs: model PBE; labels experiment" in outsider("near", 1.0, 0.0)["flags"]


def test_polymorphs_that_were_not_asked_about_are_refused(board, asked, tmp_path):
    rows = [Prediction(s.material_id, {}, structure=s.crystal) for s in load(board, SET).samples]
    predictions.write(tmp_path / "p.csv", rows, [])
    with pytest.raises(SubmissionError, match="207 material ids are not among the 61 scored materials"):
        score_file(board, tmp_path / "p.csv", "relaxation", SET)


def test_what_a_submitter_gets_is_the_starts_and_nothing_else(board, asked, tmp_path):
    assert write_inputs(board, SET, "relaxation", tmp_path / "s.jsonl.gz") == len(asked.samples) == 61
    lines = gzip.decompress((tmp_path / "s.jsonl.gz").read_bytes()).decode().splitlines()
    for line, sample in zip(lines, asked.samples, strict=True):
        row = json.loads(line)
        assert set(row) == {"material_id", "structure"}
        assert from_json(json.dumps(row["structure"])) == sample.crystal
    assert write_inputs(board, SET, "polymorphs", tmp_path / "all.jsonl") == 268
    result = score_file(board, tmp_path / "s.jsonl.gz", "relaxation", SET)
    assert result["metrics"]["rmsd"]["value"] == result["baseline"]["rmsd"]
    with pytest.raises(DataError, match="structures are not written as"):
        write_inputs(board, SET, "relaxation", tmp_path / "s.pdb")
    with pytest.raises(CardError, match="has no task 'relaxation'"):
        write_inputs(board, "wbm", "relaxation", tmp_path / "s.jsonl")


def test_the_site_sorts_relaxations_by_rmsd_and_explains_them(board, outsider):
    outsider("near", 1.01, 0.01)
    outsider("far", 0.98, 0.04)
    write_ranking(board, "relaxation", SET)
    run = predict(board, "dummy-unrelaxed", "relaxation", SET, workers=0)
    publish(board, run.out, "relaxation", SET, run.entry)
    out = site.build(board)
    page = (out / "tasks" / "relaxation.html").read_text(encoding="utf-8")
    assert re.findall(r'data-m="([\w-]+)"', page) == ["near", "far", "dummy-unrelaxed"]
    assert re.search(r'data-key="rmsd" data-first="ascending" aria-sort="ascending"', page)
    assert "Outsider near 2 leads relaxation on Crystal structures of octet AB compounds with RMSD 0.00" in page
    assert "Returning every start structure unchanged would score 0.018" in page
    assert "F1" not in page
    assert "stale" not in page
    result = (out / "models" / "near" / f"relaxation--{SET}.html").read_text(encoding="utf-8")
    assert "Materials up to each RMSD" in result
    assert "Errors of the volume" in result
    model = (out / "models" / "near.html").read_text(encoding="utf-8")
    assert '#s-relaxation--octet-binaries">1 of 2</a>' in model
    assert '<span class="faint">RMSD</span> 0.00' in model
    data = json.loads((out / "data" / "leaderboard.json").read_text(encoding="utf-8"))
    assert {r["task"] for r in data["results"]} == {"relaxation"}
    header = (out / "data" / "leaderboard.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "rmsd,rmsd_low,rmsd_high" in header


def test_worker_and_model_never_see_the_reference(board, asked):
    for sample in asked.samples:
        shown = sample.without_target()
        assert shown.target == {}
        reference = asked.relaxed[sample.material_id]
        assert not np.allclose(shown.crystal.cell, reference.cell)
        assert to_json(reference) not in repr(shown)
