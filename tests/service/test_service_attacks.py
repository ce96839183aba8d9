"""What attackers and broken clients send: refused in words, in bounded memory, with nothing kept."""

import asyncio
import bz2
import gzip
import io
import json
import pickle
import socket
import tarfile
import threading
import time
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from service_http import CARD, CSV, everything, is_problem, serving

from matdisc.service.blobs import open_blobs
from matdisc.service.http.problems import Problem
from matdisc.service.http.rates import Slots
from matdisc.service.settings import MIB, Quota, Settings, Uploads
from matdisc.service.store import accounts, submissions
from matdisc.service.store.database import open_store

pytestmark = pytest.mark.service
BOUNDARY = "frontier"
SMALL = Uploads(mib=1, expanded_mib=4, ratio=200, seconds=2.0)


@pytest.fixture(scope="module")
def api(_shipped, tmp_path_factory):
    """A service for all tests in which it refuses everything, so that there is never anything in it."""
    home = tmp_path_factory.mktemp("refusing")
    settings = Settings(
        home=home, board=_shipped.root, database=f"sqlite:///{home / 'service.db'}", blobs=str(home / "blobs"),
        quota=Quota(queued=50, scored=50, requests_per_minute=100_000), uploads=SMALL,
    )  # fmt: skip
    store = open_store(settings.database)
    _, secret = accounts.create_token(store, team="Lab A", person="Ada")
    with serving(settings, store, open_blobs(settings.blobs), secret) as api:
        yield api
    store.close()


@pytest.fixture
def fresh_api(settings, sqlite_store, blobs, make_team):
    """A service for one test in which it takes something."""
    small = settings.model_copy(update={"uploads": SMALL})
    with serving(small, sqlite_store, blobs, make_team(sqlite_store).secret) as api:
        yield api


def zipped():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../etc/cron.d/x", "boom")
    return packed.getvalue()


