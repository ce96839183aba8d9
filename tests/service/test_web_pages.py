"""The web pages without a browser: who gets in, which forms count, and that texts stay texts."""

import re
import stat
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs matdisc[service]")
sys.path.insert(0, str(Path(__file__).parents[1] / "site"))

from service_http import serving
from service_scenes import CARD, HOSTILE, new_submission
from site_html import Page

from matdisc.service.settings import Guards, Quota, Web
from matdisc.service.states import State
from matdisc.service.store import accounts
from matdisc.service.store import submissions as store_of
from matdisc.service.webhooks import webhook_key

pytestmark = pytest.mark.service

FILE = ("answers.csv", b"material_id,e_form_per_atom\nwbm-1,-0.1\n", "text/csv")
PAGES = [
    "/submit",
    "/queue",
    "/review",
    "/submissions/{succeeded}",
    "/submissions/{running}",
    "/submissions/{rejected}",
]
FORMS = [
    "/logout", "/submissions/{succeeded}/embargo", "/submissions/{succeeded}/withdraw",
    "/submissions/{received}/cancel", "/review/{pending}",
]  # fmt: skip


class Visitor:
    """Somebody with a browser: keeps the cookie, and sends forms with the key of the page they stand on."""

    def __init__(self, api):
        self.url = api.url
        self.client = api.client("", follow_redirects=False)

    def get(self, path, **options):
        return self.client.get(path, **options)

    def key(self, path="/login"):
        page = self.client.get(path)
        page = self.client.get(page.headers["location"]) if page.has_redirect_location else page
        return re.search(r'name="form_key" value="([0-9a-f]+)"', page.text)[1]

    def post(self, path, fields=None, headers=None):
        return self.client.post(path, data={"form_key": self.key()} | (fields or {}), headers=headers)

    def log_in(self, secret, next="/queue"):
        answer = self.post("/login", {"token": secret, "next": next})
        assert answer.status_code == 303, answer.text
        return self

    def submit(self, once=None, file=FILE, headers=None, **changes):
        page = self.get("/submit").text
        once = once or re.search(r"/submit\?once=([0-9a-f-]+)", page)[1]
        fields = {
            "form_key": re.search(r'name="form_key" value="([0-9a-f]+)"', page)[1], "place": "discovery/wbm-sample",
            "card": CARD.format(key="mine").replace("\n", "\r\n"), "card_file": "", "model": "", "embargo_until": "",
            "webhook": "",
        } | changes  # fmt: skip
        parts = [(name, (None, value)) for name, value in fields.items() if value is not None]
        return self.client.post(f"/submit?once={once}", files=[*parts, ("predictions", file)], headers=headers)


@pytest.fixture
def board(_shipped):
    """The shipped board itself: pages only read it."""
    return _shipped


@pytest.fixture
def serve(settings, sqlite_store, blobs):
    """Serve with some settings changed: `serve(moderation=True)`."""
    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(serving(settings.model_copy(update=changes), sqlite_store, blobs))


@pytest.fixture
def api(serve):
    return serve()


@pytest.fixture
def visitor(api):
    return Visitor(api)


@pytest.fixture
def ada(scene, api):
    """Of Lab A."""
    return Visitor(api).log_in(scene.secrets["Lab A"])


@pytest.fixture
def rea(scene, api):
    """A maintainer."""
    return Visitor(api).log_in(scene.secrets["Referees"])


def error_of(page, field):
    found = re.search(rf'<p class="error" id="e-{field}"><span class="unseen">Error: </span>(.*?)</p>', page, re.S)
    return unescape(found[1]) if found else None


@dataclass(frozen=True)
class Source:
    """A page in the place of a file."""

    text: str

    def read_text(self, encoding):
        return self.text


def parsed(answer):
    """A page, read by a strict parser."""
    return Page(Source(answer.text))


# Logging in


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_sent_to_log_in_and_then_where_they_wanted_to(path, scene, visitor):
    path = path.format(**scene.ids)
    first = visitor.get(path)
    assert (first.status_code, first.headers["location"]) == (303, "/login?next=" + path.replace("/", "%2F"))
    visitor.post("/login", {"token": scene.secrets["Referees"], "next": path})
    assert visitor.get(path).status_code == 200


