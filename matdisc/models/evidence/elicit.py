"""Asking a language model which elements replace each other: prompts, answers, and a table that grows row by row.

Nothing is asked unless an endpoint is named. The endpoint speaks the chat-completions protocol; its key comes from an
environment variable and is neither written nor shown, nor sent anywhere else: redirects are refused, and plain HTTP
is for this machine alone, without a proxy.
"""

from __future__ import annotations

import csv
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from matdisc.elements import SYMBOLS
from matdisc.errors import DataError, RunError
from matdisc.models.evidence.tables import ANSWERS

COLUMNS = ("element_1", "element_2", "domain", "can_answer", "substitutability", "reason")
DOMAINS = {
    "solid-state": "a solid-state physicist",
    "metallurgy": "a metallurgist",
    "mechanics": "a specialist in the mechanical behaviour of metals",
    "corrosion": "a specialist in the corrosion of metals",
    "thermodynamics": "a specialist in alloy thermodynamics and phase diagrams",
}
"""Domain and the role that the prompt gives."""
LOCAL = ("localhost", "127.0.0.1", "::1")
RETRIED = (408, 409, 425, 429, 500, 502, 503, 504)
LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class PairQuestion:
    """One question: an unordered pair of elements in one domain."""

    element_1: str
    element_2: str
    domain: str

    def prompt(self) -> str:
        """The question as it is sent."""
        role = DOMAINS.get(self.domain, f"a specialist in {self.domain}")
        return (
            f"You are {role}. Consider equiatomic alloys of several metals that form one solid-solution phase. If "
            f"{self.element_1} in such an alloy is replaced by {self.element_2}, or the reverse, how likely is "
            "the new alloy still one solid-solution phase? Judge the pair by the "
            "knowledge of your field. Answer with JSON alone, in this form: "
            '{"can_answer": "yes" or "no", "substitutability": "High", "Medium" or "Low", "reason": one sentence}. '
            'Say "no" if your field has no ground for a judgement.'
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: whether there is an answer, the answer (empty if there is none), and why."""

    can_answer: bool
    substitutability: str
    reason: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where questions go.

    Attributes:
        url: Base of the service, to which `/chat/completions` is added.
        model: Name that the service knows the model by.
        key_variable: Environment variable that holds the key; none is sent where it is not set.
        timeout: Seconds to wait for one answer.
        attempts: How often a question is sent if the service is busy or does not answer.
        pause: Seconds before the second attempt; doubled before each next one.
    """

    url: str
    model: str
    key_variable: str = "MATDISC_ELICIT_KEY"
    timeout: float = 60.0
    attempts: int = 4
    pause: float = 2.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise RunError(f"endpoint {self.url!r}: give a plain address such as https://host/v1")
        if parts.scheme == "http" and parts.hostname not in LOCAL:
            raise RunError(f"endpoint {self.url!r}: plain http is for this machine alone; use https")


def questions(elements: Sequence[str], domains: Sequence[str]) -> list[PairQuestion]:
    """Return every pair of elements in every domain, in a fixed order.

    Raises:
        DataError: If an element or domain is unknown or named twice, or there are fewer than two elements.
    """
    unknown = [el for el in elements if el not in SYMBOLS]
    if unknown:
        raise DataError(f"{unknown[0]!r} is no element; write symbols such as Fe")
    if len(elements) < 2 or len(set(elements)) < len(elements) or len(set(domains)) < len(domains):
        raise DataError("name at least two elements, and each element and domain once")
    strange = [domain for domain in domains if not re.fullmatch(r"[\w -]{1,60}", domain)]
    if strange or not domains:
        raise DataError(f"domain {(strange or [''])[0]!r}: use letters, digits, spaces and dashes, at most 60")
    return [PairQuestion(a, b, domain) for domain in domains for a, b in combinations(sorted(elements), 2)]


def parse_answer(text: str) -> Answer:
    """Return the answer in a reply; one that cannot be read is "no", with the reason. Never raises."""
    found = re.search(r"\{.*\}", text, re.DOTALL)
    if not found:
        return _unreadable("no JSON in the reply", text)
    try:
        content = json.loads(found.group())
    except (ValueError, RecursionError):
        return _unreadable("the reply's JSON is broken", text)
    said = str(content.get("can_answer", "")).strip().lower()
    reason = _line(content.get("reason", ""))
    if said in ("no", "false"):
        return Answer(False, "", reason)
    if said not in ("yes", "true"):
        return _unreadable(f"can_answer is {content.get('can_answer')!r}", text)
    answer = str(content.get("substitutability", "")).strip().lower()
    if answer not in ANSWERS:
        return _unreadable(f"substitutability is {content.get('substitutability')!r}", text)
    return Answer(True, answer.capitalize(), reason)


def elicit(
    pairs: Sequence[PairQuestion],
    endpoint: Endpoint,
    table: Path,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Ask what the table does not have yet, and append each answer at once; return how many were asked.

    A reply that cannot be read is written as "no", with the reason. A service that does not reply ends the run, and
    the same call goes on from there.

    Raises:
        DataError: If the table exists and is none of ours.
        RunError: If the service refuses, or does not answer after several attempts.
    """
    done = answered_questions(table)
    todo = [question for question in pairs if question not in done]
    table.parent.mkdir(parents=True, exist_ok=True)
    new = not table.exists() or table.stat().st_size == 0
    with table.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        for number, question in enumerate(todo, start=1):
            answer = parse_answer(ask(question, endpoint))
            said_yes = "yes" if answer.can_answer else "no"
            row = (question.element_1, question.element_2, question.domain, said_yes)
            writer.writerow((*row, answer.substitutability, answer.reason))
            stream.flush()
            os.fsync(stream.fileno())
            report(len(pairs) - len(todo) + number, len(pairs))
    return len(todo)


def answered_questions(table: Path) -> set[PairQuestion]:
    """Return the questions that a table has an answer to; a last line that was cut off is removed from it.

    Raises:
        DataError: If the file is no such table.
    """
    if not table.exists():
        return set()
    try:
        content = table.read_bytes()
        # Rows are appended to this very form, so that no other header, delimiter or encoding will do.
        whole = content[: content.rfind(b"\n") + 1]
        rows = list(csv.reader(whole.decode("utf-8").splitlines(), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        raise DataError(f"{table}: cannot be read as a table ({err}); name another file") from err
    if content and (not rows or tuple(rows[0]) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows)):
        raise DataError(f"{table}: is no table with the columns {', '.join(COLUMNS)}; name another file")
    if len(whole) < len(content):
        with table.open("r+b") as stream:
            stream.truncate(len(whole))
    return {PairQuestion(row[0], row[1], row[2]) for row in rows[1:]}


def ask(question: PairQuestion, endpoint: Endpoint) -> str:
    """Return the text of the reply to one question; empty if the reply is not of the protocol's form.

    Raises:
        RunError: If the service refuses, or does not answer after several attempts.
    """
    for pause in _pauses(endpoint):
        try:
            reply = _send(question, endpoint)
        except urllib.error.HTTPError as err:
            err.close()
            problem = f"HTTP status {err.code}"
            if err.code not in RETRIED:
                break
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as err:
            problem = str(getattr(err, "reason", err)) or type(err).__name__
        else:
            return _content(reply)
        time.sleep(pause)
    raise RunError(
        f"endpoint {endpoint.url!r}, model {endpoint.model!r}: {problem}; check the address, the model's name and "
        f"the key in {endpoint.key_variable}, then give the same command again: answers so far are kept"
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another place: it is an answer like any other status."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _send(question: PairQuestion, endpoint: Endpoint) -> bytes:
    body = {
        "model": endpoint.model,
        "temperature": 0,
        "messages": [{"role": "user", "content": question.prompt()}],
    }
    headers = {"Content-Type": "application/json"}
    key = os.environ.get(endpoint.key_variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise RunError(f"the key in {endpoint.key_variable} has characters that no header may have; set it again")
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(
        endpoint.url.rstrip("/") + "/chat/completions", json.dumps(body).encode(), headers, method="POST"
    )
    handlers: list[Any] = [_NoRedirect]
    if urlsplit(endpoint.url).hostname in LOCAL:
        handlers.append(urllib.request.ProxyHandler({}))
    with urllib.request.build_opener(*handlers).open(request, timeout=endpoint.timeout) as reply:
        return bytes(reply.read(1_000_000))


def _content(reply: bytes) -> str:
    try:
        return str(json.loads(reply)["choices"][0]["message"]["content"])
    except (ValueError, KeyError, IndexError, TypeError):
        return ""


def _pauses(endpoint: Endpoint) -> Iterator[float]:
    """Seconds to wait after each attempt that failed; none after the last."""
    for attempt in range(endpoint.attempts):
        yield 0.0 if attempt == endpoint.attempts - 1 else endpoint.pause * 2**attempt


def _unreadable(why: str, text: str) -> Answer:
    return Answer(False, "", _line(f"unreadable: {why}; the reply began: {text[:120]}"))


def _line(text: object) -> str:
    """One line that UTF-8 can hold."""
    return " ".join(str(text).split())[:LONGEST_REASON].encode("utf-8", "replace").decode("utf-8")
