"""Logs: one record is one line, in JSON or text, without secrets and without lines that somebody forged."""

import io
import json
import logging
import subprocess
import sys
import threading
import time

import pytest

from matdisc.service.logs import LONGEST, JsonFormatter, configure_logs, redacted

pytestmark = pytest.mark.service
TOKEN = "mdt_ab12cd34_s3cr3t-Value_with_underscores"
SECRETS = {
    f"token {TOKEN} is unknown": "s3cr3t",
    f"Authorization: Bearer {TOKEN}": "s3cr3t",
    "headers=[(b'authorization', b'Bearer opaque.value=='), (b'host', b'x')]": "opaque",
    '{"Authorization": "Basic dXNlcjpwYXNz"}': "dXNlcjpwYXNz",
    "authorization=Basic dXNlcjpwYXNz": "dXNlcjpwYXNz",
    "cookie: matdisc_session=abcdef.signature; other=1": "signature",
    "sent bearer abcdefghijk": "abcdefghijk",
    "cannot reach postgresql+psycopg://matdisc:p%40ss@db.example:5432/matdisc": "p%40ss",
    "cannot reach postgresql://matdisc:p@ss/word@db.example/matdisc": "ss/word",
    "redis://:hunter22@db/0": "hunter22",
    "connection failed: host=db user=me password=hunter22 dbname=x": "hunter22",
    "aws_secret_access_key='AbCd/1234'": "AbCd/1234",
    "POST /login token=x&csrf_token=hunter22&next=/": "hunter22",
}


@pytest.fixture
def log():
    """Give a logger whose records go to a stream: `log("json")` returns logger and stream."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook

    def configured(style):
        stream = io.StringIO()
        configure_logs("api", style, stream)
        return logging.getLogger("matdisc.service.test"), stream

    yield configured
    logging.captureWarnings(False)
    root.handlers[:], root.level = before[:2]
    sys.excepthook, threading.excepthook = before[2:]


@pytest.mark.parametrize(("text", "secret"), SECRETS.items(), ids=range(len(SECRETS)))
@pytest.mark.parametrize("style", ["json", "text"])
def test_secrets_do_not_get_into_a_log(log, style, text, secret):
    logger, stream = log(style)
    logger.info("in the message: %s", text)
    logger.info("in a field", extra={"worker": text})
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("in a traceback")
    assert secret in text
    assert secret not in stream.getvalue()
    assert stream.getvalue().count("***") >= 3


@pytest.mark.parametrize(
    "text",
    [
        "GET /v1/submissions/{id} 200", "team MIT & co, 3 of 10", "https://example.org:8080/a?b=c", "no cookie, log in",
        "postgresql://db.example/matdisc", "mailto:someone@example.org", "sha256 0123abcd",
    ],
)  # fmt: skip
def test_a_text_without_secrets_stays_as_it_is(text):
    assert redacted(text) == text


def test_the_id_of_a_token_stays_so_that_it_can_be_revoked():
    assert redacted(TOKEN) == "mdt_ab12cd34_***"


def test_a_json_record_says_when_who_and_about_what(log):
    logger, stream = log("json")
    logger.warning("scored %d", 3, extra={"submission_id": "sub_1", "attempt": 2, "request_id": "r", "other": "x"})
    said = json.loads(stream.getvalue())
    assert said.pop("time").endswith("Z")
    assert said == {
        "level": "warning", "process": "api", "logger": "matdisc.service.test", "message": "scored 3",
        "request_id": "r", "submission_id": "sub_1", "attempt": 2,
    }  # fmt: skip


FORGED = "x\n2026-01-01T00:00:00.000Z info api matdisc: all is well\r\x1b[2J\u2028\x85\u202e\x00"


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_record_is_one_line_whatever_is_in_it(log, style):
    logger, stream = log(style)
    logger.info("user %s", FORGED, extra={"team": FORGED})
    assert len(stream.getvalue().splitlines()) == 1
    assert stream.getvalue().strip("\n").isprintable()


def test_a_traceback_cannot_look_like_a_record_of_its_own(log):
    logger, stream = log("text")
    try:
        raise ValueError(FORGED)
    except ValueError:
        logger.exception("broken")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("matdisc.service.test: broken")
    assert rest
    assert all(line.startswith("  | ") for line in rest)


def test_a_message_of_any_length_costs_little_and_is_cut(log):
    logger, stream = log("json")
    began = time.perf_counter()
    for part in ("a://b:", "mdt_a_", "password=", "authorization: ", "x", "\n"):
        logger.info("%s", part * (200_000 // len(part)))
    assert time.perf_counter() - began < 5
    assert all(len(json.loads(line)["message"]) < LONGEST + 100 for line in stream.getvalue().splitlines())


def test_a_record_whose_arguments_do_not_fit_is_logged_all_the_same(log):
    logger, stream = log("json")
    logger.info("%d of %d", "three")
    assert json.loads(stream.getvalue())["message"].startswith("%d of %d (TypeError")


def test_records_of_uvicorn_and_sqlalchemy_go_the_same_way(log):
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    _, stream = log("json")
    logging.getLogger("uvicorn.error").info("Started")
    logging.getLogger("sqlalchemy.engine.Engine").info("SELECT 1")
    logging.getLogger("sqlalchemy.pool").warning("odd")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["Started", "odd"]


def test_a_formatter_can_be_used_by_itself():
    record = logging.LogRecord("a", logging.INFO, "", 0, "é", None, None)
    assert json.loads(JsonFormatter("worker").format(record))["message"] == "é"


UNCAUGHT = f"""
import sys, threading, warnings
from matdisc.service.logs import configure_logs
configure_logs("worker", "json")
warnings.warn("careful")
def fail(): raise ValueError("{TOKEN}")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""


def test_errors_that_nobody_catches_and_warnings_are_logged_without_secrets():
    done = subprocess.run([sys.executable, "-c", UNCAUGHT], capture_output=True, text=True, check=False)
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert [one["level"] for one in said] == ["warning", "error", "critical"]
    assert all("ValueError: mdt_ab12cd34_***" in one["exception"] for one in said[1:])
