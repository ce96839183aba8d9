"""The API as clients use it: submit, follow, read, cancel; and what its operators see."""

import json
import logging
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from service_http import CARD, CSV, FILE, Api, is_problem, serving
from service_scenes import make_scene

from matdisc.leaderboard.site.site import POLICY as THE_SITES
from matdisc.service.http.rates import Rates, Slots, network_of
from matdisc.service.settings import Quota, Web
from matdisc.service.states import State
from matdisc.service.store import leases, submissions
from matdisc.service.web.sessions import cookie_name, keep, new_session

pytestmark = pytest.mark.service


@pytest.fixture
def api(settings, sqlite_store, blobs, make_team):
    with serving(settings, sqlite_store, blobs, make_team(sqlite_store).secret) as api:
        yield api


@pytest.fixture
def each_api(settings, store, blobs, make_team):
    """As `api`, on each kind of database."""
    with serving(settings, store, blobs, make_team(store).secret) as api:
        yield api


@pytest.fixture
def scene_api(scene, settings, sqlite_store, blobs):
    with serving(settings, sqlite_store, blobs, scene.secrets["Lab A"]) as api:
        yield api


def with_settings(settings, **changes):
    return settings.model_copy(update=changes)


# submitting


def test_a_submission_is_accepted_and_its_location_tells_how_far_it_is(each_api):
    made = each_api.submit()
    assert made.status_code == 202
    said = each_api.get(made.headers["Location"]).json()
    assert said == made.json()
    assert (said["state"], said["position"], said["attempt"], said["team"]) == ("received", 0, 0, "Lab A")
    assert said["links"]["self"] == made.headers["Location"]
    assert each_api.blobs.read(said["predictions_sha256"]) == CSV


def test_the_order_of_the_fields_does_not_matter(api):
    parts = [("predictions", FILE), ("card", (None, CARD.format(key="a"))), ("dataset", (None, "emt-alloys"))]
    made = api.post("/v1/submissions", files=[*parts, ("task", (None, "discovery"))])
    assert made.status_code == 202
    assert made.json()["model"] == "a"


def test_the_card_may_be_a_file_too(api):
    parts = {"task": (None, "discovery"), "dataset": (None, "emt-alloys"), "predictions": FILE}
    made = api.post("/v1/submissions", files=parts | {"card": ("model.toml", CARD.format(key="b").encode())})
    assert made.status_code == 202


def test_a_key_that_comes_again_with_the_same_request_gets_the_same_submission(api):
    first, second = (api.submit(key="monday") for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 200)
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert api.kept() == (1, 1)


def test_a_key_makes_one_submission_however_many_requests_bring_it_at_once(each_api):
    clients = [each_api.client() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda client: each_api.submit(key="race", client=client), clients))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert each_api.kept() == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"private": "true"},
        {"dataset": "wbm-sample"},
        {"file": ("answers.csv", CSV + b"x-2,0\n")},
        {"file": ("answers.jsonl", CSV)},
    ],
)
def test_a_key_that_comes_again_with_another_request_is_refused_and_nothing_more_is_kept(api, change):
    api.submit(key="monday")
    is_problem(api.submit(key="monday", **change), 409, "new key")
    assert api.kept() == (1, 1)


def test_the_key_of_one_team_is_none_of_another(api, make_team, sqlite_store):
    first = api.submit(key="monday")
    other = api.submit(key="monday", client=api.client(make_team(sqlite_store, "Lab B").secret))
    assert other.status_code == 202
    assert other.json()["id"] != first.json()["id"]


def test_an_embargo_and_privacy_are_kept_as_they_were_said(api):
    said = api.submit(private="yes", embargo_until="2030-02-01T12:00:00+01:00").json()
    assert (said["private"], said["embargo_until"]) == (True, "2030-02-01T11:00:00.000Z")


