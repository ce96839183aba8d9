"""Workers: what is submitted ends once, as `matdisc score` would have it, and gets on the board and off it."""

import json
import time

import numpy as np
import pytest
from sqlalchemy import text

from matdisc.datasets import load_truth
from matdisc.errors import ServiceError
from matdisc.leaderboard.results import score_file
from matdisc.service import release
from matdisc.service.settings import Guards, Work
from matdisc.service.states import State
from matdisc.service.store import leases, submissions
from matdisc.service.worker import desk, jobs, keys, loop, publish
from matdisc.service.worker.heart import Beside
from matdisc.service.worker.loop import work
from matdisc.service.worker.models import clean_runs

pytestmark = pytest.mark.service
SET = "emt-alloys"


@pytest.fixture
def answers(board):
    """A predictions file as bytes: the labels with noise; `answers(seed, scale=1, n=None)`."""
    truth = load_truth(board, SET)

    def make(seed=0, scale=1.0, n=None):
        noise = np.random.default_rng(seed).normal(0, 0.02, len(truth))
        values = scale * (truth.targets["e_form_per_atom"] + noise)
        rows = zip(truth.material_ids.to_pylist()[:n], values.tolist(), strict=False)
        return ("material_id,e_form_per_atom\n" + "".join(f"{name},{x:.6f}\n" for name, x in rows)).encode()

    return make


@pytest.fixture
def team(sqlite_store, make_team):
    return make_team(sqlite_store)


@pytest.fixture
def other(sqlite_store, make_team):
    return make_team(sqlite_store, "Lab B")


@pytest.fixture
def send(blobs, answers, team):
    """Submit a file: `send(data, key="mine", team=team, ...)`; returns the id."""

    def make(data=None, key="mine", by=team, suffix=".csv", **changes):
        data = answers() if data is None else data
        card = changes.pop("card", by.submit.__func__.__globals__["CARD"].format(key=key))
        file = {"file_sha256": blobs.put(data), "file_suffix": suffix, "file_bytes": len(data)}
        return by.submit(**file | {"model": key, "card": card} | changes).id

    return make


@pytest.fixture
def run(settings):
    """Let a worker without Ray do all there is to do: `run()`."""

    def make(**changes):
        work(settings.model_copy(update=changes), workers=0, once=True)

    return make


@pytest.fixture
def state(sqlite_store):
    return lambda name: submissions.get(sqlite_store, name).state


@pytest.fixture
def reason(sqlite_store):
    return lambda name: submissions.get(sqlite_store, name).reason


def outcomes(store, name):
    return [attempt.outcome for attempt in submissions.attempts(store, name)]


def on_board(board):
    """All files of the board that publication writes, but the site's, whose pages bear the time."""
    folders = [board.root / "leaderboard" / name for name in ("results", "predictions", "details", "rankings")]
    files = [path for folder in (*folders, board.models_dir) for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(board.root)): path.read_bytes() for path in files}


# What a result says


def test_a_submission_is_scored_as_matdisc_score_does(board, settings, sqlite_store, send, run, answers, tmp_path):
    name = send()
    run()
    (tmp_path / "p.csv").write_bytes(answers())
    expected = score_file(board, tmp_path / "p.csv", "discovery", SET, entry="mine", model=board.model("mine"))
    found = submissions.get(sqlite_store, name)
    assert release.released(sqlite_store, settings, found) == json.loads(json.dumps(expected))
    assert [event.state for event in submissions.events(sqlite_store, name)] == [
        "received", "validating", "queued", "running", "succeeded", "published"
    ]  # fmt: skip


def test_its_report_and_details_are_those_of_the_command_line(board, settings, sqlite_store, blobs, send, run):
    from matdisc.leaderboard.results import detail_file

    name = send()
    run()
    found = submissions.get(sqlite_store, name)
    file = board.predictions_dir / "discovery" / SET / "mine.csv"
    details = json.loads(release.released_details(sqlite_store, settings, blobs, found))
    assert details == json.loads(json.dumps(detail_file(board, file, "discovery", SET, "mine")))
    report = release.released_report(sqlite_store, settings, blobs, found).decode()
    assert "<title>" in report
    assert "mine" in report