def tarred(mode="w"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        link = tarfile.TarInfo("answers.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return packed.getvalue()


class Bomb:
    def __reduce__(self):
        return print, ("owned",)


def part(name, content, *, filename=None, headers=()):
    said = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    lines = [f"--{BOUNDARY}", f"Content-Disposition: {said}", *headers, "", ""]
    return "\r\n".join(lines).encode() + (content if isinstance(content, bytes) else content.encode()) + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
FORM = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
TEXTS = part("task", "discovery") + part("dataset", "emt-alloys") + part("card", CARD.format(key="mine"))
GOOD = TEXTS + part("predictions", CSV, filename="a.csv") + END


def posted(api, body, content_type=FORM):
    kind = {"Content-Type": content_type.partition(": ")[2]} if content_type else {}
    return api.post("/v1/submissions", content=body, headers=kind)


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


# files


ROWS = b"".join(b"x-%d,0.5\n" % i for i in range(400_000))
FILES = {
    "a gzip bomb": ("a.csv.gz", gzip.compress(b"x-1,0.5\n" * MIB, 9), 413, "times as large"),
    "a bomb of many parts": ("a.csv.gz", gzip.compress(b"", 9) * 20_000, 413, "gzip parts"),
    "too large unpacked": ("a.csv.gz", gzip.compress(ROWS), 413, "larger than 4 MiB"),
    "a pickle": ("a.csv", pickle.dumps(Bomb()), 415, "pickle"),
    "a pickle called parquet": ("a.parquet", pickle.dumps(Bomb()), 415, "not Parquet"),
    "a zip": ("a.csv", zipped(), 415, "zip archive"),
    "a zip by its name": ("a.zip", zipped(), 415, ".csv.gz"),
    "a tar": ("a.csv", tarred(), 415, "tar archive"),
    "a tar in gzip": ("a.csv.gz", tarred("w:gz"), 415, "tar archive"),
    "a tar by its name": ("a.tar.gz", tarred("w:gz"), 415, ".csv.gz"),
    "bzip2": ("a.csv", bz2.compress(CSV), 415, "bzip2"),
    "a checkpoint": ("model.pt", b"\x80\x02", 415, ".csv"),
    "UTF-16": ("a.csv", CSV.decode().encode("utf-16"), 415, "UTF-16"),
    "Latin-1": ("a.csv", "material_id,e_form\nÅ-1,2\n".encode("latin-1"), 422, "UTF-8"),
    "NUL": ("a.csv", b"material_id,e_form\n\0,2\n", 422, "NUL"),
    "nothing": ("a.csv", b"", 422, "empty"),
    "plain text called gzip": ("a.csv.gz", CSV, 415, "not gzip"),
    "gzip that breaks off": ("a.csv.gz", gzip.compress(CSV)[:-4], 422, "breaks off"),
    "parquet that breaks off": ("a.parquet", b"PAR1" + bytes(20), 422, "breaks off"),
    "no format": ("answers", CSV, 415, ".csv"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_predictions_is_refused_and_nothing_is_kept(api, name):
    filename, content, status, words = FILES[name]
    said = is_problem(api.submit(file=(filename, content)), status, words)
    assert said["field"] == "predictions"
    assert api.kept() == (0, 0)


@pytest.mark.parametrize(
    "filename",
    [
        "../../../../etc/passwd.csv", "..\\..\\windows\\system32\\a.csv", "/root/.ssh/authorized_keys.csv",
        "a\u202evsc.csv", "$(reboot).csv", "x" * 5000 + ".csv", "con.csv", "%2e%2e%2fa.csv", "a.csv;b.csv", "-rf.csv",
        "é\u0000.csv".replace("\u0000", ""), "<img src=x onerror=alert(1)>.csv", "=cmd|' /C calc'!A0.csv",
    ],
)  # fmt: skip
def test_nothing_of_a_file_name_but_its_ending_is_used(fresh_api, filename):
    made = fresh_api.submit(file=(filename, CSV))
    assert made.status_code in (202, 400)
    stored = [path.name for path in fresh_api.blobs.root.rglob("*") if path.is_file()]
    assert stored == ([made.json()["predictions_sha256"]] if made.status_code == 202 else [])
    assert filename[:20] not in made.text


# texts


HOSTILE = {
    "HTML": "<img src=x onerror=alert(1)>",
    "a script": "</script><script>alert(1)</script>",
    "a formula": "=HYPERLINK(\"http://evil\",\"x\")",
    "a formula with @": "@SUM(1+1)*cmd|' /C calc'!A0",
    "right to left": "mod\u202eel",
    "a template": "{{ 7 * 7 }}",
    "SQL": "'; DROP TABLE submissions; --",
    "a path": "../../etc/passwd",
    "a letter of control": "a\u0007b",
    "an escape": "\x1b[2J",
    "a new line": "a\nb",
    "very long": "x" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("name", ["task", "dataset", "model", "private", "embargo_until", "webhook"])
def test_hostile_text_in_a_field_is_refused_by_the_fields_name(api, name, text):
    more = {"file": None, "card": None} if name == "model" else {}
    answer = api.submit(**{name: text}, **more)
    said = is_problem(answer, 413 if len(text) > 65536 else 422)
    assert said["field"] == name
    assert len(answer.content) < 5000
    assert answer.headers["Content-Type"] == "application/problem+json"  # inert, whatever it repeats
    assert api.kept() == (0, 0)


NO_NAMES = {name: text for name, text in HOSTILE.items() if name not in ("very long", "a path")}


@pytest.mark.parametrize("text", NO_NAMES.values(), ids=NO_NAMES)
@pytest.mark.parametrize(("name", "value"), [("key", "mine"), ("name", "Outsider"), ("version", "1")])
def test_hostile_text_in_a_name_of_the_card_is_refused(api, name, value, text):
    card = CARD.format(key="mine").replace(f'{name} = "{value}"', f"{name} = {json.dumps(text)}", 1)
    said = is_problem(api.submit(card=card), 422, f"'{name}'")
    assert said["field"] == "card"
    assert api.kept() == (0, 0)


PLAIN = CARD.format(key="mine")
CARDS = {
    "empty": ("", "is missing"),
    "blank": (" \n\t", "is missing"),
    "no TOML": ("key = ", "not valid TOML"),
    "a list": ("[[x]]", "not known"),
    "code": (PLAIN.replace("version", 'loader = "os:system"\nversion'), "loader"),
    "a reference": (PLAIN.replace("version", "reference_row = true\nversion"), "reference_row"),
    "another task's": (PLAIN.replace("formation energy", "structure"), "does not fit"),
    "deep lists": ("a = " + "[" * 100_000, "cannot be read"),
    "deep tables": ("a = " + "{a=" * 50_000, "cannot be read"),
    "a name of very many parts": ("a." * 100_000 + "a = 1", "dots"),
    "a number of many digits": ("a = " + "9" * 200_000, "cannot be read"),
    "10,000 wrong authors": (PLAIN + '[[authors]]\nname = "<"\n' * 10_000, "authors"),
    "NUL": ('key = "a\0"', "TOML"),
}  # fmt: skip


@pytest.mark.parametrize("name", CARDS)
def test_a_card_that_is_none_is_refused_soon(api, name):
    card, words = CARDS[name]
    start = time.monotonic()
    answer = api.submit(card=card)
    assert time.monotonic() - start < 5
    assert is_problem(answer, 422, words)["field"] == "card"
    assert len(answer.content) < 6000
    assert api.kept() == (0, 0)


def test_a_card_of_more_than_256_kib_is_refused(api):
    assert is_problem(api.submit(card="#" * (256 * 1024 + 1)), 413, "256 KiB")["field"] == "card"
    assert api.kept() == (0, 0)


def test_html_in_the_free_text_of_a_card_is_kept_as_it_is_and_never_sent_as_html(fresh_api):
    card = CARD.format(key="mine").replace("Predictions of an outsider.", "<script>alert(1)</script>")
    made = fresh_api.submit(card=card)
    assert made.status_code == 202
    assert submissions.get(fresh_api.store, made.json()["id"]).card == card
    assert made.headers["Content-Type"] == "application/json"
    assert "<script>" not in made.text


# webhooks


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data", "https://127.0.0.1/x", "https://localhost/x", "https://[::1]/",
        "https://10.0.0.1/", "https://2130706433/", "https://0x7f.1/", "file:///etc/passwd", "gopher://x/",
        "https://user:pass@example.org/", "https://example.org:0/", "https://a\\@b/", "javascript:alert(1)", "//evil",
        "https://" + "a" * 600 + ".org/",
    ],
)  # fmt: skip
def test_a_webhook_that_points_inward_is_refused(api, url):
    assert is_problem(api.submit(webhook=url), 422, "webhook")["field"] == "webhook"
    assert api.kept() == (0, 0)


def test_a_webhook_whose_name_leads_inward_is_refused(api, monkeypatch):
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]
    api.get("/healthz")  # the client's connection is there before names lead elsewhere
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: inside)
    is_problem(api.submit(webhook="https://hook.example.org/x"), 422, "webhook")
    assert api.kept() == (0, 0)


# forms


ENCODED = b'filename="a.csv"\r\nContent-Transfer-Encoding: base64\r\n'
FORMS = {
    "no form": (b"{}", "Content-Type: application/json", 415, "multipart/form-data"),
    "no type": (GOOD, "", 415, "multipart/form-data"),
    "no boundary": (GOOD, "Content-Type: multipart/form-data", 400, "boundary"),
    "a boundary too long": (GOOD, "Content-Type: multipart/form-data; boundary=" + "a" * 80, 400, "boundary"),
    "another boundary": (GOOD, "Content-Type: multipart/form-data; boundary=other", 400, "form"),
    "nothing": (b"", FORM, 400, "breaks off"),
    "rubbish": (b"rubbish" * 100, FORM, 400, "form"),
    "no end": (GOOD[: -len(END)], FORM, 400, "breaks off"),
    "an end within the file": (GOOD[: -len(END) - 10], FORM, 400, "breaks off"),
    "a field twice": (part("task", "a") + GOOD, FORM, 422, "twice"),
    "the file twice": (part("predictions", CSV, filename="b.csv") + GOOD, FORM, 422, "twice"),
    "an unknown field": (part("is_admin", "1") + GOOD, FORM, 422, "known: card"),
    "a field without a name": (GOOD.replace(b'; name="task"', b""), FORM, 400, "no name"),
    "base64": (GOOD.replace(b'filename="a.csv"\r\n', ENCODED), FORM, 422, "encoded"),
    "many headers": (part("task", "x", headers=[f"X-{i}: 1" for i in range(100)]) + GOOD, FORM, 400, "header"),
    "a long header": (part("task", "x", headers=["X-Long: " + "a" * 100_000]) + GOOD, FORM, 400, "header"),
    "a bad header": (part("task", "x", headers=["bad header: 1"]) + GOOD, FORM, 400, "form"),
    "a text that is not UTF-8": (part("model", b"\xff\xfe") + GOOD, FORM, 422, "UTF-8"),
    "predictions as text": (TEXTS + part("predictions", CSV) + END, FORM, 422, "file name"),
    "no predictions": (TEXTS + END, FORM, 422, "send a file"),
    "an empty choice of a file": (TEXTS + part("predictions", b"", filename="") + END, FORM, 422, "send a file"),
    "a name of HTML": (part("<b>", "x") + GOOD, FORM, 422, "not known"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_is_none_is_refused(api, name):
    body, content_type, status, words = FORMS[name]
    is_problem(posted(api, body, content_type), status, words)
    assert api.kept() == (0, 0)


def test_a_form_of_very_many_parts_is_refused(api):
    flood = b"".join(part(f"f{i}", "x") for i in range(1000))
    is_problem(posted(api, flood + GOOD), 422, "not known")
    empty = part("predictions", b"", filename="") + b"".join(part("task", "") for _ in range(30))
    is_problem(posted(api, empty), 422, "twice")
    assert api.kept() == (0, 0)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 4093])
def test_a_form_may_come_in_pieces_of_any_size(fresh_api, size):
    head = fresh_api.head(FORM, f"Content-Length: {len(GOOD)}", "Connection: close")
    pieces = [GOOD[i : i + size] for i in range(0, len(GOOD), size)]
    answer = fresh_api.send(head, *pieces)
    assert status_of(answer) == 202
    assert fresh_api.kept() == (1, 1)


def test_a_request_without_a_body_is_refused(api):
    assert status_of(api.send(api.head(FORM, "Connection: close"))) == 411


def test_bytes_that_look_like_a_boundary_are_part_of_the_file(fresh_api):
    content = (
        b"a\r\n--front\r\n--frontie\r\n--frontierX-\r\n\r\n-".replace(b"--frontierX", b"--fronTier") + b"\r\n--frontie"
    )
    made = posted(fresh_api, TEXTS + part("predictions", content, filename="a.csv") + END)
    assert made.status_code == 202
    assert fresh_api.blobs.read(made.json()["predictions_sha256"]) == content


# bodies


def chunked(piece, times):
    return [f"{len(piece):x}\r\n".encode() + piece + b"\r\n"] * times


def test_a_body_without_an_end_is_cut_off_in_bounded_memory(api):
    opening = TEXTS + part("predictions", b"", filename="a.csv")[:-2]
    head = api.head(FORM, "Transfer-Encoding: chunked")
    rows = b"x-1,0.123456\n" * 5000
    tracemalloc.start()
    answer = api.send(head, *chunked(opening, 1), *chunked(rows, 400))  # 26 MB, and it would go on
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert status_of(answer) in (413, None)  # whoever sends on without listening may not get to read it
    assert peak < 20 * MIB
    assert api.kept() == (0, 0)
    assert api.get("/healthz").status_code == 200


def test_a_client_that_listens_is_told_that_its_body_is_too_large(api):
    big = b"x-1,0.123456\n" * 100_000
    is_problem(api.submit(file=("a.csv", big)), 413, "1 MiB")
    assert api.kept() == (0, 0)


def test_a_body_that_says_that_it_is_too_large_is_refused_before_it_is_sent(api):
    answer = api.send(api.head(FORM, "Content-Length: 99999999999"), seconds=8)
    assert status_of(answer) == 413
    assert b"application/problem+json" in answer
    assert b"onnection: close" in answer


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "5, 5", "99999999999999999999999999", "²"])
def test_a_length_that_is_none_is_refused(api, length):
    answer = api.send(
        api.head(FORM).replace(b"\r\n\r\n", b"\r\nContent-Length: " + length.encode() + b"\r\n\r\n"), GOOD
    )
    assert status_of(answer) in (400, 413)
    assert api.kept() == (0, 0)


