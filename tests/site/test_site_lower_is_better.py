"""Tables whose headline metric is an error: the lowest leads, and sentences and columns say so."""

import pytest

from matdisc.leaderboard.site.pages.methods import metric_groups
from matdisc.leaderboard.site.settings import Settings, shown_first
from matdisc.leaderboard.site.tables.format import METRICS, metric_anchor
from matdisc.leaderboard.site.tables.ranks import rank_intervals
from matdisc.scoring.record import Value
from matdisc.tasks import TASKS


def around(value, half=0.01):
    return Value(value=value, low=value - half, high=value + half)


def test_the_lowest_error_takes_the_first_place():
    ranks = rank_intervals([around(0.30), around(0.10), around(0.11), Value()], "lower")
    assert [rank and rank.text for rank in ranks] == ["3", "1–2", "1–2", None]


def test_ranks_of_errors_mirror_those_of_scores():
    scores = [around(0.3), around(0.1), around(0.11)]
    errors = [Value(value=-v.value, low=-v.high, high=-v.low) for v in scores]
    assert rank_intervals(scores, "higher") == rank_intervals(errors, "lower")


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.key)
def test_every_task_shows_its_headline_first_and_ranks_by_metrics_that_it_has(task):
    assert task.headline.key in shown_first(Settings(), task)
    assert task.headline.better in ("higher", "lower")
    for key in task.ranked:
        assert task.metric(key).better is not None


def test_settings_choose_columns_where_they_name_any_and_leave_other_tasks_alone():
    settings = Settings(headline_metrics=("f1", "coverage"))
    assert shown_first(settings, TASKS["discovery"]) == {"f1", "coverage"}
    assert shown_first(settings, TASKS["relaxation"]) == shown_first(Settings(), TASKS["relaxation"])


def test_the_methods_page_defines_every_metric_of_every_task_once():
    defined = [metric for _, some in metric_groups(TASKS.values()) for metric in some]
    anchors = [metric_anchor(metric) for metric in defined]
    assert len(set(anchors)) == len(anchors)
    assert set(defined) == {metric for task in TASKS.values() for metric in task.metrics}
    assert set(METRICS) <= set(anchors)


def test_links_of_alloys_lead_to_what_daf_means_of_alloys():
    daf = TASKS["alloys"].metric("daf")
    assert metric_anchor(daf) == "alloys-daf"
    assert metric_anchor(TASKS["discovery"].metric("daf")) == "daf"
    assert "alloy" in daf.help
