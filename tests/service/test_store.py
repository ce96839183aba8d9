"""What the service remembers, on SQLite and on PostgreSQL."""

import json
import sqlite3
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from matdisc.errors import ServiceError
from matdisc.service.settings import Quota
from matdisc.service.states import FINAL, NEXT, State
from matdisc.service.store import leases, publication, submissions
from matdisc.service.store.database import HEAD, MIGRATIONS, now, open_store
from matdisc.service.store.results import Evaluated, finished, get_result, put_result, result_key
from matdisc.service.store.tables import metadata

pytestmark = pytest.mark.service


def worker_of(store, pid=1):
    return leases.register(store, "here", pid)


def succeed(store, settings, worker, key="k"):
    lease = leases.claim(store, worker, settings)
    leases.validated(store, lease)
    assert leases.finish(store, lease, State.SUCCEEDED, result_key=key)
    return lease.submission.id


def states_of(store, submission):
    return [event.state for event in submissions.events(store, submission)]


def pass_time(store, seconds):
    """Let leases, pauses and heartbeats be older."""
    with store.begin() as connection:
        connection.execute(
            text("UPDATE submissions SET lease_until = lease_until - :s, not_before = not_before - :s"), {"s": seconds}
        )


def test_the_tables_of_the_migrations_are_those_of_the_code(store):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_newest_revision_is_the_one_that_the_code_works_with():
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


def test_a_database_of_a_newer_version_is_refused_and_left_alone(sqlite, sqlite_store):
    with sqlite_store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ServiceError, match="newer matdisc"):
        open_store(sqlite)


def test_two_processes_that_make_the_tables_at_once_both_get_them(store, sqlite, empty_postgres):
    for url in (sqlite.replace("service.db", "other.db"), empty_postgres):
        with ThreadPoolExecutor(4) as pool:
            stores = list(pool.map(open_store, [url] * 4))
        for opened in stores:
            assert submissions.listing(opened) == []
            opened.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "URL is none"),
        ("mysql://a@b/c", "unknown kind"),
        ("sqlite://", "needs a file"),
        ("postgresql://u:secret@127.0.0.1:1/x", "cannot be opened"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused_without_its_password(url, said):
    with pytest.raises(ServiceError, match=said) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_the_clock_is_the_databases(store):
    with store.read() as connection:
        first = now(connection)
    with store.read() as connection:
        assert 0 <= now(connection) - first < 5


def test_a_submission_goes_from_received_to_published_and_every_step_is_an_event(store, settings, make_team):
    team = make_team(store)
    submission = team.submit()
    worker = worker_of(store)
    lease = leases.claim(store, worker, settings)
    assert (lease.submission.id, lease.submission.state, lease.attempt) == (submission.id, State.VALIDATING, 1)
    assert leases.validated(store, lease)
    leases.progress(store, lease, 3, 10, "crystals")
    assert submissions.get(store, submission.id).progress == {"done": 3, "total": 10, "text": "crystals"}
    assert leases.finish(store, lease, State.SUCCEEDED, result_key="k")
    assert [s.id for s in publication.to_publish(store, moderation=False)] == [submission.id]
    assert publication.set_published(store, submission.id)
    assert states_of(store, submission.id) == ["received", "validating", "queued", "running", "succeeded", "published"]
    (attempt,) = submissions.attempts(store, submission.id)
    assert (attempt.worker, attempt.outcome) == (worker, "succeeded")


def test_a_key_that_comes_again_makes_nothing_new_and_with_another_request_is_refused(store, make_team):
    team = make_team(store)
    first = team.submit(idempotency_key="once")
    assert team.submit(idempotency_key="once").id == first.id
    with pytest.raises(submissions.KeyReused, match="new key"):
        team.submit(idempotency_key="once", request_sha256="1" * 64)
    assert len(submissions.listing(store)) == 1
    assert make_team(store, "Lab B").submit(idempotency_key="once").id != first.id


def test_twenty_requests_with_one_key_at_once_make_one_submission(store, make_team):
    team = make_team(store)
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda _: team.submit(idempotency_key="once").id, range(20)))
    assert len(set(made)) == 1
    assert len(submissions.listing(store)) == 1