@pytest.mark.parametrize("token", ["", "mdt_aaaaaaaaaaaa_" + "a" * 43, "nonsense", "mdt_\0", "é" * 100])
def test_a_wrong_token_is_told_and_not_repeated(token, visitor):
    answer = visitor.post("/login", {"token": token})
    assert answer.status_code == 403
    assert "No token of this service is written so" in error_of(answer.text, "token")
    assert not token or token not in answer.text
    assert visitor.get("/queue").status_code == 303


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(scene, visitor):
    cookie = visitor.post("/login", {"token": scene.secrets["Lab A"]}).headers["set-cookie"].lower()
    assert {"httponly", "samesite=strict", "path=/"} <= set(cookie.split("; "))
    assert scene.secrets["Lab A"].lower() not in cookie


def test_behind_tls_the_cookie_travels_by_tls_only(serve):
    there = serve(web=Web(public_url="https://board.example"))
    cookie = there.get("/login").headers["set-cookie"]
    assert cookie.startswith("__Host-matdisc=")
    assert "Secure" in cookie.split("; ")


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example", "/submit/../x", "/queue\n", "javascript:1"]
)
def test_a_login_leads_to_our_own_pages_only(place, scene, visitor):
    answer = visitor.post("/login", {"token": scene.secrets["Lab A"], "next": place})
    assert answer.headers["location"] == "/queue"


def test_a_revoked_token_logs_out_at_once(ada, scene):
    assert ada.get("/queue").status_code == 200
    accounts.revoke_token(scene.store, scene.tokens["Lab A"].id, "test")
    assert ada.get("/queue").status_code == 303
    assert ada.post(f"/submissions/{scene.ids['received']}/cancel").status_code in (303, 403)
    assert store_of.get(scene.store, scene.ids["received"]).state == State.RECEIVED


def test_an_expired_token_logs_out(sqlite_store, visitor):
    _, secret = accounts.create_token(sqlite_store, team="Short", person="Sam", days=1.5 / 86400)
    visitor.log_in(secret)
    until = time.monotonic() + 10
    while visitor.get("/queue").status_code == 200 and time.monotonic() < until:
        time.sleep(0.1)
    assert visitor.get("/queue").status_code == 303


def test_logging_out_ends_the_session(ada):
    assert ada.post("/logout", {"form_key": ada.key("/queue")}).headers["location"] == "/login"
    assert ada.get("/queue").status_code == 303


def test_a_forged_cookie_is_nobody(ada, scene):
    name, value = next(iter(ada.client.cookies.items()))
    token, expires, nonce, mac = value.split(".")
    other = scene.tokens["Referees"].id
    longer = str(int(expires) + 1)
    for forged in (
        f"{other}.{expires}.{nonce}.{mac}", f"{token}.{longer}.{nonce}.{mac}", f"{token}.{expires}.{nonce}.{'0' * 64}",
        f"{token}.{expires}.{nonce}.", f"{token}.{expires}.{nonce}", "....", "x" * 5000,
    ):  # fmt: skip
        ada.client.cookies.clear()
        assert ada.get("/queue", headers={"Cookie": f"{name}={forged}"}).status_code == 303
    assert ada.get("/queue", headers={"Cookie": f"{name}={value}"}).status_code == 200


def test_a_session_outlives_a_restart_and_belongs_to_one_service(ada, serve, tmp_path):
    cookie = "; ".join(f"{name}={value}" for name, value in ada.client.cookies.items())
    assert serve().get("/queue", headers={"Cookie": cookie}).status_code == 200
    assert serve(home=tmp_path / "elsewhere").get("/queue", headers={"Cookie": cookie}).status_code == 303


def test_the_key_of_sessions_is_for_its_owner_only(visitor, settings):
    visitor.get("/login")
    assert stat.S_IMODE((settings.home / "secret").stat().st_mode) == 0o600