def test_two_lengths_or_a_length_beside_chunks_are_refused(api):
    both = api.head(FORM, "Content-Length: 5", "Transfer-Encoding: chunked")
    assert status_of(api.send(both, *chunked(GOOD, 1), b"0\r\n\r\n")) == 400
    two = api.head(FORM, "Content-Length: 5", f"Content-Length: {len(GOOD)}")
    assert status_of(api.send(two, GOOD)) == 400
    assert api.kept() == (0, 0)


def test_a_length_that_is_too_small_keeps_nothing(api):
    answer = api.send(api.head(FORM, f"Content-Length: {len(GOOD) // 2}"), GOOD)
    assert status_of(answer) == 400
    assert api.kept() == (0, 0)


def test_a_length_that_is_too_large_ends_with_the_time(api):
    start = time.monotonic()
    answer = api.send(api.head(FORM, f"Content-Length: {len(GOOD) + 1000}"), GOOD)
    assert status_of(answer) == 408
    assert b"faster" in answer
    assert time.monotonic() - start < 9
    assert api.kept() == (0, 0)


def test_who_sends_a_byte_now_and_then_is_cut_off(api):
    def drip():
        for byte in GOOD[:60]:
            yield bytes([byte])
            time.sleep(0.05)

    answer = api.send(api.head(FORM, f"Content-Length: {len(GOOD)}"), *drip())
    assert status_of(answer) == 408
    assert api.kept() == (0, 0)


