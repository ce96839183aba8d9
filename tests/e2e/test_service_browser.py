"""The service in a real browser: what a team and a maintainer do, and what must never happen."""

import re
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs matdisc[service]")
sys.path.insert(0, str(Path(__file__).parents[1] / "service"))

from service_http import serving
from service_scenes import CARD, HOSTILE, make_scene

from matdisc.board import init_board
from matdisc.service.blobs import open_blobs
from matdisc.service.settings import Quota, Settings
from matdisc.service.states import State
from matdisc.service.store import accounts, leases
from matdisc.service.store import submissions as store_of
from matdisc.service.store.database import open_store

pytestmark = [pytest.mark.browser, pytest.mark.service]

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => window.violations.push(event.violatedDirective));
"""
STATUS = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
"""What Chromium says of a page that is a refusal: no fault of the page's."""
CSV = b"material_id,e_form_per_atom\nwbm-1,-0.1\n"
STARTER_REPORT = """<!doctype html><html lang="en"><title>Report</title><h1>The report</h1><p id="told"></p>
<script>
let told = [];
try { told.push("cookie " + document.cookie); } catch (error) { told.push("no cookie"); }
try { told.push(parent.document.title); } catch (error) { told.push("no parent"); }
document.getElementById("told").textContent = told.join(", ");
</script>"""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return init_board(tmp_path_factory.mktemp("service-browser") / "board")


@pytest.fixture
def service(board, tmp_path):
    home = tmp_path / "service"
    settings = Settings(
        home=home,
        board=board.root,
        database=f"sqlite:///{home / 'service.db'}",
        blobs=str(home / "blobs"),
        moderation=True,
        quota=Quota(running=4, queued=50, scored=50, requests_per_minute=100_000),
    )
    store, blobs = open_store(settings.database), open_blobs(settings.blobs)
    with serving(settings, store, blobs) as api:
        yield api
    store.close()


@pytest.fixture
def scene(service):
    return make_scene(service.store, service.settings, service.blobs, STARTER_REPORT.encode())


@contextmanager
def opened(chromium, service, path="/login", secret=None, **options):
    """Open a page, logged in with a token; at the end it has been silent, kept its policy and stayed at home."""
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
    noises, requests = [], []
    context.add_init_script(WATCH)
    page = context.new_page()
    page.on("console", lambda message: noises.append(message.text))
    page.on("pageerror", lambda error: noises.append(str(error)))
    context.on("request", lambda request: requests.append(request.url))
    try:
        if secret:
            page.goto(service.url + "/login")
            page.fill("#f-token", secret)
            page.get_by_role("main").get_by_role("button", name="Log in").click()
            page.wait_for_url("**/queue")
        if path != "/queue" or not secret:
            page.goto(service.url + path)
        yield page
        assert [noise for noise in noises if not STATUS.match(noise)] == []
        assert [url for url in requests if not url.startswith((service.url, "data:"))] == []
        if options.get("java_script_enabled", True):
            assert page.evaluate("window.violations") == []
            assert page.title() != "owned"
    finally:
        context.close()


def ready(page):
    page.wait_for_selector("html[data-service=ready]", state="attached")


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def lab_a(chromium, service, scene, path="/queue", **options):
    return opened(chromium, service, path, scene.secrets["Lab A"], **options)