# Forms


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("kind", ["no key", "key of another session", "another site", "another origin", "no form"])
def test_forms_of_others_change_nothing(path, kind, scene, api, rea):
    path = path.format(**scene.ids)
    fields = {"form_key": rea.key("/queue"), "decision": "approved", "embargo_until": "2099-01-01"}
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": rea.url}
    before = [store_of.get(scene.store, id) for id in scene.ids.values()]
    if kind == "no key":
        del fields["form_key"]
    elif kind == "key of another session":
        fields["form_key"] = Visitor(api).log_in(scene.secrets["Referees"]).key("/queue")
    elif kind == "another site":
        headers["Sec-Fetch-Site"] = "same-site"
    elif kind == "another origin":
        headers = {"Origin": "https://evil.example"}
    if kind == "no form":
        answer = rea.client.post(path, json=fields, headers=headers)
    else:
        answer = rea.client.post(path, data=fields, headers=headers)
    assert answer.status_code == (415 if kind == "no form" else 403)
    assert [store_of.get(scene.store, id) for id in scene.ids.values()] == before
    assert rea.get("/queue").status_code == 200


def test_a_login_of_another_site_is_refused(scene, api, visitor):
    key = Visitor(api).key()
    answer = visitor.client.post("/login", data={"form_key": key, "token": scene.secrets["Lab A"]})
    assert answer.status_code == 403
    assert visitor.get("/queue").status_code == 303


@pytest.mark.parametrize("body", [b"a=%FF", b"a=1&" * 100, b"\xff", b""])
def test_a_form_that_cannot_be_read_is_refused_in_words(body, visitor):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = visitor.client.post("/login", content=body, headers=headers)
    assert answer.status_code in (400, 403)
    assert "<h1>" in answer.text


@pytest.mark.parametrize("origin", ["ours", None, "null"])
def test_forms_of_our_own_pages_count(origin, scene, ada):
    headers = {"Sec-Fetch-Site": "same-origin"} | (
        {"Origin": ada.url if origin == "ours" else origin} if origin else {}
    )
    fields = {"form_key": ada.key("/queue")}
    answer = ada.client.post(f"/submissions/{scene.ids['received']}/cancel", data=fields, headers=headers)
    assert answer.status_code == 303
    assert store_of.get(scene.store, scene.ids["received"]).state == State.CANCELLED


# Submitting


def test_a_form_makes_a_submission_as_it_was_typed(ada, scene, blobs, monkeypatch):
    monkeypatch.setattr("matdisc.service.http.intake.check_url", lambda url, settings: None)  # looks its host up
    answer = ada.submit(private="true", embargo_until="2027-06-01", webhook="https://example.org/done")
    made = store_of.listing(scene.store, limit=1)[0]
    assert (answer.status_code, answer.headers["location"]) == (303, f"/submissions/{made.id}")
    assert (made.task, made.dataset, made.kind, made.model) == ("discovery", "wbm-sample", "predictions", "mine")
    assert made.card == CARD.format(key="mine")
    assert made.private
    assert made.embargo_until == 1811808000
    assert made.webhook == "https://example.org/done"
    assert blobs.read(made.file_sha256) == FILE[1]


def test_a_form_that_is_sent_twice_makes_one_submission(ada, scene):
    once = "12345678-1234-1234-1234-123456789012"
    first, second = ada.submit(once), ada.submit(once)
    assert first.headers["location"] == second.headers["location"]
    assert len([one for one in store_of.listing(scene.store) if one.model == "mine"]) == 1


def test_a_form_that_was_sent_and_then_changed_asks_before_it_is_another_submission(ada):
    once = "12345678-1234-1234-1234-123456789012"
    ada.submit(once)
    answer = ada.submit(once, card=CARD.format(key="other"))
    assert answer.status_code == 409
    assert f"?once={once}" not in answer.text
    assert "was sent before" in answer.text
    assert 'key = "other"' in unescape(answer.text)