def test_who_leaves_in_the_middle_of_a_file_leaves_nothing(api):
    with socket.create_connection(("127.0.0.1", api.port)) as connection:
        connection.sendall(
            api.head(FORM, f"Content-Length: {len(GOOD) + 500_000}") + GOOD[: -len(END)] + b"x" * 100_000
        )
        time.sleep(0.3)
    until = time.monotonic() + 5
    while (api.kept() != (0, 0) or api.app.state.service.uploads.taken) and time.monotonic() < until:
        time.sleep(0.05)
    assert api.kept() == (0, 0)
    assert api.app.state.service.uploads.taken == 0


def test_json_of_more_than_64_kib_is_refused(fresh_api):
    here = fresh_api.submit().headers["Location"]
    answer = fresh_api.clients[0].put(
        f"{here}/embargo", content=b" " * 70_000, headers={"Content-Type": "application/json"}
    )
    is_problem(answer, 413, "64 KiB")


def test_slow_readers_of_events_do_not_keep_others_out(fresh_api):
    here = fresh_api.submit().headers["Location"]
    readers = []
    try:
        for _ in range(60):
            connection = socket.create_connection(("127.0.0.1", fresh_api.port))
            connection.sendall(
                f"GET {here}/events HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {fresh_api.secret}\r\n\r\n".encode()
            )
            readers.append(connection)
        time.sleep(1.0)
        assert fresh_api.app.state.service.streams.taken <= 50
        start = time.monotonic()
        assert fresh_api.get(here).status_code == 200
        assert time.monotonic() - start < 2
        is_problem(fresh_api.get(f"{here}/events"), 429, "event streams")
    finally:
        for connection in readers:
            connection.close()