def test_a_repeat_is_not_evaluated_again_and_not_counted(monkeypatch, sqlite_store, settings, team, send, run, state):
    send()
    run()
    again = send()
    monkeypatch.setattr(loop, "evaluate", lambda order: pytest.fail("evaluated again"))
    run()
    assert state(again) == State.PUBLISHED
    assert submissions.get(sqlite_store, again).cached
    assert submissions.usage(sqlite_store, team.token.team_id, SET, settings.quota).scored == 1


def test_another_card_is_another_result(sqlite_store, send, run):
    names = [send(), send(key="other")]
    run()
    first, second = (submissions.get(sqlite_store, name) for name in names)
    assert first.result_key != second.result_key
    assert not second.cached


# What cannot be scored


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"material_id,e_form_per_atom\nfoo,1\n", "your file: 1 material ids are not among the 221 scored materials"),
        (b"a,b\n1,2\n", "your file"),
        (b"material_id,e_form_per_atom\n", "your file"),
    ],
)
def test_a_file_that_cannot_be_scored_is_rejected_in_words_without_a_path_of_ours(send, run, state, reason, data, said):
    name = send(data)
    run()
    assert state(name) == State.REJECTED
    assert said in reason(name)
    assert not {"/tmp", "blobs", "predictions.csv", "Traceback"} & set(reason(name).replace("/tmp/", "/tmp ").split())
    assert "/tmp" not in reason(name)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('loader = "os:system"', "your card: field 'loader' is 'os:system'; a submission is data and never code"),
        ("reference_row = true", "your card: field 'reference_row' is true"),
        ("surprise = 1", "your card"),
    ],
)
def test_a_card_that_is_wrong_is_rejected_too(send, run, state, reason, team, more, said):
    card = team.submit.__func__.__globals__["CARD"].format(key="mine")
    name = send(card=card.replace("[licence]", f"{more}\n[licence]"))
    run()
    assert state(name) == State.REJECTED
    assert said in reason(name)


def test_an_error_of_ours_is_tried_again_and_then_parked_without_charge_or_secrets(
    monkeypatch, sqlite_store, settings, send, run, state, reason, team
):
    def fail(*arguments, **more):
        raise KeyError("mp-1 has label -0.123")

    monkeypatch.setattr("matdisc.leaderboard.results.result_of", fail)
    name = send()
    run()
    assert state(name) == State.FAILED
    assert outcomes(sqlite_store, name) == ["crashed"] * 3
    assert "parked after 3 attempts" in reason(name)
    assert "an error of the service (KeyError)" in reason(name)
    assert "label" not in reason(name)
    assert submissions.usage(sqlite_store, team.token.team_id, SET, settings.quota).scored == 0


def test_what_went_wrong_once_succeeds_at_the_next_attempt(monkeypatch, sqlite_store, send, run, state):
    times = []

    def once(order):
        times.append(1)
        if len(times) == 1:
            yield jobs.Broken("OSError", "the disk was full")
            return
        yield from jobs.evaluate(order)

    monkeypatch.setattr(loop, "evaluate", once)
    name = send()
    run()
    assert state(name) == State.PUBLISHED
    assert outcomes(sqlite_store, name) == ["crashed", "succeeded"]


def test_an_evaluation_that_takes_too_long_is_timed_out(monkeypatch, send, run, state, reason):
    monkeypatch.setattr("matdisc.leaderboard.results.result_of", lambda *arguments, **more: time.sleep(30))
    name = send()
    started = time.monotonic()
    run(work=Work(evaluation_seconds=2))
    assert time.monotonic() - started < 20
    assert state(name) == State.TIMED_OUT
    assert reason(name) == "took longer than 2 s, the limit of this service"


# Leases


def meanwhile(monkeypatch, act):
    """Let something happen between the check of a file and its scoring."""

    def evaluate(order):
        steps = jobs.evaluate(order)
        yield next(steps)
        act()
        yield from steps

    monkeypatch.setattr(loop, "evaluate", evaluate)


