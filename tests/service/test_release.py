"""Who sees what of a result: its team, the public, and nobody."""

import pytest

from matdisc.service import release
from matdisc.service.settings import Guards
from matdisc.service.states import State
from matdisc.service.store import leases, publication, submissions
from matdisc.service.store.results import Evaluated, put_result

pytestmark = pytest.mark.service
HELD_OUT = "new ones"


@pytest.fixture
def secret(settings):
    """Settings in which the labels of emt-alloys are private, and some of them are held out."""
    guards = Guards(private=("emt-alloys",), min_size=0, holdout={"emt-alloys": HELD_OUT})
    return settings.model_copy(update={"guards": guards})


def result(key, mae, *, entry="mine", answers=None, error=0.01):
    metrics = {"mae": {"value": mae, "low": None, "high": None}, "tp": {"value": 7.0, "low": None, "high": None}}
    other = {"mae": {"value": mae + 0.02, "low": None, "high": None}}
    content = {
        "schema": "matdisc.result/2",
        "entry": entry,
        "model": entry,
        "task": "discovery",
        "dataset": "emt-alloys",
        "subset": "old ones",
        "n": 100,
        "metrics": metrics,
        "secondary": [{"name": "all materials", "metrics": other}, {"name": HELD_OUT, "metrics": other}],
        "flags": ["found by looking at labels"],
        "provenance": {"predictions_sha256": key * 64},
    }
    headline = {"metric": "mae", "label": "MAE", "better": "lower", "error": error}
    side = {"headline": headline, "counts": ["tp"], "flags": ["of the card"], "column": "e", "answers": answers}
    return Evaluated(key, "discovery", "emt-alloys", key * 64, "l", "1", content, None, None, side)


@pytest.fixture
def succeed(sqlite_store, settings):
    """Let a team's new submission succeed with a result: `succeed(team, result)`."""
    worker = leases.register(sqlite_store, "here", 1)

    def make(team, found, **changes):
        put_result(sqlite_store, found)
        made = team.submit(**changes)
        lease = leases.claim(sqlite_store, worker, settings)
        assert lease.submission.id == made.id
        leases.validated(sqlite_store, lease)
        assert leases.finish(sqlite_store, lease, State.SUCCEEDED, result_key=found.key)
        return submissions.get(sqlite_store, made.id)

    return make


@pytest.fixture
def team(sqlite_store, make_team):
    return make_team(sqlite_store)


@pytest.fixture
def other(sqlite_store, make_team):
    return make_team(sqlite_store, "Lab B")


def mae(found):
    return found["metrics"]["mae"]["value"]


def test_there_is_nothing_to_see_before_the_end(sqlite_store, settings, blobs, team):
    waiting = team.submit()
    assert release.released(sqlite_store, settings, waiting) is None
    assert release.public_row(sqlite_store, settings, waiting) is None
    assert release.copy_notes(sqlite_store, settings, waiting) == []
    assert release.released_report(sqlite_store, settings, blobs, waiting) is None


def test_with_public_labels_a_team_sees_all_of_it(sqlite_store, settings, team, succeed):
    found = result("a", 0.123456)
    assert release.released(sqlite_store, settings, succeed(team, found)) == found.content


def test_with_private_labels_it_sees_rounded_metrics_of_the_headline_alone(sqlite_store, secret, team, succeed):
    shown = release.released(sqlite_store, secret, succeed(team, result("a", 0.123456)))
    assert shown["metrics"] == {"mae": {"value": 0.123, "low": None, "high": None}}
    assert shown["secondary"] == []
    assert shown["flags"] == ["of the card"]


def test_report_and_details_of_private_labels_leave_for_nobody(sqlite_store, settings, secret, blobs, team, succeed):
    from dataclasses import replace

    kept = replace(result("a", 0.1), details_sha256=blobs.put(b"{}"), report_sha256=blobs.put(b"<p>"))
    one = succeed(team, kept)
    assert release.released_details(sqlite_store, settings, blobs, one) == b"{}"
    assert release.released_report(sqlite_store, settings, blobs, one) == b"<p>"
    assert release.released_details(sqlite_store, secret, blobs, one) is None
    assert release.released_report(sqlite_store, secret, blobs, one) is None