# tokens and floods


def test_tokens_that_are_forged_expired_or_revoked_are_refused_alike_before_the_body_is_read(api):
    good, text = accounts.create_token(api.store, team="Lab C", person="Cy")
    accounts.revoke_token(api.store, good.id, "test")
    _, expired = accounts.create_token(api.store, team="Lab C", person="Cy", days=1e-9)
    prefix, id, secret = api.secret.split("_", 2)
    forged = (
        f"{prefix}_{id}_{'A' * 43}",
        f"{prefix}_{'a' * 12}_{secret}",
        api.secret[:-1],
        "mdt__",
        "mdt_" * 1000,
        text,
        expired,
    )
    said = set()
    for token in forged:
        head = api.head(FORM, "Content-Length: 500000").replace(api.secret.encode(), token.encode())
        start = time.monotonic()
        answer = api.send(head, seconds=8)
        assert status_of(answer) == 401, token
        assert time.monotonic() - start < SMALL.seconds + 6
        said.add(is_problem(api.client(token).get("/v1/me"), 401)["detail"])
    assert len(said) == 1
    assert api.kept() == (0, 0)


def test_a_thousand_tiny_uploads_end_at_the_quota(settings, sqlite_store, blobs, make_team):
    strict = settings.model_copy(update={"quota": Quota(queued=5, requests_per_minute=300)})
    with serving(strict, sqlite_store, blobs, make_team(sqlite_store).secret) as api:
        clients = [api.client() for _ in range(4)]

        def flood(n):
            return api.submit(file=("a.csv", b"material_id,e_form\n%d,1\n" % n), client=clients[n % 4])

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(flood, range(400)))
        by_status = {status: [a for a in answers if a.status_code == status] for status in (202, 429)}
        assert len(by_status[202]) == 5
        assert len(by_status[429]) == 395
        titles = {is_problem(answer, 429)["title"] for answer in by_status[429]}
        assert titles == {"Quota exceeded", "Too many requests"}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in by_status[429])
        assert api.kept() == (5, 5)