def test_a_model_that_the_maintainers_approved_is_run_with_the_boards_own_card(
    settings, sqlite_store, blobs, make_team, add_toy, board
):
    add_toy("toy", "emt", "potential")
    wanted = with_settings(settings, models=("toy",))
    with serving(wanted, sqlite_store, blobs, make_team(sqlite_store).secret) as api:
        made = api.submit(file=None, card=None, model="toy")
        assert made.status_code == 202
        assert (made.json()["kind"], made.json()["predictions_sha256"]) == ("model", None)
        card = submissions.get(sqlite_store, made.json()["id"]).card
        assert card == (board.models_dir / "toy" / "model.toml").read_text()
        is_problem(api.submit(file=None, card=None, model="chgnet-0.3.0"), 422, "it runs: toy")
        is_problem(api.submit(file=None, model="toy"), 422, "own card is used")
        is_problem(api.submit(card=None, model="toy"), 422, "send one of them")


# reading


def test_a_team_lists_its_submissions_page_by_page_and_those_of_no_other(scene_api, scene):
    client, seen, before = scene_api.clients[0], [], {}
    while True:
        page = client.get("/v1/submissions", params={"limit": 5, **before}).json()
        assert len(page["submissions"]) <= 5
        seen += [one["id"] for one in page["submissions"]]
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert sorted(seen) == sorted(set(scene.ids.values()) - {scene.ids["other team"]})
    times = [client.get(f"/v1/submissions/{id}").json()["created"] for id in seen]
    assert times == sorted(times, reverse=True)


def test_a_list_may_be_of_some_states_only(scene_api, scene):
    said = scene_api.get("/v1/submissions", params={"state": ["running", "cancelled"]}).json()
    assert {one["id"] for one in said["submissions"]} == {scene.ids["running"], scene.ids["cancelled"]}


def test_maintainers_list_all_teams_and_nobody_else_does(scene_api, scene):
    ask = {"params": {"team": "*", "limit": 200}}
    found = scene_api.client(scene.secrets["Referees"]).get("/v1/submissions", **ask).json()
    assert {one["id"] for one in found["submissions"]} == set(scene.ids.values())
    is_problem(scene_api.get("/v1/submissions", **ask), 403, "'admin'")


def test_a_result_its_details_and_its_report_are_there_once_it_succeeded(scene_api, scene, settings):
    here = f"/v1/submissions/{scene.ids['succeeded']}"
    assert scene_api.get(f"{here}/result").json()["schema"] == "matdisc.result/2"
    assert scene_api.get(f"{here}/details").json() == {"schema": "matdisc.details/2"}
    report = scene_api.get(f"{here}/report")
    assert "<h1>The report</h1>" in report.text
    assert report.headers["Content-Type"].startswith("text/html")
    for what in ("result", "details", "report"):
        is_problem(scene_api.get(f"/v1/submissions/{scene.ids['running']}/{what}"), 404, "is running")


def test_a_report_is_allowed_its_own_style_and_script_and_no_other(settings, sqlite_store, blobs):
    meta = "default-src 'none'; style-src 'sha256-abc='; script-src 'sha256-def='; base-uri 'none'"
    page = f'<!doctype html><meta http-equiv="Content-Security-Policy" content="{meta.replace(chr(39), "&#39;")}">'
    scene = make_scene(sqlite_store, settings, blobs, report=page.encode())
    with serving(settings, sqlite_store, blobs, scene.secrets["Lab A"]) as api:
        report = api.get(f"/v1/submissions/{scene.ids['succeeded']}/report")
    assert report.headers["Content-Security-Policy"] == f"{meta}; frame-ancestors 'none'"


def test_private_labels_have_no_details_and_no_report(scene, settings, sqlite_store, blobs):
    private = with_settings(settings, guards=settings.guards.model_copy(update={"private": ("wbm-sample",)}))
    with serving(private, sqlite_store, blobs, scene.secrets["Lab A"]) as api:
        here = f"/v1/submissions/{scene.ids['published']}"
        for what in ("details", "report"):
            is_problem(api.get(f"{here}/{what}"), 404, "private")
        metrics = api.get(f"{here}/result").json()["metrics"]
    assert all(m["value"] is None or m["value"] == round(m["value"], 3) for m in metrics.values())


def test_attempts_are_told_with_their_reasons(scene_api, scene):
    found = scene_api.get(f"/v1/submissions/{scene.ids['failed']}/attempts").json()["attempts"]
    assert [one["number"] for one in found] == list(range(1, len(found) + 1))
    assert found[0]["outcome"] == "lost"
    assert "not heard of" in found[0]["reason"]