def test_a_worker_that_lost_its_lease_ends_nothing(monkeypatch, sqlite_store, settings, send, run, state):
    name = send()
    kept = []

    def take_over():
        with sqlite_store.begin() as connection:
            connection.execute(text("UPDATE submissions SET lease_until = 0"))
        kept.extend(leases.expire(sqlite_store, settings.work))

    meanwhile(monkeypatch, take_over)
    run()
    assert kept[0] == name
    assert outcomes(sqlite_store, name) == ["lost", "succeeded"]
    assert [event.state for event in submissions.events(sqlite_store, name)].count("succeeded") == 1


def test_a_submission_is_cancelled_at_work(monkeypatch, sqlite_store, send, run, state):
    monkeypatch.setattr(desk, "LOOK_SECONDS", 0.0)
    name = send()
    meanwhile(monkeypatch, lambda: None)
    ended = []

    def received(self, job, step):
        if isinstance(step, jobs.Valid):
            submissions.cancel(sqlite_store, name, "me")
        else:
            ended.append(step)

    monkeypatch.setattr(desk.Desk, "received", received)
    run()
    assert state(name) == State.CANCELLED
    assert not ended


def test_slow_work_keeps_its_lease(monkeypatch, sqlite_store, send, run, state):
    name = send()
    meanwhile(monkeypatch, lambda: time.sleep(2))
    run(work=Work(lease_seconds=0.8, heartbeat_seconds=0.1))
    assert state(name) == State.PUBLISHED
    assert outcomes(sqlite_store, name) == ["succeeded"]


def test_a_worker_that_stops_gives_back_what_it_has(monkeypatch, sqlite_store, settings, send, state):
    name = send()
    stopped = []
    meanwhile(monkeypatch, lambda: None)
    received = desk.Desk.received
    monkeypatch.setattr(desk.Desk, "received", lambda self, job, step: (received(self, job, step), stopped.append(1)))
    work(settings, workers=0, stop=lambda: bool(stopped))
    assert state(name) == State.QUEUED
    assert outcomes(sqlite_store, name) == ["released"]
    (worker,) = leases.all_workers(sqlite_store)
    assert worker.ended is not None


def test_a_new_worker_takes_over_at_once_from_one_that_was_killed(sqlite_store, settings, send, run, state):
    import socket
    import subprocess
    import sys

    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    name = send()
    dead = leases.register(sqlite_store, socket.gethostname(), ended.pid)
    assert leases.claim(sqlite_store, dead, settings).submission.id == name
    run()
    assert state(name) == State.PUBLISHED
    assert outcomes(sqlite_store, name) == ["lost", "succeeded"]


def test_a_process_that_is_dead_or_no_python_is_no_worker_and_another_python_may_be():
    import os
    import subprocess
    import sys

    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], **pipes) as process:
        process.stdout.readline()
        assert loop.is_worker(process.pid)
        process.communicate(b"\n")
    with subprocess.Popen(["sleep", "60"]) as process:
        assert not loop.is_worker(process.pid)
        process.kill()
    assert not loop.is_worker(process.pid)
    assert not loop.is_worker(os.getpid())


def test_a_worker_whose_guards_cannot_hold_does_not_start(run):
    with pytest.raises(ServiceError, match="'guards' names the dataset 'nowhere'"):
        run(guards=Guards(private=("nowhere",)))


# Private labels

PRIVATE = Guards(private=(SET,), min_size=0)


def test_a_file_that_answers_too_little_of_private_labels_is_rejected(send, run, state, reason, answers):
    name = send(answers(n=100))
    run(guards=PRIVATE)
    assert state(name) == State.REJECTED
    assert reason(name).startswith("your file: answers 100 of the 221 materials of 'emt-alloys'")


def test_whether_numbers_are_plausible_is_told_of_public_labels_only(send, run, state, reason, answers):
    data = answers(scale=1000.0)
    told = send(data)
    run()
    assert state(told) == State.REJECTED
    assert "meV" in reason(told)
    kept = send(data, key="other")
    run(guards=PRIVATE)
    assert state(kept) == State.PUBLISHED


