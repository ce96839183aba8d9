"""The profile of a model: places and sentences that follow from the rows by stated rules, with their evidence."""

import re
from dataclasses import replace

import pytest
from site_boards import make_board, place, result, value
from site_html import Page

from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.findings import FEWEST
from matdisc.scoring.record import Value
from matdisc.tasks import TASKS
from matdisc.tasks.rule import Rule, rule_faults
from matdisc.tasks.task import faults

VOLUMES = Rule(about="Volumes", metric="rmsd", safe=(2.0, "within {limit} %"), unsafe=(5.0, "off by {limit} %"))
FINDS = Rule(about="Finds", metric="f1", safe=(0.8, "at least {percent} %"), unsafe=(0.5, "under {percent} %"))


def span(low, at, high):
    return Value(value=at, low=low, high=high)


def profile_of(board, key, out):
    """Words of the section on safety and of the table of places."""
    text = (build(board, out) / f"models/{key}.html").read_text(encoding="utf-8")
    safe, _, rest = text.partition('<h2 id="profile"')
    return text, safe.partition('<h2 id="safe"')[2], rest.partition('<h2 id="flags"')[0]


def block(safe, level):
    """What stands under one level."""
    return safe.partition(f'<div class="{level}">')[2].partition("</dd></div>")[0]


def measured(task="dynamics", dataset="beta-set", model="meshnet-2", n=6, **metrics):
    """A result of a task other than discovery, with the given metrics as value, low, high."""
    made = result(model, f1=None, mae=None, task=task, dataset=dataset)
    known = {key: dict(zip(("value", "low", "high"), numbers, strict=True)) for key, numbers in metrics.items()}
    return made | {"metrics": known, "n": n, "secondary": [], "baseline": {}, "coverage": {}}


@pytest.mark.parametrize(
    ("interval", "level"),
    [
        ((1.0, 1.5, 2.0), "safe"),
        ((1.0, 1.5, 2.1), "care"),
        ((2.5, 3.0, 5.5), "care"),
        ((5.0, 6.0, 7.0), "care"),
        ((5.1, 6.0, 7.0), "unsafe"),
        ((None, 1.9, None), "safe"),
        ((None, 5.1, None), "unsafe"),
    ],
)
def test_only_a_whole_interval_settles_what_is_said(interval, level):
    assert VOLUMES.says("lower", span(*interval)).level == level
    low, at, high = (None if end is None else 10 - end for end in reversed(interval))
    assert replace(VOLUMES, safe=(8.0, ""), unsafe=(5.0, "")).says("higher", span(low, at, high)).level == level


def test_sentences_bear_their_limits_and_nothing_is_said_of_an_undefined_value():
    assert VOLUMES.says("lower", span(1, 1, 1)).words == "within 2 %"
    assert VOLUMES.says("lower", span(3, 3, 3)).words == "no proof of “within 2 %”"
    assert FINDS.says("higher", span(0.1, 0.2, 0.3)).words == "under 50 %"
    assert FINDS.says("higher", Value()) is None


def test_the_rules_of_every_task_are_of_its_metrics_and_their_limits_do_not_cross():
    assert sum(bool(task.rules) for task in TASKS.values()) >= 5
    for task in TASKS.values():
        assert rule_faults(task.rules, task.metrics) == []


def test_a_rule_of_no_metric_or_with_crossed_limits_is_named():
    task = TASKS["discovery"]
    crossed = replace(FINDS, unsafe=(0.9, "never"))
    counted = replace(FINDS, cases=("nobody",))
    found = faults(replace(task, rules=(replace(FINDS, metric="tp"), crossed, counted)), "discovery")
    assert len(found) == 3
    assert "'nobody'" in found[0]
    assert "'tp'" in found[1]
    assert "0.9 is better than the safe one, 0.8" in found[2]