@pytest.mark.parametrize("what", ["", "/events", "/attempts", "/result", "/details", "/report"])
def test_another_teams_submission_looks_as_if_there_were_none(scene_api, scene, what):
    theirs = scene_api.get(f"/v1/submissions/{scene.ids['other team']}{what}")
    nothing = scene_api.get(f"/v1/submissions/sub_00000000000000000000{what}")
    said, other = (is_problem(answer, 404, "another team's") for answer in (theirs, nothing))
    assert said["detail"] == other["detail"]


@pytest.mark.parametrize("what", ["cancel", "withdraw", "review"])
def test_another_teams_submission_cannot_be_changed(scene_api, scene, what, sqlite_store):
    before = submissions.get(sqlite_store, scene.ids["other team"])
    answer = scene_api.post(f"/v1/submissions/{before.id}/{what}", json={"decision": "approved"})
    is_problem(answer, 403 if what == "review" else 404)
    assert submissions.get(sqlite_store, before.id) == before


def test_a_maintainer_may_read_and_review_but_another_team_is_not_told(scene_api, scene):
    client = scene_api.client(scene.secrets["Referees"])
    assert client.get(f"/v1/submissions/{scene.ids['other team']}/result").status_code == 200
    assert client.post(f"/v1/submissions/{scene.ids['other team']}/cancel").status_code == 409  # it has ended


def test_who_holds_a_token_is_told_what_it_may_and_has_used(scene_api):
    said = scene_api.get("/v1/me").json()
    assert (said["team"], said["role"], said["scopes"]) == ("Lab A", "submitter", ["read", "submit"])
    assert said["usage"]["queued"] == 2
    assert said["usage"]["limits"]["queued"] == 50


def test_the_data_sets_name_the_columns_of_an_answer(api):
    found = {(one["task"], one["dataset"]): one for one in api.get("/v1/datasets").json()["datasets"]}
    place = found["discovery", "emt-alloys"]
    assert place["n_samples"] == 221
    assert place["open"]
    assert "e_form" in place["columns"][0]["name"]
    assert ("relaxation", "emt-alloys") in found


def test_the_leaderboard_has_the_best_row_first_and_notices_a_new_one(api, board):
    folder = board.results_dir / "discovery" / "emt-alloys"
    folder.mkdir(parents=True)
    for name, f1 in (("low", 0.2), ("none", None), ("high", 0.9)):
        row = {
            "entry": name,
            "model": name,
            "task": "discovery",
            "dataset": "emt-alloys",
            "metrics": {"f1": {"value": f1}},
        }
        (folder / f"{name}.json").write_text(json.dumps(row | {"provenance": {"secret": 1}}))
    (folder / "broken.json").write_text("{")
    (folder / "odd.json").write_text('{"entry": "odd", "metrics": {"f1": 0.99}}')
    ask = {"params": {"task": "discovery", "dataset": "emt-alloys"}}
    said = api.get("/v1/leaderboard", **ask).json()
    assert [row["entry"] for row in said["rows"]] == ["high", "low", "none"]
    assert (said["headline"], said["better"]) == ("f1", "higher")
    (folder / "high.json").unlink()
    assert [row["entry"] for row in api.get("/v1/leaderboard", **ask).json()["rows"]] == ["low", "none"]
    is_problem(api.get("/v1/leaderboard", params={"task": "static", "dataset": "emt-alloys"}), 404, "/v1/datasets")


def test_without_anonymous_reading_the_board_needs_a_token(settings, sqlite_store, blobs, make_team):
    closed = with_settings(settings, web=Web(anonymous_read=False))
    with serving(closed, sqlite_store, blobs, make_team(sqlite_store).secret) as api:
        for path in ("/v1/datasets", "/metrics", "/v1/leaderboard?task=discovery&dataset=emt-alloys"):
            is_problem(api.client("").get(path), 401, "Bearer")
            assert api.get(path).status_code == 200
        assert api.client("").get("/healthz").status_code == 200
        assert api.client("").get("/").headers["Location"] == "/login"
        assert api.get("/").status_code == 200


# changing