def test_with_private_labels_only_the_abridged_result_gets_on_the_board(
    board, sqlite_store, settings, blobs, send, run
):
    before = on_board(board)
    name = send()
    run(guards=PRIVATE)
    new = on_board(board)
    assert new.keys() - before.keys() == {f"leaderboard/results/discovery/{SET}/mine.json", "models/mine/model.toml"}
    row = json.loads(new[f"leaderboard/results/discovery/{SET}/mine.json"])
    assert "tp" not in row["metrics"]
    assert row["metrics"]["mae"]["value"] == round(row["metrics"]["mae"]["value"], 3)
    private = settings.model_copy(update={"guards": PRIVATE})
    one = submissions.get(sqlite_store, name)
    assert release.released_report(sqlite_store, private, blobs, one) is None
    assert "mine" in (board.site_dir / "datasets" / f"{SET}.html").read_text()


def test_no_site_shows_private_labels_material_by_material(board, send, run, tmp_path):
    from matdisc.leaderboard.site import build

    file = {"schema": "matdisc.materials/1", "task": "discovery", "dataset": SET, "of": 1, "fair": 1}
    file |= {"ids": ["a-secret"], "truth": [0.0], "error": {"label": "Error", "unit": "eV/atom"}, "entries": {}}
    path = board.materials_dir / "discovery" / f"{SET}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(file))
    send()
    run(guards=PRIVATE)
    assert path.is_file()
    told = "a-secret"
    assert not [page for page in board.site_dir.rglob("*") if page.is_file() and told in page.read_text()]
    open_site = build(board, tmp_path / "open")
    assert [page for page in open_site.rglob("*") if page.is_file() and told in page.read_text()]


def test_a_result_that_is_no_new_best_of_private_labels_is_not_published(
    sqlite_store, settings, send, run, state, reason, answers
):
    best, near = send(answers(0)), None
    run(guards=PRIVATE)
    near = send(answers(0).replace(b"0.1", b"0.2", 3), key="second")
    run(guards=PRIVATE)
    assert (state(best), state(near)) == (State.PUBLISHED, State.SUCCEEDED)
    assert "no new best of your team" in reason(near)
    private = settings.model_copy(update={"guards": PRIVATE})
    shown = release.released(sqlite_store, private, submissions.get(sqlite_store, near))
    assert shown["entry"] == "mine"


def test_materials_that_are_held_out_may_not_count_for_the_headline(board, sqlite_store, blobs, send, run, reason):
    path = board.datasets_dir / SET / "dataset.toml"
    subsets = (
        'subsets = [{ name = "all but none", flag = "x", keep = "without" }, '
        '{ name = "the same", flag = "y", keep = "without" }]\nheadline_subset = "all but none"\n'
    )
    path.write_text(subsets + path.read_text())
    name = send()
    run(guards=PRIVATE.model_copy(update={"holdout": {SET: "the same"}}))
    assert "an error of the service (ServiceError)" in reason(name)


# On the board and off it


def test_a_result_gets_on_the_board_with_its_card_file_details_and_page(board, send, run, answers):
    send()
    run()
    assert board.model("mine").authors[0].name == "Ada"
    assert (board.predictions_dir / "discovery" / SET / "mine.csv").read_bytes() == answers()
    row = json.loads((board.results_dir / "discovery" / SET / "mine.json").read_text())
    assert row["origin"] == "submission"
    assert (board.details_dir / "discovery" / SET / "mine.json").exists()
    assert (board.site_dir / "models" / "mine.html").exists()


def test_rows_of_two_teams_are_ranked(board, send, run, answers, other):
    send()
    send(answers(1), key="theirs", by=other)
    run()
    ranking = json.loads((board.rankings_dir / "discovery" / f"{SET}.json").read_text())
    assert sorted(ranking["entries"]) == ["mine", "theirs"]