def test_two_submissions_at_once_do_not_pass_a_quota_of_one(store, make_team):
    team = make_team(store)
    quota = Quota(queued=1)
    new = submissions.NewSubmission("discovery", "emt-alloys", "predictions", "m", "", "0" * 64)

    def attempt(_):
        try:
            return submissions.create(store, team.token, new, quota)[0].id
        except submissions.QuotaExceeded:
            return None

    with ThreadPoolExecutor(8) as pool:
        assert Counter(made is not None for made in pool.map(attempt, range(8))) == {True: 1, False: 7}


def test_workers_that_claim_at_once_never_have_the_same_submission(store, settings, make_team):
    for name in ("Lab A", "Lab B", "Lab C"):
        for _ in range(8):
            make_team(store, name).submit()
    roomy = settings.model_copy(update={"quota": Quota(running=100)})
    barrier = threading.Barrier(6)

    def all_of(number):
        worker, found = worker_of(store, number), []
        barrier.wait()
        while (lease := leases.claim(store, worker, roomy)) is not None:
            found.append(lease.submission.id)
        return found

    with ThreadPoolExecutor(6) as pool:
        claimed = [one for found in pool.map(all_of, range(6)) for one in found]
    assert len(claimed) == len(set(claimed)) == 24


def test_a_team_never_has_more_at_work_than_its_quota_and_others_go_on(store, settings, make_team):
    first, second = make_team(store, "Lab A"), make_team(store, "Lab B")
    for team in (first, first, first, second):
        team.submit()
    tight = settings.model_copy(update={"quota": Quota(running=1)})
    worker = worker_of(store)
    teams = [leases.claim(store, worker, tight) for _ in range(3)]
    assert [lease and lease.submission.team for lease in teams] == ["Lab A", "Lab B", None]


def test_a_lease_that_ran_out_goes_to_another_and_the_first_worker_can_no_longer_write(store, settings, make_team):
    submission = make_team(store).submit()
    slow, quick = worker_of(store, 1), worker_of(store, 2)
    first = leases.claim(store, slow, settings)
    pass_time(store, 60)
    second = leases.claim(store, quick, settings)
    assert second.attempt == 2
    assert leases.beat(store, slow, [first], 20) == set()
    assert not leases.validated(store, first)
    assert not leases.finish(store, first, State.REJECTED, "late")
    assert leases.give_back(store, first, "crashed", "late", settings.work) is None
    assert leases.validated(store, second)
    assert leases.finish(store, second, State.SUCCEEDED, result_key="k")
    assert [attempt.outcome for attempt in submissions.attempts(store, submission.id)] == ["lost", "succeeded"]
    assert states_of(store, submission.id).count("succeeded") == 1


def test_a_heartbeat_keeps_a_lease(store, settings, make_team):
    make_team(store).submit()
    worker = worker_of(store)
    lease = leases.claim(store, worker, settings)
    pass_time(store, 15)
    assert leases.beat(store, worker, [lease], 20) == {lease.submission.id}
    pass_time(store, 15)
    assert leases.expire(store, settings.work) == []


def test_what_a_dead_process_held_is_free_at_once(store, settings, make_team):
    submission = make_team(store).submit()
    leases.claim(store, worker_of(store, 77), settings)
    assert leases.expire_dead(store, settings.work, "elsewhere", lambda pid: False) == []
    assert leases.expire_dead(store, settings.work, "here", lambda pid: pid != 77) == [submission.id]
    assert leases.claim(store, worker_of(store, 78), settings).submission.id == submission.id


def test_a_submission_that_kills_its_evaluator_is_parked_and_does_not_count(store, settings, make_team):
    team = make_team(store)
    submission = team.submit()
    worker = worker_of(store)
    ends = []
    for _ in range(settings.work.crashes):
        pass_time(store, 1e6)
        lease = leases.claim(store, worker, settings)
        ends.append(leases.give_back(store, lease, "crashed", "signal 11", settings.work))
    assert ends == [State.RECEIVED, State.RECEIVED, State.FAILED]
    assert "parked after 3 attempts" in submissions.get(store, submission.id).reason
    assert submissions.usage(store, team.token.team_id, "emt-alloys", team.quota).scored == 0