def test_a_place_is_told_with_its_interval_its_ties_and_the_distance_to_the_baseline(board, tmp_path):
    _, _, places = profile_of(board, "graphnet-0.3.0", tmp_path / "out")
    assert "1–2 of 5" in places
    assert "3 of 5" in places
    assert "0.498 better" in places
    assert "baseline 0.414" in places
    assert 'href="../datasets/alpha-set.html#s-discovery--alpha-set"' in places
    assert 'href="../models/graphnet-0.3.0/discovery--alpha-set.html"' in places


def test_the_strip_has_a_dot_for_every_placed_row_and_a_bar_over_the_places_that_may_be(board, tmp_path):
    _, _, places = profile_of(board, "meshnet-2", tmp_path / "out")
    dots = re.search(r'class="rest" d="([^"]+)"', places)[1]
    start, stop = re.search(r'class="bar" d="M([\d.]+) 7H([\d.]+)"', places).groups()
    at = re.search(r'<circle cx="([\d.]+)"', places)[1]
    xs = [float(x) for x in re.findall(r"M([\d.]+) 7h0", dots)]
    assert len(xs) == 5
    assert [float(start), float(stop)] == xs[:2]
    assert float(at) == xs[1]


def test_no_side_is_taken_where_the_interval_holds_the_baseline(board, tmp_path):
    place(board, result("lattice-gp", f1=0.42, mae=0.112))
    _, _, places = profile_of(board, "lattice-gp", tmp_path / "out")
    assert "no clear difference" in places


def test_sentences_come_from_rules_with_number_evidence_and_flags(board, tmp_path):
    _, safe, _ = profile_of(board, "meshnet-2", tmp_path / "out")
    assert "<strong>Calling crystals stable</strong>: right at least 80 % of the time" in block(safe, "safe")
    assert 'Precision</span> <span class="nowrap">0.893 (0.876–0.910)</span>' in block(safe, "safe")
    assert '<a href="../models/meshnet-2/discovery--alpha-set.html">Alpha ABC3</a>' in block(safe, "safe")
    assert '<a class="badge warns" href="#flags">level of theory differs</a>' in block(safe, "safe")
    assert block(safe, "unsafe") == ""


def test_a_variant_says_nothing_beside_the_models_own_run(board, tmp_path):
    _, safe, places = profile_of(board, "graphnet-0.3.0", tmp_path / "out")
    assert "single-point" not in safe
    assert "single-point" in places


@pytest.mark.parametrize(
    ("flag", "level"),
    [
        ("training overlap likely: trained on MPtrj", "safe"),
        ("training overlap certain: trained on it", "care"),
        ("used in construction: this model helped to make the labels", "care"),
        ("leaky inputs: the label was looked up", "care"),
    ],
)
def test_what_has_seen_or_made_the_labels_is_never_called_safe(board, tmp_path, flag, level):
    place(board, result("lattice-gp", f1=0.95, mae=0.01, flags=[flag]))
    _, safe, _ = profile_of(board, "lattice-gp", tmp_path / "out")
    assert "Calling crystals stable" in block(safe, level)
    assert flag.partition(":")[0] in block(safe, level)
    assert (block(safe, "safe") == "") == (level == "care")


def test_nothing_is_safe_where_much_was_not_answered(board, tmp_path):
    made = result("lattice-gp", f1=0.95, mae=0.01)
    place(board, made | {"coverage": made["coverage"] | {"answered": 1200}})
    _, safe, _ = profile_of(board, "lattice-gp", tmp_path / "out")
    assert block(safe, "safe") == ""
    assert "1,200 of 1,367 answered" in block(safe, "care")


def test_nothing_is_said_where_most_was_not_answered(board, tmp_path):
    made = result("lattice-gp", f1=0.1, mae=0.9)
    place(board, made | {"coverage": made["coverage"] | {"answered": 600}})
    _, safe, _ = profile_of(board, "lattice-gp", tmp_path / "out")
    assert block(safe, "unsafe") == ""
    assert "less than 50 % were answered" in block(safe, "few")
    assert "600 of 1,367 answered" in block(safe, "few")