def test_what_is_copied_from_another_team_is_flagged_on_its_row(board, send, run, other):
    send()
    send(key="theirs", by=other)
    run()
    flags = {
        key: json.loads((board.results_dir / "discovery" / SET / f"{key}.json").read_text())["flags"]
        for key in ("mine", "theirs")
    }
    assert "the same predictions file was submitted before by another team" in flags["theirs"]
    assert flags["mine"] == []


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (publish, "evaluated"),
        ("matdisc.leaderboard.submit", "store_file"),
        ("matdisc.leaderboard.results", "write_details"),
        ("matdisc.leaderboard.results", "write_result"),
        ("matdisc.leaderboard.ranking", "write_ranking"),
        ("matdisc.leaderboard.site", "build"),
        (publish, "set_published"),
    ],
)
def test_publication_that_was_killed_anywhere_is_done_by_the_next(
    monkeypatch, board, sqlite_store, send, run, state, place, name
):
    class Killed(BaseException):
        pass

    def kill(*arguments, **more):
        raise Killed

    one = send()
    module = __import__(place, fromlist=[name]) if isinstance(place, str) else place
    with monkeypatch.context() as patch:
        patch.setattr(module, name, kill)
        with pytest.raises(Killed):
            run()
    assert state(one) == State.SUCCEEDED
    run()
    assert state(one) == State.PUBLISHED
    after = on_board(board)
    assert {path.split("/")[1] for path in after if "/mine" in path} == {"results", "predictions", "details", "mine"}
    assert (board.site_dir / "models" / "mine.html").exists()


@pytest.mark.parametrize("act", ["withdraw", "embargo"])
def test_what_is_called_back_while_a_publication_lies_killed_comes_off_again(
    monkeypatch, board, sqlite_store, send, run, act
):
    before = on_board(board)
    one = send()

    def kill(*arguments):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(publish, "set_published", kill)
        with pytest.raises(SystemExit):
            run()
    assert on_board(board) != before
    if act == "withdraw":
        submissions.withdraw(sqlite_store, one, "me")
    else:
        submissions.set_embargo(sqlite_store, one, time.time() + 1000, "me")
    run()
    assert on_board(board) == before


def test_what_is_withdrawn_during_its_publication_comes_off_again(monkeypatch, board, sqlite_store, send, run, state):
    before = on_board(board)
    one = send()
    mark = publish.set_published

    def too_late(store, name):
        submissions.withdraw(store, name, "me")
        return mark(store, name)

    monkeypatch.setattr(publish, "set_published", too_late)
    run()
    assert state(one) == State.WITHDRAWN
    assert on_board(board) == before
    assert not (board.site_dir / "models" / "mine.html").exists()


def test_withdrawing_takes_the_row_off_and_leaves_those_of_others(
    board, sqlite_store, send, run, answers, other, state
):
    send(answers(1), key="theirs", by=other)
    run()
    before = on_board(board)
    one = send()
    run()
    submissions.withdraw(sqlite_store, one, "me")
    run()
    assert state(one) == State.WITHDRAWN
    assert on_board(board) == before
    assert not (board.site_dir / "models" / "mine.html").exists()
    assert (board.site_dir / "models" / "theirs.html").exists()


def test_a_newer_version_of_a_team_takes_the_place_of_its_row_and_outlives_the_older(
    board, sqlite_store, send, run, answers
):
    first = send()
    run()
    send(answers(1), suffix=".csv")
    run()
    file = board.predictions_dir / "discovery" / SET / "mine.csv"
    assert file.read_bytes() == answers(1)
    submissions.withdraw(sqlite_store, first, "me")
    run()
    assert file.read_bytes() == answers(1)


def test_a_key_belongs_to_the_team_that_published_it(send, run, state, reason, other, answers):
    send()
    run()
    theirs = send(answers(1), by=other)
    run()
    assert state(theirs) == State.REJECTED
    assert reason(theirs) == (
        "your card: field 'key' is 'mine', which is the key of another team's model; choose another key"
    )


def test_a_team_may_send_more_of_a_model_while_its_first_row_is_being_published(
    monkeypatch, sqlite_store, settings, send, run, state, answers
):
    one = send()
    later = []

    def meanwhile_another_is_checked(store, name):
        later.append(send(answers(1)))
        worker = leases.register(store, "elsewhere", 1)
        later.append(keys.clash(store, publish.Board(settings.board), leases.claim(store, worker, settings).submission))
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(publish, "set_published", meanwhile_another_is_checked)
        with pytest.raises(SystemExit):
            run()
    assert state(one) == State.SUCCEEDED
    assert later[1] == ""