def test_what_waits_is_cancelled_at_once_and_only_once(api):
    here = api.submit().headers["Location"]
    assert api.post(f"{here}/cancel").json()["state"] == "cancelled"
    is_problem(api.post(f"{here}/cancel"), 409, "nothing to cancel")


def test_what_runs_is_cancelled_by_its_worker(scene_api, scene):
    said = scene_api.post(f"/v1/submissions/{scene.ids['running']}/cancel").json()
    assert (said["state"], said["cancel_requested"]) == ("running", True)


def test_a_result_is_withdrawn_at_once_or_by_a_worker_where_it_is_on_the_board(scene_api, scene):
    said = scene_api.post(f"/v1/submissions/{scene.ids['succeeded']}/withdraw").json()
    assert said["state"] == "withdrawn"
    said = scene_api.post(f"/v1/submissions/{scene.ids['published']}/withdraw").json()
    assert (said["state"], said["withdraw_requested"]) == ("published", True)
    is_problem(scene_api.post(f"/v1/submissions/{scene.ids['running']}/withdraw"), 409, "cancel it")


def test_an_embargo_is_set_and_lifted_before_publication(scene_api, scene):
    client, here = scene_api.clients[0], f"/v1/submissions/{scene.ids['succeeded']}/embargo"
    assert client.put(here, json={"until": "2030-01-01"}).json()["embargo_until"] == "2030-01-01T00:00:00.000Z"
    assert client.put(here, json={"until": None}).json()["embargo_until"] is None
    for wrong in ("2020-01-01", "2999-01-01", "soon", "0001-01-01T00:00:00+23:59"):
        assert is_problem(client.put(here, json={"until": wrong}), 422)["field"] == "until"
    is_problem(client.put(f"/v1/submissions/{scene.ids['published']}/embargo", json={"until": None}), 409)


def test_only_maintainers_review(scene_api, scene):
    here, said = f"/v1/submissions/{scene.ids['pending']}/review", {"decision": "declined", "reason": "a copy"}
    is_problem(scene_api.post(here, json=said), 403, "'publish'")
    answer = scene_api.client(scene.secrets["Referees"]).post(here, json=said)
    assert answer.json()["review"] == "declined"
    assert "a copy" in scene_api.get(f"/v1/submissions/{scene.ids['pending']}").json()["reason"]


# events


def read_events(response):
    """The events of a stream that ends: kind, id and data."""
    found = []
    for block in response.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in lines:
            found.append((lines["event"], lines.get("id"), json.loads(lines["data"])))
    return found


def test_a_stream_tells_each_step_and_ends_with_the_last(each_api, settings):
    id = each_api.submit().json()["id"]

    def work():
        worker = leases.register(each_api.store, "host", 1)
        lease = leases.claim(each_api.store, worker, settings)
        leases.validated(each_api.store, lease)
        leases.progress(each_api.store, lease, 3, 10, "half way")
        time.sleep(1.2)
        leases.finish(each_api.store, lease, State.FAILED, "it broke")

    thread = threading.Thread(target=work)
    thread.start()
    response = each_api.get(f"/v1/submissions/{id}/events")
    thread.join()
    assert response.headers["Content-Type"].startswith("text/event-stream")
    found = read_events(response)
    states = [data["state"] for kind, _, data in found if kind == "state"]
    assert states == ["received", "validating", "queued", "running", "failed"]
    assert {"done": 3, "total": 10, "text": "half way"} in [data["progress"] for _, _, data in found]
    assert found[-1][0] == "end"
    assert found[-1][2]["state"] == "failed"
    assert found[-1][2]["text"] == "it broke"

    third = next(id for kind, id, data in found if data["state"] == "queued")
    again = read_events(each_api.get(f"/v1/submissions/{id}/events", headers={"Last-Event-ID": third}))
    assert [data["state"] for kind, _, data in again if kind == "state"] == ["running", "failed"]
    assert again[-1][0] == "end"


@pytest.mark.parametrize("id", ["x", "-1", "9" * 30, "²", "1e3"])
def test_a_stream_begins_anew_where_the_last_event_is_none(scene_api, scene, id):
    answer = scene_api.get(
        f"/v1/submissions/{scene.ids['cancelled']}/events", headers={"Last-Event-ID": id.encode("utf-8")}
    )
    assert [data["state"] for kind, _, data in read_events(answer) if kind == "state"] == ["received", "cancelled"]