def test_a_step_smaller_than_the_standard_error_shows_the_best_before(sqlite_store, secret, team, succeed):
    succeed(team, result("a", 0.100, entry="first"))
    near = succeed(team, result("b", 0.095, entry="second"))
    far = succeed(team, result("c", 0.085, entry="third"))
    shown = release.released(sqlite_store, secret, near)
    assert (mae(shown), shown["entry"]) == (0.1, "first")
    assert "no new best of your team: MAE is not better by more than one standard error" in shown["flags"][-1]
    assert "'first'" in shown["flags"][-1]
    assert mae(release.released(sqlite_store, secret, far)) == 0.085


def test_many_small_steps_do_not_climb(sqlite_store, secret, team, succeed):
    steps = [succeed(team, result(key, 0.1 - 0.004 * n)) for n, key in enumerate("abcdef")]
    shown = [mae(release.released(sqlite_store, secret, one)) for one in steps]
    assert shown == [0.1, 0.1, 0.1, 0.088, 0.088, 0.088]


def test_a_later_best_does_not_change_what_was_shown_before(sqlite_store, secret, team, succeed):
    first = succeed(team, result("a", 0.100))
    succeed(team, result("b", 0.050))
    assert mae(release.released(sqlite_store, secret, first)) == 0.1


def test_withdrawing_a_result_does_not_begin_the_ladder_anew(sqlite_store, secret, team, succeed):
    best = succeed(team, result("a", 0.100))
    submissions.withdraw(sqlite_store, best.id, "me")
    assert mae(release.released(sqlite_store, secret, succeed(team, result("b", 0.099)))) == 0.1


def test_another_team_climbs_by_itself(sqlite_store, secret, team, other, succeed):
    succeed(team, result("a", 0.100))
    assert mae(release.released(sqlite_store, secret, succeed(other, result("b", 0.101)))) == 0.101


def test_the_row_of_private_labels_is_of_the_best_only(sqlite_store, secret, team, succeed):
    best, near = succeed(team, result("a", 0.100)), succeed(team, result("b", 0.095))
    assert mae(release.public_row(sqlite_store, secret, best)) == 0.1
    assert release.public_row(sqlite_store, secret, near) is None


def test_what_is_held_out_shows_with_the_publication_and_its_gap(sqlite_store, secret, team, succeed):
    one = succeed(team, result("a", 0.123456))
    said = "MAE is 0.123 on old ones and 0.143 on new ones, which was held out: a gap of +0.02 (lower is better)"
    assert said in release.public_row(sqlite_store, secret, one)["flags"]
    assert said not in release.released(sqlite_store, secret, one)["flags"]
    publication.set_published(sqlite_store, one.id)
    shown = release.released(sqlite_store, secret, submissions.get(sqlite_store, one.id))
    assert said in shown["flags"]
    assert [part["name"] for part in shown["secondary"]] == ["all materials", HELD_OUT]
    assert mae(shown["secondary"][1]) == 0.143


def test_the_same_file_of_another_team_is_flagged_for_who_came_later_and_names_nobody(
    sqlite_store, settings, team, other, succeed
):
    first, second = succeed(team, result("a", 0.1)), succeed(other, result("a", 0.1))
    assert release.copy_notes(sqlite_store, settings, first) == []
    (note,) = release.copy_notes(sqlite_store, settings, second)
    assert note == "the same predictions file was submitted before by another team"
    assert release.public_row(sqlite_store, settings, second)["flags"][-1] == note
    assert note not in release.released(sqlite_store, settings, second)["flags"]


def test_nearly_the_same_answers_of_another_team_are_flagged_and_a_teams_own_are_not(
    sqlite_store, settings, team, other, succeed
):
    answers = [float(n * n % 997) for n in range(200)]
    succeed(team, result("a", 0.1, answers=answers))
    own = succeed(team, result("b", 0.1, answers=[x + 1e-3 for x in answers]))
    copy = succeed(other, result("c", 0.1, answers=[2 * x for x in answers]))
    honest = succeed(other, result("d", 0.1, answers=[x + 50 * (n % 7) for n, x in enumerate(answers)]))
    assert release.copy_notes(sqlite_store, settings, own) == []
    assert release.copy_notes(sqlite_store, settings, honest) == []
    (note,) = release.copy_notes(sqlite_store, settings, copy)
    assert note.startswith("nearly the same predictions were submitted before by another team (rank correlation 1.0")


def test_release_needs_no_arrays_and_no_ray():
    import subprocess
    import sys

    code = (
        "import sys, matdisc.service.release, matdisc.service.guards, matdisc.service.webhooks\n"
        "print([name for name in ('numpy', 'scipy', 'pandas', 'pyarrow', 'ray') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