def test_of_two_teams_that_bring_a_key_at_once_the_first_gets_it(
    monkeypatch, sqlite_store, send, run, state, reason, other, answers
):
    mine, theirs = send(), send(answers(1), by=other)
    monkeypatch.setattr(desk, "clash", lambda *arguments: "")
    run()
    assert (state(mine), state(theirs)) == (State.PUBLISHED, State.SUCCEEDED)
    assert "another team's model" in reason(theirs)


def test_a_key_of_the_boards_own_models_is_taken_and_one_that_is_never_published_may_be_anything(send, run, state):
    taken, kept = send(key="chgnet-0.3.0"), send(key="chgnet-0.3.0", private=True)
    run()
    assert state(taken) == State.REJECTED
    assert state(kept) == State.SUCCEEDED


def test_private_embargoed_and_unreviewed_results_stay_off_the_board(board, sqlite_store, send, run, state):
    before = on_board(board)
    private, embargoed = send(private=True), send(key="later", embargo_until=time.time() + 1000)
    run()
    reviewed = send(key="looked-at")
    run(moderation=True)
    assert [state(one) for one in (private, embargoed, reviewed)] == [State.SUCCEEDED] * 3
    assert [submissions.get(sqlite_store, one).review for one in (private, reviewed)] == ["none", "pending"]
    assert on_board(board) == before
    submissions.review(sqlite_store, reviewed, "approved", "maintainer")
    submissions.set_embargo(sqlite_store, embargoed, None, "me")
    submissions.review(sqlite_store, embargoed, "approved", "maintainer")
    run(moderation=True)
    assert [state(one) for one in (private, embargoed, reviewed)] == [State.SUCCEEDED, *[State.PUBLISHED] * 2]


def test_one_worker_at_a_time_writes_to_the_board(sqlite_store, settings, blobs, send, run, state):
    from matdisc.service.store.publication import hold, let_go

    hold(sqlite_store, publish.BOARD, "somebody", 60)
    one = send()
    publisher = publish.Publisher(settings, sqlite_store, blobs, "me")
    with pytest.raises(AssertionError):
        assert publisher.publish_due()
    let_go(sqlite_store, publish.BOARD, "somebody")
    run()
    assert state(one) == State.PUBLISHED


# Models that the service runs


@pytest.fixture
def toy(board, add_toy, team):
    """Submit a toy model to be run: `toy("counted", seconds=0.1)`; returns the id."""

    def make(loader="counted", **options):
        key = options.pop("key", "toy")
        by = options.pop("by", team)
        private = options.pop("private", False)
        if key not in board.model_keys():
            add_toy(key, loader, **options)
        card = (board.models_dir / key / "model.toml").read_text()
        return by.submit(kind="model", model=key, card=card, private=private).id

    return make


@pytest.mark.slow
def test_a_model_is_run_scored_and_published_as_matdisc_predict_does(board, sqlite_store, toy, run, state, tmp_path):
    from matdisc.run import predict

    name = toy()
    run()
    one = submissions.get(sqlite_store, name)
    assert one.state == State.PUBLISHED
    row = json.loads((board.results_dir / "discovery" / SET / "toy.json").read_text())
    assert (row["origin"], row["protocol"]["key"]) == ("run", "single-point")
    same = predict(board, "toy", "discovery", SET, workers=0, out=tmp_path / "p.csv.gz")
    assert row["metrics"] == score_file(board, same.out, "discovery", SET)["metrics"]
    folder = board.predictions_dir / "discovery" / SET
    assert sorted(path.name for path in folder.iterdir()) == ["toy.csv.gz", "toy.run.json"]
    assert one.file_suffix == ".csv.gz"
    submissions.withdraw(sqlite_store, name, "me")
    run()
    assert not list(folder.iterdir())
    assert "toy" in board.model_keys()