def test_what_the_api_is_sent_and_what_the_form_sends_are_the_same_submission(ada, scene):
    ada.submit()
    by_form = store_of.listing(scene.store, limit=1)[0]
    parts = {"task": (None, "discovery"), "dataset": (None, "wbm-sample"), "card": (None, CARD.format(key="mine"))}
    answer = ada.client.post(
        "/v1/submissions",
        files=parts | {"predictions": FILE},
        headers={"Authorization": f"Bearer {scene.secrets['Lab A']}"},
    )
    by_api = store_of.get(scene.store, answer.json()["id"])
    same = (
        "task",
        "dataset",
        "kind",
        "model",
        "card",
        "file_sha256",
        "file_suffix",
        "file_bytes",
        "private",
        "webhook",
    )
    assert all(getattr(by_form, name) == getattr(by_api, name) for name in same)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"place": ""}, "place", "is missing"),
        ({"place": "discovery/nowhere"}, "place", "does not exist"),
        ({"card": ""}, "card", "is missing"),
        ({"card": "key = "}, "card", "not valid TOML"),
        ({"card": CARD.format(key="x") + 'colour = "<b>"'}, "card", "colour"),
        ({"card_file": CARD.format(key="file")}, "card", "twice"),
        ({"file": ("", b"", "application/octet-stream")}, "predictions", "is missing"),
        ({"file": ("x.zip", b"PK\x03\x04", "application/zip")}, "predictions", "save the predictions as"),
        ({"file": ("x.csv", b"PK\x03\x04" + b"0" * 40, "text/csv")}, "predictions", "archive"),
        ({"embargo_until": "2001-01-01"}, "embargo_until", "has to lie ahead"),
        ({"embargo_until": "tomorrow"}, "embargo_until", "write a date"),
        ({"webhook": "http://127.0.0.1/x"}, "webhook", ""),
        ({"model": "chgnet-0.3.0"}, "predictions", "came together"),
    ],
)
def test_an_error_stands_beside_its_field_and_what_was_typed_is_kept(changes, field, words, ada, scene):
    before = len(store_of.listing(scene.store))
    changes = {"webhook": "https://example.org/kept", "private": "true"} | changes
    answer = ada.submit(**changes)
    page = answer.text
    assert 400 <= answer.status_code < 500
    assert words in error_of(page, field)
    assert f'<a href="#f-{field}">' in page
    if field != "webhook":
        assert 'value="https://example.org/kept"' in page
    typed = unescape(re.search(r"<textarea.*?>\n?(.*?)</textarea>", page, re.S)[1])
    assert typed == changes.get("card", CARD.format(key="mine"))
    assert len(store_of.listing(scene.store)) == before


def test_a_card_can_come_as_a_file(ada, scene):
    page = ada.get("/submit").text
    parts = [
        ("form_key", (None, re.search(r'name="form_key" value="([0-9a-f]+)"', page)[1])),
        ("place", (None, "discovery/wbm-sample")), ("card", (None, "")),
        ("card_file", ("model.toml", CARD.format(key="by-file").encode(), "application/toml")), ("predictions", FILE),
    ]  # fmt: skip
    once = re.search(r"/submit\?once=([0-9a-f-]+)", page)[1]
    assert ada.client.post(f"/submit?once={once}", files=parts).status_code == 303
    assert store_of.listing(scene.store, limit=1)[0].card == CARD.format(key="by-file")


@pytest.mark.parametrize("form_key", [None, "", "0" * 64])
def test_predictions_without_the_form_key_are_refused_before_they_are_kept(form_key, ada, scene, settings):
    before = sorted(Path(settings.blobs).rglob("*"))
    assert ada.submit(form_key=form_key).status_code == 403
    assert sorted(Path(settings.blobs).rglob("*")) == before
    assert all(one.model != "mine" for one in store_of.listing(scene.store))


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_a_submission_that_another_site_sends_is_refused(headers, ada, scene):
    assert ada.submit(headers=headers).status_code == 403
    assert all(one.model != "mine" for one in store_of.listing(scene.store))


def test_a_used_up_quota_is_told_above_the_form(serve, sqlite_store, make_team):
    lab = Visitor(serve(quota=Quota(queued=1))).log_in(make_team(sqlite_store).secret)
    assert lab.submit().status_code == 303
    answer = lab.submit(card=CARD.format(key="second"))
    assert answer.status_code == 429
    assert "1 submissions that wait" in answer.text
    assert 'key = "second"' in unescape(answer.text)


def test_the_form_tells_the_key_of_the_teams_webhooks(ada, scene, settings):
    assert webhook_key(settings, scene.tokens["Lab A"].team_id) in ada.get("/submit").text
    assert webhook_key(settings, scene.tokens["Lab B"].team_id) not in ada.get("/submit").text