def test_workers_that_stop_in_order_never_park_a_submission(store, settings, make_team):
    make_team(store).submit()
    worker = worker_of(store)
    for _ in range(12):
        lease = leases.claim(store, worker, settings)
        leases.validated(store, lease) if lease.submission.state == State.VALIDATING else None
        assert leases.give_back(store, lease, "released", "stop", settings.work) == State.QUEUED


def test_after_a_crash_the_next_attempt_waits(store, settings, make_team):
    make_team(store).submit()
    patient = settings.model_copy(update={"work": settings.work.model_copy(update={"backoff_seconds": 30.0})})
    lease = leases.claim(store, worker_of(store), patient)
    leases.give_back(store, lease, "crashed", "signal 9", patient.work)
    assert leases.claim(store, worker_of(store), patient) is None


def test_a_waiting_submission_is_cancelled_at_once_and_one_at_work_by_its_worker(store, settings, make_team):
    team = make_team(store)
    first, second = team.submit(), team.submit()
    lease = leases.claim(store, worker_of(store), settings)
    assert submissions.cancel(store, second.id, "me").state == State.CANCELLED
    assert submissions.cancel(store, first.id, "me").state == State.VALIDATING
    assert leases.wanted_cancelled(store, lease)
    assert leases.give_back(store, lease, "lost", "gone", settings.work) == State.CANCELLED
    with pytest.raises(submissions.NotPossible, match="has ended"):
        submissions.cancel(store, first.id, "me")


@pytest.mark.parametrize("state", [State.REJECTED, State.FAILED, State.CANCELLED])
def test_what_ended_without_a_score_gives_its_quota_back(store, settings, make_team, state):
    team = make_team(store)
    team.submit()
    quota = Quota(scored=1)
    used = submissions.usage(store, team.token.team_id, "emt-alloys", quota)
    assert (used.scored, used.next_free is not None) == (1, True)
    leases.finish(store, leases.claim(store, worker_of(store), settings), state, "why")
    used = submissions.usage(store, team.token.team_id, "emt-alloys", quota)
    assert (used.scored, used.next_free) == (0, None)


def test_a_repeat_that_was_evaluated_before_does_not_count(store, settings, make_team):
    team = make_team(store)
    team.submit()
    lease = leases.claim(store, worker_of(store), settings)
    leases.validated(store, lease)
    leases.finish(store, lease, State.SUCCEEDED, result_key="k", cached=True)
    assert submissions.usage(store, team.token.team_id, "emt-alloys", team.quota).scored == 0


def test_an_embargo_a_review_and_privacy_keep_a_result_from_the_board(store, settings, make_team):
    team = make_team(store)
    embargoed, private, plain = team.submit(embargo_until=4e9), team.submit(private=True), team.submit()
    worker = worker_of(store)
    for _ in range(3):
        succeed(store, settings, worker)
    assert [s.id for s in publication.to_publish(store, moderation=False)] == [plain.id]
    assert publication.to_publish(store, moderation=True) == []
    submissions.review(store, plain.id, "approved", "maintainer")
    assert [s.id for s in publication.to_publish(store, moderation=True)] == [plain.id]
    submissions.set_embargo(store, embargoed.id, None, "me")
    submissions.review(store, embargoed.id, "declined", "maintainer", "a copy")
    assert [s.id for s in publication.to_publish(store, moderation=False)] == [plain.id]
    assert submissions.get(store, private.id).state == State.SUCCEEDED


def test_a_published_result_is_withdrawn_when_it_is_off_the_board(store, settings, make_team):
    submission = make_team(store).submit()
    succeed(store, settings, worker_of(store))
    publication.set_published(store, submission.id)
    assert submissions.withdraw(store, submission.id, "me").state == State.PUBLISHED
    assert [s.id for s in publication.to_withdraw(store)] == [submission.id]
    assert publication.set_withdrawn(store, submission.id)
    assert submissions.withdraw(store, submission.id, "me").state == State.WITHDRAWN


def test_a_result_that_is_withdrawn_while_it_is_written_to_the_board_is_not_published(store, settings, make_team):
    submission = make_team(store).submit()
    succeed(store, settings, worker_of(store))
    assert submissions.withdraw(store, submission.id, "me").state == State.WITHDRAWN
    assert not publication.set_published(store, submission.id)