@pytest.mark.slow
def test_a_model_goes_on_where_a_killed_run_stopped_and_says_how_far_it_is(
    board, settings, sqlite_store, toy, run, state, tmp_path
):
    import os
    import signal

    log = tmp_path / "asked.log"
    name = toy(seconds=0.02, log=str(log))
    worker = leases.register(sqlite_store, "elsewhere", 1)
    from matdisc.service.blobs import open_blobs

    bench = desk.Desk(settings, sqlite_store, open_blobs(settings.blobs), worker, workers=0, address=None)
    assert bench.next_job(lambda: False) is None
    deadline = time.monotonic() + 60
    while not submissions.get(sqlite_store, name).progress:
        assert time.monotonic() < deadline
        bench.look_after_models()
        time.sleep(0.05)
    said = submissions.get(sqlite_store, name).progress
    assert said["text"] == f"{said['done']:,} of 221 materials"
    os.kill(bench._run[1]._process.pid, signal.SIGKILL)
    while bench._run is not None:
        bench.look_after_models()
        time.sleep(0.05)
    assert outcomes(sqlite_store, name) == ["crashed"]
    run()
    assert state(name) == State.PUBLISHED
    begun = [line for line in log.read_text().splitlines() if line.startswith("start ")]
    assert len(begun) < 221 + 60


def test_a_model_that_answers_nothing_fails_with_its_reason_and_is_not_run_again(
    monkeypatch, sqlite_store, toy, run, state, reason
):
    class NoAnswers:
        ended, error, trouble, done, total = True, "", "all 221 materials failed, each with: oops", 0, 0

        def __init__(self, *arguments):
            pass

        def end(self):
            pass

    monkeypatch.setattr(desk, "ModelRun", NoAnswers)
    name = toy()
    run()
    assert state(name) == State.FAILED
    assert outcomes(sqlite_store, name) == ["failed"]
    assert reason(name) == "the model gave no answer at all: all 221 materials failed, each with: oops"


def test_what_killed_runs_left_of_submissions_that_have_ended_is_removed(settings, sqlite_store, toy, run):
    ended, waiting = toy(), toy()
    submissions.cancel(sqlite_store, ended, "me")
    folders = {name: settings.home / "runs" / name for name in (ended, waiting, "strange")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    clean_runs(settings, sqlite_store)
    assert [name for name, folder in folders.items() if folder.exists()] == [waiting]


def test_what_goes_on_beside_the_main_loop_goes_on_after_an_error():
    done = []

    def act():
        done.append(1)
        if len(done) == 1:
            raise OSError("the disk was full")

    thread = Beside("test", act, lambda took: 0.01)
    deadline = time.monotonic() + 10
    while len(done) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    thread.stop()
    assert not thread._thread.is_alive()


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_parked_in_words_without_a_path_of_ours(sqlite_store, toy, run, state, reason):
    name = toy("nowhere")
    run(work=Work(crashes=1))
    assert state(name) == State.FAILED
    assert outcomes(sqlite_store, name) == ["crashed"]
    assert "nowhere" in reason(name)
    assert "/board" not in reason(name)


@pytest.mark.slow
def test_a_row_of_a_model_that_the_board_has_is_not_run_again_unless_for_oneself(toy, run, state, reason, other):
    toy()
    run()
    again, private = toy(by=other), toy(by=other, private=True)
    run()
    assert state(again) == State.REJECTED
    assert "another team" in reason(again)
    assert state(private) == State.SUCCEEDED


def test_a_submission_goes_its_way_on_both_databases(board, store, settings, blobs, make_team, answers):
    url = store.engine.url.render_as_string(hide_password=False)
    teams = [make_team(store, name) for name in ("Lab A", "Lab B")]
    file = {"file_sha256": blobs.put(answers()), "file_suffix": ".csv"}
    first = teams[0].submit(**file)
    work(settings.model_copy(update={"database": url}), workers=0, once=True)
    second = teams[1].submit(**file)
    submissions.withdraw(store, first.id, "me")
    work(settings.model_copy(update={"database": url}), workers=0, once=True)
    states = [submissions.get(store, one.id).state for one in (first, second)]
    assert states == [State.WITHDRAWN, State.REJECTED]
    third = teams[1].submit(**file)
    work(settings.model_copy(update={"database": url}), workers=0, once=True)
    assert submissions.get(store, third.id).state == State.PUBLISHED