def test_a_replay_is_answered_although_the_quota_is_used_up(settings, sqlite_store, blobs, make_team):
    strict = settings.model_copy(update={"quota": Quota(queued=1)})
    with serving(strict, sqlite_store, blobs, make_team(sqlite_store).secret) as api:
        first = api.submit(key="k")
        assert api.submit(key="k").json() == first.json()
        is_problem(api.submit(key="other"), 429, "wait")
        assert api.kept() == (1, 1)


def test_uploads_at_once_are_limited_and_the_others_wait_for_their_turn(fresh_api):
    answers, most = [], []
    head = fresh_api.head(FORM, f"Content-Length: {len(GOOD)}", "Connection: close")

    def slow():
        with socket.create_connection(("127.0.0.1", fresh_api.port), timeout=20) as connection:
            connection.sendall(head + GOOD[:100])
            time.sleep(0.7)
            connection.sendall(GOOD[100:])
            answers.append(status_of(everything(connection)))

    threads = [threading.Thread(target=slow) for _ in range(7)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most.append(fresh_api.app.state.service.uploads.taken)
        time.sleep(0.02)
    assert max(most) == 4
    assert answers == [202] * 7
    assert fresh_api.app.state.service.uploads.taken == 0


def test_who_has_waited_long_enough_is_refused():
    async def wait(slots):
        async with slots.waited_for("a", 0.3):
            raise AssertionError("a slot that was taken")

    slots = Slots("uploads", 5, 1)
    slots.take("a")
    start = time.monotonic()
    with pytest.raises(Problem, match="at once are the limit"):
        asyncio.run(wait(slots))
    assert 0.3 <= time.monotonic() - start < 3
    assert slots.taken == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there", "é"])
def test_a_key_that_is_none_is_refused(api, key):
    headers = {"Content-Type": FORM.partition(": ")[2], "Idempotency-Key": key.encode("latin-1")}
    answer = api.post("/v1/submissions", content=GOOD, headers=headers)
    is_problem(answer, 422, "Idempotency-Key")
    assert api.kept() == (0, 0)