def test_one_worker_at_a_time_holds_the_board(store):
    assert publication.hold(store, "board", "a", 60)
    assert publication.hold(store, "board", "a", 60)
    assert not publication.hold(store, "board", "b", 60)
    publication.let_go(store, "board", "b")
    assert not publication.hold(store, "board", "b", 60)
    publication.let_go(store, "board", "a")
    assert publication.hold(store, "board", "b", -1)
    assert publication.hold(store, "board", "a", 60)


def test_a_webhook_is_called_for_each_state_in_which_a_submission_rests(store, settings, make_team):
    submission = make_team(store).submit(webhook="https://lab.example/hook")
    succeed(store, settings, worker_of(store))
    publication.set_published(store, submission.id)
    due = publication.due_deliveries(store)
    assert [one.state for one in due] == ["succeeded", "published"]
    publication.delivered(store, due[0].id)
    publication.delivery_failed(store, due[1].id, "no answer", 60)
    assert publication.due_deliveries(store) == []


def test_the_first_result_of_a_key_stays(store, settings, make_team):
    key = result_key("a", "b")
    put_result(store, Evaluated(key, "discovery", "emt-alloys", "p", "l", "1", {"n": 1}))
    put_result(store, Evaluated(key, "discovery", "emt-alloys", "p", "l", "1", {"n": 2}))
    assert get_result(store, key).content == {"n": 1}
    assert result_key("ab", "") != key != result_key("a", "b", "")
    team = make_team(store)
    team.submit()
    submission = succeed(store, settings, worker_of(store), key)
    ((found, result),) = finished(store, "discovery", "emt-alloys")
    assert (found.id, found.team, result.key) == (submission, "Lab A", key)
    assert finished(store, "discovery", "emt-alloys", not_team=team.token.team_id) == []


def test_pages_of_a_listing_have_every_submission_once(store, make_team):
    team = make_team(store)
    made = [team.submit().id for _ in range(7)]
    pages, before = [], None
    while page := submissions.listing(store, limit=3, before=before):
        pages += [one.id for one in page]
        before = page[-1].id
    assert sorted(pages) == sorted(made)
    assert submissions.listing(store, team_id="other") == []
    assert [submissions.position(store, one) for one in made] == list(range(7))


def test_every_final_state_stays_so_but_for_publication_and_withdrawal():
    for state in FINAL:
        assert set(NEXT[state]) <= {State.PUBLISHED, State.WITHDRAWN}


def test_a_step_that_cannot_follow_is_a_bug(store, settings, make_team):
    make_team(store).submit()
    lease = leases.claim(store, worker_of(store), settings)
    with pytest.raises(ValueError, match="succeeded cannot follow validating"):
        leases.finish(store, lease, State.SUCCEEDED, result_key="k")
    assert submissions.get(store, lease.submission.id).state == State.VALIDATING


def test_a_copy_is_made_before_an_sqlite_database_is_upgraded(sqlite, sqlite_store, make_team, monkeypatch, tmp_path):
    from matdisc.service.store import database

    make_team(sqlite_store).submit()
    newer = tmp_path / "migrations"
    import shutil

    shutil.copytree(MIGRATIONS, newer)
    (newer / "versions" / "0002_next.py").write_text(
        'import sqlalchemy as sa\nfrom alembic import op\nrevision = "0002"\ndown_revision = "0001"\n'
        'def upgrade():\n    op.add_column("teams", sa.Column("city", sa.String(20)))\n'
    )
    monkeypatch.setattr(database, "HEAD", "0002")
    monkeypatch.setattr(database, "MIGRATIONS", newer)
    upgraded = open_store(sqlite)
    with upgraded.read() as connection:
        assert connection.execute(text("SELECT city FROM teams")).scalar() is None
    assert len(submissions.listing(upgraded)) == 1
    upgraded.close()
    (copy,) = (tmp_path / "service").glob("*.before-0001")
    with sqlite3.connect(copy) as old:
        assert json.dumps(old.execute("SELECT count(*) FROM submissions").fetchone()) == "[1]"