def test_a_wrong_token_is_told_and_the_summary_leads_to_its_field(chromium, service, scene):
    with opened(chromium, service) as page:
        page.fill("#f-token", "mdt_wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("#errors:focus")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "f-token"
        assert page.input_value("#f-token") == ""
        assert page.get_attribute("#f-token", "type") == "password"


def test_pages_fit_small_screens_in_both_themes(chromium, service, scene):
    ids = [f"/submissions/{id}" for name, id in scene.ids.items()]
    for scheme in ("light", "dark"):
        with opened(chromium, service, secret=scene.secrets["Referees"], color_scheme=scheme) as page:
            papers = set()
            for path in ("/submit", "/queue", "/review", *ids):
                page.goto(service.url + path)
                papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
                for width in (390, 320):
                    page.set_viewport_size({"width": width, "height": 740})
                    assert overflow(page) <= 0, (path, width)
            assert papers == {"rgb(251, 250, 247)" if scheme == "light" else "rgb(17, 22, 24)"}


def test_a_submission_goes_from_the_form_to_its_result_without_a_reload(chromium, service, scene):
    with lab_a(chromium, service, scene, "/submit") as page:
        ready(page)
        page.select_option("#f-place", "discovery/wbm-sample")
        assert page.get_by_text("e_form_per_atom").first.is_visible()
        assert not page.get_by_text("p_high").first.is_visible()
        page.get_by_role("button", name="Begin with an example").click()
        assert "my-model-1.0" in page.input_value("#f-card")
        page.set_input_files("#f-predictions", {"name": "x.csv", "mimeType": "text/csv", "buffer": CSV})
        page.get_by_role("button", name="Submit").click()
        page.wait_for_url("**/submissions/sub_*")
        ready(page)
        page.evaluate("window.kept = true")
        assert "before it" in page.inner_text("#now")

        for name in ("received", "received too"):
            store_of.cancel(scene.store, scene.ids[name], "test")
        lease = scene.lease()
        assert lease.submission.model == "my-model-1.0"
        page.wait_for_selector("#now .state.works")
        leases.validated(scene.store, lease)
        leases.progress(scene.store, lease, 250, 1000, HOSTILE)
        page.wait_for_selector("#done:has-text('250 of 1000')")
        assert page.evaluate("document.getElementById('bar').value") == 250
        assert f"250 of 1000: {HOSTILE}" in page.inner_text("#done")
        key = store_of.get(scene.store, scene.ids["succeeded"]).result_key
        leases.finish(scene.store, lease, State.SUCCEEDED, result_key=key, review="pending")
        page.wait_for_selector("#result table")
        assert "0.358–0.462" in page.inner_text("#result")
        assert "There is a result." in page.inner_text("#said")
        assert "succeeded" in page.title()
        assert page.evaluate("window.kept")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_double_click_makes_one_submission(chromium, service, scene, scripts):
    with lab_a(chromium, service, scene, "/submit", java_script_enabled=scripts) as page:
        page.select_option("#f-place", "discovery/wbm-sample")
        page.fill("#f-card", CARD.format(key="twice"))
        page.set_input_files("#f-predictions", {"name": "x.csv", "mimeType": "text/csv", "buffer": CSV})
        page.locator("main button.button").dblclick()
        page.wait_for_url("**/submissions/sub_*")
    assert [one.model for one in store_of.listing(scene.store)].count("twice") == 1


def test_an_error_of_the_form_keeps_what_was_typed(chromium, service, scene):
    with lab_a(chromium, service, scene, "/submit") as page:
        ready(page)
        page.select_option("#f-place", "discovery/wbm-sample")
        page.fill("#f-card", HOSTILE)
        page.check("#f-private")
        page.set_input_files("#f-predictions", {"name": "x.csv", "mimeType": "text/csv", "buffer": CSV})
        page.get_by_role("button", name="Submit").click()
        page.wait_for_selector("#errors:focus")
        assert page.input_value("#f-card") == HOSTILE
        assert page.input_value("#f-place") == "discovery/wbm-sample"
        assert page.is_checked("#f-private")
        assert page.get_attribute("#f-card", "aria-invalid") == "true"
        page.locator("#errors a").first.click()
        assert page.evaluate("document.activeElement.id") == "f-card"


def test_the_queue_follows_what_happens_and_keeps_the_focus(chromium, service, scene):
    with lab_a(chromium, service, scene) as page:
        ready(page)
        link = page.locator(f"#a-{scene.ids['received too']}")
        link.focus()
        store_of.cancel(scene.store, scene.ids["received"], "test")
        page.wait_for_selector(f"tr:has(#a-{scene.ids['received']}) .state.over")
        assert page.evaluate("document.activeElement.id") == f"a-{scene.ids['received too']}"
        page.wait_for_selector("#said:has-text('patient-net: cancelled')", state="attached")
        page.get_by_role("navigation", name="Which submissions").get_by_role("link", name="Waiting").click()
        page.wait_for_url("**/queue?state=waiting")
        assert page.locator("#rows tbody tr").count() == 1


def test_a_submission_can_be_cancelled_with_the_keyboard_alone(chromium, service, scene):
    with lab_a(chromium, service, scene, f"/submissions/{scene.ids['received']}") as page:
        ready(page)
        seen = []
        for _ in range(40):
            page.keyboard.press("Tab")
            seen.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
            if seen[-1] == "b-cancel":
                break
        assert seen[0] == "skip"
        assert seen[-1] == "b-cancel"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.wait_for_selector("#now .state.over")
    assert store_of.get(scene.store, scene.ids["received"]).state == State.CANCELLED


def test_a_withdrawal_asks_once_more(chromium, service, scene):
    with lab_a(chromium, service, scene, f"/submissions/{scene.ids['succeeded']}") as page:
        assert not page.locator("#b-withdraw").is_visible()
        page.locator("#s-withdraw").click()
        page.locator("#b-withdraw").click()
        page.wait_for_selector("#now .state.over")
        assert "not on the board" in page.inner_text("#result")


def test_the_report_is_shown_and_reaches_nothing(chromium, service, scene):
    with lab_a(chromium, service, scene, f"/submissions/{scene.ids['published']}") as page:
        page.get_by_text("The report on this page").click()
        frame = page.frame_locator("iframe")
        assert frame.locator("h1").inner_text() == "The report"
        assert frame.locator("#told").inner_text() == "no cookie, no parent"
        with page.context.expect_page() as other:
            page.get_by_role("link", name="Full report").click()
        other.value.wait_for_selector("h1")
        assert other.value.inner_text("#told").startswith("no cookie")
        with page.expect_download() as download:
            page.get_by_role("link", name="Result as JSON").click()
        assert download.value.suggested_filename == f"{scene.ids['published']}.result.json"


def test_a_maintainer_reviews_and_the_team_reads_why(chromium, service, scene):
    with opened(chromium, service, "/review", scene.secrets["Referees"]) as page:
        assert "the same predictions file was submitted before by another team" in page.inner_text("main")
        page.get_by_role("button", name="Decline").click()
        page.wait_for_selector("#errors:focus")
        page.get_by_label("Reason").fill("Please name the training set. " + HOSTILE)
        page.get_by_role("button", name="Decline").click()
        page.wait_for_selector(".nothing")
    with lab_a(chromium, service, scene, f"/submissions/{scene.ids['pending']}") as page:
        assert "Please name the training set. " + HOSTILE in page.inner_text("#now")


def test_a_revoked_token_sends_the_open_page_to_log_in(chromium, service, scene):
    with lab_a(chromium, service, scene) as page:
        ready(page)
        accounts.revoke_token(scene.store, scene.tokens["Lab A"].id, "test")
        page.wait_for_url("**/login?next=%2Fqueue")


def test_without_scripts_pages_renew_themselves_and_forms_work(chromium, service, scene):
    with lab_a(chromium, service, scene, f"/submissions/{scene.ids['running']}", java_script_enabled=False) as page:
        assert page.locator("noscript meta[http-equiv=refresh]").count() == 1
        assert page.locator("#bar").get_attribute("value") == "340"
        page.goto(service.url + "/submit")
        page.select_option("#f-place", "discovery/wbm-sample")
        page.fill("#f-card", CARD.format(key="scriptless"))
        page.set_input_files("#f-predictions", {"name": "x.csv", "mimeType": "text/csv", "buffer": CSV})
        page.locator("main button.button").click()
        page.wait_for_url("**/submissions/sub_*")
        page.locator("#b-cancel").click()
        assert "cancelled" in page.inner_text("#now")
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/login")


def test_html_in_texts_does_nothing_on_any_page(chromium, service, scene):
    with opened(chromium, service, secret=scene.secrets["Referees"]) as page:
        for path in ("/queue", "/review", *(f"/submissions/{id}" for id in scene.ids.values())):
            page.goto(service.url + path)
            ready(page)
            page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
            assert page.locator("img").count() == 0
            assert page.title() != "owned"