def test_a_share_of_few_cases_proves_nothing(board, tmp_path):
    made = result("lattice-gp", f1=0.95, mae=0.01)
    made["metrics"] |= {"precision": value(1.0, 0.0), "tp": value(FEWEST - 1, None), "fp": value(0, None)}
    place(board, made)
    _, safe, _ = profile_of(board, "lattice-gp", tmp_path / "out")
    assert "Calling crystals stable" not in block(safe, "safe")
    assert f"{FEWEST - 1} cases" in block(safe, "care")


def test_boxes_are_counted(board, tmp_path):
    place(board, measured(drift_share=(1 / 6, 0.0, 0.5), survivors=(1.0, 1.0, 1.0)))
    _, safe, _ = profile_of(board, "meshnet-2", tmp_path / "out")
    assert "5 of 6" in block(safe, "care")
    assert "sound to their end in every box" in block(safe, "safe")
    assert "6 of 6" in block(safe, "safe")


def test_a_broken_law_is_named_with_what_it_does_and_kept_ones_are_not(board, tmp_path):
    kept = dict.fromkeys(("forces", "rotation"), (1.0, 1.0, 1.0))
    place(board, measured("soundness", n=11, checks=(0.99, 0.97, 1.0), smoothness=(10 / 11, 0.7, 1.0), **kept))
    _, safe, _ = profile_of(board, "meshnet-2", tmp_path / "out")
    assert "<strong>Smooth where neighbours come and go</strong>: broken." in block(safe, "unsafe")
    assert "10 of 11" in block(safe, "unsafe")
    assert "Turns with the crystal" not in safe
    assert "no proof of “all checks passed”" in block(safe, "care")


def test_all_laws_kept_is_one_sentence(board, tmp_path):
    every = {metric.key: (1.0, 1.0, 1.0) for metric in TASKS["soundness"].metrics if metric.form == "percent"}
    place(board, measured("soundness", n=11, **every))
    _, safe, _ = profile_of(board, "meshnet-2", tmp_path / "out")
    assert "all checks passed" in block(safe, "safe")
    assert safe.count("soundness--beta-set") == 1


@pytest.mark.parametrize(("brier", "level"), [((0.1, 0.09, 0.11), "open"), ((0.24, 0.2, 0.3), "unsafe")])
def test_a_task_without_rules_tells_only_whether_the_trivial_answer_is_beaten(board, tmp_path, brier, level):
    assert TASKS["alloys"].rules == ()
    place(board, measured(task="alloys", n=90, brier=brier) | {"baseline": {"brier": 0.25}})
    _, safe, _ = profile_of(board, "meshnet-2", tmp_path / "out")
    assert "<strong>Alloys</strong>" in block(safe, level)
    assert "answering the share of single-phase alloys in the training part" in block(safe, level)


def test_what_was_not_evaluated_is_named(board, tmp_path):
    _, safe, _ = profile_of(board, "meshnet-2", tmp_path / "out")
    assert "<dt>Not evaluated</dt><dd>Polymorphs</dd>" in safe
    assert "Cannot answer" not in safe


def test_a_reference_has_places_and_no_sentences_and_a_model_without_results_neither(tmp_path, board, empty_site):
    text, _, places = profile_of(board, "dummy-mean", tmp_path / "out")
    assert "safe for" not in text
    assert "not ranked" in places
    bare = (empty_site / "models/meshnet-2.html").read_text(encoding="utf-8")
    assert 'id="safe"' not in bare
    assert 'id="profile"' not in bare


def test_the_page_of_methods_states_every_rule(site):
    words = Page(site / "methods.html").words
    for task in TASKS.values():
        for rule in task.rules:
            assert rule.about in words


def test_a_profile_weighs_little(tmp_path):
    board = make_board(tmp_path / "board")
    _, safe, places = profile_of(board, "meshnet-2", tmp_path / "out")
    assert len((safe + places).encode()) < 6000