def test_a_client_that_leaves_gives_its_stream_back(scene_api, scene):
    streams = scene_api.app.state.service.streams
    with scene_api.clients[0].stream("GET", f"/v1/submissions/{scene.ids['received']}/events") as response:
        assert response.status_code == 200
        pieces = response.iter_bytes()  # forgetting them would close the connection
        assert next(pieces).startswith(b"retry")
        assert streams.taken == 1
    until = time.monotonic() + 10
    while streams.taken and time.monotonic() < until:
        time.sleep(0.05)
    assert streams.taken == 0


def test_streams_are_limited_for_one_and_for_all():
    slots = Slots("event streams", 3, 2)
    for who in ("a", "a", "b"):
        slots.take(who)
    for who, status in (("a", 429), ("b", 503), ("c", 503)):
        with pytest.raises(Exception, match="event streams") as refused:
            slots.take(who)
        assert refused.value.status_code == status
        assert refused.value.headers["Retry-After"] == "5"
    slots.give_back("a")
    slots.take("c")


# who asks


@pytest.mark.parametrize("scheme", ["Basic {}", "Bearer {}x", "Bearer", "{}", "Bearer mdt_aaaaaaaaaaaa_" + "a" * 43])
def test_a_token_that_is_none_opens_nothing(api, scheme):
    answer = api.client("").get("/v1/me", headers={"Authorization": scheme.format(api.secret)})
    is_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert api.secret not in answer.text


def test_a_token_without_the_scope_is_refused_by_the_scopes_name(api, make_team, sqlite_store):
    reader = api.client(make_team(sqlite_store, "Readers", scopes=["read"]).secret)
    answer = api.submit(client=reader)
    is_problem(answer, 403, "'submit'")
    assert "insufficient_scope" in answer.headers["WWW-Authenticate"]


def test_the_session_of_a_page_reads_and_changes_nothing(api, settings, make_team, sqlite_store):
    from starlette.responses import Response

    made, response = api.submit(), Response()
    keep(response, settings, new_session(make_team(sqlite_store).token))
    name, value = response.headers["set-cookie"].partition(";")[0].split("=", 1)
    assert name == cookie_name(settings)
    browser = api.client("", cookies={name: value})
    assert browser.get(made.headers["Location"]).status_code == 200
    is_problem(browser.post(made.headers["Location"] + "/cancel"), 401)
    browser.cookies.set(name, value[:-1] + "x")
    is_problem(api.client("", cookies={name: value[:-4] + "abcd"}).get(made.headers["Location"]), 401)


def test_who_asks_too_often_is_told_when_to_ask_again(settings, sqlite_store, blobs, make_team):
    slow = with_settings(settings, quota=Quota(requests_per_minute=3))
    with serving(slow, sqlite_store, blobs, make_team(sqlite_store).secret) as api:
        answers = [api.get("/v1/me") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        is_problem(answers[-1], 429, "more than 3 requests")
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 20
        guesses = [api.client("mdt_aaaaaaaaaaaa_" + "b" * 43).get("/v1/me").status_code for _ in range(5)]
        assert guesses == [401, 401, 401, 429, 429]
        other = api.client(make_team(sqlite_store, "Lab B").secret)
        assert other.get("/v1/me").status_code == 200


def test_calls_come_free_again_with_time_and_forgotten_names_take_no_memory():
    now = [0.0]
    rates = Rates(60, most=2, clock=lambda: now[0])
    assert [rates.wait("a") for _ in range(60)] == [0.0] * 60
    assert rates.wait("a") == pytest.approx(1.0)
    now[0] = 1.0
    assert rates.wait("a") == 0.0
    for name in "bcdef":
        rates.wait(name)
    assert len(rates._known) == 2


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_one_subscriber_counts_as_one_address(address, network):
    assert network_of(address) == network


# problems, logs and figures


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/nothing/at/all", 404),
        ("DELETE", "/v1/me", 405),
        ("GET", "/v1/submissions/a%00b", 422),
        ("GET", "/v1/submissions?limit=0", 422),
        ("GET", "/v1/submissions?state=lost", 422),
        ("GET", "/v1/submissions?dataset=../../etc", 422),
        ("GET", "/v1/leaderboard", 422),
    ],
)
def test_every_refusal_is_a_problem_document(api, method, path, status):
    answer = api.clients[0].request(method, path)
    is_problem(answer, status)
    if status == 405:
        assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    "body", [b"{", b"[1]", b"null", b'{"until": 3}', b'{"until": "\\ud800"}', b"[" * 60_000, b"\xff"]
)
def test_json_that_is_wrong_is_refused(scene_api, scene, body):
    answer = scene_api.clients[0].put(
        f"/v1/submissions/{scene.ids['succeeded']}/embargo", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    is_problem(answer, answer.status_code)


def test_a_fault_of_ours_is_told_by_an_id_that_the_log_knows(api, monkeypatch, caplog):
    monkeypatch.setattr(submissions, "attempts", lambda *_: 1 / 0)
    here = api.submit().headers["Location"]
    with caplog.at_level(logging.INFO, "matdisc.service"):
        answer = api.get(f"{here}/attempts")
    said = is_problem(answer, 500, "fault of the service")
    assert "ZeroDivisionError" not in answer.text
    faults = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.request_id for record in faults] == [said["request_id"]]
    assert "ZeroDivisionError" in faults[0].exc_text or faults[0].exc_info