def test_who_asks_too_often_is_told_to_wait(serve):
    hurried = serve(quota=Quota(requests_per_minute=3))
    answers = [hurried.get("/login") for _ in range(5)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert "wait, and ask less often" in answers[-1].text


def test_the_form_needs_the_scope_submit(sqlite_store, visitor):
    _, secret = accounts.create_token(sqlite_store, team="Readers", person="Rita", scopes=["read"])
    visitor.log_in(secret)
    assert visitor.get("/submit").status_code == 403
    assert '"/submit"' not in visitor.get("/queue").text


def test_the_form_says_what_a_data_set_asks_for(serve, scene):
    guarded = serve(guards=Guards(private=("wbm-sample", "emt-alloys"), min_size=900))
    page = Visitor(guarded).log_in(scene.secrets["Lab A"]).get("/submit").text
    assert "WBM, a random sample of 1,000 (1,000 materials, labels private)" in page
    assert '<code>e_form_per_atom</code> <span class="faint">eV/atom</span>: formation energy' in page
    assert 'value="discovery/emt-alloys"' not in page  # too small for private labels


# Queue


def test_a_team_sees_its_own_submissions_and_maintainers_see_all(ada, rea):
    assert "secret-of-b" not in ada.get("/queue?team=all").text
    assert "secret-of-b" in rea.get("/queue").text
    assert "secret-of-b" not in rea.get("/queue?team=own").text


@pytest.mark.parametrize(
    ("group", "shown"),
    [("waiting", {"patient-net", "more-patient-net"}), ("working", {"graphnet-7"}),
     ("succeeded", {"meshnet-2.1", "copycat-1"}),
     ("stopped", {"hostile-net", "unlucky-gp", "slow-transformer", "never-mind", "second-thoughts"})],
)  # fmt: skip
def test_the_queue_can_be_filtered_by_state(group, shown, ada):
    assert set(re.findall(r'<a id="a-sub_\w+"[^>]*>([^<]+)</a>', ada.get(f"/queue?state={group}").text)) == shown


def test_the_queue_tells_position_progress_and_quota(ada):
    page = ada.get("/queue").text
    assert "next in line" in page
    assert "1 before it" in page
    assert "340 of 1000" in page
    assert re.search(r"Evaluations on wbm-sample in 30 days</dt><dd><strong>\d+</strong> of 50", page)


def test_older_submissions_are_on_the_next_page(ada, scene):
    for n in range(30):
        store_of.create(scene.store, scene.tokens["Lab A"], new_submission(f"row-{n}", 100 + n), scene.settings.quota)
    first = ada.get("/queue").text
    assert "row-29" in first
    assert "hostile-net" not in first
    older = unescape(re.search(r'rel="next" href="([^"]+)"', first)[1])
    assert "hostile-net" in ada.get(older).text
    assert "row-29" not in ada.get(older).text


def test_a_page_of_the_queue_cannot_begin_at_another_team(ada, scene):
    assert ada.get(f"/queue?before={scene.ids['other team']}").status_code == 404


# One submission


def test_another_teams_submission_looks_like_none(ada, scene):
    there, nowhere = (ada.get(f"/submissions/{id}") for id in (scene.ids["other team"], "sub_" + "0" * 20))
    assert there.status_code == nowhere.status_code == 404
    assert there.text.replace(scene.ids["other team"], "") == nowhere.text.replace("sub_" + "0" * 20, "")
    assert ada.get(f"/submissions/{scene.ids['other team']}/report").status_code == 404
    answer = ada.post(f"/submissions/{scene.ids['other team']}/withdraw", {"form_key": ada.key("/queue")})
    assert answer.status_code == 404


@pytest.mark.parametrize("id", ["%00", "x" * 5000, "..%2F..", "%C3%A9", "sub_1%27--"])
def test_an_odd_address_is_no_submission(id, ada):
    assert ada.get(f"/submissions/{id}").status_code == 404
    assert ada.get(f"/queue?before={id}").status_code == 404


def test_a_rejected_submission_says_why_and_what_to_do(ada, scene):
    page = unescape(ada.get(f"/submissions/{scene.ids['rejected']}").text)
    assert "the file answers 3 of 1,000 materials" in page
    assert "Correct what the reason names and submit again" in page


def test_attempts_are_listed_where_there_were_several(ada, scene):
    page = parsed(ada.get(f"/submissions/{scene.ids['failed']}"))
    assert page.words.count("the worker was not heard of any more") >= 3
    assert "Attempts" in page.words
    assert "Attempts" not in parsed(ada.get(f"/submissions/{scene.ids['succeeded']}")).words


def test_a_result_is_shown_with_its_intervals(ada, scene):
    page = parsed(ada.get(f"/submissions/{scene.ids['succeeded']}")).words
    assert "F1 0.410 0.358–0.462" in page
    assert "MAE eV/atom 0.121 0.113–0.128" in page
    assert "It goes to the board after 2096-10-02" in page


def test_private_labels_show_no_report_and_no_counts(serve, scene):
    ada = Visitor(serve(guards=Guards(private=("wbm-sample",), min_size=10, digits=2))).log_in(scene.secrets["Lab A"])
    id = scene.ids["succeeded"]
    page = parsed(ada.get(f"/submissions/{id}"))
    assert "F1 0.410 0.360–0.460" in page.words
    assert "TP" not in page.words.split()
    assert not any("/report" in (link.get("href") or "") for link in page.all("a"))
    assert ada.get(f"/submissions/{id}/report").status_code == 404


def test_a_report_reaches_nothing_of_the_service(ada, scene):
    answer = ada.get(f"/submissions/{scene.ids['published']}/report")
    policy = answer.headers["content-security-policy"]
    assert b"The report" in answer.content
    assert policy.startswith("sandbox allow-scripts allow-popups; default-src 'none';")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy
    assert ada.get(f"/submissions/{scene.ids['running']}/report").status_code == 404


def test_what_waits_can_be_cancelled_and_what_has_ended_cannot(ada, scene):
    def cancel(name):
        return ada.post(f"/submissions/{scene.ids[name]}/cancel", {"form_key": ada.key("/queue")})

    assert cancel("received").status_code == 303
    assert store_of.get(scene.store, scene.ids["received"]).state == State.CANCELLED
    assert cancel("running").status_code == 303
    assert store_of.get(scene.store, scene.ids["running"]).cancel_requested
    late = cancel("rejected")
    assert late.status_code == 409
    assert "has ended (rejected)" in late.text


def test_a_result_can_be_withdrawn(ada, scene):
    answer = ada.post(f"/submissions/{scene.ids['succeeded']}/withdraw", {"form_key": ada.key("/queue")})
    assert answer.status_code == 303
    assert store_of.get(scene.store, scene.ids["succeeded"]).state == State.WITHDRAWN


def test_an_embargo_can_be_set_and_lifted_and_has_to_lie_ahead(ada, scene):
    def embargo(text):
        fields = {"form_key": ada.key("/queue"), "embargo_until": text}
        return ada.post(f"/submissions/{scene.ids['received']}/embargo", fields)

    assert embargo("2027-06-01").status_code == 303
    assert store_of.get(scene.store, scene.ids["received"]).embargo_until == 1811808000
    wrong = embargo("2001-02-03")
    assert wrong.status_code == 422
    assert "has to lie ahead" in error_of(wrong.text, "embargo_until")
    assert 'value="2001-02-03"' in wrong.text
    assert embargo("").status_code == 303
    assert store_of.get(scene.store, scene.ids["received"]).embargo_until is None


def test_a_token_for_reading_changes_nothing(scene, api):
    _, secret = accounts.create_token(scene.store, team="Lab A", person="Rita", scopes=["read"])
    rita = Visitor(api).log_in(secret)
    page = rita.get(f"/submissions/{scene.ids['received']}").text
    assert "/cancel" not in page
    assert (
        rita.post(f"/submissions/{scene.ids['received']}/cancel", {"form_key": rita.key("/queue")}).status_code == 403
    )


def test_a_page_follows_its_events_by_its_session(ada, scene):
    page = ada.get(f"/submissions/{scene.ids['running']}").text
    address = re.search(r'data-events="([^"]+)"', page)[1]
    store_of.cancel(scene.store, scene.ids["received"], "test")
    ended = ada.get(address.replace(scene.ids["running"], scene.ids["received"]))
    assert ended.headers["content-type"].startswith("text/event-stream")
    assert "event: end" in ended.text


# Review


def test_the_review_is_for_maintainers(ada, scene):
    assert ada.get("/review").status_code == 403
    answer = ada.post(f"/review/{scene.ids['pending']}", {"form_key": ada.key("/queue"), "decision": "approved"})
    assert answer.status_code == 403
    assert store_of.get(scene.store, scene.ids["pending"]).review == "pending"


def test_a_review_shows_card_result_and_copies(rea):
    page = parsed(rea.get("/review")).words
    assert 'key = "copycat-1"' in page
    assert "F1 0.410" in page
    assert "the same predictions file was submitted before by another team" in page


def test_a_result_is_approved_or_declined_with_a_reason(rea, scene):
    def decide(**fields):
        return rea.post(f"/review/{scene.ids['pending']}", {"form_key": rea.key("/review")} | fields)

    silent = decide(decision="declined", reason=" ")
    assert silent.status_code == 422
    assert "Say why" in error_of(silent.text, f"reason-{scene.ids['pending']}")
    assert decide(decision="maybe").status_code == 400
    assert decide(decision="declined", reason="a\0b").status_code == 422
    assert decide(decision="declined", reason="a" * 1001).status_code == 422
    assert decide(decision="declined", reason=HOSTILE).status_code == 303
    assert store_of.get(scene.store, scene.ids["pending"]).review == "declined"
    assert "Nothing waits" in rea.get("/review").text
    assert HOSTILE in unescape(rea.get(f"/submissions/{scene.ids['pending']}").text)
    assert decide(decision="approved").status_code == 303
    assert store_of.get(scene.store, scene.ids["pending"]).review == "approved"


def test_a_review_of_what_has_no_result_is_refused(rea, scene):
    answer = rea.post(f"/review/{scene.ids['running']}", {"form_key": rea.key("/review"), "decision": "approved"})
    assert answer.status_code == 409
    assert "a review is of a result before publication" in answer.text


# All pages


def everything(scene, visitor):
    ids = [f"/submissions/{id}" for name, id in scene.ids.items()]
    return [visitor.get(path) for path in ("/submit", "/queue", "/review", *ids, "/submissions/none")]


def test_every_page_is_whole_and_has_no_script_or_style_of_its_own(rea, scene, visitor):
    for answer in [*everything(scene, rea), visitor.get("/login")]:
        page = parsed(answer)
        assert page.problems == []
        assert len(page.ids) == len(set(page.ids))
        assert all(script.get("src", "").startswith("/service/assets/") for script in page.all("script"))
        assert not page.all("style")
        assert not [
            tag for tag, attributes in page.tags for name in attributes if name == "style" or name.startswith("on")
        ]


def test_every_field_has_a_label_and_every_description_is_there(rea, scene, visitor):
    for answer in [*everything(scene, rea), visitor.get("/login")]:
        page = parsed(answer)
        labels = {label.get("for") for label in page.all("label")}
        wanted = {f["id"] for f in page.all("input", "select", "textarea") if f.get("type") != "hidden"}
        assert wanted - labels - {"theme"} == set()  # that label holds its field
        for _, attributes in page.tags:
            for name in ("aria-describedby", "aria-labelledby"):
                assert set((attributes.get(name) or "").split()) <= set(page.ids)


def test_html_in_texts_is_shown_as_text(rea, scene):
    for answer in everything(scene, rea):
        assert "<img" not in answer.text
        assert "</textarea></code><script>" not in answer.text
    assert HOSTILE in unescape(rea.get(f"/submissions/{scene.ids['running']}").text)
    assert "</textarea></code><script>document.title" in unescape(rea.get("/review").text)


def test_every_page_has_the_strict_policy_and_is_not_kept(rea, scene, visitor):
    for answer in [*everything(scene, rea), visitor.get("/login"), visitor.get("/queue")]:
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_files_of_pages_are_kept_by_an_address_that_changes_with_them(visitor):
    page = parsed(visitor.get("/login"))
    addresses = [link["href"] for link in page.all("link")] + [script["src"] for script in page.all("script")]
    assert len(addresses) == 6
    for address in addresses:
        assert re.fullmatch(r"/service/assets/[a-z.]+\?v=[0-9a-f]{12}", address)
        assert visitor.get(address).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert visitor.get("/service/assets/..%2Fpages.py").status_code == 404
    assert visitor.get("/service/assets/secret").status_code == 404


def test_pages_load_no_numerical_libraries():
    code = (
        "import sys, matdisc.service.web.pages; print(sorted({'pandas', 'scipy', 'ray', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