def test_a_database_that_is_away_is_a_reason_to_try_again(api, monkeypatch, caplog):
    from sqlalchemy.exc import OperationalError

    def away(*_):
        raise OperationalError("SELECT 1", {"card": CARD}, Exception("database is locked"))

    monkeypatch.setattr(submissions, "attempts", away)
    here = api.submit().headers["Location"] + "/attempts"
    with caplog.at_level(logging.INFO, "matdisc.service"):
        answer = api.get(here)
    is_problem(answer, 503, "try again")
    assert "SELECT" not in answer.text
    assert "Predictions of an outsider" not in caplog.text
    assert int(answer.headers["Retry-After"]) > 0


def test_the_log_has_a_line_for_each_request_and_no_secret(api, caplog):
    with caplog.at_level(logging.DEBUG):
        made = api.submit(key="once")
        api.get(made.headers["Location"])
        api.get("/healthz")
    lines = [record for record in caplog.records if hasattr(record, "route")]
    assert [(line.method, line.route, line.status) for line in lines] == [
        ("POST", "/v1/submissions", 202), ("GET", "/v1/submissions/{id}", 200),
    ]  # fmt: skip
    assert (lines[0].team, lines[0].submission_id) == ("Lab A", made.json()["id"])
    assert lines[1].request_id != lines[0].request_id
    everything = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert api.secret not in everything
    assert api.secret.rpartition("_")[2] not in everything
    assert "Predictions of an outsider" not in everything


def test_figures_name_routes_by_their_templates(each_api):
    each_api.submit()
    for path in ("/v1/submissions/sub_1", "/v1/submissions/sub_2", "/secret-name", "/%3Cscript%3E"):
        each_api.get(path)
    leases.register(each_api.store, "host", 1)
    text = each_api.get("/metrics").text
    assert 'matdisc_submissions_total{state="received"} 1.0' in text
    assert "matdisc_queue_depth 1.0" in text
    assert "matdisc_queue_age_seconds" in text
    assert "matdisc_eval_seconds_count 0.0" in text
    assert f"matdisc_upload_bytes_total {float(len(CSV))}" in text
    assert "matdisc_worker_heartbeat_age_seconds{worker=" in text
    assert 'http_request_duration_seconds_count{method="GET",route="/v1/submissions/{id}",status="404"} 2.0' in text
    assert "sub_1" not in text
    assert "secret-name" not in text
    assert "script" not in text


def test_the_service_is_ready_once_a_worker_lives_and_files_can_be_kept(settings, sqlite_store, blobs):
    with serving(settings, sqlite_store, blobs) as api:
        assert api.get("/healthz").json() == {"status": "up"}
        answer = api.get("/readyz")
        assert answer.status_code == 503
        assert answer.json() == {"status": "not ready", "store": True, "worker": False, "blobs": True}
        leases.register(sqlite_store, "host", 1)
        api.app.state.readiness._until = 0.0
        assert api.get("/readyz").json()["status"] == "ready"


def test_every_answer_has_the_headers_that_keep_browsers_from_harm(api):
    ids, paths = set(), ("/", "/v1/me", "/v1/no", "/login")
    for path in paths:
        answer = api.get(path)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"], path
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in answer.headers
        ids.add(answer.headers["X-Request-Id"])
    assert len(ids) == len(paths)
    assert api.get("/v1/me").headers["Cache-Control"] == "no-store"
    assert api.get("/").headers["Content-Security-Policy"] == f"{THE_SITES}; frame-ancestors 'none'"


# the published board


def test_before_the_first_publication_a_page_says_so(api):
    answer = api.get("/")
    assert answer.status_code == 200
    assert "has not been published yet" in answer.text


def test_the_published_board_is_served_and_pages_of_the_service_come_first(api, board, tmp_path):
    site = board.site_dir
    (site / "queue").mkdir(parents=True)
    (site / "index.html").write_text("<h1>The board</h1>")
    (site / "queue" / "index.html").write_text("not this one")
    (tmp_path / "secret.txt").write_text("label")
    (site / "out.txt").symlink_to(tmp_path / "secret.txt")
    (site / "up").symlink_to(tmp_path)
    assert "The board" in api.get("/").text
    assert "not this one" not in api.get("/queue", follow_redirects=True).text
    for path in ("/out.txt", "/up/secret.txt", "/..%2f..%2f..%2fsecret.txt", "/%2e%2e/%2e%2e/secret.txt", "/a%00b"):
        answer = api.get(path)
        assert answer.status_code == 404, path
        assert "label" not in answer.text
    is_problem(api.post("/"), 405)


# weight


SERVE = """
import sys
from pathlib import Path
from matdisc.service.blobs import open_blobs
from matdisc.service.serve import listen, serve
from matdisc.service.settings import Settings
from matdisc.service.store.database import open_store
settings = Settings.model_validate_json(sys.argv[1])
store, blobs = open_store(settings.database), open_blobs(settings.blobs)
listener = listen("127.0.0.1", 0)
print(listener.getsockname()[1], flush=True)
try:
    serve(settings, store, blobs, listener)
finally:
    print([name for name in sys.argv[2:] if name in sys.modules], flush=True)
"""
HEAVY = ("ray", "torch", "pandas", "pyarrow", "scipy", "sklearn", "ase", "pymatgen")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_process_of_the_api_is_light(settings, sqlite_store, blobs, make_team):
    command = [sys.executable, "-c", SERVE, settings.model_dump_json(), *HEAVY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        api = Api(None, settings, sqlite_store, blobs, int(process.stdout.readline()), make_team(sqlite_store).secret)
        clients = [api.client() for _ in range(20)]
        here = api.submit().headers["Location"]
        with ThreadPoolExecutor(20) as pool:
            answers = pool.map(lambda n: clients[n % 20].get(here), range(400))
            assert {answer.status_code for answer in answers} == {200}
        for path in ("/v1/datasets", "/metrics", "/login", "/v1/submissions", "/openapi.json"):
            assert api.get(path).status_code == 200, path
        status = Path(f"/proc/{process.pid}/status").read_text()
        for client in clients:
            client.close()
        process.terminate()
        assert process.stdout.read().strip() == "[]"
    used = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(used.split()[1]) / 1024 < 120


@pytest.mark.slow
def test_a_file_of_257_000_rows_is_taken_in_under_a_second(api):
    import gzip
    import random

    rng = random.Random(0)
    rows = "".join(f"wbm-{i // 50_000 + 1}-{i % 50_000},{rng.gauss(0, 1):.4f}\n" for i in range(257_000))
    packed = gzip.compress(b"material_id,e_form\n" + rows.encode())
    times = []
    for n in range(3):
        start = time.perf_counter()
        answer = api.submit(file=("all.csv.gz", packed), key=f"big-{n}")
        times.append(time.perf_counter() - start)
        assert answer.status_code == 202
    assert min(times) < 1.0
